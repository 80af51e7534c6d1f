//! Signing documents: what waits, its bytes, a certificate for one signature, a refusal.
//!
//! | Path under `/wallet/v1` | Request | Answer |
//! |---|---|---|
//! | `GET /signatures` (header `authorization: Device <JWS of [`SigningList`]>`) | – | [`WaitingDocuments`] |
//! | `GET /signatures/{request}/document` (the same with [`DocumentRequest`]) | – | the PDF |
//! | `POST /signatures/open` | [`Envelope`](super::Envelope) of [`OpenSigning`] | [`OpenedSigning`] |
//! | `POST /signatures/refuse` | [`Envelope`](super::Envelope) of [`RefuseSigning`] | [`RefusedSigning`] |
//!
//! What the holder agrees to is one text, [`WaitingDocument::transaction_data`], that names who asks, what for, and the
//! SHA-256 of the document. The PIN instruction carries [`bound`] of that very text, of the signed attributes and of
//! the certificate: no part of it can be another one afterwards.

use keys::encoding::{b64url_decode, b64url_encode};
use keys::x509::Certificate;
use keys::{Jwk, Sha256, sha256};
use serde::{Deserialize, Serialize};
use signing::pades::Options;

use super::Message;

/// `type` of [`Transaction`].
pub const SIGN: &str = "urn:mapae:transaction:sign";

/// Most documents signed by one PIN.
pub const MAX_SIGNED_AT_ONCE: usize = 16;

/// Largest document that a phone takes (bytes): what may be sent in, and room for the signatures of those before.
pub const MAX_DOCUMENT: usize = 20 << 20;

/// What the holder agrees to, in the form of `transaction_data` (OpenID4VP 1.0 §5.1): the JSON of this, base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// [`SIGN`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The signing request's id.
    pub request: String,
    /// Who asks, in Korean.
    pub party: String,
    /// Who asks, in English.
    pub party_en: String,
    /// The document's title.
    pub title: String,
    /// What the signature is for; it stands in the signature as its reason.
    pub purpose: String,
    /// Which signature of the document this is, from 1.
    pub place: i64,
    /// How many there will be.
    pub signers: i64,
    /// SHA-256 of the document as it is to be shown, earlier signatures included; base64url.
    pub document: String,
    /// Its size in bytes.
    pub bytes: i64,
    /// Until when it may be signed, milliseconds since 1970.
    pub ends_at: i64,
}

impl Transaction {
    /// As it is sent and bound.
    pub fn encode(&self) -> String {
        b64url_encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what was sent; `None` for anything else.
    pub fn decode(text: &str) -> Option<Transaction> {
        let plain = b64url_decode(text).ok()?;
        let transaction: Transaction = keys::strict_json::parse(&plain).ok()?;
        (transaction.kind == SIGN).then_some(transaction)
    }
}

/// Asks which documents wait for this holder's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningList {}

impl Message for SigningList {
    const TYP: &'static str = "mapae-signing-list+jwt";
}

/// A document that waits for this holder's signature now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WaitingDocument {
    /// base64url of [`Transaction`] as JSON.
    pub transaction_data: String,
}

/// The documents that wait, the nearest deadline first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WaitingDocuments {
    /// At most a hundred.
    pub documents: Vec<WaitingDocument>,
}

/// Asks for the bytes of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRequest {
    /// The signing request's id.
    pub request: String,
}

impl Message for DocumentRequest {
    const TYP: &'static str = "mapae-document-request+jwt";
}

/// Asks for a certificate for one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSigning {
    /// The signing request's id.
    pub request: String,
    /// SHA-256 of the document that was shown, base64url.
    pub document: String,
    /// A key made for this one signature.
    pub key: Jwk,
}

impl Message for OpenSigning {
    const TYP: &'static str = "mapae-signing-open+jwt";
}

/// The certificate. With the document and these, phone and server make the same bytes to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OpenedSigning {
    /// The key's certificate, then those above it but for the root; base64url DER.
    pub certificates: Vec<String>,
    /// The time that stands in the signature, seconds since 1970.
    pub time: i64,
}

/// Says no, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefuseSigning {
    /// The signing request's id.
    pub request: String,
    /// Why, for whoever asked; 1 to 200 characters.
    pub reason: String,
}

impl Message for RefuseSigning {
    const TYP: &'static str = "mapae-signing-refuse+jwt";
}

/// The refusal is recorded, and whoever asked is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedSigning {
    /// When, milliseconds since 1970.
    pub refused_at: i64,
}

/// One signature inside a PIN instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentSignature {
    /// The signing request's id.
    pub request: String,
    /// [`bound`].
    pub bound: String,
    /// ES256 over the signed attributes by the key of the certificate; base64url of `r ‖ s`.
    pub signature: String,
}

/// What the PIN stands for: base64url SHA-256 of a name of its own and the SHA-256 of the transaction data, of the signed
/// attributes (DER, RFC 5652 §5.4) and of the certificate.
pub fn bound(transaction_data: &str, attributes: &[u8], certificate: &Certificate) -> String {
    let mut hash = Sha256::new();
    hash.update(b"mapae/document-signature/v1\0");
    hash.update(&sha256(transaction_data.as_bytes()));
    hash.update(&sha256(attributes));
    hash.update(&certificate.sha256());
    b64url_encode(&hash.finish())
}

/// How the signature stands in the document: an invisible one in a new field, with the name of the certificate.
pub fn signature_options(certificate: &Certificate, purpose: &str, time: i64) -> Options {
    Options {
        name: certificate.subject_common_name().map(str::to_owned),
        reason: Some(purpose.to_owned()),
        ..Options::at(time)
    }
}
