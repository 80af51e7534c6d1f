//! What a wallet may answer to a query (OpenID4VP 1.0 §6.4).

use serde_json::Value;

use super::query::{AuthorityType, ClaimQuery, CredentialQuery, Query, TrustedAuthority};
use crate::path::ClaimPath;

/// What matching must know of a credential in the wallet.
#[derive(Debug, Clone)]
pub struct HeldCredential<'a> {
    /// `dc+sd-jwt` or `mso_mdoc`.
    pub format: &'a str,
    /// `vct` and `aka_vcts`, or the document type of an mdoc.
    pub types: Vec<&'a str>,
    /// All claims, disclosed or not; of an mdoc: namespace → element → value.
    pub claims: &'a Value,
    /// base64url of each AuthorityKeyIdentifier in the issuer's chain.
    pub authority_key_ids: Vec<&'a str>,
    /// Whether the holder can prove possession of a key in it.
    pub holder_bound: bool,
}

/// All that the wallet may answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// For each credential query that something matches: what, in the order of the query.
    pub matches: Vec<Match>,
    /// The choices that the verifier leaves, in the order of the query; without `credential_sets` one that names all.
    pub sets: Vec<SetChoice>,
}

/// The credentials that satisfy one credential query.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The credential query's `id`.
    pub query_id: String,
    /// Whether more than one candidate may be given.
    pub multiple: bool,
    /// Whether the holder must prove to hold it.
    pub holder_binding: bool,
    /// Never empty.
    pub candidates: Vec<Candidate>,
}

/// One credential that would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its place in the list given to [`Query::matches`].
    pub held: usize,
    /// The claims to disclose, no others.
    pub claims: Vec<ClaimPath>,
}

/// One credential set: which of its options the wallet can satisfy.
#[derive(Debug, Clone, PartialEq)]
pub struct SetChoice {
    /// Whether the verifier insists on one of the options.
    pub required: bool,
    /// Ids of credential queries, the verifier's preference first; empty only where not `required`.
    pub options: Vec<Vec<String>>,
}

/// Why the wallet has no answer: for each credential query that nothing matches, the nearest miss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the wallet holds nothing that satisfies the query")]
pub struct NoMatch {
    /// The `id` of each credential query that nothing matches, and why.
    pub unmet: Vec<(String, Reason)>,
}

/// Why no held credential satisfies a credential query, from the least to the most it could have been.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Reason {
    /// None of the format.
    NoSuchFormat,
    /// None of the type.
    NoSuchType,
    /// None by an authority that the verifier trusts.
    NoTrustedAuthority,
    /// None that the holder can prove to hold.
    NoHolderBinding,
    /// A claim is not there.
    NoSuchClaim(ClaimPath),
    /// A claim has another value.
    OtherValue(ClaimPath),
}

impl Query {
    /// What of the held credentials satisfies the query.
    pub fn matches(&self, held: &[HeldCredential<'_>]) -> Result<Selection, NoMatch> {
        let mut matches = Vec::new();
        let mut unmet = Vec::new();
        for query in &self.credentials {
            match query.candidates(held) {
                Ok(candidates) => matches.push(Match {
                    query_id: query.id.clone(),
                    multiple: query.multiple,
                    holder_binding: query.require_cryptographic_holder_binding,
                    candidates,
                }),
                Err(reason) => unmet.push((query.id.clone(), reason)),
            }
        }
        let met = |id: &String| matches.iter().any(|m| m.query_id == *id);
        let sets = if self.credential_sets.is_empty() {
            vec![SetChoice {
                required: true,
                options: vec![self.credentials.iter().map(|q| q.id.clone()).collect()],
            }]
        } else {
            let options =
                |options: &[Vec<String>]| options.iter().filter(|o| o.iter().all(met)).cloned().collect();
            self.credential_sets
                .iter()
                .map(|set| SetChoice { required: set.required, options: options(&set.options) })
                .collect()
        };
        let unmet_set = sets.iter().any(|set| set.required && !set.options.iter().any(|o| o.iter().all(met)));
        if unmet_set { Err(NoMatch { unmet }) } else { Ok(Selection { matches, sets }) }
    }
}

impl Selection {
    /// The answer that the verifier likes best and that tells least: the first option of each required set, nothing of
    /// the others, and where one credential is wanted the first that would do.
    pub fn preferred(&self) -> Vec<(&str, &[Candidate])> {
        let wanted: Vec<&String> = self
            .sets
            .iter()
            .filter(|set| set.required)
            .filter_map(|set| set.options.first())
            .flatten()
            .collect();
        self.matches
            .iter()
            .filter(|m| wanted.contains(&&m.query_id))
            .map(|m| {
                let candidates = if m.multiple {
                    m.candidates.as_slice()
                } else {
                    m.candidates.get(..1).unwrap_or_default()
                };
                (m.query_id.as_str(), candidates)
            })
            .collect()
    }

