//! A read replica on a real streaming standby: who answers what, what a standby that stands still delays, and that nobody
//! misses one that is gone.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::process::{self, Background, Outcome};
use crate::tools;

/// A standby is believed for a second, and looked at four times in one.
const NOTICED_MS: u64 = 1_500;

pub(super) fn run(mapae: &Path) -> Outcome {
    let (_primary, url) = tools::postgres()?;
    sql(&url, "postgres", "CREATE DATABASE nodes")?;
    let (standby, copy) = tools::postgres_standby(&url)?;
    let folder = tools::scratch("standby")?;
    let site =
        Site { mapae, folder: folder.clone(), port: tools::free_ports(3)?, primary: &url, standby: &copy };
    let outcome = site.judge(standby);
    let _ = std::fs::remove_dir_all(&folder);
    outcome?;

    // Two nodes at work while the standby dies.
    let (standby, copy) = tools::postgres_standby(&url)?;
    let data = sql(&copy, "postgres", "SHOW data_directory")?;
    let strike = format!("kill -9 $(head -1 {}/postmaster.pid)", data.trim());
    let done = process::run(
        Command::new(mapae)
            .args(["bench", "kills", "--kills", "1", "--nodes", "2", "--after", "3", "--strike", &strike])
            .args(["--store", &format!("{url}/postgres"), "--replica", &format!("{copy}/postgres")]),
    );
    drop(standby);
    done
}

struct Site<'a> {
    mapae: &'a Path,
    folder: PathBuf,
    port: u16,
    primary: &'a str,
    standby: &'a str,
}

impl Site<'_> {
    fn judge(&self, standby: Background) -> Outcome {
        let node = Background::quiet(self.command().arg("serve"), &self.folder.join("node.log"))?;
        self.wait("the node", 60, || self.status(2, "/readyz") == "200")?;
        self.wait("the standby to be read", 20, || self.reads("replica") > 0)?;

        let (before, from) = (self.version()?, self.fetched(self.standby)?);
        let primary = self.reads("primary");
        for _ in 0..100 {
            self.version()?;
        }
        expect(self.reads("primary") == primary, "the primary is not asked for what is published")?;
        self.wait("the standby's own count", 20, || {
            self.fetched(self.standby).is_ok_and(|now| now >= from + 100)
        })?;

        // What is stored at the primary is published once the standby has it.
        self.change()?;
        process::pause(NOTICED_MS);
        expect(self.version()? == before + 1, "a change is published")?;

        // A standby that stands still is not believed.
        sql(self.standby, "postgres", "SELECT pg_wal_replay_pause()")?;
        self.change()?;
        process::pause(NOTICED_MS);
        let told = self.reads("primary");
        expect(self.version()? == before + 2, "what it has not heard of is published, by the primary")?;
        expect(self.reads("primary") > told, "the primary was asked")?;
        expect(self.doctor()?.contains("too far behind"), "doctor says that it lags")?;
        sql(self.standby, "postgres", "SELECT pg_wal_replay_resume()")?;
        self.wait("the standby to be read again", 20, || {
            let told = self.reads("replica");
            self.version().is_ok() && self.reads("replica") > told
        })?;
        expect(!self.doctor()?.contains("too far behind"), "doctor says that it keeps up")?;

        // Nothing that decides went there: the standby has seen no other statement of ours than these.
        drop(standby);
        for _ in 0..20 {
            expect(self.status(0, "/trust-list") == "200", "nobody misses a standby that is gone")?;
            process::pause(50);
        }
        self.change()?;
        process::pause(NOTICED_MS);
        expect(self.version()? == before + 3, "the primary is read")?;
        expect(self.status(2, "/readyz") == "200", "the node is ready without it")?;
        println!("interop standby: read while it keeps up, not while it lags, not missed when it is gone");
        drop(node);
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.mapae);
        command
            .env("MAPAE__STORE__URL", format!("{}/nodes", self.primary))
            .env("MAPAE__STORE__REPLICA_URL", format!("{}/nodes", self.standby))
            .env("MAPAE__KEYS__FILE", self.folder.join("mapae.key"))
            .env("MAPAE__LEDGER__FILE", self.folder.join("ledger.db"))
            .env("MAPAE__PUBLIC__BASE_URL", format!("http://localhost:{}", self.port))
            .env("MAPAE__LOG__LEVEL", "warn");
        for (listener, offset) in [("PUBLIC", 0), ("CONSOLE", 1), ("METRICS", 2)] {
            command.env(format!("MAPAE__{listener}__LISTEN"), format!("127.0.0.1:{}", self.port + offset));
        }
        command
    }

    fn curl(&self, listener: u16, path: &str, options: &[&str]) -> Outcome<String> {
        let address = format!("http://127.0.0.1:{}{path}", self.port + listener);
        process::output(Command::new("curl").args(["--silent", "--max-time", "5"]).args(options).arg(address))
    }

    fn status(&self, listener: u16, path: &str) -> String {
        let options = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        self.curl(listener, path, &options).unwrap_or_default()
    }

    /// How many published reads the node counts by who answered.
    fn reads(&self, by: &str) -> u64 {
        // The first question is what is counted.
        let _ = self.version();
        let metrics = self.curl(2, "/metrics", &[]).unwrap_or_default();
        let name = format!("mapae_store_replica_reads_total{{by=\"{by}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
    }

    /// The version that the trust list says.
    fn version(&self) -> Outcome<i64> {
        let jwt = self.curl(0, "/trust-list", &[])?;
        let payload = jwt.split('.').nth(1).ok_or("no trust list")?.replace('-', "+").replace('_', "/");
        let padded = format!("{payload}{}", "=".repeat((4 - payload.len() % 4) % 4));
        let file = self.folder.join("payload");
        std::fs::write(&file, padded).map_err(|error| format!("{}: {error}", file.display()))?;
        let text = process::output(Command::new("base64").arg("--decode").arg(&file))?;
        let claims: Value = serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))?;
        claims.get("version").and_then(Value::as_i64).ok_or_else(|| format!("no version: {text}"))
    }

    /// The trust list changes, as it does when a key ends.
    fn change(&self) -> Outcome {
        sql(self.primary, "nodes", "UPDATE trust_version SET version = version + 1").map(drop)
    }

    /// How many rows of the node's database a server has given out by index or table.
    fn fetched(&self, server: &str) -> Outcome<u64> {
        let count =
            sql(server, "postgres", "SELECT tup_returned FROM pg_stat_database WHERE datname = 'nodes'")?;
        count.trim().parse::<u64>().map_err(|error| format!("{count}: {error}"))
    }

    fn doctor(&self) -> Outcome<String> {
        // It ends with an error where something is broken: here what it says counts.
        let told = self.command().args(["doctor", "--json"]).output().map_err(|error| error.to_string())?;
        String::from_utf8(told.stdout).map_err(|error| error.to_string())
    }

    fn wait(&self, what: &str, seconds: u64, done: impl Fn() -> bool) -> Outcome {
        for _ in 0..seconds * 4 {
            if done() {
                return Ok(());
            }
            process::pause(250);
        }
        let log = std::fs::read_to_string(self.folder.join("node.log")).unwrap_or_default();
        Err(format!("{what}: not within {seconds} s\n{log}"))
    }
}

fn sql(server: &str, database: &str, text: &str) -> Outcome<String> {
    let url = format!("{server}/{database}");
    process::output(Command::new("psql").args([
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        &url,
        "-c",
        text,
    ]))
}

fn expect(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("not so: {what}")) }
}
