//! 통계: how many may have a badge, applied for it, hold one; how long the steps take; how it grows.
//!
//! Counted over everything at most once a minute and kept in memory; each reader sees the agencies they reach. Who asks
//! for older figures gets them at once, and they are counted anew beside. The page says when they were counted.

mod chart;
mod csv;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use askama::filters::Safe;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use super::reach;
use super::told;
use crate::application::figures::{self, Taken, WeekFigures};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::personnel::{self, Named, Population};
use crate::staff::{Actor, Duty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/statistics", get(page)).route("/statistics.csv", get(table))
}

/// Duties that read figures.
const DUTIES: [Duty; 4] = [Duty::HrManager, Duty::SecurityOfficer, Duty::Auditor, Duty::Operator];

/// Everything counted at one moment.
#[derive(Debug)]
struct Count {
    at: i64,
    agencies: Vec<(Population, figures::AgencyFigures)>,
    weeks: Vec<WeekFigures>,
    taken: Vec<Taken>,
}

/// The last count, and who counts.
#[derive(Debug, Default)]
pub(super) struct Memory {
    last: Mutex<Option<Arc<Count>>>,
    counting: tokio::sync::Mutex<()>,
}

impl Memory {
    /// The last count, and how old it is (ms).
    fn last(&self, now: i64) -> Option<(Arc<Count>, i64)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|count| (Arc::clone(count), now.saturating_sub(count.at)))
    }
}

async fn counted(platform: &Arc<Platform>) -> Result<Arc<Count>, Problem> {
    let memory = &platform.local.desk.statistics;
    match memory.last(platform.now_ms()) {
        Some((count, age)) if age < limits::DESK_STATISTICS.get() => Ok(count),
        Some((count, age)) if age < limits::DESK_STATISTICS_STALE.get() => {
            let beside = Arc::clone(platform);
            tokio::spawn(async move {
                if let Err(error) = fresh(&beside).await {
                    tracing::warn!(code = error.code(), "figures could not be counted");
                }
            });
            Ok(count)
        }
        _ => fresh(platform).await,
    }
}

/// A count of this minute: one counts, whoever else asks meanwhile waits for that.
async fn fresh(platform: &Platform) -> Result<Arc<Count>, Problem> {
    let memory = &platform.local.desk.statistics;
    let _one = memory.counting.lock().await;
    let now = platform.now_ms();
    if let Some((count, _)) = memory.last(now).filter(|(_, age)| *age < limits::DESK_STATISTICS.get()) {
        return Ok(count);
    }
    let mut by_agency: HashMap<String, figures::AgencyFigures> =
        figures::by_agency(platform).await?.into_iter().map(|one| (one.agency_code.clone(), one)).collect();
    let agencies = personnel::population(platform, now)
        .await?
        .into_iter()
        .map(|population| {
            let figures = by_agency.remove(&population.agency.code).unwrap_or(figures::AgencyFigures {
                agency_code: population.agency.code.clone(),
                applied: 0,
                issued: 0,
                waiting: 0,
            });
            (population, figures)
        })
        .collect();
    let (weeks, taken) = (figures::by_week(platform).await?, figures::durations(platform).await?);
    let count = Arc::new(Count { at: now, agencies, weeks, taken });
    *memory.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&count));
    Ok(count)
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    name: Named,
    code: String,
    phase: Option<i64>,
    eligible: i64,
    applied: i64,
    issued: i64,
    waiting: i64,
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.eligible += other.eligible;
        self.applied += other.applied;
        self.issued += other.issued;
        self.waiting += other.waiting;
    }

    /// Issued among the eligible, in tenths of a percent; `None` where nobody is eligible.
    fn share(&self) -> Option<String> {
        (self.eligible > 0).then(|| {
            let tenths = self.issued.saturating_mul(1_000) / self.eligible;
            format!("{}.{}%", tenths / 10, tenths % 10)
        })
    }
}

/// How long one step takes.
struct Duration {
    key: &'static str,
    count: usize,
    median: String,
    ninety: String,
    ninety_ms: i64,
}

/// What one person may see of a count.
struct View {
    at: i64,
    rows: Vec<Row>,
    total: Row,
    phases: Vec<Row>,
    durations: Vec<Duration>,
    /// Week's last day (ms) and how many hold a badge by then.
    curve: Vec<(i64, i64)>,
}

