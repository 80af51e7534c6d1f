//! Where the program comes from: a bill of materials, and a build that comes out the same twice.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{self, Outcome};
use crate::tools;

/// Writes a CycloneDX 1.5 document of what the server is built from, from `cargo metadata`.
pub(crate) fn sbom(out: Option<&Path>) -> Outcome {
    let text = process::output(tools::cargo().args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        &host()?,
    ]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let document = bill(&metadata, "mapae")?;
    let count = document.get("components").and_then(Value::as_array).map_or(0, Vec::len);
    let path = out.map_or_else(|| tools::target().join("mapae.cdx.json"), Path::to_path_buf);
    let pretty = serde_json::to_string_pretty(&document).map_err(|error| format!("CycloneDX: {error}"))?;
    std::fs::write(&path, pretty + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    println!("sbom: {count} components in {}", path.display());
    Ok(())
}

/// The document of one package and everything that is linked into it (dependencies of tests are not).
fn bill(metadata: &Value, root: &str) -> Outcome<Value> {
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let packages = list(metadata, "packages");
    let nodes = metadata.get("resolve").map(|resolve| list(resolve, "nodes")).unwrap_or_default();
    let of = |id: &str| packages.iter().find(|package| text(package, "id") == id);
    let root = packages.iter().find(|package| text(package, "name") == root);
    let root = root.ok_or_else(|| "the package is not in the workspace".to_owned())?;
    let mut reached = std::collections::BTreeMap::new();
    let mut next = vec![text(root, "id").to_owned()];
    while let Some(id) = next.pop() {
        if reached.contains_key(&id) {
            continue;
        }
        let node = nodes.iter().find(|node| text(node, "id") == id);
        let linked: Vec<String> = node
            .map(|node| list(node, "deps"))
            .unwrap_or_default()
            .iter()
            .filter(|dependency| {
                // `dev` only: of tests.
                list(dependency, "dep_kinds").iter().any(|kind| text(kind, "kind") != "dev")
            })
            .map(|dependency| text(dependency, "pkg").to_owned())
            .collect();
        next.extend(linked.iter().cloned());
        reached.insert(id, linked);
    }
    let mut components = Vec::new();
    for id in reached.keys().filter(|id| **id != text(root, "id")) {
        components.push(component(of(id).ok_or_else(|| format!("{id} is not described"))?));
    }
    let reference = |id: &String| of(id).map(purl).unwrap_or_default();
    let dependencies: Vec<Value> = reached
        .iter()
        .map(|(id, linked)| {
            let mut on: Vec<String> = linked.iter().map(reference).collect();
            on.sort_unstable();
            on.dedup();
            json!({ "ref": reference(id), "dependsOn": on })
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(root) },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Value) -> Value {
    let mut component = json!({
        "type": if text(package, "name") == "mapae" { "application" } else { "library" },
        "bom-ref": purl(package),
        "name": text(package, "name"),
        "version": text(package, "version"),
        "purl": purl(package),
    });
    let licence = text(package, "license").replace('/', " OR ");
    if let Some(object) = component.as_object_mut() {
        if !licence.is_empty() {
            object.insert("licenses".into(), json!([{ "expression": licence }]));
        }
        let from = text(package, "repository");
        if !from.is_empty() {
            object.insert("externalReferences".into(), json!([{ "type": "vcs", "url": from }]));
        }
    }
    component
}

fn purl(package: &Value) -> String {
    // SemVer's `+` is not plain in a package URL.
    let version = text(package, "version").replace('+', "%2B");
    format!("pkg:cargo/{}@{version}", text(package, "name"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn host() -> Outcome<String> {
    let told = process::output(Command::new("rustc").arg("-vV").current_dir(tools::root()))?;
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

/// Builds a package twice, in two folders that are told apart by their names, and compares the programs byte by byte.
pub(crate) fn reproducible(package: &str, profile: &str) -> Outcome {
    let scratch = tools::scratch("reproducible")?;
    let outcome = twice(&scratch, package, profile);
    // Two that differ stay, for whoever looks for the difference.
    if outcome.is_ok() {
        let _ = std::fs::remove_dir_all(&scratch);
    }
    outcome
}

fn twice(scratch: &Path, package: &str, profile: &str) -> Outcome {
    let mut sums = Vec::new();
    // One commit for both, whatever is committed meanwhile.
    let commit = process::output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(tools::root()))?;
    // Names of unlike length: a path that is left in the program moves what comes after it.
    for name in ["one", "the-other-folder"] {
        let source = scratch.join(name).join("source");
        std::fs::create_dir_all(&source).map_err(|error| format!("{}: {error}", source.display()))?;
        // What is committed, and nothing that lies beside it.
        let archive = scratch.join(name).join("source.tar");
        process::run(
            Command::new("git")
                .args(["archive", "--format=tar", commit.trim(), "--output"])
                .arg(&archive)
                .current_dir(tools::root()),
        )?;
        process::run(Command::new("tar").arg("--extract").arg("--file").arg(&archive).current_dir(&source))?;
        sums.push(built(&source, &scratch.join(name).join("target"), package, profile)?);
    }
    let [one, other] = sums.as_slice() else { return Err("two builds were asked for".into()) };
    if one == other {
        println!("reproducible: {package} ({profile}): both builds are {one}");
        Ok(())
    } else {
        Err(format!(
            "{package} ({profile}): {one} and {other} differ; both builds are in {}",
            scratch.display()
        ))
    }
}

fn built(source: &Path, target: &Path, package: &str, profile: &str) -> Outcome<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = format!("--remap-path-prefix={}=.", source.display());
    flags.push_str(&format!(" --remap-path-prefix={}=target", target.display()));
    if let Some(home) = home {
        flags.push_str(&format!(" --remap-path-prefix={}=cargo", home.display()));
    }
    if package == "mapae" {
        // The wallet app is part of the server: it is built here too.
        process::run(
            environment(
                Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
                target,
                &flags,
            )
            .args(["xtask", "wasm"])
            .env_remove("CARGO_MANIFEST_DIR")
            .current_dir(source),
        )?;
    }
    process::run(
        environment(
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
            target,
            &flags,
        )
        .args(["build", "--locked", "--package", package, "--profile", profile])
        .current_dir(source),
    )?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let program = target.join(folder).join(package);
    let sum = process::output(Command::new("sha256sum").arg(&program))?;
    Ok(sum.split_ascii_whitespace().next().unwrap_or_default().to_owned())
}

fn environment(mut command: Command, target: &Path, flags: &str) -> Command {
    command
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", "0")
        // C sources of dependencies name their paths too.
        .env("CFLAGS", format!("-ffile-prefix-map={}=target", target.display()))
        .env("RUSTFLAGS", flags);
    command
}

/// Secrets in committed files, told with their place and never with themselves.
pub(crate) fn secrets(faults: &mut Vec<String>) -> Outcome {
    let listed = process::output(Command::new("git").args(["ls-files", "-z"]).current_dir(tools::root()))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = std::fs::read_to_string(tools::root().join(name)) else { continue };
        for (at, line) in text.lines().enumerate() {
            if let Some(kind) = secret_in(line) {
                faults.push(format!("{name}:{}: {kind} does not belong into a repository", at + 1));
            }
        }
    }
    Ok(())
}

/// What kind of secret a line holds. Words that only look like one (a pattern, a format's name) are followed by too little.
fn secret_in(line: &str) -> Option<&'static str> {
    let after = |mark: &str, letters: usize| {
        line.match_indices(mark).any(|(at, _)| {
            let rest = line.get(at + mark.len()..).unwrap_or_default();
            let run = rest
                .bytes()
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/'));
            run.count() >= letters
        })
    };
    let kinds: [(&str, usize, &str); 7] = [
        ("mapae-kek-1:", 40, "a key-encryption key"),
        ("AKIA", 16, "an access key of a cloud"),
        ("ghp_", 36, "a token of a forge"),
        ("glpat-", 20, "a token of a forge"),
        ("xoxb-", 20, "a token of a messenger"),
        ("sk_live_", 16, "a key of a payment service"),
        ("AIza", 35, "a key of a cloud"),
    ];
    kinds.into_iter().find(|(mark, letters, _)| after(mark, *letters)).map(|(_, _, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_and_the_word_for_one_is_not() {
        let kek = format!("file = \"mapae-kek-{}:{}\"", 1, "A".repeat(43));
        assert_eq!(secret_in(&kek), Some("a key-encryption key"));
        assert_eq!(secret_in(&format!("{}{}", "AK", "IA0123456789ABCDEF")), Some("an access key of a cloud"));
        assert_eq!(secret_in("const PREFIX: &str = \"mapae-kek-1:\";"), None);
        assert_eq!(secret_in("it begins with ghp_ and goes on"), None);
    }

    #[test]
    fn a_bill_names_what_is_linked_and_not_what_only_tests_use() {
        let metadata = json!({
            "packages": [
                { "id": "a", "name": "mapae", "version": "0.1.0", "license": "Apache-2.0" },
                { "id": "b", "name": "linked", "version": "1.0.0+x", "license": "MIT/Apache-2.0", "repository": "https://example.org" },
                { "id": "c", "name": "of-tests", "version": "1.0.0" },
            ],
            "resolve": { "nodes": [
                { "id": "a", "deps": [
                    { "pkg": "b", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "c", "dep_kinds": [{ "kind": "dev" }] },
                ] },
                { "id": "b", "deps": [] },
            ] },
        });
        let document = bill(&metadata, "mapae").expect("bill");
        let components = document.get("components").and_then(Value::as_array).expect("list");
        assert_eq!(components.len(), 1);
        assert_eq!(components[0]["purl"], "pkg:cargo/linked@1.0.0%2Bx");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["dependencies"][0]["dependsOn"][0], "pkg:cargo/linked@1.0.0%2Bx");
    }
}
