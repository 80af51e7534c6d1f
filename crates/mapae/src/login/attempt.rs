//! Attempts: one row for each login that a phone answered, and the conditional statement that lets one answer count.

use openid::approval::Level;

use crate::operations::limits;
use crate::operations::store::{Store, StoreError, Tx, params};
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

/// Which badge answered, and what it was granted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer<'a> {
    /// The badge; none if nobody is known to have answered.
    pub(super) badge: Option<&'a str>,
    /// What was granted, if anything.
    pub(super) grant: Option<&'a Grant>,
}

/// Whether this badge or this relying party has seen so many wrong numbers that answers must wait: who guesses numbers, or
/// lets others guess, is slowed down (RFC 10027).
///
/// # Errors
/// The store.
pub(super) async fn must_wait(
    tx: &mut Tx,
    badge: &str,
    party: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let since = now_ms.saturating_sub(limits::LOGIN_WRONG_WINDOW.get());
    let by_badge = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM login_attempt \
             WHERE answered_by = $1 AND created_at > $2 AND outcome = 'number_wrong'",
            params![badge, since],
        )
        .await?;
    let at_party = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM login_attempt \
             WHERE relying_party = $1 AND created_at > $2 AND outcome = 'number_wrong'",
            params![party, since],
        )
        .await?;
    Ok(by_badge.int("n")? >= limits::LOGIN_WRONG_BADGE.get()
        || at_party.int("n")? >= limits::LOGIN_WRONG_PARTY.get())
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
    answer: Answer<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let grant = answer.grant;
    let rows = tx
        .execute(
            "INSERT INTO login_attempt (id, relying_party, outcome, badge, subject, acr, same_device, claims, \
             created_at, expires_at, answered_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (id) DO NOTHING",
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
                answer.badge.map(str::to_owned),
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

/// Removes attempts that are long over; returns how many. What happened stays in the audit log.
///
/// # Errors
/// The store.
pub(super) async fn sweep(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM login_attempt WHERE id IN \
         (SELECT id FROM login_attempt WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
        params![before, limits::LOGIN_SWEEP_ROWS.get()],
    )
    .await
}
