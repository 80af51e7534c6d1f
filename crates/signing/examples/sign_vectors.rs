//! Signed documents for judges and from them.
//!
//! ```text
//! sign_vectors write FOLDER NOW    a root, and documents of every level, good ones and tampered ones
//! sign_vectors read FILE NOW ROOT [CRL…]   what our check says of a document, as JSON
//! sign_vectors stamp FOLDER REQUEST RESPONSE NOW   answers a timestamp request with the folder's key
//! sign_vectors cades CONTENT SIGNATURE NOW ROOT    what our check says of a detached signature
//! ```
//!
//! `good/*.pdf` must be accepted at the level in their name, `bad/<code>.<name>.pdf` refused for that code;
//! `weak/` holds those that only a strict judge refuses. `NOW` in seconds since 1970.

use std::error::Error;
use std::path::Path;

use std::sync::Arc;

use keys::x509::Certificate;
use keys::{SecretKey, Signer};
use signing::check::{Revocations, Trust, check_pdf};
use signing::cms::SignedData;
use signing::pades::{self, Appearance, Certify, Options};
use signing::revocation::{Crl, State};
use signing::tsp::TimeAuthority;

#[path = "../src/fixture.rs"]
mod fixture;

use fixture::House;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["write", folder, now] => write(Path::new(folder), now.parse()?),
        ["read", file, now, root, crls @ ..] => read(file, now.parse()?, root, crls),
        ["stamp", folder, request, response, now] => {
            stamp(Path::new(folder), request, response, now.parse()?)
        }
        ["cades", content, signature, now, root] => cades(content, signature, now.parse()?, root),
        _ => Err("write FOLDER NOW, or read FILE NOW ROOT [CRL…]".into()),
    }
}

fn write(folder: &Path, now: i64) -> Result<(), Box<dyn Error>> {
    let house = House::new(now);
    for name in ["good", "bad", "keys"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes);
    put("root.der", house.root.certificate.der())?;
    put("authority.der", house.authority.certificate.der())?;
    for (number, crl) in house.crls(&[]).iter().enumerate() {
        put(&format!("crl-{number}.der"), crl)?;
    }
    // Others sign and stamp in our names.
    for (name, who) in [("seal", &house.seal), ("tsa", &house.tsa), ("person", &house.person)] {
        put(&format!("keys/{name}.der"), who.certificate.der())?;
        put(&format!("keys/{name}.key"), who.key.to_bytes().as_slice())?;
    }
    put("plain.pdf", &fixture::classic())?;
    let attributes = signing::cades::attributes(&fixture::classic(), &house.person.certificate, now);
    let signature = house.person.key.sign(attributes.to_sign())?;
    let chain = [house.person.certificate.clone(), house.authority.certificate.clone()];
    put("plain.p7s", &SignedData::new(attributes, &signature, &chain)?.to_der())?;
    put("ocsp.der", &house.ocsp(&house.seal.certificate, State::Good))?;
    for (make, plain) in [("table", fixture::classic()), ("stream", fixture::modern())] {
        put(&format!("good/B-B.{make}.pdf"), &house.b(&plain))?;
        put(&format!("good/B-T.{make}.pdf"), &house.t(&plain))?;
        put(&format!("good/B-LT.{make}.pdf"), &house.lt(&plain))?;
        put(&format!("good/B-LTA.{make}.pdf"), &house.lta(&plain))?;
        let prepared = pades::prepare(&house.lt(&plain), &Options::at(now))?;
        let both = house.sign(prepared, &house.person, Some(&house.time_authority()));
        // Lists made after the second signature, as a server makes them.
        let newer = pades::Material { crls: house.crls_numbered(&[], 8), ..house.material() };
        put(&format!("good/B-LT.two-{make}.pdf"), &pades::add_material(&both, &newer)?)?;
        let seen = Appearance { page: 0, rect: [430.0, 60.0, 500.0, 130.0], picture: None };
        let options = Options {
            appearance: Some(seen),
            certify: Some(Certify::NoChanges),
            reason: Some("예시".into()),
            name: Some("예시 기관".into()),
            ..Options::at(now)
        };
        let sealed =
            house.sign(pades::prepare(&plain, &options)?, &house.seal, Some(&house.time_authority()));
        put(&format!("good/B-LT.sealed-{make}.pdf"), &pades::add_material(&sealed, &house.material())?)?;
    }
    let signed = house.lt(&fixture::classic());
    for (name, pdf, code) in fixture::updates(&signed) {
        put(&format!("bad/{code}.{name}.pdf"), &pdf)?;
    }
    let hidden = fixture::revealed(&house.lt(&fixture::hiding()));
    put("bad/changed_hidden.hidden-object.pdf", &hidden)?;
    let mut flipped = signed.clone();
    let place = flipped.windows(9).position(|window| window == b"1,000 won").ok_or("no amount")?;
    if let Some(byte) = flipped.get_mut(place) {
        *byte = b'9';
    }
    put("bad/other_content.flipped.pdf", &flipped)?;
    let wide =
        fixture::odd_range(&house, |[start, before, after, length]| [start, before, after + 8, length - 8]);
    put("bad/byte_range.wide.pdf", &wide)?;
    let late = fixture::odd_range(&house, |[_, before, after, length]| [9, before - 9, after, length]);
    put("bad/byte_range.late.pdf", &late)?;
    let stranger = House::new(now);
    put("bad/timestamp_untrusted.stranger.pdf", &stranger.lt(&fixture::classic()))?;
    put("bad/untrusted_issuer.stranger.pdf", &stranger.b(&fixture::classic()))?;
    let who = house.revoked(&house.seal, now - 60, signing::revocation::Reason::KeyCompromise);
    let told = pades::Material { crls: house.crls(&[who]), ..house.material() };
    put("bad/revoked.seal.pdf", &pades::add_material(&house.t(&fixture::classic()), &told)?)?;
    let old = house.person_of("지난 예시", (now - 3 * fixture::DAY, now - fixture::DAY));
    let prepared = pades::prepare(&fixture::classic(), &Options::at(now))?;
    let expired = house.sign(prepared, &old, Some(&house.time_authority()));
    put("bad/expired.person.pdf", &pades::add_material(&expired, &house.material())?)?;
    Ok(())
}

