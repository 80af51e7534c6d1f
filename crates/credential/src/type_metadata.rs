//! SD-JWT VC type metadata: the document that is served under a `vct` (SD-JWT VC §5), ours as written here and others' as
//! read.

mod received;

use keys::encoding::b64_encode;
use serde_json::{Map, Value, json};

pub use received::{ClaimRule, MAX_PLACES, MAX_RULES, MetadataError, Selective, TypeMetadata, check};

use crate::types::{Bilingual, Claim, CredentialType, Disclosure};

/// The type metadata document, as it is served and hashed.
pub fn document(kind: &CredentialType) -> String {
    let display = |locale: &str, tag: &str| {
        let mut display = json!({
            "locale": locale,
            "name": kind.name.in_language(tag),
            "description": kind.description.in_language(tag),
        });
        let mut simple = Map::new();
        simple.extend(
            kind.background_color.as_ref().map(|c| ("background_color".to_owned(), c.as_str().into())),
        );
        simple.extend(kind.text_color.as_ref().map(|c| ("text_color".to_owned(), c.as_str().into())));
        if let (Some(display), false) = (display.as_object_mut(), simple.is_empty()) {
            display.insert("rendering".to_owned(), json!({ "simple": simple }));
        }
        display
    };
    json!({
        "vct": kind.vct,
        "name": kind.name.en,
        "description": kind.description.en,
        "display": [display("ko-KR", "ko"), display("en-US", "en")],
        "claims": kind.claims.iter().map(claim).collect::<Vec<_>>(),
    })
    .to_string()
}

/// The hash of a document for `vct#integrity` (SD-JWT VC §6, Subresource Integrity).
pub fn integrity(document: &str) -> String {
    format!("sha256-{}", b64_encode(&keys::sha256(document.as_bytes())))
}

fn claim(claim: &Claim) -> Value {
    let display = |locale: &str, label: &str, description: Option<&str>| {
        let mut display = json!({ "locale": locale, "label": label });
        if let (Some(display), Some(text)) = (display.as_object_mut(), description) {
            display.insert("description".to_owned(), text.into());
        }
        display
    };
    let described = |text: fn(&Bilingual) -> &str| claim.description.as_ref().map(text);
    let mut out = json!({
        "path": claim.path,
        "display": [
            display("ko-KR", &claim.label.ko, described(|d| &d.ko)),
            display("en-US", &claim.label.en, described(|d| &d.en)),
        ],
        "mandatory": claim.mandatory,
        "sd": match claim.disclosure { Disclosure::Selective => "always", Disclosure::Always => "never" },
    });
    if let (Some(out), true) = (out.as_object_mut(), is_svg_id(claim.name())) {
        out.insert("svg_id".to_owned(), claim.name().into());
    }
    if let (Some(out), Some(audience)) = (out.as_object_mut(), claim.only_for) {
        // Not of the standard: a wallet that knows it gives the claim to this audience alone (§5.2 lets others ignore it).
        out.insert("only_for".to_owned(), json!(audience));
    }
    out
}

/// Whether a drawing may name the claim so: ASCII letters, digits and `_`, no digit first (SD-JWT VC §5.6).
fn is_svg_id(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_of_the_badge_says_what_its_file_says() {
        let kind = CredentialType::parse(include_str!("../../mapae/types/badge.toml"), "https://id.example")
            .unwrap();
        let text = document(&kind);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["vct"], "https://id.example/types/badge");
        assert_eq!(value["display"][0]["name"], "모바일 공무원증");
        assert_eq!(value["display"][1]["locale"], "en-US");
        assert_eq!(value["display"][1]["rendering"]["simple"]["text_color"], "#ffffff");
        assert_eq!(value["claims"].as_array().unwrap().len(), kind.claims.len());
        let rank = value["claims"].as_array().unwrap().iter().find(|c| c["path"] == json!(["rank"])).unwrap();
        assert_eq!((&rank["mandatory"], &rank["sd"]), (&json!(false), &json!("always")));
        assert_eq!(rank["display"][0], json!({"locale": "ko-KR", "label": "직급"}));
        let link =
            value["claims"].as_array().unwrap().iter().find(|c| c["path"] == json!(["link_id"])).unwrap();
        assert_eq!(link["only_for"], "login-provider");
    }

    #[test]
    fn the_integrity_string_is_that_of_subresource_integrity() {
        // The SHA-256 of nothing, as `openssl dgst -sha256 -binary | base64` prints it.
        assert_eq!(integrity(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn every_claim_is_described_in_each_language_of_the_type() {
        let file = include_str!("../../mapae/types/badge.toml");
        // A name that a drawing can't say, and one that begins with a digit.
        let file =
            file.replacen("[\"rank\"]", "[\"rank-직급\"]", 1).replacen("[\"position\"]", "[\"1st\"]", 1);
        let kind = CredentialType::parse(&file, "https://id.example").unwrap();
        let value: Value = serde_json::from_str(&document(&kind)).unwrap();
        let locales = |display: &Value| -> Vec<String> {
            let entries = display.as_array().unwrap().iter();
            entries.map(|entry| entry["locale"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(locales(&value["display"]), ["ko-KR", "en-US"]);
        let mut ids = Vec::new();
        for claim in value["claims"].as_array().unwrap() {
            assert_eq!(locales(&claim["display"]), ["ko-KR", "en-US"], "{claim}");
            assert!(claim["display"].as_array().unwrap().iter().all(|entry| entry["label"].is_string()));
            assert!(claim["path"].as_array().is_some_and(|path| !path.is_empty()));
            assert!(["always", "never"].contains(&claim["sd"].as_str().unwrap()), "never left open");
            ids.extend(claim.get("svg_id").map(|id| id.as_str().unwrap().to_owned()));
        }
        assert_eq!(ids.len(), kind.claims.len() - 2, "two names are no names in a drawing");
        assert!(ids.iter().all(|id| is_svg_id(id) && ids.iter().filter(|other| *other == id).count() == 1));
    }
}
