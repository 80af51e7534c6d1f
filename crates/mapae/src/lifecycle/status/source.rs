//! Every status of every badge that may still have copies out there, derived from the database and kept up to date.
//!
//! A change costs its own 128 entries, whatever the size of the list. The same lists are signed for the outside and
//! shown to our own verifier, which therefore sees a suspension in the moment after its commit.

use std::collections::HashMap;
use std::sync::Arc;

use credential::status_list::week::Week;
use credential::status_list::{ListClaims, ListError, Status, StatusList, VerifiedList};
use credential::verify::{StatusAnswer, StatusSource};

use super::super::state::BadgeState;
use super::series::{self, Layout};
use super::{Board, ListName, PATH, lock, tag};
use crate::operations::store::{Store, StoreError, params};
use crate::operations::{Platform, limits};

/// The most weeks that a credential type may let its copies live, the week of issue counted.
const COPY_WEEKS: u8 = 8;
/// A list is told to be as old as it is, but not copied anew for every asker: so many seconds at most.
const SAME_COPY_S: i64 = 5;

/// What is known of an issuing DID.
#[derive(Debug, Clone)]
pub(super) struct Party {
    version: i64,
    since: Week,
    layouts: HashMap<(Week, i64), Arc<Layout>>,
    /// Badges that ever changed, by slot.
    changed: HashMap<i64, Changed>,
}

/// The last change of a badge.
#[derive(Debug, Clone, Copy)]
struct Changed {
    state: BadgeState,
    version: i64,
    /// The last week with copies of it. A later list has none, and says nothing of it.
    copy_week: i64,
}

/// A list as it stood at one version.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    /// The version of the issuing DID that was looked at.
    seen: i64,
    /// The last version that moved an entry of this list.
    pub(super) version: i64,
    pub(super) list: Arc<VerifiedList>,
}

/// What our verifier is told about our own badges, as of one moment. Make one for each verification.
#[derive(Debug)]
pub struct LocalStatus<'a> {
    board: &'a Board,
    origin: &'a str,
    /// By the tag in a list's name.
    parties: HashMap<String, Arc<Party>>,
    as_of: i64,
}

impl<'a> LocalStatus<'a> {
    /// Reads the version of every issuing DID, and what changed since it was last read: one short query, mostly.
    pub async fn now(platform: &'a Platform) -> Result<Self, StoreError> {
        Self::by(platform, &platform.store).await
    }

    /// The same for lists that are signed for the outside: a replica may be asked whether a version moved. What moved is
    /// always read from the primary, so that what is remembered here never comes from a replica.
    pub(super) async fn published(platform: &'a Platform) -> Result<Self, StoreError> {
        platform.store.read_published(|store| Self::by(platform, store)).await
    }

    /// `versions` tells the versions.
    async fn by(platform: &'a Platform, versions: &Store) -> Result<Self, StoreError> {
        let as_of = platform.clock.now_ms().div_euclid(1000);
        let since = (1..COPY_WEEKS).fold(Week::of(as_of), |week, _| week.previous());
        let rows = versions
            .fetch_all(
                "SELECT did, status_version, (SELECT COUNT(*) FROM status_series \
                 WHERE issuing_did = issuing_party.did AND week >= $1) AS lists \
                 FROM issuing_party ORDER BY did LIMIT 10000",
                params![since.start()],
            )
            .await?;
        let mut parties = HashMap::with_capacity(rows.len());
        for row in &rows {
            let did = row.text("did")?;
            let party =
                party_at(platform, &did, since, row.int("status_version")?, row.int("lists")?).await?;
            parties.insert(tag(&did), party);
        }
        let origin = platform.config.public.origin();
        Ok(Self { board: &platform.local.lifecycle.board, origin, parties, as_of })
    }

    /// The status at an index of one of our lists; `None` for a list that is not ours or no longer in use.
    pub fn status(&self, uri: &str, index: u64) -> Option<Status> {
        self.named(uri)?.list.get(index)
    }

    fn named(&self, uri: &str) -> Option<Drawn> {
        let name = ListName::parse(uri.strip_prefix(self.origin)?.strip_prefix(PATH)?)?;
        self.draw(&name).ok().flatten()
    }

