//! The judge `hr`: PyPI scim2-tester checks the SCIM server, PyPI scim2-client pushes a thousand people through kills, and
//! npm smpp takes our messages until it is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::process::{self, Background, Outcome};
use crate::tools;
use serde_json::Value;

/// The versions that judge.
const PACKAGES: &[&str] = &["scim2-cli==0.6.0", "scim2-tester==0.5.2", "scim2-client==0.13.2"];

/// The tester has an agency of its own, so that its people are not counted; those who are pushed go to two others.
const TESTED: &str = "9000104";
const PUSHED: &str = "9000009";
const MOVED_TO: &str = "9000010";
/// The ministry above both: its token reaches them.
const ABOVE: &str = "9000003";
const PEOPLE: u64 = 1_000;
const LOGIN: &str = "judge.hr";
const PASSWORD: &str = "judge of the house";

pub(super) fn run(mapae: &Path) -> Outcome {
    let bin = tools::python(PACKAGES)?;
    let mut world = World::make(mapae, bin)?;
    world.tester()?;
    world.pushes()?;
    drop(world);
    messages(mapae)
}

/// Messages to two servers of npm smpp, the first of them killed in the middle.
fn messages(mapae: &Path) -> Outcome {
    let folder = tools::node_folder()?;
    process::run(Command::new("node").args(["--test", "smpp.mjs"]).current_dir(folder).env("MAPAE", mapae))
}

