//! The government adapter: what an app of the old interface sends, and what each attack on it meets.

use http::{StatusCode, header};
use openid::approval::Level;
use openid::form::Form;
use serde_json::Value;

use super::support::{REDIRECT, Reply, VERIFIER, World, registration};
use crate::operations::limits;
use crate::testing;
use crate::verification::relying_party::{Registration, StartLevel};

async fn world() -> World {
    let platform = testing::platform_with(|config| config.login.government = true).await;
    World::on(platform).await
}

async fn begin(world: &World) -> Reply {
    let form = world.request().with("web_login", "false");
    world.get(&format!("/oauth2/authorize?{}", form.encode()), None).await
}

/// Nonce and link of a login that an app begins.
async fn begun(world: &World) -> (String, String) {
    let reply = begin(world).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let told = reply.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    assert_eq!(told["expiresIn"], 119);
    (text("nonce"), text("deepLink"))
}

async fn check(world: &World, verifier: &str) -> Value {
    world.get(&format!("/mobile/txCheck?codeVerifier={verifier}"), None).await.json()
}

async fn finish(world: &World, nonce: &str) -> Reply {
    let form = Form::default().with("username", nonce).with("password", nonce);
    world.post_form("/login", &form, &[]).await
}

/// The wallet answers the link; no number is asked for, since the app has none to show.
async fn answer(world: &World, link: &str) {
    let asked = world.phone.fetch(world, link).await;
    world.phone.approve(world, &asked, None, Level::Base).await;
    let reply = world.phone.present(world, &asked).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert!(reply.json().get("redirect_uri").is_none(), "the app asks here; no browser is opened");
}

#[tokio::test]
async fn an_app_of_the_old_interface_logs_in_without_a_change() {
    let world = world().await;
    let (nonce, link) = begun(&world).await;
    assert!(nonce.len() == 64 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(link.starts_with("bmc://verify_vp?appName="), "{link}");
    let url = url::Url::parse(&link).unwrap();
    let said =
        |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!((said("type").as_deref(), said("encryptType").as_deref()), (Some("VERIFY"), Some("2")));
    assert_eq!((said("serviceCode").as_deref(), said("nonce")), (Some("portal"), Some(nonce.clone())));
    assert!(said("spDid").unwrap().starts_with("did:"));

    assert_eq!(check(&world, VERIFIER).await["status"], "WAITING");
    answer(&world, &link).await;
    assert_eq!(check(&world, VERIFIER).await["status"], "COMPLETE");
    let back = finish(&world, &nonce).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    assert!(back.location().starts_with(REDIRECT));
    assert_eq!(back.parameter("state").as_deref(), Some("the-state"));

    let secret = world.secrets.client_secret.clone().unwrap();
    let basic = format!("Basic {}", keys::encoding::b64_encode(format!("portal:{secret}").as_bytes()));
    let form = world.token_form(&back.parameter("code").unwrap());
    let tokens = world.post_form("/oauth2/token", &form, &[(header::AUTHORIZATION, &basic)]).await.json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let user = world
        .post_form("/oauth2/userinfo", &Form::default(), &[(header::AUTHORIZATION, &bearer)])
        .await
        .json();
    assert_eq!((&user["cn"], &user["name"]), (&super::support::NAME.into(), &super::support::NAME.into()));
    assert!(user["instCode"].is_string(), "{user}");
}

#[tokio::test]
async fn a_browser_of_the_old_interface_gets_the_login_page() {
    let world = world().await;
    let page = world.get(&format!("/oauth2/authorize?{}", world.request().encode()), None).await;
    assert!(page.status == StatusCode::OK && page.body.contains("data-scan"));
}

#[tokio::test]
async fn the_nonce_alone_opens_nothing() {
    let world = world().await;
    let (nonce, link) = begun(&world).await;
    // An app that has caught the link may fetch what it likes: nothing is given before the other was told.
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::BAD_REQUEST);
    answer(&world, &link).await;
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::BAD_REQUEST);
    let other = keys::encoding::b64url_encode(&[7; 32]);
    assert_eq!(check(&world, &other).await["status"], "TIMEOUT", "another verifier is told nothing");
    assert_eq!(check(&world, VERIFIER).await["status"], "COMPLETE");
    let back = finish(&world, &nonce).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::BAD_REQUEST, "a nonce serves once");
    let form = world.token_form(&back.parameter("code").unwrap());
    let mut stolen = Form::default();
    for (name, value) in form.iter() {
        stolen.push(name, if name == "code_verifier" { &other } else { value });
    }
    let secret = world.secrets.client_secret.clone().unwrap();
    assert_eq!(world.redeem_as("portal", &secret, &stolen).await.code(), "invalid_grant");
}

