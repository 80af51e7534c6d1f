//! The checks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use super::Finding;
use crate::operations::config::StoreSettings;
use crate::operations::kek::Kek;
use crate::operations::roles::{self, NOT_SERVED_HERE, Role};
use crate::operations::store::{Engine, Snapshot, StoreError, missing_migrations, params, replica_behind};
use crate::operations::tls::Tls;
use crate::operations::{Config, SystemClock, kek, limits, server_keys};

const DAY_MS: i64 = 86_400_000;
/// Certificates are renewed before they have so little time left.
const CERTIFICATE_LEFT: i64 = 14 * DAY_MS;
/// Keys of the platform itself: renewing them is planned.
const KEY_LEFT: i64 = 90 * DAY_MS;
/// A clock further off than this makes codes, tokens and signatures fail.
const CLOCK_OFF: i64 = 5_000;
/// A message that waits longer has a provider that does not answer.
const MESSAGE_WAITS: i64 = 10 * 60_000;
/// Audit records are numbered within a quarter second.
const AUDIT_WAITS: i64 = 60_000;

/// The TLS files of both listeners.
pub(super) fn certificates(config: &Config, now_ms: i64) -> Vec<Finding> {
    let listeners = [
        ("tls_public", "public", &config.public.tls_certificate, &config.public.tls_key),
        ("tls_console", "console", &config.console.tls_certificate, &config.console.tls_key),
    ];
    listeners.map(|(check, name, certificate, key)| listener(check, name, certificate, key, now_ms)).to_vec()
}

fn listener(check: &'static str, name: &'static str, certificate: &Path, key: &Path, now_ms: i64) -> Finding {
    match Tls::open(name, certificate, key) {
        Ok(None) => Finding::well(check, "no TLS of its own: a proxy ends it, or it is loopback"),
        Err(error) => Finding::broken(
            check,
            error.to_string(),
            format!(
                "give {name}.tls_certificate the chain, leaf first, and {name}.tls_key the key that belongs to it"
            ),
        ),
        Ok(Some(_)) => match ends(certificate) {
            Some(end) if end <= now_ms => Finding::broken(
                check,
                format!(
                    "the certificate in {} ended {} days ago",
                    certificate.display(),
                    (now_ms - end) / DAY_MS
                ),
                "renew it and put the new files in their place: they are shown within half a minute",
            ),
            Some(end) if end - now_ms < CERTIFICATE_LEFT => Finding::watch(
                check,
                format!(
                    "the certificate in {} ends in {} days",
                    certificate.display(),
                    (end - now_ms) / DAY_MS
                ),
                "renew it; no restart is needed",
            ),
            Some(end) => {
                Finding::well(check, format!("the certificate is good for {} days", (end - now_ms) / DAY_MS))
            }
            None => {
                Finding::watch(check, "the certificate's end can't be read", "look at it with other tools")
            }
        },
    }
}

/// The end of the first certificate in a PEM file (RFC 5280 §4.1.2.5), in milliseconds.
fn ends(path: &Path) -> Option<i64> {
    let certificate = CertificateDer::pem_file_iter(path).ok()?.next()?.ok()?;
    let (_, whole, _) = element(&certificate)?;
    let (_, body, _) = element(whole)?;
    let mut rest = body;
    // version [0], serial number, algorithm, issuer, then the validity.
    for _ in 0..5 {
        let (tag, content, after) = element(rest)?;
        if tag == 0x30 && rest.len() > after.len() {
            let (first, _, second) = element(content)?;
            if first == 0x17 || first == 0x18 {
                let (tag, text, _) = element(second)?;
                return time(tag, std::str::from_utf8(text).ok()?);
            }
        }
        rest = after;
    }
    None
}

/// One DER element: tag, content, what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

