//! The whole way, and what it leaves behind.

use http::StatusCode;
use keys::jws::{Typ, Unverified};
use keys::{JwkSet, PublicKey};
use openid::approval::Level;
use serde_json::Value;

use super::support::{NAME, REDIRECT, VERIFIER, World, count, registration};
use crate::login::{ACR_BASE, ACR_PIN};
use crate::operations::store::{Engine, params};
use crate::verification::relying_party::{IdTokenAlg, Subject};

fn id_token(world: &World, jwks: &JwkSet, token: &str) -> Value {
    let unverified = Unverified::parse(token, 8_192).unwrap();
    let jwk = jwks.find(unverified.header().kid.as_deref().unwrap()).expect("a published key");
    let verified = if jwk.kty == "RSA" {
        unverified.verify_rs256(jwk, Typ::Is("JWT"))
    } else {
        unverified.verify(&PublicKey::from_jwk(jwk).unwrap(), Typ::Is("JWT"))
    };
    let claims: Value = verified.unwrap().claims().unwrap();
    assert_eq!(claims["iss"], world.platform.config.public.origin());
    claims
}

async fn jwks(world: &World) -> JwkSet {
    serde_json::from_value(world.get("/oidc/jwks", None).await.json()).unwrap()
}

#[tokio::test]
async fn a_login_ends_with_a_verified_id_token_and_the_registered_claims() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let reply = world.redeem(&code).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let tokens = reply.json();
    let claims = id_token(&world, &jwks(&world).await, tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "portal");
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["acr"], ACR_BASE);
    assert_eq!(claims["auth_time"], world.platform.now_ms() / 1_000);
    assert!(claims.get("name").is_none(), "claims are read at userinfo");

    let user = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(user["sub"], claims["sub"]);
    for (name, value) in [
        ("name", NAME),
        ("cn", NAME),
        ("name#en", "Kim Yesi"),
        ("inst_code", "1741000"),
        ("instCode", "1741000"),
        ("department", "디지털정부과"),
        ("employee_number", "2026-00001"),
    ] {
        assert_eq!(user[name], value, "{name}");
    }
    for withheld in ["birth_date", "link_id", "family_name"] {
        assert!(user.get(withheld).is_none(), "{withheld} was never asked for");
    }
}

#[tokio::test]
async fn the_redirect_carries_state_and_issuer() {
    let world = World::new().await;
    let page = world.open_page().await;
    world.phone_logs_in(&page).await;
    let reply = world.get(&page.go_on(), Some(&page.cookie)).await;
    assert!(reply.location().starts_with(REDIRECT));
    assert_eq!(reply.parameter("state").as_deref(), Some("the-state"));
    assert_eq!(reply.parameter("iss").as_deref(), Some(world.platform.config.public.origin()));
}

#[tokio::test]
async fn an_rs256_client_gets_rs256() {
    let world = World::new().await;
    let mut rsa = registration("old-mail");
    rsa.id_token_alg = IdTokenAlg::RS256;
    let secrets = world.register(rsa).await;
    let page = world.open(&replaced(&world, "client_id", "old-mail")).await;
    let code = world.code(&page).await;
    let reply = world.redeem_as("old-mail", &secrets.client_secret.unwrap(), &world.token_form(&code)).await;
    let token = reply.json()["id_token"].as_str().unwrap().to_owned();
    assert_eq!(Unverified::parse(&token, 8_192).unwrap().header().alg, "RS256");
    assert_eq!(id_token(&world, &jwks(&world).await, &token)["aud"], "old-mail");
}

