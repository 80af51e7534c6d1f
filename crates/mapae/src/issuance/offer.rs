//! Credential offers (OpenID4VCI 1.0 §4): who may be issued what, and the one time it may be redeemed.
//!
//! An offer is one row. Its pre-authorized code and the handle in its address are sealed tokens that name the row, so
//! that the database holds nothing that could be redeemed. `open → redeemed → issued`, or `void` by a suspension or
//! too many wrong transaction codes, or `superseded` by a newer offer to the same employee.

use openid::vci::{
    AuthorizationCodeOffer, CredentialOffer, Grants, InputMode, OfferLink, PreAuthorizedOffer, TxCode,
};
use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::{paths, refusal};
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};

/// What the sealed handle of an offer's address is for.
const HANDLE: &str = "credential-offer";
/// What a sealed pre-authorized code is for.
const CODE: &str = "pre-authorized-code";
/// What a sealed `issuer_state` is for.
const ISSUER_STATE: &str = "issuer-state";

/// Why no offer was made.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The badge was suspended after the application was approved: a newer approval is needed.
    #[error("the badge was suspended after this approval")]
    Suspended,
    /// There is no active badge to renew.
    #[error("there is no active badge to renew")]
    NoActiveBadge,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An approved application that may now be issued on.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who is issued to.
    pub employee_id: String,
    /// The application.
    pub application_id: String,
    /// Its kind: `first`, `device_change`, `loss`, `expiry`, `recovery`.
    pub kind: String,
    /// When the issue was approved (ms). A badge suspended after that needs a newer approval.
    pub approved_at: i64,
}

/// An offer ready to be shown or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Identifier of the row.
    pub id: String,
    /// `credential_offer_uri`: where the wallet fetches the offer.
    pub uri: String,
    /// The same as a link that opens a wallet: `openid-credential-offer://?credential_offer_uri=…`.
    pub link: String,
    /// Until when it can be redeemed (ms).
    pub expires_at: i64,
}

/// The states of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OfferState {
    Open,
    Redeemed,
    Issued,
    Void,
    Superseded,
}

impl OfferState {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "open" => Self::Open,
            "redeemed" => Self::Redeemed,
            "issued" => Self::Issued,
            "void" => Self::Void,
            "superseded" => Self::Superseded,
            _ => return None,
        })
    }

    /// The word stored.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redeemed => "redeemed",
            Self::Issued => "issued",
            Self::Void => "void",
            Self::Superseded => "superseded",
        }
    }
}

/// The row as the token and credential endpoints need it.
#[derive(Debug, Clone)]
pub(super) struct OfferRow {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) employee_id: String,
    pub(super) application_id: Option<String>,
    pub(super) reason: String,
    pub(super) account_id: Option<String>,
    pub(super) credential_type: String,
    pub(super) configurations: Vec<String>,
    pub(super) tx_code_hash: Option<Vec<u8>>,
    pub(super) tries: i64,
    pub(super) state: OfferState,
    pub(super) badge_id: Option<String>,
    pub(super) issuing_did: Option<String>,
    pub(super) slot: Option<i64>,
    pub(super) replaces: Option<String>,
    pub(super) expires_at: i64,
    /// Since when nothing more comes of it, though it led to a badge.
    pub(super) closed_at: Option<i64>,
    /// The wallet that asked by an authorization request: its batch may wait for the approval.
    pub(super) client_id: Option<String>,
}

/// The columns [`OfferRow::read`] reads.
macro_rules! columns {
    () => {
        "id, kind, employee_id, application_id, reason, account_id, credential_type, configurations, tx_code_hash, \
         tries, state, badge_id, issuing_did, slot, replaces, expires_at, closed_at, client_id"
    };
}
pub(super) use columns;

pub(super) const BY_ID: &str = concat!("SELECT ", columns!(), " FROM issuance_offer WHERE id = $1");

