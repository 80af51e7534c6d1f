//! Credential requests and responses (OpenID4VCI 1.0 §8, §9), plain and encrypted (§10).

use keys::jwe::{self, Enc};
use keys::{Jwk, PublicKey, SecretKey};
use serde::{Deserialize, Serialize};

use super::proof::Proofs;
use crate::error::{Code, OAuthError};
use crate::json;
use crate::metadata::ResponseEncryptionSupport;
use crate::token::AuthorizationDetail;

/// Longest credential response read, in bytes: a batch of a hundred credentials.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// What a credential request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `credential_configuration_id`.
    Configuration(String),
    /// `credential_identifier`, as given in the token response.
    Identifier(String),
}

/// A credential request (§8.2).
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialRequest {
    /// Which credential.
    pub target: Target,
    /// The keys to bind it to.
    pub proofs: Option<Proofs>,
    /// How to encrypt the response, if at all.
    pub response_encryption: Option<ResponseEncryption>,
}

#[derive(Serialize, Deserialize)]
struct RequestBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_configuration_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_identifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proofs: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_response_encryption: Option<serde_json::Value>,
}

/// What a token allows to be requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Configurations that may be asked for by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configurations: Vec<String>,
    /// `authorization_details` of the token response; if there are any, only their identifiers may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<AuthorizationDetail>,
}

impl CredentialRequest {
    /// Reads a request in plain JSON.
    ///
    /// # Errors
    /// `invalid_credential_request`, `invalid_proof` or `invalid_encryption_parameters`, by the part that is wrong.
    pub fn parse(body: &[u8]) -> Result<CredentialRequest, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidCredentialRequest, why);
        let body: RequestBody =
            json::parse(body, json::LARGE).map_err(|_| refused("the credential request is malformed"))?;
        let fits = |id: &String| (1..=512).contains(&id.len());
        let target = match (body.credential_configuration_id, body.credential_identifier) {
            (Some(id), None) if fits(&id) => Target::Configuration(id),
            (None, Some(id)) if fits(&id) => Target::Identifier(id),
            (Some(_), Some(_)) => {
                return Err(refused(
                    "credential_configuration_id and credential_identifier exclude each other",
                ));
            }
            (None, None) => {
                return Err(refused("credential_configuration_id or credential_identifier is missing"));
            }
            _ => return Err(refused("the credential is named by an empty or too long text")),
        };
        let proofs = body.proofs.map(Proofs::from_value).transpose()?;
        let response_encryption =
            body.credential_response_encryption.map(ResponseEncryption::from_value).transpose()?;
        Ok(CredentialRequest { target, proofs, response_encryption })
    }

    /// Reads an encrypted request (`application/jwt`, §10) with the key that the issuer's metadata names.
    ///
    /// # Errors
    /// `invalid_encryption_parameters` if it does not decrypt, else as [`CredentialRequest::parse`].
    pub fn parse_encrypted(body: &[u8], key: &SecretKey) -> Result<CredentialRequest, OAuthError> {
        CredentialRequest::parse(&decrypt(body, key, json::LARGE * 2)?)
    }

    /// The JSON body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let (configuration, identifier) = match &self.target {
            Target::Configuration(id) => (Some(id.clone()), None),
            Target::Identifier(id) => (None, Some(id.clone())),
        };
        let body = RequestBody {
            credential_configuration_id: configuration,
            credential_identifier: identifier,
            proofs: self.proofs.as_ref().map(Proofs::to_value),
            credential_response_encryption: self
                .response_encryption
                .as_ref()
                .map(ResponseEncryption::to_value),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The encrypted body (`application/jwt`) for a key of the issuer's metadata.
    ///
    /// # Errors
    /// `invalid_encryption_parameters` if the key can't be encrypted to.
    pub fn to_jwe(&self, key: &Jwk, enc: Enc) -> Result<String, OAuthError> {
        encrypt(key, enc, &self.to_json())
    }

    /// Which configuration this is, among those that the token allows and the issuer knows.
    ///
    /// # Errors
    /// `unknown_credential_identifier`, `unknown_credential_configuration`; `insufficient_scope` for a known
    /// configuration that the token does not reach; `invalid_credential_request` for a configuration id where
    /// the token response gave identifiers (§8.2).
    pub fn resolve<'a>(
        &'a self,
        granted: &'a Granted,
        known: impl Fn(&str) -> bool,
    ) -> Result<&'a str, OAuthError> {
        match &self.target {
            Target::Identifier(id) => granted
                .details
                .iter()
                .find(|detail| detail.credential_identifiers.contains(id))
                .map(|detail| detail.credential_configuration_id.as_str())
                .filter(|configuration| known(configuration))
                .ok_or_else(|| {
                    OAuthError::new(Code::UnknownCredentialIdentifier, "unknown credential_identifier")
                }),
            Target::Configuration(id) if !known(id) => Err(OAuthError::new(
                Code::UnknownCredentialConfiguration,
                "unknown credential_configuration_id",
            )),
            Target::Configuration(_) if !granted.details.is_empty() => Err(OAuthError::new(
                Code::InvalidCredentialRequest,
                "use the credential_identifier of the token response",
            )),
            Target::Configuration(id) if granted.configurations.contains(id) => Ok(id),
            Target::Configuration(_) => {
                Err(OAuthError::new(Code::InsufficientScope, "the token does not reach this credential"))
            }
        }
    }
}

