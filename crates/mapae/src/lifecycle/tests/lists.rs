//! Status lists: what the world is told, when, and what it can't learn from it.

use std::collections::HashSet;

use axum::body::Body;
use credential::sd_jwt::StatusClaim;
use credential::status_list::{Status, VerifiedList, verify_cwt, verify_jwt};
use credential::trust::Anchor;
use credential::verify::{StatusAnswer, StatusSource as _};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::lifecycle::status::{self, COPIES_A_WEEK};
use crate::lifecycle::{LocalStatus, badge_of, take_copies};
use crate::operations::store::{StoreError, params};
use crate::operations::{limits, server};
use crate::testing;

const WEEK_MS: i64 = 7 * 86_400_000;

async fn places(platform: &Platform, slot: i64, first: i64, count: i64) -> Vec<StatusClaim> {
    let week = Week::of(platform.now_ms() / 1000);
    status::claims_for(platform, &did(platform), slot, week, first, count).await.unwrap().unwrap()
}

async fn get(platform: &Arc<Platform>, uri: &str, headers: &[(&str, &str)]) -> http::Response<Vec<u8>> {
    let path = uri.strip_prefix(platform.config.public.origin()).unwrap_or(uri);
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    let router = server::public_router(platform);
    let (parts, body) = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes().to_vec())
}

async fn fetch(platform: &Arc<Platform>, uri: &str) -> VerifiedList {
    let reply = get(platform, uri, &[]).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let roots = [platform.keys.root().clone()];
    let token = String::from_utf8(reply.into_body()).unwrap();
    verify_jwt(&token, uri, Anchor::Roots(&roots), platform.now_ms() / 1000).unwrap()
}

#[tokio::test]
async fn a_suspension_reaches_every_copy_of_every_batch_in_every_live_week() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let other = badge(&platform, "another").await;
    let mut copies = places(&platform, made.slot, 0, 20).await;
    let others = places(&platform, other.slot, 0, 20).await;
    platform.clock.advance_ms(WEEK_MS);
    let week = Week::of(platform.now_ms() / 1000).start();
    for read in [made.clone(), other.clone()] {
        let taken = platform
            .store
            .write(move |tx| Box::pin(async move { take_copies(tx, &read, week, 40).await }))
            .await
            .unwrap();
        assert!(taken);
    }
    copies.extend(places(&platform, made.slot, 0, 40).await);
    let lists: HashSet<String> = copies.iter().map(|copy| copy.uri.clone()).collect();
    assert_eq!(lists.len(), 2, "one list for each week");

    for (wanted, expected) in [
        (Change::Suspend, Status::Suspended),
        (Change::Resume, Status::Valid),
        (Change::Suspend, Status::Suspended),
        (Change::Revoke, Status::Invalid),
    ] {
        change(&platform, &made.id, wanted).await.unwrap();
        // Our own verifier sees it at once, and the published list a second later.
        let local = LocalStatus::now(&platform).await.unwrap();
        platform.clock.advance_ms(limits::STATUS_LIST_RESIGN.get());
        for uri in &lists {
            let published = fetch(&platform, uri).await;
            for copy in copies.iter().filter(|copy| copy.uri == *uri) {
                assert_eq!(local.status(uri, copy.index), Some(expected));
                assert_eq!(published.get(copy.index), Some(expected));
            }
            for copy in others.iter().filter(|copy| copy.uri == *uri) {
                assert_eq!(published.get(copy.index), Some(Status::Valid));
            }
            let StatusAnswer::List(list) = local.list(uri) else { panic!("our list is known") };
            assert_eq!(list.list, published.list, "one truth for both");
        }
    }
}

#[tokio::test]
async fn a_revocation_in_the_past_says_nothing_in_weeks_without_its_copies() {
    let platform = testing::platform().await;
    let gone = badge(&platform, "someone").await;
    change(&platform, &gone.id, Change::Revoke).await.unwrap();
    platform.clock.advance_ms(WEEK_MS);
    let made = badge(&platform, "another").await;
    let copy = places(&platform, made.slot, 0, 1).await.remove(0);
    let list = fetch(&platform, &copy.uri).await;
    // Its slot of this week holds no copy; only decoys are marked.
    let week = Week::of(platform.now_ms() / 1000);
    let empty =
        status::claims_for(&platform, &gone.issuing_did, gone.slot, week, 0, 1).await.unwrap().unwrap();
    assert_eq!(list.get(empty[0].index), Some(Status::Valid));
}

