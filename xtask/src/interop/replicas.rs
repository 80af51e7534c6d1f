//! Nodes that are killed under load: `mapae bench kills`, on the embedded store and on a PostgreSQL of our own.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Outcome};
use crate::tools;

/// Kills in continuous integration; `cargo xtask reliability --kills N` runs more.
const FEW: u32 = 10;

/// Two nodes on one PostgreSQL.
pub(super) fn run(mapae: &Path) -> Outcome {
    killed(mapae, FEW, 2)
}

/// One node on the embedded store.
pub(super) fn embedded(mapae: &Path) -> Outcome {
    killed(mapae, FEW, 1)
}

/// So many kills of so many nodes; anything lost or done twice is an error.
pub(super) fn killed(mapae: &Path, kills: u32, nodes: u32) -> Outcome {
    let mut command = Command::new(mapae);
    command.args(["bench", "kills", "--kills", &kills.to_string(), "--nodes", &nodes.to_string()]);
    if nodes == 1 {
        return process::run(&mut command);
    }
    let (_server, url) = tools::postgres()?;
    process::run(command.args(["--store", &format!("{url}/postgres")]))
}
