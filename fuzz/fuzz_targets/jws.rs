//! A token of a stranger: it is read or refused, and never believed without its signature.
#![no_main]

use std::sync::LazyLock;

use keys::{
    SecretKey,
    encoding::b64url_encode,
    jws::{Typ, Unverified},
};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fuzz_target!(|data: &[u8]| {
    // As it is, and as the header of a well-formed token: random text seldom is base64url.
    let texts = [
        str::from_utf8(data).unwrap_or_default().to_owned(),
        format!("{}.e30.{}", b64url_encode(data), b64url_encode(&[1; 64])),
    ];
    for text in texts {
        if let Ok(token) = Unverified::parse(&text, 1 << 16) {
            let _ = token.dangerous_claims::<serde_json::Value>();
            assert!(token.verify(KEY.public_key(), Typ::Any).is_err(), "a forged token verified");
        }
    }
});
