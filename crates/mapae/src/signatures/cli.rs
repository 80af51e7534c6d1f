//! `mapae document …`: seals and checks PDF files, revokes certificates, tells who stands behind them.

use std::path::PathBuf;
use std::sync::Arc;

use keys::encoding::hex_encode;
use serde_json::{Value, json};
use signing::check::{Language, Revocations, Trust, check_pdf};
use signing::revocation::Reason;

use super::authority::{self, Sealing};
use crate::operations::{Config, Platform, SystemClock};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Who stands behind signed documents: names and fingerprints.
    Authority,
    /// Put an agency's seal on a PDF.
    Seal {
        /// The PDF.
        file: PathBuf,
        /// Where the sealed one goes.
        #[arg(long)]
        out: PathBuf,
        /// The agency's code.
        #[arg(long)]
        agency: String,
        /// What for.
        #[arg(long)]
        reason: Option<String>,
    },
    /// End an agency's seal: the next document is sealed with a new key. What the old one sealed stays good.
    RenewSeal {
        /// The agency's code.
        agency: String,
    },
    /// Check a signed PDF against this platform's root; ends with an error unless it is genuine.
    Check {
        /// The PDF.
        file: PathBuf,
    },
    /// Revoke a certificate for documents, for good.
    Revoke {
        /// Its serial number, in hexadecimal digits.
        serial: String,
        /// Why.
        #[arg(long, value_parser = reason)]
        reason: Reason,
    },
}

fn reason(text: &str) -> Result<Reason, String> {
    match text {
        "key-compromise" => Ok(Reason::KeyCompromise),
        "affiliation-changed" => Ok(Reason::AffiliationChanged),
        "superseded" => Ok(Reason::Superseded),
        "cessation" => Ok(Reason::CessationOfOperation),
        _ => Err("key-compromise, affiliation-changed, superseded or cessation".into()),
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs one.
///
/// # Errors
/// It could not be done, or a checked document is not genuine.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    println!("{}", serde_json::to_string_pretty(&done?)?);
    Ok(())
}

async fn perform(platform: &Platform, command: Command) -> Result<Value, AnyError> {
    match command {
        Command::RenewSeal { agency } => {
            authority::renew_seal(platform, &agency).await?;
            Ok(json!({ "renewed": agency }))
        }
        Command::Authority => {
            let authority = authority::open(platform).await?;
            let one = |certificate: &keys::x509::Certificate| {
                json!({
                    "name": certificate.subject_common_name(),
                    "fingerprint": hex_encode(&certificate.sha256()),
                    "not_after": certificate.not_after(),
                })
            };
            Ok(json!({ "root": one(platform.keys.root()), "authority": one(authority.certificate()) }))
        }
        Command::Seal { file, out, agency, reason } => {
            let pdf = tokio::fs::read(&file).await?;
            let sealing = Sealing { agency: &agency, reason, field: None, appearance: None, certify: None };
            let sealed = authority::seal(platform, &pdf, &sealing).await?;
            tokio::fs::write(&out, &sealed).await?;
            Ok(json!({ "out": out, "bytes": sealed.len(), "sha256": hex_encode(&keys::sha256(&sealed)) }))
        }
        Command::Check { file } => {
            let pdf = tokio::fs::read(&file).await?;
            let trust = Trust {
                anchors: std::slice::from_ref(platform.keys.root()),
                crls: &[],
                now: platform.now_ms().div_euclid(1_000),
                revocations: Revocations::Required,
            };
            let report = check_pdf(&pdf, &trust);
            let value = serde_json::to_value(&report)?;
            if report.verdict == signing::check::Verdict::Genuine {
                return Ok(value);
            }
            println!("{}", serde_json::to_string_pretty(&value)?);
            let signatures = report.signatures.iter().flat_map(|one| &one.findings);
            let why: Vec<String> = report
                .findings
                .iter()
                .chain(signatures)
                .map(|finding| finding.text(Language::English))
                .collect();
            Err(why.join(" ").into())
        }
        Command::Revoke { serial, reason } => {
            authority::revoke(platform, &serial, reason, None, "operator").await?;
            Ok(json!({ "revoked": serial }))
        }
    }
}
