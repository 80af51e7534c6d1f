//! HAProxy as `deploy/haproxy.cfg` has it, before two nodes with the compose file's environment on one PostgreSQL. Names and
//! ports are this machine's; everything else is what is shipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Environment, changed, write};
use crate::interop::tls::Tls;
use crate::process::{self, Background, Outcome};
use crate::tools;

/// Who the console's name is served to: of this machine's own addresses one counts as inside.
const INSIDE: &str = "127.0.0.2";
const OUTSIDE: &str = "127.0.0.3";

/// Wrong loss codes that one address may try (`LOSS_TRIES`).
const TRIES: u32 = 10;

struct Front {
    url: String,
    _haproxy: Background,
}

/// What came back: the status, the version of HTTP, and how many milliseconds it took.
struct Answer {
    status: u16,
    version: String,
    took: u128,
}

pub(super) fn judge(mapae: &Path, folder: &Path, tls: &Tls, environment: &Environment) -> Outcome {
    let haproxy = tools::program(
        &["/usr/sbin/haproxy", "haproxy"],
        "install HAProxy (Debian: apt-get install haproxy)",
    )?;
    let base = tools::free_ports(7)?;
    let (_database, store) = tools::postgres()?;
    let key = folder.join("mapae.key");
    // As docs/deploy.md says: whoever finds no key makes one.
    let made = Command::new(mapae)
        .args(["keys", "list"])
        .env("MAPAE__STORE__URL", format!("sqlite:{}", folder.join("none.db").display()))
        .env("MAPAE__KEYS__FILE", &key)
        .output();
    let made = made.map_err(|error| format!("mapae keys list: {error}"))?;
    if !made.status.success() || !key.exists() {
        return Err(format!("mapae keys list makes no key: {}", String::from_utf8_lossy(&made.stderr)));
    }

    let node = |name: &str, first: u16| -> Outcome<Background> {
        let mut environment = environment.clone();
        for (name, value) in [
            ("PUBLIC__LISTEN", format!("127.0.0.1:{first}")),
            ("PUBLIC__BASE_URL", format!("https://localhost:{base}")),
            ("CONSOLE__LISTEN", format!("127.0.0.1:{}", first + 1)),
            ("CONSOLE__BASE_URL", format!("https://console.localhost:{base}")),
            ("METRICS__LISTEN", format!("127.0.0.1:{}", first + 2)),
            ("STORE__URL", format!("{store}/postgres")),
            ("KEYS__FILE", key.display().to_string()),
            ("LOGIN__PROXIES", "[\"127.0.0.1/32\"]".to_owned()),
        ] {
            let name = format!("MAPAE__{name}");
            if environment.insert(name.clone(), value).is_none() {
                return Err(format!("the compose file does not set {name}"));
            }
        }
        let started = Background::quiet(
            Command::new(mapae).arg("serve").env_clear().envs(&environment),
            &folder.join(format!("{name}.log")),
        )?;
        let ready = format!("http://127.0.0.1:{}/readyz", first + 2);
        for _ in 0..600 {
            if ask(&ready, &[]).is_ok_and(|answer| answer.status == 200) {
                return Ok(started);
            }
            process::pause(100);
        }
        let log = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
        Err(format!("a node is not ready: {log}"))
    };
    let one = node("one", base + 1)?;
    let two = node("two", base + 4)?;

    let front = Front::start(&haproxy, folder, tls, base)?;
    front.serves()?;
    front.keeps_the_console_inside()?;
    front.tells_who_asks()?;

    one.kill();
    let longest = front.goes_on(40)?;
    // Two looks that find it gone.
    process::pause(3_000);
    let later = front.goes_on(40)?;
    let _again = node("one", base + 1)?;
    process::pause(2_000);
    drop(two);
    front.goes_on(40)?;
    println!(
        "interop deploy: HAProxy before two nodes: one killed, none of 40 requests lost, the longest waited {longest} ms, \
         3 s later {later} ms; back, and the other one stopped: none of 40 lost"
    );
    Ok(())
}

