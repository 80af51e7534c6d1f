//! `cargo xtask interop`: clients that nobody here wrote, against the running server. A judge that cannot run fails; none is skipped in silence.

mod android;
mod certificates;
mod demo;
mod deploy;
mod examples;
mod failover;
mod faults;
mod gate;
mod green;
mod hr;
mod hsm;
mod ledger;
mod ledger_bft;
mod login;
mod mdoc;
mod new_type;
mod otlp;
mod products;
mod protocols;
mod replicas;
mod sign;
mod standby;
mod status;
mod tls;
mod uniffi;

use crate::fuzz;
use crate::process::{self, Outcome};
use crate::testing;
use crate::tools;
use std::path::Path;
use std::process::Command;

pub(crate) use demo::Demo;
use tls::Tls;

struct Judge {
    name: &'static str,
    what: &'static str,
    run: fn(&Path) -> Outcome,
    /// Whether it runs without being named. One that first needs many minutes of building is left to its own command.
    ready: fn() -> bool,
    /// What it judges, where running it costs so much that it runs unnamed only when one of these paths changed since it
    /// passed, or a week ago; nothing known means that it runs. Empty: it runs always.
    judges: &'static [&'static str],
}

const fn always() -> bool {
    true
}

/// Only when it is named, or with `--all`.
const fn by_name() -> bool {
    false
}

const JUDGES: &[Judge] = &[
    Judge {
        name: "login",
        what: "npm openid-client and oauth4webapi, PyPI Authlib and the crate openidconnect log in over TLS, refresh, log out, and are refused what they must be",
        run: login::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "issuing",
        what: "npm @openid4vc/openid4vci and @sd-jwt/sd-jwt-vc receive and verify a badge",
        run: issuing,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "pages",
        what: "headless Chromium walks the pages; axe-core finds no violation",
        run: pages,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "wallet",
        what: "headless Chromium sets the wallet app up, logs in, loses and finds it again; axe-core finds no violation",
        run: wallet,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "console",
        what: "headless Chromium walks through each duty's day; axe-core finds no violation",
        run: console,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "api",
        what: "PyPI schemathesis finds no 5xx and no schema violation",
        run: api,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "audit",
        what: "Go's golang.org/x/mod reads the audit log's checkpoint and tiles",
        run: audit,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "uniffi",
        what: "CPython enrols, receives and logs in through the UniFFI bindings; Kotlin and Swift bindings are written",
        run: uniffi::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "mdoc",
        what: "npm @auth0/mdl and PyPI pymdoccbor read our mobile documents, and we read theirs",
        run: mdoc::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "protocols",
        what: "npm @openid4vc/* and dcql as wallets, as verifier and as issuer's client, right and each step wrong; Chromium's virtual wallet answers a page",
        run: protocols::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "examples",
        what: "the relying parties in curl, Rust, Node and Java get a verified result, by poll and by webhook",
        run: examples::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "status",
        what: "npm @owf/token-status-list reads our status lists as JWT and as CWT and agrees on every entry",
        run: status::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "new-type",
        what: "a credential type put into a running demo as a file is applied for, approved, issued, shown and verified in both formats",
        run: new_type::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "certificates",
        what: "veraPDF finds certificates conformant to PDF/A-2a and PDF/UA-1 before and after sealing, pdftotext and zbar read them; Chromium asks for one in the wallet app and checks it by file, number and, offline, QR code, before and after it is taken back",
        run: certificates::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "hr",
        what: "PyPI scim2-tester finds only SUCCESS; PyPI scim2-client pushes 1,000 people through kills; npm smpp, killed too, loses no message",
        run: hr::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "ledger",
        what: "the contracts compile bit for bit; npm anvil and geth agree with the embedded chain in gas, revert data and events",
        run: ledger::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "ledger-bft",
        what: "four validators of a BFT network (cosmos/evm): the same story; one killed, two killed, both back",
        run: ledger_bft::run,
        ready: ledger_bft::is_built,
        judges: &[],
    },
    Judge {
        name: "products",
        what: "Apache, Keycloak with SAML, Synapse, JupyterHub, LiveKit, Roundcube, Dovecot and OpenVPN let the badge in by configuration alone, and stop when it is suspended",
        run: products::run,
        ready: always,
        judges: products::JUDGED,
    },
    Judge {
        name: "gate",
        what: "pcscd and vsmartcard-vpcd between the terminal phone as card and a controller: opens, locked refused, loss refused within a second, offline by its tiers; PyPI libosdp as the door's peripheral",
        run: gate::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "android",
        what: "the Kotlin shell under Robolectric over the real library before a real controller: opens, locked refused, software keys told as such",
        run: android::run,
        ready: always,
        judges: android::JUDGED,
    },
    Judge {
        name: "sign",
        what: "PyPI pyHanko, poppler's pdfsig, OpenSSL and EU DSS accept our signatures at every level and refuse tampered ones; we accept pyHanko's and OpenSSL's and refuse broken ones; an official signs in the wallet app in Chromium, where a wrong PIN and a swapped document sign nothing",
        run: sign::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "hsm",
        what: "SoftHSM 2 holds every key: the walk, each key changed beside the running server, the token gone and back",
        run: hsm::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "otlp",
        what: "PyPI opentelemetry-proto reads our traces: names, attributes, parents, nothing personal; a receiver that is away or hangs keeps nobody waiting",
        run: otlp::run,
        ready: always,
        judges: otlp::JUDGED,
    },
    Judge {
        name: "postgres",
        what: "the walk and the invariants on PostgreSQL 15",
        run: postgres,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "replicas",
        what: "two nodes on one PostgreSQL behind a round-robin proxy, killed under load: nothing acknowledged lost, nothing done twice",
        run: replicas::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "deploy",
        what: "Helm and the types of Kubernetes, Compose's loader, promtool, systemd-analyze and HAProxy before two nodes take what is in deploy/",
        run: deploy::run,
        ready: always,
        judges: deploy::JUDGED,
    },
    Judge {
        name: "standby",
        what: "a streaming standby answers published reads and none that decide; while it lags, and when it is killed under load, the primary does",
        run: standby::run,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "failover",
        what: "Patroni with etcd and HAProxy: the primary database dies under load; nothing acknowledged lost, nothing done twice",
        run: failover::run,
        ready: by_name,
        judges: &[],
    },
    Judge {
        name: "faults",
        what: "slow-loris, a clock that jumps, a full disk, a database that stands still: nothing lost, no crash, recovered alone",
        run: faults::run,
        ready: by_name,
        judges: &[],
    },
    Judge {
        name: "connections",
        what: "100,000 connections that say nothing, and more than files may be open: others are served, it is ready, nothing lost, no crash, recovered alone",
        run: faults::crowds,
        ready: always,
        judges: &[],
    },
    Judge {
        name: "fuzz",
        what: "libFuzzer with a sanitizer finds nothing in the parsers below the server, twelve seconds each",
        run: fuzzed,
        ready: by_name,
        judges: fuzz::PARSERS,
    },
    Judge {
        name: "kills",
        what: "the embedded store, killed under load: nothing acknowledged lost, nothing done twice",
        run: replicas::embedded,
        ready: always,
        judges: &[],
    },
];

