//! Invariant 3: a try is charged before it is judged, five wrong ones lock, and only the device's own count.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wallet::account::messages::AccountState;
use wallet::account::{AccountError, Resumed};
use wallet::ports::Storage as _;

use super::*;

#[tokio::test]
async fn the_right_pin_is_accepted_and_the_counter_starts_anew() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    for _ in 0..4 {
        assert!(matches!(wallet.check_pin(&pin(WRONG)).await, Err(AccountError::WrongPin { .. })));
    }
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    assert_eq!(phone.column("tries").await, 0);
    assert_eq!(wallet.check_pin(&pin(WRONG)).await, Err(AccountError::WrongPin { tries_left: 4 }));
}

#[tokio::test]
async fn five_wrong_pins_lock_and_each_answer_tells_what_is_left() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    for tries_left in [4, 3, 2, 1, 0] {
        assert_eq!(wallet.check_pin(&pin(WRONG)).await, Err(AccountError::WrongPin { tries_left }));
    }
    assert_eq!(wallet.state().account.as_ref().unwrap().state, AccountState::Locked);
    // The right PIN comes too late, and is not even judged.
    let sequence = phone.column("sequence").await;
    assert_eq!(wallet.check_pin(&pin(RIGHT)).await, Err(AccountError::WrongPin { tries_left: 0 }));
    assert_eq!(phone.column("sequence").await, sequence);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_clients_with_wrong_pins_exactly_five_are_judged() {
    let phone = Enrolled::new().await;
    let vault = phone.phone.disk.load().await.unwrap().unwrap();
    let clients = (0..100).map(|n| {
        // Each is a copy of the phone: same device key, same vault, its own memory.
        let copy = Phone { disk: Disk::default(), ..phone.phone.clone() };
        let vault = vault.clone();
        tokio::spawn(async move {
            copy.disk.save(&vault).await.unwrap();
            let mut wallet = copy.restarted().await;
            wallet.check_pin(&pin(&format!("49{n:02}88"))).await.unwrap_err()
        })
    });
    let mut left: BTreeMap<u32, usize> = BTreeMap::new();
    for answer in futures::future::join_all(clients).await {
        match answer.unwrap() {
            AccountError::WrongPin { tries_left } => *left.entry(tries_left).or_default() += 1,
            other => panic!("{other:?}"),
        }
    }
    // One each was told 4, 3, 2, 1; the fifth and everyone after it 0.
    assert_eq!(left, BTreeMap::from([(0, 96), (1, 1), (2, 1), (3, 1), (4, 1)]));
    assert_eq!(phone.column("tries").await, 5);
    assert_eq!(phone.column("sequence").await, 5, "exactly five were charged and judged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_without_the_device_key_charges_nothing() {
    let phone = Enrolled::new().await;
    let wallet = phone.wallet().await;
    let stranger = keys::SecretKey::generate();
    let message = |typ: &str, extra: serde_json::Value| {
        let mut payload = serde_json::json!({
            "aud": "http://localhost:8600", "account": phone.account, "iat": now_s(&phone.phone), "jti": "x",
        });
        payload.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let header = keys::jws::Header::es256(typ);
        keys::jws::sign(&stranger, &header, payload.to_string().as_bytes()).unwrap()
    };
    let challenge = message("mapae-challenge-request+jwt", serde_json::json!({}));
    let (status, problem) =
        post(&phone.phone, "/challenge", serde_json::json!({ "signed": challenge })).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("device_refused")));
    let instruct = message(
        "mapae-instruction+jwt",
        serde_json::json!({ "sequence": 1, "challenge": "x", "pin_signed": "a.b.c" }),
    );
    for _ in 0..20 {
        let (status, problem) =
            post(&phone.phone, "/instructions", serde_json::json!({ "signed": instruct.clone() })).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some("device_refused")));
    }
    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
    drop(wallet);
}

#[tokio::test]
async fn a_wrong_pin_is_charged_even_if_the_reply_is_lost_and_the_answer_stays_the_same() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    // Request 0 is the challenge, 1 the instruction, 2 the question for its result.
    phone.phone.net.fault.plan(1, Break::ReplyLost);
    assert_eq!(wallet.check_pin(&pin(WRONG)).await, Err(AccountError::WrongPin { tries_left: 4 }));
    assert_eq!(phone.column("tries").await, 1);
    assert_eq!(phone.phone.net.fault.seen.load(Ordering::SeqCst), 4, "asked once more, and for the keys");
    assert_eq!(wallet.resume().await, Ok(Resumed::Nothing));
}

