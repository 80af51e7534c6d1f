//! `cargo xtask contracts`: compiles the contracts with the pinned compiler and library, and compares bit for bit with what is committed.

use crate::process::{self, Outcome};
use crate::tools;
use std::process::Command;

/// Compiles; without `write` a difference from `contracts/out` is an error.
pub(crate) fn run(write: bool) -> Outcome {
    let packages = tools::node_packages("contracts")?;
    let mut build = Command::new("node");
    build.arg(tools::root().join("contracts/build.mjs")).arg(packages);
    if !write {
        build.arg("--check");
    }
    process::run(&mut build)
        .map_err(|error| format!("{error}; `cargo xtask contracts --write` makes contracts/out anew"))
}
