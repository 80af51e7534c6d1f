//! Relying parties (이용기관): who may ask a badge for what, and how each proves that it is itself.
//!
//! Secrets are 256 random bits, shown once and kept as SHA-256: a value that nobody can guess needs no slow hash,
//! and a login must not pay for one.

mod change;
mod secrets;

use std::collections::BTreeMap;

use credential::types::Bilingual;
use openid::approval::Level;
use openid::oidc::{Client, ClientAuthMethod, IdTokenAlgorithm, SubjectType};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::change::{Approved, disable, put, touch};
pub use self::secrets::{end_old_secrets, renew_secrets, rotate_secrets};
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// Why a relying party asks for each claim.
pub type Purposes = BTreeMap<String, Bilingual>;

/// Whether a registration counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Live,
    /// Its time is over: it was not renewed.
    Expired,
    /// It was ended.
    Disabled,
}

/// From where a login may be started (protocols.md §4): above `low` the bare QR is not enough, since a live relay can
/// show a victim both the code and the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StartLevel {
    /// A QR in any browser.
    Low,
    /// A QR in a registered network or an enrolled browser, or the phone's own browser.
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
        Level::Hardware => "hardware",
    }
}

/// Reads a stored [`Level`].
pub fn level_stored(text: &str) -> Result<Level, StoreError> {
    match text {
        "base" => Ok(Level::Base),
        "pin" => Ok(Level::Pin),
        "hardware" => Ok(Level::Hardware),
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
    /// Whether the phone may remember that its holder agreed to what it asks.
    pub remembers: bool,
    /// Pairwise or public `sub`.
    pub subject: Subject,
    /// Host whose relying parties share one pairwise subject.
    pub sector: String,
    /// Signature of its `id_token`.
    pub id_token_alg: IdTokenAlg,
    /// Where it is told of results.
    pub webhook_url: Option<String>,
    /// Why it asks for each claim, as far as somebody said so.
    pub purposes: Purposes,
    /// Names of the operator's networks that a login may start in; empty for all of them.
    pub networks: Vec<String>,
    /// It is given made-up values only, and its name says so wherever it is shown.
    pub test: bool,
    /// Counts the changes.
    pub version: i64,
    /// Since when it is registered, in milliseconds.
    pub created_at: i64,
    /// Until when; without an end for what the server's operator registered.
    pub expires_at: Option<i64>,
    /// Who asked for the registration as it is, and who approved it.
    pub by: Option<(String, String)>,
    /// Whether it counts now.
    pub standing: Standing,
    /// Until when the secrets before the newest work beside them, if they do now.
    pub overlap_until: Option<i64>,
    /// Whether it has a key for the verification API.
    pub api: bool,
    secret_hash: Option<Vec<u8>>,
    old_secret_hash: Option<Vec<u8>>,
}

/// What stands before the name of a registration for tests.
const TEST_KO: &str = "[시험] ";
const TEST_EN: &str = "[Test] ";

impl RelyingParty {
    fn from_row(row: &Row, now_ms: i64) -> Result<RelyingParty, StoreError> {
        let test = row.int("test")? == 1;
        let shown = |name: String, mark: &str| if test { format!("{mark}{name}") } else { name };
        let expires_at = row.opt_int("expires_at")?;
        let standing = if row.opt_int("disabled_at")?.is_some() {
            Standing::Disabled
        } else if expires_at.is_some_and(|at| at <= now_ms) {
            Standing::Expired
        } else {
            Standing::Live
        };
        let overlap_until = Some(row.int("old_until")?).filter(|until| *until > now_ms);
        Ok(RelyingParty {
            id: row.text("id")?,
            name_ko: shown(row.text("name_ko")?, TEST_KO),
            name_en: shown(row.text("name_en")?, TEST_EN),
            redirect_uris: row.json("redirect_uris")?,
            claims: row.json("claims")?,
            level: StartLevel::stored("level", &row.text("level")?)?,
            acr: if row.flag("hardware")? { Level::Hardware } else { level_stored(&row.text("acr")?)? },
            remembers: row.flag("remembers")?,
            subject: Subject::stored("subject", &row.text("subject")?)?,
            sector: row.text("sector")?,
            id_token_alg: IdTokenAlg::stored("id_token_alg", &row.text("id_token_alg")?)?,
            webhook_url: row.opt_text("webhook_url")?,
            purposes: row.json("purposes")?,
            networks: row.json("networks")?,
            test,
            version: row.int("version")?,
            created_at: row.int("created_at")?,
            expires_at,
            by: row.opt_text("asked_by")?.zip(row.opt_text("approved_by")?),
            standing,
            api: row.opt_bytes("api_key_hash")?.is_some(),
            secret_hash: row.opt_bytes("secret_hash")?,
            old_secret_hash: row.opt_bytes("old_secret_hash")?.filter(|_| overlap_until.is_some()),
            overlap_until,
        })
    }

    /// Whether this client has no secret and is known by PKCE alone.
    pub fn is_public(&self) -> bool {
        self.secret_hash.is_none()
    }

    /// The names without the mark of a test, Korean and English.
    pub fn plain_names(&self) -> (&str, &str) {
        let bare = |name: &'_ str, mark: &str| -> usize {
            if self.test && name.starts_with(mark) { mark.len() } else { 0 }
        };
        let (ko, en) = (bare(&self.name_ko, TEST_KO), bare(&self.name_en, TEST_EN));
        (self.name_ko.get(ko..).unwrap_or_default(), self.name_en.get(en..).unwrap_or_default())
    }

    /// Whether `secret` is this client's, in constant time: the newest, or the one before while both work. A public client
    /// has none.
    pub fn secret_matches(&self, secret: &str) -> bool {
        let told = keys::sha256(secret.as_bytes());
        let is = |hash: &Option<Vec<u8>>| hash.as_ref().is_some_and(|hash| keys::mac::eq(hash, &told));
        is(&self.secret_hash) | is(&self.old_secret_hash)
    }

    /// Whether a login of this party may start in a network of this name.
    pub fn starts_in(&self, network: &str) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|name| name == network)
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
    /// Whether the phone may remember that its holder agreed to what it asks.
    pub remembers: bool,
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
    let rows = tx
        .execute(
            "INSERT INTO relying_party (id, name_ko, name_en, redirect_uris, claims, level, acr, subject, sector, \
             id_token_alg, secret_hash, api_key_hash, created_at, hardware, remembers) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
            params![
                registration.id.as_str(),
                registration.name_ko.as_str(),
                registration.name_en.as_str(),
                json(&registration.redirect_uris),
                json(&registration.claims),
                registration.level.as_str(),
                level_text(registration.acr.on_phone()),
                registration.subject.as_str(),
                sector.as_str(),
                registration.id_token_alg.as_str(),
                secrets::hash(&secrets.client_secret),
                secrets::hash(&secrets.api_key),
                now_ms,
                registration.acr == Level::Hardware,
                registration.remembers,
            ],
        )
        .await?;
    if rows == 1 { Ok(secrets) } else { Err(RegistrationError::Taken) }
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// Registers other redirect URIs for a relying party: its address has changed.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered.
pub async fn set_redirects(tx: &mut Tx, id: &str, redirect_uris: &[String]) -> Result<(), StoreError> {
    let sql = "UPDATE relying_party SET redirect_uris = $2, version = version + 1 WHERE id = $1";
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

/// The relying party with this `client_id`, whether it counts or not.
///
/// # Errors
/// The store.
pub async fn look(store: &Store, id: &str) -> Result<Option<RelyingParty>, StoreError> {
    if id.is_empty() || id.len() > MAX_ID {
        return Ok(None);
    }
    let row = store.fetch_optional("SELECT * FROM relying_party WHERE id = $1", params![id]).await?;
    row.as_ref().map(|row| RelyingParty::from_row(row, store.now_ms())).transpose()
}

/// The relying party with this `client_id`, unless unknown, expired or disabled.
///
/// # Errors
/// The store.
pub async fn find(store: &Store, id: &str) -> Result<Option<RelyingParty>, StoreError> {
    Ok(look(store, id).await?.filter(|party| party.standing == Standing::Live))
}

/// The relying party whose verification API key this is, unless it is disabled: the newest key, or the one before while both
/// work. An expired one is for the caller to refuse.
///
/// # Errors
/// The store.
pub async fn by_api_key(store: &Store, key: &str) -> Result<Option<RelyingParty>, StoreError> {
    let hash = keys::sha256(key.as_bytes()).to_vec();
    let now_ms = store.now_ms();
    let row = store
        .fetch_optional(
            "SELECT * FROM relying_party WHERE api_key_hash = $1 OR (old_api_key_hash = $1 AND old_until > $2)",
            params![hash, now_ms],
        )
        .await?;
    let found = row.as_ref().map(|row| RelyingParty::from_row(row, now_ms)).transpose()?;
    Ok(found.filter(|party| party.standing != Standing::Disabled))
}

/// Every relying party, in the order of their ids, at most a thousand.
///
/// # Errors
/// The store.
pub async fn list(store: &Store) -> Result<Vec<RelyingParty>, StoreError> {
    page(store, "", 1_000).await
}

/// A page of relying parties in the order of their ids, after one of them.
///
/// # Errors
/// The store.
pub async fn page(store: &Store, after: &str, rows: i64) -> Result<Vec<RelyingParty>, StoreError> {
    let sql = "SELECT * FROM relying_party WHERE id > $1 ORDER BY id LIMIT $2";
    let rows = store.fetch_all(sql, params![after, rows]).await?;
    rows.iter().map(|row| RelyingParty::from_row(row, store.now_ms())).collect()
}

/// A page of those that count and are no tests: what is told to everybody.
///
/// # Errors
/// The store.
pub async fn live_page(store: &Store, after: &str, rows: i64) -> Result<Vec<RelyingParty>, StoreError> {
    let now_ms = store.now_ms();
    let sql = "SELECT * FROM relying_party WHERE id > $1 AND disabled_at IS NULL AND test = 0 \
               AND (expires_at IS NULL OR expires_at > $2) ORDER BY id LIMIT $3";
    let rows = store.fetch_all(sql, params![after, now_ms, rows]).await?;
    rows.iter().map(|row| RelyingParty::from_row(row, now_ms)).collect()
}
