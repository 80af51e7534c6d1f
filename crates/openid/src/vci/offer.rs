//! Credential offers (OpenID4VCI 1.0 §4): by value, by reference, as a link or QR code.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::{json, link};

/// The URI scheme of an offer (§11.1.2).
pub(super) const SCHEME: &str = "openid-credential-offer";
/// Schemes read as offers; `haip-vci` is HAIP 1.0 §4.3.
const SCHEMES: [&str; 3] = [SCHEME, "haip-vci", "https"];
/// Most configurations in one offer.
const MAX_CONFIGURATIONS: usize = 64;
/// Longest offer link, in bytes: what a QR code of the largest size can hold, and room for percent signs.
const MAX_LINK: usize = 8 * 1024;

/// What an issuer offers (§4.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialOffer {
    /// The issuer identifier.
    pub credential_issuer: String,
    /// Keys of the issuer's `credential_configurations_supported`.
    pub credential_configuration_ids: Vec<String>,
    /// How to get a token; absent means as the metadata says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// The grants of an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// The pre-authorized code.
    #[serde(
        rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub pre_authorized_code: Option<PreAuthorizedOffer>,
    /// The authorization code flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<AuthorizationCodeOffer>,
}

/// A pre-authorized code, with or without a transaction code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreAuthorizedOffer {
    /// The code.
    #[serde(rename = "pre-authorized_code")]
    pub pre_authorized_code: String,
    /// Present if the person must type a code, even if empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_code: Option<TxCode>,
    /// Which of the issuer's authorization servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_server: Option<String>,
}

impl std::fmt::Debug for PreAuthorizedOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreAuthorizedOffer").field("tx_code", &self.tx_code).finish_non_exhaustive()
    }
}

/// The authorization code flow of an offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCodeOffer {
    /// To be sent back in the authorization request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_state: Option<String>,
    /// Which of the issuer's authorization servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_server: Option<String>,
}

/// How the transaction code looks and where it is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxCode {
    /// Digits or any characters; digits if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_mode: Option<InputMode>,
    /// How many characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// What to tell the person, at most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The characters of a transaction code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputMode {
    /// Digits only.
    #[default]
    Numeric,
    /// Anything.
    Text,
}

impl TxCode {
    /// Whether what the person typed has the announced form; says nothing about being right.
    #[must_use]
    pub fn fits(&self, typed: &str) -> bool {
        let characters = match self.input_mode.unwrap_or_default() {
            InputMode::Numeric => typed.bytes().all(|b| b.is_ascii_digit()),
            InputMode::Text => true,
        };
        let length = typed.chars().count();
        let fits =
            self.length.is_none_or(|wanted| usize::try_from(wanted).is_ok_and(|wanted| wanted == length));
        characters && fits && length > 0 && length <= 64
    }
}

/// A link or QR code that holds an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferLink {
    /// The offer itself.
    ByValue(CredentialOffer),
    /// Where to fetch it with GET; pass the body to [`CredentialOffer::parse`].
    ByReference(String),
}

impl OfferLink {
    /// Reads `openid-credential-offer://…`, `haip-vci://…` or `https://…` with one of the two parameters.
    ///
    /// # Errors
    /// `invalid_request` for anything else, for both parameters at once, or beyond the bounds.
    pub fn parse(text: &str) -> Result<OfferLink, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        if text.len() > MAX_LINK {
            return Err(refused("the offer link is too long"));
        }
        let url = Url::parse(text.trim()).map_err(|_| refused("not a link"))?;
        let http_here = url.scheme() == "http" && link::is_loopback(&url);
        if !SCHEMES.contains(&url.scheme()) && !http_here {
            return Err(refused("not an offer link"));
        }
        let form = Form::parse_bounded(url.query().unwrap_or_default().as_bytes(), MAX_LINK)?;
        match (form.get("credential_offer"), form.get("credential_offer_uri")) {
            (Some(offer), None) => Ok(OfferLink::ByValue(CredentialOffer::parse(offer.as_bytes())?)),
            (None, Some(uri)) => {
                link::endpoint(uri).map_err(|_| refused("credential_offer_uri is not an https address"))?;
                Ok(OfferLink::ByReference(uri.to_owned()))
            }
            (Some(_), Some(_)) => {
                Err(refused("credential_offer and credential_offer_uri exclude each other"))
            }
            (None, None) => Err(refused("the link holds no offer")),
        }
    }

    /// The link for a QR code or button, in the scheme every wallet knows.
    #[must_use]
    pub fn to_link(&self) -> String {
        let form = match self {
            OfferLink::ByValue(offer) => {
                Form::default().with("credential_offer", &serde_json::to_string(offer).unwrap_or_default())
            }
            OfferLink::ByReference(uri) => Form::default().with("credential_offer_uri", uri),
        };
        format!("{SCHEME}://?{}", form.encode())
    }
}

impl CredentialOffer {
    /// Reads an offer object (§4.1.1).
    ///
    /// # Errors
    /// `invalid_request` if malformed, without or with repeated configurations, or with an issuer that is no https
    /// identifier.
    pub fn parse(json: &[u8]) -> Result<CredentialOffer, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        let offer: CredentialOffer = json::parse(json, json::SMALL)?;
        link::issuer(&offer.credential_issuer)
            .map_err(|_| refused("credential_issuer is not an https identifier"))?;
        let ids = &offer.credential_configuration_ids;
        if ids.is_empty() || ids.len() > MAX_CONFIGURATIONS {
            return Err(refused("credential_configuration_ids is empty or too long"));
        }
        if ids.iter().enumerate().any(|(at, id)| ids.iter().skip(at + 1).any(|other| other == id)) {
            return Err(refused("credential_configuration_ids repeats an id"));
        }
        let grant = offer.grants.as_ref().and_then(|grants| grants.pre_authorized_code.as_ref());
        if grant.is_some_and(|grant| {
            grant.pre_authorized_code.is_empty() || grant.pre_authorized_code.len() > 4096
        }) {
            return Err(refused("the pre-authorized code is empty or too long"));
        }
        let described =
            grant.and_then(|grant| grant.tx_code.as_ref()).and_then(|code| code.description.as_ref());
        if described.is_some_and(|text| text.chars().count() > 300) {
            return Err(refused("the tx_code description is longer than 300 characters"));
        }
        Ok(offer)
    }
}
