//! A change of PIN, with each write broken twice: refused, and done but the reply lost.

use wallet::account::AccountError;
use wallet::state::PinChangeStage;

use super::*;

#[tokio::test]
async fn the_new_pin_replaces_the_old_one() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    assert_eq!(phone.column("pin_generation").await, 2);
    wallet.check_pin(&pin(NEXT)).await.unwrap();
    assert_eq!(wallet.check_pin(&pin(RIGHT)).await, Err(AccountError::WrongPin { tries_left: 4 }));
}

#[tokio::test]
async fn a_begun_change_may_be_taken_back() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    wallet.begin_pin_change(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    assert!(wallet.check_pin(&pin(RIGHT)).await.unwrap_err().is("pin_change_pending"));
    wallet.rollback_pin_change(&pin(RIGHT)).await.unwrap();
    assert_eq!(wallet.pin_change(), None);
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    assert!(wallet.commit_pin_change(&pin(NEXT)).await.unwrap_err().is("no_pin_change"));
}

#[tokio::test]
async fn a_commit_with_another_pin_is_a_wrong_pin() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    wallet.begin_pin_change(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    assert_eq!(wallet.commit_pin_change(&pin(RIGHT)).await, Err(AccountError::WrongPin { tries_left: 4 }));
    wallet.commit_pin_change(&pin(NEXT)).await.unwrap();
}

#[tokio::test]
async fn a_change_begun_with_a_wrong_pin_changes_nothing() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    assert!(wallet.begin_pin_change(&pin(WRONG), &pin(NEXT)).await.is_err());
    assert_eq!(wallet.pin_change(), None);
    assert!(phone.row().await.opt_bytes("pin_next").unwrap().is_none());
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
}

#[tokio::test]
async fn a_weak_new_pin_never_leaves_the_phone() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    let refused = wallet.change_pin(&pin(RIGHT), &pin("123456")).await;
    assert!(matches!(refused, Err(AccountError::WeakPin(_))));
    assert_eq!(phone.column("sequence").await, 0);
}

#[tokio::test]
async fn a_forgotten_candidate_can_still_be_taken_back() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    let before = phone.phone.disk.load().await.unwrap().unwrap();
    wallet.begin_pin_change(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    // The phone's vault is restored from before the change: it knows nothing of it.
    phone.phone.disk.save(&before).await.unwrap();
    let mut wallet = phone.wallet().await;
    assert!(wallet.check_pin(&pin(RIGHT)).await.unwrap_err().is("pin_change_pending"));
    wallet.rollback_pin_change(&pin(RIGHT)).await.unwrap();
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
}

/// A phone that can be brought back: the server has to have every salt that may count, at every moment.
#[tokio::test]
async fn no_lost_write_of_a_change_leaves_the_server_without_the_salt_that_counts() {
    for on_disk in [false, true] {
        for how in [Break::Refused, Break::ReplyLost] {
            let mut nth = 0;
            while kept_change_with(on_disk, nth, how).await {
                nth += 1;
            }
            assert!(nth >= 5, "salt, two challenges and two instructions at least, not {nth}");
        }
    }
}

async fn kept_change_with(fault_on_disk: bool, nth: usize, how: Break) -> bool {
    let mut phone = super::passkeys::WithPasskey::new(true).await;
    phone.wallet.allow_recovery(&[42; 32]).await.unwrap();
    let shell = phone.invited.phone.clone();
    let fault = if fault_on_disk { &shell.disk.fault } else { &shell.net.fault };
    fault.plan(nth, how);
    let first = phone.wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await;
    let struck = fault.clear();
    // The app is deleted at this moment, whatever came of it.
    let mut fresh = Phone::new(&phone.invited.town).installed().await;
    let options = fresh.recovery_options("http://localhost:8600").await.unwrap().options;
    let credential = phone.authenticator.get(&options);
    fresh.start_recovery("http://localhost:8600", &credential, &[42; 32]).await.unwrap();
    fresh.prove_recovery_phone(&phone.invited.otp().await).await.unwrap();
    let counts = if fresh.recovery_status().await.unwrap().wallet.unwrap().pin_generation == 2 {
        NEXT
    } else {
        assert!(first.is_err(), "a finished change counts");
        RIGHT
    };
    fresh.recover(&pin(counts)).await.unwrap();
    fresh.check_pin(&pin(counts)).await.unwrap();
    struck
}

/// Runs the change with one fault, lets the app die, and finishes as a person would: with the new PIN if the phone
/// says that the change was begun, else from the beginning.
async fn change_with(fault_on_disk: bool, nth: usize, how: Break) -> bool {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    let fault = if fault_on_disk { &phone.phone.disk.fault } else { &phone.phone.net.fault };
    fault.plan(nth, how);
    let first = wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await;
    let struck = fault.clear();
    drop(wallet);

    let mut wallet = phone.wallet().await;
    wallet.resume().await.unwrap();
    wallet.sync().await.unwrap();
    let in_force = wallet.state().account.as_ref().unwrap().pin.generation;
    match (in_force, wallet.pin_change()) {
        (2, None) => {}
        (1, Some(PinChangeStage::Begun)) => wallet.commit_pin_change(&pin(NEXT)).await.unwrap(),
        (1, None | Some(PinChangeStage::Announced)) => {
            assert!(first.is_err(), "a finished change is there after a restart");
            wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(phone.column("pin_generation").await, 2, "{nth} {how:?}");
    assert!(phone.row().await.opt_bytes("pin_next").unwrap().is_none());
    phone.wallet().await.check_pin(&pin(NEXT)).await.unwrap();
    assert_eq!(
        phone.wallet().await.check_pin(&pin(RIGHT)).await,
        Err(AccountError::WrongPin { tries_left: 4 })
    );
    struck
}

#[tokio::test]
async fn no_lost_request_or_reply_ends_in_a_pin_that_nobody_knows() {
    for how in [Break::Refused, Break::ReplyLost] {
        let mut nth = 0;
        while change_with(false, nth, how).await {
            nth += 1;
        }
        assert!(nth >= 4, "two challenges and two instructions at least, not {nth}");
    }
}

#[tokio::test]
async fn no_lost_write_of_the_vault_ends_in_a_pin_that_nobody_knows() {
    for how in [Break::Refused, Break::ReplyLost] {
        let mut nth = 0;
        while change_with(true, nth, how).await {
            nth += 1;
        }
        assert!(nth >= 5, "salt, two pendings and two results at least, not {nth}");
    }
}
