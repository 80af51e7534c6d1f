//! What a phone learns when it asks how its account stands: what, why, since when, and who can help.

use wallet::account::messages::{AccountState, AccountStatus, PasskeyEvidence};

use super::enrolment::Invited;
use super::passkeys::WithPasskey;
use super::*;
use crate::account::WipeError;
use crate::lifecycle::{self, Badge, By, Reason};

struct Held {
    invited: Invited,
    wallet: Wallet<Phone>,
    badge: String,
}

impl Held {
    async fn new() -> Held {
        let invited = Invited::new().await;
        let wallet = invited.with_badge().await;
        let account = wallet.state().account.as_ref().unwrap().id.clone();
        let badge = Badge::live_of_account(&invited.town.store, &account).await.unwrap().unwrap().id;
        Held { invited, wallet, badge }
    }

    fn account(&self) -> String {
        self.wallet.state().account.as_ref().unwrap().id.clone()
    }

    async fn change(&self, to: &'static str, reason: Reason) {
        let badge = self.badge.clone();
        self.invited
            .town
            .store
            .write::<_, lifecycle::ChangeError, _>(move |tx| {
                Box::pin(async move {
                    let by = By::system();
                    match to {
                        "suspend" => lifecycle::suspend(tx, &badge, &by, reason).await?,
                        "resume" => lifecycle::resume(tx, &badge, &by, reason).await?,
                        _ => lifecycle::revoke(tx, &badge, &by, reason).await?,
                    };
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    async fn status(&mut self) -> AccountStatus {
        self.wallet.sync().await.unwrap()
    }
}

#[tokio::test]
async fn an_active_phone_learns_when_its_pin_was_set_and_who_unlocks() {
    let mut held = Held::new().await;
    let set = crate::testing::BEGINNING_MS;
    held.invited.town.clock.advance_ms(60_000);
    let status = held.status().await;
    assert_eq!(
        (status.state, status.wipe, status.reason, status.since),
        (AccountState::Active, false, None, None)
    );
    assert_eq!((status.pin_set_at, status.passkey), (set, PasskeyEvidence::None));
    assert!(!status.agency.is_empty() && !status.agency_en.is_empty());
    held.wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    assert_eq!(held.status().await.pin_set_at, held.invited.town.now_ms());
    let remembered = held.wallet.state().account.as_ref().unwrap().status.clone();
    assert_eq!(remembered.unwrap().agency, status.agency, "to be shown without a network");
}

#[tokio::test]
async fn a_suspended_phone_learns_why_and_since_when_and_keeps_everything() {
    let mut held = Held::new().await;
    held.invited.town.clock.advance_ms(5_000);
    held.change("suspend", Reason::Loss).await;
    let since = held.invited.town.now_ms();
    held.invited.town.clock.advance_ms(5_000);
    let status = held.status().await;
    assert_eq!((status.state, status.wipe), (AccountState::Suspended, false));
    assert_eq!((status.reason.as_deref(), status.since), (Some("loss"), Some(since)));
    held.change("resume", Reason::Found).await;
    assert_eq!(held.status().await.state, AccountState::Active);
}

#[tokio::test]
async fn a_locked_phone_learns_that_no_try_is_left_and_whose_desk_unlocks() {
    let mut held = Held::new().await;
    for _ in 0..5 {
        held.wallet.check_pin(&pin(WRONG)).await.unwrap_err();
    }
    let status = held.status().await;
    assert_eq!((status.state, status.tries_left), (AccountState::Locked, 0));
    assert!(status.since.is_some() && !status.agency.is_empty() && !status.wipe);
}

#[tokio::test]
async fn a_revoked_or_replaced_phone_is_told_to_forget_everything() {
    let mut held = Held::new().await;
    held.change("revoke", Reason::EmploymentEnded).await;
    let status = held.status().await;
    assert_eq!((status.state, status.wipe), (AccountState::Closed, true));
    assert_eq!(status.reason.as_deref(), Some("employment_ended"));
    assert!(status.since.is_some());
    held.wallet.wipe().await.unwrap();
    assert!(held.wallet.state().account.is_none() && held.wallet.state().holdings.is_empty());
    assert!(!held.wallet.state().usage.is_empty(), "the history stays with its owner");
}

#[tokio::test]
async fn a_wipe_is_ordered_for_a_suspended_phone_and_a_resume_takes_it_back() {
    let mut held = Held::new().await;
    let account = held.account();
    let order = || crate::account::wipe(&held.invited.town, &account, "officer", "security_officer");
    assert!(matches!(order().await, Err(WipeError::NotSuspended)));
    held.change("suspend", Reason::Theft).await;
    order().await.unwrap();
    let status = held.wallet.sync().await.unwrap();
    assert_eq!((status.state, status.wipe), (AccountState::Suspended, true));
    held.change("resume", Reason::Found).await;
    assert!(!held.status().await.wipe);
    let row = held
        .invited
        .town
        .store
        .fetch_one("SELECT actor FROM audit_record WHERE act = 'account.wipe_ordered'", params![])
        .await
        .unwrap();
    assert_eq!(row.text("actor").unwrap(), "officer");
}

#[tokio::test]
async fn the_status_tells_the_passkeys_evidence() {
    let mut phone = WithPasskey::new(true).await;
    assert_eq!(phone.wallet.sync().await.unwrap().passkey, PasskeyEvidence::DeviceBoundUnattested);
}
