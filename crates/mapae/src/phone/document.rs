//! `mapae wallet sign`: documents that wait for the holder's signature, played at the terminal.

use std::path::PathBuf;

use keys::encoding::{b64url_decode, hex_encode};
use serde_json::{Value, json};
use wallet::account::messages::Transaction;
use wallet::account::{Seen, Waiting};

use super::ask;
use super::cli::{PinArgument, Said, Terminal};
use super::driver::read_pin;
use super::fault::PhoneError;
use crate::operations::Language;
use crate::operations::language;

/// What to sign, and how.
#[derive(Debug, clap::Args)]
pub(super) struct SignArguments {
    /// Ids of signing requests; without any, those that wait are listed.
    requests: Vec<String>,
    /// Every document that waits, at most 16.
    #[arg(long, conflicts_with = "requests")]
    all: bool,
    /// Write each document there before it is signed: the very bytes whose hash was checked.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// Agree without being asked.
    #[arg(long)]
    yes: bool,
    /// Say no, for this reason: whoever asked reads it.
    #[arg(long, value_name = "REASON", conflicts_with = "yes")]
    refuse: Option<String>,
    #[command(flatten)]
    pin: PinArgument,
}

/// A document as it is listed.
fn described(transaction: &Transaction) -> Value {
    let digest = b64url_decode(&transaction.document).unwrap_or_default();
    json!({
        "request": transaction.request,
        "party": transaction.party,
        "title": transaction.title,
        "purpose": transaction.purpose,
        "place": transaction.place,
        "signers": transaction.signers,
        "bytes": transaction.bytes,
        "sha256": hex_encode(&digest),
        "ends_at": transaction.ends_at,
    })
}

fn told(language: Language, transaction: &Transaction) -> String {
    let digest = b64url_decode(&transaction.document).unwrap_or_default();
    let ends = time::OffsetDateTime::from_unix_timestamp(transaction.ends_at.div_euclid(1_000))
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default();
    let party = match language {
        Language::En => &transaction.party_en,
        Language::Ko => &transaction.party,
    };
    let values = [
        ("request", transaction.request.clone()),
        ("party", party.clone()),
        ("title", transaction.title.clone()),
        ("purpose", transaction.purpose.clone()),
        ("place", format!("{}/{}", transaction.place, transaction.signers)),
        ("bytes", transaction.bytes.to_string()),
        ("sha256", hex_encode(&digest)),
        ("ends", ends),
    ];
    language::format(language, "phone.sign.document", &values)
}

impl Terminal {
    /// Lists what waits, or signs, or refuses.
    pub(super) async fn sign(&mut self, arguments: &SignArguments) -> Result<Said, PhoneError> {
        let waiting = self.phone.wallet().documents().await?;
        if arguments.requests.is_empty() && !arguments.all {
            return Ok(self.listed(&waiting));
        }
        let chosen = chosen(waiting, arguments)?;
        if let Some(reason) = &arguments.refuse {
            for one in &chosen {
                self.phone.wallet_mut().refuse_document(one.transaction(), reason).await?;
            }
            return Ok(self.said("refuse", chosen.iter().map(Waiting::transaction)));
        }
        let mut seen = Vec::with_capacity(chosen.len());
        for one in chosen {
            seen.push(self.phone.wallet().see(one).await?);
        }
        if let Some(folder) = &arguments.save {
            for one in &seen {
                let file = folder.join(format!("{}.pdf", one.transaction().request));
                std::fs::write(file, one.pdf()).map_err(PhoneError::Folder)?;
            }
        }
        if !self.json && !arguments.yes {
            for one in &seen {
                eprintln!("{}\n", told(self.language, one.transaction()));
            }
        }
        if !ask::yes(self.language, arguments.yes, "phone.ask.sign")? {
            return Err(PhoneError::Declined);
        }
        let pin = read_pin(&self.pin(&arguments.pin, "phone.ask.pin")?)?;
        self.phone.wallet_mut().sign(&seen, &pin).await?;
        Ok(self.said("sign", seen.iter().map(Seen::transaction)))
    }

    fn listed(&self, waiting: &[Waiting]) -> Said {
        let documents: Vec<Value> = waiting.iter().map(|one| described(one.transaction())).collect();
        let text: Vec<String> = waiting.iter().map(|one| told(self.language, one.transaction())).collect();
        let text = match text.is_empty() {
            true => language::text(self.language, "phone.sign.none").to_owned(),
            false => text.join("\n\n"),
        };
        Said { json: json!({ "step": "documents", "documents": documents }), text }
    }

    fn said<'a>(&self, step: &str, documents: impl Iterator<Item = &'a Transaction>) -> Said {
        let documents: Vec<Value> = documents.map(described).collect();
        let text = language::text(self.language, &format!("phone.done.{step}")).to_owned();
        Said { json: json!({ "step": step, "documents": documents }), text }
    }
}

/// Those that were named, each of which has to wait; or all.
fn chosen(waiting: Vec<Waiting>, arguments: &SignArguments) -> Result<Vec<Waiting>, PhoneError> {
    let named = |one: &Waiting| arguments.all || arguments.requests.contains(&one.transaction().request);
    let chosen: Vec<Waiting> = waiting.into_iter().filter(named).collect();
    let found = |id: &String| chosen.iter().any(|one| one.transaction().request == *id);
    if chosen.is_empty() || !arguments.requests.iter().all(found) {
        return Err(PhoneError::NoDocument);
    }
    Ok(chosen)
}
