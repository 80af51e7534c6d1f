//! Whether the presentations of an answer hold, each by the rules for what it was asked as (OpenID4VP 1.0 §8.6, §14.1).

use std::sync::Arc;

use credential::dcql::{self, CredentialQuery, Query, ResponseError};
use credential::mdoc::{self, SessionTranscript};
use credential::sd_jwt::{KeyBindingClaims, SdJwt};
use credential::trust::{TrustSource, authority_key_ids};
use credential::types::Format;
use credential::verify::{
    self, HolderBinding, Policy, PresentationInput, Refusal, StatusAnswer, StatusRule, StatusSource,
    Unproven, Verified,
};
use keys::encoding::{b64url_decode, b64url_decode_array};
use keys::jws::Unverified;
use keys::{PublicKey, sha256};
use openid::vp::{TransactionData, VpToken};

use super::exchange::{self, AnswerRefused, Ask, Exchange, Place, RequestError};
use super::foreign::{Accepted, ForeignStatus, lists};
use crate::lifecycle::{self, LocalStatus};
use crate::operations::{Platform, limits};

/// Longest key binding that is looked at for what it authorizes, in bytes.
const MAX_BINDING: usize = 64 * 1024;

/// What is accepted for a query: our badge, and what a relying party was configured to take of other issuers.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// For badges.
    pub badge: &'a Policy,
    /// Credentials of other issuers.
    pub foreign: &'a [Accepted],
}

/// One presentation that holds.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Id of the credential query.
    pub query: String,
    /// Who, what, when, how fresh.
    pub verified: Verified,
    /// The entries of the transaction data that it authorizes, by their place.
    pub authorizes: Vec<usize>,
}

/// What every presentation of one answer is bound to.
struct Bound<'a> {
    audience: String,
    nonce: String,
    transcript: SessionTranscript,
    transaction_data: Vec<TransactionData>,
    rules: &'a Rules<'a>,
    now_s: i64,
}

/// Judges every presentation of a token, and then whether they answer the query.
pub(super) async fn token(
    platform: &Platform,
    ask: &Ask,
    rules: &Rules<'_>,
    exchange: Exchange<'_>,
    key: &PublicKey,
    vp_token: &VpToken,
) -> Result<Vec<Shown>, AnswerRefused> {
    let all: usize = vp_token.iter().map(|(_, presentations)| presentations.len()).sum();
    if all > limits::VERIFICATION_PRESENTATIONS.size() {
        return Err(AnswerRefused::TooMany);
    }
    let query = Query::from_value(&ask.dcql).map_err(|_| RequestError::Json)?;
    let nonce = exchange.seed.text("nonce");
    let client_id = exchange::client_id(platform)?.to_string();
    let (audience, transcript) = match exchange.place {
        Place::Post(uri) => {
            let transcript = SessionTranscript::openid4vp(&client_id, &nonce, Some(key), uri);
            (client_id, transcript)
        }
        Place::Page(origin) => {
            (format!("origin:{origin}"), SessionTranscript::dc_api(origin, &nonce, Some(key)))
        }
    };
    let read = |entry: &String| TransactionData::parse(entry).ok_or(RequestError::Json);
    let transaction_data = ask.transaction_data.iter().map(read).collect::<Result<_, _>>()?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let bound = Bound { audience, nonce, transcript, transaction_data, rules, now_s };

    let mut shown: Vec<Shown> = Vec::with_capacity(all);
    let mut authorities: Vec<Vec<String>> = Vec::with_capacity(all);
    for (id, presentations) in vp_token.iter() {
        let asked = query.credential(id).ok_or_else(|| ResponseError::NotAsked(id.to_owned()))?;
        for presentation in presentations {
            shown.push(bound.one(platform, asked, presentation).await?);
            authorities.push(authority_ids(asked, presentation));
        }
    }
    let presented = shown.iter().zip(&authorities).filter_map(|(one, ids)| {
        let asked = query.credential(&one.query)?;
        let types = std::iter::once(&one.verified.vct).chain(&one.verified.aka_vcts).map(String::as_str);
        Some(dcql::Presented {
            query_id: &one.query,
            format: &asked.format,
            types: types.collect(),
            claims: &one.verified.claims,
            authority_key_ids: ids,
        })
    });
    query.check_response(&presented.collect::<Vec<_>>())?;
    // Each entry is authorized by one of the credentials that may (OpenID4VP 1.0 §5.1).
    let by_one = |at: usize| shown.iter().filter(|one| one.authorizes.contains(&at)).count() == 1;
    if !(0..bound.transaction_data.len()).all(by_one) {
        return Err(Refusal::TransactionData.into());
    }
    Ok(shown)
}

