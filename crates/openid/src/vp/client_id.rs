//! Client identifiers and their prefixes (OpenID4VP 1.0 §5.9).

use keys::encoding;

/// Longest client identifier read, in bytes.
const MAX: usize = 1024;

/// Who asks, by the kind of name it uses. The text on the wire is always the whole one, prefix included (§14.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientId {
    /// `x509_hash:` and the SHA-256 of the leaf certificate.
    X509Hash([u8; 32]),
    /// `x509_san_dns:` and a DNS name of the leaf certificate.
    X509SanDns(String),
    /// `decentralized_identifier:` and a DID.
    DecentralizedIdentifier(String),
    /// `redirect_uri:` and the address the response goes to; such requests can't be signed.
    RedirectUri(String),
    /// `origin:` and the origin of a page: who asks over the Digital Credentials API. Never read from a request.
    Origin(String),
    /// No prefix that is known: a client known beforehand, or nobody.
    PreRegistered(String),
}

impl ClientId {
    /// Names a verifier by its leaf certificate.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> ClientId {
        ClientId::X509Hash(keys::sha256(der))
    }

    /// Reads a client identifier; `None` if it is empty, too long, against its prefix, or of a prefix never accepted.
    #[must_use]
    pub fn parse(text: &str) -> Option<ClientId> {
        if text.is_empty() || text.len() > MAX {
            return None;
        }
        match text.split_once(':') {
            Some(("x509_hash", hash)) => {
                encoding::b64url_decode(hash).ok()?.try_into().ok().map(ClientId::X509Hash)
            }
            Some(("x509_san_dns", name)) => is_dns_name(name).then(|| ClientId::X509SanDns(name.to_owned())),
            Some(("decentralized_identifier", did)) => (did.starts_with("did:") && did.len() > 8)
                .then(|| ClientId::DecentralizedIdentifier(did.to_owned())),
            Some(("redirect_uri", uri)) => {
                crate::link::endpoint(uri).is_ok().then(|| ClientId::RedirectUri(uri.to_owned()))
            }
            // Reserved for the Digital Credentials API, or of trust frameworks not followed here (§5.9.3).
            Some(("origin" | "openid_federation" | "verifier_attestation", _)) => None,
            _ => Some(ClientId::PreRegistered(text.to_owned())),
        }
    }
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ClientId::X509Hash(hash) => write!(f, "x509_hash:{}", encoding::b64url_encode(hash)),
            ClientId::X509SanDns(name) => write!(f, "x509_san_dns:{name}"),
            ClientId::DecentralizedIdentifier(did) => write!(f, "decentralized_identifier:{did}"),
            ClientId::RedirectUri(uri) => write!(f, "redirect_uri:{uri}"),
            ClientId::Origin(origin) => write!(f, "origin:{origin}"),
            ClientId::PreRegistered(text) => f.write_str(text),
        }
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
