//! Every metric that is served, with its meaning: dashboards and alert rules are held against this list by a test.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// What kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    /// A counter with labels: it appears with its first event.
    LabelledCounter,
    Gauge,
    /// Seconds.
    Histogram,
}

use Kind::{Counter, Gauge, Histogram, LabelledCounter};

/// Name, kind, meaning.
pub const METRICS: &[(&str, Kind, &str)] = &[
    ("mapae_audit_records_numbered_total", Counter, "Audit records that got their number."),
    ("mapae_employment_held_total", Counter, "Changes of personnel that wait for a person."),
    ("mapae_hsm_away", Gauge, "1 while the token (HSM) does not answer."),
    ("mapae_hsm_seconds", Histogram, "Signatures in the token, by act."),
    ("mapae_http_request_seconds", Histogram, "Requests, by listener."),
    ("mapae_http_requests_total", LabelledCounter, "Requests, by listener and class of status."),
    ("mapae_ledger_anchors_total", Counter, "Anchors sent to the ledger."),
    ("mapae_login_client_keys_total", LabelledCounter, "Key sets of relying parties fetched, by outcome."),
    ("mapae_login_logout_seconds", Histogram, "From the end of a session until a relying party was told."),
    ("mapae_login_logouts_total", LabelledCounter, "Logouts told to relying parties, by outcome."),
    ("mapae_notification_dead_total", Counter, "Messages that were given up."),
    ("mapae_notification_doubts_total", Counter, "Messages that may have been sent twice."),
    (
        "mapae_notification_sms_total",
        LabelledCounter,
        "Text messages that a provider took, by provider and length.",
    ),
    ("mapae_notification_takeovers_total", Counter, "Times the second provider took over."),
    (
        "mapae_signing_events_total",
        LabelledCounter,
        "What relying parties were told of signing requests, by outcome.",
    ),
    ("mapae_status_lists_signed_total", Counter, "Status lists signed."),
    ("mapae_store_commit_seconds", Histogram, "Durable commits of the embedded store."),
    ("mapae_store_commits_total", Counter, "Durable commits of the embedded store."),
    (
        "mapae_store_replica_behind_seconds",
        Gauge,
        "How far behind the read replica is at most; since the start where nobody could tell yet.",
    ),
    ("mapae_store_replica_reads_total", LabelledCounter, "Published reads, by who answered them."),
    ("mapae_store_rolled_back_units", Gauge, "Units of work that were rolled back since the start."),
    ("mapae_store_units_total", Counter, "Units of work that were committed."),
    ("mapae_traces_spans_total", LabelledCounter, "Spans sent to their receiver, or lost."),
    ("mapae_verification_events_given_up_total", Counter, "Webhooks that were given up."),
    ("mapae_verification_events_total", LabelledCounter, "Webhooks, by outcome."),
];

/// Tells the recorder what each means; those without labels are served from the start, so that an alert sees a zero and
/// not an absence.
pub(super) fn describe() {
    for (name, kind, meaning) in METRICS {
        match kind {
            Counter => {
                describe_counter!(*name, *meaning);
                counter!(*name).increment(0);
            }
            LabelledCounter => describe_counter!(*name, *meaning),
            Gauge => {
                describe_gauge!(*name, *meaning);
                gauge!(*name).set(0.0);
            }
            Histogram => describe_histogram!(*name, metrics::Unit::Seconds, *meaning),
        }
    }
}

/// What the system says of this process, in the names that Prometheus' own clients use (Linux only; elsewhere nothing).
pub(super) fn of_process() -> String {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
    let mut out = String::new();
    if let Some(ticks) = read("stat").ok().as_deref().and_then(cpu_ticks) {
        // USER_HZ is 100 on every Linux (proc(5)).
        let seconds = ticks as f64 / 100.0;
        out.push_str("# TYPE process_cpu_seconds_total counter\n");
        out.push_str(&format!("process_cpu_seconds_total {seconds}\n"));
    }
    let status = read("status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    if let Some(kib) = kib {
        out.push_str("# TYPE process_resident_memory_bytes gauge\n");
        out.push_str(&format!("process_resident_memory_bytes {}\n", kib * 1_024));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        out.push_str("# TYPE process_open_fds gauge\n");
        out.push_str(&format!("process_open_fds {}\n", open.count()));
    }
    out
}

/// User and system time in a `stat` file (proc(5), fields 14 and 15; the name in brackets may hold anything).
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<u64>().ok()?, fields.next()?.parse::<u64>().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::METRICS;

    /// Every word of a text that begins like one of our metrics, without what Prometheus appends to a histogram's name.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let ours = words.filter(|word| word.starts_with("mapae_"));
        ours.map(|word| {
            let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
            bare.unwrap_or(word).to_owned()
        })
        .collect()
    }

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }

    #[test]
    fn dashboards_and_alerts_name_only_metrics_that_the_server_serves() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
        let known: BTreeSet<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).collect();
        for file in ["prometheus/alerts.yaml", "grafana/mapae.json"] {
            let text = std::fs::read_to_string(deploy.join(file)).expect(file);
            let used = named(&text);
            assert!(used.len() > 5, "{file} names {used:?}");
            assert!(used.is_subset(&known), "{file}: {:?} are not served", used.difference(&known));
        }
    }

    #[test]
    fn every_metric_of_the_source_is_in_the_list_and_the_list_has_no_other() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut made = BTreeSet::new();
        for file in files.iter().filter(|file| !file.ends_with("operations/metrics.rs")) {
            let text = std::fs::read_to_string(file).expect("source");
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                for (at, _) in text.match_indices(kind) {
                    let rest = text.get(at + kind.len()..).unwrap_or_default().trim_start();
                    let name = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
                    made.extend(name.filter(|name| name.starts_with("mapae_")).map(str::to_owned));
                }
            }
        }
        let listed: BTreeSet<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).collect();
        assert_eq!(made, listed);
    }
}
