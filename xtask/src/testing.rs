//! `cargo xtask test`: every test of every crate.
//!
//! The workspace run uses aws-lc-rs (the server asks for it and features unify); the second run repeats the base crates with
//! RustCrypto, which is what a phone in the browser gets. Both must hold.

use crate::process::{self, Outcome};
use crate::tools;

pub(crate) fn run(filter: Option<&str>) -> Outcome {
    let filter: Vec<&str> = filter.into_iter().collect();
    process::run(tools::cargo().args(["test", "--workspace", "--locked"]).args(&filter))?;
    process::run(
        tools::cargo()
            .args([
                "test",
                "--locked",
                "--package",
                "keys",
                "--package",
                "credential",
                "--package",
                "openid",
                "--package",
                "wallet",
                "--package",
                "signing",
            ])
            .args(&filter),
    )
}
