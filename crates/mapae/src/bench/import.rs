//! An import of 100,000 officials while people log in: how long it takes, and what it does to them.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use tokio::time::Instant;

use super::AnyError;
use super::drive::{Driven, Pace, drive};
use super::flows::log_in;
use super::process::mapae;
use super::relying_party::RelyingParty;
use super::report::Figure;
use crate::personnel::cli::write_demo_files;
use crate::phone::Phone;

const PEOPLE: u64 = 100_000;
/// A steady trickle of logins, so that what they wait for is the import and not each other.
const PACE: Pace = Pace { in_flight: 2, pause: Duration::from_millis(50), again: true };

#[derive(Deserialize)]
struct Report {
    lines: u64,
    bad: u64,
    longest_commit_ms: u64,
}

/// `import_100k`: the same logins without and with the import beside them.
pub(super) async fn beside_logins(
    folder: &Path,
    config: &Path,
    party: &Arc<RelyingParty>,
    http: &Client,
    phones: Vec<Phone>,
    quiet_time: Duration,
) -> Result<Figure, AnyError> {
    let (_, people) = write_demo_files(&folder.join("import"), PEOPLE)?;
    let flow = {
        let (party, http) = (Arc::clone(party), http.clone());
        move |phone| log_in(Arc::clone(&party), http.clone(), phone)
    };
    let Driven { latencies: alone, done, .. } =
        drive(phones, PACE, tokio::time::sleep(quiet_time), flow.clone()).await?;
    let import = async {
        let begun = Instant::now();
        let mut command = mapae(config)?;
        command.args(["personnel", "import", "--json"]).arg(&people).stderr(Stdio::inherit());
        let output = command.output().await?;
        let report: Report = serde_json::from_slice(&output.stdout)?;
        Ok::<_, AnyError>((begun.elapsed(), report))
    };
    let Driven { latencies: beside, ended, .. } = drive(done, PACE, import, flow).await?;
    let (took, report) = ended.ok_or("the logins ended before the import")??;
    if report.lines != PEOPLE || report.bad > 0 {
        return Err(format!("{} lines were read and {} refused", report.lines, report.bad).into());
    }
    let p99 = |times: &super::latency::Latencies| times.percentile_us(99.0).unwrap_or(0.0);
    Ok(Figure {
        name: "import_100k",
        per_second: Some(PEOPLE as f64 / took.as_secs_f64()),
        more: vec![
            ("seconds", took.as_secs_f64()),
            ("longest_commit_ms", report.longest_commit_ms as f64),
            ("login_p50_us_alone", alone.median_us().unwrap_or(0.0)),
            ("login_p50_us_beside", beside.median_us().unwrap_or(0.0)),
            ("login_p99_us_alone", p99(&alone)),
            ("login_p99_us_beside", p99(&beside)),
        ],
        ..Figure::default()
    })
}