fn time(tag: u8, text: &str) -> Option<i64> {
    // UTCTime has two digits of the year; below 50 it is this century.
    let text = match tag {
        0x17 if text.get(..2)? < "50" => format!("20{text}"),
        0x17 => format!("19{text}"),
        _ => text.to_owned(),
    };
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let year: i32 = text.get(..4)?.parse().ok()?;
    let month = time::Month::try_from(number(4, 6)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, number(6, 8)?).ok()?;
    let moment = date.with_hms(number(8, 10)?, number(10, 12)?, number(12, 14)?).ok()?;
    moment.assume_utc().unix_timestamp().checked_mul(1_000)
}

/// The key file, or the token that takes its place.
pub(super) fn key_file(config: &Config, findings: &mut Vec<Finding>) -> Option<Kek> {
    let path = config.keys.file.display();
    let read = Kek::read(config).and_then(|kek| {
        kek.as_ref().map_or(Ok(()), Kek::probe)?;
        Ok(kek)
    });
    match read {
        Ok(Some(kek)) => {
            findings.push(match kek.token() {
                Some(token) => Finding::well("token", format!("{} answers, and seals", token.label())),
                None => Finding::well("key_file", format!("{path} is there, for its owner only")),
            });
            Some(kek)
        }
        Ok(None) => {
            findings.push(Finding::watch(
                "key_file",
                format!("{path} is not there"),
                "before the first start that is right; else put it back from its own backup, apart from the database's",
            ));
            None
        }
        Err(error) => {
            let mend = match error {
                kek::KekError::Open { .. } => format!("chmod 600 {path}"),
                kek::KekError::Token(_) => {
                    "is the module the vendor's, the device reachable, the label and the PIN right? docs/keys.md".into()
                }
                kek::KekError::Empty(_) => "mapae keys token-prepare, or mapae keys ceremony join (docs/keys.md)".into(),
                _ => format!("put {path} back from its backup"),
            };
            let check = match error {
                kek::KekError::Token(_) | kek::KekError::Empty(_) => "token",
                _ => "key_file",
            };
            findings.push(Finding::broken(check, error.to_string(), mend));
            None
        }
    }
}

/// Whether the folder of the embedded store takes writes.
pub(super) fn disk(config: &Config) -> Finding {
    let Some(path) = config.store.url.strip_prefix("sqlite:") else {
        return Finding::well("disk", "the database is elsewhere");
    };
    let folder = PathBuf::from(path.trim_start_matches("//"));
    let folder = folder.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let probe = folder.join(format!("mapae-doctor-{}", std::process::id()));
    let written =
        std::fs::write(&probe, vec![0_u8; 1 << 20]).and_then(|()| std::fs::File::open(&probe)?.sync_all());
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Finding::well("disk", format!("{} takes a mebibyte, flushed", folder.display())),
        Err(error) => Finding::broken(
            "disk",
            format!("{} takes no file: {error}", folder.display()),
            "free space on it, or let the server's user write there; what was acknowledged is safe",
        ),
    }
}

/// The database, if it answers.
pub(super) async fn database(config: &Config, findings: &mut Vec<Finding>) -> Option<Snapshot> {
    let limit = limits::HTTP_CLIENT_CONNECT.duration();
    let opened = match tokio::time::timeout(limit, Snapshot::open(&config.store.url)).await {
        Ok(opened) => opened.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    };
    match opened {
        Ok(store) => {
            let engine = if store.engine() == Engine::Sqlite { "SQLite" } else { "PostgreSQL" };
            findings.push(Finding::well("database", format!("{engine} answers")));
            Some(store)
        }
        Err(error) => {
            findings.push(Finding::broken(
                "database",
                error,
                "is store.url right, is the database running, may this machine and user reach it? An embedded store is \
                 made by the first `mapae serve`",
            ));
            None
        }
    }
}

