//! `mapae keys …`

use std::sync::Arc;

use indicatif::ProgressBar;

use super::sealer::rotation;
use super::server_keys::Rotation;
use super::{Config, Platform, SystemClock, limits};

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
    /// Print the platform's root certificate (PEM): the trust anchor for wallets and relying parties.
    Root,
}

/// Runs a command.
pub async fn keys(command: KeysCommand, config: Config) -> Result<(), AnyError> {
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
            let step = platform.keys.rotate_provider(&platform.store, platform.now_ms()).await?;
            if json {
                println!("{}", serde_json::to_string(&step)?);
                return Ok(());
            }
            println!(
                "{}",
                match step {
                    Rotation::Prepared => format!(
                        "the next keys are made: start every process anew, wait {} minutes, and run this again",
                        limits::LOGIN_KEYS_OVERLAP.get() / 60_000
                    ),
                    Rotation::Waits { ms } => format!("wait {} more seconds, and run this again", ms / 1_000 + 1),
                    Rotation::Switched =>
                        "the new keys sign from each process's next start; the former ones are still published".to_owned(),
                }
            );
        }
        KeysCommand::Root => print!("{}", pem(platform.keys.root().der())),
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