#[tokio::test]
async fn a_public_client_needs_its_verifier_only() {
    let world = World::new().await;
    let mut public = registration("phone-app");
    public.public = true;
    world.register(public).await;
    let page = world.open(&replaced(&world, "client_id", "phone-app")).await;
    let code = world.code(&page).await;
    let form = world.token_form(&code).with("client_id", "phone-app");
    let reply = world.post_form("/oidc/token", &form, &[]).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn the_secret_may_come_in_the_form() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let secret = world.secrets.client_secret.clone().unwrap();
    let form = world.token_form(&code).with("client_id", "portal").with("client_secret", &secret);
    assert_eq!(world.post_form("/oidc/token", &form, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn acr_is_what_the_account_role_recorded() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Pin).await;
    world.phone.present(&world, &asked).await;
    let code = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
    let tokens = world.redeem(&code).await.json();
    let claims = id_token(&world, &jwks(&world).await, tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["acr"], ACR_PIN);
    assert_eq!(claims["amr"], serde_json::json!(["swk", "pin", "mfa"]));
}

#[tokio::test]
async fn a_login_costs_two_commits_beside_the_approval() {
    let world = World::new().await;
    // The first look at trust and status lists may write; afterwards nothing but the login does.
    world.access_token().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    let before = world.platform.store.counters().commits();
    world.phone.present(&world, &asked).await;
    let code = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
    let token = world.redeem(&code).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    assert_eq!(world.platform.store.counters().commits() - before, 2);
}

#[tokio::test]
async fn nobody_who_reads_the_database_finds_a_claim() {
    let world = World::new().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    let sealed = world.platform.store.fetch_one("SELECT claims FROM login_attempt", params![]).await.unwrap();
    let sealed = sealed.bytes("claims").unwrap();
    assert!(!contains(&sealed, NAME.as_bytes()) && !contains(&sealed, b"1741000"));
    world.redeem(&code).await;
    let left = count(&world, "SELECT COUNT(*) AS n FROM login_attempt WHERE claims IS NOT NULL").await;
    assert_eq!(left, 0, "the claims moved from the code to the token");
    let sealed = world.platform.store.fetch_one("SELECT claims FROM login_session", params![]).await.unwrap();
    assert!(!contains(&sealed.bytes("claims").unwrap(), NAME.as_bytes()));
    if world.platform.store.engine() == Engine::Sqlite {
        let path = world.platform.config.store.url.trim_start_matches("sqlite:").to_owned();
        for file in [path.clone(), format!("{path}-wal")] {
            let bytes = std::fs::read(&file).unwrap_or_default();
            assert!(!contains(&bytes, NAME.as_bytes()), "{file}");
            assert!(!contains(&bytes, "디지털정부과".as_bytes()), "{file}");
        }
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn suspension_ends_sessions_and_open_codes_at_once_and_resuming_brings_none_back() {
    let world = World::new().await;
    let token = world.access_token().await;
    let page = world.open_page().await;
    let code = world.code(&page).await;
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    world.suspend().await;
    let reply = world.userinfo(&token).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.code(), "invalid_token");
    assert!(
        reply.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer error=\"invalid_token\"")
    );
    assert_eq!(world.redeem(&code).await.code(), "invalid_grant");
    world.resume().await;
    assert_eq!(world.userinfo(&token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.redeem(&code).await.code(), "invalid_grant");
    let readable = count(&world, "SELECT COUNT(*) AS n FROM login_session WHERE claims IS NOT NULL").await;
    assert_eq!(readable, 0, "the claims of an ended session are gone");
    // A new login works again.
    world.access_token().await;
}

#[tokio::test]
async fn the_subject_is_pairwise_by_sector_stable_over_reissue_and_public_where_registered() {
    let world = World::new().await;
    let first = subject(&world, "portal", &world.secrets.client_secret.clone().unwrap()).await;

    let mut elsewhere = registration("elsewhere");
    elsewhere.sector = Some("other.example".to_owned());
    let other = world.register(elsewhere).await;
    assert_ne!(subject(&world, "elsewhere", &other.client_secret.unwrap()).await, first);

    let neighbour = world.register(registration("neighbour")).await;
    assert_eq!(
        subject(&world, "neighbour", &neighbour.client_secret.unwrap()).await,
        first,
        "one sector, one subject"
    );

    let mut public = Vec::new();
    for (id, sector) in [("one", "one.example"), ("two", "two.example")] {
        let mut party = registration(id);
        party.subject = Subject::Public;
        party.sector = Some(sector.to_owned());
        let secrets = world.register(party).await;
        public.push(subject(&world, id, &secrets.client_secret.unwrap()).await);
    }
    assert_eq!(public[0], public[1]);
    assert_ne!(public[0], first);

    // Re-issued to another phone and slot: the link identifier stays, and so does the subject.
    let reissued = super::support::Phone::with_badge(&world.platform, "employee-2", "link-1").await;
    let world = World { phone: reissued, ..world };
    assert_eq!(subject(&world, "portal", &world.secrets.client_secret.clone().unwrap()).await, first);
}

async fn subject(world: &World, id: &str, secret: &str) -> String {
    let page = world.open(&replaced(world, "client_id", id)).await;
    let code = world.code(&page).await;
    let tokens = world.redeem_as(id, secret, &world.token_form(&code)).await.json();
    let user = world.userinfo(tokens["access_token"].as_str().unwrap()).await.json();
    user["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn on_the_same_device_the_wallet_returns_to_the_browser_that_began() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.here).await;
    let context = &asked.request.parameters().extra[openid::approval::PARAMETER];
    assert_eq!(context["number_digits"], 0, "the return itself binds browser and phone");
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let reply = world.phone.present(&world, &asked).await;
    let back = reply.json()["redirect_uri"].as_str().unwrap().to_owned();
    assert!(
        back.starts_with(&format!("{}/login/return?response_code=", world.platform.config.public.origin()))
    );

    // The page that began can't go on by itself: somebody else may have sent the link to the phone.
    assert_eq!(page.poll(&world, 0).await.json()["state"], "continued");
    let stuck = world.get(&page.go_on(), Some(&page.cookie)).await;
    assert_eq!(stuck.status, StatusCode::OK, "a page, no redirect");
    let stranger = world.open_page().await;
    assert_eq!(world.get(&back, Some(&stranger.cookie)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.get(&back, None).await.status, StatusCode::BAD_REQUEST);

    let reply = world.get(&back, Some(&page.cookie)).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    let code = reply.parameter("code").unwrap();
    assert_eq!(world.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_login_leaves_an_audit_record_in_its_transaction() {
    let world = World::new().await;
    world.access_token().await;
    let row = world
        .platform
        .store
        .fetch_one("SELECT actor, subject, detail FROM audit_record WHERE act = 'login.granted'", params![])
        .await
        .unwrap();
    assert_eq!(row.text("actor").unwrap(), world.phone.badge);
    assert_eq!(row.text("subject").unwrap(), "portal");
    assert!(row.text("detail").unwrap().contains("\"acr\":\"base\""));
}

#[tokio::test]
async fn discovery_names_what_is_served() {
    let world = World::new().await;
    let reply = world.get("/.well-known/openid-configuration", None).await;
    let issuer = world.platform.config.public.origin();
    let read = openid::metadata::OpenIdProvider::read(reply.body.as_bytes(), issuer).unwrap();
    assert_eq!(read.id_token_signing_alg_values_supported, ["ES256", "RS256"]);
    assert!(read.authorization_response_iss_parameter_supported);
    assert!(!read.request_uri_parameter_supported);
    let keys = jwks(&world).await.keys;
    assert_eq!(keys.iter().filter_map(|key| key.alg.as_deref()).collect::<Vec<_>>(), ["ES256", "RS256"]);
    assert!(!world.get("/oidc/jwks", None).await.body.contains("\"d\""));
}

fn replaced(world: &World, name: &str, value: &str) -> openid::form::Form {
    let mut form = openid::form::Form::default();
    for (known, old) in world.request().iter() {
        form.push(known, if known == name { value } else { old });
    }
    form
}

#[test]
fn the_verifier_of_the_tests_is_the_one_of_rfc_7636() {
    let challenge = keys::encoding::b64url_encode(&keys::sha256(VERIFIER.as_bytes()));
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
