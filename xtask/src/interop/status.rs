//! Status lists before others' eyes: `@owf/token-status-list` reads ours, signed for it and as the running server serves them.

use std::path::Path;
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

pub(super) fn run(mapae: &Path) -> Outcome {
    let folder = tools::scratch("status-vectors")?;
    let outcome = judge(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(mapae: &Path, folder: &Path) -> Outcome {
    process::run(tools::cargo().args([
        "build",
        "--locked",
        "--workspace",
        "--example",
        "status_list_vectors",
    ]))?;
    let now = process::output(Command::new("date").arg("+%s"))?;
    let vectors = tools::target().join("debug/examples/status_list_vectors");
    process::run(Command::new(vectors).arg(folder).arg(now.trim()))?;
    let demo = Demo::start(mapae, "status")?;
    process::run(
        Command::new("node")
            .args(["--test", "status.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MAPAE_DEMO", demo.path())
            .env("STATUS_FOLDER", folder),
    )
}
