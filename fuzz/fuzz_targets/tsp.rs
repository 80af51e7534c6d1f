//! A timestamp and a request for one, of a stranger: read or refused.
#![no_main]

use std::sync::{Arc, LazyLock};

use keys::x509::{self, DocumentKind, DocumentProfile, authority_for_documents, issue_for_documents};
use keys::{SecretKey, Signer};
use libfuzzer_sys::fuzz_target;
use signing::tsp::{Request, TimeAuthority, Timestamp};

static AUTHORITY: LazyLock<TimeAuthority> = LazyLock::new(|| {
    let profile =
        DocumentProfile { country: None, organization: None, cn: "fuzz".into(), crl: None, ocsp: None };
    let (root_key, key, own) = (SecretKey::generate(), SecretKey::generate(), SecretKey::generate());
    let root = x509::root(&root_key, "fuzz", 0, 4_000_000_000).expect("a root");
    let validity = (0, 4_000_000_000);
    let ca = authority_for_documents(&root, &root_key, key.public_key(), &profile, validity, [1; 16]).expect("one");
    let kind = (DocumentKind::TimeStamp, &profile);
    let leaf = issue_for_documents(&ca, &key, own.public_key(), kind, validity, [2; 16]).expect("one");
    TimeAuthority::new(Arc::new(own), vec![leaf, ca], vec![0x2a, 0x03]).expect("an authority")
});

fuzz_target!(|data: &[u8]| {
    if let Ok(stamp) = Timestamp::read(data) {
        assert!(stamp.verify(&[7; 32]).is_err(), "a forged timestamp was taken");
    }
    assert!(Request::new([7; 32]).accept(data).is_err());
    let _ = AUTHORITY.answer(data, 1_000).expect("an answer").into_der();
});
