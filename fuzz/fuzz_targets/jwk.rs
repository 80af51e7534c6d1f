//! Keys of a stranger: a set is read or refused, and a key that is taken is one point and does what it says alone.
#![no_main]

use std::sync::LazyLock;

use keys::{Jwk, JwkSet, PublicKey, SecretKey, strict_json};
use libfuzzer_sys::fuzz_target;

/// The members of a good key, for the stranger to add to.
static GOOD: LazyLock<String> = LazyLock::new(|| {
    let jwk = SecretKey::generate().public_key().to_jwk().to_value().to_string();
    jwk.trim_end_matches('}').to_owned()
});

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = strict_json::parse::<JwkSet>(data) {
        set.keys.iter().for_each(judge);
        for named in set.keys.iter().filter_map(|jwk| jwk.kid.as_deref()) {
            let bearers = set.keys.iter().filter(|jwk| jwk.kid.as_deref() == Some(named)).count();
            assert_eq!(set.find(named).is_some(), bearers == 1);
        }
    }
    if let Ok(jwk) = strict_json::parse::<Jwk>(data) {
        judge(&jwk);
    }
    // More members beside good ones: random text seldom is a point of the curve.
    let more = [GOOD.as_bytes(), b",", data, b"}"].concat();
    if let Ok(jwk) = strict_json::parse::<Jwk>(&more) {
        judge(&jwk);
    }
});

fn judge(jwk: &Jwk) {
    let written = jwk.to_value();
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert!(written.get(private).is_none(), "a secret is passed on");
    }
    let Ok(key) = PublicKey::from_jwk(jwk) else { return };
    assert_eq!(PublicKey::from_jwk(&key.to_jwk()).as_ref(), Ok(&key));
    assert_eq!(jwk.thumbprint(), Ok(key.thumbprint()));
    assert_eq!(PublicKey::from_signing_jwk(jwk).is_ok(), jwk.may_verify("ES256"));
}
