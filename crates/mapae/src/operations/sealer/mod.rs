//! Personal data at rest: sealed to its place, and found again by blind indexes.
//!
//! A sealed value opens only in the table, column and row it was sealed for. Searching works on keyed hashes: of the
//! whole value, and of the two-syllable pieces of a name. They tell who holds the database which rows are equal (and, for
//! pieces, which names share one), never the value; the key for it is not in the database in the clear.

pub mod rotation;
#[cfg(test)]
mod tests;

use std::sync::{PoisonError, RwLock};

use keys::seal::{KeyRing, SealError};
use keys::{PublicKey, Zeroizing, mac};
use unicode_normalization::UnicodeNormalization as _;

use super::hsm::HsmError;
use super::kek::Kek;
use super::store::StoreError;

/// A sealed column, as rotation has to know it. The list is [`rotation::SEALED`].
#[derive(Clone, Copy, Debug)]
pub struct SealedColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// The primary key, one TEXT column.
    pub key: &'static str,
    /// SQL for the row id the value was sealed with; mostly the key itself.
    pub place: &'static str,
    /// The column name the value was sealed with; mostly the column itself.
    pub sealed_as: &'static str,
}

impl SealedColumn {
    /// A column sealed to its primary key.
    pub const fn new(table: &'static str, column: &'static str, key: &'static str) -> Self {
        Self { table, column, key, place: key, sealed_as: column }
    }
}

/// Seals and opens personal columns, and makes blind indexes.
#[derive(Debug)]
pub struct Sealer {
    /// Replaced while running when a data key is rotated.
    ring: RwLock<KeyRing>,
    index_key: Zeroizing<[u8; 32]>,
    /// Seals the keys of PINs once more, where there is a token.
    pins: Kek,
}

impl Sealer {
    pub(super) fn new(ring: KeyRing, index_key: Zeroizing<[u8; 32]>, pins: Kek) -> Self {
        Self { ring: RwLock::new(ring), index_key, pins }
    }

    fn ring(&self) -> std::sync::RwLockReadGuard<'_, KeyRing> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes over to another ring of keys; it must open what the present one opens.
    pub(super) fn replace_ring(&self, ring: KeyRing) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    /// The number of the key that seals now.
    pub fn current_key(&self) -> u32 {
        self.ring().current_id()
    }

    /// Seals a value for one place.
    pub fn seal(&self, table: &str, column: &str, row_id: &str, plain: &[u8]) -> Vec<u8> {
        self.ring().seal(&place(table, column, row_id), plain)
    }

    /// Opens a value at the place it was sealed for.
    pub fn open(
        &self,
        table: &str,
        column: &str,
        row_id: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.ring().open(&place(table, column, row_id), sealed)
    }

    /// Opens a value that is text.
    pub fn open_text(
        &self,
        table: &str,
        column: &str,
        row_id: &str,
        sealed: &[u8],
    ) -> Result<String, SealError> {
        let plain = self.open(table, column, row_id, sealed)?;
        String::from_utf8(plain.to_vec()).map_err(|_| SealError::Malformed)
    }

    /// Seals the public key of a PIN for one account and device: in the token, if there is one, and under the data key.
    /// Whoever took database and key file has nothing to try PINs against.
    ///
    /// # Errors
    /// The token is away: as a store that is away, so that nothing is charged and the phone asks again.
    pub fn seal_pin(&self, place: &str, key: &PublicKey) -> Result<Vec<u8>, StoreError> {
        let inner =
            self.pins.seal_pin(&self::place("account", PIN_KEY, place), &key.to_sec1()).map_err(away)?;
        Ok(self.seal("account", PIN_KEY, place, &inner))
    }

    /// Opens it; `None` if it was not sealed for this place, or the keys are gone.
    ///
    /// # Errors
    /// As above.
    pub fn open_pin(&self, place: &str, sealed: &[u8]) -> Result<Option<PublicKey>, StoreError> {
        let Ok(kept) = self.open("account", PIN_KEY, place, sealed) else { return Ok(None) };
        match self.pins.open_pin(&self::place("account", PIN_KEY, place), &kept) {
            Ok(plain) => Ok(PublicKey::from_sec1(&plain).ok()),
            Err(HsmError::Refused | HsmError::Missing(_)) => Ok(None),
            Err(error) => Err(away(error)),
        }
    }

    /// Whether the key of a PIN is sealed under what seals such keys now.
    pub(super) fn is_current_pin(&self, place: &str, sealed: &[u8]) -> bool {
        self.open("account", PIN_KEY, place, sealed).is_ok_and(|kept| self.pins.is_current_pin(&kept))
    }

    /// Whether a value is sealed under the current data key; if not, rotation seals it again.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        self.ring().is_current(sealed)
    }

    /// The keyed hash by which a value is found (`kind` keeps a name from matching a number). NFC, spaces removed,
    /// letters lower-cased: what people type differently is the same.
    pub fn blind_index(&self, kind: &str, text: &str) -> Vec<u8> {
        self.index(kind, &normalised(text))
    }

    /// The keyed hashes of every two neighbouring syllables of a name, for searching by a part of it.
    pub fn bigrams(&self, kind: &str, text: &str) -> Vec<Vec<u8>> {
        let letters: Vec<char> = normalised(text).chars().collect();
        let mut pieces: Vec<Vec<u8>> =
            letters.windows(2).map(|pair| self.index(kind, &pair.iter().collect::<String>())).collect();
        pieces.sort_unstable();
        pieces.dedup();
        pieces
    }

    /// 16 bytes are enough: an index only narrows, the opened value decides.
    fn index(&self, kind: &str, normalised: &str) -> Vec<u8> {
        let tag =
            mac::hmac_sha256(self.index_key.as_slice(), &[kind.as_bytes(), b"\0", normalised.as_bytes()]);
        tag.iter().take(16).copied().collect()
    }
}

/// The column of PIN keys, as they are sealed; also the one of the next PIN.
const PIN_KEY: &str = "pin_key";

fn away(error: HsmError) -> StoreError {
    tracing::error!(%error, "the key of a PIN");
    StoreError::Unavailable
}

/// The form in which two ways to write the same name or number are equal.
pub fn normalised(text: &str) -> String {
    text.nfc().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn place(table: &str, column: &str, row_id: &str) -> Vec<u8> {
    [table.as_bytes(), b"\0", column.as_bytes(), b"\0", row_id.as_bytes()].concat()
}
