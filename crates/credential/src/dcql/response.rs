//! Whether an answer is one to the query that was asked (OpenID4VP 1.0 §6.4, §8.6).

use serde_json::Value;

use super::query::Query;

/// What was presented for one credential query, after its presentation verified.
#[derive(Debug, Clone)]
pub struct Presented<'a> {
    /// The credential query's `id`.
    pub query_id: &'a str,
    /// The format that came back.
    pub format: &'a str,
    /// `vct` and `aka_vcts`, or the document type of an mdoc.
    pub types: Vec<&'a str>,
    /// The disclosed claims and those that can't be withheld.
    pub claims: &'a Value,
    /// base64url of each AuthorityKeyIdentifier in the issuer's chain; asked for where the query names authorities.
    pub authority_key_ids: &'a [String],
}

/// Why verified presentations don't answer the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("no credential `{0}` was asked for")]
    NotAsked(String),
    #[error("only one credential `{0}` was asked for")]
    TooMany(String),
    #[error("`{0}` is of another format or type than was asked for")]
    OtherType(String),
    #[error("`{0}` is by no authority that was asked for")]
    OtherAuthority(String),
    #[error("`{0}` does not tell every claim that was asked for")]
    ClaimMissing(String),
    #[error("a credential that was asked for is not there")]
    CredentialMissing,
}

impl Query {
    /// Checks that the presentations answer the query: all that was required, nothing that was not asked for.
    pub fn check_response(&self, presented: &[Presented<'_>]) -> Result<(), ResponseError> {
        for (at, one) in presented.iter().enumerate() {
            let id = || one.query_id.to_owned();
            let query = self.credential(one.query_id).ok_or_else(|| ResponseError::NotAsked(id()))?;
            let earlier = presented.iter().take(at).any(|other| other.query_id == one.query_id);
            if earlier && !query.multiple {
                return Err(ResponseError::TooMany(id()));
            }
            if one.format != query.format || !query.meta.allows(&one.types) {
                return Err(ResponseError::OtherType(id()));
            }
            if !query.is_under_an_authority(one.authority_key_ids) {
                return Err(ResponseError::OtherAuthority(id()));
            }
            let told =
                |wanted: &Vec<&super::ClaimQuery>| wanted.iter().all(|c| c.path.select(one.claims).is_ok());
            if !query.alternatives().iter().any(told) {
                return Err(ResponseError::ClaimMissing(id()));
            }
        }
        let has = |id: &String| presented.iter().any(|one| one.query_id == *id);
        let complete = if self.credential_sets.is_empty() {
            self.credentials.iter().all(|query| has(&query.id))
        } else {
            self.credential_sets
                .iter()
                .filter(|set| set.required)
                .all(|set| set.options.iter().any(|option| option.iter().all(has)))
        };
        if complete { Ok(()) } else { Err(ResponseError::CredentialMissing) }
    }
}
