//! What a session's tokens are worth: refreshed, asked about, given back, and ended for good.

use std::sync::Arc;

use futures::future::join_all;
use http::{StatusCode, header};
use openid::form::Form;
use serde_json::{Value, json};

use super::support::{World, count, registration};
use crate::login::provider::key_set;
use crate::login::registration::ClientSettings;
use crate::operations::Platform;
use crate::operations::server_keys::{KeyName, Rotation};
use crate::testing;

async fn refreshing() -> World {
    let world = World::new().await;
    let settings = ClientSettings { refresh: true, session_ms: 8 * 3_600_000, ..ClientSettings::default() };
    world.configure("portal", settings).await;
    world
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}"))
}

async fn introspect(world: &World, token: &str) -> Value {
    world.as_portal("/oidc/introspect", &Form::default().with("token", token)).await.json()
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_login() {
    let world = refreshing().await;
    let first = world.tokens().await;
    world.platform.clock.advance_ms(600_000);
    let reply = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let second = reply.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_eq!(world.userinfo(text(&first, "access_token")).await.code(), "invalid_token", "replaced");
    let user = world.userinfo(text(&second, "access_token")).await.json();
    assert_eq!(user["name"], super::support::NAME);
    let claims = |tokens: &Value| -> Value {
        let payload = text(tokens, "id_token").split('.').nth(1).unwrap();
        serde_json::from_slice(&keys::encoding::b64url_decode(payload).unwrap()).unwrap()
    };
    let (before, after) = (claims(&first), claims(&second));
    // Keycloak finds its session by this member of the token response alone.
    assert!(before["sid"].is_string() && first["session_state"] == before["sid"]);
    assert_eq!(second["session_state"], before["sid"]);
    for same in ["iss", "sub", "aud", "auth_time", "acr", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after.get("nonce").is_none() && after["iat"].as_i64() > before["iat"].as_i64());
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_whole_session() {
    let world = refreshing().await;
    let first = world.tokens().await;
    let second = world.refresh(text(&first, "refresh_token")).await.json();
    let third = world.refresh(text(&second, "refresh_token")).await.json();
    let reused = world.refresh(text(&first, "refresh_token")).await;
    assert_eq!((reused.status, reused.code().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    assert_eq!(world.userinfo(text(&third, "access_token")).await.code(), "invalid_token");
    assert_eq!(world.refresh(text(&third, "refresh_token")).await.code(), "invalid_grant");
    let sql = "SELECT COUNT(*) AS n FROM audit_record WHERE act = 'login.refresh_reused'";
    assert_eq!(count(&world, sql).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_refreshes_one_wins_and_the_session_ends() {
    let world = refreshing().await;
    let tokens = world.tokens().await;
    let refresh = text(&tokens, "refresh_token");
    let replies = join_all((0..64).map(|_| world.refresh(refresh))).await;
    let won: Vec<_> = replies.iter().filter(|reply| reply.status == StatusCode::OK).collect();
    assert_eq!(won.len(), 1);
    assert!(
        replies
            .iter()
            .filter(|reply| reply.status != StatusCode::OK)
            .all(|reply| reply.code() == "invalid_grant")
    );
    assert_eq!(world.userinfo(text(&won[0].json(), "access_token")).await.code(), "invalid_token");
}

#[tokio::test]
async fn a_session_ends_with_its_time_however_often_it_is_refreshed() {
    let world = refreshing().await;
    let mut tokens = world.tokens().await;
    for _ in 0..16 {
        world.platform.clock.advance_ms(1_790_000);
        tokens = world.refresh(text(&tokens, "refresh_token")).await.json();
    }
    assert!(tokens["expires_in"].as_i64().unwrap() <= 160, "{tokens}");
    world.platform.clock.advance_ms(160_000);
    assert_eq!(world.userinfo(text(&tokens, "access_token")).await.code(), "invalid_token");
    assert_eq!(world.refresh(text(&tokens, "refresh_token")).await.code(), "invalid_grant");
}

#[tokio::test]
async fn no_refresh_token_without_registration_and_none_for_another_client() {
    let world = World::new().await;
    assert!(world.tokens().await.get("refresh_token").is_none());
    let settings = ClientSettings { refresh: true, ..ClientSettings::default() };
    world.configure("portal", settings.clone()).await;
    let other = world.register(registration("other")).await;
    world.configure("other", settings).await;
    let tokens = world.tokens().await;
    let form = Form::default()
        .with("grant_type", "refresh_token")
        .with("refresh_token", text(&tokens, "refresh_token"));
    let foreign = world.redeem_as("other", &other.client_secret.unwrap(), &form).await;
    assert_eq!(foreign.code(), "invalid_grant");
    let more = form.clone().with("scope", "openid profile badge offline_access");
    assert_eq!(world.as_portal("/oidc/token", &more).await.code(), "invalid_scope");
    let less = world.as_portal("/oidc/token", &form.with("scope", "openid")).await.json();
    assert_eq!(less["scope"], "openid", "neither of the refusals consumed it");
}

#[tokio::test]
async fn suspension_ends_refresh_tokens_too_and_resuming_brings_none_back() {
    let world = refreshing().await;
    let tokens = world.tokens().await;
    world.suspend().await;
    for resumed in [false, true] {
        if resumed {
            world.resume().await;
        }
        assert_eq!(world.userinfo(text(&tokens, "access_token")).await.code(), "invalid_token");
        assert_eq!(world.refresh(text(&tokens, "refresh_token")).await.code(), "invalid_grant");
        for name in ["access_token", "refresh_token"] {
            assert_eq!(introspect(&world, text(&tokens, name)).await, json!({ "active": false }));
        }
    }
    let kept =
        "SELECT COUNT(*) AS n FROM login_session WHERE claims IS NOT NULL OR refresh_claims IS NOT NULL";
    assert_eq!(count(&world, kept).await, 0, "and nothing of the person is kept");
}

#[tokio::test]
async fn suspension_ends_a_code_a_pushed_request_and_a_refresh_whatever_races() {
    let world = refreshing().await;
    for _ in 0..4 {
        let tokens = world.tokens().await;
        let (refreshed, ()) = futures::join!(world.refresh(text(&tokens, "refresh_token")), world.suspend());
        if refreshed.status == StatusCode::OK {
            let new = refreshed.json();
            assert_eq!(world.userinfo(text(&new, "access_token")).await.code(), "invalid_token");
            assert_eq!(world.refresh(text(&new, "refresh_token")).await.code(), "invalid_grant");
        }
        assert_eq!(count(&world, "SELECT COUNT(*) AS n FROM login_session WHERE ended_at IS NULL").await, 0);
        world.resume().await;
        world.execute("DELETE FROM account_approval", Vec::new()).await;
    }
}

#[tokio::test]
async fn introspection_tells_a_confidential_client_about_its_own_tokens() {
    let world = refreshing().await;
    let tokens = world.tokens().await;
    let told = introspect(&world, text(&tokens, "access_token")).await;
    assert_eq!(told["active"], true);
    for (name, value) in [
        ("client_id", "portal"),
        ("token_type", "Bearer"),
        ("scope", "openid profile badge"),
        ("iss", world.platform.config.public.origin()),
        ("acr", crate::login::ACR_BASE),
        ("preferred_username", "2026-00001"),
        ("inst_code", "1741000"),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    let user = world.userinfo(text(&tokens, "access_token")).await.json();
    assert_eq!(told["sub"], user["sub"]);
    let refresh = introspect(&world, text(&tokens, "refresh_token")).await;
    assert_eq!(refresh["active"], true);
    assert!(refresh.get("token_type").is_none() && refresh.get("name").is_none());
    assert_eq!(introspect(&world, "unknown").await, json!({ "active": false }));
    let missing = world.as_portal("/oidc/introspect", &Form::default().with("x", "y")).await;
    assert_eq!(missing.code(), "invalid_request");
    let nobody = world.post_form("/oidc/introspect", &Form::default().with("token", "x"), &[]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_resource_server_learns_what_both_it_and_the_token_may() {
    let world = World::new().await;
    let mut mail = registration("mail-store");
    mail.claims = vec!["employee_number".to_owned()];
    let secret = world.register(mail).await.client_secret.unwrap();
    let token = world.access_token().await;
    let form = Form::default().with("token", &token);
    let basic = format!("Basic {}", keys::encoding::b64_encode(format!("mail-store:{secret}").as_bytes()));
    let ask =
        async || world.post_form("/oidc/introspect", &form, &[(header::AUTHORIZATION, &basic)]).await.json();
    assert_eq!(ask().await, json!({ "active": false }), "not its token");
    let settings = ClientSettings { introspects: vec!["portal".to_owned()], ..ClientSettings::default() };
    world.configure("mail-store", settings).await;
    let told = ask().await;
    assert_eq!((told["active"].as_bool(), told["client_id"].as_str()), (Some(true), Some("portal")));
    assert_eq!(told["preferred_username"], "2026-00001");
    assert!(told.get("name").is_none() && told.get("inst_code").is_none(), "{told}");
    let mut public = registration("app");
    public.public = true;
    world.register(public).await;
    let open = world.post_form("/oidc/introspect", &form.with("client_id", "app"), &[]).await;
    assert_eq!(open.code(), "invalid_client");
}

#[tokio::test]
async fn a_token_given_back_takes_its_session_along_and_an_unknown_one_changes_nothing() {
    let world = refreshing().await;
    let revoke = async |token: &str| {
        let form = Form::default().with("token", token).with("token_type_hint", "nonsense");
        world.as_portal("/oidc/revoke", &form).await.status
    };
    for which in ["access_token", "refresh_token"] {
        let tokens = world.tokens().await;
        let other = world.register(registration(which)).await.client_secret.unwrap();
        let basic = format!("Basic {}", keys::encoding::b64_encode(format!("{which}:{other}").as_bytes()));
        let form = Form::default().with("token", text(&tokens, which));
        let foreign = world.post_form("/oidc/revoke", &form, &[(header::AUTHORIZATION, &basic)]).await;
        assert_eq!(foreign.status, StatusCode::OK);
        assert_eq!(
            world.userinfo(text(&tokens, "access_token")).await.status,
            StatusCode::OK,
            "not its token"
        );
        assert_eq!(revoke("unknown").await, StatusCode::OK);
        assert_eq!(revoke(text(&tokens, which)).await, StatusCode::OK);
        assert_eq!(world.userinfo(text(&tokens, "access_token")).await.code(), "invalid_token", "{which}");
        assert_eq!(world.refresh(text(&tokens, "refresh_token")).await.code(), "invalid_grant", "{which}");
        assert_eq!(revoke(text(&tokens, which)).await, StatusCode::OK);
        world.execute("DELETE FROM account_approval", Vec::new()).await;
    }
}

#[tokio::test]
async fn discovery_and_keys_come_from_memory_with_a_mark() {
    let world = World::new().await;
    for path in ["/.well-known/openid-configuration", "/oidc/jwks"] {
        let first = world.get(path, None).await;
        let mark = first.headers[header::ETAG].to_str().unwrap().to_owned();
        for (known, status) in [
            (mark.as_str(), StatusCode::NOT_MODIFIED),
            ("\"other\"", StatusCode::OK),
            ("*", StatusCode::NOT_MODIFIED),
        ] {
            let request = http::Request::get(path).header(header::IF_NONE_MATCH, known);
            let reply = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
            assert_eq!(reply.status, status, "{path} {known}");
            assert_eq!(reply.headers[header::ETAG].to_str().unwrap(), mark);
        }
    }
}

#[tokio::test]
async fn new_signing_keys_are_published_before_they_sign_and_old_ones_after() {
    let world = refreshing().await;
    let clock = Arc::<testing::TestClock>::clone(&world.platform.clock);
    let open = async || {
        Platform::open(world.platform.config.clone(), Arc::<testing::TestClock>::clone(&clock)).await.unwrap()
    };
    let kids = async |platform: &Arc<Platform>| -> Vec<String> {
        let set = key_set(platform).unwrap();
        set.keys.iter().filter_map(|key| key.kid.clone()).collect()
    };
    let signs =
        |platform: &Platform| platform.keys.signer(KeyName::OpEs256).unwrap().public_key().thumbprint();
    let rotate = async |platform: &Arc<Platform>| {
        platform.keys.rotate_provider(&platform.store, platform.now_ms()).await.unwrap()
    };
    let tokens = world.tokens().await;
    let old = signs(&world.platform);

    assert_eq!(rotate(&world.platform).await, Rotation::Prepared);
    assert!(
        matches!(rotate(&world.platform).await, Rotation::Waits { .. }),
        "relying parties must have seen it"
    );
    let second = open().await;
    assert_eq!(signs(&second), old);
    let published = kids(&second).await;
    assert_eq!(published.len(), 4);
    clock.advance_ms(15 * 60_000);
    assert_eq!(rotate(&second).await, Rotation::Switched);
    assert_eq!(signs(&second), old, "until it is started anew");
    let third = open().await;
    let new = signs(&third);
    assert!(new != old && published.contains(&new), "published before it signed");
    assert!(kids(&third).await.contains(&old), "and after");
    let hint = tokens["id_token"].as_str().unwrap();
    assert!(
        crate::login::id_token::read_back(&third, hint).is_some(),
        "an ID token by the old key is a good logout hint"
    );
}

#[tokio::test]
async fn what_is_long_over_is_removed_and_what_lives_is_not() {
    let world = World::new().await;
    world.access_token().await;
    let left = async || {
        crate::login::sweep(&world.platform).await.unwrap();
        let row = world.platform.store.fetch_one("SELECT COUNT(*) AS n FROM login_session", vec![]).await;
        row.unwrap().int("n").unwrap()
    };
    assert_eq!(left().await, 1);
    world.platform.clock.advance_ms(40 * 24 * 60 * 60 * 1_000);
    assert_eq!(left().await, 0);
}
