//! `cargo xtask bench wallet`: how heavy the wallet app is, and how fast in headless Chromium on a throttled CPU.
//!
//! The app is built as it is shipped; the server beside it is the debug one, since its time is taken out of every figure.

use std::process::Command;

use serde_json::{Map, Value};

use crate::interop::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// Every figure and what it is, in the order of the report and of docs/performance.md.
const NAMES: &[(&str, &str)] = &[
    ("wallet_first_screen", "wasm and JavaScript until the card, gzip"),
    ("wallet_whole", "wasm and JavaScript of all screens, gzip"),
    (
        "wallet_start_to_card",
        "navigation to the painted card; files in the service worker's cache, passkey answered at once",
    ),
    (
        "wallet_pin_check",
        "last digit of the PIN to the next screen, without the time a request was under way",
    ),
    (
        "wallet_asked_cpu",
        "CPU of WASM and JavaScript from a login's link to the question: fetched, verified, drawn",
    ),
    (
        "wallet_present_cpu",
        "CPU of WASM and JavaScript from the last digit to the result: chosen, signed, encrypted, drawn",
    ),
];

/// Measures and prints; each timed thing so many times.
pub(crate) fn run(json: bool, runs: u32) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let mapae = tools::build_mapae(false)?;
    let demo = Demo::with_applicants(&mapae, "wallet-bench", 1)?;
    let folder = tools::node_folder()?;
    let line = process::output(
        Command::new("node")
            .arg("wallet-bench.mjs")
            .current_dir(folder)
            .env("MAPAE", &mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium)
            .env("WALLET_APP", tools::target().join("wallet-app"))
            .env("RUNS", runs.to_string()),
    )?;
    if json {
        print!("{line}");
        return Ok(());
    }
    let report: Map<String, Value> = serde_json::from_str(&line)
        .map_err(|error| format!("the measurement printed no JSON: {error}: {line}"))?;
    for (name, what) in NAMES {
        let figure = report.get(*name).ok_or_else(|| format!("{name} was not measured"))?;
        println!("{name:<22}{:<62}{what}", told(figure));
    }
    println!(
        "CPU throttled 4 times; Chromium without a screen; a debug server, whose time is no part of a figure"
    );
    Ok(())
}

/// A size in KiB, or the spread of some times.
fn told(figure: &Value) -> String {
    let number = |name: &str| figure.get(name).and_then(Value::as_f64);
    match (number("bytes"), number("min_ms"), number("p50_ms"), number("max_ms")) {
        (Some(bytes), ..) => format!("{:.1} KiB", bytes / 1024.0),
        (None, Some(min), Some(p50), Some(max)) => {
            let all = number("all_p50_ms").map(|all| format!("; with layout and painting {all:.0}"));
            format!("min {min:.0}, median {p50:.0}, max {max:.0} ms{}", all.unwrap_or_default())
        }
        _ => figure.to_string(),
    }
}