const STEP_KEYS: [&str; 4] = [
    "desk.statistics.step.head",
    "desk.statistics.step.identity",
    "desk.statistics.step.approval",
    "desk.statistics.step.phone",
];

fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let place = (sorted.len().saturating_mul(percent)).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

fn view(count: &Count, reach: &[String], page: &Page) -> View {
    let sees = |code: &str| reach.iter().any(|known| known == code);
    let empty = Row {
        name: Named::default(),
        code: String::new(),
        phase: None,
        eligible: 0,
        applied: 0,
        issued: 0,
        waiting: 0,
    };
    let rows: Vec<Row> = count
        .agencies
        .iter()
        .filter(|(population, _)| sees(&population.agency.code))
        .map(|(population, figures)| Row {
            name: population.agency.name.clone(),
            code: population.agency.code.clone(),
            phase: population.agency.phase,
            eligible: if population.allowed { population.serving } else { 0 },
            applied: figures.applied,
            issued: figures.issued,
            waiting: figures.waiting,
        })
        .collect();
    let mut total = empty.clone();
    let mut by_phase: BTreeMap<Option<i64>, Row> = BTreeMap::new();
    for row in &rows {
        total.add(row);
        by_phase.entry(row.phase).or_insert_with(|| Row { phase: row.phase, ..empty.clone() }).add(row);
    }
    let durations = STEP_KEYS
        .into_iter()
        .enumerate()
        .map(|(step, key)| {
            let mut sorted: Vec<i64> = count
                .taken
                .iter()
                .filter(|taken| taken.step == step && sees(&taken.agency_code))
                .map(|taken| taken.ms)
                .collect();
            sorted.sort_unstable();
            let (median, ninety) = (percentile(&sorted, 50), percentile(&sorted, 90));
            let words = |ms: i64| crate::pages::lasting(page.lang, ms);
            Duration {
                key,
                count: sorted.len(),
                median: words(median),
                ninety: words(ninety),
                ninety_ms: ninety,
            }
        })
        .collect();
    let mut by_week: BTreeMap<i64, i64> = BTreeMap::new();
    for week in count.weeks.iter().filter(|week| sees(&week.agency_code)) {
        *by_week.entry(week.week).or_default() += week.issued;
    }
    let mut sum = 0;
    let curve = by_week
        .into_iter()
        .map(|(week, issued)| {
            sum += issued;
            ((week + 1) * 604_800_000 - 32_400_000 - 1, sum)
        })
        .collect();
    View { at: count.at, rows, total, phases: by_phase.into_values().collect(), durations, curve }
}

async fn seen(platform: &Arc<Platform>, who: &Actor, page: &Page) -> Result<View, Fault> {
    let from = reach::from(who, &DUTIES).map_err(told(page))?;
    let agencies = personnel::agencies_under(platform, from, limits::APPLICATION_SCOPE.size())
        .await
        .map_err(told(page))?;
    let count = counted(platform).await.map_err(told(page))?;
    Ok(view(&count, &agencies, page))
}

#[derive(Template)]
#[template(path = "desk/statistics.html")]
struct Statistics {
    page: Page,
    view: View,
    bars: Safe<String>,
    steps: Safe<String>,
    curve: Safe<String>,
}

async fn page(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let view = seen(&platform, &who, &page).await?;
    let total = &view.total;
    let bars = chart::bars(&[
        (page.t("desk.statistics.eligible"), total.eligible, total.eligible.to_string()),
        (page.t("desk.statistics.applied"), total.applied, total.applied.to_string()),
        (page.t("desk.statistics.issued"), total.issued, total.issued.to_string()),
    ]);
    let measured: Vec<(&str, i64, String)> = view
        .durations
        .iter()
        .map(|duration| (page.t(duration.key), duration.ninety_ms, duration.ninety.clone()))
        .collect();
    let (steps, curve) = (chart::bars(&measured), chart::curve(&view.curve));
    Ok(render(&Statistics { page, view, bars: Safe(bars), steps: Safe(steps), curve: Safe(curve) }))
}

async fn table(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> Result<Response, Fault> {
    let page = page.signed_in(Area::Console, who.who());
    let view = seen(&platform, &who, &page).await?;
    Ok(csv::response(&page, &view.rows, view.at))
}
