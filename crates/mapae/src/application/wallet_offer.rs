//! "Issue to another wallet": where the agency's policy allows, an approved application may be issued to any wallet that
//! speaks OpenID4VCI, by an offer as a QR code and a transaction code beside it. No account of ours is made then.

use std::sync::Arc;

use http::StatusCode;

use super::record::{self, Application, By};
use super::state::{Act, State};
use crate::audit;
use crate::issuance::{self, Offer, OfferError, Order};
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};

/// Why no offer was made.
#[derive(Debug, thiserror::Error)]
pub enum WalletOfferError {
    #[error("the agency's policy does not allow wallets of others")]
    NotAllowed,
    #[error("no approved application waits for a phone")]
    NothingApproved,
    #[error("the badge was suspended after the approval")]
    Suspended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WalletOfferError> for Problem {
    fn from(error: WalletOfferError) -> Self {
        match error {
            WalletOfferError::NotAllowed => Self::new(StatusCode::FORBIDDEN, "wallet_offer_not_allowed"),
            WalletOfferError::NothingApproved => Self::new(StatusCode::CONFLICT, "activation_no_invitation"),
            WalletOfferError::Suspended => Self::new(StatusCode::CONFLICT, "wallet_offer_suspended"),
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
