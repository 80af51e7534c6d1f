//! How a login ends: asked for by the relying party through the browser, or told to it from server to server.

mod by_party;
mod told;

pub(super) use by_party::{by_get, by_post};
pub(super) use told::{Tell, queue_badge, queue_everybody, queue_party, queue_session, run};

#[cfg(test)]
pub(super) use told::{pause, round};
