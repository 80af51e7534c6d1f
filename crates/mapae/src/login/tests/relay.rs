//! A live proxy between the victim and the login page (RFC 10027): it shows the victim the QR and the number of a login that
//! it has begun itself. What stops it, and where nothing does.

use axum::body::Body;
use http::{Request, StatusCode, header};
use openid::approval::Level;

use super::support::{Browser, Reply, World, registration};
use crate::login::networks::NamedNetwork;
use crate::testing;
use crate::verification::relying_party::StartLevel;

const OFFICE: &str = "10.20.3.4";
const PROXY: &str = "203.0.113.66";

async fn world() -> World {
    let platform = testing::platform_with(|config| {
        config.login.networks = vec![NamedNetwork::try_from("10.20.0.0/16=정부예시청사".to_owned()).unwrap()];
    })
    .await;
    let world = World::on(platform).await;
    for (id, level) in [("substantial", StartLevel::Substantial), ("high", StartLevel::High)] {
        let mut party = registration(id);
        party.level = level;
        world.register(party).await;
    }
    world
}

async fn open(world: &World, from: &str, client_id: &str) -> Reply {
    let path = format!("/oidc/authorize?{}", world.request_as(client_id).encode());
    world.send_from(from, Request::get(path).body(Body::empty()).unwrap()).await
}

fn cookie(reply: &Reply) -> String {
    reply.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn at_level_low_a_live_proxy_that_shows_qr_and_number_gets_in() {
    let world = world().await;
    // The proxy begins a login and shows the victim a copy of what it sees; the victim scans and types, as always.
    let proxy = Browser::of(open(&world, PROXY, "portal").await);
    let (qr, number) = (proxy.scan.clone(), proxy.number.clone());
    let asked = world.phone.fetch(&world, &qr).await;
    world.phone.approve(&world, &asked, Some(&number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
    let stolen = world.get(&proxy.go_on(), Some(&proxy.cookie)).await;
    assert!(
        stolen.parameter("code").is_some(),
        "docs/security/cross-device.md says so: the bare QR can't stop this"
    );
}

#[tokio::test]
async fn above_low_a_proxy_outside_gets_no_qr_to_show() {
    let world = world().await;
    for party in ["substantial", "high"] {
        let reply = open(&world, PROXY, party).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert!(!reply.body.contains("data-qr") && !reply.body.contains("data-scan"), "{party}");
        // Nor by asking again, nor by writing an address of the office into a header.
        let login = super::support::attribute(&reply.body, "data-login");
        let poll = serde_json::json!({ "login": login, "draw": 99 }).to_string();
        let request = Request::post("/login/poll")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, cookie(&reply))
            .header("x-forwarded-for", OFFICE)
            .body(Body::from(poll))
            .unwrap();
        let polled = world.send_from(PROXY, request).await.json();
        assert!(polled.get("qr").is_none() && polled.get("scan").is_none(), "{polled}");
    }
}

#[tokio::test]
async fn above_low_the_link_for_the_same_device_brings_the_login_to_the_victims_browser_and_to_no_other() {
    let world = world().await;
    let reply = open(&world, PROXY, "high").await;
    let proxys_cookie = cookie(&reply);
    let link = reply
        .body
        .split("data-link href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    // The victim taps the proxy's link on the phone and agrees.
    let asked = world.phone.fetch(&world, &link).await;
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let presented = world.phone.present(&world, &asked).await;
    assert_eq!(presented.status, StatusCode::OK, "{}", presented.body);
    let back = presented.json()["redirect_uri"].as_str().unwrap().to_owned();
    let path = back.strip_prefix(world.platform.config.public.origin()).unwrap().to_owned();
    // The phone's browser did not begin this login; the proxy's browser never learns where the phone returns to.
    let victims = world.get(&path, None).await;
    assert_eq!(victims.status, StatusCode::BAD_REQUEST);
    assert!(victims.body.contains("login_other_browser"));
    let login = super::support::attribute(&reply.body, "data-login");
    let waiting = world.get(&format!("/login/continue?login={login}"), Some(&proxys_cookie)).await;
    assert!(waiting.headers.get(header::LOCATION).is_none(), "waiting at the page does not help");
}

#[tokio::test]
async fn in_a_registered_network_the_qr_is_drawn_and_the_phone_shows_the_place() {
    let world = world().await;
    for party in ["substantial", "high"] {
        let page = Browser::of(open(&world, OFFICE, party).await);
        let asked = world.phone.fetch(&world, &page.scan).await;
        let login = &asked.request.parameters().extra[openid::approval::PARAMETER];
        assert_eq!(login["place"], "정부예시청사");
        assert_eq!(login["number_digits"], 2);
        world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
        assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
        world.execute("DELETE FROM account_approval", Vec::new()).await;
    }
    let unknown = Browser::of(open(&world, PROXY, "portal").await);
    let asked = world.phone.fetch(&world, &unknown.scan).await;
    assert!(
        asked.request.parameters().extra[openid::approval::PARAMETER].get("place").is_none(),
        "told as 알 수 없음"
    );
}

#[tokio::test]
async fn a_browser_that_leaves_its_network_gets_no_more_codes_of_it() {
    let world = world().await;
    let page = Browser::of(open(&world, OFFICE, "high").await);
    let poll = |from: &'static str| {
        let body = serde_json::json!({ "login": page.login, "draw": 99 }).to_string();
        let request = Request::post("/login/poll")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, &page.cookie)
            .body(Body::from(body))
            .unwrap();
        world.send_from(from, request)
    };
    assert!(poll(OFFICE).await.json()["qr"].is_string());
    assert!(poll(PROXY).await.json().get("qr").is_none());
}

#[tokio::test]
async fn a_qr_photographed_and_shown_elsewhere_is_worth_nothing_after_twenty_seconds() {
    let world = world().await;
    let page = Browser::of(open(&world, OFFICE, "high").await);
    world.platform.clock.advance_ms(20_000);
    let reply = world.phone.try_fetch(&world, &page.scan).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::GONE, "login_request_expired"));
}

#[tokio::test]
async fn after_five_wrong_numbers_a_badge_waits_and_then_goes_on() {
    let world = world().await;
    let attempt = async |right: bool| {
        let page = Browser::of(open(&world, OFFICE, "portal").await);
        let asked = world.phone.fetch(&world, &page.scan).await;
        let wrong = if page.number == "10" { "11" } else { "10" };
        let number = if right { page.number.as_str() } else { wrong };
        world.phone.approve(&world, &asked, Some(number), Level::Base).await;
        let reply = world.phone.present(&world, &asked).await;
        world.execute("DELETE FROM account_approval", Vec::new()).await;
        reply
    };
    for _ in 0..5 {
        assert_eq!(attempt(false).await.code(), "login_number_wrong");
    }
    let waits = attempt(true).await;
    assert_eq!((waits.status, waits.code().as_str()), (StatusCode::TOO_MANY_REQUESTS, "login_must_wait"));
    world.platform.clock.advance_ms(600_000);
    assert_eq!(attempt(true).await.status, StatusCode::OK);
}
