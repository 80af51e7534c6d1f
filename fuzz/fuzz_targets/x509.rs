//! A certificate of a stranger: it is read or refused, and never trusted without the root's signature.
#![no_main]

use std::sync::LazyLock;

use keys::{
    SecretKey,
    x509::{Certificate, Purpose, root, verify_chain},
};
use libfuzzer_sys::fuzz_target;

static ROOT: LazyLock<Certificate> =
    LazyLock::new(|| root(&SecretKey::generate(), "fuzz", 0, 4_000_000_000).expect("a root"));

fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = Certificate::parse(data) {
        assert_eq!(certificate.der(), data);
        assert_eq!(Certificate::parse(certificate.der()), Ok(certificate));
    }
    let chain = [data.to_vec(), ROOT.der().to_vec()];
    let anchors = std::slice::from_ref(&*ROOT);
    assert!(verify_chain(&chain, anchors, 1, Purpose::Any).is_err(), "a forged certificate was trusted");
});
