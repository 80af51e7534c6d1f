//! OpenID for Verifiable Presentations 1.0: signed requests, consent, encrypted responses.
//!
//! Verifier: [`RequestObject::sign`] → (the wallet) → [`Response::parse`] → [`EncryptedResponse::open`] → [`VpToken`].
//!
//! Wallet: [`RequestLink::parse`] → fetch → [`VerifiedRequest::verify`] → [`VerifiedRequest::respond`] or
//! [`VerifiedRequest::refuse`]. Only a verified request can be answered, and only at the address it was signed with.
//! A request that a page hands over through the Digital Credentials API: [`VerifiedRequest::from_page`] →
//! [`VerifiedRequest::respond_to_page`]; its answer is bound to the page's origin.

mod client_id;
mod dc_api;
mod judge;
mod link;
mod refusal;
mod request;
mod response;
mod transaction_data;
mod verified;

pub use client_id::ClientId;
pub use dc_api::DcProtocol;
pub use judge::{DidKeys, Expected};
pub use link::{FetchMethod, Fetched, RequestLink};
pub use refusal::Refusal;
pub use request::{
    ClientMetadata, DEFAULT_AUDIENCE, MdocFormat, PARTY, PartyName, RequestObject, ResponseMode, SdJwtFormat,
    Signing, TYP, VpFormats,
};
pub use response::{
    Acknowledgement, DirectPost, EncryptedResponse, ErrorAnswer, MAX_RESPONSE, Response, ResponseContent,
    VpToken,
};
pub use transaction_data::{APPROVE, TransactionData};
pub use verified::{VerifiedRequest, Verifier};

#[cfg(test)]
mod tests;
