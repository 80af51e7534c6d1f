use super::*;
use crate::operations::config::{Config, ConfigError};

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let file = std::env::temp_dir().join(format!("mapae-traces-{}.toml", crate::operations::id::new()));
    std::fs::write(&file, text).expect("write");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::load(Some(&file), environment);
    std::fs::remove_file(&file).expect("remove");
    config
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_their_key() {
    for (text, key) in [
        ("sample_ratio = 1.5", "traces.sample_ratio"),
        ("continued_from = [\"outside\"]", "traces.continued_from"),
        ("continued_at = [\"https://sms.example.org/send\"]", "traces.continued_at"),
    ] {
        let told = load(&format!("[traces]\n{text}\n"), &[]).expect_err(text).to_string();
        assert!(told.starts_with(key), "{told}");
    }
    load("[traces]\ncontinued_at = [\"https://sms.example.org\"]\n", &[]).expect("an origin");
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_build_without_traces_refuses_an_endpoint_and_says_how_to_get_one_with_them() {
    let text = "[traces]\nendpoint = \"http://127.0.0.1:4318\"\n";
    let told = load(text, &[]).expect_err("refused").to_string();
    assert!(told.starts_with("traces.endpoint") && told.contains("--features otlp"), "{told}");
    // What an orchestrator puts into every environment is no reason not to start.
    let config = load("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")]).expect("ignored");
    assert!(config.traces.endpoint.is_empty());
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_build_without_traces_has_nothing_in_their_place() {
    assert_eq!(size_of::<Traces>() + size_of::<Span>() + size_of::<UnitSpan>(), 0);
}

#[cfg(feature = "otlp")]
mod sent {
    use std::time::Duration;

    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use http::{HeaderMap, Method};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn the_standard_names_stand_behind_file_and_own_names() {
        let standard =
            [("OTEL_SERVICE_NAME", "theirs"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")];
        let config = load("", &standard).expect("valid");
        assert_eq!(
            (config.traces.service_name.as_str(), config.traces.endpoint.as_str()),
            ("theirs", "http://127.0.0.1:4318")
        );
        let config = load("[traces]\nservice_name = \"ours\"\n", &standard).expect("valid");
        assert_eq!(config.traces.service_name, "ours");
        let own = [("MAPAE__TRACES__SERVICE_NAME", "own"), ("OTEL_SERVICE_NAME", "theirs")];
        assert_eq!(load("", &own).expect("valid").traces.service_name, "own");
        assert_eq!(load("", &[("OTEL_TRACES_SAMPLER_ARG", "1")]).expect("valid").traces.sample_ratio, 1.0);
        load("", &[("OTEL_TRACES_SAMPLER_ARG", "some")]).expect_err("no number");
    }

    fn traces(endpoint: String, ratio: f64) -> Traces {
        let mut config = Config::default();
        config.traces.endpoint = endpoint;
        config.traces.sample_ratio = ratio;
        config.traces.continued_at = vec!["http://localhost:9".into()];
        Traces::open(&config).expect("open")
    }

    async fn serve(router: Router) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = socket.local_addr().expect("address");
        tokio::spawn(async move { axum::serve(socket, router).await });
        format!("http://{address}")
    }

    /// A receiver that hands on what it is sent.
    async fn receiver() -> (String, mpsc::UnboundedReceiver<Bytes>) {
        let (told, hear) = mpsc::unbounded_channel();
        let take = post(move |body: Bytes| {
            let _ = told.send(body);
            async { "" }
        });
        (serve(Router::new().route("/v1/traces", take)).await, hear)
    }

    fn parent(flags: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("00-0123456789abcdef0123456789abcdef-0123456789abcdef-{flags}");
        headers.insert("traceparent", value.parse().expect("value"));
        headers
    }

    #[tokio::test]
    async fn a_traceparent_is_believed_where_the_listener_is_and_nowhere_else() {
        let traces = traces(receiver().await.0, 0.0);
        let ask = |listener, headers: &HeaderMap| {
            traces.request(listener, &Method::GET, "/", "id", headers).trace_id()
        };
        let theirs = Some("0123456789abcdef0123456789abcdef".to_owned());
        assert_eq!(ask("console", &parent("01")), theirs);
        assert_eq!(ask("console", &parent("00")), None);
        assert_eq!(ask("public", &parent("01")), None, "a stranger decides nothing");
        let mut two = parent("01");
        two.append("traceparent", two["traceparent"].clone());
        assert_eq!(ask("console", &two), None);
    }

    #[tokio::test]
    async fn only_what_is_sampled_is_sent_with_its_children_at_the_latest_when_the_server_stops() {
        let (address, mut hear) = receiver().await;
        let out = traces(address.clone(), 0.0);
        out.job("unseen").around(async { drop(Span::child("unseen child")) }).await;
        drop(Span::child("without a parent"));
        out.close().await;
        assert!(hear.try_recv().is_err());

        let out = traces(address, 1.0);
        let span = out.request("public", &"SECRET".parse().expect("method"), "-", "id", &parent("01"));
        span.around(async { drop(Span::child("inside")) }).await;
        span.answered(503, None);
        assert_ne!(span.trace_id().as_deref(), Some("0123456789abcdef0123456789abcdef"));
        drop(span);
        out.close().await;
        let body = hear.recv().await.expect("sent");
        let has = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(has("inside") && has("_OTHER") && has("error.type") && !has("SECRET") && !has("unseen"));
    }

    #[tokio::test]
    async fn only_own_services_are_told_of_the_trace() {
        let traces = traces(receiver().await.0, 1.0);
        let echo = get(|headers: HeaderMap| async move {
            headers
                .get("traceparent")
                .map(|value| value.to_str().expect("text").to_owned())
                .unwrap_or_default()
        });
        let address = serve(Router::new().route("/", echo)).await;
        let mut config = Config::default();
        config.traces.endpoint = "http://127.0.0.1:9".into();
        config.traces.sample_ratio = 1.0;
        config.traces.continued_at = vec![address.clone()];
        let knowing = Traces::open(&config).expect("open");
        let client = reqwest::Client::new();
        let said = async |answer: Result<reqwest::Response, reqwest::Error>| {
            answer.expect("answer").text().await.expect("text")
        };
        let ask = || client.get(&address);
        assert_eq!(said(send_to_own("sms", ask()).await).await, "", "nothing is current");
        let elsewhere = traces.job("job").around(send_to_own("sms", ask())).await;
        assert_eq!(said(elsewhere).await, "", "an address that is not named");
        assert_eq!(said(knowing.job("job").around(send("webhook", ask())).await).await, "", "a stranger");
        let job = knowing.job("job");
        let told = said(job.around(send_to_own("sms", ask())).await).await;
        assert!(told.starts_with(&format!("00-{}-", job.trace_id().expect("sampled"))), "{told}");
    }

    #[tokio::test]
    async fn a_receiver_that_hangs_keeps_nobody_waiting() {
        // Its backlog takes the connection, and nobody ever answers.
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let out = traces(format!("http://{}", socket.local_addr().expect("address")), 1.0);
        let begun = tokio::time::Instant::now();
        for _ in 0..10_000 {
            drop(out.job("one of many"));
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        out.close().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
