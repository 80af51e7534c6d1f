//! Keys of the fast way: what both sides keep after a standard tap, until the pass ends.
//!
//! A hint says which key is meant, so that a reader does not try them all. It changes every day; within the day, and no
//! longer than the pass lives, a reader that gives itself out for this gate recognises the phone again. That is the price.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use keys::mac::hmac_sha256;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::pass::{GateRef, NotAReference, Pass};
use crate::session::Key;

/// Gates that a phone keeps a key for; the oldest goes first.
pub const MAX_CARD_KEYS: usize = 16;
/// Phones that a controller keeps a key for; the one that came longest ago goes first.
pub const MAX_READER_KEYS: usize = 5_000;

const HINT: &[u8] = b"mapae-gate/1 hint";
pub(crate) const DAY_S: i64 = 86_400;

/// Day since 1970 (UTC).
pub fn day_of(now_s: i64) -> u32 {
    u32::try_from(now_s.div_euclid(DAY_S)).unwrap_or(0)
}

pub(crate) fn hint(key: &Key, group: &[u8; 16], day: u32) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = hmac_sha256(key.as_slice(), &[HINT, group, &day.to_be_bytes()]);
    [a, b, c, d, e, f, g, h]
}

/// A key that the phone keeps for one gate group.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardKey {
    group: [u8; 16],
    key: KeyText,
    until: i64,
    pass: [u8; 32],
}

/// A key as the vault holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct KeyText(Zeroizing<[u8; 32]>);

impl From<KeyText> for String {
    fn from(key: KeyText) -> String {
        keys::encoding::b64url_encode(key.0.as_slice())
    }
}

impl TryFrom<String> for KeyText {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<KeyText, NotAReference> {
        keys::encoding::b64url_decode_array(&text).map(|key| KeyText(key.into())).map_err(|_| NotAReference)
    }
}

impl core::fmt::Debug for CardKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CardKey(until {})", self.until)
    }
}

/// The keys that a phone keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardKeys(Vec<CardKey>);

impl CardKeys {
    pub(crate) fn find(&self, group: &[u8; 16], pass: &[u8], now_s: i64) -> Option<&Key> {
        let pass = keys::sha256(pass);
        let fits = |kept: &&CardKey| kept.group == *group && kept.pass == pass && now_s < kept.until;
        self.0.iter().find(fits).map(|kept| &kept.key.0)
    }

    pub(crate) fn keep(&mut self, group: [u8; 16], key: Key, pass: &[u8], until: i64) {
        self.0.retain(|kept| kept.group != group);
        if self.0.len() >= MAX_CARD_KEYS {
            self.0.remove(0);
        }
        self.0.push(CardKey { group, key: KeyText(key), until, pass: keys::sha256(pass) });
    }

    pub(crate) fn forget(&mut self, group: &[u8; 16]) {
        self.0.retain(|kept| kept.group != *group);
    }

    /// Forgets all of them: suspended, replaced, wiped.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A key that the controller keeps, with the pass that stood behind it.
#[derive(Clone)]
pub struct Kept {
    pub(crate) key: Key,
    /// What the pass said; it ends with the key.
    pub pass: Pass,
    used: u64,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Kept({:?})", self.pass.gate_ref)
    }
}

/// The keys that a controller keeps, found by today's hint. In memory only: a restart asks every phone for the standard way.
#[derive(Debug)]
pub struct ReaderKeys {
    group: [u8; 16],
    day: u32,
    by_hint: BTreeMap<[u8; 8], Kept>,
    uses: u64,
}

impl ReaderKeys {
    /// None yet.
    pub fn new(group: [u8; 16]) -> Self {
        Self { group, day: 0, by_hint: BTreeMap::new(), uses: 0 }
    }

    /// The key that a hint of this day means, if it still counts.
    pub fn find(&mut self, hint: &[u8; 8], now_s: i64) -> Option<Kept> {
        self.turn(now_s);
        self.uses = self.uses.saturating_add(1);
        let uses = self.uses;
        let kept = self.by_hint.get_mut(hint).filter(|kept| now_s < kept.pass.expires)?;
        kept.used = uses;
        Some(kept.clone())
    }

    /// Keeps the key of a tap that was opened.
    pub fn keep(&mut self, remembered: Remembered, now_s: i64) {
        self.turn(now_s);
        self.forget(&remembered.pass.gate_ref);
        if self.by_hint.len() >= MAX_READER_KEYS {
            let oldest = self.by_hint.iter().min_by_key(|(_, kept)| kept.used).map(|(hint, _)| *hint);
            oldest.map(|hint| self.by_hint.remove(&hint));
        }
        self.uses = self.uses.saturating_add(1);
        let Remembered { key, pass } = remembered;
        self.by_hint.insert(hint(&key, &self.group, self.day), Kept { key, pass, used: self.uses });
    }

    /// Forgets the key of one badge: suspended, revoked, issued anew.
    pub fn forget(&mut self, gate_ref: &GateRef) {
        self.by_hint.retain(|_, kept| kept.pass.gate_ref != *gate_ref);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.by_hint.clear();
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.by_hint.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.by_hint.is_empty()
    }

    /// At the turn of the day hints are made anew and what has ended goes.
    fn turn(&mut self, now_s: i64) {
        let day = day_of(now_s);
        if day == self.day {
            return;
        }
        self.day = day;
        let group = self.group;
        let kept = core::mem::take(&mut self.by_hint).into_values();
        let live = kept.filter(|kept| now_s < kept.pass.expires);
        self.by_hint = live.map(|kept| (hint(&kept.key, &group, day), kept)).collect();
    }
}

/// A key to keep, with the pass it stands on.
#[derive(Clone)]
pub struct Remembered {
    pub(crate) key: Key,
    pub(crate) pass: Pass,
}

impl core::fmt::Debug for Remembered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Remembered({:?})", self.pass.gate_ref)
    }
}
