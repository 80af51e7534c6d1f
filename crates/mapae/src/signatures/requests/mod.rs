//! Documents that wait for officials' signatures (PAdES B-LT, protocols.md §7).
//!
//! ```text
//! asked ─▶ waiting ─▶ assembling ─▶ waiting (the next signer) … ─▶ signed
//!            ├▶ refused (with a reason)          │ the signature is given; a worker puts it into the document
//!            ├▶ expired                          └ and nothing stops it any more
//!            └▶ withdrawn
//! ```
//!
//! * `asking`: who may ask for what; one transaction writes request, document and signers.
//! * `holder`: what the phone sees, opens, refuses; and the effect of the PIN instruction that signs.
//! * `assembling`: puts a given signature into the document, with timestamp and proof.
//! * `document`: the bytes, in sealed pieces.
//! * `event`: word to the relying party's webhook.
//! * `console`: an agency's desk asks its own officials.
//! * `api`: the routes of relying parties; `csc`: the same in the words of the Cloud Signature Consortium.
//!
//! Nothing here can make a signature: the key is made on the phone, and what it signs is made there from the bytes that were
//! shown. What is stored is a signature that verifies under the certificate of that key, with a PIN instruction that names
//! the request's text, the attributes and the certificate, of a holder whose badge is active in that very transaction.

mod api;
mod asking;
mod assembling;
mod console;
mod csc;
mod document;
mod event;
mod holder;
mod request;

use http::StatusCode;

pub use self::api::routes;
pub use self::console::routes as console_routes;
pub use self::holder::{Given, Phone, apply, given, open, refuse, seen, waiting};

use super::authority::AuthorityError;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{Platform, Problem, limits};
use crate::personnel::PersonnelError;
use signing::pades::PadesError;
use std::sync::Arc;

/// Wakes this process's worker; another replica's looks by itself.
#[derive(Debug, Default)]
pub struct Memory {
    assemble: Arc<tokio::sync::Notify>,
    tell: Arc<tokio::sync::Notify>,
}

/// Why a signature was not asked for, shown or given.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("the API key is missing or unknown")]
    Unauthorized,
    #[error("the relying party's registration has expired")]
    PartyExpired,
    #[error("the document is no base64, or too large")]
    Size,
    #[error("{0} is empty, too long, or holds control characters")]
    Text(&'static str),
    #[error("the deadline is too near or too far")]
    Deadline,
    #[error("too few or too many signers, or one twice")]
    Signers,
    #[error("signer {0} is not known or holds no badge")]
    Signer(usize),
    #[error("no webhook is registered")]
    Webhook,
    #[error("too many documents wait")]
    Full,
    #[error("there is no such signing request")]
    Unknown,
    #[error("the signing request is over")]
    Over,
    #[error("the document changed since it was shown")]
    Changed,
    #[error("it was opened too often")]
    TooOften,
    #[error("no certificate was opened for this signature, or its time is over")]
    NotOpen,
    #[error("the document is not signed by all yet")]
    NotSigned,
    #[error("not what the path expects: {0}")]
    Malformed(&'static str),
    #[error("the account holds no active badge")]
    NoBadge,
    #[error(transparent)]
    Pdf(#[from] PadesError),
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Internal(&'static str),
}

/// Codes that a phone acts on.
mod code {
    pub(super) const OVER: &str = "signing_over";
    pub(super) const NOT_OPEN: &str = "signing_not_open";
}

impl From<SigningError> for Problem {
    fn from(error: SigningError) -> Problem {
        use SigningError as E;
        match error {
            E::Unauthorized => Problem::new(StatusCode::UNAUTHORIZED, "signing_unauthorized"),
            E::PartyExpired => Problem::new(StatusCode::FORBIDDEN, "signing_party_expired"),
            E::Size => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "signing_size")
                .with("mib", limits::SIGNING_DOCUMENT.get() >> 20),
            E::Text(field) => Problem::new(StatusCode::BAD_REQUEST, "signing_text").with("field", field),
            E::Deadline => Problem::new(StatusCode::BAD_REQUEST, "signing_deadline"),
            E::Signers => Problem::new(StatusCode::BAD_REQUEST, "signing_signers"),
            E::Signer(place) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "signing_signer").with("place", place)
            }
            E::Webhook => Problem::new(StatusCode::BAD_REQUEST, "signing_webhook"),
            E::Full => Problem::new(StatusCode::TOO_MANY_REQUESTS, "signing_full"),
            E::Unknown => Problem::new(StatusCode::NOT_FOUND, "signing_unknown"),
            E::Over => Problem::new(StatusCode::CONFLICT, code::OVER),
            E::Changed => Problem::new(StatusCode::CONFLICT, "signing_changed"),
            E::TooOften => Problem::new(StatusCode::TOO_MANY_REQUESTS, "signing_too_often"),
            E::NotOpen => Problem::new(StatusCode::CONFLICT, code::NOT_OPEN),
            E::NotSigned => Problem::new(StatusCode::CONFLICT, "signing_not_signed"),
            E::Malformed(_) => Problem::new(StatusCode::BAD_REQUEST, "malformed"),
            E::NoBadge => Problem::new(StatusCode::CONFLICT, "no_badge"),
            E::Pdf(error) => AuthorityError::Pdf(error).into(),
            E::Authority(error) => error.into(),
            E::Personnel(error) => error.into(),
            E::Store(error) => error.into(),
            E::Internal(cause) => Problem::internal(cause),
        }
    }
}

/// After a restore: what waits may have been signed since the backup, and is asked for anew.
///
/// # Errors
/// The store.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    tx.execute("DELETE FROM signing_event", params![]).await?;
    let sql = "UPDATE signing_request SET state = 'withdrawn', ended_at = $1 WHERE state IN ('waiting', 'assembling')";
    tx.execute(sql, params![now_ms]).await
}

/// Starts the workers of this folder.
pub fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let assembler = Arc::clone(platform);
    tasks.spawn(move |stop| assembling::run(assembler, stop));
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::SIGNING_SWEEP.duration()).await {
            if let Err(error) = asking::sweep(&sweeper).await {
                tracing::warn!(%error, "signing requests that are over could not be closed; tried again later");
            }
        }
    });
    let bringer = Arc::clone(platform);
    tasks.spawn(move |stop| event::run(bringer, stop));
}

/// Puts every given signature into its document, as the worker does a moment later.
#[cfg(test)]
pub(crate) async fn assemble_for_tests(platform: &Platform) {
    assembling::round(platform).await.expect("assembled");
}

/// Closes what is over, as the sweeper does.
#[cfg(test)]
pub(crate) async fn sweep_for_tests(platform: &Platform) {
    asking::sweep(platform).await.expect("swept");
}

/// Brings what is due to webhooks once.
#[cfg(test)]
pub(crate) async fn tell_for_tests(platform: &Arc<Platform>) {
    event::round(platform).await.expect("told");
}
