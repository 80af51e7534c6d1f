//! `cargo xtask bench`: the hot paths and the flows, in release; each beside the raw operation of the same run.

pub(crate) mod wallet;

use crate::process::{self, Outcome};
use crate::tools;
use std::process::Command;

pub(crate) fn run(json: bool, seconds: u64) -> Outcome {
    let mapae = tools::build_mapae(true)?;
    let mut command = Command::new(mapae);
    command.args(["bench", "--seconds", &seconds.to_string()]);
    if json {
        command.arg("--json");
    }
    process::run(&mut command)
}
