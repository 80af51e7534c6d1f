use keys::SecretKey;
use serde_json::json;

use super::*;
use crate::attestation::KeyHint;

const NOW: i64 = 1_764_000_000;
const ISSUER: &str = "https://credential-issuer.example.com";

fn ours(nonce: &str) -> bool {
    nonce == "ours" || nonce == "ours-too"
}

fn expected<'a>() -> Expected<'a> {
    Expected {
        issuer: ISSUER,
        nonce: &ours,
        client_id: None,
        max_keys: 3,
        attesters: None,
        attestation_required: None,
        now: NOW,
    }
}

fn request<'a>() -> ProofRequest<'a> {
    ProofRequest { issuer: ISSUER, nonce: Some("ours"), client_id: None, key_attestation: None, now: NOW }
}

fn judge(list: Vec<String>) -> Result<VerifiedKeys, Refusal> {
    verify(Some(&Proofs::Jwt(list)), &expected())
}

/// Refusal of one proof with one thing changed in header or claims.
fn refused(change: impl FnOnce(&mut Header, &mut Value)) -> Refusal {
    let key = SecretKey::generate();
    let mut header = Header::es256(TYP).with_jwk(key.public_key().to_jwk());
    let mut claims = json!({ "aud": ISSUER, "iat": NOW, "nonce": "ours" });
    change(&mut header, &mut claims);
    judge(vec![jwt::sign(&key, &header, &claims).unwrap()]).unwrap_err()
}

#[test]
fn the_proof_of_openid4vci_appendix_f_1_verifies() {
    let proof = "eyJ0eXAiOiJvcGVuaWQ0dmNpLXByb29mK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiblVXQW9BdjNYWml0aDhFN2kxOU9kYXhPTFlGT3dNLVoyRXVNMDJUaXJUNCIsInkiOiJIc2tIVThCalVpMVU5WHFpN1N3bWo4Z3dBS18weGtjRGpFV183MVNvc0VZIn19.eyJhdWQiOiJodHRwczovL2NyZWRlbnRpYWwtaXNzdWVyLmV4YW1wbGUuY29tIiwiaWF0IjoxNzAxOTYwNDQ0LCJub25jZSI6IkxhclJHU2JtVVBZdFJZTzZCUTR5bjgifQ.-a3EDsxClUB4O3LeDD5DVGEnNMT01FCQW4P6-2-BNBqc_Zxf0Qw4CWayLEpqkAomlkLb9zioZoipdP-jvh1WlA";
    let known = |nonce: &str| nonce == "LarRGSbmUPYtRYO6BQ4yn8";
    let expected = Expected { nonce: &known, now: 1_701_960_450, ..expected() };
    let verified = verify(Some(&Proofs::Jwt(vec![proof.to_owned()])), &expected).unwrap();
    assert_eq!(verified.keys()[0].to_jwk().x.as_deref(), Some("nUWAoAv3XZith8E7i19OdaxOLYFOwM-Z2EuM02TirT4"));
}

#[test]
fn a_batch_gives_its_keys_in_order_and_each_nonce_once() {
    let keys: Vec<SecretKey> = (0..3).map(|_| SecretKey::generate()).collect();
    let proofs = keys.iter().map(|key| request().prove(key).unwrap()).collect();
    let verified = judge(proofs).unwrap();
    let wanted: Vec<&PublicKey> = keys.iter().map(SecretKey::public_key).collect();
    assert_eq!(verified.keys().iter().collect::<Vec<_>>(), wanted);
    assert_eq!(verified.nonces(), ["ours"]);

    let two = vec![
        request().prove(&keys[0]).unwrap(),
        ProofRequest { nonce: Some("ours-too"), ..request() }.prove(&keys[1]).unwrap(),
    ];
    assert_eq!(judge(two).unwrap().nonces(), ["ours", "ours-too"]);
}

