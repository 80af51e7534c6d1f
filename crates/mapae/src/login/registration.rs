//! How a relying party uses the login beyond the plain code flow: its keys, its profile, its sessions, its logout.

use openid::link;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::operations::limits;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::verification::relying_party::{IdTokenAlg, RelyingParty};

/// Which rules a relying party has asked to be held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// OpenID Connect Core with PKCE.
    #[default]
    Standard,
    /// FAPI 2.0 Security Profile: pushed requests, signed client authentication, tokens bound to a key.
    Fapi2,
}

impl Profile {
    const fn as_str(self) -> &'static str {
        match self {
            Profile::Standard => "standard",
            Profile::Fapi2 => "fapi2",
        }
    }
}

/// Where a client's public keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKeys {
    /// It has none: it tells a secret, or is a public client.
    #[default]
    None,
    /// Registered here, as a JWK Set.
    Inline(String),
    /// At an address of its own.
    Address(String),
}

/// How a relying party uses the login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSettings {
    /// The rules it is held to.
    pub profile: Profile,
    /// Its keys; with any, it authenticates by `private_key_jwt` and nothing else.
    pub keys: ClientKeys,
    /// Requests must be pushed.
    pub pushed_only: bool,
    /// Requests must be signed.
    pub signed_only: bool,
    /// Tokens must be bound to a DPoP key.
    pub dpop_only: bool,
    /// It gets refresh tokens.
    pub refresh: bool,
    /// It may begin logins of devices without a browser.
    pub device: bool,
    /// How long a login lasts at the most, in milliseconds.
    pub session_ms: i64,
    /// Where the browser may be sent after a logout.
    pub logout_uris: Vec<String>,
    /// Where it is told that a login has ended.
    pub backchannel_uri: Option<String>,
    /// The clients whose tokens it may ask about, beside its own.
    pub introspects: Vec<String>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            profile: Profile::Standard,
            keys: ClientKeys::None,
            pushed_only: false,
            signed_only: false,
            dpop_only: false,
            refresh: false,
            device: false,
            session_ms: limits::LOGIN_SESSION.get(),
            logout_uris: Vec::new(),
            backchannel_uri: None,
            introspects: Vec::new(),
        }
    }
}

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not a set of P-256 keys, or too many.
    #[error("the keys are no JWK Set with 1 to {} P-256 keys, each with its own kid", limits::LOGIN_JWKS_KEYS.get())]
    Keys,
    /// Not an address that may be called or sent to.
    #[error("not allowed as an address: {0}")]
    Address(String),
    /// Outside of the bounds.
    #[error("a session lasts {} seconds to {} hours", limits::LOGIN_SESSION_SHORTEST.get() / 1_000, limits::LOGIN_SESSION_LONGEST.get() / 3_600_000)]
    Session,
    /// FAPI 2.0 needs a confidential client with keys and https addresses.
    #[error("fapi2 needs keys, https redirect URIs and ES256: {0}")]
    Fapi2(&'static str),
    /// Only a confidential client may ask about tokens.
    #[error("only a client with a secret or keys may ask about tokens")]
    Introspection,
    /// A list is longer than the registry keeps.
    #[error("a list has more than {MAX_LIST} entries")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most entries of a list.
const MAX_LIST: usize = 16;

impl ClientSettings {
    /// Checks the settings against the registration.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, party: &RelyingParty) -> Result<(), SettingsError> {
        self.fits(party.is_public(), party.id_token_alg, &party.redirect_uris)
    }

    /// The same for a registration that is not stored yet.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn fits(
        &self,
        public: bool,
        id_token_alg: IdTokenAlg,
        redirect_uris: &[String],
    ) -> Result<(), SettingsError> {
        match &self.keys {
            ClientKeys::None => {}
            ClientKeys::Inline(text) => {
                super::client_keys::read(text.as_bytes()).ok_or(SettingsError::Keys)?;
            }
            ClientKeys::Address(address) => endpoint(address)?,
        }
        if self.logout_uris.len() > MAX_LIST || self.introspects.len() > MAX_LIST {
            return Err(SettingsError::TooMany);
        }
        for address in self.logout_uris.iter().chain(&self.backchannel_uri) {
            endpoint(address)?;
        }
        let session = limits::LOGIN_SESSION_SHORTEST.get()..=limits::LOGIN_SESSION_LONGEST.get();
        if !session.contains(&self.session_ms) {
            return Err(SettingsError::Session);
        }
        if !self.introspects.is_empty() && public && !self.signs() {
            return Err(SettingsError::Introspection);
        }
        if self.profile == Profile::Fapi2 {
            if !self.signs() {
                return Err(SettingsError::Fapi2("keys are missing"));
            }
            if id_token_alg != IdTokenAlg::ES256 {
                return Err(SettingsError::Fapi2("ID tokens must be ES256"));
            }
            let loopback_or_https = |uri: &String| link::endpoint(uri).is_ok();
            if !redirect_uris.iter().all(loopback_or_https) {
                return Err(SettingsError::Fapi2("a redirect URI is not https"));
            }
        }
        Ok(())
    }

    /// Whether the client authenticates by signing.
    pub fn signs(&self) -> bool {
        self.keys != ClientKeys::None
    }

    /// Whether its requests must be pushed.
    pub fn must_push(&self) -> bool {
        self.pushed_only || self.profile == Profile::Fapi2
    }

    /// Whether its tokens must be bound to a key.
    pub fn must_bind(&self) -> bool {
        self.dpop_only || self.profile == Profile::Fapi2
    }

    /// Whether each use of a refresh token gives another. FAPI 2.0 §5.3.2.1 forbids it: its tokens are bound to a key.
    pub fn rotates(&self) -> bool {
        self.profile != Profile::Fapi2
    }

    fn from_row(row: &Row) -> Result<ClientSettings, StoreError> {
        let flag = |name: &str| row.int(name).map(|value| value == 1);
        let keys = match (row.opt_text("jwks")?, row.opt_text("jwks_uri")?) {
            (Some(set), _) => ClientKeys::Inline(set),
            (None, Some(address)) => ClientKeys::Address(address),
            (None, None) => ClientKeys::None,
        };
        Ok(ClientSettings {
            profile: match row.text("profile")?.as_str() {
                "fapi2" => Profile::Fapi2,
                _ => Profile::Standard,
            },
            keys,
            pushed_only: flag("pushed_only")?,
            signed_only: flag("signed_only")?,
            dpop_only: flag("dpop_only")?,
            refresh: flag("refresh")?,
            device: flag("device")?,
            session_ms: row.int("session_ms")?,
            logout_uris: row.json("logout_uris")?,
            backchannel_uri: row.opt_text("backchannel_uri")?,
            introspects: row.json("introspects")?,
        })
    }
}

