//! Pushed requests (RFC 9126): judged when they come, used once, by one browser.

use futures::future::join_all;
use http::{StatusCode, header};
use openid::form::Form;

use super::support::{REDIRECT, World, registration};
use crate::login::registration::ClientSettings;

async fn push(world: &World, form: &Form) -> String {
    let reply = world.as_portal("/oidc/par", form).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
    reply.json()["request_uri"].as_str().unwrap().to_owned()
}

fn refer(client_id: &str, request_uri: &str) -> Form {
    Form::default().with("client_id", client_id).with("request_uri", request_uri)
}

#[tokio::test]
async fn a_pushed_request_leads_to_a_login_and_nothing_in_the_address_changes_it() {
    let world = World::new().await;
    world.configure("portal", ClientSettings { pushed_only: true, ..ClientSettings::default() }).await;
    let direct = world.authorize(&world.request()).await;
    assert_eq!(direct.parameter("error").as_deref(), Some("invalid_request"));
    let uri = push(&world, &world.request()).await;
    let page = world.open(&refer("portal", &uri).with("scope", "openid").with("state", "injected")).await;
    assert!(page.html.contains("부서"));
    assert!(!page.html.contains("/oidc/authorize?"), "only the relying party can begin it anew");
    let code = world.code(&page).await;
    let again = world.get(&page.go_on(), Some(&page.cookie)).await;
    assert_eq!(again.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_browser_that_opened_it_may_reload_and_no_other_may_open_it() {
    let world = World::new().await;
    let uri = push(&world, &world.request()).await;
    let path = format!("/oidc/authorize?{}", refer("portal", &uri).encode());
    let page = world.open(&refer("portal", &uri)).await;
    let reloaded = world.get(&path, Some(&page.cookie)).await;
    assert_eq!(reloaded.status, StatusCode::OK);
    assert!(reloaded.body.contains(&format!("login-digits\">{}<", page.number)), "one login, one number");
    let other = world.get(&path, None).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    assert!(other.body.contains("login_request_uri_unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_browsers_that_race_for_one_pushed_request_one_gets_it() {
    let world = World::new().await;
    let uri = push(&world, &world.request()).await;
    let path = format!("/oidc/authorize?{}", refer("portal", &uri).encode());
    let replies = join_all((0..64).map(|_| world.get(&path, None))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == StatusCode::OK).count(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_pushed_request_is_said_when_it_is_pushed() {
    let world = World::new().await;
    let changed = |name: &str, value: &str| {
        let mut form = Form::default();
        world.request().iter().filter(|(known, _)| *known != name).for_each(|(n, v)| form.push(n, v));
        form.with(name, value)
    };
    for (name, value, error) in [
        ("redirect_uri", "https://attacker.example/", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("prompt", "none", "login_required"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:x", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("client_id", "other", "invalid_request"),
        ("dpop_jkt", "short", "invalid_request"),
    ] {
        let reply = world.as_portal("/oidc/par", &changed(name, value)).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, error), "{name}={value}");
        assert!(reply.headers.get(header::LOCATION).is_none());
    }
    let nobody = world.post_form("/oidc/par", &world.request(), &[]).await;
    assert_eq!((nobody.status, nobody.code().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
}

#[tokio::test]
async fn a_reference_is_one_clients_own_and_lasts_ninety_seconds() {
    let world = World::new().await;
    world.register(registration("other")).await;
    let uri = push(&world, &world.request()).await;
    let foreign = world.authorize(&refer("other", &uri)).await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    for broken in ["urn:ietf:params:oauth:request_uri:x", "urn:ietf:params:oauth:request_uri:"] {
        let reply = world.authorize(&refer("portal", broken)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{broken}");
        assert!(reply.headers.get(header::LOCATION).is_none());
    }
    world.platform.clock.advance_ms(90_000);
    assert_eq!(world.authorize(&refer("portal", &uri)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_address_that_is_no_longer_registered_gets_nothing() {
    let world = World::new().await;
    let uri = push(&world, &world.request()).await;
    world
        .execute(
            "UPDATE relying_party SET redirect_uris = '[\"https://portal.example/\"]' WHERE id = 'portal'",
            Vec::new(),
        )
        .await;
    let reply = world.authorize(&refer("portal", &uri)).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{REDIRECT} was taken away");
    assert!(reply.headers.get(header::LOCATION).is_none());
}
