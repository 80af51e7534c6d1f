use super::*;

#[test]
fn a_value_opens_only_in_its_place() {
    let ring = KeyRing::new(7, SealKey::generate());
    let sealed = ring.seal(b"employee|name|1", "홍길동".as_bytes());
    assert_eq!(key_id_of(&sealed), Ok(7));
    assert_eq!(ring.open(b"employee|name|1", &sealed).unwrap().as_slice(), "홍길동".as_bytes());
    assert_eq!(ring.open(b"employee|name|2", &sealed), Err(SealError::Refused));
}
