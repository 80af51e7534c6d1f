//! Devices without a browser (RFC 8628).

use axum::body::Body;
use futures::future::join_all;
use http::{Request, StatusCode, header};
use openid::form::Form;
use openid::oidc::device::DEVICE_CODE;
use serde_json::Value;

use super::support::{Browser, Reply, World, count, registration};
use crate::login::networks::NamedNetwork;
use crate::login::registration::ClientSettings;
use crate::testing;

const INSIDE: &str = "10.20.3.4";

async fn world() -> World {
    let platform = testing::platform_with(|config| {
        config.login.networks = vec![NamedNetwork::try_from("10.20.0.0/16=정부예시청사".to_owned()).unwrap()];
    })
    .await;
    let world = World::on(platform).await;
    let mut vpn = registration("vpn");
    vpn.public = true;
    world.register(vpn).await;
    world.configure("vpn", ClientSettings { device: true, refresh: true, ..ClientSettings::default() }).await;
    world
}

async fn post(world: &World, from: &str, path: &str, form: &Form) -> Reply {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form.encode()))
        .unwrap();
    world.send_from(from, request).await
}

async fn begin(world: &World) -> Value {
    let form = Form::default().with("client_id", "vpn").with("scope", "openid badge");
    let reply = post(world, INSIDE, "/oidc/device", &form).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.json()
}

async fn asks(world: &World, begun: &Value) -> Reply {
    let form = Form::default()
        .with("grant_type", DEVICE_CODE)
        .with("device_code", begun["device_code"].as_str().unwrap())
        .with("client_id", "vpn");
    world.post_form("/oidc/token", &form, &[]).await
}

async fn page(world: &World, begun: &Value) -> Browser {
    let form = Form::default().with("user_code", &begun["user_code"].as_str().unwrap().to_lowercase());
    Browser::of(post(world, INSIDE, "/device", &form).await)
}

