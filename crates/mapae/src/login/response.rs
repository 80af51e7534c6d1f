//! The phone's side of a login: the request object it fetches, and the answer that decides.
//!
//! The answer is judged outside any transaction; what is decided in the one commit is decided there and nowhere else:
//! that nobody answered before, that the badge is active *now*, that the account role has an approval of this very
//! request by this badge, with the number on the page and at the level asked for.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use credential::verify::{HolderBinding, Policy, Refusal, StatusRule, Unproven};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use openid::approval::{Level, LoginContext};
use openid::vp::{Acknowledgement, FetchMethod};
use serde_json::{Map, Value, json};

use super::attempt::{self, Grant, Outcome};
use super::registration;
use super::ticket::{Draw, Exchange, Return, Ticket};
use super::{CODE_CLAIMS, browser, claims};
use crate::account;
use crate::lifecycle::{self, Badge, BadgeState};
use crate::operations::problem::Problem;
use crate::operations::server_keys::SecretName;
use crate::operations::store::{StoreError, Tx};
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits};
use crate::verification::relying_party::{self, RelyingParty, level_text};
use crate::verification::{self, Answer, AnswerRefused, Ask, RequestError, Seed};

/// Why an answer did not lead to a login.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginRefused {
    /// The link or the exchange has run out.
    #[error("the request has expired")]
    Expired,
    /// The ticket is none of ours.
    #[error("the ticket is not one of ours")]
    Invalid,
    /// The relying party is no longer registered.
    #[error("the relying party is not registered")]
    Party,
    /// This login was answered before.
    #[error("the login was answered before")]
    Answered,
    /// The presentation or its protocol is refused.
    #[error(transparent)]
    Answer(#[from] AnswerRefused),
    /// The badge is not in our register.
    #[error("the badge is not in the register")]
    BadgeUnknown,
    /// The badge is suspended.
    #[error("the badge is suspended")]
    BadgeSuspended,
    /// The badge has ended.
    #[error("the badge has ended")]
    BadgeRevoked,
    /// The account role has no approval of this request.
    #[error("the request was not approved")]
    ApprovalMissing,
    /// The approval is of another badge.
    #[error("the request was approved by another badge")]
    ApprovalForeign,
    /// An enrolled browser began this login, and the badge is not its owner's.
    #[error("the badge is not that of the browser's owner")]
    OtherPerson,
    /// The approval is weaker than this login demands.
    #[error("the request needs a stronger approval")]
    LevelTooLow,
    /// This login demands attested hardware, and the account's phone has none.
    #[error("the phone's hardware is not vouched for")]
    HardwareMissing,
    /// The number typed is not the one on the page.
    #[error("the number does not match")]
    NumberWrong,
    /// Too many wrong numbers came before.
    #[error("too many wrong numbers")]
    MustWait,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something of ours is broken.
    #[error("{0}")]
    Internal(&'static str),
}

impl From<TokenError> for LoginRefused {
    fn from(error: TokenError) -> LoginRefused {
        match error {
            TokenError::Expired => LoginRefused::Expired,
            TokenError::Invalid => LoginRefused::Invalid,
        }
    }
}

impl From<RequestError> for LoginRefused {
    fn from(_: RequestError) -> LoginRefused {
        LoginRefused::Internal("a request object can't be made")
    }
}

impl LoginRefused {
    /// The stable code and its HTTP status.
    pub(super) fn code(&self) -> (StatusCode, &'static str) {
        match self {
            LoginRefused::Expired => (StatusCode::GONE, "login_request_expired"),
            LoginRefused::Invalid => (StatusCode::BAD_REQUEST, "login_invalid"),
            LoginRefused::Party => (StatusCode::BAD_REQUEST, "login_party_unknown"),
            LoginRefused::Answered => (StatusCode::CONFLICT, "login_answered"),
            LoginRefused::Answer(_) => (StatusCode::BAD_REQUEST, "presentation_refused"),
            LoginRefused::BadgeUnknown => (StatusCode::FORBIDDEN, "login_badge_unknown"),
            LoginRefused::BadgeSuspended => (StatusCode::FORBIDDEN, "login_badge_suspended"),
            LoginRefused::BadgeRevoked => (StatusCode::FORBIDDEN, "login_badge_revoked"),
            LoginRefused::ApprovalMissing => (StatusCode::FORBIDDEN, "login_approval_missing"),
            LoginRefused::ApprovalForeign => (StatusCode::FORBIDDEN, "login_approval_foreign"),
            LoginRefused::OtherPerson => (StatusCode::FORBIDDEN, "login_other_person"),
            LoginRefused::LevelTooLow => (StatusCode::FORBIDDEN, "login_level_too_low"),
            LoginRefused::HardwareMissing => (StatusCode::FORBIDDEN, "login_hardware_missing"),
            LoginRefused::NumberWrong => (StatusCode::FORBIDDEN, "login_number_wrong"),
            LoginRefused::MustWait => (StatusCode::TOO_MANY_REQUESTS, "login_must_wait"),
            LoginRefused::Store(_) | LoginRefused::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }
}

impl From<LoginRefused> for Problem {
    fn from(refused: LoginRefused) -> Problem {
        let (status, code) = refused.code();
        match refused {
            LoginRefused::Store(error) => error.into(),
            LoginRefused::Internal(cause) => Problem::internal(cause),
            LoginRefused::Answer(refused) => refused.into(),
            _ => Problem::new(status, code),
        }
    }
}

/// The link that opens a request.
pub(super) fn link(platform: &Platform, ticket: &str) -> Result<String, RequestError> {
    verification::link(platform, request_address(platform, ticket))
}

/// The link that opens the wallet on the browser's own device.
pub(super) fn link_here(platform: &Platform, ticket: &str) -> Result<String, RequestError> {
    let app = platform.config.login.app(platform.config.public.origin());
    verification::link_to(platform, request_address(platform, ticket), &app)
}

pub(super) fn request_address(platform: &Platform, ticket: &str) -> String {
    format!("{}/login/requests/{ticket}", platform.config.public.origin())
}

/// The request object, fetched without the wallet's nonce.
pub(super) async fn request_by_get(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    Ok(request(&platform, &ticket, None).await?)
}

/// The request object, fetched with the wallet's nonce (OpenID4VP 1.0 §5.10).
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
) -> Result<Response, LoginRefused> {
    let Made { text, .. } = make(platform, Draw::open(platform, ticket)?, wallet_nonce).await?;
    let head = [(CONTENT_TYPE, "application/oauth-authz-req+jwt"), (CACHE_CONTROL, "no-store")];
    Ok((head, text).into_response())
}

/// A request object, and the ticket under which its answer is taken.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) ticket: String,
}

