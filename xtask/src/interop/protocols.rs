//! Wallets and verifiers that others wrote, against the running server and against the phone in the terminal.

use std::path::Path;
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// The scripts of `interop/protocols`, each run against a demo of its own with so many applicants for stock wallets.
const SCRIPTS: &[(&str, u32)] = &[("presenting.mjs", 6)];

pub(super) fn run(mapae: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
    let folder = tools::node_folder()?;
    let scripts = folder.join("protocols");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    let source = tools::root().join("interop/protocols");
    for entry in std::fs::read_dir(&source).map_err(|error| format!("interop/protocols: {error}"))?.flatten()
    {
        std::fs::copy(entry.path(), scripts.join(entry.file_name()))
            .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
    }
    for (script, applicants) in SCRIPTS {
        let demo = Demo::with_applicants(mapae, &format!("protocols-{script}"), *applicants)?;
        process::run(
            Command::new("node")
                .args(["--test", "--test-concurrency=1"])
                .arg(format!("protocols/{script}"))
                .current_dir(&folder)
                .env("MAPAE", mapae)
                .env("MAPAE_DEMO", demo.path())
                .env("CHROMIUM", &chromium),
        )?;
    }
    Ok(())
}
