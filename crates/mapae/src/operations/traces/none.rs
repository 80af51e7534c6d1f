//! Without the feature `otlp`: nothing, and nothing to pay for it.

use std::future::Future;

use http::{HeaderMap, Method};
use reqwest::{RequestBuilder, Response};

use super::TracesError;
use crate::operations::config::Config;

/// No traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces;

impl Traces {
    pub(in crate::operations) fn open(_: &Config) -> Result<Self, TracesError> {
        Ok(Self)
    }

    pub(in crate::operations) fn request(
        &self,
        _: &'static str,
        _: &Method,
        _: &str,
        _: &str,
        _: &HeaderMap,
    ) -> Span {
        Span
    }

    pub(crate) fn job(&self, _: &'static str) -> Span {
        Span
    }

    pub(in crate::operations) async fn close(&self) {}
}

/// No span.
#[derive(Debug)]
pub(crate) struct Span;

impl Span {
    pub(crate) fn child(_: &'static str) -> Self {
        Self
    }

    pub(crate) fn around<F: Future>(&self, future: F) -> F {
        future
    }

    pub(in crate::operations) fn trace_id(&self) -> Option<String> {
        None
    }

    pub(in crate::operations) fn answered(&self, _: u16, _: Option<&'static str>) {}

    pub(crate) fn failed(&self, _: &'static str) {}
}

/// No span of a unit of work.
#[derive(Debug)]
pub(crate) struct UnitSpan;

impl UnitSpan {
    pub(in crate::operations) fn asked(_: &'static str) -> Self {
        Self
    }

    pub(in crate::operations) fn begun(&mut self) {}

    pub(in crate::operations) fn worked(&mut self) {}

    pub(in crate::operations) fn ended(self, _: &'static str) {}
}

/// Sends a request to another server.
pub(crate) async fn send(_: &'static str, request: RequestBuilder) -> Result<Response, reqwest::Error> {
    request.send().await
}

/// Sends a request to a server that may be one of the operator's own.
pub(crate) async fn send_to_own(
    _: &'static str,
    request: RequestBuilder,
) -> Result<Response, reqwest::Error> {
    request.send().await
}
