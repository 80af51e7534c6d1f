//! Status lists and suspensions at full size.

use std::sync::Arc;

use credential::sd_jwt::StatusClaim;
use credential::status_list::Status;
use credential::status_list::week::Week;
use credential::verify::{StatusAnswer, StatusSource as _};
use tokio::time::Instant;

use super::super::AnyError;
use super::super::latency::Latencies;
use super::super::report::Figure;
use super::load::Loaded;
use super::pages::nth;
use crate::lifecycle::{self, Badge, BadgeState, LocalStatus};
use crate::loss::{self, Cause, Report, Way};
use crate::operations::{Config, Platform, SystemClock};

/// Suspensions, each with the look after it.
const SUSPENSIONS: usize = 60;
/// Lists drawn from nothing.
const REBUILDS: usize = 7;
/// Looks at the status of a copy, in runs of so many.
const RUNS: usize = 50;
const LOOKS: usize = 2_000;
/// Losses that were reported before anything is measured.
pub(super) const REPORTED: usize = 200;

/// Where the first copy of this week of somebody's badge stands.
async fn place(platform: &Platform, did: &str, loaded: &Loaded) -> Result<StatusClaim, AnyError> {
    let week = Week::of(platform.now_ms().div_euclid(1000));
    let claims = lifecycle::status::claims_for(platform, did, loaded.slot, week, 0, 1).await?;
    claims.into_iter().flatten().next().ok_or_else(|| "a badge has no place in this week's lists".into())
}

/// Makes the lists of this week, as the copies of everybody would have.
pub(super) async fn make_lists(platform: &Platform, did: &str, last: &Loaded) -> Result<(), AnyError> {
    place(platform, did, last).await.map(|_| ())
}

/// Reports a loss at the desk; the badge is suspended when this returns.
pub(super) async fn lose(platform: &Platform, employee_id: &str) -> Result<(), AnyError> {
    let report = Report { employee_id: employee_id.to_owned(), cause: Cause::Loss, way: Way::Call, by: None };
    let receipt = loss::report(platform, report).await?;
    match receipt.badge {
        Some(badge) if badge.state == BadgeState::Suspended => Ok(()),
        _ => Err("a loss report suspended nothing".into()),
    }
}

/// Lists, looks, suspensions. `kept` are badges that nobody suspended.
pub(super) async fn measure(
    platform: &Arc<Platform>,
    config: &Config,
    did: &str,
    kept: &[Loaded],
) -> Result<Vec<Figure>, AnyError> {
    let mut places = Vec::with_capacity(kept.len());
    for loaded in kept {
        places.push(place(platform, did, loaded).await?);
    }
    Ok([
        vec![rebuilt(config, &places).await?, looked(platform, &places).await?],
        suspended(platform, did, kept).await?,
    ]
    .concat())
}

/// The list of a copy, from nothing: what changed is read from the store, and every entry of it set.
async fn rebuilt(config: &Config, places: &[StatusClaim]) -> Result<Figure, AnyError> {
    let claim = places.first().ok_or("nobody was loaded")?;
    let mut times = Latencies::default();
    for _ in 0..REBUILDS {
        let fresh = Platform::open(config.clone(), Arc::new(SystemClock)).await?;
        let begun = Instant::now();
        let status = LocalStatus::now(&fresh).await?;
        let StatusAnswer::List(_) = status.list(&claim.uri) else {
            return Err("a list could not be drawn".into());
        };
        times.add(begun.elapsed());
        drop(status);
        fresh.store.close().await;
    }
    Ok(Figure::of("scale_status_rebuilt", &times))
}

/// One look at the status of a copy by list and index, as the verifier has it from the copy; the mean of many.
async fn looked(platform: &Platform, places: &[StatusClaim]) -> Result<Figure, AnyError> {
    let mut times = Latencies::default();
    let status = LocalStatus::now(platform).await?;
    for claim in places {
        let StatusAnswer::List(_) = status.list(&claim.uri) else {
            return Err("a list could not be drawn".into());
        };
    }
    for _ in 0..RUNS {
        let begun = Instant::now();
        let mut valid = 0_usize;
        for claim in places.iter().cycle().take(LOOKS) {
            valid += usize::from(status.status(&claim.uri, claim.index) == Some(Status::Valid));
        }
        let took = begun.elapsed();
        if valid != LOOKS {
            return Err(format!("{valid} of {LOOKS} copies are valid").into());
        }
        times.add(took / u32::try_from(LOOKS)?);
    }
    Ok(Figure::of("scale_status_check", &times))
}

/// A loss report until it is durable; and the first look after it, which has to see it.
async fn suspended(platform: &Platform, did: &str, kept: &[Loaded]) -> Result<Vec<Figure>, AnyError> {
    let (mut committed, mut seen) = (Latencies::default(), Latencies::default());
    for n in 0..SUSPENSIONS.min(kept.len()) {
        let loaded = nth(kept, n)?;
        let claim = place(platform, did, loaded).await?;
        if LocalStatus::now(platform).await?.status(&claim.uri, claim.index) != Some(Status::Valid) {
            return Err("a badge was not valid before".into());
        }
        let begun = Instant::now();
        lose(platform, &loaded.employee_id).await?;
        committed.add(begun.elapsed());
        let begun = Instant::now();
        // What a login does with a presented copy, and with the badge it leads to.
        let status = LocalStatus::now(platform).await?.status(&claim.uri, claim.index);
        let badge = lifecycle::badge_of(platform, &claim.uri, claim.index).await?;
        seen.add(begun.elapsed());
        let stopped = |badge: &Badge| badge.id == loaded.badge_id && badge.state == BadgeState::Suspended;
        if status != Some(Status::Suspended) || !badge.as_ref().is_some_and(stopped) {
            return Err("a suspension was not seen by the first look after it".into());
        }
    }
    Ok(vec![Figure::of("scale_suspension", &committed), Figure::of("scale_suspension_seen", &seen)])
}
