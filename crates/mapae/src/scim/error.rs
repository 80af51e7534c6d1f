//! Errors as RFC 7644 §3.12 writes them. The detail is told in the language of the request and never repeats a value.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::filter::Syntax;
use crate::operations::language::{self, Language};
use crate::operations::store::StoreError;
use crate::personnel::PersonnelError;

/// The media type of every answer.
pub(super) const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {code}")]
pub(super) struct ScimError {
    pub(super) status: StatusCode,
    /// The word of the standard, where it has one.
    pub(super) scim_type: Option<&'static str>,
    /// Key of the message in the catalogue; the stable code.
    pub(super) code: &'static str,
    /// What fills the blank `{what}` of the message: an attribute's name, a place in a filter.
    pub(super) what: String,
}

impl ScimError {
    pub(super) const fn new(status: StatusCode, scim_type: Option<&'static str>, code: &'static str) -> Self {
        Self { status, scim_type, code, what: String::new() }
    }

    pub(super) fn about(mut self, what: impl ToString) -> Self {
        self.what = what.to_string();
        self
    }

    /// A value that can't be: of this attribute.
    pub(super) fn value(attribute: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("invalidValue"), "scim.invalid_value").about(attribute)
    }

    pub(super) const fn syntax() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("invalidSyntax"), "scim.invalid_syntax")
    }

    pub(super) fn path(path: &str) -> Self {
        let path: String = path.chars().take(100).collect();
        Self::new(StatusCode::BAD_REQUEST, Some("invalidPath"), "scim.invalid_path").about(path)
    }

    pub(super) fn mutability(attribute: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("mutability"), "scim.mutability").about(attribute)
    }

    pub(super) const fn no_target() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("noTarget"), "scim.no_target")
    }

    /// A filter that is right and can't be answered: what it searches is sealed.
    pub(super) fn unsearchable(attribute: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some("invalidFilter"), "scim.unsearchable").about(attribute)
    }

    /// Not there, or not for this token: one answer.
    pub(super) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, None, "scim.not_found")
    }

    pub(super) const fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, None, "scim.forbidden")
    }

    pub(super) const fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, None, "scim.unauthorized")
    }

    pub(super) const fn unique() -> Self {
        Self::new(StatusCode::CONFLICT, Some("uniqueness"), "scim.uniqueness")
    }

    pub(super) const fn conflict() -> Self {
        Self::new(StatusCode::CONFLICT, None, "scim.conflict")
    }

    pub(super) const fn precondition() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, None, "scim.precondition")
    }

    pub(super) const fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Some("tooMany"), "scim.too_large")
    }

    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "scim");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, None, "internal")
    }

    /// The body of the answer, also as it stands inside the answer to a Bulk request.
    pub(super) fn body(&self, language: Language) -> Value {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.as_u16().to_string(),
            "detail": language::format(language, self.code, &[("what", self.what.clone())]),
        });
        if let (Some(word), Some(body)) = (self.scim_type, body.as_object_mut()) {
            body.insert("scimType".into(), word.into());
        }
        body
    }

    pub(super) fn render(&self, language: Language) -> Response {
        let mut response = (self.status, self.body(language).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, SCIM_JSON);
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"scim\""));
        }
        response
    }
}

impl IntoResponse for ScimError {
    /// Korean; the routes say it again in the language of the request.
    fn into_response(self) -> Response {
        let mut response = self.render(Language::Ko);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Syntax> for ScimError {
    fn from(fault: Syntax) -> Self {
        let what = match fault {
            Syntax::TooLong | Syntax::TooDeep => fault.to_string(),
            Syntax::At(place, why) => format!("{}: {why}", place + 1),
        };
        Self::new(StatusCode::BAD_REQUEST, Some("invalidFilter"), "scim.invalid_filter").about(what)
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.may_pass() => {
                tracing::error!(%error, "store");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "unavailable")
            }
            StoreError::Unique => Self::conflict(),
            other => Self::internal(other),
        }
    }
}

impl From<PersonnelError> for ScimError {
    fn from(error: PersonnelError) -> Self {
        match error {
            PersonnelError::NotFound => Self::not_found(),
            PersonnelError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