#[tokio::test]
async fn no_index_is_given_twice_and_each_leads_back_to_its_badge() {
    let platform = testing::platform().await;
    let mut seen = HashSet::new();
    let mut badges = Vec::new();
    for n in 0..40 {
        let made = badge(&platform, &format!("someone-{n}")).await;
        for copy in places(&platform, made.slot, 0, COPIES_A_WEEK).await {
            assert!(seen.insert((copy.uri.clone(), copy.index)), "an index twice");
            if copy.index % 17 == 0 {
                badges.push((copy, made.id.clone()));
            }
        }
    }
    for (copy, id) in badges {
        let found = badge_of(&platform, &copy.uri, copy.index).await.unwrap().unwrap();
        assert_eq!(found.id, id);
    }
    let uri = seen.iter().next().unwrap().0.clone();
    let free = (0..1 << 17).find(|index| !seen.contains(&(uri.clone(), *index))).unwrap();
    assert!(badge_of(&platform, &uri, free).await.unwrap().is_none(), "nobody stands there");
    for foreign in ["https://other.example/status/x", "http://localhost:8600/status/x", &format!("{uri}0")] {
        assert!(badge_of(&platform, foreign, 0).await.unwrap().is_none());
    }
    assert!(badge_of(&platform, &uri, u64::MAX).await.unwrap().is_none());
}

#[tokio::test]
async fn there_are_no_more_copies_in_a_week_than_the_list_has_places_for() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let (did, week) = (did(&platform), Week::of(platform.now_ms() / 1000));
    for (first, count) in [(0, COPIES_A_WEEK + 1), (COPIES_A_WEEK, 1), (-1, 1), (i64::MAX, 1)] {
        let none = status::claims_for(&platform, &did, made.slot, week, first, count).await.unwrap();
        assert!(none.is_none(), "{first} and {count}");
    }
}

#[tokio::test]
async fn a_week_that_outgrows_its_list_gets_another() {
    let platform = testing::platform().await;
    let first = badge(&platform, "someone").await;
    let near = places(&platform, first.slot, 0, 1).await.remove(0);
    let far = places(&platform, 5000, 0, 3).await;
    assert_ne!(near.uri, far[0].uri);
    let again = places(&platform, 5000, 0, 3).await;
    assert_eq!(far, again, "and stays there");
    let mut made = new_badge(&platform, "another", 3, None).await;
    made.slot = 5000;
    let made = enter(&platform, made).await.unwrap();
    assert_eq!(badge_of(&platform, &far[2].uri, far[2].index).await.unwrap().unwrap().id, made.id);
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    assert_eq!(fetch(&platform, &far[2].uri).await.get(far[2].index), Some(Status::Suspended));
    assert_eq!(fetch(&platform, &near.uri).await.get(near.index), Some(Status::Valid));
}

#[tokio::test]
async fn marks_of_a_list_do_not_count_people() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let uri = places(&platform, made.slot, 0, 1).await.remove(0).uri;
    let marked = |list: &VerifiedList| -> HashSet<u64> {
        (0..1 << 17).filter(|index| list.get(*index) != Some(Status::Valid)).collect()
    };
    let before = fetch(&platform, &uri).await;
    assert!(before.list.len() >= 1 << 17);
    let decoys = marked(&before);
    assert!(decoys.len() >= 2 * 128, "decoys are there from the start: {}", decoys.len());
    assert!(decoys.iter().any(|index| before.get(*index) == Some(Status::Suspended)));
    for index in decoys.iter().take(200) {
        assert!(badge_of(&platform, &uri, *index).await.unwrap().is_none(), "a decoy is nobody's");
    }
    change(&platform, &made.id, Change::Revoke).await.unwrap();
    platform.clock.advance_ms(limits::STATUS_LIST_RESIGN.get());
    let after = marked(&fetch(&platform, &uri).await);
    assert!(decoys.is_subset(&after), "they stay where they are");
    assert_eq!(after.len() - decoys.len(), COPIES_A_WEEK as usize);
}