#[tokio::test]
async fn a_device_gets_tokens_once_a_phone_has_approved_its_code() {
    let world = world().await;
    let begun = begin(&world).await;
    assert!(
        begun.get("verification_uri_complete").is_none(),
        "a link with the code in it is what a phisher sends"
    );
    assert_eq!(begun["interval"], 5);
    assert_eq!(asks(&world, &begun).await.code(), "authorization_pending");
    let page = page(&world, &begun).await;
    let code = begun["user_code"].as_str().unwrap();
    assert!(page.html.contains(code), "the page shows which device it is");
    let asked = world.phone.fetch(&world, &page.scan).await;
    let login = &asked.request.parameters().extra[openid::approval::PARAMETER];
    let place = login["place"].as_str().unwrap();
    assert!(
        place.contains("정부예시청사") && place.contains(code),
        "the phone shows place and code: {place}"
    );
    world.phone.approve(&world, &asked, Some(&page.number), openid::approval::Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
    assert_eq!(page.poll(&world, 0).await.json()["state"], "device_done");
    let done = world.get(&page.go_on(), Some(&page.cookie)).await;
    assert!(done.status == StatusCode::OK && done.headers.get(header::LOCATION).is_none());
    world.platform.clock.advance_ms(5_000);
    let reply = asks(&world, &begun).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let tokens = reply.json();
    let user = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(user["preferred_username"], "2026-00001");
    world.platform.clock.advance_ms(5_000);
    assert_eq!(asks(&world, &begun).await.code(), "invalid_grant", "a device code works once");
    assert_eq!(
        world.userinfo(tokens["access_token"].as_str().unwrap()).await.code(),
        "invalid_token",
        "and its replay ends what it led to"
    );
}

#[tokio::test]
async fn a_device_that_asks_too_often_waits_longer_each_time() {
    let world = world().await;
    let begun = begin(&world).await;
    assert_eq!(asks(&world, &begun).await.code(), "authorization_pending");
    for (wait, code) in [
        (4_999, "slow_down"),
        (9_999, "slow_down"),
        (14_999, "slow_down"),
        (20_000, "authorization_pending"),
        (20_000, "authorization_pending"),
        (600_000, "expired_token"),
    ] {
        world.platform.clock.advance_ms(wait);
        assert_eq!(asks(&world, &begun).await.code(), code, "after {wait} ms");
    }
}

#[tokio::test]
async fn only_registered_clients_in_registered_networks_begin() {
    let world = world().await;
    let form = Form::default().with("client_id", "vpn").with("scope", "openid");
    for from in ["203.0.113.9", "127.0.0.1", "10.21.0.1"] {
        assert_eq!(post(&world, from, "/oidc/device", &form).await.code(), "unauthorized_client", "{from}");
    }
    let spoofed = Request::post("/oidc/device")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", INSIDE)
        .body(Body::from(form.encode()))
        .unwrap();
    assert_eq!(world.send_from("203.0.113.9", spoofed).await.code(), "unauthorized_client");
    let mut app = registration("app");
    app.public = true;
    world.register(app).await;
    let other = Form::default().with("client_id", "app").with("scope", "openid");
    assert_eq!(post(&world, INSIDE, "/oidc/device", &other).await.code(), "unauthorized_client");
    let scope = Form::default().with("client_id", "vpn").with("scope", "badge");
    assert_eq!(post(&world, INSIDE, "/oidc/device", &scope).await.code(), "invalid_scope");
    let secret = Form::default().with("scope", "openid");
    assert_eq!(post(&world, INSIDE, "/oidc/device", &secret).await.code(), "invalid_client");

    let bare = World::new().await;
    let off = bare.get("/.well-known/openid-configuration", None).await.json();
    assert!(off.get("device_authorization_endpoint").is_none(), "off until networks are named");
    let on = world.get("/.well-known/openid-configuration", None).await.json();
    assert!(on["device_authorization_endpoint"].is_string());
}

#[tokio::test]
async fn guessing_user_codes_ends_after_ten_tries() {
    let world = world().await;
    let begun = begin(&world).await;
    let guess = Form::default().with("user_code", "BBBB-BBBB");
    for _ in 0..10 {
        assert_eq!(post(&world, "203.0.113.9", "/device", &guess).await.status, StatusCode::BAD_REQUEST);
    }
    let right = Form::default().with("user_code", begun["user_code"].as_str().unwrap());
    for form in [&guess, &right] {
        let reply = post(&world, "203.0.113.9", "/device", form).await;
        assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "whether it is right or wrong");
    }
    assert_eq!(
        post(&world, INSIDE, "/device", &right).await.status,
        StatusCode::OK,
        "others are not held up"
    );
    world.platform.clock.advance_ms(600_000);
    assert_eq!(post(&world, "203.0.113.9", "/device", &guess).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refusal_on_the_phone_or_in_the_browser_reaches_the_device() {
    let world = world().await;
    let begun = begin(&world).await;
    let page = page(&world, &begun).await;
    let cancelled = world.get(&format!("/login/cancel?login={}", page.login), Some(&page.cookie)).await;
    assert!(cancelled.headers.get(header::LOCATION).is_none());
    assert_eq!(asks(&world, &begun).await.code(), "access_denied");

    let begun = begin(&world).await;
    let page = self::page(&world, &begun).await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    let wrong = if page.number == "10" { "11" } else { "10" };
    world.phone.approve(&world, &asked, Some(wrong), openid::approval::Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_number_wrong");
    assert_eq!(asks(&world, &begun).await.code(), "access_denied");
}

#[tokio::test]
async fn a_device_code_is_one_clients_own_and_no_ticket_passes_for_another() {
    let world = world().await;
    let begun = begin(&world).await;
    let device_code = begun["device_code"].as_str().unwrap();
    let form = Form::default().with("grant_type", DEVICE_CODE).with("device_code", device_code);
    assert_eq!(world.as_portal("/oidc/token", &form).await.code(), "invalid_grant");
    let as_code = world.token_form(device_code);
    assert_eq!(
        world.redeem_as("portal", &world.secrets.client_secret.clone().unwrap(), &as_code).await.code(),
        "invalid_grant"
    );
    assert_eq!(world.refresh(device_code).await.code(), "invalid_grant");
    let missing = Form::default().with("grant_type", DEVICE_CODE).with("client_id", "vpn");
    assert_eq!(world.post_form("/oidc/token", &missing, &[]).await.code(), "invalid_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_askers_of_one_device_code_one_gets_tokens() {
    let world = world().await;
    let begun = begin(&world).await;
    let page = page(&world, &begun).await;
    assert_eq!(world.phone_logs_in(&page).await.status, StatusCode::OK);
    let replies = join_all((0..64).map(|_| asks(&world, &begun))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_session").await, 1);
    for reply in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert_eq!(reply.code(), "slow_down");
    }
}

#[tokio::test]
async fn a_suspension_ends_a_device_code_that_was_approved() {
    let world = world().await;
    let begun = begin(&world).await;
    let page = page(&world, &begun).await;
    assert_eq!(world.phone_logs_in(&page).await.status, StatusCode::OK);
    world.suspend().await;
    world.resume().await;
    assert_eq!(asks(&world, &begun).await.code(), "invalid_grant");
}
