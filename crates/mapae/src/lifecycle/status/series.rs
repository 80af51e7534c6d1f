//! Where the status of a copy stands: which list, which index.
//!
//! A list belongs to one issuing DID and one ISO week. Its indices are a keyed permutation of (slot, copy number), so
//! no row is kept for a copy, no index is used twice, two copies of one badge have nothing in common to an outsider, and
//! whoever holds the key finds all copies of a badge by computing them.
//!
//! The size of a week is fixed before its first copy is issued, for twice the badges there are. Where one list does not
//! hold them, or a week outgrows it, the next *series* takes the slots above: a list of its own for some 28,000 badges,
//! which is still the crowd that a copy hides in.

use credential::status_list::{Permutation, Status, week::Week};
use keys::mac;

use crate::lifecycle::party;
use crate::operations::ServerKeys;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// How many copies of one badge may be issued in one week.
pub(crate) const COPIES_A_WEEK: i64 = 128;
/// The smallest list: 2^17 entries.
const MIN_BITS: u8 = 17;
/// The largest list: 2^22 entries are 1 MiB unpacked, some kilobytes as sent.
const MAX_BITS: u8 = 22;
/// Of every eight slots of a list, one is left to decoys.
const DECOY_SHARE: i64 = 8;
/// Every list has at least so many decoys,
const DECOYS_LEAST: u32 = 4;
/// and fewer than so many more.
const DECOYS_SPREAD: u32 = 29;

/// A range of slots in one week of one issuing DID, with a list of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    pub(super) week: Week,
    pub(super) number: i64,
    pub(super) first_slot: i64,
    /// Slots that badges may take; those above in the list are decoys.
    pub(super) slots: i64,
    pub(super) bits: u8,
    /// Which secret keys the permutation.
    pub(super) key_id: u32,
}

/// A series with its permutation and its decoys.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) series: Series,
    order: Permutation,
    /// Slot numbers no badge is given, and what their copies say, so that the marks of a list don't count people.
    /// They follow from the secret: every signing and every replica draws the same.
    pub(super) decoys: Vec<(u32, Status)>,
}

impl Series {
    /// A series that was published, by the size of its list; `None` where no list of ours has that size.
    pub(super) fn of_size(week: Week, number: i64, first_slot: i64, bits: u8, key_id: u32) -> Option<Self> {
        let known = (MIN_BITS..=MAX_BITS).contains(&bits);
        known.then(|| Self { week, number, first_slot, slots: usable(bits), bits, key_id })
    }

    /// A series from `first_slot` for `population` badges, with room for as many again.
    pub(super) fn sized(week: Week, number: i64, first_slot: i64, population: i64, key_id: u32) -> Self {
        let wanted = population.max(0).saturating_mul(2).saturating_add(256);
        let bits = (MIN_BITS..MAX_BITS).find(|bits| usable(*bits) >= wanted).unwrap_or(MAX_BITS);
        Self { week, number, first_slot, slots: usable(bits), bits, key_id }
    }

    fn read(row: &Row) -> Result<Self, StoreError> {
        let (bits, key_id) = (row.int("bits")?, row.int("key_id")?);
        let wrong = |name: &str| StoreError::Column(name.to_owned(), "out of range".to_owned());
        Ok(Self {
            week: Week::of(row.int("week")?),
            number: row.int("series")?,
            first_slot: row.int("first_slot")?,
            slots: row.int("slots")?,
            bits: u8::try_from(bits)
                .ok()
                .filter(|bits| (MIN_BITS..=MAX_BITS).contains(bits))
                .ok_or_else(|| wrong("bits"))?,
            key_id: u32::try_from(key_id).map_err(|_| wrong("key_id"))?,
        })
    }

    pub(super) fn covers(&self, slot: i64) -> bool {
        slot >= self.first_slot && slot - self.first_slot < self.slots
    }

    /// Entries of the list.
    pub(super) fn entries(&self) -> usize {
        1 << self.bits
    }

    /// The series with the permutation that its secret, DID, week and number give.
    pub(super) fn layout(self, keys: &ServerKeys, did: &str) -> Result<Layout, StoreError> {
        let secret = keys.secret_by_id(SecretName::StatusPermutation, self.key_id).ok_or_else(|| {
            StoreError::Column("key_id".to_owned(), "names a secret that is gone".to_owned())
        })?;
        let (week, number) = (self.week.start().to_be_bytes(), self.number.to_be_bytes());
        let key = mac::hmac_sha256(secret.bytes.as_slice(), &[b"status\0", &week, &number, did.as_bytes()]);
        Layout::new(self, &key)
    }
}

