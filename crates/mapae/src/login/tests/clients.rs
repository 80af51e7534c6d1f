//! Clients that prove more: signed assertions, signed requests, tokens bound to a key, single claims, the FAPI 2.0 profile.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use keys::SecretKey;
use keys::jws::{self, Header};
use openid::dpop;
use openid::form::Form;
use openid::oidc::assertion::{ASSERTION_TYPE, ClientAssertion};
use serde_json::{Value, json};

use super::support::{REDIRECT, Reply, VERIFIER, World, registration};
use crate::login::registration::{ClientKeys, ClientSettings, Profile};
use crate::login::{ACR_PIN, cli};
use crate::verification::relying_party::IdTokenAlg;

/// A client with a key of its own.
pub(super) struct Signer {
    pub(super) id: &'static str,
    pub(super) key: Arc<SecretKey>,
}

impl Signer {
    pub(super) async fn new(world: &World, id: &'static str, settings: ClientSettings) -> Signer {
        world.register(registration(id)).await;
        let key = Arc::new(SecretKey::generate());
        let set = json!({ "keys": [key.public_key().to_jwk().with_kid("one").to_value()] });
        world.configure(id, ClientSettings { keys: ClientKeys::Inline(set.to_string()), ..settings }).await;
        Signer { id, key }
    }

    pub(super) fn assertion(&self, world: &World, audience: &str) -> String {
        let now = world.platform.now_ms() / 1_000;
        let jti = keys::random::token();
        ClientAssertion::make(&*self.key, "one", self.id, audience, &jti, now).unwrap()
    }

    /// The form with a fresh assertion for the issuer.
    pub(super) fn signed(&self, world: &World, form: Form) -> Form {
        let assertion = self.assertion(world, world.platform.config.public.origin());
        form.with("client_assertion_type", ASSERTION_TYPE).with("client_assertion", &assertion)
    }

    pub(super) fn request(&self, world: &World) -> Form {
        let mut form = Form::default();
        for (name, value) in world.request().iter() {
            form.push(name, if name == "client_id" { self.id } else { value });
        }
        form
    }
}

pub(super) fn proof(world: &World, key: &SecretKey, method: &str, path: &str, token: Option<&str>) -> String {
    let url = format!("{}{path}", world.platform.config.public.origin());
    let request = dpop::Request { method, url: &url, access_token: token, nonce: None };
    request.prove(key, &keys::random::token(), world.platform.now_ms() / 1_000).unwrap()
}

const DPOP: header::HeaderName = header::HeaderName::from_static("dpop");

async fn userinfo(world: &World, scheme: &str, token: &str, proof: Option<&str>) -> Reply {
    let mut request =
        Request::get("/oidc/userinfo").header(header::AUTHORIZATION, format!("{scheme} {token}"));
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_client_that_signs_logs_people_in_and_nothing_less_is_taken_of_it() {
    let world = World::new().await;
    let signer = Signer::new(&world, "signing", ClientSettings::default()).await;
    let page = world.open(&signer.request(&world)).await;
    let code = world.code(&page).await;
    let form = world.token_form(&code);

    let named = Form::default().with("client_id", "signing");
    let mut bare = named.clone();
    form.iter().for_each(|(name, value)| bare.push(name, value));
    assert_eq!(world.post_form("/oidc/token", &bare, &[]).await.code(), "invalid_client");
    assert_eq!(world.redeem_as("signing", "some-secret", &form).await.code(), "invalid_client");

    let stranger = Signer { id: "signing", key: Arc::new(SecretKey::generate()) };
    let forged = stranger.signed(&world, form.clone());
    assert_eq!(world.post_form("/oidc/token", &forged, &[]).await.code(), "invalid_client");
    let other = signer.assertion(&world, "https://other.example");
    let foreign = form.clone().with("client_assertion_type", ASSERTION_TYPE).with("client_assertion", &other);
    assert_eq!(world.post_form("/oidc/token", &foreign, &[]).await.code(), "invalid_client");

    let good = signer.signed(&world, form);
    let reply = world.post_form("/oidc/token", &good, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let again = world.post_form("/oidc/token", &good, &[]).await;
    assert_eq!(again.code(), "invalid_client", "an assertion counts once");
}

#[tokio::test]
async fn an_assertion_of_another_client_or_for_another_algorithm_is_refused() {
    let world = World::new().await;
    let signer = Signer::new(&world, "signing", ClientSettings::default()).await;
    let form = Form::default().with("token", "x");
    // The portal has a secret and no keys: nobody can sign for it.
    let as_portal = Signer { id: "portal", key: Arc::clone(&signer.key) }.signed(&world, form.clone());
    assert_eq!(world.post_form("/oidc/introspect", &as_portal, &[]).await.code(), "invalid_client");
    // Algorithm confusion: the public key as a MAC secret, and no signature at all.
    for alg in ["HS256", "none", "RS256"] {
        let mut header = Header::es256("JWT").with_kid("one");
        header.alg = alg.to_owned();
        let now = world.platform.now_ms() / 1_000;
        let claims = json!({ "iss": "signing", "sub": "signing", "aud": world.platform.config.public.origin(),
            "jti": "j", "exp": now + 60 });
        let input = jws::SigningInput::new(&header, claims.to_string().as_bytes());
        let public = signer.key.public_key().to_sec1();
        let text = match alg {
            "HS256" => {
                let mac = keys::mac::hmac_sha256(&public, &[input.as_bytes()]);
                input.finish_raw(&mac)
            }
            _ => input.finish_raw(&[]),
        };
        let forged =
            form.clone().with("client_assertion_type", ASSERTION_TYPE).with("client_assertion", &text);
        let reply = world.post_form("/oidc/introspect", &forged, &[]).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::UNAUTHORIZED, "invalid_client"),
            "{alg}"
        );
    }
    let good = signer.signed(&world, form);
    assert_eq!(world.post_form("/oidc/introspect", &good, &[]).await.json(), json!({ "active": false }));
}

