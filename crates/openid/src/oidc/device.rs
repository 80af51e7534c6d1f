//! The device authorization grant (RFC 8628): the messages, and the code that a person copies.

use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError};
use crate::form::Form;

/// `grant_type` (§3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Consonants that are neither mistaken for each other nor make words (§6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many of them: 20^8 is 34.5 bits.
const LENGTH: usize = 8;
/// Longest device code read, in bytes.
const MAX_DEVICE_CODE: usize = 4096;

/// The code on the device's screen, such as `WDJB-MJHT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A fresh code; `random` gives evenly spread bytes, of which those that would favour some letters are thrown away.
    pub fn fresh(mut random: impl FnMut() -> u8) -> UserCode {
        let mut text = String::with_capacity(LENGTH);
        while text.len() < LENGTH {
            let byte = random();
            if byte < 240
                && let Some(letter) = ALPHABET.get(usize::from(byte % 20))
            {
                text.push(char::from(*letter));
            }
        }
        UserCode(text)
    }

    /// Reads what a person typed: case, blanks and hyphens do not matter (§6.1).
    #[must_use]
    pub fn read(typed: &str) -> Option<UserCode> {
        if typed.len() > 64 {
            return None;
        }
        let letters = typed.chars().filter(|letter| !matches!(letter, '-' | ' ' | '\u{2010}'..='\u{2015}'));
        let text: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
        let known = text.len() == LENGTH && text.bytes().all(|letter| ALPHABET.contains(&letter));
        known.then_some(UserCode(text))
    }

    /// The letters without the hyphen, to look the code up.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (left, right) = self.0.split_at(LENGTH / 2);
        write!(f, "{left}-{right}")
    }
}

/// The answer to a device that asks for a login (§3.2). `verification_uri_complete` is left out: a link with the code in it
/// is what a phisher sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAuthorization {
    /// For the device alone.
    pub device_code: String,
    /// For the person.
    pub user_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// Seconds until both end.
    pub expires_in: u64,
    /// Seconds between two questions at the token endpoint.
    pub interval: u64,
}

/// The device code of a token request (§3.4); `None` if it is of another grant.
///
/// # Errors
/// `invalid_request` if it is missing or too long.
pub fn device_code(form: &Form) -> Result<Option<&str>, OAuthError> {
    if form.get("grant_type") != Some(DEVICE_CODE) {
        return Ok(None);
    }
    let code = form.require("device_code")?;
    if code.len() > MAX_DEVICE_CODE {
        return Err(OAuthError::new(Code::InvalidRequest, "device_code is too long"));
    }
    Ok(Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_however_it_is_typed() {
        let mut next = 0_u8;
        let code = UserCode::fresh(|| {
            next = next.wrapping_add(29);
            next
        });
        let shown = code.to_string();
        assert_eq!(shown.len(), 9);
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('-', "")] {
            assert_eq!(UserCode::read(&typed), Some(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_looked_up() {
        for typed in
            ["", "WDJB", "WDJB-MJHA", "WDJB-MJHTT", "WDJB_MJHT", &"W".repeat(100), "가나다라마바사아"]
        {
            assert_eq!(UserCode::read(typed), None, "{typed}");
        }
    }

    #[test]
    fn bytes_that_would_favour_some_letters_are_thrown_away() {
        let mut bytes = vec![255_u8, 240, 0, 19, 20, 239, 1, 2, 3, 4].into_iter();
        assert_eq!(UserCode::fresh(|| bytes.next().unwrap()).letters(), "BZBZCDFG");
    }

    #[test]
    fn only_its_own_grant_carries_a_device_code() {
        let form = Form::default().with("grant_type", DEVICE_CODE).with("device_code", "x");
        assert_eq!(device_code(&form).unwrap(), Some("x"));
        assert_eq!(device_code(&Form::default().with("grant_type", "refresh_token")).unwrap(), None);
        assert!(device_code(&Form::default().with("grant_type", DEVICE_CODE)).is_err());
    }
}
