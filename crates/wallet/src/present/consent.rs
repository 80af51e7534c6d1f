//! What the person is shown before anything leaves the phone.

use credential::path::ClaimPath;
use openid::approval::Level;
use openid::vp::PartyName;
use serde::Serialize;
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requester {
    /// The name in its certificate, else its client id.
    pub name: String,
    /// For whom it asks, where it is our own provider's verifier and asks for a relying party that is registered there.
    pub party: Option<PartyName>,
    /// Whether a certificate under a trusted root vouches for the name.
    pub verified: bool,
    /// The client id, prefix included.
    pub client_id: String,
    /// Where the answer goes: scheme, host and port.
    pub origin: String,
}

/// A login that our own provider asks this phone to approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// Registered name of the relying party in Korean.
    pub name_ko: String,
    /// Registered name of the relying party in English.
    pub name_en: String,
    /// The relying party's origin.
    pub origin: String,
    /// Where the browser is; unknown if `None`.
    pub place: Option<String>,
    /// How many digits of the number that the browser shows have to be given; 0 for none.
    pub number_digits: u8,
    /// How the login has to be approved.
    pub level: Level,
    /// Whether its provider lets agreement be remembered, and this phone told the same origin as much before.
    pub remembered: bool,
}

/// A claim that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskedClaim {
    /// Where it stands.
    pub path: ClaimPath,
    /// Its name in Korean.
    pub label_ko: String,
    /// Its name in English.
    pub label_en: String,
    /// What would be told; the first value where the path selects several.
    pub value: Value,
    /// Whether the verifier takes no answer without it. The others are off until turned on.
    pub required: bool,
}

/// A credential that was asked for, and the one held that answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    pub unused_copies: usize,
    /// The claims asked for.
    pub claims: Vec<AskedClaim>,
}

/// Everything the person decides about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consent {
    /// Who asks.
    pub requester: Requester,
    /// What it says it is for: the login, where it is one of our provider.
    pub login: Option<Login>,
    /// The credentials and claims asked for.
    pub credentials: Vec<AskedCredential>,
    /// What else the presentation would authorize: type and members of each entry.
    pub transactions: Vec<Value>,
}
