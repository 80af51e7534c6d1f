//! A PDF of a stranger: checked or refused, never genuine, and never signed into something that does not read back.
#![no_main]

use std::sync::LazyLock;

use keys::{SecretKey, x509};
use libfuzzer_sys::fuzz_target;
use signing::check::{Revocations, Trust, Verdict, check_pdf};
use signing::pades::{Options, Prepared, prepare};

static ROOT: LazyLock<x509::Certificate> =
    LazyLock::new(|| x509::root(&SecretKey::generate(), "fuzz", 0, 4_000_000_000).expect("a root"));

fuzz_target!(|data: &[u8]| {
    let trust = Trust {
        anchors: std::slice::from_ref(&*ROOT),
        crls: &[],
        now: 1_000,
        revocations: Revocations::WhereKnown,
    };
    assert_ne!(check_pdf(data, &trust).verdict, Verdict::Genuine, "a stranger's signature was trusted");
    if let Ok(prepared) = prepare(data, &Options::at(1_000)) {
        assert!(prepared.bytes().starts_with(data));
        if let Ok(read) = Prepared::read(prepared.bytes().to_vec()) {
            assert_eq!(read.digest(), prepared.digest());
        }
    }
});
