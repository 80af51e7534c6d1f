//! The sealed tickets of a login, from the page to the code. None is stored; each names what may open it next.
//!
//! ```text
//! /oidc/authorize ─▶ Start (in the page, bound to the browser's cookie)
//!                      └─▶ Draw (in a QR or link; 20 s in a QR)
//!                            └─▶ Exchange (in the request object's response_uri)
//!                                  └─▶ row login_attempt, keyed by the seed all of them share: the one use
//!                      └─▶ Code (to the relying party, when the row says granted) ─▶ Refresh
//! /oidc/par    ─▶ Pushed (the request_uri) ─▶ Start
//! /oidc/device ─▶ Device (the device code, and behind the user code) ─▶ Start
//! ```
//!
//! All share one seed. Whoever reads the database finds neither seed nor code, and so no claims.

use openid::approval::Level;
use openid::oidc::{AuthorizationRequest, CodeGrant};
use serde::{Deserialize, Serialize};

use super::claims::ClaimSet;
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits};
use crate::verification::Seed;
use crate::verification::relying_party::RelyingParty;

/// A login as the page holds it: the validated authorization request and the browser it belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Start {
    /// What everything else follows from.
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    /// SHA-256 of the browser's cookie, base64url.
    #[serde(rename = "b")]
    pub(super) browser: String,
    /// What a code of this login will stand for.
    #[serde(rename = "g")]
    pub(super) grant: CodeGrant,
    /// The relying party's `state`.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    /// The level this login must reach.
    #[serde(rename = "a")]
    pub(super) level: Level,
    /// When the page was made, in milliseconds.
    #[serde(rename = "m")]
    pub(super) at_ms: i64,
    /// The badge claims asked for.
    #[serde(rename = "w", default)]
    pub(super) wanted: ClaimSet,
    /// Those of them that go into the ID token.
    #[serde(rename = "i", default)]
    pub(super) in_id_token: ClaimSet,
    /// The registered network that the browser began in.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<u8>,
    /// Whether its owner's passkey began it in an enrolled browser.
    #[serde(rename = "e", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) enrolled: bool,
    /// The person who has to log in, where the relying party named one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    /// Whether only the relying party can begin it anew: what was pushed, signed, or does not fit into the page's own link.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) by_party: bool,
    /// Whether an app began it without a page, over the government adapter.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) in_app: bool,
    /// The user code of the device that waits for this login.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
}

/// A link to the request. In a QR every character counts; on the phone itself the whole start travels with it, since
/// the wallet returns to a browser tab that has nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Draw {
    /// Scanned from another screen.
    #[serde(rename = "q")]
    Scanned(Seed, String, ClaimSet, Level, u8, Option<u8>, Option<String>),
    /// Tapped in the phone's own browser.
    #[serde(rename = "h")]
    Tapped(Box<Start>),
    /// Handed to the browser's own wallet chooser by the page (Digital Credentials API).
    #[serde(rename = "b")]
    Handed(Box<Start>),
}

impl Draw {
    /// What everything follows from.
    pub(super) fn seed(&self) -> &Seed {
        match self {
            Draw::Scanned(seed, ..) => seed,
            Draw::Tapped(start) | Draw::Handed(start) => &start.seed,
        }
    }

    /// The relying party.
    pub(super) fn client_id(&self) -> &str {
        match self {
            Draw::Scanned(_, client_id, ..) => client_id,
            Draw::Tapped(start) | Draw::Handed(start) => &start.grant.client_id,
        }
    }

    /// The badge claims asked for.
    pub(super) fn wanted(&self) -> ClaimSet {
        match self {
            Draw::Scanned(_, _, wanted, ..) => *wanted,
            Draw::Tapped(start) | Draw::Handed(start) => start.wanted,
        }
    }

    /// The registered network that the browser began in.
    pub(super) fn network(&self) -> Option<u8> {
        match self {
            Draw::Scanned(.., network, _) => *network,
            Draw::Tapped(start) | Draw::Handed(start) => start.network,
        }
    }

    /// The user code of the device that waits for this login.
    pub(super) fn device(&self) -> Option<&str> {
        match self {
            Draw::Scanned(.., device) => device.as_deref(),
            Draw::Tapped(start) | Draw::Handed(start) => start.device.as_deref(),
        }
    }

    /// The level to reach.
    pub(super) fn level(&self) -> Level {
        match self {
            Draw::Scanned(_, _, _, level, ..) => *level,
            Draw::Tapped(start) | Draw::Handed(start) => start.level,
        }
    }

    /// The redirect URI, as `party` has it registered.
    pub(super) fn redirect_uri<'a>(&'a self, party: &'a RelyingParty) -> Option<&'a str> {
        match self {
            Draw::Scanned(_, _, _, _, at, ..) => {
                party.redirect_uris.get(usize::from(*at)).map(String::as_str)
            }
            Draw::Tapped(start) | Draw::Handed(start) => Some(&start.grant.redirect_uri),
        }
    }

    /// Whether the wallet's answer has to return to the browser that tapped.
    pub(super) fn same_device(&self) -> bool {
        matches!(self, Draw::Tapped(_))
    }

    /// The number that the holder has to read from the page: whoever scans may stand before somebody else's page, while a
    /// browser that opens the wallet itself tells it which page asks.
    pub(super) fn number(&self) -> Option<String> {
        matches!(self, Draw::Scanned(..)).then(|| number(self.seed()))
    }

    /// The login of a page that asks through the browser, if this is one.
    pub(super) fn handed(&self) -> Option<&Start> {
        match self {
            Draw::Handed(start) => Some(start),
            Draw::Scanned(..) | Draw::Tapped(_) => None,
        }
    }
}

