//! Signatures before others' eyes: pyHanko, poppler, OpenSSL and EU DSS check ours, and we check theirs; then an official
//! signs in the wallet app in Chromium, and on the phone in the terminal, what a relying party asks a running server for, and
//! pyHanko and poppler accept it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// The version of pyHanko that judges.
const PYHANKO: &str = "pyHanko==0.38.0";

pub(super) fn run(mapae: &Path) -> Outcome {
    let folder = tools::scratch("sign")?;
    let outcome = judge(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(mapae: &Path, folder: &Path) -> Outcome {
    tools::program(&["pdfsig"], "install poppler's tools (Debian: apt-get install poppler-utils)")?;
    tools::program(&["certutil"], "install NSS's tools (Debian: apt-get install libnss3-tools)")?;
    tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
    let dss = dss()?;
    process::run(tools::cargo().args(["build", "--locked", "--workspace", "--example", "sign_vectors"]))?;
    let vectors = tools::target().join("debug/examples/sign_vectors");
    let now = process::output(Command::new("date").arg("+%s"))?;
    process::run(Command::new(&vectors).arg("write").arg(folder).arg(now.trim()))?;
    process::run(
        Command::new(tools::python(&[PYHANKO])?.join("python"))
            .arg(tools::root().join("interop/sign.py"))
            .arg(folder)
            .env("SIGN_VECTORS", &vectors)
            .env("DSS_CLASSPATH", dss),
    )?;
    walk(mapae, folder)
}

/// From the request to the file, against a demo of its own: in the wallet app first, then in the terminal. Pictures stay in
/// `<target>/sign-screens`, as output.
fn walk(mapae: &Path, folder: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let screens = tools::target().join("sign-screens");
    let _ = std::fs::remove_dir_all(&screens);
    let demo = Demo::with_applicants(mapae, "sign-walk", 1)?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "sign.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("WALLET_APP", tools::target().join("wallet-app"))
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", &screens)
            .env("SIGN_WORK", folder),
    )?;
    println!("interop sign: pictures are in {}", screens.display());
    process::run(
        Command::new(tools::python(&[PYHANKO])?.join("python"))
            .arg(tools::root().join("interop/sign_walk.py"))
            .arg(folder)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path()),
    )
}

/// The judge in Java with all of EU DSS, built once into the cache; returns its class path.
fn dss() -> Outcome<String> {
    tools::program(&["java"], "install a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)")?;
    tools::program(&["mvn"], "install Maven (Debian: apt-get install maven)")?;
    let source = tools::root().join("interop/sign");
    let home: PathBuf = tools::cache().join("sign-dss");
    let text =
        |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let judge = source.join("src/main/java/Judge.java");
    let wanted = text(&source.join("pom.xml"))? + &text(&judge)?;
    let stamp = home.join("installed");
    let paths = home.join("class-path");
    if !std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        let _ = std::fs::remove_dir_all(&home);
        let io = |error: std::io::Error| format!("{}: {error}", home.display());
        std::fs::create_dir_all(home.join("src/main/java")).map_err(io)?;
        std::fs::copy(source.join("pom.xml"), home.join("pom.xml")).map_err(io)?;
        std::fs::copy(&judge, home.join("src/main/java/Judge.java")).map_err(io)?;
        process::run(
            Command::new("mvn")
                .args(["--quiet", "--batch-mode", "compile", "dependency:build-classpath"])
                .arg(format!("-Dmdep.outputFile={}", paths.display()))
                .current_dir(&home),
        )?;
        std::fs::write(&stamp, &wanted).map_err(io)?;
    }
    Ok(format!("{}:{}", home.join("target/classes").display(), text(&paths)?.trim()))
}
