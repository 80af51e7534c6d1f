//! A DPoP proof of a stranger: only one that its own key signed for this request is ever accepted.
#![no_main]

use std::sync::LazyLock;

use keys::{SecretKey, Signer, encoding::b64url_encode, jws::Header};
use libfuzzer_sys::fuzz_target;
use openid::dpop::{self, Expected};

const URL: &str = "https://as.example.com/token";
static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fn expected<'a>() -> Expected<'a> {
    Expected { method: "POST", url: URL, token: None, nonce: None, now: 1_764_000_000 }
}

fuzz_target!(|data: &[u8]| {
    // As it comes.
    let _ = dpop::verify(str::from_utf8(data).ok(), &expected());
    // With claims of the stranger's choice under a good signature: accepted only for this request.
    let header = Header::es256(dpop::TYP).with_jwk(KEY.public_key().to_jwk());
    let input = keys::jws::SigningInput::new(&header, data);
    let signature = KEY.sign(input.as_bytes()).expect("a key in memory signs");
    if let Ok(verified) = dpop::verify(Some(&input.finish(&signature)), &expected()) {
        assert_eq!(verified.key(), KEY.public_key());
        assert!(verified.replay_until() >= 1_764_000_000);
    }
    // Without a signature: never.
    let unsigned =
        format!("{}.{}.", b64url_encode(br#"{"alg":"none","typ":"dpop+jwt"}"#), b64url_encode(data));
    assert!(dpop::verify(Some(&unsigned), &expected()).is_err());
});
