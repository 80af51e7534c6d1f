//! Sessions: one row for the login of one badge at one relying party, and every conditional statement that decides a race
//! over it. It is opened by a code or device code, carried on by refresh tokens, and ends once and for good.

use openid::approval::Level;

use super::logout;
use crate::operations::limits;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::verification::relying_party::level_stored;

/// A session to be opened by a code.
#[derive(Clone, Debug)]
pub(super) struct NewSession {
    /// Row id, and `sid`.
    pub(super) id: String,
    /// The attempt whose code opens it.
    pub(super) attempt: String,
    /// SHA-256 of the access token.
    pub(super) token_hash: Vec<u8>,
    /// The claims, sealed under a key of the access token.
    pub(super) claims: Vec<u8>,
    /// When the access token ends, in milliseconds.
    pub(super) expires_ms: i64,
    /// The scope granted.
    pub(super) scope: String,
    /// The DPoP key the tokens are bound to.
    pub(super) jkt: Option<String>,
    /// When the session ends, in milliseconds.
    pub(super) ends_ms: i64,
    /// The claims, sealed under a key of the refresh token, where there is one.
    pub(super) refresh_claims: Option<Vec<u8>>,
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
             created_at, expires_at, scope, jkt, authenticated_at, token_at, ends_at, refreshed, refresh_claims) \
             SELECT $2, id, relying_party, badge, subject, acr, $3, $4, $5, $6, $7, $8, created_at, $5, $9, 0, $10 \
             FROM login_attempt WHERE id = $1",
            params![
                new.attempt.as_str(),
                new.id.as_str(),
                new.token_hash.clone(),
                new.claims.clone(),
                now_ms,
                new.expires_ms,
                new.scope.as_str(),
                new.jkt.clone(),
                new.ends_ms,
                new.refresh_claims.clone(),
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
    let opened = tx
        .fetch_optional("SELECT id FROM login_session WHERE attempt = $1", params![new.attempt.as_str()])
        .await?;
    if let Some(opened) = opened {
        end(tx, &opened.text("id")?, "code_replayed", logout::Tell::Party, now_ms).await?;
    }
    Ok(Redeemed::Replayed)
}

/// Ends one session; `false` if it had ended before. The relying party is told where it has not asked for it itself.
///
/// # Errors
/// The store.
pub(super) async fn end(
    tx: &mut Tx,
    id: &str,
    reason: &str,
    tell: logout::Tell,
    now_ms: i64,
) -> Result<bool, StoreError> {
    if tell == logout::Tell::Party {
        logout::queue_session(tx, id, now_ms).await?;
    }
    let rows = tx
        .execute(
            "UPDATE login_session SET ended_at = $2, end_reason = $3, claims = NULL, refresh_claims = NULL \
             WHERE id = $1 AND ended_at IS NULL",
            params![id, now_ms, reason],
        )
        .await?;
    Ok(rows == 1)
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
    logout::queue_badge(tx, badge, now_ms).await?;
    tx.execute(
        "UPDATE login_session SET ended_at = $2, end_reason = $3, claims = NULL, refresh_claims = NULL \
         WHERE badge = $1 AND ended_at IS NULL",
        params![badge, now_ms, reason],
    )
    .await
}

/// Ends every session and every open code of a relying party.
pub(super) async fn end_party(tx: &mut Tx, party: &str, now_ms: i64) -> Result<u64, StoreError> {
    tx.execute(
        // Codes that are over need no end of their own; those of the last moments are found by their time.
        "UPDATE login_attempt SET revoked_at = $2, claims = NULL WHERE relying_party = $1 AND revoked_at IS NULL \
         AND expires_at > $2",
        params![party, now_ms],
    )
    .await?;
    logout::queue_party(tx, party, now_ms).await?;
    tx.execute(
        "UPDATE login_session SET ended_at = $2, end_reason = 'party_ended', claims = NULL, refresh_claims = NULL \
         WHERE relying_party = $1 AND ended_at IS NULL",
        params![party, now_ms],
    )
    .await
}

/// After a restore: every login and every session is over, and relying parties that want to hear of it are told.
pub(super) async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    tx.execute(
        "UPDATE login_attempt SET revoked_at = $1, claims = NULL WHERE revoked_at IS NULL",
        params![now_ms],
    )
    .await?;
    tx.execute("DELETE FROM login_device", params![]).await?;
    tx.execute("DELETE FROM login_app", params![]).await?;
    tx.execute("DELETE FROM login_browser_start", params![]).await?;
    logout::queue_everybody(tx, now_ms).await?;
    tx.execute(
        "UPDATE login_session SET ended_at = $1, end_reason = 'restored', claims = NULL, refresh_claims = NULL \
         WHERE ended_at IS NULL",
        params![now_ms],
    )
    .await
}

