//! The phone's side of the wallet account: enrolment, PIN instructions, PIN change, approval of a login.
//!
//! # Instructions
//!
//! ```text
//! phone                                                     wallet provider
//!   │ challenge request, device-signed ─────────────────────▶ │ signature, state
//!   │ ◀──────────────────────────── challenge (60 s), last sequence
//!   │ write down: sequence, hash of what is sent              │
//!   │ device( sequence, challenge, pin( …, instruction )) ──▶ │ signature, state, challenge, sequence: not counted
//!   │                                                         │ ONE committed update: sequence set, try charged
//!   │                                                         │ judge; effect and signed result in one commit
//!   │ ◀──────────────────────────── result, signed by server  │
//!   │ apply and forget what was written down                  │
//!   │ (reply lost) device-signed GET results/{sequence} ────▶ │ the same result
//! ```
//!
//! A challenge stands for the sequence number at which it was given: whatever is accepted moves the number, and
//! with it every other challenge of the account is over. So one statement consumes the challenge, orders the
//! instructions and charges the try.

mod approve;
mod certificates;
mod client;
mod enrol;
mod forgotten_pin;
mod instruct;
pub mod messages;
pub mod passkey;
mod pin_change;
mod push;
mod recovery;
mod salt;
mod sign;

pub use approve::request_hash;
pub use client::AccountError;
pub use enrol::{Enrolled, InvitationLink, NotAnInvitation, Share, birth_date_of};
pub use instruct::Resumed;
pub use sign::{Seen, SignError, Waiting};