#[tokio::test]
async fn a_list_is_signed_at_most_once_a_second_and_again_at_half_its_ttl() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let uri = places(&platform, made.slot, 0, 1).await.remove(0).uri;
    let tag = |reply: &http::Response<Vec<u8>>| reply.headers()["etag"].to_str().unwrap().to_owned();
    let first = tag(&get(&platform, &uri, &[]).await);
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    platform.clock.advance_ms(limits::STATUS_LIST_RESIGN.get() - 1);
    assert_eq!(tag(&get(&platform, &uri, &[]).await), first, "not yet");
    platform.clock.advance_ms(1);
    let second = tag(&get(&platform, &uri, &[]).await);
    assert_ne!(second, first);
    platform.clock.advance_ms(limits::STATUS_LIST_TTL.get() / 2 - 1);
    assert_eq!(tag(&get(&platform, &uri, &[]).await), second, "nothing changed");
    platform.clock.advance_ms(limits::STATUS_LIST_RESIGN.get());
    assert_ne!(tag(&get(&platform, &uri, &[]).await), second, "half a ttl is over");
}

#[tokio::test]
async fn a_list_is_served_in_both_forms_with_its_tag_and_only_while_it_is_of_use() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let copy = places(&platform, made.slot, 0, 1).await.remove(0);
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    let jwt = get(&platform, &copy.uri, &[]).await;
    assert_eq!(jwt.headers()["content-type"], "application/statuslist+jwt");
    let cwt = get(&platform, &copy.uri, &[("accept", "application/statuslist+cwt")]).await;
    assert_eq!(cwt.headers()["content-type"], "application/statuslist+cwt");
    let roots = [platform.keys.root().clone()];
    let list = verify_cwt(cwt.body(), &copy.uri, Anchor::Roots(&roots), platform.now_ms() / 1000).unwrap();
    assert_eq!(list.get(copy.index), Some(Status::Suspended));
    assert_ne!(jwt.headers()["etag"], cwt.headers()["etag"]);
    let known = jwt.headers()["etag"].to_str().unwrap();
    let again = get(&platform, &copy.uri, &[("if-none-match", known)]).await;
    assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    assert!(again.headers()["cache-control"].to_str().unwrap().contains("max-age=5"));
    assert_eq!(
        get(&platform, &copy.uri, &[("accept", "text/html")]).await.status(),
        StatusCode::NOT_ACCEPTABLE
    );

    let name = copy.uri.rsplit('/').next().unwrap();
    for wrong in ["x", "0000000000000000-2026-W48-0", &format!("{name}1"), &name.replace("-W48-0", "-W48-00")]
    {
        assert_eq!(get(&platform, &format!("/status/{wrong}"), &[]).await.status(), StatusCode::NOT_FOUND);
    }
    platform.clock.advance_ms(limits::STATUS_LIST_SERVED.get());
    assert_eq!(get(&platform, &copy.uri, &[]).await.status(), StatusCode::NOT_FOUND);
    let StatusAnswer::Unavailable = LocalStatus::now(&platform).await.unwrap().list(&copy.uri) else {
        panic!("a list that is no longer in use tells nothing")
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_on_the_same_store_gives_the_same_answers() {
    let platform = testing::platform().await;
    let made = badge(&platform, "someone").await;
    let copy = places(&platform, made.slot, 0, 1).await.remove(0);
    let other = Platform::open(platform.config.clone(), platform.platform.clock.clone()).await.unwrap();
    assert_eq!(places(&other, made.slot, 0, 1).await, std::slice::from_ref(&copy));
    let seen = |platform: std::sync::Arc<Platform>, copy: StatusClaim| async move {
        LocalStatus::now(&platform).await.unwrap().status(&copy.uri, copy.index)
    };
    assert_eq!(seen(other.clone(), copy.clone()).await, Some(Status::Valid));
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    assert_eq!(seen(other.clone(), copy.clone()).await, Some(Status::Suspended));
    // A list that the other one begins is known here at once.
    platform.clock.advance_ms(WEEK_MS);
    let next = places(&other, made.slot, 0, 1).await.remove(0);
    assert_eq!(seen(platform.platform.clone(), next.clone()).await, Some(Status::Valid));
    assert_eq!(badge_of(&platform, &next.uri, next.index).await.unwrap().unwrap().id, made.id);
    other.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_while_badges_change_sees_each_committed_change() {
    let platform = testing::platform().await;
    let mut badges = Vec::new();
    for n in 0..32 {
        let made = badge(&platform, &format!("someone-{n}")).await;
        let copy = places(&platform, made.slot, 0, 1).await.remove(0);
        badges.push((made.id, copy));
    }
    let running = badges.into_iter().map(|(id, copy)| {
        let shared = platform.platform.clone();
        tokio::spawn(async move {
            change(&shared, &id, Change::Suspend).await.unwrap();
            let seen = LocalStatus::now(&shared).await.unwrap().status(&copy.uri, copy.index);
            assert_eq!(seen, Some(Status::Suspended), "the change was committed before");
        })
    });
    for done in futures::future::join_all(running).await {
        done.unwrap();
    }
}

#[tokio::test]
async fn every_list_that_is_served_is_named_for_those_who_fetch_ahead() {
    let platform = testing::platform().await;
    let first = badge(&platform, "employee-1").await;
    let uri = places(&platform, first.slot, 0, 1).await.remove(0).uri;
    assert_eq!(status::all_uris(&platform).await.unwrap(), std::slice::from_ref(&uri));
    // The list itself says where; there stands a JSON object that browsers of other pages may read too.
    let aggregation = fetch(&platform, &uri).await.claims.aggregation_uri.unwrap();
    let reply = get(&platform, &aggregation, &[]).await;
    assert_eq!(
        (reply.status(), &reply.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    assert_eq!(reply.headers()["access-control-allow-origin"], "*");
    let body: serde_json::Value = serde_json::from_slice(reply.body()).unwrap();
    assert_eq!(body, serde_json::json!({ "status_lists": [uri] }));
    platform.clock.advance_ms(limits::STATUS_LIST_SERVED.get() + WEEK_MS);
    assert!(status::all_uris(&platform).await.unwrap().is_empty(), "and none that is over");
}

#[tokio::test]
async fn a_standby_that_lags_delays_what_is_published_and_nothing_that_is_decided() {
    let (platform, standby) = (testing::platform().await, testing::platform().await);
    let made = badge(&platform, "someone").await;
    let copy = places(&platform, made.slot, 0, 1).await.remove(0);
    let node = beside(&platform, &standby).await;
    let fetched = async || {
        platform.clock.advance_ms(limits::STATUS_LIST_RESIGN.get());
        fetch(&node, &copy.uri).await.get(copy.index)
    };
    let decided = async || LocalStatus::now(&node).await.unwrap().status(&copy.uri, copy.index);
    assert_eq!(fetched().await, Some(Status::Valid), "of a list that the standby has not heard of, too");

    // What it would have heard so far.
    let seen = async |version: i64| {
        let (did, week) = (did(&platform), Week::of(platform.now_ms() / 1000).start());
        let unit = standby.store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO issuing_party (did, next_slot, status_version) VALUES ($1, 1, $2) \
                     ON CONFLICT (did) DO UPDATE SET status_version = $2",
                    params![&did, version],
                )
                .await?;
                tx.execute(
                    "INSERT INTO status_series (issuing_did, week, series, first_slot, slots, bits, key_id) \
                     VALUES ($1, $2, 0, 0, 1, 13, 1) ON CONFLICT DO NOTHING",
                    params![&did, week],
                )
                .await
            })
        });
        unit.await.unwrap();
    };
    let sql = "SELECT status_version FROM issuing_party";
    let version =
        async || platform.store.fetch_one(sql, params![]).await.unwrap().int("status_version").unwrap();
    seen(version().await).await;
    change(&platform, &made.id, Change::Suspend).await.unwrap();
    assert_eq!(fetched().await, Some(Status::Valid), "the standby has not heard of it");
    assert_eq!(decided().await, Some(Status::Suspended), "who decides asks the primary");
    assert_eq!(fetched().await, Some(Status::Suspended), "what a node knows it publishes, whoever lags");

    change(&platform, &made.id, Change::Resume).await.unwrap();
    assert_eq!(fetched().await, Some(Status::Suspended));
    seen(version().await).await;
    assert_eq!(fetched().await, Some(Status::Valid), "the standby has heard of it");
}
