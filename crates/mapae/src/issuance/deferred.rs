//! Deferred issuance (OpenID4VCI 1.0 §9): the holder signed in and agreed while the application still waits for an
//! approval. The keys that were proved are kept; once the approval is there, the batch is issued by the same commit as
//! any other.

use std::sync::Arc;

use http::HeaderMap;
use keys::{Jwk, PublicKey};
use openid::dpop::VerifiedProof;
use openid::vci::{CredentialResponse, DeferredRequest};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::credential::{self, Answered, Asked, NotIssued, Reply, denied};
use super::refusal::{Refused, internal};
use super::token::AccessToken;
use super::{encryption, nonce};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, id, limits};

/// What the seal of a transaction id is for.
const TRANSACTION: &str = "issuance-transaction";

/// What a `transaction_id` names.
#[derive(Serialize, Deserialize)]
struct Transaction {
    #[serde(rename = "d")]
    deferred_id: String,
}

/// `transaction_id` was not given here, or its batch was obtained (§9.3).
pub(super) fn unknown() -> OAuthError {
    OAuthError::new(Code::InvalidTransactionId, "transaction_id is unknown or was used")
}

fn later(transaction_id: String) -> CredentialResponse {
    CredentialResponse::Deferred { transaction_id, interval: limits::DEFERRED_INTERVAL.duration().as_secs() }
}

/// Puts a batch off. Asked for again, the newest keys count: a wallet whose 202 was lost simply asks anew.
pub(super) async fn put_off(
    platform: &Arc<Platform>,
    asked: &Asked<'_>,
) -> Result<CredentialResponse, Refused> {
    let nonces = nonce::all_consumable(platform, &asked.nonces).ok_or(NotIssued::NonceUsed)?;
    let proof = Arc::clone(&asked.proof);
    let id = id::new();
    let until_ms = platform.now_ms().saturating_add(limits::DEFERRED_LIFE.get());
    let transaction_id =
        platform.tokens.seal(TRANSACTION, &Transaction { deferred_id: id.clone() }, until_ms)?;
    let keys: Vec<Jwk> = asked.keys.iter().map(PublicKey::to_jwk).collect();
    let keys = serde_json::to_string(&keys).map_err(|error| internal("holder keys", &error))?;
    let (offer_id, configuration) = (asked.offer_id.to_owned(), asked.configuration.to_owned());
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            credential::consume(tx, &proof, &nonces).await?;
            let rows = tx
                .execute(
                    "INSERT INTO issuance_deferred \
                     (id, offer_id, configuration, holder_keys, state, created_at, changed_at) \
                     VALUES ($1, $2, $3, $4, 'waiting', $5, $5) \
                     ON CONFLICT (offer_id, configuration) DO UPDATE SET id = excluded.id, \
                     holder_keys = excluded.holder_keys, changed_at = excluded.changed_at \
                     WHERE issuance_deferred.state = 'waiting'",
                    params![&id, &offer_id, &configuration, keys, tx.now_ms()],
                )
                .await?;
            if rows == 1 { Ok(()) } else { Err(NotIssued::Used) }
        })
    });
    unit.await?;
    Ok(later(transaction_id))
}

/// Ends a batch that waits; `true` for the one caller that did.
pub(super) async fn end(tx: &mut Tx, id: &str, state: &'static str) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE issuance_deferred SET state = $2, changed_at = $3 WHERE id = $1 AND state = 'waiting'",
            params![id, state, tx.now_ms()],
        )
        .await?;
    Ok(rows == 1)
}

/// Answers a deferred credential request whose access token and DPoP proof hold.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    token: &AccessToken,
    proof: VerifiedProof,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Refused> {
    let key = encryption::key_of(platform, headers, body, Code::InvalidCredentialRequest)?;
    let request = match key {
        Some(key) => DeferredRequest::parse_encrypted(body, key)?,
        None => DeferredRequest::parse(body)?,
    };
    encryption::judge(platform, request.response_encryption.as_ref(), key.is_some())?;
    let DeferredRequest { transaction_id, response_encryption } = request;
    let named: Transaction =
        platform.tokens.open(TRANSACTION, &transaction_id, platform.now_ms()).map_err(|_| unknown())?;
    let row = platform
        .store
        .fetch_optional(
            "SELECT offer_id, configuration, holder_keys, state FROM issuance_deferred WHERE id = $1",
            params![&named.deferred_id],
        )
        .await?
        .ok_or_else(unknown)?;
    let (offer_id, configuration) = (row.text("offer_id")?, row.text("configuration")?);
    if offer_id != token.family() || !token.configurations.contains(&configuration) {
        return Err(unknown().into());
    }
    match row.text("state")?.as_str() {
        "waiting" => {}
        "denied" => return Err(denied().into()),
        _ => return Err(unknown().into()),
    }
    let proof = Arc::new(proof);
    let asked = Asked {
        offer_id: &offer_id,
        family: &offer_id,
        configuration: &configuration,
        keys: kept_keys(&row.json::<Vec<Jwk>>("holder_keys")?)?,
        nonces: Vec::new(),
        deferred: Some(named.deferred_id.clone()),
        proof: Arc::clone(&proof),
    };
    match credential::issue(platform, &asked).await {
        Ok(Answered::Issued(response)) => Ok((response, response_encryption)),
        Ok(Answered::Waits) => {
            spend(platform, proof, None).await?;
            Ok((later(transaction_id), response_encryption))
        }
        Err(refused) if refused.code() == Code::CredentialRequestDenied => {
            spend(platform, proof, Some(named.deferred_id)).await?;
            Err(refused)
        }
        Err(refused) => Err(refused),
    }
}

fn kept_keys(jwks: &[Jwk]) -> Result<Arc<[PublicKey]>, Refused> {
    let read = |jwk: &Jwk| PublicKey::from_jwk(jwk).map_err(|error| internal("holder keys", &error));
    jwks.iter().map(read).collect()
}

/// Consumes the proof of a request that led to nothing yet, or, with the row, to nothing any more.
async fn spend(
    platform: &Platform,
    proof: Arc<VerifiedProof>,
    denied: Option<String>,
) -> Result<(), Refused> {
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            credential::consume(tx, &proof, &[]).await?;
            if let Some(id) = denied {
                end(tx, &id, "denied").await?;
            }
            Ok::<(), NotIssued>(())
        })
    });
    Ok(unit.await?)
}
