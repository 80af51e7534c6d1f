//! Approvals of a login: recorded for the badge that is live now, taken once, void with a suspension.

use keys::encoding::b64url_encode;
use openid::approval::Level;
use wallet::account::AccountError;
use wallet::issue::Options;

use super::enrolment::Invited;
use super::*;
use crate::account::{ApprovalRecord, approval};
use crate::application::tests::Town;
use crate::lifecycle::{self, By, ChangeError, Reason};

fn request(n: u8) -> String {
    b64url_encode(&keys::sha256(&[n]))
}

async fn take(town: &Town, hash: String) -> Option<ApprovalRecord> {
    town.store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { approval(tx, &hash).await }))
        .await
        .unwrap()
}

async fn change(town: &Town, account: &str, suspend: bool) {
    let badge = lifecycle::Badge::live_of_account(&town.store, account).await.unwrap().unwrap();
    town.store
        .write::<_, ChangeError, _>(move |tx| {
            Box::pin(async move {
                match suspend {
                    true => lifecycle::suspend(tx, &badge.id, &By::system(), Reason::Loss).await,
                    false => lifecycle::resume(tx, &badge.id, &By::system(), Reason::Found).await,
                }
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_approval_tells_badge_level_and_number_and_is_taken_once() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let account = wallet.state().account.as_ref().unwrap().id.clone();
    wallet.approve(&request(1), Some("42"), None).await.unwrap();
    wallet.approve(&request(2), Some("07"), Some(&pin(RIGHT))).await.unwrap();

    let badge = lifecycle::Badge::live_of_account(&invited.town.store, &account).await.unwrap().unwrap();
    let base = take(&invited.town, request(1)).await.unwrap();
    assert_eq!((base.account_id, base.badge_id, base.level), (account, badge.id, Level::Base));
    assert_eq!(base.number.as_deref(), Some("42"));
    assert_eq!(take(&invited.town, request(2)).await.unwrap().level, Level::Pin);
    assert_eq!(take(&invited.town, request(1)).await, None);
    assert_eq!(take(&invited.town, request(3)).await, None);
}

#[tokio::test]
async fn a_request_is_approved_once_and_repeating_it_after_a_lost_reply_is_no_error() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    invited.phone.net.fault.plan(0, Break::ReplyLost);
    wallet.approve(&request(1), Some("42"), None).await.unwrap();
    let again = wallet.approve(&request(1), Some("43"), None).await.unwrap_err();
    assert!(again.is("already_approved"));
    let by_pin = wallet.approve(&request(1), Some("43"), Some(&pin(RIGHT))).await;
    assert_eq!(by_pin, Err(AccountError::InstructionRefused { code: "already_approved".into() }));
    assert_eq!(take(&invited.town, request(1)).await.unwrap().number.as_deref(), Some("42"));
}

#[tokio::test]
async fn a_wrong_pin_approves_nothing() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let refused = wallet.approve(&request(1), None, Some(&pin(WRONG))).await;
    assert_eq!(refused, Err(AccountError::WrongPin { tries_left: 4 }));
    assert_eq!(take(&invited.town, request(1)).await, None);
}

#[tokio::test]
async fn an_approval_nobody_takes_is_over_after_two_minutes() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    wallet.approve(&request(1), None, None).await.unwrap();
    invited.town.clock.advance_ms(120_000);
    assert_eq!(take(&invited.town, request(1)).await, None);
}

#[tokio::test]
async fn a_phone_without_a_badge_approves_nothing() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    wallet.register(&pin(RIGHT)).await.unwrap();
    assert!(wallet.approve(&request(1), None, None).await.unwrap_err().is("no_badge"));
    let by_pin = wallet.approve(&request(1), None, Some(&pin(RIGHT))).await;
    assert_eq!(by_pin, Err(AccountError::InstructionRefused { code: "no_badge".into() }));
}

