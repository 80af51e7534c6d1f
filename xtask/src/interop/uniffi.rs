//! The native road: the wallet's library, its bindings in three languages, and CPython as the phone.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// How many phones the script enrols.
const PHONES: u32 = 2;

/// What each language's bindings have to hold: the file and names in it. Whether they compile is for their own judges.
const WRITTEN: &[(&str, &str, &[&str])] = &[
    (
        "python",
        "mapae_wallet.py",
        &["class Wallet", "class DeviceSigner", "class WalletError", "def vault_hint"],
    ),
    (
        "kotlin",
        "mapae/wallet/mapae_wallet.kt",
        &[
            "package mapae.wallet",
            "class Wallet",
            "interface DeviceSigner",
            "interface CredentialKeys",
            "sealed class WalletException",
            "fun `register`",
            "fun `answer`",
            "fun `changePin`",
            "fun `history`",
        ],
    ),
    (
        "swift",
        "MapaeWallet.swift",
        &[
            "open class Wallet",
            "public protocol DeviceSigner",
            "public protocol CredentialKeys",
            "enum WalletError",
            "func register(",
            "func answer(",
            "func changePin(",
            "func history(",
        ],
    ),
    ("swift", "MapaeWalletFFI.h", &["uniffi_mapae_wallet_fn_method_wallet_register"]),
    ("swift", "MapaeWalletFFI.modulemap", &["module MapaeWalletFFI"]),
];

pub(super) fn run(mapae: &Path) -> Outcome {
    tools::program(&["python3"], "install Python 3.11 or newer (Debian: apt-get install python3)")?;
    let folder = tools::scratch("uniffi")?;
    let outcome = bindings(&folder).and_then(|()| walk(mapae, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

/// Builds the library and the program that writes its bindings; gives the library.
pub(super) fn library() -> Outcome<PathBuf> {
    // Two runs of cargo, so that the features of the one leave the other as the tests built it.
    process::run(tools::cargo().args([
        "build",
        "--locked",
        "--package",
        "uniffi-bindgen",
        "--features",
        "uniffi",
    ]))?;
    process::run(tools::cargo().args(["build", "--locked", "--package", "wallet-uniffi", "--lib"]))?;
    let name = format!("{}mapae_wallet{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(tools::target().join("debug").join(name))
}

/// Writes the bindings of one language into a folder.
pub(super) fn write_bindings(library: &Path, language: &str, folder: &Path) -> Outcome {
    process::run(
        Command::new(tools::target().join("debug/uniffi-bindgen"))
            .args(["generate", "--no-format", "--language", language, "--out-dir"])
            .arg(folder)
            .arg(library)
            .current_dir(tools::root()),
    )
}

/// Builds the library and writes the bindings of each language into a folder of its own.
fn bindings(folder: &Path) -> Outcome {
    let library = library()?;
    for language in ["python", "kotlin", "swift"] {
        write_bindings(&library, language, &folder.join(language))?;
    }
    for (language, file, names) in WRITTEN {
        let path = folder.join(language).join(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("the {language} bindings: {file}: {error}"))?;
        if let Some(missing) = names.iter().find(|name| !text.contains(**name)) {
            return Err(format!("the {language} bindings ({file}) hold no {missing:?}"));
        }
        println!("interop uniffi: {language}: {file}, {} lines", text.lines().count());
    }
    let beside = folder.join("python").join(library.file_name().unwrap_or_default());
    std::fs::copy(&library, &beside)
        .map_err(|error| format!("cannot copy {}: {error}", library.display()))?;
    Ok(())
}

fn walk(mapae: &Path, folder: &Path) -> Outcome {
    let demo = Demo::with_applicants(mapae, "uniffi-demo", PHONES)?;
    process::run(
        Command::new("python3")
            .arg("-B")
            .arg(tools::root().join("interop/uniffi_walk.py"))
            .env("PYTHONPATH", folder.join("python"))
            .env("MAPAE_DEMO", demo.path()),
    )
}
