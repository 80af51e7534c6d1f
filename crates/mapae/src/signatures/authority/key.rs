//! Keys that sign documents: made when first needed, one active for each role and agency, sealed to their rows.

use std::sync::Arc;

use keys::Signer;
use keys::encoding::hex_encode;
use keys::x509::{
    Certificate, DocumentKind, DocumentProfile, authority_for_documents, issue_for_documents, random_serial,
};
use signing::revocation::Responder;
use signing::tsp::TimeAuthority;
use tokio::sync::OnceCell;

use super::AuthorityError;
use crate::audit;
use crate::operations::store::{Row, params};
use crate::operations::{KeyName, Platform, id, limits};
use crate::personnel;

const COUNTRY: &str = "KR";
/// The name of these keys in a token.
const DOCUMENTS: &str = "documents";
/// The policy under which timestamps are given: 2.25, a random UUID (ITU-T X.667), 1. No registered arc is claimed.
const TIMESTAMP_POLICY: &[u8] = &[
    0x69, 0x82, 0xae, 0x93, 0xf3, 0xa9, 0xe6, 0xc5, 0xea, 0x9c, 0xad, 0x81, 0xc7, 0xe1, 0xd1, 0x94, 0xd4,
    0xa9, 0xf9, 0x7e, 0x01,
];

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Authority,
    Timestamp,
    Responder,
    Seal,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Timestamp => "timestamp",
            Self::Responder => "responder",
            Self::Seal => "seal",
        }
    }

    /// How long its certificate is good, in seconds.
    const fn life_s(self) -> i64 {
        let life_ms = match self {
            Self::Authority => limits::DOCUMENT_AUTHORITY_LIFE.get(),
            Self::Timestamp | Self::Responder => limits::DOCUMENT_SERVICE_LIFE.get(),
            Self::Seal => limits::DOCUMENT_SEAL_LIFE.get(),
        };
        life_ms / 1_000
    }

    const fn common_name(self) -> &'static str {
        match self {
            Self::Authority => "Mapae Document Authority",
            Self::Timestamp => "Mapae Timestamp",
            Self::Responder => "Mapae Certificate Status",
            Self::Seal => "Seal",
        }
    }
}

/// A key with its certificate.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) certificate: Certificate,
}

/// The authority with what answers in its name.
pub struct Authority {
    pub(super) own: Held,
    pub(super) time: TimeAuthority,
    pub(super) responder: Responder,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.own.certificate).finish_non_exhaustive()
    }
}

impl Authority {
    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.own.certificate
    }

    /// The role that gives timestamps.
    pub fn time(&self) -> &TimeAuthority {
        &self.time
    }
}

/// The authority once it was opened: its keys last longer than a process.
#[derive(Debug, Default)]
pub struct Memory(OnceCell<Authority>);

/// The authority of this platform; made when there is none.
///
/// # Errors
/// The store or a key fails.
pub async fn open(platform: &Platform) -> Result<&Authority, AuthorityError> {
    let make = || async {
        let own = held(platform, Role::Authority, "", None).await?;
        let time = held(platform, Role::Timestamp, "", Some(&own)).await?;
        let responder = held(platform, Role::Responder, "", Some(&own)).await?;
        let chain = vec![time.certificate, own.certificate.clone()];
        let time = TimeAuthority::new(time.signer, chain, TIMESTAMP_POLICY.to_vec())
            .map_err(|error| AuthorityError::Key("timestamp", error.to_string()))?;
        let responder = Responder::new(responder.signer, responder.certificate);
        Ok(Authority { own, time, responder })
    };
    platform.local.signatures.authority.0.get_or_try_init(make).await
}

/// The seal of an agency; made when it has none, or its certificate ends soon.
pub(super) async fn seal_of(
    platform: &Platform,
    authority: &Authority,
    agency: &str,
) -> Result<Held, AuthorityError> {
    held(platform, Role::Seal, agency, Some(&authority.own)).await
}

