//! Relying parties (이용기관): who may ask a badge for what, and how each proves that it is itself.
//!
//! Secrets are 256 random bits, shown once and kept as SHA-256: a value that nobody can guess needs no slow hash,
//! and a login must not pay for one.

use openid::approval::Level;
use openid::oidc::{Client, ClientAuthMethod, IdTokenAlgorithm, SubjectType};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// From where a login may be started (protocols.md §4): above `low` the bare QR is not enough, since a live relay can
/// show a victim both the code and the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StartLevel {
    /// A QR in any browser.
    Low,
    /// A QR in a registered network, or the phone's own browser.
    Substantial,
    /// As `substantial`.
    High,
}

/// How `sub` is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Different for each sector, so that two relying parties can't join their records (OpenID Connect Core §8.1).
    Pairwise,
    /// The same everywhere.
    Public,
}

/// The signature of `id_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum IdTokenAlg {
    /// ECDSA on P-256.
    #[value(name = "ES256")]
    ES256,
    /// RSASSA-PKCS1-v1_5, which every OpenID Connect client knows.
    #[value(name = "RS256")]
    RS256,
}

macro_rules! stored_as_text {
    ($type:ty: $($variant:ident = $text:literal),* $(,)?) => {
        impl $type {
            /// The text stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            fn stored(column: &str, text: &str) -> Result<Self, StoreError> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(StoreError::Column(column.to_owned(), "unknown value".to_owned())),
                }
            }
        }
    };
}
stored_as_text!(StartLevel: Low = "low", Substantial = "substantial", High = "high");
stored_as_text!(Subject: Pairwise = "pairwise", Public = "public");
stored_as_text!(IdTokenAlg: ES256 = "ES256", RS256 = "RS256");

/// The text of a [`Level`] as stored and shown.
pub const fn level_text(level: Level) -> &'static str {
    match level {
        Level::Base => "base",
        Level::Pin => "pin",
    }
}

/// Reads a stored [`Level`].
pub fn level_stored(text: &str) -> Result<Level, StoreError> {
    match text {
        "base" => Ok(Level::Base),
        "pin" => Ok(Level::Pin),
        _ => Err(StoreError::Column("acr".to_owned(), "unknown value".to_owned())),
    }
}

/// A registered relying party.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// OAuth `client_id`.
    pub id: String,
    /// Name in Korean, as the phone and the login page show it.
    pub name_ko: String,
    /// Name in English.
    pub name_en: String,
    /// Registered redirect URIs; an authorization request must repeat one byte by byte (RFC 9700 §2.1).
    pub redirect_uris: Vec<String>,
    /// Badge claims it may ever be given.
    pub claims: Vec<String>,
    /// From where a login may start.
    pub level: StartLevel,
    /// Lowest `acr` it accepts.
    pub acr: Level,
    /// Pairwise or public `sub`.
    pub subject: Subject,
    /// Host whose relying parties share one pairwise subject.
    pub sector: String,
    /// Signature of its `id_token`.
    pub id_token_alg: IdTokenAlg,
    /// Where it is told of results.
    pub webhook_url: Option<String>,
    secret_hash: Option<Vec<u8>>,
    disabled: bool,
}

impl RelyingParty {
    fn from_row(row: &Row) -> Result<RelyingParty, StoreError> {
        Ok(RelyingParty {
            id: row.text("id")?,
            name_ko: row.text("name_ko")?,
            name_en: row.text("name_en")?,
            redirect_uris: row.json("redirect_uris")?,
            claims: row.json("claims")?,
            level: StartLevel::stored("level", &row.text("level")?)?,
            acr: level_stored(&row.text("acr")?)?,
            subject: Subject::stored("subject", &row.text("subject")?)?,
            sector: row.text("sector")?,
            id_token_alg: IdTokenAlg::stored("id_token_alg", &row.text("id_token_alg")?)?,
            webhook_url: row.opt_text("webhook_url")?,
            secret_hash: row.opt_bytes("secret_hash")?,
            disabled: row.opt_int("disabled_at")?.is_some(),
        })
    }

    /// Whether this client has no secret and is known by PKCE alone.
    pub fn is_public(&self) -> bool {
        self.secret_hash.is_none()
    }

    /// Whether `secret` is this client's, in constant time. A public client has none.
    pub fn secret_matches(&self, secret: &str) -> bool {
        self.secret_hash.as_ref().is_some_and(|hash| keys::mac::eq(hash, &keys::sha256(secret.as_bytes())))
    }

