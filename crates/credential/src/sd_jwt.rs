//! Selective disclosure for JWTs (RFC 9901) and the credential profile of it, SD-JWT VC.
//!
//! ```text
//! issuer:    Claims ──prepare──▶ signing input ──finish──▶ <JWT>~<disclosure>~…~
//! holder:    SdJwt::parse ──select(paths)──▶ Presentation ──key_binding──▶ signing input ──finish──▶ …~<KB-JWT>
//! verifier:  SdJwt::parse ──▶ crate::verify
//! ```
//!
//! Parsing does all that RFC 9901 §7.1 asks but the issuer's signature: every disclosure fits one digest, every digest
//! occurs once, no name is forged over another. What it yields is believed by nobody until [`crate::verify`] has
//! checked it, which the name [`SdJwt::dangerous_claims`] recalls.

mod issue;
mod key_binding;
mod process;
#[cfg(test)]
mod tests;
mod token;

pub use issue::{Claims, Issuance, IssueError, Issuer, Prepared, StatusClaim, issue, prepare};
pub use key_binding::{
    BoundPresentation, KeyBinding, KeyBindingClaims, KeyBindingError, Presentation, SelectError,
};
pub use token::SdJwt;

/// The draft of SD-JWT VC that this module follows (draft-ietf-oauth-sd-jwt-vc).
pub const SD_JWT_VC_DRAFT: u8 = 25;
/// `typ` of an SD-JWT VC.
pub const TYP: &str = "dc+sd-jwt";
/// `typ` of a key binding JWT (RFC 9901 §4.3).
pub const KEY_BINDING_TYP: &str = "kb+jwt";
/// The one hash algorithm for digests (RFC 9901 §4.1.1).
pub const SD_ALG: &str = "sha-256";

/// Claims of an SD-JWT VC that no disclosure may carry (SD-JWT VC §2.2.2.3).
pub const NEVER_DISCLOSED: [&str; 8] =
    ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// The longest token with disclosures and key binding that is read, in bytes.
pub const MAX_TOKEN: usize = 128 * 1024;
/// The longest key binding JWT that is read, in bytes.
pub const MAX_KEY_BINDING: usize = 16 * 1024;
/// The most disclosures of one token.
pub const MAX_DISCLOSURES: usize = 256;
/// The deepest claim, disclosures within disclosures counted.
pub const MAX_CLAIM_DEPTH: usize = 32;

/// Why a text is no SD-JWT by the rules of RFC 9901 §7.1. Never carries a claim's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdJwtError {
    #[error("the credential is too large")]
    TooLarge,
    #[error("the credential is malformed or truncated")]
    Malformed,
    #[error("the credential names another hash algorithm than sha-256")]
    HashAlgorithm,
    #[error("a disclosure is malformed")]
    MalformedDisclosure,
    #[error("a disclosure is given twice")]
    DuplicateDisclosure,
    #[error("a disclosure belongs to no digest of the credential")]
    UnreferencedDisclosure,
    #[error("a digest occurs twice")]
    DuplicateDigest,
    #[error("a digest stands where none may")]
    MisplacedDigest,
    #[error("a disclosure carries a name that can't be disclosed")]
    ForbiddenName,
    #[error("a disclosure carries a name that is already there")]
    NameTaken,
    #[error("the claims are nested too deep")]
    TooDeep,
}
