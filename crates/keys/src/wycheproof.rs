//! The vectors of Project Wycheproof for every primitive that this crate stands on: known attacks, edge cases of the
//! arithmetic, malformed encodings. What must fail fails, what is valid is taken; how many of each were tried is fixed too, so
//! that none drops out unseen.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit};
use wycheproof::{TestResult, aead, ecdh, ecdsa, hkdf, mac};

use crate::{PublicKey, SecretKey, Signature, backend, kdf, mac as own_mac};

/// How many valid vectors were taken, and how many invalid ones refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tried {
    taken: usize,
    refused: usize,
}

impl Tried {
    /// Counts a vector; `acceptable` ones are ours to refuse.
    fn count(&mut self, id: usize, result: &TestResult, taken: bool) {
        match result {
            TestResult::Valid => assert!(taken, "vector {id} is valid"),
            TestResult::Invalid => assert!(!taken, "vector {id} must be refused"),
            TestResult::Acceptable => {}
        }
        *if taken { &mut self.taken } else { &mut self.refused } += 1;
    }
}

fn ecdsa(name: ecdsa::TestName, read: fn(&[u8]) -> Option<Signature>) -> Tried {
    let mut tried = Tried::default();
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let key = PublicKey::from_sec1(&group.key.key).unwrap();
        assert_eq!(PublicKey::from_spki_der(&group.der).unwrap(), key);
        for test in &group.tests {
            let taken = read(&test.sig).is_some_and(|signature| key.verify(&test.msg, &signature).is_ok());
            tried.count(test.tc_id, &test.result, taken);
        }
        // The same by the table of a key that is asked often.
        key.prepare();
        for test in group.tests {
            let taken = read(&test.sig).is_some_and(|signature| key.verify(&test.msg, &signature).is_ok());
            tried.count(test.tc_id, &test.result, taken);
        }
    }
    tried
}

#[test]
fn es256_signatures() {
    let plain = ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, |sig| Signature::from_bytes(sig).ok());
    assert_eq!(plain, Tried { taken: 2 * 173, refused: 2 * 89 });
    let der = ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256, |sig| Signature::from_der(sig).ok());
    assert_eq!(der, Tried { taken: 2 * 174, refused: 2 * 310 });
}

#[test]
fn key_agreement() {
    let mut tried = Tried::default();
    for (name, points) in
        [(ecdh::TestName::EcdhSecp256r1Ecpoint, true), (ecdh::TestName::EcdhSecp256r1, false)]
    {
        for test in ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let peer = if points {
                PublicKey::from_sec1(&test.public_key)
            } else {
                PublicKey::from_spki_der(&test.public_key)
            };
            // A secret of more digits than a key has begins with zeros; a shorter one lacks them.
            let mut secret = [0; 32];
            for (to, from) in secret.iter_mut().rev().zip(test.private_key.iter().rev()) {
                *to = *from;
            }
            let shared = peer.map(|peer| SecretKey::from_bytes(&secret).unwrap().agree(&peer));
            let taken = shared.is_ok_and(|shared| shared.as_slice() == test.shared_secret.as_slice());
            tried.count(test.tc_id, &test.result, taken);
        }
    }
    assert_eq!(tried, Tried { taken: 660, refused: 307 });
}

#[test]
fn aes_gcm() {
    let mut tried = Tried::default();
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        let fits = group.tag_size == 128 && [128, 256].contains(&group.key_size);
        for test in group.tests {
            let Ok(nonce) = <[u8; 12]>::try_from(test.nonce.as_slice()) else { continue };
            if !fits {
                continue;
            }
            let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let opened = backend::aes_gcm_open(&test.key, &nonce, &test.aad, &sealed);
            let taken = opened.is_ok_and(|plain| plain == test.pt.as_slice());
            tried.count(test.tc_id, &test.result, taken);
            if taken {
                let again = backend::aes_gcm_seal(&test.key, &nonce, &test.aad, &test.pt).unwrap();
                assert_eq!(again, sealed, "vector {}", test.tc_id);
            }
        }
    }
    assert_eq!(tried, Tried { taken: 79, refused: 54 });
}

#[test]
fn aes_gcm_siv() {
    let mut tried = Tried::default();
    for group in aead::TestSet::load(aead::TestName::AesGcmSiv).unwrap().test_groups {
        for test in group.tests {
            let (Ok(cipher), Ok(nonce)) =
                (Aes256GcmSiv::new_from_slice(&test.key), <[u8; 12]>::try_from(test.nonce.as_slice()))
            else {
                continue;
            };
            let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
            let opened = cipher.decrypt(&nonce.into(), Payload { msg: &sealed, aad: &test.aad });
            let taken = opened.is_ok_and(|plain| plain == test.pt.as_slice());
            tried.count(test.tc_id, &test.result, taken);
        }
    }
    assert_eq!(tried, Tried { taken: 69, refused: 34 });
}

#[test]
fn hmac() {
    let mut tried = Tried::default();
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests.into_iter().filter(|_| group.tag_size == 256) {
            let made = own_mac::hmac_sha256(&test.key, &[&test.msg]);
            tried.count(test.tc_id, &test.result, own_mac::eq(&made, &test.tag));
        }
    }
    assert_eq!(tried, Tried { taken: 33, refused: 54 });
}

#[test]
fn hkdf() {
    let mut tried = Tried::default();
    for test in
        hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups.into_iter().flat_map(|g| g.tests)
    {
        // More than 255 blocks does not compile; fewer are the beginning of these.
        let most = kdf::hkdf_sha256::<8_160>(&test.ikm, &test.salt, &test.info);
        let taken = most.get(..test.size).is_some_and(|okm| okm == test.okm.as_slice());
        tried.count(test.tc_id, &test.result, taken);
    }
    assert_eq!(tried, Tried { taken: 83, refused: 3 });
}

#[cfg(feature = "aws-lc")]
mod on_the_server {
    use wycheproof::{eddsa, rsa_pkcs1_verify as rsa};

    use super::Tried;
    use crate::Jwk;
    use crate::encoding::b64url_encode;

    #[test]
    fn rs256_signatures() {
        let mut tried = Tried::default();
        for name in [rsa::TestName::Rsa2048Sha256, rsa::TestName::Rsa3072Sha256, rsa::TestName::Rsa4096Sha256]
        {
            for group in rsa::TestSet::load(name).unwrap().test_groups {
                let digits = |number: &[u8]| {
                    let first = number.iter().position(|byte| *byte != 0).unwrap_or_default();
                    Some(b64url_encode(&number[first..]))
                };
                let (n, e) = (digits(&group.key.n), digits(&group.key.e));
                let jwk = Jwk { kty: "RSA".to_owned(), n, e, ..Jwk::default() };
                for test in group.tests {
                    let taken = crate::rsa::verify_rs256(&jwk, &test.msg, &test.sig).is_ok();
                    tried.count(test.tc_id, &test.result, taken);
                }
            }
        }
        assert_eq!(tried, Tried { taken: 24, refused: 752 });
    }

    #[test]
    fn ed25519_signatures() {
        let mut tried = Tried::default();
        for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
            let key: [u8; 32] = group.key.pk.as_slice().try_into().unwrap();
            for test in group.tests {
                let taken = crate::ed25519::verify(&key, &test.msg, &test.sig).is_ok();
                tried.count(test.tc_id, &test.result, taken);
            }
        }
        assert_eq!(tried, Tried { taken: 88, refused: 63 });
    }
}
