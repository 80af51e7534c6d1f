//! `mapae bench scale`: what stays as fast with 1.2 million officials as with a few.
//!
//! * `load`: officials with badges, by the folders that own the rows.
//! * `pages`: the console.
//! * `badges`: status lists and suspensions.

mod badges;
mod load;
mod pages;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::AnyError;
use super::flows::{self, Gauge};
use super::ground::{self, DESK_PEOPLE, Ground, Offered, Plan};
use super::micro;
use super::process::ServerProcess;
use super::report::{self, Figure};
use crate::operations::{Config, Platform, SystemClock};
use crate::{audit, issuance};

/// Every figure and what it is, in the order of the report and of docs/performance.md.
const NAMES: &[(&str, &str)] = &[
    ("scale_load", "the officials loaded"),
    ("scale_page_queue", "what waits for an HR manager of every agency"),
    ("scale_page_applications", "all applications, first page"),
    ("scale_page_applications_by_state", "those in one state"),
    ("scale_page_application", "one application"),
    ("scale_search_name", "people found by a whole name"),
    ("scale_search_part", "people found by a name without its family name"),
    ("scale_search_number", "one person found by number"),
    ("scale_page_person", "one person with badge, phone, applications, reports"),
    ("scale_page_loss", "the loss desk"),
    ("scale_page_unlock", "the unlock desk"),
    ("scale_page_personnel", "personnel changes"),
    ("scale_page_delegations", "delegations"),
    ("scale_statistics_cold", "statistics counted from nothing"),
    ("scale_page_statistics", "statistics that were counted within the minute"),
    ("scale_page_audit", "the audit log, newest first"),
    ("scale_page_audit_by_act", "one kind of act"),
    ("scale_page_audit_by_id", "what was done to one badge"),
    ("scale_page_system", "the state of the system"),
    ("scale_status_rebuilt", "the status list of a copy drawn from nothing"),
    ("scale_status_check", "one look at a copy's status"),
    ("scale_suspension", "a loss reported: everything stopped, durable"),
    ("scale_suspension_seen", "the first look after it"),
    ("scale_issue_10k", "token, nonce, proof, one copy; 10,000 officials"),
    ("scale_issue", "the same; all officials"),
];

/// Officials when issuing is measured for the first time.
const FEW: u64 = 10_000;
/// Officials with an offer for each of the two measurements of issuing.
const OFFERS: u64 = 1_000;
/// Badges that measurements pick from.
const KEPT: u64 = 600;
/// How long issuing is measured at most.
const ISSUING: Duration = Duration::from_secs(10);
const IN_FLIGHT: usize = 4;

/// Measure console, search, status lists, suspension and issuing with 1.2 million officials.
#[derive(Debug, clap::Args)]
pub(super) struct Command {
    /// Officials with badges.
    #[arg(long, default_value_t = 1_200_000, value_parser = clap::value_parser!(u64).range(2_000..=5_000_000))]
    people: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// PostgreSQL instead of the embedded store: the URL of an empty database.
    #[arg(long)]
    store: Option<String>,
    /// Folder on the disk to measure [default: the system's folder for temporary files].
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs it.
pub(super) async fn run(command: Command) -> Result<(), AnyError> {
    let beside = command.data.clone().unwrap_or_else(std::env::temp_dir);
    let figures = Scale::lay(&command, &beside).await?.measure(command.people).await?;
    if command.json {
        println!("{}", report::json(&figures));
    } else {
        print!("{}", report::table(&figures));
    }
    Ok(())
}

/// Loads officials with badges beside those who are there already: a store of the size of a nation's.
pub(super) async fn with_badges(platform: &Arc<Platform>, count: u64) -> Result<(), AnyError> {
    load::load(platform, DESK_PEOPLE..DESK_PEOPLE + count, count.max(1)).await?;
    audit::number(platform).await?;
    Ok(())
}

/// Told on standard error: a run takes a while.
fn progress(step: &str) {
    eprintln!("mapae bench scale: {step}");
}

/// The ground, between servers that use it.
struct Scale {
    ground: Ground,
    config: Config,
    root: Vec<u8>,
}

impl Scale {
    async fn lay(command: &Command, beside: &std::path::Path) -> Result<Self, AnyError> {
        progress("agencies, desks, offers");
        let plan = Plan { offers: OFFERS, invitations: 0 };
        let ground = Ground::lay(beside, plan, command.store.as_deref()).await?;
        let config = ground.platform.config.clone();
        let root = ground.platform.keys.root().der().to_vec();
        Ok(Self { ground, config, root })
    }

