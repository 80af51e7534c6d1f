//! How a login is approved: the three levels, and consent that the phone may remember.

use http::StatusCode;
use openid::approval::Level;
use serde_json::Value;

use super::support::{Browser, World, registration};
use crate::operations::store::params;
use crate::verification::relying_party::Registration;

async fn state(world: &World, page: &Browser) -> String {
    page.poll(world, 0).await.json()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_that_asks_for_hardware_takes_a_pin_on_an_attested_phone_and_nothing_less() {
    let world = World::new().await;
    let form = world.request().with("acr_values", "urn:other:gold urn:mapae:acr:hardware");
    let page = world.open(&form).await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    let context = asked.request.parameters().extra.get(openid::approval::PARAMETER).unwrap();
    assert_eq!(context["level"], "pin", "the phone is asked for what a phone can do");

    world.phone.approve(&world, &asked, Some(&page.number), Level::Base).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_level_too_low");
    for (evidence, code) in [
        (None, "login_hardware_missing"),
        (Some("synced"), "login_hardware_missing"),
        (Some("device_bound_unattested"), "login_hardware_missing"),
        (Some("device_bound_attested"), ""),
    ] {
        if let Some(evidence) = evidence {
            world.phone.has_passkey(&world, evidence).await;
        }
        let page = world.open(&form).await;
        let asked = world.phone.fetch(&world, &page.scan).await;
        world.phone.approve(&world, &asked, Some(&page.number), Level::Pin).await;
        let reply = world.phone.present(&world, &asked).await;
        if !code.is_empty() {
            assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, code), "{evidence:?}");
            assert_eq!(state(&world, &page).await, "waiting");
            continue;
        }
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let code = world.get(&page.go_on(), Some(&page.cookie)).await.parameter("code").unwrap();
        let tokens = world.redeem(&code).await.json();
        let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&keys::encoding::b64url_decode(claims).unwrap()).unwrap();
        assert_eq!((&claims["acr"], &claims["amr"][0]), (&"urn:mapae:acr:hardware".into(), &"hwk".into()));
    }
    // Where it was not asked for, it is not claimed: a relying party compares words.
    let page = world.open(&world.request().with("acr_values", crate::login::ACR_PIN)).await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Pin).await;
    world.phone.present(&world, &asked).await;
    let row = "SELECT acr FROM login_attempt WHERE outcome = 'granted' ORDER BY created_at DESC, acr DESC";
    let rows = world.platform.store.fetch_all(row, params![]).await.unwrap();
    let granted: Vec<String> = rows.iter().map(|row| row.text("acr").unwrap()).collect();
    assert_eq!(granted.iter().filter(|acr| *acr == "pin").count(), 1, "{granted:?}");
}

#[tokio::test]
async fn a_relying_party_registered_for_hardware_gets_no_weaker_login_whatever_it_asks() {
    let world = World::new().await;
    let registration = Registration { acr: Level::Hardware, ..registration("vault") };
    world.register(registration).await;
    let form = world.request_as("vault").with("acr_values", crate::login::ACR_BASE);
    let page = world.open(&form).await;
    let asked = world.phone.fetch(&world, &page.scan).await;
    world.phone.approve(&world, &asked, Some(&page.number), Level::Pin).await;
    assert_eq!(world.phone.present(&world, &asked).await.code(), "login_hardware_missing");
}

#[tokio::test]
async fn consent_may_be_remembered_where_the_registration_says_so_and_the_request_does_not_object() {
    let world = World::new().await;
    world.register(Registration { remembers: true, ..registration("mail") }).await;
    for (client, prompt, remembers) in [
        ("portal", None, false),
        ("mail", None, true),
        ("mail", Some("consent"), false),
        ("mail", Some("login"), true),
    ] {
        let form = world.request_as(client);
        let form = prompt.into_iter().fold(form, |form, prompt| form.with("prompt", prompt));
        let page = world.open(&form).await;
        for link in [&page.scan, &page.here] {
            let asked = world.phone.fetch(&world, link).await;
            let context = asked.request.parameters().extra.get(openid::approval::PARAMETER).unwrap();
            assert_eq!(context.get("remembers").is_some(), remembers, "{client} {prompt:?}");
        }
    }
}
