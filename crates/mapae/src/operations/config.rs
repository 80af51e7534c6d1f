//! Configuration: defaults, then one TOML file, then the environment (`MAPAE__SECTION__KEY`). Unknown keys are refused.
//!
//! `mapae config example` prints every key with its default and a note; the note says what the key does and, where it
//! matters, whom one trusts by setting it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::roles::Role;
use super::store::is_postgres;

/// One `[section]` of the configuration file.
pub trait Section: Default + Serialize + DeserializeOwned {
    /// A note for each key, in the order of the struct.
    const NOTES: &'static [(&'static str, &'static str)];
}

/// Why the configuration cannot be used, and what to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
}

fn invalid(place: impl Into<String>, reason: impl ToString) -> ConfigError {
    ConfigError::Invalid { place: place.into(), reason: reason.to_string() }
}

macro_rules! sections {
    ($($name:ident: $kind:ty, $heading:literal;)*) => {
        /// Everything that can be configured.
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(#[doc = $heading] pub $name: $kind,)*
        }

        impl Config {
            /// The annotated example: every key with its default.
            pub fn example() -> String {
                let mut out = String::from(
                    "# Mapae configuration. Every key stands here with its default; leave out what you do not change.\n\
                     # The environment overrides a key by MAPAE__SECTION__KEY, for example MAPAE__PUBLIC__LISTEN.\n\
                     # Who may write this file, or set this environment, decides whom the platform trusts.\n",
                );
                $(write_section::<$kind>(&mut out, stringify!($name), $heading);)*
                out
            }
        }

        #[cfg(test)]
        fn every_section(mut check: impl FnMut(&str, toml::Table, Vec<&str>)) {
            $(check(
                stringify!($name),
                toml::Table::try_from(<$kind>::default()).expect(stringify!($name)),
                <$kind as Section>::NOTES.iter().map(|(key, _)| *key).collect(),
            );)*
        }
    };
}

sections! {
    server: Server, "What one process does.";
    public: Public, "The listener for wallets, relying parties and applicants.";
    console: Console, "The listener for staff; keep it inside the administration's network.";
    metrics: Metrics, "The listener for Prometheus and health probes; never public.";
    store: StoreSettings, "The database.";
    keys: Keys, "The key that seals all other keys.";
    hsm: Hsm, "A token (HSM) that holds keys: PKCS#11.";
    log: Log, "What is written to standard error.";
    traces: super::traces::Settings, "Traces: what a request waited for, told to OpenTelemetry (OTLP).";
    demo: Demo, "Demonstration only: plainly fictional data and an 예시 message box.";
    personnel: crate::personnel::Settings, "HR data.";
    employment: crate::employment::Settings, "What personnel changes do to badges.";
    staff: crate::staff::Settings, "Sign-in of staff and applicants.";
    application: crate::application::Settings, "Applications and their approvals.";
    notification: crate::notification::Settings, "Messages to holders.";
    second_sms: crate::notification::Provider, "A second SMS provider, which takes over while the first can't be reached.";
    account: crate::account::Settings, "Wallet accounts.";
    issuance: crate::issuance::Settings, "Issuing credentials.";
    lifecycle: crate::lifecycle::Settings, "Badges, status lists and the trust list.";
    verification: crate::verification::Settings, "Verifying presentations.";
    login: crate::login::Settings, "The OpenID Connect provider.";
    audit: crate::audit::Settings, "The audit log.";
    loss: crate::loss::Settings, "Reports of lost phones.";
    desk: crate::desk::Settings, "The console's desks.";
    ledger: crate::ledger::Settings, "The ledger of agencies: DIDs, accreditations, anchors.";
}

/// `[server]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub roles: Vec<Role>,
}

impl Section for Server {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "roles",
        "Which roles this process has; empty means all. hr-desk, issuer, wallet-provider, verifier, login, signing, gates, registry. `mapae serve --roles` overrides it. Roles that no process has are done by nobody.",
    )];
}

/// `[public]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Public {
    pub listen: SocketAddr,
    pub base_url: Url,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub plain_http_beyond_loopback: bool,
}

impl Default for Public {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8600)),
            base_url: local(8600),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            plain_http_beyond_loopback: false,
        }
    }
}