impl Front {
    fn start(haproxy: &Path, folder: &Path, tls: &Tls, base: u16) -> Outcome<Self> {
        let pem = folder.join("server.pem");
        let mut both = String::new();
        for (_, file) in tls.settings("PUBLIC") {
            both.push_str(
                &std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?,
            );
        }
        write(&pem, &both)?;
        let server = |name: &str, port: u16| format!("server {name} {name}:{port} check port 8602");
        let here = |name: &str, port: u16, metrics: u16| {
            format!("server {name} 127.0.0.1:{port} check port {metrics}")
        };
        let text = changed(
            "deploy/haproxy.cfg",
            &[
                // A place for each connection needs two files, and a machine that judges may have few.
                ("maxconn 20000", "maxconn 1000"),
                ("bind :8443", &format!("bind 127.0.0.1:{base}")),
                ("/run/secrets/server.pem", &pem.display().to_string()),
                ("acl inside src ", &format!("acl inside src {INSIDE}/32 ")),
                (&server("one", 8600), &here("one", base + 1, base + 3)),
                (&server("two", 8600), &here("two", base + 4, base + 6)),
                (&server("one", 8601), &here("one", base + 2, base + 3)),
                (&server("two", 8601), &here("two", base + 5, base + 6)),
            ],
        )?;
        let settings: PathBuf = folder.join("haproxy.cfg");
        write(&settings, &text)?;
        // A warning counts as a fault.
        process::run(Command::new(haproxy).args(["-c", "-q", "-dW", "-f"]).arg(&settings))?;
        let running = Background::quiet(
            Command::new(haproxy).args(["-db", "-dW", "-f"]).arg(&settings),
            &folder.join("haproxy.log"),
        )?;
        // Each node is looked at once a second.
        process::pause(2_000);
        Ok(Self { url: format!("https://localhost:{base}"), _haproxy: running })
    }

    fn ask(&self, path: &str, arguments: &[&str]) -> Outcome<Answer> {
        ask(&format!("{}{path}", self.url), arguments)
    }

    fn serves(&self) -> Outcome {
        let answer = self.ask("/.well-known/openid-credential-issuer", &[])?;
        let told = format!("metadata over HTTP/2, not {} over {}", answer.status, answer.version);
        expect(answer.status == 200 && answer.version == "2", &told)
    }

    fn keeps_the_console_inside(&self) -> Outcome {
        let name = ["--header", "Host: console.localhost"];
        let from = |address: &'static str| self.ask("/", &[&name[..], &["--interface", address]].concat());
        expect(from(OUTSIDE)?.status == 403, "the console is refused to who is outside")?;
        let inside = from(INSIDE)?.status;
        expect(matches!(inside, 200 | 303), &format!("the console is served to who is inside, not {inside}"))
    }

    /// Wrong tries are charged to who makes them, whatever they say of themselves, and to nobody else behind the proxy.
    fn tells_who_asks(&self) -> Outcome {
        let wrong = ["--data", "code=0000-0000-0000-0000&cause=theft"];
        for number in 0..TRIES {
            let claim = format!("X-Forwarded-For: 203.0.113.{number}");
            let answer = self.ask("/loss", &[&wrong[..], &["--header", &claim]].concat())?;
            expect(answer.status == 403, &format!("wrong code {number} is refused, not {}", answer.status))?;
        }
        expect(self.ask("/loss", &wrong)?.status == 429, "there are no more tries")?;
        let another = self.ask("/loss", &[&wrong[..], &["--interface", OUTSIDE]].concat())?.status;
        expect(another == 403, &format!("another address has its own tries, not {another}"))
    }

    /// So many requests, each on a new connection; the longest of them in milliseconds.
    fn goes_on(&self, requests: u32) -> Outcome<u128> {
        let mut longest = 0;
        for number in 0..requests {
            let answer = self.ask("/.well-known/openid-credential-issuer", &[])?;
            expect(answer.status == 200, &format!("request {number} is served, not {}", answer.status))?;
            longest = longest.max(answer.took);
        }
        Ok(longest)
    }
}

fn ask(url: &str, arguments: &[&str]) -> Outcome<Answer> {
    let began = process::instant();
    let done = Command::new("curl")
        .args(["--silent", "--show-error", "--ipv4", "--max-time", "20", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code} %{http_version}"])
        .args(arguments)
        .arg(url)
        .output()
        .map_err(|error| format!("cannot start curl: {error}"))?;
    let took = Duration::as_millis(&began.elapsed());
    if !done.status.success() {
        return Err(format!("{url} does not answer: {}", String::from_utf8_lossy(&done.stderr).trim()));
    }
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    let (status, version) = told.split_once(' ').ok_or("curl tells nothing")?;
    let status = status.parse().map_err(|error| format!("curl {url}: {told}: {error}"))?;
    Ok(Answer { status, version: version.to_owned(), took })
}

fn expect(right: bool, what: &str) -> Outcome {
    if right { Ok(()) } else { Err(format!("behind HAProxy this does not hold: {what}")) }
}
