//! Every key that signs or seals in a token that others wrote: SoftHSM 2 behind PKCS#11.
//!
//! The whole walk runs with keys that can't leave the token; each kind of key is changed beside the running server; then the
//! token goes away and comes back, and the server, which is never started again for it, says so and goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Demo;
use crate::process::{self, Background, Outcome};
use crate::tools;

const LABEL: &str = "mapae-judge";
/// Of our own tests, which leave keys behind.
const TEST_LABEL: &str = "mapae-test";
const PIN: &str = "482951";
/// How long the server may take to notice that the token is back, in seconds.
const BACK_S: u64 = 30;

pub(super) fn run(mapae: &Path) -> Outcome {
    let how = "install SoftHSM (Debian: apt-get install softhsm2)";
    let util = tools::program(&["softhsm2-util"], how)?;
    let module = tools::program(
        &[
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/softhsm/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
        ],
        how,
    )?;
    let folder = tools::scratch("hsm")?;
    let outcome = Token::make(&util, &module, &folder).and_then(|token| judge(mapae, &token, &folder));
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(mapae: &Path, token: &Token, folder: &Path) -> Outcome {
    token.unit_tests()?;
    let prepared = process::output(token.set(Command::new(mapae).args(["keys", "token-prepare"])))?;
    for key in ["mapae-kek-", "mapae-pin-"] {
        expect(prepared.contains(key), &format!("{key} is made: {prepared}"))?;
    }
    let settings = token.settings();
    let settings: Vec<(&str, String)> = settings.iter().map(|(name, value)| (*name, value.clone())).collect();
    let demo = Demo::with_settings(mapae, "hsm-demo", 1, &settings)?;
    let description = demo.description()?;
    println!("interop hsm: the walk from application to login is done");

    let operator = Operator { mapae, token, description: &description };
    expect(!operator.key_file()?.exists(), "no key-encryption key lies on the disk")?;
    let held: Value = read(&operator.run(&["keys", "token", "--json"])?)?;
    let held = held.as_array().ok_or("no list of keys")?;
    let is = |key: &Value, what: &str| key.get(what).and_then(Value::as_bool) == Some(true);
    let tight = held.iter().all(|key| is(key, "sensitive") && !is(key, "extractable"));
    expect(tight, &format!("no key can leave the token: {held:?}"))?;
    for name in ["issuer", "status-list", "trust-list", "verifier", "op-es256", "instruction-result", "kek-1"]
    {
        let label = format!("mapae-{name}");
        let inside =
            |key: &Value| key.get("label") == Some(&Value::from(label.as_str())) && is(key, "always");
        expect(held.iter().any(inside), &format!("{name} was made inside"))?;
    }
    println!("interop hsm: {} keys are in the token, none can leave it", held.len());

    let ready = operator.address("metrics", "/readyz")?;
    let metadata = operator.address("public", "/.well-known/openid-credential-issuer")?;
    answers(&ready, "200")?;
    answers(&metadata, "200")?;
    documents(&operator, folder)?;
    operator.pin()?;

    // Beside the running server.
    let done = operator.run(&["keys", "rotate-kek"])?;
    expect(done.contains("key-encryption key"), &done)?;
    let done = operator.run(&["keys", "rotate-pin"])?;
    expect(done.contains("key"), &done)?;
    operator.pin()?;
    operator.run(&["keys", "rotate-data"])?;
    operator.pin()?;
    for name in ["issuer", "status-list", "trust-list", "verifier", "wallet-attestation"] {
        let first = operator.run(&["keys", "rotate", name, "--json"])?;
        expect(first.contains("prepared"), &format!("{name}: {first}"))?;
        let waits = operator.run(&["keys", "rotate", name, "--json"])?;
        expect(waits.contains("waits"), &format!("{name} is published before it signs: {waits}"))?;
        let second = operator.run(&["keys", "rotate", name, "--now", "--json"])?;
        expect(second.contains("switched"), &format!("{name}: {second}"))?;
        answers(&metadata, "200")?;
    }
    documents(&operator, folder)?;
    operator.pin()?;
    {
        let (_node, address) = operator.another_node(folder)?;
        let fresh = format!("{address}/.well-known/openid-credential-issuer");
        until(&fresh, "200", BACK_S)?;
        let (old, new) = (ask(&metadata)?.1, ask(&fresh)?.1);
        let header = |jwt: &str| jwt.split('.').next().map(str::to_owned).unwrap_or_default();
        expect(
            !new.is_empty() && header(&old) != header(&new),
            "a node that starts now signs with the new issuer key",
        )?;
    }
    println!("interop hsm: every kind of key was changed beside the running server");

    // The token goes away.
    token.take_away()?;
    let said = until(&ready, "503", BACK_S)?;
    expect(said.contains("token_away"), &format!("readyz says why: {said}"))?;
    let said = until(&metadata, "503", BACK_S)?;
    expect(said.contains("token_away"), &format!("so does what has to sign: {said}"))?;
    answers(&operator.address("metrics", "/healthz")?, "200")?;
    answers(&operator.address("public", "/.well-known/did.json")?, "200")?;
    expect(operator.pin().is_err(), "no PIN is judged without the token")?;
    token.bring_back()?;
    let began = process::instant();
    until(&ready, "200", BACK_S)?;
    println!("interop hsm: ready {} ms after the token was back", began.elapsed().as_millis());
    answers(&metadata, "200")?;
    operator.pin()?;
    documents(&operator, folder)?;

    // A process that starts now finds the keys that were changed.
    let listed = operator.run(&["keys", "list"])?;
    expect(listed.lines().any(|line| line.starts_with("issuer") && line.contains("retired")), &listed)?;
    ceremony(mapae, token, folder)
}

/// An agency's seal, made and checked by two processes; then a new one.
fn documents(operator: &Operator<'_>, folder: &Path) -> Outcome {
    let agency = operator.text("/holder/agency")?;
    let (plain, sealed) = (folder.join("plain.pdf"), folder.join("sealed.pdf"));
    std::fs::write(&plain, pdf()).map_err(|error| format!("{}: {error}", plain.display()))?;
    let (plain, sealed) = (plain.display().to_string(), sealed.display().to_string());
    operator.run(&["document", "seal", &plain, "--out", &sealed, "--agency", &agency])?;
    operator.run(&["document", "check", &sealed])?;
    operator.run(&["document", "renew-seal", &agency])?;
    operator.run(&["document", "check", &sealed]).map(drop)
}

/// Three of five people carry a key-encryption key into the token.
fn ceremony(mapae: &Path, token: &Token, folder: &Path) -> Outcome {
    let shares = folder.join("shares");
    let split = ["keys", "ceremony", "split", "--new", "--shares", "5", "--needed", "3", "--to"];
    process::output(token.set(Command::new(mapae).args(split).arg(&shares)))?;
    let join = |numbers: &[u8]| {
        let mut command = Command::new(mapae);
        command.args(["keys", "ceremony", "join", "--into-token"]);
        command.args(numbers.iter().map(|number| shares.join(format!("share-{number}.txt"))));
        process::output(token.set(&mut command))
    };
    expect(join(&[1, 4]).is_err(), "two of three are too few")?;
    let joined = join(&[5, 1, 4])?;
    expect(joined.contains("mapae-kek-3"), &joined)?;
    println!("interop hsm: three of five shares gave the token its next key-encryption key");
    Ok(())
}

struct Token {
    folder: PathBuf,
    module: PathBuf,
    pin_file: PathBuf,
    conf: PathBuf,
}

impl Token {
    fn make(util: &Path, module: &Path, folder: &Path) -> Outcome<Self> {
        let token = Self {
            folder: folder.to_owned(),
            module: module.to_owned(),
            pin_file: folder.join("pin"),
            conf: folder.join("softhsm2.conf"),
        };
        let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(token.store()).map_err(fault)?;
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            token.store().display()
        );
        std::fs::write(&token.conf, conf).map_err(fault)?;
        std::fs::write(&token.pin_file, PIN).map_err(fault)?;
        process::run(Command::new("chmod").arg("600").arg(&token.pin_file))?;
        for label in [LABEL, TEST_LABEL] {
            let made = ["--init-token", "--free", "--label", label, "--so-pin", PIN, "--pin", PIN];
            process::output(token.set(Command::new(util).args(made)))?;
        }
        Ok(token)
    }

    fn store(&self) -> PathBuf {
        self.folder.join("token")
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SOFTHSM2_CONF", self.conf.display().to_string()),
            ("MAPAE__HSM__MODULE", self.module.display().to_string()),
            ("MAPAE__HSM__TOKEN", LABEL.to_owned()),
            ("MAPAE__HSM__PIN_FILE", self.pin_file.display().to_string()),
        ]
    }

    fn set<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.settings())
    }

    fn take_away(&self) -> Outcome {
        self.rename("token", "away")
    }

    fn bring_back(&self) -> Outcome {
        self.rename("away", "token")
    }

    fn rename(&self, from: &str, to: &str) -> Outcome {
        std::fs::rename(self.folder.join(from), self.folder.join(to))
            .map_err(|error| format!("token: {error}"))
    }

    /// Our own tests of the token's use, on a token of their own.
    fn unit_tests(&self) -> Outcome {
        process::run(
            self.set(&mut tools::cargo())
                .args(["test", "--quiet", "--locked", "--workspace", "--lib", "operations::hsm"])
                // One module for the whole process: tests that let go of it take turns.
                .args(["--", "--test-threads=1"])
                .env("MAPAE_TEST_HSM", &self.module)
                .env("MAPAE_TEST_HSM_TOKEN", TEST_LABEL)
                .env("MAPAE_TEST_HSM_PIN_FILE", &self.pin_file),
        )
    }
}

