//! `cargo xtask test`: every test of every crate.
//!
//! The workspace run uses aws-lc-rs (the server asks for it and features unify); the second run repeats the base crates with
//! RustCrypto, which is what a phone in the browser gets. Both must hold.

use crate::process::{self, Outcome};
use crate::tools;
use std::process::Command;

pub(crate) fn run(filter: Option<&str>) -> Outcome {
    let filter: Vec<&str> = filter.into_iter().collect();
    let bases = ["keys", "credential", "openid", "wallet", "signing"];
    in_scratch(tools::cargo().args(["test", "--workspace", "--locked"]).args(&filter))?;
    in_scratch(
        tools::cargo()
            .args(["test", "--locked"])
            .args(bases.iter().flat_map(|name| ["--package", name]))
            .args(&filter),
    )
}

/// Runs tests with a folder of their own for temporary files, which goes when they are over.
pub(crate) fn in_scratch(tests: &mut Command) -> Outcome {
    let folder = tools::scratch("tests")?;
    let outcome = process::run(tests.env("TMPDIR", &folder));
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}