#[tokio::test]
async fn a_signed_request_is_the_whole_request() {
    let world = World::new().await;
    let settings = ClientSettings { signed_only: true, ..ClientSettings::default() };
    let signer = Signer::new(&world, "signing", settings).await;
    let object = |key: &SecretKey, change: fn(&mut Value)| {
        let now = world.platform.now_ms() / 1_000;
        let mut claims = json!({ "iss": "signing", "aud": world.platform.config.public.origin(), "exp": now + 300, "nbf": now });
        for (name, value) in signer.request(&world).iter() {
            claims[name] = json!(value);
        }
        change(&mut claims);
        let header = Header::es256("oauth-authz-req+jwt").with_kid("one");
        let text = jws::sign(key, &header, claims.to_string().as_bytes()).unwrap();
        Form::default().with("client_id", "signing").with("redirect_uri", REDIRECT).with("request", &text)
    };
    let good = object(&signer.key, |_| {}).with("scope", "openid").with("nonce", "injected");
    let page = world.open(&good).await;
    assert!(page.html.contains("부서"), "the scope in the object counts, the one beside it does not");
    let code = world.code(&page).await;
    let form = signer.signed(&world, world.token_form(&code));
    assert_eq!(world.post_form("/oidc/token", &form, &[]).await.status, StatusCode::OK);

    let unsigned = world.authorize(&signer.request(&world)).await;
    assert_eq!(unsigned.parameter("error").as_deref(), Some("invalid_request"));
    let forged = world.authorize(&object(&SecretKey::generate(), |_| {})).await;
    assert_eq!(forged.parameter("error").as_deref(), Some("invalid_request_object"));
    let foreign = world
        .authorize(&object(&signer.key, |claims| claims["redirect_uri"] = json!("https://a.example/")))
        .await;
    assert_eq!(foreign.status, StatusCode::BAD_REQUEST);
    assert!(
        foreign.headers.get(header::LOCATION).is_none(),
        "an address in the object is as strange as any other"
    );
    let late = world.authorize(&object(&signer.key, |claims| claims["exp"] = json!(1))).await;
    assert_eq!(late.parameter("error").as_deref(), Some("invalid_request_object"));
}

