//! The same steps through the listeners: who is let in, forms and their CSRF token, other people's applications.

use axum::body::Body;
use http::{HeaderMap, Request as HttpRequest, StatusCode, header};
use tower::ServiceExt as _;

use super::*;
use crate::application::new_code;
use crate::operations::server::{console_router, public_router};

/// A browser or program at one of the two listeners.
pub(crate) struct Visit {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) async fn send(town: &Town, console: bool, request: HttpRequest<Body>) -> Visit {
    let router = if console { console_router(town) } else { public_router(town) };
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 4 << 20).await.unwrap();
    Visit { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
}

pub(crate) fn get(path: &str, cookie: &str) -> HttpRequest<Body> {
    HttpRequest::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()
}

pub(crate) fn form(path: &str, cookie: &str, body: &str) -> HttpRequest<Body> {
    HttpRequest::post(path)
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn json(path: &str, bearer: &str, body: &str) -> HttpRequest<Body> {
    HttpRequest::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn csrf_of(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split_once('"').unwrap().0.to_owned()
}

fn cookies(visit: &Visit) -> Vec<String> {
    visit.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

/// Signs in as a browser does; returns the session cookie as it is sent back.
pub(crate) async fn sign_in(town: &Town, console: bool, login: &str) -> String {
    let door = if console { "/sign-in" } else { "/portal/sign-in" };
    let page = send(town, console, get(door, "")).await;
    let form_cookie = cookies(&page).remove(0).split(';').next().unwrap().to_owned();
    let body = format!("login={login}&password=mapae-yesi&csrf={}", csrf_of(&page.body));
    let answer = send(town, console, form(door, &form_cookie, &body)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let session = cookies(&answer).into_iter().find(|cookie| !cookie.contains("-form=")).unwrap();
    for word in ["__Host-", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.contains(word), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    session.split(';').next().unwrap().to_owned()
}

pub(crate) async fn bearer(town: &Town, door: &str, login: &str) -> String {
    let body = format!(r#"{{"login":"{login}","password":"mapae-yesi"}}"#);
    let visit = send(town, door == "console", json(&format!("/api/v1/{door}/session"), "", &body)).await;
    assert_eq!(visit.status, StatusCode::CREATED, "{}", visit.body);
    let value: serde_json::Value = serde_json::from_str(&visit.body).unwrap();
    value["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_whole_way_works_in_a_browser_without_a_script() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    town.account("bujang", HEAD).await;

    let official = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get("/portal/apply", &official)).await;
    let key = page
        .body
        .split_once("name=\"request_key\" value=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let body = format!("csrf={}&request_key={key}&kind=first&note=%3Cscript%3E", csrf_of(&page.body));
    let sent = send(&town, false, form("/portal/apply", &official, &body)).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let home = send(&town, false, get("/portal", &official)).await;
    assert!(home.body.contains("부서장 결재 대기"), "{}", home.body);
    assert!(
        home.body.contains("&#60;script&#62;") && !home.body.contains("<script"),
        "what people wrote is never run"
    );

    let application =
        crate::application::of_employee(&town.store, &town.id(OFFICIAL).await, 1).await.unwrap().remove(0);
    for (login, step) in
        [("bujang", "head_approval"), ("person380", "identity_check"), ("person381", "issue_approval")]
    {
        let desk = sign_in(&town, true, login).await;
        let queue = send(&town, true, get("/", &desk)).await;
        assert!(queue.body.contains(&application.id), "{login} sees it waiting");
        let path = format!("/applications/{}", application.id);
        let page = send(&town, true, get(&path, &desk)).await;
        let seen =
            page.body.split_once("name=\"seen\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let body = format!("csrf={}&step={step}&decision=approve&seen={seen}", csrf_of(&page.body));
        let decided = send(&town, true, form(&format!("{path}/decision"), &desk, &body)).await;
        assert_eq!(decided.status, StatusCode::SEE_OTHER, "{}", decided.body);
    }
    town.deliver().await;
    let home = send(&town, false, get("/portal", &official)).await;
    let code = send(
        &town,
        false,
        form("/portal/activation-code", &official, &format!("csrf={}", csrf_of(&home.body))),
    )
    .await;
    assert_eq!(code.status, StatusCode::OK);
    assert!(code.body.contains("id=\"activation-code\""));
    assert_eq!(code.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn a_form_without_this_sessions_token_changes_nothing() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    town.account("other", COLLEAGUE).await;
    let official = sign_in(&town, false, "gong").await;
    let other = sign_in(&town, false, "other").await;
    let others_token = csrf_of(&send(&town, false, get("/portal/apply", &other)).await.body);
    for csrf in ["", "csrf=&", "csrf=wrong&", &format!("csrf={others_token}&")] {
        let body = format!("{csrf}request_key=k&kind=first&note=");
        let visit = send(&town, false, form("/portal/apply", &official, &body)).await;
        assert_eq!(visit.status, StatusCode::FORBIDDEN, "{csrf:?}");
        assert!(visit.body.contains("csrf_refused"), "{}", visit.body);
    }
    assert!(
        crate::application::of_employee(&town.store, &town.id(OFFICIAL).await, 1).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn the_api_takes_a_cookie_only_with_its_token_and_a_bearer_without() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let cookie = sign_in(&town, false, "gong").await;
    let body = r#"{"kind":"first"}"#;
    let post = |csrf: Option<String>| {
        let mut request = HttpRequest::post("/api/v1/portal/applications")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        request.body(Body::from(body)).unwrap()
    };
    assert_eq!(send(&town, false, post(None)).await.status, StatusCode::FORBIDDEN);
    let token = csrf_of(&send(&town, false, get("/portal/apply", &cookie)).await.body);
    assert_eq!(send(&town, false, post(Some(token))).await.status, StatusCode::CREATED);
    // Reading with the cookie needs none.
    let list = send(&town, false, get("/api/v1/portal/applications", &cookie)).await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);

    let token = bearer(&town, "portal", "gong").await;
    let again = send(&town, false, json("/api/v1/portal/applications", &token, body)).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    assert!(again.body.contains("application_open"));
}

#[tokio::test]
async fn nobody_is_let_in_without_a_session_and_no_door_opens_the_other() {
    let town = town().await;
    for (console, path) in [(false, "/portal"), (false, "/portal/apply"), (true, "/"), (true, "/delegations")]
    {
        let visit = send(&town, console, get(path, "")).await;
        assert_eq!(visit.status, StatusCode::SEE_OTHER, "{path}");
        assert!(visit.headers[header::LOCATION].to_str().unwrap().ends_with("/sign-in"));
    }
    for (console, path) in
        [(false, "/api/v1/portal/me"), (true, "/api/v1/console/me"), (true, "/api/v1/console/applications")]
    {
        assert_eq!(send(&town, console, get(path, "")).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let portal = bearer(&town, "portal", "person380").await;
    let request = HttpRequest::get("/api/v1/console/me")
        .header(header::AUTHORIZATION, format!("Bearer {portal}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&town, true, request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_persons_application_is_unknown() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    town.account("other", COLLEAGUE).await;
    let application = town.approved(OFFICIAL).await;
    let other = bearer(&town, "portal", "other").await;
    let stranger = bearer(&town, "console", &format!("person{STRANGER}")).await;
    let plain = bearer(&town, "console", "other").await;
    let path = |tail: &str| format!("/api/v1/portal/applications/{}{tail}", application.id);
    for (at, body) in [("/withdrawal", "{}"), ("/submission", "{}")] {
        let visit = send(&town, false, json(&path(at), &other, body)).await;
        assert_eq!(visit.status, StatusCode::NOT_FOUND, "{at}: {}", visit.body);
    }
    let look = |token: &str, path: String| {
        HttpRequest::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(send(&town, false, look(&other, path(""))).await.status, StatusCode::NOT_FOUND);
    let desk = format!("/api/v1/console/applications/{}", application.id);
    for token in [&stranger, &plain] {
        assert_eq!(send(&town, true, look(token, desk.clone())).await.status, StatusCode::NOT_FOUND);
        let decide = r#"{"step":"issue_approval","verdict":"approve"}"#;
        let visit = send(&town, true, json(&format!("{desk}/decisions"), token, decide)).await;
        assert_eq!(visit.status, StatusCode::NOT_FOUND, "{}", visit.body);
        let visit = send(&town, true, json(&format!("{desk}/invitations"), token, "")).await;
        assert_eq!(visit.status, StatusCode::NOT_FOUND, "{}", visit.body);
    }
    // The auditor reads and decides nothing.
    let auditor = bearer(&town, "console", &format!("person{AUDITOR}")).await;
    assert_eq!(send(&town, true, look(&auditor, desk.clone())).await.status, StatusCode::OK);
    let visit = send(&town, true, json(&format!("{desk}/invitations"), &auditor, "")).await;
    assert_eq!(visit.status, StatusCode::FORBIDDEN, "{}", visit.body);
}

#[tokio::test]
async fn bad_bodies_and_bounds_are_problems_not_failures() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let token = bearer(&town, "portal", "gong").await;
    let long = format!(r#"{{"kind":"first","note":"{}"}}"#, "가".repeat(501));
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("{", StatusCode::BAD_REQUEST),
        (r#"{"kind":"second"}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (long.as_str(), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let visit = send(&town, false, json("/api/v1/portal/applications", &token, body)).await;
        assert_eq!(visit.status, status, "{body:.40}: {}", visit.body);
        assert_eq!(visit.headers[header::CONTENT_TYPE], "application/problem+json");
    }
    let hr = bearer(&town, "console", "person380").await;
    for (query, status) in [
        ("limit=0", StatusCode::OK),
        ("limit=1000000", StatusCode::OK),
        ("limit=x", StatusCode::BAD_REQUEST),
        ("after=nonsense", StatusCode::BAD_REQUEST),
    ] {
        let request = HttpRequest::get(format!("/api/v1/console/applications?{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {hr}"))
            .body(Body::empty())
            .unwrap();
        let visit = send(&town, true, request).await;
        assert_eq!(visit.status, status, "{query}: {}", visit.body);
    }
}

#[tokio::test]
async fn a_wallet_of_others_is_offered_only_where_the_agency_allows_it() {
    let strict = town().await;
    strict.approved(OFFICIAL).await;
    strict.account("gong", OFFICIAL).await;
    let token = bearer(&strict, "portal", "gong").await;
    let visit = send(&strict, false, json("/api/v1/portal/wallet-offer", &token, "")).await;
    assert_eq!(visit.status, StatusCode::FORBIDDEN, "{}", visit.body);

    let open = town_with(|config| config.application.other_wallets = vec!["9000001".to_owned()]).await;
    open.account("gong", OFFICIAL).await;
    let token = bearer(&open, "portal", "gong").await;
    let early = send(&open, false, json("/api/v1/portal/wallet-offer", &token, "")).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "nothing is approved yet: {}", early.body);
    open.approved(OFFICIAL).await;
    let visit = send(&open, false, json("/api/v1/portal/wallet-offer", &token, "")).await;
    assert_eq!(visit.status, StatusCode::CREATED, "{}", visit.body);
    let offer: serde_json::Value = serde_json::from_str(&visit.body).unwrap();
    assert_eq!(offer["tx_code"].as_str().unwrap().len(), 8);
    assert!(offer["link"].as_str().unwrap().starts_with("openid-credential-offer://"));
}

#[tokio::test]
async fn the_message_box_exists_in_demo_mode_only() {
    let plain = town().await;
    for path in ["/demo/messages", "/demo/messages.json"] {
        assert_eq!(send(&plain, false, get(path, "")).await.status, StatusCode::NOT_FOUND);
    }
    let demo = town_with(|config| config.demo.enabled = true).await;
    let application = demo.approved(OFFICIAL).await;
    demo.deliver().await;
    let page = send(&demo, false, get("/demo/messages", "")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("010-0000-0760") && page.body.contains("/install#"), "{}", page.body);
    new_code(&demo, &application.employee_id).await.unwrap();
}