fn read(file: &str, now: i64, root: &str, crls: &[&str]) -> Result<(), Box<dyn Error>> {
    let root = Certificate::parse(&std::fs::read(root)?)?;
    let lists = crls
        .iter()
        .map(|path| Ok(Crl::read(&std::fs::read(path)?)?))
        .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let trust =
        Trust { anchors: std::slice::from_ref(&root), crls: &lists, now, revocations: Revocations::Required };
    let report = check_pdf(&std::fs::read(file)?, &trust);
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

fn stamp(folder: &Path, request: &str, response: &str, now: i64) -> Result<(), Box<dyn Error>> {
    let key = std::fs::read(folder.join("keys/tsa.key"))?;
    let key = SecretKey::from_bytes(key.as_slice().try_into()?)?;
    let certificate = |name: &str| -> Result<Certificate, Box<dyn Error>> {
        Ok(Certificate::parse(&std::fs::read(folder.join(name))?)?)
    };
    let chain = vec![certificate("keys/tsa.der")?, certificate("authority.der")?];
    let authority = TimeAuthority::new(Arc::new(key), chain, fixture::POLICY.to_vec())?;
    std::fs::write(response, authority.answer(&std::fs::read(request)?, now)?.into_der())?;
    Ok(())
}

fn cades(content: &str, signature: &str, now: i64, root: &str) -> Result<(), Box<dyn Error>> {
    let root = Certificate::parse(&std::fs::read(root)?)?;
    let trust =
        Trust { anchors: std::slice::from_ref(&root), crls: &[], now, revocations: Revocations::WhereKnown };
    match signing::cades::check(&std::fs::read(content)?, &std::fs::read(signature)?, &trust) {
        Ok(checked) => println!("genuine {}", checked.certificate.subject_common_name().unwrap_or_default()),
        Err(finding) => println!("{}", finding.code()),
    }
    Ok(())
}
