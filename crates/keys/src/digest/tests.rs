use super::*;
use crate::encoding::hex_encode;

#[test]
fn fips_180_4_abc() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex_encode(&sha256(b"abc")), abc);
    let mut pieces = Sha256::default();
    pieces.update(b"a").update(b"").update(b"bc");
    assert_eq!(hex_encode(&pieces.finish()), abc);
}
