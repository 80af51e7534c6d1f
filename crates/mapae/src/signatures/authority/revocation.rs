//! What is revoked: told as lists and as answers, made anew from the table each time.

use keys::SignError;
use keys::encoding::{hex_decode, hex_encode};
use signing::pades::Material;
use signing::revocation::{OcspQuestion, Reason, Responder, Revoked, State, issue_crl, questions};

use super::key::Authority;
use super::{AuthorityError, open};
use crate::audit;
use crate::operations::store::{Row, StoreError, params};
use crate::operations::{KeyName, Platform, limits};

/// Whose list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Root,
    Authority,
}

fn code(reason: Reason) -> i64 {
    match reason {
        Reason::Unspecified => 0,
        Reason::KeyCompromise => 1,
        Reason::AuthorityCompromise => 2,
        Reason::AffiliationChanged => 3,
        Reason::Superseded => 4,
        Reason::CessationOfOperation => 5,
        Reason::Hold => 6,
    }
}

fn reason(code: Option<i64>) -> Reason {
    match code {
        Some(1) => Reason::KeyCompromise,
        Some(2) => Reason::AuthorityCompromise,
        Some(3) => Reason::AffiliationChanged,
        Some(4) => Reason::Superseded,
        Some(5) => Reason::CessationOfOperation,
        Some(6) => Reason::Hold,
        _ => Reason::Unspecified,
    }
}

fn unusable(error: impl std::fmt::Display) -> AuthorityError {
    AuthorityError::Key("authority", error.to_string())
}

/// The list of the root or of the authority as it is now, DER.
pub(super) async fn list(platform: &Platform, whose: Whose) -> Result<Vec<u8>, AuthorityError> {
    let authority = open(platform).await?;
    let role = if whose == Whose::Root { "role = 'authority'" } else { "role <> 'authority'" };
    let sql = format!(
        "SELECT serial, revoked_at, reason FROM document_certificate WHERE revoked_at IS NOT NULL AND {role} \
         ORDER BY serial LIMIT $1"
    );
    let most = limits::DOCUMENT_REVOKED.get();
    // Only the two constants above go into the text.
    let rows = platform.store.fetch_all(sqlx::AssertSqlSafe(sql), params![most + 1]).await?;
    // A list that leaves one out would call it good.
    if rows.len() > limits::DOCUMENT_REVOKED.size() {
        return Err(unusable("more certificates are revoked than a list holds"));
    }
    let revoked = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let valid = (now_s, now_s + limits::DOCUMENT_LIST_LIFE.get() / 1_000);
    // Numbers rise with time (RFC 5280 §5.2.3); two lists of one millisecond are the same list.
    let number = platform.now_ms().unsigned_abs();
    let made: Result<Vec<u8>, SignError> = match whose {
        Whose::Authority => {
            issue_crl(&authority.own.certificate, &*authority.own.signer, &revoked, valid, number)
        }
        Whose::Root => {
            let signer = platform.keys.signer(KeyName::PlatformRoot).map_err(unusable)?;
            issue_crl(platform.keys.root(), &*signer, &revoked, valid, number)
        }
    };
    made.map_err(unusable)
}

fn entry(row: &Row) -> Result<Revoked, StoreError> {
    let serial = hex_decode(&row.text("serial")?)
        .map_err(|_| StoreError::Column("serial".into(), "is no serial number".into()))?;
    let since = row.opt_int("revoked_at")?.unwrap_or_default();
    Ok(Revoked { serial, since, reason: reason(row.opt_int("reason")?) })
}

/// What must go along with a document so that it can be checked without asking anyone.
///
/// # Errors
/// The store or a key fails.
pub async fn material(platform: &Platform) -> Result<Material, AuthorityError> {
    let authority = open(platform).await?;
    let crls = vec![list(platform, Whose::Root).await?, list(platform, Whose::Authority).await?];
    let certificates = vec![platform.keys.root().der().to_vec(), authority.own.certificate.der().to_vec()];
    Ok(Material { certificates, crls, ocsps: Vec::new() })
}

/// Answers a request for the state of certificates (RFC 6960).
pub(super) async fn answer(platform: &Platform, request: &[u8]) -> Result<Vec<u8>, AuthorityError> {
    let authority = open(platform).await?;
    let Ok((asked, nonce)) = questions(request) else { return Ok(Responder::malformed()) };
    let mut answers = Vec::with_capacity(asked.len());
    for question in asked {
        let state = state(platform, authority, &question).await?;
        answers.push((question, state));
    }
    let now_s = platform.now_ms().div_euclid(1_000);
    let valid = (now_s, now_s + limits::DOCUMENT_ANSWER_LIFE.get() / 1_000);
    authority.responder.answer(&answers, valid, nonce.as_deref()).map_err(unusable)
}

async fn state(
    platform: &Platform,
    authority: &Authority,
    question: &OcspQuestion,
) -> Result<State, AuthorityError> {
    if !question.is_of(&authority.own.certificate) {
        return Ok(State::Unknown);
    }
    let sql = "SELECT revoked_at, reason FROM document_certificate WHERE serial = $1 AND role <> 'authority'";
    let row = platform.store.fetch_optional(sql, params![hex_encode(&question.serial)]).await?;
    Ok(match row {
        None => State::Unknown,
        Some(row) => match row.opt_int("revoked_at")? {
            None => State::Good,
            Some(since) => State::Revoked(since, reason(row.opt_int("reason")?)),
        },
    })
}

/// Revokes a certificate for good; a seal of that certificate signs no more. `since` in seconds since 1970.
///
/// # Errors
/// There is no such certificate, or it is revoked already.
pub async fn revoke(
    platform: &Platform,
    serial: &str,
    reason: Reason,
    since: Option<i64>,
    actor: &str,
) -> Result<(), AuthorityError> {
    let (serial, actor) = (serial.to_ascii_lowercase(), actor.to_owned());
    platform
        .store
        .write::<_, AuthorityError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let since = since.unwrap_or(now_ms.div_euclid(1_000)).min(now_ms.div_euclid(1_000));
                let sql = "UPDATE document_certificate SET revoked_at = $2, reason = $3 \
                           WHERE serial = $1 AND revoked_at IS NULL";
                if tx.execute(sql, params![&serial, since, code(reason)]).await? != 1 {
                    return Err(AuthorityError::Certificate);
                }
                let sql = "UPDATE document_key SET state = 'revoked', ended_at = $2 WHERE serial = $1";
                tx.execute(sql, params![&serial, now_ms]).await?;
                let detail = serde_json::json!({ "reason": reason, "since": since });
                let (act, subject) = ("document.certificate_revoked", &serial);
                let record = audit::Record { actor: &actor, duty: "operator", act, subject, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}
