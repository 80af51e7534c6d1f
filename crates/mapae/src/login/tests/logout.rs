//! Logout in both directions: the browser sent here, and relying parties told.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use http::{StatusCode, header};
use keys::jws::{Typ, Unverified};
use keys::{JwkSet, PublicKey};
use openid::form::Form;
use openid::oidc::LOGOUT_EVENT;
use serde_json::{Value, json};

use super::support::{World, count, registration};
use crate::login::logout::{pause, round};
use crate::login::registration::ClientSettings;
use crate::testing;

const BACK: &str = "https://portal.example/bye";

async fn world() -> World {
    let world = World::new().await;
    let settings =
        ClientSettings { logout_uris: vec![BACK.to_owned()], refresh: true, ..ClientSettings::default() };
    world.configure("portal", settings).await;
    world
}

fn request(parts: &[(&str, &str)]) -> String {
    let form = parts.iter().fold(Form::default(), |form, (name, value)| form.with(name, value));
    format!("/oidc/logout?{}", form.encode())
}

#[tokio::test]
async fn a_logout_with_our_id_token_ends_the_session_and_goes_back_with_its_state() {
    let world = world().await;
    let tokens = world.tokens().await;
    let hint = tokens["id_token"].as_str().unwrap();
    let path = request(&[("id_token_hint", hint), ("post_logout_redirect_uri", BACK), ("state", "s&x")]);
    world.platform.clock.advance_ms(3_000_000);
    let reply = world.get(&path, None).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "an expired ID token is a good hint: {}", reply.body);
    assert_eq!(reply.location(), format!("{BACK}?state=s%26x"));
    assert_eq!(world.userinfo(tokens["access_token"].as_str().unwrap()).await.code(), "invalid_token");
    assert_eq!(world.refresh(tokens["refresh_token"].as_str().unwrap()).await.code(), "invalid_grant");
    assert_eq!(world.get(&path, None).await.status, StatusCode::SEE_OTHER, "once more does no harm");
    let posted = Form::default().with("id_token_hint", hint);
    let reply = world.post_form("/oidc/logout", &posted, &[]).await;
    assert!(reply.status == StatusCode::OK && reply.body.contains("로그아웃했습니다"));
}

#[tokio::test]
async fn no_page_can_send_a_browser_around_through_a_logout() {
    let world = world().await;
    let mut other = registration("other");
    other.redirect_uris = vec!["https://other.example/cb".to_owned()];
    world.register(other).await;
    let tokens = world.tokens().await;
    let hint = tokens["id_token"].as_str().unwrap();
    for (parts, why) in [
        (
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://attacker.example/")],
            "unregistered",
        ),
        (
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://portal.example/bye?x")],
            "longer",
        ),
        (
            vec![
                ("id_token_hint", hint),
                ("post_logout_redirect_uri", "https://portal.example@attacker.example/bye"),
            ],
            "userinfo",
        ),
        (vec![("id_token_hint", hint), ("client_id", "other")], "another's"),
        (vec![("post_logout_redirect_uri", BACK)], "nobody's"),
        (vec![("client_id", "other"), ("post_logout_redirect_uri", BACK)], "another's address"),
        (vec![("id_token_hint", "eyJhbGciOiJub25lIn0.e30.")], "unsigned"),
        (vec![("id_token_hint", "x")], "no token"),
    ] {
        let reply = world.get(&request(&parts), None).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{why}");
        assert!(reply.headers.get(header::LOCATION).is_none(), "{why}");
    }
    assert_eq!(
        world.userinfo(tokens["access_token"].as_str().unwrap()).await.status,
        StatusCode::OK,
        "none of it ended anything"
    );
    let asked =
        world.get(&request(&[("client_id", "portal"), ("post_logout_redirect_uri", BACK)]), None).await;
    assert_eq!(asked.status, StatusCode::OK, "without an ID token the person follows the link");
    assert!(asked.body.contains(&format!("href=\"{BACK}\"")));
    assert_eq!(world.get("/oidc/logout", None).await.status, StatusCode::OK);
}

