//! A status list of a stranger: it unpacks within its bound or is refused, and is never believed unsigned.
#![no_main]

use std::sync::LazyLock;

use credential::status_list::{Bits, MAX_LIST_BYTES, StatusList, verify_cwt, verify_jwt};
use credential::trust::Anchor;
use keys::{SecretKey, encoding::b64url_encode};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fuzz_target!(|data: &[u8]| {
    let anchor = Anchor::Key(KEY.public_key());
    assert!(verify_cwt(data, "https://id.example/status/1", anchor, 0).is_err());
    if let Ok(text) = str::from_utf8(data) {
        assert!(verify_jwt(text, "https://id.example/status/1", anchor, 0).is_err());
    }
    for bits in [Bits::One, Bits::Two, Bits::Four, Bits::Eight] {
        if let Ok(list) = StatusList::unpack(bits, data) {
            assert!(list.len() <= MAX_LIST_BYTES * 8);
            assert_eq!(list.get(list.len()), None);
            assert_eq!(StatusList::from_lst(bits, &b64url_encode(&list.pack())), Ok(list));
        }
    }
});
