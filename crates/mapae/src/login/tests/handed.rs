//! The Digital Credentials API on the login page: for this page and this browser, at every level, once.

use futures::future::join_all;
use http::{StatusCode, header};
use openid::approval::Level;
use openid::vp::{DcProtocol, Expected, Fetched, VerifiedRequest, VpToken};
use serde_json::{Value, json};

use super::support::{Asked, Browser, Reply, World, registration};
use crate::verification::relying_party::StartLevel;

/// What the page's script does first.
async fn handed(world: &World, page: &Browser, cookie: &str) -> Reply {
    world.post_json("/login/handed", &json!({ "login": page.login }), &[(header::COOKIE, cookie)]).await
}

async fn bring(world: &World, made: &Value, data: &Value, cookie: &str) -> Reply {
    world.post_json(made["answer_uri"].as_str().unwrap(), data, &[(header::COOKIE, cookie)]).await
}

fn origin(world: &World) -> String {
    world.platform.config.public.base_url.origin().ascii_serialization()
}

/// The request as a wallet judges it that the browser tells of `origin`.
fn judged(world: &World, made: &Value, origin: &str) -> Result<Asked, openid::vp::Refusal> {
    let request = &made["requests"][0];
    assert_eq!(made["requests"].as_array().unwrap().len(), 1);
    let expected = Expected {
        fetched: Fetched::default(),
        anchors: std::slice::from_ref(world.platform.keys.root()),
        did_key: None,
        audience: None,
        transaction_types: &[],
        allow_unsigned: false,
        now: world.platform.now_ms() / 1_000,
    };
    let protocol = DcProtocol::parse(request["protocol"].as_str().unwrap()).unwrap();
    let verified = VerifiedRequest::from_page(protocol, &request["data"], origin, &expected)?;
    Ok(Asked { text: request["data"]["request"].as_str().unwrap().to_owned(), request: verified })
}

/// What the wallet gives to the browser.
fn presented(world: &World, asked: &Asked) -> Value {
    let now = world.platform.now_ms() / 1_000;
    let bound = world.phone.bind(asked, asked.request.nonce(), asked.request.audience(), now);
    let mut token = VpToken::default();
    token.push("badge", bound);
    asked.request.respond_to_page(&token).unwrap()
}

#[tokio::test]
async fn the_browser_brings_the_badge_and_the_page_that_asked_goes_on() {
    let world = World::new().await;
    let page = world.open_page().await;
    assert!(page.html.contains("data-browser-way hidden"), "shown by the script where the browser can");
    let made = handed(&world, &page, &page.cookie).await.json();
    let asked = judged(&world, &made, &origin(&world)).unwrap();
    let context = &asked.request.parameters().extra[openid::approval::PARAMETER];
    assert_eq!((&context["number_digits"], &context["origin"]), (&json!(0), &json!("http://localhost:8603")));
    let data = presented(&world, &asked);

    let early = bring(&world, &made, &data, &page.cookie).await;
    assert_eq!(
        early.code(),
        "login_approval_missing",
        "the presentation alone says nothing about the holder"
    );
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let reply = bring(&world, &made, &data, &page.cookie).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "{}"));
    let polled = page.poll(&world, 0).await.json();
    assert_eq!(polled["state"], "granted");
    let went_on = world.get(polled["next"].as_str().unwrap(), Some(&page.cookie)).await;
    let tokens = world.redeem(&went_on.parameter("code").unwrap()).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    let again = bring(&world, &made, &data, &page.cookie).await;
    assert_eq!(again.code(), "login_approval_missing", "the approval went with the first answer");
    assert_eq!(handed(&world, &page, &page.cookie).await.code(), "login_answered");
}

#[tokio::test]
async fn it_serves_a_relying_party_of_a_high_level_that_draws_no_code_here() {
    let world = World::new().await;
    let mut high = registration("high");
    (high.level, high.api) = (StartLevel::High, false);
    world.register(high).await;
    let mut form = openid::form::Form::default();
    for (name, value) in world.request().iter() {
        form.push(name, if name == "client_id" { "high" } else { value });
    }
    let reply = world.authorize(&form).await;
    assert!(!reply.body.contains("data-qr"), "no code outside of a registered network");
    let cookie = reply.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let login = super::support::attribute(&reply.body, "data-login");
    let made = world
        .post_json("/login/handed", &json!({ "login": login }), &[(header::COOKIE, &cookie)])
        .await
        .json();
    let asked = judged(&world, &made, &origin(&world)).unwrap();
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let data = presented(&world, &asked);
    assert_eq!(bring(&world, &made, &data, &cookie).await.status, StatusCode::OK);
    let went_on = world.get(&format!("/login/continue?login={login}"), Some(&cookie)).await;
    assert!(went_on.parameter("code").is_some());
}

