//! The wallet's side of a verification: the request object it fetches, and the answer whose result is kept.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use credential::dcql;
use credential::path::{ClaimPath, Step};
use credential::verify::{AcceptedTypes, HolderBinding, Policy, StatusRule, StatusVerdict, Unproven};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use openid::vp::{Acknowledgement, FetchMethod};
use serde_json::{Map, Value};

use super::PLACE;
use super::messages::{Fresh, Issuer, Outcome, Standing};
use super::refused::ApiRefused;
use super::tickets::{EXCHANGE, Exchanged, REQUEST, Request, query};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits, once};
use crate::verification::exchange::{self, Answer, AnswerRefused, Ask, Exchange};
use crate::verification::seed::{Seed, seal_under};

/// The request object, fetched without the wallet's nonce.
pub(super) async fn request_by_get(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    Ok(request(&platform, &ticket, None)?)
}

/// The request object, fetched with the wallet's nonce.
pub(super) async fn request_by_post(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wallet_nonce = FetchMethod::read_wallet_nonce(&body).map_err(AnswerRefused::from)?;
    Ok(request(&platform, &ticket, wallet_nonce)?)
}

fn request(platform: &Platform, ticket: &str, wallet_nonce: Option<String>) -> Result<Response, ApiRefused> {
    let now_ms = platform.now_ms();
    let request: Request = platform.tokens.open(REQUEST, ticket, now_ms)?;
    let salt = keys::encoding::b64url_encode(&keys::random::bytes::<12>());
    let exchanged = Exchanged { request, salt, at_s: now_ms.div_euclid(1_000), wallet_nonce };
    let until = now_ms.saturating_add(limits::VERIFICATION_ANSWER.get());
    let ticket = platform.tokens.seal(EXCHANGE, &exchanged, until).map_err(|_| ApiRefused::TooLong)?;
    let secret = exchanged.request.seed.exchange(&exchanged.salt);
    let response_uri = response_uri(platform, &ticket);
    let ask = Ask { dcql: query(platform, &exchanged.request.wanted)?, context: None };
    let text = exchange::request_object(platform, &ask, parts(&exchanged, &secret, &response_uri))?;
    let head = [(CONTENT_TYPE, "application/oauth-authz-req+jwt"), (CACHE_CONTROL, "no-store")];
    Ok((head, text).into_response())
}

fn response_uri(platform: &Platform, ticket: &str) -> String {
    format!("{}/verification/responses/{ticket}", platform.config.public.origin())
}

fn parts<'a>(exchanged: &'a Exchanged, secret: &'a Seed, response_uri: &'a str) -> Exchange<'a> {
    Exchange {
        seed: secret,
        response_uri,
        at_s: exchanged.at_s,
        wallet_nonce: exchanged.wallet_nonce.as_deref(),
    }
}

/// The wallet's answer.
pub(super) async fn respond(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let acknowledgement = answer(&platform, &ticket, &body).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

/// Judges an answer and keeps its result; refused ones leave the request open, so that the holder can try again.
async fn answer(platform: &Platform, ticket: &str, body: &[u8]) -> Result<Acknowledgement, ApiRefused> {
    let exchanged: Exchanged = platform.tokens.open(EXCHANGE, ticket, platform.now_ms())?;
    let seed = &exchanged.request.seed;
    let secret = seed.exchange(&exchanged.salt);
    let response_uri = response_uri(platform, ticket);
    let ask = Ask { dcql: query(platform, &exchanged.request.wanted)?, context: None };
    let policy = policy(platform)?;
    let judged = exchange::judge(platform, &ask, &policy, parts(&exchanged, &secret, &response_uri), body);
    let standing = match judged.await? {
        Answer::Presented(presented) => {
            Standing::Verified(Box::new(told(platform, &exchanged, presented.verified)?))
        }
        Answer::Declined => Standing::Declined,
    };
    let plain =
        serde_json::to_vec(&standing).map_err(|_| ApiRefused::Internal("a result can't be written"))?;
    let sealed = seal_under(&*seed.derive("result"), PLACE, &plain);
    let (id, party) = (seed.id(), exchanged.request.party.clone());
    let kept = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let forgotten =
                    now_ms + limits::VERIFICATION_REQUEST.get() + 2 * limits::VERIFICATION_ANSWER.get();
                if !once::consume(tx, "verification", &id, forgotten).await? {
                    return Ok(false);
                }
                tx.execute(
                    "INSERT INTO verification_result (id, relying_party, sealed, created_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $5)",
                    params![id, party, sealed, now_ms, now_ms + limits::VERIFICATION_RESULT.get()],
                )
                .await?;
                Ok::<bool, StoreError>(true)
            })
        })
        .await?;
    if !kept {
        return Err(ApiRefused::Answered);
    }
    Ok(match &exchanged.request.redirect_uri {
        Some(address) => Acknowledgement::with_response_code(address, &seed.text("response code")),
        None => Acknowledgement::default(),
    })
}

