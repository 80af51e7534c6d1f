//! Web Push: the key that browsers subscribe with, and their subscriptions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wallet::account::messages::{Envelope, PushKey, Subscribed};

use super::Answered;
use crate::account::push;
use crate::notification;
use crate::operations::Platform;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(key, subscribe)).routes(routes!(unsubscribe))
}

/// The key that browsers subscribe with (RFC 8292).
#[utoipa::path(get, path = "/wallet/v1/push", tag = "wallet", operation_id = "push_key", responses((status = 200, body = PushKey)))]
async fn key(State(platform): State<Arc<Platform>>) -> Answered<PushKey> {
    Ok(Json(notification::push_key(&platform)?))
}

/// Tell this browser what happens to the account.
#[utoipa::path(post, path = "/wallet/v1/push", tag = "wallet", operation_id = "push_subscribe", request_body = Envelope, responses((status = 200, body = Subscribed)))]
async fn subscribe(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<Subscribed> {
    Ok(Json(push::subscribe(&platform, &body.signed).await?))
}

/// Tell this browser no more.
#[utoipa::path(post, path = "/wallet/v1/push/remove", tag = "wallet", operation_id = "push_unsubscribe", request_body = Envelope, responses((status = 200, body = Subscribed)))]
async fn unsubscribe(
    State(platform): State<Arc<Platform>>,
    Json(body): Json<Envelope>,
) -> Answered<Subscribed> {
    Ok(Json(push::unsubscribe(&platform, &body.signed).await?))
}
