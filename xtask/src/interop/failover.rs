//! A fail-over of the database on an engine that others wrote: Patroni with etcd, HAProxy in front, synchronous standby.
//!
//! Two PostgreSQL nodes under Patroni, two of ours behind a proxy, people at work: then the primary and its Patroni are
//! killed at once, as a machine that loses its power. HAProxy asks each Patroni who is primary.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Background, Outcome};
use crate::tools;

/// How long a fail-over may take: Patroni's lease of 20 s, and what comes after it.
const AFTER: &str = "60";

/// What a fail-over puts to the test; running it takes minutes.
pub(super) const JUDGED: &[&str] =
    &["crates/mapae/src/operations/store", "crates/mapae/src/bench/kills", "xtask/src/interop/failover.rs"];

pub(super) fn run(mapae: &Path) -> Outcome {
    let cluster = Cluster::start()?;
    let strike = cluster.strike()?;
    let url = format!("postgres://mapae:mapae@127.0.0.1:{}/mapae", cluster.front);
    process::run(
        Command::new(mapae)
            .args(["bench", "kills", "--kills", "1", "--nodes", "2", "--after", AFTER])
            .args(["--store", &url, "--strike", &strike]),
    )?;
    super::green::passed("failover", JUDGED)
}

struct Cluster {
    folder: PathBuf,
    front: u16,
    nodes: Vec<Member>,
    _haproxy: Background,
    _etcd: Background,
}

struct Member {
    name: String,
    port: u16,
    rest: u16,
    pid_file: PathBuf,
    data: PathBuf,
    patroni: Option<Background>,
}

impl Cluster {
    fn start() -> Outcome<Self> {
        let how = "install them (Debian: apt-get install patroni etcd-server haproxy postgresql-15)";
        let etcd = tools::program(&["etcd", "/usr/bin/etcd"], how)?;
        let patroni = tools::program(&["patroni", "/usr/bin/patroni"], how)?;
        let haproxy = tools::program(&["/usr/sbin/haproxy", "haproxy"], how)?;
        let folder = tools::scratch("failover")?;
        process::run(Command::new("chmod").arg("755").arg(&folder))?;
        let base = tools::free_ports(8)?;
        let (client, peer) = (format!("http://127.0.0.1:{base}"), format!("http://127.0.0.1:{}", base + 1));
        let etcd = Background::quiet(
            Command::new(etcd)
                .args(["--name", "one", "--enable-v2=false", "--log-level", "error"])
                .arg("--data-dir")
                .arg(folder.join("etcd"))
                .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
                .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
                .args(["--initial-cluster", &format!("one={peer}")]),
            &folder.join("etcd.log"),
        )?;
        let mut nodes = Vec::new();
        for number in 0..2_u16 {
            nodes.push(Member::start(&patroni, &folder, number, base)?);
            // The first one makes the database; the second one copies it.
            wait("a PostgreSQL node", 90, || nodes.last().is_some_and(|node| node.is("health")))?;
        }
        let front = base + 6;
        let servers = nodes.iter().map(|node| {
            format!(
                "  server {} 127.0.0.1:{} check port {} inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions\n",
                node.name, node.port, node.rest
            )
        });
        let servers: String = servers.collect();
        let settings = folder.join("haproxy.cfg");
        let text = format!(
            "global\n  maxconn 500\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 10m\n  timeout server 10m\n\
             listen front\n  bind 127.0.0.1:{front}\n  option httpchk OPTIONS /primary\n  http-check expect status 200\n{servers}"
        );
        std::fs::write(&settings, text).map_err(|error| format!("{}: {error}", settings.display()))?;
        let haproxy = Background::quiet(
            Command::new(haproxy).arg("-db").arg("-f").arg(&settings),
            &folder.join("haproxy.log"),
        )?;
        let cluster = Self { folder, front, nodes, _haproxy: haproxy, _etcd: etcd };
        wait("a synchronous standby", 90, || cluster.nodes.iter().any(|node| node.is("sync")))?;
        let primary = cluster.primary()?;
        let (name, port) = (primary.name.clone(), primary.port.to_string());
        // One statement each: a database is not made within a transaction.
        for sql in ["CREATE ROLE mapae LOGIN PASSWORD 'mapae'", "CREATE DATABASE mapae OWNER mapae"] {
            process::output(
                Command::new("psql")
                    .args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-d", "postgres", "-c", sql])
                    .env("PGPASSWORD", "postgres"),
            )?;
        }
        println!("interop failover: {name} is primary, the other one a synchronous standby");
        Ok(cluster)
    }

