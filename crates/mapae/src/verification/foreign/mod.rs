//! Credentials of other issuers: which a relying party may ask for, whose signature on them it believes, and what it does
//! about their status.
//!
//! Believed is a root certificate, or the keys that a DID's document named on the day when somebody looked: an issuer that
//! changes them is agreed to anew. A change is made by the operator and stands in the audit log, as every other change of a
//! relying party.

pub(super) mod lists;

use std::collections::HashMap;

use credential::dcql::CredentialQuery;
use credential::path::ClaimPath;
use credential::status_list;
use credential::trust::{Anchor, PinnedKeys, TrustSource, TrustedRoots};
use credential::types::{Bilingual, Format};
use keys::encoding::{b64_decode, b64_encode};
use keys::x509::Certificate;
use keys::{Jwk, PublicKey};
use serde::{Deserialize, Serialize};

use crate::ledger;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Platform, limits};

/// What is done about the status of a credential of another issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum ForeignStatus {
    /// It must name a list, and the list must say valid.
    #[default]
    Required,
    /// A list that it names must say valid; it need not name one.
    IfNamed,
    /// Nobody is asked: a suspended one passes, and the result says so.
    Off,
}

impl ForeignStatus {
    /// The word stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            ForeignStatus::Required => "required",
            ForeignStatus::IfNamed => "if_named",
            ForeignStatus::Off => "off",
        }
    }

    /// The key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            ForeignStatus::Required => "desk.parties.foreign.required",
            ForeignStatus::IfNamed => "desk.parties.foreign.if_named",
            ForeignStatus::Off => "desk.parties.foreign.off",
        }
    }

    fn stored(word: &str) -> Result<Self, StoreError> {
        let all = [ForeignStatus::Required, ForeignStatus::IfNamed, ForeignStatus::Off];
        let found = all.into_iter().find(|status| status.as_str() == word);
        found.ok_or_else(|| StoreError::Column("status".to_owned(), "unknown value".to_owned()))
    }
}

/// A credential type of another issuer that a relying party takes.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its format.
    pub format: Format,
    /// `vct`, or document type.
    pub kind: String,
    /// Whose credentials they are.
    pub name: Bilingual,
    /// Claims that may be asked for.
    pub claims: Vec<ClaimPath>,
    /// What is done about its status.
    pub status: ForeignStatus,
    /// Whether a query may waive holder binding.
    pub unbound: bool,
    believed: Believed,
}

/// Whose signature counts.
#[derive(Clone, Debug)]
enum Believed {
    Roots(TrustedRoots),
    Keys { did: String, keys: PinnedKeys },
}

/// The same as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Anchors {
    /// Root certificates, DER in base64.
    Roots(Vec<String>),
    /// An issuer and the keys it had, each by its DID URL.
    Did { did: String, keys: Vec<(String, Jwk)> },
}

/// An entry as an operator writes it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its format.
    pub format: Format,
    /// `vct`, or document type.
    pub kind: String,
    /// Whose credentials they are.
    pub name: Bilingual,
    /// Claims that may be asked for.
    pub claims: Vec<ClaimPath>,
    /// What is done about its status.
    pub status: ForeignStatus,
    /// Whether a query may waive holder binding.
    pub unbound: bool,
    /// Whose signature counts.
    pub issuer: Issuer,
}

/// Another issuer.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// Root certificates, DER.
    Roots(Vec<Vec<u8>>),
    /// A DID and the keys that its document names for signing.
    Did(String, Vec<(String, PublicKey)>),
}

