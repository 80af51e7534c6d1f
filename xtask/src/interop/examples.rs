//! The relying parties of `examples`, each as a newcomer runs it, while the demo's phone answers.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::Demo;
use super::tls::Tls;
use crate::process::{self, Outcome};
use crate::tools;

/// The language, the folder, and how it is run there.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("curl", &["sh", "verify.sh"]),
    ("rust", &["cargo", "run", "--quiet", "--locked"]),
    ("node", &["node", "verify.mjs"]),
    ("java", &["java", "Verify.java"]),
];

pub(super) fn run(mapae: &Path) -> Outcome {
    for (program, how) in [
        ("curl", "install curl"),
        ("node", "install Node.js 20 or newer (Debian: apt-get install nodejs)"),
        ("java", "install a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)"),
    ] {
        tools::program(&[program], how)?;
    }
    let demo = Demo::start(mapae, "examples")?;
    let described = demo.description()?;
    let text = |pointer: &str| {
        let found = described.pointer(pointer).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("the demo does not tell {pointer}"))
    };
    let port = tools::free_port()?;
    let party = text("/relying_party/client_id")?;
    let mut register = Command::new(mapae);
    register.args(["relying-party", "webhook", &party, &format!("http://localhost:{port}/mapae")]);
    for (name, value) in
        described.pointer("/operator/environment").and_then(|v| v.as_object()).into_iter().flatten()
    {
        register.env(name, value.as_str().unwrap_or_default());
    }
    process::run(&mut register)?;

    for (name, command) in EXAMPLES {
        let Some((program, arguments)) = command.split_first() else { continue };
        let mut example = Command::new(program);
        example
            .args(arguments)
            .current_dir(tools::root().join("examples").join(name))
            .env("MAPAE_URL", text("/urls/public")?)
            .env("MAPAE_API_KEY", text("/relying_party/api_key")?)
            .env("MAPAE_CLIENT_ID", &party)
            .env("CARGO_TARGET_DIR", tools::target().join("example-rust"))
            .stdout(Stdio::piped());
        if *name == "java"
            && let Some(tls) = Tls::of_this_run()
        {
            example.env("JAVA_TOOL_OPTIONS", tls.java_options()?);
        }
        if *name == "node" {
            example.env("WEBHOOK_PORT", port.to_string());
        }
        let mut running = example.spawn().map_err(|error| format!("{name}: {error}"))?;
        let mut lines = BufReader::new(running.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        while !line.starts_with("openid4vp://") {
            line.clear();
            if lines.read_line(&mut line).map_err(|error| format!("{name}: {error}"))? == 0 {
                return Err(format!("the {name} example ended without a link"));
            }
        }
        let mut phone = Command::new(mapae);
        phone.arg("wallet");
        phone.args(
            described
                .pointer("/phone/arguments")
                .and_then(|list| list.as_array())
                .into_iter()
                .flatten()
                .filter_map(|argument| argument.as_str()),
        );
        phone.args(["--json", "present", line.trim(), "--yes"]);
        for (name, value) in
            described.pointer("/phone/environment").and_then(|v| v.as_object()).into_iter().flatten()
        {
            phone.env(name, value.as_str().unwrap_or_default());
        }
        process::output(&mut phone)?;
        let mut rest = String::new();
        lines.read_to_string(&mut rest).map_err(|error| format!("{name}: {error}"))?;
        let ended = running.wait().map_err(|error| format!("{name}: {error}"))?;
        let result = rest.lines().last().unwrap_or_default();
        let result: serde_json::Value = serde_json::from_str(result)
            .map_err(|error| format!("the {name} example printed no JSON: {error}: {rest}"))?;
        let shown = result.pointer("/claims/name/ko").and_then(serde_json::Value::as_str);
        if !ended.success()
            || shown.is_none()
            || result.pointer("/freshness/status").and_then(|v| v.as_str()) != Some("valid")
        {
            return Err(format!("the {name} example did not get a verified name: {result}"));
        }
        println!("interop examples: {name} got a verified name");
    }
    Ok(())
}
