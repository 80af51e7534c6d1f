//! Credential issuer metadata (OpenID4VCI 1.0 §12.2.4), unsigned and signed (§12.2.3).

use std::collections::BTreeMap;

use keys::{JwkSet, SignError, Signer};
use serde::{Deserialize, Serialize};

use super::{MetadataError, check_endpoints};
use crate::attestation::Attesters;
use crate::{json, jwt, link};

/// `typ` of signed metadata (§12.2.3).
pub const SIGNED_METADATA_TYP: &str = "openidvci-issuer-metadata+jwt";

/// Most credential configurations read from one issuer.
const MAX_CONFIGURATIONS: usize = 256;
/// Most claims read for one configuration.
const MAX_CLAIMS: usize = 256;

/// What a credential issuer publishes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialIssuer {
    /// The issuer identifier.
    pub credential_issuer: String,
    /// The authorization servers; empty means the issuer is its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    /// Where credentials are given.
    pub credential_endpoint: String,
    /// Where nonces are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce_endpoint: Option<String>,
    /// Where deferred credentials are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_credential_endpoint: Option<String>,
    /// Where the wallet says what became of a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_endpoint: Option<String>,
    /// Encryption of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_request_encryption: Option<RequestEncryption>,
    /// Encryption of responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_response_encryption: Option<ResponseEncryptionSupport>,
    /// Batches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_credential_issuance: Option<BatchIssuance>,
    /// Name and logo, one for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<IssuerDisplay>,
    /// What can be issued, by configuration id.
    pub credential_configurations_supported: BTreeMap<String, CredentialConfiguration>,
}

/// How credential requests are encrypted (`credential_request_encryption`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestEncryption {
    /// The issuer's keys, each with a `kid`.
    pub jwks: JwkSet,
    /// Content encryptions taken.
    pub enc_values_supported: Vec<String>,
    /// Whether every request must be encrypted.
    pub encryption_required: bool,
}

/// How credential responses are encrypted (`credential_response_encryption`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseEncryptionSupport {
    /// Key agreements offered.
    pub alg_values_supported: Vec<String>,
    /// Content encryptions offered.
    pub enc_values_supported: Vec<String>,
    /// Whether every response must be encrypted.
    pub encryption_required: bool,
}

impl ResponseEncryptionSupport {
    /// What this crate encrypts with: ECDH-ES with A128GCM or A256GCM.
    #[must_use]
    pub fn ours(required: bool) -> ResponseEncryptionSupport {
        ResponseEncryptionSupport {
            alg_values_supported: vec!["ECDH-ES".to_owned()],
            enc_values_supported: vec!["A128GCM".to_owned(), "A256GCM".to_owned()],
            encryption_required: required,
        }
    }
}

/// `batch_credential_issuance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchIssuance {
    /// Most keys in one credential request, 2 or more.
    pub batch_size: u32,
}

/// The issuer's name in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IssuerDisplay {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Image>,
}

/// A picture by reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `https:` or `data:` address.
    pub uri: String,
    /// What it shows, for people who don't see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
}

/// One kind of credential that can be issued.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialConfiguration {
    /// `dc+sd-jwt`, `mso_mdoc`, …
    pub format: String,
    /// The OAuth scope that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Algorithms the issuer signs with; names for SD-JWT VC, numbers for mdoc.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credential_signing_alg_values_supported: Vec<serde_json::Value>,
    /// How holder keys are named: `jwk`, `cose_key`, `did:…`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cryptographic_binding_methods_supported: Vec<String>,
    /// Proofs taken, by proof type; empty means that none is asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proof_types_supported: BTreeMap<String, ProofType>,
    /// The type of an SD-JWT VC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vct: Option<String>,
    /// The type of an mdoc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doctype: Option<String>,
    /// How many copies the issuer advises to ask for, at most [`BatchIssuance::batch_size`]. An extension of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// Names and claims for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_metadata: Option<CredentialMetadata>,
}

/// What is asked of one type of proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofType {
    /// Algorithms taken.
    pub proof_signing_alg_values_supported: Vec<String>,
    /// Present if a key attestation is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_attestations_required: Option<KeyAttestationsRequired>,
}

/// What a key attestation must show; both empty means any will do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyAttestationsRequired {
    /// Accepted levels of the key store (Appendix D.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_storage: Vec<String>,
    /// Accepted levels of the person's authentication to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_authentication: Vec<String>,
}

/// Names and claims of a credential, for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialMetadata {
    /// The credential's name and colours, one for each language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<CredentialDisplay>,
    /// The claims in the order to show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimDescription>,
}

/// A credential's look in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialDisplay {
    /// The name.
    pub name: String,
    /// BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Image>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// CSS colour behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_color: Option<String>,
    /// Picture behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_image: Option<Image>,
    /// CSS colour of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_color: Option<String>,
}

/// One claim of a credential (Appendix B).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimDescription {
    /// Where it stands (Appendix C).
    pub path: Vec<PathElement>,
    /// Whether it is always there (metadata) or must be (request).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mandatory: bool,
    /// Its name, one for each language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<ClaimDisplay>,
}

/// One step of a claims path pointer: a member, an index, or every element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathElement {
    /// A member of an object.
    Member(String),
    /// An element of an array.
    Index(u32),
    /// All elements of an array (`null`).
    All,
}

