//! Whoever asks gets what is held about them, all of it, and about nobody else.

use http::StatusCode;

use crate::application::tests::doors::{get, send, sign_in};
use crate::application::tests::{COLLEAGUE, OFFICIAL, town};
use crate::lifecycle::tests::badge;

#[tokio::test]
async fn an_official_downloads_what_is_held_about_them_and_nobody_elses() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    town.applied(OFFICIAL).await;
    town.applied(COLLEAGUE).await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let session = sign_in(&town, false, "gong").await;
    assert_eq!(send(&town, false, get("/portal/my-data", &session)).await.status, StatusCode::OK);
    let file = send(&town, false, get("/portal/my-data.json", &session)).await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.body);
    let held: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    let person = crate::personnel::demo_data::person(OFFICIAL);
    assert_eq!(held["hr_record"]["phone"], person.phone.as_str());
    assert_eq!(held["applications"][0]["events"][0]["note"], "부탁합니다");
    assert_eq!(held["badges"][0]["number"], badge.number().as_str());
    assert!(!file.body.contains(&person.rrn), "the number itself is not there to be given");
    let other = crate::personnel::demo_data::person(COLLEAGUE);
    assert!(!file.body.contains(&other.number) && !file.body.contains(&other.name));
    let noted = town
        .store
        .fetch_one("SELECT COUNT(*) AS looks FROM audit_record WHERE act = 'personnel.own_data'", Vec::new())
        .await
        .unwrap();
    assert_eq!(noted.int("looks").unwrap(), 1);
    let stranger = send(&town, false, get("/portal/my-data.json", "")).await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER, "to the door");
}
