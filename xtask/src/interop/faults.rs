//! What goes wrong around a real server, made to happen: nothing acknowledged is lost, nothing crashes, and it recovers by
//! itself. The table of it stands in docs/reliability.md.
//!
//! Each fault has a server of its own, in demo mode with a badge on a phone. Before, during and after it the phone proves
//! its PIN, which writes, seals and signs; at the end the audit log is exported and proves itself.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
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
    let folder = tools::scratch("faults")?;
    let mut failed = Vec::new();
    let faults: [(&str, Fault); 4] = [
        ("slow clients, many connections", connections),
        ("the clock jumps an hour ahead and back", clock),
        ("the disk is full", disk),
        ("the database stands still for 30 s", stalled),
    ];
    for (name, make) in faults {
        match make(mapae, &folder) {
            Ok(told) => println!("interop faults: {name}: {told}"),
            Err(reason) => {
                eprintln!("interop faults: {name}: FAILED: {reason}");
                failed.push(name);
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

/// As many connections as this process may open, up to 100,000; then clients who send a byte at a time.
fn connections(mapae: &Path, folder: &Path) -> Outcome<String> {
    let scene = Scene::plain(mapae, "faults-connections", &[])?;
    let public = scene.address("public")?;
    let mut idle = Vec::new();
    let mut ended = None;
    while idle.len() < 100_000 {
        match TcpStream::connect_timeout(&public, Duration::from_secs(2)) {
            Ok(stream) => idle.push(stream),
            Err(error) => {
                ended = Some(error.to_string());
                break;
            }
        }
    }
    let open = idle.len();
    // A few descriptors of our own, to look with.
    idle.truncate(open.saturating_sub(64));
    expect(scene.status("/readyz")? == 200, "readyz answers beside them")?;
    let began = process::instant();
    let answered = ask(public, "/.well-known/openid-credential-issuer", Duration::from_secs(60));
    expect(answered == Some(200), "a newcomer at the public listener is served within a minute")?;
    let waited = began.elapsed().as_millis();
    let free = process::instant();
    let closed = |stream: &mut TcpStream| {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        matches!(stream.read(&mut [0_u8; 64]), Ok(0) | Err(_))
    };
    let shut = idle.first_mut().is_some_and(closed);
    expect(shut, "who says nothing is let go")?;
    let let_go = free.elapsed().as_millis();
    drop(idle);

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
        expect(
            ask(public, "/.well-known/openid-credential-issuer", Duration::from_secs(10)) == Some(200),
            "others are served",
        )?;
    }
    expect(dropped == slow.len(), &format!("all 500 slow clients are let go, not {dropped}"))?;
    let slow_s = began.elapsed().as_secs();
    drop(slow);
    let back = scene.recovers()?;
    scene.proven(folder)?;
    Ok(format!(
        "{open} connections opened{}; a newcomer waited {waited} ms, the first silent one was let go after {let_go} ms more; \
         500 slow-loris clients let go within {slow_s} s, others served; {back} ms",
        ended.map(|reason| format!(" ({reason})")).unwrap_or_default()
    ))
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