/// Whoever runs commands beside the server.
struct Operator<'a> {
    mapae: &'a Path,
    token: &'a Token,
    description: &'a Value,
}

impl Operator<'_> {
    fn text(&self, pointer: &str) -> Outcome<String> {
        let found = self.description.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("the demo does not tell {pointer}"))
    }

    fn address(&self, listener: &str, path: &str) -> Outcome<String> {
        Ok(format!("{}{path}", self.text(&format!("/urls/{listener}"))?.trim_end_matches('/')))
    }

    fn environment(&self) -> Outcome<Vec<(String, String)>> {
        let environment = self.description.pointer("/operator/environment").and_then(Value::as_object);
        let environment = environment.ok_or("the demo names no environment")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(environment.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    fn key_file(&self) -> Outcome<PathBuf> {
        self.text("/operator/environment/MAPAE__KEYS__FILE").map(PathBuf::from)
    }

    fn run(&self, arguments: &[&str]) -> Outcome<String> {
        let mut command = Command::new(self.mapae);
        command.args(arguments).envs(self.environment()?);
        process::output(self.token.set(&mut command))
    }

    /// A second node on the same store; its address.
    fn another_node(&self, folder: &Path) -> Outcome<(Background, String)> {
        let base = tools::free_ports(3)?;
        let mut command = Command::new(self.mapae);
        command.arg("serve").envs(self.environment()?);
        for (number, listener) in (base..).zip(["PUBLIC", "CONSOLE", "METRICS"]) {
            command.env(format!("MAPAE__{listener}__LISTEN"), format!("127.0.0.1:{number}"));
        }
        let node = Background::quiet(self.token.set(&mut command), &folder.join("node.log"))?;
        Ok((node, format!("http://127.0.0.1:{base}")))
    }

    /// The phone proves its PIN: its key is opened in the token, and the result is signed there.
    fn pin(&self) -> Outcome {
        let phone = self.description.pointer("/phone/arguments").and_then(Value::as_array);
        let arguments = phone.into_iter().flatten().filter_map(Value::as_str);
        let pin = self.text("/phone/environment/MAPAE_PIN")?;
        let mut command = Command::new(self.mapae);
        command.args(["wallet", "pin", "check"]).args(arguments).env("MAPAE_PIN", pin);
        process::output(&mut command).map(drop)
    }
}

fn expect(right: bool, what: &str) -> Outcome {
    if right { Ok(()) } else { Err(format!("this does not hold: {what}")) }
}

fn read(text: &str) -> Outcome<Value> {
    serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))
}