#[tokio::test]
async fn the_answer_survives_a_restart_of_the_phone() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    phone.phone.net.fault.plan(1, Break::ReplyLost);
    phone.phone.disk.fault.plan(1, Break::Refused); // the vault is full when the result comes in
    assert!(wallet.check_pin(&pin(RIGHT)).await.is_err());
    drop(wallet);
    let mut wallet = phone.wallet().await;
    assert!(matches!(wallet.resume().await.unwrap(), Resumed::Judged(..)));
    assert_eq!(phone.column("tries").await, 0);
    assert_eq!(phone.column("sequence").await, 1, "judged once");
}

#[tokio::test]
async fn an_instruction_that_never_arrived_is_not_charged() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    phone.phone.net.fault.plan(1, Break::Refused);
    assert!(matches!(wallet.check_pin(&pin(WRONG)).await, Err(AccountError::Http(_))));
    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
}

#[tokio::test]
async fn a_charge_whose_judge_died_is_closed_once_and_for_all() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    phone.phone.net.fault.plan(1, Break::ReplyLost);
    phone.phone.disk.fault.plan(1, Break::Refused);
    let _ = wallet.check_pin(&pin(RIGHT)).await;
    // As if the server had stopped between charge and verdict.
    phone.execute("DELETE FROM account_result WHERE account_id = $1", params![&phone.account]).await;
    phone.execute("UPDATE account SET tries = 1 WHERE id = $1", params![&phone.account]).await;
    let mut wallet = phone.wallet().await;
    assert!(wallet.resume().await.unwrap_err().is("being_judged"), "the judge still has its time");
    phone.platform.clock.advance_ms(11_000);
    assert!(matches!(wallet.resume().await.unwrap(), Resumed::NotJudged(_)));
    assert_eq!(phone.column("tries").await, 1, "the charge stays");
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    assert_eq!(phone.column("tries").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_challenge_serves_one_of_64_racing_instructions() {
    let phone = Enrolled::new().await;
    let wallet = phone.wallet().await;
    let device = device_key(&wallet).await;
    let salt = wallet.state().account.as_ref().unwrap().pin.salt.clone();
    let forge = Arc::new(refusals::Forge::new(&phone, device, pin(RIGHT).key(&salt)));
    let challenge = forge.challenge().await;
    let racers = (0..64).map(|n| {
        let (forge, challenge) = (Arc::clone(&forge), challenge.clone());
        tokio::spawn(async move { forge.instruct(&challenge, 1 + n % 3, |_| {}).await })
    });
    let answers = futures::future::join_all(racers).await;
    let judged = answers.iter().filter(|answer| answer.as_ref().unwrap().0 == 200).count();
    assert_eq!(judged, 1);
    for answer in answers {
        let (status, body) = answer.unwrap();
        assert!(status == 200 || body["code"] == "stale_sequence", "{status} {body}");
    }
}

#[tokio::test]
async fn a_pin_key_copied_from_another_account_does_not_open_and_nothing_is_charged() {
    let one = Enrolled::new().await;
    let other = Phone::new(&one.platform);
    let other_account = enrol(&one.platform, &other).await;
    let sql = "UPDATE account SET pin_key = (SELECT pin_key FROM account WHERE id = $2) WHERE id = $1";
    assert_eq!(one.execute(sql, params![&one.account, &other_account]).await, 1);
    let mut wallet = one.wallet().await;
    let refused = wallet.check_pin(&pin(RIGHT)).await.unwrap_err();
    assert!(refused.is("pin_key_unavailable"), "{refused:?}");
    assert_eq!((one.column("tries").await, one.column("sequence").await), (0, 0));
}

#[tokio::test]
async fn a_device_key_put_into_the_row_does_not_open_the_pin_key() {
    let phone = Enrolled::new().await;
    let thief = keys::SecretKey::generate();
    let salt = phone.wallet().await.state().account.as_ref().unwrap().pin.salt.clone();
    let sql = "UPDATE account SET device_key = $2, device_thumbprint = $3 WHERE id = $1";
    let key = thief.public_key();
    phone.execute(sql, params![&phone.account, key.to_sec1().to_vec(), key.thumbprint()]).await;
    let forge = refusals::Forge::new(&phone, thief, pin(RIGHT).key(&salt));
    let challenge = forge.challenge().await;
    let (status, problem) = forge.instruct(&challenge, 1, |_| {}).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("pin_key_unavailable")));
    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
}

