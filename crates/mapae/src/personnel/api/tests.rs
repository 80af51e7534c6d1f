use axum::body::Body;
use http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::operations::server::console_router;
use crate::operations::store::params;
use crate::personnel::demo_data;
use crate::staff::{self, Duty, Login, Password};
use crate::testing::{self, TestPlatform};

const PASSWORD: &str = "예시-비밀번호-2026";

/// Signs somebody in at the console who may hold a duty over an agency.
async fn signed_in(
    platform: &TestPlatform,
    login: &str,
    employee: &str,
    duty: Option<(Duty, &str)>,
) -> String {
    let password = || Password::new(PASSWORD.to_owned()).expect("password");
    staff::add(platform, Login::new(login).expect("login"), employee, password(), "test")
        .await
        .expect("account");
    if let Some((duty, agency)) = duty {
        staff::grant(platform, employee, duty, agency, "test").await.expect("duty");
    }
    let body = serde_json::json!({ "login": login, "password": PASSWORD }).to_string();
    let request = Request::post("/api/v1/console/session").header("content-type", "application/json");
    let (status, answer) = send(platform, request.body(Body::from(body)).expect("request")).await;
    assert!(status < 300, "{answer}");
    answer["token"].as_str().expect("token").to_owned()
}

async fn send(platform: &TestPlatform, request: Request<Body>) -> (u16, Value) {
    let response = console_router(&platform.platform).oneshot(request).await.expect("answer");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("body");
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn get(platform: &TestPlatform, token: &str, path: &str) -> (u16, Value) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    send(platform, request.body(Body::empty()).expect("request")).await
}

async fn looks(platform: &TestPlatform) -> Vec<(String, String)> {
    let sql = "SELECT act, subject FROM audit_record WHERE act LIKE 'personnel.%ed' AND act <> 'personnel.imported' ORDER BY id";
    let rows = platform.store.fetch_all(sql, params![]).await.expect("records");
    rows.iter().map(|row| (row.text("act").expect("act"), row.text("subject").expect("subject"))).collect()
}

/// The text as it stands in a query string.
fn quoted(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn an_hr_manager_finds_people_of_the_agency_by_name_and_number_and_each_look_is_recorded() {
    let platform = testing::platform().await;
    let ids = platform.people(80).await;
    let token = signed_in(&platform, "hr.one", &ids[2], Some((Duty::HrManager, "9000001"))).await;
    let person = demo_data::person(7);

    let (status, found) =
        get(&platform, &token, &format!("/api/v1/console/employees?number={}", person.number)).await;
    assert_eq!(status, 200, "{found}");
    assert_eq!(found["employees"].as_array().expect("list").len(), 1);
    assert_eq!(found["employees"][0]["id"], ids[7].as_str());

    let part: String = person.name.chars().skip(2).collect();
    let path = format!("/api/v1/console/employees?name={}", quoted(&part));
    let (_, found) = get(&platform, &token, &path).await;
    let names: Vec<&str> = found["employees"]
        .as_array()
        .expect("list")
        .iter()
        .filter_map(|e| e["name"]["ko"].as_str())
        .collect();
    assert!(names.contains(&person.name.as_str()), "{names:?}");
    assert!(names.iter().all(|name| name.contains(&part)), "{names:?}");

    let (status, one) = get(&platform, &token, &format!("/api/v1/console/employees/{}", ids[7])).await;
    assert_eq!((status, one["phone"].as_str()), (200, Some(person.phone.as_str())));
    let text = one.to_string();
    assert!(!text.contains(&person.rrn) && !text.contains("link_id"), "{text}");

    let looks = looks(&platform).await;
    let acts: Vec<&str> = looks.iter().map(|(act, _)| act.as_str()).collect();
    assert_eq!(acts, ["personnel.searched", "personnel.searched", "personnel.viewed"]);
    assert_eq!(looks[2].1, ids[7]);
}

#[tokio::test]
async fn pages_are_bounded_and_lead_on_to_everybody_once() {
    let platform = testing::platform().await;
    let ids = platform.people(25).await;
    let token = signed_in(&platform, "hr.one", &ids[2], Some((Duty::HrManager, "9000001"))).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) =
            get(&platform, &token, &format!("/api/v1/console/employees?limit=10&after={after}")).await;
        let rows = page["employees"].as_array().expect("list");
        assert!(rows.len() <= 10);
        seen.extend(rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    seen.sort_unstable();
    let mut all = ids;
    all.sort_unstable();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn another_agency_and_another_duty_see_nobody() {
    let platform = testing::platform().await;
    let ids = platform.people(80).await;
    let foreign = signed_in(&platform, "hr.two", &ids[27], Some((Duty::HrManager, "9000002"))).await;
    let (_, list) = get(&platform, &foreign, "/api/v1/console/employees").await;
    let agencies: std::collections::BTreeSet<&str> = list["employees"]
        .as_array()
        .expect("list")
        .iter()
        .filter_map(|e| e["agency_code"].as_str())
        .collect();
    assert_eq!(agencies, ["9000002"].into());
    for path in [
        format!("/api/v1/console/employees/{}", ids[7]),
        format!("/api/v1/console/employees/{}", crate::operations::id::new()),
    ] {
        let (status, problem) = get(&platform, &foreign, &path).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (404, Some("personnel.not_found")),
            "the two look alike"
        );
    }
    let auditor = signed_in(&platform, "auditor", &ids[28], Some((Duty::Auditor, "9000002"))).await;
    assert_eq!(get(&platform, &auditor, "/api/v1/console/employees").await.0, 403);
    assert_eq!(get(&platform, "no token", "/api/v1/console/employees").await.0, 401);
    assert!(
        looks(&platform).await.iter().all(|(act, _)| act == "personnel.searched"),
        "a refusal shows nothing"
    );
}

#[tokio::test]
async fn one_syllable_and_nonsense_are_refused_in_words() {
    let platform = testing::platform().await;
    let ids = platform.people(5).await;
    let token = signed_in(&platform, "hr.one", &ids[2], Some((Duty::HrManager, "9000001"))).await;
    for (query, status, code) in [
        (format!("name={}", quoted("김")), 422, "personnel.search_too_short"),
        ("limit=many".to_owned(), 400, "bad_request"),
        ("colour=red".to_owned(), 400, "bad_request"),
        (format!("name={}", "a".repeat(200)), 422, "unprocessable"),
    ] {
        let (got, problem) = get(&platform, &token, &format!("/api/v1/console/employees?{query}")).await;
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{query}");
    }
}
