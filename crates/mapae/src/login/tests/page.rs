//! The page: one browser, one login, every state with what to do next.

use http::StatusCode;
use openid::approval::Level;
use serde_json::json;

use super::support::World;
use crate::operations::Language;

#[tokio::test]
async fn the_page_shows_number_link_qr_party_and_what_will_be_shared() {
    let world = World::new().await;
    let page = world.open_page().await;
    let number: u8 = page.number.parse().unwrap();
    assert!((10..100).contains(&number));
    for part in [
        "예시 업무 포털",
        "http://localhost:8603",
        "이 기기의 앱으로 열기",
        "<svg",
        "소속 기관",
        "공무원 번호",
        "role=\"timer\"",
    ] {
        assert!(page.html.contains(part), "{part}");
    }
    assert!(!page.html.contains("생년월일"), "not asked for, so not shown");
    assert!(page.scan.starts_with("openid4vp://?client_id=x509_hash%3A"));
    assert!(page.scan.len() < 640, "a QR that phones still read: {}", page.scan.len());
    assert!(page.html.len() < 60_000, "{}", page.html.len());
}

#[tokio::test]
async fn the_page_has_nothing_inline_and_its_parts_come_from_here() {
    let world = World::new().await;
    let reply = world.authorize(&world.request()).await;
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(reply.headers["referrer-policy"], "no-referrer");
    assert_eq!(reply.headers["cache-control"], "no-store");
    for inline in ["style=", "onclick=", "<style", "<script>", "javascript:"] {
        assert!(!reply.body.contains(inline), "{inline}");
    }
    for asset in reply.body.split(['"']).filter(|part| part.starts_with("/assets/login.")) {
        let found = world.get(asset, None).await;
        assert_eq!(found.status, StatusCode::OK, "{asset}");
        assert!(found.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
}

#[tokio::test]
async fn every_ten_seconds_there_is_another_qr_of_the_same_login() {
    let world = World::new().await;
    let page = world.open_page().await;
    let same = page.poll(&world, 0).await.json();
    assert_eq!((same["state"].as_str(), same["seconds"].as_i64()), (Some("waiting"), Some(10)));
    assert!(same.get("qr").is_none());
    world.platform.clock.advance_ms(10_000);
    let next = page.poll(&world, 0).await.json();
    assert_eq!(next["draw"], 1);
    assert!(next["qr"].as_str().unwrap().starts_with("<svg"));
    let scan = next["scan"].as_str().unwrap();
    assert_ne!(scan, page.scan);
    // The number stays: it belongs to the login, not to the picture.
    let asked = world.phone.fetch(&world, scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
    let done = page.poll(&world, 1).await.json();
    assert_eq!(done["state"], "granted");
    assert_eq!(done["next"], page.go_on());
}

#[tokio::test]
async fn another_browser_neither_follows_nor_finishes_a_login() {
    let world = World::new().await;
    let page = world.open_page().await;
    let stranger = world.open_page().await;
    world.phone_logs_in(&page).await;
    for cookie in [stranger.cookie.as_str(), "", "__Host-mapae-browser=x"] {
        let polled = page.poll_with(&world, 0, cookie).await.json();
        assert_eq!(polled["state"], "other_browser");
        assert!(polled.get("next").is_none());
        let reply = world.get(&page.go_on(), Some(cookie)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
        assert!(reply.headers.get("location").is_none());
        let reply = world.get(&format!("/login/cancel?login={}", page.login), Some(cookie)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.get(&page.go_on(), Some(&page.cookie)).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_browser_keeps_its_cookie_and_may_have_two_logins_open() {
    let world = World::new().await;
    let first = world.open_page().await;
    let path = format!("/oidc/authorize?{}", world.request().encode());
    let second = world.get(&path, Some(&first.cookie)).await;
    assert_eq!(second.status, StatusCode::OK);
    assert!(second.headers.get("set-cookie").is_none());
    assert_eq!(first.poll(&world, 0).await.json()["state"], "waiting");
}

#[tokio::test]
async fn an_expired_page_says_so_and_how_to_begin_anew() {
    let world = World::new().await;
    let page = world.open_page().await;
    world.platform.clock.advance_ms(300_000);
    assert_eq!(page.poll(&world, 0).await.json()["state"], "expired");
    let reply = world.get(&page.go_on(), Some(&page.cookie)).await;
    assert!(
        reply.body.contains("시간이 지났습니다")
            && reply.body.contains("href=\"/oidc/authorize?response_type=code")
    );
    let again = reply
        .body
        .split("href=\"/oidc/authorize")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    let renewed = world.get(&format!("/oidc/authorize{again}"), Some(&page.cookie)).await;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.body);
}

#[tokio::test]
async fn cancelling_tells_the_relying_party_and_ends_the_login_for_the_phone_too() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    let reply = world.get(&format!("/login/cancel?login={}", page.login), Some(&page.cookie)).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(reply.parameter("error").as_deref(), Some("access_denied"));
    assert_eq!(reply.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_answered");
}

#[tokio::test]
async fn a_login_that_is_none_of_ours_gets_a_page_or_a_problem() {
    let world = World::new().await;
    let reply = world.get("/login/continue?login=AAAA", None).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let reply = world.post_json("/login/poll", &json!({ "login": "AAAA", "draw": 0 }), &[]).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "login_invalid"));
    let reply = world.post_json("/login/poll", &json!({ "login": "AAAA", "draw": 0, "more": 1 }), &[]).await;
    assert!(reply.status.is_client_error());
}

#[test]
fn every_problem_of_the_login_has_a_message() {
    for code in [
        "login_invalid",
        "login_party_unknown",
        "login_redirect_unknown",
        "login_too_long",
        "login_expired",
        "login_other_browser",
        "login_request_expired",
        "login_answered",
        "login_badge_unknown",
        "login_badge_suspended",
        "login_badge_revoked",
        "login_approval_missing",
        "login_approval_foreign",
        "login_level_too_low",
        "login_number_wrong",
        "login_must_wait",
        "presentation_refused",
        "verification_unauthorized",
        "verification_query",
        "verification_claim",
        "verification_redirect",
        "verification_too_long",
        "verification_unknown",
        "verification_gone",
        "verification_response_code",
        "verification_answered",
    ] {
        assert!(crate::operations::language::knows(code), "{code}");
        assert_ne!(crate::operations::language::text(Language::En, code), code);
    }
}
