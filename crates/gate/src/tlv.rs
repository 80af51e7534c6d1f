//! Tag, length, value: one byte of tag, a length of one to three bytes in its shortest form (BER, X.690 §8.1.3).

use alloc::vec::Vec;

/// Writes elements one after another.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn put(mut self, tag: u8, value: &[u8]) -> Self {
        self.0.push(tag);
        // Values are far below 65,536 bytes: the largest is a pass.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        match (u8::try_from(length), length.to_be_bytes()) {
            (Ok(short @ 0..=0x7f), _) => self.0.push(short),
            (Ok(byte), _) => self.0.extend([0x81, byte]),
            (Err(_), [high, low]) => self.0.extend([0x82, high, low]),
        }
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// The elements of a value; no tag twice, nothing left over.
#[derive(Debug)]
pub(crate) struct Elements<'a>(Vec<(u8, &'a [u8])>);

/// More elements than any message of ours has.
const MOST: usize = 16;

impl<'a> Elements<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut found: Vec<(u8, &[u8])> = Vec::new();
        while let [tag, rest @ ..] = bytes {
            let (length, rest) = match rest {
                [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
                [0x81, byte @ 0x80..=0xff, rest @ ..] => (usize::from(*byte), rest),
                [0x82, high @ 1..=0xff, low, rest @ ..] => {
                    (usize::from(u16::from_be_bytes([*high, *low])), rest)
                }
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(length)?;
            if found.len() == MOST || found.iter().any(|(known, _)| known == tag) {
                return None;
            }
            found.push((*tag, value));
            bytes = rest;
        }
        Some(Self(found))
    }

    pub(crate) fn get(&self, tag: u8) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| *known == tag).map(|(_, value)| *value)
    }

    pub(crate) fn array<const N: usize>(&self, tag: u8) -> Option<[u8; N]> {
        self.get(tag)?.try_into().ok()
    }
}