impl OfferRow {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let state = row.text("state")?;
        Ok(Self {
            id: row.text("id")?,
            kind: row.text("kind")?,
            employee_id: row.text("employee_id")?,
            application_id: row.opt_text("application_id")?,
            reason: row.text("reason")?,
            account_id: row.opt_text("account_id")?,
            credential_type: row.text("credential_type")?,
            configurations: row.json("configurations")?,
            tx_code_hash: row.opt_bytes("tx_code_hash")?,
            tries: row.int("tries")?,
            state: OfferState::parse(&state)
                .ok_or_else(|| StoreError::Column("state".to_owned(), format!("unknown word {state}")))?,
            badge_id: row.opt_text("badge_id")?,
            issuing_did: row.opt_text("issuing_did")?,
            slot: row.opt_int("slot")?,
            replaces: row.opt_text("replaces")?,
            expires_at: row.int("expires_at")?,
            closed_at: row.opt_int("closed_at")?,
            client_id: row.opt_text("client_id")?,
        })
    }

    pub(super) async fn find(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        store.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    pub(super) async fn find_in(tx: &mut Tx, id: &str) -> Result<Option<Self>, StoreError> {
        tx.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Self::read).transpose()
    }

    /// Whether this configuration of it was issued.
    pub(super) async fn is_issued(&self, store: &Store, configuration: &str) -> Result<bool, StoreError> {
        let sql = "SELECT issued_at FROM issuance_offer_issued WHERE offer_id = $1 AND configuration = $2";
        Ok(store.fetch_optional(sql, params![&self.id, configuration]).await?.is_some())
    }

    /// Whether it leads to the badge, and not to a credential beside it.
    pub(super) fn is_of_badge(&self) -> bool {
        self.credential_type == super::desk::BADGE
    }

    pub(super) fn is_renewal(&self) -> bool {
        self.kind == "renewal"
    }
}

/// What the offer is for, and what redeeming it will ask.
struct NewOffer<'a> {
    kind: &'static str,
    employee_id: &'a str,
    application_id: Option<&'a str>,
    reason: &'a str,
    account_id: Option<&'a str>,
    badge_id: Option<&'a str>,
    tx_code: Option<&'a str>,
    dpop_jkt: Option<&'a str>,
    client_id: Option<&'a str>,
    credential_type: &'a str,
    /// Fewer than the type has.
    configurations: Option<&'a [String]>,
    life_ms: i64,
}

/// Offers the badge to a wallet account that has just been set up, on an approved application.
///
/// `tx_code` is what the holder will have to type, when the account has not asked for it already. `device_jkt` is the
/// RFC 7638 thumbprint of the device key: when given, only a DPoP proof by that key redeems the offer. An earlier offer
/// to the same employee is superseded, so that a wallet whose answer was lost simply asks again.
pub async fn offer_for_account(
    tx: &mut Tx,
    platform: &Platform,
    order: &Order,
    account_id: &str,
    device_jkt: Option<&str>,
    tx_code: Option<&str>,
) -> Result<Offer, OfferError> {
    not_suspended_since(tx, order).await?;
    let new = NewOffer {
        kind: "account",
        employee_id: &order.employee_id,
        application_id: Some(&order.application_id),
        reason: &order.kind,
        account_id: Some(account_id),
        badge_id: None,
        tx_code,
        dpop_jkt: device_jkt,
        client_id: None,
        credential_type: super::desk::BADGE,
        configurations: None,
        life_ms: limits::OFFER_LIFE.get(),
    };
    Ok(offered(tx, platform, &new).await?)
}

