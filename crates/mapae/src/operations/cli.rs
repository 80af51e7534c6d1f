//! `mapae keys …`

use std::sync::Arc;

use indicatif::ProgressBar;

use super::hsm::SealKind;
use super::kek::Kek;
use super::sealer::rotation;
use super::server_keys::{Rotation, seal_all_again};
use super::{Config, KeyName, Platform, SystemClock, ceremony, limits};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The platform's own keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeysCommand {
    /// List every key with its number, state and age; never a key itself.
    List {
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Make a new key for personal data and seal every value again, while the server goes on running.
    RotateData {
        /// No server is running on this database: do not wait for others to notice.
        #[arg(long)]
        offline: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// New keys for ID tokens, in two steps: made and published, then signing. Start every process anew after each.
    RotateLogin {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// A new key for one task, in two steps: made and published, then signing. Start every process anew after each.
    Rotate {
        /// Whose key.
        #[arg(value_parser = changeable)]
        name: KeyName,
        /// The old key is in wrong hands: the new one signs from the next start, whoever has not heard of it.
        #[arg(long)]
        now: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Make the keys in the token that seal, where they are missing. Before the first start, or before `into-token`.
    TokenPrepare,
    /// Seal every key, and the key of every PIN, under the token's keys: an installation moves in while it runs.
    IntoToken,
    /// A new key-encryption key in the token; every key is sealed again under it while servers go on running.
    RotateKek,
    /// A new key in the token for the keys of PINs; each is sealed again under it while servers go on running.
    RotatePin,
    /// List the keys in the token, with what may be done to them.
    Token {
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Copy a key or PIN file that others can read, as an orchestrator mounts it, into one that only this user can.
    CopyFile {
        /// The file that is there.
        from: std::path::PathBuf,
        /// The file to write, mode 0600.
        to: std::path::PathBuf,
    },
    /// Split the key-encryption key among people, and join it again.
    #[command(subcommand)]
    Ceremony(ceremony::Command),
    /// Print the platform's root certificate (PEM): the trust anchor for wallets and relying parties.
    Root,
}

/// Runs a command.
pub async fn keys(command: KeysCommand, config: Config) -> Result<(), AnyError> {
    match command {
        // No database is needed for these, and none may be there yet.
        KeysCommand::Ceremony(command) => return ceremony::run(command, &config),
        KeysCommand::TokenPrepare => return token_prepare(&config),
        KeysCommand::Token { json } => return token_list(&config, json),
        KeysCommand::CopyFile { from, to } => return copy_file(&from, &to),
        _ => {}
    }
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let outcome = run(command, &platform).await;
    platform.store.close().await;
    outcome
}

async fn run(command: KeysCommand, platform: &Platform) -> Result<(), AnyError> {
    match command {
        KeysCommand::List { json } => {
            let keys = super::server_keys::list(&platform.store).await?;
            if json {
                println!("{}", serde_json::to_string(&keys)?);
            } else {
                for key in keys {
                    println!("{:<20} {:>3}  {:<8} {}", key.name, key.key_id, key.state, key.created_at);
                }
            }
        }
        KeysCommand::RotateData { offline, json } => {
            let notice =
                if offline { std::time::Duration::ZERO } else { limits::KEYS_REFRESH.duration() * 2 };
            let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
            let rotated = rotation::rotate_data(platform, notice, |column, done| {
                bar.set_message(format!("{}.{}: {done} values sealed again", column.table, column.column));
                bar.tick();
            })
            .await?;
            bar.finish_and_clear();
            if json {
                println!("{}", serde_json::to_string(&rotated)?);
            } else {
                println!("key {} is active; {} values sealed again", rotated.key_id, rotated.sealed_again);
            }
        }
        KeysCommand::RotateLogin { json } => {
            tell(platform.keys.rotate_provider(&platform.store, platform.now_ms()).await?, json)?;
        }
        KeysCommand::Rotate { name, now, json } => {
            let overlap_ms = if now { 0 } else { limits::LOGIN_KEYS_OVERLAP.get() };
            let host = platform.config.public.base_url.host_str().unwrap_or("localhost");
            let (names, now_ms) = ([name], platform.now_ms());
            let step = platform.keys.rotate(&platform.store, &names, (host, overlap_ms), now_ms).await?;
            tell(step, json)?;
        }
        KeysCommand::IntoToken => {
            let kek = platform.keys.kek();
            let sealed = seal_all_again(&platform.store, kek, kek).await?;
            let pins = rotation::seal_pins_again(platform).await?;
            println!("{sealed} keys and {pins} keys of PINs are sealed in the token now");
        }
        KeysCommand::RotateKek => {
            let kek = platform.keys.kek();
            let hsm = kek.token().ok_or(NO_TOKEN)?;
            let number = hsm.add_seal_key(SealKind::Kek, None)?;
            kek.refresh()?;
            let sealed = seal_all_again(&platform.store, kek, kek).await?;
            println!("key-encryption key {number} is active; {sealed} keys sealed again");
        }
        KeysCommand::RotatePin => {
            let hsm = platform.keys.kek().token().ok_or(NO_TOKEN)?;
            let number = hsm.add_seal_key(SealKind::Pin, None)?;
            let sealed = rotation::seal_pins_again(platform).await?;
            println!("key {number} for PINs is active; {sealed} sealed again");
        }
        KeysCommand::TokenPrepare
        | KeysCommand::Token { .. }
        | KeysCommand::CopyFile { .. }
        | KeysCommand::Ceremony(_) => {}
        KeysCommand::Root => print!("{}", pem(platform.keys.root().der())),
    }
    Ok(())
}

const NO_TOKEN: &str = "no token is configured: set hsm.module, hsm.token and hsm.pin_file";

fn changeable(text: &str) -> Result<KeyName, String> {
    let found = KeyName::CHANGEABLE.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = KeyName::CHANGEABLE.iter().map(|name| name.as_str()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn tell(step: Rotation, json: bool) -> Result<(), AnyError> {
    if json {
        println!("{}", serde_json::to_string(&step)?);
        return Ok(());
    }
    let words = match step {
        Rotation::Prepared => format!(
            "the next keys are made: start every process anew, wait {} minutes, and run this again",
            limits::LOGIN_KEYS_OVERLAP.get() / 60_000
        ),
        Rotation::Waits { ms } => format!("wait {} more seconds, and run this again", ms / 1_000 + 1),
        Rotation::Switched => {
            "the new keys sign from each process's next start; the former ones are still published".to_owned()
        }
    };
    println!("{words}");
    Ok(())
}

fn token_prepare(config: &Config) -> Result<(), AnyError> {
    let kek = Kek::read_any(config)?;
    let hsm = kek.as_ref().and_then(Kek::token).ok_or(NO_TOKEN)?;
    for kind in [SealKind::Kek, SealKind::Pin] {
        let number = match hsm.newest(kind)? {
            Some(number) => number,
            None => hsm.add_seal_key(kind, None)?,
        };
        println!("{} is in the token {}", kind.name(number), hsm.label());
    }
    Ok(())
}

fn copy_file(from: &std::path::Path, to: &std::path::Path) -> Result<(), AnyError> {
    let text = keys::Zeroizing::new(std::fs::read_to_string(from)?);
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(ceremony::private(to, &text)?)
}

fn token_list(config: &Config, json: bool) -> Result<(), AnyError> {
    let kek = Kek::read_any(config)?;
    let held = kek.as_ref().and_then(Kek::token).ok_or(NO_TOKEN)?.held()?;
    if json {
        println!("{}", serde_json::to_string(&held)?);
        return Ok(());
    }
    for key in held {
        let stays = if key.sensitive && !key.extractable { "stays inside" } else { "CAN BE TAKEN OUT" };
        let born = if key.always { "was made inside" } else { "came from outside" };
        println!("{:<28} {:<32}  {stays}, {born}", key.label, key.id);
    }
    Ok(())
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = keys::encoding::b64_encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while let Some((line, tail)) =
        rest.split_at_checked(rest.len().min(64)).filter(|(line, _)| !line.is_empty())
    {
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}
