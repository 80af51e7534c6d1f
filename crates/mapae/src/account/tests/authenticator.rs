//! A phone's authenticator and the browser around it, made to be bent by tests (WebAuthn Level 3 §6).

use ciborium::Value as Cbor;
use keys::encoding::{b64url_decode, b64url_encode};
use keys::{SecretKey, Signer as _, sha256};
use serde_json::{Value, json};

/// One passkey, and what a test may bend about it.
pub(crate) struct Authenticator {
    key: SecretKey,
    id: Vec<u8>,
    user_handle: Value,
    pub(crate) aaguid: [u8; 16],
    pub(crate) origin: String,
    pub(crate) rp_id: String,
    pub(crate) user_verified: bool,
    pub(crate) synced: bool,
    pub(crate) counter: u32,
    pub(crate) cross_origin: bool,
}

impl Authenticator {
    pub(crate) fn new() -> Authenticator {
        Authenticator {
            key: SecretKey::generate(),
            id: keys::random::bytes::<16>().to_vec(),
            user_handle: Value::Null,
            aaguid: [0; 16],
            origin: "http://localhost:8600".into(),
            rp_id: "localhost".into(),
            user_verified: true,
            synced: false,
            counter: 0,
            cross_origin: false,
        }
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin,
            "other": "members may come",
        })
        .to_string()
        .into_bytes()
    }

    fn data(&self, attested: bool) -> Vec<u8> {
        let flags = 1
            | if self.user_verified { 4 } else { 0 }
            | if self.synced { 8 + 16 } else { 0 }
            | if attested { 64 } else { 0 };
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend_from_slice(&self.counter.to_be_bytes());
        if attested {
            data.extend_from_slice(&self.aaguid);
            data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&self.id);
            let point = self.key.public_key().to_sec1();
            let (x, y) = point[1..].split_at(32);
            let label = |n: i64| Cbor::Integer(n.into());
            let key = Cbor::Map(vec![
                (label(1), label(2)),
                (label(3), label(-7)),
                (label(-1), label(1)),
                (label(-2), Cbor::Bytes(x.to_vec())),
                (label(-3), Cbor::Bytes(y.to_vec())),
            ]);
            ciborium::into_writer(&key, &mut data).unwrap();
        }
        data
    }

    fn statement(&mut self, options: &Value, format: &str, members: Vec<(&str, Cbor)>) -> Value {
        let challenge = options["challenge"].as_str().unwrap();
        self.user_handle = options["user"]["id"].clone();
        let text = |text: &str| Cbor::Text(text.to_owned());
        let object = Cbor::Map(vec![
            (text("fmt"), text(format)),
            (
                text("attStmt"),
                Cbor::Map(members.into_iter().map(|(name, value)| (text(name), value)).collect()),
            ),
            (text("authData"), Cbor::Bytes(self.data(true))),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&object, &mut bytes).unwrap();
        json!({
            "id": b64url_encode(&self.id), "rawId": b64url_encode(&self.id), "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64url_encode(&self.client_data("webauthn.create", challenge)),
                "attestationObject": b64url_encode(&bytes),
                "transports": ["internal"],
            },
        })
    }

    /// `navigator.credentials.create()` without attestation.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        self.statement(options, "none", Vec::new())
    }

    /// With a `packed` attestation (§8.2) by `signer`, whose certificates are `chain`; without any it attests itself.
    pub(crate) fn create_packed(
        &mut self,
        options: &Value,
        signer: Option<&SecretKey>,
        chain: &[Vec<u8>],
    ) -> Value {
        let challenge = options["challenge"].as_str().unwrap();
        let signed =
            [self.data(true), sha256(&self.client_data("webauthn.create", challenge)).to_vec()].concat();
        let signature = signer.unwrap_or(&self.key).sign(&signed).unwrap().to_der();
        let mut members = vec![("alg", Cbor::Integer((-7).into())), ("sig", Cbor::Bytes(signature))];
        if !chain.is_empty() {
            members.push(("x5c", Cbor::Array(chain.iter().cloned().map(Cbor::Bytes).collect())));
        }
        self.statement(options, "packed", members)
    }

    /// `navigator.credentials.get()`.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let challenge = options["challenge"].as_str().unwrap();
        if self.counter > 0 {
            self.counter += 1;
        }
        let client_data = self.client_data("webauthn.get", challenge);
        let data = self.data(false);
        let signature = self.key.sign(&[data.as_slice(), &sha256(&client_data)].concat()).unwrap();
        json!({
            "id": b64url_encode(&self.id), "rawId": b64url_encode(&self.id), "type": "public-key",
            "clientExtensionResults": { "prf": { "results": { "first": "kept on the phone" } } },
            "response": {
                "clientDataJSON": b64url_encode(&client_data),
                "authenticatorData": b64url_encode(&data),
                "signature": b64url_encode(&signature.to_der()),
                "userHandle": self.user_handle,
            },
        })
    }

    /// Goes by another passkey's name.
    pub(crate) fn pretending_to_be(&self, other: &Authenticator) -> Authenticator {
        Authenticator { id: other.id.clone(), user_handle: other.user_handle.clone(), ..Authenticator::new() }
    }

    /// A copy of it, as a cloned authenticator would be.
    pub(crate) fn copy(&self) -> Authenticator {
        Authenticator {
            key: SecretKey::from_bytes(&self.key.to_bytes()).unwrap(),
            id: self.id.clone(),
            user_handle: self.user_handle.clone(),
            origin: self.origin.clone(),
            rp_id: self.rp_id.clone(),
            ..*self
        }
    }
}

#[test]
fn the_challenge_the_browser_signs_is_the_servers_token() {
    let mut authenticator = Authenticator::new();
    let made = authenticator.create(&json!({ "challenge": "AAAA", "user": { "id": "AA" } }));
    let data = b64url_decode(made["response"]["clientDataJSON"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(data).unwrap().contains("\"AAAA\""));
}
