//! Asking for signatures, taking it back, and closing what is over.

use signing::pades::{self, Options};
use wallet::account::messages::PushKind;

use super::SigningError;
use super::document::{self, Revision};
use super::event;
use super::request::{Facts, Request, State};
use crate::audit;
use crate::lifecycle::{Badge, BadgeState};
use crate::notification;
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};
use crate::personnel;
use crate::staff::Duty;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) whose: Whose,
    pub(super) name: String,
    pub(super) name_en: String,
    /// Whether it may be told.
    pub(super) has_webhook: bool,
}

/// Whose the request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// A relying party's, by its id.
    Party(String),
    /// An agency's: somebody at its desk asks in its name.
    Desk { agency: String, employee: String },
}

impl Whose {
    /// Who does it, for the audit log: actor and duty.
    pub(super) fn hand(&self) -> (&str, &'static str) {
        match self {
            Self::Party(id) => (id, "relying_party"),
            Self::Desk { employee, .. } => (employee, Duty::HrManager.as_str()),
        }
    }

    fn party(&self) -> Option<&str> {
        match self {
            Self::Party(id) => Some(id),
            Self::Desk { .. } => None,
        }
    }

    fn agency(&self) -> Option<&str> {
        match self {
            Self::Party(_) => None,
            Self::Desk { agency, .. } => Some(agency),
        }
    }
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) title: String,
    pub(super) purpose: String,
    pub(super) pdf: Vec<u8>,
    /// Institution code and employee number of each, in the order in which they sign.
    pub(super) signers: Vec<(String, String)>,
    /// Seconds.
    pub(super) expires_in: i64,
    pub(super) webhook: bool,
}

/// A text that people read: trimmed, not empty, at most so many letters, no control characters.
pub(super) fn text(field: &'static str, text: &str, most: usize) -> Result<String, SigningError> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(SigningError::Text(field)) }
}

/// Whose signature is asked for.
struct Wanted {
    employee: String,
    account: Option<String>,
}

async fn wanted(platform: &Platform, signers: &[(String, String)]) -> Result<Vec<Wanted>, SigningError> {
    if !(1..=limits::SIGNING_SIGNERS.size()).contains(&signers.len()) {
        return Err(SigningError::Signers);
    }
    let mut all: Vec<Wanted> = Vec::with_capacity(signers.len());
    for (place, (agency, number)) in signers.iter().enumerate() {
        // One answer whether the person is unknown or holds no badge.
        let refused = || SigningError::Signer(place + 1);
        let employee = personnel::employee_by_number(platform, agency, number).await?.ok_or_else(refused)?;
        let badge = Badge::live_of_employee(&platform.store, &employee.id).await?.ok_or_else(refused)?;
        if badge.state != BadgeState::Active {
            return Err(refused());
        }
        if all.iter().any(|one| one.employee == employee.id) {
            return Err(SigningError::Signers);
        }
        all.push(Wanted { employee: employee.id, account: badge.account_id });
    }
    Ok(all)
}

/// Keeps a request; its first signer is told.
pub(super) async fn ask(platform: &Platform, asker: Asker, ask: Ask) -> Result<Request, SigningError> {
    let title = text("title", &ask.title, limits::SIGNING_TITLE.size())?;
    let purpose = text("purpose", &ask.purpose, limits::SIGNING_PURPOSE.size())?;
    let life_ms = ask.expires_in.saturating_mul(1_000);
    if !(limits::SIGNING_LIFE_LEAST.get()..=limits::SIGNING_LIFE_MOST.get()).contains(&life_ms) {
        return Err(SigningError::Deadline);
    }
    if ask.webhook && !asker.has_webhook {
        return Err(SigningError::Webhook);
    }
    let signers = wanted(platform, &ask.signers).await?;
    let pdf = ask.pdf;
    if pdf.is_empty() || pdf.len() > limits::SIGNING_DOCUMENT.size() {
        return Err(SigningError::Size);
    }
    let now_ms = platform.now_ms();
    let trial = Options { reason: Some(purpose.clone()), ..Options::at(now_ms.div_euclid(1_000)) };
    pades::prepare(&pdf, &trial)?;

    let revision = Revision::sealed(platform, 0, &pdf);
    let request = Request {
        id: id::new(),
        relying_party: asker.whose.party().map(str::to_owned),
        agency: asker.whose.agency().map(str::to_owned),
        facts: Facts { title, purpose, party: asker.name, party_en: asker.name_en },
        document_hash: revision.hash.clone(),
        bytes: revision.bytes,
        revision: 0,
        state: State::Waiting,
        place: 1,
        signers: i64::try_from(signers.len()).unwrap_or(i64::MAX),
        webhook: ask.webhook,
        refusal: None,
        created_at: now_ms,
        ends_at: now_ms.saturating_add(life_ms),
    };
    let (row, sealed) = (request.clone(), request.facts.sealed(platform, &request.id));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { enter(tx, &row, &asker.whose, sealed, revision, signers).await })
        })
        .await?;
    Ok(request)
}

