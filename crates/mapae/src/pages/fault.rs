//! A refusal as a page: what happened, why, and what to do next.

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use super::{Page, render_with};
use crate::operations::problem::Problem;

/// What a page handler returns.
pub type PageResult = Result<Response, Fault>;

/// Why a page could not be shown; a problem of the API in the frame of the page.
#[derive(Debug)]
pub enum Fault {
    /// Told in words, with the status of the problem.
    Told(Box<(Page, Problem)>),
    /// Go to the door first.
    SignIn(&'static str),
}

impl Fault {
    /// The problem, told on this page.
    pub fn told(page: &Page, problem: impl Into<Problem>) -> Self {
        Self::Told(Box::new((page.clone(), problem.into())))
    }
}

#[derive(Template)]
#[template(path = "pages/fault.html")]
struct FaultPage<'a> {
    page: &'a Page,
    title: &'a str,
    detail: String,
    next: &'a str,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (page, problem) = match self {
            Self::Told(told) => *told,
            Self::SignIn(door) => return Redirect::to(door).into_response(),
        };
        let status = problem.status();
        let (title, next) = match status {
            StatusCode::FORBIDDEN => ("pages.fault.forbidden", "pages.fault.forbidden.next"),
            StatusCode::NOT_FOUND => ("pages.fault.missing", "pages.fault.missing.next"),
            StatusCode::CONFLICT => ("pages.fault.conflict", "pages.fault.conflict.next"),
            StatusCode::TOO_MANY_REQUESTS => ("pages.fault.slow", "pages.fault.slow.next"),
            status if status.is_server_error() => ("pages.fault.server", "pages.fault.server.next"),
            _ => ("pages.fault.refused", "pages.fault.refused.next"),
        };
        let view = FaultPage {
            page: &page,
            title: page.t(title),
            detail: problem.detail(page.lang),
            next: page.t(next),
        };
        render_with(status, &view)
    }
}