    async fn measure(mut self, people: u64) -> Result<Vec<Figure>, AnyError> {
        let (raw, _) = micro::raw()?;
        let few = FEW.min(people / 2).next_multiple_of(load::GROUP);
        let (first, last) = (DESK_PEOPLE, DESK_PEOPLE + people);
        let step = (people / KEPT).max(1);
        let mut figures = Vec::new();

        progress(&format!("{few} officials"));
        let begun = tokio::time::Instant::now();
        let platform = Arc::clone(&self.ground.platform);
        let mut kept = load::load(&platform, first..first + few, step).await?;
        let mut loading = begun.elapsed();
        audit::number(&platform).await?;
        progress("issuing");
        let offered = std::mem::take(&mut self.ground.offered);
        let at_few = self.issue("scale_issue_10k", platform, offered, raw).await?;

        progress(&format!("{people} officials"));
        let platform = Platform::open(self.config.clone(), Arc::new(SystemClock)).await?;
        let begun = tokio::time::Instant::now();
        kept.extend(load::load(&platform, first + few..last, step).await?);
        loading += begun.elapsed();
        figures.push(Figure {
            name: "scale_load",
            per_second: Some(people as f64 / loading.as_secs_f64()),
            more: vec![("people", people as f64), ("seconds", loading.as_secs_f64())],
            ..Figure::default()
        });
        let did = issuance::desk(&platform)?.did().to_owned();
        badges::make_lists(&platform, &did, kept.last().ok_or("nobody was loaded")?).await?;
        progress("losses, audit log");
        let lost = kept.split_off(kept.len().saturating_sub(badges::REPORTED.min(kept.len() / 3)));
        for loaded in &lost {
            badges::lose(&platform, &loaded.employee_id).await?;
        }
        audit::number(&platform).await?;
        pages::reach_all(&platform).await?;

        progress("pages");
        figures.extend(pages::measure(&platform, &self.config, &kept).await?);
        progress("status lists, suspensions");
        figures.extend(badges::measure(&platform, &self.config, &did, &kept).await?);
        progress("offers");
        let offered = ground::more_offers(&platform, self.ground.folder.path(), OFFERS..2 * OFFERS).await?;
        progress("issuing");
        let mut at_all = self.issue("scale_issue", platform, offered, raw).await?;
        if let Some((all, few)) = at_all.p50_us.zip(at_few.p50_us) {
            at_all.more.push(("to_10k", all / few));
        }
        figures.extend([at_few, at_all]);
        let place = |figure: &Figure| NAMES.iter().position(|(name, _)| *name == figure.name);
        figures.sort_by_key(place);
        Ok(figures)
    }

    /// The flow of `issue_flow_sqlite` against a server on this ground.
    async fn issue(
        &self,
        name: &'static str,
        platform: Arc<Platform>,
        offered: Vec<Offered>,
        raw: micro::Raw,
    ) -> Result<Figure, AnyError> {
        platform.store.close().await;
        drop(platform);
        let http = flows::client()?;
        let server =
            ServerProcess::start(&self.ground.config, self.ground.metrics.clone(), http.clone()).await?;
        let phones = flows::phone_client(&http);
        let standard = stream::iter(offered)
            .then(async |offered| Ok::<_, AnyError>((flows::phone(&phones, &self.root).await?, offered)))
            .try_collect()
            .await?;
        let gauge = Gauge { server: &server, raw, in_flight: IN_FLIGHT, time: ISSUING };
        let figure = gauge.issue(standard).await?;
        server.stop().await?;
        Ok(Figure { name, ..figure })
    }
}
