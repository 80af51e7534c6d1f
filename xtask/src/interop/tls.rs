//! The judges speak to our own TLS: a certificate authority of this run's, which every program they start trusts beside the
//! system's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Outcome};
use crate::tools;

/// Names the folder to the run that has it.
const FOLDER: &str = "MAPAE_JUDGES_TLS";

/// Password of a store of certificates that hides nothing; `keytool` wants one.
const STORE_PASSWORD: &str = "certificates";

/// What the servers show and the judges trust.
pub(super) struct Tls {
    folder: PathBuf,
}

impl Tls {
    /// The one that this run was begun with.
    pub(super) fn of_this_run() -> Option<Self> {
        std::env::var_os(FOLDER).map(|folder| Self { folder: folder.into() })
    }

    /// Runs this very command again with the authority in its environment, as an environment is set for children only.
    pub(super) fn run_again() -> Outcome {
        let tls = Self { folder: tools::scratch("tls")? };
        let outcome = tls.make().and_then(|()| {
            let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
            let bundle = tls.folder.join("bundle.pem");
            process::run(
                Command::new(program)
                    .args(std::env::args_os().skip(1))
                    .env(FOLDER, &tls.folder)
                    .env("SSL_CERT_FILE", &bundle)
                    .env("NODE_EXTRA_CA_CERTS", &bundle)
                    .env("REQUESTS_CA_BUNDLE", &bundle)
                    .env("CURL_CA_BUNDLE", &bundle)
                    .env("PIP_CERT", &bundle)
                    .env("CHROMIUM_TRUSTS", tls.pin()?),
            )
        });
        let _ = fs::remove_dir_all(&tls.folder);
        outcome.map_err(|_| "judges failed".to_owned())
    }

    /// What a server is configured with to show the certificate on one of its listeners.
    pub(super) fn settings(&self, listener: &str) -> [(String, PathBuf); 2] {
        [
            (format!("MAPAE__{listener}__TLS_CERTIFICATE"), self.folder.join("server.pem")),
            (format!("MAPAE__{listener}__TLS_KEY"), self.folder.join("server.key")),
        ]
    }

    /// What a Java program is started with to trust the authority.
    pub(super) fn java_options(&self) -> Outcome<String> {
        let store = self.folder.join("trusted.p12");
        if !store.exists() {
            let keytool = tools::program(&["keytool"], "install a JDK 17 or newer, which brings it")?;
            process::output(
                Command::new(keytool)
                    .args(["-importcert", "-noprompt", "-alias", "judges", "-storetype", "PKCS12"])
                    .args(["-storepass", STORE_PASSWORD, "-keystore"])
                    .arg(&store)
                    .arg("-file")
                    .arg(self.folder.join("ca.pem")),
            )?;
        }
        Ok(format!(
            "-Djavax.net.ssl.trustStore={} -Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
            store.display()
        ))
    }

    fn make(&self) -> Outcome {
        let extensions = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n\
                          basicConstraints=critical,CA:FALSE\n";
        write(&self.folder.join("server.ext"), extensions.as_bytes())?;
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        self.openssl(
            &[
                &["req", "-x509", "-days", "2", "-subj", "/CN=Judges"][..],
                &curve,
                &["-keyout", "ca.key", "-out", "ca.pem"],
            ]
            .concat(),
        )?;
        self.openssl(
            &[
                &["req", "-new", "-subj", "/CN=localhost"][..],
                &curve,
                &["-keyout", "server.key", "-out", "server.csr"],
            ]
            .concat(),
        )?;
        self.openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            "server.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "server.ext",
            "-out",
            "server.pem",
        ])?;
        let system = std::env::var_os("SSL_CERT_FILE")
            .map_or_else(|| PathBuf::from("/etc/ssl/certs/ca-certificates.crt"), PathBuf::from);
        // A machine may keep its certificates elsewhere; then the programs trust this run's authority alone.
        let mut bundle = fs::read(&system).unwrap_or_default();
        let ours = self.folder.join("ca.pem");
        bundle.extend(fs::read(&ours).map_err(|error| format!("{}: {error}", ours.display()))?);
        write(&self.folder.join("bundle.pem"), &bundle)
    }

    /// The server's key as Chromium wants it: base64 of the SHA-256 of its SubjectPublicKeyInfo.
    fn pin(&self) -> Outcome<String> {
        self.openssl(&["pkey", "-in", "server.key", "-pubout", "-outform", "DER", "-out", "server.spki"])?;
        self.openssl(&["dgst", "-sha256", "-binary", "-out", "server.hash", "server.spki"])?;
        let text = process::output(
            Command::new("openssl").args(["base64", "-in", "server.hash"]).current_dir(&self.folder),
        )?;
        Ok(text.trim().to_owned())
    }

    fn openssl(&self, arguments: &[&str]) -> Outcome {
        let openssl = tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
        let made = Command::new(openssl)
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .map_err(|error| format!("cannot start openssl: {error}"))?;
        if made.status.success() {
            Ok(())
        } else {
            Err(format!("openssl {}: {}", arguments.join(" "), String::from_utf8_lossy(&made.stderr)))
        }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
