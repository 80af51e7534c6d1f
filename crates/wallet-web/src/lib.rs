//! The wallet people hold: an installable web app over the `wallet` crate, in WASM.
//!
//! * `texts`, `place`, `scanned`, `frames`, `when`: without a browser, tested everywhere.
//! * `browser`, `ports`, `vault_key`: what the browser lends, and how the vault's key is kept in it.
//! * `app`, `screens`, `dom`, `parts`, `pin_pad`, `fault`, `settings`, `idle`: what people see.
//!
//! `web/` holds the page, the service worker, the stylesheet and the one script that calls the browser; `bundle/` makes
//! of all this what the server embeds. docs/wallet-app.md tells the journey and what a web app can't do.

#![allow(unreachable_pub, reason = "nothing links to an app; `pub` is what other modules use")]
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "outside a browser only the tests use it, and not all of it")
)]

mod frames;
mod place;
mod scanned;
mod texts;
mod when;

#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod dom;
#[cfg(target_arch = "wasm32")]
mod fault;
#[cfg(target_arch = "wasm32")]
mod idle;
#[cfg(target_arch = "wasm32")]
mod parts;
#[cfg(target_arch = "wasm32")]
mod pin_pad;
#[cfg(target_arch = "wasm32")]
mod ports;
#[cfg(target_arch = "wasm32")]
mod screens;
#[cfg(target_arch = "wasm32")]
mod settings;
#[cfg(target_arch = "wasm32")]
mod start;
#[cfg(target_arch = "wasm32")]
mod vault_key;
