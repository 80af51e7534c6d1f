//! What the commands need on the machine, found or made; a missing tool is named with the way to get it.

use crate::process::{self, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    // Told by cargo when it runs us: a target folder that two checkouts share may hold the other one's program.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// cargo, the one that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What the wallet app is compiled to.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Builds the wallet app into `<target>/wallet-app`, where the product's build finds it.
pub(crate) fn build_wallet_app() -> Outcome {
    let installed =
        process::output(Command::new("rustup").args(["target", "list", "--installed"]).current_dir(root()));
    if !installed.is_ok_and(|targets| targets.lines().any(|target| target == WASM)) {
        process::run(Command::new("rustup").args(["target", "add", WASM]).current_dir(root()))?;
    }
    process::run(cargo().args([
        "build",
        "--package",
        "wallet-web",
        "--package",
        "wallet-scan",
        "--package",
        "check-web",
        "--target",
        WASM,
        "--profile",
        "wallet",
        "--locked",
    ]))?;
    process::run(cargo().args(["build", "--package", "wallet-bundle", "--locked"]))?;
    let built = target().join(WASM).join("wallet");
    process::run(
        Command::new(target().join("debug/wallet-bundle"))
            .arg(root().join("crates"))
            .arg(built.join("wallet_web.wasm"))
            .arg(built.join("wallet_scan.wasm"))
            .arg(built.join("check_web.wasm"))
            .arg(target().join("wallet-app")),
    )
}

/// Builds the product with the wallet app in it and returns the path of its binary.
pub(crate) fn build_mapae(release: bool) -> Outcome<PathBuf> {
    build_wallet_app()?;
    let mut command = cargo();
    // A debug build takes the features of the whole workspace, as the tests do: what they built is used again. A release
    // takes what the server alone asks for.
    let features: &[&str] = if release { &["--package", "mapae", "--release"] } else { &["--workspace"] };
    command.args(["build", "--bin", "mapae", "--locked"]).args(features);
    process::run(&mut command)?;
    Ok(target().join(if release { "release" } else { "debug" }).join("mapae"))
}

/// A folder for downloads and environments, outside the checkout.
pub(crate) fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    base.join("mapae")
}

/// A new empty folder under the system's temporary folder.
pub(crate) fn scratch(name: &str) -> Outcome<PathBuf> {
    let folder = std::env::temp_dir().join(format!("mapae-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// The first of these programs that exists, or how to get it.
pub(crate) fn program(names: &[&str], how: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for name in names {
        if name.starts_with('/') && Path::new(name).exists() {
            return Ok(PathBuf::from(name));
        }
        for folder in std::env::split_paths(&path) {
            let candidate = folder.join(name);
            if candidate.is_file() {
                return Ok(candidate);
            }
        }
    }
    Err(format!("{} is missing; {how}", names.join(" or ")))
}

/// Node with the pinned packages of `interop/package-lock.json`; returns the folder that holds scripts and `node_modules`.
pub(crate) fn node_folder() -> Outcome<PathBuf> {
    node_packages("interop")
}

/// Node with the pinned packages of a folder's `package-lock.json`; returns the folder that holds its files and `node_modules`.
pub(crate) fn node_packages(name: &str) -> Outcome<PathBuf> {
    program(&["node"], "install Node.js 20 or newer (Debian: apt-get install nodejs npm)")?;
    let source = root().join(name);
    let folder = cache().join(format!("{}-node", name.replace('/', "-")));
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let lock = std::fs::read_to_string(source.join("package-lock.json"))
        .map_err(|error| format!("{name}/package-lock.json: {error}"))?;
    let stamp = folder.join("installed.lock");
    let current = std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock);
    for entry in std::fs::read_dir(&source).map_err(|error| format!("{name}: {error}"))?.flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name()))
                .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
        }
    }
    if !current {
        // Not `npm ci`: it insists on native optional parts that not every registry carries. The versions are the lock file's.
        let _ = std::fs::remove_dir_all(folder.join("node_modules"));
        process::run(
            Command::new("npm")
                .args([
                    "install",
                    "--omit=optional",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--loglevel=error",
                ])
                .current_dir(&folder),
        )?;
        std::fs::write(&stamp, lock).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    }
    Ok(folder)
}

