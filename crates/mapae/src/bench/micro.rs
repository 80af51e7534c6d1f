//! The hot paths without a network: this platform's own issuing key, status lists and trust list.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;

use credential::mdoc::{self, IssuerSigned, SessionTranscript};
use credential::path::ClaimPath;
use credential::sd_jwt::{Claims, Issuance, Issuer, KeyBinding, SdJwt, StatusClaim, issue};
use credential::status_list::week::Week;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, StatusRule, Unproven, verify,
    verify_received,
};
use keys::{PublicKey, SecretKey, Signature, Signer};
use serde_json::json;

use super::AnyError;
use super::latency::{Latencies, timed};
use super::report::Figure;
use crate::lifecycle::{self, LocalStatus};
use crate::operations::{KeyName, Platform, StoreError};
use crate::{issuance, personnel};

/// Runs of each operation; odd, so that the middle is one of them.
const RUNS: usize = if cfg!(test) { 3 } else { 4_001 };
/// Runs of what waits for the disk.
const FLUSHES: usize = 201;
const CLAIMS: [&str; 12] = [
    "family_name",
    "given_name",
    "name",
    "birth_date",
    "agency_name",
    "inst_code",
    "department",
    "position",
    "rank",
    "employee_number",
    "is_serving",
    "link_id",
];
const SHOWN: [&str; 5] = ["name", "agency_name", "inst_code", "department", "is_serving"];
const NONCE: &str = "n-0S6_WzA2Mj-aBcDeFgHiJkLmNoPqRsTuVwXyZ01234";
const AUDIENCE: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";

/// What the raw operations cost in this run, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    pub(super) sign: f64,
    pub(super) verify: f64,
    pub(super) agree: f64,
    pub(super) generate: f64,
}

/// P-256 on this machine, now.
pub(super) fn raw() -> Result<(Raw, Vec<Figure>), AnyError> {
    let (key, peer, message) = (SecretKey::generate(), SecretKey::generate(), [b'm'; 1_024]);
    let signed = Signed::new(message.len())?;
    let times = [
        ("p256_sign", repeat(|| key.sign(&message))),
        ("p256_verify", repeat(|| signed.verify())),
        ("p256_agree", repeat(|| key.agree(peer.public_key()))),
        ("p256_generate", repeat(SecretKey::generate)),
    ];
    let [sign, verify, agree, generate] = times.each_ref().map(|(_, times)| times.median_us().unwrap_or(0.0));
    let figures = times.iter().map(|(name, times)| Figure::of(name, times)).collect();
    Ok((Raw { sign, verify, agree, generate }, figures))
}

/// What a durable commit can't do without on this disk.
pub(super) fn fsync(folder: &Path) -> Result<Figure, AnyError> {
    let mut file = File::create(folder.join("fsync"))?;
    let mut times = Latencies::default();
    for _ in 0..FLUSHES {
        let (done, time) = timed(|| file.write_all(&[0; 4_096]).and_then(|()| file.sync_data()));
        done?;
        times.add(time);
    }
    Ok(Figure::of("fsync", &times))
}

fn repeat<T>(act: impl Fn() -> T) -> Latencies {
    let mut times = Latencies::default();
    for _ in 0..RUNS {
        times.add(timed(|| black_box(act())).1);
    }
    times
}

/// Both in turns, one run at a time: a busy machine slows both alike, and a run that another process cut into is far
/// from the middle.
fn in_turns(
    name: &'static str,
    mut act: impl FnMut() -> Result<(), AnyError>,
    mut raw: impl FnMut(),
) -> Result<Figure, AnyError> {
    let (mut acts, mut raws) = (Latencies::default(), Latencies::default());
    for _ in 0..RUNS {
        let (done, time) = timed(&mut act);
        done?;
        acts.add(time);
        raws.add(timed(&mut raw).1);
    }
    Ok(Figure::of(name, &acts).beside(&raws))
}

/// A signature over `length` bytes, to verify as often as one likes.
struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Signed {
    fn new(length: usize) -> Result<Self, AnyError> {
        let (key, message) = (SecretKey::generate(), vec![b'a'; length]);
        Ok(Self { signature: key.sign(&message)?, key: key.public_key().clone(), message })
    }

    fn verify(&self) {
        let _ = black_box(self.key.verify(&self.message, &self.signature));
    }
}

