//! Verifiers that are known by a DID: where their keys are found, and what that says about them.

use keys::jws::Unverified;
use keys::{Jwk, PublicKey};
use openid::vp::ClientId;
use serde::Deserialize;

use super::Policy;
use crate::ports::{Http as _, Request, Shell};
use crate::wallet::Wallet;

/// Longest DID document that is read, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;
/// Most verification methods of a document.
const MAX_METHODS: usize = 64;
/// Longest DID, in bytes.
const MAX_DID: usize = 2_048;

/// Keys by their DID URL.
pub(super) type Keys = Vec<(String, PublicKey)>;

impl<S: Shell> Wallet<S> {
    /// The keys of the DID by which a request names its verifier; none where it names no DID, or its document can't be
    /// had.
    pub(super) async fn did_keys(&self, client_id: &str, policy: &Policy<'_>) -> Keys {
        let Some(ClientId::DecentralizedIdentifier(did)) = ClientId::parse(client_id) else {
            return Keys::new();
        };
        if did.len() > MAX_DID || did.contains(['?', '#', ' ']) {
            return Keys::new();
        }
        if let Some(encoded) = did.strip_prefix("did:jwk:") {
            return of_jwk(&did, encoded).into_iter().collect();
        }
        let address = if did.starts_with("did:mapae:") {
            self.resolver(policy).map(|resolver| format!("{resolver}{did}"))
        } else {
            did.strip_prefix("did:web:").and_then(|name| web_address(name, policy.did_hosts))
        };
        let Some(address) = address else { return Keys::new() };
        let request = Request { max_response: MAX_DOCUMENT, ..Request::get(address) };
        // One document of many forms: this asks a resolver for the document without its metadata.
        let request = request.header("accept", "application/did+ld+json, application/did+json");
        match self.shell().http().send(request).await {
            Ok(response) if response.status == 200 => of_document(&did, &response.body).unwrap_or_default(),
            _ => Keys::new(),
        }
    }

    /// Where did:mapae is resolved: as the shell says, else at the wallet provider.
    fn resolver(&self, policy: &Policy<'_>) -> Option<String> {
        let provider = self.state().account.as_ref().map(|account| account.provider.as_str());
        let base = policy.did_resolver.or(provider)?;
        Some(format!("{}/1.0/identifiers/", base.trim_end_matches('/')))
    }
}

/// The DID by which a request object over the Digital Credentials API names its verifier; nothing of it is believed yet.
pub(super) fn named_in(request: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        client_id: Option<String>,
    }
    let unverified = Unverified::parse(request, super::ask::MAX_REQUEST).ok()?;
    unverified.dangerous_claims::<Named>().ok()?.client_id
}

/// Whether somebody vouches for the name: the registrar for did:mapae, a host's certificate for did:web. A did:jwk is a
/// key and no more.
pub(super) fn is_vouched_for(did: &str) -> bool {
    did.starts_with("did:mapae:") || did.starts_with("did:web:")
}

fn of_jwk(did: &str, encoded: &str) -> Option<(String, PublicKey)> {
    let jwk: Jwk = keys::strict_json::parse(&keys::encoding::b64url_decode(encoded).ok()?).ok()?;
    Some((format!("{did}#0"), PublicKey::from_jwk(&jwk).ok()?))
}

/// Where the document of a did:web lies, if its host is one that this wallet asks.
fn web_address(name: &str, hosts: &[&str]) -> Option<String> {
    let mut parts = name.split(':');
    let host = parts.next()?.replace("%3A", ":").replace("%3a", ":");
    let sound = |part: &str| {
        !part.is_empty()
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    if !hosts.contains(&host.as_str()) || !parts.clone().all(sound) {
        return None;
    }
    let path: Vec<&str> = parts.collect();
    let scheme = if host.split(':').next() == Some("localhost") { "http" } else { "https" };
    let path = if path.is_empty() { ".well-known".to_owned() } else { path.join("/") };
    Some(format!("{scheme}://{host}/{path}/did.json"))
}

/// The P-256 keys of a DID document (DID Core §5.2); relative ids are completed.
fn of_document(did: &str, bytes: &[u8]) -> Option<Keys> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        id: String,
        #[serde(default)]
        verification_method: Vec<Method>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Method {
        id: String,
        #[serde(default)]
        public_key_jwk: Option<serde_json::Value>,
    }
    let document: Document = keys::strict_json::parse(bytes).ok()?;
    if document.id != did || document.verification_method.len() > MAX_METHODS {
        return None;
    }
    let key = |method: Method| {
        let id = if method.id.starts_with('#') { format!("{did}{}", method.id) } else { method.id };
        let jwk: Jwk = serde_json::from_value(method.public_key_jwk?).ok()?;
        Some((id, PublicKey::from_jwk(&jwk).ok()?))
    };
    Some(document.verification_method.into_iter().filter_map(key).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_hosts_that_are_allowed_are_asked_for_a_did_web() {
        let hosts = ["agency.example", "localhost:8080"];
        let address = |name: &str| web_address(name, &hosts);
        assert_eq!(address("agency.example").as_deref(), Some("https://agency.example/.well-known/did.json"));
        assert_eq!(address("agency.example:a:b").as_deref(), Some("https://agency.example/a/b/did.json"));
        assert_eq!(address("localhost%3A8080:x").as_deref(), Some("http://localhost:8080/x/did.json"));
        for name in
            ["evil.example", "agency.example%2Fx", "agency.example:..", "agency.example::", "", "localhost"]
        {
            assert_eq!(address(name), None, "{name}");
        }
    }

    #[test]
    fn a_document_gives_its_own_keys_and_no_others() {
        let key = keys::SecretKey::generate();
        let jwk = key.public_key().to_jwk().to_value();
        let document = json!({ "id": "did:web:a.example", "verificationMethod": [
            { "id": "#1", "publicKeyJwk": jwk },
            { "id": "did:web:a.example#2", "publicKeyJwk": jwk },
            { "id": "#3", "publicKeyMultibase": "z6Mk" },
            { "id": "#4", "publicKeyJwk": { "kty": "OKP", "crv": "Ed25519", "x": "AA" } },
        ] });
        let names = |did: &str| {
            of_document(did, document.to_string().as_bytes())
                .map(|keys| keys.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(names("did:web:a.example").unwrap(), ["did:web:a.example#1", "did:web:a.example#2"]);
        assert_eq!(names("did:web:b.example"), None, "the document of another");
        assert!(of_document("did:web:a.example", b"[]").is_none());
    }

    #[test]
    fn a_did_jwk_is_its_own_key() {
        let key = keys::SecretKey::generate();
        let encoded =
            keys::encoding::b64url_encode(key.public_key().to_jwk().to_value().to_string().as_bytes());
        let did = format!("did:jwk:{encoded}");
        let (name, found) = of_jwk(&did, &encoded).unwrap();
        assert_eq!((name, &found), (format!("{did}#0"), key.public_key()));
        assert!(of_jwk("did:jwk:AA", "AA").is_none());
        assert!(!is_vouched_for(&did) && is_vouched_for("did:web:a.example"));
    }
}
