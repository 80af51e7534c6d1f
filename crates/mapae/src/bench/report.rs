//! The figures: one JSON object, or tables for people.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::latency::Latencies;
use super::process::Usage;

/// Every figure and what it is, in the order of the report and of docs/performance.md.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("p256_sign", "one P-256 signature of 1 KiB"),
    ("p256_verify", "one P-256 verification of 1 KiB"),
    ("p256_agree", "one ECDH agreement"),
    ("p256_generate", "one new P-256 key"),
    ("fsync", "4 KiB appended to a file and flushed to the disk"),
    ("issue_sd_jwt_vc", "one SD-JWT VC of twelve claims signed"),
    ("verify_sd_jwt_vc", "a presentation verified: key binding, status, trust; issuer seen before"),
    ("verify_sd_jwt_vc_new_chain", "the same; the issuer's certificate for the first time"),
    (
        "verify_sd_jwt_vc_received",
        "a credential as it was issued: the issuer's signature and every disclosure, no key binding",
    ),
    (
        "peer_ssi_sd_jwt_received",
        "as much of the same credential by the crate ssi-sd-jwt; raw and ratio are to ours",
    ),
    ("issue_mdoc", "the same badge as a mobile document"),
    ("verify_mdoc", "that document shown and verified: every digest, device signature, status, trust"),
    ("first_start_to_ready", "process start to ready on an empty folder: tables and keys are made"),
    ("start_to_ready", "process start to ready on a store that is there"),
    ("idle_rss_mb", "resident memory of the idle server"),
    ("issue_flow_sqlite", "token, nonce, proof, one copy, durable"),
    ("issue_batch_sqlite", "a whole batch of copies under one key attestation"),
    ("login_flow_sqlite", "authorization request to userinfo, badge shown by the phone"),
    ("logout_after_suspension", "a badge suspended until all its relying parties' sessions were told so"),
    ("import_100k", "100,000 officials imported while people log in"),
];

/// What was measured of one thing. What does not apply is absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) per_second: Option<f64>,
    pub(super) p50_us: Option<f64>,
    pub(super) p95_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// The raw operations underneath.
    pub(super) raw_us: Option<f64>,
    /// How much more than them it costs.
    pub(super) ratio: Option<f64>,
    /// What only this one has.
    pub(super) more: Vec<(&'static str, f64)>,
    /// For a flow: where the server's time goes.
    pub(super) spent: Option<Spent>,
}

impl Figure {
    /// Times of runs one after another.
    pub(super) fn of(name: &'static str, times: &Latencies) -> Self {
        let p50_us = times.percentile_us(50.0);
        Self {
            name,
            per_second: p50_us.map(|us| 1e6 / us),
            p50_us,
            p95_us: times.percentile_us(95.0),
            p99_us: times.percentile_us(99.0),
            ..Self::default()
        }
    }

    /// Beside its raw operations: the ratio is that of the two medians.
    pub(super) fn beside(mut self, raw: &Latencies) -> Self {
        self.raw_us = raw.median_us();
        self.ratio = self.p50_us.zip(self.raw_us).map(|(us, raw)| us / raw);
        self
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        for (key, value) in [
            ("per_second", self.per_second),
            ("p50_us", self.p50_us),
            ("p95_us", self.p95_us),
            ("p99_us", self.p99_us),
            ("raw_us", self.raw_us),
            ("ratio", self.ratio),
        ] {
            object.insert(key.to_owned(), value.map_or(Value::Null, rounded));
        }
        for (key, value) in &self.more {
            object.insert((*key).to_owned(), rounded(*value));
        }
        Value::Object(object)
    }
}

/// The server's side of one flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) usage: Usage,
    /// What its signatures, verifications, agreements and keys cost alone, microseconds.
    pub(super) raw_us: f64,
}

/// Three decimals are more than any of these figures is good for.
fn rounded(value: f64) -> Value {
    json!((value * 1_000.0).round() / 1_000.0)
}

/// Name to figure.
pub(super) fn json(figures: &[Figure]) -> Value {
    Value::Object(figures.iter().map(|figure| (figure.name.to_owned(), figure.json())).collect())
}

