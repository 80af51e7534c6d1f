//! Relying parties that others wrote, over TLS, against a demo of their own.

use std::path::Path;
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// The version of Authlib that judges, and of what it calls us with.
const AUTHLIB: &[&str] = &["Authlib==1.9.10", "joserfc==1.8.0", "requests==2.34.2"];
/// The scripts of `interop/login`.
const SCRIPTS: &[&str] = &["openid-client.mjs", "oauth4webapi.mjs", "flows.mjs", "page.mjs"];

pub(super) fn run(mapae: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    // The judges sit in the office; one that says so by `x-forwarded-for` is elsewhere.
    let settings = [
        ("MAPAE__LOGIN__NETWORKS", "[\"127.0.0.0/8=예시청사\"]".to_owned()),
        ("MAPAE__LOGIN__PROXIES", "[\"127.0.0.0/8\"]".to_owned()),
    ];
    let demo = Demo::with_settings(mapae, "login", 0, &settings)?;
    let nodes = tools::node_folder()?;
    let scripts = nodes.join("login");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    let source = tools::root().join("interop/login");
    for entry in std::fs::read_dir(&source).map_err(|error| format!("interop/login: {error}"))?.flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), scripts.join(entry.file_name()))
                .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
        }
    }
    let judge = |command: &mut Command| {
        fill_up(mapae, &demo)?;
        process::run(command.env("MAPAE", mapae).env("MAPAE_DEMO", demo.path()))
    };
    for script in SCRIPTS {
        let mut node = Command::new("node");
        node.args(["--test", "--test-concurrency=1"]).arg(format!("login/{script}")).current_dir(&nodes);
        node.env("CHROMIUM", &chromium);
        judge(&mut node)?;
    }
    let mut python = Command::new(tools::python(AUTHLIB)?.join("python"));
    judge(python.arg(source.join("authlib_client.py")))?;

    let mut cargo = tools::cargo();
    cargo
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(source.join("openidconnect/Cargo.toml"))
        .env("CARGO_TARGET_DIR", tools::target().join("judge-openidconnect"));
    judge(&mut cargo)
}

/// How many unused copies, of both formats together, a script may need.
const COPIES: u64 = 30;

/// The phone shows each copy of its badge once: a script that might run out of them gets more before. Not oftener than needed,
/// since an issuer counts what it gives.
fn fill_up(mapae: &Path, demo: &Demo) -> Outcome {
    let description = demo.description()?;
    let wallet = |what: &str| {
        let phone = |pointer: &str| description.pointer(pointer).cloned().unwrap_or_default();
        let words = phone("/phone/arguments");
        let words = words.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let mut command = Command::new(mapae);
        command.arg("wallet").args(words).args(["--json", what]);
        for (name, value) in phone("/phone/environment").as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap_or_default());
        }
        process::output(&mut command)
    };
    let status: serde_json::Value =
        serde_json::from_str(&wallet("status")?).map_err(|error| format!("the phone's status: {error}"))?;
    let unused = status.get("unused_copies").and_then(serde_json::Value::as_u64).unwrap_or_default();
    if unused < COPIES { wallet("receive").map(|_| ()) } else { Ok(()) }
}