/// A server of our own with agencies, one HR manager and nobody else.
struct World {
    mapae: PathBuf,
    bin: PathBuf,
    folder: PathBuf,
    console: String,
    environment: Vec<(&'static str, String)>,
    server: Option<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    fn make(mapae: &Path, bin: PathBuf) -> Outcome<Self> {
        let folder = tools::scratch("hr")?;
        let port = tools::free_ports(3)?;
        let environment = vec![
            ("MAPAE__STORE__URL", format!("sqlite:{}", folder.join("mapae.db").display())),
            ("MAPAE__KEYS__FILE", folder.join("mapae.key").display().to_string()),
            ("MAPAE__PUBLIC__LISTEN", format!("\"127.0.0.1:{port}\"")),
            ("MAPAE__CONSOLE__LISTEN", format!("\"127.0.0.1:{}\"", port + 1)),
            ("MAPAE__CONSOLE__BASE_URL", format!("http://localhost:{}", port + 1)),
            ("MAPAE__METRICS__LISTEN", format!("\"127.0.0.1:{}\"", port + 2)),
            ("MAPAE__LOG__LEVEL", "warn".to_owned()),
        ];
        let environment = environment
            .into_iter()
            // Texts are read as they are; the quotes would be part of them.
            .map(|(name, value)| (name, value.trim_matches('"').to_owned()))
            .collect();
        let console = format!("http://localhost:{}", port + 1);
        let mut world = Self { mapae: mapae.to_owned(), bin, folder, console, environment, server: None };
        let files = world.folder.join("import");
        let people = (PEOPLE / 10).to_string();
        process::output(
            world.command().args(["personnel", "demo-data", "--employees", &people, "--out"]).arg(&files),
        )?;
        for file in ["agencies.csv", "employees.csv"] {
            process::output(world.command().args(["personnel", "import", "--json"]).arg(files.join(file)))?;
        }
        // The third department of the demo data is the ministry above: its head looks at the counts.
        let first = world.folder.join("password");
        std::fs::write(&first, format!("{PASSWORD}\n")).map_err(|error| error.to_string())?;
        let input = std::fs::File::open(&first).map_err(|error| error.to_string())?;
        let mut add = world.command();
        add.args([
            "staff",
            "add",
            LOGIN,
            "--agency",
            ABOVE,
            "--number",
            "EX00000050",
            "--duty",
            "hr_manager",
        ]);
        process::run(add.stdin(Stdio::from(input)).stdout(Stdio::null()))?;
        world.start()?;
        Ok(world)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.mapae);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&self.folder);
        command
    }

    /// Starts the server and waits until it answers.
    fn start(&mut self) -> Outcome {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .map_err(|error| error.to_string())?;
        let mut command = self.command();
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(log));
        self.server = Some(command.spawn().map_err(|error| format!("cannot start mapae: {error}"))?);
        let address = self.console.trim_start_matches("http://").to_owned();
        for _ in 0..300 {
            if std::net::TcpStream::connect(&address).is_ok() {
                return Ok(());
            }
            process::pause(100);
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(format!("mapae did not start: {log}"))
    }

    /// As a power cut would: no handler runs, nothing is flushed.
    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    fn token(&self, agency: &str) -> Outcome<String> {
        let made = process::output(
            self.command().args(["scim", "token", "make", "judge", "--agency", agency, "--json"]),
        )?;
        let made: Value = serde_json::from_str(&made).map_err(|error| error.to_string())?;
        made.get("token")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "no token was made".to_owned())
    }

    /// `scim2 --url … test`: every line has to say SUCCESS.
    fn tester(&mut self) -> Outcome {
        let token = self.token(TESTED)?;
        let mut command = Command::new(self.bin.join("scim2"));
        command
            .args(["--url", &format!("{}/scim/v2", self.console), "test"])
            .env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {token}"));
        let told = command.output().map_err(|error| format!("cannot start scim2: {error}"))?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let verdicts = ["SUCCESS", "COMPLIANT", "ACCEPTABLE", "DEVIATION", "ERROR", "CRITICAL", "SKIPPED"];
        let of = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
        let (good, all) = (of("SUCCESS"), verdicts.iter().map(|word| of(word)).sum::<usize>());
        if !told.status.success() || good != all || good == 0 {
            return Err(format!(
                "scim2-tester: {good} of {all} are SUCCESS\n{text}{}",
                String::from_utf8_lossy(&told.stderr)
            ));
        }
        println!("interop hr: scim2-tester 0.5.2: {good} checks, all SUCCESS");
        Ok(())
    }

    fn push(&self, token: &str, count: u64) -> Command {
        let mut command = Command::new(self.bin.join("python"));
        command
            .arg(tools::root().join("interop/hr/push.py"))
            .args([&format!("{}/scim/v2", self.console), token, PUSHED, MOVED_TO, "0"])
            .arg(count.to_string())
            .stdin(Stdio::null());
        command
    }

    /// A thousand people pushed; the pusher is killed, then the server, then all of it is pushed again.
    fn pushes(&mut self) -> Outcome {
        let token = self.token(ABOVE)?;
        let (pusher, _) = Background::with_first_line(&mut self.push(&token, PEOPLE))?;
        pusher.kill();
        println!("interop hr: the pusher was killed after its first hundred");
        let (pusher, _) = Background::with_first_line(&mut self.push(&token, PEOPLE))?;
        for round in 1..=3 {
            process::pause(700);
            self.kill();
            println!("interop hr: the server was killed for the {round}. time");
            self.start()?;
        }
        pusher.wait()?;
        // Again from the beginning, as a nightly job would.
        process::output(&mut self.push(&token, PEOPLE))?;
        let quarter = PEOPLE / 4;
        self.counted(PUSHED, &[("people", 3 * quarter), ("serving", 2 * quarter), ("retired", quarter)])?;
        self.counted(MOVED_TO, &[("people", quarter), ("serving", quarter)])?;
        println!(
            "interop hr: {PEOPLE} people, each once, after three kills of the server and one of the client"
        );
        Ok(())
    }

    fn counted(&self, agency: &str, wanted: &[(&str, u64)]) -> Outcome {
        let mut command = Command::new(self.bin.join("python"));
        command.arg(tools::root().join("interop/hr/count.py")).args([&self.console, LOGIN, PASSWORD, agency]);
        let told = process::output(&mut command)?;
        let told: Value = serde_json::from_str(&told).map_err(|error| error.to_string())?;
        let right = wanted.iter().all(|(name, count)| told.get(name).and_then(Value::as_u64) == Some(*count));
        let twice = told.get("twice").and_then(Value::as_array).is_none_or(|twice| !twice.is_empty());
        if !right || twice {
            return Err(format!("the console of {agency} shows {told}, not {wanted:?} and nobody twice"));
        }
        println!("interop hr: the console of {agency} shows {told}");
        Ok(())
    }
}