/// Offers the badge to any standard wallet, on an approved application, with a fresh transaction code.
///
/// The caller has asked the agency's policy and the applicant; it shows the offer as a QR code and the code beside it.
/// Only the code's keyed hash is kept.
pub async fn offer_for_application(
    tx: &mut Tx,
    platform: &Platform,
    order: &Order,
) -> Result<(Offer, String), OfferError> {
    not_suspended_since(tx, order).await?;
    let tx_code = keys::random::digits(limits::TX_CODE_DIGITS.size());
    let new = NewOffer {
        kind: "wallet",
        employee_id: &order.employee_id,
        application_id: Some(&order.application_id),
        reason: &order.kind,
        account_id: None,
        badge_id: None,
        tx_code: Some(&tx_code),
        dpop_jkt: None,
        client_id: None,
        credential_type: super::desk::BADGE,
        configurations: None,
        life_ms: limits::OFFER_LIFE.get(),
    };
    Ok((offered(tx, platform, &new).await?, tx_code))
}

/// Offers a credential beside the badge to any standard wallet, on an approved request, with a fresh transaction code. The
/// caller holds the official's active badge.
pub async fn offer_for_request(
    tx: &mut Tx,
    platform: &Platform,
    employee_id: &str,
    request_id: &str,
    credential_type: &str,
) -> Result<(Offer, String), StoreError> {
    let tx_code = keys::random::digits(limits::TX_CODE_DIGITS.size());
    let new = NewOffer {
        kind: "wallet",
        employee_id,
        application_id: Some(request_id),
        reason: "request",
        account_id: None,
        badge_id: None,
        tx_code: Some(&tx_code),
        dpop_jkt: None,
        client_id: None,
        credential_type,
        configurations: None,
        life_ms: limits::OFFER_LIFE.get(),
    };
    Ok((offered(tx, platform, &new).await?, tx_code))
}

/// What a wallet asked for by an authorization request that its holder agreed to.
#[derive(Debug, Clone)]
pub struct Agreed {
    /// The wallet.
    pub client_id: String,
    /// What it asked for.
    pub configurations: Vec<String>,
    /// The only key that may redeem the code, where the request named one.
    pub dpop_jkt: Option<String>,
}

/// Offers the badge to the wallet whose request the signed-in holder agreed to; returns the offer's id.
///
/// The application behind it may still wait for its approval. `order.approved_at` is then the present: a suspension
/// from now on voids the offer, and before the approval nothing is issued on it.
pub async fn offer_for_client(
    tx: &mut Tx,
    platform: &Platform,
    order: &Order,
    agreed: &Agreed,
) -> Result<String, OfferError> {
    not_suspended_since(tx, order).await?;
    let new = NewOffer {
        kind: "wallet",
        employee_id: &order.employee_id,
        application_id: Some(&order.application_id),
        reason: &order.kind,
        account_id: None,
        badge_id: None,
        tx_code: None,
        dpop_jkt: agreed.dpop_jkt.as_deref(),
        client_id: Some(&agreed.client_id),
        credential_type: super::desk::BADGE,
        configurations: Some(&agreed.configurations),
        life_ms: limits::AUTHORIZATION_CODE_LIFE.get(),
    };
    Ok(enter(tx, platform, &new).await?)
}

/// Enters the next batch of an active badge for a wallet that showed its refresh token and key: redeemed as it is made.
pub(super) async fn renewal_by_refresh(
    tx: &mut Tx,
    platform: &Platform,
    first: &OfferRow,
    subject_id: &str,
    jkt: &str,
    configurations: &[String],
) -> Result<String, StoreError> {
    let new = NewOffer {
        kind: "renewal",
        employee_id: &first.employee_id,
        application_id: None,
        reason: "renewal",
        account_id: first.account_id.as_deref(),
        badge_id: Some(subject_id),
        tx_code: None,
        dpop_jkt: Some(jkt),
        client_id: None,
        credential_type: &first.credential_type,
        configurations: Some(configurations),
        life_ms: limits::RENEWAL_OFFER_LIFE.get(),
    };
    let id = enter(tx, platform, &new).await?;
    tx.execute("UPDATE issuance_offer SET state = 'redeemed' WHERE id = $1", params![&id]).await?;
    Ok(id)
}

