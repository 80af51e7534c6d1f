//! The request object (OpenID4VP 1.0 §5, RFC 9101): built and signed by the verifier.

use keys::jws::Header;
use keys::{Jwk, JwkSet, PublicKey, SignError, Signer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client_id::ClientId;
use crate::jwt;

/// `typ` of a signed request object (§5).
pub const TYP: &str = "oauth-authz-req+jwt";
/// `aud` where the wallet is not known beforehand (§5.8).
pub const DEFAULT_AUDIENCE: &str = "https://self-issued.me/v2";

/// Name of our own request parameter that holds a [`PartyName`].
pub const PARTY: &str = "mapae_relying_party";

/// For whom our verifier asks, as it is registered there. A wallet believes it from its own provider alone; to others it is
/// one more unknown parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyName {
    /// In Korean.
    pub name_ko: String,
    /// In English.
    pub name_en: String,
}

/// How the response travels (§8.2, §8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// A form posted to `response_uri`.
    #[serde(rename = "direct_post")]
    DirectPost,
    /// The same, encrypted.
    #[serde(rename = "direct_post.jwt")]
    DirectPostJwt,
    /// An object handed to the page that asked (Appendix A).
    #[serde(rename = "dc_api")]
    DcApi,
    /// The same, encrypted.
    #[serde(rename = "dc_api.jwt")]
    DcApiJwt,
}

impl ResponseMode {
    /// Whether the response is encrypted.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, ResponseMode::DirectPostJwt | ResponseMode::DcApiJwt)
    }

    /// Whether the response goes through the Digital Credentials API.
    #[must_use]
    pub const fn is_dc_api(self) -> bool {
        matches!(self, ResponseMode::DcApi | ResponseMode::DcApiJwt)
    }
}

/// What the verifier can read and how to encrypt to it (§5.1, §11.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// Keys to encrypt the response to, fresh for every request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<JwkSet>,
    /// Content encryptions; absent means A128GCM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypted_response_enc_values_supported: Vec<String>,
    /// Formats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vp_formats_supported: Option<VpFormats>,
    /// The verifier's name; shown as a claim of its own, never as verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
}

/// `vp_formats_supported`, by format identifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VpFormats {
    /// SD-JWT VC (Appendix B.3.4).
    #[serde(rename = "dc+sd-jwt", skip_serializing_if = "Option::is_none")]
    pub sd_jwt: Option<SdJwtFormat>,
    /// Mobile documents (Appendix B.2.2).
    #[serde(rename = "mso_mdoc", skip_serializing_if = "Option::is_none")]
    pub mdoc: Option<MdocFormat>,
    /// All others, as sent.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// Algorithms for SD-JWT VC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SdJwtFormat {
    /// Of the issuer's signature.
    #[serde(rename = "sd-jwt_alg_values", skip_serializing_if = "Vec::is_empty")]
    pub sd_jwt_alg_values: Vec<String>,
    /// Of the key binding.
    #[serde(rename = "kb-jwt_alg_values", skip_serializing_if = "Vec::is_empty")]
    pub kb_jwt_alg_values: Vec<String>,
}

/// Algorithms for mobile documents, by their COSE numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MdocFormat {
    /// Of the issuer's signature.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issuerauth_alg_values: Vec<i64>,
    /// Of the device's signature or MAC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deviceauth_alg_values: Vec<i64>,
}

/// ECDSA with SHA-256, and the same tied to P-256 (RFC 9864).
const COSE_ES256: [i64; 2] = [-7, -9];

impl VpFormats {
    /// What this crate speaks: SD-JWT VC and mobile documents, both with ES256.
    #[must_use]
    pub fn ours() -> VpFormats {
        let es256 = || vec!["ES256".to_owned()];
        let sd_jwt = SdJwtFormat { sd_jwt_alg_values: es256(), kb_jwt_alg_values: es256() };
        let cose = || COSE_ES256.to_vec();
        let mdoc = MdocFormat { issuerauth_alg_values: cose(), deviceauth_alg_values: cose() };
        VpFormats { sd_jwt: Some(sd_jwt), mdoc: Some(mdoc), others: Map::new() }
    }

    /// Whether somebody with these formats reads a credential of this format signed with ES256 throughout. A list of
    /// algorithms that is absent sets no bound.
    #[must_use]
    pub fn takes(&self, format: &str) -> bool {
        let jose = |list: &Vec<String>| list.is_empty() || list.iter().any(|alg| alg == "ES256");
        let cose = |list: &Vec<i64>| list.is_empty() || list.iter().any(|alg| COSE_ES256.contains(alg));
        match format {
            "dc+sd-jwt" => self
                .sd_jwt
                .as_ref()
                .is_some_and(|sd_jwt| jose(&sd_jwt.sd_jwt_alg_values) && jose(&sd_jwt.kb_jwt_alg_values)),
            "mso_mdoc" => self
                .mdoc
                .as_ref()
                .is_some_and(|mdoc| cose(&mdoc.issuerauth_alg_values) && cose(&mdoc.deviceauth_alg_values)),
            _ => false,
        }
    }
}

