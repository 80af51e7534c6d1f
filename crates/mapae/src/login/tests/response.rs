//! What the phone's side refuses, each for its own reason.

use http::StatusCode;
use keys::jws::{Header, SigningInput};
use keys::{SecretKey, Signer};
use openid::approval::Level;
use openid::form::Form;
use openid::vp::VpToken;
use serde_json::json;

use super::support::{Asked, Browser, Phone, World, issue};
use crate::lifecycle::{self, By};
use crate::operations::server_keys::KeyName;
use crate::operations::store::params;

/// A page, and a request that was fetched and approved with its number.
async fn approved(world: &World) -> (Browser, Asked) {
    let page = world.open_page().await;
    let asked = world.phone.fetch(world, &page.scan).await;
    world.phone.approve(world, &asked, Some(&page.number), Level::Base).await;
    (page, asked)
}

async fn state(world: &World, page: &Browser) -> String {
    page.poll(world, 0).await.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_request_says_who_asks_and_what_the_holder_must_do() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    let context = &asked.request.parameters().extra[openid::approval::PARAMETER];
    assert_eq!(context["name_ko"], "예시 업무 포털");
    assert_eq!(context["origin"], "http://localhost:8603");
    assert_eq!(context["number_digits"], 2);
    assert_eq!(context["level"], "base");
    let query = asked.request.query().to_value();
    let sets = &query["credentials"][0]["claim_sets"];
    assert!(sets[0].as_array().unwrap().contains(&json!("position")));
    assert!(!sets[1].as_array().unwrap().contains(&json!("position")), "not every badge has a position");
}

#[tokio::test]
async fn a_presentation_for_another_request_audience_or_time_is_refused() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    let now = world.platform.now_ms() / 1_000;
    let (nonce, audience) = (asked.request.nonce(), asked.request.client_id());
    for (nonce, audience, at, refusal) in [
        ("another-nonce", audience, now, "nonce"),
        (nonce, "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", now, "audience"),
        (nonce, audience, now - 3_600, "holder_binding_time"),
        (nonce, audience, now + 3_600, "holder_binding_time"),
    ] {
        let bound = world.phone.bind(&asked, nonce, audience, at);
        let reply = world.phone.answer(&world, &asked, bound).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.code(), format!("presentation_refused: {refusal}"));
    }
    // None of these consumed the login.
    assert_eq!(state(&world, &page).await, "waiting");
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_presentation_bound_by_another_key_or_algorithm_or_cut_short_is_refused() {
    let world = World::new().await;
    let (_page, asked) = approved(&world).await;
    let good = world.phone.bind(
        &asked,
        asked.request.nonce(),
        asked.request.client_id(),
        world.platform.now_ms() / 1_000,
    );

    let thief = Phone { holder: std::sync::Arc::new(SecretKey::generate()), ..world.phone.clone() };
    let stolen =
        thief.bind(&asked, asked.request.nonce(), asked.request.client_id(), world.platform.now_ms() / 1_000);
    let reply = world.phone.answer(&world, &asked, stolen).await;
    assert_eq!(reply.code(), "presentation_refused: holder_binding_signature");

    let (credential, binding) = good.rsplit_once('~').unwrap();
    let payload = keys::encoding::b64url_decode(binding.split('.').nth(1).unwrap()).unwrap();
    for alg in ["none", "HS256", "ES384"] {
        let header = Header { alg: alg.to_owned(), typ: Some("kb+jwt".to_owned()), ..Header::default() };
        let input = SigningInput::new(&header, &payload);
        let signature = world.phone.holder.sign(input.as_bytes()).unwrap();
        let confused = format!("{credential}~{}", input.finish(&signature));
        let reply = world.phone.answer(&world, &asked, confused).await;
        assert_eq!(reply.code(), "presentation_refused: algorithm", "{alg}");
    }

    let reply = world.phone.answer(&world, &asked, format!("{credential}~")).await;
    assert_eq!(reply.code(), "presentation_refused: holder_binding_missing");
    let reply = world.phone.answer(&world, &asked, good[..good.len() / 2].to_owned()).await;
    assert!(reply.code().starts_with("presentation_refused: "), "{}", reply.body);
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);

    // A disclosure left out changes what the holder signed.
    let mut parts: Vec<&str> = good.split('~').collect();
    parts.remove(1);
    let reply = world.phone.answer(&world, &asked, parts.join("~")).await;
    assert_eq!(reply.code(), "presentation_refused: holder_binding_hash");
}

