//! Row ids: UUID version 7 (RFC 9562 §5.7), so that rows made together lie together in the index.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::{Clock, SystemClock};

/// Milliseconds and a counter of the last id, so that ids of one process never go backwards.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A new id: 48 bits of time, 12 bits that count within a millisecond, 62 random bits.
pub fn new() -> String {
    let now = SystemClock.now_ms().unsigned_abs() << 12;
    let stamp = LAST
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last.saturating_add(1))))
        .map_or(now, |last| now.max(last.saturating_add(1)));
    let mut random = [0_u8; 8];
    keys::random::fill(&mut random);
    let tail = (u64::from_be_bytes(random) >> 2) | 0x8000_0000_0000_0000;
    let (time, count) = (stamp >> 12, stamp & 0xfff);
    format!(
        "{:08x}-{:04x}-7{count:03x}-{:04x}-{:012x}",
        (time >> 16) & 0xffff_ffff,
        time & 0xffff,
        tail >> 48,
        tail & 0xffff_ffff_ffff
    )
}

/// Whether a text from outside has the form of an id; a cheap check before it is looked up.
pub fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_distinct_and_sort_in_the_order_they_were_made() {
        let ids: Vec<String> = (0..20_000).map(|_| super::new()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| super::is_id(id)));
        assert!(!super::is_id("0190-zz"));
        assert!(!super::is_id(&"g".repeat(36)));
    }
}
