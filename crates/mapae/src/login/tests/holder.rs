//! What an official sees of their own logins, and how they end them.

use http::StatusCode;

use super::support::registration;
use crate::application::tests::doors::{csrf_of, form, get, send, sign_in};
use crate::application::tests::{COLLEAGUE, OFFICIAL, Town, town};
use crate::lifecycle::tests::badge;
use crate::operations::store::params;
use crate::verification::cli;

async fn logged_in(town: &Town, id: &'static str, badge: &str) {
    let (badge, now_ms) = (badge.to_owned(), town.now_ms());
    let unit = town.store.write(move |tx| {
        Box::pin(async move {
            tx.execute(
                "INSERT INTO login_session (id, attempt, relying_party, badge, subject, acr, token_hash, claims, created_at, \
                 expires_at, scope, authenticated_at, token_at, ends_at) \
                 VALUES ($1, $1, 'portal', $2, 's', 'base', $3, NULL, $4, $5, 'openid badge', $4, $4, $5)",
                params![id, badge.as_str(), keys::sha256(id.as_bytes()).to_vec(), now_ms, now_ms + 3_600_000],
            )
            .await
        })
    });
    unit.await.unwrap();
}

#[tokio::test]
async fn an_official_sees_where_they_are_logged_in_and_ends_it_everywhere() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    cli::register(&town, registration("portal")).await.unwrap();
    let mine = badge(&town, &town.id(OFFICIAL).await).await;
    let theirs = badge(&town, &town.id(COLLEAGUE).await).await;
    let session = sign_in(&town, false, "gong").await;
    let nowhere = send(&town, false, get("/portal/logins", &session)).await;
    assert!(nowhere.status == StatusCode::OK && nowhere.body.contains("로그인되어 있는 곳이 없습니다"));

    logged_in(&town, "mine", &mine.id).await;
    logged_in(&town, "theirs", &theirs.id).await;
    let page = send(&town, false, get("/portal/logins", &session)).await.body;
    assert_eq!(page.matches("예시 업무 포털").count(), 1, "one's own, and nobody else's");
    assert!(page.contains("부서") && page.contains("공무원 번호") && !page.contains("생년월일"));

    let forged = send(&town, false, form("/portal/logins/end", &session, "csrf=x")).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let ended =
        send(&town, false, form("/portal/logins/end", &session, &format!("csrf={}", csrf_of(&page)))).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.body);
    let sql = "SELECT id FROM login_session WHERE ended_at IS NULL";
    let alive = town.store.fetch_all(sql, params![]).await.unwrap();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].text("id").unwrap(), "theirs");
    let stranger = send(&town, false, get("/portal/logins", "")).await;
    assert_eq!(stranger.status, StatusCode::SEE_OTHER, "to the door");
}