    /// The registration as the protocol reads it; `scopes` are those that this server knows. A secret may come by
    /// either of the two methods that carry one, so the method is the caller's to judge.
    pub fn client(&self, scopes: &[&str]) -> Client {
        Client {
            client_id: self.id.clone(),
            redirect_uris: self.redirect_uris.clone(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            auth_method: match self.secret_hash {
                Some(_) => ClientAuthMethod::ClientSecretBasic,
                None => ClientAuthMethod::None,
            },
            subject_type: match self.subject {
                Subject::Pairwise => SubjectType::Pairwise,
                Subject::Public => SubjectType::Public,
            },
            sector: self.sector.clone(),
            id_token_algorithm: match self.id_token_alg {
                IdTokenAlg::ES256 => IdTokenAlgorithm::Es256,
                IdTokenAlg::RS256 => IdTokenAlgorithm::Rs256,
            },
        }
    }

    /// Whether the page of this origin is one to which a registered redirect URI leads.
    pub fn has_origin(&self, origin: &str) -> bool {
        self.redirect_uris
            .iter()
            .filter_map(|uri| Url::parse(uri).ok())
            .any(|uri| uri.origin().ascii_serialization() == origin)
    }

    /// Whether `uri` is registered, byte by byte.
    pub fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered == uri)
    }

    /// The place of the registered redirect URI that a request with `uri` means; a native app on the loopback address has a
    /// port of its own (RFC 8252 §7.3).
    pub fn redirect_place(&self, uri: &str) -> Option<usize> {
        let exact = self.redirect_uris.iter().position(|registered| registered == uri);
        exact.or_else(|| {
            let one =
                |registered: &String| Client { redirect_uris: vec![registered.clone()], ..self.client(&[]) };
            self.redirect_uris.iter().position(|registered| one(registered).redirects_to(uri))
        })
    }
}

/// A registration as an operator writes it; [`Registration::check`] comes before anything is stored.
#[derive(Clone, Debug)]
pub struct Registration {
    /// OAuth `client_id`: letters, digits, `-`, `_`, `.`; at most 64.
    pub id: String,
    /// Name in Korean.
    pub name_ko: String,
    /// Name in English.
    pub name_en: String,
    /// Redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Claims it may ever be given.
    pub claims: Vec<String>,
    /// From where a login may start.
    pub level: StartLevel,
    /// Lowest `acr`.
    pub acr: Level,
    /// Pairwise or public `sub`.
    pub subject: Subject,
    /// Sector; by default the host of the redirect URIs, which then has to be one.
    pub sector: Option<String>,
    /// Signature of its `id_token`.
    pub id_token_alg: IdTokenAlg,
    /// A client that can't keep a secret.
    pub public: bool,
    /// Whether it gets a key for the verification API.
    pub api: bool,
}

/// Secrets of a relying party, told once.
#[derive(Clone, Default, Serialize)]
pub struct Secrets {
    /// For the token endpoint; none for a public client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// For the verification API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why a registration was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// `client_id` has other characters or another length than allowed.
    #[error("a client id is 1 to 64 of: letters, digits, - _ .")]
    Id,
    /// A name is missing, too long, or holds control characters.
    #[error("both names are needed, 1 to 80 characters each")]
    Name,
    /// Neither https nor http on loopback, or with a fragment, user name or wildcard.
    #[error("not allowed as a redirect URI: {0}")]
    Redirect(String),
    /// More than the registry keeps.
    #[error("at most {0} redirect URIs")]
    TooManyRedirects(usize),
    /// Not a claim of the badge.
    #[error("the badge has no claim {0}")]
    Claim(String),
    /// Redirect URIs of several hosts and no sector named.
    #[error("redirect URIs of several hosts need a sector")]
    Sector,
    /// This `client_id` is registered.
    #[error("this client id is registered already")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Most redirect URIs of one relying party.
const MAX_REDIRECTS: usize = 16;
/// Longest redirect URI, in bytes.
pub const MAX_REDIRECT: usize = 512;
/// Longest client id, in bytes.
pub const MAX_ID: usize = 64;

impl Registration {
    /// Checks the registration against the badge's claims and returns the sector.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self, badge_claims: &[String]) -> Result<String, RegistrationError> {
        let id_char = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if self.id.is_empty() || self.id.len() > MAX_ID || !self.id.bytes().all(id_char) {
            return Err(RegistrationError::Id);
        }
        for name in [&self.name_ko, &self.name_en] {
            if name.trim().is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
                return Err(RegistrationError::Name);
            }
        }
        if self.redirect_uris.len() > MAX_REDIRECTS {
            return Err(RegistrationError::TooManyRedirects(MAX_REDIRECTS));
        }
        let mut hosts: Vec<String> = Vec::new();
        for uri in &self.redirect_uris {
            let refused = || RegistrationError::Redirect(uri.clone());
            let parsed = redirect(uri, self.public).ok_or_else(refused)?;
            let host = parsed.host_str().unwrap_or(parsed.scheme()).to_owned();
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        if let Some(unknown) = self.claims.iter().find(|claim| !badge_claims.contains(claim)) {
            return Err(RegistrationError::Claim(unknown.clone()));
        }
        match (&self.sector, hosts.as_slice()) {
            (Some(sector), _) => Ok(sector.clone()),
            (None, [host]) => Ok(host.clone()),
            (None, []) => Ok(self.id.clone()),
            (None, _) => Err(RegistrationError::Sector),
        }
    }
}

