//! Offers for accounts: the first badge on an approved application, later the next batch of copies.

use std::sync::Arc;

use super::device_only::use_once;
use super::error::{DeviceRefusal, OnboardingError};
use super::record::Account;
use crate::application;
use crate::issuance::{self, OfferError, Order};
use crate::operations::Platform;
use crate::operations::store::{StoreError, Tx};

/// The approved application as the issuer takes it; `None` if no approval is there.
pub(super) async fn order(platform: &Platform, application_id: &str) -> Result<Option<Order>, StoreError> {
    let Some(application) = application::find(&platform.store, application_id).await? else {
        return Ok(None);
    };
    let events = application::events(platform, application_id).await?;
    let approved = events.iter().rev().find(|event| event.act == application::Act::ApproveIssue);
    Ok(approved.map(|event| Order {
        employee_id: application.employee_id,
        application_id: application_id.to_owned(),
        kind: application.kind.as_str().to_owned(),
        approved_at: event.at,
    }))
}

/// The offer that comes with a new account. The activation code was asked for already, and only this device's key
/// redeems it.
pub(super) async fn first(
    tx: &mut Tx,
    platform: &Platform,
    order: &Order,
    account_id: &str,
    device: &str,
) -> Result<String, OnboardingError> {
    match issuance::offer_for_account(tx, platform, order, account_id, Some(device), None).await {
        Ok(offer) => Ok(offer.link),
        Err(OfferError::Store(error)) => Err(error.into()),
        Err(OfferError::Suspended | OfferError::NoActiveBadge) => Err(OnboardingError::NoOffer),
    }
}

/// A fresh offer for an account that asks for one; the asking message counts once.
pub(super) async fn fresh(
    platform: &Arc<Platform>,
    account: Account,
    jti: String,
    expires_ms: i64,
) -> Result<String, DeviceRefusal> {
    let order = order(platform, &account.application_id).await?;
    let shared = Arc::clone(platform);
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                use_once(tx, &account.id, &jti, expires_ms).await?;
                // As it stands now: the message may have waited behind a suspension.
                let now = Account::find_in(tx, &account.id).await?.ok_or(DeviceRefusal::Device)?;
                DeviceRefusal::unless_usable(&now)?;
                make(tx, &shared, order.as_ref(), &now).await
            })
        })
        .await
}

/// An offer for an account that has just moved to this device.
pub(super) async fn of_now(platform: &Arc<Platform>, account: Account) -> Result<String, DeviceRefusal> {
    let order = order(platform, &account.application_id).await?;
    let shared = Arc::clone(platform);
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = Account::find_in(tx, &account.id).await?.ok_or(DeviceRefusal::Device)?;
                DeviceRefusal::unless_usable(&now)?;
                make(tx, &shared, order.as_ref(), &now).await
            })
        })
        .await
}

/// What the account needs next: its first badge, one that replaces what was on the former device, or more copies.
async fn make(
    tx: &mut Tx,
    platform: &Platform,
    order: Option<&Order>,
    now: &Account,
) -> Result<String, DeviceRefusal> {
    let device = &now.device_thumbprint;
    let offer = match order {
        Some(order) if now.pending => {
            issuance::offer_for_account(tx, platform, order, &now.id, Some(device), None).await
        }
        None if now.pending => return Err(DeviceRefusal::NoOffer),
        _ if now.moved_at.is_some() => issuance::recovery_for_account(tx, platform, &now.id, device).await,
        _ => issuance::renewal_for_account(tx, platform, &now.id, device).await,
    };
    match offer {
        Ok(offer) => Ok(offer.link),
        Err(OfferError::Store(error)) => Err(error.into()),
        Err(OfferError::Suspended | OfferError::NoActiveBadge) => Err(DeviceRefusal::NoOffer),
    }
}
