//! `mapae personnel import FILE.csv`: what HR systems without an interface can give.
//!
//! The file is read twice: once for its hash and encoding, once line by line. Lines go into commits of at most 500 lines
//! or 20 ms, each with the place reached, so that a killed import goes on where its last commit ended and a login beside
//! it never waits long. What a file does not mention stays as it is: a truncated file retires nobody.

mod bulk;
mod content;
mod decode;
pub(super) mod department;
pub(super) mod held;
mod insert;
pub(super) mod line;
pub(super) mod save;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::lifecycle::By;
use crate::operations::store::{STATEMENT_ROWS, StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::personnel::PersonnelError;
use crate::personnel::career::{self, PostLine};
use crate::{audit, employment};
pub use bulk::{NewPerson, load, read_lines};
pub use decode::{Encoding, Survey, survey};
use department::Departments;
pub use department::department_id;
pub use line::{AgencyLine, BadLine, EmployeeLine, Kind, Role, RrnSaid, phone};
use line::{Cells, Headings};
pub use save::{Saved, Target, Told};

/// How an import is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Judge everything, write nothing.
    pub dry_run: bool,
    /// Where the file comes from, kept with each row.
    pub source: String,
    /// Who imports, for the audit record.
    pub actor: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub kind: &'static str,
    pub encoding: &'static str,
    pub dry_run: bool,
    /// Lines of data read, without the headings.
    pub lines: u64,
    /// Lines that an interrupted run of the same file had done.
    pub resumed_after: u64,
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Lines older than what is stored.
    pub older: u64,
    /// Lines that wait for a person: they would end more badges than an agency may lose at once.
    pub held: u64,
    pub bad: u64,
    /// The first bad lines; the rest is only counted.
    pub bad_lines: Vec<BadLine>,
    pub commits: u64,
    /// The longest time a commit held the writer.
    pub longest_commit_ms: u64,
}

impl Report {
    fn refuse(&mut self, bad: BadLine) {
        self.bad += 1;
        if self.bad_lines.len() < limits::IMPORT_ERRORS.size() {
            self.bad_lines.push(bad);
        }
    }

    fn count(&mut self, saved: Saved) {
        match saved {
            Saved::New => self.new += 1,
            Saved::Changed => self.changed += 1,
            Saved::Unchanged => self.unchanged += 1,
            Saved::Older => self.older += 1,
            Saved::Held => self.held += 1,
            Saved::UnknownAgency
            | Saved::Taken
            | Saved::Moved
            | Saved::UnknownEmployee
            | Saved::Overlaps
            | Saved::TooMany => {}
        }
    }
}

/// Why an import stopped. A bad line does not stop it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the file has no headings")]
    Empty,
    #[error("line {}: column {:?}: {}", .0.line, .0.column, .0.reason.ko)]
    Headings(BadLine),
    #[error("line {line}: {reason}")]
    Csv { line: u64, reason: String },
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
}

/// Told how far an import is: bytes of the file and lines done.
pub type Progress<'p> = &'p mut (dyn FnMut(u64, u64) + Send);

enum Line {
    Agency(AgencyLine),
    Employee(Box<EmployeeLine>),
    Post(Box<PostLine>),
}

impl Line {
    fn number(&self) -> u64 {
        match self {
            Self::Agency(line) => line.line,
            Self::Employee(line) => line.line,
            Self::Post(line) => line.line,
        }
    }
}

