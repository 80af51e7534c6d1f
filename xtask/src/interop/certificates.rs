//! Certificates before others' eyes: veraPDF by the levels that they claim, poppler for the text that a reader gets out, zbar
//! for the code on the printed page, Chromium for whoever asks on the phone and whoever checks.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// What a certificate claims: PDF/A-2a and PDF/UA-1.
const CLAIMS: &str = "2a,ua1";

pub(super) fn run(mapae: &Path) -> Outcome {
    let judge = judge()?;
    let folder = tools::scratch("certificates")?;
    let outcome = look(&judge, &folder).and_then(|()| walk(mapae, &judge, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

/// veraPDF as a class path; what Maven fetched stays in its repository.
fn judge() -> Outcome<String> {
    tools::program(&["java"], "install a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)")?;
    tools::program(&["mvn"], "install Maven (Debian: apt-get install maven)")?;
    let source = tools::root().join("interop/certificates");
    let classes = tools::scratch("certificate-judge")?;
    let list = classes.join("classpath");
    process::run(
        Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:build-classpath"])
            .arg(format!("-Dmdep.outputFile={}", list.display()))
            .current_dir(&source),
    )?;
    let libraries = std::fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
    let libraries = libraries.trim();
    process::run(
        Command::new("javac").args(["-cp", libraries, "-d"]).arg(&classes).arg(source.join("Judge.java")),
    )?;
    Ok(format!("{}:{libraries}", classes.display()))
}

fn look(judge: &str, folder: &Path) -> Outcome {
    tools::program(&["pdftotext"], "install poppler (Debian: apt-get install poppler-utils)")?;
    let written = process::run(
        tools::cargo()
            .args(["test", "--workspace", "--locked", "--lib", "samples_are_written"])
            .env("CERTIFICATE_SAMPLES", folder),
    );
    written?;
    let mut files: Vec<PathBuf> = Vec::new();
    for (name, words) in [
        (
            "employment.pdf",
            ["재직증명서", "예시 김공무", "위와 같이 재직하고 있음을 증명합니다.", "예시행정부장관의인"],
        ),
        ("career.pdf", ["경력증명서", "예시 김공무", "경력 사항", "2/2"]),
    ] {
        let file = folder.join(name);
        let text = process::output(Command::new("pdftotext").arg(&file).arg("-"))?;
        if let Some(missing) = words.iter().find(|word| !text.contains(*word)) {
            return Err(format!("pdftotext does not give {missing} back from {name}: {text}"));
        }
        println!("interop certificates: pdftotext reads {name}");
        files.push(file);
    }
    let judged = |files: &[PathBuf]| {
        let mut vera = Command::new("java");
        vera.args(["-cp", judge, "Judge", CLAIMS]).args(files);
        vera
    };
    let told = process::output(&mut judged(&files))?;
    print!("{told}");
    if told.lines().filter(|line| line.starts_with("conformant ")).count() != 4 {
        return Err("veraPDF did not judge both files by both levels".into());
    }
    // A judge that finds nothing wrong with anything is none: without its structure tree a file is not what it claims.
    let broken = folder.join("untagged.pdf");
    let first = files.first().ok_or("there is no file to judge")?;
    let bytes = std::fs::read(first).map_err(|error| error.to_string())?;
    std::fs::write(&broken, without(&bytes, b"/StructTreeRoot", b"/StructTreeRoof"))
        .map_err(|error| error.to_string())?;
    let told = judged(&[broken]).output().map_err(|error| format!("java: {error}"))?;
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    if told.status.success() || !text.contains("BROKEN ua1") {
        return Err(format!("veraPDF takes an untagged file for a tagged one: {text}"));
    }
    println!("interop certificates: veraPDF refuses the file without its structure tree");
    Ok(())
}

/// From the request to the check by a stranger, in browsers.
fn walk(mapae: &Path, judge: &str, folder: &Path) -> Outcome {
    tools::program(&["pdftoppm"], "install poppler (Debian: apt-get install poppler-utils)")?;
    tools::program(&["zbarimg"], "install zbar (Debian: apt-get install zbar-tools)")?;
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let screens = tools::target().join("certificate-screens");
    let demo = Demo::with_applicants(mapae, "certificates-demo", 1)?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "certificates.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("WALLET_APP", tools::target().join("wallet-app"))
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", &screens)
            .env("CERTIFICATE_WORK", folder)
            .env("VERAPDF", judge),
    )?;
    println!("interop certificates: pictures are in {}", screens.display());
    Ok(())
}

/// The bytes with every `from` written as `to`, of the same length.
fn without(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while let Some(found) =
        out.get(at..).and_then(|rest| rest.windows(from.len()).position(|part| part == from))
    {
        at += found;
        if let Some(place) = out.get_mut(at..at + to.len()) {
            place.copy_from_slice(to);
        }
        at += to.len();
    }
    out
}
