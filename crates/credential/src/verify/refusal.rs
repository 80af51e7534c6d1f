//! Why a presentation is refused: one stable code each.

use crate::mdoc::MdocError;
use crate::path::ClaimPath;
use crate::sd_jwt::SdJwtError;
use crate::trust::Distrust;

/// Why a presentation is refused. None carries a claim's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the presentation is too large")]
    TooLarge,
    #[error("the presentation is malformed or truncated")]
    Malformed,
    #[error("the token is of another kind than belongs here")]
    TokenType,
    #[error("the signature algorithm is not ES256")]
    Algorithm,
    #[error("the hash algorithm is not sha-256")]
    HashAlgorithm,
    #[error("a disclosure is malformed")]
    DisclosureMalformed,
    #[error("a disclosure is given twice")]
    DisclosureDuplicate,
    #[error("a disclosure was not signed by the issuer")]
    DisclosureUnreferenced,
    #[error("a digest occurs twice or stands where none may")]
    Digest,
    #[error("a disclosure carries a forbidden name")]
    ForbiddenName,
    #[error("a disclosure would replace a claim that is already there")]
    NameTaken,
    #[error("the credential is of another type than was asked for")]
    WrongType,
    #[error("the trust list has expired")]
    TrustStale,
    #[error("the issuer's certificate leads to no trusted root")]
    IssuerChain,
    #[error("the issuer's certificate is not valid now")]
    IssuerCertificateExpired,
    #[error("the issuer is not trusted")]
    IssuerUntrusted,
    #[error("the issuer may not issue this type")]
    IssuerNotAccredited,
    #[error("the issuer's key was out of use when the credential was issued")]
    IssuerRetired,
    #[error("the issuer's accreditation had run out when the credential was issued")]
    IssuerExpired,
    #[error("the issuer no longer existed when the credential was issued")]
    IssuerDeactivated,
    #[error("the issuer's key was revoked")]
    IssuerRevoked,
    #[error("the credential names another issuer than the owner of the key")]
    IssuerMismatch,
    #[error("the issuer's signature does not verify")]
    IssuerSignature,
    #[error("the credential is not valid yet")]
    NotYetValid,
    #[error("the credential has expired")]
    Expired,
    #[error("the credential names no key of its holder")]
    HolderKeyMissing,
    #[error("the holder's signature is missing")]
    HolderBindingMissing,
    #[error("the presentation is not signed by the holder's key")]
    HolderBindingSignature,
    #[error("the holder signed another presentation")]
    HolderBindingHash,
    #[error("the presentation answers another request")]
    Nonce,
    #[error("the presentation is for another verifier")]
    Audience,
    #[error("the holder signed too long ago, or in the future")]
    HolderBindingTime,
    #[error("the holder did not sign the transaction that was asked for")]
    TransactionData,
    #[error("the holder added claims that the issuer did not sign")]
    HolderClaims,
    #[error("the credential is suspended")]
    Suspended,
    #[error("the credential is revoked")]
    Revoked,
    #[error("the credential names no status list")]
    StatusAbsent,
    #[error("the status can't be had")]
    StatusUnknown,
    #[error("the status is too old")]
    StatusStale,
    #[error("the status can't be read")]
    StatusCorrupt,
    #[error("the claim {0} was not told")]
    ClaimMissing(ClaimPath),
}