/// Issuing and verifying, each beside its raw operations. `peer`: a program that verifies the same credential with the
/// library of others: it reads `{"token", "jwk", "runs"}` and answers `{"p50_us"}`.
pub(super) async fn credentials(
    platform: &Platform,
    employee: &str,
    peer: Option<&Path>,
) -> Result<Vec<Figure>, AnyError> {
    let kind = issuance::desk(platform)?.badge();
    let signer = platform.keys.signer(KeyName::Issuer)?;
    let chain = platform.keys.chain(KeyName::Issuer);
    let leaf = chain.first().ok_or("the issuer has no certificate")?.len();
    let origin = platform.config.public.origin();
    let did = issuance::desk(platform)?.did();
    let issuer = Issuer::new(origin, &format!("{did}#issuer"), &chain);
    let values = personnel::badge_claims(platform, employee).await?;
    let mut claims = Claims::with_digests(CLAIMS.len());
    for name in CLAIMS {
        claims.selective(name, values.get(name).ok_or_else(|| format!("the badge has no {name}"))?)?;
    }
    let now_s = platform.now_ms().div_euclid(1_000);
    let week = Week::of(now_s);
    let status = place(platform, did, week).await?;
    let holder = SecretKey::generate();
    let (issued_at, expires_at) = week.validity(kind.validity.copy_weeks);
    let issuance = Issuance {
        issuer: &issuer,
        vct: &kind.vct,
        claims: &claims,
        holder: holder.public_key(),
        status: Some(&status),
        issued_at,
        expires_at,
    };
    let token = issue(&issuance, signer.as_ref())?;
    let mut figures = document(platform, &values, &status, (issued_at, expires_at)).await?;
    let jwt = vec![b'a'; token.split('~').next().map_or(0, str::len)];
    let issued = in_turns(
        "issue_sd_jwt_vc",
        || {
            black_box(issue(&issuance, signer.as_ref())?);
            Ok(())
        },
        || drop(black_box(signer.sign(&jwt))),
    )?;

    let shown = SdJwt::parse(&token)?.select(&SHOWN.map(ClaimPath::claim))?;
    let length = shown.as_str().split('~').next().map_or(0, str::len);
    let bound = shown.key_binding(&KeyBinding {
        nonce: NONCE,
        audience: AUDIENCE,
        issued_at: now_s,
        transaction_data_hashes: &[],
    });
    let binding = bound.as_bytes().len();
    let signature = holder.sign(bound.as_bytes())?;
    let presentation = bound.finish(&signature);
    let policy = policy(&kind.vct, ["name", "inst_code"].map(ClaimPath::claim).to_vec());
    let trust = lifecycle::local_trust(platform).await?;
    let statuses = LocalStatus::now(platform).await?;
    let input = PresentationInput {
        presentation: &presentation,
        nonce: NONCE,
        audience: AUDIENCE,
        transaction_data_hashes: &[],
    };
    let verified = |chains: &ChainCache| -> Result<(), AnyError> {
        black_box(verify(&input, &policy, &*trust, &statuses, chains, now_s)?);
        Ok(())
    };
    // A certificate's signed part is its DER but for signature and frame.
    let signed = [Signed::new(length)?, Signed::new(binding)?, Signed::new(leaf.saturating_sub(90))?];
    let [jws, binding, certificate] = &signed;
    let (known, unknown) = (ChainCache::new(64), ChainCache::new(0));
    let cached = in_turns(
        "verify_sd_jwt_vc",
        || verified(&known),
        || {
            jws.verify();
            binding.verify();
        },
    )?;
    let first = in_turns(
        "verify_sd_jwt_vc_new_chain",
        || verified(&unknown),
        || {
            jws.verify();
            binding.verify();
            certificate.verify();
        },
    )?;
    let received = in_turns(
        "verify_sd_jwt_vc_received",
        || {
            let types = &policy.types;
            black_box(verify_received(&token, holder.public_key(), types, &*trust, &known, now_s)?);
            Ok(())
        },
        || jws.verify(),
    )?;
    if let Some(peer) = peer {
        figures.push(beside_peer(peer, &token, signer.public_key(), &received)?);
    }
    figures.extend([issued, cached, first, received]);
    Ok(figures)
}

/// What a login asks of a credential.
fn policy(kind: &str, required: Vec<ClaimPath>) -> Policy {
    Policy {
        types: AcceptedTypes::OneOf(vec![kind.to_owned()]),
        required,
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 60, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    }
}