async fn enter(
    tx: &mut Tx,
    request: &Request,
    whose: &Whose,
    facts: Vec<u8>,
    revision: Revision,
    signers: Vec<Wanted>,
) -> Result<(), SigningError> {
    let count = |row: Row| row.int("waiting");
    let waiting = match whose {
        Whose::Party(id) => {
            let sql = "SELECT COUNT(*) AS waiting FROM signing_request \
                       WHERE relying_party = $1 AND state IN ('waiting', 'assembling')";
            count(tx.fetch_one(sql, params![id]).await?)?
        }
        Whose::Desk { agency, .. } => {
            let sql = "SELECT COUNT(*) AS waiting FROM signing_request \
                       WHERE agency_code = $1 AND state IN ('waiting', 'assembling')";
            count(tx.fetch_one(sql, params![agency]).await?)?
        }
    };
    if waiting >= limits::SIGNING_WAITING_PARTY.get() {
        return Err(SigningError::Full);
    }
    let (actor, duty) = whose.hand();
    tx.execute(
        "INSERT INTO signing_request (id, relying_party, agency_code, asked_by, facts, document_hash, bytes, revision, \
         state, place, signers, webhook, created_at, ends_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'waiting', 1, $8, $9, $10, $11)",
        params![
            &request.id,
            whose.party(),
            whose.agency(),
            actor,
            facts,
            &request.document_hash,
            request.bytes,
            request.signers,
            i64::from(request.webhook),
            request.created_at,
            request.ends_at
        ],
    )
    .await?;
    revision.write(tx, &request.id).await?;
    for (place, signer) in (1_i64..).zip(&signers) {
        let sql = "SELECT COUNT(*) AS waiting FROM signing_signer s JOIN signing_request r ON r.id = s.request_id \
                   WHERE s.employee_id = $1 AND s.state = 'waiting' AND r.state IN ('waiting', 'assembling')";
        if count(tx.fetch_one(sql, params![&signer.employee]).await?)? >= limits::SIGNING_WAITING_HOLDER.get()
        {
            return Err(SigningError::Full);
        }
        tx.execute(
            "INSERT INTO signing_signer (id, request_id, place, employee_id, state, opens) \
             VALUES ($1, $2, $3, $4, 'waiting', 0)",
            params![id::new(), &request.id, place, &signer.employee],
        )
        .await?;
    }
    if let Some(account) = signers.first().and_then(|signer| signer.account.as_ref()) {
        notification::tell(tx, account, PushKind::Document).await?;
    }
    let detail = serde_json::json!({
        "document": request.document_hash, "signers": request.signers, "ends_at": request.ends_at,
    });
    let (act, subject) = ("signing.asked", &request.id);
    let record = audit::Record { actor, duty, act, subject, detail };
    Ok(audit::record(tx, record).await?)
}

/// Takes a request back; what is signed by all is forgotten instead.
pub(super) async fn withdraw(
    platform: &Platform,
    request: &Request,
    whose: Whose,
) -> Result<(), SigningError> {
    let id = request.id.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let sql = "UPDATE signing_request SET state = 'withdrawn', ended_at = $2 WHERE id = $1 AND state = 'waiting'";
                let withdrawn = tx.execute(sql, params![&id, now_ms]).await? == 1;
                if !withdrawn {
                    let sql = "UPDATE signing_request SET ended_at = ended_at WHERE id = $1 AND ended_at IS NOT NULL";
                    // A signature that was given stands in the document first.
                    if tx.execute(sql, params![&id]).await? != 1 {
                        return Err(SigningError::Over);
                    }
                    forget(tx, &id).await?;
                } else {
                    document::erase(tx, &id).await?;
                }
                let act = if withdrawn { "signing.withdrawn" } else { "signing.forgotten" };
                let detail = serde_json::json!({});
                let (actor, duty) = whose.hand();
                let record = audit::Record { actor, duty, act, subject: &id, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

async fn forget(tx: &mut Tx, request: &str) -> Result<(), StoreError> {
    document::erase(tx, request).await?;
    tx.execute("DELETE FROM signing_signer WHERE request_id = $1", params![request]).await?;
    tx.execute("DELETE FROM signing_request WHERE id = $1", params![request]).await?;
    Ok(())
}

/// Closes requests whose deadline passed, and forgets those that ended long ago.
pub(super) async fn sweep(platform: &Platform) -> Result<(), StoreError> {
    let now_ms = platform.now_ms();
    let rows = limits::SIGNING_ROWS.get();
    let sql =
        "SELECT id FROM signing_request WHERE state = 'waiting' AND ends_at <= $1 ORDER BY ends_at LIMIT $2";
    for row in platform.store.fetch_all(sql, params![now_ms, rows]).await? {
        let (id, wake) = (row.text("id")?, event::wake(platform));
        platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE signing_request SET state = 'expired', ended_at = $2 \
                               WHERE id = $1 AND state = 'waiting' AND ends_at <= $2";
                    if tx.execute(sql, params![&id, now_ms]).await? == 0 {
                        return Ok(());
                    }
                    document::erase(tx, &id).await?;
                    event::enqueue(tx, &id, State::Expired, wake).await?;
                    let (act, detail) = ("signing.expired", serde_json::json!({}));
                    let record = audit::Record { actor: "system", duty: "system", act, subject: &id, detail };
                    audit::record(tx, record).await
                })
            })
            .await?;
    }
    let before = now_ms.saturating_sub(limits::SIGNING_KEPT.get());
    let sql = "SELECT id FROM signing_request WHERE state NOT IN ('waiting', 'assembling') AND ended_at <= $1 \
               ORDER BY ended_at LIMIT $2";
    let old = platform.store.fetch_all(sql, params![before, rows]).await?;
    for row in old {
        let id = row.text("id")?;
        platform
            .store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { forget(tx, &id).await }))
            .await?;
    }
    event::sweep(platform, now_ms).await
}
