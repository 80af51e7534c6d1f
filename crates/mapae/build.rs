//! Tells cargo that a new migration file is a reason to compile again, and says where the wallet app's files are:
//! `cargo xtask wasm` writes them to `<target>/wallet-app`, from where a release embeds them and a debug build reads them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let debug = env::var_os("PROFILE").is_some_and(|profile| profile == "debug");
    let source = match wallet_app(&out) {
        Some(folder) if debug => format!("Source::Folder({:?})", folder.display().to_string()),
        Some(folder) => embedded(&folder),
        None => String::from("Source::Embedded(&[])"),
    };
    let written = fs::write(out.join("wallet_app.rs"), source);
    assert!(written.is_ok(), "OUT_DIR can't be written: {written:?}");
}

/// `<target>/wallet-app`: beside the folder of the profile, whose `build` folder cargo gave us a part of.
fn wallet_app(out: &Path) -> Option<PathBuf> {
    let build = out.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"))?;
    Some(build.parent()?.parent()?.join("wallet-app"))
}

/// A Rust expression: name, content and compressed content of every file. Where they are is told beside it: a path of another
/// length in this text would move the positions of all source text after it, which the program knows in a few places, and
/// two builds of one commit would differ.
fn embedded(folder: &Path) -> String {
    println!("cargo:rustc-env=WALLET_APP={}", folder.display());
    // Cargo takes a path that is not there for changed each time, so it has to be there, empty or not.
    let _ = fs::create_dir_all(folder);
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".gz"))
        .collect();
    names.sort();
    let mut table = String::from("Source::Embedded(&[\n");
    for name in names {
        let bytes =
            |name: &str| format!("include_bytes!(concat!(env!(\"WALLET_APP\"), {:?}))", format!("/{name}"));
        let packed = format!("{name}.gz");
        let compressed = match folder.join(&packed).exists() {
            true => format!("Some({})", bytes(&packed)),
            false => String::from("None"),
        };
        let content = bytes(&name);
        let _ = writeln!(table, "    ({name:?}, {content}, {compressed}),");
    }
    table.push_str("])");
    table
}
