//! Starting programs, waiting for them, and never leaving one behind.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value;

/// A failure is a sentence that says what went wrong and what to do next.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Runs a program to its end; anything but exit code 0 is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    let status = command.status().map_err(|error| format!("cannot start {shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

/// Runs a program and returns what it printed on standard output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown}: {}\n{}", output.status, String::from_utf8_lossy(&output.stdout)));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{shown}: printed something that is not UTF-8"))
}

/// A background program that is stopped when this value goes away.
pub(crate) struct Background {
    child: Child,
    stop: Option<Box<dyn FnOnce()>>,
}

impl Background {
    /// Starts a program and reads its first line of standard output; the rest is drained.
    pub(crate) fn with_first_line(command: &mut Command) -> Outcome<(Self, String)> {
        let shown = shown(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {shown}: {error}"))?;
        let stdout = child.stdout.take().ok_or_else(|| format!("{shown}: no standard output"))?;
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        let read = reader.read_line(&mut line).map_err(|error| format!("{shown}: {error}"));
        let background = Self { child, stop: None };
        if read? == 0 {
            return Err(format!("{shown}: ended before it was ready"));
        }
        std::thread::spawn(move || {
            let mut sink = [0_u8; 4096];
            while matches!(reader.read(&mut sink), Ok(count) if count > 0) {}
        });
        Ok((background, line))
    }

    /// Starts a program whose words go to a file.
    pub(crate) fn quiet(command: &mut Command, log: &std::path::Path) -> Outcome<Self> {
        let shown = shown(command);
        let fault = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = std::fs::File::create(log).map_err(fault)?;
        let again = file.try_clone().map_err(fault)?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(again).spawn();
        let child = child.map_err(|error| format!("cannot start {shown}: {error}"))?;
        Ok(Self { child, stop: None })
    }

    /// Kills the program at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the program to end by itself; anything but exit code 0 is an error.
    pub(crate) fn wait(mut self) -> Outcome {
        let status = self.child.wait().map_err(|error| format!("a program cannot be waited for: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a program in the background ended with {status}"))
        }
    }

    /// Something to do when the program is stopped, for example a shutdown command and the removal of its folder.
    pub(crate) fn on_stop(mut self, stop: impl FnOnce() + 'static) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        }
        for _ in 0..50 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            pause(100);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

/// A program that is told lines and tells lines of JSON; stopped when this value goes away.
pub(crate) struct Talking {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
}

impl Talking {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Outcome<Self> {
        let shown = shown(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {shown}: {error}"))?;
        let to = child.stdin.take().ok_or_else(|| format!("{shown}: no standard input"))?;
        let stdout = child.stdout.take().ok_or_else(|| format!("{shown}: no standard output"))?;
        let (sender, from) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, to, from })
    }

    /// Tells it a line.
    pub(crate) fn say(&mut self, line: &str) -> Outcome {
        self.to.write_all(format!("{line}\n").as_bytes()).map_err(|error| format!("{line}: {error}"))
    }

    /// Waits at most ten seconds for a line that says this.
    pub(crate) fn hear(&self, what: &str, says: impl Fn(&Value) -> bool) -> Outcome<Value> {
        let until = instant() + Duration::from_secs(10);
        while let Some(left) = until.checked_duration_since(instant()) {
            match self.from.recv_timeout(left) {
                Ok(value) if says(&value) => return Ok(value),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Err(format!("this was not heard: {what}"))
    }

    /// What was said and not yet heard.
    pub(crate) fn rest(&self) -> Vec<Value> {
        self.from.try_iter().collect()
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The machine's clock, to measure by.
#[allow(clippy::disallowed_methods)]
pub(crate) fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// The machine's clock.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// Waits; a developer command has nothing better to do.
#[allow(clippy::disallowed_methods)]
pub(crate) fn pause(milliseconds: u64) {
    std::thread::sleep(std::time::Duration::from_millis(milliseconds));
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}