    fn primary(&self) -> Outcome<&Member> {
        self.nodes.iter().find(|node| node.is("primary")).ok_or_else(|| "no node is primary".to_owned())
    }

    /// A command that kills the primary and its Patroni, at once and for good.
    fn strike(&self) -> Outcome<String> {
        let node = self.primary()?;
        let postmaster = node.data.join("postmaster.pid");
        Ok(format!("sleep 5; kill -9 $(cat {}) $(head -1 {})", node.pid_file.display(), postmaster.display()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            drop(node.patroni.take());
            let _ = Command::new("runuser")
                .args([
                    "-u",
                    "postgres",
                    "--",
                    "/usr/lib/postgresql/15/bin/pg_ctl",
                    "stop",
                    "--silent",
                    "--mode=immediate",
                    "-D",
                ])
                .arg(&node.data)
                .current_dir("/")
                .status();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Member {
    fn start(patroni: &Path, folder: &Path, number: u16, base: u16) -> Outcome<Self> {
        let name = format!("pg{number}");
        let (port, rest) = (base + 2 + number, base + 4 + number);
        let own = folder.join(&name);
        std::fs::create_dir_all(&own).map_err(|error| format!("{}: {error}", own.display()))?;
        let (data, settings, pid_file) = (own.join("data"), own.join("patroni.yml"), own.join("patroni.pid"));
        let text = format!(
            "scope: mapae\nname: {name}\nrestapi:\n  listen: 127.0.0.1:{rest}\n  connect_address: 127.0.0.1:{rest}\n\
             etcd3:\n  hosts: 127.0.0.1:{base}\n\
             bootstrap:\n  dcs:\n    ttl: 20\n    loop_wait: 2\n    retry_timeout: 3\n    maximum_lag_on_failover: 1048576\n\
             \x20   synchronous_mode: true\n    postgresql:\n      use_pg_rewind: true\n      parameters:\n        max_connections: 200\n\
             \x20 initdb:\n  - encoding: UTF8\n  - locale: C.UTF-8\n  - data-checksums\n\
             \x20 pg_hba:\n  - host replication replicator 127.0.0.1/32 md5\n  - host all all 127.0.0.1/32 md5\n\
             postgresql:\n  listen: 127.0.0.1:{port}\n  connect_address: 127.0.0.1:{port}\n  data_dir: {}\n  bin_dir: /usr/lib/postgresql/15/bin\n\
             \x20 pgpass: {}\n  authentication:\n    superuser:\n      username: postgres\n      password: postgres\n\
             \x20   replication:\n      username: replicator\n      password: replicator\n\
             \x20   rewind:\n      username: rewinder\n      password: rewinder\n\
             \x20 parameters:\n    unix_socket_directories: {}\n",
            data.display(),
            own.join("pgpass").display(),
            own.display(),
        );
        std::fs::write(&settings, text).map_err(|error| format!("{}: {error}", settings.display()))?;
        process::run(Command::new("chown").arg("-R").arg("postgres").arg(&own))?;
        // The process that the strike has to find is Patroni itself, not who started it.
        let script =
            format!("echo $$ >{}; exec {} {}", pid_file.display(), patroni.display(), settings.display());
        let started = Background::quiet(
            Command::new("runuser").args(["-u", "postgres", "--", "sh", "-c", &script]).current_dir(&own),
            &folder.join(format!("{name}.log")),
        )?;
        Ok(Self { name, port, rest, pid_file, data, patroni: Some(started) })
    }

    /// Whether the node's Patroni answers 200 to this question.
    fn is(&self, what: &str) -> bool {
        let url = format!("http://127.0.0.1:{}/{what}", self.rest);
        let asked = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "2", "--output", "/dev/null", &url])
            .status();
        asked.is_ok_and(|status| status.success())
    }
}

fn wait(what: &str, seconds: u64, ready: impl Fn() -> bool) -> Outcome {
    for _ in 0..seconds * 4 {
        if ready() {
            return Ok(());
        }
        process::pause(250);
    }
    Err(format!("{what} did not come within {seconds} s"))
}
