//! The running server: routers of all folders, three listeners, workers, and a graceful end.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use http::{HeaderMap, StatusCode, header};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use utoipa_axum::router::OpenApiRouter;

use super::listener::{ListenError, Listener};
use super::places::Share;
use super::roles::{self, Role};
use super::store::Engine;
use super::tasks::Tasks;
use super::tls::Tls;
use super::traces::Traces;
use super::{Platform, edge, limits, once, openapi, sealer};
use crate::pages::{Fault, Page};

/// The public listener's routes and their description, where every role is served.
pub fn public_api() -> (Router<Arc<Platform>>, utoipa::openapi::OpenApi) {
    api(roles::Listener::Public, &[])
}

/// The console listener's routes and their description, where every role is served.
pub fn console_api() -> (Router<Arc<Platform>>, utoipa::openapi::OpenApi) {
    api(roles::Listener::Console, &[])
}

/// What a process with these roles (none: all) serves on a listener.
fn api(listener: roles::Listener, had: &[Role]) -> (Router<Arc<Platform>>, utoipa::openapi::OpenApi) {
    let here = roles::routes(listener).filter(|(owners, _)| roles::serves(had, owners));
    let head = OpenApiRouter::with_openapi(openapi::head());
    let (router, mut description) = here.fold(head, |all, (_, routes)| all.merge(routes)).split_for_parts();
    openapi::complete(&mut description);
    let text: Arc<str> = description.to_json().unwrap_or_default().into();
    let router = router.route(
        "/openapi.json",
        get(move || {
            let text = Arc::clone(&text);
            async move { ([(header::CONTENT_TYPE, "application/json")], text.to_string()) }
        }),
    );
    (router, description)
}

/// The public router, ready to serve; tests call it without a socket.
pub fn public_router(platform: &Arc<Platform>) -> Router {
    router(platform, roles::Listener::Public, "public")
}

/// The console router, ready to serve.
pub fn console_router(platform: &Arc<Platform>) -> Router {
    router(platform, roles::Listener::Console, "console")
}

fn router(platform: &Arc<Platform>, listener: roles::Listener, name: &'static str) -> Router {
    let had = &platform.config.server.roles;
    let all = roles::routes(listener)
        .filter(|(owners, _)| !roles::serves(had, owners))
        .fold(api(listener, had).0.fallback(nothing_here), |here, (owners, routes)| {
            here.merge(elsewhere(platform, owners, routes))
        });
    guarded(name, &platform.traces, explained(platform, all))
}

/// Routes of other roles: whoever comes to them here is told so, whatever they ask.
fn elsewhere(
    platform: &Arc<Platform>,
    owners: &'static [Role],
    routes: roles::Routes,
) -> Router<Arc<Platform>> {
    let told = move |headers: HeaderMap, page: Page, _: axum::extract::Request, _: middleware::Next| async move {
        let problem = super::Problem::new(StatusCode::NOT_FOUND, roles::NOT_SERVED_HERE);
        told(&headers, &page, problem.with("roles", roles::names(owners)))
    };
    routes.split_for_parts().0.layer(middleware::from_fn_with_state(Arc::clone(platform), told))
}

/// Metrics and probes.
pub fn metrics_router(platform: &Arc<Platform>) -> Router {
    let router =
        Router::new().route("/metrics", get(render_metrics)).merge(probes()).with_state(Arc::clone(platform));
    guarded("metrics", &platform.traces, router)
}

/// An address that leads nowhere: a page for people, a problem for programs.
async fn nothing_here(headers: HeaderMap, page: Page) -> Response {
    told(&headers, &page, super::Problem::of_status(StatusCode::NOT_FOUND))
}

fn told(headers: &HeaderMap, page: &Page, problem: super::Problem) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("text/html") {
        Fault::told(page, problem).into_response()
    } else {
        problem.into_response()
    }
}

fn probes() -> Router<Arc<Platform>> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

fn explained(platform: &Arc<Platform>, router: Router<Arc<Platform>>) -> Router {
    router
        .layer(middleware::from_fn_with_state(Arc::clone(platform), explain_token))
        .layer(middleware::map_request_with_state(Arc::clone(platform), from_whom))
        .with_state(Arc::clone(platform))
}

fn guarded(listener: &'static str, traces: &Traces, router: Router) -> Router {
    let traces = traces.clone();
    router
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY.size()))
        .layer(middleware::from_fn(move |request, next| edge::edge(listener, traces.clone(), request, next)))
}

/// The process lives.
async fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// The process can serve: its store answers, and its token, if it has one.
async fn readyz(State(platform): State<Arc<Platform>>) -> Response {
    if let Err(error) = platform.store.ping().await {
        return super::Problem::from(error).into_response();
    }
    match platform.keys.kek().probe() {
        Ok(()) => Json(serde_json::json!({ "status": "ready" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "the token");
            token_away().into_response()
        }
    }
}

fn token_away() -> super::Problem {
    super::Problem::new(StatusCode::SERVICE_UNAVAILABLE, "token_away")
        .with("retry_after_ms", limits::HSM_AGAIN.get())
}

/// While the token is away, what failed inside failed for that: it is told, with when to come again.
async fn explain_token(
    State(platform): State<Arc<Platform>>,
    request: axum::extract::Request,
    next: middleware::Next,
) -> Response {
    let response = next.run(request).await;
    let away = platform.keys.kek().token().is_some_and(|token| token.is_away());
    if away && response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        token_away().into_response()
    } else {
        response
    }
}