/// The same badge as a mobile document: issued, shown with the same claims, verified.
async fn document(
    platform: &Platform,
    values: &serde_json::Map<String, serde_json::Value>,
    status: &StatusClaim,
    (issued_at, expires_at): (i64, i64),
) -> Result<Vec<Figure>, AnyError> {
    let kind = issuance::desk(platform)?.badge();
    let doc_type = kind.doctype.as_deref().ok_or("the badge is no mobile document")?;
    let signer = platform.keys.signer(KeyName::Issuer)?;
    let issuer = mdoc::Issuer::new(&platform.keys.chain(KeyName::Issuer));
    // What the issue of a badge adds to what personnel knows.
    let mut values = values.clone();
    for (name, value) in
        [("badge_number", "MP-0000-0000"), ("issued_at", "2026-11-30"), ("valid_until", "2029-11-29")]
    {
        values.insert(name.to_owned(), value.into());
    }
    let elements = kind.elements(&values)?;
    let device = SecretKey::generate();
    let issuance = mdoc::Issuance {
        issuer: &issuer,
        doc_type,
        elements: &elements,
        device_key: device.public_key(),
        status: Some(status),
        issued_at,
        expires_at,
    };
    let prepared = mdoc::prepare(&issuance)?;
    let signed = Signed::new(prepared.as_bytes().len())?;
    let issued_bytes = mdoc::issue(&issuance, signer.as_ref())?;
    let structure = prepared.as_bytes().to_vec();
    let issued = in_turns(
        "issue_mdoc",
        || {
            black_box(mdoc::issue(&issuance, signer.as_ref())?);
            Ok(())
        },
        || drop(black_box(signer.sign(&structure))),
    )?;
    let transcript = SessionTranscript::openid4vp(AUDIENCE, NONCE, None, "https://verifier.example/response");
    let shown: Vec<ClaimPath> =
        SHOWN.iter().map(|name| ClaimPath::from_value(&json!([doc_type, name]))).collect::<Result<_, _>>()?;
    let bound = IssuerSigned::parse(&issued_bytes)?.select(&shown)?.device_authentication(&transcript);
    let binding = Signed::new(bound.as_bytes().len())?;
    let signature = device.sign(bound.as_bytes())?;
    let response = bound.finish(&signature);
    let policy = policy(doc_type, Vec::new());
    let (trust, statuses) = (lifecycle::local_trust(platform).await?, LocalStatus::now(platform).await?);
    let input = mdoc::PresentationInput { response: &response, transcript: &transcript };
    let (chains, now_s) = (ChainCache::new(64), platform.now_ms().div_euclid(1_000));
    let verified = in_turns(
        "verify_mdoc",
        || {
            black_box(mdoc::verify(&input, &policy, &*trust, &statuses, &chains, now_s)?);
            Ok(())
        },
        || {
            signed.verify();
            binding.verify();
        },
    )?;
    Ok(vec![issued, verified])
}

/// The library of others on the very same credential; the ratio says how much longer it takes than ours does for as much.
fn beside_peer(peer: &Path, token: &str, key: &PublicKey, ours: &Figure) -> Result<Figure, AnyError> {
    let mut child = std::process::Command::new(peer)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let question = json!({ "token": token, "jwk": key.to_jwk(), "runs": RUNS });
    child.stdin.take().ok_or("the peer reads nothing")?.write_all(question.to_string().as_bytes())?;
    let answer = child.wait_with_output()?;
    if !answer.status.success() {
        return Err(format!("{}: {}", peer.display(), answer.status).into());
    }
    let answer: serde_json::Value = serde_json::from_slice(&answer.stdout)?;
    let p50_us = answer.get("p50_us").and_then(serde_json::Value::as_f64).ok_or("the peer tells no time")?;
    Ok(Figure {
        name: "peer_ssi_sd_jwt_received",
        per_second: Some(1e6 / p50_us),
        p50_us: Some(p50_us),
        raw_us: ours.p50_us,
        ratio: ours.p50_us.map(|ours| p50_us / ours),
        ..Figure::default()
    })
}

/// A place on this week's status list.
async fn place(platform: &Platform, did: &str, week: Week) -> Result<StatusClaim, AnyError> {
    let party = did.to_owned();
    let slot = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { lifecycle::reserve_slot(tx, &party).await })
        })
        .await?;
    let claims = lifecycle::status::claims_for(platform, did, slot, week, 0, 1).await?.unwrap_or_default();
    Ok(claims.into_iter().next().ok_or("the status list has no place")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn the_hot_paths_run_on_a_badge_of_this_platform() {
        let platform = testing::platform().await;
        let employee = platform.people(1).await.remove(0);
        // `cargo xtask bench` builds the peer; where it is there, it is tried too.
        let peer = std::env::var_os("MAPAE_PEER").map(std::path::PathBuf::from);
        let figures = credentials(&platform, &employee, peer.as_deref()).await.unwrap();
        let names: Vec<&str> = figures.iter().map(|figure| figure.name).collect();
        for name in
            ["issue_sd_jwt_vc", "verify_sd_jwt_vc", "verify_sd_jwt_vc_received", "issue_mdoc", "verify_mdoc"]
        {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(figures.iter().all(|figure| figure.ratio.is_some_and(|ratio| ratio > 0.0)));
    }
}