    /// The list of that name as of now; `None` if it is not in use.
    pub(super) fn draw(&self, name: &ListName) -> Result<Option<Drawn>, ListError> {
        let Some(party) = self.parties.get(&name.tag) else { return Ok(None) };
        let Some(layout) = party.layouts.get(&(name.week, name.series)) else { return Ok(None) };
        let last = lock(&self.board.drawn).get(name).cloned();
        if let Some(last) = &last
            && last.seen >= party.version
            && self.as_of - last.list.fetched_at < SAME_COPY_S
        {
            return Ok(Some(last.clone()));
        }
        let (mut list, since, mut version) = match last {
            Some(last) => (last.list.list.clone(), last.seen, last.version),
            None => (layout.with_decoys()?, 0, 0),
        };
        let week = name.week.start();
        for (slot, changed) in &party.changed {
            if changed.version > since && changed.copy_week >= week && layout.series.covers(*slot) {
                for index in layout.indices(*slot) {
                    list.set(index as usize, changed.state.status())?;
                }
                version = version.max(changed.version);
            }
        }
        let claims = claims(&name.uri(self.origin), self.as_of);
        let list = Arc::new(VerifiedList { claims, list, fetched_at: self.as_of });
        let drawn = Drawn { seen: party.version.max(since), version, list };
        let mut kept = lock(&self.board.drawn);
        if !kept.contains_key(name) {
            kept.retain(|other, _| other.week >= party.since);
        }
        kept.insert(name.clone(), drawn.clone());
        Ok(Some(drawn))
    }
}

impl StatusSource for LocalStatus<'_> {
    fn list(&self, uri: &str) -> StatusAnswer {
        self.named(uri).map_or(StatusAnswer::Unavailable, |drawn| StatusAnswer::List(drawn.list))
    }
}

/// The claims of a list signed or read at `now` (seconds).
pub(super) fn claims(uri: &str, now: i64) -> ListClaims {
    ListClaims {
        uri: uri.to_owned(),
        issued_at: now,
        expires_at: Some(now.saturating_add(limits::STATUS_LIST_LIFE.get() / 1000)),
        ttl: u64::try_from(limits::STATUS_LIST_TTL.get() / 1000).ok(),
        aggregation_uri: None,
    }
}

impl Layout {
    /// The list before any badge changed: all valid but the decoys.
    fn with_decoys(&self) -> Result<StatusList, ListError> {
        let mut list = StatusList::new(self.series.entries())?;
        for (pick, status) in &self.decoys {
            for index in self.decoy(*pick) {
                list.set(index as usize, *status)?;
            }
        }
        Ok(list)
    }
}

async fn party_at(
    platform: &Platform,
    did: &str,
    since: Week,
    version: i64,
    lists: i64,
) -> Result<Arc<Party>, StoreError> {
    let board = &platform.local.lifecycle.board;
    let known = lock(&board.known).get(did).filter(|known| known.since == since).map(Arc::clone);
    // Lists are never fewer; a replica may not have heard of the newest.
    let complete = |party: &Party| i64::try_from(party.layouts.len()).is_ok_and(|known| known >= lists);
    if let Some(known) = &known
        && known.version >= version
        && complete(known)
    {
        return Ok(Arc::clone(known));
    }
    let mut next = known.map_or_else(
        || Party { version: 0, since, layouts: HashMap::new(), changed: HashMap::new() },
        |known| Party::clone(&known),
    );
    if !complete(&next) {
        next.layouts.clear();
        for series in series::since(&platform.store, did, since).await? {
            let layout = series.layout(&platform.keys, did)?;
            next.layouts.insert((layout.series.week, layout.series.number), Arc::new(layout));
        }
    }
    // A badge whose last copies are from before these weeks has none in these lists.
    let rows = platform
        .store
        .fetch_all(
            "SELECT slot, state, status_version, copy_week FROM badge WHERE issuing_did = $1 AND status_version > $2 \
             AND copy_week >= $3 UNION ALL \
             SELECT slot, state, status_version, copy_week FROM status_kept WHERE issuing_did = $1 AND status_version > $2 \
             AND copy_week >= $3 UNION ALL \
             SELECT slot, state, status_version, copy_week FROM held_credential WHERE issuing_did = $1 \
             AND status_version > $2 AND copy_week >= $3 ORDER BY status_version",
            params![did, next.version, since.start()],
        )
        .await?;
    for row in &rows {
        let (slot, word, version) = (row.int("slot")?, row.text("state")?, row.int("status_version")?);
        let state = BadgeState::parse(&word)
            .ok_or_else(|| StoreError::Column("state".to_owned(), format!("unknown word {word}")))?;
        next.changed.insert(slot, Changed { state, version, copy_week: row.int("copy_week")? });
        next.version = next.version.max(version);
    }
    // Badges without copies in use raise the version too.
    next.version = next.version.max(version);
    let next = Arc::new(next);
    lock(&board.known).insert(did.to_owned(), Arc::clone(&next));
    Ok(next)
}