/// `credential_response_encryption` of a request (§8.2).
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseEncryption {
    jwk: Jwk,
    enc: Enc,
}

#[derive(Serialize, Deserialize)]
struct EncryptionBody {
    jwk: Jwk,
    enc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zip: Option<String>,
}

impl ResponseEncryption {
    /// Asks for a response encrypted to this key.
    #[must_use]
    pub fn new(key: &PublicKey, kid: &str, enc: Enc) -> ResponseEncryption {
        let jwk = key.to_jwk().with_alg("ECDH-ES").with_use("enc").with_kid(kid);
        ResponseEncryption { jwk, enc }
    }

    fn from_value(value: serde_json::Value) -> Result<ResponseEncryption, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidEncryptionParameters, why);
        let body: EncryptionBody = serde_json::from_value(value)
            .map_err(|_| refused("credential_response_encryption is malformed"))?;
        if body.zip.is_some() {
            return Err(refused("compression is not offered"));
        }
        let enc = Enc::from_name(&body.enc).ok_or_else(|| refused("enc must be A128GCM or A256GCM"))?;
        let fits = body.jwk.alg.is_some() && body.jwk.may_agree();
        if !fits || PublicKey::from_jwk(&body.jwk).is_err() {
            return Err(refused("jwk must be a P-256 key for encryption with alg ECDH-ES"));
        }
        Ok(ResponseEncryption { jwk: body.jwk, enc })
    }

    fn to_value(&self) -> serde_json::Value {
        let body = EncryptionBody { jwk: self.jwk.clone(), enc: self.enc.name().to_owned(), zip: None };
        serde_json::to_value(body).unwrap_or_default()
    }
}

/// Judges whether a request encrypts as the issuer demands (§8.2).
///
/// # Errors
/// `invalid_encryption_parameters` if encryption is required and absent, or asked for and not offered.
pub fn require_encryption(
    request: Option<&ResponseEncryption>,
    support: Option<&ResponseEncryptionSupport>,
) -> Result<(), OAuthError> {
    match (request, support) {
        (None, Some(support)) if support.encryption_required => {
            Err(OAuthError::new(Code::InvalidEncryptionParameters, "the response must be encrypted"))
        }
        (Some(_), None) => {
            Err(OAuthError::new(Code::InvalidEncryptionParameters, "encryption is not offered"))
        }
        _ => Ok(()),
    }
}

/// One issued credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The credential in its own encoding; mdoc in base64url.
    pub credential: String,
}

/// A credential or deferred credential response (§8.3, §9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialResponse {
    /// The credentials, at most one for each key.
    Issued {
        /// In the order of the keys.
        credentials: Vec<String>,
        /// To be named in the notification.
        notification_id: Option<String>,
    },
    /// To be asked for again later.
    Deferred {
        /// The deferred transaction.
        transaction_id: String,
        /// Seconds to wait at least.
        interval: u64,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct ResponseBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credentials: Option<Vec<IssuedCredential>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notification_id: Option<String>,
}

