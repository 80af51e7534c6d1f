//! Mobile documents before others' eyes: `@auth0/mdl` and `pymdoccbor` read ours, and we read theirs.

use std::path::Path;
use std::process::Command;

use crate::process::{self, Outcome};
use crate::tools;

/// The version of pymdoccbor that judges documents.
const PYMDOCCBOR: &str = "pymdoccbor==1.4.0";

pub(super) fn run(_mapae: &Path) -> Outcome {
    let folder = tools::scratch("mdoc")?;
    let outcome = judge(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(folder: &Path) -> Outcome {
    process::run(tools::cargo().args(["build", "--locked", "--workspace", "--example", "mdoc_vectors"]))?;
    let vectors = tools::target().join("debug/examples/mdoc_vectors");
    let now = process::output(Command::new("date").arg("+%s"))?;
    process::run(Command::new(&vectors).arg("write").arg(folder).arg(now.trim()))?;
    process::run(
        Command::new("node")
            .args(["--test", "mdoc.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MDOC_VECTORS", &vectors)
            .env("MDOC_FOLDER", folder),
    )?;
    process::run(
        Command::new(tools::python(&[PYMDOCCBOR])?.join("python"))
            .arg(tools::root().join("interop/mdoc.py"))
            .env("MDOC_VECTORS", &vectors)
            .env("MDOC_FOLDER", folder),
    )
}
