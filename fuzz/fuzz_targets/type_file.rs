//! A credential type file: it is read or refused with a line of the file.
#![no_main]

use credential::type_metadata;
use credential::types::CredentialType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    match CredentialType::parse(text, "https://id.example") {
        Ok(kind) => {
            let document = type_metadata::document(&kind);
            assert!(serde_json::from_str::<serde_json::Value>(&document).is_ok());
        }
        Err(error) => assert!(error.line >= 1 && error.line <= text.lines().count() + 1),
    }
});
