//! The authorization code: pushed, signed in, agreed to, redeemed once.

use std::sync::Arc;

use futures::future::join_all;
use http::{StatusCode, header};
use keys::SecretKey;
use openid::dpop;
use serde_json::json;

use super::browser::{Asking, CLIENT, address_of, agree, answer, query_of, ticket_of, town};
use super::holder::{credentials_of, holder_keys, payload};
use crate::application::tests::doors::{self, csrf_of, get, send, sign_in};
use crate::application::tests::{COLLEAGUE, HEAD, OFFICIAL};
use crate::application::{self, State};
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::limits;

#[tokio::test]
async fn who_signs_in_from_a_wallet_and_agrees_is_issued_a_batch() {
    let town = town(|_| {}).await;
    let application = town.approved(OFFICIAL).await;
    let mut asking = Asking::new(&town).await;
    let cookie = sign_in(&town, false, "gong").await;
    let location = agree(&town, &cookie, &asking.address().await).await;
    assert!(location.starts_with("https://wallet.example/cb?code="), "{location}");
    assert_eq!(query_of(&location, "state").as_deref(), Some("state-1"));
    assert_eq!(query_of(&location, "iss"), Some(asking.wallet.origin()), "RFC 9207");

    let token = asking.redeem(&query_of(&location, "code").unwrap()).await;
    assert_eq!((&token["token_type"], &token["scope"]), (&json!("DPoP"), &json!("badge")));
    assert!(token.get("authorization_details").is_none());
    let keys = holder_keys(3);
    let reply = asking.credentials(token["access_token"].as_str().unwrap(), &keys).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let credentials = credentials_of(&reply);
    assert_eq!(credentials.len(), 3);
    assert_eq!(payload(&credentials[0])["cnf"]["jwk"]["x"], json!(keys[0].public_key().to_jwk().x));
    assert_eq!(town.state(&application).await, State::Issued);
    let badge = Badge::live_of_employee(&town.store, &town.id(OFFICIAL).await).await.unwrap().unwrap();
    assert_eq!((badge.state, badge.account_id), (BadgeState::Active, None));
}

#[tokio::test]
async fn the_browser_goes_over_the_portals_door_and_comes_back() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let address = Asking::new(&town).await.address().await;
    let away = send(&town, false, get(&address, "")).await;
    assert_eq!(
        (away.status, away.headers[header::LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/portal/sign-in")
    );
    let back = away.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();

    let door = send(&town, false, get("/portal/sign-in", &back)).await;
    let form_cookie =
        door.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let body = format!("login=gong&password=mapae-yesi&csrf={}", csrf_of(&door.body));
    let entered =
        send(&town, false, doors::form("/portal/sign-in", &format!("{form_cookie}; {back}"), &body)).await;
    assert_eq!(entered.headers[header::LOCATION].to_str().unwrap(), address);

    // A planted cookie leads home, never elsewhere.
    for planted in
        ["https://evil.example/", "//evil.example", "/portal/sign-out", "/issuance/authorize?x=\"y"]
    {
        let cookie = format!("{form_cookie}; __Host-mapae-return={planted}");
        let entered = send(&town, false, doors::form("/portal/sign-in", &cookie, &body)).await;
        assert_eq!(entered.headers[header::LOCATION].to_str().unwrap(), "/portal", "{planted}");
    }
}

#[tokio::test]
async fn the_consent_page_says_who_asks_and_lets_the_form_lead_to_the_wallet_only() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &cookie)).await;
    assert!(page.body.contains("https://wallet.example") && page.body.contains("아무도 보증하지 않은 지갑"));
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://wallet.example;"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "no frame may take the click");
}

