//! A message of a stranger: it decrypts only if it was made for us.
#![no_main]

use std::sync::LazyLock;

use keys::{SecretKey, encoding::b64url_encode, jwe};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fuzz_target!(|data: &[u8]| {
    let texts = [
        str::from_utf8(data).unwrap_or_default().to_owned(),
        format!("{}..{}.AAAA.{}", b64url_encode(data), b64url_encode(&[0; 12]), b64url_encode(&[0; 16])),
    ];
    for text in texts {
        let _ = jwe::header(&text);
        assert!(jwe::decrypt(&KEY, &text, 1 << 16).is_err(), "a forged message decrypted");
    }
});