#[test]
fn every_broken_rule_has_its_own_refusal_and_code() {
    assert_eq!(verify(None, &expected()).unwrap_err(), Refusal::Missing);
    assert_eq!(judge(vec!["x".into()]).unwrap_err(), Refusal::Malformed);
    assert_eq!(refused(|header, _| header.typ = Some("JWT".into())), Refusal::Type);
    assert_eq!(refused(|header, _| header.alg = "none".into()), Refusal::Algorithm);
    assert_eq!(refused(|header, _| header.alg = "HS256".into()), Refusal::Algorithm);
    assert_eq!(refused(|header, _| header.jwk = None), Refusal::Key);
    let for_encryption = |header: &mut Header| header.jwk = header.jwk.take().map(|jwk| jwk.with_use("enc"));
    assert_eq!(refused(|header, _| for_encryption(header)), Refusal::Key);
    assert_eq!(refused(|header, _| header.kid = Some("also".into())), Refusal::Key);
    assert_eq!(refused(|header, _| header.x5c = Some(vec![vec![1]])), Refusal::Key);
    let foreign = SecretKey::generate().public_key().to_jwk();
    assert_eq!(refused(|header, _| header.jwk = Some(foreign)), Refusal::Signature);
    assert_eq!(refused(|_, claims| claims["aud"] = "https://other.example".into()), Refusal::Audience);
    assert_eq!(refused(|_, claims| claims["aud"] = json!([ISSUER])), Refusal::Malformed);
    assert_eq!(refused(|_, claims| claims["iss"] = "wallet".into()), Refusal::ForeignClient);
    assert_eq!(refused(|_, claims| claims["iat"] = (NOW - MAX_AGE_S - 1).into()), Refusal::Time);
    assert_eq!(refused(|_, claims| claims["iat"] = (NOW + SKEW_S + 1).into()), Refusal::Time);
    assert_eq!(refused(|_, claims| claims["nonce"] = Value::Null), Refusal::NonceMissing);
    assert_eq!(refused(|_, claims| claims["nonce"] = "theirs".into()), Refusal::NonceUnknown);

    assert_eq!(Refusal::Missing.code(), Code::InvalidProof);
    assert_eq!(Refusal::NonceMissing.code(), Code::InvalidProof);
    assert_eq!(Refusal::NonceUnknown.code(), Code::InvalidNonce);
    assert_eq!(Refusal::TooMany.code(), Code::InvalidCredentialRequest);
}

#[test]
fn one_bad_proof_spoils_the_batch() {
    let good = request().prove(&SecretKey::generate()).unwrap();
    let bad = ProofRequest { nonce: Some("stale"), ..request() }.prove(&SecretKey::generate()).unwrap();
    assert_eq!(judge(vec![good, bad]).unwrap_err(), Refusal::NonceUnknown);
}

#[test]
fn a_key_stands_for_one_credential_only() {
    let key = SecretKey::generate();
    let twice = vec![request().prove(&key).unwrap(), request().prove(&key).unwrap()];
    assert_eq!(judge(twice).unwrap_err(), Refusal::RepeatedKey);
    let crowd = (0..4).map(|_| request().prove(&SecretKey::generate()).unwrap()).collect();
    assert_eq!(judge(crowd).unwrap_err(), Refusal::TooMany);
}

#[test]
fn the_client_may_name_itself_but_nobody_else() {
    let expected = Expected { client_id: Some("wallet"), ..expected() };
    let judge = |client_id| {
        let proof = ProofRequest { client_id, ..request() }.prove(&SecretKey::generate()).unwrap();
        verify(Some(&Proofs::Jwt(vec![proof])), &expected).map(|_| ())
    };
    assert_eq!(judge(Some("wallet")), Ok(()));
    assert_eq!(judge(None), Ok(()));
    assert_eq!(judge(Some("other")), Err(Refusal::ForeignClient));
}

#[test]
fn a_did_jwk_names_its_key() {
    let key = SecretKey::generate();
    let jwk = serde_json::to_vec(&key.public_key().to_jwk()).unwrap();
    let did = format!("did:jwk:{}", encoding::b64url_encode(&jwk));
    let proof = |kid: String| {
        let claims = json!({ "aud": ISSUER, "iat": NOW, "nonce": "ours" });
        jwt::sign(&key, &Header::es256(TYP).with_kid(kid), &claims).unwrap()
    };
    let verified = judge(vec![proof(format!("{did}#0"))]).unwrap();
    assert_eq!(&verified.keys()[0], key.public_key());
    for kid in [did.as_str(), "did:jwk:###", "did:example:1#0", "0"] {
        assert_eq!(judge(vec![proof(kid.to_owned())]).unwrap_err(), Refusal::Key, "{kid}");
    }
}