#[tokio::test]
async fn whoever_says_no_sends_the_wallet_a_refusal_and_the_request_is_over() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let address = Asking::new(&town).await.address().await;
    let visit = answer(&town, &cookie, &address, "deny").await;
    let location = visit.headers[header::LOCATION].to_str().unwrap();
    assert_eq!(query_of(location, "error").as_deref(), Some("access_denied"));
    assert_eq!(query_of(location, "state").as_deref(), Some("state-1"));
    assert!(query_of(location, "iss").is_some() && query_of(location, "code").is_none());
    assert_eq!(send(&town, false, get(&address, &cookie)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_is_answered_once() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let address = Asking::new(&town).await.address().await;
    let page = send(&town, false, get(&address, &cookie)).await;
    let body = format!("csrf={}&ticket={}&verdict=agree", csrf_of(&page.body), ticket_of(&page.body));
    let form = || doors::form("/issuance/authorize", &cookie, &body);
    assert_eq!(send(&town, false, form()).await.status, StatusCode::SEE_OTHER);
    assert_eq!(send(&town, false, form()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&town, false, get(&address, &cookie)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_foreign_page_can_not_agree_for_the_holder() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &cookie)).await;
    let body = format!("csrf=wrong&ticket={}&verdict=agree", ticket_of(&page.body));
    let visit = send(&town, false, doors::form("/issuance/authorize", &cookie, &body)).await;
    assert_eq!(visit.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_has_nothing_to_be_issued_is_told_so_and_led_back() {
    let town = town(|_| {}).await;
    town.account("other", COLLEAGUE).await;
    let cookie = sign_in(&town, false, "other").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &cookie)).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.body.contains("https://wallet.example/cb?error=access_denied"), "{}", page.body);
    assert!(!page.body.contains("name=\"ticket\""));
}

