//! The walk over two nodes that share one store and no role: one does logins and verifications, the other all the rest.
//! Before them stands a proxy as an operator would put it there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use tower::ServiceExt as _;

use super::victim::Victim;
use super::*;
use crate::operations::roles::{NOT_SERVED_HERE, Role, others};
use crate::operations::server::Server;
use crate::operations::{Platform, SystemClock, server};

/// How often each of the two nodes has answered.
#[derive(Default)]
struct Answered([AtomicU64; 2]);

/// Sends a request to the node that has the role.
#[derive(Clone)]
struct Proxy {
    nodes: [Router; 2],
    answered: Arc<Answered>,
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 22).await.expect("body");
    let mut last = None;
    for (node, count) in proxy.nodes.into_iter().zip(&proxy.answered.0) {
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let (parts, body) = node.oneshot(request).await.expect("answer").into_parts();
        let body = axum::body::to_bytes(body, 1 << 26).await.expect("body");
        let elsewhere =
            parts.status == StatusCode::NOT_FOUND && String::from_utf8_lossy(&body).contains(NOT_SERVED_HERE);
        if !elsewhere {
            count.fetch_add(1, Ordering::SeqCst);
            return Response::from_parts(parts, Body::from(body));
        }
        last = Some(Response::from_parts(parts, Body::from(body)));
    }
    last.expect("there are nodes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_takes_a_badge_at_one_node_and_logs_in_at_another() {
    let (victim, site) = Victim::prepare().await;
    let ours = [Role::Login, Role::Verifier];
    let mut platforms = Vec::new();
    for (node, roles) in [ours.to_vec(), others(&ours)].into_iter().enumerate() {
        let mut config = victim.config();
        config.server.roles = roles;
        config.public.listen.set_port(0);
        config.metrics.listen.set_port(0);
        if node == 0 {
            // The console's address leads to the desk.
            config.console.listen.set_port(0);
        }
        platforms.push(Platform::open(config, Arc::new(SystemClock)).await.expect("platform"));
    }
    let routers = [server::public_router(&platforms[0]), server::public_router(&platforms[1])];
    let answered = Arc::<Answered>::default();
    let proxy = Proxy { nodes: routers, answered: Arc::clone(&answered) };
    let address = site.public.strip_prefix("http://").expect("plain HTTP").replace("localhost", "127.0.0.1");
    let listener = tokio::net::TcpListener::bind(address).await.expect("the proxy's port");
    let proxying = tokio::spawn(async move {
        let all = Router::new().fallback(pass).with_state(proxy);
        axum::serve(listener, all.into_make_service_with_connect_info::<std::net::SocketAddr>())
            .await
            .expect("proxy");
    });
    let mut servers = Vec::new();
    for platform in &platforms {
        servers.push(Server::start(Arc::clone(platform)).await.expect("node"));
    }

    let (mut desks, mut ledger) = (Desks::default(), Ledger::default());
    let mut phone = walk(&site, FIRST_STANDARD, &mut desks, &mut ledger).await;
    log_in(&site, &mut phone).await.expect("a second login");
    ledger.logged_in();
    for count in &answered.0 {
        assert!(count.load(Ordering::SeqCst) > 5, "both have answered");
    }

    // Neither does the other's: the issuer's node has no login, the login's node no issuer and no desk.
    let ask = async |address: std::net::SocketAddr, path: &str| {
        let answer = site.http.get(format!("http://{address}{path}")).send().await.expect("answer");
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap_or_default());
        (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = (404, NOT_SERVED_HERE.to_owned());
    for role in Role::ALL {
        let stranger = usize::from(ours.contains(&role));
        assert_eq!(ask(servers[stranger].public, role.door()).await, refused, "{role:?}");
        assert_ne!(ask(servers[1 - stranger].public, role.door()).await, refused, "{role:?}");
    }
    assert_eq!(ask(servers[0].console, "/sign-in").await, refused);
    assert_eq!(ask(servers[1].console, "/sign-in").await.0, 200);

    proxying.abort();
    for server in servers {
        server.stop().await;
    }
    let store = site.open_store().await;
    ledger.compare(&store).await;
    store.close().await;
    site.clear();
}