// Key attestations.

struct Store {
    provider: SecretKey,
    keys: Vec<SecretKey>,
}

impl Store {
    fn new() -> Store {
        Store { provider: SecretKey::generate(), keys: (0..3).map(|_| SecretKey::generate()).collect() }
    }

    fn attestation(&self) -> KeyAttestation {
        KeyAttestation {
            iss: None,
            iat: NOW,
            exp: Some(NOW + 600),
            attested_keys: self.keys.iter().map(|key| key.public_key().to_jwk()).collect(),
            key_storage: vec!["iso_18045_basic".into()],
            user_authentication: vec![],
            certification: None,
            nonce: Some("ours".into()),
            status: None,
        }
    }

    fn signed(&self, change: impl FnOnce(&mut KeyAttestation)) -> String {
        let mut attestation = self.attestation();
        change(&mut attestation);
        attestation.sign(&self.provider, &[]).unwrap()
    }

    fn verify(
        &self,
        proofs: &Proofs,
        required: Option<&KeyAttestationsRequired>,
    ) -> Result<VerifiedKeys, Refusal> {
        let attesters = |_: &KeyHint| Some(self.provider.public_key().clone());
        let expected = Expected { attesters: Some(&attesters), attestation_required: required, ..expected() };
        verify(Some(proofs), &expected)
    }

    fn refused(&self, change: impl FnOnce(&mut KeyAttestation)) -> Refusal {
        self.verify(&Proofs::Attestation(self.signed(change)), None).unwrap_err()
    }
}

#[test]
fn one_attestation_carries_all_keys_of_a_batch_with_one_signature_or_none() {
    let store = Store::new();
    let attestation = store.signed(|_| {});
    let verified = store.verify(&Proofs::Attestation(attestation.clone()), None).unwrap();
    assert_eq!(verified.keys().len(), 3);
    assert_eq!(verified.nonces(), ["ours"]);
    assert_eq!(verified.attestation().unwrap().key_storage, ["iso_18045_basic"]);

    let proof =
        ProofRequest { key_attestation: Some(&attestation), ..request() }.prove(&store.keys[1]).unwrap();
    let verified = store.verify(&Proofs::Jwt(vec![proof]), None).unwrap();
    assert_eq!(&verified.keys()[1], store.keys[1].public_key());
    assert_eq!(verified.keys().len(), 3);
}

#[test]
fn an_attested_key_is_named_by_kid_thumbprint_or_place() {
    let store = Store::new();
    let attestation = store.signed(|attestation| attestation.attested_keys[2].kid = Some("third".into()));
    let proof = |kid: &str, key: &SecretKey| {
        let header = Header::es256(TYP).with_kid(kid).with("key_attestation", attestation.as_str());
        let claims = json!({ "aud": ISSUER, "iat": NOW, "nonce": "ours" });
        store.verify(&Proofs::Jwt(vec![jwt::sign(key, &header, &claims).unwrap()]), None).map(|_| ())
    };
    assert_eq!(proof("0", &store.keys[0]), Ok(()));
    assert_eq!(proof("third", &store.keys[2]), Ok(()));
    assert_eq!(proof(&store.keys[1].public_key().thumbprint(), &store.keys[1]), Ok(()));
    assert_eq!(proof("0", &store.keys[1]), Err(Refusal::Signature));
    assert_eq!(proof("7", &store.keys[0]), Err(Refusal::Key));
}