/// The standby for published reads, where there is one.
pub(super) async fn replica(config: &Config) -> Option<Finding> {
    let StoreSettings { url, replica_url } = &config.store;
    if replica_url.is_empty() {
        return None;
    }
    let patience = limits::STORE_REPLICA_BEHIND.duration() * 2;
    Some(match replica_behind(url, replica_url, Arc::new(SystemClock), patience).await {
        Ok(behind) => Finding::well("replica", format!("{} ms behind at most", behind.as_millis())),
        Err(error) => Finding::watch(
            "replica",
            error.to_string(),
            "published reads go to the primary meanwhile. Is store.replica_url a streaming standby of store.url, running \
             and not delayed?",
        ),
    })
}

/// What is in the database.
pub(super) async fn inside(store: &mut Snapshot, key: Option<Kek>, now_ms: i64, findings: &mut Vec<Finding>) {
    findings.push(schema(store).await);
    findings.push(told(clock(store, now_ms).await, "clock"));
    findings.push(told(whole(store).await, "copy"));
    if let Some(key) = key {
        findings.push(told(keys_open(store, &key, now_ms).await, "keys"));
    }
    findings.push(told(messages(store, now_ms).await, "messages"));
    findings.push(told(audit(store, now_ms).await, "audit"));
    findings.push(told(ledger(store, now_ms).await, "ledger"));
}

fn told(outcome: Result<Finding, StoreError>, check: &'static str) -> Finding {
    outcome.unwrap_or_else(|error| {
        Finding::broken(
            check,
            error.to_string(),
            "bring the database up to date: start one `mapae serve` on it",
        )
    })
}

async fn schema(store: &mut Snapshot) -> Finding {
    match missing_migrations(store).await {
        Ok(missing) if missing.is_empty() => Finding::well("schema", "every migration is there"),
        Ok(missing) => Finding::watch(
            "schema",
            format!("{} migrations are not applied yet, the first is {}", missing.len(), missing.join(", ")),
            "make a backup, then start one `mapae serve`: it applies them",
        ),
        Err(StoreError::Migration { version, name, reason }) => Finding::broken(
            "schema",
            format!("migration {version} ({name}) {reason}"),
            "this program is not of the line that made the database: run the version that wrote it, or a later one",
        ),
        Err(error) => Finding::broken(
            "schema",
            error.to_string(),
            "this is no database of Mapae; give store.url the right one, or an empty one",
        ),
    }
}

async fn clock(store: &mut Snapshot, now_ms: i64) -> Result<Finding, StoreError> {
    if store.engine() == Engine::Sqlite {
        // The store remembers when it was written last: time does not go back before that.
        let sql = "SELECT COALESCE(MAX(at), 0) AS at FROM audit_record";
        let last = match store.fetch_all(sql, params![]).await?.first() {
            Some(row) => row.int("at")?,
            None => 0,
        };
        return Ok(match last - now_ms {
            ahead if ahead > CLOCK_OFF => Finding::broken(
                "clock",
                format!("this machine's clock is at least {} s behind what it wrote before", ahead / 1_000),
                "set the clock (chrony, ntpd) before the server starts: codes and tokens live by it",
            ),
            _ => Finding::well("clock", "it is not behind what was written before"),
        });
    }
    let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS at";
    let theirs = match store.fetch_all(sql, params![]).await?.first() {
        Some(row) => row.int("at")?,
        None => now_ms,
    };
    let off = (theirs - now_ms).abs();
    Ok(if off > CLOCK_OFF {
        Finding::broken(
            "clock",
            format!("this machine and the database differ by {} s", off / 1_000),
            "set the clocks (chrony, ntpd): codes and tokens live by them",
        )
    } else {
        Finding::well("clock", format!("within {off} ms of the database's"))
    })
}

async fn whole(store: &mut Snapshot) -> Result<Finding, StoreError> {
    let sql = "SELECT after FROM store_copy WHERE name = '' AND rows = 0";
    Ok(match store.fetch_all(sql, params![]).await?.is_empty() {
        true => Finding::well("copy", "no move or restore is under way"),
        false => Finding::broken(
            "copy",
            "a move or a restore into this database did not come to its end: servers refuse it",
            "run the same command again: it goes on where it stopped",
        ),
    })
}

