//! Signing the lists for the outside, and keeping the signed form.
//!
//! A list is signed again when an entry of it moved, or when its signature is half a `ttl` old, and in no case more than
//! once a second, however many changes there are and however many ask.

use std::sync::Arc;

use credential::status_list::{ListClaims, ListError, StatusError, StatusList, sign_cwt, sign_jwt};

use super::source::{self, LocalStatus};
use super::{ListName, lock};
use crate::operations::server_keys::{KeyName, KeysError};
use crate::operations::store::StoreError;
use crate::operations::{Platform, limits};

/// A list as it is served.
#[derive(Debug)]
pub(in crate::lifecycle) struct SignedList {
    /// `application/statuslist+jwt`
    pub(in crate::lifecycle) jwt: Arc<str>,
    /// `application/statuslist+cwt`
    pub(in crate::lifecycle) cwt: Arc<[u8]>,
    /// A tag of this very signature, without quotes.
    pub(in crate::lifecycle) tag: String,
    version: i64,
    signed_at_ms: i64,
}

/// Why a list can't be served.
#[derive(Debug, thiserror::Error)]
pub(in crate::lifecycle) enum ListsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The last signature of a list, and when it was last asked whether it still holds.
#[derive(Debug, Default)]
pub(super) struct Kept {
    signed: Option<Arc<SignedList>>,
    looked_at_ms: i64,
}

/// The list of that name, fresh enough to be served; `None` if there is no such list or its copies are all expired.
pub(in crate::lifecycle) async fn signed(
    platform: &Platform,
    name: &ListName,
) -> Result<Option<Arc<SignedList>>, ListsError> {
    let now_ms = platform.clock.now_ms();
    let board = &platform.local.lifecycle.board;
    let place = lock(&board.signed).get(name).map(Arc::clone);
    let place = match place {
        Some(place) => place,
        // Only a list that exists gets a place: strangers can't fill the memory with names.
        None if LocalStatus::now(platform).await?.draw(name)?.is_some() => {
            let mut signed = lock(&board.signed);
            let horizon_ms = now_ms.saturating_sub(limits::STATUS_LIST_SERVED.get());
            signed.retain(|other, _| other.week.start().saturating_mul(1000) >= horizon_ms);
            Arc::clone(signed.entry(name.clone()).or_default())
        }
        None => return Ok(None),
    };
    // Whoever comes while a list is being signed waits for that signature instead of making another.
    let mut kept = place.lock().await;
    let looked_at = now_ms.saturating_sub(kept.looked_at_ms);
    if let Some(signed) = &kept.signed
        && (0..limits::STATUS_LIST_RESIGN.get()).contains(&looked_at)
    {
        return Ok(Some(Arc::clone(signed)));
    }
    let drawn = match LocalStatus::published(platform).await?.draw(name)? {
        // Begun a moment ago, perhaps.
        None => LocalStatus::now(platform).await?.draw(name)?,
        drawn => drawn,
    };
    let Some(drawn) = drawn else { return Ok(None) };
    let half_ttl_ms = limits::STATUS_LIST_TTL.get() / 2;
    let still_good = kept.signed.as_ref().filter(|signed| {
        signed.version == drawn.version
            && (0..half_ttl_ms).contains(&now_ms.saturating_sub(signed.signed_at_ms))
    });
    let signed = match still_good {
        Some(signed) => Arc::clone(signed),
        None => Arc::new(sign(platform, name, &drawn.list.list, drawn.version, now_ms)?),
    };
    *kept = Kept { signed: Some(Arc::clone(&signed)), looked_at_ms: now_ms };
    Ok(Some(signed))
}

fn sign(
    platform: &Platform,
    name: &ListName,
    list: &StatusList,
    version: i64,
    now_ms: i64,
) -> Result<SignedList, ListsError> {
    let origin = platform.config.public.origin();
    let claims = ListClaims {
        aggregation_uri: Some(super::aggregation_uri(origin)),
        ..source::claims(&name.uri(origin), now_ms.div_euclid(1000))
    };
    let signer = platform.keys.signer(KeyName::StatusList)?;
    let chain = platform.keys.chain(KeyName::StatusList);
    let jwt = sign_jwt(&claims, list, None, &chain, signer.as_ref())?;
    let cwt = sign_cwt(&claims, list, None, &chain, signer.as_ref())?;
    let digest = keys::sha256(jwt.as_bytes());
    let tag = keys::encoding::hex_encode(digest.get(..12).unwrap_or_default());
    metrics::counter!("mapae_status_lists_signed_total").increment(1);
    Ok(SignedList { jwt: jwt.into(), cwt: cwt.into(), tag, version, signed_at_ms: now_ms })
}

/// Every list that is served now, as it was signed last: address, version, SHA-256 of the JWT.
pub(crate) async fn digests(platform: &Platform) -> Result<Vec<(String, i64, [u8; 32])>, String> {
    let mut digests = Vec::new();
    for uri in super::uris(platform, &platform.store).await.map_err(|error| error.to_string())? {
        let name = uri.rsplit('/').next().and_then(ListName::parse);
        let Some(name) = name else { continue };
        if let Some(signed) = signed(platform, &name).await.map_err(|error| error.to_string())? {
            digests.push((uri, signed.version, keys::sha256(signed.jwt.as_bytes())));
        }
    }
    Ok(digests)
}