/// A claim's name in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimDisplay {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

impl ClaimDescription {
    /// The name in a language, or in any if that is missing.
    #[must_use]
    pub fn name(&self, language: &str) -> Option<&str> {
        pick(&self.display, language, |display| display.locale.as_deref())
            .and_then(|display| display.name.as_deref())
    }
}

impl CredentialMetadata {
    /// The look in a language, or in any if that is missing.
    #[must_use]
    pub fn display(&self, language: &str) -> Option<&CredentialDisplay> {
        pick(&self.display, language, |display| display.locale.as_deref())
    }
}

fn pick<'a, T>(items: &'a [T], language: &str, locale: impl Fn(&T) -> Option<&str>) -> Option<&'a T> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let wanted = primary(language);
    items.iter().find(|item| locale(item).is_some_and(|tag| primary(tag) == wanted)).or_else(|| items.first())
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    sub: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(flatten)]
    metadata: CredentialIssuer,
}

impl CredentialIssuer {
    /// The name of the well-known document.
    pub const WELL_KNOWN: &'static str = "openid-credential-issuer";

    /// Where the document of an issuer lies (§12.2.2).
    ///
    /// # Errors
    /// `issuer` is no issuer identifier.
    pub fn location(issuer: &str) -> Result<String, MetadataError> {
        Ok(link::well_known(issuer, Self::WELL_KNOWN)?)
    }

    /// Reads the JSON document fetched for `issuer`.
    ///
    /// # Errors
    /// Malformed, of another issuer, with an endpoint that is no https address, or against a rule of §12.2.4.
    pub fn read(body: &[u8], issuer: &str) -> Result<CredentialIssuer, MetadataError> {
        let document: CredentialIssuer = json::parse(body, json::LARGE)?;
        document.checked(issuer)
    }

    /// Reads the signed form (`application/jwt`); `trusted` resolves `x5c` or `kid` to a key that may speak for issuers.
    ///
    /// # Errors
    /// As [`CredentialIssuer::read`], and `Signature` for a wrong, expired, foreign or untrusted signature.
    pub fn read_signed(
        token: &str,
        issuer: &str,
        trusted: Attesters<'_>,
        now: i64,
    ) -> Result<CredentialIssuer, MetadataError> {
        let unverified =
            jwt::parse(token, json::LARGE, SIGNED_METADATA_TYP).map_err(|_| MetadataError::Signature)?;
        let key = trusted(&jwt::key_hint(&unverified)).ok_or(MetadataError::Signature)?;
        let signed: Signed =
            jwt::verify(unverified, &key, SIGNED_METADATA_TYP).map_err(|_| MetadataError::Signature)?;
        if signed.sub != issuer || signed.exp.is_some_and(|exp| exp <= now) {
            return Err(MetadataError::Signature);
        }
        signed.metadata.checked(issuer)
    }

    /// Signs the document (§12.2.3); `x5c` leaf first, without the root.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn sign(
        &self,
        signer: &dyn Signer,
        x5c: &[Vec<u8>],
        iat: i64,
        exp: Option<i64>,
    ) -> Result<String, SignError> {
        let header = jwt::header_with_chain(SIGNED_METADATA_TYP, x5c);
        let issuer = self.credential_issuer.clone();
        let claims = Signed { iss: Some(issuer.clone()), sub: issuer, iat, exp, metadata: self.clone() };
        jwt::sign(signer, &header, &claims)
    }

    /// The authorization server of a grant (§12.2.4): the hint if the document lists it, else the first, else the issuer.
    ///
    /// # Errors
    /// `Rule` if the hint is not among the listed.
    pub fn authorization_server<'a>(&'a self, hint: Option<&'a str>) -> Result<&'a str, MetadataError> {
        match hint {
            Some(hint) if self.authorization_servers.iter().any(|listed| listed == hint) => Ok(hint),
            Some(_) => Err(MetadataError::Rule),
            None => {
                Ok(self.authorization_servers.first().map_or(self.credential_issuer.as_str(), String::as_str))
            }
        }
    }

    /// Most keys in one request.
    #[must_use]
    pub fn batch_size(&self) -> u32 {
        self.batch_credential_issuance.map_or(1, |batch| batch.batch_size)
    }

    fn checked(self, issuer: &str) -> Result<CredentialIssuer, MetadataError> {
        if self.credential_issuer != issuer {
            return Err(MetadataError::ForeignIssuer);
        }
        link::issuer(issuer)?;
        link::endpoint(&self.credential_endpoint)?;
        check_endpoints([
            self.nonce_endpoint.as_ref(),
            self.deferred_credential_endpoint.as_ref(),
            self.notification_endpoint.as_ref(),
        ])?;
        for server in &self.authorization_servers {
            link::issuer(server)?;
        }
        let configurations = &self.credential_configurations_supported;
        let crowded = configurations.len() > MAX_CONFIGURATIONS
            || configurations.values().any(|configuration| {
                configuration.format.is_empty()
                    || configuration.credential_metadata.as_ref().is_some_and(|m| m.claims.len() > MAX_CLAIMS)
            });
        if crowded || self.batch_credential_issuance.is_some_and(|batch| batch.batch_size < 2) {
            return Err(MetadataError::Rule);
        }
        Ok(self)
    }
}