/// Behind a proxy of the operator's own the other end is whom it speaks for: tries are counted by that address.
async fn from_whom(
    State(platform): State<Arc<Platform>>,
    mut request: axum::extract::Request,
) -> axum::extract::Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let address = platform.config.login.address(peer.ip(), request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, peer.port())));
    }
    request
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Installs the recorder of this process once; the metrics facade is global by its nature.
fn recorder() -> &'static PrometheusHandle {
    RECORDER.get_or_init(|| {
        let buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &buckets)
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("metrics go to a recorder set before");
        }
        super::metrics::describe();
        handle
    })
}

async fn render_metrics(State(platform): State<Arc<Platform>>) -> Response {
    let away = platform.keys.kek().token().is_some_and(|token| token.is_away());
    metrics::gauge!("mapae_hsm_away").set(if away { 1.0 } else { 0.0 });
    metrics::gauge!("mapae_store_rolled_back_units").set(platform.store.counters().rolled_back() as f64);
    let text = recorder().render() + &super::metrics::of_process();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// A server that accepts requests.
#[derive(Debug)]
pub struct Server {
    pub public: SocketAddr,
    pub console: SocketAddr,
    pub metrics: SocketAddr,
    platform: Arc<Platform>,
    tasks: Tasks,
}

impl Server {
    /// Binds the three listeners and starts every worker; requests are answered when this returns.
    pub async fn start(platform: Arc<Platform>) -> Result<Self, ListenError> {
        recorder();
        let config = &platform.config;
        tell_roles(&platform);
        let secured = [
            Tls::open("public", &config.public.tls_certificate, &config.public.tls_key)?,
            Tls::open("console", &config.console.tls_certificate, &config.console.tls_key)?,
        ];
        let [for_public, for_console] = secured.each_ref().map(|tls| tls.as_ref().map(Tls::acceptor));
        let public = Listener::bind(config.public.listen, for_public, Share::Served)?;
        let console = Listener::bind(config.console.listen, for_console, Share::Served)?;
        let metrics = Listener::bind(config.metrics.listen, None, Share::Watching)?;
        let addresses = (public.address(), console.address(), metrics.address());

        let mut tasks = Tasks::default();
        for tls in secured.into_iter().flatten() {
            tasks.spawn(|stop| tls.follow(stop));
        }
        let routers = (public_router(&platform), console_router(&platform), metrics_router(&platform));
        tasks.spawn(|stop| public.serve(routers.0, stop));
        tasks.spawn(|stop| console.serve(routers.1, stop));
        tasks.spawn(|stop| metrics.serve(routers.2, stop));
        start_workers(&platform, &mut tasks);
        tracing::info!(public = %addresses.0, console = %addresses.1, metrics = %addresses.2, "ready");
        Ok(Self { public: addresses.0, console: addresses.1, metrics: addresses.2, platform, tasks })
    }

    /// Lets requests in flight finish, stops the workers, writes what waits and closes the store.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.tasks.stop(limits::HTTP_STOP.duration() + std::time::Duration::from_secs(1)).await;
        self.platform.traces.close().await;
        self.platform.store.close().await;
        tracing::info!("stopped");
    }
}

/// Says which share of the work is done here, and warns where nobody can do the rest.
fn tell_roles(platform: &Platform) {
    let had = &platform.config.server.roles;
    if had.is_empty() {
        return;
    }
    let (here, elsewhere) = (roles::names(had), roles::names(&roles::others(had)));
    if platform.store.engine() == Engine::Sqlite && !elsewhere.is_empty() {
        tracing::warn!(%here, %elsewhere, "an embedded store has one server: nobody serves the other roles");
    } else {
        tracing::info!(%here, %elsewhere, "some roles");
    }
}

fn start_workers(platform: &Arc<Platform>, tasks: &mut Tasks) {
    let sweeper = Arc::clone(platform);
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(limits::ONCE_SWEEP.duration()).await {
            while let Ok(rows) = once::sweep(&sweeper.store, sweeper.now_ms()).await
                && rows == limits::ONCE_SWEEP_ROWS.get().unsigned_abs()
            {}
        }
    });
    tasks.spawn(move |mut stop| async move {
        while stop.sleep(std::time::Duration::from_secs(5)).await {
            recorder().run_upkeep();
        }
    });
    let store = platform.store.clone();
    tasks.spawn(move |stop| store.listen(stop));
    let store = platform.store.clone();
    tasks.spawn(move |stop| store.follow_replica(stop));
    let follower = Arc::clone(platform);
    tasks.spawn(move |stop| sealer::rotation::follow(follower, stop));
    roles::start(platform, tasks);
}

#[cfg(test)]
mod tests;