#[tokio::test]
async fn a_suspended_account_gets_neither_challenge_nor_judgement() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    let account = phone.account.clone();
    phone
        .platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { crate::account::suspend(tx, &account).await })
        })
        .await
        .unwrap();
    assert!(wallet.check_pin(&pin(RIGHT)).await.unwrap_err().is("account_suspended"));
    assert_eq!(wallet.sync().await.unwrap().state, AccountState::Suspended);
    let account = phone.account.clone();
    phone
        .platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { crate::account::resume(tx, &account).await })
        })
        .await
        .unwrap();
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
}

#[tokio::test]
async fn a_closed_account_is_told_to_its_phone_and_stays_closed() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    let account = phone.account.clone();
    phone
        .platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                crate::account::end(tx, &account).await?;
                crate::account::resume(tx, &account).await
            })
        })
        .await
        .unwrap();
    assert_eq!(wallet.sync().await.unwrap().state, AccountState::Closed);
    assert!(wallet.check_pin(&pin(RIGHT)).await.unwrap_err().is("account_closed"));
}

#[tokio::test]
async fn only_two_persons_unlock_and_a_new_pin_follows() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    for _ in 0..5 {
        let _ = wallet.check_pin(&pin(WRONG)).await;
    }
    let alone = crate::account::unlock(&phone.platform, &phone.account, "hr-1", "hr-1").await;
    assert!(matches!(alone, Err(crate::account::UnlockError::TwoPersons)));
    let code = crate::account::unlock(&phone.platform, &phone.account, "hr-1", "hr-2").await.unwrap();

    assert!(wallet.check_pin(&pin(RIGHT)).await.unwrap_err().is("new_pin_needed"), "the old PIN is gone");
    let wrong = if code.code == "00000000" { "11111111" } else { "00000000" };
    let refused = wallet.set_new_pin(wrong, &pin(NEXT)).await.unwrap_err();
    assert!(refused.is("unlock_code_wrong"), "{refused:?}");
    wallet.set_new_pin(&code.code, &pin(NEXT)).await.unwrap();
    wallet.check_pin(&pin(NEXT)).await.unwrap();
    assert_eq!(wallet.check_pin(&pin(RIGHT)).await, Err(AccountError::WrongPin { tries_left: 4 }));
    assert!(wallet.set_new_pin(&code.code, &pin(RIGHT)).await.is_err(), "the code serves once");
}

#[tokio::test]
async fn a_new_pin_whose_reply_was_lost_is_the_pin() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    for _ in 0..5 {
        let _ = wallet.check_pin(&pin(WRONG)).await;
    }
    let code = crate::account::unlock(&phone.platform, &phone.account, "hr-1", "hr-2").await.unwrap();
    phone.phone.net.fault.plan(0, Break::ReplyLost);
    wallet.set_new_pin(&code.code, &pin(NEXT)).await.unwrap();
    phone.wallet().await.check_pin(&pin(NEXT)).await.unwrap();
}

#[tokio::test]
async fn five_wrong_unlock_codes_end_the_code() {
    let phone = Enrolled::new().await;
    let mut wallet = phone.wallet().await;
    for _ in 0..5 {
        let _ = wallet.check_pin(&pin(WRONG)).await;
    }
    let code = crate::account::unlock(&phone.platform, &phone.account, "hr-1", "hr-2").await.unwrap();
    let wrong = if code.code == "00000000" { "11111111" } else { "00000000" };
    for _ in 0..5 {
        assert!(wallet.set_new_pin(wrong, &pin(NEXT)).await.is_err());
    }
    assert!(wallet.set_new_pin(&code.code, &pin(NEXT)).await.unwrap_err().is("unlock_code_wrong"));
    let again = crate::account::unlock(&phone.platform, &phone.account, "hr-1", "hr-2").await.unwrap();
    wallet.set_new_pin(&again.code, &pin(NEXT)).await.unwrap();
}
