//! The credential endpoint (OpenID4VCI 1.0 §8): a batch of copies, each bound to a key that its holder proved.
//!
//! ```text
//! token, DPoP, proofs ──judge──▶ read offer, badge, claims ──sign outside──▶ one commit ──▶ reply
//! ```
//!
//! The copies are signed before the commit, for a slot and copy numbers that are read first; the commit takes them only
//! if nobody else did. Where it says no, the signatures are thrown away unseen, and nothing that left this process has
//! an index that another copy has. After the reply the server keeps no claim value: the badge row holds a slot.

use std::sync::Arc;

use credential::mdoc;
use credential::sd_jwt::{self, StatusClaim};
use credential::status_list::week::Week;
use credential::types::{CredentialType, Format, Source};
use http::HeaderMap;
use keys::PublicKey;
use keys::encoding::b64url_encode;
use openid::dpop::{self, VerifiedProof};
use openid::vci::proof::{self, VerifiedKeys};
use openid::vci::{CredentialRequest, CredentialResponse, Granted, ResponseEncryption};
use openid::{Code, OAuthError};
use serde_json::{Map, Value};

use super::dates::{day, valid_until};
use super::desk::Desk;
use super::notification::NotificationId;
use super::offer::{OfferRow, OfferState};
use super::refusal::{Refused, internal};
use super::token::AccessToken;
use super::{attesters, deferred, encryption, nonce};
use crate::application::Standing;
use crate::credentials::{Held, NewHeld};
use crate::lifecycle::{self, Badge, BadgeState, By, ChangeError, NewBadge};
use crate::operations::server_keys::KeyName;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits, once};
use crate::{application, credentials, personnel};

/// A batch that was asked for, its proofs judged.
pub(super) struct Asked<'a> {
    pub(super) offer_id: &'a str,
    /// The offer that the agreement goes back to.
    pub(super) family: &'a str,
    pub(super) configuration: &'a str,
    pub(super) keys: Arc<[PublicKey]>,
    /// Of the proofs, to be consumed; of a batch that waited they were.
    pub(super) nonces: Vec<String>,
    /// The row of the batch that waited.
    pub(super) deferred: Option<String>,
    pub(super) proof: Arc<VerifiedProof>,
}

/// What became of it.
pub(super) enum Answered {
    Issued(CredentialResponse),
    /// The application behind the offer is not approved yet.
    Waits,
}

/// What is about to be issued, with everything the commit has to find unchanged.
struct Batch {
    offer: OfferRow,
    /// The configuration asked for, and the format that it is issued in.
    configuration: String,
    format: Format,
    badge: Subject,
    week: Week,
    first: i64,
    keys: Arc<[PublicKey]>,
    deferred: Option<String>,
}

/// Whose copies they are.
enum Subject {
    /// A badge that begins with this batch.
    New(NewBadge),
    /// An active badge whose copies are renewed.
    Active(Badge),
    /// A credential beside the badge that begins with this batch.
    NewHeld(NewHeld),
    /// An active one whose copies are renewed.
    Held(Held),
}

impl Subject {
    fn place(&self) -> (&str, i64) {
        match self {
            Self::New(badge) => (&badge.issuing_did, badge.slot),
            Self::Active(badge) => (&badge.issuing_did, badge.slot),
            Self::NewHeld(held) => (&held.issuing_did, held.slot),
            Self::Held(held) => (&held.issuing_did, held.slot),
        }
    }

    /// Number, day of issue and last day, as the claims say them.
    fn dates(&self) -> (i64, i64, i64) {
        match self {
            Self::New(badge) => (badge.slot, badge.issued_at, badge.valid_until),
            Self::Active(badge) => (badge.slot, badge.issued_at, badge.valid_until),
            Self::NewHeld(held) => (held.slot, held.issued_at, held.valid_until),
            Self::Held(held) => (held.slot, held.issued_at, held.valid_until),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::New(badge) => &badge.id,
            Self::Active(badge) => &badge.id,
            Self::NewHeld(held) => &held.id,
            Self::Held(held) => &held.id,
        }
    }
}