/// Begins an exchange with a wallet.
pub(super) async fn make(
    platform: &Platform,
    draw: Draw,
    wallet_nonce: Option<String>,
) -> Result<Made, LoginRefused> {
    let party = party(platform, &draw).await?;
    if attempt::concluded(&platform.store, &draw.seed().id()).await?.is_some() {
        return Err(LoginRefused::Answered);
    }
    let now_ms = platform.now_ms();
    let salt = keys::encoding::b64url_encode(&keys::random::bytes::<12>());
    let exchange = Exchange { draw, salt, at_s: now_ms.div_euclid(1_000), wallet_nonce };
    let ticket = exchange.seal(platform, now_ms.saturating_add(limits::VERIFICATION_ANSWER.get()))?;
    let secret = exchange.draw.seed().exchange(&exchange.salt);
    let address = address(platform, &exchange.draw, &ticket);
    let ask = ask(platform, &party, &exchange.draw)?;
    let text = verification::request_object(platform, &ask, parts(&exchange, &secret, &address))?;
    Ok(Made { text, ticket })
}

/// Where the wallet posts its answer, or the origin of the page that brings it.
fn address(platform: &Platform, draw: &Draw, ticket: &str) -> String {
    match draw {
        Draw::Handed(_) => platform.config.public.base_url.origin().ascii_serialization(),
        Draw::Scanned(..) | Draw::Tapped(_) => {
            format!("{}/login/responses/{ticket}", platform.config.public.origin())
        }
    }
}