#[tokio::test]
async fn a_credential_by_a_key_that_nobody_accredited_is_refused() {
    let world = World::new().await;
    let (_page, asked) = approved(&world).await;
    let foreign = SecretKey::generate();
    // The genuine chain with another key behind it, and a chain of our own root for another purpose.
    for (chain, refusal) in [
        (world.platform.keys.chain(KeyName::Issuer), "issuer_signature"),
        (world.platform.keys.chain(KeyName::Verifier), "issuer_chain"),
    ] {
        let credential =
            issue(&world.platform, &foreign, &chain, &world.phone.holder, &world.phone.status, "link-1");
        let forger = Phone { credential, ..world.phone.clone() };
        let reply = forger.present(&world, &asked).await;
        assert_eq!(reply.code(), format!("presentation_refused: {refusal}"));
    }
}

#[tokio::test]
async fn nothing_by_a_revoked_issuer_key_logs_in() {
    let world = World::new().await;
    let (_page, asked) = approved(&world).await;
    let jkt = world.platform.keys.signer(KeyName::Issuer).unwrap().public_key().thumbprint();
    lifecycle::local_trust(&world.platform).await.unwrap();
    let unit = world
        .platform
        .store
        .write(move |tx| Box::pin(async move { lifecycle::revoke_key(tx, &jkt, &By::system()).await }));
    unit.await.unwrap();
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!(reply.code(), "presentation_refused: issuer_revoked");
}

#[tokio::test]
async fn an_expired_copy_is_refused() {
    let world = World::new().await;
    lifecycle::local_trust(&world.platform).await.unwrap(); // accredits the issuer as of now
    world.platform.clock.advance_ms(15 * 86_400_000);
    let (_page, asked) = approved(&world).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "presentation_refused: expired");
}

#[tokio::test]
async fn an_answer_that_is_not_encrypted_to_this_request_is_refused() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    let other = world.phone.fetch(&world, &page.scan).await;
    let mut token = VpToken::default();
    let now = world.platform.now_ms() / 1_000;
    token.push("badge", world.phone.bind(&asked, asked.request.nonce(), asked.request.client_id(), now));

    // Encrypted to the key of another fetch.
    let swapped = other.request.respond(&token).unwrap();
    let reply = world.post_form(asked.request.response_uri(), &swapped.form, &[]).await;
    assert_eq!(reply.code(), "presentation_refused: response_other_key");

    // In the clear.
    let plain = Form::default()
        .with("vp_token", &serde_json::to_string(&token).unwrap())
        .with("state", asked.request.parameters().state.as_deref().unwrap());
    let reply = world.post_form(asked.request.response_uri(), &plain, &[]).await;
    assert_eq!(reply.code(), "presentation_refused: response_not_encrypted");

    // Damaged on the way.
    let good = asked.request.respond(&token).unwrap();
    let text = good.form.get("response").unwrap();
    let cut = Form::default().with("response", &text[..text.len() - 8]);
    let reply = world.post_form(asked.request.response_uri(), &cut, &[]).await;
    assert_eq!(reply.code(), "presentation_refused: invalid_request");
    let nothing = world.post_form(asked.request.response_uri(), &Form::default(), &[]).await;
    assert_eq!(nothing.code(), "presentation_refused: invalid_request");
}

#[tokio::test]
async fn nobody_declines_for_a_holder_whose_request_they_have_not_seen() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    let forged = Form::default().with("error", "access_denied").with("state", "guessed");
    let reply = world.post_form(asked.request.response_uri(), &forged, &[]).await;
    assert_eq!(reply.code(), "presentation_refused: invalid_request");
    assert_eq!(state(&world, &page).await, "waiting");

    let refusal = asked.request.refuse(openid::Code::AccessDenied);
    let reply = world.post_form(&refusal.url, &refusal.form, &[]).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(state(&world, &page).await, "denied");
}

