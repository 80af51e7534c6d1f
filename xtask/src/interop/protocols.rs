//! Wallets and verifiers that others wrote, against the running server and against the phone in the terminal.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Demo;
use crate::process::{self, Outcome};
use crate::tools;

/// The version of sd-jwt that judges presentations.
const SD_JWT: &str = "sd-jwt==0.10.4";

/// A script of `interop/protocols`, run against a demo of its own.
struct Script {
    file: &'static str,
    /// Applicants brought up to their invitation, for stock wallets.
    applicants: u32,
}

const SCRIPTS: &[Script] =
    &[Script { file: "issuing.mjs", applicants: 8 }, Script { file: "presenting.mjs", applicants: 6 }];

pub(super) fn run(mapae: &Path) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let nodes = tools::node_folder()?;
    let python = tools::python(&[SD_JWT])?.join("python");
    let scripts = nodes.join("protocols");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    let source = tools::root().join("interop/protocols");
    for entry in std::fs::read_dir(&source).map_err(|error| format!("interop/protocols: {error}"))?.flatten()
    {
        std::fs::copy(entry.path(), scripts.join(entry.file_name()))
            .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
    }
    let folder = tools::scratch("protocols")?;
    let outcome = wallet_provider(&folder).and_then(|provider| {
        let means = [
            ("CHROMIUM", chromium.as_path()),
            ("PYTHON", python.as_path()),
            ("WALLET_PROVIDER", provider.as_path()),
        ];
        let settings =
            [("MAPAE__ISSUANCE__WALLET_PROVIDERS", provider.join("root.pem").display().to_string())];
        SCRIPTS.iter().try_for_each(|script| judge(mapae, &nodes, script, &settings, &means))
    });
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(
    mapae: &Path,
    nodes: &Path,
    script: &Script,
    settings: &[(&str, String)],
    means: &[(&str, &Path)],
) -> Outcome {
    let name = format!("protocols-{}", script.file);
    let demo = Demo::with_settings(mapae, &name, script.applicants, settings)?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1"])
            .arg(format!("protocols/{}", script.file))
            .current_dir(nodes)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .envs(means.iter().copied()),
    )
}

/// A wallet provider of another maker: `root.pem`, and `leaf.pem` with `leaf.key` below it, made by OpenSSL.
fn wallet_provider(folder: &Path) -> Outcome<PathBuf> {
    let openssl = tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
    let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                      extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    let file = folder.join("leaf.ext");
    std::fs::write(&file, extensions).map_err(|error| format!("{}: {error}", file.display()))?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"];
    let root = ["req", "-x509", "-days", "30", "-subj", "/CN=Example Wallet Provider Root"];
    let ca = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
    let request = ["req", "-new", "-subj", "/CN=Example Wallet Provider"];
    let leaf = ["x509", "-req", "-days", "10", "-sha256", "-in", "leaf.csr", "-extfile", "leaf.ext"];
    let steps: [Vec<&str>; 3] = [
        [root.as_slice(), &key, &ca, &["-keyout", "root.key", "-out", "root.pem"]].concat(),
        [request.as_slice(), &key, &["-keyout", "leaf.key", "-out", "leaf.csr"]].concat(),
        [leaf.as_slice(), &["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-out", "leaf.pem"]]
            .concat(),
    ];
    for step in steps {
        process::run(Command::new(&openssl).args(step).current_dir(folder))?;
    }
    Ok(folder.to_owned())
}
