//! Whatever may be used once: 64 at a time, one success.

use futures::future::join_all;
use http::StatusCode;
use openid::approval::Level;

use super::support::{World, count};

const CALLERS: usize = 64;

fn successes(replies: &[super::support::Reply]) -> usize {
    replies.iter().filter(|reply| reply.status == StatusCode::OK).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_answers_to_one_request_one_logs_in() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    let replies = join_all((0..CALLERS).map(|_| world.phone.present(&world, &asked))).await;
    assert_eq!(successes(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert!(
            ["login_answered", "login_approval_missing"].contains(&reply.code().as_str()),
            "{}",
            reply.body
        );
    }
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_attempt").await, 1);
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM audit_record WHERE act = 'login.granted'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_scans_of_one_page_one_logs_in() {
    let world = World::new().await;
    let page = world.open_page().await;
    let mut requests = Vec::new();
    for _ in 0..CALLERS {
        let asked = world.phone.fetch(&world, &page.scan).await;
        world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
        requests.push(asked);
    }
    let replies = join_all(requests.iter().map(|asked| world.phone.present(&world, asked))).await;
    assert_eq!(successes(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert_eq!(reply.code(), "login_answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_redemptions_of_one_code_one_gets_tokens() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let replies = join_all((0..CALLERS).map(|_| world.redeem(&code))).await;
    assert_eq!(successes(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert_eq!(reply.code(), "invalid_grant");
    }
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_session").await, 1);
    let winner = replies.iter().find(|reply| reply.status == StatusCode::OK).unwrap().json();
    let token = winner["access_token"].as_str().unwrap();
    assert_eq!(
        world.userinfo(token).await.code(),
        "invalid_token",
        "a code that was replayed takes its session along"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_suspension_that_races_logins_leaves_no_session_alive() {
    let world = World::new().await;
    for _ in 0..8 {
        let page = world.open_page().await;
        let asked = world.phone.fetch(&world, &page.scan).await;
        world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
        let (answer, ()) = futures::join!(world.phone.present(&world, &asked), world.suspend());
        if answer.status == StatusCode::OK {
            let reply = world.get(&page.go_on(), Some(&page.cookie)).await;
            if reply.status == StatusCode::SEE_OTHER {
                let code = reply.parameter("code").unwrap();
                assert_eq!(world.redeem(&code).await.code(), "invalid_grant");
            }
        } else {
            assert_eq!(answer.code(), "login_badge_suspended");
        }
        assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_session WHERE ended_at IS NULL").await, 0);
        world.resume().await;
        world.execute("DELETE FROM account_approval", Vec::new()).await;
    }
}
