//! A forgotten PIN: proof and passkey replace it, and then it rests.

use serde_json::Value;
use wallet::account::AccountError;
use wallet::account::messages::PasskeyPurpose;
use wallet::issue::Options;

use super::authenticator::Authenticator;
use super::passkeys::{WithPasskey, code_of};
use super::*;
use crate::application::tests::COLLEAGUE;
use crate::personnel::demo_data;

const DAY_MS: i64 = 24 * 3_600_000;

async fn with_badge() -> WithPasskey {
    let mut phone = WithPasskey::new(true).await;
    phone.wallet.receive_badge(Options { copies: Some(2), ..Options::default() }).await.unwrap();
    phone
}

async fn proofed(phone: &mut WithPasskey) {
    let (name, rrn) = phone.invited.person();
    phone.wallet.forgot_pin(&name, &rrn).await.unwrap();
    let otp = phone.invited.otp().await;
    phone.wallet.prove_phone_for_new_pin(&otp).await.unwrap();
}

async fn asserted(phone: &mut WithPasskey) -> Value {
    let options = phone.wallet.passkey_options(PasskeyPurpose::ForgottenPin).await.unwrap();
    phone.authenticator.get(&options.options)
}

/// The hash of a request that nobody made.
fn request() -> String {
    keys::random::token()
}

#[tokio::test]
async fn proof_and_passkey_set_a_new_pin_that_rests_for_a_day() {
    let mut phone = with_badge().await;
    proofed(&mut phone).await;
    let credential = asserted(&mut phone).await;
    let status = phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
    let now_ms = phone.invited.town.now_ms();
    assert_eq!(status.pin_rests_until, Some(now_ms + DAY_MS));
    assert_eq!(status.pin_set_at, now_ms);
    phone.wallet.check_pin(&pin(NEXT)).await.unwrap();
    assert_eq!(phone.wallet.check_pin(&pin(RIGHT)).await, Err(AccountError::WrongPin { tries_left: 4 }));
    phone.wallet.check_pin(&pin(NEXT)).await.unwrap();

    let refused = phone.wallet.approve(&request(), None, Some(&pin(NEXT))).await;
    assert_eq!(code_of(refused), "pin_rests");
    phone.wallet.approve(&request(), None, None).await.unwrap();
    let account = phone.locked.account.clone();
    let standing = crate::account::standing(&phone.invited.town.store, &account).await.unwrap().unwrap();
    assert!(standing.pin_rests_until(now_ms).is_some(), "signing and device change ask here");

    phone.invited.town.clock.advance_ms(DAY_MS);
    phone.wallet.approve(&request(), None, Some(&pin(NEXT))).await.unwrap();
    assert_eq!(phone.wallet.sync().await.unwrap().pin_rests_until, None);
    assert!(standing.pin_rests_until(phone.invited.town.now_ms()).is_none());
}

#[tokio::test]
async fn holder_and_hr_hear_of_it() {
    let mut phone = with_badge().await;
    proofed(&mut phone).await;
    let credential = asserted(&mut phone).await;
    phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
    phone.invited.town.deliver().await;
    let newest = phone.invited.town.messages(phone.invited.who).await.remove(0);
    assert!(newest.contains("PIN을 새로 정했습니다"), "{newest}");
    let store = &phone.invited.town.store;
    let rows = store
        .fetch_all("SELECT subject FROM audit_record WHERE act = 'account.pin_reset'", params![])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].text("subject").unwrap(), phone.invited.application.employee_id);
}

#[tokio::test]
async fn a_resting_pin_moves_the_account_to_no_other_device() {
    let mut phone = with_badge().await;
    phone.wallet.allow_recovery(&[42; 32]).await.unwrap();
    proofed(&mut phone).await;
    let credential = asserted(&mut phone).await;
    phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
    let mut fresh = Phone::new(&phone.invited.town).installed().await;
    let options = fresh.recovery_options("http://localhost:8600").await.unwrap().options;
    let credential = phone.authenticator.get(&options);
    let refused = fresh.start_recovery("http://localhost:8600", &credential, &[42; 32]).await;
    assert_eq!(code_of(refused), "pin_rests");
    phone.invited.town.clock.advance_ms(DAY_MS);
    let options = fresh.recovery_options("http://localhost:8600").await.unwrap().options;
    let credential = phone.authenticator.get(&options);
    fresh.start_recovery("http://localhost:8600", &credential, &[42; 32]).await.unwrap();
    fresh.prove_recovery_phone(&phone.invited.otp().await).await.unwrap();
    fresh.recover(&pin(NEXT)).await.unwrap();
}

#[tokio::test]
async fn every_mismatch_gets_one_answer_and_five_a_day_are_judged() {
    let mut phone = with_badge().await;
    let (name, rrn) = phone.invited.person();
    let colleague = demo_data::person(COLLEAGUE);
    let wrong = [(&name, &colleague.rrn), (&colleague.name, &rrn), (&colleague.name, &colleague.rrn)];
    for (nth, (name, rrn)) in wrong.into_iter().cycle().take(5).enumerate() {
        let Err(AccountError::Refused { code, tries_left, .. }) = phone.wallet.forgot_pin(name, rrn).await
        else {
            panic!("a mismatch passed")
        };
        assert_eq!((code.as_str(), tries_left), ("identity_mismatch", Some(4 - u32::try_from(nth).unwrap())));
    }
    assert_eq!(code_of(phone.wallet.forgot_pin(&name, &rrn).await), "proof_too_many");
    phone.invited.town.clock.advance_ms(DAY_MS);
    phone.wallet.forgot_pin(&name, &rrn).await.unwrap();
}

