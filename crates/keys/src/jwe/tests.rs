use super::*;

#[test]
fn only_the_recipient_reads_the_message() {
    let key = SecretKey::generate();
    for enc in [Enc::A128Gcm, Enc::A256Gcm] {
        let text = encrypt(key.public_key(), Some("k"), enc, b"u", b"v", b"hello").unwrap();
        assert_eq!(decrypt(&key, &text, 4096).unwrap().as_slice(), b"hello");
        assert_eq!(decrypt(&SecretKey::generate(), &text, 4096), Err(JweError::Decrypt));
    }
}
