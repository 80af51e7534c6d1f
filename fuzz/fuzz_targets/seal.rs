//! A sealed value from a database that someone else wrote to: it opens only as it was sealed.
#![no_main]

use std::sync::LazyLock;

use keys::seal::{KeyRing, OVERHEAD, SealKey, key_id_of};
use libfuzzer_sys::fuzz_target;

static RING: LazyLock<KeyRing> = LazyLock::new(|| KeyRing::new(1, SealKey::generate()));

fuzz_target!(|data: &[u8]| {
    assert_eq!(key_id_of(data).is_ok(), data.len() >= OVERHEAD && data[0] == 1);
    assert!(RING.open(b"place", data).is_err(), "a forged value opened");
    let sealed = RING.seal(b"place", data);
    assert_eq!(RING.open(b"place", &sealed).expect("own value").as_slice(), data);
});