fn endpoint(address: &str) -> Result<(), SettingsError> {
    match link::endpoint(address) {
        Ok(_) if !address.contains('*') && address.bytes().all(|b| b.is_ascii_graphic()) => Ok(()),
        _ => Err(SettingsError::Address(address.to_owned())),
    }
}

/// The settings of a relying party; those of one that was never changed are the defaults.
///
/// # Errors
/// The store.
pub async fn of(store: &Store, party: &str) -> Result<ClientSettings, StoreError> {
    let sql = "SELECT * FROM login_client WHERE relying_party = $1";
    let row = store.fetch_optional(sql, params![party]).await?;
    row.as_ref().map(ClientSettings::from_row).transpose().map(Option::unwrap_or_default)
}

/// Writes the settings of a relying party; they were checked before.
///
/// # Errors
/// The store.
pub async fn put(tx: &mut Tx, party: &str, settings: &ClientSettings) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let (jwks, jwks_uri) = match &settings.keys {
        ClientKeys::None => (None, None),
        ClientKeys::Inline(set) => (Some(set.clone()), None),
        ClientKeys::Address(address) => (None, Some(address.clone())),
    };
    let list = |list: &[String]| serde_json::Value::from(list).to_string();
    tx.execute("DELETE FROM login_client WHERE relying_party = $1", params![party]).await?;
    tx.execute(
        "INSERT INTO login_client (relying_party, profile, jwks, jwks_uri, pushed_only, signed_only, dpop_only, refresh, \
         device, session_ms, logout_uris, backchannel_uri, introspects, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            party,
            settings.profile.as_str(),
            jwks,
            jwks_uri,
            i64::from(settings.pushed_only),
            i64::from(settings.signed_only),
            i64::from(settings.dpop_only),
            i64::from(settings.refresh),
            i64::from(settings.device),
            settings.session_ms,
            list(&settings.logout_uris),
            settings.backchannel_uri.clone(),
            list(&settings.introspects),
            now_ms,
        ],
    )
    .await?;
    Ok(())
}

/// The origin of a registered redirect URI as people are shown it; of an app's private-use scheme, that scheme.
pub(crate) fn origin(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url) if url.has_host() => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}
