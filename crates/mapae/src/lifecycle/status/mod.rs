//! Status lists: what the outside sees of a badge's state, and what this process sees of it at once.
//!
//! The database holds the truth: the badge's state and, for each issuing DID, a version that every change raises. What
//! is kept here is derived from it and asked for again whenever the version has moved, so that any replica gives the
//! same answer and a restart loses nothing.

mod lists;
pub(super) mod published;
mod series;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use credential::sd_jwt::StatusClaim;
use credential::status_list::week::Week;

pub(crate) use lists::digests;
pub(super) use lists::signed;
pub(crate) use series::COPIES_A_WEEK;
pub use source::LocalStatus;

use self::series::Layout;
use super::badge::Badge;
use super::party;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{Store, StoreError};
use crate::operations::{Platform, limits};

/// The path under which lists are served.
pub(super) const PATH: &str = "/status/";

/// The layouts of one week of one DID, in the order of their slots.
type Layouts = Arc<Vec<Arc<Layout>>>;

/// What this process remembers of the lists.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Layouts of a DID's week; they only ever grow.
    layouts: Mutex<HashMap<(String, Week), Layouts>>,
    /// DIDs by the tag in a list's name.
    tags: Mutex<HashMap<String, String>>,
    /// What is known of each issuing DID.
    known: Mutex<HashMap<String, Arc<source::Party>>>,
    /// Lists as they stood when last looked at.
    drawn: Mutex<HashMap<ListName, source::Drawn>>,
    /// Lists as last signed.
    signed: Mutex<HashMap<ListName, Arc<tokio::sync::Mutex<lists::Kept>>>>,
}

/// The name of a list: `{tag of the issuing DID}-{ISO week}-{series}`, as in `3f9a0c…-2026-W48-0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ListName {
    tag: String,
    week: Week,
    series: i64,
}

impl ListName {
    fn new(did: &str, layout: &Layout) -> Self {
        Self { tag: tag(did), week: layout.series.week, series: layout.series.number }
    }

    /// Reads a name; one that would be written differently is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, series) = text.rsplit_once('-')?;
        let (tag, week) = rest.split_once('-')?;
        let name = Self { tag: tag.to_owned(), week: Week::parse(week)?, series: series.parse().ok()? };
        (name.to_string() == text).then_some(name)
    }

    fn uri(&self, base_url: &str) -> String {
        format!("{base_url}{PATH}{self}")
    }
}

impl std::fmt::Display for ListName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.tag, self.week, self.series)
    }
}

/// The tag of an issuing DID in list names: the first 64 bits of its SHA-256.
fn tag(did: &str) -> String {
    let digest = keys::sha256(did.as_bytes());
    keys::encoding::hex_encode(digest.get(..8).unwrap_or_default())
}

/// A cache is as good as empty after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where every list is named (§9).
fn aggregation_uri(origin: &str) -> String {
    format!("{origin}{}", PATH.trim_end_matches('/'))
}

/// The addresses of every list that is served now: of all issuing parties and of the weeks whose copies may live.
pub(super) async fn all_uris(platform: &Platform) -> Result<Vec<String>, StoreError> {
    platform.store.read_published(|store| uris(platform, store)).await
}

async fn uris(platform: &Platform, store: &Store) -> Result<Vec<String>, StoreError> {
    let horizon_ms = platform.now_ms().saturating_sub(limits::STATUS_LIST_SERVED.get());
    let first = Week::of(horizon_ms.div_euclid(1000));
    let mut uris = Vec::new();
    for did in party::all(store).await? {
        for series in series::since(store, &did, first).await? {
            let name = ListName { tag: tag(&did), week: series.week, series: series.number };
            if name.week.start().saturating_mul(1000) >= horizon_ms {
                uris.push(name.uri(platform.config.public.origin()));
            }
        }
    }
    Ok(uris)
}