#[tokio::test]
async fn tickets_expire_and_are_good_for_one_thing_only() {
    let world = World::new().await;
    let page = world.open_page().await;
    world.platform.clock.advance_ms(20_000);
    let late = world.phone.try_fetch(&world, &page.scan).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::GONE, "login_request_expired"));
    // The link on the page itself lives as long as the page.
    assert_eq!(world.phone.try_fetch(&world, &page.here).await.status, StatusCode::OK);

    let fresh = world.open_page().await;
    let asked = world.phone.fetch(&world, &fresh.scan).await;
    world.phone.approve(&world, &asked, Some(&fresh.number), Level::Base).await;
    let bound = world.phone.bind(
        &asked,
        asked.request.nonce(),
        asked.request.client_id(),
        world.platform.now_ms() / 1_000,
    );
    world.platform.clock.advance_ms(300_000);
    let late = world.phone.answer(&world, &asked, bound).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::GONE, "login_request_expired"));

    for path in ["/login/requests/", "/login/responses/"] {
        for ticket in [fresh.login.as_str(), "AAAA", "x"] {
            let reply = world.post_form(&format!("{path}{ticket}"), &Form::default(), &[]).await;
            assert_eq!(reply.code(), "login_invalid", "{path}{ticket}");
        }
    }
}

#[tokio::test]
async fn a_replayed_answer_and_a_second_scan_find_the_login_answered() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    let second = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &second, Some(&page.number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.status, StatusCode::OK);
    let replay = world.phone.present(&world, &asked).await;
    assert_eq!(replay.code(), "login_approval_missing", "the approval was taken by the first");
    assert_eq!(world.phone.present(&world, &second).await.code(), "login_answered");
    assert_eq!(world.phone.try_fetch(&world, &page.scan).await.code(), "login_answered");
}

#[tokio::test]
async fn without_an_approval_of_this_request_by_this_badge_nobody_logs_in() {
    let world = World::new().await;
    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_approval_missing");

    // An approval of another fetch of the same QR is not one of this.
    let other = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &other, Some(&page.number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_approval_missing");

    // Nor is one by another badge.
    let colleague = Phone::with_badge(&world.platform, "employee-9", "link-9").await;
    colleague.approve(&world, &asked, Some(&page.number), Level::Base).await;
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_approval_foreign"));
    assert_eq!(state(&world, &page).await, "waiting");
}

#[tokio::test]
async fn a_wrong_number_ends_the_login() {
    let world = World::new().await;
    for wrong in [None, Some("00"), Some("0")] {
        let page = world.open_page().await;
        let asked = world.phone.fetch(&world, &page.scan).await;
        world.phone.approve(&world, &asked, wrong, Level::Pin).await;
        let reply = world.phone.present(&world, &asked).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_number_wrong"));
        assert_eq!(state(&world, &page).await, "number_wrong");

        // No second guess, and no code.
        let again = world.phone.try_fetch(&world, &page.scan).await;
        assert_eq!(again.code(), "login_answered");
        assert_eq!(world.get(&page.go_on(), Some(&page.cookie)).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_login_that_asks_for_the_pin_takes_no_less() {
    let world = World::new().await;
    let mut form = world.request();
    form.push("acr_values", crate::login::ACR_PIN);
    let page = world.open(&form).await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_level_too_low"));
    assert_eq!(state(&world, &page).await, "waiting");
}

#[tokio::test]
async fn a_suspended_or_revoked_badge_is_told_so_by_its_status() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    world.suspend().await;
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_badge_suspended"));
    assert_eq!(state(&world, &page).await, "badge_suspended");

    let page = world.open_page().await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    let badge = world.phone.badge.clone();
    let unit = world.platform.store.write(move |tx| {
        Box::pin(async move {
            lifecycle::revoke(tx, &badge, &By::system(), lifecycle::Reason::EmploymentEnded).await
        })
    });
    unit.await.unwrap();
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_badge_revoked");
    assert_eq!(state(&world, &page).await, "badge_revoked");
}

/// The status list said valid a moment ago; the row decides in the transaction that would issue the code.
#[tokio::test]
async fn a_suspension_that_no_list_shows_yet_is_seen_in_the_transaction_of_the_code() {
    let world = World::new().await;
    let (page, asked) = approved(&world).await;
    let badge = world.phone.badge.clone();
    world.execute("UPDATE badge SET state = 'suspended' WHERE id = $1", params![badge]).await;
    let reply = world.phone.present(&world, &asked).await;
    assert_eq!(reply.code(), "login_badge_suspended");
    assert_eq!(state(&world, &page).await, "badge_suspended");
    assert_eq!(
        super::support::count(&world, "SELECT COUNT(*) AS n FROM login_attempt WHERE outcome = 'granted'")
            .await,
        0
    );
}