impl ClientMetadata {
    /// Metadata that asks for a response encrypted to this key, made for this request only.
    #[must_use]
    pub fn encrypted_to(key: &PublicKey, kid: &str) -> ClientMetadata {
        let jwk: Jwk = key.to_jwk().with_alg("ECDH-ES").with_use("enc").with_kid(kid);
        ClientMetadata {
            jwks: Some(JwkSet { keys: vec![jwk] }),
            encrypted_response_enc_values_supported: vec!["A128GCM".to_owned(), "A256GCM".to_owned()],
            vp_formats_supported: Some(VpFormats::ours()),
            client_name: None,
        }
    }
}

/// The parameters of an authorization request (§5.1, §5.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestObject {
    /// Who asks, prefix included; absent in an unsigned request over the Digital Credentials API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Always `vp_token`.
    pub response_type: String,
    /// How the response travels.
    pub response_mode: ResponseMode,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_uri: Option<String>,
    /// Must be absent beside `response_uri`; read only to refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Binds the presentation to this request; fresh, at least 128 bits.
    pub nonce: String,
    /// Comes back with the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The wallet, or [`DEFAULT_AUDIENCE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// What is asked for (DCQL, §6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcql_query: Option<Value>,
    /// Named queries, which nobody here has agreed upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What the verifier can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
    /// The nonce that the wallet sent when it fetched the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet_nonce: Option<String>,
    /// What else the presentation authorizes, each in base64url (§8.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_data: Option<Vec<String>>,
    /// Attestations about the verifier (§5.11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_info: Option<Vec<Value>>,
    /// Issued at, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Not before, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Expires at, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Origins from which this signed request may come over the Digital Credentials API (Appendix A.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_origins: Option<Vec<String>>,
    /// Parameters of our own profile, such as [`crate::approval::PARAMETER`]; other wallets ignore them.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl RequestObject {
    /// A request that is answered by an encrypted post.
    #[must_use]
    pub fn new(client_id: &ClientId, response_uri: &str, nonce: &str, dcql_query: Value) -> RequestObject {
        RequestObject {
            client_id: Some(client_id.to_string()),
            response_uri: Some(response_uri.to_owned()),
            aud: Some(DEFAULT_AUDIENCE.to_owned()),
            ..RequestObject::bare(ResponseMode::DirectPostJwt, nonce, dcql_query)
        }
    }

    /// A request over the Digital Credentials API that is answered encrypted (HAIP 1.0 §5.2); with a client it is to be
    /// signed and good for these origins only, without one it is sent as it is.
    #[must_use]
    pub fn dc_api(client: Option<(&ClientId, &[String])>, nonce: &str, dcql_query: Value) -> RequestObject {
        RequestObject {
            client_id: client.map(|(client_id, _)| client_id.to_string()),
            aud: client.map(|_| DEFAULT_AUDIENCE.to_owned()),
            expected_origins: client.map(|(_, origins)| origins.to_vec()),
            ..RequestObject::bare(ResponseMode::DcApiJwt, nonce, dcql_query)
        }
    }

    fn bare(response_mode: ResponseMode, nonce: &str, dcql_query: Value) -> RequestObject {
        RequestObject {
            client_id: None,
            response_type: "vp_token".to_owned(),
            response_mode,
            response_uri: None,
            redirect_uri: None,
            nonce: nonce.to_owned(),
            state: None,
            aud: None,
            dcql_query: Some(dcql_query),
            scope: None,
            client_metadata: None,
            wallet_nonce: None,
            transaction_data: None,
            verifier_info: None,
            iat: None,
            nbf: None,
            exp: None,
            expected_origins: None,
            extra: Map::new(),
        }
    }

    /// Signs the request.
    ///
    /// # Errors
    /// The key refused to sign.
    pub fn sign(&self, signer: &dyn Signer, by: Signing<'_>) -> Result<String, SignError> {
        let header = match by {
            Signing::Certificates(x5c) => jwt::header_with_chain(TYP, x5c),
            Signing::DidUrl(kid) => Header::es256(TYP).with_kid(kid),
        };
        jwt::sign(signer, &header, self)
    }
}

/// How a request object names its signer.
#[derive(Clone, Copy, Debug)]
pub enum Signing<'a> {
    /// By certificates, leaf first, without the root (HAIP 1.0 §5).
    Certificates(&'a [Vec<u8>]),
    /// By a DID URL of a verification method.
    DidUrl(&'a str),
}
