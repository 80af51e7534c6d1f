//! Traces over OTLP: what a request waited for, as spans. Nothing personal: names and templates of our own, numbers, hosts.
//!
//! ```text
//! GET /templates/{of}/routes          one for each request that is sampled, or for each row that a worker carries
//! ├─ store unit                       a unit of work: waited for the writer, worked, waited for the commit
//! ├─ token sign                       a call of the token (HSM)
//! └─ POST webhook                     a call of another server
//! ```
//!
//! Only [`Traces::request`] and [`Traces::job`] begin a trace. Everything else is a child of what is current, and nothing
//! where nothing is: without `traces.endpoint`, and for whatever is not sampled, no span is made. A build without the
//! feature `otlp` has empty types here, and no span at all.

#[cfg(feature = "otlp")]
mod export;
#[cfg(not(feature = "otlp"))]
mod none;
#[cfg(feature = "otlp")]
mod spans;

#[cfg(not(feature = "otlp"))]
pub(crate) use none::{Span, Traces, UnitSpan, send, send_to_own};
#[cfg(feature = "otlp")]
pub(crate) use spans::{Span, Traces, UnitSpan, send, send_to_own};

use serde::{Deserialize, Serialize};
use url::Url;

use super::config::Section;

/// `[traces]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub endpoint: String,
    pub service_name: String,
    pub sample_ratio: f64,
    pub continued_from: Vec<String>,
    pub continued_at: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            service_name: "mapae".into(),
            sample_ratio: 0.1,
            continued_from: vec!["console".into(), "metrics".into()],
            continued_at: Vec::new(),
        }
    }
}

impl Section for Settings {
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "endpoint",
            "An OTLP/HTTP receiver of yours, for example http://127.0.0.1:4318; /v1/traces is appended. Empty means no traces. Needs a build with the feature otlp. Names no person, but tells how busy you are.",
        ),
        ("service_name", "What the receiver calls this service."),
        ("sample_ratio", "Which part of the requests is traced: from 0.0, none, to 1.0, all."),
        (
            "continued_from",
            "Listeners (public, console, metrics) where a request's traceparent is believed: who sends one decides whether it is traced. The public one only behind a proxy of yours that overwrites it.",
        ),
        (
            "continued_at",
            "Origins of services of yours that are sent a traceparent, for example https://sms.example.org. Relying parties and push services never are.",
        ),
    ];
}

/// Why traces can't be sent, and what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TracesError {
    #[error(
        "is set, but this build sends no traces: build it with `cargo build --release --package mapae --features otlp`, \
         or leave the key empty"
    )]
    NotBuilt,
    #[error("must be an http or https address without a query")]
    Endpoint,
    #[error("must be from 0.0 to 1.0")]
    Ratio,
    #[error("knows public, console and metrics, not {0}")]
    Listener(String),
    #[error("{0} is no origin like https://sms.example.org")]
    Origin(String),
    #[error("the exporter can't be made: {0}")]
    Exporter(String),
}

impl Settings {
    /// Whether it can be used by this build; if not, the key and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, TracesError)> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(("traces.sample_ratio", TracesError::Ratio));
        }
        for name in &self.continued_from {
            if !["public", "console", "metrics"].contains(&name.as_str()) {
                return Err(("traces.continued_from", TracesError::Listener(name.clone())));
            }
        }
        for origin in &self.continued_at {
            if origin_of(origin).is_none() {
                return Err(("traces.continued_at", TracesError::Origin(origin.clone())));
            }
        }
        if self.endpoint.is_empty() {
            return Ok(());
        }
        if !cfg!(feature = "otlp") {
            return Err(("traces.endpoint", TracesError::NotBuilt));
        }
        let usable = Url::parse(&self.endpoint).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        if usable { Ok(()) } else { Err(("traces.endpoint", TracesError::Endpoint)) }
    }
}

/// `https://host:port` of an address that is nothing more than that.
fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
    bare.then(|| url.origin().ascii_serialization())
}

/// OpenTelemetry's own name for a key of ours, where a build that sends traces finds it in the environment. File and
/// `MAPAE__TRACES__…` come first.
pub(super) fn standard_name(name: &str) -> Option<&'static str> {
    if !cfg!(feature = "otlp") {
        return None;
    }
    match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("endpoint"),
        "OTEL_SERVICE_NAME" => Some("service_name"),
        "OTEL_TRACES_SAMPLER_ARG" => Some("sample_ratio"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
