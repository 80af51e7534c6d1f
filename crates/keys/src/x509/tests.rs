use super::*;
use crate::{SecretKey, Signer};

const DAY: i64 = 86_400;
const NOW: i64 = 1_795_000_000;

#[test]
fn a_leaf_below_the_root_is_good_for_its_purpose() {
    let (root_key, key) = (SecretKey::generate(), SecretKey::generate());
    let root = root(&root_key, "예시 Root", NOW - DAY, NOW + 9 * DAY).unwrap();
    let profile = Profile {
        cn: "예시 Issuer".into(),
        dns: vec!["issuer.example".into()],
        uri: vec!["https://issuer.example".into()],
        kind: Kind::Issuer,
    };
    let leaf = issue(&root, &root_key, key.public_key(), &profile, NOW, NOW + DAY, random_serial()).unwrap();
    assert_eq!(leaf.dns_names(), ["issuer.example"]);
    assert_eq!(leaf.subject_common_name(), Some("예시 Issuer"));
    let chain = [leaf.der().to_vec()];
    assert_eq!(verify_chain(&chain, &[root.clone()], NOW, Purpose::Issuer).unwrap(), leaf);
    assert_eq!(verify_chain(&chain, &[root], NOW, Purpose::Verifier), Err(ChainError::WrongPurpose));
    assert!(key.sign(b"x").is_ok());
}
