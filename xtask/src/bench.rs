//! `cargo xtask bench`: the hot paths and the flows, in release; each beside the raw operation of the same run.

mod login;
pub(crate) mod wallet;

use crate::process::{self, Outcome};
use crate::tools;
use std::path::PathBuf;
use std::process::Command;

/// `cargo xtask bench scale`: console, status lists and issuing with 1.2 million officials.
pub(crate) fn scale(json: bool, people: Option<u64>, store: Option<&str>) -> Outcome {
    let mapae = tools::build_mapae(true)?;
    let mut command = Command::new(mapae);
    command.args(["bench", "scale"]);
    if let Some(people) = people {
        command.args(["--people", &people.to_string()]);
    }
    if let Some(store) = store {
        command.args(["--store", store]);
    }
    if json {
        command.arg("--json");
    }
    process::run(&mut command)
}

/// The program that verifies our credential with the crate ssi-sd-jwt.
fn peer() -> Outcome<PathBuf> {
    let target = tools::cache().join("peer-target");
    process::run(
        tools::cargo()
            .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
            .arg(tools::root().join("interop/ssi/Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target),
    )?;
    Ok(target.join("release/mapae-peer-ssi"))
}

/// `cargo xtask bench ledger`: the embedded chain: durable writes, reads, opening, replay, and a look into the trust list.
pub(crate) fn ledger(json: bool) -> Outcome {
    process::run(tools::cargo().args([
        "build",
        "--package",
        "registry",
        "--example",
        "endurance",
        "--release",
        "--locked",
    ]))?;
    let line = process::output(
        Command::new(tools::target().join("release/examples/endurance")).args(["bench", "20000"]),
    )?;
    if json {
        print!("{line}");
        return Ok(());
    }
    let figures: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&line).map_err(|error| format!("the bench printed no JSON: {error}"))?;
    for (name, value) in figures {
        println!("{name:<24} {value}");
    }
    Ok(())
}

/// `cargo xtask bench sign`: printing, sealing and checking PDF files, beside the raw hash and signature of the same run.
pub(crate) fn sign(json: bool) -> Outcome {
    let mut figures = example("signing", "sign_bench", &["--features", "keys/aws-lc"])?;
    figures.extend(example("certificate", "print_bench", &[])?);
    if json {
        println!("{}", serde_json::Value::Object(figures));
        return Ok(());
    }
    for (name, value) in figures {
        println!("{name:<24} {value}");
    }
    Ok(())
}

/// What an example measured, built in release.
fn example(
    package: &str,
    name: &str,
    features: &[&str],
) -> Outcome<serde_json::Map<String, serde_json::Value>> {
    process::run(
        tools::cargo()
            .args(["build", "--package", package, "--example", name, "--release", "--locked"])
            .args(features),
    )?;
    let program = tools::target().join("release/examples").join(name);
    let line = process::output(&mut Command::new(program))?;
    serde_json::from_str(&line).map_err(|error| format!("the bench printed no JSON: {error}"))
}

/// Gates at full size.
pub(crate) fn gate(json: bool) -> Outcome {
    let mapae = tools::build_mapae(true)?;
    let mut command = Command::new(mapae);
    command.args(["bench", "gate"]);
    if json {
        command.arg("--json");
    }
    process::run(&mut command)
}

/// The hot paths and the flows, and what a browser sees of a login.
pub(crate) fn run(json: bool, seconds: u64) -> Outcome {
    let mapae = tools::build_mapae(true)?;
    let mut command = Command::new(&mapae);
    command.args(["bench", "--seconds", &seconds.to_string(), "--peer"]).arg(peer()?);
    if !json {
        process::run(&mut command)?;
        for (name, figure) in login::figure(&mapae)? {
            println!("{name:<28}{figure}");
        }
        return Ok(());
    }
    let printed = process::output(command.arg("--json"))?;
    let mut figures: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&printed)
        .map_err(|error| format!("the bench printed no JSON: {error}: {printed}"))?;
    figures.extend(login::figure(&mapae)?);
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}
