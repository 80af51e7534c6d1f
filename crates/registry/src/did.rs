//! Decentralized identifiers: the method `did:mapae` (docs/did-mapae.md), and a resolver that also answers for did:jwk,
//! did:key and did:web.
//!
//! Agencies and services have a `did:mapae`; holders have a did:jwk, which is nowhere but in their hands.

mod base58;
mod document;
mod name;
mod others;
mod resolve;

#[cfg(test)]
mod tests;

pub use document::{Document, DocumentError, IssuerKey, multibase};
pub use name::{Did, DidUrl, MAX_DID, Method, web_address};
pub use others::{from_jwk, from_key, jwk_did, key_did};
pub use resolve::{Fetched, Metadata, Resolution, ResolutionError, Resolver, WebFetch};
