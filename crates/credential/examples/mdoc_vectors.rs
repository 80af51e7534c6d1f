//! Documents for judges and from them: `mdoc_vectors write FOLDER NOW` makes a root, an issuer, a holder, a document and
//! a presentation of it; `mdoc_vectors read FOLDER NOW` verifies what others made under that root. `NOW` in seconds
//! since 1970.
//!
//! ```text
//! root.der, issuer.der           certificates
//! issuer.jwk, device.jwk         private keys, for those who issue and present in our name
//! transcript.cbor                the session transcript
//! issued.cbor                    IssuerSigned, all elements
//! response.cbor                  DeviceResponse, some elements
//! their-issued.cbor              IssuerSigned of others; optional
//! their-response.cbor            DeviceResponse of others; optional
//! ```

use std::error::Error;
use std::path::Path;

use credential::mdoc::{
    CborValue, Elements, Issuance, Issuer, IssuerSigned, PresentationInput, SessionTranscript, full_date,
    issue, verify, verify_received,
};
use credential::path::ClaimPath;
use credential::sd_jwt::StatusClaim;
use credential::trust::TrustedRoots;
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, StatusAnswer, StatusRule, StatusSource,
};
use keys::encoding::{b64url_decode_array, b64url_encode};
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer};
use serde_json::{Value, json};

const DOC_TYPE: &str = "example.mapae.badge.1";
const NAME_SPACE: &str = "example.mapae.badge.1";
const DAY: i64 = 86_400;

/// No status list is asked.
struct NoLists;

impl StatusSource for NoLists {
    fn list(&self, _uri: &str) -> StatusAnswer {
        StatusAnswer::Unavailable
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder, now] = arguments.as_slice() else {
        return Err("usage: mdoc_vectors write|read FOLDER NOW".into());
    };
    let (folder, now) = (Path::new(folder), now.parse()?);
    match what.as_str() {
        "write" => write(folder, now),
        "read" => read(folder, now),
        other => Err(format!("neither write nor read: {other}").into()),
    }
}

fn transcript() -> SessionTranscript {
    SessionTranscript::openid4vp(
        "x509_san_dns:verifier.example",
        "n-0S6_WzA2Mj",
        None,
        "https://verifier.example/response",
    )
}

fn elements() -> Result<Elements, Box<dyn Error>> {
    let mut elements = Elements::with_digests(16);
    let both = |ko: &str, en: &str| {
        CborValue::Map(vec![("ko".into(), CborValue::from(ko)), ("en".into(), CborValue::from(en))])
    };
    for (name, value) in [
        ("name", both("예시온", "Sion Ye")),
        ("inst_code", CborValue::from("0000001")),
        ("birth_date", full_date("1990-02-28")),
        ("is_serving", CborValue::from(true)),
        ("grade", CborValue::from(5)),
        ("thumbnail", CborValue::Bytes(vec![0xff, 0xd8, 0xff])),
    ] {
        elements.add(NAME_SPACE, name, &value)?;
    }
    Ok(elements)
}

fn private_jwk(key: &SecretKey) -> Value {
    let mut jwk = key.public_key().to_jwk().to_value();
    if let Some(members) = jwk.as_object_mut() {
        members.insert("d".to_owned(), b64url_encode(key.to_bytes().as_slice()).into());
    }
    jwk
}

fn write(folder: &Path, now: i64) -> Result<(), Box<dyn Error>> {
    let (root_key, issuer_key, device_key) =
        (SecretKey::generate(), SecretKey::generate(), SecretKey::generate());
    let root = x509::root(&root_key, "예시 루트", now - 30 * DAY, now + 3_000 * DAY)?;
    let profile =
        Profile { country: None, cn: "예시부".to_owned(), dns: vec![], uri: vec![], kind: Kind::Issuer };
    let key = issuer_key.public_key();
    let serial = x509::random_serial();
    let leaf = x509::issue(&root, &root_key, key, &profile, now - 10 * DAY, now + 300 * DAY, serial)?;
    let issued = issue(
        &Issuance {
            issuer: &Issuer::new(&[leaf.der().to_vec()]),
            doc_type: DOC_TYPE,
            elements: &elements()?,
            device_key: device_key.public_key(),
            status: Some(&StatusClaim { uri: "https://issuer.example/status/1".to_owned(), index: 77 }),
            issued_at: now - DAY,
            expires_at: now + 7 * DAY,
        },
        &issuer_key,
    )?;
    let paths = ["name", "birth_date", "is_serving", "thumbnail"]
        .map(|name| ClaimPath::from_value(&json!([NAME_SPACE, name])));
    let paths = paths.into_iter().collect::<Result<Vec<_>, _>>()?;
    let bound = IssuerSigned::parse(&issued)?.select(&paths)?.device_authentication(&transcript());
    let signature = device_key.sign(bound.as_bytes())?;
    let response = bound.finish(&signature);
    std::fs::write(folder.join("root.der"), root.der())?;
    std::fs::write(folder.join("issuer.der"), leaf.der())?;
    std::fs::write(folder.join("issuer.jwk"), private_jwk(&issuer_key).to_string())?;
    std::fs::write(folder.join("device.jwk"), private_jwk(&device_key).to_string())?;
    std::fs::write(folder.join("transcript.cbor"), transcript().as_bytes())?;
    std::fs::write(folder.join("issued.cbor"), issued)?;
    std::fs::write(folder.join("response.cbor"), response)?;
    Ok(())
}

/// Prints one JSON object: what verified, or the code of the refusal.
fn read(folder: &Path, now: i64) -> Result<(), Box<dyn Error>> {
    let root = Certificate::parse(&std::fs::read(folder.join("root.der"))?)?;
    let name = Bilingual { ko: "예시부".to_owned(), en: "Ministry of Examples".to_owned() };
    let trust = TrustedRoots::new(vec![root], name, vec![DOC_TYPE.to_owned()]);
    let types = AcceptedTypes::OneOf(vec![DOC_TYPE.to_owned()]);
    let chains = ChainCache::new(0);
    let mut read = serde_json::Map::new();
    let mut tell =
        |what: &str, verified: Result<credential::verify::Verified, credential::verify::Refusal>| {
            let told = match verified {
                Ok(verified) => json!({
                    "claims": verified.claims,
                    "status": verified.status_claim.map(|claim| json!({ "uri": claim.uri, "idx": claim.index })),
                }),
                Err(refusal) => json!({ "refused": refusal.code() }),
            };
            read.insert(what.to_owned(), told);
        };
    if let Ok(issued) = std::fs::read(folder.join("their-issued.cbor")) {
        let jwk: Value = serde_json::from_slice(&std::fs::read(folder.join("device.jwk"))?)?;
        let d = jwk.get("d").and_then(Value::as_str).ok_or("device.jwk is no private key")?;
        let device = SecretKey::from_bytes(&b64url_decode_array(d)?)?;
        tell("issued", verify_received(&issued, device.public_key(), &types, &trust, &chains, now));
    }
    if let Ok(response) = std::fs::read(folder.join("their-response.cbor")) {
        let transcript = transcript();
        let input = PresentationInput { response: &response, transcript: &transcript };
        let policy = Policy {
            types,
            required: Vec::new(),
            holder_binding: HolderBinding::Required { max_age: 60 },
            status: StatusRule::Waived,
        };
        tell("response", verify(&input, &policy, &trust, &NoLists, &chains, now));
    }
    println!("{}", Value::Object(read));
    Ok(())
}
