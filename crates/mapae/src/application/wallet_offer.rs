//! "Issue to another wallet": where the agency's policy allows, an approved application may be issued to any wallet that
//! speaks OpenID4VCI, by an offer as a QR code and a transaction code beside it, or by signing in from the wallet. Who
//! signs in may do so while the application waits: the badge comes when it is approved. No account of ours is made then.

use std::sync::Arc;

use http::StatusCode;

use super::record::{self, Application, By};
use super::state::{Act, State};
use crate::audit;
use crate::issuance::{self, Agreed, Offer, OfferError, Order};
use crate::operations::problem::Problem;
use crate::operations::store::{Store, StoreError, params};
use crate::operations::{Platform, limits, once};

/// Why no offer was made.
#[derive(Debug, thiserror::Error)]
pub enum WalletOfferError {
    #[error("the agency's policy does not allow wallets of others")]
    NotAllowed,
    #[error("no approved application waits for a phone")]
    NothingApproved,
    #[error("the badge was suspended after the approval")]
    Suspended,
    #[error("this request was answered before")]
    Answered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WalletOfferError> for Problem {
    fn from(error: WalletOfferError) -> Self {
        match error {
            WalletOfferError::NotAllowed => Self::new(StatusCode::FORBIDDEN, "wallet_offer_not_allowed"),
            WalletOfferError::NothingApproved => Self::new(StatusCode::CONFLICT, "activation_no_invitation"),
            WalletOfferError::Suspended => Self::new(StatusCode::CONFLICT, "wallet_offer_suspended"),
            WalletOfferError::Answered => Self::new(StatusCode::CONFLICT, "issuance.answered"),
            WalletOfferError::Store(error) => error.into(),
        }
    }
}

impl From<OfferError> for WalletOfferError {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::Suspended => Self::Suspended,
            OfferError::NoActiveBadge => Self::NothingApproved,
            OfferError::Store(error) => Self::Store(error),
        }
    }
}

/// Whether officials of this agency may use wallets of others.
pub(super) fn allowed(platform: &Platform, agency_code: &str) -> bool {
    let agencies = &platform.config.application.other_wallets;
    platform.config.demo.enabled || agencies.iter().any(|allowed| allowed == "*" || allowed == agency_code)
}

/// How the application behind a wallet's authorization stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody still has to approve.
    Pending,
    /// The badge may be issued.
    Approved,
    /// Refused, taken back, returned, issued to another phone, or expired.
    Over,
}

impl Standing {
    const fn of(state: State) -> Self {
        match state {
            State::Submitted | State::HeadApproved | State::IdentityChecked => Self::Pending,
            State::IssueApproved | State::Invited => Self::Approved,
            State::Draft | State::Issued | State::Rejected | State::Withdrawn | State::Expired => Self::Over,
        }
    }
}

/// How an application stands for a wallet that waits for it.
pub async fn standing(store: &Store, application_id: &str) -> Result<Standing, StoreError> {
    let application = record::find(store, application_id).await?;
    Ok(application.map_or(Standing::Over, |application| Standing::of(application.state)))
}

/// The application on which an official may be issued to a wallet of another maker, if there is one.
///
/// # Errors
/// There is none that waits or is approved, or the agency's policy does not allow wallets of others.
pub async fn right_of(
    platform: &Platform,
    employee_id: &str,
) -> Result<(Application, Standing), WalletOfferError> {
    let newest = record::of_employee(&platform.store, employee_id, 1).await?.into_iter().next();
    let application = newest.ok_or(WalletOfferError::NothingApproved)?;
    let standing = Standing::of(application.state);
    if standing == Standing::Over {
        return Err(WalletOfferError::NothingApproved);
    }
    if !allowed(platform, &application.agency_code) {
        return Err(WalletOfferError::NotAllowed);
    }
    Ok((application, standing))
}

