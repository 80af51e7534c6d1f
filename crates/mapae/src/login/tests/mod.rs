//! The login as browser, phone and relying party see it, on the real router and store.

mod authorize;
mod browsers;
mod client_keys;
mod clients;
mod device;
mod flow;
mod government;
mod handed;
mod holder;
mod levels;
mod logout;
mod page;
mod pushed;
mod races;
mod registered;
mod relay;
mod response;
mod restored;
mod sample;
mod sessions;
pub(crate) mod support;
mod token;
