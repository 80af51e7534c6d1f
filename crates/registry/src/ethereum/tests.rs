//! Transactions: what is signed is read back, what is bent is refused.

use proptest::prelude::*;

use super::*;

fn key() -> SecretKey {
    SecretKey::from_bytes(&[0x46; 32]).unwrap()
}

fn transaction() -> Transaction {
    Transaction {
        chain_id: 1,
        nonce: 9,
        max_priority_fee: 1,
        max_fee: 20_000_000_000,
        gas_limit: 21_000,
        to: Some(Address::repeat_byte(0x35)),
        data: Bytes::new(),
    }
}

#[test]
fn the_address_of_the_key_of_eip_155_is_the_one_printed_there() {
    assert_eq!(key().address(), address_of_text("0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F").unwrap());
}

#[test]
fn the_legacy_transaction_of_eip_155_has_a_value_and_is_refused_for_it() {
    let raw = "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0\
               28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800cc\
               f555c9f3dc64214b297fb1966a3b6d83"
        .replace(char::is_whitespace, "");
    let raw = keys::encoding::hex_decode(&raw).unwrap();
    assert_eq!(Signed::decode(&raw), Err(TransactionError::Value));
}

#[test]
fn an_address_with_a_wrong_checksum_is_none() {
    assert!(address_of_text("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f").is_some());
    assert!(address_of_text("0x9d8A62f656a8d1615C1294fd71e9CFb3E4855a4F").is_none());
    assert!(address_of_text("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f").is_none());
    assert!(address_of_text("0x9d8a").is_none());
}

#[test]
fn a_contracts_address_is_known_before_it_is_made() {
    let signed = Transaction { to: None, nonce: 0, ..transaction() }.sign(&key()).unwrap();
    assert_eq!(signed.created(), Some(key().address().create(0)));
}

#[test]
fn a_second_name_for_the_same_act_is_refused() {
    let signed = transaction().sign(&key()).unwrap();
    // n − s with the other parity is the same signature in another dress.
    let order = U256::from_be_bytes([
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba,
        0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ]);
    let mut raw = signed.raw.to_vec();
    let at = raw.len() - 32;
    let s = U256::from_be_slice(&raw[at..]);
    raw[at..].copy_from_slice(&(order - s).to_be_bytes::<32>());
    // parity · 0xa0 r (32) · 0xa0 s (32)
    let parity = raw.len() - 67;
    raw[parity] = if raw[parity] == 1 { 0x80 } else { 1 };
    assert_eq!(Signed::decode(&raw), Err(TransactionError::Signature));
}

#[test]
fn abi_reads_what_it_wrote() {
    let data = abi::encode(&[
        abi::Value::from(7_u64),
        abi::Value::from(b"hello".as_slice()),
        abi::Value::List(vec![B256::repeat_byte(1), B256::repeat_byte(2)]),
    ]);
    let reader = abi::Reader(&data);
    assert_eq!((reader.uint::<u64>(0), reader.bytes(1)), (Some(7), Some(b"hello".as_slice())));
    assert_eq!(data.len() % 32, 0);
    assert_eq!(abi::Reader(&data[..40]).bytes(1), None);
    assert_eq!(abi::Reader(&[0xff; 64]).bytes(0), None);
}

proptest! {
    #[test]
    fn a_transaction_is_read_as_it_was_signed(
        nonce in any::<u64>(), fee in any::<u64>(), gas in any::<u64>(), data in prop::collection::vec(any::<u8>(), 0..400),
        make in any::<bool>(),
    ) {
        let transaction = Transaction {
            chain_id: 1337, nonce, max_priority_fee: fee.into(), max_fee: u128::from(fee) * 2, gas_limit: gas,
            to: (!make).then(|| Address::repeat_byte(3)), data: data.into(),
        };
        let signed = transaction.sign(&key()).unwrap();
        prop_assert_eq!(Signed::decode(&signed.raw), Ok(signed));
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Signed::decode(&bytes);
    }

    #[test]
    fn a_changed_byte_is_another_sender_or_none(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let signed = transaction().sign(&key()).unwrap();
        let mut raw = signed.raw.to_vec();
        let at = at.index(raw.len());
        raw[at] ^= flip;
        if let Ok(read) = Signed::decode(&raw) {
            prop_assert_ne!(read.sender, signed.sender);
        }
    }
}
