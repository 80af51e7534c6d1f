//! The feed: an ordered list of records, cut to each controller, signed as pages, streamed as server-sent events.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::sse::Event;
use futures::{Stream, stream};
use gate::feed::{FORMAT, Kind, MAX_RECORDS, Page, Record};
use tokio::sync::watch;

use super::enrolment::Controller;
use super::setup;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::tasks::Tasks;
use crate::operations::{KeyName, Platform, limits};

/// What is told when something was appended.
const TOPIC: &str = "gate_feed";

/// A record in its place.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    seq: u64,
    record: Record,
    zone: Option<String>,
    controller: Option<String>,
}

impl Numbered {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.int("seq")?.unsigned_abs(),
            record: row.json("record")?,
            zone: row.opt_text("zone_id")?,
            controller: row.opt_text("controller_id")?,
        })
    }

    fn is_for(&self, controller: &str, zones: &BTreeSet<String>) -> bool {
        self.controller.as_deref().is_none_or(|id| id == controller)
            && self.zone.as_ref().is_none_or(|zone| zones.contains(zone))
    }
}

/// Where the feed stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Head {
    feed: String,
    seq: u64,
}

/// What this process has seen of the feed.
#[derive(Debug)]
pub(super) struct Memory {
    /// The last records, without a gap.
    recent: Mutex<VecDeque<Arc<Numbered>>>,
    /// Wakes every open connection.
    head: watch::Sender<Head>,
    closing: watch::Sender<bool>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            recent: Mutex::default(),
            head: watch::channel(Head::default()).0,
            closing: watch::channel(false).0,
        }
    }
}

/// To whom a record goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum For<'a> {
    Everyone,
    Zone(&'a str),
    Controller(&'a str),
}

/// Appends a record in the transaction that makes it true. Whoever appends holds the head until its commit.
pub(super) async fn append(tx: &mut Tx, record: &Record, to: For<'_>) -> Result<(), StoreError> {
    let (zone, controller) = match to {
        For::Everyone => (None, None),
        For::Zone(zone) => (Some(zone), None),
        For::Controller(id) => (None, Some(id)),
    };
    let json =
        serde_json::to_string(record).map_err(|e| StoreError::Column("record".into(), e.to_string()))?;
    let now_ms = tx.now_ms();
    let row = tx
        .fetch_one(
            "UPDATE gate_feed_head SET seq = seq + 1, feed = CASE WHEN feed = '' THEN $1 ELSE feed END \
             WHERE id = 1 RETURNING seq",
            params![keys::random::token()],
        )
        .await?;
    let seq = row.int("seq")?;
    tx.execute(
        "INSERT INTO gate_feed (seq, record, zone_id, controller_id, at) VALUES ($1, $2, $3, $4, $5)",
        params![seq, json, zone, controller, now_ms],
    )
    .await?;
    tx.tell(TOPIC).await
}

/// Holds the feed until the commit: of a grant and a first pass that race, the second sees the first.
pub(super) async fn hold(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute("UPDATE gate_feed_head SET seq = seq WHERE id = 1", params![]).await?;
    Ok(())
}

/// Begins a new feed: every controller takes everything anew, also what it knew better. For an operator, after a restore.
pub(super) async fn renew(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute("UPDATE gate_feed_head SET feed = $1 WHERE id = 1", params![keys::random::token()]).await?;
    Ok(())
}

async fn head(store: &Store) -> Result<Head, StoreError> {
    let row = store.fetch_one("SELECT feed, seq FROM gate_feed_head WHERE id = 1", params![]).await?;
    Ok(Head { feed: row.text("feed")?, seq: row.int("seq")?.unsigned_abs() })
}

async fn stored_after(store: &Store, after: u64, most: usize) -> Result<Vec<Arc<Numbered>>, StoreError> {
    let sql =
        "SELECT seq, record, zone_id, controller_id FROM gate_feed WHERE seq > $1 ORDER BY seq LIMIT $2";
    let (after, most) = (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX));
    store
        .fetch_all(sql, params![after, most])
        .await?
        .iter()
        .map(|row| Numbered::read(row).map(Arc::new))
        .collect()
}

/// Follows the table: what this or another process committed is told at once, and without its signal within a look.
pub(super) fn start(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let follower = Arc::clone(platform);
    tasks.spawn(|mut stop| async move {
        let memory = &follower.local.gates.feed;
        let told = follower.store.watch(TOPIC);
        loop {
            if let Err(error) = look(&follower).await {
                tracing::warn!(%error, "the gates' feed can't be read; tried again");
            }
            tokio::select! {
                () = told.told() => {}
                going_on = stop.sleep(limits::GATE_FEED_LOOK.duration()) => if !going_on { break },
            }
        }
        memory.closing.send_replace(true);
    });
}

/// Takes in what is new, then wakes the connections. Also run by tests and by a connection that begins.
pub(super) async fn look(platform: &Platform) -> Result<(), StoreError> {
    let memory = &platform.local.gates.feed;
    let now = head(&platform.store).await?;
    let known = memory.head.borrow().clone();
    if now == known {
        return Ok(());
    }
    let kept = limits::GATE_FEED_KEPT.size();
    let from = known.seq.max(now.seq.saturating_sub(kept as u64));
    let fresh = stored_after(&platform.store, from, kept).await?;
    {
        let mut recent = memory.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for record in fresh {
            match recent.back().map(|last| last.seq) {
                Some(last) if record.seq <= last => continue,
                Some(last) if record.seq != last + 1 => recent.clear(),
                _ => {}
            }
            recent.push_back(record);
        }
        let surplus = recent.len().saturating_sub(kept);
        recent.drain(..surplus);
    }
    memory.head.send_if_modified(|head| {
        let newer = head.feed != now.feed || head.seq < now.seq;
        if newer {
            *head = now;
        }
        newer
    });
    Ok(())
}

