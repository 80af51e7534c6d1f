//! `cargo xtask lint`: the rules of the house that a machine can check.

use crate::process::{self, Outcome};
use crate::tools;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// What each crate of ours may name; dependencies point downwards only.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("keys", &[]),
    ("credential", &["keys"]),
    ("openid", &["keys", "credential"]),
    ("registry", &["keys"]),
    ("gate", &["keys"]),
    ("signing", &["keys"]),
    ("certificate", &["keys"]),
    ("gate-reader", &[]),
    ("gate-osdp", &[]),
    ("wallet", &["keys", "credential", "openid", "gate", "signing"]),
    ("wallet-uniffi", &["keys", "credential", "openid", "gate", "wallet"]),
    ("uniffi-bindgen", &[]),
    ("mapae", &["keys", "credential", "openid", "registry", "gate", "signing", "certificate", "wallet"]),
    ("wallet-web", &["keys", "credential", "openid", "gate", "wallet"]),
    ("wallet-scan", &[]),
    ("wallet-bundle", &[]),
    ("xtask", &[]),
];

/// Never in the tree: OpenSSL in any form, and a second cryptographic back end.
const BANNED: &[&str] = &["openssl", "openssl-sys", "native-tls", "ring", "jsonwebtoken", "josekit"];

/// Licences that an agency or a vendor can take together with ours.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What is only compiled when it is asked for is judged like the rest.
const OPTIONAL: &str = "--features=mapae/otlp";
const MOST_PACKAGES: usize = 450;
const MOST_LOCKED: usize = 650;
const HABITUAL_LINES: usize = 600;

pub(crate) fn run() -> Outcome {
    process::run(tools::cargo().args(["fmt", "--all", "--check"]))?;
    process::run(tools::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    // The app compiles for the browser alone; its host build is but its texts.
    process::run(tools::cargo().args([
        "clippy",
        "--package",
        "wallet-web",
        "--package",
        "wallet-scan",
        "--target",
        tools::WASM,
        "--profile",
        "wallet",
        "--locked",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    let mut faults = Vec::new();
    packages(&mut faults)?;
    tree(&mut faults)?;
    for folder in ["crates", "xtask"] {
        long_files(&tools::root().join(folder), &mut faults);
    }
    conformance(&mut faults)?;
    crate::supply::secrets(&mut faults)?;
    if faults.is_empty() {
        println!("lint: no fault found");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("lint: {fault}");
    }
    Err(format!("{} faults", faults.len()))
}

/// Every test that a table of docs/conformance names is there.
fn conformance(faults: &mut Vec<String>) -> Outcome {
    let mut sources = String::new();
    read_sources(&tools::root().join("crates"), &mut sources);
    let folder = tools::root().join("docs/conformance");
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in std::fs::read_dir(&folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let text = std::fs::read_to_string(&path).map_err(fault)?;
        for name in text.split('`').filter(|name| name.contains("tests::") && !name.contains(' ')) {
            let function = name.rsplit("::").next().unwrap_or_default();
            if !sources.contains(&format!("fn {function}(")) {
                faults.push(format!("{} names a test that does not exist: {name}", path.display()));
            }
        }
    }
    Ok(())
}

fn read_sources(folder: &Path, into: &mut String) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

fn packages(faults: &mut Vec<String>) -> Outcome {
    let text =
        process::output(tools::cargo().args(["metadata", "--format-version=1", "--locked", OPTIONAL]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let list = metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default();
    if list.len() > MOST_LOCKED {
        faults.push(format!("{} packages are locked; the limit is {MOST_LOCKED}", list.len()));
    }
    for package in &list {
        let name = text_of(package, "name");
        let licence = text_of(package, "license");
        if !licence_is_allowed(licence) {
            faults.push(format!("{name}: licence {licence:?} is not on the list"));
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(ours, _)| *ours == name) else { continue };
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let named = text_of(dependency, "name");
            if MAY_NAME.iter().any(|(ours, _)| *ours == named)
                && !allowed.contains(&named)
                && dependency.get("kind").is_none_or(Value::is_null)
            {
                faults.push(format!("{name} names {named}, which does not lie below it"));
            }
        }
    }
    Ok(())
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An SPDX expression is allowed when every part joined by AND has a choice on the list.
fn licence_is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ").replace('/', " OR ");
    !plain.trim().is_empty()
        && plain.split(" AND ").all(|part| part.split(" OR ").any(|choice| LICENCES.contains(&choice.trim())))
}

fn tree(faults: &mut Vec<String>) -> Outcome {
    let text = process::output(tools::cargo().args([
        "tree",
        "--locked",
        "--package",
        "mapae",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]))?;
    let packages: BTreeSet<&str> =
        text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    let everywhere = process::output(tools::cargo().args([
        "tree",
        "--locked",
        "--workspace",
        OPTIONAL,
        "--target",
        "all",
        "--prefix",
        "none",
    ]))?;
    let names: BTreeSet<&str> = everywhere.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in BANNED.iter().filter(|name| names.contains(*name)) {
        faults.push(format!("{name} is banned"));
    }
    println!("lint: {} packages in the product's tree (limit {MOST_PACKAGES})", packages.len());
    if packages.len() > MOST_PACKAGES {
        faults
            .push(format!("{} packages in the product's tree; the limit is {MOST_PACKAGES}", packages.len()));
    }
    Ok(())
}

/// Long files are told, not refused: a table may be long.
fn long_files(folder: &Path, faults: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        faults.push(format!("{} cannot be read", folder.display()));
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            long_files(&path, faults);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
            if lines > HABITUAL_LINES {
                println!(
                    "lint: {} has {lines} lines; split it by meaning when you next work there",
                    path.display()
                );
            }
        }
    }
}
