//! `/scim/v2/…`: parse, call the service, answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::answer::{self, header_text};
use super::error::ScimError;
use super::page::Ask;
use super::schema::{GROUPS, ResourceType, USERS};
use super::token::Caller;
use super::users::Change;
use super::{bulk, discovery, groups, users};
use crate::operations::{Language, Platform, limits};

type Answer = Result<Response, ScimError>;
type Platforms = Shared<Arc<Platform>>;

pub(super) fn routes() -> Router<Arc<Platform>> {
    let only = |methods: MethodRouter<Arc<Platform>>| methods.fallback(not_allowed);
    let router = Router::new()
        .route("/ServiceProviderConfig", only(get(config)))
        .route("/ResourceTypes", only(get(resource_types)))
        .route("/ResourceTypes/{name}", only(get(resource_type)))
        .route("/Schemas", only(get(schemas)))
        .route("/Schemas/{id}", only(get(schema)))
        .route("/Users", only(get(list_users).post(create_user)))
        .route("/Users/.search", only(post(search_users)))
        .route("/Users/{id}", only(get(user).put(replace_user).patch(patch_user).delete(remove_user)))
        .route("/Groups", only(get(list_groups).post(create_group)))
        .route("/Groups/.search", only(post(search_groups)))
        .route("/Groups/{id}", only(get(group).put(replace_group).patch(patch_group).delete(remove_group)))
        .route("/.search", only(post(search)))
        .route("/Bulk", only(post(bulk_request)).layer(DefaultBodyLimit::max(limits::SCIM_BULK.size())))
        .route("/{*rest}", axum::routing::any(nothing_here))
        .layer(middleware::from_fn(in_their_language));
    Router::new().nest("/scim/v2", router)
}

/// Says a refusal again in the language of the request.
async fn in_their_language(request: Request, next: Next) -> Response {
    let language = Language::of(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<ScimError>() {
        Some(error) => error.render(language),
        None => response,
    }
}

async fn not_allowed() -> ScimError {
    ScimError::new(StatusCode::METHOD_NOT_ALLOWED, None, "method_not_allowed")
}

async fn nothing_here(_: Caller) -> ScimError {
    ScimError::not_found()
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Value, ScimError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ScimError::too_large(),
        _ => ScimError::syntax(),
    })?;
    serde_json::from_slice(&body).map_err(|_| ScimError::syntax())
}

async fn config(_: Caller, Shared(platform): Platforms) -> Response {
    answer::json(StatusCode::OK, &discovery::config(&platform))
}

async fn resource_types(_: Caller, Shared(platform): Platforms) -> Answer {
    Ok(answer::json(StatusCode::OK, &discovery::resource_types(&platform, None)?))
}

async fn resource_type(_: Caller, Shared(platform): Platforms, Path(name): Path<String>) -> Answer {
    Ok(answer::json(StatusCode::OK, &discovery::resource_types(&platform, Some(&name))?))
}

async fn schemas(caller: Caller, Shared(platform): Platforms) -> Answer {
    Ok(answer::json(StatusCode::OK, &discovery::schemas(&platform, &caller, None)?))
}

async fn schema(caller: Caller, Shared(platform): Platforms, Path(id): Path<String>) -> Answer {
    Ok(answer::json(StatusCode::OK, &discovery::schemas(&platform, &caller, Some(&id))?))
}

async fn listed(platform: &Platform, caller: &Caller, ask: &Ask, kinds: &[ResourceType]) -> Answer {
    Ok(answer::json(StatusCode::OK, &ask.answer(platform, caller, kinds).await?))
}

async fn list_users(caller: Caller, Shared(platform): Platforms, RawQuery(query): RawQuery) -> Answer {
    listed(&platform, &caller, &Ask::of_query(query.as_deref())?, &[USERS]).await
}

async fn list_groups(caller: Caller, Shared(platform): Platforms, RawQuery(query): RawQuery) -> Answer {
    listed(&platform, &caller, &Ask::of_query(query.as_deref())?, &[GROUPS]).await
}

async fn search_users(
    caller: Caller,
    Shared(platform): Platforms,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    listed(&platform, &caller, &Ask::of_body(&read(body)?)?, &[USERS]).await
}

async fn search_groups(
    caller: Caller,
    Shared(platform): Platforms,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    listed(&platform, &caller, &Ask::of_body(&read(body)?)?, &[GROUPS]).await
}

async fn search(caller: Caller, Shared(platform): Platforms, body: Result<Bytes, BytesRejection>) -> Answer {
    listed(&platform, &caller, &Ask::of_body(&read(body)?)?, &[USERS, GROUPS]).await
}

async fn user(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let ask = Ask::of_query(query.as_deref())?;
    let object = users::get(&platform, &caller, &id).await?;
    Ok(answer::resource(&USERS, &ask.wanted, &headers, object))
}

async fn create_user(
    caller: Caller,
    Shared(platform): Platforms,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let ask = Ask::of_query(query.as_deref())?;
    let done = users::create(&platform, &caller, &read(body)?).await?;
    Ok(answer::done(&USERS, &ask.wanted, done))
}

async fn change_user(
    platform: &Arc<Platform>,
    caller: &Caller,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    change: Change<'_>,
) -> Answer {
    let ask = Ask::of_query(query)?;
    let if_match = header_text(headers, header::IF_MATCH);
    let done = users::change(platform, caller, id, change, if_match.as_deref()).await?;
    Ok(answer::done(&USERS, &ask.wanted, done))
}

async fn replace_user(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let change = &read(body)?;
    change_user(&platform, &caller, &id, query.as_deref(), &headers, Change::Replace(change)).await
}

async fn patch_user(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let change = &read(body)?;
    change_user(&platform, &caller, &id, query.as_deref(), &headers, Change::Patch(change)).await
}

async fn remove_user(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    change_user(&platform, &caller, &id, None, &headers, Change::Remove).await
}

async fn group(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let ask = Ask::of_query(query.as_deref())?;
    let object = groups::get(&platform, &caller, &id, &ask.wanted).await?;
    Ok(answer::resource(&GROUPS, &ask.wanted, &headers, object))
}

async fn create_group(
    caller: Caller,
    Shared(platform): Platforms,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let ask = Ask::of_query(query.as_deref())?;
    let done = groups::create(&platform, &caller, &read(body)?).await?;
    Ok(answer::done(&GROUPS, &ask.wanted, done))
}

async fn change_group(
    platform: &Arc<Platform>,
    caller: &Caller,
    id: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    change: Change<'_>,
) -> Answer {
    let ask = Ask::of_query(query)?;
    let if_match = header_text(headers, header::IF_MATCH);
    let done = groups::change(platform, caller, id, change, if_match.as_deref()).await?;
    Ok(answer::done(&GROUPS, &ask.wanted, done))
}

async fn replace_group(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let change = &read(body)?;
    change_group(&platform, &caller, &id, query.as_deref(), &headers, Change::Replace(change)).await
}

async fn patch_group(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let change = &read(body)?;
    change_group(&platform, &caller, &id, query.as_deref(), &headers, Change::Patch(change)).await
}

async fn remove_group(
    caller: Caller,
    Shared(platform): Platforms,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    change_group(&platform, &caller, &id, None, &headers, Change::Remove).await
}

async fn bulk_request(
    caller: Caller,
    Shared(platform): Platforms,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let language = Language::of(&headers);
    let answer = bulk::carry_out(&platform, &caller, &read(body)?, language).await?;
    Ok(answer::json(StatusCode::OK, &answer).into_response())
}