/// An offer that leads over the portal's sign-in: no right, only an invitation to ask for one.
///
/// # Errors
/// The credential type file is broken, or the token key is missing.
pub fn offer_of_sign_in(platform: &Platform, employee_id: &str) -> Result<(String, i64), StoreError> {
    let expires_at = platform.now_ms().saturating_add(limits::ISSUER_STATE_LIFE.get());
    let sealed = platform.tokens.seal(ISSUER_STATE, &For { employee_id: employee_id.to_owned() }, expires_at);
    let issuer_state =
        sealed.map_err(|error| StoreError::Column("issuer_state".to_owned(), error.to_string()))?;
    let desk = super::desk(platform)
        .map_err(|error| StoreError::Column("configurations".to_owned(), error.to_string()))?;
    let grant = AuthorizationCodeOffer { issuer_state: Some(issuer_state), authorization_server: None };
    let offer = CredentialOffer {
        credential_issuer: platform.config.public.origin().to_owned(),
        credential_configuration_ids: Desk::configurations_of(desk.badge()).map(|(id, _)| id).collect(),
        grants: Some(Grants { pre_authorized_code: None, authorization_code: Some(grant) }),
    };
    Ok((OfferLink::ByValue(offer).to_link(), expires_at))
}

/// Whom an `issuer_state` of ours was made for.
pub(super) fn open_issuer_state(platform: &Platform, text: &str, now_ms: i64) -> Option<String> {
    platform.tokens.open::<For>(ISSUER_STATE, text, now_ms).ok().map(|made| made.employee_id)
}

/// What a sealed `issuer_state` says.
#[derive(Serialize, Deserialize)]
struct For {
    #[serde(rename = "e")]
    employee_id: String,
}

/// Offers the next batch of copies of an active badge to the account that holds it.
///
/// The caller has authenticated the device; no code is asked. The offer is bound to the device key.
pub async fn renewal_for_account(
    tx: &mut Tx,
    platform: &Platform,
    account_id: &str,
    device_jkt: &str,
) -> Result<Offer, OfferError> {
    let badge = Badge::live_of_account_in(tx, account_id).await?;
    let badge = badge.filter(|badge| badge.state == BadgeState::Active).ok_or(OfferError::NoActiveBadge)?;
    let new = NewOffer {
        kind: "renewal",
        employee_id: &badge.employee_id,
        application_id: None,
        reason: "renewal",
        account_id: Some(account_id),
        badge_id: Some(&badge.id),
        tx_code: None,
        dpop_jkt: Some(device_jkt),
        client_id: None,
        credential_type: super::desk::BADGE,
        configurations: None,
        life_ms: limits::RENEWAL_OFFER_LIFE.get(),
    };
    Ok(offered(tx, platform, &new).await?)
}

/// Offers the badge anew to an account that moved to another device: issued, it takes the place of the old badge with
/// all its copies.
///
/// The caller has authenticated the device; no code is asked and no application stands behind it. The offer is bound to
/// the device key.
pub async fn recovery_for_account(
    tx: &mut Tx,
    platform: &Platform,
    account_id: &str,
    device_jkt: &str,
) -> Result<Offer, OfferError> {
    let badge = Badge::live_of_account_in(tx, account_id).await?;
    let badge = badge.filter(|badge| badge.state == BadgeState::Active).ok_or(OfferError::NoActiveBadge)?;
    let new = NewOffer {
        kind: "account",
        employee_id: &badge.employee_id,
        application_id: None,
        reason: "recovery",
        account_id: Some(account_id),
        badge_id: None,
        tx_code: None,
        dpop_jkt: Some(device_jkt),
        client_id: None,
        credential_type: super::desk::BADGE,
        configurations: None,
        life_ms: limits::OFFER_LIFE.get(),
    };
    Ok(offered(tx, platform, &new).await?)
}

