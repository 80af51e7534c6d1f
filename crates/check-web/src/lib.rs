//! The check of a badge that somebody holds before you, as the page `/check` loads it, and of documents, as `/verify` does.
//!
//! ```text
//! Checker::new(root, trust list, registrar)
//! a meeting:  Reader::new(code) ── address, first message ── answer ──▶ Reader::open ──▶ status_address ──▶ Checker::document
//! a loop:     Loop::add(code)… ──▶ status_address ──▶ Checker::screen
//! a document: check_sealed_pdf(file, root) · read_certificate_code(text, issuers)
//! ```
//!
//! Everything is verified here, in the browser of whoever checks: no server learns who showed what to whom. What a result
//! says is JSON; a refusal is `{"refused": code}`.

mod checker;
mod document;
mod frames;
mod reader;

pub use checker::{Checker, status_of_document, status_of_screen};
pub use document::{check_sealed_pdf, read_certificate_code};
pub use frames::Loop;
pub use reader::Reader;

/// What the badge is asked for, and what a loop on the screen tells at least.
pub(crate) const CLAIMS: [&str; 5] = ["name", "agency_name", "position", "is_serving", "valid_until"];

/// For whom a presentation by screen is made: whoever stands before it.
pub(crate) const SCREEN: &str = "urn:mapae:screen";

/// How long ago the holder may have signed, in seconds: a code is drawn anew twice in that time.
pub(crate) const MAX_BINDING_AGE: i64 = 60;

/// How old a status list may be, in seconds: as long as one of ours may be used at all.
pub(crate) const MAX_STATUS_AGE: i64 = 48 * 3600;