    /// The match of that credential query.
    pub fn get(&self, query_id: &str) -> Option<&Match> {
        self.matches.iter().find(|m| m.query_id == query_id)
    }
}

impl CredentialQuery {
    fn candidates(&self, held: &[HeldCredential<'_>]) -> Result<Vec<Candidate>, Reason> {
        let mut candidates = Vec::new();
        let mut nearest = Reason::NoSuchFormat;
        for (at, credential) in held.iter().enumerate() {
            match self.claims_of(credential) {
                Ok(claims) => candidates.push(Candidate { held: at, claims }),
                Err(reason) if reason > nearest => nearest = reason,
                Err(_) => {}
            }
        }
        if candidates.is_empty() { Err(nearest) } else { Ok(candidates) }
    }

    /// The claims to disclose of this credential, or why it won't do.
    fn claims_of(&self, held: &HeldCredential<'_>) -> Result<Vec<ClaimPath>, Reason> {
        if held.format != self.format {
            return Err(Reason::NoSuchFormat);
        }
        if !self.meta.allows(&held.types) {
            return Err(Reason::NoSuchType);
        }
        if !self.is_under_an_authority(&held.authority_key_ids) {
            return Err(Reason::NoTrustedAuthority);
        }
        if self.require_cryptographic_holder_binding && !held.holder_bound {
            return Err(Reason::NoHolderBinding);
        }
        let mut first_miss = None;
        for wanted in self.alternatives() {
            match wanted.iter().find_map(|claim| missing(claim, held.claims)) {
                None => return Ok(distinct(wanted)),
                Some(reason) => first_miss = first_miss.or(Some(reason)),
            }
        }
        Err(first_miss.unwrap_or(Reason::NoSuchType))
    }
}

impl super::Meta {
    /// Whether a credential of these types is one that was asked for.
    pub fn allows(&self, types: &[&str]) -> bool {
        let vct =
            self.vct_values.as_ref().is_none_or(|wanted| wanted.iter().any(|w| types.contains(&w.as_str())));
        let doctype = self.doctype_value.as_ref().is_none_or(|wanted| types.contains(&wanted.as_str()));
        vct && doctype
    }
}

impl CredentialQuery {
    /// Whether one of the authorities that the query names stands behind a chain with these key identifiers; true where
    /// it names none.
    pub fn is_under_an_authority<T: AsRef<str>>(&self, authority_key_ids: &[T]) -> bool {
        let authorities = &self.trusted_authorities;
        authorities.is_empty()
            || authorities.iter().any(|authority| stands_behind(authority, authority_key_ids))
    }
}

fn stands_behind<T: AsRef<str>>(authority: &TrustedAuthority, authority_key_ids: &[T]) -> bool {
    match authority.kind {
        AuthorityType::AuthorityKeyIdentifier => {
            authority_key_ids.iter().any(|id| authority.values.iter().any(|value| value == id.as_ref()))
        }
        // Nothing in a credential of ours tells of these lists: no match, as §6.1.1 lets a wallet say.
        AuthorityType::EtsiTrustedList | AuthorityType::OpenIdFederation | AuthorityType::Other(_) => false,
    }
}

fn missing(claim: &ClaimQuery, claims: &Value) -> Option<Reason> {
    let Ok(found) = claim.path.select(claims) else { return Some(Reason::NoSuchClaim(claim.path.clone())) };
    let fits = claim.values.is_empty()
        || found.iter().any(|value| claim.values.iter().any(|wanted| wanted.is(value)));
    (!fits).then(|| Reason::OtherValue(claim.path.clone()))
}

/// The paths, each once: a claim asked for twice is answered once (§6.1).
fn distinct(claims: Vec<&ClaimQuery>) -> Vec<ClaimPath> {
    let mut paths: Vec<ClaimPath> = Vec::with_capacity(claims.len());
    for claim in claims {
        if !paths.contains(&claim.path) {
            paths.push(claim.path.clone());
        }
    }
    paths
}
