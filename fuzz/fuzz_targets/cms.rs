//! Signed data, a list and an answer of a stranger: read or refused.
#![no_main]

use std::sync::LazyLock;

use keys::{SecretKey, x509};
use libfuzzer_sys::fuzz_target;
use signing::revocation::{Crl, OcspAnswer, questions};

static ROOT: LazyLock<x509::Certificate> =
    LazyLock::new(|| x509::root(&SecretKey::generate(), "fuzz", 0, 4_000_000_000).expect("a root"));

fuzz_target!(|data: &[u8]| {
    if let Ok(parsed) = signing::cms::read(data) {
        assert!(parsed.verify(&[7; 32]).is_err(), "a forged signature was taken");
    }
    if let Ok(list) = Crl::read(data) {
        assert_eq!(list.der(), data);
        assert!(!list.is_signed_by(&ROOT));
    }
    if let Ok(answer) = OcspAnswer::read(data) {
        assert!(answer.of(&ROOT, &[1]).is_none());
    }
    let _ = questions(data);
});
