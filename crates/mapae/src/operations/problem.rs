//! Errors as people and programs read them: `application/problem+json` (RFC 9457) with a stable code.
//!
//! A folder has one error enum for each operation and converts it here at the edge. The code is the key of the message
//! in `locales/`; typed extras (`tries_left`, `retry_after_ms`) stand beside it and fill the blanks of the message.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use super::language::{self, Language};
use super::store::StoreError;

/// What went wrong, ready to be told in either language.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    extras: Map<String, Value>,
}

/// The body of a problem as the OpenAPI document describes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// `urn:mapae:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, why, and what to do next, in the language asked for.
    pub detail: String,
    /// The stable code a program acts on.
    pub code: String,
    /// The id of the request, to tell an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Problem {
    /// A problem whose message stands in the catalogue under `code`.
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code, extras: Map::new() }
    }

    /// Adds a member to the body; it also fills the blank of that name in the message.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extras.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// An extra by name.
    pub fn extra(&self, name: &str) -> Option<&Value> {
        self.extras.get(name)
    }

    /// The message in `language`. An extra that is itself a text for people may have an English twin `name_en`.
    pub fn detail(&self, language: Language) -> String {
        let values: Vec<(&str, String)> = self
            .extras
            .iter()
            .map(|(name, value)| {
                let twin = Some(format!("{name}_en")).filter(|_| language == Language::En);
                let value = twin.and_then(|twin| self.extras.get(&twin)).unwrap_or(value);
                (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        language::format(language, self.code, &values)
    }

    /// The problem that belongs to a bare HTTP status.
    pub fn of_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            401 => "unauthorized",
            403 => "forbidden",
            404 => "not_found",
            405 => "method_not_allowed",
            406 => "not_acceptable",
            408 => "timeout",
            409 => "conflict",
            410 => "gone",
            413 => "payload_too_large",
            414 => "uri_too_long",
            415 => "unsupported_media_type",
            422 => "unprocessable",
            429 => "too_many_requests",
            431 => "headers_too_large",
            503 => "unavailable",
            504 => "timeout",
            other if other < 500 => "bad_request",
            _ => "internal",
        };
        Self::new(status, code)
    }

    /// Something that must not happen did; the cause goes to the log, not to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
    }

    /// The body in `language`.
    pub fn body(&self, language: Language, instance: Option<&str>) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("type".into(), format!("urn:mapae:problem:{}", self.code).into());
        body.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail(language).into());
        body.insert("code".into(), self.code.into());
        if let Some(instance) = instance {
            body.insert("instance".into(), instance.into());
        }
        for (name, value) in &self.extras {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        body
    }

    pub(crate) fn render(&self, language: Language, instance: Option<&str>) -> Response {
        let body = Value::Object(self.body(language, instance)).to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        if let Some(wait) = self.extras.get("retry_after_ms").and_then(Value::as_i64) {
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(wait.max(0).unsigned_abs().div_ceil(1_000)));
        } else if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Korean; the server's edge says it again in the language of the request ([`super::edge`]).
    fn into_response(self) -> Response {
        let mut response = self.render(Language::Ko, None);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::InDoubt(_) => (StatusCode::SERVICE_UNAVAILABLE, "in_doubt"),
            error if error.may_pass() => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            StoreError::Unique => (StatusCode::CONFLICT, "conflict"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        tracing::error!(%error, "store");
        Self::new(status, code)
    }
}