#[tokio::test]
async fn an_agency_that_allows_no_other_wallets_is_obeyed() {
    let town = town(|config| config.application.other_wallets = Vec::new()).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &cookie)).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_offer_made_for_one_official_serves_no_other() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    town.account("other", COLLEAGUE).await;
    town.applied(COLLEAGUE).await;
    let (link, _) = application::offer_of_sign_in(&town, &town.id(OFFICIAL).await).await.unwrap();
    let openid::vci::OfferLink::ByValue(offer) = openid::vci::OfferLink::parse(&link).unwrap() else {
        panic!("by value")
    };
    let grant = offer.grants.unwrap().authorization_code.unwrap();
    let state = grant.issuer_state.unwrap();
    let asking = Asking::new(&town).await.with("issuer_state", Some(&state));
    let address = asking.address().await;
    let other = sign_in(&town, false, "other").await;
    assert_eq!(send(&town, false, get(&address, &other)).await.status, StatusCode::FORBIDDEN);
    let own = sign_in(&town, false, "gong").await;
    assert!(agree(&town, &own, &address).await.contains("code="));

    town.clock.advance_ms(limits::ISSUER_STATE_LIFE.get());
    let mut late = Asking::new(&town).await.with("issuer_state", Some(&state));
    assert_eq!(late.push_with(&[]).await.refusal(), (400, "invalid_request".to_owned()));
    late = late.with("issuer_state", Some("made up"));
    assert_eq!(late.push_with(&[]).await.refusal(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn each_wrong_pushed_request_is_refused_by_its_code() {
    let town = town(|_| {}).await;
    let detail =
        json!([{ "type": "openid_credential", "credential_configuration_id": "passport" }]).to_string();
    let other_type = json!([{ "type": "payment" }]).to_string();
    let wrong = [
        ("response_type", Some("token"), "unsupported_response_type"),
        ("response_type", None, "invalid_request"),
        ("client_id", None, "invalid_request"),
        ("redirect_uri", None, "invalid_request"),
        ("redirect_uri", Some("javascript:alert(1)"), "invalid_request"),
        ("redirect_uri", Some("http://wallet.example/cb"), "invalid_request"),
        ("code_challenge", None, "invalid_request"),
        ("code_challenge_method", Some("plain"), "invalid_request"),
        ("scope", Some("openid"), "invalid_scope"),
        ("scope", None, "invalid_scope"),
        ("authorization_details", Some(detail.as_str()), "invalid_authorization_details"),
        ("authorization_details", Some(other_type.as_str()), "invalid_authorization_details"),
        ("authorization_details", Some("{"), "invalid_authorization_details"),
        ("request_uri", Some("urn:x"), "invalid_request"),
        ("request", Some("e30.e30."), "request_not_supported"),
        ("resource", Some("https://other.example"), "invalid_target"),
        ("dpop_jkt", Some("AAAA"), "invalid_request"),
    ];
    for (name, value, code) in wrong {
        let reply = Asking::new(&town).await.with(name, value).push_with(&[]).await;
        assert_eq!(reply.refusal(), (400, code.to_owned()), "{name} = {value:?}");
    }
    let mut twice = Asking::new(&town).await;
    twice.form.push(("state", "state-2".to_owned()));
    assert_eq!(twice.push_with(&[]).await.refusal(), (400, "invalid_request".to_owned()), "repeated");
}

#[tokio::test]
async fn a_request_that_was_not_pushed_or_is_anothers_or_too_old_shows_no_consent_and_redirects_nowhere() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let asking = Asking::new(&town).await;
    let address = asking.address().await;
    let plain = "/issuance/authorize?response_type=code&client_id=example-wallet&scope=badge\
                 &redirect_uri=https%3A%2F%2Fevil.example%2F";
    let foreign = address.replace(CLIENT, "another-wallet");
    let changed = format!("{}x", &address[..address.len() - 1]);
    for wrong in [
        plain,
        foreign.as_str(),
        changed.as_str(),
        "/issuance/authorize",
        "/issuance/authorize?client_id=a&client_id=b",
    ] {
        let page = send(&town, false, get(wrong, &cookie)).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(!page.headers.contains_key(header::LOCATION), "{wrong}");
        assert!(!page.body.contains("\"https://evil.example"), "{wrong}");
    }
    town.clock.advance_ms(limits::PUSHED_REQUEST_LIFE.get());
    assert_eq!(send(&town, false, get(&address, &cookie)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_code_is_bound_to_client_address_verifier_and_key() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let jkt = |asking: &Asking| asking.wallet.key.public_key().thumbprint();
    let asking = Asking::new(&town).await;
    let bound = jkt(&asking);
    let asking = asking.with("dpop_jkt", Some(&bound));
    let code = asking.code(&town, &cookie).await;
    let form = asking.token_form(&code);
    let changed = |name: &str, value: Option<&str>| {
        let mut form = form.clone();
        form.retain(|(known, _)| *known != name);
        let name = form_name(name);
        form.extend(value.map(|value| (name, value.to_owned())));
        form
    };
    let wrong = [
        ("client_id", Some("another-wallet"), "invalid_grant"),
        ("client_id", None, "invalid_grant"),
        ("redirect_uri", Some("https://wallet.example/cb2"), "invalid_grant"),
        ("redirect_uri", None, "invalid_grant"),
        ("code_verifier", Some("x".repeat(43).leak() as &str), "invalid_grant"),
        ("code_verifier", Some("short"), "invalid_request"),
        ("code_verifier", None, "invalid_grant"),
        ("code", Some("made up"), "invalid_grant"),
        ("code", None, "invalid_request"),
        ("tx_code", Some("12345678"), "invalid_request"),
    ];
    for (name, value, expected) in wrong {
        let reply = asking.post_token(&changed(name, value)).await;
        assert_eq!(reply.refusal(), (400, expected.to_owned()), "{name} = {value:?}");
    }
    let mut thief = Asking::new(&town).await;
    thief.verifier = asking.verifier.clone();
    assert_ne!(jkt(&thief), bound);
    assert_eq!(thief.post_token(&form).await.refusal(), (400, "invalid_grant".to_owned()), "another key");
    // Nothing of that used the code up.
    assert_eq!(asking.post_token(&form).await.status, 200);
}

fn form_name(name: &str) -> &'static str {
    let known = ["client_id", "redirect_uri", "code_verifier", "code", "tx_code"];
    known.into_iter().find(|known| *known == name).unwrap()
}

#[tokio::test]
async fn a_dpop_proof_at_the_pushed_request_binds_the_code_and_counts_once() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let asking = Asking::new(&town).await;
    let proof = asking.wallet.dpop("/issuance/par", None);
    let reply = asking.push_with(&[(dpop::HEADER, &proof)]).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    let again = asking.push_with(&[(dpop::HEADER, &proof)]).await;
    assert_eq!(again.refusal(), (400, "invalid_dpop_proof".to_owned()), "replayed");
    let elsewhere = asking.wallet.dpop("/issuance/token", None);
    let elsewhere = asking.push_with(&[(dpop::HEADER, &elsewhere)]).await;
    assert_eq!(elsewhere.refusal(), (400, "invalid_dpop_proof".to_owned()));
    let other = SecretKey::generate().public_key().thumbprint();
    let torn = Asking {
        form: asking.form.clone(),
        wallet: asking.wallet.clone(),
        verifier: asking.verifier.clone(),
    };
    let proof = torn.wallet.dpop("/issuance/par", None);
    let torn = torn.with("dpop_jkt", Some(&other)).push_with(&[(dpop::HEADER, &proof)]).await;
    assert_eq!(torn.refusal(), (400, "invalid_dpop_proof".to_owned()));

    let code = query_of(&agree(&town, &cookie, &address_of(&reply)).await, "code").unwrap();
    let mut thief = Asking::new(&town).await;
    thief.verifier = asking.verifier.clone();
    let stolen = thief.post_token(&asking.token_form(&code)).await;
    assert_eq!(stolen.refusal(), (400, "invalid_grant".to_owned()));
    asking.redeem(&code).await;
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_all_that_came_of_it() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let mut asking = Asking::new(&town).await;
    let code = asking.code(&town, &cookie).await;
    let token = asking.redeem(&code).await;
    let again = asking.post_token(&asking.token_form(&code)).await;
    assert_eq!(again.refusal(), (400, "invalid_grant".to_owned()));
    let reply = asking.credentials(token["access_token"].as_str().unwrap(), &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
    let refresh = [
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token["refresh_token"].as_str().unwrap().to_owned()),
        ("client_id", CLIENT.to_owned()),
    ];
    assert_eq!(asking.post_token(&refresh).await.refusal(), (400, "invalid_grant".to_owned()));
    let told = town
        .store
        .fetch_all("SELECT subject FROM audit_record WHERE act = 'offer.code_replayed'", vec![])
        .await
        .unwrap();
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_code_lives_for_a_minute_and_a_suspension_ends_it_sooner() {
    let town = town(|_| {}).await;
    let application = town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let asking = Asking::new(&town).await;
    let code = asking.code(&town, &cookie).await;
    town.clock.advance_ms(limits::AUTHORIZATION_CODE_LIFE.get());
    let late = asking.post_token(&asking.token_form(&code)).await;
    assert_eq!(late.refusal(), (400, "invalid_grant".to_owned()));

    let mut asking = Asking::new(&town).await;
    let code = asking.code(&town, &cookie).await;
    let token = asking.redeem(&code).await;
    application::withdraw(&town, &application.employee_id, &application.id).await.unwrap();
    let reply = asking.credentials(token["access_token"].as_str().unwrap(), &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()), "taken back meanwhile");
}

#[tokio::test]
async fn authorization_details_are_answered_with_identifiers_and_may_be_narrowed_at_the_token() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let detail = |id: &str| json!({ "type": "openid_credential", "credential_configuration_id": id });
    let both = json!([detail("badge"), detail("badge-mdoc")]).to_string();
    let asking = Asking::new(&town).await.with("scope", None).with("authorization_details", Some(&both));
    let code = asking.code(&town, &cookie).await;
    let mut form = asking.token_form(&code);
    form.push(("authorization_details", json!([detail("passport")]).to_string()));
    assert_eq!(asking.post_token(&form).await.refusal(), (400, "invalid_authorization_details".to_owned()));
    form.pop();
    form.push(("authorization_details", json!([detail("badge-mdoc")]).to_string()));
    let token = asking.post_token(&form).await.json();
    assert_eq!(token["authorization_details"][0]["credential_identifiers"], json!(["badge-mdoc"]));
    assert_eq!(token["authorization_details"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_official_of_another_desk_with_an_own_application_gets_only_their_own_badge() {
    let town = town(|_| {}).await;
    town.account("bujang", HEAD).await;
    town.approved(OFFICIAL).await;
    let head = sign_in(&town, false, "bujang").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &head)).await;
    assert_eq!(
        page.status,
        StatusCode::CONFLICT,
        "the head has no application: somebody else's is not theirs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_redeem_a_code_one_gets_a_token_and_then_it_ends() {
    let town = town(|_| {}).await;
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let asking = Arc::new(Asking::new(&town).await);
    let form = asking.token_form(&asking.code(&town, &cookie).await);
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (asking, form) = (Arc::clone(&asking), form.clone());
            tokio::spawn(async move { asking.post_token(&form).await })
        })
        .collect();
    let replies: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.refusal(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_to_a_request_one_makes_a_code() {
    let town = Arc::new(town(|_| {}).await);
    town.approved(OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get(&Asking::new(&town).await.address().await, &cookie)).await;
    let body = format!("csrf={}&ticket={}&verdict=agree", csrf_of(&page.body), ticket_of(&page.body));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (town, cookie, body) = (Arc::clone(&town), cookie.clone(), body.clone());
            tokio::spawn(async move {
                send(&town, false, doors::form("/issuance/authorize", &cookie, &body)).await.status
            })
        })
        .collect();
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1);
    assert!(answers.iter().all(|status| [303, 400].contains(&status.as_u16())), "{answers:?}");
    let offers = town.store.fetch_all("SELECT id FROM issuance_offer", vec![]).await.unwrap();
    assert_eq!(offers.len(), 1);
}
