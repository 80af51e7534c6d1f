use super::*;
use crate::encoding::hex_encode;

#[test]
fn rfc_4231_vectors() {
    let short = hmac_sha256(&[0x0b; 20], &[b"Hi There"]);
    assert_eq!(hex_encode(&short), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    let long = hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key ", b"- Hash Key First"]);
    assert_eq!(hex_encode(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    // A key of exactly one block is used as it is.
    assert_ne!(hmac_sha256(&[1; 64], &[b"m"]), hmac_sha256(&crate::sha256(&[1; 64]), &[b"m"]));
}

#[test]
fn equality_needs_every_byte_and_the_length() {
    assert!(eq(b"abc", b"abc"));
    assert!(!eq(b"abc", b"abd"));
    assert!(!eq(b"abc", b"ab"));
    assert!(!eq(b"", b"a"));
    assert!(eq(b"", b""));
}