/// A relying party's endpoint that answers as it is told, the last answer again and again.
#[derive(Clone)]
struct Ear {
    heard: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

async fn hear(State(ear): State<Ear>, body: String) -> StatusCode {
    ear.heard.lock().unwrap().push(body);
    let mut answers = ear.answers.lock().unwrap();
    let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
    StatusCode::from_u16(answer).unwrap()
}

async fn listening(answers: &[u16]) -> (World, Ear) {
    let ear = Ear { heard: Arc::default(), answers: Arc::new(Mutex::new(answers.to_vec())) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}/logout", listener.local_addr().unwrap().port());
    let router = axum::Router::new().route("/logout", post(hear)).with_state(ear.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::on(testing::platform_with(|config| config.demo.enabled = true).await).await;
    let settings = ClientSettings { backchannel_uri: Some(url), refresh: true, ..ClientSettings::default() };
    world.configure("portal", settings).await;
    (world, ear)
}

async fn verified(world: &World, body: &str) -> Value {
    let form = Form::parse(body.as_bytes()).unwrap();
    let set: JwkSet = serde_json::from_value(world.get("/oidc/jwks", None).await.json()).unwrap();
    let token = Unverified::parse(form.get("logout_token").unwrap(), 8_192).unwrap();
    let key = PublicKey::from_jwk(set.find(token.header().kid.as_deref().unwrap()).unwrap()).unwrap();
    token.verify(&key, Typ::Is("logout+jwt")).unwrap().claims().unwrap()
}

#[tokio::test]
async fn a_suspension_is_told_to_every_relying_party_with_a_live_session() {
    let (world, ear) = listening(&[200]).await;
    let tokens = world.tokens().await;
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let id_token: Value = serde_json::from_slice(&keys::encoding::b64url_decode(payload).unwrap()).unwrap();
    // The access token of a session that goes on may be over: the relying party's own session is not.
    world.suspend().await;
    assert_eq!(round(&world.platform).await.unwrap(), 1);
    let heard = ear.heard.lock().unwrap().clone();
    let told = verified(&world, &heard[0]).await;
    for (name, value) in [
        ("iss", &id_token["iss"]),
        ("sub", &id_token["sub"]),
        ("aud", &id_token["aud"]),
        ("sid", &id_token["sid"]),
    ] {
        assert_eq!(&told[name], value, "{name}");
    }
    assert_eq!(told["events"], json!({ LOGOUT_EVENT: {} }));
    assert!(told.get("nonce").is_none() && told["jti"].is_string());
    assert!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap() <= 120);
    assert_eq!(round(&world.platform).await.unwrap(), 0, "told once");
    world.resume().await;
    world.suspend().await;
    assert_eq!(round(&world.platform).await.unwrap(), 0, "a session ends once");
}

#[tokio::test]
async fn a_logout_that_is_not_taken_is_told_again_with_the_same_name() {
    let (world, ear) = listening(&[503, 400, 302, 204]).await;
    world.tokens().await;
    world.suspend().await;
    for (tried, wait) in [(1, 0), (0, 500), (1, 500), (1, 2_000), (1, 4_000), (0, 600_000)] {
        world.platform.clock.advance_ms(wait);
        assert_eq!(round(&world.platform).await.unwrap(), tried, "after {wait} ms");
    }
    let heard = ear.heard.lock().unwrap().clone();
    let mut names = Vec::new();
    for body in &heard {
        names.push(verified(&world, body).await["jti"].clone());
    }
    assert_eq!(names.len(), 4);
    names.dedup();
    assert_eq!(names.len(), 1);
    assert_eq!((pause(1), pause(2), pause(30)), (1_000, 2_000, 300_000));
}

#[tokio::test]
async fn nobody_is_told_what_it_asked_for_itself_and_who_is_not_registered_hears_nothing() {
    let (world, _ear) = listening(&[200]).await;
    let tokens = world.tokens().await;
    world.get(&request(&[("id_token_hint", tokens["id_token"].as_str().unwrap())]), None).await;
    world.execute("DELETE FROM account_approval", Vec::new()).await;
    let tokens = world.tokens().await;
    let form = Form::default().with("token", tokens["access_token"].as_str().unwrap());
    world.as_portal("/oidc/revoke", &form).await;
    assert_eq!(round(&world.platform).await.unwrap(), 0);
    world.execute("DELETE FROM account_approval", Vec::new()).await;
    let tokens = world.tokens().await;
    world.refresh(tokens["refresh_token"].as_str().unwrap()).await;
    world.refresh(tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(round(&world.platform).await.unwrap(), 1, "a stolen refresh token is news");
    world.configure("portal", ClientSettings::default()).await;
    world.execute("DELETE FROM account_approval", Vec::new()).await;
    world.tokens().await;
    world.suspend().await;
    assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_logout").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_workers_one_tells() {
    let (world, ear) = listening(&[200]).await;
    world.tokens().await;
    world.suspend().await;
    let rounds = futures::future::join_all((0..16).map(|_| round(&world.platform))).await;
    assert_eq!(rounds.into_iter().map(Result::unwrap).sum::<usize>(), 1);
    assert_eq!(ear.heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_relying_party_whose_registration_ends_is_told_of_the_people_who_are_still_in() {
    let (world, ear) = listening(&[200]).await;
    let tokens = world.tokens().await;
    let ended = world.platform.store.write::<_, crate::operations::store::StoreError, _>(|tx| {
        Box::pin(async move {
            assert!(crate::verification::relying_party::disable(tx, "portal").await?);
            crate::login::end_party(tx, "portal").await
        })
    });
    assert_eq!(ended.await.unwrap(), 1);
    assert_eq!(
        world.userinfo(tokens["access_token"].as_str().unwrap()).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(round(&world.platform).await.unwrap(), 1);
    let heard = ear.heard.lock().unwrap().clone();
    assert_eq!(verified(&world, &heard[0]).await["aud"], "portal");
    assert_eq!(round(&world.platform).await.unwrap(), 0);
}