impl Layout {
    fn new(series: Series, key: &[u8; 32]) -> Result<Self, StoreError> {
        let order = mac::hmac_sha256(key, &[b"order"]);
        let order = Permutation::new(order, series.bits, COPIES_A_WEEK.unsigned_abs() as u32)
            .map_err(|error| StoreError::Column("bits".to_owned(), error.to_string()))?;
        let draw = |n: u32| {
            let [a, b, c, d, ..] = mac::hmac_sha256(key, &[b"decoy", &n.to_be_bytes()]);
            let status = if n.is_multiple_of(2) { Status::Suspended } else { Status::Invalid };
            (u32::from_be_bytes([a, b, c, d]), status)
        };
        let count = DECOYS_LEAST + draw(u32::MAX).0 % DECOYS_SPREAD;
        Ok(Self { series, order, decoys: (0..count).map(draw).collect() })
    }

    /// Where a copy's status stands; `None` for a slot or copy number outside this series.
    pub(super) fn index(&self, slot: i64, copy: i64) -> Option<u32> {
        if !self.series.covers(slot) {
            return None;
        }
        let local = u32::try_from(slot - self.series.first_slot).ok()?;
        self.order.index(local, u32::try_from(copy).ok()?)
    }

    /// The inverse of [`Self::index`]; `None` where no slot of this series stands: a decoy, or out of range.
    pub(super) fn holder(&self, index: u32) -> Option<(i64, i64)> {
        let (local, copy) = self.order.slot_of(index)?;
        let local = i64::from(local);
        (local < self.series.slots).then(|| (self.series.first_slot + local, i64::from(copy)))
    }

    /// Every index of a badge's slot, issued or not: a change reaches all copies of all batches.
    pub(super) fn indices(&self, slot: i64) -> impl Iterator<Item = u32> {
        (0..COPIES_A_WEEK).filter_map(move |copy| self.index(slot, copy))
    }

    /// Every index of the decoy that `pick` falls on: a slot number that no badge is ever given.
    pub(super) fn decoy(&self, pick: u32) -> impl Iterator<Item = u32> {
        let taken = u32::try_from(self.series.slots).unwrap_or(u32::MAX);
        let room = self.order.slots().saturating_sub(taken);
        let local = taken.saturating_add(pick.checked_rem(room).unwrap_or(0));
        (0..self.order.copies()).filter_map(move |copy| self.order.index(local, copy))
    }
}

/// Slots of a list that badges may take.
const fn usable(bits: u8) -> i64 {
    let slots = (1_i64 << bits) / COPIES_A_WEEK;
    slots - slots / DECOY_SHARE
}

/// Every series of a week, first slots first.
pub(super) async fn of_week(store: &Store, did: &str, week: Week) -> Result<Vec<Series>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT week, series, first_slot, slots, bits, key_id FROM status_series \
             WHERE issuing_did = $1 AND week = $2 ORDER BY series LIMIT 1000",
            params![did, week.start()],
        )
        .await?;
    rows.iter().map(Series::read).collect()
}

/// Every series of a week and of those after it.
pub(super) async fn since(store: &Store, did: &str, week: Week) -> Result<Vec<Series>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT week, series, first_slot, slots, bits, key_id FROM status_series \
             WHERE issuing_did = $1 AND week >= $2 ORDER BY week, series LIMIT 10000",
            params![did, week.start()],
        )
        .await?;
    rows.iter().map(Series::read).collect()
}

/// Adds series until one covers the slot. Two servers that do this at once agree: the primary key keeps one of them.
pub(super) async fn extend_to(
    store: &Store,
    did: &str,
    week: Week,
    slot: i64,
    key_id: u32,
) -> Result<Vec<Series>, StoreError> {
    loop {
        let known = of_week(store, did, week).await?;
        if known.iter().any(|series| series.covers(slot)) {
            return Ok(known);
        }
        let (next_slot, _) = party::counters(store, did).await?;
        let first_slot = known.last().map_or(0, |last| last.first_slot + last.slots);
        let number = known.last().map_or(0, |last| last.number + 1);
        let population = next_slot.max(slot + 1) - first_slot;
        let new = Series::sized(week, number, first_slot, population, key_id);
        enter(store, did, new).await?;
    }
}

/// Enters a series; one of that number that is there already stays.
pub(super) async fn enter(store: &Store, did: &str, series: Series) -> Result<(), StoreError> {
    let did = did.to_owned();
    store.write(move |tx| Box::pin(async move { insert(tx, &did, &series).await })).await
}

pub(super) async fn insert(tx: &mut Tx, did: &str, series: &Series) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO status_series (issuing_did, week, series, first_slot, slots, bits, key_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        params![
            did,
            series.week.start(),
            series.number,
            series.first_slot,
            series.slots,
            series.bits,
            series.key_id
        ],
    )
    .await?;
    Ok(())
}
