//! A credential type that is a file and nothing else, put into the folder of a running demo.

use std::path::Path;
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

pub(super) fn run(mapae: &Path) -> Outcome {
    let demo = Demo::start(mapae, "new-type")?;
    let file = tools::root().join("docs/examples/credential-types/example-honorary.toml");
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "new-type.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("TYPE_FILE", file),
    )
}
