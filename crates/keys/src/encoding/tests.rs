use proptest::prelude::*;

use super::*;

#[test]
fn rfc_4648_vectors() {
    let table =
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")];
    for (plain, text) in table {
        assert_eq!(b64url_encode(plain.as_bytes()), text);
        assert_eq!(b64url_decode(text).unwrap(), plain.as_bytes());
    }
    assert_eq!(b64url_encode(&[0xfb, 0xff]), "-_8");
}

#[test]
fn one_value_has_one_text() {
    // Padding, the other alphabet, spaces, line ends, left-over bits, impossible lengths.
    for text in ["Zg==", "Zg=", "-/8", "+_8", " Zg", "Zg\n", "Zh", "Zm9", "Z", "Zm9vY", "Zg\0", "한글"] {
        assert_eq!(b64url_decode(text), Err(EncodingError), "{text:?}");
    }
    assert_eq!(b64_decode("Zg"), Err(EncodingError));
    assert_eq!(b64_decode("Zg=="), Ok(vec![b'f']));
}

#[test]
fn an_array_has_its_length_or_nothing() {
    assert_eq!(b64url_decode_array::<3>("Zm9v"), Ok(*b"foo"));
    assert_eq!(b64url_decode_array::<2>("Zm9v"), Err(EncodingError));
    assert_eq!(b64url_decode_array::<4>("Zm9v"), Err(EncodingError));
}

#[test]
fn hex_is_pairs_of_digits() {
    assert_eq!(hex_encode(&[0, 0x0f, 0xa0, 0xff]), "000fa0ff");
    assert_eq!(hex_decode("000FA0ff"), Ok(vec![0, 0x0f, 0xa0, 0xff]));
    for text in ["0", "0g", "é", "+1", " 1"] {
        assert_eq!(hex_decode(text), Err(EncodingError), "{text:?}");
    }
}

proptest! {
    #[test]
    fn bytes_survive_every_form(bytes: Vec<u8>) {
        let text = b64url_encode(&bytes);
        prop_assert_eq!(text.len(), b64url_len(bytes.len()));
        prop_assert_eq!(b64url_decode(&text), Ok(bytes.clone()));
        prop_assert_eq!(b64_decode(&b64_encode(&bytes)), Ok(bytes.clone()));
        prop_assert_eq!(hex_decode(&hex_encode(&bytes)), Ok(bytes));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_=+/ -]{0,24}") {
        if let Ok(bytes) = b64url_decode(&text) {
            prop_assert_eq!(b64url_encode(&bytes), text);
        }
    }
}