/// Why an entry was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    /// The relying party is not registered.
    #[error("this relying party is not registered")]
    Party,
    /// A type or a name is missing, too long, or holds control characters.
    #[error("a type of at most 512 characters and two names of at most 80 are needed")]
    Text,
    /// The badge is never taken from anybody else.
    #[error("this is the badge's own type: only this platform issues it")]
    Badge,
    /// No root, too many, or one that is no authority's certificate.
    #[error("1 to {0} root certificates are needed, each of an authority")]
    Roots(usize),
    /// The DID can't be resolved, or its document names no P-256 key for signing.
    #[error("the DID leads to no key that signs: {0}")]
    Did(String),
    /// Mobile documents are believed by certificates only.
    #[error("mobile documents are signed with certificates, not with a DID")]
    Format,
    /// No claims, or too many.
    #[error("1 to 64 claims are needed; for a mobile document each is a namespace and an element")]
    Claims,
    /// One relying party has enough.
    #[error("at most {0} types for one relying party")]
    TooMany(usize),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accepted {
    /// Whether a credential query asks for this and nothing else.
    pub(super) fn answers(&self, asked: &CredentialQuery) -> bool {
        let meta = &asked.meta;
        let named = match self.format {
            Format::SdJwtVc => {
                meta.vct_values.as_ref().is_some_and(|all| all.iter().all(|one| *one == self.kind))
            }
            Format::Mdoc => meta.doctype_value.as_ref() == Some(&self.kind),
        };
        named && asked.format == self.format.as_str()
    }

    pub(super) fn trust(&self) -> &dyn TrustSource {
        match &self.believed {
            Believed::Roots(roots) => roots,
            Believed::Keys { keys, .. } => keys,
        }
    }

    /// A status list of this issuer, verified.
    fn list(&self, token: &str, uri: &str, now_s: i64) -> Option<status_list::VerifiedList> {
        let read = |anchor: Anchor<'_>| status_list::verify_jwt(token, uri, anchor, now_s).ok();
        match &self.believed {
            Believed::Roots(roots) => read(Anchor::Roots(roots.roots())),
            Believed::Keys { keys, .. } => keys.keys().find_map(|key| read(Anchor::Key(key))),
        }
    }

    /// What is believed, for people: fingerprints of roots, or the DID with the names of its keys.
    pub fn believed(&self) -> Vec<String> {
        match &self.believed {
            Believed::Roots(roots) => roots
                .roots()
                .iter()
                .map(|root| format!("x509 sha256 {}", keys::encoding::hex_encode(&root.sha256())))
                .collect(),
            Believed::Keys { did, keys } => {
                std::iter::once(did.clone()).chain(keys.keys().map(PublicKey::thumbprint)).collect()
            }
        }
    }

    fn from_row(row: &Row) -> Result<Accepted, StoreError> {
        let broken = |column: &str| StoreError::Column(column.to_owned(), "unknown value".to_owned());
        let format = Format::from_name(&row.text("format")?).ok_or_else(|| broken("format"))?;
        let kind = row.text("type")?;
        let name = Bilingual { ko: row.text("name_ko")?, en: row.text("name_en")? };
        let vcts = vec![kind.clone()];
        let believed = match row.json::<Anchors>("anchors")? {
            Anchors::Roots(roots) => {
                let root = |text: &String| {
                    b64_decode(text)
                        .ok()
                        .and_then(|der| Certificate::parse(&der).ok())
                        .ok_or_else(|| broken("anchors"))
                };
                let roots = roots.iter().map(root).collect::<Result<_, _>>()?;
                Believed::Roots(TrustedRoots::new(roots, name.clone(), vcts))
            }
            Anchors::Did { did, keys } => {
                let key = |(kid, jwk): (String, Jwk)| {
                    Ok::<_, StoreError>((kid, PublicKey::from_jwk(&jwk).map_err(|_| broken("anchors"))?))
                };
                let keys = keys.into_iter().map(key).collect::<Result<_, _>>()?;
                Believed::Keys { keys: PinnedKeys::new(did.clone(), keys, name.clone(), vcts), did }
            }
        };
        Ok(Accepted {
            format,
            kind,
            name,
            claims: row.json("claims")?,
            status: ForeignStatus::stored(&row.text("status")?)?,
            unbound: row.flag("unbound")?,
            believed,
        })
    }
}

impl Entry {
    /// Checks an entry; `badge_types` are the names of our own badge.
    fn check(&self, badge_types: &[String]) -> Result<(), EntryError> {
        let fits = |text: &str, longest: usize| {
            !text.trim().is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control)
        };
        if !fits(&self.kind, 512) || !fits(&self.name.ko, 80) || !fits(&self.name.en, 80) {
            return Err(EntryError::Text);
        }
        if badge_types.contains(&self.kind) {
            return Err(EntryError::Badge);
        }
        let two = |path: &ClaimPath| path.steps().len() == 2;
        let sound = self.format != Format::Mdoc || self.claims.iter().all(two);
        if !(1..=64).contains(&self.claims.len()) || !sound {
            return Err(EntryError::Claims);
        }
        let most = limits::VERIFICATION_ANCHORS.size();
        match &self.issuer {
            Issuer::Did(..) if self.format == Format::Mdoc => Err(EntryError::Format),
            Issuer::Did(did, keys) if keys.is_empty() || keys.len() > most => {
                Err(EntryError::Did(did.clone()))
            }
            Issuer::Roots(roots) => {
                let authority = |der: &Vec<u8>| Certificate::parse(der).is_ok_and(|root| root.is_authority());
                let sound = (1..=most).contains(&roots.len()) && roots.iter().all(authority);
                if sound { Ok(()) } else { Err(EntryError::Roots(most)) }
            }
            Issuer::Did(..) => Ok(()),
        }
    }
}

