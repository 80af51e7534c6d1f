//! The tap at a gate: the exchange of both sides, the decision, the passage log. No socket, no clock, no disk.
//!
//! ```text
//! phone                                   controller
//! ─────                                   ──────────
//! [`card::Card`]  ◀── APDU ──▶  [`reader`] ──Tap──▶ [`decision`] ──▶ door, display
//!      ▲                                                  │
//!   [`pass::Pass`]                            [`passage`] chain, [`feed`] caches
//! ```
//!
//! Both sides are sans-IO: bytes in, bytes out; keys, time and randomness are arguments. `docs/gate-protocol.md` gives
//! every byte; its vectors run as a test of this crate. Nothing here needs `std` but what the cryptographic base needs.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod apdu;
pub mod card;
pub mod certificate;
pub mod decision;
pub mod entry_code;
pub mod fast;
pub mod feed;
pub mod grace;
pub mod pass;
pub mod passage;
pub mod reader;
mod session;
#[cfg(test)]
mod tests;
mod tlv;
pub mod wire;
