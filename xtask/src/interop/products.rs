//! The judge `products`: what officials use, as its makers ship it and by configuration alone, lets them in with the badge
//! and stops when the badge is suspended. The configuration is read out of `docs/integrate/products.md`, so the page that
//! an administrator copies from is the one that is tried.
//!
//! `MAPAE_PRODUCTS=apache,synapse` tries those alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Demo, green};
use crate::process::{self, Outcome};
use crate::tools;

/// A product, its script in `interop/products`, and the programs that its script is told of.
struct Product {
    name: &'static str,
    what: &'static str,
    programs: fn() -> Outcome<Vec<(&'static str, PathBuf)>>,
}

const PRODUCTS: &[Product] = &[
    Product { name: "apache", what: "work portal: Apache, mod_auth_openidc", programs: apache },
    Product { name: "keycloak", what: "SAML: Keycloak, mod_auth_mellon", programs: keycloak },
    Product { name: "synapse", what: "messenger: Matrix Synapse", programs: synapse },
    Product { name: "jupyterhub", what: "remote work: JupyterHub, oauthenticator", programs: jupyterhub },
    Product { name: "livekit", what: "video meeting: LiveKit", programs: livekit },
    Product { name: "mail", what: "mail: Roundcube, Dovecot", programs: mail },
    Product { name: "openvpn", what: "remote work: OpenVPN", programs: openvpn },
];

/// What is judged beside the products' own packages.
pub(super) const JUDGED: &[&str] = &[
    "interop/products",
    "interop/demo.mjs",
    "docs/integrate/products.md",
    "examples/login",
    "xtask/src/interop/products.rs",
    "crates/openid/src",
    "crates/mapae/src/login",
];

const SYNAPSE: &[&str] = &["matrix-synapse==1.163.2", "Authlib==1.9.10"];
const JUPYTERHUB: &[&str] = &["jupyterhub==6.1.1", "oauthenticator==17.4.0", "jupyterlab==4.6.6"];
const KEYCLOAK: &str = "26.4.7";
const LIVEKIT: &str = "v1.9.12";

/// What the packages are called where a file of theirs is missing.
const DEBIAN: &str = "install the products (Debian, as .ci/run does): apt-get install --no-install-recommends apache2-bin \
                      libapache2-mod-auth-openidc libapache2-mod-auth-mellon libapache2-mod-php8.2 php8.2-cli \
                      roundcube-core roundcube-sqlite3 roundcube-plugins dovecot-imapd openvpn iproute2";

pub(super) fn run(mapae: &Path) -> Outcome {
    let wanted = std::env::var("MAPAE_PRODUCTS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    if let Some(name) = wanted.iter().find(|name| !PRODUCTS.iter().any(|product| product.name == **name)) {
        return Err(format!("no product is called {name}"));
    }
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let nodes = tools::node_folder()?;
    let scripts = nodes.join("products");
    std::fs::create_dir_all(&scripts).map_err(|error| format!("{}: {error}", scripts.display()))?;
    for entry in std::fs::read_dir(tools::root().join("interop/products"))
        .map_err(|error| format!("interop/products: {error}"))?
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "mjs"))
    {
        std::fs::copy(entry.path(), scripts.join(entry.file_name()))
            .map_err(|error| format!("cannot copy {}: {error}", entry.path().display()))?;
    }
    let screens = screens();
    let _ = std::fs::remove_dir_all(&screens);
    std::fs::create_dir_all(&screens)
        .map_err(|error| format!("cannot make {}: {error}", screens.display()))?;
    let mut failed = Vec::new();
    for product in PRODUCTS.iter().filter(|product| wanted.is_empty() || wanted.contains(&product.name)) {
        println!("interop products: {}", product.what);
        let judge = || {
            let programs = (product.programs)()?;
            let demo = Demo::start(mapae, &format!("products-{}", product.name))?;
            process::run(
                Command::new("node")
                    .args(["--test", "--test-concurrency=1"])
                    .arg(format!("products/{}.mjs", product.name))
                    .current_dir(&nodes)
                    .env("MAPAE", mapae)
                    .env("MAPAE_DEMO", demo.path())
                    .env("CHROMIUM", &chromium)
                    .env("ROOT", tools::root())
                    .env("SCREENSHOTS", &screens)
                    .envs(programs),
            )
        };
        // Programs of others start when they like. A second failure, on a server made anew, is one.
        let outcome = judge().or_else(|reason| {
            println!("interop products: {}: not at the first try: {reason}", product.name);
            judge()
        });
        if let Err(reason) = outcome {
            eprintln!("interop products: {}: FAILED: {reason}", product.name);
            failed.push(product.name);
        }
    }
    println!("interop products: pictures are in {}", screens.display());
    if !failed.is_empty() {
        return Err(format!("products failed: {}", failed.join(", ")));
    }
    if wanted.is_empty() { green::passed("products", JUDGED) } else { Ok(()) }
}

