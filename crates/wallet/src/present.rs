//! Showing credentials: the holder's side of OpenID4VP 1.0, towards any verifier that keeps to the standard.
//!
//! ```text
//! link ─ fetch, POST with a nonce of ours where the verifier allows ─ verify the signed request ─▶ [`Asked`]
//!      ─ the person reads [`Consent`] and decides ─▶ [`Wallet::answer`] or [`Wallet::decline`]
//!      ─ approval at the wallet provider, where our own login asks for it
//!      ─ note: copy shown, request answered ─▶ encrypted post ─▶ [`Answered`]
//! ```
//!
//! A page may hand its request over through the Digital Credentials API instead ([`Wallet::ask_from_page`]); what it gets back
//! then stands in [`Answered::data`].
//!
//! A copy counts as shown from the moment before it leaves: whatever becomes of the answer, no second verifier sees
//! it. Only where no connection was made at all is the note taken back.

mod answer;
mod ask;
mod consent;
mod did;
mod error;
mod in_person;

pub use answer::{Answered, Choice};
pub use ask::{Asked, Policy};
pub use consent::{AskedClaim, AskedCredential, Consent, Login, Requester};
pub use error::PresentError;
pub use in_person::{AnsweredInPerson, AskedInPerson, InPersonConsent, Meeting, ending};

/// Requests remembered as answered; the oldest go first.
pub const MAX_ANSWERED: usize = 256;

#[cfg(test)]
mod tests;
