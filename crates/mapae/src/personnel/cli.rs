//! `mapae personnel …`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use super::demo_data;
use super::import::{self, Kind, Options, Report};
use crate::operations::{Config, Platform, SystemClock};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// HR data.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Import agencies, employees or their earlier posts from a CSV file (UTF-8 or CP949). Which of them it is, the headings tell.
    Import {
        file: PathBuf,
        /// Judge every line and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Where the data comes from; kept with each row.
        #[arg(long, default_value = "csv")]
        source: String,
        /// Print the report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Import earlier posts of officials from a CSV file: what certificates of career say.
    ImportPosts {
        file: PathBuf,
        /// Judge every line and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Where the data comes from; kept with the import.
        #[arg(long, default_value = "csv")]
        source: String,
        /// Print the report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Make plainly fictional agencies and people, and import them (or write them as CSV files with --out).
    DemoData {
        /// How many people.
        #[arg(long, default_value_t = 1_000)]
        employees: u64,
        /// Write agencies.csv, employees.csv and posts.csv into this folder instead of importing.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Print the report as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    match command {
        Command::Import { file, dry_run, source, json } => {
            run_import(&file, Options { dry_run, source, actor: "operator".into() }, json, config).await
        }
        Command::ImportPosts { file, dry_run, source, json } => {
            let kind = import::kind_of(&file)?;
            if kind != Kind::Posts {
                return Err(format!("{} is a file of {}, not of posts", file.display(), kind.as_str()).into());
            }
            run_import(&file, Options { dry_run, source, actor: "operator".into() }, json, config).await
        }
        Command::DemoData { employees, out, json } => demo_data(employees, out, json, config).await,
    }
}

async fn run_import(file: &Path, options: Options, json: bool, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let report = import_file(&platform, file, &options, json).await;
    platform.store.close().await;
    let report = report?;
    tell(&report, json)?;
    if report.bad > 0 { Err(format!("{} lines were refused", report.bad).into()) } else { Ok(()) }
}

async fn demo_data(employees: u64, out: Option<PathBuf>, json: bool, config: Config) -> Result<(), AnyError> {
    let folder =
        out.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("mapae-{}", std::process::id())));
    let (agencies, people) = write_demo_files(&folder, employees)?;
    let posts = write_demo_posts(&folder, employees)?;
    if out.is_some() {
        println!("{}\n{}\n{}", agencies.display(), people.display(), posts.display());
        return Ok(());
    }
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let options = Options { dry_run: false, source: "demo".into(), actor: "operator".into() };
    let mut reports = Vec::new();
    for file in [&agencies, &people, &posts] {
        reports.push(import_file(&platform, file, &options, json).await?);
    }
    platform.store.close().await;
    std::fs::remove_dir_all(&folder)?;
    reports.iter().try_for_each(|report| tell(report, json))
}

/// Writes the two demo files and returns their paths.
pub fn write_demo_files(folder: &Path, employees: u64) -> std::io::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(folder)?;
    let (agencies, people) = (folder.join("agencies.csv"), folder.join("employees.csv"));
    std::fs::write(&agencies, demo_data::agencies_csv())?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(&people)?);
    out.write_all(demo_data::EMPLOYEE_HEADINGS.as_bytes())?;
    for n in 0..employees {
        out.write_all(demo_data::employee_csv(n).as_bytes())?;
    }
    out.flush()?;
    Ok((agencies, people))
}

/// Writes the demo file of earlier posts and returns its path.
pub fn write_demo_posts(folder: &Path, employees: u64) -> std::io::Result<PathBuf> {
    let posts = folder.join("posts.csv");
    let mut out = std::io::BufWriter::new(std::fs::File::create(&posts)?);
    out.write_all(demo_data::POST_HEADINGS.as_bytes())?;
    for n in 0..employees {
        out.write_all(demo_data::posts_csv(n).as_bytes())?;
    }
    out.flush()?;
    Ok(posts)
}

async fn import_file(
    platform: &Arc<Platform>,
    file: &Path,
    options: &Options,
    quiet: bool,
) -> Result<Report, AnyError> {
    let size = std::fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(size) };
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {percent:>3} %  {msg} lines  {elapsed} (left {eta})",
    )?);
    let report = import::import(platform, file, options, &mut |bytes, lines| {
        bar.set_position(bytes.min(size));
        bar.set_message(lines.to_string());
    })
    .await;
    bar.finish_and_clear();
    Ok(report?)
}

fn tell(report: &Report, json: bool) -> Result<(), AnyError> {
    if json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    for bad in &report.bad_lines {
        println!("line {}: {}: {} / {}", bad.line, bad.column, bad.reason.ko, bad.reason.en);
    }
    if report.bad > report.bad_lines.len() as u64 {
        println!("… and {} more bad lines", report.bad - report.bad_lines.len() as u64);
    }
    let verb = if report.dry_run { "would be" } else { "are" };
    println!(
        "{} ({}): {} lines; {} {verb} new, {} changed, {} unchanged, {} older than what is stored, {} held for a person, {} refused",
        report.kind,
        report.encoding,
        report.lines,
        report.new,
        report.changed,
        report.unchanged,
        report.older,
        report.held,
        report.bad
    );
    if report.resumed_after > 0 {
        println!("went on after line {} of an interrupted run", report.resumed_after);
    }
    Ok(())
}
