//! The console's pages at full size: server time of each, over the real router, without a socket.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode, header};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::super::AnyError;
use super::super::latency::Latencies;
use super::super::report::Figure;
use super::load::Loaded;
use crate::operations::server::console_router;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::demo_data::{self, AGENCIES};
use crate::staff::demo::PASSWORD;
use crate::staff::{self, Attempt, Door, Duty, Login};

/// Calls of each page.
const CALLS: usize = 60;
/// Counts of the statistics from nothing.
const COLD: usize = 5;
/// The largest page that is read.
const LARGEST: usize = 8 << 20;

/// Somebody at the console.
pub(super) struct Visitor {
    router: Router,
    authorization: String,
}

impl Visitor {
    /// Signs in with a demo account.
    pub(super) async fn of(platform: &Arc<Platform>, login: &str) -> Result<Self, AnyError> {
        let (attempt, source) = (Attempt::from(PASSWORD.to_owned()), IpAddr::V4(Ipv4Addr::LOCALHOST));
        let signed_in = staff::sign_in(platform, Door::Console, login, attempt, source, None).await?;
        let authorization = format!("Bearer {}", signed_in.token.as_str());
        Ok(Self { router: console_router(platform), authorization })
    }

    /// Opens a page: its text, and the time until the last byte of it.
    pub(super) async fn open(&self, path: &str) -> Result<(String, Duration), AnyError> {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "text/html")
            .body(Body::empty())?;
        let router = self.router.clone();
        let begun = Instant::now();
        let response = router.oneshot(request).await?;
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), LARGEST).await?;
        let took = begun.elapsed();
        if status != StatusCode::OK {
            return Err(format!("{path}: {status}").into());
        }
        Ok((String::from_utf8(body.to_vec())?, took))
    }

    async fn measure(
        &self,
        name: &'static str,
        path: impl Fn(usize) -> String,
        has: impl Fn(usize, &str) -> bool,
    ) -> Result<Figure, AnyError> {
        let mut times = Latencies::default();
        for call in 0..CALLS {
            let path = path(call);
            let (page, took) = self.open(&path).await?;
            if !has(call, &page) {
                return Err(format!("{name}: {path} does not show what it should").into());
            }
            times.add(took);
        }
        Ok(Figure::of(name, &times))
    }
}

/// HR manager and auditor of the demo get every agency: the largest reach there is.
pub(super) async fn reach_all(platform: &Platform) -> Result<(), AnyError> {
    for (login, duty) in [("yesi.insa", Duty::HrManager), ("yesi.gamsa", Duty::Auditor)] {
        let employee = staff::employee_of(platform, &Login::new(login)?).await?;
        let employee = employee.ok_or("a demo account is missing")?;
        for agency in AGENCIES.iter().filter(|agency| agency.parent.is_empty()) {
            staff::grant(platform, &employee, duty, agency.code, "operator").await?;
        }
    }
    Ok(())
}

/// `n`-th of those kept, round and round.
pub(super) fn nth(kept: &[Loaded], n: usize) -> Result<&Loaded, AnyError> {
    kept.get(n.checked_rem(kept.len()).unwrap_or(0)).ok_or_else(|| "nobody was loaded".into())
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Every page.
pub(super) async fn measure(
    platform: &Arc<Platform>,
    config: &Config,
    kept: &[Loaded],
) -> Result<Vec<Figure>, AnyError> {
    let hr = Visitor::of(platform, "yesi.insa").await?;
    let auditor = Visitor::of(platform, "yesi.gamsa").await?;
    let operator = Visitor::of(platform, "yesi.unyeong").await?;
    let mut whom = Vec::with_capacity(CALLS);
    for call in 0..CALLS {
        whom.push(nth(kept, call * 7 + 3)?.clone());
    }
    let one = |call: usize| whom.get(call).map_or_else(String::new, |loaded| loaded.employee_id.clone());
    let application =
        |call: usize| whom.get(call).map_or_else(String::new, |loaded| loaded.application_id.clone());
    let badge = |call: usize| whom.get(call).map_or_else(String::new, |loaded| loaded.badge_id.clone());
    let person = |call: usize| demo_data::person(whom.get(call).map_or(0, |loaded| loaded.n));
    let shown = |_: usize, page: &str| page.contains("</html>");
    let at = |path: &'static str| move |_: usize| path.to_owned();

    let mut figures = vec![
        hr.measure("scale_page_queue", at("/"), |_, page| page.contains("/applications/")).await?,
        hr.measure("scale_page_applications", at("/applications"), |_, page| page.contains("/applications/"))
            .await?,
        hr.measure("scale_page_applications_by_state", at("/applications?state=submitted"), |_, page| {
            page.contains("/applications/")
        })
        .await?,
        hr.measure("scale_page_application", |call| format!("/applications/{}", application(call)), shown)
            .await?,
        hr.measure(
            "scale_search_name",
            |call| format!("/people?q={}", encoded(&person(call).name)),
            |call, page| page.contains(&person(call).name),
        )
        .await?,
        hr.measure(
            "scale_search_part",
            |call| format!("/people?q={}", encoded(&person(call).name.chars().skip(1).collect::<String>())),
            |_, page| page.contains("/people/"),
        )
        .await?,
        hr.measure(
            "scale_search_number",
            |call| format!("/people?q={}", person(call).number),
            |call, page| page.contains(&one(call)),
        )
        .await?,
        hr.measure(
            "scale_page_person",
            |call| format!("/people/{}", one(call)),
            |call, page| page.contains(&person(call).number),
        )
        .await?,
        hr.measure("scale_page_loss", at("/loss"), |_, page| page.contains("/people/")).await?,
        hr.measure("scale_page_unlock", at("/unlock"), |_, page| page.contains("/unlock/")).await?,
        hr.measure("scale_page_personnel", at("/personnel"), shown).await?,
        hr.measure("scale_page_delegations", at("/delegations"), shown).await?,
    ];
    figures.push(statistics_cold(config).await?);
    hr.open("/statistics").await?;
    figures.push(hr.measure("scale_page_statistics", at("/statistics"), shown).await?);
    figures.extend([
        auditor.measure("scale_page_audit", at("/audit-log"), |_, page| page.contains("badge.")).await?,
        auditor
            .measure("scale_page_audit_by_act", at("/audit-log?act=badge.issued"), |_, page| {
                page.contains("badge.issued")
            })
            .await?,
        auditor
            .measure(
                "scale_page_audit_by_id",
                |call| format!("/audit-log?id={}", badge(call)),
                |call, page| page.contains(&badge(call)),
            )
            .await?,
        operator.measure("scale_page_system", at("/system"), shown).await?,
    ]);
    Ok(figures)
}

/// Statistics by a process that has counted nothing yet.
async fn statistics_cold(config: &Config) -> Result<Figure, AnyError> {
    let mut times = Latencies::default();
    for _ in 0..COLD {
        let fresh = Platform::open(config.clone(), Arc::new(SystemClock)).await?;
        let (_, took) = Visitor::of(&fresh, "yesi.insa").await?.open("/statistics").await?;
        times.add(took);
        fresh.store.close().await;
    }
    Ok(Figure::of("scale_statistics_cold", &times))
}
