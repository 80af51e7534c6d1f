//! The holder: everything a phone does with an official badge, without a socket, a clock or a disk of its own.
//!
//! The same code runs in the terminal phone (`mapae wallet`), in the browser (WASM) and behind native shells.
//! What differs between them comes in through four small traits ([`ports`]): keys that sign, one file or
//! database entry that keeps the vault, HTTP, and the time. Their futures need not be `Send`; where the shell's
//! are, the wallet's are too, so a load tool may run thousands of phones on a thread pool.
//!
//! * [`account`]: enrolment at the wallet provider, PIN instructions, PIN change, approval of a login.
//! * [`issue`]: the holder's side of OpenID4VCI 1.0, towards any issuer that keeps to the standard.
//! * [`present`]: the holder's side of OpenID4VP 1.0, towards any verifier that keeps to the standard.
//! * [`gate`]: the tap at a gate and the code for its reader.
//! * [`show`]: what the holder is shown of a credential.
//! * [`check`]: looking at one's own credential as a verifier would.
//! * [`pin`]: six digits, the weak ones refused, and the key that is derived from them.
//! * [`vault`]: the one encrypted blob in which all of it rests.
//! * [`usage`]: where the badge was used; this record never leaves the phone.
//!
//! # What a crash leaves
//!
//! Every step writes what it is about to do before it speaks and what it learnt before it goes on. The vault is
//! replaced whole, so a crash leaves the state before or after a write, never between. After a restart
//! [`Wallet::resume`] asks the server what became of the last unanswered instruction.

pub mod account;
pub mod check;
mod document;
#[cfg(test)]
mod fixture;
pub mod gate;
pub mod issue;
pub mod pin;
pub mod ports;
pub mod present;
mod secret;
pub mod show;
pub mod state;
mod trust;
pub mod usage;
pub mod vault;
mod wallet;

pub use secret::Secret;
pub use wallet::{OpenError, Wallet};