/// Asks once, in the signed form where there is one; the status and what was said.
fn ask(url: &str) -> Outcome<(String, String)> {
    let printed = process::output(Command::new("curl").args([
        "--silent",
        "--max-time",
        "20",
        "--header",
        "Accept: application/jwt, */*;q=0.1",
        "--write-out",
        "\n%{http_code}",
        url,
    ]))?;
    let (said, status) = printed.rsplit_once('\n').unwrap_or(("", &printed));
    Ok((status.trim().to_owned(), said.to_owned()))
}

fn answers(url: &str, status: &str) -> Outcome {
    let (got, said) = ask(url)?;
    expect(got == status, &format!("{url} answers {status}, not {got}: {said}"))
}

fn until(url: &str, status: &str, seconds: u64) -> Outcome<String> {
    let began = process::instant();
    loop {
        // A process that has not come up yet refuses the connection.
        let (got, said) = ask(url).unwrap_or_else(|refused| ("nothing".to_owned(), refused));
        if got == status {
            return Ok(said);
        }
        if began.elapsed().as_secs() > seconds {
            return Err(format!("{url} still answers {got} after {seconds} s: {said}"));
        }
        process::pause(100);
    }
}

/// The smallest document: one empty page.
fn pdf() -> Vec<u8> {
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    ];
    let mut out = String::from("%PDF-1.7\n");
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let start = out.len();
    out.push_str("xref\n0 4\n0000000000 65535 f \n");
    for place in places {
        out.push_str(&format!("{place:010} 00000 n \n"));
    }
    out.push_str(&format!("trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    out.into_bytes()
}
