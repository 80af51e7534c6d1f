//! What a browser is told, from the asking to the message: only to the account's own device, and at the moment it
//! happens.

use keys::encoding::b64url_encode;
use serde_json::json;
use wallet::account::messages::PushKind;

use super::enrolment::Invited;
use super::passkeys::code_of;
use super::*;
use crate::lifecycle::{self, Badge, By, Reason};

/// A subscription at a push service that nobody runs.
fn subscription(name: &str) -> serde_json::Value {
    let key = keys::SecretKey::generate();
    json!({
        "endpoint": format!("https://push.example/{name}"),
        "expirationTime": null,
        "keys": {
            "p256dh": b64url_encode(key.public_key().as_sec1()),
            "auth": b64url_encode(&keys::random::bytes::<16>()),
        },
    })
}

async fn told(platform: &TestPlatform) -> Vec<String> {
    let rows = platform
        .store
        .fetch_all("SELECT push_kind FROM notification_outbox WHERE channel = 'push' ORDER BY id", params![])
        .await
        .unwrap();
    rows.iter().map(|row| row.text("push_kind").unwrap()).collect()
}

#[tokio::test]
async fn lock_change_of_pin_suspension_resume_and_end_are_each_told_once() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let key = keys::encoding::b64url_decode(&wallet.push_key().await.unwrap()).unwrap();
    assert!(keys::PublicKey::from_sec1(&key).is_ok());
    wallet.subscribe(&subscription("a")).await.unwrap();
    wallet.subscribe(&subscription("a")).await.unwrap();
    wallet.change_pin(&pin(RIGHT), &pin(NEXT)).await.unwrap();
    for _ in 0..5 {
        wallet.check_pin(&pin(WRONG)).await.unwrap_err();
    }
    let account = wallet.state().account.as_ref().unwrap().id.clone();
    let store = &invited.town.store;
    let badge = Badge::live_of_account(store, &account).await.unwrap().unwrap().id;
    for step in 0..5 {
        let badge = badge.clone();
        let done = store.write::<_, lifecycle::ChangeError, _>(move |tx| {
            Box::pin(async move {
                let by = By::system();
                match step {
                    0 | 1 => lifecycle::suspend(tx, &badge, &by, Reason::Loss).await?,
                    2 => lifecycle::resume(tx, &badge, &by, Reason::Found).await?,
                    3 => lifecycle::suspend(tx, &badge, &by, Reason::Loss).await?,
                    _ => lifecycle::revoke(tx, &badge, &by, Reason::Order).await?,
                };
                Ok(())
            })
        });
        done.await.unwrap();
    }
    let kinds = told(&invited.town).await;
    assert_eq!(kinds, ["activity", "locked", "suspended", "resumed", "suspended", "ended"]);
    assert!(kinds.iter().all(|kind| PushKind::parse(kind).is_some()));
    assert_eq!(code_of(wallet.subscribe(&subscription("b")).await), "account_closed");
}

#[tokio::test]
async fn a_use_is_told_when_the_login_takes_the_approval() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    wallet.subscribe(&subscription("a")).await.unwrap();
    let hash = keys::random::token();
    wallet.approve(&hash, None, None).await.unwrap();
    assert!(told(&invited.town).await.is_empty(), "an approval is no use yet");
    let taken = invited
        .town
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { crate::account::approval(tx, &hash).await })
        })
        .await
        .unwrap();
    assert!(taken.is_some());
    assert_eq!(told(&invited.town).await, ["login"]);
}

#[tokio::test]
async fn only_the_accounts_device_asks_and_ends_and_only_for_public_addresses() {
    let phone = Enrolled::new().await;
    let wallet = phone.wallet().await;
    wallet.subscribe(&subscription("a")).await.unwrap();
    let mut inside = subscription("b");
    for address in ["https://10.0.0.1/x", "http://push.example/x", "https://localhost/x", "nonsense"] {
        inside["endpoint"] = json!(address);
        assert_eq!(code_of(wallet.subscribe(&inside).await), "push_address", "{address}");
    }
    let mut broken = subscription("c");
    broken["keys"]["auth"] = json!("AAAA");
    assert_eq!(code_of(wallet.subscribe(&broken).await), "malformed");

    let other = Phone::new(&phone.platform);
    let account = enrol(&phone.platform, &other).await;
    let stranger = Enrolled::on_same(&phone, other, account);
    stranger.wallet().await.unsubscribe("https://push.example/a").await.unwrap();
    let rows = phone.platform.store.fetch_all("SELECT id FROM notification_push", params![]).await.unwrap();
    assert_eq!(rows.len(), 1, "nobody ends another's");
    wallet.unsubscribe("https://push.example/a").await.unwrap();
    let rows = phone.platform.store.fetch_all("SELECT id FROM notification_push", params![]).await.unwrap();
    assert!(rows.is_empty());
}
