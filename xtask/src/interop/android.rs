//! The judge `android`: the Kotlin shell, compiled against Android's own classes and run under Robolectric over the real
//! library, before a real controller's door. Radio, Keystore and biometric prompt are not in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::gate::stage::Stage;
use super::tls::Tls;
use super::{Demo, green, uniffi};
use crate::process::{self, Outcome};
use crate::tools;

/// How many phones its tests set up.
const PHONES: u32 = 2;

/// What is judged.
pub(super) const JUDGED: &[&str] = &[
    "android",
    "crates/wallet-uniffi",
    "crates/wallet/src",
    "crates/gate/src",
    "crates/mapae/src/gates",
    "xtask/src/interop/android.rs",
    "xtask/src/interop/gate/stage.rs",
];

pub(super) fn run(mapae: &Path) -> Outcome {
    let maven = tools::program(&["mvn"], "install Maven (Debian: apt-get install maven)")?;
    tools::program(&["java"], "install a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)")?;
    let folder = tools::scratch("android")?;
    let outcome = judge(mapae, &maven, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome?;
    green::passed("android", JUDGED)
}

fn judge(mapae: &Path, maven: &Path, folder: &Path) -> Outcome {
    // Its own target folder in the checkout would be another judge's dirty tree.
    let built = tools::target().join("android");
    let library = uniffi::library()?;
    let bindings = built.join("bindings");
    let _ = std::fs::remove_dir_all(&bindings);
    uniffi::write_bindings(&library, "kotlin", &bindings)?;
    let beside = built.join("library");
    std::fs::create_dir_all(&beside).map_err(|error| format!("{}: {error}", beside.display()))?;
    let name = library.file_name().unwrap_or_default();
    std::fs::copy(&library, beside.join(name)).map_err(|error| format!("the library: {error}"))?;

    let maven = |goals: &[&str]| {
        let mut command = Command::new(maven);
        command.args(["--batch-mode", "--quiet", "--file"]).arg(tools::root().join("android/pom.xml"));
        command.arg(format!("-Dfolder={}", built.display())).args(goals);
        command
    };
    // Before the server runs: what is fetched comes from far away, and is tried again.
    process::run(&mut maven(&["test-compile"])).or_else(|reason| {
        println!("interop android: not at the first try: {reason}");
        process::run(&mut maven(&["test-compile"]))
    })?;

    let demo = Demo::with_applicants(mapae, "android-demo", PHONES)?;
    let stage = Stage::set_up(mapae, demo.description()?, folder)?;
    stage.let_applicants_in()?;
    let (_controller, listen) = stage.controller(Command::new(mapae), false)?;
    // What was compiled above: the whole life cycle would compile it again.
    let mut tests = maven(&["surefire:test"]);
    if let Some(tls) = Tls::of_this_run() {
        tests.arg(format!("-DargLine={}", tls.java_options()?));
    }
    let outcome = process::run(
        tests.env("MAPAE_DEMO", demo.path()).env("MAPAE_CONTROLLER", &listen).env("MAPAE_DOOR", &stage.door),
    );
    let told = reports(&built)?;
    println!("interop android: {told}");
    outcome?;
    if told.tests == 0 { Err("not one test ran".into()) } else { Ok(()) }
}

/// What surefire counted.
struct Told {
    tests: u32,
    failed: u32,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests, {} failed", self.tests, self.failed)
    }
}

fn reports(built: &Path) -> Outcome<Told> {
    let folder = built.join("surefire-reports");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut told = Told { tests: 0, failed: 0 };
    let texts: Vec<PathBuf> =
        std::fs::read_dir(&folder).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
    for path in texts.iter().filter(|path| path.extension().is_some_and(|extension| extension == "xml")) {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        told.tests += u32::try_from(text.matches("<testcase ").count()).unwrap_or_default();
        told.failed += u32::try_from(text.matches("<failure ").count() + text.matches("<error ").count())
            .unwrap_or_default();
    }
    Ok(told)
}