/// One exchange with a wallet: made when the request object is fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// The link that was followed.
    #[serde(rename = "d")]
    pub(super) draw: Draw,
    /// Tells this exchange's keys from those of other fetches.
    #[serde(rename = "x")]
    pub(super) salt: String,
    /// When the request object was made, in seconds.
    #[serde(rename = "i")]
    pub(super) at_s: i64,
    /// The wallet's own nonce, repeated in the request object.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) wallet_nonce: Option<String>,
}

/// Where a wallet on the same device sends the holder back to: the `response_code` (OpenID4VP §8.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Return(
    /// The login that was answered.
    pub(super) Start,
);

/// An authorization code: what the token endpoint must know and find unchanged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    /// Opens the claims of the attempt, and names it.
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    /// What it stands for.
    #[serde(rename = "g")]
    pub(super) grant: CodeGrant,
    /// The badge claims that go into the ID token.
    #[serde(rename = "i", default)]
    pub(super) in_id_token: ClaimSet,
}

/// A refresh token: what opens the claims, and which one of its session it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Refresh {
    /// The session.
    #[serde(rename = "e")]
    pub(super) session: String,
    /// Opens the claims.
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    /// Counts up with each rotation.
    #[serde(rename = "n")]
    pub(super) number: i64,
    /// The badge claims that go into the ID token.
    #[serde(rename = "i", default)]
    pub(super) in_id_token: ClaimSet,
}

/// A pushed request (RFC 9126): judged when it came, used by one browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pushed {
    /// What the login follows from, so that all pages of one pushed request share one answer.
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    /// The request.
    #[serde(rename = "q")]
    pub(super) request: AuthorizationRequest,
}

/// A device code (RFC 8628), and the row's copy of it behind the user code.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Device {
    /// What the login follows from.
    #[serde(rename = "s")]
    pub(super) seed: Seed,
    /// The relying party.
    #[serde(rename = "c")]
    pub(super) client_id: String,
    /// The scopes asked for.
    #[serde(rename = "o")]
    pub(super) scopes: Vec<String>,
    /// The level this login must reach.
    #[serde(rename = "a")]
    pub(super) level: Level,
    /// The registered network that the device is in.
    #[serde(rename = "n")]
    pub(super) network: u8,
}

/// A kind of ticket: what it is sealed for.
pub(super) trait Ticket: Serialize + serde::de::DeserializeOwned {
    /// The purpose bound into the seal.
    const PURPOSE: &'static str;

    /// Seals the ticket until `expires_ms`.
    ///
    /// # Errors
    /// Longer than a token may be.
    fn seal(&self, platform: &Platform, expires_ms: i64) -> Result<String, TokenError> {
        platform.tokens.seal(Self::PURPOSE, self, expires_ms)
    }

    /// Opens a ticket of this kind.
    ///
    /// # Errors
    /// Not one of ours, of another kind, changed, or its time is over.
    fn open(platform: &Platform, text: &str) -> Result<Self, TokenError> {
        platform.tokens.open(Self::PURPOSE, text, platform.now_ms())
    }
}

impl Ticket for Start {
    const PURPOSE: &'static str = "login-start";
}
impl Ticket for Draw {
    const PURPOSE: &'static str = "login-draw";
}
impl Ticket for Exchange {
    const PURPOSE: &'static str = "login-exchange";
}
impl Ticket for Return {
    const PURPOSE: &'static str = "login-return";
}
impl Ticket for Code {
    const PURPOSE: &'static str = "login-code";
}
impl Ticket for Refresh {
    const PURPOSE: &'static str = "login-refresh";
}
impl Ticket for Pushed {
    const PURPOSE: &'static str = "login-pushed";
}
impl Ticket for Device {
    const PURPOSE: &'static str = "login-device";
}

impl Start {
    /// The two digits that browser and phone must agree on, 10 to 99: one for the whole page, so that it does not
    /// change under the holder's eyes when the QR does.
    pub(super) fn number(&self) -> String {
        number(&self.seed)
    }

    /// When this page stops working, in milliseconds.
    pub(super) fn expires_ms(&self) -> i64 {
        self.at_ms.saturating_add(limits::LOGIN_PAGE.get())
    }

    /// The number of the QR on show at `now_ms`, and how many milliseconds it has left.
    pub(super) fn drawing(&self, now_ms: i64) -> (i64, i64) {
        let every = limits::LOGIN_QR_REDRAW.get();
        let age = now_ms.saturating_sub(self.at_ms).max(0);
        (age / every, every - age % every)
    }

    /// The ticket of a QR; it names the redirect URI by its place among those of `party`.
    pub(super) fn scanned(&self, party: &RelyingParty) -> Draw {
        let at = party.redirect_place(&self.grant.redirect_uri).unwrap_or(usize::MAX);
        let at = u8::try_from(at).unwrap_or(u8::MAX);
        let (seed, client_id) = (self.seed.clone(), self.grant.client_id.clone());
        Draw::Scanned(seed, client_id, self.wanted, self.level, at, self.network, self.device.clone())
    }

    /// The ticket of the link on the page.
    pub(super) fn tapped(&self) -> Draw {
        Draw::Tapped(Box::new(self.clone()))
    }

    /// The ticket of what the page hands to the browser.
    pub(super) fn handed(&self) -> Draw {
        Draw::Handed(Box::new(self.clone()))
    }

    /// The code's ticket.
    pub(super) fn code(&self) -> Code {
        Code { seed: self.seed.clone(), grant: self.grant.clone(), in_id_token: self.in_id_token }
    }
}

/// The number that belongs to a login.
pub(super) fn number(seed: &Seed) -> String {
    let bytes = seed.derive("number");
    let value = bytes.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    (10 + value % 90).to_string()
}