/// Imports one file.
pub async fn import(
    platform: &Arc<Platform>,
    path: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Report, ImportError> {
    let failed = |source| ImportError::File { path: path.to_owned(), source };
    let survey = survey(path).map_err(failed)?;
    let done = if options.dry_run { 0 } else { begin(platform, &survey, options).await? };
    let bytes = decode::Utf8Reader::open(path, survey.encoding).map_err(failed)?;
    let since_record = bytes.since_record();
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = csv::StringRecord::new();
    if !csv.read_record(&mut record).map_err(csv_error)? {
        return Err(ImportError::Empty);
    }
    let headings = Headings::read(&record).map_err(ImportError::Headings)?;
    let mut report = Report {
        kind: headings.kind.as_str(),
        encoding: survey.encoding.name(),
        dry_run: options.dry_run,
        resumed_after: done,
        ..Report::default()
    };
    let mut group = Group::new(platform, options, survey.sha256);
    let now_ms = platform.now_ms();
    loop {
        since_record.store(0, Ordering::Relaxed);
        if !csv.read_record(&mut record).map_err(csv_error)? {
            break;
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        report.lines += 1;
        if report.lines <= done {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells =
            Cells { headings: &headings, record: &record, line, default_effective_at: now_ms, now_ms };
        let parsed = match headings.kind {
            Kind::Agencies => AgencyLine::read(&cells).map(Line::Agency),
            Kind::Employees => EmployeeLine::read(&cells).map(|line| Line::Employee(Box::new(line))),
            Kind::Posts => PostLine::read(&cells).map(|line| Line::Post(Box::new(line))),
        };
        match parsed {
            Ok(line) => group.lines.push(line),
            Err(bad) => report.refuse(bad),
        }
        group.reached = report.lines;
        if group.lines.len() >= limits::IMPORT_GROUP.size() {
            group.commit(&mut report).await?;
            progress(csv.position().byte(), report.lines);
        }
    }
    group.commit(&mut report).await?;
    progress(survey.bytes, report.lines);
    if !options.dry_run {
        finish(platform, &survey, options, &report).await?;
    }
    Ok(report)
}

/// What a file is about, by its headings.
pub fn kind_of(path: &Path) -> Result<Kind, ImportError> {
    let failed = |source| ImportError::File { path: path.to_owned(), source };
    let bytes = decode::Utf8Reader::open(path, survey(path).map_err(failed)?.encoding).map_err(failed)?;
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut record = csv::StringRecord::new();
    if !csv.read_record(&mut record).map_err(csv_error)? {
        return Err(ImportError::Empty);
    }
    Ok(Headings::read(&record).map_err(ImportError::Headings)?.kind)
}

/// Column and reason of a line that was read and not written.
fn refused(saved: Saved) -> Option<(&'static str, &'static str)> {
    match saved {
        Saved::UnknownAgency => Some(("기관코드", "personnel.import.unknown_agency")),
        Saved::UnknownEmployee => Some(("공무원번호", "personnel.import.unknown_employee")),
        Saved::Overlaps => Some(("시작일", "personnel.import.overlaps")),
        Saved::TooMany => Some(("공무원번호", "personnel.import.too_many_posts")),
        _ => None,
    }
}

fn csv_error(error: csv::Error) -> ImportError {
    let line = error.position().map_or(0, csv::Position::line);
    ImportError::Csv { line, reason: error.to_string() }
}

/// Lines that go into the next commits.
struct Group<'a> {
    platform: &'a Arc<Platform>,
    options: &'a Options,
    file: [u8; 32],
    lines: Vec<Line>,
    /// Lines of the file behind us once these are committed.
    reached: u64,
    departments: Departments,
}

/// What one commit did, or would have done.
struct Done {
    saved: Vec<Saved>,
    departments: Departments,
    time: Duration,
}

/// A dry run leaves its transaction by this error, so that nothing stays.
enum Unit {
    DryRun(Done),
    Failed(PersonnelError),
}

impl From<StoreError> for Unit {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Group<'a> {
    fn new(platform: &'a Arc<Platform>, options: &'a Options, file: [u8; 32]) -> Self {
        Self { platform, options, file, lines: Vec::new(), reached: 0, departments: Departments::new() }
    }

    /// Commits what is gathered, in as many commits as the time bound asks for.
    async fn commit(&mut self, report: &mut Report) -> Result<(), ImportError> {
        let lines = Arc::new(std::mem::take(&mut self.lines));
        let mut from = 0;
        while from < lines.len() {
            let done = self.commit_some(&lines, from).await?;
            report.commits += 1;
            report.longest_commit_ms =
                report.longest_commit_ms.max(u64::try_from(done.time.as_millis()).unwrap_or(u64::MAX));
            for (line, saved) in lines.iter().skip(from).zip(&done.saved) {
                if let Some((column, code)) = refused(*saved) {
                    report.refuse(BadLine::new(line.number(), column, code));
                }
                report.count(*saved);
            }
            from += done.saved.len().max(1);
            // Leave the writer to others for a while: a login must not wait behind import after import.
            tokio::time::sleep(done.time / 2).await;
        }
        Ok(())
    }

    async fn commit_some(&mut self, lines: &Arc<Vec<Line>>, from: usize) -> Result<Done, ImportError> {
        let mut done = loop {
            let (platform, lines) = (Arc::clone(self.platform), Arc::clone(lines));
            let departments = std::mem::take(&mut self.departments);
            let options = self.options.clone();
            // The place is noted with the last of these lines; before that, only what is before them is done.
            let (file, reached) = (self.file, self.reached);
            let unit = SomeLines { platform, lines, from, departments, options, file, reached };
            let written = self.platform.store.write(move |tx| Box::pin(unit.save(tx))).await;
            match written {
                Ok(done) | Err(Unit::DryRun(done)) => break done,
                // An agency loses its first badge today: count what it has, then again.
                Err(Unit::Failed(PersonnelError::Uncounted(agency))) => {
                    employment::count(self.platform, &agency).await?;
                }
                Err(Unit::Failed(error)) => return Err(error.into()),
            }
        };
        self.departments = std::mem::take(&mut done.departments);
        Ok(done)
    }
}

/// The unit of work of one commit.
struct SomeLines {
    platform: Arc<Platform>,
    lines: Arc<Vec<Line>>,
    from: usize,
    departments: Departments,
    options: Options,
    file: [u8; 32],
    reached: u64,
}

impl SomeLines {
    async fn save(mut self, tx: &mut Tx) -> Result<Done, Unit> {
        save::take_turn(tx).await?;
        let by = By { actor: self.options.actor.clone(), duty: "operator".to_owned() };
        let told = Told::line(by, &self.options.source);
        let begun = Instant::now();
        let mut done = Done {
            saved: Vec::new(),
            departments: std::mem::take(&mut self.departments),
            time: Duration::ZERO,
        };
        let left = self.lines.get(self.from..).unwrap_or_default();
        for some in left.chunks(STATEMENT_ROWS) {
            done.saved.extend(self.some(tx, &mut done.departments, some, &told).await.map_err(Unit::Failed)?);
            if begun.elapsed() >= limits::IMPORT_GROUP_TIME.duration() {
                break;
            }
        }
        done.time = begun.elapsed();
        if self.options.dry_run {
            done.departments.clear();
            return Err(Unit::DryRun(done));
        }
        if self.from + done.saved.len() == self.lines.len() {
            tx.execute(
                "UPDATE personnel_import SET lines_done = $2, updated_at = $3 WHERE file_hash = $1",
                params![self.file, i64::try_from(self.reached).unwrap_or(i64::MAX), tx.now_ms()],
            )
            .await?;
        }
        Ok(done)
    }

    /// A file has lines of one kind only.
    async fn some(
        &self,
        tx: &mut Tx,
        departments: &mut Departments,
        lines: &[Line],
        told: &Told,
    ) -> Result<Vec<Saved>, PersonnelError> {
        let (mut people, mut posts) = (Vec::new(), Vec::new());
        let mut saved = Vec::new();
        for line in lines {
            match line {
                Line::Post(line) => posts.push(line.as_ref()),
                Line::Agency(line) => saved.push(save::agency(&self.platform, tx, line, told).await?),
                Line::Employee(line) => people.push(line.as_ref()),
            }
        }
        saved.extend(insert::employees(&self.platform, tx, departments, &people, told).await?);
        saved.extend(career::tell(&self.platform, tx, &posts).await?);
        Ok(saved)
    }
}

/// Notes that the import has begun, or finds how far an interrupted run of the same file came.
async fn begin(platform: &Arc<Platform>, survey: &Survey, options: &Options) -> Result<u64, ImportError> {
    let (file, options) = (survey.sha256, options.clone());
    let done: Result<i64, StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                // A file that was finished earlier is judged again from its beginning; that changes nothing twice.
                tx.execute(
                    "INSERT INTO personnel_import (file_hash, source, lines_done, updated_at) VALUES ($1, $2, 0, $3) \
                     ON CONFLICT (file_hash) DO UPDATE SET source = excluded.source, updated_at = excluded.updated_at, \
                     lines_done = CASE WHEN personnel_import.finished_at IS NULL AND personnel_import.source = excluded.source \
                     THEN personnel_import.lines_done ELSE 0 END, finished_at = NULL",
                    params![file, options.source, now],
                )
                .await?;
                tx.fetch_one("SELECT lines_done FROM personnel_import WHERE file_hash = $1", params![file])
                    .await?
                    .int("lines_done")
            })
        })
        .await;
    Ok(done.map_err(PersonnelError::from)?.unsigned_abs())
}

async fn finish(
    platform: &Arc<Platform>,
    survey: &Survey,
    options: &Options,
    report: &Report,
) -> Result<(), ImportError> {
    let (file, actor) = (survey.sha256, options.actor.clone());
    let detail = serde_json::json!({
        "source": options.source, "kind": report.kind, "lines": report.lines, "new": report.new,
        "changed": report.changed, "unchanged": report.unchanged, "older": report.older, "held": report.held,
        "bad": report.bad,
    });
    let finished: Result<(), StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                tx.execute(
                    "UPDATE personnel_import SET finished_at = $2, updated_at = $2 WHERE file_hash = $1",
                    params![file, now],
                )
                .await?;
                let subject = keys::encoding::hex_encode(&file);
                let act = "personnel.imported";
                audit::record(
                    tx,
                    audit::Record { actor: &actor, duty: "operator", act, subject: &subject, detail },
                )
                .await
            })
        })
        .await;
    Ok(finished.map_err(PersonnelError::from)?)
}