#[tokio::test]
async fn no_step_can_be_left_out() {
    let mut phone = with_badge().await;
    let credential = asserted(&mut phone).await;
    assert_eq!(code_of(phone.wallet.reset_pin(&credential, &pin(NEXT)).await), "proof_over");
    let (name, rrn) = phone.invited.person();
    phone.wallet.forgot_pin(&name, &rrn).await.unwrap();
    assert_eq!(code_of(phone.wallet.reset_pin(&credential, &pin(NEXT)).await), "wrong_step");
    let otp = phone.invited.otp().await;
    phone.wallet.prove_phone_for_new_pin(&otp).await.unwrap();

    let options = phone.wallet.passkey_options(PasskeyPurpose::Share).await.unwrap();
    let for_another = phone.authenticator.get(&options.options);
    assert_eq!(code_of(phone.wallet.reset_pin(&for_another, &pin(NEXT)).await), "passkey_challenge");
    let options = phone.wallet.passkey_options(PasskeyPurpose::ForgottenPin).await.unwrap();
    let strangers = Authenticator::new().get(&options.options);
    assert_eq!(code_of(phone.wallet.reset_pin(&strangers, &pin(NEXT)).await), "passkey_unknown");
    let forged = Authenticator::new().pretending_to_be(&phone.authenticator).get(&options.options);
    assert_eq!(code_of(phone.wallet.reset_pin(&forged, &pin(NEXT)).await), "passkey_refused");
    assert!(matches!(
        phone.wallet.reset_pin(&credential, &pin("123456")).await,
        Err(AccountError::WeakPin(_))
    ));
    phone.wallet.check_pin(&pin(RIGHT)).await.unwrap();
    phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
    assert_eq!(code_of(phone.wallet.reset_pin(&credential, &pin(RIGHT)).await), "proof_over", "replayed");
}

#[tokio::test]
async fn a_locked_account_needs_its_two_persons() {
    let mut phone = with_badge().await;
    for _ in 0..5 {
        phone.wallet.check_pin(&pin(WRONG)).await.unwrap_err();
    }
    let (name, rrn) = phone.invited.person();
    assert_eq!(code_of(phone.wallet.forgot_pin(&name, &rrn).await), "account_locked");
}

#[tokio::test]
async fn a_phone_without_a_passkey_can_not_replace_its_pin() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    assert_eq!(code_of(wallet.forgot_pin("예시", "870314-1234567").await), "no_passkey");
}

#[tokio::test]
async fn a_suspension_in_between_stops_it() {
    let mut phone = with_badge().await;
    proofed(&mut phone).await;
    let credential = asserted(&mut phone).await;
    let account = phone.locked.account.clone();
    phone
        .invited
        .town
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { crate::account::suspend(tx, &account).await })
        })
        .await
        .unwrap();
    assert_eq!(code_of(phone.wallet.reset_pin(&credential, &pin(NEXT)).await), "account_suspended");
}

#[tokio::test]
async fn an_instruction_with_the_old_pin_that_was_under_way_is_over() {
    let mut phone = with_badge().await;
    proofed(&mut phone).await;
    let credential = asserted(&mut phone).await;
    let salt = phone.wallet.state().account.as_ref().unwrap().pin.salt.clone();
    let device = device_key(&phone.wallet).await;
    let old = Enrolled {
        platform: Arc::new(crate::testing::platform().await),
        phone: phone.invited.phone.clone(),
        account: phone.locked.account.clone(),
    };
    let forge = super::refusals::Forge::new(&old, device, pin(RIGHT).key(&salt));
    let challenge = forge.challenge().await;
    phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
    let (status, body) = forge.instruct(&challenge, 1, |_| {}).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("stale_sequence")));
    assert_eq!(phone.wallet.sync().await.unwrap().tries_left, 5);
}

#[tokio::test]
async fn a_lost_reply_never_ends_in_a_pin_that_nobody_knows() {
    for how in [Break::Refused, Break::ReplyLost] {
        let mut phone = with_badge().await;
        proofed(&mut phone).await;
        let credential = asserted(&mut phone).await;
        phone.invited.phone.net.fault.plan(0, how);
        let first = phone.wallet.reset_pin(&credential, &pin(NEXT)).await;
        assert!(phone.invited.phone.net.fault.clear());
        match how {
            Break::Refused => {
                assert_eq!(code_of(first), "unreachable");
                phone.wallet.check_pin(&pin(RIGHT)).await.unwrap();
                phone.wallet.reset_pin(&credential, &pin(NEXT)).await.unwrap();
            }
            Break::ReplyLost => {
                first.unwrap();
            }
        }
        phone.wallet.check_pin(&pin(NEXT)).await.unwrap();
    }
}