#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_its_key() {
    let world = World::new().await;
    let key = SecretKey::generate();
    let secret = world.secrets.client_secret.clone().unwrap();
    let basic = format!("Basic {}", keys::encoding::b64_encode(format!("portal:{secret}").as_bytes()));
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let proved = proof(&world, &key, "POST", "/oidc/token", None);
    let headers = [(header::AUTHORIZATION, basic.as_str()), (DPOP, proved.as_str())];
    let reply = world.post_form("/oidc/token", &world.token_form(&code), &headers).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let tokens = reply.json();
    assert_eq!(tokens["token_type"], "DPoP");
    let token = tokens["access_token"].as_str().unwrap();

    let right = proof(&world, &key, "GET", "/oidc/userinfo", Some(token));
    assert_eq!(userinfo(&world, "DPoP", token, Some(&right)).await.status, StatusCode::OK);
    let replayed = userinfo(&world, "DPoP", token, Some(&right)).await;
    assert_eq!((replayed.status, replayed.code().as_str()), (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"));
    assert!(replayed.headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("DPoP error="));
    assert_eq!(userinfo(&world, "Bearer", token, None).await.code(), "invalid_token", "a copied token");
    assert_eq!(userinfo(&world, "DPoP", token, None).await.code(), "invalid_dpop_proof");
    let thief = proof(&world, &SecretKey::generate(), "GET", "/oidc/userinfo", Some(token));
    assert_eq!(userinfo(&world, "DPoP", token, Some(&thief)).await.code(), "invalid_token");
    let elsewhere = proof(&world, &key, "GET", "/oidc/introspect", Some(token));
    assert_eq!(userinfo(&world, "DPoP", token, Some(&elsewhere)).await.code(), "invalid_dpop_proof");

    let told = world.as_portal("/oidc/introspect", &Form::default().with("token", token)).await.json();
    assert_eq!(told["cnf"]["jkt"], key.public_key().thumbprint());
    assert_eq!(told["token_type"], "DPoP");
    // A bearer token does not become a bound one by being called so.
    let bearer = world.access_token().await;
    let proved = proof(&world, &key, "GET", "/oidc/userinfo", Some(&bearer));
    assert_eq!(userinfo(&world, "DPoP", &bearer, Some(&proved)).await.code(), "invalid_token");
}

#[tokio::test]
async fn a_code_bound_to_a_key_is_redeemed_with_that_key_only() {
    let world = World::new().await;
    let key = SecretKey::generate();
    let form = world.request().with("dpop_jkt", &key.public_key().thumbprint());
    let page = world.open(&form).await;
    let code = world.code(&page).await;
    assert_eq!(world.redeem(&code).await.code(), "invalid_grant", "without a proof");
    let secret = world.secrets.client_secret.clone().unwrap();
    let basic = format!("Basic {}", keys::encoding::b64_encode(format!("portal:{secret}").as_bytes()));
    let wrong = proof(&world, &SecretKey::generate(), "POST", "/oidc/token", None);
    let headers = [(header::AUTHORIZATION, basic.as_str()), (DPOP, wrong.as_str())];
    assert_eq!(
        world.post_form("/oidc/token", &world.token_form(&code), &headers).await.code(),
        "invalid_grant"
    );
    let right = proof(&world, &key, "POST", "/oidc/token", None);
    let headers = [(header::AUTHORIZATION, basic.as_str()), (DPOP, right.as_str())];
    let reply = world.post_form("/oidc/token", &world.token_form(&code), &headers).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn single_claims_come_where_they_are_asked_for_and_never_beyond_the_registration() {
    let world = World::new().await;
    let claims = json!({
        "userinfo": { "department": { "essential": true }, "birth_date": null, "nonsense": null },
        "id_token": { "name": null, "preferred_username": null },
    });
    let mut form = Form::default();
    for (name, value) in world.request().iter() {
        form.push(name, if name == "scope" { "openid" } else { value });
    }
    form.push("claims", &claims.to_string());
    let page = world.open(&form).await;
    assert!(page.html.contains("부서") && !page.html.contains("직위"));
    let code = world.code(&page).await;
    let tokens = world.redeem(&code).await.json();
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let token: Value = serde_json::from_slice(&keys::encoding::b64url_decode(payload).unwrap()).unwrap();
    assert_eq!(token["preferred_username"], "2026-00001");
    assert_eq!(token["name"], super::support::NAME);
    assert!(token.get("department").is_none());
    let user = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(user["department"], "디지털정부과");
    assert!(user.get("birth_date").is_none() && user.get("agency_name").is_none());
}

#[tokio::test]
async fn a_level_that_is_essential_and_unknown_is_refused_and_a_known_one_is_stepped_up_to() {
    let world = World::new().await;
    let asking = |value: Value| {
        let claims = json!({ "id_token": { "acr": value } });
        world.request().with("claims", &claims.to_string())
    };
    let unmet = world.authorize(&asking(json!({ "essential": true, "values": ["urn:other:gold"] }))).await;
    assert_eq!(unmet.parameter("error").as_deref(), Some("unmet_authentication_requirements"));
    let page = world.open(&asking(json!({ "essential": true, "value": ACR_PIN }))).await;
    let reply = world.phone_logs_in(&page).await;
    assert_eq!(reply.code(), "login_level_too_low", "the device key alone is not enough");
}

#[tokio::test]
async fn where_a_certain_person_is_expected_nobody_else_is_logged_in() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let id_token = tokens["id_token"].as_str().unwrap();
    let sub = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json()["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let of_sub = |value: Value| json!({ "id_token": { "sub": value } }).to_string();
    let again = |name: &str, value: &str| world.request().with(name, value);
    let asked = of_sub(json!({ "value": sub }));

    for (form, is_known) in [
        (again("id_token_hint", id_token), true),
        (again("claims", &asked), true),
        (again("id_token_hint", id_token).with("claims", &asked), true),
        (again("claims", &of_sub(json!({ "value": "somebody" }))), false),
    ] {
        let page = world.open(&form).await;
        assert_eq!(world.phone_logs_in(&page).await.status, StatusCode::OK);
        let went_on = world.get(&page.go_on(), Some(&page.cookie)).await;
        assert_eq!(went_on.parameter("code").is_some(), is_known, "{}", went_on.location());
        let error = went_on.parameter("error");
        assert_eq!(error.as_deref(), (!is_known).then_some("login_required"));
        assert_eq!(went_on.parameter("state").as_deref(), Some("the-state"));
    }

    // A token of another client, a forged one, two persons at once, and a sub that nobody can have.
    let mut other = registration("other");
    other.api = false;
    let secrets = world.register(other).await;
    let mut form = Form::default();
    for (name, value) in world.request().iter() {
        form.push(name, if name == "client_id" { "other" } else { value });
    }
    let page = world.open(&form).await;
    let code = world.code(&page).await;
    let others =
        world.redeem_as("other", &secrets.client_secret.unwrap(), &world.token_form(&code)).await.json();
    let others = others["id_token"].as_str().unwrap();
    let forged = format!("{}x", id_token);
    for form in [
        again("id_token_hint", others),
        again("id_token_hint", &forged),
        again("id_token_hint", id_token).with("claims", &of_sub(json!({ "value": "somebody" }))),
        again("claims", &of_sub(json!({ "value": 7 }))),
        again("claims", &of_sub(json!({ "values": ["a", "b"] }))),
    ] {
        assert_eq!(world.authorize(&form).await.parameter("error").as_deref(), Some("invalid_request"));
    }
}

#[tokio::test]
async fn the_fapi_profile_takes_pushed_signed_and_bound_only_and_keeps_its_refresh_token() {
    let world = World::new().await;
    let settings = ClientSettings { profile: Profile::Fapi2, refresh: true, ..ClientSettings::default() };
    let signer = Signer::new(&world, "treasury", settings).await;
    let key = SecretKey::generate();
    let issuer = world.platform.config.public.origin().to_owned();

    let direct = world.authorize(&signer.request(&world)).await;
    assert_eq!(direct.parameter("error").as_deref(), Some("invalid_request"), "must be pushed");
    let token_endpoint = signer.assertion(&world, &format!("{issuer}/oidc/token"));
    let loose = signer
        .request(&world)
        .with("client_assertion_type", ASSERTION_TYPE)
        .with("client_assertion", &token_endpoint);
    assert_eq!(
        world.post_form("/oidc/par", &loose, &[]).await.code(),
        "invalid_client",
        "the issuer alone is meant"
    );
    let reply = world.post_form("/oidc/par", &signer.signed(&world, signer.request(&world)), &[]).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    let pushed = reply.json();
    assert!(pushed["expires_in"].as_i64().unwrap() < 600);
    let form = Form::default()
        .with("client_id", "treasury")
        .with("request_uri", pushed["request_uri"].as_str().unwrap());
    let page = world.open(&form).await;
    let code = world.code(&page).await;
    let unbound = signer.signed(&world, world.token_form(&code));
    assert_eq!(world.post_form("/oidc/token", &unbound, &[]).await.code(), "invalid_dpop_proof");
    let send = async |form: Form| {
        let proof = proof(&world, &key, "POST", "/oidc/token", None);
        world.post_form("/oidc/token", &signer.signed(&world, form), &[(DPOP, &proof)]).await
    };
    let tokens = send(world.token_form(&code)).await.json();
    assert_eq!(tokens["token_type"], "DPoP");
    let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    let form = || Form::default().with("grant_type", "refresh_token").with("refresh_token", &refresh);
    for _ in 0..2 {
        let renewed = send(form()).await;
        assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.body);
    }
}

#[tokio::test]
async fn settings_that_do_not_fit_together_are_not_taken() {
    let world = World::new().await;
    let mut public = registration("app");
    public.public = true;
    world.register(public).await;
    let mut old = registration("old");
    old.id_token_alg = IdTokenAlg::RS256;
    world.register(old).await;
    let base = ClientSettings::default;
    let set = json!({ "keys": [SecretKey::generate().public_key().to_jwk().to_value()] }).to_string();
    for (id, settings) in [
        ("portal", ClientSettings { profile: Profile::Fapi2, ..base() }),
        ("old", ClientSettings { profile: Profile::Fapi2, keys: ClientKeys::Inline(set), ..base() }),
        ("portal", ClientSettings { keys: ClientKeys::Inline("{}".to_owned()), ..base() }),
        (
            "portal",
            ClientSettings { keys: ClientKeys::Address("http://portal.example/jwks".to_owned()), ..base() },
        ),
        ("portal", ClientSettings { logout_uris: vec!["https://portal.example/*".to_owned()], ..base() }),
        ("portal", ClientSettings { logout_uris: vec!["javascript:alert(1)".to_owned()], ..base() }),
        ("portal", ClientSettings { backchannel_uri: Some("ftp://portal.example/".to_owned()), ..base() }),
        ("portal", ClientSettings { session_ms: 0, ..base() }),
        ("portal", ClientSettings { session_ms: i64::MAX, ..base() }),
        ("portal", ClientSettings { introspects: vec!["x".to_owned(); 17], ..base() }),
        ("app", ClientSettings { introspects: vec!["portal".to_owned()], ..base() }),
        ("nobody", base()),
    ] {
        assert!(cli::put(&world.platform, id, settings.clone()).await.is_err(), "{id}: {settings:?}");
    }
}

#[tokio::test]
async fn a_native_app_comes_back_by_loopback_with_any_port_or_by_its_own_scheme() {
    let world = World::new().await;
    let mut app = registration("app");
    app.public = true;
    app.sector = Some("app.example".to_owned());
    app.redirect_uris =
        vec!["http://127.0.0.1/callback".to_owned(), "kr.example.messenger:/callback".to_owned()];
    world.register(app).await;
    let request = |uri: &str| {
        let mut form = Form::default();
        for (name, value) in world.request().iter() {
            let value = match name {
                "client_id" => "app",
                "redirect_uri" => uri,
                _ => value,
            };
            form.push(name, value);
        }
        form
    };
    for uri in ["http://127.0.0.1:51004/callback", "kr.example.messenger:/callback"] {
        let page = world.open(&request(uri)).await;
        assert_eq!(world.phone_logs_in(&page).await.status, StatusCode::OK);
        let reply = world.get(&page.go_on(), Some(&page.cookie)).await;
        assert!(reply.location().starts_with(uri), "{}", reply.location());
        let form = Form::default()
            .with("grant_type", "authorization_code")
            .with("code", &reply.parameter("code").unwrap())
            .with("redirect_uri", uri)
            .with("code_verifier", VERIFIER)
            .with("client_id", "app");
        assert_eq!(world.post_form("/oidc/token", &form, &[]).await.status, StatusCode::OK);
    }
    for uri in [
        "http://localhost:51004/callback",
        "http://127.0.0.1:51004/other",
        "kr.example.other:/callback",
        "kr.example.messenger:/callback?x",
    ] {
        assert_eq!(world.authorize(&request(uri)).await.status, StatusCode::BAD_REQUEST, "{uri}");
    }
    let mut confidential = registration("web");
    confidential.redirect_uris = vec!["kr.example.messenger:/callback".to_owned()];
    let refused = crate::verification::cli::register(&world.platform, confidential).await;
    assert!(refused.is_err(), "a scheme that any app can claim is for public clients only");
}
