//! `cargo xtask fuzz`: libFuzzer with AddressSanitizer on every parser that meets bytes of strangers, beginning with the vectors of the
//! standards. What it learns stays in the cache, so that the next run begins there.

use crate::process::{self, Outcome};
use crate::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the compiler adds for libFuzzer: counters, comparisons, a sanitizer.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Zsanitizer=address -Cdebug-assertions -Coverflow-checks";

/// Vectors to begin with; those in hexadecimal are decoded.
const SEEDS: &[(&str, &[&str])] = &[
    ("sd_jwt", &["rfc9901_", "openid4vp_sd_jwt"]),
    ("jws", &["status_list_token.jwt"]),
    ("mdoc", &["iso_18013_5_device_response"]),
    ("dcql", &["dcql_"]),
    ("status_list", &["status_list_"]),
    ("x509", &["iso_18013_5_iaca_root"]),
];

/// What is fuzzed without the server: parsers of the crates below it.
pub(crate) const PARSERS: &[&str] = &[
    "crates/credential/src",
    "crates/gate/src",
    "crates/keys/src",
    "crates/openid/src",
    "crates/registry/src",
    "crates/signing/src",
    "fuzz",
    "xtask/src/fuzz.rs",
];

/// Which targets there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Everything,
    /// All but those that need the server: most of the building is theirs.
    Parsers,
}

/// Builds the targets and runs each for so many seconds, two at a time.
pub(crate) fn run(seconds: u64, names: &[String], of: Of) -> Outcome {
    let all = targets(of)?;
    for name in names {
        if !all.contains(name) {
            return Err(format!("no fuzz target is called {name}; there are {}", all.join(", ")));
        }
    }
    let mut waiting: Vec<String> =
        all.into_iter().filter(|name| names.is_empty() || names.contains(name)).collect();
    waiting.reverse();
    let built = build(of)?;
    let (mut running, mut failed, mut done) = (Vec::<(String, Child)>::new(), Vec::new(), 0_usize);
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < 2
            && let Some(name) = waiting.pop()
        {
            println!("fuzz {name}: {seconds} s");
            running.push((name.clone(), start(&built, &name, seconds)?));
        }
        process::pause(500);
        let mut still = Vec::new();
        for (name, mut child) in running {
            match child.try_wait().map_err(|error| format!("fuzz {name}: {error}"))? {
                None => still.push((name, child)),
                Some(status) if status.success() => {
                    println!("fuzz {name}: no finding; {}", runs(&name));
                    done += 1;
                }
                Some(status) => {
                    eprintln!(
                        "fuzz {name}: FINDING ({status}): {}; the log is beside it",
                        finding(&name).display()
                    );
                    failed.push(name);
                }
            }
        }
        running = still;
    }
    if failed.is_empty() {
        println!("fuzz: {done} targets, {seconds} s each, no finding");
        Ok(())
    } else {
        Err(format!("findings in {}", failed.join(", ")))
    }
}

/// The targets that fuzz/Cargo.toml names.
fn targets(of: Of) -> Outcome<Vec<String>> {
    let path = tools::root().join("fuzz/Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let bins = text.split("\n[[bin]]\n").skip(1);
    let bins = bins.filter(|bin| of == Of::Everything || !bin.contains("required-features"));
    Ok(bins.filter_map(|bin| Some(bin.split("name = \"").nth(1)?.split('"').next()?.to_owned())).collect())
}

fn build(of: Of) -> Outcome<PathBuf> {
    const TRIPLE: &str = "x86_64-unknown-linux-gnu";
    let target = tools::cache().join("fuzz-target");
    process::run(
        tools::cargo()
            .args(["build", "--release", "--target", TRIPLE, "--manifest-path"])
            .arg(tools::root().join("fuzz/Cargo.toml"))
            .args(if of == Of::Everything { &["--features", "server"][..] } else { &[] })
            // The sanitizer's flags are unstable; everything else is the toolchain of the product.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", INSTRUMENTED)
            .env("CARGO_TARGET_DIR", &target),
    )?;
    Ok(target.join(TRIPLE).join("release"))
}

/// Corpus, log and findings of a target.
fn home(name: &str) -> PathBuf {
    tools::cache().join("fuzz").join(name)
}

fn start(built: &Path, name: &str, seconds: u64) -> Outcome<Child> {
    let home = home(name);
    let (corpus, seeds) = (home.join("corpus"), home.join("seeds"));
    for folder in [&corpus, &seeds] {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    sow(name, &seeds)?;
    let log = home.join("log");
    let log = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    Command::new(built.join(name))
        .arg(&corpus)
        .arg(&seeds)
        .args([format!("-max_total_time={seconds}"), "-timeout=10".to_owned()])
        .args(["-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", home.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("fuzz {name}: {error}"))
}

/// Puts the vectors of a target where it begins.
fn sow(name: &str, seeds: &Path) -> Outcome {
    let vectors = tools::root().join("crates/credential/tests/vectors");
    let fault = |error: std::io::Error| format!("{}: {error}", vectors.display());
    let wanted = SEEDS.iter().find(|(target, _)| *target == name).map_or(&[][..], |(_, wanted)| wanted);
    for entry in fs::read_dir(&vectors).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if wanted.iter().any(|start| file.starts_with(start)) {
            let bytes = fs::read(entry.path()).map_err(fault)?;
            let bytes = if file.ends_with(".hex") { unhex(&bytes) } else { bytes.trim_ascii().to_vec() };
            fs::write(seeds.join(file), bytes).map_err(fault)?;
        }
    }
    Ok(())
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> =
        text.iter().filter_map(|digit| char::from(*digit).to_digit(16)?.try_into().ok()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | digit)).collect()
}

/// The newest input that a target fell over, or the folder where its log is.
fn finding(name: &str) -> PathBuf {
    let home = home(name);
    let kinds = ["crash-", "timeout-", "oom-", "leak-", "slow-unit-"];
    let files = fs::read_dir(&home).into_iter().flatten().flatten();
    let found = files.filter(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        kinds.iter().any(|kind| name.starts_with(kind))
    });
    let newest = found.max_by_key(|file| file.metadata().and_then(|of| of.modified()).ok());
    newest.map_or(home, |file| file.path())
}

/// How often a target ran, as its log tells.
fn runs(name: &str) -> String {
    let log = fs::read_to_string(home(name).join("log")).unwrap_or_default();
    let number = |what: &str| {
        let line = log.lines().rev().find(|line| line.contains(what)).unwrap_or_default();
        line.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    format!("{} runs, {} a second", number("number_of_executed_units"), number("average_exec_per_sec"))
}