/// Ends the active seal of an agency: the next document is sealed with a new one. What it sealed stays good.
///
/// # Errors
/// The store; the agency has no seal.
pub async fn renew_seal(platform: &Platform, agency: &str) -> Result<(), AuthorityError> {
    let code = agency.to_owned();
    platform
        .store
        .write::<_, AuthorityError, _>(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE document_key SET state = 'retired', ended_at = $2 \
                           WHERE role = 'seal' AND agency_code = $1 AND state = 'active'";
                if tx.execute(sql, params![code.as_str(), tx.now_ms()]).await? == 0 {
                    return Err(AuthorityError::Agency(code));
                }
                let detail = serde_json::json!({ "role": "seal", "agency": code });
                let (act, subject) = ("document.key_retired", code.as_str());
                let record = audit::Record { actor: "operator", duty: "operator", act, subject, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// The active key of a role. Of two processes that make one, the first is kept and both read it back.
async fn held(
    platform: &Platform,
    role: Role,
    agency: &str,
    authority: Option<&Held>,
) -> Result<Held, AuthorityError> {
    for _ in 0..3 {
        let sql = "SELECT id, sealed, certificate, not_after FROM document_key \
                   WHERE role = $1 AND agency_code = $2 AND state = 'active'";
        let row = platform.store.fetch_optional(sql, params![role.as_str(), agency]).await?;
        let now_s = platform.now_ms().div_euclid(1_000);
        let ends_soon = |not_after: i64| not_after < now_s + limits::DOCUMENT_SEAL_RENEWAL.get() / 1_000;
        let ending = match &row {
            Some(row) if role == Role::Authority || !ends_soon(row.int("not_after")?) => {
                return opened(platform, role, row);
            }
            Some(row) => Some(row.text("id")?),
            None => None,
        };
        make(platform, role, agency, authority, ending).await?;
    }
    Err(AuthorityError::Key(role.as_str(), "another process keeps replacing it".into()))
}

fn opened(platform: &Platform, role: Role, row: &Row) -> Result<Held, AuthorityError> {
    let fault = |error: String| AuthorityError::Key(role.as_str(), error);
    let id = row.text("id")?;
    let plain = platform.sealer.open("document_key", "sealed", &id, &row.bytes("sealed")?);
    let plain = plain.map_err(|error| fault(error.to_string()))?;
    let signer = platform.keys.signer_of(&plain).map_err(|error| fault(error.to_string()))?;
    let certificate =
        Certificate::parse(&row.bytes("certificate")?).map_err(|error| fault(error.to_string()))?;
    if certificate.public_key() != signer.public_key() {
        return Err(fault("is not its certificate's".into()));
    }
    Ok(Held { signer, certificate })
}

async fn make(
    platform: &Platform,
    role: Role,
    agency: &str,
    authority: Option<&Held>,
    ending: Option<String>,
) -> Result<(), AuthorityError> {
    let fault = |error: String| AuthorityError::Key(role.as_str(), error);
    let (key, plain) = platform.keys.new_signer(DOCUMENTS).map_err(|error| fault(error.to_string()))?;
    let organization = match role {
        Role::Seal => {
            let found = personnel::agency(platform, agency).await?;
            found.ok_or_else(|| AuthorityError::Agency(agency.to_owned()))?.name.ko
        }
        _ => "Mapae".to_owned(),
    };
    let root = platform.keys.root();
    let above = authority.map_or(root, |held| &held.certificate);
    let name = match role {
        Role::Seal => short(&format!("{organization} 관인")),
        other => other.common_name().to_owned(),
    };
    let profile = profile(platform, &short(&organization), &name, authority.is_none());
    let now_s = platform.now_ms().div_euclid(1_000);
    let validity = (now_s.max(above.not_before()), (now_s + role.life_s()).min(above.not_after()));
    let serial = random_serial();
    let certificate = match authority {
        None => {
            let signer =
                platform.keys.signer(KeyName::PlatformRoot).map_err(|error| fault(error.to_string()))?;
            authority_for_documents(root, &*signer, key.public_key(), &profile, validity, serial)
        }
        Some(held) => {
            let kind = match role {
                Role::Timestamp => DocumentKind::TimeStamp,
                Role::Responder => DocumentKind::Responder,
                Role::Authority | Role::Seal => DocumentKind::Seal,
            };
            issue_for_documents(
                &held.certificate,
                &*held.signer,
                key.public_key(),
                (kind, &profile),
                validity,
                serial,
            )
        }
    };
    let certificate = certificate.map_err(|error| fault(error.to_string()))?;
    let key_id = id::new();
    let sealed = platform.sealer.seal("document_key", "sealed", &key_id, &plain);
    let (role, agency) = (role.as_str(), agency.to_owned());
    let serial = hex_encode(certificate.serial());
    let (der, not_after) = (certificate.der().to_vec(), certificate.not_after());
    platform
        .store
        .write::<_, AuthorityError, _>(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                if let Some(ending) = ending {
                    let sql = "UPDATE document_key SET state = 'retired', ended_at = $2 WHERE id = $1 AND state = 'active'";
                    tx.execute(sql, params![ending, now_ms]).await?;
                }
                let made = tx
                    .execute(
                        "INSERT INTO document_key \
                         (id, role, agency_code, state, sealed, certificate, serial, not_after, created_at) \
                         VALUES ($1, $2, $3, 'active', $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                        params![&key_id, role, &agency, sealed, der, &serial, not_after, now_ms],
                    )
                    .await?;
                if made == 0 {
                    return Ok(());
                }
                super::certificate::note(tx, &serial, role, &agency, not_after).await?;
                let detail = serde_json::json!({ "role": role, "agency": agency, "serial": serial });
                let (act, subject) = ("document.key_made", &key_id);
                let record = audit::Record { actor: "system", duty: "system", act, subject, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// Who, and where revocation is told: of what the root issued, the root's list; else the authority's list and answers.
pub(super) fn profile(platform: &Platform, organization: &str, cn: &str, by_root: bool) -> DocumentProfile {
    let at = |path: &str| platform.config.public.base_url.join(path).ok().map(String::from);
    DocumentProfile {
        country: Some(COUNTRY.to_owned()),
        organization: Some(organization.to_owned()),
        cn: cn.to_owned(),
        crl: at(if by_root { super::routes::ROOT_LIST } else { super::routes::AUTHORITY_LIST }),
        ocsp: if by_root { None } else { at(super::routes::ANSWERS) },
    }
}

/// A name as long as a certificate takes it.
pub(super) fn short(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}
