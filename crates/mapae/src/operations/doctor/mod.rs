//! `mapae doctor`: looks at an installation, changes nothing, and names each fault with its mend.
//!
//! The checks build on each other: where the database does not answer, nothing is said of what would be in it.

pub mod cli;
mod look;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::Config;
use super::clock::Clock;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    Well,
    /// It works, and will not for ever.
    Watch,
    /// Something does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word for the check.
    pub check: &'static str,
    pub grade: Grade,
    /// What was seen; nothing personal, no secret.
    pub seen: String,
    /// What to do; empty where all is well.
    pub mend: String,
}

impl Finding {
    fn well(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, grade: Grade::Well, seen: seen.into(), mend: String::new() }
    }

    fn watch(check: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, grade: Grade::Watch, seen: seen.into(), mend: mend.into() }
    }

    fn broken(check: &'static str, seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, grade: Grade::Broken, seen: seen.into(), mend: mend.into() }
    }
}

/// Looks at everything that this configuration names.
pub async fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let mut findings = look::certificates(config, clock.now_ms());
    let key = look::key_file(config, &mut findings);
    findings.push(look::disk(config));
    if let Some(mut store) = look::database(config, &mut findings).await {
        look::inside(&mut store, key, clock.now_ms(), &mut findings).await;
        findings.extend(look::replica(config).await);
    }
    findings.push(look::address(config, clock.now_ms()).await);
    findings.push(look::roles(config).await);
    findings
}