/// A live session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Row id, and `sid`.
    pub(super) id: String,
    /// The relying party.
    pub(super) party: String,
    /// The badge.
    pub(super) badge: String,
    /// The person at the relying party.
    pub(super) subject: String,
    /// How strongly the holder approved.
    pub(super) level: Level,
    /// The scope granted.
    pub(super) scope: String,
    /// The DPoP key the tokens are bound to.
    pub(super) jkt: Option<String>,
    /// The claims, sealed under a key of the access token.
    pub(super) claims: Vec<u8>,
    /// When the holder approved, in milliseconds.
    pub(super) authenticated_ms: i64,
    /// When the access token was made, in milliseconds.
    pub(super) token_ms: i64,
    /// When the access token ends, in milliseconds.
    pub(super) expires_ms: i64,
    /// When the session ends, in milliseconds.
    pub(super) ends_ms: i64,
    /// The number of the refresh token that counts.
    pub(super) refreshed: i64,
    /// The claims, sealed under a key of that refresh token.
    pub(super) refresh_claims: Vec<u8>,
}

impl Session {
    fn read(row: &Row) -> Result<Session, StoreError> {
        Ok(Session {
            id: row.text("id")?,
            party: row.text("relying_party")?,
            badge: row.text("badge")?,
            subject: row.text("subject")?,
            level: level_stored(&row.text("acr")?)?,
            scope: row.text("scope")?,
            jkt: row.opt_text("jkt")?,
            claims: row.opt_bytes("claims")?.unwrap_or_default(),
            authenticated_ms: row.int("authenticated_at")?,
            token_ms: row.int("token_at")?,
            expires_ms: row.int("expires_at")?,
            ends_ms: row.int("ends_at")?,
            refreshed: row.int("refreshed")?,
            refresh_claims: row.opt_bytes("refresh_claims")?.unwrap_or_default(),
        })
    }
}

/// The session of an access token, if both are alive and its relying party's registration counts.
///
/// # Errors
/// The store.
pub(super) async fn by_token(
    store: &Store,
    access_token: &str,
    now_ms: i64,
) -> Result<Option<Session>, StoreError> {
    let hash = keys::sha256(access_token.as_bytes()).to_vec();
    let row = store
        .fetch_optional(
            "SELECT login_session.* FROM login_session JOIN relying_party ON relying_party.id = login_session.relying_party \
             WHERE token_hash = $1 AND login_session.ended_at IS NULL AND login_session.expires_at > $2 \
             AND relying_party.ended_at < authenticated_at AND disabled_at IS NULL \
             AND (relying_party.expires_at IS NULL OR relying_party.expires_at > $2)",
            params![hash, now_ms],
        )
        .await?;
    row.as_ref().map(Session::read).transpose()
}

/// A session that has not ended, by its id.
///
/// # Errors
/// The store.
pub(super) async fn by_id(store: &Store, id: &str, now_ms: i64) -> Result<Option<Session>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT login_session.* FROM login_session JOIN relying_party ON relying_party.id = login_session.relying_party \
             WHERE login_session.id = $1 AND login_session.ended_at IS NULL AND ends_at > $2 \
             AND relying_party.ended_at < authenticated_at",
            params![id, now_ms],
        )
        .await?;
    row.as_ref().map(Session::read).transpose()
}

/// The tokens that replace a session's.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    /// The session.
    pub(super) id: String,
    /// The number of the refresh token that was presented.
    pub(super) presented: i64,
    /// The number of the one that counts from now on.
    pub(super) next: i64,
    /// SHA-256 of the new access token.
    pub(super) token_hash: Vec<u8>,
    /// The claims, sealed under a key of the new access token.
    pub(super) claims: Vec<u8>,
    /// When it ends, in milliseconds.
    pub(super) expires_ms: i64,
    /// The DPoP key it is bound to.
    pub(super) jkt: Option<String>,
    /// The claims, sealed under a key of the refresh token that counts from now on.
    pub(super) refresh_claims: Vec<u8>,
}

/// Replaces the tokens of a session: one conditional statement decides. `false` if the refresh token presented is not the
/// one that counts, or the session has ended.
///
/// # Errors
/// The store.
pub(super) async fn renew(tx: &mut Tx, renewal: &Renewal, now_ms: i64) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE login_session SET refreshed = $3, token_hash = $4, claims = $5, token_at = $6, expires_at = $7, \
             refresh_claims = $8, jkt = $9 WHERE id = $1 AND refreshed = $2 AND ended_at IS NULL AND ends_at > $6",
            params![
                renewal.id.as_str(),
                renewal.presented,
                renewal.next,
                renewal.token_hash.clone(),
                renewal.claims.clone(),
                now_ms,
                renewal.expires_ms,
                renewal.refresh_claims.clone(),
                renewal.jkt.clone(),
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// Removes sessions that are long over; returns how many. What happened stays in the audit log.
///
/// # Errors
/// The store.
pub(super) async fn sweep(tx: &mut Tx, before: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM login_session WHERE id IN \
         (SELECT id FROM login_session WHERE ends_at < $1 AND expires_at < $1 ORDER BY ends_at LIMIT $2)",
        params![before, limits::LOGIN_SWEEP_ROWS.get()],
    )
    .await
}
