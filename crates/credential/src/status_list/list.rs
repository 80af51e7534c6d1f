//! The array of statuses and its packed forms (§4).

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use keys::encoding::{b64url_decode, b64url_encode};
use keys::mac::hmac_sha256;

use super::{MAX_LIST_BYTES, MIN_ENTRIES};

/// What a list says of a credential (§7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    Valid,
    /// Revoked for good.
    Invalid,
    /// Out of force until resumed.
    Suspended,
    /// A value that the draft leaves to applications or to the future. Never valid to us.
    Other(u8),
}

impl Status {
    fn from_bits(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }

    fn to_bits(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Other(value) => value,
        }
    }
}

/// How many bits an entry has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    One,
    Two,
    Four,
    Eight,
}

impl Bits {
    /// The width, if the draft allows it: 1, 2, 4 or 8.
    pub fn new(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    /// The width as a number.
    pub fn get(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Binary logarithm of the entries in one byte.
    fn shift(self) -> u32 {
        match self {
            Self::One => 3,
            Self::Two => 2,
            Self::Four => 1,
            Self::Eight => 0,
        }
    }

    fn mask(self) -> u8 {
        u8::MAX >> (8 - self.get())
    }
}

/// Why an array of statuses can't be built or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("the list has no such entry")]
    NoSuchEntry,
    #[error("the status does not fit into an entry")]
    DoesNotFit,
    #[error("the list unpacks to more than {MAX_LIST_BYTES} bytes")]
    TooLarge,
    #[error("the list is not packed as the draft says")]
    Malformed,
}

/// Statuses of credentials, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: Bits,
    bytes: Vec<u8>,
}

impl StatusList {
    /// A list of ours: two bits, all valid, at least [`MIN_ENTRIES`] entries.
    pub fn new(entries: usize) -> Result<Self, ListError> {
        Self::with_bits(Bits::Two, entries.max(MIN_ENTRIES))
    }

    /// A list of any width and size, all valid.
    pub fn with_bits(bits: Bits, entries: usize) -> Result<Self, ListError> {
        let bytes = entries.div_ceil(1 << bits.shift());
        if bytes > MAX_LIST_BYTES {
            return Err(ListError::TooLarge);
        }
        Ok(Self { bits, bytes: vec![0; bytes] })
    }

    /// How many bits an entry has.
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// How many entries the list has, those that fill the last byte counted.
    pub fn len(&self) -> usize {
        self.bytes.len() << self.bits.shift()
    }

    /// Whether the list has no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The status at `index`, or `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<Status> {
        let byte = self.bytes.get(index >> self.bits.shift())?;
        Some(Status::from_bits((byte >> self.offset(index)) & self.bits.mask()))
    }

    /// Sets the status at `index`.
    pub fn set(&mut self, index: usize, status: Status) -> Result<(), ListError> {
        let value = status.to_bits();
        if value > self.bits.mask() {
            return Err(ListError::DoesNotFit);
        }
        let offset = self.offset(index);
        let mask = self.bits.mask();
        let byte = self.bytes.get_mut(index >> self.bits.shift()).ok_or(ListError::NoSuchEntry)?;
        *byte = (*byte & !(mask << offset)) | (value << offset);
        Ok(())
    }

    fn offset(&self, index: usize) -> usize {
        (index & ((1 << self.bits.shift()) - 1)) * usize::from(self.bits.get())
    }

    /// Marks about `count` entries of nobody as invalid or suspended, so that the marks of a list don't count the real
    /// ones. Which entries is drawn from `key`, so that every signing of the list draws the same; `is_free` says
    /// whether an entry belongs to nobody.
    pub fn decoys(
        &mut self,
        key: &[u8; 32],
        count: u32,
        is_free: impl Fn(usize) -> bool,
    ) -> Result<(), ListError> {
        let entries = u64::try_from(self.len()).unwrap_or(u64::MAX).max(1);
        for n in 0..count {
            let drawn = hmac_sha256(key, &[b"status decoy", &n.to_be_bytes()]);
            let [a, b, c, d, e, f, g, h, kind, ..] = drawn;
            let index = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % entries;
            let index = usize::try_from(index).map_err(|_| ListError::NoSuchEntry)?;
            if is_free(index) {
                self.set(index, if kind & 1 == 0 { Status::Invalid } else { Status::Suspended })?;
            }
        }
        Ok(())
    }

    /// The list as a ZLIB stream (RFC 1950), packed as small as it goes.
    pub fn pack(&self) -> Vec<u8> {
        let mut encoder =
            ZlibEncoder::new(Vec::with_capacity(self.bytes.len() / 64 + 64), Compression::best());
        // A Vec takes every write.
        let _ = encoder.write_all(&self.bytes);
        encoder.finish().unwrap_or_default()
    }

    /// Reads a ZLIB stream, stopping where it would unpack to more than [`MAX_LIST_BYTES`].
    pub fn unpack(bits: Bits, packed: &[u8]) -> Result<Self, ListError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_LIST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut decoder = ZlibDecoder::new(packed).take(limit);
        decoder.read_to_end(&mut bytes).map_err(|_| ListError::Malformed)?;
        if bytes.len() > MAX_LIST_BYTES {
            return Err(ListError::TooLarge);
        }
        Ok(Self { bits, bytes })
    }

    /// `lst` of the JSON form (§4.2).
    pub fn to_lst(&self) -> String {
        b64url_encode(&self.pack())
    }

    /// Reads `lst` of the JSON form.
    pub fn from_lst(bits: Bits, lst: &str) -> Result<Self, ListError> {
        Self::unpack(bits, &b64url_decode(lst).map_err(|_| ListError::Malformed)?)
    }
}
