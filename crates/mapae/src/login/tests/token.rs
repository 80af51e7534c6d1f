//! What the token endpoint refuses.

use http::StatusCode;
use http::header::AUTHORIZATION;
use openid::form::Form;

use super::support::{World, registration};

fn changed(form: &Form, name: &str, value: Option<&str>) -> Form {
    let mut out = Form::default();
    for (known, old) in form.iter() {
        if known != name {
            out.push(known, old);
        }
    }
    if let Some(value) = value {
        out.push(name, value);
    }
    out
}

#[tokio::test]
async fn a_code_is_worthless_without_everything_that_belongs_to_it() {
    let world = World::new().await;
    let secret = world.secrets.client_secret.clone().unwrap();
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let good = world.token_form(&code);
    let flipped = {
        let mut bytes = code.clone().into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let other_verifier = "a".repeat(43);
    for (name, value, error) in [
        ("code_verifier", Some(other_verifier.as_str()), "invalid_grant"),
        ("code_verifier", None, "invalid_grant"),
        ("code_verifier", Some("short"), "invalid_request"),
        ("redirect_uri", Some("http://localhost:8603/other"), "invalid_grant"),
        ("redirect_uri", None, "invalid_grant"),
        ("code", Some(flipped.as_str()), "invalid_grant"),
        ("code", Some(&code[..code.len() - 4]), "invalid_grant"),
        ("code", Some(page.login.as_str()), "invalid_grant"),
        ("code", None, "invalid_request"),
        ("grant_type", Some("password"), "unsupported_grant_type"),
        ("grant_type", Some("refresh_token"), "invalid_request"),
        ("grant_type", None, "invalid_request"),
    ] {
        let reply = world.redeem_as("portal", &secret, &changed(&good, name, value)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{name}={value:?}: {}", reply.body);
        assert_eq!(reply.code(), error, "{name}={value:?}");
    }
    // None of these consumed it.
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_is_not_itself_is_refused() {
    let world = World::new().await;
    let secret = world.secrets.client_secret.clone().unwrap();
    let other = world.register(registration("other")).await.client_secret.unwrap();
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let form = world.token_form(&code);

    let reply = world.redeem_as("portal", "not-the-secret", &form).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert!(reply.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    assert_eq!(world.redeem_as("nobody", &secret, &form).await.code(), "invalid_client");
    assert_eq!(world.post_form("/oidc/token", &form, &[]).await.code(), "invalid_client");
    let named = form.clone().with("client_id", "portal");
    assert_eq!(world.post_form("/oidc/token", &named, &[]).await.code(), "invalid_client", "it has a secret");
    let bearer = world.post_form("/oidc/token", &form, &[(AUTHORIZATION, "Bearer x")]).await;
    assert_eq!(bearer.code(), "invalid_client");

    // Somebody else's code is of no use to a registered client either.
    assert_eq!(world.redeem_as("other", &other, &form).await.code(), "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_replayed_code_is_refused_and_ends_the_session_it_opened() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    assert_eq!(world.redeem(&code).await.code(), "invalid_grant");
    assert_eq!(world.userinfo(&token).await.code(), "invalid_token");
    // A second code of the same login is the same code: visiting the page again does not help.
    let again = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
    assert_eq!(world.redeem(&again).await.code(), "invalid_grant");
}

#[tokio::test]
async fn a_code_lives_a_minute_and_its_session_an_hour() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    world.platform.clock.advance_ms(60_000);
    assert_eq!(world.redeem(&code).await.code(), "invalid_grant");
    // The login itself still waits: the browser gets a fresh code.
    let fresh = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
    let token = world.redeem(&fresh).await.json()["access_token"].as_str().unwrap().to_owned();
    world.platform.clock.advance_ms(3_599_000);
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    world.platform.clock.advance_ms(1_000);
    assert_eq!(world.userinfo(&token).await.code(), "invalid_token");
}

#[tokio::test]
async fn userinfo_tells_nothing_without_a_good_token() {
    let world = World::new().await;
    let none = world.get("/oidc/userinfo", None).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    for token in ["x", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"] {
        assert_eq!(world.userinfo(token).await.code(), "invalid_token");
    }
}