fn parts<'a>(exchange: &'a Exchange, secret: &'a Seed, address: &'a str) -> verification::Exchange<'a> {
    verification::Exchange {
        seed: secret,
        place: match exchange.draw {
            Draw::Handed(_) => verification::Place::Page(address),
            Draw::Scanned(..) | Draw::Tapped(_) => verification::Place::Post(address),
        },
        at_s: exchange.at_s,
        wallet_nonce: exchange.wallet_nonce.as_deref(),
    }
}

async fn party(platform: &Platform, draw: &Draw) -> Result<RelyingParty, LoginRefused> {
    relying_party::find(&platform.store, draw.client_id()).await?.ok_or(LoginRefused::Party)
}

/// What the phone is asked: the link identifier, and what the relying party may know. Claims that a badge need not have
/// are asked for in a first choice and left out of a second.
fn ask(platform: &Platform, party: &RelyingParty, draw: &Draw) -> Result<Ask, RequestError> {
    let badge = verification::badge(platform)?;
    let names = draw.wanted().asked(party);
    let wanted = std::iter::once(claims::LINK_ID).chain(names.iter().copied());
    let queries: Vec<Value> = wanted.map(|name| json!({ "id": name, "path": [name] })).collect();
    let must = |name: &&str| badge.claims.iter().any(|claim| claim.name() == *name && claim.mandatory);
    let all: Vec<&str> = std::iter::once(claims::LINK_ID).chain(names.iter().copied()).collect();
    let least: Vec<&str> = all.iter().copied().filter(must).collect();
    let mut credential = json!({
        "id": "badge",
        "format": "dc+sd-jwt",
        "meta": { "vct_values": [badge.vct] },
        "claims": queries,
    });
    if least.len() < all.len()
        && let Some(members) = credential.as_object_mut()
    {
        members.insert("claim_sets".to_owned(), json!([all, least]));
    }
    Ok(Ask {
        dcql: json!({ "credentials": [credential] }),
        context: Some(LoginContext {
            name_ko: party.name_ko.clone(),
            name_en: party.name_en.clone(),
            origin: match draw.redirect_uri(party).filter(|uri| !uri.is_empty()) {
                Some(uri) => registration::origin(uri),
                // A device has no address to go back to: its relying party's first one, or this provider's own.
                None => party.redirect_uris.first().map_or_else(
                    || platform.config.public.origin().to_owned(),
                    |uri| registration::origin(uri),
                ),
            },
            place: place(platform, party, draw),
            number_digits: if draw.number().is_some() { 2 } else { 0 },
            level: draw.level().on_phone(),
            remembers: party.remembers && !draw.wanted().is_asked_anew(),
        }),
        party: None,
        transaction_data: Vec::new(),
    })
}

/// Where the browser or device is: the name of its network, and the code on the device's screen.
fn place(platform: &Platform, party: &RelyingParty, draw: &Draw) -> Option<String> {
    let network = draw.network().and_then(|at| platform.config.login.networks.get(usize::from(at)));
    match (network, draw.device()) {
        (Some(network), Some(code)) => Some(format!("{}, 기기 코드 {code}", network.name())),
        (Some(network), None) => Some(network.name().to_owned()),
        (None, Some(code)) => Some(format!("기기 코드 {code}")),
        (None, None) if browser::drew(party, draw) => Some("내가 등록한 브라우저".to_owned()),
        (None, None) => None,
    }
}

/// Every check is made; nothing is waived.
fn policy(platform: &Platform) -> Result<Policy, RequestError> {
    Ok(Policy {
        types: credential::verify::AcceptedTypes::OneOf(vec![verification::badge(platform)?.vct.clone()]),
        required: credential::verify::required_claims(&[claims::LINK_ID]),
        holder_binding: HolderBinding::Required { max_age: limits::VERIFICATION_ANSWER.get() / 1_000 },
        status: StatusRule::Checked {
            max_age: limits::VERIFICATION_STATUS_AGE.get() / 1_000,
            unknown: Unproven::Refuse,
            absent: Unproven::Refuse,
        },
    })
}

/// The phone's answer.
pub(super) async fn respond(
    State(platform): State<Arc<Platform>>,
    Path(ticket): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let exchange = Exchange::open(&platform, &ticket).map_err(LoginRefused::from)?;
    if exchange.draw.handed().is_some() {
        return Err(LoginRefused::Invalid.into());
    }
    let acknowledgement = answer(&platform, exchange, &ticket, &body).await?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(acknowledgement)).into_response())
}

