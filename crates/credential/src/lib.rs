//! Credential formats of Mapae: what an official's badge is as bytes, and how anyone checks one.
//!
//! - [`types`]: kinds of credentials, each read from a TOML file; [`type_metadata`] publishes them
//! - [`sd_jwt`]: issuing, holding and presenting SD-JWT VC (RFC 9901)
//! - [`mdoc`]: the same for mobile documents (ISO/IEC 18013-5)
//! - [`dcql`]: what a verifier asks for (OpenID4VP 1.0 §6); [`path`]: how both name a claim
//! - [`status_list`]: suspended or revoked, told for many at once (Token Status List)
//! - [`trust`]: whose keys may issue what, from when to when
//! - [`verify`]: all of it together: one total function from a presentation to a result or to the exact reason
//!
//! Nothing here opens a socket, a file or a clock: time comes in as seconds since 1970, lists come in through traits
//! that answer from memory. What came from outside is bounded before it is read.

mod cose;
mod date;
#[cfg(test)]
mod fixture;

pub mod dcql;
pub mod mdoc;
pub mod path;
pub mod sd_jwt;
pub mod status_list;
pub mod trust;
pub mod type_metadata;
pub mod types;
pub mod verify;

/// How far two clocks may differ, in seconds, where a time must not lie in the future.
pub const CLOCK_SKEW: i64 = 60;