/// Lets a relying party ask for a type of another issuer; an entry for the same type is replaced.
///
/// # Errors
/// A broken rule, or the store.
pub(super) async fn put(
    tx: &mut Tx,
    party: &str,
    entry: &Entry,
    badge_types: &[String],
) -> Result<(), EntryError> {
    entry.check(badge_types)?;
    let known = tx.fetch_optional("SELECT id FROM relying_party WHERE id = $1", params![party]).await?;
    if known.is_none() {
        return Err(EntryError::Party);
    }
    let others = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM relying_party_trust WHERE relying_party = $1 AND NOT (format = $2 AND type = $3)",
            params![party, entry.format.as_str(), entry.kind.as_str()],
        )
        .await?;
    if others.int("n")? >= limits::VERIFICATION_TRUSTED.get() {
        return Err(EntryError::TooMany(limits::VERIFICATION_TRUSTED.size()));
    }
    let anchors = match &entry.issuer {
        Issuer::Roots(roots) => Anchors::Roots(roots.iter().map(|der| b64_encode(der)).collect()),
        Issuer::Did(did, keys) => Anchors::Did {
            did: did.clone(),
            keys: keys.iter().map(|(kid, key)| (kid.clone(), key.to_jwk())).collect(),
        },
    };
    let text = |value: Result<String, serde_json::Error>| {
        value.map_err(|error| StoreError::Column("anchors".to_owned(), error.to_string()))
    };
    let (anchors, claims) =
        (text(serde_json::to_string(&anchors))?, text(serde_json::to_string(&entry.claims))?);
    let now_ms = tx.now_ms();
    tx.execute(
        "INSERT INTO relying_party_trust (relying_party, format, type, name_ko, name_en, anchors, claims, status, unbound, \
         created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (relying_party, format, type) DO UPDATE SET name_ko = excluded.name_ko, name_en = excluded.name_en, \
         anchors = excluded.anchors, claims = excluded.claims, status = excluded.status, unbound = excluded.unbound, \
         created_at = excluded.created_at",
        params![
            party,
            entry.format.as_str(),
            entry.kind.as_str(),
            entry.name.ko.as_str(),
            entry.name.en.as_str(),
            anchors,
            claims,
            entry.status.as_str(),
            entry.unbound,
            now_ms,
        ],
    )
    .await?;
    Ok(())
}

/// Takes a type away again.
///
/// # Errors
/// [`StoreError::NotFound`] if it was not there.
pub(super) async fn remove(tx: &mut Tx, party: &str, format: Format, kind: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM relying_party_trust WHERE relying_party = $1 AND format = $2 AND type = $3";
    let rows = tx.execute(sql, params![party, format.as_str(), kind]).await?;
    if rows == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// What a relying party takes of other issuers.
///
/// # Errors
/// The store.
pub(super) async fn of(store: &Store, party: &str) -> Result<Vec<Accepted>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT * FROM relying_party_trust WHERE relying_party = $1 ORDER BY format, type LIMIT 64",
            params![party],
        )
        .await?;
    rows.iter().map(Accepted::from_row).collect()
}

/// What every relying party takes of other issuers, by its id.
///
/// # Errors
/// The store.
pub async fn accepted(store: &Store) -> Result<HashMap<String, Vec<Accepted>>, StoreError> {
    let sql = "SELECT * FROM relying_party_trust ORDER BY relying_party, format, type LIMIT 10000";
    let mut all: HashMap<String, Vec<Accepted>> = HashMap::new();
    for row in store.fetch_all(sql, params![]).await? {
        all.entry(row.text("relying_party")?).or_default().push(Accepted::from_row(&row)?);
    }
    Ok(all)
}

/// The keys with which a DID signs, as its document names them now.
///
/// # Errors
/// It does not resolve, or names none.
pub(super) async fn resolve(platform: &Platform, did: &str) -> Result<Issuer, EntryError> {
    let failed = |why: &str| EntryError::Did(why.to_owned());
    let document = match registry::did::from_jwk(did) {
        Some(document) => document,
        None => {
            let resolution =
                ledger::resolve(platform, did).await.map_err(|error| failed(&error.to_string()))?;
            if resolution.metadata.deactivated {
                return Err(failed("it was deactivated"));
            }
            resolution.outcome.map_err(|error| failed(error.code()))?
        }
    };
    Ok(Issuer::Did(did.to_owned(), document.signing_keys()))
}