/// Ends every offer to an employee that has not led to a credential yet, redeemed ones too: what was begun before a
/// suspension or a revocation may not finish after it.
pub async fn void_offers(tx: &mut Tx, employee_id: &str) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    // An issued offer may still lead to another format of the badge; a resume brings that right back no more.
    tx.execute(
        "UPDATE issuance_offer SET closed_at = $2 \
         WHERE employee_id = $1 AND state = 'issued' AND closed_at IS NULL",
        params![employee_id, now_ms],
    )
    .await?;
    tx.execute(
        "UPDATE issuance_offer SET state = 'void', changed_at = $2 \
         WHERE employee_id = $1 AND state IN ('open', 'redeemed')",
        params![employee_id, now_ms],
    )
    .await
}

/// After a restore: every offer that could still lead to something, and every right to ask for more, is over. Which of
/// them were used since the backup nobody knows.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let now_ms = tx.now_ms();
    let voided = tx
        .execute(
            "UPDATE issuance_offer SET state = 'void', changed_at = $1 WHERE state IN ('open', 'redeemed')",
            params![now_ms],
        )
        .await?;
    for sql in [
        "UPDATE issuance_offer SET closed_at = $1 WHERE state = 'issued' AND closed_at IS NULL",
        "UPDATE issuance_grant SET revoked_at = $1 WHERE revoked_at IS NULL",
        "UPDATE issuance_deferred SET state = 'denied', changed_at = $1 WHERE state = 'waiting'",
    ] {
        tx.execute(sql, params![now_ms]).await?;
    }
    Ok(voided)
}

async fn not_suspended_since(tx: &mut Tx, order: &Order) -> Result<(), OfferError> {
    match Badge::live_of_employee_in(tx, &order.employee_id).await? {
        Some(badge) if badge.state == BadgeState::Suspended && badge.changed_at >= order.approved_at => {
            Err(OfferError::Suspended)
        }
        _ => Ok(()),
    }
}

/// Enters the row and tells its address.
async fn offered(tx: &mut Tx, platform: &Platform, new: &NewOffer<'_>) -> Result<Offer, StoreError> {
    let id = enter(tx, platform, new).await?;
    address(platform, id, platform.now_ms().saturating_add(new.life_ms))
}

/// Enters the row; returns its id. It supersedes what was offered before, but a renewal, which the old phone asks for by
/// itself, does not touch an offer that an approved application led to.
async fn enter(tx: &mut Tx, platform: &Platform, new: &NewOffer<'_>) -> Result<String, StoreError> {
    let now_ms = platform.now_ms();
    let expires_at = now_ms.saturating_add(new.life_ms);
    let id = id::new();
    tx.execute(
        "UPDATE issuance_offer SET state = 'superseded', changed_at = $2 \
         WHERE employee_id = $1 AND credential_type = $4 AND state IN ('open', 'redeemed') \
         AND (kind = 'renewal' OR $3 <> 'renewal')",
        params![new.employee_id, now_ms, new.kind, new.credential_type],
    )
    .await?;
    let desk = super::desk(platform)
        .map_err(|error| StoreError::Column("configurations".to_owned(), error.to_string()))?;
    let kind = desk.kind(new.credential_type);
    let all = || kind.into_iter().flat_map(Desk::configurations_of).map(|(id, _)| id).collect();
    let configurations: Vec<String> = new.configurations.map_or_else(all, <[String]>::to_vec);
    let configurations = serde_json::json!(configurations).to_string();
    tx.execute(
        "INSERT INTO issuance_offer (id, kind, employee_id, application_id, reason, account_id, credential_type, \
         configurations, tx_code_hash, tries, dpop_jkt, state, badge_id, created_at, expires_at, changed_at, client_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, 'open', $11, $12, $13, $12, $14)",
        params![
            &id,
            new.kind,
            new.employee_id,
            new.application_id,
            new.reason,
            new.account_id,
            new.credential_type,
            configurations,
            new.tx_code.map(|code| tx_code_hash(platform, &id, code)),
            new.dpop_jkt,
            new.badge_id,
            now_ms,
            expires_at,
            new.client_id,
        ],
    )
    .await?;
    Ok(id)
}

