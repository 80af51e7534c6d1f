//! What the authorization endpoint refuses, and where it says so.

use http::StatusCode;
use openid::form::Form;

use super::support::{REDIRECT, World, registration};
use crate::verification::relying_party::StartLevel;

fn changed(world: &World, name: &str, value: Option<&str>) -> Form {
    let mut form = Form::default();
    for (known, old) in world.request().iter() {
        if known != name {
            form.push(known, old);
        }
    }
    if let Some(value) = value {
        form.push(name, value);
    }
    form
}

#[tokio::test]
async fn an_unknown_client_or_address_gets_a_page_and_never_a_redirect() {
    let world = World::new().await;
    for (name, value) in [
        ("client_id", Some("stranger")),
        ("client_id", None),
        ("redirect_uri", Some("https://attacker.example/callback")),
        ("redirect_uri", Some("http://localhost:8603/callback/")),
        ("redirect_uri", Some("http://localhost:8603/callback?next=evil")),
        ("redirect_uri", Some("http://LOCALHOST:8603/callback")),
        ("redirect_uri", Some("http://localhost:8603/callback#x")),
        ("redirect_uri", Some("http://user@localhost:8603/callback")),
        ("redirect_uri", Some("http://localhost:8603/../callback")),
        ("redirect_uri", None),
    ] {
        let reply = world.authorize(&changed(&world, name, value)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}={value:?}");
        assert!(reply.headers.get("location").is_none(), "{name}={value:?}");
        assert!(reply.body.contains("role=\"alert\""), "{name}={value:?}");
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_refused_before_anything_is_read() {
    let world = World::new().await;
    let query = format!("{}&redirect_uri=https%3A%2F%2Fattacker.example", world.request().encode());
    let reply = world.get(&format!("/oidc/authorize?{query}"), None).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert!(reply.body.contains("invalid_request"));
}

#[tokio::test]
async fn every_other_fault_goes_back_with_its_code_state_and_issuer() {
    let world = World::new().await;
    let long = "x".repeat(600);
    for (name, value, error) in [
        ("code_challenge", None, "invalid_request"),
        ("code_challenge", Some("short"), "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("code_challenge_method", None, "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", Some("code id_token"), "unsupported_response_type"),
        ("response_type", None, "invalid_request"),
        ("response_mode", Some("fragment"), "invalid_request"),
        ("scope", Some("profile"), "invalid_scope"),
        ("scope", None, "invalid_scope"),
        ("prompt", Some("none"), "login_required"),
        ("prompt", Some("none login"), "invalid_request"),
        ("prompt", Some("shout"), "invalid_request"),
        ("max_age", Some("-1"), "invalid_request"),
        ("request", Some("eyJ"), "request_not_supported"),
        ("request_uri", Some("https://portal.example/r"), "request_uri_not_supported"),
        ("registration", Some("{}"), "registration_not_supported"),
        ("nonce", Some(&long), "invalid_request"),
    ] {
        let reply = world.authorize(&changed(&world, name, value)).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{name}={value:?}: {}", reply.body);
        assert!(reply.location().starts_with(&format!("{REDIRECT}?")), "{name}={value:?}");
        assert_eq!(reply.parameter("error").as_deref(), Some(error), "{name}={value:?}");
        assert_eq!(reply.parameter("state").as_deref(), Some("the-state"), "{name}={value:?}");
        assert_eq!(
            reply.parameter("iss").as_deref(),
            Some(world.platform.config.public.origin()),
            "{name}={value:?}"
        );
    }
}

#[tokio::test]
async fn unknown_scopes_are_ignored_and_max_age_and_prompt_login_are_kept_by_every_login() {
    let world = World::new().await;
    let mut form = changed(&world, "scope", Some("openid email badge"));
    form.push("max_age", "0");
    form.push("prompt", "login consent");
    let page = world.open(&form).await;
    assert!(page.html.contains("부서") && page.html.contains("scope=openid+badge"));
}

#[tokio::test]
async fn a_post_works_like_a_get() {
    let world = World::new().await;
    let reply = world.post_form("/oidc/authorize", &world.request(), &[]).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn above_level_low_no_qr_is_drawn_at_all() {
    let world = World::new().await;
    let mut strict = registration("treasury");
    strict.level = StartLevel::Substantial;
    world.register(strict).await;
    let reply = world.authorize(&changed(&world, "client_id", Some("treasury"))).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.body.contains("data-qr"), "a bare QR can be relayed");
    assert!(reply.body.contains("data-link href=\"openid4vp://"));
}

#[tokio::test]
async fn the_same_page_is_in_english_where_it_is_asked_for() {
    let world = World::new().await;
    let mut form = world.request();
    form.push("ui_locales", "fr en-GB ko");
    let page = world.open(&form).await;
    assert!(page.html.contains("lang=\"en\"") && page.html.contains("Example Work Portal"));
}
