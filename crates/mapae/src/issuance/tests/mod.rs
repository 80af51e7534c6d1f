//! The issuer as a wallet meets it: over its routes, with proofs made by the `openid` crate's holder side.
//! One suite for SQLite and PostgreSQL.

mod authorization;
mod beside;
mod browser;
mod deferred;
mod encryption;
mod flow;
mod formats;
mod holder;
mod offers;
mod providers;
mod publishing;
mod races;
mod refresh;
mod refusals;
mod wallets;