/// Judges an answer and decides the login.
pub(super) async fn answer(
    platform: &Platform,
    exchange: Exchange,
    ticket: &str,
    body: &[u8],
) -> Result<Acknowledgement, LoginRefused> {
    let party = party(platform, &exchange.draw).await?;
    let secret = exchange.draw.seed().exchange(&exchange.salt);
    let address = address(platform, &exchange.draw, ticket);
    let ask = ask(platform, &party, &exchange.draw)?;
    let parts = parts(&exchange, &secret, &address);
    let rules = verification::Rules { badge: &policy(platform)?, foreign: &[] };
    let judged = verification::judge(platform, &ask, &rules, parts, body).await;
    let (verified, request_hash) = match judged {
        Ok(Answer::Presented(presented)) => presented.only().map_err(AnswerRefused::from)?,
        Ok(Answer::Declined(_)) => {
            conclude(platform, &exchange.draw, Outcome::Denied).await?;
            return Ok(Acknowledgement::default());
        }
        Err(AnswerRefused::Presentation(Refusal::Suspended)) => {
            conclude(platform, &exchange.draw, Outcome::BadgeSuspended).await?;
            return Err(LoginRefused::BadgeSuspended);
        }
        Err(AnswerRefused::Presentation(Refusal::Revoked)) => {
            conclude(platform, &exchange.draw, Outcome::BadgeRevoked).await?;
            return Err(LoginRefused::BadgeRevoked);
        }
        Err(refused) => return Err(refused.into()),
    };
    let status = verified.status_claim.as_ref().ok_or(LoginRefused::BadgeUnknown)?;
    let badge =
        lifecycle::badge_of(platform, &status.uri, status.index).await?.ok_or(LoginRefused::BadgeUnknown)?;
    let disclosed = verified.claims.as_object().ok_or(LoginRefused::BadgeUnknown)?;
    let decision = Decision::new(platform, &party, &exchange.draw, &badge, disclosed, request_hash)?;
    match platform.store.write(move |tx| Box::pin(decide(tx, decision))).await? {
        Outcome::Granted => {}
        Outcome::NumberWrong => return Err(LoginRefused::NumberWrong),
        Outcome::BadgeSuspended => return Err(LoginRefused::BadgeSuspended),
        Outcome::BadgeRevoked | Outcome::Denied => return Err(LoginRefused::BadgeRevoked),
    }
    match exchange.draw {
        Draw::Scanned(..) | Draw::Handed(_) => Ok(Acknowledgement::default()),
        // An app asks here how it stands; a browser would have nothing to go on with.
        Draw::Tapped(start) if start.in_app => Ok(Acknowledgement::default()),
        Draw::Tapped(start) => {
            let until = platform.now_ms().saturating_add(limits::LOGIN_GRANT.get());
            let code = Return(*start).seal(platform, until)?;
            let address = format!("{}/login/return", platform.config.public.origin());
            Ok(Acknowledgement::with_response_code(&address, &code))
        }
    }
}

/// Ends a login without a grant.
async fn conclude(platform: &Platform, draw: &Draw, outcome: Outcome) -> Result<(), LoginRefused> {
    let (id, party, same_device) = (draw.seed().id(), draw.client_id().to_owned(), draw.same_device());
    let concluded = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let answer = attempt::Answer::default();
                attempt::conclude(tx, &id, &party, outcome, same_device, answer, now_ms).await
            })
        })
        .await?;
    if concluded { Ok(()) } else { Err(LoginRefused::Answered) }
}

/// All that the one transaction needs, made ready outside of it.
struct Decision {
    id: String,
    party: String,
    same_device: bool,
    number: Option<String>,
    level: Level,
    badge: String,
    subject: String,
    claims: Vec<u8>,
    request_hash: String,
    /// Only an enrolled browser can have drawn the QR: the badge has to be its owner's.
    by_passkey: bool,
    employee: String,
}

