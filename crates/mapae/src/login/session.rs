//! Attempts and sessions: the two tables, and every conditional statement that decides a race over them.

use openid::approval::Level;

use crate::operations::limits;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::verification::relying_party::{level_stored, level_text};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The code may be redeemed, once.
    Granted,
    /// The holder said no.
    Denied,
    /// The holder typed another number.
    NumberWrong,
    /// The badge is suspended.
    BadgeSuspended,
    /// The badge has ended.
    BadgeRevoked,
}

impl Outcome {
    const ALL: [Outcome; 5] = [
        Outcome::Granted,
        Outcome::Denied,
        Outcome::NumberWrong,
        Outcome::BadgeSuspended,
        Outcome::BadgeRevoked,
    ];

    /// The text stored and shown.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Outcome::Granted => "granted",
            Outcome::Denied => "denied",
            Outcome::NumberWrong => "number_wrong",
            Outcome::BadgeSuspended => "badge_suspended",
            Outcome::BadgeRevoked => "badge_revoked",
        }
    }

    fn stored(text: &str) -> Result<Outcome, StoreError> {
        let found = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| StoreError::Column("outcome".to_owned(), "unknown value".to_owned()))
    }
}

/// A granted login, before its code is redeemed.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The badge that was shown.
    pub(super) badge: String,
    /// The person at this relying party.
    pub(super) subject: String,
    /// What the account role's record allows to claim.
    pub(super) level: Level,
    /// The claims, sealed under a key of the code.
    pub(super) claims: Vec<u8>,
}

/// How an attempt ended, as the page asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Concluded {
    /// How.
    pub(super) outcome: Outcome,
    /// Whether only the browser that the wallet returned to may go on.
    pub(super) same_device: bool,
}

