//! The trust list: our verifier believes what it signs, and what a key did ends with the key.

use credential::trust::{Anchor, Distrust, Origin, TrustList, TrustSource as _};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::lifecycle::{local_trust, retire_key, revoke_key};
use crate::operations::server_keys::KeyName;
use crate::operations::{limits, server};
use crate::testing;

fn jkt(platform: &Platform) -> String {
    platform.keys.signer(KeyName::Issuer).unwrap().public_key().thumbprint()
}

async fn judge(platform: &Platform, issued_at: i64) -> Result<(), Distrust> {
    let trust = local_trust(platform).await.unwrap();
    let (jkt, vct) = (jkt(platform), crate::issuance::desk(platform).unwrap().badge().vct.clone());
    let origin = Origin {
        jkt: &jkt,
        issuer: Some(platform.config.public.origin()),
        vct: &vct,
        issued_at: Some(issued_at),
    };
    trust.judge(&origin).map(|_| ())
}

#[tokio::test]
async fn the_issuing_key_is_on_the_list_that_is_served() {
    let platform = testing::platform().await;
    assert_eq!(judge(&platform, platform.now_ms() / 1000).await, Ok(()));
    let request = http::Request::get("/trust-list").body(axum::body::Body::empty()).unwrap();
    let reply = server::public_router(&platform).oneshot(request).await.unwrap();
    assert_eq!(reply.headers()["content-type"], "application/mapae-trust-list+jwt");
    let jwt = reply.into_body().collect().await.unwrap().to_bytes();
    let roots = [platform.keys.root().clone()];
    let now = platform.now_ms() / 1000;
    let list = TrustList::verify(std::str::from_utf8(&jwt).unwrap(), Anchor::Roots(&roots), 2, now).unwrap();
    let mut types: Vec<&str> =
        list.entries().iter().flat_map(|entry| &entry.vcts).map(String::as_str).collect();
    types.sort_unstable();
    let desk = crate::issuance::desk(&platform).unwrap();
    let mut names: Vec<&str> = desk.type_names().collect();
    names.sort_unstable();
    assert!(names.contains(&desk.badge().doctype.as_deref().unwrap()));
    assert_eq!(types, names, "each type under each of its names");
    assert!(list.entries().iter().all(|entry| entry.jkt == jkt(&platform)));
    assert_eq!(list.expires_at(), now + 48 * 3600);
}

#[tokio::test]
async fn a_phone_asks_for_the_part_of_one_issuer_and_strangers_names_are_signed_once() {
    let platform = testing::platform().await;
    let get = async |query: &str| {
        let request =
            http::Request::get(format!("/trust-list{query}")).body(axum::body::Body::empty()).unwrap();
        let reply = server::public_router(&platform).oneshot(request).await.unwrap();
        assert_eq!(reply.status(), 200, "{query}");
        String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    };
    let roots = [platform.keys.root().clone()];
    let now = platform.now_ms() / 1000;
    let read = |jwt: &str| TrustList::verify(jwt, Anchor::Roots(&roots), 2, now).unwrap();
    let whole = read(&get("").await);
    let own = format!("?issuer={}", platform.config.public.origin());
    let part = read(&get(&own).await);
    assert_eq!((part.entries(), part.version()), (whole.entries(), whole.version()));
    assert_eq!(get(&own).await, get(&own).await, "signed once");
    let stranger = get("?issuer=https://stranger.example").await;
    assert!(read(&stranger).entries().is_empty() && read(&stranger).version() == whole.version());
    assert_eq!(stranger, get("?issuer=https://another.example").await, "nobody makes us sign by asking");

    let key = jkt(&platform);
    let revoked =
        platform.store.write(move |tx| Box::pin(async move { revoke_key(tx, &key, &By::system()).await }));
    revoked.await.unwrap();
    let after = read(&get(&own).await);
    assert!(after.version() > part.version(), "a change is in the parts at once");
    let origin = Origin { jkt: &jkt(&platform), issuer: None, vct: "any", issued_at: Some(now) };
    assert_eq!(after.judge(&origin).map(|_| ()), Err(Distrust::Revoked));
}

#[tokio::test]
async fn the_list_is_signed_anew_every_five_minutes_and_when_it_changes() {
    let platform = testing::platform().await;
    let first = local_trust(&platform).await.unwrap();
    platform.clock.advance_ms(limits::TRUST_LIST_REFRESH.get() - 1);
    assert_eq!(local_trust(&platform).await.unwrap().issued_at(), first.issued_at());
    platform.clock.advance_ms(1);
    let second = local_trust(&platform).await.unwrap();
    assert!(second.issued_at() > first.issued_at());
    assert_eq!(second.version(), first.version());
}

#[tokio::test]
async fn what_a_revoked_key_signed_holds_no_more_whatever_its_date_and_it_stays_revoked() {
    let platform = testing::platform().await;
    let now = platform.now_ms() / 1000;
    assert_eq!(judge(&platform, now).await, Ok(()));
    let key = jkt(&platform);
    let end = |revoke: bool| {
        let (store, key) = (platform.store.clone(), key.clone());
        async move {
            store
                .write(move |tx| {
                    Box::pin(async move {
                        let by = By::system();
                        if revoke { revoke_key(tx, &key, &by).await } else { retire_key(tx, &key, &by).await }
                    })
                })
                .await
        }
    };
    end(false).await.unwrap();
    assert_eq!(judge(&platform, now - 1).await, Ok(()), "what was issued before holds");
    assert_eq!(judge(&platform, now + 1).await, Err(Distrust::Retired));
    assert!(end(false).await.is_err(), "it is retired already");
    end(true).await.unwrap();
    for dated in [now - 3600, now - 1, now + 1] {
        assert_eq!(judge(&platform, dated).await, Err(Distrust::Revoked), "a back-dated forgery");
    }
    assert!(end(false).await.is_err() && end(true).await.is_err(), "there is no way back");
}

#[tokio::test]
async fn a_standby_that_has_not_heard_of_an_end_delays_what_is_published_and_no_judgement() {
    let (platform, standby) = (testing::platform().await, testing::platform().await);
    let node = beside(&platform, &standby).await;
    let published = async || {
        let request = http::Request::get("/trust-list").body(axum::body::Body::empty()).unwrap();
        let reply = server::public_router(&node).oneshot(request).await.unwrap();
        reply.headers()["etag"].to_str().unwrap().to_owned()
    };
    let first = published().await;
    let key = jkt(&platform);
    let end =
        platform.store.write(move |tx| Box::pin(async move { revoke_key(tx, &key, &By::system()).await }));
    end.await.unwrap();
    assert_eq!(published().await, first, "the standby has not heard of it");
    assert_eq!(judge(&node, platform.now_ms() / 1000).await, Err(Distrust::Revoked), "who judges has");
    assert_ne!(published().await, first, "and what a node knows it publishes");
}
