//! The hot paths without a network: this platform's own issuing key, status lists and trust list.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;

use credential::path::ClaimPath;
use credential::sd_jwt::{Claims, Issuance, Issuer, KeyBinding, SdJwt, StatusClaim, issue};
use credential::status_list::week::Week;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, StatusRule, Unproven, verify,
};
use keys::{PublicKey, SecretKey, Signature, Signer};

use super::AnyError;
use super::latency::{Latencies, timed};
use super::report::Figure;
use crate::lifecycle::{self, LocalStatus};
use crate::operations::{KeyName, Platform, StoreError};
use crate::{issuance, personnel};

/// Runs of each operation; odd, so that the middle is one of them.
const RUNS: usize = 4_001;
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

/// Issuing and verifying, each beside its raw operations.
pub(super) async fn credentials(platform: &Platform, employee: &str) -> Result<Vec<Figure>, AnyError> {
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
    let policy = Policy {
        types: AcceptedTypes::OneOf(vec![kind.vct.clone()]),
        required: ["name", "inst_code"].map(ClaimPath::claim).to_vec(),
        holder_binding: HolderBinding::Required { max_age: 300 },
        status: StatusRule::Checked { max_age: 60, unknown: Unproven::Refuse, absent: Unproven::Refuse },
    };
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
    let [token, binding, certificate] = &signed;
    let (known, unknown) = (ChainCache::new(64), ChainCache::new(0));
    let cached = in_turns(
        "verify_sd_jwt_vc",
        || verified(&known),
        || {
            token.verify();
            binding.verify();
        },
    )?;
    let first = in_turns(
        "verify_sd_jwt_vc_new_chain",
        || verified(&unknown),
        || {
            token.verify();
            binding.verify();
            certificate.verify();
        },
    )?;
    Ok(vec![issued, cached, first])
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
