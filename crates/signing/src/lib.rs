//! Signatures on documents: made so that anyone can check them, and checked without believing anyone.
//!
//! ```text
//! pades   a signature inside a PDF, by an update appended to it (EN 319 142-1): B-B, B-T, B-LT, B-LTA
//! cades   a signature beside any file (EN 319 122-1)
//! jades   a signature around JSON (TS 119 182-1)
//! cms     what all but the last are made of (RFC 5652)
//! tsp     timestamps: asked for, given, checked (RFC 3161)
//! revocation   lists of revoked certificates and answers about one (RFC 5280, RFC 6960)
//! check   who signed, when, what changed afterwards, and why it is refused
//! ```
//!
//! No socket, no clock and no disk inside: times come in as seconds since 1970. Nobody signs blindly: each signature
//! is made in two steps, between which the bytes to be signed can be recomputed from the document by whoever holds the
//! key. One algorithm (ECDSA on P-256 with SHA-256), as in the rest of the house; another one is told as such, never
//! as a forgery.

pub mod cades;
pub mod check;
pub mod cms;
mod der;
pub mod jades;
mod oid;
pub mod pades;
pub mod pdf;
pub mod revocation;
pub mod time;
pub mod tsp;

pub use der::BadDer;

#[cfg(test)]
extern crate self as signing;
#[cfg(test)]
mod fixture;