impl Refusal {
    /// The code, stable across versions.
    pub fn code(&self) -> &'static str {
        self.message_key().trim_start_matches(PREFIX)
    }

    /// The key of the sentence for people.
    pub fn message_key(&self) -> &'static str {
        match self {
            Self::TooLarge => "refusal.too_large",
            Self::Malformed => "refusal.malformed",
            Self::TokenType => "refusal.token_type",
            Self::Algorithm => "refusal.algorithm",
            Self::HashAlgorithm => "refusal.hash_algorithm",
            Self::DisclosureMalformed => "refusal.disclosure_malformed",
            Self::DisclosureDuplicate => "refusal.disclosure_duplicate",
            Self::DisclosureUnreferenced => "refusal.disclosure_unreferenced",
            Self::Digest => "refusal.digest",
            Self::ForbiddenName => "refusal.forbidden_name",
            Self::NameTaken => "refusal.name_taken",
            Self::WrongType => "refusal.wrong_type",
            Self::TrustStale => "refusal.trust_stale",
            Self::IssuerChain => "refusal.issuer_chain",
            Self::IssuerCertificateExpired => "refusal.issuer_certificate_expired",
            Self::IssuerUntrusted => "refusal.issuer_untrusted",
            Self::IssuerNotAccredited => "refusal.issuer_not_accredited",
            Self::IssuerRetired => "refusal.issuer_retired",
            Self::IssuerExpired => "refusal.issuer_expired",
            Self::IssuerDeactivated => "refusal.issuer_deactivated",
            Self::IssuerRevoked => "refusal.issuer_revoked",
            Self::IssuerMismatch => "refusal.issuer_mismatch",
            Self::IssuerSignature => "refusal.issuer_signature",
            Self::NotYetValid => "refusal.not_yet_valid",
            Self::Expired => "refusal.expired",
            Self::HolderKeyMissing => "refusal.holder_key_missing",
            Self::HolderBindingMissing => "refusal.holder_binding_missing",
            Self::HolderBindingSignature => "refusal.holder_binding_signature",
            Self::HolderBindingHash => "refusal.holder_binding_hash",
            Self::Nonce => "refusal.nonce",
            Self::Audience => "refusal.audience",
            Self::HolderBindingTime => "refusal.holder_binding_time",
            Self::TransactionData => "refusal.transaction_data",
            Self::HolderClaims => "refusal.holder_claims",
            Self::Suspended => "refusal.suspended",
            Self::Revoked => "refusal.revoked",
            Self::StatusAbsent => "refusal.status_absent",
            Self::StatusUnknown => "refusal.status_unknown",
            Self::StatusStale => "refusal.status_stale",
            Self::StatusCorrupt => "refusal.status_corrupt",
            Self::ClaimMissing(_) => "refusal.claim_missing",
        }
    }

    /// Every code, for the catalogue of sentences and for documentation.
    pub const CODES: [&'static str; 41] = [
        "too_large",
        "malformed",
        "token_type",
        "algorithm",
        "hash_algorithm",
        "disclosure_malformed",
        "disclosure_duplicate",
        "disclosure_unreferenced",
        "digest",
        "forbidden_name",
        "name_taken",
        "wrong_type",
        "trust_stale",
        "issuer_chain",
        "issuer_certificate_expired",
        "issuer_untrusted",
        "issuer_not_accredited",
        "issuer_retired",
        "issuer_expired",
        "issuer_deactivated",
        "issuer_revoked",
        "issuer_mismatch",
        "issuer_signature",
        "not_yet_valid",
        "expired",
        "holder_key_missing",
        "holder_binding_missing",
        "holder_binding_signature",
        "holder_binding_hash",
        "nonce",
        "audience",
        "holder_binding_time",
        "transaction_data",
        "holder_claims",
        "suspended",
        "revoked",
        "status_absent",
        "status_unknown",
        "status_stale",
        "status_corrupt",
        "claim_missing",
    ];
}

const PREFIX: &str = "refusal.";

impl From<SdJwtError> for Refusal {
    fn from(error: SdJwtError) -> Self {
        match error {
            SdJwtError::TooLarge => Self::TooLarge,
            SdJwtError::Malformed | SdJwtError::TooDeep => Self::Malformed,
            SdJwtError::HashAlgorithm => Self::HashAlgorithm,
            SdJwtError::MalformedDisclosure => Self::DisclosureMalformed,
            SdJwtError::DuplicateDisclosure => Self::DisclosureDuplicate,
            SdJwtError::UnreferencedDisclosure => Self::DisclosureUnreferenced,
            SdJwtError::DuplicateDigest | SdJwtError::MisplacedDigest => Self::Digest,
            SdJwtError::ForbiddenName => Self::ForbiddenName,
            SdJwtError::NameTaken => Self::NameTaken,
        }
    }
}

impl From<MdocError> for Refusal {
    fn from(error: MdocError) -> Self {
        match error {
            MdocError::TooLarge => Self::TooLarge,
            MdocError::Malformed => Self::Malformed,
            MdocError::Algorithm => Self::Algorithm,
            MdocError::HashAlgorithm => Self::HashAlgorithm,
            MdocError::MalformedElement => Self::DisclosureMalformed,
            MdocError::DuplicateElement => Self::DisclosureDuplicate,
            MdocError::Digest => Self::DisclosureUnreferenced,
            MdocError::DeviceKey => Self::HolderKeyMissing,
            MdocError::Status => Self::StatusCorrupt,
        }
    }
}

impl From<Distrust> for Refusal {
    fn from(reason: Distrust) -> Self {
        match reason {
            Distrust::Unknown => Self::IssuerUntrusted,
            Distrust::Revoked => Self::IssuerRevoked,
            Distrust::NotAccredited => Self::IssuerNotAccredited,
            Distrust::Retired => Self::IssuerRetired,
            Distrust::Expired => Self::IssuerExpired,
            Distrust::Deactivated => Self::IssuerDeactivated,
            Distrust::OtherIssuer => Self::IssuerMismatch,
        }
    }
}