/// The same for people, and where the time goes.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut out = format!(
        "{:<28}{:>12}{:>12}{:>12}{:>12}{:>12}{:>8}\n",
        "", "per second", "p50 µs", "p95 µs", "p99 µs", "raw µs", "ratio"
    );
    for figure in figures {
        let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        let _ = write!(
            out,
            "{:<28}{:>12}{:>12}{:>12}{:>12}{:>12}{:>8}",
            figure.name,
            cell(figure.per_second),
            cell(figure.p50_us),
            cell(figure.p95_us),
            cell(figure.p99_us),
            cell(figure.raw_us),
            figure.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        );
        for (key, value) in &figure.more {
            let _ = write!(out, "  {key} {value:.2}");
        }
        out.push('\n');
    }
    let spent = figures.iter().filter_map(|figure| Some((figure.name, figure.spent?))).collect::<Vec<_>>();
    if spent.is_empty() {
        return out;
    }
    let _ = write!(out, "\n{:<52}", "where the server's time goes, CPU-ms a flow");
    for (name, _) in &spent {
        let _ = write!(out, "{name:>22}");
    }
    out.push('\n');
    for (title, part) in PARTS {
        let _ = write!(out, "{title:<52}");
        for (_, spent) in &spent {
            let _ = write!(out, "{:>22.3}", part(spent));
        }
        out.push('\n');
    }
    out
}

type Part = fn(&Spent) -> f64;

const PARTS: &[(&str, Part)] = &[
    ("signatures, verifications, agreements, keys", |spent| spent.raw_us / 1_000.0),
    ("the store's writer: units, log, fsync calls", |spent| spent.usage.writer_ms),
    ("kernel for the others: sockets, wake-ups", |spent| spent.usage.kernel_ms),
    ("HTTP, JSON, hashing, sealing, pages, reads, log lines", |spent| {
        spent.usage.cpu_ms - spent.raw_us / 1_000.0 - spent.usage.writer_ms - spent.usage.kernel_ms
    }),
    ("all", |spent| spent.usage.cpu_ms),
    ("not CPU: waiting for COMMIT", |spent| spent.usage.commit_ms),
    ("units of work written", |spent| spent.usage.units),
    ("durable commits", |spent| spent.usage.commits),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn times(micros: &[u64]) -> Latencies {
        let mut times = Latencies::default();
        micros.iter().for_each(|us| times.add(Duration::from_micros(*us)));
        times
    }

    #[test]
    fn what_does_not_apply_is_null_and_what_only_one_has_stands_beside() {
        let plain = Figure { name: "idle_rss_mb", more: vec![("mb", 41.2)], ..Figure::default() };
        let told = json(&[plain]);
        assert_eq!(
            told["idle_rss_mb"],
            json!({ "per_second": null, "p50_us": null, "p95_us": null, "p99_us": null, "raw_us": null,
                "ratio": null, "mb": 41.2 })
        );
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let figure =
            Figure::of("verify_sd_jwt_vc", &times(&[150, 130, 9_000])).beside(&times(&[90, 100, 8_000]));
        assert_eq!((figure.p50_us, figure.raw_us, figure.ratio), (Some(150.0), Some(100.0), Some(1.5)));
        assert_eq!(json(&[figure])["verify_sd_jwt_vc"]["per_second"], json!(6666.667));
    }

    #[test]
    fn the_table_tells_where_the_time_goes_and_its_parts_add_up() {
        let usage = Usage { cpu_ms: 2.0, writer_ms: 0.5, kernel_ms: 0.25, ..Usage::default() };
        let spent = Spent { usage, raw_us: 750.0 };
        let parts: f64 = PARTS.iter().take(4).map(|(_, part)| part(&spent)).sum();
        assert_eq!(parts, PARTS[4].1(&spent));
        let flow = Figure { name: "login_flow_sqlite", spent: Some(spent), ..Figure::default() };
        let table = table(&[flow]);
        assert!(table.contains("where the server's time goes"), "{table}");
        assert!(table.lines().any(|line| line.starts_with("all") && line.ends_with("2.000")), "{table}");
    }

    #[test]
    fn the_document_lists_every_figure_and_no_other() {
        let document = include_str!("../../../../docs/performance.md");
        let listed = document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        // Those of the wallet app, of the login page and of `scale` are listed where they are measured.
        let listed: Vec<&str> = listed
            .filter(|name| !["wallet_", "scale_", "login_qr_"].iter().any(|of| name.starts_with(of)))
            .collect();
        assert_eq!(listed, NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