/// A response, and how its wallet wants it encrypted.
pub(super) type Reply = (CredentialResponse, Option<ResponseEncryption>);

/// Answers a credential request whose access token and DPoP proof hold.
pub(super) async fn answer(
    platform: &Arc<Platform>,
    token: &AccessToken,
    proof: VerifiedProof,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, Refused> {
    let key = encryption::key_of(platform, headers, body, Code::InvalidCredentialRequest)?;
    let request = match key {
        Some(key) => CredentialRequest::parse_encrypted(body, key)?,
        None => CredentialRequest::parse(body)?,
    };
    encryption::judge(platform, request.response_encryption.as_ref(), key.is_some())?;
    let granted = granted(token);
    let desk = super::desk(platform).map_err(|error| internal("credential type", &error))?;
    let configuration = request.resolve(&granted, |id| desk.configured(id).is_some())?;
    let keys = judge_proofs(platform, desk, token.client_id.as_deref(), &request)?;
    let asked = Asked {
        offer_id: &token.offer_id,
        family: token.family(),
        configuration,
        keys: keys.keys().into(),
        nonces: keys.nonces().to_vec(),
        deferred: None,
        proof: Arc::new(proof),
    };
    let response = match issue(platform, &asked).await? {
        Answered::Issued(response) => response,
        Answered::Waits => deferred::put_off(platform, &asked).await?,
    };
    Ok((response, request.response_encryption))
}

/// Issues a batch whose proofs were judged, unless its approval is still awaited.
pub(super) async fn issue(platform: &Arc<Platform>, asked: &Asked<'_>) -> Result<Answered, Refused> {
    let desk = super::desk(platform).map_err(|error| internal("credential type", &error))?;
    let mut tries = limits::ISSUANCE_TRIES.get();
    loop {
        let Some(batch) = prepare(platform, desk, asked).await? else { return Ok(Answered::Waits) };
        let kind = desk.kind(&batch.offer.credential_type).ok_or_else(denied)?;
        let values = values(platform, kind, &batch).await?;
        let credentials = sign(platform, desk, &batch, &values).await?;
        let notification_id = NotificationId::of(batch.badge.id(), asked.family).seal(platform)?;
        match commit(platform, batch, asked).await {
            Ok(()) => {
                let notification_id = Some(notification_id);
                return Ok(Answered::Issued(CredentialResponse::Issued { credentials, notification_id }));
            }
            // The offer's other configuration was issued meanwhile: the badge is there now, with copies taken.
            Err(NotIssued::Behind) if tries > 1 => tries -= 1,
            Err(other) => return Err(other.into()),
        }
    }
}

/// What the token reaches, in the terms of the request: configuration ids, or identifiers where those were granted.
fn granted(token: &AccessToken) -> Granted {
    let details = token.configurations.iter().map(|id| super::token::granted(id)).collect();
    match token.by_identifier {
        true => Granted { configurations: Vec::new(), details },
        false => Granted { configurations: token.configurations.clone(), details: Vec::new() },
    }
}

fn judge_proofs(
    platform: &Platform,
    desk: &Desk,
    client_id: Option<&str>,
    request: &CredentialRequest,
) -> Result<VerifiedKeys, Refused> {
    let now_ms = platform.now_ms();
    let known_nonce = |text: &str| nonce::is_c_nonce(platform, text, now_ms);
    let attester = attesters::of(platform, now_ms);
    let expected = proof::Expected {
        issuer: platform.config.public.origin(),
        nonce: &known_nonce,
        client_id,
        max_keys: usize::from(desk.batch_size()),
        attesters: Some(&attester),
        attestation_required: None,
        now: now_ms.div_euclid(1000),
    };
    proof::verify(request.proofs.as_ref(), &expected).map_err(|refusal| OAuthError::from(refusal).into())
}

/// Reads what the batch is for and chooses slot, week and copy numbers; `None` while its approval is awaited.
async fn prepare(platform: &Platform, desk: &Desk, asked: &Asked<'_>) -> Result<Option<Batch>, Refused> {
    let configuration = asked.configuration;
    let (offer, standing) = offer_and_standing(platform, asked.offer_id).await?;
    match offer.state {
        OfferState::Redeemed => {}
        OfferState::Issued if offer.is_issued(&platform.store, configuration).await? => {
            return Err(used().into());
        }
        OfferState::Issued if offer.closed_at.is_none() => {}
        OfferState::Issued | OfferState::Open | OfferState::Void | OfferState::Superseded => {
            return Err(denied().into());
        }
    }
    let now_ms = platform.now_ms();
    let week = Week::of(now_ms.div_euclid(1000));
    let copies = i64::try_from(asked.keys.len()).unwrap_or(i64::MAX);
    let (kind, format) = desk.configured(configuration).ok_or_else(denied)?;
    if kind.id != offer.credential_type {
        return Err(denied().into());
    }
    let goes_on = offer.is_renewal() || offer.state == OfferState::Issued;
    let (badge, first) = if !offer.is_of_badge() {
        held_subject(platform, &offer, kind, week, copies, goes_on).await?
    } else if goes_on {
        let badge_id = offer.badge_id.as_deref().ok_or_else(denied)?;
        let badge = Badge::find(&platform.store, badge_id).await?.ok_or_else(denied)?;
        if badge.state != BadgeState::Active || badge.valid_until <= now_ms || week.start() < badge.copy_week
        {
            return Err(denied().into());
        }
        let first = if badge.copy_week == week.start() { badge.copy_next } else { 0 };
        (Subject::Active(badge), first)
    } else {
        let mut replaces = offer.replaces.clone();
        if offer.client_id.is_some() {
            match standing {
                Some(Standing::Approved) => {}
                Some(Standing::Pending) => return Ok(None),
                Some(Standing::Over) | None => return Err(denied().into()),
            }
            // It may have waited long: what it replaces is what is live now.
            let live = Badge::live_of_employee(&platform.store, &offer.employee_id).await?;
            replaces = live.map(|badge| badge.id);
        }
        let lost = || internal("offer", &"a redeemed offer has no slot");
        let badge = NewBadge {
            id: offer.badge_id.clone().ok_or_else(lost)?,
            employee_id: offer.employee_id.clone(),
            account_id: offer.account_id.clone(),
            application_id: offer.application_id.clone(),
            kind: offer.reason.clone(),
            credential_type: offer.credential_type.clone(),
            issuing_did: offer.issuing_did.clone().ok_or_else(lost)?,
            slot: offer.slot.ok_or_else(lost)?,
            replaces,
            copy_week: week.start(),
            copies,
            issued_at: now_ms,
            valid_until: valid_until(now_ms, desk.badge().validity.document_years),
        };
        (Subject::New(badge), 0)
    };
    let configuration = configuration.to_owned();
    let (keys, deferred) = (Arc::clone(&asked.keys), asked.deferred.clone());
    Ok(Some(Batch { offer, configuration, format, badge, week, first, keys, deferred }))
}

/// The credential beside the badge that the batch is of, and its first copy number.
async fn held_subject(
    platform: &Platform,
    offer: &OfferRow,
    kind: &CredentialType,
    week: Week,
    copies: i64,
    goes_on: bool,
) -> Result<(Subject, i64), Refused> {
    let now_ms = platform.now_ms();
    if goes_on {
        let id = offer.badge_id.as_deref().ok_or_else(denied)?;
        let held = Held::find(&platform.store, id).await?.ok_or_else(denied)?;
        if !held.is_good(now_ms) || week.start() < held.copy_week {
            return Err(denied().into());
        }
        let first = if held.copy_week == week.start() { held.copy_next } else { 0 };
        return Ok((Subject::Held(held), first));
    }
    let lost = || internal("offer", &"a redeemed offer has no slot");
    let held = NewHeld {
        id: offer.badge_id.clone().ok_or_else(lost)?,
        employee_id: offer.employee_id.clone(),
        request_id: offer.application_id.clone().ok_or_else(lost)?,
        credential_type: kind.id.clone(),
        one: kind.apply.as_ref().is_some_and(|apply| apply.one),
        issuing_did: offer.issuing_did.clone().ok_or_else(lost)?,
        slot: offer.slot.ok_or_else(lost)?,
        copy_week: week.start(),
        copies,
        issued_at: now_ms,
        valid_until: valid_until(now_ms, kind.validity.document_years),
    };
    Ok((Subject::NewHeld(held), 0))
}

/// The offer, and how the application behind it stands where one is still to lead to a badge. Issuing ends both in one
/// commit, and they are read one after the other: an application found over counts if the offer did not move meanwhile.
async fn offer_and_standing(platform: &Platform, id: &str) -> Result<(OfferRow, Option<Standing>), Refused> {
    let mut offer = OfferRow::find(&platform.store, id).await?.ok_or_else(used)?;
    loop {
        if offer.client_id.is_none() || offer.state != OfferState::Redeemed {
            return Ok((offer, None));
        }
        let standing = standing(platform, &offer).await?;
        if !matches!(standing, Standing::Over) {
            return Ok((offer, Some(standing)));
        }
        let again = OfferRow::find(&platform.store, id).await?.ok_or_else(used)?;
        if again.state == offer.state {
            return Ok((offer, Some(standing)));
        }
        offer = again;
    }
}

/// How the application behind an authorized offer stands.
async fn standing(platform: &Platform, offer: &OfferRow) -> Result<Standing, StoreError> {
    match &offer.application_id {
        Some(application_id) => application::standing(&platform.store, application_id).await,
        None => Ok(Standing::Over),
    }
}

/// What the badge says: what personnel says of the employee now, and the badge's own number and dates.
async fn values(
    platform: &Platform,
    kind: &CredentialType,
    batch: &Batch,
) -> Result<Map<String, Value>, Refused> {
    let employee_id = &batch.offer.employee_id;
    let unreadable = |error| internal("personnel", &error);
    let eligibility =
        personnel::eligibility(platform, employee_id, platform.now_ms()).await.map_err(unreadable)?;
    if !eligibility.is_allowed() {
        return Err(denied().into());
    }
    let mut values: Map<String, Value> =
        personnel::badge_claims(platform, employee_id).await.map_err(unreadable)?;
    let (slot, issued_at, valid_until) = batch.badge.dates();
    let number = lifecycle::number(slot, issued_at);
    values.insert("issued_at".to_owned(), day(issued_at).into());
    values.insert("valid_until".to_owned(), day(valid_until).into());
    let request_id = match &batch.badge {
        Subject::New(_) | Subject::Active(_) => {
            values.insert("badge_number".to_owned(), number.into());
            return Ok(values);
        }
        Subject::NewHeld(held) => &held.request_id,
        Subject::Held(held) => &held.request_id,
    };
    values.insert("credential_number".to_owned(), number.into());
    if kind.claims.iter().any(|claim| personnel::is_career_claim(claim.name())) {
        let posts = personnel::career(platform, employee_id).await.map_err(unreadable)?;
        values.extend(personnel::career_claims(&posts, platform.now_ms()));
    }
    let typed = credentials::typed(platform, request_id).await?.ok_or_else(denied)?;
    // Only what the type's file names, and each from where it says.
    let values = kind.claims.iter().filter_map(|claim| {
        let from = match claim.source {
            Source::Personnel | Source::Issuer => &values,
            Source::Applicant | Source::Approver => &typed,
        };
        from.get(claim.name()).map(|value| (claim.name().to_owned(), value.clone()))
    });
    Ok(values.collect())
}

/// Signs every copy, before anything is committed.
async fn sign(
    platform: &Platform,
    desk: &Desk,
    batch: &Batch,
    values: &Map<String, Value>,
) -> Result<Vec<String>, Refused> {
    let (did, slot) = batch.badge.place();
    let count = i64::try_from(batch.keys.len()).unwrap_or(i64::MAX);
    let places: Vec<StatusClaim> =
        lifecycle::status::claims_for(platform, did, slot, batch.week, batch.first, count)
            .await?
            .ok_or_else(|| OAuthError::new(Code::CredentialRequestDenied, "no more copies this week"))?;
    let signer = platform.keys.signer(KeyName::Issuer).map_err(|error| internal("issuer key", &error))?;
    let kind = desk.kind(&batch.offer.credential_type).ok_or_else(denied)?;
    let (issued_at, expires_at) = batch.week.validity(kind.validity.copy_weeks);
    let copies = batch.keys.iter().zip(&places);
    match batch.format {
        Format::SdJwtVc => {
            let claims = kind.claims(values).map_err(|error| internal("claims", &error))?;
            let issue = |(holder, status)| {
                let issuance = sd_jwt::Issuance {
                    issuer: desk.issuer(),
                    vct: &kind.vct,
                    claims: &claims,
                    holder,
                    status: Some(status),
                    issued_at,
                    expires_at,
                };
                sd_jwt::issue(&issuance, signer.as_ref()).map_err(|error| internal("signature", &error))
            };
            copies.map(issue).collect()
        }
        Format::Mdoc => {
            let elements = kind.elements(values).map_err(|error| internal("elements", &error))?;
            let doc_type = kind.doctype.as_deref().unwrap_or_default();
            let issue = |(device_key, status)| {
                let issuance = mdoc::Issuance {
                    issuer: desk.document_issuer(),
                    doc_type,
                    elements: &elements,
                    device_key,
                    status: Some(status),
                    issued_at,
                    expires_at,
                };
                // OpenID4VCI 1.0 §A.2.4: the IssuerSigned in base64url.
                let signed = mdoc::issue(&issuance, signer.as_ref());
                signed.map(|bytes| b64url_encode(&bytes)).map_err(|error| internal("signature", &error))
            };
            copies.map(issue).collect()
        }
    }
}

/// Why a commit did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotIssued {
    #[error("the proof was used before")]
    Replayed,
    #[error("the nonce was used before")]
    NonceUsed,
    #[error("the token was used before")]
    Used,
    #[error("another issue or a suspension was first")]
    Overtaken,
    #[error("the offer's other configuration was issued first")]
    Behind,
    #[error("the batch that waited was issued before")]
    NotWaiting,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotIssued> for Refused {
    fn from(error: NotIssued) -> Self {
        match error {
            NotIssued::Replayed => dpop::Refusal::Replayed.into(),
            NotIssued::NonceUsed => OAuthError::from(proof::Refusal::NonceUnknown).into(),
            NotIssued::Used => used().into(),
            NotIssued::Overtaken | NotIssued::Behind => denied().into(),
            NotIssued::NotWaiting => deferred::unknown().into(),
            NotIssued::Store(error) => error.into(),
        }
    }
}

async fn commit(platform: &Arc<Platform>, batch: Batch, asked: &Asked<'_>) -> Result<(), NotIssued> {
    // One may have expired since it was judged.
    let nonces = nonce::all_consumable(platform, &asked.nonces).ok_or(NotIssued::NonceUsed)?;
    let proof = Arc::clone(&asked.proof);
    platform.store.write(move |tx| Box::pin(async move { enter(tx, &batch, &proof, &nonces).await })).await
}

/// Consumes what a credential request may use once.
pub(super) async fn consume(
    tx: &mut Tx,
    proof: &VerifiedProof,
    nonces: &[(String, i64)],
) -> Result<(), NotIssued> {
    let until_ms = proof.replay_until().saturating_mul(1000);
    if !once::consume(tx, dpop::HEADER, proof.replay_id(), until_ms).await? {
        return Err(NotIssued::Replayed);
    }
    for (id, expires_ms) in nonces {
        if !once::consume(tx, nonce::C_NONCE, id, *expires_ms).await? {
            return Err(NotIssued::NonceUsed);
        }
    }
    Ok(())
}

async fn enter(
    tx: &mut Tx,
    batch: &Batch,
    proof: &VerifiedProof,
    nonces: &[(String, i64)],
) -> Result<(), NotIssued> {
    consume(tx, proof, nonces).await?;
    if let Some(id) = &batch.deferred
        && !deferred::end(tx, id, "issued").await?
    {
        return Err(NotIssued::NotWaiting);
    }
    let now_ms = tx.now_ms();
    let rows = tx
        .execute(
            "UPDATE issuance_offer SET state = 'issued', changed_at = $2 \
             WHERE id = $1 AND state = $3 AND closed_at IS NULL",
            params![&batch.offer.id, now_ms, batch.offer.state.word()],
        )
        .await?;
    let first_of_configuration = tx
        .execute(
            "INSERT INTO issuance_offer_issued (offer_id, configuration, issued_at) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
            params![&batch.offer.id, &batch.configuration, now_ms],
        )
        .await?;
    if first_of_configuration != 1 {
        return Err(NotIssued::Used);
    }
    if rows != 1 {
        let offer = OfferRow::find_in(tx, &batch.offer.id).await?;
        let goes_on = |offer: OfferRow| offer.state == OfferState::Issued && offer.closed_at.is_none();
        let behind = batch.offer.state == OfferState::Redeemed && offer.is_some_and(goes_on);
        return Err(if behind { NotIssued::Behind } else { NotIssued::Overtaken });
    }
    let copies = i64::try_from(batch.keys.len()).unwrap_or(i64::MAX);
    match &batch.badge {
        Subject::Active(badge) => {
            if !lifecycle::take_copies(tx, badge, batch.week.start(), copies).await? {
                // A badge that is still the same gave copies to another configuration, or is no longer active.
                let now = Badge::find_in(tx, &badge.id).await?;
                let active = now.is_some_and(|now| now.state == BadgeState::Active);
                return Err(if active { NotIssued::Behind } else { NotIssued::Overtaken });
            }
        }
        Subject::Held(held) => {
            if !credentials::take_copies(tx, held, batch.week.start(), copies).await? {
                let now = Held::find_in(tx, &held.id).await?;
                let good = now.is_some_and(|now| now.is_good(now_ms));
                return Err(if good { NotIssued::Behind } else { NotIssued::Overtaken });
            }
        }
        Subject::NewHeld(new) => {
            if !credentials::enter(tx, new).await? {
                return Err(NotIssued::Overtaken);
            }
        }
        Subject::New(new) => {
            let by = By { actor: new.employee_id.clone(), duty: "holder".to_owned() };
            let badge = lifecycle::create(tx, new, &by).await.map_err(|error| match error {
                ChangeError::Store(error) => NotIssued::Store(error),
                ChangeError::Overtaken | ChangeError::Unknown | ChangeError::NotAllowed { .. } => {
                    NotIssued::Overtaken
                }
            })?;
            if let Some(application_id) = &badge.application_id {
                let now_ms = tx.now_ms();
                if !application::mark_issued(tx, application_id, &badge.id, now_ms).await? {
                    return Err(NotIssued::Overtaken);
                }
            }
        }
    }
    Ok(())
}

/// The token was good for one batch.
fn used() -> OAuthError {
    OAuthError::new(Code::InvalidToken, "the access token was used")
}

/// Final: asking again with this offer is useless.
pub(super) fn denied() -> OAuthError {
    OAuthError::new(Code::CredentialRequestDenied, "this offer no longer leads to a credential")
}
