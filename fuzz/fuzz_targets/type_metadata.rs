//! A type's document of a stranger: it is read or passed over, and its rules hold together or one by one alike.
#![no_main]

use std::sync::LazyLock;

use credential::sd_jwt::SdJwt;
use credential::type_metadata::{MetadataError, TypeMetadata, check, integrity};
use keys::{encoding::b64url_encode, sha256};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const VCT: &str = "https://id.example/types/badge";

/// A credential with claims of every shape, told and withheld.
static TOKEN: LazyLock<SdJwt> = LazyLock::new(|| {
    let disclosure = |contents: serde_json::Value| b64url_encode(contents.to_string().as_bytes());
    let digest = |text: &String| b64url_encode(&sha256(text.as_bytes()));
    let [member, element] = [disclosure(json!(["s", "b", {"c": [1, 2]}])), disclosure(json!(["s", "x"]))];
    let payload =
        json!({"vct": VCT, "a": "x", "_sd": [digest(&member)], "d": ["y", {"...": digest(&element)}]});
    let header = b64url_encode(br#"{"alg":"ES256","typ":"dc+sd-jwt"}"#);
    let (payload, signature) = (b64url_encode(payload.to_string().as_bytes()), b64url_encode(&[1; 64]));
    SdJwt::parse(&format!("{header}.{payload}.{signature}~{member}~{element}~")).expect("it is well-formed")
});

fuzz_target!(|data: &[u8]| {
    judge(data);
    // As the claims of a document that is one otherwise.
    judge(&[format!(r#"{{"vct":"{VCT}","claims":"#).as_bytes(), data, b"}"].concat());
});

fn judge(document: &[u8]) {
    let read = TypeMetadata::read(document, VCT, None);
    if let Ok(text) = str::from_utf8(document) {
        assert_eq!(TypeMetadata::read(document, VCT, Some(&integrity(text))), read);
        let other = integrity("another");
        assert_eq!(TypeMetadata::read(document, VCT, Some(&other)), Err(MetadataError::Integrity));
        assert!(TypeMetadata::read(b"{}", VCT, Some(text)).is_err());
    }
    let Ok(read) = read else { return };
    assert_eq!(read.document["vct"], VCT);
    let each = read.rules.iter().all(|rule| check(std::slice::from_ref(rule), &TOKEN).is_ok());
    assert_eq!(check(&read.rules, &TOKEN).is_ok(), each);
}
