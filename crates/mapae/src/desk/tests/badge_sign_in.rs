//! Whom a badge lets in at the console.

use serde_json::{Map, Value, json};

use super::*;
use crate::application::tests::{COLLEAGUE, HEAD, HR_ONE, OFFICIAL, SECURITY, town};
use crate::desk::badge_sign_in::{BadgeRefused, CLIENT_ID, admit, employee, party};
use crate::personnel::{self, demo_data};

fn claims(agency: &str, number: &str) -> Map<String, Value> {
    match json!({ "inst_code": agency, "employee_number": number }) {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

#[tokio::test]
async fn the_subject_decides_and_agency_and_number_only_find() {
    let town = town().await;
    let party = party(&town).await.unwrap();
    assert!(party.is_public() && party.id == CLIENT_ID);
    let (hr, security) = (demo_data::person(HR_ONE), demo_data::person(SECURITY));
    let record = personnel::employee_by_number(&town, hr.agency, &hr.number).await.unwrap().unwrap();
    let subject = crate::login::subject(&town, &party, &record.link_id).unwrap();
    let found = employee(&town, &party, &subject, &claims(hr.agency, &hr.number)).await.unwrap();
    assert_eq!(found, record.id);
    for (agency, number) in [(security.agency, security.number.as_str()), (hr.agency, "none"), ("", "")] {
        let refused = employee(&town, &party, &subject, &claims(agency, number)).await;
        assert!(matches!(refused, Err(BadgeRefused::Outdated)), "{agency} {number}: {refused:?}");
    }
    let none = employee(&town, &party, &subject, &Map::new()).await;
    assert!(matches!(none, Err(BadgeRefused::Outdated)), "{none:?}");
}

#[tokio::test]
async fn a_badge_opens_the_console_for_whoever_has_a_duty_and_an_account() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let id = |n| town.id(n);
    let session = admit(&town, &id(HR_ONE).await, None).await.unwrap();
    let cookie = format!("__Host-mapae-console={}", session.token.as_str());
    assert!(send(&town, true, get("/account", &cookie)).await.body.contains("모바일 공무원증"));
    let none = admit(&town, &id(OFFICIAL).await, None).await;
    assert!(matches!(none, Err(BadgeRefused::NoDuty)), "an official has no duty here: {none:?}");
    let none = admit(&town, &id(COLLEAGUE).await, None).await;
    assert!(matches!(none, Err(BadgeRefused::NoDuty)), "{none:?}");
    let head = admit(&town, &id(HEAD).await, None).await;
    assert!(matches!(head, Err(BadgeRefused::NoAccount)), "a head without an account: {head:?}");
    town.account("bujang", HEAD).await;
    assert!(admit(&town, &id(HEAD).await, None).await.is_ok());
}

#[tokio::test]
async fn what_a_badge_opened_closes_when_it_is_stopped_and_what_a_password_opened_stays() {
    let town = town().await;
    let id = town.id(HR_ONE).await;
    let badge = crate::lifecycle::tests::badge(&town, &id).await;
    let by_badge = admit(&town, &id, None).await.unwrap();
    let by_badge = format!("__Host-mapae-console={}", by_badge.token.as_str());
    let by_password = sign_in(&town, true, &format!("person{HR_ONE}")).await;
    let report = crate::loss::Report {
        employee_id: badge.employee_id.clone(),
        cause: crate::loss::Cause::Loss,
        way: crate::loss::Way::Code,
        by: None,
    };
    crate::loss::report(&town, report).await.unwrap();
    assert_eq!(send(&town, true, get("/account", &by_badge)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(send(&town, true, get("/account", &by_password)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_opens_nothing() {
    let town = town().await;
    for cookie in ["", "__Host-mapae-badge=AQAAAA"] {
        let visit = send(&town, true, get("/sign-in/callback?code=x&state=y&iss=z", cookie)).await;
        assert_eq!(visit.status, StatusCode::FORBIDDEN, "{}", visit.body);
    }
}
