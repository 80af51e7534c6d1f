//! The login as browser, phone and relying party see it, on the real router and store.

mod authorize;
mod flow;
mod page;
mod races;
mod response;
mod sample;
pub(crate) mod support;
mod token;
