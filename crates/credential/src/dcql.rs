//! Digital Credentials Query Language: what a verifier asks for, and what a wallet may answer (OpenID4VP 1.0 §6, §7).
//!
//! The query is checked whole when it is read, so that matching can't meet a broken one. Matching is shown every
//! credential that the wallet holds and says which of them, and which claims of them, would satisfy the query, or for
//! each credential asked why none does. Values (`values`) only narrow what a wallet offers; a verifier never relies on
//! them (§6.4.1), so [`Query::check_response`] leaves them out.

mod matching;
mod query;
mod response;
#[cfg(test)]
mod tests;

pub use matching::{Candidate, HeldCredential, Match, NoMatch, Reason, Selection, SetChoice};
pub use query::{
    AuthorityType, ClaimQuery, CredentialQuery, CredentialSetQuery, ExpectedValue, MAX_QUERY, Meta, Query,
    QueryError, TrustedAuthority,
};
pub use response::{Presented, ResponseError};
