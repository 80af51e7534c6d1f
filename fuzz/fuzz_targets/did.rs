//! A DID and its document from a stranger: read or refused, and what is read says only what it holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use registry::did::{Did, Document, from_jwk, from_key, web_address};

const DID: &str = "did:mapae:test:9900001";

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = Document::parse(DID, data) {
        let again = Document::parse(DID, &document.to_bytes()).expect("what was read reads again");
        assert_eq!(again.to_value(), document.to_value());
        assert!(document.signing_keys().iter().all(|(name, _)| name.starts_with(DID)));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some(did) = Did::parse(text) {
        assert_eq!(did.to_string(), text, "a DID has one spelling");
    }
    for document in [from_jwk(text), from_key(text)].into_iter().flatten() {
        assert!(!document.keys().is_empty());
    }
    if let Some((host, path)) = web_address(text) {
        assert!(path.starts_with('/') && !path.contains("/../"));
        assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#']));
    }
});