async fn keys_open(store: &mut Snapshot, kek: &Kek, now_ms: i64) -> Result<Finding, StoreError> {
    let sql = "SELECT name, key_id, sealed, certificate FROM platform_key WHERE state = 'active' ORDER BY name LIMIT 1000";
    let rows = store.fetch_all(sql, params![]).await?;
    if rows.is_empty() {
        return Ok(Finding::watch("keys", "there are none yet", "the first `mapae serve` makes them"));
    }
    let mut soonest: Option<(i64, String)> = None;
    for row in &rows {
        let (name, id) = (row.text("name")?, row.int("key_id")?);
        let opens = match server_keys::opens(kek, &name, id, &row.bytes("sealed")?) {
            Ok(opens) => opens,
            Err(error) => {
                return Ok(Finding::broken(
                    "keys",
                    error.to_string(),
                    "is the token reachable? docs/keys.md",
                ));
            }
        };
        if !opens {
            return Ok(Finding::broken(
                "keys",
                format!("the key file does not open {name}: it belongs to another database"),
                "put back the key file that was made with this database; without it nothing in it can be read",
            ));
        }
        let certificate =
            row.opt_bytes("certificate")?.and_then(|der| keys::x509::Certificate::parse(&der).ok());
        if let Some(end) = certificate.map(|certificate| certificate.not_after().saturating_mul(1_000)) {
            soonest = soonest.into_iter().chain([(end, name)]).min();
        }
    }
    Ok(match soonest {
        Some((end, name)) if end - now_ms < KEY_LEFT => Finding::watch(
            "keys",
            format!("the certificate of {name} ends in {} days", (end - now_ms) / DAY_MS),
            "plan its rotation: what it signed is refused from then on",
        ),
        _ => Finding::well("keys", format!("the key file opens all {}", rows.len())),
    })
}

async fn oldest(store: &mut Snapshot, sql: &'static str, now_ms: i64) -> Result<(i64, i64), StoreError> {
    let rows = store.fetch_all(sql, params![]).await?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    let waits = row.opt_int("oldest")?.map_or(0, |oldest| now_ms.saturating_sub(oldest));
    Ok((row.int("n")?, waits))
}

async fn messages(store: &mut Snapshot, now_ms: i64) -> Result<Finding, StoreError> {
    let sql = "SELECT COUNT(*) AS n, MIN(created_at) AS oldest FROM notification_outbox WHERE state IN ('waiting', 'claimed')";
    let (waiting, age) = oldest(store, sql, now_ms).await?;
    Ok(match age > MESSAGE_WAITS {
        true => Finding::watch(
            "messages",
            format!("{waiting} messages wait, the oldest for {} minutes", age / 60_000),
            "`mapae message status` says why; is the SMS provider reachable, and are its credentials right?",
        ),
        false => Finding::well("messages", format!("{waiting} wait")),
    })
}

async fn audit(store: &mut Snapshot, now_ms: i64) -> Result<Finding, StoreError> {
    let sql = "SELECT COUNT(*) AS n, MIN(at) AS oldest FROM audit_record WHERE sequence IS NULL";
    let (waiting, age) = oldest(store, sql, now_ms).await?;
    Ok(match age > AUDIT_WAITS {
        true => Finding::broken(
            "audit",
            format!("{waiting} audit records have no number, the oldest for {} minutes", age / 60_000),
            "is a server running? If one is, its log says why it does not number; `mapae audit export` numbers, too",
        ),
        false => Finding::well("audit", format!("{waiting} records wait for their number")),
    })
}

