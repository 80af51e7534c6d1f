//! The PIN: six digits, the guessable ones refused on the phone, and the P-256 key derived from them.
//!
//! The server knows the PIN's *public* key only, the phone the salt only. Neither alone can try PINs in its own
//! time: with the vault of a stolen phone each guess costs one of five tries at the server, and the server's
//! database holds points of a curve to which 256 secret bits of salt are missing.

use core::fmt;

use keys::SecretKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// How many digits a PIN has.
pub const DIGITS: usize = 6;

/// Domain separation of the derivation; a change of any rule below needs a new number.
const DERIVATION: &[u8] = b"mapae/pin/v1";

/// Six decimal digits, wiped from memory when dropped; never printed, never stored.
#[derive(Clone)]
pub struct Pin(Zeroizing<[u8; DIGITS]>);

/// What was typed is not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN is six digits")]
pub struct NotSixDigits;

impl Pin {
    /// Reads exactly six ASCII digits; nothing is trimmed.
    pub fn parse(text: &str) -> Result<Pin, NotSixDigits> {
        let bytes = text.as_bytes();
        let digits: [u8; DIGITS] = bytes.try_into().map_err(|_| NotSixDigits)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Pin(Zeroizing::new(digits)))
        } else {
            Err(NotSixDigits)
        }
    }

    /// The key that signs PIN instructions: HKDF-SHA-256 over the digits with the phone's salt, to a scalar.
    pub fn key(&self, salt: &Salt) -> SecretKey {
        SecretKey::derive(self.0.as_slice(), salt.0.as_slice(), DERIVATION)
    }

    /// Refuses a PIN that a finder of the phone would try first.
    pub fn check_strength(&self, owner: &Owner) -> Result<(), WeakPin> {
        let digits = self.0.as_slice();
        let steps = |step: u8| {
            digits.windows(2).all(|pair| matches!(pair, [a, b] if (a - b'0' + step) % 10 == b - b'0'))
        };
        if steps(0) {
            return Err(WeakPin::SameDigit);
        }
        if steps(1) || steps(9) {
            return Err(WeakPin::Run);
        }
        let repeats = |period: usize| digits.iter().zip(digits.iter().skip(period)).all(|(a, b)| a == b);
        if repeats(2) || repeats(3) {
            return Err(WeakPin::Repetition);
        }
        if owner.birth_fragments().iter().any(|fragment| contains(digits, fragment)) {
            return Err(WeakPin::BirthDate);
        }
        if owner.phone_fragments().iter().any(|fragment| contains(digits, fragment)) {
            return Err(WeakPin::PhoneNumber);
        }
        Ok(())
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}

/// Why a PIN was refused on the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPin {
    /// `777777`
    #[error("all six digits are the same")]
    SameDigit,
    /// `123456`, `321098`
    #[error("the digits run up or down")]
    Run,
    /// `121212`, `835835`
    #[error("a short pattern is repeated")]
    Repetition,
    /// Year, month and day of birth in any usual order, or a part of them.
    #[error("the PIN holds a part of the birth date")]
    BirthDate,
    /// The last four digits of the phone number, or six that follow each other in its last eight.
    #[error("the PIN holds a part of the phone number")]
    PhoneNumber,
}

impl WeakPin {
    /// Stable code, also the key of the message shown.
    pub fn code(self) -> &'static str {
        match self {
            WeakPin::SameDigit => "pin_same_digit",
            WeakPin::Run => "pin_run",
            WeakPin::Repetition => "pin_repetition",
            WeakPin::BirthDate => "pin_birth_date",
            WeakPin::PhoneNumber => "pin_phone_number",
        }
    }
}

/// What the phone knows of its owner that a thief may know too. Anything but digits is ignored.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// `YYYYMMDD` or `YYMMDD`, separators allowed; empty if unknown.
    #[serde(default)]
    pub birth_date: String,
    /// The phone number or its last digits; empty if unknown.
    #[serde(default)]
    pub phone: String,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner(…)")
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.birth_date.zeroize();
        self.phone.zeroize();
    }
}

impl Owner {
    fn birth_fragments(&self) -> Vec<Vec<u8>> {
        let digits = digits_of(&self.birth_date);
        let (century, short) = match digits.len() {
            8 => digits.split_at(2),
            6 => (&[][..], digits.as_slice()),
            _ => return Vec::new(),
        };
        let (year, day_in_year) = short.split_at(2);
        let (month, day) = day_in_year.split_at(2);
        let mut fragments = vec![
            [month, day].concat(),
            [year, month, day].concat(),
            [day, month, year].concat(),
            [month, day, year].concat(),
        ];
        if !century.is_empty() {
            fragments.push([century, year].concat());
        }
        fragments
    }

    fn phone_fragments(&self) -> Vec<Vec<u8>> {
        let digits = digits_of(&self.phone);
        let last = |count: usize| digits.get(digits.len().saturating_sub(count)..).unwrap_or_default();
        let mut fragments: Vec<Vec<u8>> = last(8).windows(DIGITS).map(<[u8]>::to_vec).collect();
        if digits.len() >= 4 {
            fragments.push(last(4).to_vec());
        }
        fragments
    }
}

fn digits_of(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).collect()
}

/// 256 random bits that never leave the vault.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(Zeroizing<[u8; 32]>);

impl Salt {
    /// A fresh salt; each PIN gets its own.
    pub fn generate() -> Salt {
        Salt(Zeroizing::new(keys::random::bytes::<32>()))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(keys::encoding::b64url_encode(self.0.as_slice())))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = Zeroizing::new(keys::encoding::b64url_decode(&text).map_err(serde::de::Error::custom)?);
        let salt: [u8; 32] =
            bytes.as_slice().try_into().map_err(|_| serde::de::Error::custom("a salt is 32 bytes"))?;
        Ok(Salt(Zeroizing::new(salt)))
    }
}

#[cfg(test)]
mod tests;
