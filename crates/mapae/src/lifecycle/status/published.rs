//! What was published last, read back into a restored store: lists are the memory of the outside.

use std::collections::BTreeMap;

use credential::status_list::{Status, VerifiedList, verify_jwt};
use credential::trust::Anchor;
use serde::Deserialize;

use super::series::{self, Series};
use super::{ListName, PATH, did_of_tag, forget_layouts, layout_named};
use crate::lifecycle::party;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeysError, Platform};

/// How far list versions skip ahead: more changes than there were between any backup and its loss.
const SKIP: i64 = 1 << 32;
/// A larger token is no list of ours.
const MAX_TOKEN: usize = 4 << 20;

/// Why a published list says nothing here.
#[derive(Debug, thiserror::Error)]
pub enum ListRefused {
    #[error("it is no status list token")]
    Malformed,
    #[error("it is no list of this platform: {0}")]
    Foreign(String),
    #[error("it is not signed by this platform's key: {0}")]
    Forged(credential::status_list::StatusError),
    #[error("it belongs to an issuing party that is not in the backup: {0}")]
    UnknownParty(String),
    #[error("the list before it in the same week is missing: give that one, too")]
    Gap,
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one list says: of which party and week, and every slot that is not valid.
#[derive(Debug)]
pub(in crate::lifecycle) struct Published {
    pub(in crate::lifecycle) did: String,
    pub(in crate::lifecycle) week: i64,
    /// The worst that any copy of the slot said.
    pub(in crate::lifecycle) stopped: BTreeMap<i64, Status>,
}

#[derive(Deserialize)]
struct Named {
    sub: String,
    iat: i64,
}

/// Reads a list as it was published. That it has expired since is no matter; its signature is.
pub(in crate::lifecycle) async fn read(platform: &Platform, token: &str) -> Result<Published, ListRefused> {
    let token = token.trim();
    let payload = token.split('.').nth(1).filter(|_| token.len() <= MAX_TOKEN);
    let payload = payload.and_then(|payload| keys::encoding::b64url_decode(payload).ok());
    let named: Named =
        payload.and_then(|payload| serde_json::from_slice(&payload).ok()).ok_or(ListRefused::Malformed)?;
    let name = named
        .sub
        .strip_prefix(platform.config.public.origin())
        .and_then(|path| path.strip_prefix(PATH))
        .and_then(ListName::parse)
        .ok_or_else(|| ListRefused::Foreign(named.sub.clone()))?;
    let roots = [platform.keys.root().clone()];
    let list =
        verify_jwt(token, &named.sub, Anchor::Roots(&roots), named.iat).map_err(ListRefused::Forged)?;
    let did = did_of_tag(platform, &name.tag).await?;
    let did = did.ok_or_else(|| ListRefused::UnknownParty(named.sub.clone()))?;
    let layout = match layout_named(platform, &name).await? {
        Some((_, layout)) => layout,
        None => {
            begin_again(platform, &did, &name, &list).await?;
            forget_layouts(platform, &did, name.week);
            layout_named(platform, &name).await?.ok_or(ListRefused::Gap)?.1
        }
    };
    let mut stopped = BTreeMap::new();
    for index in 0..list.list.len() {
        let status = list.list.get(index).unwrap_or(Status::Valid);
        if status == Status::Valid {
            continue;
        }
        // A decoy has no holder.
        let holder = u32::try_from(index).ok().and_then(|index| layout.holder(index));
        if let Some((slot, _)) = holder {
            let worst = stopped.entry(slot).or_insert(status);
            if status != Status::Suspended {
                *worst = Status::Invalid;
            }
        }
    }
    Ok(Published { did, week: name.week.start(), stopped })
}

/// A list that was begun after the backup: its place follows from its name and its length.
async fn begin_again(
    platform: &Platform,
    did: &str,
    name: &ListName,
    list: &VerifiedList,
) -> Result<(), ListRefused> {
    let known = series::of_week(&platform.store, did, name.week).await?;
    let next = known.last().map_or(0, |last| last.number + 1);
    if next != name.series {
        return Err(ListRefused::Gap);
    }
    let first_slot = known.last().map_or(0, |last| last.first_slot + last.slots);
    let bits = list.list.len().checked_ilog2().and_then(|bits| u8::try_from(bits).ok());
    let key_id = platform.keys.secret(SecretName::StatusPermutation)?.id;
    let series = bits
        .and_then(|bits| Series::of_size(name.week, name.series, first_slot, bits, key_id))
        .ok_or(ListRefused::Malformed)?;
    Ok(series::enter(&platform.store, did, series).await?)
}

/// Keeps what a list said of a slot whose badge the backup does not know.
pub(in crate::lifecycle) async fn keep(
    tx: &mut Tx,
    did: &str,
    slot: i64,
    state: &'static str,
    week: i64,
) -> Result<(), StoreError> {
    let version = party::raise_status(tx, did).await?;
    tx.execute(
        "INSERT INTO status_kept (issuing_did, slot, state, status_version, copy_week) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (issuing_did, slot) DO UPDATE SET \
         state = CASE WHEN status_kept.state = 'revoked' THEN 'revoked' ELSE $3 END, status_version = $4, \
         copy_week = CASE WHEN status_kept.copy_week > $5 THEN status_kept.copy_week ELSE $5 END",
        params![did, slot, state, version, week],
    )
    .await?;
    Ok(())
}

/// After a restore: versions go on far above any that was published; new badges get slots above every list that there
/// was, and new copies of this week get a list of their own, so that no index is used a second time.
pub(in crate::lifecycle) async fn skip_ahead(tx: &mut Tx, key_id: u32, week: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE issuing_party SET status_version = status_version + $1, next_slot = COALESCE((SELECT \
         MAX(CASE WHEN first_slot + slots > issuing_party.next_slot THEN first_slot + slots ELSE issuing_party.next_slot END) \
         FROM status_series WHERE issuing_did = issuing_party.did), next_slot)",
        params![SKIP],
    )
    .await?;
    let sql = "SELECT issuing_did, MAX(series) AS last, MAX(first_slot + slots) AS slots FROM status_series \
               WHERE week = $1 GROUP BY issuing_did ORDER BY issuing_did LIMIT 10000";
    for row in tx.fetch_all(sql, params![week]).await? {
        let week = credential::status_list::week::Week::of(week);
        let series = Series::sized(week, row.int("last")? + 1, 0, row.int("slots")?, key_id);
        series::insert(tx, &row.text("issuing_did")?, &series).await?;
    }
    Ok(())
}
