//! Recursive Length Prefix (Ethereum yellow paper, appendix B): one list of byte strings, which is all a transaction is.

/// Appends a byte string.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [single] if *single < 0x80 => out.push(*single),
        _ => {
            put_header(out, 0x80, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends a number, without leading zeros.
pub(crate) fn put_uint(out: &mut Vec<u8>, number: u128) {
    let bytes = number.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    put_bytes(out, bytes.get(start..).unwrap_or_default());
}

/// Wraps encoded items into a list.
pub(crate) fn list(items: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len().saturating_add(9));
    put_header(&mut out, 0xc0, items.len());
    out.extend_from_slice(items);
    out
}

fn put_header(out: &mut Vec<u8>, base: u8, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short <= 55 => out.push(base.wrapping_add(short)),
        _ => {
            let bytes = (length as u64).to_be_bytes();
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
            let digits = bytes.get(start..).unwrap_or_default();
            out.push(base.wrapping_add(55).wrapping_add(u8::try_from(digits.len()).unwrap_or(8)));
            out.extend_from_slice(digits);
        }
    }
}

/// One item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Bytes(&'a [u8]),
    /// The encoded items of an inner list.
    List(&'a [u8]),
}

impl<'a> Item<'a> {
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    /// A number in its shortest form.
    pub(crate) fn uint(self) -> Option<u128> {
        let bytes = self.bytes()?;
        if bytes.len() > 16 || bytes.first() == Some(&0) {
            return None;
        }
        Some(bytes.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte)))
    }
}

/// The items of a whole list, nothing after it; `None` where a byte is other than the one true encoding says.
pub(crate) fn read_list(bytes: &[u8]) -> Option<Vec<Item<'_>>> {
    let (item, rest) = read(bytes)?;
    let (Item::List(mut inside), true) = (item, rest.is_empty()) else { return None };
    let mut items = Vec::new();
    while !inside.is_empty() {
        // No list that we read has more items.
        if items.len() >= 32 {
            return None;
        }
        let (item, rest) = read(inside)?;
        items.push(item);
        inside = rest;
    }
    Some(items)
}

fn read(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=0x7f => Some((Item::Bytes(bytes.get(..1)?), rest)),
        0x80..=0xb7 => {
            let (content, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            // A single small byte is its own encoding.
            if matches!(content, [single] if *single < 0x80) {
                return None;
            }
            Some((Item::Bytes(content), rest))
        }
        0xb8..=0xbf => {
            let (content, rest) = long(rest, usize::from(first - 0xb7))?;
            Some((Item::Bytes(content), rest))
        }
        0xc0..=0xf7 => {
            let (content, rest) = rest.split_at_checked(usize::from(first - 0xc0))?;
            Some((Item::List(content), rest))
        }
        0xf8..=0xff => {
            let (content, rest) = long(rest, usize::from(first - 0xf7))?;
            Some((Item::List(content), rest))
        }
    }
}

fn long(bytes: &[u8], digits: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(digits)?;
    if length.first() == Some(&0) || digits > 8 {
        return None;
    }
    let length = length.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let length = usize::try_from(length).ok()?;
    if length <= 55 {
        return None;
    }
    rest.split_at_checked(length)
}
