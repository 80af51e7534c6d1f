//! `mapae store move`, `mapae backup`, `mapae restore`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use serde::Deserialize;
use url::Url;

use super::{Copied, TransferError, backup, copy, finish, verify};
use crate::operations::kek::Kek;
use crate::operations::restore::{self, Remembered};
use crate::operations::server_keys::{open_all, seal_all_again};
use crate::operations::store::Store;
use crate::operations::{Config, Platform, SystemClock, kek, limits};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The database as a whole.
#[derive(Debug, clap::Subcommand)]
pub enum StoreCommand {
    /// Copy everything into an empty database of the other engine, compare every row, and seal the keys for it. Stop
    /// every server first. May be interrupted and run again.
    Move {
        /// `sqlite:…` or `postgres://…`, with every server on it stopped.
        #[arg(long)]
        from: String,
        /// An empty database.
        #[arg(long)]
        to: String,
        /// The key file of the source [default: keys.file of the configuration].
        #[arg(long)]
        key_file: Option<PathBuf>,
        /// The key file of the target; made if it is not there. With a token that seals, none is needed or made.
        #[arg(long)]
        to_key_file: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Backups.
#[derive(Debug, clap::Subcommand)]
pub enum BackupCommand {
    /// Write everything as of now into a new file, while servers go on. The key file is not in it: keep that apart.
    Make {
        /// The file to write; it must not exist.
        out: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Fetch every status list that is published now and keep it: what a restore takes over. Run it every minute, on
    /// another machine.
    Lists {
        /// Base address of the public listener.
        from: Url,
        /// Folder to keep them in.
        to: PathBuf,
    },
}

/// Bring a backup into the empty database of the configuration, and close what must not go on.
#[derive(Debug, clap::Args)]
pub struct RestoreCommand {
    /// The backup.
    file: PathBuf,
    /// Only check it: every row against its digest, every key against the key file. Changes nothing.
    #[arg(long)]
    verify: bool,
    /// Status lists as they were published last: files, or folders of `mapae backup lists`.
    #[arg(long)]
    lists: Vec<PathBuf>,
    /// There are none: go without what they would tell.
    #[arg(long, conflicts_with = "lists")]
    without_lists: bool,
    /// Folders of gate controllers, with the pages they were told.
    #[arg(long)]
    controller: Vec<PathBuf>,
    /// The newest copy of the audit log.
    #[arg(long)]
    audit: Option<PathBuf>,
    /// The newest checkpoint that somebody kept.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// `mapae store`
///
/// # Errors
/// Whatever stopped it; run it again.
pub async fn store(command: StoreCommand, config: Config) -> Result<(), AnyError> {
    let StoreCommand::Move { from, to, key_file, to_key_file, json } = command;
    let mut config = config;
    config.keys.file = key_file.unwrap_or(config.keys.file);
    let moved = moved(&from, &to, &config, &to_key_file, &mut progress(json)).await?;
    tell(
        json,
        &moved,
        &format!(
            "the target is complete; start servers with store.url and keys.file = {}",
            to_key_file.display()
        ),
    )
}

pub(super) async fn moved(
    from: &str,
    to: &str,
    config: &Config,
    to_key_file: &Path,
    progress: super::Progress<'_>,
) -> Result<Copied, AnyError> {
    let missing = || kek::KekError::Missing { path: config.keys.file.clone() };
    let old = Kek::read(config)?.ok_or_else(missing)?;
    let clock = Arc::new(SystemClock);
    let source = Store::open(from, Arc::<SystemClock>::clone(&clock)).await?;
    // A wrong key file is told before anything is copied.
    open_all(&source, &old).await?;
    let target = Store::open(to, clock).await?;
    let mut snapshot = source.snapshot().await?;
    let label = format!("move {}", keys::encoding::hex_encode(&keys::sha256(from.as_bytes())));
    copy(&mut snapshot, &target, &label, progress).await?;
    snapshot.close().await?;
    // Anew: what a server wrote meanwhile would be missing in the target.
    let mut now = source.snapshot().await?;
    let copied = verify(&mut now, &target, progress).await.map_err(|error| match error {
        TransferError::Differs(table) => TransferError::Changed(table),
        other => other,
    })?;
    now.close().await?;
    // A token stays what seals: both databases may use it.
    let new = match kek::read(to_key_file)? {
        _ if old.token().is_some() => old.clone(),
        Some(key) => Kek::of_file(key),
        None => Kek::of_file(kek::make(to_key_file)?),
    };
    seal_all_again(&target, &old, &new).await?;
    open_all(&target, &new).await?;
    finish(&target).await?;
    target.close().await;
    source.close().await;
    Ok(copied)
}

/// `mapae backup`
///
/// # Errors
/// Whatever stopped it; there is no half backup.
pub async fn backup(command: BackupCommand, config: Config) -> Result<(), AnyError> {
    match command {
        BackupCommand::Make { out, json } => {
            let clock = Arc::new(SystemClock);
            let store = Store::open(&config.store.url, Arc::<SystemClock>::clone(&clock)).await?;
            let made = backup::make(&store, &out, clock, &mut progress(json)).await;
            store.close().await;
            tell(json, &made?, &format!("{} is whole", out.display()))
        }
        BackupCommand::Lists { from, to } => {
            let kept = keep_lists(&from, &to).await?;
            println!("{kept} lists are in {}", to.display());
            Ok(())
        }
    }
}

/// `mapae restore`
///
/// # Errors
/// Whatever stopped it; the store stays shut until it is run again to its end.
pub async fn restore(command: RestoreCommand, config: Config) -> Result<(), AnyError> {
    let key_file = &config.keys.file;
    let missing = || kek::KekError::Missing { path: key_file.clone() };
    let key = Kek::read(&config)?.ok_or_else(missing)?;
    if command.verify {
        let checked = checked(&command.file, &key).await?;
        return tell(
            command.json,
            &checked,
            "every row is as it was written, and the key file opens every key",
        );
    }
    if command.lists.is_empty() && !command.without_lists {
        return Err(
            "name the status lists that were published last (--lists), so that what was stopped since the \
                    backup stays stopped; without any, say --without-lists"
                .into(),
        );
    }
    let clock = Arc::new(SystemClock);
    let target = Store::open(&config.store.url, Arc::<SystemClock>::clone(&clock)).await?;
    let file = &command.file;
    backup::unpack(file, &target, Arc::<SystemClock>::clone(&clock), &mut progress(command.json)).await?;
    open_all(&target, &key).await?;
    let platform = Platform::of(config, target, clock).await?;
    let remembered = Remembered {
        lists: command.lists,
        controllers: command.controller,
        audit: command.audit,
        checkpoint: command.checkpoint,
    };
    let mut closed = restore::close(&platform, &remembered).await?;
    let config = platform.config.clone();
    platform.store.close().await;
    drop(platform);
    // As a server will find it, under its new keys.
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    closed.log_key = crate::audit::public_key(&platform)?;
    platform.store.close().await;
    if command.json {
        println!("{}", serde_json::to_string(&closed)?);
    } else {
        println!("{}", serde_json::to_string_pretty(&closed)?);
        println!(
            "{} audit records that are known of are lost; the log goes on under the key above",
            closed.audit.lost
        );
    }
    Ok(())
}

/// The backup against its digests, its keys against the key file.
async fn checked(file: &Path, key: &Kek) -> Result<Copied, AnyError> {
    let checked = backup::check(file).await?;
    backup::opens(file, key).await?;
    Ok(checked)
}

#[derive(Deserialize)]
struct Aggregation {
    status_lists: Vec<Url>,
}

/// Fetches every list (Token Status List §9) and replaces the file of each whole; how many there were.
async fn keep_lists(from: &Url, to: &Path) -> Result<usize, AnyError> {
    std::fs::create_dir_all(to)?;
    let http = reqwest::Client::builder()
        .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
        .timeout(limits::HTTP_CLIENT_TIME.duration())
        .build()?;
    let every = http.get(from.join("/status")?).send().await?.error_for_status()?;
    let every: Aggregation = every.json().await?;
    for list in &every.status_lists {
        let name = list.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if name.is_empty() || !plain {
            return Err(format!("{list} names no list").into());
        }
        let asked = http.get(list.clone()).header("accept", "application/statuslist+jwt");
        let token = asked.send().await?.error_for_status()?.text().await?;
        let (part, whole) = (to.join(format!("{name}.part")), to.join(format!("{name}.jwt")));
        std::fs::write(&part, token)?;
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, &whole)?;
    }
    Ok(every.status_lists.len())
}

fn progress(json: bool) -> impl FnMut(&str, u64) + Send {
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    bar.enable_steady_tick(Duration::from_millis(200));
    move |table, rows| bar.set_message(format!("{rows} rows, {table}"))
}

fn tell(json: bool, copied: &Copied, words: &str) -> Result<(), AnyError> {
    if json {
        println!("{}", serde_json::to_string(copied)?);
    } else {
        println!("{} rows of {} tables: {words}", copied.rows, copied.tables);
    }
    Ok(())
}
