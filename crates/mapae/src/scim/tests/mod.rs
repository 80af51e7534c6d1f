//! An HR system of somebody else's, played over the routes.

mod grammar;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::schema::{DEPARTMENT, ENTERPRISE, IDENTITY, OFFICIAL, USER};
use super::{Right, make, revoke};
use crate::operations::server::console_router;
use crate::operations::store::params;
use crate::personnel::{self, EmployeeStatus};
use crate::testing::{TestPlatform, platform};

struct Hr {
    router: Router,
    token: String,
}

struct Answer {
    status: StatusCode,
    etag: String,
    body: Value,
}

impl Hr {
    async fn of(platform: &TestPlatform, agency: &str, rights: &[Right]) -> Self {
        let (_, token) = make(platform, "예시 인사시스템", agency, rights, "test").await.unwrap();
        Self { router: console_router(&platform.platform), token }
    }

    async fn send(&self, method: Method, path: &str, if_match: Option<&str>, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_TYPE, "application/scim+json");
        if let Some(tag) = if_match {
            request = request.header(header::IF_MATCH, tag);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let etag = response.headers().get(header::ETAG);
        let etag = etag.map_or_else(String::new, |tag| tag.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, etag, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, None, body).await
    }

    async fn patch(&self, id: &str, operations: Value) -> Answer {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
        });
        self.send(Method::PATCH, &format!("/Users/{id}"), None, body).await
    }

    async fn found(&self, filter: &str) -> Vec<String> {
        let filter = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let answer = self.get(&format!("/Users?filter={filter}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let all = answer.body["Resources"].as_array().unwrap().iter();
        all.map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    }
}

fn person(number: &str, agency: &str) -> Value {
    json!({
        "schemas": [USER, OFFICIAL, IDENTITY],
        IDENTITY: { "rrn": "800203-9000001" },
        "externalId": format!("ext-{number}"),
        "userName": number,
        "name": { "formatted": "김예시하나" },
        "title": "사무관",
        "phoneNumbers": [{ "value": "+82 10-1234-5678", "type": "mobile" }],
        OFFICIAL: {
            "agency": agency, "departmentCode": "D1", "employmentStatus": "serving",
            "birthDate": "1980-02-03", "rank": "5급",
        },
    })
}

const ALL: &[Right] = &Right::ALL;

async fn world() -> (TestPlatform, Hr) {
    let platform = platform().await;
    platform.people(1).await;
    let hr = Hr::of(&platform, "9000003", ALL).await;
    (platform, hr)
}

#[tokio::test]
async fn a_hire_is_an_official_like_any_other_and_shows_once() {
    let (platform, hr) = world().await;
    let made = hr.post("/Users", person("S1", "9000003")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.body["phoneNumbers"][0]["value"], "010-1234-5678");
    assert!(made.body.get(IDENTITY).is_none(), "never given out");
    let again = hr.post("/Users", person("S1", "9000003")).await;
    assert_eq!((again.status, &again.body["scimType"]), (StatusCode::CONFLICT, &json!("uniqueness")));
    let employee = personnel::employee_by_number(&platform, "9000003", "S1").await.unwrap().unwrap();
    assert_eq!(employee.id, made.body["id"].as_str().unwrap());
    assert!(
        personnel::matches_identity(&platform, &employee.id, "김예시하나", "800203-9000001").await.unwrap()
    );
    for filter in [
        r#"userName eq "S1""#,
        r#"externalId eq "ext-S1""#,
        r#"name.formatted eq "김예시하나" and active eq true"#,
        &format!(r#"{OFFICIAL}:employmentStatus eq "serving" and not ({OFFICIAL}:departmentCode ne "D1")"#),
        &format!(r#"{ENTERPRISE}:employeeNumber eq "S1" or userName eq "nobody""#),
        "externalId pr",
    ] {
        assert_eq!(hr.found(filter).await, ["S1"], "{filter}");
    }
    assert!(hr.found(r#"userName eq "S2""#).await.is_empty());
    let refused = hr.get("/Users?filter=title%20co%20%22a%22").await;
    assert_eq!(
        (refused.status, &refused.body["scimType"]),
        (StatusCode::BAD_REQUEST, &json!("invalidFilter"))
    );
    assert!(!refused.body["detail"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn leave_return_move_and_retirement_go_through_the_rule_table() {
    let (platform, hr) = world().await;
    let id = hr.post("/Users", person("S1", "9000003")).await.body["id"].as_str().unwrap().to_owned();
    let status = async || personnel::employee(&platform, &id).await.unwrap().unwrap().status;
    let path = format!("{OFFICIAL}:employmentStatus");
    let answer = hr.patch(&id, json!([{ "op": "replace", "path": "active", "value": false }])).await;
    assert_eq!((answer.status, &answer.body["active"]), (StatusCode::OK, &json!(false)));
    assert_eq!(status().await, EmployeeStatus::Leave, "not a retirement: a leave can be taken back");
    hr.patch(&id, json!([{ "op": "Replace", "value": { "active": true } }])).await;
    assert_eq!(status().await, EmployeeStatus::Serving);
    let moved = hr
        .patch(&id, json!([{ "op": "replace", "path": format!("{OFFICIAL}:departmentCode"), "value": "D2" }]))
        .await;
    assert_eq!(moved.body["groups"][0]["display"], "D2", "{}", moved.body);
    hr.patch(&id, json!([{ "op": "replace", "path": path, "value": "retired" }])).await;
    assert_eq!(status().await, EmployeeStatus::Retired);
    let removed = hr.send(Method::DELETE, &format!("/Users/{id}"), None, Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(hr.get(&format!("/Users/{id}")).await.status, StatusCode::NOT_FOUND);
    assert!(hr.found("userName pr").await.is_empty());
    let back = hr.post("/Users", person("S1", "9000003")).await;
    assert_eq!(
        (back.status, back.body["id"].as_str()),
        (StatusCode::CREATED, Some(id.as_str())),
        "the same person"
    );
    assert_eq!(status().await, EmployeeStatus::Serving);
}

#[tokio::test]
async fn a_token_reaches_its_agency_and_those_below_and_tells_nothing_of_others() {
    let (platform, hr) = world().await;
    let below = hr.post("/Users", person("S1", "9000009")).await;
    assert_eq!(below.status, StatusCode::CREATED, "the procurement service lies below the ministry");
    let beside = hr.post("/Users", person("S1", "9000001")).await;
    let nowhere = hr.post("/Users", person("S1", "1234567")).await;
    assert_eq!((beside.status, &beside.body), (StatusCode::FORBIDDEN, &nowhere.body), "one answer");
    let theirs = platform.people(1).await.remove(0);
    let theirs = hr.get(&format!("/Users/{theirs}")).await;
    let nobody = hr.get(&format!("/Users/{}", crate::operations::id::new())).await;
    assert_eq!((theirs.status, &theirs.body), (StatusCode::NOT_FOUND, &nobody.body));
    let id = below.body["id"].as_str().unwrap();
    let away = hr
        .patch(id, json!([{ "op": "replace", "path": format!("{OFFICIAL}:agency"), "value": "9000001" }]))
        .await;
    assert_eq!(away.status, StatusCode::FORBIDDEN, "nobody is moved out of reach");

    let reader = Hr::of(&platform, "9000003", &[Right::ReadUsers]).await;
    assert_eq!(reader.get(&format!("/Users/{id}")).await.status, StatusCode::OK);
    assert_eq!(reader.post("/Users", person("S2", "9000003")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.get("/Groups").await.status, StatusCode::FORBIDDEN);
    let listed = reader.post("/.search", json!({})).await;
    assert_eq!(listed.body["totalResults"], 1, "groups are left out");

    let (token_id, token) = make(&platform, "x", "9000003", ALL, "test").await.unwrap();
    let ended = Hr { router: console_router(&platform.platform), token };
    assert_eq!(ended.get("/Users").await.status, StatusCode::OK);
    assert!(revoke(&platform, &token_id, "test").await.unwrap());
    assert!(!revoke(&platform, &token_id, "test").await.unwrap());
    assert_eq!(ended.get("/Users").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ended.get("/Nothing").await.status, StatusCode::UNAUTHORIZED);
    let stored = platform.store.fetch_all("SELECT token_hash FROM scim_token", params![]).await.unwrap();
    assert!(stored.iter().all(|row| !row.text("token_hash").unwrap().contains(&ended.token)));
}

#[tokio::test]
async fn a_change_on_what_somebody_else_changed_meanwhile_is_refused() {
    let (_platform, hr) = world().await;
    let made = hr.post("/Users", person("S1", "9000003")).await;
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(made.etag, made.body["meta"]["version"]);
    hr.patch(id, json!([{ "op": "replace", "path": "title", "value": "서기관" }])).await;
    let late = hr.send(Method::PUT, &format!("/Users/{id}"), Some(&made.etag), person("S1", "9000003")).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let now = hr.get(&format!("/Users/{id}")).await;
    assert_eq!(now.body["title"], "서기관");
    let good = hr.send(Method::PUT, &format!("/Users/{id}"), Some(&now.etag), person("S1", "9000003")).await;
    assert_eq!((good.status, &good.body["title"]), (StatusCode::OK, &json!("사무관")));
    let racing = (0..8).map(|n| {
        let operation =
            json!([{ "op": "replace", "path": format!("{OFFICIAL}:rank"), "value": format!("{n}급") }]);
        hr.patch(id, operation)
    });
    for answer in futures::future::join_all(racing).await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

#[tokio::test]
async fn bad_values_are_refused_by_name_and_change_nothing() {
    let (_platform, hr) = world().await;
    for (pointer, value) in [
        ("userName", json!("")),
        ("userName", json!("x".repeat(101))),
        ("userName", json!({ "x": 1 })),
        ("name", json!({})),
        ("phoneNumbers", json!([{ "value": "02-123-4567" }])),
        ("active", json!("perhaps")),
        ("externalId", json!("a\u{0}b")),
    ] {
        let mut body = person("S1", "9000003");
        body[pointer] = value;
        let answer = hr.post("/Users", body).await;
        assert_eq!(
            (answer.status, &answer.body["scimType"]),
            (StatusCode::BAD_REQUEST, &json!("invalidValue"))
        );
    }
    for (name, value) in [
        ("agency", json!("x")),
        ("birthDate", json!("1980-02-30")),
        ("employmentStatus", json!("away")),
        ("departmentCode", Value::Null),
    ] {
        let mut body = person("S1", "9000003");
        body[OFFICIAL][name] = value;
        let answer = hr.post("/Users", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.body);
    }
    let mut body = person("S1", "9000003");
    body[IDENTITY]["rrn"] = json!("12");
    assert_eq!(hr.post("/Users", body).await.status, StatusCode::BAD_REQUEST);
    assert!(hr.found("userName pr").await.is_empty());
    let id = hr.post("/Users", person("S1", "9000003")).await.body["id"].as_str().unwrap().to_owned();
    for (operations, word) in [
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([{ "op": "remove", "path": "userName" }]), "mutability"),
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "replace", "path": "shoeSize", "value": 1 }]), "invalidPath"),
        (json!([{ "op": "replace", "path": "a[", "value": 1 }]), "invalidPath"),
        (
            json!([{ "op": "replace", "path": "phoneNumbers[type eq \"fax\"].value", "value": "01011112222" }]),
            "noTarget",
        ),
        (json!([{ "op": "turn", "path": "title" }]), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        // The second fails, so the first does not happen.
        (
            json!([{ "op": "replace", "path": "title", "value": "x" }, { "op": "remove", "path": "name" }]),
            "mutability",
        ),
    ] {
        let answer = hr.patch(&id, operations.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["scimType"]),
            (StatusCode::BAD_REQUEST, &json!(word)),
            "{operations}"
        );
    }
    let now = hr.get(&format!("/Users/{id}")).await;
    assert_eq!(now.body["title"], "사무관");
    let phone = hr
        .patch(&id, json!([{ "op": "replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "01011112222" }]))
        .await;
    assert_eq!(phone.body["phoneNumbers"], json!([{ "value": "010-1111-2222", "type": "mobile" }]));
    let none = hr.patch(&id, json!([{ "op": "remove", "path": "phoneNumbers" }])).await;
    assert!(none.body.get("phoneNumbers").is_none());
}

#[tokio::test]
async fn departments_are_groups_with_heads_and_members_on_request() {
    let (platform, hr) = world().await;
    let user = hr.post("/Users", person("S1", "9000003")).await;
    let (id, location) = (user.body["id"].as_str().unwrap(), user.body["meta"]["location"].clone());
    let named = hr.get("/Groups?filter=displayName%20eq%20%22D1%22").await;
    assert_eq!(named.body["totalResults"], 1, "the department of the hire is there, named by its code");
    let group = named.body["Resources"][0].clone();
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let change = json!({ "Operations": [
        { "op": "replace", "path": "displayName", "value": "예시과" },
        { "op": "add", "path": format!("{DEPARTMENT}:head"), "value": location },
    ] });
    let changed = hr.send(Method::PATCH, &path, None, change).await;
    assert_eq!(
        (changed.status, &changed.body["displayName"]),
        (StatusCode::OK, &json!("예시과")),
        "{}",
        changed.body
    );
    assert_eq!(changed.body[DEPARTMENT]["head"], location);
    let with_members = hr.get(&format!("{path}?attributes=members")).await;
    assert_eq!(with_members.body["members"][0]["value"], id);
    assert!(hr.get(&path).await.body.get("members").is_none());
    let in_use = hr.send(Method::DELETE, &path, None, Value::Null).await;
    assert_eq!(in_use.status, StatusCode::CONFLICT);
    let other = json!({ "displayName": "예시팀", DEPARTMENT: {
        "agency": "9000003", "code": "T1", "parent": group["meta"]["location"],
    } });
    let other = hr.post("/Groups", other).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.body);
    let circle = json!({ "Operations": [
        { "op": "add", "path": format!("{DEPARTMENT}:parent"), "value": other.body["meta"]["location"] },
    ] });
    let circle = hr.send(Method::PATCH, &path, None, circle).await;
    assert_eq!(circle.status, StatusCode::BAD_REQUEST, "a department is not above itself");
    let stranger = platform.people(1).await.remove(0);
    let head =
        json!({ "Operations": [{ "op": "add", "path": format!("{DEPARTMENT}:head"), "value": stranger }] });
    assert_eq!(hr.send(Method::PATCH, &path, None, head).await.status, StatusCode::BAD_REQUEST);
    hr.patch(id, json!([{ "op": "replace", "path": format!("{OFFICIAL}:departmentCode"), "value": "T1" }]))
        .await;
    let left = hr.get(&path).await;
    assert!(left.body[DEPARTMENT].get("head").is_none(), "who goes heads it no longer");
}

#[tokio::test]
async fn a_bulk_request_names_what_it_made_and_stops_where_it_is_told() {
    let (_platform, hr) = world().await;
    let one = |number: &str| json!({ "method": "POST", "path": "/Users", "bulkId": number, "data": person(number, "9000003") });
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "failOnErrors": 1,
        "Operations": [
            one("B1"),
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "displayName": "예시국", DEPARTMENT: { "agency": "9000003", "code": "G", "head": "bulkId:B1" } } },
            { "method": "PATCH", "path": "/Users/bulkId:B1", "data": { "Operations": [
                { "op": "replace", "path": "title", "value": "국장" } ] } },
            one("B1"),
            one("B2"),
        ],
    });
    let answer = hr.post("/Bulk", bulk).await;
    let done = answer.body["Operations"].as_array().unwrap();
    let statuses: Vec<&str> = done.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "200", "409"], "{}", answer.body);
    assert_eq!(done[3]["response"]["scimType"], "uniqueness");
    assert_eq!(hr.found(r#"userName sw "B""#.replace("sw", "eq").replace('B', "B1").as_str()).await, ["B1"]);
    let unknown = json!({ "Operations": [
        { "method": "PATCH", "path": "/Users/bulkId:nobody", "data": {} } ] });
    assert_eq!(hr.post("/Bulk", unknown).await.body["Operations"][0]["status"], "409");
    let many = vec![one("X"); 201];
    let refused = hr.post("/Bulk", json!({ "Operations": many })).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn pages_are_cut_sorted_and_narrowed_as_asked() {
    let (_platform, hr) = world().await;
    for n in 0..7 {
        let mut body = person(&format!("P{n}"), "9000003");
        body[OFFICIAL]["departmentCode"] = json!(format!("D{}", 9 - n));
        assert_eq!(hr.post("/Users", body).await.status, StatusCode::CREATED);
    }
    let by = url::form_urlencoded::byte_serialize(format!("{OFFICIAL}:departmentCode").as_bytes())
        .collect::<String>();
    let page = hr.get(&format!("/Users?sortBy={by}&startIndex=3&count=2&attributes=userName")).await;
    assert_eq!(page.body["totalResults"], 7);
    assert_eq!(page.body["itemsPerPage"], 2);
    let users = page.body["Resources"].as_array().unwrap();
    assert_eq!(users[0]["userName"], "P4");
    assert_eq!(users[0].as_object().unwrap().len(), 3, "schemas, id and what was asked for");
    let none = hr.get("/Users?count=0").await;
    assert_eq!((&none.body["totalResults"], &none.body["Resources"]), (&json!(7), &json!([])));
    let without = hr.get("/Users?excludedAttributes=name,groups&count=1").await;
    assert!(without.body["Resources"][0].get("name").is_none());
    assert_eq!(
        hr.get("/Users?sortBy=userName").await.status,
        StatusCode::BAD_REQUEST,
        "sealed: it has no order"
    );
    assert_eq!(hr.get("/Users?attributes=a&excludedAttributes=b").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(hr.get("/Users?count=many").await.status, StatusCode::BAD_REQUEST);
    let both = hr.post("/.search", json!({ "count": 10 })).await;
    assert_eq!(both.body["totalResults"], 14, "people and departments");
    assert_eq!(both.body["Resources"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn every_call_is_in_the_audit_log_and_names_nobody() {
    let (platform, hr) = world().await;
    let id = hr.post("/Users", person("S1", "9000003")).await.body["id"].as_str().unwrap().to_owned();
    hr.get(&format!("/Users/{id}")).await;
    hr.found("userName pr").await;
    hr.patch(&id, json!([{ "op": "replace", "path": "title", "value": "x" }])).await;
    hr.send(Method::DELETE, &format!("/Users/{id}"), None, Value::Null).await;
    let rows = platform
        .store
        .fetch_all(
            "SELECT act, actor, detail FROM audit_record WHERE duty = 'hr_system' AND act LIKE 'scim.%' ORDER BY id",
            params![],
        )
        .await
        .unwrap();
    let acts: Vec<String> = rows.iter().map(|row| row.text("act").unwrap()).collect();
    assert_eq!(
        acts,
        [
            "scim.user_created",
            "scim.user_viewed",
            "scim.users_searched",
            "scim.user_changed",
            "scim.user_removed"
        ]
    );
    for row in &rows {
        assert!(row.text("actor").unwrap().starts_with("scim:"));
        assert!(!row.text("detail").unwrap().contains("예시"));
    }
    assert!(Arc::strong_count(&platform.platform) >= 1);
}

#[tokio::test]
async fn a_push_that_would_retire_an_agency_is_told_to_wait() {
    let (platform, hr) = world().await;
    let mut ids = Vec::new();
    for n in 0..8 {
        let made = hr.post("/Users", person(&format!("W{n}"), "9000003")).await;
        ids.push(made.body["id"].as_str().unwrap().to_owned());
    }
    crate::employment::tests::badges(&platform, &ids).await;
    let retire =
        json!([{ "op": "replace", "path": format!("{OFFICIAL}:employmentStatus"), "value": "retired" }]);
    for id in &ids[..5] {
        assert_eq!(hr.patch(id, retire.clone()).await.status, StatusCode::OK);
    }
    let held = hr.patch(&ids[5], retire.clone()).await;
    assert_eq!(held.status, StatusCode::ACCEPTED, "{}", held.body);
    assert_eq!(held.body[OFFICIAL]["employmentStatus"], "serving", "as it stands");
    let pending = held.body[OFFICIAL]["pending"].clone();
    assert!(pending.is_string());
    let again = hr.patch(&ids[5], retire.clone()).await;
    assert_eq!((again.status, &again.body[OFFICIAL]["pending"]), (StatusCode::ACCEPTED, &pending), "once");
    let removed = hr.send(Method::DELETE, &format!("/Users/{}", ids[6]), None, Value::Null).await;
    assert_eq!(removed.status, StatusCode::ACCEPTED);
    assert_eq!(hr.get(&format!("/Users/{}", ids[6])).await.status, StatusCode::OK, "still there");
    let shown = hr.get(&format!("/Users/{}?attributes={OFFICIAL}:pending", ids[5])).await;
    assert_eq!(shown.body[OFFICIAL], json!({ "pending": pending }));
    let waiting = crate::employment::waiting(&platform, &["9000003".to_owned()]).await.unwrap();
    assert_eq!(waiting.len(), 2);
}

#[tokio::test]
async fn parts_of_texts_are_compared_letter_by_letter_on_both_stores() {
    let (_platform, hr) = world().await;
    for code in ["D1", "d1", "x%y", "xay", "예시-과"] {
        let group = json!({ "displayName": code, DEPARTMENT: { "agency": "9000003", "code": code } });
        assert_eq!(hr.post("/Groups", group).await.status, StatusCode::CREATED, "{code}");
    }
    for (filter, wanted) in [
        (r#"displayName sw "D""#, vec!["D1"]),
        (r#"displayName co "%""#, vec!["x%y"]),
        (r#"displayName ew "1""#, vec!["D1", "d1"]),
        (r#"displayName co "시-""#, vec!["예시-과"]),
        (r#"displayName ew "y" and not (displayName co "a")"#, vec!["x%y"]),
        (r#"displayName sw "nothing""#, vec![]),
    ] {
        let asked = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let answer = hr.get(&format!("/Groups?filter={asked}")).await;
        let mut names: Vec<&str> = answer.body["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["displayName"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names, wanted, "{filter}");
    }
}