/// The version of schemathesis that judges the API.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

pub(crate) fn run(names: &[String], all: bool) -> Outcome {
    for name in names {
        if !JUDGES.iter().any(|judge| judge.name == name) {
            let known: Vec<&str> = JUDGES.iter().map(|judge| judge.name).collect();
            return Err(format!("no judge is called {name}; there are {}", known.join(", ")));
        }
    }
    if Tls::of_this_run().is_none() {
        return Tls::run_again();
    }
    let mapae = tools::build_mapae(false)?;
    let mut failed = Vec::new();
    for judge in JUDGES {
        let named = names.iter().any(|name| name == judge.name);
        if !all && !named && (!names.is_empty() || !(judge.ready)()) {
            if names.is_empty() {
                println!(
                    "interop {0}: NOT RUN: what it needs is not here; `cargo xtask interop {0}` runs it",
                    judge.name
                );
            }
            continue;
        }
        if !all
            && !named
            && !judge.judges.is_empty()
            && let Some(passed) = green::still_counts(judge.name, judge.judges)
        {
            println!("interop {}: not run: it passed {passed}, and what it judges is the same", judge.name);
            continue;
        }
        println!("interop {}: {}", judge.name, judge.what);
        match (judge.run)(&mapae) {
            Ok(()) => println!("interop {}: passed", judge.name),
            Err(reason) => {
                eprintln!("interop {}: FAILED: {reason}", judge.name);
                failed.push(judge.name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("judges failed: {}", failed.join(", "))) }
}

/// Kills the server so often; the report is printed.
pub(crate) fn reliability(kills: u32, nodes: u32) -> Outcome {
    let mapae = tools::build_mapae(false)?;
    replicas::killed(&mapae, kills, nodes)
}

/// Takes the screenshots of the documents again.
pub(crate) fn screenshots() -> Outcome {
    let mapae = tools::build_mapae(false)?;
    let folder = tools::root().join("docs/screenshots");
    browser(&mapae, &folder)?;
    console(&mapae)?;
    for name in DESKS_SHOWN {
        let from = tools::target().join("desk-screens").join(name);
        std::fs::copy(&from, folder.join(name)).map_err(|error| format!("{}: {error}", from.display()))?;
    }
    products::run(&mapae)?;
    products::pictures(&folder)
}

/// Those of the console's pictures that the documents show.
const DESKS_SHOWN: &[&str] =
    &["desk-person-suspended-wide.png", "desk-statistics-wide.png", "desk-public-loss-done-phone.png"];

fn node_tests(mapae: &Path, demo: &Demo, script: &str) -> Outcome {
    let folder = tools::node_folder()?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", script])
            .current_dir(folder)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path()),
    )
}

