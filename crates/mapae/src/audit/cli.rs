//! `mapae audit`: a copy of the log, and the check of one, which needs neither the server nor its database.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use super::checkpoint::LogKey;
use super::{copy, sequencer, verify};
use crate::operations::{Config, Platform, SystemClock};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the whole log into a file that anyone can check.
    Export {
        /// The file to write; it must not exist.
        out: PathBuf,
        /// Add the personal parts that are not deleted yet. The file must then be kept like the database.
        #[arg(long)]
        personal: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Check a copy: every record there, in order, unchanged, under signed checkpoints. Needs only the file.
    Verify {
        file: PathBuf,
        /// The log's key as it was noted down (`mapae audit key`). Without it the copy's own word counts.
        #[arg(long)]
        key: Option<String>,
        /// A checkpoint that was kept earlier: the copy must extend it.
        #[arg(long)]
        seen: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print the log's public key, to be noted down by auditors.
    Key,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs it.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    match command {
        Command::Verify { file, key, seen, json } => check(&file, key.as_deref(), seen.as_deref(), json),
        Command::Export { out, personal, json } => {
            let platform = Platform::open(config, Arc::new(SystemClock)).await?;
            let written = export(&platform, &out, personal, json).await;
            platform.store.close().await;
            written
        }
        Command::Key => {
            let platform = Platform::open(config, Arc::new(SystemClock)).await?;
            println!("{}", super::public_key(&platform)?);
            platform.store.close().await;
            Ok(())
        }
    }
}

async fn export(platform: &Platform, out: &Path, personal: bool, json: bool) -> Result<(), AnyError> {
    let named = |error: std::io::Error| format!("{}: {error}", out.display());
    sequencer::number_all(platform).await?;
    let total = sequencer::head(&platform.store).await?.size();
    let mut file = BufWriter::new(File::create_new(out).map_err(named)?);
    let bar = if json { ProgressBar::hidden() } else { ProgressBar::new(total) };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos} / {len}  {elapsed} (left {eta})")?);
    let records = copy::write(platform, &mut file, personal, &|written| bar.set_position(written)).await?;
    file.flush().map_err(named)?;
    file.get_ref().sync_all().map_err(named)?;
    bar.finish_and_clear();
    if json {
        println!("{}", serde_json::json!({ "records": records, "file": out.display().to_string() }));
    } else {
        println!("{records} records are in {}", out.display());
    }
    Ok(())
}

fn check(file: &Path, key: Option<&str>, seen: Option<&Path>, json: bool) -> Result<(), AnyError> {
    let named = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let key = key
        .map(|text| {
            LogKey::parse(text).ok_or("the key given by --key cannot be read: it looks like name+id+key")
        })
        .transpose()?;
    let seen =
        seen.map(|path| std::fs::read_to_string(path).map_err(|error| named(path, error))).transpose()?;
    let input = BufReader::new(File::open(file).map_err(|error| named(file, error))?);
    let proven = verify::verify(input, key.as_ref(), seen.as_deref())?;
    if json {
        println!("{}", serde_json::to_string(&proven)?);
        return Ok(());
    }
    println!(
        "{} records, {} checkpoints, {} personal parts: complete and unchanged",
        proven.size, proven.checkpoints, proven.personal
    );
    println!("size {}\nroot {}", proven.size, proven.root);
    if key.is_none() {
        println!("log  {} (by the copy's own word: compare it with the key you noted down)", proven.log);
    }
    Ok(())
}
