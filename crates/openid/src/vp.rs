//! OpenID for Verifiable Presentations 1.0: signed requests, consent, encrypted responses.
//!
//! Verifier: [`RequestObject::sign`] → (the wallet) → [`Response::parse`] → [`EncryptedResponse::open`] → [`VpToken`].
//!
//! Wallet: [`RequestLink::parse`] → fetch → [`VerifiedRequest::verify`] → [`VerifiedRequest::respond`] or
//! [`VerifiedRequest::refuse`]. Only a verified request can be answered, and only at the address it was signed with.

mod client_id;
mod link;
mod request;
mod response;
mod transaction_data;
mod verified;

pub use client_id::ClientId;
pub use link::{FetchMethod, Fetched, RequestLink};
pub use request::{
    ClientMetadata, DEFAULT_AUDIENCE, RequestObject, ResponseMode, SdJwtFormat, Signing, TYP, VpFormats,
};
pub use response::{
    Acknowledgement, DirectPost, EncryptedResponse, ErrorAnswer, MAX_RESPONSE, Response, ResponseContent,
    VpToken,
};
pub use transaction_data::TransactionData;
pub use verified::{DidKeys, Expected, Refusal, VerifiedRequest, Verifier};

#[cfg(test)]
mod tests;
