use super::*;
use crate::SecretKey;

#[test]
fn what_is_signed_verifies_and_reads_back() {
    let key = SecretKey::generate();
    let header = Header::es256("test+jwt").with_kid("k1").with("nonce", "n");
    let token = sign(&key, &header, br#"{"a":1}"#).unwrap();
    let read =
        Unverified::parse(&token, 4096).unwrap().verify(key.public_key(), Typ::Is("test+jwt")).unwrap();
    assert_eq!(read.header(), &header);
    assert_eq!(read.payload(), br#"{"a":1}"#);
}