/// Every check is made; nothing is waived.
fn policy(platform: &Platform) -> Result<Policy, ApiRefused> {
    Ok(Policy {
        types: AcceptedTypes::OneOf(exchange::badge(platform)?.type_names().map(str::to_owned).collect()),
        required: Vec::new(),
        holder_binding: HolderBinding::Required { max_age: limits::VERIFICATION_ANSWER.get() / 1_000 },
        status: StatusRule::Checked {
            max_age: limits::VERIFICATION_STATUS_AGE.get() / 1_000,
            unknown: Unproven::Refuse,
            absent: Unproven::Refuse,
        },
    })
}

/// The result in the API's words, with the claims that were asked for and no other.
fn told(
    platform: &Platform,
    exchanged: &Exchanged,
    verified: credential::verify::Verified,
) -> Result<Outcome, ApiRefused> {
    let broken = |_| ApiRefused::Internal("a result can't be written");
    let asked = dcql::Query::from_value(&query(platform, &exchanged.request.wanted)?).ok();
    let paths: Vec<&ClaimPath> = asked
        .iter()
        .flat_map(|query| &query.credentials)
        .flat_map(|credential| &credential.claims)
        .map(|claim| &claim.path)
        .collect();
    let claims = only(&verified.claims, &[], &paths);
    let status_age = match verified.freshness.status {
        StatusVerdict::Valid { age } => Some(age),
        StatusVerdict::Unknown | StatusVerdict::Absent | StatusVerdict::NotChecked => None,
    };
    Ok(Outcome {
        claims,
        issuer: Issuer { id: verified.issuer.iss, name: verified.issuer.name.ko, key: verified.issuer.jkt },
        kind: verified.vct,
        issued_at: verified.issued_at,
        expires_at: verified.expires_at,
        verified_at: platform.now_ms().div_euclid(1_000),
        freshness: Fresh {
            status: if status_age.is_some() { "valid" } else { "not_checked" }.to_owned(),
            status_age,
            trust_age: verified.freshness.trust,
            holder_age: verified.freshness.holder_binding,
        },
        waived: serde_json::to_value(&verified.waived).map_err(broken)?,
    })
}

/// The members of an object that a path leads to or through.
fn only(value: &Value, above: &[Step], paths: &[&ClaimPath]) -> Value {
    let members = value.as_object().into_iter().flatten();
    let kept = members.filter_map(|(name, value)| {
        let mut place = above.to_vec();
        place.push(Step::Key(name.clone()));
        if paths.iter().any(|path| path.steps() == place.as_slice()) {
            return Some((name.clone(), value.clone()));
        }
        let through = paths.iter().any(|path| path.steps().starts_with(&place));
        through.then(|| {
            (name.clone(), if value.is_object() { only(value, &place, paths) } else { value.clone() })
        })
    });
    Value::Object(kept.collect::<Map<String, Value>>())
}
