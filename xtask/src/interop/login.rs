//! Relying parties that others wrote, over TLS, against a demo of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// The version of Authlib that judges, and of what it calls us with.
const AUTHLIB: &[&str] = &["Authlib==1.9.10", "joserfc==1.8.0", "requests==2.34.2"];
/// The scripts of `interop/login`.
const SCRIPTS: &[&str] = &["openid-client.mjs", "oauth4webapi.mjs", "flows.mjs"];

pub(super) fn run(mapae: &Path) -> Outcome {
    let folder = tools::scratch("login-tls")?;
    let outcome = judged(mapae, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judged(mapae: &Path, folder: &Path) -> Outcome {
    let tls = Certificates::make(folder)?;
    let settings = [
        ("MAPAE__PUBLIC__TLS_CERTIFICATE", tls.server.display().to_string()),
        ("MAPAE__PUBLIC__TLS_KEY", tls.key.display().to_string()),
        ("SSL_CERT_FILE", tls.root.display().to_string()),
        ("MAPAE__LOGIN__NETWORKS", "[\"127.0.0.0/8=예시청사\"]".to_owned()),
    ];
    let demo = Demo::with_settings(mapae, "login", 0, &settings)?;
    let nodes = tools::node_folder()?;
    let scripts = nodes.join("login");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    let source = tools::root().join("interop/login");
    for entry in std::fs::read_dir(&source).map_err(|error| format!("interop/login: {error}"))?.flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), scripts.join(entry.file_name()))
                .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
        }
    }
    let as_party = |command: &mut Command| {
        command
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("SSL_CERT_FILE", &tls.root)
            .env("REQUESTS_CA_BUNDLE", &tls.root)
            .env("NODE_EXTRA_CA_CERTS", &tls.root);
    };
    for script in SCRIPTS {
        fill_up(mapae, &demo, &tls)?;
        let mut node = Command::new("node");
        node.args(["--test", "--test-concurrency=1"]).arg(format!("login/{script}")).current_dir(&nodes);
        as_party(&mut node);
        process::run(&mut node)?;
    }
    fill_up(mapae, &demo, &tls)?;
    let mut python = Command::new(tools::python(AUTHLIB)?.join("python"));
    python.arg(source.join("authlib_client.py"));
    as_party(&mut python);
    process::run(&mut python)?;

    let mut cargo = tools::cargo();
    cargo
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(source.join("openidconnect/Cargo.toml"))
        .env("CARGO_TARGET_DIR", tools::target().join("judge-openidconnect"));
    as_party(&mut cargo);
    process::run(&mut cargo)
}

/// The phone shows each copy of its badge once: before a script it gets as many as it may hold.
fn fill_up(mapae: &Path, demo: &Demo, tls: &Certificates) -> Outcome {
    let description = demo.description()?;
    let phone = |pointer: &str| description.pointer(pointer).cloned().unwrap_or_default();
    let words = phone("/phone/arguments");
    let words = words.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    let mut command = Command::new(mapae);
    command.arg("wallet").args(words).args(["--json", "receive"]).env("SSL_CERT_FILE", &tls.root);
    for (name, value) in phone("/phone/environment").as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap_or_default());
    }
    process::output(&mut command).map(|_| ())
}

/// A root of this run, and a certificate under it for this machine.
struct Certificates {
    root: PathBuf,
    server: PathBuf,
    key: PathBuf,
}

impl Certificates {
    fn make(folder: &Path) -> Outcome<Self> {
        let openssl = tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
        let file = |name: &str| folder.join(name);
        let call = |arguments: &[&str]| {
            process::output(Command::new(&openssl).args(arguments).current_dir(folder)).map(|_| ())
        };
        std::fs::write(file("extensions"), "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
            .map_err(|error| format!("cannot write the extensions: {error}"))?;
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let root = [
            "req",
            "-x509",
            "-days",
            "2",
            "-subj",
            "/CN=Example Root",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
        ];
        call(&[root.as_slice(), &curve].concat())?;
        let request = ["req", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
        call(&[request.as_slice(), &curve].concat())?;
        call(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            "server.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-extfile",
            "extensions",
            "-out",
            "server.pem",
        ])?;
        Ok(Self { root: file("root.pem"), server: file("server.pem"), key: file("server.key") })
    }
}
