//! Sending spans. A span that ends is put into a bounded queue, or dropped where that is full: whoever ends one never
//! waits. One task takes them out in batches and posts them as OTLP over HTTP; what the receiver does not take is lost,
//! counted, and told once a minute at most.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::TracesError;
use crate::operations::limits;

/// How often losses are told.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// The largest answer of a receiver that is read, in bytes; it says how many spans it refused.
const MAX_ANSWER: usize = 64 << 10;

/// The end of the queue where spans go in.
#[derive(Debug)]
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    lost: Arc<AtomicU64>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            lose(&self.lost, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The task that sends.
#[derive(Debug)]
pub(super) struct Exporting {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Exporting {
    /// Sends what is in the queue, and gives up in time.
    pub(super) async fn finish(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(limits::TRACES_STOP.duration(), &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("the last spans did not reach their receiver in time");
        }
    }
}

/// Starts the task; spans go in at the queue.
pub(super) fn start(endpoint: &str, resource: &Resource) -> Result<(Queue, Exporting), TracesError> {
    let failed = |error: &dyn std::error::Error| TracesError::Exporter(error.to_string());
    let client = reqwest::Client::builder()
        .connect_timeout(limits::TRACES_EXPORT.duration())
        .timeout(limits::TRACES_EXPORT.duration())
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("mapae/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| failed(&error))?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(client))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(limits::TRACES_EXPORT.duration())
        .build()
        .map_err(|error| failed(&error))?;
    exporter.set_resource(resource);
    let (spans, waiting) = mpsc::channel(limits::TRACES_QUEUE.size());
    let lost = Arc::new(AtomicU64::new(0));
    let (stop, stopped) = watch::channel(false);
    let worker = Worker { waiting, exporter, stop: stopped, lost: Arc::clone(&lost), told: None };
    Ok((Queue { spans, lost }, Exporting { stop, task: tokio::spawn(worker.run()) }))
}

struct Worker {
    waiting: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    stop: watch::Receiver<bool>,
    /// Not yet told.
    lost: Arc<AtomicU64>,
    told: Option<Instant>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            let (batch, stopping) = self.gather().await;
            let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            if count > 0 {
                match self.exporter.export(batch).await {
                    Ok(()) => counted("sent", count),
                    Err(error) => {
                        lose(&self.lost, count);
                        tracing::debug!(%error, "spans");
                    }
                }
            }
            self.tell();
            if stopping && count == 0 {
                return;
            }
        }
    }

    /// What comes within a pause after the first, or as much as one batch holds; at the end whatever is left.
    async fn gather(&mut self) -> (Vec<SpanData>, bool) {
        let Self { stop, waiting, .. } = self;
        let most = limits::TRACES_BATCH.size();
        let mut batch = Vec::new();
        let mut pause = None;
        while batch.len() < most {
            let room = most - batch.len();
            let due = async move {
                match pause {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let stopped = async {
                // A dropped sender means the same.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            tokio::select! {
                () = stopped => {
                    while batch.len() < most && let Ok(span) = waiting.try_recv() {
                        batch.push(span);
                    }
                    return (batch, true);
                }
                came = waiting.recv_many(&mut batch, room) => {
                    if came == 0 {
                        return (batch, true);
                    }
                    pause.get_or_insert_with(|| Instant::now() + limits::TRACES_PAUSE.duration());
                }
                () = due => break,
            }
        }
        (batch, false)
    }

    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.told = Some(Instant::now());
            tracing::warn!(lost, "spans did not reach their receiver (traces.endpoint)");
        }
    }
}

fn lose(lost: &AtomicU64, count: u64) {
    lost.fetch_add(count, Ordering::Relaxed);
    counted("lost", count);
}

fn counted(outcome: &'static str, count: u64) {
    metrics::counter!("mapae_traces_spans_total", "outcome" => outcome).increment(count);
}

/// Our own HTTP client, as the exporter wants one.
#[derive(Debug)]
struct Client(reqwest::Client);

impl HttpClient for Client {
    // What the attribute `async_trait` writes, by hand.
    fn send_bytes<'client, 'sent>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'client: 'sent,
        Self: 'sent,
    {
        Box::pin(async move {
            let mut answer = self.0.execute(request.try_into()?).await?;
            let mut told = Response::new(Bytes::new());
            *told.status_mut() = answer.status();
            *told.headers_mut() = std::mem::take(answer.headers_mut());
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                if body.len().saturating_add(piece.len()) > MAX_ANSWER {
                    return Err("the receiver's answer is too long".into());
                }
                body.extend_from_slice(&piece);
            }
            *told.body_mut() = body.into();
            Ok(told)
        })
    }
}
