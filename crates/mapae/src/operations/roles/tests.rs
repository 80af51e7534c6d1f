use std::collections::BTreeSet;

use axum::body::Body;
use http::{Request, header};
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::operations::server::{self, Server};
use crate::operations::store::{StoreError, params};
use crate::testing::{self, TestClock, TestPlatform};

/// Another process on the same store, with these roles.
async fn node(platform: &TestPlatform, roles: &[Role]) -> Arc<Platform> {
    let mut config = platform.config.clone();
    config.server.roles = roles.to_vec();
    Platform::open(config, Arc::<TestClock>::clone(&platform.clock)).await.expect("node")
}

async fn get(router: &axum::Router, path: &str, accept: &str) -> (u16, String, String) {
    let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).expect("request");
    let response = router.clone().oneshot(request).await.expect("answer");
    let status = response.status().as_u16();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 22).await.expect("body");
    (status, kind, String::from_utf8_lossy(&body).into_owned())
}

async fn paths(router: &axum::Router) -> BTreeSet<String> {
    let (status, _, text) = get(router, "/openapi.json", "*/*").await;
    assert_eq!(status, 200);
    let description: Value = serde_json::from_str(&text).expect("JSON");
    description["paths"].as_object().expect("paths").keys().cloned().collect()
}

#[tokio::test]
async fn each_role_answers_its_own_door_and_says_of_the_others_that_they_are_elsewhere() {
    let platform = testing::platform().await;
    for here in Role::ALL {
        let router = server::public_router(&node(&platform, &[here]).await);
        for role in Role::ALL {
            let (status, _, body) = get(&router, role.door(), "*/*").await;
            let problem: Value = serde_json::from_str(&body).unwrap_or_default();
            if role == here {
                assert_ne!(problem["code"], NOT_SERVED_HERE, "{here:?} {body}");
                assert!(status < 500, "{here:?}: {status} {body}");
            } else {
                assert_eq!((status, &problem["code"]), (404, &NOT_SERVED_HERE.into()), "{here:?} {role:?}");
                assert_eq!(problem["roles"], role.name(), "{here:?}");
                assert!(problem["detail"].as_str().expect("detail").contains(&role.name()), "{body}");
            }
        }
        // Whatever is asked for, and however.
        let elsewhere = if here == Role::Login { "/issuance/token" } else { "/oidc/token" };
        let post = Request::post(elsewhere).body(Body::from("grant_type=x")).expect("request");
        assert_eq!(router.clone().oneshot(post).await.expect("answer").status(), 404, "{here:?}");
        // The common ground, and an address that leads nowhere at all.
        assert_eq!(get(&router, "/assets/mapae.css", "*/*").await.0, 200, "{here:?}");
        let (status, _, body) = get(&router, "/nowhere", "*/*").await;
        assert!(status == 404 && body.contains("\"not_found\""), "{here:?} {body}");
    }
}

#[tokio::test]
async fn a_person_who_comes_to_the_wrong_node_reads_a_page() {
    let platform = testing::platform().await;
    let login = node(&platform, &[Role::Login]).await;
    for (router, path) in
        [(server::public_router(&login), "/portal/sign-in"), (server::console_router(&login), "/sign-in")]
    {
        let (status, kind, body) = get(&router, path, "text/html,*/*;q=0.8").await;
        assert_eq!((status, kind.starts_with("text/html")), (404, true), "{kind}");
        assert!(body.contains("hr-desk"), "{body}");
    }
}

#[tokio::test]
async fn the_roles_together_describe_what_the_whole_describes_and_no_node_more_than_it_serves() {
    let platform = testing::platform().await;
    let routers = [server::public_router, server::console_router];
    for (of, whole) in routers.into_iter().zip([server::public_api().1, server::console_api().1]) {
        let all: BTreeSet<String> = whole.paths.paths.keys().cloned().collect();
        let mut together = BTreeSet::new();
        for role in Role::ALL {
            together.extend(paths(&of(&node(&platform, &[role]).await)).await);
        }
        assert_eq!(together, all);
    }
    let gates = paths(&server::public_router(&node(&platform, &[Role::Gates]).await)).await;
    assert!(gates.iter().all(|path| path.starts_with("/gates/")), "{gates:?}");
    assert!(!gates.is_empty());
}

#[test]
fn without_roles_a_process_has_all_of_them() {
    assert!(Role::ALL.into_iter().all(|role| serves(&[], &[role])));
    assert_eq!(others(&[]), []);
    assert_eq!(others(&[Role::Login, Role::HrDesk]).len(), 6);
    assert!(serves(&[Role::Verifier], CHECKING) && !serves(&[Role::Login], CHECKING));
    let owned: Vec<Role> = parts().flat_map(|(owners, _)| owners.iter().copied()).collect();
    assert!(Role::ALL.into_iter().all(|role| owned.iter().filter(|owner| **owner == role).count() > 3));
}

/// A message whose time is over is given up by whoever sends messages, within a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_role_is_done_by_nodes_that_have_it_and_by_no_other() {
    let platform = testing::platform_with(|config| config.demo.enabled = true).await;
    let overdue = platform.now_ms() - 1;
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO notification_outbox \
                     (id, topic, channel, state, attempts, next_at, created_at, ends_at) \
                     VALUES ('x', 'notice', 'sms', 'waiting', 0, $1, $1, $1)",
                    params![overdue],
                )
                .await
            })
        })
        .await
        .expect("enqueued");
    let state = async || {
        let sql = "SELECT state FROM notification_outbox WHERE id = 'x'";
        platform.store.fetch_one(sql, params![]).await.expect("row").text("state").expect("state")
    };
    let without = Server::start(node(&platform, &[Role::Verifier, Role::Issuer]).await).await.expect("node");
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(state().await, "waiting", "it sends no messages");
    let with = Server::start(node(&platform, &[Role::WalletProvider]).await).await.expect("node");
    for _ in 0..100 {
        if state().await != "waiting" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_ne!(state().await, "waiting", "the wallet provider does");
    without.stop().await;
    with.stop().await;
}