#[tokio::test]
async fn a_challenge_serves_one_login_and_a_refusal_says_why() {
    let world = world().await;
    let (nonce, link) = begun(&world).await;
    let again = begin(&world).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
    world.suspend().await;
    let asked = world.phone.fetch(&world, &link).await;
    world.phone.approve(&world, &asked, None, Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_badge_suspended");
    let told = check(&world, VERIFIER).await;
    assert_eq!((&told["status"], &told["code"]), (&"ERROR".into(), &"badge_suspended".into()));
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_app_that_waits_too_long_is_told_so_and_its_row_goes() {
    let world = world().await;
    let (nonce, link) = begun(&world).await;
    world.platform.clock.advance_ms(limits::LOGIN_APP.get() + 1_000);
    assert_eq!(check(&world, VERIFIER).await["status"], "TIMEOUT");
    assert_eq!(world.phone.try_fetch(&world, &link).await.code(), "login_request_expired");
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::BAD_REQUEST);
    world.platform.clock.advance_ms(limits::LOGIN_GRANT.get() + 1_000);
    crate::login::sweep(&world.platform).await.unwrap();
    let rows = world.platform.store.fetch_one("SELECT COUNT(*) AS n FROM login_app", vec![]).await.unwrap();
    assert_eq!(rows.int("n").unwrap(), 0);
}

#[tokio::test]
async fn a_login_that_was_approved_in_time_waits_for_its_app() {
    let world = world().await;
    let (nonce, link) = begun(&world).await;
    world.platform.clock.advance_ms(limits::LOGIN_APP.get() - 2_000);
    answer(&world, &link).await;
    world.platform.clock.advance_ms(60_000);
    assert_eq!(check(&world, VERIFIER).await["status"], "COMPLETE");
    assert_eq!(finish(&world, &nonce).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nothing_binds_phone_and_app_so_that_only_level_low_is_served_and_bad_requests_are_told_as_json() {
    let world = world().await;
    world.register(Registration { level: StartLevel::Substantial, ..registration("secret") }).await;
    for (form, code) in [
        (world.request_as("secret"), "unauthorized_client"),
        (world.request_as("nobody"), "invalid_client"),
        (world.request().with("prompt", "none"), "login_required"),
    ] {
        let form = form.with("web_login", "false");
        let reply = world.get(&format!("/oauth2/authorize?{}", form.encode()), None).await;
        assert_eq!(reply.code(), code, "{}", reply.body);
    }
    let reply = world.get("/mobile/txCheck?codeVerifier=short", None).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
    assert_eq!(world.post_form("/login", &Form::default(), &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn where_it_is_off_none_of_its_addresses_is_there() {
    let world = World::new().await;
    assert_eq!(begin(&world).await.status, StatusCode::NOT_FOUND);
    for path in ["/oauth2/userinfo", "/oauth2/connect/logout", "/mobile/txCheck"] {
        assert_eq!(world.get(path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/oauth2/token", "/login", "/mobile/txCheck"] {
        assert_eq!(
            world.post_form(path, &Form::default(), &[]).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}