impl Public {
    /// The base URL without a slash at its end: what paths are appended to, and the issuer identifier.
    pub fn origin(&self) -> &str {
        self.base_url.as_str().trim_end_matches('/')
    }
}

impl Section for Public {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("listen", "Address and port."),
        (
            "base_url",
            "What the outside calls this listener: issuer identifier, links in messages, token audiences. Changing it later makes issued credentials foreign.",
        ),
        ("tls_certificate", "PEM file with the certificate chain; empty means plain HTTP."),
        ("tls_key", "PEM file with its private key (PKCS#8). Who reads it can impersonate this server."),
        (
            "plain_http_beyond_loopback",
            "Allow plain HTTP on an address others can reach: only behind a proxy that ends TLS on the same trusted network.",
        ),
    ];
}

/// `[console]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Console {
    pub listen: SocketAddr,
    pub base_url: Url,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub plain_http_beyond_loopback: bool,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8601)),
            base_url: local(8601),
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            plain_http_beyond_loopback: false,
        }
    }
}

impl Section for Console {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        ("listen", "Address and port."),
        ("base_url", "What staff call this listener."),
        ("tls_certificate", "PEM file with the certificate chain; empty means plain HTTP."),
        ("tls_key", "PEM file with its private key (PKCS#8)."),
        (
            "plain_http_beyond_loopback",
            "Allow plain HTTP on an address others can reach: only behind a proxy that ends TLS on the same trusted network.",
        ),
    ];
}

/// `[metrics]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    pub listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8602)) }
    }
}

impl Section for Metrics {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "listen",
        "Address and port of /metrics, /healthz and /readyz. Names no person, but tells how busy you are.",
    )];
}

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    pub url: String,
    pub replica_url: String,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { url: "sqlite:data/mapae.db".into(), replica_url: String::new() }
    }
}

impl Section for StoreSettings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "url",
            "sqlite:path/to/file.db or postgres://user:password@host/database. Personal columns are sealed, but who can write here can undo a suspension.",
        ),
        (
            "replica_url",
            "One streaming standby of that PostgreSQL, for what everybody may fetch and keep for a while; empty means none. It is read only while it is proven to be at most a second behind, and nothing is decided by it.",
        ),
    ];
}

/// `[keys]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    pub file: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { file: "data/mapae.key".into() }
    }
}

impl Section for Keys {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "file",
        "The key-encryption key, made at the first start with mode 0600. File and database together open everything: keep their backups apart.",
    )];
}

/// `[hsm]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hsm {
    pub module: PathBuf,
    pub token: String,
    pub pin_file: PathBuf,
    pub sessions: usize,
    pub outside: Vec<String>,
}

impl Default for Hsm {
    fn default() -> Self {
        Self {
            module: PathBuf::new(),
            token: "mapae".into(),
            pin_file: PathBuf::new(),
            sessions: 8,
            outside: Vec::new(),
        }
    }
}

impl Section for Hsm {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "module",
            "The PKCS#11 module's file; empty means that no token is used. Its code runs inside the server.",
        ),
        ("token", "The token's label."),
        ("pin_file", "File with the user's PIN, mode 0600. Who reads it can use the keys, not take them."),
        ("sessions", "Sessions of one process: as many calls of the token run at once."),
        (
            "outside",
            "Names of signing keys that stay sealed in the database, for a token that is too slow for them: issuer, status-list, trust-list, verifier, op-es256, instruction-result, wallet-attestation, gate-authority, gate-feed, push, platform-root, documents.",
        ),
    ];
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

impl Section for Log {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "level",
        "error, warn, info, debug or a filter like mapae=debug,sqlx=warn. JSON lines; no bodies, no query strings, no names at any level.",
    )];
}

/// `[demo]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demo {
    pub enabled: bool,
}

impl Section for Demo {
    const NOTES: &'static [(&'static str, &'static str)] = &[(
        "enabled",
        "Show the 예시 message box, demo accounts and the sample relying party. Whoever reaches the public listener reads every message: never with real people.",
    )];
}

#[expect(clippy::expect_used, reason = "a constant address")]
fn local(port: u16) -> Url {
    Url::parse(&format!("http://localhost:{port}")).expect("a local address is a URL")
}

