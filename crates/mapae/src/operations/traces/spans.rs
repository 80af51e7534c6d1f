//! The spans themselves. Attributes by the stable semantic conventions of OpenTelemetry for HTTP and databases; what the
//! conventions ask for and a request of ours must not tell (`url.path`, `url.query`, addresses of people) stays out.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::Either;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opentelemetry::context::FutureExt as _;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use reqwest::{RequestBuilder, Response};
use tokio::time::Instant;

use super::export::{self, Exporting};
use super::{TracesError, origin_of};
use crate::operations::config::Config;
use crate::operations::edge::known;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where a process's spans go; nowhere without `traces.endpoint`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    tracer: SdkTracer,
    continued_from: Vec<String>,
    continued_at: Vec<String>,
    exporting: Mutex<Option<Exporting>>,
}

/// The part of a context that says that its span is one of ours, with what is needed to make its children.
#[derive(Clone)]
struct Ours(Arc<Inner>);

impl Traces {
    /// Reads the settings; with an endpoint the exporter runs from now on, beside everything else.
    pub(in crate::operations) fn open(config: &Config) -> Result<Self, TracesError> {
        let settings = &config.traces;
        if settings.endpoint.is_empty() {
            return Ok(Self(None));
        }
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let (queue, exporting) = export::start(&settings.endpoint, &resource)?;
        let ratio = Sampler::TraceIdRatioBased(settings.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource)
            .with_span_processor(queue)
            .build();
        Ok(Self(Some(Arc::new(Inner {
            tracer: provider.tracer("mapae"),
            continued_from: settings.continued_from.clone(),
            continued_at: settings.continued_at.iter().filter_map(|origin| origin_of(origin)).collect(),
            exporting: Mutex::new(Some(exporting)),
        }))))
    }

    /// The span of a request that came in, if it is sampled: by the ratio, or by whom this listener believes.
    pub(in crate::operations) fn request(
        &self,
        listener: &'static str,
        method: &Method,
        route: &str,
        request_id: &str,
        headers: &HeaderMap,
    ) -> Span {
        let Some(inner) = &self.0 else { return Span(None) };
        let believed = inner.continued_from.iter().any(|name| name == listener);
        let before = if believed { continued(headers) } else { Context::new() };
        let method = known(method);
        let routed = route.starts_with('/');
        let name = match (method, routed) {
            ("_OTHER", true) => format!("HTTP {route}"),
            ("_OTHER", false) => "HTTP".to_owned(),
            (method, true) => format!("{method} {route}"),
            (method, false) => method.to_owned(),
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("mapae.listener", listener),
            KeyValue::new("mapae.request_id", request_id.to_owned()),
        ];
        if routed {
            attributes.push(KeyValue::new("http.route", route.to_owned()));
        }
        Span::root(inner, name.into(), SpanKind::Server, attributes, &before)
    }

    /// The span of something that a worker does, if it is sampled.
    pub(crate) fn job(&self, name: &'static str) -> Span {
        let Some(inner) = &self.0 else { return Span(None) };
        Span::root(inner, name.into(), SpanKind::Internal, Vec::new(), &Context::new())
    }

    /// Sends what is waiting, as far as that goes within [`crate::operations::limits::TRACES_STOP`].
    pub(in crate::operations) async fn close(&self) {
        let Some(inner) = &self.0 else { return };
        let exporting = inner.exporting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exporting) = exporting {
            exporting.finish().await;
        }
    }
}

/// A span that ends with this value; `None` where nothing is traced.
#[derive(Debug)]
pub(crate) struct Span(Option<Context>);

impl Span {
    fn root(
        inner: &Arc<Inner>,
        name: Cow<'static, str>,
        kind: SpanKind,
        attributes: Vec<KeyValue>,
        before: &Context,
    ) -> Self {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        let span = inner.tracer.build_with_context(builder, before);
        // Whatever is not sampled has no children either: not even the question is asked again.
        Self(span.is_recording().then(|| Context::new().with_value(Ours(Arc::clone(inner))).with_span(span)))
    }

    fn under_current(name: Cow<'static, str>, kind: SpanKind, attributes: Vec<KeyValue>) -> Self {
        Context::map_current(|current| {
            let Some(Ours(inner)) = current.get::<Ours>() else { return Self(None) };
            let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
            Self(Some(current.with_span(inner.tracer.build_with_context(builder, current))))
        })
    }

    /// A span inside the one that is current; nothing where none is.
    pub(crate) fn child(name: &'static str) -> Self {
        if !is_current() {
            return Self(None);
        }
        Self::under_current(name.into(), SpanKind::Internal, Vec::new())
    }

