//! What Mapae's own login asks of the phone beyond OpenID4VP.
//!
//! A presentation proves the badge; it does not prove that the person at the browser and the person with the
//! phone are the same, nor how the phone checked its holder. For that the wallet tells the *account role*, under
//! the device key or in a PIN instruction: "I approve this request, I read this number". Login then reads that
//! record; it never believes the presentation about it.
//!
//! The request object carries a private parameter, [`PARAMETER`], which any other wallet ignores. The approval
//! names the request by [`approved_part`]: hash it with SHA-256.

use serde::{Deserialize, Serialize};

/// Name of the private request object parameter that holds a [`LoginContext`].
pub const PARAMETER: &str = "mapae_login";

/// How strongly a login has to be approved: the three values of `acr` that the provider grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An approval signed by the device key.
    Base,
    /// An approval inside a PIN instruction.
    Pin,
    /// The same by a phone whose hardware a maker known to the account role vouches for.
    Hardware,
}

impl Level {
    /// What the holder does for it. Evidence of hardware is the account role's to look up, never the phone's to claim.
    pub const fn on_phone(self) -> Level {
        match self {
            Level::Base => Level::Base,
            Level::Pin | Level::Hardware => Level::Pin,
        }
    }
}

/// Who wants the login, from where, and what the holder must do: shown by the wallet before consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginContext {
    /// Registered name of the relying party in Korean.
    pub name_ko: String,
    /// Registered name of the relying party in English.
    pub name_en: String,
    /// Origin of the relying party (`https://host[:port]`), from its registered redirect URI.
    pub origin: String,
    /// Where the browser is, from the operator's network table; `None` is shown as "알 수 없음".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The browser shows a number of this many digits which the approval must repeat; 0 asks for none.
    pub number_digits: u8,
    /// What the holder has to do: [`Level::on_phone`] of the level that this login demands.
    pub level: Level,
    /// Whether the phone may remember that its holder agreed, and then show what is asked more briefly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remembers: bool,
}

/// The part of a signed request object that an approval covers: `header.payload`, the signing input (RFC 7515 §5.1).
///
/// The signature is left out because ECDSA is not deterministic and the verifier keeps no copy of what it sent.
/// `None` if the text is not a compact JWS.
pub fn approved_part(request_object: &str) -> Option<&str> {
    let (signed, signature) = request_object.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let bare = |part: &str| !part.is_empty() && !part.contains('.');
    (bare(header) && bare(payload) && bare(signature)).then_some(signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_approved_part_is_the_signing_input() {
        assert_eq!(approved_part("aa.bb.cc"), Some("aa.bb"));
    }

    #[test]
    fn what_is_no_compact_jws_has_no_approved_part() {
        for text in ["", "a", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b."] {
            assert_eq!(approved_part(text), None, "{text:?}");
        }
    }

    #[test]
    fn each_level_is_above_the_one_before_and_the_phone_knows_two() {
        assert!(Level::Hardware > Level::Pin && Level::Pin > Level::Base);
        assert_eq!((Level::Hardware.on_phone(), Level::Base.on_phone()), (Level::Pin, Level::Base));
        assert_eq!(serde_json::to_string(&Level::Pin).unwrap(), "\"pin\"");
    }
}