/// The status claims of copies `first..first + count` of a slot, issued in `week`.
///
/// `None` when the badge has no such copy numbers in that week. Makes the week's list known if this is its first copy.
pub(crate) async fn claims_for(
    platform: &Platform,
    did: &str,
    slot: i64,
    week: Week,
    first: i64,
    count: i64,
) -> Result<Option<Vec<StatusClaim>>, StoreError> {
    if first < 0 || count < 0 || first.saturating_add(count) > COPIES_A_WEEK {
        return Ok(None);
    }
    let layout = match layout_covering(platform, did, week, slot).await? {
        Some(layout) => layout,
        None => {
            let key_id = platform
                .keys
                .secret(SecretName::StatusPermutation)
                .map_err(|error| StoreError::Column("key_id".to_owned(), error.to_string()))?
                .id;
            series::extend_to(&platform.store, did, week, slot, key_id).await?;
            forget_layouts(platform, did, week);
            match layout_covering(platform, did, week, slot).await? {
                Some(layout) => layout,
                None => return Ok(None),
            }
        }
    };
    let uri = ListName::new(did, &layout).uri(platform.config.public.origin());
    Ok((first..first + count)
        .map(|copy| {
            layout.index(slot, copy).map(|index| StatusClaim { uri: uri.clone(), index: u64::from(index) })
        })
        .collect())
}

/// The badge whose copy stands at this index of one of our lists; `None` for a foreign list, a decoy or an empty slot.
///
/// It inverts the permutation: no table tells which copy belongs to whom.
pub async fn badge_of(platform: &Platform, uri: &str, index: u64) -> Result<Option<Badge>, StoreError> {
    let Some((did, layout)) = layout_of_uri(platform, uri).await? else { return Ok(None) };
    let holder = u32::try_from(index).ok().and_then(|index| layout.holder(index));
    match holder {
        Some((slot, _)) => Badge::in_slot(&platform.store, &did, slot).await,
        None => Ok(None),
    }
}

async fn layout_of_uri(platform: &Platform, uri: &str) -> Result<Option<(String, Arc<Layout>)>, StoreError> {
    let name = uri
        .strip_prefix(platform.config.public.origin())
        .and_then(|path| path.strip_prefix(PATH))
        .and_then(ListName::parse);
    match name {
        Some(name) => layout_named(platform, &name).await,
        None => Ok(None),
    }
}

/// The layout of a list that exists, with its DID.
async fn layout_named(
    platform: &Platform,
    name: &ListName,
) -> Result<Option<(String, Arc<Layout>)>, StoreError> {
    let Some(did) = did_of_tag(platform, &name.tag).await? else { return Ok(None) };
    let named = |layouts: &[Arc<Layout>]| {
        layouts.iter().find(|layout| layout.series.number == name.series).map(Arc::clone)
    };
    if let Some(layout) = named(&layouts_of(platform, &did, name.week).await?) {
        return Ok(Some((did, layout)));
    }
    // Another server may have begun the series.
    forget_layouts(platform, &did, name.week);
    Ok(named(&layouts_of(platform, &did, name.week).await?).map(|layout| (did, layout)))
}

async fn did_of_tag(platform: &Platform, wanted: &str) -> Result<Option<String>, StoreError> {
    let board = &platform.local.lifecycle.board;
    if let Some(did) = lock(&board.tags).get(wanted) {
        return Ok(Some(did.clone()));
    }
    let all = party::all(&platform.store).await?;
    let mut known = lock(&board.tags);
    for did in all {
        known.insert(tag(&did), did);
    }
    Ok(known.get(wanted).cloned())
}

async fn layout_covering(
    platform: &Platform,
    did: &str,
    week: Week,
    slot: i64,
) -> Result<Option<Arc<Layout>>, StoreError> {
    let layouts = layouts_of(platform, did, week).await?;
    // The newest: after a restore, copies go to a list that no earlier copy is in.
    Ok(layouts.iter().rev().find(|layout| layout.series.covers(slot)).map(Arc::clone))
}

async fn layouts_of(platform: &Platform, did: &str, week: Week) -> Result<Layouts, StoreError> {
    let board = &platform.local.lifecycle.board;
    let key = (did.to_owned(), week);
    if let Some(layouts) = lock(&board.layouts).get(&key) {
        return Ok(Arc::clone(layouts));
    }
    let mut layouts = Vec::new();
    for series in series::of_week(&platform.store, did, week).await? {
        layouts.push(Arc::new(series.layout(&platform.keys, did)?));
    }
    let layouts = Arc::new(layouts);
    if !layouts.is_empty() {
        let mut known = lock(&board.layouts);
        if known.len() >= KEPT_WEEKS {
            known.clear();
        }
        known.insert(key, Arc::clone(&layouts));
    }
    Ok(layouts)
}

fn forget_layouts(platform: &Platform, did: &str, week: Week) {
    lock(&platform.local.lifecycle.board.layouts).remove(&(did.to_owned(), week));
}

/// Weeks of issuing parties whose layouts are remembered; beyond that the memory starts anew.
const KEPT_WEEKS: usize = 4096;
