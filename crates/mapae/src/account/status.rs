//! How an account stands, as its phone is told: what, why, since when, and who can help.

use wallet::account::messages::{AccountState, AccountStatus};

use super::passkey;
use super::record::Account;
use crate::lifecycle::{Badge, Reason};
use crate::operations::Platform;
use crate::operations::store::StoreError;
use crate::personnel;

/// Reads everything the phone has to know when it opens.
pub(super) async fn of(platform: &Platform, account: &Account) -> Result<AccountStatus, StoreError> {
    let state = account.state();
    let (reason, since) = reason(platform, account, state).await?;
    let passkey = passkey::of_account(&platform.store, &account.id).await?;
    let agency = agency(platform, account).await;
    Ok(AccountStatus {
        state,
        reason,
        since,
        wipe: account.closed_at.is_some() || account.wipe_ordered_at.is_some(),
        tries_left: account.tries_left(),
        sequence: account.sequence.unsigned_abs(),
        pin_generation: u32::try_from(account.pin_generation).unwrap_or(u32::MAX),
        pin_change: account.pin_next.is_some(),
        pin_set_at: account.pin_set_at,
        pin_right_at: account.pin_right_at,
        pin_rests_until: account.pin_rests_until(platform.now_ms()),
        agency: agency.ko,
        agency_en: agency.en,
        passkey: passkey.map(|passkey| passkey.evidence).unwrap_or_default(),
    })
}

/// The badge tells why it was suspended or ended; an account that ended without a badge was replaced by a newer one.
async fn reason(
    platform: &Platform,
    account: &Account,
    state: AccountState,
) -> Result<(Option<String>, Option<i64>), StoreError> {
    let since = match state {
        AccountState::Suspended => account.suspended_at,
        AccountState::Closed => account.closed_at,
        AccountState::Locked => return Ok((None, Some(account.charged_at))),
        _ => return Ok((None, None)),
    };
    let badge = Badge::last_of_account(&platform.store, &account.id).await?;
    let reason = match (badge, state) {
        (Some(badge), _) => Some(badge.reason),
        (None, AccountState::Closed) => Some(Reason::Replaced),
        (None, _) => None,
    };
    Ok((reason.map(|reason| reason.as_str().to_owned()), since))
}

/// The agency of the official; without a name the phone says "your HR desk".
async fn agency(platform: &Platform, account: &Account) -> personnel::Named {
    match personnel::employee_agency(platform, &account.employee_id).await {
        Ok(Some(agency)) => agency.name,
        Ok(None) => personnel::Named::default(),
        Err(error) => {
            tracing::warn!(%error, "the agency of an account can't be read");
            personnel::Named::default()
        }
    }
}
