//! `login_qr_shown`: from the authorization request to the painted QR, in headless Chromium that never was there before.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use crate::interop::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// Measures it beside a server of its own, of this build.
pub(super) fn figure(mapae: &Path) -> Outcome<Map<String, Value>> {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let demo = Demo::with_applicants(mapae, "login-bench", 0)?;
    let line = process::output(
        Command::new("node")
            .arg("login-bench.mjs")
            .current_dir(tools::node_folder()?)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium),
    )?;
    serde_json::from_str(&line).map_err(|error| format!("the measurement printed no JSON: {error}: {line}"))
}