/// Makes the offer that stands for a signed-in official's agreement to a wallet's request; returns its id.
///
/// `request` is consumed by it: of two answers to one request one counts.
///
/// # Errors
/// As [`right_of`]; the request was answered before; the badge was suspended after the approval.
pub async fn agree_to_wallet(
    platform: &Arc<Platform>,
    employee_id: &str,
    request: (&'static str, String),
    agreed: Agreed,
) -> Result<String, WalletOfferError> {
    let (application, standing) = right_of(platform, employee_id).await?;
    let mut approved_at = platform.now_ms();
    if standing == Standing::Approved {
        let events = record::events(platform, &application.id).await?;
        let approved = events.iter().rev().find(|event| event.act == Act::ApproveIssue);
        approved_at = approved.ok_or(WalletOfferError::NothingApproved)?.at;
    }
    let order = Order {
        employee_id: employee_id.to_owned(),
        application_id: application.id,
        kind: application.kind.as_str().to_owned(),
        approved_at,
    };
    let by = By::applicant(employee_id);
    let (purpose, id) = request;
    let platform = Arc::clone(platform);
    let store = platform.store.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let until_ms = tx.now_ms().saturating_add(limits::CONSENT_LIFE.get() * 2);
                if !once::consume(tx, purpose, &id, until_ms).await? {
                    return Err(WalletOfferError::Answered);
                }
                // As it was read, and held so until this commits: a decision or a withdrawal waits or comes first.
                let held = tx
                    .execute(
                        "UPDATE application SET ends_at = ends_at WHERE id = $1 AND state IN \
                         ('submitted', 'head_approved', 'identity_checked', 'issue_approved', 'invited')",
                        params![order.application_id.as_str()],
                    )
                    .await?;
                if held != 1 {
                    return Err(WalletOfferError::NothingApproved);
                }
                let offer_id = issuance::offer_for_client(tx, &platform, &order, &agreed).await?;
                let record = audit::Record {
                    actor: by.actor_id.as_deref().unwrap_or("system"),
                    duty: by.duty,
                    act: "application.wallet_agreed",
                    subject: &order.application_id,
                    detail: serde_json::json!({ "offer": offer_id, "client": agreed.client_id }),
                };
                audit::record(tx, record).await?;
                Ok(offer_id)
            })
        })
        .await
}

/// An offer that leads over the sign-in here: a link, and when it ends (ms). It gives no right by itself.
///
/// # Errors
/// As [`right_of`].
pub async fn offer_of_sign_in(
    platform: &Platform,
    employee_id: &str,
) -> Result<(String, i64), WalletOfferError> {
    right_of(platform, employee_id).await?;
    Ok(issuance::offer_of_sign_in(platform, employee_id)?)
}

/// Makes the offer and its transaction code; both are shown once.
pub async fn offer_to_other_wallet(
    platform: &Arc<Platform>,
    employee_id: &str,
) -> Result<(Offer, String), WalletOfferError> {
    let newest = record::of_employee(&platform.store, employee_id, 1).await?.into_iter().next();
    let waits =
        |application: &Application| matches!(application.state, State::IssueApproved | State::Invited);
    let application = newest.filter(waits).ok_or(WalletOfferError::NothingApproved)?;
    if !allowed(platform, &application.agency_code) {
        return Err(WalletOfferError::NotAllowed);
    }
    let events = record::events(platform, &application.id).await?;
    let approved = events.iter().rev().find(|event| event.act == Act::ApproveIssue);
    let order = Order {
        employee_id: employee_id.to_owned(),
        application_id: application.id.clone(),
        kind: application.kind.as_str().to_owned(),
        approved_at: approved.ok_or(WalletOfferError::NothingApproved)?.at,
    };
    let by = By::applicant(employee_id);
    let platform = Arc::clone(platform);
    let store = platform.store.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                // Still approved, and held so until this commits: a withdrawal waits or comes first.
                let held = tx
                    .execute(
                        "UPDATE application SET ends_at = ends_at WHERE id = $1 AND state IN ('issue_approved', 'invited')",
                        params![order.application_id.as_str()],
                    )
                    .await?;
                if held != 1 {
                    return Err(WalletOfferError::NothingApproved);
                }
                let offered = issuance::offer_for_application(tx, &platform, &order).await?;
                audit::record(
                    tx,
                    audit::Record {
                        actor: by.actor_id.as_deref().unwrap_or("system"),
                        duty: by.duty,
                        act: "application.wallet_offer",
                        subject: &order.application_id,
                        detail: serde_json::json!({ "offer": offered.0.id }),
                    },
                )
                .await?;
                Ok(offered)
            })
        })
        .await
}