fn issuing(mapae: &Path) -> Outcome {
    node_tests(mapae, &Demo::with_applicants(mapae, "issuing", 8)?, "openid4vci.mjs")
}

fn pages(mapae: &Path) -> Outcome {
    let folder = tools::scratch("screenshots")?;
    let outcome = browser(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn browser(mapae: &Path, screenshots: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    std::fs::create_dir_all(screenshots)
        .map_err(|error| format!("cannot make {}: {error}", screenshots.display()))?;
    let demo = Demo::start(mapae, "pages")?;
    let folder = tools::node_folder()?;
    process::run(
        Command::new("node")
            .args(["--test", "pages.mjs"])
            .current_dir(folder)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", screenshots),
    )
}

/// Pictures and axe's reports stay in `<target>/wallet-screens`, as output.
fn wallet(mapae: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let screens = tools::target().join("wallet-screens");
    let _ = std::fs::remove_dir_all(&screens);
    std::fs::create_dir_all(&screens)
        .map_err(|error| format!("cannot make {}: {error}", screens.display()))?;
    let demo = Demo::with_applicants(mapae, "wallet", 8)?;
    let folder = tools::node_folder()?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "wallet.mjs"])
            .current_dir(folder)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", &screens)
            .env("WALLET_APP", tools::target().join("wallet-app")),
    )?;
    println!("interop wallet: pictures and reports are in {}", screens.display());
    Ok(())
}

/// Pictures stay in `<target>/desk-screens`, as output.
fn console(mapae: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let screens = tools::target().join("desk-screens");
    let _ = std::fs::remove_dir_all(&screens);
    std::fs::create_dir_all(&screens)
        .map_err(|error| format!("cannot make {}: {error}", screens.display()))?;
    let demo = Demo::with_applicants(mapae, "console", 1)?;
    let folder = tools::node_folder()?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "console.mjs"])
            .current_dir(folder)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", &screens),
    )
}

fn api(mapae: &Path) -> Outcome {
    let bin = tools::python(&[SCHEMATHESIS])?;
    let demo = Demo::start(mapae, "api")?;
    let description = demo.description()?;
    for listener in ["public", "console"] {
        let url = description
            .pointer(&format!("/urls/{listener}"))
            .and_then(serde_json::Value::as_str)
            .ok_or("the demo names no URL")?;
        let mut command = Command::new(bin.join("st"));
        command
            .arg("run")
            .arg(format!("{url}/openapi.json"))
            .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"])
            .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1", "--no-color"])
            // Signing out would end the very session that the other calls need.
            .args(["--exclude-path-regex", "session$"])
            // A connection that was idle for the time of headers is closed; who finds it so asks again, once (RFC 9112 §9.3.1).
            .args(["--request-retries", "1"])
            .current_dir(demo.folder());
        if let Some(headers) =
            description.pointer(&format!("/api_headers/{listener}")).and_then(serde_json::Value::as_object)
        {
            for (name, value) in headers {
                command.args(["--header", &format!("{name}: {}", value.as_str().unwrap_or_default())]);
            }
        }
        process::run(&mut command)?;
    }
    Ok(())
}

fn audit(mapae: &Path) -> Outcome {
    let go = tools::program(&["go"], "install Go 1.24 or newer")?;
    let demo = Demo::start(mapae, "audit")?;
    let description = demo.description()?;
    let text = |pointer: &str| {
        let found = description.pointer(pointer).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("the demo does not tell {pointer}"))
    };
    process::run(
        Command::new(go)
            .args(["run", "-mod=readonly", "."])
            .args([text("/urls/public")?, text("/audit_key")?])
            .args([text("/accounts/0/login")?, text("/accounts/0/password")?])
            .current_dir(tools::root().join("interop/audit")),
    )
}

fn fuzzed(_: &Path) -> Outcome {
    fuzz::run(12, &[], fuzz::Of::Parsers)?;
    green::passed("fuzz", fuzz::PARSERS)
}

fn postgres(mapae: &Path) -> Outcome {
    // The suite makes a thousand databases and drops them: each drop is a checkpoint of thousands of files. Nobody pulls the plug
    // here, so none of them has to be on the disk.
    let (_server, url) = tools::postgres_with("-c fsync=off")?;
    let folder = tools::scratch("postgres-walk")?;
    let base = tools::free_ports(4)?;
    let outcome = process::run(
        Command::new(mapae)
            .args([
                "demo",
                "--once",
                "--port",
                &base.to_string(),
                "--store",
                &format!("{url}/postgres"),
                "--data",
            ])
            .arg(folder.join("data")),
    )
    .and_then(|()| {
        testing::in_scratch(
            tools::cargo()
                // The whole workspace, as `cargo xtask test` built it: one package alone would be compiled anew.
                .args(["test", "--locked", "--workspace", "--lib"])
                .env("MAPAE_TEST_POSTGRES", format!("{url}/postgres")),
        )
    });
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}
