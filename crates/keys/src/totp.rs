//! One-time codes by time (RFC 6238 on RFC 4226): HMAC-SHA-1, six digits, a step of thirty seconds, as every
//! authenticator app knows them.
//!
//! SHA-1 is what the apps speak; a MAC does not need its collision resistance. Whoever judges a code keeps the step that
//! was used last, so that a code is good once.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Seconds of one step.
pub const STEP_S: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Steps before and after the present one that are still taken: phones have clocks of their own.
pub const SKEW: i64 = 1;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The shared secret: 160 random bits (RFC 4226 §4 R6).
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 20]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Fresh random bits.
    pub fn generate() -> Self {
        Self(Zeroizing::new(crate::random::bytes()))
    }

    /// The secret with these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// As people type it and as `otpauth://` links carry it: base 32 (RFC 4648 §6), 32 letters, no padding.
    pub fn base32(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(32));
        let (mut bits, mut held) = (0_u32, 0_u32);
        for byte in self.0.iter() {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                let index = usize::try_from((held >> bits) & 31).unwrap_or_default();
                text.push(ALPHABET.get(index).copied().map_or('A', char::from));
            }
        }
        text
    }

    /// The code of a step, with its leading zeros.
    pub fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.as_bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        // Dynamic truncation, RFC 4226 §5.3: the last nibble says where the four bytes begin.
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 15);
        let four = tag.get(offset..offset + 4).and_then(|four| four.try_into().ok()).unwrap_or_default();
        let number = (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000;
        format!("{number:06}")
    }

    /// The step whose code this is, among the present one and [`SKEW`] on either side. All are compared, in the same time
    /// whichever fits.
    pub fn step_of(&self, code: &str, now_s: i64) -> Option<i64> {
        let present = step_at(now_s);
        let mut found = None;
        for step in present - SKEW..=present + SKEW {
            if crate::mac::eq(self.code(step).as_bytes(), code.as_bytes()) {
                found = Some(step);
            }
        }
        found
    }
}

/// The step at a time, in seconds since 1970.
pub const fn step_at(now_s: i64) -> i64 {
    now_s.div_euclid(STEP_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of the examples in both standards.
    fn example() -> Secret {
        Secret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn the_examples_of_the_standards_come_out() {
        // RFC 4226 appendix D, by counter.
        for (counter, code) in
            [(0, "755224"), (1, "287082"), (2, "359152"), (5, "254676"), (7, "162583"), (9, "520489")]
        {
            assert_eq!(example().code(counter), code);
        }
        // RFC 6238 appendix B, by time; there with eight digits, of which these are the last six.
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(example().code(step_at(time)), code);
        }
        assert_eq!(example().base32().as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn one_step_on_either_side_is_taken_and_no_more() {
        let now = 1_234_567_890;
        let here = step_at(now);
        for (away, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = example().step_of(&example().code(here + away), now);
            assert_eq!(found, taken.then_some(here + away), "{away}");
        }
        for nonsense in ["", "0", "00592", "0059240", "００５９２４", "abcdef"] {
            assert_eq!(example().step_of(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn a_secret_comes_back_and_shows_itself_to_nobody() {
        let secret = Secret::generate();
        assert_eq!(Secret::from_bytes(secret.as_bytes()).unwrap().code(1), secret.code(1));
        assert!(Secret::from_bytes(&[0; 19]).is_none());
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.base32().len(), 32);
    }
}
