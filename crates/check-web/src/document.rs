//! Documents, as the page `/verify` checks them: a sealed PDF, and the signed word in a certificate's QR code.

use certificate::word::{Kind, Word, WordError, day};
use keys::x509::Certificate;
use keys::{Jwk, PublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use signing::check::{Revocations, Trust, check_pdf};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::checker::{certificate, seconds};

/// Judges a signed PDF under `root` (PEM) with what the file brings along. `now`: seconds since 1970.
///
/// JSON as [`signing::check::Report`] is written; with a root that can't be read nobody is trusted.
#[wasm_bindgen]
pub fn check_sealed_pdf(pdf: &[u8], root: &str, now: f64) -> String {
    let anchors: Vec<Certificate> = certificate(root).into_iter().collect();
    let trust = Trust { anchors: &anchors, crls: &[], now: seconds(now), revocations: Revocations::Required };
    serde_json::to_string(&check_pdf(pdf, &trust)).unwrap_or_default()
}

/// Whose word is believed.
#[derive(Deserialize)]
struct Issuer {
    jwk: Jwk,
    ko: String,
    en: String,
}

/// Reads the text of a QR code with the keys of `issuers`: `[{"jwk", "ko", "en"}]`.
///
/// JSON: `verdict` is `genuine`, `changed`, `issuer` (not known) or `unknown` (no such code); a genuine one says its facts.
#[wasm_bindgen]
pub fn read_certificate_code(text: &str, issuers: &str) -> String {
    let issuers: Vec<Issuer> = serde_json::from_str(issuers).unwrap_or_default();
    let known = issuers.into_iter().filter_map(|issuer| {
        let key = PublicKey::from_jwk(&issuer.jwk).ok()?;
        Some((key, json!({ "ko": issuer.ko, "en": issuer.en })))
    });
    let (keys, names): (Vec<PublicKey>, Vec<Value>) = known.unzip();
    let verdict = match Word::read(text, &keys) {
        Ok((word, place)) => return told(&word, names.get(place)).to_string(),
        Err(WordError::Changed) => "changed",
        Err(WordError::Unknown) => "issuer",
        Err(WordError::Long | WordError::Sign | WordError::Malformed) => "unknown",
    };
    json!({ "verdict": verdict }).to_string()
}

fn told(word: &Word, issuer: Option<&Value>) -> Value {
    json!({
        "verdict": "genuine",
        "kind": match word.kind {
            Kind::Employment => "employment",
            Kind::Career => "career",
        },
        "number": word.number.to_string(),
        "issued": day(word.issued),
        "born": day(word.born),
        "name": word.name,
        "agency": word.agency,
        "department": word.department,
        "rank": word.rank,
        "purpose": word.purpose,
        "recipient": word.recipient,
        "rows": word.rows.map(|rows| rows.count),
        "issuer": issuer,
    })
}

#[cfg(test)]
mod tests;
