//! A copy as it is held, in either format: the parts that the wallet reads without asking which it is.
//!
//! Everything here is read from a copy that was verified when it came ([`crate::issue`]).

use credential::mdoc::IssuerSigned;
use credential::sd_jwt::{SdJwt, StatusClaim};
use credential::trust::authority_key_ids;
use credential::types::Format;
use keys::PublicKey;
use keys::encoding::b64url_decode;
use serde_json::Value;

use crate::issue::{Copy, Holding};

/// A parsed copy.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    SdJwt(Box<SdJwt>),
    Mdoc(Box<IssuerSigned>),
}

impl Document {
    /// Reads a credential as an issuer sends it: compact, or `IssuerSigned` in base64url (OpenID4VCI 1.0 §A.2.4).
    pub(crate) fn parse(format: Format, text: &str) -> Option<Document> {
        match format {
            Format::SdJwtVc => Some(Document::SdJwt(Box::new(SdJwt::parse(text).ok()?))),
            Format::Mdoc => {
                Some(Document::Mdoc(Box::new(IssuerSigned::parse(&b64url_decode(text).ok()?).ok()?)))
            }
        }
    }

    /// The copy of a holding.
    pub(crate) fn of(holding: &Holding, copy: &Copy) -> Option<Document> {
        Document::parse(holding.format()?, &copy.credential)
    }

    /// All claims, as a query's paths name them.
    pub(crate) fn claims(&self) -> &Value {
        match self {
            Document::SdJwt(token) => token.dangerous_claims(),
            Document::Mdoc(document) => document.dangerous_claims(),
        }
    }

    /// The key that the copy is bound to.
    pub(crate) fn holder_key(&self) -> Option<PublicKey> {
        match self {
            Document::SdJwt(token) => {
                let jwk = token.dangerous_claims().get("cnf")?.get("jwk")?.clone();
                let jwk: keys::Jwk = serde_json::from_value(jwk).ok()?;
                PublicKey::from_jwk(&jwk).ok()
            }
            Document::Mdoc(document) => Some(document.dangerous_device_key().clone()),
        }
    }

    /// Where its status is found.
    pub(crate) fn status(&self) -> Option<StatusClaim> {
        match self {
            Document::SdJwt(token) => {
                let list = token.dangerous_claims().get("status")?.get("status_list")?;
                let uri = list.get("uri")?.as_str()?.to_owned();
                Some(StatusClaim { uri, index: list.get("idx")?.as_u64()? })
            }
            Document::Mdoc(document) => document.dangerous_status().cloned(),
        }
    }

    /// Further names of its type, beside the one that the holding is filed under.
    pub(crate) fn other_types(&self) -> Vec<&str> {
        let also = match self {
            Document::SdJwt(token) => token.dangerous_claims().get("aka_vcts").and_then(Value::as_array),
            Document::Mdoc(_) => None,
        };
        also.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Key identifiers of the authorities in its certificate chain, as `trusted_authorities` names them.
    pub(crate) fn authorities(&self) -> Vec<String> {
        match self {
            Document::SdJwt(token) => authority_key_ids(token.header().x5c.as_deref().unwrap_or_default()),
            Document::Mdoc(document) => authority_key_ids(&document.x5chain().unwrap_or_default()),
        }
    }

    /// What it says about the holder: all that does not differ between copies of one credential.
    pub(crate) fn about_holder(&self) -> Value {
        let mut claims = self.claims().clone();
        if let (Document::SdJwt(_), Some(members)) = (self, claims.as_object_mut()) {
            for name in ["iat", "nbf", "exp", "cnf", "status", "jti"] {
                members.remove(name);
            }
        }
        claims
    }
}