impl CredentialResponse {
    /// 200, or 202 where issuance is deferred.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            CredentialResponse::Issued { .. } => 200,
            CredentialResponse::Deferred { .. } => 202,
        }
    }

    /// The JSON body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let body = match self {
            CredentialResponse::Issued { credentials, notification_id } => ResponseBody {
                credentials: Some(
                    credentials.iter().map(|c| IssuedCredential { credential: c.clone() }).collect(),
                ),
                notification_id: notification_id.clone(),
                ..ResponseBody::default()
            },
            CredentialResponse::Deferred { transaction_id, interval } => ResponseBody {
                transaction_id: Some(transaction_id.clone()),
                interval: Some(*interval),
                ..ResponseBody::default()
            },
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The encrypted body (`application/jwt`) that the request asked for.
    ///
    /// # Errors
    /// `invalid_encryption_parameters` if the key can't be encrypted to.
    pub fn to_jwe(&self, encryption: &ResponseEncryption) -> Result<String, OAuthError> {
        encrypt(&encryption.jwk, encryption.enc, &self.to_json())
    }

    /// Reads the body of a 200 or 202; `key` is the secret half where the request asked for encryption.
    ///
    /// # Errors
    /// `invalid_request` if malformed, both or neither of its two forms, without credentials, or beyond the bound;
    /// `invalid_encryption_parameters` if it should be encrypted and is not.
    pub fn read(body: &[u8], key: Option<&SecretKey>) -> Result<CredentialResponse, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        let plain;
        let body = match key {
            Some(key) => {
                plain = decrypt(body, key, MAX_RESPONSE * 2)?;
                plain.as_slice()
            }
            None => body,
        };
        let body: ResponseBody = json::parse(body, MAX_RESPONSE)?;
        match (body.credentials, body.transaction_id) {
            (Some(credentials), None) if !credentials.is_empty() => Ok(CredentialResponse::Issued {
                credentials: credentials.into_iter().map(|issued| issued.credential).collect(),
                notification_id: body.notification_id,
            }),
            (None, Some(transaction_id)) => Ok(CredentialResponse::Deferred {
                transaction_id,
                interval: body.interval.ok_or_else(|| refused("interval is missing"))?,
            }),
            _ => Err(refused("the response has neither credentials nor a transaction")),
        }
    }
}

/// A deferred credential request (§9.1).
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredRequest {
    /// From the deferred response.
    pub transaction_id: String,
    /// How to encrypt the response, if at all.
    pub response_encryption: Option<ResponseEncryption>,
}

#[derive(Serialize, Deserialize)]
struct DeferredBody {
    transaction_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_response_encryption: Option<serde_json::Value>,
}

impl DeferredRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// `invalid_credential_request` if malformed, `invalid_encryption_parameters` by that part.
    pub fn parse(body: &[u8]) -> Result<DeferredRequest, OAuthError> {
        let refused = || OAuthError::new(Code::InvalidCredentialRequest, "the deferred request is malformed");
        let body: DeferredBody = json::parse(body, json::SMALL).map_err(|_| refused())?;
        if body.transaction_id.is_empty() || body.transaction_id.len() > 512 {
            return Err(refused());
        }
        let response_encryption =
            body.credential_response_encryption.map(ResponseEncryption::from_value).transpose()?;
        Ok(DeferredRequest { transaction_id: body.transaction_id, response_encryption })
    }

    /// Reads an encrypted request (`application/jwt`, §10) with the key that the issuer's metadata names.
    ///
    /// # Errors
    /// `invalid_encryption_parameters` if it does not decrypt, else as [`DeferredRequest::parse`].
    pub fn parse_encrypted(body: &[u8], key: &SecretKey) -> Result<DeferredRequest, OAuthError> {
        DeferredRequest::parse(&decrypt(body, key, json::SMALL * 2)?)
    }

    /// The encrypted body (`application/jwt`) for a key of the issuer's metadata.
    ///
    /// # Errors
    /// `invalid_encryption_parameters` if the key can't be encrypted to.
    pub fn to_jwe(&self, key: &Jwk, enc: Enc) -> Result<String, OAuthError> {
        encrypt(key, enc, &self.to_json())
    }

    /// The JSON body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let body = DeferredBody {
            transaction_id: self.transaction_id.clone(),
            credential_response_encryption: self
                .response_encryption
                .as_ref()
                .map(ResponseEncryption::to_value),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

fn encrypt(key: &Jwk, enc: Enc, plain: &[u8]) -> Result<String, OAuthError> {
    let refused = || OAuthError::new(Code::InvalidEncryptionParameters, "the key can not be encrypted to");
    let public = PublicKey::from_jwk(key).map_err(|_| refused())?;
    jwe::encrypt(&public, key.kid.as_deref(), enc, &[], &[], plain).map_err(|_| refused())
}

fn decrypt(body: &[u8], key: &SecretKey, max: usize) -> Result<keys::Zeroizing<Vec<u8>>, OAuthError> {
    let refused = || OAuthError::new(Code::InvalidEncryptionParameters, "the message does not decrypt");
    let text = std::str::from_utf8(body).map_err(|_| refused())?;
    jwe::decrypt(key, text.trim(), max).map_err(|_| refused())
}
