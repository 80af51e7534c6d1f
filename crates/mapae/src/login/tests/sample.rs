//! The sample relying party logs in over real sockets, as any other would.

use std::sync::Arc;

use http::StatusCode;
use http::header::{COOKIE, LOCATION, SET_COOKIE};

use super::support::{Browser, NAME, Phone, Reply, World, registration};
use crate::login::sample::{self, Sample};
use crate::operations::server;
use crate::testing;
use crate::verification::cli;

async fn listen() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    (listener, base)
}

async fn fetch(http: &reqwest::Client, url: &str, cookies: &str) -> Reply {
    let response = http.get(url).header(COOKIE, cookies).send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Reply { status, headers, body: response.text().await.unwrap() }
}

fn cookie(reply: &Reply, name: &str) -> String {
    let set = reply.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    set.filter_map(|cookie| cookie.split(';').next()).find(|pair| pair.starts_with(name)).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sample_site_shows_who_logged_in_until_the_badge_is_suspended() {
    let (provider, issuer) = listen().await;
    let (site, base) = listen().await;
    let issuer_url = issuer.parse().unwrap();
    let platform = testing::platform_with(|config| config.public.base_url = issuer_url).await;
    let mut registration = registration(sample::CLIENT_ID);
    registration.redirect_uris = vec![sample::redirect_uri(&base)];
    let secrets = cli::register(&platform, registration).await.unwrap();
    let phone = Phone::with_badge(&platform, "employee-1", "link-1").await;
    let router = server::public_router(&platform);
    let served = router.clone();
    tokio::spawn(async move { axum::serve(provider, served).await });
    let sample = Arc::new(Sample::new(
        issuer,
        &base,
        sample::CLIENT_ID.to_owned(),
        secrets.client_secret.clone().unwrap(),
        platform.http.clone(),
        Arc::clone(&platform.platform.clock),
    ));
    tokio::spawn(async move { axum::serve(site, sample::router(sample)).await });
    let world = World { platform, router, phone, secrets };
    let http = world.platform.http.clone();

    let begun = fetch(&http, &format!("{base}/login"), "").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let login_cookie = cookie(&begun, "demo-portal-login");
    let page = Browser::of(fetch(&http, begun.headers[LOCATION].to_str().unwrap(), "").await);
    world.phone_logs_in(&page).await;
    let next = world.get(&page.go_on(), Some(&page.cookie)).await;
    let callback = next.location().to_owned();

    // Another browser, or a changed state, gets nothing.
    let stranger = fetch(&http, &callback, "").await;
    assert!(stranger.body.contains("로그인 응답을 믿을 수 없습니다"));
    let forged = fetch(&http, &callback.replace("state=", "state=x"), &login_cookie).await;
    assert!(forged.body.contains("로그인 응답을 믿을 수 없습니다"));
    let mixed_up =
        fetch(&http, &callback.replace("&iss=", "&iss=https%3A%2F%2Fevil.example"), &login_cookie).await;
    assert!(mixed_up.body.contains("로그인 응답을 믿을 수 없습니다"));

    let returned = fetch(&http, &callback, &login_cookie).await;
    assert_eq!(returned.status, StatusCode::SEE_OTHER, "{}", returned.body);
    let session = cookie(&returned, "demo-portal-session");
    let home = fetch(&http, &format!("{base}/"), &session).await;
    for part in [NAME, "디지털정부과", "1741000"] {
        assert!(home.body.contains(part), "{part} in {}", home.body);
    }
    world.suspend().await;
    let ended = fetch(&http, &format!("{base}/"), &session).await;
    assert!(ended.body.contains("세션이 끝났습니다") && !ended.body.contains(NAME));
}