/// Writes how an attempt ended; `true` for the one caller that consumed it. Every QR of the page ends with this row.
///
/// # Errors
/// The store.
pub(super) async fn conclude(
    tx: &mut Tx,
    id: &str,
    party: &str,
    outcome: Outcome,
    same_device: bool,
    grant: Option<&Grant>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "INSERT INTO login_attempt (id, relying_party, outcome, badge, subject, acr, same_device, claims, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING",
            params![
                id,
                party,
                outcome.as_str(),
                grant.map(|grant| grant.badge.clone()),
                grant.map(|grant| grant.subject.clone()),
                grant.map(|grant| level_text(grant.level).to_owned()),
                i64::from(same_device),
                grant.map(|grant| grant.claims.clone()),
                now_ms,
                now_ms.saturating_add(limits::LOGIN_GRANT.get()),
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// How an attempt ended, if it did.
///
/// # Errors
/// The store.
pub(super) async fn concluded(store: &Store, id: &str) -> Result<Option<Concluded>, StoreError> {
    let row = store
        .fetch_optional("SELECT outcome, same_device FROM login_attempt WHERE id = $1", params![id])
        .await?;
    row.map(|row| {
        let outcome = Outcome::stored(&row.text("outcome")?)?;
        Ok(Concluded { outcome, same_device: row.int("same_device")? == 1 })
    })
    .transpose()
}

/// A granted attempt as the token endpoint reads it before it tries to redeem it.
#[derive(Clone, Debug)]
pub(super) struct Redeemable {
    /// What was granted.
    pub(super) grant: Grant,
    /// When the holder approved, in milliseconds.
    pub(super) at_ms: i64,
}

/// The attempt behind a code; `None` if there is none or it was not granted.
///
/// # Errors
/// The store.
pub(super) async fn redeemable(store: &Store, id: &str) -> Result<Option<Redeemable>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT badge, subject, acr, claims, created_at FROM login_attempt WHERE id = $1 AND outcome = 'granted'",
            params![id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let grant = Grant {
        badge: row.text("badge")?,
        subject: row.text("subject")?,
        level: level_stored(&row.text("acr")?)?,
        claims: row.opt_bytes("claims")?.unwrap_or_default(),
    };
    Ok(Some(Redeemable { grant, at_ms: row.int("created_at")? }))
}

/// A session to be opened by a code.
#[derive(Clone, Debug)]
pub(super) struct NewSession {
    /// Row id.
    pub(super) id: String,
    /// The attempt whose code opens it.
    pub(super) attempt: String,
    /// SHA-256 of the access token.
    pub(super) token_hash: Vec<u8>,
    /// The claims, sealed under a key of the access token.
    pub(super) claims: Vec<u8>,
    /// When it ends, in milliseconds.
    pub(super) expires_ms: i64,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redeemed {
    /// The session is open; nobody else can redeem this code.
    Open,
    /// It was redeemed before: the session it opened has just been ended (RFC 6749 §4.1.2).
    Replayed,
    /// Its time is over, or the badge was suspended since.
    Gone,
}

/// Redeems a code: one conditional statement decides, and the session is copied from the attempt it consumed.
///
/// `known` tells that the caller has read the claims; without them there is nothing to open a session with.
///
/// # Errors
/// The store.
pub(super) async fn redeem(
    tx: &mut Tx,
    new: &NewSession,
    known: bool,
    now_ms: i64,
) -> Result<Redeemed, StoreError> {
    let consumed = if known {
        tx.execute(
            "UPDATE login_attempt SET redeemed_at = $2, claims = NULL WHERE id = $1 AND outcome = 'granted' \
             AND redeemed_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
            params![new.attempt.as_str(), now_ms],
        )
        .await?
    } else {
        0
    };
    if consumed == 1 {
        tx.execute(
            "INSERT INTO login_session (id, attempt, relying_party, badge, subject, acr, token_hash, claims, \
             created_at, expires_at) \
             SELECT $2, id, relying_party, badge, subject, acr, $3, $4, $5, $6 FROM login_attempt WHERE id = $1",
            params![
                new.attempt.as_str(),
                new.id.as_str(),
                new.token_hash.clone(),
                new.claims.clone(),
                now_ms,
                new.expires_ms,
            ],
        )
        .await?;
        return Ok(Redeemed::Open);
    }
    let replayed = tx
        .execute(
            "UPDATE login_attempt SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 AND redeemed_at IS NOT NULL",
            params![new.attempt.as_str(), now_ms],
        )
        .await?;
    if replayed == 0 {
        return Ok(Redeemed::Gone);
    }
    tx.execute(
        "UPDATE login_session SET ended_at = $2, end_reason = 'code_replayed', claims = NULL \
         WHERE attempt = $1 AND ended_at IS NULL",
        params![new.attempt.as_str(), now_ms],
    )
    .await?;
    Ok(Redeemed::Replayed)
}

/// Ends every session of a badge and makes every open code of it worthless. Nothing brings them back.
///
/// # Errors
/// The store.
pub(super) async fn end_all(tx: &mut Tx, badge: &str, reason: &str, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE login_attempt SET revoked_at = $2, claims = NULL WHERE badge = $1 AND revoked_at IS NULL",
        params![badge, now_ms],
    )
    .await?;
    tx.execute(
        "UPDATE login_session SET ended_at = $2, end_reason = $3, claims = NULL WHERE badge = $1 AND ended_at IS NULL",
        params![badge, now_ms, reason],
    )
    .await
}

/// A live session as userinfo reads it.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The person at the relying party.
    pub(super) subject: String,
    /// The claims, sealed under a key of the access token.
    pub(super) claims: Vec<u8>,
}

/// The session of an access token, if it is alive.
///
/// # Errors
/// The store.
pub(super) async fn by_token(
    store: &Store,
    token_hash: Vec<u8>,
    now_ms: i64,
) -> Result<Option<Session>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT subject, claims FROM login_session \
             WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > $2",
            params![token_hash, now_ms],
        )
        .await?;
    row.map(|row: Row| {
        Ok(Session { subject: row.text("subject")?, claims: row.opt_bytes("claims")?.unwrap_or_default() })
    })
    .transpose()
}

/// Removes attempts and sessions that are long over; returns how many. What happened stays in the audit log.
///
/// # Errors
/// The store.
pub(super) async fn sweep(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    let before = now_ms.saturating_sub(limits::LOGIN_KEPT.get());
    store
        .write(move |tx| {
            Box::pin(async move {
                let rows = limits::LOGIN_SWEEP_ROWS.get();
                let sessions = tx
                    .execute(
                        "DELETE FROM login_session WHERE id IN \
                         (SELECT id FROM login_session WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                        params![before, rows],
                    )
                    .await?;
                let attempts = tx
                    .execute(
                        "DELETE FROM login_attempt WHERE id IN \
                         (SELECT id FROM login_attempt WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
                        params![before, rows],
                    )
                    .await?;
                Ok::<u64, StoreError>(sessions.saturating_add(attempts))
            })
        })
        .await
}
