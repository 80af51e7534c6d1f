//! The wallet's side of a verification: the request object it fetches, and the answer whose result is kept.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use credential::dcql;
use credential::path::{ClaimPath, Step};
use credential::types::CredentialType;
use credential::verify::{
    AcceptedTypes, HolderBinding, Policy, StatusRule, StatusVerdict, Unproven, Verified,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use openid::vp::{Acknowledgement, FetchMethod};
use serde_json::{Map, Value};

use super::PLACE;
use super::messages::{Credential, Facts, Fresh, Issuer, Outcome, Standing};
use super::refused::ApiRefused;
use super::tickets::{EXCHANGE, Exchanged, REQUEST, Request, ask};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits, once};
use crate::verification::exchange::{self, Answer, AnswerRefused, Ask, Exchange, Place};
use crate::verification::foreign;
use crate::verification::judge::{Rules, Shown};
use crate::verification::seed::{Seed, seal_under};
use crate::verification::webhook::Event;

/// The request object, fetched without the wallet's nonce.
pub(super) async fn request_by_get(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    Ok(request(&platform, &ticket, None).await?)
}

/// The request object, fetched with the wallet's nonce.
pub(super) async fn request_by_post(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let wallet_nonce = FetchMethod::read_wallet_nonce(&body).map_err(AnswerRefused::from)?;
    Ok(request(&platform, &ticket, wallet_nonce).await?)
}

async fn request(
    platform: &Platform,
    ticket: &str,
    wallet_nonce: Option<String>,
) -> Result<Response, ApiRefused> {
    let request: Request = platform.tokens.open(REQUEST, ticket, platform.now_ms())?;
    if is_answered(platform, &request.seed).await? {
        return Err(ApiRefused::Answered);
    }
    let begun = Begun::new(platform, request, wallet_nonce, None)?;
    let ask = ask(platform, &begun.exchanged.request).await?;
    let text = exchange::request_object(platform, &ask, begun.parts())?;
    let head = [(CONTENT_TYPE, "application/oauth-authz-req+jwt"), (CACHE_CONTROL, "no-store")];
    Ok((head, text).into_response())
}

/// Whether a wallet has answered.
pub(super) async fn is_answered(platform: &Platform, seed: &Seed) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM once WHERE purpose = $1 AND id = $2";
    Ok(platform.store.fetch_optional(sql, params!["verification", seed.id()]).await?.is_some())
}

/// One exchange, and the address at which its answer is taken.
pub(super) struct Begun {
    exchanged: Exchanged,
    secret: Seed,
    pub(super) address: String,
}

impl Begun {
    /// An exchange with a wallet, or through a page of an origin.
    pub(super) fn new(
        platform: &Platform,
        request: Request,
        wallet_nonce: Option<String>,
        origin: Option<String>,
    ) -> Result<Begun, ApiRefused> {
        let now_ms = platform.now_ms();
        let salt = keys::encoding::b64url_encode(&keys::random::bytes::<12>());
        let exchanged = Exchanged { request, salt, at_s: now_ms.div_euclid(1_000), wallet_nonce, origin };
        let until = now_ms.saturating_add(limits::VERIFICATION_ANSWER.get());
        let ticket = platform.tokens.seal(EXCHANGE, &exchanged, until).map_err(|_| ApiRefused::TooLong)?;
        Ok(Begun::of(platform, exchanged, &ticket))
    }

    fn opened(platform: &Platform, ticket: &str) -> Result<Begun, ApiRefused> {
        let exchanged = platform.tokens.open(EXCHANGE, ticket, platform.now_ms())?;
        Ok(Begun::of(platform, exchanged, ticket))
    }

    fn of(platform: &Platform, exchanged: Exchanged, ticket: &str) -> Begun {
        let secret = exchanged.request.seed.exchange(&exchanged.salt);
        let kind = if exchanged.origin.is_some() { "answers" } else { "responses" };
        let address = format!("{}/verification/{kind}/{ticket}", platform.config.public.origin());
        Begun { exchanged, secret, address }
    }

    pub(super) fn request(&self) -> &Request {
        &self.exchanged.request
    }

    pub(super) fn parts(&self) -> Exchange<'_> {
        Exchange {
            seed: &self.secret,
            place: match &self.exchanged.origin {
                Some(origin) => Place::Page(origin),
                None => Place::Post(&self.address),
            },
            at_s: self.exchanged.at_s,
            wallet_nonce: self.exchanged.wallet_nonce.as_deref(),
        }
    }
}

