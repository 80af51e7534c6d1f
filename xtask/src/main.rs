//! Developer commands, so that a newcomer needs no other tool: `cargo xtask demo`, `test`, `interop`, `bench`, `lint`, `screenshots`.
//!
//! This crate stays small on purpose: it is compiled before anything else runs. It starts other programs and reads what they say; it holds no logic of the product.

mod bench;
mod contracts;
mod fuzz;
mod interop;
mod lint;
mod process;
mod supply;
mod testing;
mod tools;

use clap::{Parser, Subcommand};
use process::Outcome;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Mapae")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build, start everything, play the walk from application to login, and leave the server running.
    Demo {
        /// Arguments of `mapae demo`, for example --once or --json.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the tests: every crate, on SQLite, with both cryptographic back ends.
    Test {
        /// Only tests whose name contains this text.
        filter: Option<String>,
    },
    /// Run clients that nobody here wrote against the running server.
    Interop {
        /// Judges to run; none means the quick ones.
        judges: Vec<String>,
        /// Run every judge, the heavy ones too.
        #[arg(long)]
        all: bool,
    },
    /// Measure: the server's hot paths and flows in release, the wallet app in a browser, or a platform at full size.
    Bench {
        /// What to measure.
        #[arg(value_enum, default_value = "server")]
        what: Measured,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// Seconds for each flow.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// How many times each thing of the wallet app is timed.
        #[arg(long, default_value_t = 9)]
        runs: u32,
        /// How many officials `scale` loads [default: 1,200,000].
        #[arg(long)]
        people: Option<u64>,
        /// PostgreSQL for `scale` instead of the embedded store: the URL of an empty database.
        #[arg(long)]
        store: Option<String>,
    },
    /// Run the fuzz targets: libFuzzer on every parser that meets bytes of strangers.
    Fuzz {
        /// Targets to run; none means all.
        targets: Vec<String>,
        /// How long each runs.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// The same in seconds, instead.
        #[arg(long)]
        seconds: Option<u64>,
        /// Only targets that need no server, which builds in a fraction of the time.
        #[arg(long)]
        parsers: bool,
    },
    /// Kill the server under load, again and again, and look for what was lost or done twice (docs/reliability.md).
    Reliability {
        /// How often it is killed.
        #[arg(long, default_value_t = 1_000)]
        kills: u32,
        /// How many nodes on one PostgreSQL; one is the embedded store.
        #[arg(long, default_value_t = 1)]
        nodes: u32,
    },
    /// Build the installable wallet app, which demo and interop do by themselves.
    Wasm,
    /// Compile the ledger's contracts and compare them bit for bit with those committed.
    Contracts {
        /// Write contracts/out instead of comparing.
        #[arg(long)]
        write: bool,
    },
    /// Format, clippy, dependency rules, secrets and file sizes.
    Lint,
    /// Write a bill of materials of the server (CycloneDX 1.5).
    Sbom {
        /// The file [default: mapae.cdx.json in the target folder].
        #[arg(long)]
        out: Option<std::path::PathBuf>,
    },
    /// Build twice from what is committed, in two folders, and compare the programs byte by byte.
    Reproducible {
        /// The package whose program is compared.
        #[arg(long, default_value = "mapae")]
        package: String,
        /// The profile.
        #[arg(long, default_value = "release")]
        profile: String,
    },
    /// Take the screenshots of the documents again.
    Screenshots,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Measured {
    /// The hot paths and the flows.
    Server,
    /// The wallet app.
    Wallet,
    /// Console, status lists and issuing with 1.2 million officials.
    Scale,
    /// The embedded chain of the ledger.
    Ledger,
    /// Gates: decision, exchange, and a thousand controllers.
    Gate,
    /// Sealing and checking PDF files.
    Sign,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Demo { arguments } => demo(&arguments),
        Command::Test { filter } => testing::run(filter.as_deref()),
        Command::Interop { judges, all } => interop::run(&judges, all),
        Command::Bench { what: Measured::Server, json, seconds, .. } => bench::run(json, seconds),
        Command::Bench { what: Measured::Wallet, json, runs, .. } => bench::wallet::run(json, runs),
        Command::Bench { what: Measured::Scale, json, people, store, .. } => {
            bench::scale(json, people, store.as_deref())
        }
        Command::Bench { what: Measured::Ledger, json, .. } => bench::ledger(json),
        Command::Bench { what: Measured::Gate, json, .. } => bench::gate(json),
        Command::Bench { what: Measured::Sign, json, .. } => bench::sign(json),
        Command::Fuzz { targets, minutes, seconds, parsers } => {
            let of = if parsers { fuzz::Of::Parsers } else { fuzz::Of::Everything };
            fuzz::run(seconds.unwrap_or_else(|| minutes.saturating_mul(60)), &targets, of)
        }
        Command::Reliability { kills, nodes } => interop::reliability(kills, nodes),
        Command::Wasm => tools::build_wallet_app(),
        Command::Contracts { write } => contracts::run(write),
        Command::Lint => lint::run(),
        Command::Sbom { out } => supply::sbom(out.as_deref()),
        Command::Reproducible { package, profile } => supply::reproducible(&package, &profile),
        Command::Screenshots => interop::screenshots(),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn demo(arguments: &[String]) -> Outcome {
    let mapae = tools::build_mapae(false)?;
    process::run(std::process::Command::new(mapae).arg("demo").args(arguments))
}
