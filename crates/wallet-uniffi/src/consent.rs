//! What the person is shown before anything leaves the phone, what they chose, and what came of it.

use wallet::present;

use crate::records::count;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Requester {
    /// The name in its certificate, else its client id.
    pub name: String,
    /// Whether a certificate under a trusted root vouches for the name.
    pub verified: bool,
    /// The client id, prefix included.
    pub client_id: String,
    /// Where the answer goes: scheme, host and port.
    pub origin: String,
}

/// A login that our own provider asks this phone to approve.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Login {
    /// Registered name of the relying party in Korean.
    pub name_ko: String,
    /// Registered name of the relying party in English.
    pub name_en: String,
    /// The relying party's origin.
    pub origin: String,
    /// Where the browser is, if known.
    pub place: Option<String>,
    /// How many digits of the number that the browser shows have to be given; 0 for none.
    pub number_digits: u8,
    /// Whether the PIN is asked for.
    pub pin_needed: bool,
}

/// A claim that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AskedClaim {
    /// Its path, as [`Choice::claims`] names it.
    pub path: String,
    /// Its name in Korean.
    pub label_ko: String,
    /// Its name in English.
    pub label_en: String,
    /// What would be told, as JSON.
    pub value_json: String,
    /// Whether the verifier takes no answer without it. The others are off until turned on.
    pub required: bool,
}

/// A credential that was asked for, and the one held that answers.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AskedCredential {
    /// Id of the credential query.
    pub query: String,
    /// The holding.
    pub holding: String,
    /// Other holdings that would do.
    pub others: Vec<String>,
    /// Credential type.
    pub vct: String,
    /// Whether the verifier takes no answer without it. The others are off until turned on.
    pub required: bool,
    /// Copies that were never shown.
    pub unused_copies: u32,
    /// The claims asked for.
    pub claims: Vec<AskedClaim>,
}

/// Everything the person decides about.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Consent {
    /// Who asks.
    pub requester: Requester,
    /// The login that it is for, where it is one of our provider.
    pub login: Option<Login>,
    /// The credentials and claims asked for.
    pub credentials: Vec<AskedCredential>,
}

impl From<&present::Consent> for Consent {
    fn from(consent: &present::Consent) -> Consent {
        let requester = &consent.requester;
        let login = |login: &present::Login| Login {
            name_ko: login.name_ko.clone(),
            name_en: login.name_en.clone(),
            origin: login.origin.clone(),
            place: login.place.clone(),
            number_digits: login.number_digits,
            pin_needed: login.level == openid::approval::Level::Pin,
        };
        let claim = |claim: &present::AskedClaim| AskedClaim {
            path: claim.path.to_string(),
            label_ko: claim.label_ko.clone(),
            label_en: claim.label_en.clone(),
            value_json: claim.value.to_string(),
            required: claim.required,
        };
        let credential = |asked: &present::AskedCredential| AskedCredential {
            query: asked.query.clone(),
            holding: asked.holding.clone(),
            others: asked.others.clone(),
            vct: asked.vct.clone(),
            required: asked.required,
            unused_copies: count(asked.unused_copies),
            claims: asked.claims.iter().map(claim).collect(),
        };
        Consent {
            requester: Requester {
                name: requester
                    .party
                    .as_ref()
                    .map_or_else(|| requester.name.clone(), |party| party.name_ko.clone()),
                verified: requester.verified,
                client_id: requester.client_id.clone(),
                origin: requester.origin.clone(),
            },
            login: consent.login.as_ref().map(login),
            credentials: consent.credentials.iter().map(credential).collect(),
        }
    }
}

/// Another holding for a query.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HoldingChoice {
    /// Id of the credential query.
    pub query: String,
    /// The holding, one of [`AskedCredential::others`].
    pub holding: String,
}

/// What the person decided.
#[derive(Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Choice {
    /// Optional claims that were turned on, by path.
    #[uniffi(default)]
    pub claims: Vec<String>,
    /// Everything that was asked for, optional or not.
    #[uniffi(default)]
    pub everything: bool,
    /// Optional credential queries that were turned on.
    #[uniffi(default)]
    pub credentials: Vec<String>,
    /// Other holdings than the first that would do.
    #[uniffi(default)]
    pub holdings: Vec<HoldingChoice>,
    /// Whether a copy that was shown before may be shown again when no unused one is left.
    #[uniffi(default)]
    pub allow_reuse: bool,
    /// The number that the browser shows.
    #[uniffi(default)]
    pub number: Option<String>,
    /// The PIN, where the login asks for it.
    #[uniffi(default)]
    pub pin: Option<String>,
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Choice(…)")
    }
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Answered {
    /// Where the browser on this same device goes on, if anywhere; holds a secret.
    pub redirect_uri: Option<String>,
    /// Claims that were told.
    pub claims: Vec<String>,
    /// Whether a copy was shown a second time.
    pub reused_copy: bool,
    /// Holdings that want a new batch of copies: `receive_badge`.
    pub top_up: Vec<String>,
}

impl From<present::Answered> for Answered {
    fn from(answered: present::Answered) -> Answered {
        Answered {
            redirect_uri: answered.redirect_uri,
            claims: answered.claims,
            reused_copy: answered.reused_copy,
            top_up: answered.top_up,
        }
    }
}