#[tokio::test]
async fn a_suspension_voids_what_was_approved_and_refuses_what_comes() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let account = wallet.state().account.as_ref().unwrap().id.clone();
    wallet.approve(&request(1), None, None).await.unwrap();
    change(&invited.town, &account, true).await;
    assert_eq!(take(&invited.town, request(1)).await, None, "given before, void now");
    assert!(wallet.approve(&request(2), None, None).await.unwrap_err().is("account_suspended"));
    assert!(wallet.approve(&request(2), None, Some(&pin(RIGHT))).await.unwrap_err().is("account_suspended"));
    assert!(wallet.request_offer().await.unwrap_err().is("account_suspended"));
    change(&invited.town, &account, false).await;
    assert_eq!(take(&invited.town, request(1)).await, None, "a resume brings nothing back");
    wallet.approve(&request(2), None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_racing_approvals_of_one_request_one_counts() {
    let invited = Invited::new().await;
    let wallet = invited.with_badge().await;
    drop(wallet);
    let vault = invited.phone.disk.load().await.unwrap().unwrap();
    let racers = (0..64).map(|n| {
        let copy = Phone { disk: Disk::default(), ..invited.phone.clone() };
        let vault = vault.clone();
        tokio::spawn(async move {
            copy.disk.save(&vault).await.unwrap();
            copy.restarted().await.approve(&request(1), Some(&format!("{n:02}")), None).await.is_ok()
        })
    });
    let won =
        futures::future::join_all(racers).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn the_next_batch_comes_without_a_pin_for_thirty_days_only() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let two = Options { copies: Some(2), ..Options::default() };
    wallet.receive_badge(two).await.unwrap();
    invited.town.clock.advance_ms(30 * 24 * 3_600_000 + 1);
    assert!(wallet.request_offer().await.unwrap_err().is("pin_first"));
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    wallet.receive_badge(two).await.unwrap();
}

#[tokio::test]
async fn keys_are_vouched_for_to_their_own_device_only() {
    let invited = Invited::new().await;
    let wallet = invited.with_badge().await;
    let key = keys::SecretKey::generate().public_key().to_jwk();
    let attestation = wallet.attest_keys(vec![key.clone()], Some("c-nonce")).await.unwrap();
    let unverified = keys::jws::Unverified::parse(&attestation, 32 << 10).unwrap();
    let chain = unverified.header().x5c.clone().unwrap();
    let roots = [invited.town.keys.root().clone()];
    let now_s = invited.town.now_ms() / 1_000;
    let leaf =
        keys::x509::verify_chain(&chain, &roots, now_s, keys::x509::Purpose::WalletAttestation).unwrap();
    let typ = keys::jws::Typ::Is("key-attestation+jwt");
    let claims: serde_json::Value = unverified.verify(leaf.public_key(), typ).unwrap().claims().unwrap();
    assert_eq!(claims["nonce"], "c-nonce");
    assert_eq!(claims["attested_keys"], serde_json::json!([key]));

    assert!(wallet.attest_keys(Vec::new(), None).await.unwrap_err().is("malformed"));
    let device = wallet.state().device.as_ref().unwrap().public_key.clone();
    assert!(wallet.attest_keys(vec![device], None).await.unwrap_err().is("malformed"));
}

#[tokio::test]
async fn a_wallet_is_vouched_for_under_the_name_that_all_share_and_with_nothing_but_its_key() {
    let invited = Invited::new().await;
    let wallet = invited.with_badge().await;
    let key = keys::SecretKey::generate().public_key().to_jwk();
    let attested = wallet.attest_wallet(key.clone().with_kid("my-phone")).await.unwrap();
    assert_eq!(attested.client_id, "http://localhost:8600/wallet");
    let unverified = keys::jws::Unverified::parse(&attested.attestation, 32 << 10).unwrap();
    let chain = unverified.header().x5c.clone().unwrap();
    let roots = [invited.town.keys.root().clone()];
    let now_s = invited.town.now_ms() / 1_000;
    let purpose = keys::x509::Purpose::WalletAttestation;
    let leaf = keys::x509::verify_chain(&chain, &roots, now_s, purpose).unwrap();
    let typ = keys::jws::Typ::Is("oauth-client-attestation+jwt");
    let claims: serde_json::Value = unverified.verify(leaf.public_key(), typ).unwrap().claims().unwrap();
    assert_eq!(claims["sub"], "http://localhost:8600/wallet");
    assert_eq!(claims["cnf"]["jwk"], serde_json::json!(key), "the name in the key is left out");
    let names: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names, ["cnf", "exp", "iat", "iss", "sub", "wallet_name"]);
    assert_eq!(claims["exp"].as_i64(), Some(now_s + 3_600));

    let mut foreign = key;
    foreign.crv = Some("P-384".to_owned());
    assert!(wallet.attest_wallet(foreign).await.unwrap_err().is("malformed"));
}