/// Copies the pictures of the last run to where the documents show them.
pub(super) fn pictures(folder: &Path) -> Outcome {
    let screens = screens();
    let pictures =
        std::fs::read_dir(&screens).map_err(|error| format!("{}: {error}", screens.display()))?.flatten();
    for picture in pictures {
        std::fs::copy(picture.path(), folder.join(picture.file_name()))
            .map_err(|error| format!("{}: {error}", picture.path().display()))?;
    }
    Ok(())
}

/// Where a run puts its pictures.
fn screens() -> PathBuf {
    tools::target().join("product-screens")
}

fn apache() -> Outcome<Vec<(&'static str, PathBuf)>> {
    for file in ["/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_auth_openidc.so"] {
        tools::program(&[file], DEBIAN)?;
    }
    Ok(Vec::new())
}

fn keycloak() -> Outcome<Vec<(&'static str, PathBuf)>> {
    for file in ["/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_auth_mellon.so"] {
        tools::program(&[file], DEBIAN)?;
    }
    tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
    tools::program(&["java"], "install a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)")?;
    let home = tools::cache().join(format!("keycloak-{KEYCLOAK}"));
    if !home.is_dir() {
        tools::program(&["mvn"], "install Maven (Debian: apt-get install maven)")?;
        let unpacked = tools::scratch("keycloak-unpack")?;
        process::run(
            Command::new("mvn")
                .args(["--quiet", "--batch-mode", "dependency:unpack"])
                .arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip"))
                .arg(format!("-DoutputDirectory={}", unpacked.display()))
                .current_dir(&unpacked),
        )?;
        // Whole or not at all: a copy that was cut off never bears the name.
        let part = home.with_extension("part");
        let _ = std::fs::remove_dir_all(&part);
        process::run(
            Command::new("cp").arg("-r").arg(unpacked.join(format!("keycloak-{KEYCLOAK}"))).arg(&part),
        )?;
        process::output(
            Command::new("bash")
                .arg(part.join("bin/kc.sh"))
                .args(["build", "--db=dev-file"])
                .current_dir(&part),
        )?;
        std::fs::rename(&part, &home).map_err(|error| format!("{}: {error}", home.display()))?;
        let _ = std::fs::remove_dir_all(&unpacked);
    }
    Ok(vec![("KEYCLOAK", home)])
}

fn synapse() -> Outcome<Vec<(&'static str, PathBuf)>> {
    Ok(vec![("SYNAPSE", tools::python(SYNAPSE)?)])
}

fn jupyterhub() -> Outcome<Vec<(&'static str, PathBuf)>> {
    let proxy = tools::node_packages("interop/products")?.join("node_modules/.bin/configurable-http-proxy");
    Ok(vec![("JUPYTERHUB", tools::python(JUPYTERHUB)?), ("PROXY", proxy)])
}

fn livekit() -> Outcome<Vec<(&'static str, PathBuf)>> {
    let folder = tools::cache().join("go-bin");
    let server = folder.join(format!("livekit-server-{LIVEKIT}"));
    if !server.is_file() {
        let go = tools::program(&["go", "/usr/local/go/bin/go"], "install Go 1.24 or newer")?;
        println!("interop products: building the LiveKit server, which takes minutes the first time");
        let built = tools::scratch("livekit")?;
        process::run(
            Command::new(go)
                .arg("install")
                .arg(format!("github.com/livekit/livekit-server/cmd/server@{LIVEKIT}"))
                .env("GOBIN", &built)
                .current_dir(&built),
        )?;
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        process::run(Command::new("cp").arg(built.join("server")).arg(&server))?;
        let _ = std::fs::remove_dir_all(&built);
    }
    let client = tools::node_packages("interop/products")?
        .join("node_modules/livekit-client/dist/livekit-client.umd.js");
    Ok(vec![("LIVEKIT", server), ("LIVEKIT_CLIENT", client)])
}

fn mail() -> Outcome<Vec<(&'static str, PathBuf)>> {
    for file in [
        "/usr/sbin/apache2",
        "/usr/lib/apache2/modules/mod_auth_openidc.so",
        "/usr/lib/apache2/modules/libphp8.2.so",
        "/usr/share/roundcube/plugins/http_authentication/http_authentication.php",
        "/usr/share/roundcube/SQL/sqlite.initial.sql",
        "/usr/sbin/dovecot",
    ] {
        tools::program(&[file], DEBIAN)?;
    }
    for program in ["curl", "php"] {
        tools::program(&[program], DEBIAN)?;
    }
    Ok(Vec::new())
}

fn openvpn() -> Outcome<Vec<(&'static str, PathBuf)>> {
    tools::program(&["/usr/sbin/openvpn"], DEBIAN)?;
    tools::program(&["curl"], "install curl")?;
    tools::program(&["python3"], "install Python 3.11 or newer (Debian: apt-get install python3)")?;
    tools::program(&["ip"], DEBIAN)?;
    tools::program(&["openssl"], "install OpenSSL (Debian: apt-get install openssl)")?;
    Ok(Vec::new())
}
