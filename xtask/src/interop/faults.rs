//! What goes wrong around a real server, made to happen: nothing acknowledged is lost, nothing crashes, and it recovers by
//! itself. The table of it stands in docs/reliability.md.
//!
//! Each fault has a server of its own, in demo mode with a badge on a phone. Before, during and after it the phone proves
//! its PIN, which writes, seals and signs; at the end the audit log is exported and proves itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// How long a server may take until it answers again once the fault is over, in seconds.
const BACK_S: u64 = 60;

/// Makes a fault happen to a server of this program, with a folder to do it in; what was measured.
type Fault = fn(&Path, &Path) -> Outcome<String>;

pub(super) fn run(mapae: &Path) -> Outcome {
    make(
        mapae,
        &[
            ("slow clients", slow),
            ("the clock jumps an hour ahead and back", clock),
            ("the disk is full", disk),
            ("the database stands still for 30 s", stalled),
        ],
    )
}

/// More connections than a server has places for, and more than files that it may open.
pub(super) fn crowds(mapae: &Path) -> Outcome {
    make(
        mapae,
        &[("100,000 connections", hundred_thousand), ("more connections than files may be open", few_files)],
    )
}

fn make(mapae: &Path, faults: &[(&str, Fault)]) -> Outcome {
    let folder = tools::scratch("faults")?;
    let mut failed = Vec::new();
    for (name, make) in faults {
        match make(mapae, &folder) {
            Ok(told) => println!("interop faults: {name}: {told}"),
            Err(reason) => {
                eprintln!("interop faults: {name}: FAILED: {reason}");
                failed.push(*name);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// A demo and what is done with it.
struct Scene<'a> {
    mapae: &'a Path,
    _demo: Demo,
    description: Value,
    /// What the server was started with, so that commands beside it are too.
    settings: Vec<(&'static str, String)>,
}

impl<'a> Scene<'a> {
    fn set(
        mapae: &'a Path,
        name: &str,
        settings: Vec<(&'static str, String)>,
        more: &[&str],
    ) -> Outcome<Self> {
        let given: Vec<(&str, String)> =
            settings.iter().map(|(name, value)| (*name, value.clone())).collect();
        let demo = Demo::with_arguments(mapae, name, 1, &given, more)?;
        let description = demo.description()?;
        let scene = Self { mapae, _demo: demo, description, settings };
        scene.pin()?;
        Ok(scene)
    }

    fn text(&self, pointer: &str) -> Outcome<String> {
        let found = self.description.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("the demo does not tell {pointer}"))
    }

    fn address(&self, listener: &str) -> Outcome<SocketAddr> {
        let url = self.text(&format!("/urls/{listener}"))?;
        let host = url.split("://").nth(1).unwrap_or_default().trim_end_matches('/');
        let host = host.replace("localhost", "127.0.0.1");
        host.parse().map_err(|error| format!("{host}: {error}"))
    }

    /// One write that was acknowledged: the phone's PIN is judged, its number moved on, the result signed and kept.
    fn pin(&self) -> Outcome {
        let phone = self.description.pointer("/phone/arguments").and_then(Value::as_array);
        let mut command = Command::new(self.mapae);
        command.args(["wallet", "pin", "check"]);
        command.args(phone.into_iter().flatten().filter_map(Value::as_str));
        command.env("MAPAE_PIN", self.text("/phone/environment/MAPAE_PIN")?);
        let done = command.output().map_err(|error| format!("mapae wallet: {error}"))?;
        if done.status.success() {
            return Ok(());
        }
        Err(format!("the PIN was not judged: {}{}", words(&done.stdout), words(&done.stderr)))
    }

    /// The status of an address of the metrics listener; 0 if it does not answer within ten seconds.
    fn status(&self, path: &str) -> Outcome<u16> {
        Ok(ask(self.address("metrics")?, path, Duration::from_secs(10)).unwrap_or(0))
    }

    /// A figure of the metrics listener.
    fn gauge(&self, name: &str) -> Outcome<u64> {
        let url = format!("http://{}/metrics", self.address("metrics")?);
        let text = process::output(Command::new("curl").args(["--silent", "--max-time", "20", &url]))?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.trim().parse().ok()).ok_or_else(|| format!("there is no metric {name}"))
    }

    /// Waits until it is ready and judges a PIN again; how many milliseconds that took.
    fn recovers(&self) -> Outcome<u128> {
        let began = process::instant();
        let mut said = String::new();
        while began.elapsed().as_secs() < BACK_S {
            if self.status("/readyz")? == 200 {
                match self.pin() {
                    Ok(()) => return Ok(began.elapsed().as_millis()),
                    Err(reason) => said = reason,
                }
            }
            process::pause(100);
        }
        Err(format!("it did not recover within {BACK_S} s: {said}"))
    }

    /// The audit log proves itself, and nothing panicked.
    fn proven(&self, folder: &Path) -> Outcome {
        let copy = folder.join("audit.jsonl");
        let _ = std::fs::remove_file(&copy);
        let run = |arguments: &[&str]| {
            let mut command = Command::new(self.mapae);
            command.args(arguments).envs(self.settings.iter().map(|(name, value)| (name, value)));
            let environment = self.description.pointer("/operator/environment").and_then(Value::as_object);
            for (name, value) in environment.into_iter().flatten() {
                command.env(name, value.as_str().unwrap_or_default());
            }
            process::output(&mut command)
        };
        let copy = copy.display().to_string();
        run(&["audit", "export", &copy])?;
        run(&["audit", "verify", &copy, "--key", &self.text("/audit_key")?]).map(drop)
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// One request on a connection of its own.
fn ask(address: SocketAddr, path: &str, limit: Duration) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = [0_u8; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Clients that open so many connections and say nothing; gone when this value is.
struct Crowd {
    children: Vec<Child>,
}

/// What one of them may open, with some files for itself.
const OF_ONE: usize = 19_000;

impl Crowd {
    fn of(address: SocketAddr, connections: usize) -> Outcome<Self> {
        let python = tools::program(&["python3"], "install Python 3 (Debian: apt-get install python3)")?;
        let mut crowd = Self { children: Vec::new() };
        let mut left = connections;
        while left > 0 {
            let count = left.min(OF_ONE);
            left -= count;
            let source = format!("127.0.1.{}", crowd.children.len() + 1);
            let child = Command::new(&python)
                .arg(tools::root().join("interop/connections.py"))
                .args([address.port().to_string(), count.to_string(), source])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            crowd.children.push(child.map_err(|error| format!("connections.py: {error}"))?);
        }
        Ok(crowd)
    }

    /// How many were opened, once each has opened its own or a minute has passed.
    fn opened(&mut self) -> Outcome<u64> {
        let mut opened = 0;
        for child in &mut self.children {
            let output = child.stdout.take().ok_or("connections.py has no output")?;
            let mut line = String::new();
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(|error| format!("connections.py: {error}"))?;
            let told: Value =
                serde_json::from_str(&line).map_err(|error| format!("connections.py: {line}: {error}"))?;
            opened += told.get("opened").and_then(Value::as_u64).unwrap_or_default();
        }
        Ok(opened)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How long the chart's probes wait, in milliseconds; beyond it a node counts as gone.
const PROBE_MS: u128 = 5_000;

/// How long somebody who comes and asks at once may wait, in milliseconds: a handshake that the kernel had no room for is
/// tried again after one second, then after two and four.
const NEWCOMER_MS: u64 = 15_000;

const PUBLIC_PAGE: &str = "/.well-known/openid-credential-issuer";

/// What a crowd does to a server: readyz and newcomers while it comes and while it stays, and afterwards.
fn beside(scene: &Scene<'_>, connections: usize) -> Outcome<String> {
    let public = scene.address("public")?;
    let before = scene.gauge("process_resident_memory_bytes")?;
    let began = process::instant();
    let mut crowd = Crowd::of(public, connections)?;
    let (mut looks, mut slowest, mut longest, mut memory, mut files) = (0_u32, 0, 0, before, 0);
    while began.elapsed().as_secs() < 20 {
        let look = process::instant();
        expect(scene.status("/readyz")? == 200, &format!("readyz answers after {looks} looks"))?;
        slowest = slowest.max(look.elapsed().as_millis());
        expect(
            slowest < PROBE_MS,
            &format!("readyz answers in the time of a probe, not after {slowest} ms"),
        )?;
        let newcomer = process::instant();
        let answered = ask(public, PUBLIC_PAGE, Duration::from_millis(NEWCOMER_MS));
        longest = longest.max(newcomer.elapsed().as_millis());
        expect(
            answered == Some(200),
            &format!("a newcomer is served within {NEWCOMER_MS} ms, not {answered:?} after {longest} ms"),
        )?;
        memory = memory.max(scene.gauge("process_resident_memory_bytes")?);
        files = files.max(scene.gauge("process_open_fds")?);
        looks += 1;
        process::pause(200);
    }
    let opened = crowd.opened()?;
    let seconds = began.elapsed().as_secs();
    drop(crowd);
    let back = scene.recovers()?;
    Ok(format!(
        "{opened} of {connections} opened within {seconds} s; {looks} newcomers and looks at readyz meanwhile: the longest \
         waits {longest} ms and {slowest} ms; at most {files} files open, {} MiB of memory before and {} MiB at most; \
         {back} ms after they went a PIN was judged",
        before >> 20,
        memory >> 20
    ))
}

/// Of a server that may open as many files as this machine lets it: deploy/ gives it 131,072.
fn hundred_thousand(mapae: &Path, folder: &Path) -> Outcome<String> {
    crowded(&limited(mapae, folder, "$(ulimit -H -n)")?, folder, "faults-connections", 100_000)
}

/// Of one that may open 1,024, as many a shell gives: fewer than a listener has places.
fn few_files(mapae: &Path, folder: &Path) -> Outcome<String> {
    crowded(&limited(mapae, folder, "1024")?, folder, "faults-files", 5_000)
}

fn crowded(mapae: &Path, folder: &Path, name: &str, connections: usize) -> Outcome<String> {
    let scene = Scene::plain(mapae, name, &[])?;
    let told = beside(&scene, connections)?;
    scene.proven(folder)?;
    Ok(told)
}

/// A program that starts the server with a limit of open files, as its starter would.
fn limited(mapae: &Path, folder: &Path, files: &str) -> Outcome<PathBuf> {
    let limited = folder.join("mapae-limited");
    let text = format!("#!/bin/sh\nulimit -n {files}\nexec '{}' \"$@\"\n", mapae.display());
    std::fs::write(&limited, text).map_err(|error| format!("{}: {error}", limited.display()))?;
    process::run(Command::new("chmod").arg("700").arg(&limited))?;
    Ok(limited)
}

/// Clients who send a byte at a time.
fn slow(mapae: &Path, folder: &Path) -> Outcome<String> {
    let scene = Scene::plain(mapae, "faults-slow", &[])?;
    let public = scene.address("public")?;
    let mut silent =
        TcpStream::connect_timeout(&public, Duration::from_secs(5)).map_err(|e| e.to_string())?;
    silent.set_read_timeout(Some(Duration::from_secs(30))).map_err(|e| e.to_string())?;
    expect(matches!(silent.read(&mut [0_u8; 64]), Ok(0)), "who says nothing is let go")?;
    let mut slow = Vec::new();
    for _ in 0..500 {
        let mut stream =
            TcpStream::connect_timeout(&public, Duration::from_secs(5)).map_err(|e| e.to_string())?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ").map_err(|e| e.to_string())?;
        slow.push(stream);
    }
    let began = process::instant();
    let mut dropped = 0;
    while dropped < slow.len() && began.elapsed().as_secs() < 45 {
        process::pause(1_000);
        dropped = slow.iter_mut().filter_map(|stream| stream.write_all(b"a").err()).count();
        expect(ask(public, PUBLIC_PAGE, Duration::from_secs(10)) == Some(200), "others are served")?;
    }
    expect(dropped == slow.len(), &format!("all 500 slow clients are let go, not {dropped}"))?;
    let slow_s = began.elapsed().as_secs();
    drop(slow);
    let back = scene.recovers()?;
    scene.proven(folder)?;
    Ok(format!("500 slow-loris clients let go within {slow_s} s, others served; {back} ms"))
}

/// libfaketime moves the clock of the running server.
fn clock(mapae: &Path, folder: &Path) -> Outcome<String> {
    let how = "install faketime (Debian: apt-get install faketime)";
    let library = tools::program(
        &[
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
            "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
            "/usr/lib/faketime/libfaketimeMT.so.1",
        ],
        how,
    )?;
    let file = folder.join("clock");
    let set = |jump: &str| std::fs::write(&file, jump).map_err(|error| format!("clock: {error}"));
    set("+0")?;
    let settings = vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let scene = Scene::set(mapae, "faults-clock", settings, &[])?;
    let mut told = Vec::new();
    for (jump, what) in [("+1h", "ahead"), ("+0", "and back"), ("-1h", "behind"), ("+0", "and back")] {
        set(jump)?;
        process::pause(2_000);
        expect(scene.status("/readyz")? == 200, &format!("ready with the clock {what}"))?;
        if jump == "+0" {
            told.push(format!("{what} {} ms", scene.recovers()?));
        } else {
            // The phone's clock is right and the server's wrong: a refusal is right, a crash is not.
            let refused = scene.pin().err();
            told.push(format!(
                "{what}: {}",
                if refused.is_some() { "phones are refused" } else { "goes on" }
            ));
        }
    }
    scene.proven(folder)?;
    Ok(told.join(", "))
}

/// The embedded store on a file system of 96 MiB that is filled up.
fn disk(mapae: &Path, folder: &Path) -> Outcome<String> {
    let small = folder.join("small");
    std::fs::create_dir_all(&small).map_err(|error| format!("{}: {error}", small.display()))?;
    let mounted =
        process::run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=96m", "tmpfs"]).arg(&small));
    mounted.map_err(|error| format!("this fault needs the right to mount (root): {error}"))?;
    let outcome = full(mapae, folder, &small);
    let _ = Command::new("umount").arg("--lazy").arg(&small).status();
    outcome
}

fn full(mapae: &Path, folder: &Path, small: &Path) -> Outcome<String> {
    let data = small.join("data").display().to_string();
    let scene = Scene::set(mapae, "faults-disk", Vec::new(), &["--data", &data])?;
    let ballast = small.join("ballast");
    let fill = || {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&ballast)?;
        while file.write_all(&[0_u8; 4_096]).is_ok() {}
        Ok::<(), std::io::Error>(())
    };
    fill().map_err(|error| format!("ballast: {error}"))?;
    let mut refused = 0;
    for _ in 0..40 {
        // What SQLite has of its log already it may still use.
        let _ = fill();
        refused += u32::from(scene.pin().is_err());
        if refused >= 3 {
            break;
        }
    }
    expect(refused >= 3, "a full disk refuses writes")?;
    expect(scene.status("/healthz")? == 200, "the process lives")?;
    std::fs::remove_file(&ballast).map_err(|error| format!("ballast: {error}"))?;
    let back = scene.recovers()?;
    scene.proven(folder)?;
    Ok(format!(
        "{refused} writes refused, none acknowledged and lost; works again {back} ms after there was room"
    ))
}

/// Every process of PostgreSQL is stopped as a machine that swaps would be.
fn stalled(mapae: &Path, folder: &Path) -> Outcome<String> {
    let (_keeper, url) = tools::postgres()?;
    let port = url.rsplit(':').next().unwrap_or_default().to_owned();
    let store = format!("{url}/postgres");
    let scene = Scene::set(mapae, "faults-stalled", Vec::new(), &["--store", &store])?;
    let processes = postgres_processes(&port)?;
    let signal = |name: &str| {
        for pid in &processes {
            let _ = Command::new("kill").args([name, pid]).status();
        }
    };
    let began = process::instant();
    signal("-STOP");
    let mut answers: Vec<u16> = Vec::new();
    while began.elapsed().as_secs() < 30 {
        answers.push(scene.status("/readyz")?);
        if scene.status("/healthz")? != 200 {
            signal("-CONT");
            return Err("the process does not answer that it lives".into());
        }
        process::pause(500);
    }
    signal("-CONT");
    expect(answers.contains(&503), &format!("readyz says that it is not ready: {answers:?}"))?;
    let back = scene.recovers()?;
    scene.proven(folder)?;
    let unready = answers.iter().filter(|status| **status != 200).count();
    Ok(format!(
        "{unready} of {} looks at readyz said so, works again {back} ms after it went on",
        answers.len()
    ))
}

/// The server of this port and its children.
fn postgres_processes(port: &str) -> Outcome<Vec<String>> {
    let mut postmaster = None;
    let entries = std::fs::read_dir("/proc").map_err(|error| format!("/proc: {error}"))?;
    let mut parents = Vec::new();
    for entry in entries.flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if !pid.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains("postgres") && line.contains(&format!("-p {port}")) && line.contains(" -D ") {
            postmaster = Some(pid.clone());
        }
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1));
        parents.push((pid, parent.unwrap_or_default().to_owned()));
    }
    let postmaster = postmaster.ok_or("PostgreSQL is not found among the processes")?;
    let children = parents.into_iter().filter(|(_, parent)| *parent == postmaster).map(|(pid, _)| pid);
    let children: Vec<String> = children.collect();
    Ok(std::iter::once(postmaster).chain(children).collect())
}

impl<'a> Scene<'a> {
    fn plain(mapae: &'a Path, name: &str, more: &[&str]) -> Outcome<Self> {
        Self::set(mapae, name, Vec::new(), more)
    }
}

fn expect(right: bool, what: &str) -> Outcome {
    if right { Ok(()) } else { Err(format!("this does not hold: {what}")) }
}