#[tokio::test]
async fn neither_another_browser_nor_another_page_nor_another_way_gets_anywhere() {
    let world = World::new().await;
    let page = world.open_page().await;
    let other = world.open_page().await;
    for cookie in [other.cookie.as_str(), "", "__Host-mapae-browser=short"] {
        let reply = handed(&world, &page, cookie).await;
        assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_other_browser"));
    }
    let made = handed(&world, &page, &page.cookie).await.json();
    // A page that took the request along: the browser names that page to the wallet, which shows nothing.
    assert_eq!(judged(&world, &made, "https://evil.example").err(), Some(openid::vp::Refusal::Origin));

    let asked = judged(&world, &made, &origin(&world)).unwrap();
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let data = presented(&world, &asked);
    let foreign = bring(&world, &made, &data, &other.cookie).await;
    assert_eq!((foreign.status, foreign.code().as_str()), (StatusCode::FORBIDDEN, "login_other_browser"));
    // Bound to another audience: what the phone would say to a link, or to another page.
    for audience in [asked.request.client_id(), "origin:https://evil.example"] {
        let now = world.platform.now_ms() / 1_000;
        let mut token = VpToken::default();
        token.push("badge", world.phone.bind(&asked, asked.request.nonce(), audience, now));
        let wrong = asked.request.respond_to_page(&token).unwrap();
        let reply = bring(&world, &made, &wrong, &page.cookie).await;
        assert_eq!(reply.code(), "presentation_refused: audience");
    }
    // The address of a page as if it were a wallet's, and a wallet's as if it were a page's.
    let as_wallet = made["answer_uri"].as_str().unwrap().replace("/login/handed/", "/login/responses/");
    let form = openid::form::Form::default().with("response", data["response"].as_str().unwrap());
    assert_eq!(world.post_form(&as_wallet, &form, &[]).await.code(), "login_invalid");
    let scanned = world.phone.fetch(&world, &page.scan).await;
    let as_page = scanned.request.response_uri().replace("/login/responses/", "/login/handed/");
    let reply = world.post_json(&as_page, &data, &[(header::COOKIE, &page.cookie)]).await;
    assert_eq!(reply.code(), "login_invalid");

    assert_eq!(bring(&world, &made, &data, &page.cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_no_a_suspension_and_a_pin_count_as_they_do_by_code() {
    let world = World::new().await;
    let page = world.open_page().await;
    let made = handed(&world, &page, &page.cookie).await.json();
    let reply = bring(&world, &made, &json!({ "error": "access_denied" }), &page.cookie).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(page.poll(&world, 0).await.json()["state"], "denied");

    let page = world.open(&world.request().with("acr_values", crate::login::ACR_PIN)).await;
    let made = handed(&world, &page, &page.cookie).await.json();
    let asked = judged(&world, &made, &origin(&world)).unwrap();
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let reply = bring(&world, &made, &presented(&world, &asked), &page.cookie).await;
    assert_eq!(reply.code(), "login_level_too_low");

    let page = world.open_page().await;
    let made = handed(&world, &page, &page.cookie).await.json();
    let asked = judged(&world, &made, &origin(&world)).unwrap();
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let data = presented(&world, &asked);
    world.suspend().await;
    assert_eq!(bring(&world, &made, &data, &page.cookie).await.code(), "login_badge_suspended");
    assert_eq!(page.poll(&world, 0).await.json()["state"], "badge_suspended");

    let late = world.open_page().await;
    world.platform.clock.advance_ms(crate::operations::limits::LOGIN_PAGE.get() + 1);
    assert_eq!(handed(&world, &late, &late.cookie).await.code(), "login_request_expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_answers_one_counts() {
    let world = World::new().await;
    let page = world.open_page().await;
    let made = handed(&world, &page, &page.cookie).await.json();
    let asked = judged(&world, &made, &origin(&world)).unwrap();
    world.phone.approve(&world, &asked, None, Level::Base).await;
    let data = presented(&world, &asked);
    let replies = join_all((0..64).map(|_| bring(&world, &made, &data, &page.cookie))).await;
    let taken = replies.iter().filter(|reply| reply.status == StatusCode::OK).count();
    assert_eq!(taken, 1);
    for reply in replies.iter().filter(|reply| reply.status != StatusCode::OK) {
        assert!(
            ["login_answered", "login_approval_missing"].contains(&reply.code().as_str()),
            "{}",
            reply.body
        );
    }
}