impl Decision {
    fn new(
        platform: &Platform,
        party: &RelyingParty,
        draw: &Draw,
        badge: &Badge,
        disclosed: &Map<String, Value>,
        request_hash: String,
    ) -> Result<Decision, LoginRefused> {
        let link_id =
            disclosed.get(claims::LINK_ID).and_then(Value::as_str).ok_or(LoginRefused::BadgeUnknown)?;
        let key = platform
            .keys
            .secret(SecretName::PairwiseSub)
            .map_err(|_| LoginRefused::Internal("the key of pairwise subjects is missing"))?;
        let granted = if party.test {
            let asked = draw.wanted().registered(party);
            claims::userinfo(&claims::made_up(&asked), &asked)
        } else {
            claims::userinfo(disclosed, &draw.wanted().asked(party))
        };
        let plain =
            serde_json::to_vec(&granted).map_err(|_| LoginRefused::Internal("claims can't be written"))?;
        Ok(Decision {
            id: draw.seed().id(),
            party: party.id.clone(),
            same_device: draw.same_device(),
            number: draw.number(),
            level: draw.level(),
            badge: badge.id.clone(),
            subject: claims::subject(&*key.bytes, party, link_id),
            claims: verification::seal_under(&*draw.seed().derive("claims"), CODE_CLAIMS, &plain),
            request_hash,
            by_passkey: browser::drew(party, draw),
            employee: badge.employee_id.clone(),
        })
    }
}

/// The decision, in one transaction. What is refused without consuming the login rolls back.
async fn decide(tx: &mut Tx, decision: Decision) -> Result<Outcome, LoginRefused> {
    let now_ms = tx.now_ms();
    // The row stays locked until the commit: a suspension that comes now waits, and then finds the code to revoke.
    let state = lifecycle::hold(tx, &decision.badge).await?.ok_or(LoginRefused::BadgeUnknown)?;
    let ended = match state {
        BadgeState::Active => None,
        BadgeState::Suspended => Some(Outcome::BadgeSuspended),
        BadgeState::Revoked | BadgeState::Expired | BadgeState::Replaced => Some(Outcome::BadgeRevoked),
    };
    let (outcome, grant) = match ended {
        Some(outcome) => (outcome, None),
        None => {
            let approval =
                account::approval(tx, &decision.request_hash).await?.ok_or(LoginRefused::ApprovalMissing)?;
            if approval.badge_id != decision.badge {
                return Err(LoginRefused::ApprovalForeign);
            }
            if decision.by_passkey && !browser::began(tx, &decision.id, &decision.employee).await? {
                return Err(LoginRefused::OtherPerson);
            }
            if approval.level < decision.level.on_phone() {
                return Err(LoginRefused::LevelTooLow);
            }
            let level = match decision.level {
                Level::Hardware if account::has_hardware(tx, &approval.account_id).await? => Level::Hardware,
                Level::Hardware => return Err(LoginRefused::HardwareMissing),
                Level::Base | Level::Pin => approval.level,
            };
            if decision.number.is_some()
                && attempt::must_wait(tx, &decision.badge, &decision.party, now_ms).await?
            {
                return Err(LoginRefused::MustWait);
            }
            if decision.number.is_some() && approval.number != decision.number {
                (Outcome::NumberWrong, None)
            } else {
                let grant = Grant {
                    badge: decision.badge.clone(),
                    subject: decision.subject,
                    level,
                    claims: decision.claims,
                };
                (Outcome::Granted, Some(grant))
            }
        }
    };
    let first = attempt::conclude(
        tx,
        &decision.id,
        &decision.party,
        outcome,
        decision.same_device,
        attempt::Answer { badge: Some(&decision.badge), grant: grant.as_ref() },
        now_ms,
    )
    .await?;
    if !first {
        return Err(LoginRefused::Answered);
    }
    let act = match outcome {
        Outcome::Granted => "login.granted",
        Outcome::NumberWrong => "login.number_wrong",
        Outcome::Denied | Outcome::BadgeSuspended | Outcome::BadgeRevoked => "login.badge_refused",
    };
    let acr = grant.as_ref().map(|grant| level_text(grant.level));
    super::record(
        tx,
        act,
        Some(&decision.badge),
        &decision.party,
        json!({ "attempt": decision.id, "acr": acr }),
    )
    .await?;
    Ok(outcome)
}
