//! A trust list or a registrar's statement of a stranger: believed under a trusted signature alone, and never for more than
//! the registrar said.
#![no_main]

use std::sync::LazyLock;

use credential::trust::{
    Anchor, LIST_TYP, MAX_VALIDITY, Origin, Registrar, STATEMENT_TYP, TrustList, TrustSource as _,
};
use keys::{SecretKey, jws};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_764_000_000;
static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);
static REGISTRAR: LazyLock<Registrar> =
    LazyLock::new(|| Registrar::new(vec![KEY.public_key().clone()], 1).expect("one member, who signs"));
static STRANGERS: LazyLock<Registrar> = LazyLock::new(|| {
    Registrar::new(vec![SecretKey::generate().public_key().clone()], 1).expect("one member, who signs")
});

fuzz_target!(|data: &[u8]| {
    let anchor = Anchor::Key(KEY.public_key());
    if let Ok(text) = str::from_utf8(data) {
        assert!(TrustList::verify(text, anchor, 0, NOW).is_err(), "nobody else holds this run's key");
        assert!(REGISTRAR.read(text).is_err());
    }
    // What the stranger writes, under a good signature.
    let signed = |typ: &str| {
        let header = jws::Header::es256(typ).with_kid(KEY.public_key().thumbprint());
        jws::sign(&*KEY, &header, data).expect("a key in memory signs")
    };
    if let Ok(list) = TrustList::verify(&signed(LIST_TYP), anchor, 1, NOW) {
        assert!(list.version() >= 1 && list.expires_at() > NOW);
        assert!(list.expires_at() - list.issued_at() <= MAX_VALIDITY);
        for entry in list.entries() {
            assert!(list.entries_of(&entry.jkt).contains(entry));
            for vct in &entry.vcts {
                let origin =
                    Origin { jkt: &entry.jkt, issuer: Some(&entry.issuer), vct, issued_at: Some(NOW) };
                let _ = list.judge(&origin);
            }
        }
        assert!(list.vouched(&STRANGERS, None).0.entries().is_empty(), "they vouched for nobody");
    }
    if let Ok(statement) = REGISTRAR.read(&signed(STATEMENT_TYP)) {
        let again = statement.sign(&*KEY).expect("a key in memory signs");
        assert_eq!(REGISTRAR.read(&again), Ok(statement));
        assert!(STRANGERS.read(&again).is_err());
    }
});