/// The wallet's answer.
pub(super) async fn respond(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let acknowledgement = answer(&platform, &ticket, false, &body).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

/// Judges an answer and keeps its result; refused ones leave the request open, so that the holder can try again.
pub(super) async fn answer(
    platform: &Platform,
    ticket: &str,
    by_page: bool,
    body: &[u8],
) -> Result<Acknowledgement, ApiRefused> {
    let begun = Begun::opened(platform, ticket)?;
    if begun.exchanged.origin.is_some() != by_page {
        return Err(ApiRefused::Unknown);
    }
    let request = begun.request();
    let seed = &request.seed;
    let ask = ask(platform, request).await?;
    let policy = policy(platform)?;
    let foreign = foreign::of(&platform.store, &request.party).await?;
    let rules = Rules { badge: &policy, foreign: &foreign };
    let standing = match exchange::judge(platform, &ask, &rules, begun.parts(), body).await? {
        Answer::Presented(presented) => Standing::Verified(Box::new(told(platform, &ask, presented.shown)?)),
        Answer::Declined(code) => Standing::Declined { error: code.as_str().to_owned() },
    };
    let plain =
        serde_json::to_vec(&standing).map_err(|_| ApiRefused::Internal("a result can't be written"))?;
    let sealed = seal_under(&*seed.derive("result"), PLACE, &plain);
    let (id, party) = (seed.id(), request.party.clone());
    let event = request.webhook.then(|| Event::new(platform, &id, &party, &standing));
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
                    params![&id, party, sealed, now_ms, now_ms + limits::VERIFICATION_RESULT.get()],
                )
                .await?;
                tx.execute("DELETE FROM verification_request WHERE id = $1", params![&id]).await?;
                if let Some(event) = event {
                    event.enqueue(tx).await?;
                }
                Ok::<bool, StoreError>(true)
            })
        })
        .await?;
    if !kept {
        return Err(ApiRefused::Answered);
    }
    Ok(match &request.redirect_uri {
        Some(address) => Acknowledgement::with_response_code(address, &seed.text("response code")),
        None => Acknowledgement::default(),
    })
}

/// Every check is made; nothing is waived.
fn policy(platform: &Platform) -> Result<Policy, ApiRefused> {
    Ok(Policy {
        types: AcceptedTypes::OneOf(
            exchange::types(platform)?.flat_map(CredentialType::type_names).map(str::to_owned).collect(),
        ),
        required: Vec::new(),
        holder_binding: HolderBinding::Required { max_age: limits::VERIFICATION_ANSWER.get() / 1_000 },
        status: StatusRule::Checked {
            max_age: limits::VERIFICATION_STATUS_AGE.get() / 1_000,
            unknown: Unproven::Refuse,
            absent: Unproven::Refuse,
        },
    })
}

/// The result in the API's words, with the claims that were asked for and no other, in the order of the query.
fn told(platform: &Platform, ask: &Ask, mut shown: Vec<Shown>) -> Result<Outcome, ApiRefused> {
    let broken = || ApiRefused::Internal("a result can't be written");
    let asked = dcql::Query::from_value(&ask.dcql).map_err(|_| broken())?;
    let place = |id: &str| asked.credentials.iter().position(|credential| credential.id == id);
    shown.sort_by_key(|one| place(&one.query));
    let mut credentials = Vec::with_capacity(shown.len());
    for one in shown {
        let paths: Vec<&ClaimPath> = asked
            .credential(&one.query)
            .map(|credential| credential.claims.iter().map(|claim| &claim.path).collect())
            .unwrap_or_default();
        let facts = facts(platform, one.verified, &paths)?;
        credentials.push(Credential { query: one.query, facts, authorizes: one.authorizes });
    }
    let first = credentials.first().map(|credential| credential.facts.clone()).ok_or_else(broken)?;
    Ok(Outcome { first, credentials })
}

fn facts(platform: &Platform, verified: Verified, paths: &[&ClaimPath]) -> Result<Facts, ApiRefused> {
    let broken = |_| ApiRefused::Internal("a result can't be written");
    let (status, status_age) = match verified.freshness.status {
        StatusVerdict::Valid { age } => ("valid", Some(age)),
        StatusVerdict::Absent => ("absent", None),
        StatusVerdict::Unknown | StatusVerdict::NotChecked => ("not_checked", None),
    };
    // A root has no date of its own.
    let trust_age = Some(verified.freshness.trust).filter(|age| *age < i64::MAX / 2);
    Ok(Facts {
        claims: only(&verified.claims, &[], paths),
        issuer: Issuer { id: verified.issuer.iss, name: verified.issuer.name.ko, key: verified.issuer.jkt },
        kind: verified.vct,
        issued_at: verified.issued_at,
        expires_at: verified.expires_at,
        verified_at: platform.now_ms().div_euclid(1_000),
        freshness: Fresh {
            status: status.to_owned(),
            status_age,
            trust_age,
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
