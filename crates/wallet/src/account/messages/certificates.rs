//! Certificates that anybody can check (재직증명서): what may be asked for, what was printed, and a link for whoever wants one.
//!
//! | Path under `/wallet/v1` | Request | Answer |
//! |---|---|---|
//! | `GET /certificates` (header `authorization: Device <JWS of [`CertificateList`]>`) | – | [`Certificates`] |
//! | `POST /certificates` | [`Envelope`](super::Envelope) of [`AskCertificate`] | [`CertificateAsked`] |
//! | `POST /certificates/print` | [`Envelope`](super::Envelope) of [`PrintCertificate`] | [`Certificates`] |
//! | `GET /certificates/{document}/file` (the same with [`CertificateFile`]) | – | the PDF |
//! | `POST /certificates/links` | [`Envelope`](super::Envelope) of [`ShareCertificate`] | [`CertificateLink`] |
//!
//! The list names what tells one certificate from another: number, purpose, recipient, days. What is printed about the
//! person is in the file alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Message;

/// Largest certificate that a phone takes (bytes).
pub const MAX_CERTIFICATE: usize = 8 << 20;

/// A text in both languages: what is on the screen may change its language without asking again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Words {
    /// Korean.
    pub ko: String,
    /// English.
    pub en: String,
}

/// A language in which a certificate is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrintLanguage {
    /// Korean.
    Ko,
    /// English.
    En,
}

/// Asks what may be asked for, what was, and what was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateList {}

impl Message for CertificateList {
    const TYP: &'static str = "mapae-certificate-list+jwt";
}

/// 증명서함, and what may be put into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Certificates {
    /// What the holder may ask for.
    pub kinds: Vec<CertificateKind>,
    /// What was asked for, newest first.
    pub requests: Vec<CertificateRequest>,
    /// What was printed, newest first.
    pub printed: Vec<PrintedCertificate>,
}

/// A kind of certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CertificateKind {
    /// Id of the type's file.
    pub id: String,
    /// Its name.
    pub name: Words,
    /// What it certifies.
    pub description: Words,
    /// Whether the HR desk looks at each request.
    pub by_hr: bool,
    /// What whoever asks has to say.
    pub fields: Vec<CertificateField>,
}

/// Something that whoever asks has to say, as the type's file wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CertificateField {
    /// Name of the claim.
    pub name: String,
    /// What it is called.
    pub label: Words,
    /// What to think of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Words>,
    /// Whether it may not be left out.
    pub required: bool,
    /// Most letters.
    pub longest: u16,
    /// Whether it is a day, `YYYY-MM-DD`.
    pub date: bool,
    /// The only values; empty where any will do.
    pub choices: Vec<String>,
}

/// A value that the holder gave, under its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Given {
    /// What it is called.
    pub label: Words,
    /// As it was typed.
    pub value: String,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CertificateState {
    /// The HR desk looks at it.
    Waiting,
    /// It may be printed.
    Approved,
    /// The HR desk said no.
    Rejected,
    /// The holder took it back.
    Withdrawn,
    /// HR took the approval back.
    Revoked,
}

/// A request for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CertificateRequest {
    /// Its id.
    pub id: String,
    /// The kind's name.
    pub name: Words,
    /// What the holder said.
    pub given: Vec<Given>,
    /// Where it stands.
    pub state: CertificateState,
    /// Why it was rejected or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for, milliseconds since 1970.
    pub asked_at: i64,
    /// Languages in which it may be printed and was not.
    pub printable: Vec<PrintLanguage>,
}

/// How a printed certificate stands, as the public page says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CertificateStanding {
    /// 진본
    Genuine,
    /// 철회
    Revoked,
    /// 기간 지남: its number is answered no longer; the signature still holds.
    Over,
}

/// A certificate that was printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PrintedCertificate {
    /// Its id.
    pub id: String,
    /// Its title, in its language.
    pub title: String,
    /// In which it was printed.
    pub language: PrintLanguage,
    /// 문서확인번호
    pub number: String,
    /// What the holder said.
    pub given: Vec<Given>,
    /// How it stands.
    pub standing: CertificateStanding,
    /// Since when it is revoked or over, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was printed, milliseconds since 1970.
    pub issued_at: i64,
    /// Until when its number is answered, milliseconds since 1970.
    pub online_until: i64,
}

/// Asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskCertificate {
    /// Id of the kind.
    pub kind: String,
    /// What the kind's fields ask for, by their names.
    pub values: BTreeMap<String, String>,
}

impl Message for AskCertificate {
    const TYP: &'static str = "mapae-certificate-ask+jwt";
}

/// The request is there; where no one has to look at it, it may be printed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CertificateAsked {
    /// Its id.
    pub request: String,
    /// Where it stands.
    pub state: CertificateState,
}

/// Prints an approved request. Printing again in the same language is the same certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintCertificate {
    /// The request.
    pub request: String,
    /// In which language.
    pub language: PrintLanguage,
}

impl Message for PrintCertificate {
    const TYP: &'static str = "mapae-certificate-print+jwt";
}

/// Asks for the file of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFile {
    /// The certificate's id.
    pub document: String,
}

impl Message for CertificateFile {
    const TYP: &'static str = "mapae-certificate-file+jwt";
}

/// Makes a link that opens once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareCertificate {
    /// The certificate's id.
    pub document: String,
}

impl Message for ShareCertificate {
    const TYP: &'static str = "mapae-certificate-share+jwt";
}

/// A link, told once. Address and number travel by two ways.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CertificateLink {
    /// Where it is opened.
    pub address: String,
    /// 열람번호
    pub number: String,
    /// Until when it may be opened, milliseconds since 1970.
    pub ends_at: i64,
}

impl core::fmt::Debug for CertificateLink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CertificateLink(…)")
    }
}
