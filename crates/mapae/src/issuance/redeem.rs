//! Redeeming an offer, once, whichever code leads to it.

use openid::OAuthError;

use super::client::Proofs;
use super::offer::{self, OfferRow};
use crate::audit;
use crate::lifecycle::{self, Badge};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{id, limits};

/// What became of an attempt to redeem an offer.
#[derive(Debug)]
pub(super) enum Redeemed {
    /// It is redeemed; with a refresh token, where no account of ours renews the copies.
    Yes { refreshable: bool },
    /// A proof was used before.
    Replayed(OAuthError),
    /// Unknown, expired, used, void, or another key's.
    No,
    /// The transaction code was wrong; so many tries are left.
    WrongCode { tries_left: i64 },
}

/// One attempt.
pub(super) struct Attempt {
    pub(super) offer_id: String,
    pub(super) tx_code_hash: Option<Vec<u8>>,
    pub(super) proofs: Proofs,
    pub(super) did: String,
    /// By an authorization code whose client, verifier and key were judged: presented twice, it ends what it led to.
    pub(super) by_code: bool,
}

/// Redeems.
pub(super) async fn redeem(tx: &mut Tx, attempt: &Attempt) -> Result<Redeemed, StoreError> {
    let Attempt { offer_id, proofs, .. } = attempt;
    if let Some(replayed) = proofs.consume(tx).await? {
        return Ok(Redeemed::Replayed(replayed));
    }
    if let Some(typed) = &attempt.tx_code_hash
        && let Some(refused) = charge(tx, attempt, typed).await?
    {
        return Ok(refused);
    }
    let jkt = proofs.jkt().unwrap_or_default();
    let now_ms = tx.now_ms();
    let redeemed = tx
        .fetch_optional(
            concat!(
                "UPDATE issuance_offer SET state = 'redeemed', dpop_jkt = $3, changed_at = $2 \
                 WHERE id = $1 AND state = 'open' AND expires_at > $2 AND (dpop_jkt IS NULL OR dpop_jkt = $3) RETURNING ",
                offer::columns!()
            ),
            params![offer_id, now_ms, jkt],
        )
        .await?;
    let Some(row) = redeemed else {
        if attempt.by_code {
            end_replayed(tx, offer_id).await?;
        }
        return Ok(Redeemed::No);
    };
    let row = OfferRow::read(&row)?;
    if row.is_renewal() {
        // The badge was active when the renewal was offered; a suspension since then has voided the offer.
        return Ok(Redeemed::Yes { refreshable: false });
    }
    // What a credential beside the badge replaces is looked for when it is entered.
    let replaces = match row.is_of_badge() {
        true => Badge::live_of_employee_in(tx, &row.employee_id).await?.map(|badge| badge.id),
        false => None,
    };
    let slot = lifecycle::reserve_slot(tx, &attempt.did).await?;
    tx.execute(
        "UPDATE issuance_offer SET badge_id = $2, issuing_did = $3, slot = $4, replaces = $5 WHERE id = $1",
        params![offer_id, id::new(), &attempt.did, slot, replaces],
    )
    .await?;
    // A wallet with an account of ours asks the account for more copies, which knows when the PIN was last right.
    let refreshable = row.account_id.is_none();
    if refreshable {
        let expires_ms = now_ms.saturating_add(limits::REFRESH_TOKEN_LIFE.get());
        tx.execute(
            "INSERT INTO issuance_grant (offer_id, dpop_jkt, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            params![offer_id, jkt, now_ms, expires_ms],
        )
        .await?;
    }
    Ok(Redeemed::Yes { refreshable })
}

/// A code came twice: nothing more comes of it, neither by its access tokens nor by its refresh token (RFC 6749
/// §4.1.2). A code that only expired has led to nothing.
///
/// The offer is locked before the grant, as who redeems it does: of many on PostgreSQL some hold its row already.
async fn end_replayed(tx: &mut Tx, offer_id: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let mut ended = 0;
    for sql in [
        "UPDATE issuance_offer SET state = 'void', changed_at = $2 WHERE id = $1 AND state = 'redeemed'",
        "UPDATE issuance_offer SET closed_at = $2 WHERE id = $1 AND state = 'issued' AND closed_at IS NULL",
        "UPDATE issuance_grant SET revoked_at = $2 WHERE offer_id = $1 AND revoked_at IS NULL",
    ] {
        ended += tx.execute(sql, params![offer_id, now_ms]).await?;
    }
    if ended == 0 {
        return Ok(());
    }
    let detail = serde_json::json!({});
    let record = audit::Record {
        actor: "system",
        duty: "system",
        act: "offer.code_replayed",
        subject: offer_id,
        detail,
    };
    audit::record(tx, record).await
}

/// Charges one try, then judges. `None` when the code is right; the fifth wrong one voids the offer and tells HR.
async fn charge(tx: &mut Tx, attempt: &Attempt, typed: &[u8]) -> Result<Option<Redeemed>, StoreError> {
    let most = limits::TX_CODE_TRIES.get();
    let charged = tx
        .fetch_optional(
            concat!(
                "UPDATE issuance_offer SET tries = tries + 1, changed_at = $2 \
                 WHERE id = $1 AND state = 'open' AND expires_at > $2 AND tries < $3 RETURNING ",
                offer::columns!()
            ),
            params![&attempt.offer_id, tx.now_ms(), most],
        )
        .await?;
    let Some(row) = charged else { return Ok(Some(Redeemed::No)) };
    let row = OfferRow::read(&row)?;
    if row.tx_code_hash.as_deref().is_some_and(|kept| keys::mac::eq(kept, typed)) {
        return Ok(None);
    }
    let tries_left = (most - row.tries).max(0);
    if tries_left == 0 {
        tx.execute(
            "UPDATE issuance_offer SET state = 'void', changed_at = $2 WHERE id = $1 AND state = 'open'",
            params![&attempt.offer_id, tx.now_ms()],
        )
        .await?;
        super::notice::code_exhausted(tx, &row).await?;
    }
    Ok(Some(Redeemed::WrongCode { tries_left }))
}
