//! Refresh tokens of wallets of other makers.

use std::sync::Arc;

use keys::SecretKey;

use super::holder::{Holder, Reply, credentials_of, holder_keys, status_of, wallet_offer};
use crate::lifecycle::{self, Badge, By, Reason};
use crate::operations::limits;
use crate::testing::{self, TestPlatform};

/// A wallet that was issued a batch, and its refresh token.
async fn holding() -> (TestPlatform, Holder, String, Vec<String>) {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.token(&held, Some(&tx_code)).await.json();
    let access = token["access_token"].as_str().unwrap();
    let copies = credentials_of(&wallet.credentials(access, &holder_keys(2)).await);
    (platform, wallet, token["refresh_token"].as_str().unwrap().to_owned(), copies)
}

async fn refresh(wallet: &Holder, refresh_token: &str, more: &str) -> Reply {
    let form = format!("grant_type=refresh_token&refresh_token={refresh_token}{more}");
    let proof = wallet.dpop("/issuance/token", None);
    wallet.post_token(form, Some(&proof)).await
}

async fn live(platform: &TestPlatform) -> Badge {
    let row = platform.store.fetch_one("SELECT employee_id FROM badge", vec![]).await.unwrap();
    let employee = row.text("employee_id").unwrap();
    Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_refresh_token_leads_to_fresh_copies_of_the_same_badge_again_and_again() {
    let (platform, mut wallet, token, mut copies) = holding().await;
    for _ in 0..3 {
        let reply = refresh(&wallet, &token, "").await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        assert_eq!(reply.json()["refresh_token"], token, "FAPI 2.0 §5.3.2.1: not rotated");
        let access = reply.json()["access_token"].as_str().unwrap().to_owned();
        let batch = wallet.credentials(&access, &holder_keys(2)).await;
        copies.extend(credentials_of(&batch));
        let again = wallet.credentials(&access, &holder_keys(2)).await;
        assert_eq!(again.refusal(), (401, "invalid_token".to_owned()), "one batch for each token");
    }
    let places: std::collections::HashSet<_> = copies.iter().map(|copy| status_of(copy)).collect();
    assert_eq!((copies.len(), places.len()), (8, 8), "no status index twice");
    assert_eq!(live(&platform).await.copy_next, 8);
}

#[tokio::test]
async fn a_refresh_token_is_worth_nothing_without_its_key_or_changed_or_too_old() {
    let (platform, mut wallet, token, _) = holding().await;
    let mut thief = wallet.clone();
    thief.key = Arc::new(SecretKey::generate());
    assert_eq!(refresh(&thief, &token, "").await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(refresh(&wallet, "made-up", "").await.refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(refresh(&wallet, "", "").await.refusal(), (400, "invalid_request".to_owned()));
    let more = refresh(&wallet, &token, "&scope=badge%20payroll").await;
    assert_eq!(more.refusal(), (400, "invalid_scope".to_owned()));
    let less = refresh(&wallet, &token, "&scope=badge-mdoc").await;
    assert_eq!((less.status.as_u16(), &less.json()["scope"]), (200, &serde_json::json!("badge-mdoc")));
    let access = less.json()["access_token"].as_str().unwrap().to_owned();
    let beyond = wallet.credentials(&access, &holder_keys(1)).await;
    assert_eq!(beyond.refusal(), (403, "insufficient_scope".to_owned()));

    platform.clock.advance_ms(limits::REFRESH_TOKEN_LIFE.get());
    wallet.c_nonce().await;
    assert_eq!(refresh(&wallet, &token, "").await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn a_suspended_badge_refreshes_nothing_and_a_token_got_before_is_too_late() {
    let (platform, mut wallet, token, _) = holding().await;
    let before = refresh(&wallet, &token, "").await.json();
    let badge = live(&platform).await;
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { lifecycle::suspend(tx, &badge.id, &By::system(), Reason::Loss).await })
        })
        .await
        .unwrap();
    let late = wallet.credentials(before["access_token"].as_str().unwrap(), &holder_keys(1)).await;
    assert_eq!(late.refusal(), (400, "credential_request_denied".to_owned()));
    assert_eq!(refresh(&wallet, &token, "").await.refusal(), (400, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn an_account_of_ours_gets_no_refresh_token_because_its_pin_rule_would_be_passed_by() {
    // The account's own renewal asks for the PIN after 30 days; see `wallets::a_renewal_goes_on…`.
    let (platform, wallet, token, _) = holding().await;
    assert!(!token.is_empty());
    let rows = platform
        .store
        .fetch_all(
            "SELECT o.id FROM issuance_grant g JOIN issuance_offer o ON o.id = g.offer_id \
             WHERE o.account_id IS NOT NULL",
            vec![],
        )
        .await
        .unwrap();
    assert!(rows.is_empty());
    drop(wallet);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refreshes_at_once_never_give_an_index_twice() {
    let (platform, wallet, token, _) = holding().await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (mut wallet, token) = (wallet.clone(), token.clone());
            tokio::spawn(async move {
                let reply = refresh(&wallet, &token, "").await;
                let access = reply.json()["access_token"].as_str().unwrap_or_default().to_owned();
                wallet.credentials(&access, &holder_keys(1)).await
            })
        })
        .collect();
    let replies: Vec<Reply> =
        futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let copies: Vec<String> =
        replies.iter().filter(|reply| reply.status == 200).flat_map(credentials_of).collect();
    let places: std::collections::HashSet<_> = copies.iter().map(|copy| status_of(copy)).collect();
    assert!(!copies.is_empty());
    assert_eq!(copies.len(), places.len());
    assert_eq!(live(&platform).await.copy_next, 2 + i64::try_from(copies.len()).unwrap());
}
