//! The issuer as a wallet meets it: over its routes, with proofs made by the `openid` crate's holder side.
//! One suite for SQLite and PostgreSQL.

mod flow;
mod formats;
mod holder;
mod offers;
mod races;
mod refusals;
mod wallets;
