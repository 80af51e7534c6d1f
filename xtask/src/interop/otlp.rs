//! Traces before others' eyes: a receiver on the official classes of PyPI `opentelemetry-proto` takes what a server built
//! with the feature `otlp` sends.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::green;
use crate::process::{self, Outcome};
use crate::{testing, tools};

/// The version of the classes that read what we send.
const OPENTELEMETRY_PROTO: &str = "opentelemetry-proto==1.45.2";

/// What is judged.
pub(super) const JUDGED: &[&str] = &[
    "Cargo.toml",
    "interop/otlp.py",
    "xtask/src/interop/otlp.rs",
    "crates/mapae/src/operations/traces",
    "crates/mapae/src/operations/edge.rs",
    "crates/mapae/src/operations/store",
    "crates/mapae/src/operations/courier.rs",
];

pub(super) fn run(mapae: &Path) -> Outcome {
    let folder = tools::scratch("otlp")?;
    let outcome = judge(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome?;
    green::passed("otlp", JUDGED)
}

fn judge(mapae: &Path, folder: &Path) -> Outcome {
    let tracing = build()?;
    testing::in_scratch(
        tools::cargo()
            .args(["test", "--workspace", "--lib", "--locked", "--features", "mapae/otlp"])
            .arg("operations::traces"),
    )?;
    let ports = tools::free_ports(8)?;
    process::run(
        Command::new(tools::python(&[OPENTELEMETRY_PROTO])?.join("python"))
            .arg(tools::root().join("interop/otlp.py"))
            .args([mapae, &tracing, folder])
            .arg(ports.to_string()),
    )
}

/// The server with the feature, beside the one without it. The features of the whole workspace, as every debug build takes
/// them; the feature changes those of a few dependencies, and what stands on them is compiled once more.
fn build() -> Outcome<PathBuf> {
    let program = |features: &[&str]| {
        let mut command = tools::cargo();
        command.args(["build", "--workspace", "--bin", "mapae", "--locked"]).args(features);
        process::run(&mut command)
    };
    let built = tools::target().join("debug/mapae");
    let kept = tools::target().join("otlp");
    std::fs::create_dir_all(&kept).map_err(|error| format!("{}: {error}", kept.display()))?;
    let kept = kept.join("mapae");
    program(&["--features", "mapae/otlp"])?;
    let copied = std::fs::copy(&built, &kept).map_err(|error| format!("{}: {error}", kept.display()));
    // What the other judges run goes back to its place; it is still there, and is not compiled again.
    program(&[])?;
    copied.map(|_| kept)
}