/// What a sealed handle or code names.
#[derive(Serialize, Deserialize)]
struct Named {
    #[serde(rename = "o")]
    offer_id: String,
}

/// The address of an offer and the link that opens it in a wallet.
fn address(platform: &Platform, id: String, expires_at: i64) -> Result<Offer, StoreError> {
    let handle = platform
        .tokens
        .seal(HANDLE, &Named { offer_id: id.clone() }, expires_at)
        .map_err(|error| StoreError::Column("handle".to_owned(), error.to_string()))?;
    let uri = format!("{}{}{handle}", platform.config.public.origin(), paths::OFFERS);
    let link = OfferLink::ByReference(uri.clone()).to_link();
    Ok(Offer { id, uri, link, expires_at })
}

/// The keyed hash of a transaction code, bound to its offer.
pub(super) fn tx_code_hash(platform: &Platform, offer_id: &str, code: &str) -> Vec<u8> {
    platform.sealer.blind_index("tx_code", &format!("{offer_id}:{code}"))
}

/// The offer that a pre-authorized code names, if it is one of ours and not expired.
pub(super) fn open_code(platform: &Platform, code: &str, now_ms: i64) -> Option<String> {
    platform.tokens.open::<Named>(CODE, code, now_ms).ok().map(|named| named.offer_id)
}

/// The offer behind a handle, as a wallet reads it; `None` when it is unknown, expired, redeemed or void.
pub(super) async fn by_handle(
    platform: &Platform,
    handle: &str,
) -> Result<Option<CredentialOffer>, refusal::Refused> {
    let now_ms = platform.now_ms();
    let Ok(named) = platform.tokens.open::<Named>(HANDLE, handle, now_ms) else { return Ok(None) };
    let row = OfferRow::find(&platform.store, &named.offer_id).await?;
    let Some(row) = row.filter(|row| row.state == OfferState::Open && row.expires_at > now_ms) else {
        return Ok(None);
    };
    Ok(Some(wire(platform, &row)?))
}

/// The offer by value: for a link or QR code that no wallet has to fetch.
///
/// # Errors
/// The store refused; an offer that is no longer open is `None`.
pub async fn by_value(platform: &Platform, offer: &Offer) -> Result<Option<CredentialOffer>, StoreError> {
    let row = OfferRow::find(&platform.store, &offer.id).await?.filter(|row| row.state == OfferState::Open);
    let sealed = |error: crate::operations::tokens::TokenError| {
        StoreError::Column("pre-authorized_code".to_owned(), error.to_string())
    };
    row.map(|row| wire(platform, &row).map_err(sealed)).transpose()
}

fn wire(
    platform: &Platform,
    row: &OfferRow,
) -> Result<CredentialOffer, crate::operations::tokens::TokenError> {
    let code = platform.tokens.seal(CODE, &Named { offer_id: row.id.clone() }, row.expires_at)?;
    let tx_code = row.tx_code_hash.as_ref().map(|_| TxCode {
        input_mode: Some(InputMode::Numeric),
        length: u32::try_from(limits::TX_CODE_DIGITS.get()).ok(),
        description: Some("포털에 보이는 숫자 8자리 / The 8 digits shown in the portal".to_owned()),
    });
    let grant = PreAuthorizedOffer { pre_authorized_code: code, tx_code, authorization_server: None };
    Ok(CredentialOffer {
        credential_issuer: platform.config.public.origin().to_owned(),
        credential_configuration_ids: row.configurations.clone(),
        grants: Some(Grants { pre_authorized_code: Some(grant), authorization_code: None }),
    })
}
