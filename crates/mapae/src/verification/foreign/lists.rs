//! Status lists of other issuers: fetched where a credential of theirs names them, verified, and kept as long as they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use credential::status_list::{MAX_TOKEN, VerifiedList};
use credential::verify::StatusAnswer;

use super::Accepted;
use crate::operations::{Platform, limits};
use crate::verification::outgoing;

/// Lists by their address, each until a second.
#[derive(Debug, Default)]
pub(in crate::verification) struct Memory(Mutex<HashMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    list: Arc<VerifiedList>,
    until: i64,
}

/// The list at an address, if this issuer signed it. The address stands in a credential that verified.
pub(in crate::verification) async fn fetch(
    platform: &Platform,
    accepted: &Accepted,
    uri: &str,
    now_s: i64,
) -> StatusAnswer {
    let place = format!("{} {uri}", accepted.kind);
    let memory = &platform.local.verification.lists.0;
    if let Some(kept) = memory.lock().unwrap_or_else(PoisonError::into_inner).get(&place)
        && now_s < kept.until
    {
        return StatusAnswer::List(Arc::clone(&kept.list));
    }
    let Some(body) = outgoing::get(platform, uri, "application/statuslist+jwt", MAX_TOKEN).await else {
        return StatusAnswer::Unavailable;
    };
    let Some(list) = std::str::from_utf8(&body).ok().and_then(|text| accepted.list(text.trim(), uri, now_s))
    else {
        return StatusAnswer::Corrupt;
    };
    let longest = limits::VERIFICATION_FOREIGN_TTL.get() / 1_000;
    let ttl = list.claims.ttl.and_then(|ttl| i64::try_from(ttl).ok()).unwrap_or(60).min(longest);
    let list = Arc::new(list);
    let mut kept = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= limits::VERIFICATION_FOREIGN_LISTS.size() {
        kept.retain(|_, kept| now_s < kept.until);
        if kept.len() >= limits::VERIFICATION_FOREIGN_LISTS.size() {
            kept.clear();
        }
    }
    kept.insert(place, Kept { list: Arc::clone(&list), until: now_s.saturating_add(ttl) });
    StatusAnswer::List(list)
}