impl Bound<'_> {
    async fn one(
        &self,
        platform: &Platform,
        asked: &CredentialQuery,
        presentation: &str,
    ) -> Result<Shown, AnswerRefused> {
        let authorizes = self.authorized(asked, presentation)?;
        let verified = match self.rules.foreign.iter().find(|accepted| accepted.answers(asked)) {
            Some(accepted) => self.foreign(platform, asked, accepted, presentation, &authorizes).await?,
            None => {
                let status = LocalStatus::now(platform).await?;
                let trust = lifecycle::local_trust(platform).await?;
                self.verify(platform, asked, presentation, &authorizes, self.rules.badge, &*trust, &status)?
            }
        };
        Ok(Shown { query: asked.id.clone(), verified, authorizes })
    }

    /// First everything but the status, so that nobody's list is fetched on a stranger's word; then all of it.
    async fn foreign(
        &self,
        platform: &Platform,
        asked: &CredentialQuery,
        accepted: &Accepted,
        presentation: &str,
        authorizes: &[usize],
    ) -> Result<Verified, AnswerRefused> {
        let waive = accepted.unbound && !asked.require_cryptographic_holder_binding;
        let holder_binding = if waive { HolderBinding::Waived } else { self.rules.badge.holder_binding };
        let types = verify::AcceptedTypes::OneOf(vec![accepted.kind.clone()]);
        let policy = Policy { types, required: Vec::new(), holder_binding, status: StatusRule::Waived };
        let trust = accepted.trust();
        let nothing = OneList(StatusAnswer::Unavailable);
        let first = self.verify(platform, asked, presentation, authorizes, &policy, trust, &nothing)?;
        let absent = match accepted.status {
            ForeignStatus::Off => return Ok(first),
            ForeignStatus::IfNamed => Unproven::Accept,
            ForeignStatus::Required => Unproven::Refuse,
        };
        let list = match &first.status_claim {
            Some(claim) => lists::fetch(platform, accepted, &claim.uri, self.now_s).await,
            None => StatusAnswer::Unavailable,
        };
        let max_age = limits::VERIFICATION_FOREIGN_STATUS_AGE.get() / 1_000;
        let status = StatusRule::Checked { max_age, unknown: Unproven::Refuse, absent };
        let policy = Policy { status, ..policy };
        Ok(self.verify(platform, asked, presentation, authorizes, &policy, trust, &OneList(list))?)
    }

    #[allow(clippy::too_many_arguments, reason = "the presentation, and everything that it is judged by")]
    fn verify(
        &self,
        platform: &Platform,
        asked: &CredentialQuery,
        presentation: &str,
        authorizes: &[usize],
        policy: &Policy,
        trust: &dyn TrustSource,
        status: &dyn StatusSource,
    ) -> Result<Verified, Refusal> {
        let chains = &platform.local.verification.chains;
        if asked.format == Format::Mdoc.as_str() {
            let response = b64url_decode(presentation).map_err(|_| Refusal::Malformed)?;
            let input = mdoc::PresentationInput { response: &response, transcript: &self.transcript };
            return mdoc::verify(&input, policy, trust, status, chains, self.now_s);
        }
        let hashes: Vec<[u8; 32]> = authorizes
            .iter()
            .filter_map(|at| self.transaction_data.get(*at))
            .map(|entry| sha256(entry.encoded().as_bytes()))
            .collect();
        let input = PresentationInput {
            presentation,
            nonce: &self.nonce,
            audience: &self.audience,
            transaction_data_hashes: &hashes,
        };
        verify::verify(&input, policy, trust, status, chains, self.now_s)
    }

    /// Which entries the presentation says it authorizes, in its order; what it says is believed once it verifies.
    fn authorized(&self, asked: &CredentialQuery, presentation: &str) -> Result<Vec<usize>, Refusal> {
        if self.transaction_data.is_empty() || asked.format == Format::Mdoc.as_str() {
            return Ok(Vec::new());
        }
        let binding = presentation.rsplit('~').next().unwrap_or_default();
        if binding.is_empty() {
            return Ok(Vec::new());
        }
        let unverified = Unverified::parse(binding, MAX_BINDING).map_err(|_| Refusal::Malformed)?;
        let claims: KeyBindingClaims = unverified.dangerous_claims().map_err(|_| Refusal::Malformed)?;
        let mut places = Vec::new();
        for hash in &claims.transaction_data_hashes {
            let hash = b64url_decode_array::<32>(hash).map_err(|_| Refusal::TransactionData)?;
            let place = self.transaction_data.iter().position(|entry| {
                sha256(entry.encoded().as_bytes()) == hash && entry.credential_ids.contains(&asked.id)
            });
            match place {
                Some(place) if !places.contains(&place) => places.push(place),
                _ => return Err(Refusal::TransactionData),
            }
        }
        Ok(places)
    }
}

/// The key identifiers of the authorities in a presentation's chain, where the query asks for them.
fn authority_ids(asked: &CredentialQuery, presentation: &str) -> Vec<String> {
    if asked.trusted_authorities.is_empty() {
        return Vec::new();
    }
    let chain = if asked.format == Format::Mdoc.as_str() {
        b64url_decode(presentation).ok().and_then(|response| mdoc::dangerous_chain(&response))
    } else {
        SdJwt::parse(presentation).ok().and_then(|token| token.header().x5c.clone())
    };
    authority_key_ids(&chain.unwrap_or_default())
}

/// One list, as it was had.
struct OneList(StatusAnswer);

impl StatusSource for OneList {
    fn list(&self, uri: &str) -> StatusAnswer {
        match &self.0 {
            StatusAnswer::List(list) if list.claims.uri == uri => StatusAnswer::List(Arc::clone(list)),
            StatusAnswer::List(_) => StatusAnswer::Corrupt,
            other => other.clone(),
        }
    }
}
