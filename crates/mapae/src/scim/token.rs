//! Bearer tokens of HR systems: each reaches one agency and those below it, and may do what its rights say and no more.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;

use super::error::ScimError;
use crate::audit;
use crate::lifecycle::By;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, limits};
use crate::personnel;

/// Something a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    ReadUsers,
    WriteUsers,
    ReadGroups,
    WriteGroups,
}

impl Right {
    pub const ALL: [Self; 4] = [Self::ReadUsers, Self::WriteUsers, Self::ReadGroups, Self::WriteGroups];

    /// The word in the database and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadUsers => "users.read",
            Self::WriteUsers => "users.write",
            Self::ReadGroups => "groups.read",
            Self::WriteGroups => "groups.write",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str() == word)
    }
}

/// A token as it is listed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub agency_code: String,
    pub rights: String,
    pub created_at: i64,
    pub used_at: Option<i64>,
    pub ended_at: Option<i64>,
}

const PREFIX: &str = "mapae-scim-";

fn hash(token: &str) -> String {
    keys::encoding::hex_encode(&keys::sha256(token.as_bytes()))
}

/// Makes a token; it is shown once, only its hash is kept. Returns its id and itself.
pub async fn make(
    platform: &Platform,
    name: &str,
    agency_code: &str,
    rights: &[Right],
    by: &str,
) -> Result<(String, String), StoreError> {
    let token = format!("{PREFIX}{}", keys::encoding::b64url_encode(&keys::random::bytes::<32>()));
    let words: Vec<&str> = rights.iter().map(|right| right.as_str()).collect();
    let (token_id, token_hash, words) = (id::new(), hash(&token), words.join(","));
    let (name, agency, by, made) = (name.to_owned(), agency_code.to_owned(), by.to_owned(), token_id.clone());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                tx.execute(
                    "INSERT INTO scim_token (id, name, token_hash, agency_code, rights, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    params![token_id.as_str(), name, token_hash, agency.as_str(), words.as_str(), now],
                )
                .await?;
                let detail = serde_json::json!({ "agency": agency, "rights": words });
                let act = "scim.token_made";
                let record = audit::Record { actor: &by, duty: "operator", act, subject: &token_id, detail };
                audit::record(tx, record).await
            })
        })
        .await?;
    Ok((made, token))
}

/// Ends a token at once; `false` if there is none of this id that has not ended.
pub async fn revoke(platform: &Platform, token_id: &str, by: &str) -> Result<bool, StoreError> {
    let (token_id, by) = (token_id.to_owned(), by.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE scim_token SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
                        params![token_id.as_str(), now],
                    )
                    .await?;
                if rows == 1 {
                    let detail = serde_json::json!({});
                    let act = "scim.token_revoked";
                    let record =
                        audit::Record { actor: &by, duty: "operator", act, subject: &token_id, detail };
                    audit::record(tx, record).await?;
                }
                Ok(rows == 1)
            })
        })
        .await
}

/// Every token, newest first.
pub async fn list(platform: &Platform) -> Result<Vec<Token>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, name, agency_code, rights, created_at, used_at, ended_at FROM scim_token \
             ORDER BY id DESC LIMIT 1000",
            params![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Token {
                id: row.text("id")?,
                name: row.text("name")?,
                agency_code: row.text("agency_code")?,
                rights: row.text("rights")?,
                created_at: row.int("created_at")?,
                used_at: row.opt_int("used_at")?,
                ended_at: row.opt_int("ended_at")?,
            })
        })
        .collect()
}

/// The HR system that asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) token_id: String,
    /// The agency of the token and every one below it.
    pub(super) agencies: Vec<String>,
    rights: Vec<Right>,
}

impl Caller {
    /// Refuses what the token may not do.
    pub(super) fn must(&self, right: Right) -> Result<(), ScimError> {
        if self.rights.contains(&right) { Ok(()) } else { Err(ScimError::forbidden()) }
    }

    pub(super) fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    pub(super) fn reaches(&self, agency_code: &str) -> bool {
        self.agencies.iter().any(|agency| agency == agency_code)
    }

    /// As the audit record names it.
    pub(super) fn by(&self) -> By {
        By { actor: format!("scim:{}", self.token_id), duty: "hr_system".to_owned() }
    }

    /// As it is kept with what it wrote.
    pub(super) fn source(&self) -> String {
        format!("scim:{}", self.token_id)
    }
}

impl FromRequestParts<Arc<Platform>> for Caller {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, platform: &Arc<Platform>) -> Result<Self, ScimError> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .filter(|token| token.len() <= limits::SCIM_TOKEN.size())
            .ok_or_else(ScimError::unauthorized)?;
        let row = platform
            .store
            .fetch_optional(
                "SELECT id, agency_code, rights, used_at FROM scim_token WHERE token_hash = $1 AND ended_at IS NULL",
                params![hash(token)],
            )
            .await?
            .ok_or_else(ScimError::unauthorized)?;
        let (token_id, agency_code) = (row.text("id")?, row.text("agency_code")?);
        let now = platform.now_ms();
        if row.opt_int("used_at")?.is_none_or(|used| now - used >= limits::STAFF_SEEN.get()) {
            let token_id = token_id.clone();
            platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move {
                        let sql = "UPDATE scim_token SET used_at = $2 WHERE id = $1";
                        tx.execute(sql, params![token_id, now]).await
                    })
                })
                .await?;
        }
        let agencies =
            personnel::agencies_under(platform, vec![agency_code], limits::SEARCH_AGENCIES.size()).await?;
        let rights = row.text("rights")?.split(',').filter_map(Right::parse).collect();
        Ok(Self { token_id, agencies, rights })
    }
}