/// The records after a number, from memory if they are there; `None` if some are gone.
async fn after(platform: &Platform, seq: u64) -> Result<Option<Vec<Arc<Numbered>>>, StoreError> {
    let memory = &platform.local.gates.feed;
    {
        let recent = memory.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.front().is_some_and(|first| first.seq <= seq + 1) {
            return Ok(Some(recent.iter().filter(|record| record.seq > seq).cloned().collect()));
        }
    }
    let most = limits::GATE_FEED_RESUME.size();
    let stored = stored_after(&platform.store, seq, most).await?;
    let whole = stored.first().is_none_or(|first| first.seq == seq + 1) && stored.len() < most;
    Ok(whole.then_some(stored))
}

/// One controller's connection.
struct Connection {
    platform: Arc<Platform>,
    controller: Controller,
    zones: BTreeSet<String>,
    feed: String,
    seq: u64,
    head: watch::Receiver<Head>,
    closing: watch::Receiver<bool>,
    waiting: VecDeque<String>,
    began_ms: i64,
}

/// The pages for a controller that knows `feed` up to `seq`, from now on.
pub(super) async fn connect(
    platform: Arc<Platform>,
    controller: Controller,
    feed: String,
    seq: u64,
) -> Result<impl Stream<Item = Result<Event, std::convert::Infallible>>, StoreError> {
    look(&platform).await?;
    let memory = &platform.local.gates.feed;
    let (head, closing) = (memory.head.subscribe(), memory.closing.subscribe());
    let zones = setup::zones_of(&platform.store, &controller.id).await?;
    let began_ms = platform.now_ms();
    let mut connection = Connection {
        platform: Arc::clone(&platform),
        controller,
        zones,
        feed,
        seq,
        head,
        closing,
        waiting: VecDeque::new(),
        began_ms,
    };
    connection.catch_up().await?;
    Ok(stream::unfold(connection, |mut connection| async move {
        let page = connection.next().await?;
        Some((Ok(Event::default().event("page").data(page)), connection))
    }))
}

impl Connection {
    /// The next page; `None` ends the connection, and the controller comes again.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(page) = self.waiting.pop_front() {
                return Some(page);
            }
            let lived = self.platform.now_ms().saturating_sub(self.began_ms);
            if *self.closing.borrow() || lived > limits::GATE_FEED_CONNECTION.get() {
                return None;
            }
            tokio::select! {
                changed = self.head.changed() => changed.ok()?,
                _ = self.closing.changed() => return None,
                () = tokio::time::sleep(limits::GATE_FEED_BEACON.duration()) => {}
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(%error, controller = %self.controller.id, "a page of the gates' feed was not made");
                return None;
            }
        }
    }

    /// What is new since the last page, or a beacon; everything where that can't be said any more.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let now = self.head.borrow_and_update().clone();
        let records = match now.feed == self.feed && self.seq <= now.seq {
            true => after(&self.platform, self.seq).await?,
            false => None,
        };
        let Some(records) = records else { return self.snapshot().await };
        // A door of its own may bring a zone whose grants it was never told.
        let own = |record: &Arc<Numbered>| record.controller.as_deref() == Some(self.controller.id.as_str());
        if records.iter().any(own) {
            self.zones = setup::zones_of(&self.platform.store, &self.controller.id).await?;
            return self.snapshot().await;
        }
        let to = records.last().map_or(self.seq.max(now.seq), |last| last.seq);
        let mine = records.iter().filter(|record| record.is_for(&self.controller.id, &self.zones));
        let mut mine: Vec<Record> = mine.map(|record| record.record.clone()).collect();
        if mine.len() > MAX_RECORDS {
            return self.snapshot().await;
        }
        let page = self.page(Kind::Delta, (self.seq, to), (0, 0), std::mem::take(&mut mine))?;
        self.waiting.push_back(page);
        self.seq = to;
        Ok(())
    }

    async fn snapshot(&mut self) -> Result<(), StoreError> {
        // The number first: what comes in between is told again by the next page, and changes nothing.
        let now = head(&self.platform.store).await?;
        let records = setup::everything(&self.platform, &self.controller.id, &self.zones).await?;
        self.feed = now.feed;
        let tiles: Vec<Vec<Record>> = records.chunks(MAX_RECORDS).map(<[Record]>::to_vec).collect();
        let count = u32::try_from(tiles.len()).unwrap_or(u32::MAX);
        for (tile, records) in (0..).zip(tiles) {
            let page = self.page(Kind::Snapshot, (0, now.seq), (tile, count), records)?;
            self.waiting.push_back(page);
        }
        self.seq = now.seq;
        Ok(())
    }

    fn page(
        &self,
        kind: Kind,
        (from, to): (u64, u64),
        (tile, tiles): (u32, u32),
        records: Vec<Record>,
    ) -> Result<String, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Column("page".into(), error.to_string());
        let key = self.platform.keys.signer(KeyName::GateFeed).map_err(|error| failed(&error))?;
        let page = Page {
            v: FORMAT,
            aud: self.controller.id.clone(),
            feed: self.feed.clone(),
            kind,
            from,
            to,
            at: self.platform.now_ms(),
            tile,
            tiles,
            records,
        };
        page.sign(&*key).map_err(|error| failed(&error))
    }
}

/// The public half of the key that signs pages.
pub(super) fn key(platform: &Platform) -> Result<keys::Jwk, crate::operations::KeysError> {
    Ok(platform.keys.signer(KeyName::GateFeed)?.public_key().to_jwk())
}