async fn ledger(store: &mut Snapshot, now_ms: i64) -> Result<Finding, StoreError> {
    let sql = "SELECT COUNT(*) AS n, MIN(made_at) AS oldest FROM ledger_anchor WHERE sent_at IS NULL";
    let (waiting, age) = oldest(store, sql, now_ms).await?;
    Ok(match age > 2 * limits::LEDGER_ANCHOR.get() + MESSAGE_WAITS {
        true => Finding::watch(
            "ledger",
            format!("{waiting} roots wait for the ledger, the oldest for {} minutes", age / 60_000),
            "issuing and logins go on; is ledger.rpc reachable? What waits is sent when it is",
        ),
        false => Finding::well("ledger", format!("{waiting} roots wait")),
    })
}

/// Whether the public address leads to a server that calls itself by it.
pub(super) async fn address(config: &Config, now_ms: i64) -> Finding {
    let origin = config.public.origin();
    let url = format!("{origin}/.well-known/openid-configuration");
    let answer = match ask(&url).await {
        Ok(answer) if answer.status().is_success() => answer,
        Ok(answer) => {
            return Finding::broken(
                "address",
                format!("{origin} answers {}", answer.status()),
                "something else listens there: is public.base_url right, and does the proxy send it here?",
            );
        }
        Err(error) => {
            return Finding::watch(
                "address",
                format!("{origin} does not answer: {error}"),
                "is the server running, does the name lead here, is its certificate trusted by this machine?",
            );
        }
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    let metadata = answer.json::<Value>().await.unwrap_or_default();
    let issuer = metadata.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if issuer != origin {
        return Finding::broken(
            "address",
            format!("the server at {origin} calls itself {issuer:?}"),
            "public.base_url is what the outside calls it; every node and the proxy need the same",
        );
    }
    let theirs = date.and_then(|date| http_date(&date));
    match theirs {
        Some(theirs) if (theirs - now_ms).abs() > CLOCK_OFF => Finding::broken(
            "address",
            format!(
                "{origin} answers, with a clock {} s away from this one",
                (theirs - now_ms).abs() / 1_000
            ),
            "set the clocks (chrony, ntpd)",
        ),
        _ => Finding::well("address", format!("{origin} answers by that name")),
    }
}

async fn ask(url: &str) -> reqwest::Result<reqwest::Response> {
    let client = reqwest::Client::builder()
        .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
        .timeout(limits::HTTP_CLIENT_TIME.duration())
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    client.get(url).send().await
}

/// Whether every role is done by somebody: what this process leaves to others has to answer at the same address.
pub(super) async fn roles(config: &Config) -> Finding {
    let others = roles::others(&config.server.roles);
    if others.is_empty() {
        return Finding::well("roles", "this process has every role");
    }
    if config.store.url.starts_with("sqlite:") {
        return Finding::watch(
            "roles",
            format!("nobody has the roles {}: an embedded store has one server", roles::names(&others)),
            "leave server.roles empty, or move to PostgreSQL and start the others on it (docs/replicas.md)",
        );
    }
    let (origin, mut lost) = (config.public.origin(), Vec::new());
    for role in Role::ALL {
        match ask(&format!("{origin}{}", role.door())).await {
            Ok(answer) => {
                let problem = answer.json::<Value>().await.unwrap_or_default();
                if problem.get("code").and_then(Value::as_str) == Some(NOT_SERVED_HERE) {
                    lost.push(role);
                }
            }
            Err(error) => {
                return Finding::watch(
                    "roles",
                    format!("whether anybody has the others can't be told: {error}"),
                    "are the servers and the proxy before them running?",
                );
            }
        }
    }
    if lost.is_empty() {
        return Finding::well("roles", format!("{origin} answers for every role"));
    }
    Finding::broken(
        "roles",
        format!("{origin} leads to a node without the role for what belongs to {}", roles::names(&lost)),
        "start a node with these roles, and let the proxy send their addresses there (docs/replicas.md)",
    )
}

/// An IMF-fixdate (RFC 9110 §5.6.7), in milliseconds.
fn http_date(text: &str) -> Option<i64> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = time::PrimitiveDateTime::parse(text, format).ok()?;
    moment.assume_utc().unix_timestamp().checked_mul(1_000)
}