/// A redirect URI that may be registered: https, or http on this machine; for a public client also an app's private-use
/// scheme, which is a domain of its maker turned around (RFC 8252 §7.1). No fragment, user name, wildcard or character that a
/// browser would rewrite.
fn redirect(uri: &str, public: bool) -> Option<Url> {
    if uri.len() > MAX_REDIRECT
        || uri.contains(['#', '*', '\\'])
        || !uri.bytes().all(|b| b.is_ascii_graphic())
    {
        return None;
    }
    let private_use =
        |url: &Url| url.scheme().contains('.') && !url.has_authority() && url.path().starts_with('/');
    match openid::link::endpoint(uri) {
        Ok(url) => Some(url),
        Err(openid::link::LinkError::NotHttps) if public => Url::parse(uri).ok().filter(private_use),
        Err(_) => None,
    }
}

/// Registers a relying party and returns its secrets, which are not kept.
///
/// # Errors
/// A broken rule, a taken id, or the store.
pub async fn register(
    tx: &mut Tx,
    registration: &Registration,
    badge_claims: &[String],
    now_ms: i64,
) -> Result<Secrets, RegistrationError> {
    let sector = registration.check(badge_claims)?;
    let secrets = Secrets {
        client_secret: (!registration.public).then(keys::random::token),
        api_key: registration.api.then(keys::random::token),
    };
    let hash = |secret: &Option<String>| secret.as_ref().map(|text| keys::sha256(text.as_bytes()).to_vec());
    let rows = tx
        .execute(
            "INSERT INTO relying_party (id, name_ko, name_en, redirect_uris, claims, level, acr, subject, sector, \
             id_token_alg, secret_hash, api_key_hash, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO NOTHING",
            params![
                registration.id.as_str(),
                registration.name_ko.as_str(),
                registration.name_en.as_str(),
                json(&registration.redirect_uris),
                json(&registration.claims),
                registration.level.as_str(),
                level_text(registration.acr),
                registration.subject.as_str(),
                sector.as_str(),
                registration.id_token_alg.as_str(),
                hash(&secrets.client_secret),
                hash(&secrets.api_key),
                now_ms,
            ],
        )
        .await?;
    if rows == 1 { Ok(secrets) } else { Err(RegistrationError::Taken) }
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// Gives a registered relying party new secrets; the old ones are worth nothing from then on.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn renew_secrets(tx: &mut Tx, id: &str) -> Result<Secrets, StoreError> {
    let row = tx
        .fetch_one("SELECT secret_hash, api_key_hash FROM relying_party WHERE id = $1", params![id])
        .await?;
    let renew = |old: Option<Vec<u8>>| old.map(|_| keys::random::token());
    let secrets = Secrets {
        client_secret: renew(row.opt_bytes("secret_hash")?),
        api_key: renew(row.opt_bytes("api_key_hash")?),
    };
    let hash = |secret: &Option<String>| secret.as_ref().map(|text| keys::sha256(text.as_bytes()).to_vec());
    tx.execute(
        "UPDATE relying_party SET secret_hash = $2, api_key_hash = $3 WHERE id = $1",
        params![id, hash(&secrets.client_secret), hash(&secrets.api_key)],
    )
    .await?;
    Ok(secrets)
}

/// Registers other redirect URIs for a relying party: its address has changed.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn set_redirects(tx: &mut Tx, id: &str, redirect_uris: &[String]) -> Result<(), StoreError> {
    let sql = "UPDATE relying_party SET redirect_uris = $2 WHERE id = $1";
    let rows = tx.execute(sql, params![id, json(redirect_uris)]).await?;
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Registers where a relying party is told of results; `None` ends it. The address was judged by the caller.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn set_webhook(tx: &mut Tx, id: &str, url: Option<&str>) -> Result<(), StoreError> {
    let sql = "UPDATE relying_party SET webhook_url = $2 WHERE id = $1";
    let rows = tx.execute(sql, params![id, url.map(str::to_owned)]).await?;
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// The relying party with this `client_id`, unless unknown or disabled.
///
/// # Errors
/// The store.
pub async fn find(store: &Store, id: &str) -> Result<Option<RelyingParty>, StoreError> {
    if id.is_empty() || id.len() > MAX_ID {
        return Ok(None);
    }
    let row = store.fetch_optional("SELECT * FROM relying_party WHERE id = $1", params![id]).await?;
    let found = row.as_ref().map(RelyingParty::from_row).transpose()?;
    Ok(found.filter(|party| !party.disabled))
}

/// The relying party whose verification API key this is.
///
/// # Errors
/// The store.
pub async fn by_api_key(store: &Store, key: &str) -> Result<Option<RelyingParty>, StoreError> {
    let hash = keys::sha256(key.as_bytes()).to_vec();
    let row =
        store.fetch_optional("SELECT * FROM relying_party WHERE api_key_hash = $1", params![hash]).await?;
    let found = row.as_ref().map(RelyingParty::from_row).transpose()?;
    Ok(found.filter(|party| !party.disabled))
}

/// Every relying party, in the order of their ids, at most a page.
///
/// # Errors
/// The store.
pub async fn list(store: &Store) -> Result<Vec<RelyingParty>, StoreError> {
    let rows = store.fetch_all("SELECT * FROM relying_party ORDER BY id LIMIT 1000", params![]).await?;
    rows.iter().map(RelyingParty::from_row).collect()
}
