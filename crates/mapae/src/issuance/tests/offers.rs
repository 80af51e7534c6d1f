//! Offers: transaction codes, expiry, suspension, replacement.

use super::holder::{Holder, offer_on, order, wallet_offer};
use crate::issuance::OfferError;
use crate::lifecycle::{self, Badge, BadgeState, By, Reason};
use crate::operations::{Platform, limits};
use crate::testing;

async fn suspend(platform: &Platform, badge_id: &str) {
    let badge_id = badge_id.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { lifecycle::suspend(tx, &badge_id, &By::system(), Reason::Loss).await })
        })
        .await
        .unwrap();
}

async fn live(platform: &Platform, employee: &str) -> Option<Badge> {
    Badge::live_of_employee(&platform.store, employee).await.unwrap()
}

fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { '1' } else { '0' };
    std::iter::once(first).chain(code.chars().skip(1)).collect()
}

#[tokio::test]
async fn five_wrong_transaction_codes_void_the_offer_and_tell_hr() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    for left in [4, 3, 2, 1, 0] {
        let reply = wallet.token(&held, Some(&wrong(&tx_code))).await;
        assert_eq!(reply.refusal(), (400, "invalid_grant".to_owned()));
        assert_eq!(reply.json()["tx_code_tries_left"], left);
    }
    let reply = wallet.token(&held, Some(&tx_code)).await;
    assert_eq!(reply.refusal(), (400, "invalid_grant".to_owned()), "the right code comes too late");
    assert_eq!(wallet.get(offer.uri.strip_prefix(&wallet.origin()).unwrap()).await.status, 410);
    let told = platform
        .store
        .fetch_all("SELECT subject FROM audit_record WHERE act = 'offer.code_exhausted'", vec![])
        .await
        .unwrap();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn four_wrong_codes_and_the_right_one_are_enough() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    for _ in 0..4 {
        assert_eq!(wallet.token(&held, Some(&wrong(&tx_code))).await.status, 400);
    }
    assert_eq!(wallet.token(&held, Some(&tx_code)).await.status, 200);
}

#[tokio::test]
async fn a_request_without_the_code_or_with_a_wrong_proof_costs_no_try() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    for _ in 0..6 {
        assert_eq!(wallet.token(&held, None).await.refusal(), (400, "invalid_request".to_owned()));
        let form = Holder::token_form(&held, Some(&wrong(&tx_code)));
        assert_eq!(wallet.post_token(form, None).await.refusal(), (400, "invalid_dpop_proof".to_owned()));
    }
    assert_eq!(wallet.token(&held, Some(&tx_code)).await.status, 200);
}

#[tokio::test]
async fn an_expired_offer_is_gone_and_its_code_worthless() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    platform.clock.advance_ms(limits::OFFER_LIFE.get());
    assert_eq!(wallet.get(offer.uri.strip_prefix(&wallet.origin()).unwrap()).await.status, 410);
    assert_eq!(wallet.token(&held, Some(&tx_code)).await.refusal(), (400, "invalid_grant".to_owned()));
    assert!(live(&platform, &employee).await.is_none());
}

#[tokio::test]
async fn a_newer_offer_supersedes_the_older_one() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (older, older_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let older = wallet.fetch(&older).await;
    let (newer, newer_code) = wallet_offer(&platform, &employee).await;
    let newer = wallet.fetch(&newer).await;
    assert_eq!(wallet.token(&older, Some(&older_code)).await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(wallet.token(&newer, Some(&newer_code)).await.status, 200);
}

#[tokio::test]
async fn a_suspension_voids_what_was_begun_and_what_was_approved_before_it() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let mut wallet = Holder::new(&platform);
    let (offer, code) = wallet_offer(&platform, &employee).await;
    let held = wallet.fetch(&offer).await;
    wallet.redeem(&held, Some(&code), 1).await;
    let first = live(&platform, &employee).await.unwrap();

    // A thief got hold of a re-issue that was approved, and redeemed, before the loss was reported.
    let approved = order(&platform, &employee, "device_change").await;
    let (offer, code) = offer_on(&platform, approved.clone()).await.unwrap();
    let mut thief = Holder::new(&platform);
    let stolen = thief.fetch(&offer).await;
    let token = thief.access_token(&stolen, Some(&code)).await;
    platform.clock.advance_ms(1000);
    suspend(&platform, &first.id).await;

    let reply = thief.credentials(&token, &super::holder::holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
    let again = offer_on(&platform, approved).await;
    assert!(matches!(again, Err(OfferError::Suspended)));
    assert_eq!(live(&platform, &employee).await.unwrap().state, BadgeState::Suspended);

    // An approval that knows of the loss replaces the suspended badge.
    platform.clock.advance_ms(1000);
    let (offer, code) = offer_on(&platform, order(&platform, &employee, "loss").await).await.unwrap();
    let mut phone = Holder::new(&platform);
    let held = phone.fetch(&offer).await;
    phone.redeem(&held, Some(&code), 1).await;
    let second = live(&platform, &employee).await.unwrap();
    assert_eq!((second.state, second.kind.as_str()), (BadgeState::Active, "loss"));
    let first = Badge::find(&platform.store, &first.id).await.unwrap().unwrap();
    assert_eq!(first.state, BadgeState::Replaced);
}

#[tokio::test]
async fn who_no_longer_serves_gets_nothing_although_the_offer_is_redeemed() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&code)).await;
    let id = employee.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE employee SET status = 'retired' WHERE id = $1";
                tx.execute(sql, crate::operations::params![id]).await
            })
        })
        .await
        .unwrap();
    let reply = wallet.credentials(&token, &super::holder::holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
    assert!(live(&platform, &employee).await.is_none());
}

#[tokio::test]
async fn an_application_that_was_withdrawn_leads_to_no_badge_although_the_offer_is_redeemed() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&code)).await;
    platform
        .store
        .write(|tx| {
            Box::pin(async move { tx.execute("UPDATE application SET state = 'withdrawn'", vec![]).await })
        })
        .await
        .unwrap();
    let reply = wallet.credentials(&token, &super::holder::holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
    assert!(live(&platform, &employee).await.is_none());
}

#[tokio::test]
async fn old_offers_are_removed() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    wallet_offer(&platform, &employee).await;
    assert_eq!(crate::issuance::sweep::sweep(&platform).await.unwrap(), 0);
    platform.clock.advance_ms(limits::OFFER_LIFE.get() + limits::OFFER_KEPT.get() + 1);
    assert_eq!(crate::issuance::sweep::sweep(&platform).await.unwrap(), 1);
}
