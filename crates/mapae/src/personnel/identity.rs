//! Resident registration numbers: compared, never kept.
//!
//! What is stored is `seal(key number (u32) ‖ HMAC-SHA-256(identity key, digits))`, bound to the employee's row. The check
//! digit is never judged: numbers given since October 2020 have none.

use keys::mac;

use crate::operations::{Platform, SecretName, server_keys::Secret};

/// The 13 digits of a resident registration number; wiped from memory when dropped.
#[derive(Clone)]
pub struct Rrn(keys::Zeroizing<String>);

/// The text is no resident registration number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resident registration number has 13 digits, with or without a hyphen after the sixth")]
pub struct NotAnRrn;

impl std::fmt::Debug for Rrn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rrn(…)")
    }
}

impl Rrn {
    /// Reads `YYMMDD-SNNNNNN`; the month and the day have to exist in some year.
    pub fn parse(text: &str) -> Result<Self, NotAnRrn> {
        let text = text.trim();
        let digits = match text.split_once('-') {
            Some((front, back)) if front.len() == 6 => [front, back].concat(),
            Some(_) => return Err(NotAnRrn),
            None => text.to_owned(),
        };
        let digits = keys::Zeroizing::new(digits);
        let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u8>().ok());
        let fits = digits.len() == 13 && digits.bytes().all(|b| b.is_ascii_digit());
        let dated = matches!((number(2, 4), number(4, 6)), (Some(1..=12), Some(1..=31)));
        if fits && dated { Ok(Self(digits)) } else { Err(NotAnRrn) }
    }

    /// The birth date that the number states, if its 7th digit tells the century (9 and 0: 1800s).
    pub fn birth_date(&self) -> Option<String> {
        let century = match self.0.as_bytes().get(6)? {
            b'1' | b'2' | b'5' | b'6' => "19",
            b'3' | b'4' | b'7' | b'8' => "20",
            _ => "18",
        };
        Some(format!("{century}{}-{}-{}", self.0.get(0..2)?, self.0.get(2..4)?, self.0.get(4..6)?))
    }

    /// The tag of this number under one identity key: key number, then HMAC.
    pub(super) fn tag(&self, key: &Secret) -> Vec<u8> {
        let tag = mac::hmac_sha256(key.bytes.as_slice(), &[b"rrn\0", self.0.as_bytes()]);
        [key.id.to_be_bytes().as_slice(), &tag].concat()
    }

    /// Whether an opened tag was made of this number.
    pub(super) fn matches(&self, platform: &Platform, tag: &[u8]) -> bool {
        let Some((id, _)) = tag.split_first_chunk::<4>() else { return false };
        let key = platform.keys.secret_by_id(SecretName::Identity, u32::from_be_bytes(*id));
        key.is_some_and(|key| mac::eq(&self.tag(key), tag))
    }
}
