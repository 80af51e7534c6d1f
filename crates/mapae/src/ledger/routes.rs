//! What the world asks: DIDs, the mirrored did:web documents, anchors, and the embedded chain by JSON-RPC.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use registry::contract::Code;
use registry::did::{Did, Document};
use registry::json_rpc::{self, Access};
use serde_json::{Value, json};

use super::{LedgerError, ceremony, open};
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, Problem};

const RESOLUTION: &str = "application/ld+json;profile=\"https://w3id.org/did-resolution\"";
const DOCUMENT: &str = "application/did+ld+json";

pub(super) fn public() -> Router<Arc<Platform>> {
    Router::new()
        .route("/1.0/identifiers/{did}", get(resolve))
        .route("/agencies/{code}/did.json", get(web_document))
        .route("/ledger/anchors/{minute}", get(anchor))
        .route("/ledger/rpc", post(rpc))
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::NotSetUp => Self::of_status(StatusCode::NOT_FOUND),
            LedgerError::Store(error) => error.into(),
            LedgerError::Chain(error) => {
                tracing::warn!(%error, "the ledger does not answer");
                Self::of_status(StatusCode::SERVICE_UNAVAILABLE)
            }
            other => Self::internal(&other),
        }
    }
}

fn told(status: u16, kind: &'static str, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (status, headers, body.to_string()).into_response()
}

/// The driver API of the Universal Resolver: the whole resolution result, or the document alone where `Accept` asks so.
async fn resolve(
    State(platform): State<Arc<Platform>>,
    Path(did): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = open::opened(&platform).await?;
    let url = match uri.query() {
        Some(query) if !did.contains('?') => format!("{did}?{query}"),
        _ => did,
    };
    let resolution = opened.resolver.resolve(&url).await;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = accept.contains("application/did+") && !accept.contains("did-resolution");
    match (&resolution.outcome, plain) {
        (Ok(document), true) => Ok(told(resolution.status(), DOCUMENT, &document.to_value())),
        _ => Ok(told(resolution.status(), RESOLUTION, &resolution.to_value())),
    }
}

/// An agency's document as its did:web has it.
async fn web_document(
    State(platform): State<Arc<Platform>>,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let not_found = || Problem::of_status(StatusCode::NOT_FOUND);
    let code = Code::parse(&code).ok_or_else(not_found)?;
    let opened = open::opened(&platform).await?;
    let did = Did::new(opened.setup.network, code).to_string();
    let resolution = opened.resolver.resolve(&did).await;
    if resolution.status() == 410 {
        return Err(Problem::of_status(StatusCode::GONE));
    }
    let document: Document = resolution.outcome.map_err(|_| not_found())?;
    let mirror = document.mirrored(&did, &ceremony::web_did(&platform, code));
    Ok(told(200, "application/did+json", &mirror.to_value()))
}

/// What the root of a minute is made of, so that everybody can compute it.
async fn anchor(State(platform): State<Arc<Platform>>, Path(minute): Path<i64>) -> Result<Response, Problem> {
    let sql = "SELECT root, leaves, tx FROM ledger_anchor WHERE kind = 'status' AND position = $1";
    let row = match platform.store.read_published(|store| store.fetch_one(sql, params![minute])).await {
        Err(StoreError::NotFound) => return Err(Problem::of_status(StatusCode::NOT_FOUND)),
        found => found?,
    };
    let leaves: Value = serde_json::from_str(&row.text("leaves")?).map_err(Problem::internal)?;
    let body = json!({
        "minute": minute,
        "root": format!("0x{}", keys::encoding::hex_encode(&row.bytes("root")?)),
        "leaves": leaves,
        "transaction": row.opt_text("tx")?,
    });
    Ok(told(200, "application/json", &body))
}

/// Questions to the embedded chain. Nobody writes here.
async fn rpc(State(platform): State<Arc<Platform>>, request: Bytes) -> Result<Response, Problem> {
    let opened = open::opened(&platform).await?;
    let chain = opened.connection.chain.as_ref().filter(|_| platform.config.ledger.serve_rpc);
    let chain = chain.ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    let answer = json_rpc::answer(chain, Access::Read, &request).await;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    Ok((headers, answer).into_response())
}