fn write_section<S: Section>(out: &mut String, name: &str, heading: &str) {
    let Ok(defaults) = toml::Table::try_from(S::default()) else { return };
    if defaults.is_empty() {
        return;
    }
    let _ = write!(out, "\n# {heading}\n[{name}]\n");
    for (key, note) in S::NOTES {
        if let Some(value) = defaults.get(*key) {
            let _ = write!(out, "# {note}\n{key} = {value}\n");
        }
    }
}

impl Config {
    /// Reads the file (if one is given), lets the environment override it, and checks the result.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
            // First as it stands, so that a mistake is told with its line.
            toml::from_str::<Self>(&text).map_err(|error| invalid(path.display().to_string(), error))?;
            table = toml::from_str(&text).map_err(|error| invalid(path.display().to_string(), error))?;
        }
        let defaults = toml::Table::try_from(Self::default()).map_err(|error| invalid("defaults", error))?;
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix("MAPAE__") {
                override_key(&mut table, &defaults, &name, path, &value)?;
            } else if let Some(key) = super::traces::standard_name(&name)
                && table.get("traces").is_none_or(|traces| traces.get(key).is_none())
            {
                override_key(&mut table, &defaults, &name, &format!("traces__{key}"), &value)?;
            }
        }
        let config: Self = table.try_into().map_err(|error| invalid("configuration", error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.traces.check().map_err(|(key, error)| invalid(key, error))?;
        for (name, url) in
            [("public.base_url", &self.public.base_url), ("console.base_url", &self.console.base_url)]
        {
            let plain = url.scheme() == "http" && !is_loopback_host(url);
            if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
                return Err(invalid(name, "must be an https URL without a query"));
            }
            if plain {
                return Err(invalid(name, "must be https: plain http is only for localhost"));
            }
        }
        let replica = &self.store.replica_url;
        if !(replica.is_empty() || is_postgres(replica) && is_postgres(&self.store.url)) {
            return Err(invalid(
                "store.replica_url",
                "needs PostgreSQL: store.url and it are both postgres://…",
            ));
        }
        listener_is_safe(
            "public",
            self.public.listen,
            &self.public.tls_certificate,
            &self.public.tls_key,
            self.public.plain_http_beyond_loopback,
        )?;
        listener_is_safe(
            "console",
            self.console.listen,
            &self.console.tls_certificate,
            &self.console.tls_key,
            self.console.plain_http_beyond_loopback,
        )
    }
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost" || domain.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn listener_is_safe(
    section: &str,
    listen: SocketAddr,
    certificate: &Path,
    key: &Path,
    allowed: bool,
) -> Result<(), ConfigError> {
    let tls = !certificate.as_os_str().is_empty();
    if tls == key.as_os_str().is_empty() {
        return Err(invalid(section, "tls_certificate and tls_key go together"));
    }
    if !tls && !listen.ip().is_loopback() && !allowed {
        return Err(invalid(
            section,
            format!(
                "{listen} would speak plain HTTP to others: set tls_certificate and tls_key, listen on 127.0.0.1, \
                 or set plain_http_beyond_loopback = true behind a proxy that ends TLS"
            ),
        ));
    }
    Ok(())
}

/// Sets one key from the environment. The default's type says how the text is to be read.
fn override_key(
    table: &mut toml::Table,
    defaults: &toml::Table,
    name: &str,
    path: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let Some((section, key)) = path.split_once("__") else {
        return Err(invalid(name, "is not MAPAE__SECTION__KEY"));
    };
    let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
    let known = defaults.get(&section).and_then(|s| s.get(&key));
    let Some(known) = known else {
        return Err(invalid(name, format!("there is no key {section}.{key}; see mapae config example")));
    };
    let value = if known.is_str() {
        toml::Value::String(text.to_owned())
    } else {
        let parsed: toml::Table =
            toml::from_str(&format!("v = {text}")).map_err(|error| invalid(name, error.message()))?;
        parsed.get("v").cloned().ok_or_else(|| invalid(name, "is empty"))?
    };
    match table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new())) {
        toml::Value::Table(section) => {
            section.insert(key, value);
            Ok(())
        }
        _ => Err(invalid(name, "is no section")),
    }
}

#[cfg(test)]
mod tests;