/// A Python environment with exactly these packages; returns its `bin` folder.
pub(crate) fn python(packages: &[&str]) -> Outcome<PathBuf> {
    program(&["python3"], "install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)")?;
    let folder = cache().join(format!("python-{}", packages.join("-").replace("==", "-")));
    let stamp = folder.join("installed");
    if !stamp.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        process::run(
            Command::new(folder.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(packages),
        )?;
        std::fs::write(&stamp, packages.join("\n"))
            .map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    }
    Ok(folder.join("bin"))
}

/// A PostgreSQL of our own on a free port, gone when the value is dropped; returns it with its URL (no database name at the end).
pub(crate) fn postgres() -> Outcome<(process::Background, String)> {
    postgres_with("")
}

/// The same with more settings (`-c name=value`).
pub(crate) fn postgres_with(settings: &str) -> Outcome<(process::Background, String)> {
    let data = postgres_folder("postgres")?;
    let cluster = data.join("cluster");
    process::output(
        postgres_program("initdb")?
            .args(["--auth=trust", "--username=mapae", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
            .arg(&cluster)
            .current_dir(&data),
    )?;
    postgres_started(data, settings)
}

/// A streaming standby of such a server.
pub(crate) fn postgres_standby(primary: &str) -> Outcome<(process::Background, String)> {
    let data = postgres_folder("postgres-standby")?;
    process::output(
        postgres_program("pg_basebackup")?
            .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--dbname", primary])
            .arg("-D")
            .arg(data.join("cluster"))
            .current_dir(&data),
    )?;
    postgres_started(data, "")
}

/// A folder that whoever PostgreSQL runs as may write to.
fn postgres_folder(name: &str) -> Outcome<PathBuf> {
    let data = scratch(name)?;
    if is_root()? {
        process::run(Command::new("chown").arg("postgres").arg(&data))?;
    }
    Ok(data)
}

fn is_root() -> Outcome<bool> {
    Ok(process::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// A program of PostgreSQL, which does not run as root.
fn postgres_program(name: &str) -> Outcome<Command> {
    let how = "install PostgreSQL 15 (Debian: apt-get install postgresql-15)";
    let found = program(&[&format!("/usr/lib/postgresql/15/bin/{name}"), name], how)?;
    if !is_root()? {
        return Ok(Command::new(found));
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(found);
    Ok(command)
}

/// Starts the cluster in that folder on a free port.
fn postgres_started(data: PathBuf, settings: &str) -> Outcome<(process::Background, String)> {
    let (cluster, port) = (data.join("cluster"), free_port()?);
    // A file, not a pipe: the server must not stop because nobody reads what it says.
    let log = data.join("log");
    process::output(
        postgres_program("pg_ctl")?
            .args(["start", "--wait", "--silent", "-D"])
            .arg(&cluster)
            .arg("-l")
            .arg(&log)
            .args(["-o", &format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 {settings}")])
            .current_dir(&data),
    )?;
    let mut stop = postgres_program("pg_ctl")?;
    stop.args(["stop", "--silent", "--mode=immediate", "-D"]).arg(&cluster).current_dir(std::env::temp_dir());
    let (keeper, _) = process::Background::with_first_line(
        Command::new("sh").args(["-c", "echo ready; exec sleep 86400"]),
    )?;
    let keeper = keeper.on_stop(move || {
        let _ = stop.status();
        // Whoever asked it sees only a closed connection; why it fell is said here.
        for line in std::fs::read_to_string(&log).unwrap_or_default().lines() {
            if line.contains("PANIC") || line.contains("No space left") {
                eprintln!("postgresql: {line}");
            }
        }
        let _ = std::fs::remove_dir_all(&data);
    });
    Ok((keeper, format!("postgres://mapae@127.0.0.1:{port}")))
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener =
        std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// The first of `count` neighbouring ports that nobody listens on now.
pub(crate) fn free_ports(count: u16) -> Outcome<u16> {
    for _ in 0..50 {
        let first = free_port()?;
        let Some(last) = first.checked_add(count) else { continue };
        if (first..last).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    Err("no free ports".into())
}
