//! The server as a process of its own, and what the system and its own metrics say of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::Client;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::AnyError;
use crate::operations::store::WRITER_THREAD;

/// How long a server may take until it answers.
const MOST_WAIT: Duration = Duration::from_secs(30);
/// One tick of the CPU times in `/proc` (USER_HZ is 100 on every Linux).
const TICK_MS: f64 = 10.0;

/// How the threads are called that the ledger's SQLite runs on.
const LEDGER_THREAD: &str = "sqlx-sqlite";

/// A running `mapae serve`; killed when this value goes away.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    pid: u32,
    metrics: String,
    http: Client,
    /// From its start until it answered that it is ready.
    pub(super) ready_after: Duration,
}

/// What a server has used since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// CPU time of all threads, milliseconds.
    pub(super) cpu_ms: f64,
    /// The part of it in the threads that write to SQLite.
    pub(super) writer_ms: f64,
    /// The part of it in the kernel for all other threads: sockets, mostly.
    pub(super) kernel_ms: f64,
    /// Durable commits.
    pub(super) commits: f64,
    /// Units of work in them.
    pub(super) units: f64,
    /// Time spent in COMMIT, mostly waiting for the disk, milliseconds.
    pub(super) commit_ms: f64,
}

impl Usage {
    /// For each of `count` flows, since `earlier`.
    pub(super) fn each_since(&self, earlier: &Usage, count: usize) -> Usage {
        let each = |now: f64, then: f64| (now - then) / count.max(1) as f64;
        Usage {
            cpu_ms: each(self.cpu_ms, earlier.cpu_ms),
            writer_ms: each(self.writer_ms, earlier.writer_ms),
            kernel_ms: each(self.kernel_ms, earlier.kernel_ms),
            commits: each(self.commits, earlier.commits),
            units: each(self.units, earlier.units),
            commit_ms: each(self.commit_ms, earlier.commit_ms),
        }
    }
}

/// This program with a configuration file and nothing of our environment.
pub(super) fn mapae(config: &Path) -> Result<Command, AnyError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear().arg("--config").arg(config).stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

impl ServerProcess {
    /// Starts the server and waits until it is ready; `metrics` is the address of its metrics listener.
    pub(super) async fn start(config: &Path, metrics: String, http: Client) -> Result<Self, AnyError> {
        let log: PathBuf = config.with_extension("log");
        let mut command = mapae(config)?;
        command.arg("serve").stdout(Stdio::null()).stderr(File::create(&log)?);
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("the server ended at once")?;
        let probe = format!("{metrics}/readyz");
        loop {
            if http.get(&probe).send().await.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            if child.try_wait()?.is_some() || begun.elapsed() > MOST_WAIT {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(format!("the server did not get ready: {said}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Self { child, pid, metrics, http, ready_after: begun.elapsed() })
    }

    /// What it has used until now.
    pub(super) async fn usage(&self) -> Result<Usage, AnyError> {
        let text = self
            .http
            .get(format!("{}/metrics", self.metrics))
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let whole = cpu(&stat)?;
        let (mut writer_ms, mut kernel_ms) = (0.0, whole.system_ms);
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.pid))?.flatten() {
            // A thread may have ended between the two reads.
            let Ok(line) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
            let times = cpu(&line)?;
            if [WRITER_THREAD, LEDGER_THREAD].iter().any(|name| times.name.starts_with(name)) {
                writer_ms += times.user_ms + times.system_ms;
                kernel_ms -= times.system_ms;
            }
        }
        Ok(Usage {
            cpu_ms: whole.user_ms + whole.system_ms,
            writer_ms,
            kernel_ms,
            commits: metric(&text, "mapae_store_commits_total"),
            units: metric(&text, "mapae_store_units_total"),
            commit_ms: metric(&text, "mapae_store_commit_seconds_sum") * 1_000.0,
        })
    }

    /// Resident memory, in MiB.
    pub(super) fn resident_mb(&self) -> Result<f64, AnyError> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1_024.0)
    }

    /// Kills it as it stands, as a power cut would.
    pub(super) async fn kill(mut self) -> Result<(), AnyError> {
        Ok(self.child.kill().await?)
    }

    /// Tells it to stop, as an operator would, and waits for its end.
    pub(super) async fn stop(mut self) -> Result<(), AnyError> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        tokio::time::timeout(MOST_WAIT, self.child.wait()).await??;
        Ok(())
    }
}

struct Times<'a> {
    name: &'a str,
    user_ms: f64,
    system_ms: f64,
}

/// CPU times in a `stat` file of `/proc` (proc(5)): fields 14 and 15; the name in brackets may hold anything.
fn cpu(stat: &str) -> Result<Times<'_>, AnyError> {
    let malformed = || format!("unreadable: {stat}");
    let (head, rest) = stat.rsplit_once(')').ok_or_else(malformed)?;
    let (_, name) = head.split_once('(').ok_or_else(malformed)?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<f64, AnyError> { Ok(fields.next().ok_or_else(malformed)?.parse()?) };
    Ok(Times { name, user_ms: ticks()? * TICK_MS, system_ms: ticks()? * TICK_MS })
}

/// A value without labels in Prometheus' text; 0 before it was first counted.
fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_times_are_found_behind_any_thread_name() {
        let line = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 25 5 0 0 20 0 1 0 1 1 1";
        let times = cpu(line).unwrap();
        assert_eq!((times.name, times.user_ms, times.system_ms), ("a) b (c", 250.0, 50.0));
        assert!(cpu("42 (short) S 1 2").is_err());
    }

    #[test]
    fn a_metric_is_not_taken_for_another_that_begins_alike() {
        let text = "# TYPE mapae_store_commits counter\nmapae_store_commits_total_x 9\nmapae_store_commits_total 7\n";
        assert_eq!(metric(text, "mapae_store_commits_total"), 7.0);
        assert_eq!(metric(text, "mapae_store_units_total"), 0.0);
    }

    #[test]
    fn usage_is_told_for_each_flow() {
        let (before, after) = (
            Usage { cpu_ms: 100.0, commits: 10.0, ..Usage::default() },
            Usage { cpu_ms: 500.0, commits: 40.0, ..Usage::default() },
        );
        let each = after.each_since(&before, 100);
        assert_eq!((each.cpu_ms, each.commits), (4.0, 0.3));
    }
}
