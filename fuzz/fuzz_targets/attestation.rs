//! An attestation of a wallet or of keys: whatever a trusted provider writes is judged, and nothing of a stranger is believed.
#![no_main]

use std::sync::LazyLock;

use keys::{PublicKey, SecretKey, jws};
use libfuzzer_sys::fuzz_target;
use openid::attestation::{self, Expected, KeyHint, Pop};
use openid::vci::proof::{self, Proofs};

const NOW: i64 = 1_764_000_000;
const SERVER: &str = "https://as.example.com";
static PROVIDER: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);
static WALLET: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);

fn provider(_: &KeyHint) -> Option<PublicKey> {
    Some(PROVIDER.public_key().clone())
}

fn signed(typ: &str, payload: &[u8]) -> String {
    jws::sign(&*PROVIDER, &jws::Header::es256(typ), payload).expect("a key in memory signs")
}

fuzz_target!(|data: &[u8]| {
    wallet(data);
    // More claims beside the wallet's own key, so that the proof of its possession is reached.
    let key = WALLET.public_key().to_jwk().to_value();
    wallet(&[format!(r#"{{"cnf":{{"jwk":{key}}},"#).as_bytes(), data].concat());
    keys(data);
    keys(&[format!(r#"{{"attested_keys":[{key}],"#).as_bytes(), data].concat());
    if let Ok(text) = str::from_utf8(data) {
        let expected = wallets();
        assert!(attestation::verify(Some(text), Some(text), &expected).is_err());
        let proofs = Proofs::Attestation(text.to_owned());
        assert!(proof::verify(Some(&proofs), &holders()).is_err());
    }
});

fn wallets<'a>() -> Expected<'a> {
    let (challenge, max_age) = (None, Some(3_600));
    Expected { audience: SERVER, client_id: None, attesters: &provider, challenge, max_age, now: NOW }
}

fn wallet(claims: &[u8]) {
    let attestation = signed(attestation::TYP, claims);
    let pop = Pop { client_id: "wallet", audience: SERVER, challenge: None, jti: "fresh", now: NOW };
    let pop = pop.prove(&*WALLET).expect("a key in memory signs");
    if let Ok(client) = attestation::verify(Some(&attestation), Some(&pop), &wallets()) {
        assert_eq!(client.key(), WALLET.public_key());
        assert_eq!(client.client_id(), client.claims().sub);
        assert!(client.replay_until() >= NOW);
    }
    assert!(attestation::verify(Some(&attestation), None, &wallets()).is_err());
}

fn holders<'a>() -> proof::Expected<'a> {
    proof::Expected {
        issuer: "https://issuer.example",
        nonce: &|_| true,
        client_id: None,
        max_keys: 20,
        attesters: Some(&provider),
        attestation_required: None,
        now: NOW,
    }
}

fn keys(claims: &[u8]) {
    let proofs = Proofs::Attestation(signed(proof::ATTESTATION_TYP, claims));
    if let Ok(verified) = proof::verify(Some(&proofs), &holders()) {
        assert!((1..=20).contains(&verified.keys().len()));
        assert!(verified.attestation().is_some());
    }
}