#[test]
fn every_broken_attestation_has_its_own_refusal() {
    let store = Store::new();
    assert_eq!(store.refused(|a| a.exp = Some(NOW)), Refusal::AttestationExpired);
    assert_eq!(store.refused(|a| a.iat = NOW + SKEW_S + 1), Refusal::AttestationExpired);
    assert_eq!(store.refused(|a| a.nonce = None), Refusal::NonceMissing);
    assert_eq!(store.refused(|a| a.nonce = Some("stale".into())), Refusal::NonceUnknown);
    assert_eq!(store.refused(|a| a.attested_keys.clear()), Refusal::AttestationMalformed);
    assert_eq!(
        store.refused(|a| a.attested_keys[0].crv = Some("P-384".into())),
        Refusal::AttestationMalformed
    );
    let repeat = store.keys[0].public_key().to_jwk();
    assert_eq!(store.refused(|a| a.attested_keys[1] = repeat), Refusal::RepeatedKey);
    let fourth = SecretKey::generate().public_key().to_jwk();
    assert_eq!(store.refused(|a| a.attested_keys.push(fourth)), Refusal::TooMany);

    let forged = store.attestation().sign(&SecretKey::generate(), &[]).unwrap();
    let refusal = store.verify(&Proofs::Attestation(forged), None).unwrap_err();
    assert_eq!(refusal, Refusal::AttestationSignature);
    let untrusted = verify(Some(&Proofs::Attestation(store.signed(|_| {}))), &expected()).unwrap_err();
    assert_eq!(untrusted, Refusal::AttestationUntrusted);
    let proof = request().prove(&store.keys[0]).unwrap();
    let other_type = store.verify(&Proofs::Attestation(proof), None).unwrap_err();
    assert_eq!(other_type, Refusal::AttestationMalformed);
}

#[test]
fn beside_a_proof_the_attestation_needs_exp_and_must_name_the_proofs_key() {
    let store = Store::new();
    let prove = |attestation: &str, key: &SecretKey| {
        let proof = ProofRequest { key_attestation: Some(attestation), ..request() }.prove(key).unwrap();
        store.verify(&Proofs::Jwt(vec![proof]), None).unwrap_err()
    };
    let without_exp = store.signed(|attestation| attestation.exp = None);
    assert_eq!(prove(&without_exp, &store.keys[0]), Refusal::AttestationExpired);
    assert!(store.verify(&Proofs::Attestation(without_exp), None).is_ok());
    assert_eq!(prove(&store.signed(|_| {}), &SecretKey::generate()), Refusal::NotAttested);
}

#[test]
fn an_issuer_that_demands_attestations_gets_them_at_the_level_it_names() {
    let store = Store::new();
    let level = |key_storage: &[&str]| KeyAttestationsRequired {
        key_storage: key_storage.iter().map(|level| (*level).to_owned()).collect(),
        user_authentication: vec![],
    };
    let attested = Proofs::Attestation(store.signed(|_| {}));
    assert!(store.verify(&attested, Some(&level(&[]))).is_ok());
    assert!(store.verify(&attested, Some(&level(&["iso_18045_basic", "iso_18045_high"]))).is_ok());
    let refusal = store.verify(&attested, Some(&level(&["iso_18045_high"]))).unwrap_err();
    assert_eq!(refusal, Refusal::AttestationLevel);
    let bare = Proofs::Jwt(vec![request().prove(&store.keys[0]).unwrap()]);
    assert_eq!(store.verify(&bare, Some(&level(&[]))).unwrap_err(), Refusal::AttestationMissing);
}

#[test]
fn the_proofs_object_holds_one_type_with_a_bounded_list_of_texts() {
    let bad = [
        json!([]),
        json!({}),
        json!({ "jwt": [] }),
        json!({ "jwt": "x" }),
        json!({ "jwt": [1] }),
        json!({ "jwt": ["x"], "attestation": ["y"] }),
        json!({ "attestation": ["x", "y"] }),
        json!({ "di_vp": [{}] }),
        json!({ "jwt": vec!["x"; MAX_KEYS + 1] }),
    ];
    for value in bad {
        assert_eq!(Proofs::from_value(value.clone()).unwrap_err().error, Code::InvalidProof, "{value}");
    }
    let good = Proofs::Jwt(vec!["a".into(), "b".into()]);
    assert_eq!(Proofs::from_value(good.to_value()).unwrap(), good);
    let good = Proofs::Attestation("a".into());
    assert_eq!(Proofs::from_value(good.to_value()).unwrap(), good);
}