    /// Runs a future with this span as the current one.
    pub(crate) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.0 {
            Some(context) => Either::Left(future.with_context(context.clone())),
            None => Either::Right(future),
        }
    }

    /// For the log line of a request that is traced.
    pub(in crate::operations) fn trace_id(&self) -> Option<String> {
        self.0.as_ref().map(|context| context.span().span_context().trace_id().to_string())
    }

    /// How a request of others was answered: an error is what is our own fault.
    pub(in crate::operations) fn answered(&self, status: u16, why: Option<&'static str>) {
        self.note("http.response.status_code", i64::from(status));
        match why {
            Some(why) => self.failed(why),
            None if status >= 500 => self.fail(status.to_string().into()),
            None => {}
        }
    }

    /// Marks it as an error of this kind, a word of our own.
    pub(crate) fn failed(&self, kind: &'static str) {
        self.fail(kind.into());
    }

    fn fail(&self, kind: Value) {
        if let Some(context) = &self.0 {
            context.span().set_status(Status::error(""));
        }
        self.note("error.type", kind);
    }

    fn note(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        // A future that still holds the context must not keep it open.
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}

/// The span of a unit of work, from when it is asked for until its caller hears of the commit.
#[derive(Debug)]
pub(crate) struct UnitSpan(Option<Box<Unit>>);

#[derive(Debug)]
struct Unit {
    span: Span,
    since: Instant,
}

impl UnitSpan {
    /// It is asked for; `system` is the database, as the conventions name it.
    pub(in crate::operations) fn asked(system: &'static str) -> Self {
        if !is_current() {
            return Self(None);
        }
        let system = KeyValue::new("db.system.name", system);
        let span = Span::under_current("store unit".into(), SpanKind::Client, vec![system]);
        Self(Some(Box::new(Unit { span, since: Instant::now() })))
    }

    /// Its turn has come.
    pub(in crate::operations) fn begun(&mut self) {
        self.step("mapae.store.waited_us");
    }

    /// Its statements are done, and what is left is the commit.
    pub(in crate::operations) fn worked(&mut self) {
        self.step("mapae.store.worked_us");
    }

    /// It is over: `committed`, `rolled_back`, or `failed` with its group.
    pub(in crate::operations) fn ended(mut self, outcome: &'static str) {
        self.step("mapae.store.committed_us");
        if let Some(unit) = &self.0 {
            unit.span.note("mapae.store.outcome", outcome);
            if outcome == "failed" {
                unit.span.failed("commit");
            }
        }
    }

    fn step(&mut self, key: &'static str) {
        if let Some(unit) = &mut self.0 {
            let took = i64::try_from(unit.since.elapsed().as_micros()).unwrap_or(i64::MAX);
            unit.span.note(key, took);
            unit.since = Instant::now();
        }
    }
}

/// Sends a request to another server, which is never told of the trace; `what` names the kind of call.
pub(crate) async fn send(what: &'static str, request: RequestBuilder) -> Result<Response, reqwest::Error> {
    call(what, request, false).await
}

/// Sends a request to a server that is told of the trace if `traces.continued_at` names it.
pub(crate) async fn send_to_own(
    what: &'static str,
    request: RequestBuilder,
) -> Result<Response, reqwest::Error> {
    call(what, request, true).await
}

async fn call(what: &'static str, request: RequestBuilder, own: bool) -> Result<Response, reqwest::Error> {
    if !is_current() {
        return request.send().await;
    }
    let (client, request) = request.build_split();
    let mut request = request?;
    let method = known(request.method());
    let mut attributes = vec![KeyValue::new("http.request.method", method)];
    if let Some(host) = request.url().host_str() {
        attributes.push(KeyValue::new("server.address", host.to_owned()));
    }
    if let Some(port) = request.url().port_or_known_default() {
        attributes.push(KeyValue::new("server.port", i64::from(port)));
    }
    let span = Span::under_current(format!("{method} {what}").into(), SpanKind::Client, attributes);
    if own
        && let Some(context) = &span.0
        && let Some(Ours(inner)) = context.get::<Ours>()
        && inner.continued_at.contains(&request.url().origin().ascii_serialization())
        && let Some(value) = traceparent(context)
    {
        request.headers_mut().insert(TRACEPARENT, value);
    }
    let answer = client.execute(request).await;
    match &answer {
        Ok(answer) => {
            let status = answer.status();
            span.note("http.response.status_code", i64::from(status.as_u16()));
            // To whoever asks, a refusal is an error too.
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str().to_owned().into());
            }
        }
        Err(error) if error.is_timeout() => span.failed("timeout"),
        Err(error) if error.is_connect() => span.failed("connect"),
        Err(_) => span.failed("other"),
    }
    answer
}

fn is_current() -> bool {
    Context::map_current(|current| current.get::<Ours>().is_some())
}

/// W3C Trace Context §3.2.
fn traceparent(context: &Context) -> Option<HeaderValue> {
    let span = context.span();
    let span = span.span_context();
    HeaderValue::from_str(&format!("00-{}-{}-01", span.trace_id(), span.span_id())).ok()
}

/// The trace that a request continues. Of what others say only this one header is read: `tracestate` and baggage may hold
/// anything.
fn continued(headers: &HeaderMap) -> Context {
    struct Parent<'a>(&'a str);
    impl Extractor for Parent<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == TRACEPARENT.as_str()).then_some(self.0)
        }

        fn keys(&self) -> Vec<&str> {
            vec!["traceparent"]
        }
    }
    let mut all = headers.get_all(TRACEPARENT).iter();
    match (all.next().and_then(|value| value.to_str().ok()), all.next()) {
        (Some(parent), None) => {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(parent))
        }
        _ => Context::new(),
    }
}
