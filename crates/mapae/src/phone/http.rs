//! HTTP for the wallet: one shared client, every answer bounded, no redirects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wallet::ports::{Http, HttpError, Method, Request, Response};

use crate::operations::{Language, limits};

/// Most documents that a client remembers.
const MAX_REMEMBERED: usize = 64;

/// A client that many phones may share.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    language: Language,
    remembered: Option<Arc<Mutex<HashMap<String, Response>>>>,
}

impl HttpClient {
    /// A client that asks for texts in a language.
    ///
    /// # Errors
    /// The TLS roots of the system can't be read.
    pub fn new(language: Language) -> Result<HttpClient, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(limits::HTTP_CLIENT_CONNECT.duration())
            .timeout(limits::HTTP_CLIENT_TIME.duration())
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("mapae-wallet/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(HttpClient::over(client, language))
    }

    /// On a client of the caller's, which must follow no redirects.
    pub fn over(client: reqwest::Client, language: Language) -> HttpClient {
        HttpClient { client, language, remembered: None }
    }

    /// Remembers documents that say so themselves (`cache-control: max-age`), for the life of this client: what a load
    /// tool wants whose thousand phones would all fetch the same metadata.
    #[must_use]
    pub fn remembering(mut self) -> HttpClient {
        self.remembered = Some(Arc::default());
        self
    }

    fn recall(&self, request: &Request) -> Option<Response> {
        if request.method != Method::Get {
            return None;
        }
        let map = self.remembered.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(&request.url).cloned()
    }

    fn remember(&self, request: &Request, response: &Response) {
        let lasting = response.status == 200
            && response
                .header("cache-control")
                .is_some_and(|value| value.contains("max-age") && !value.contains("no-"));
        if let (Some(map), Method::Get, true) = (&self.remembered, request.method, lasting) {
            let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
            if map.len() < MAX_REMEMBERED {
                map.insert(request.url.clone(), response.clone());
            }
        }
    }
}

impl Http for HttpClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url = openid::link::endpoint(&request.url).map_err(|_| HttpError::Address)?;
        if let Some(response) = self.recall(&request) {
            return Ok(response);
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, url).header("accept-language", self.language.tag());
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if request.method == Method::Post {
            builder = builder.body(request.body.clone());
        }
        let mut answer = builder.send().await.map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| HttpError::AnswerLost)? {
            if body.len().saturating_add(chunk.len()) > request.max_response {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let response = Response { status, headers, body };
        self.remember(&request, &response);
        Ok(response)
    }
}

fn failure(error: &reqwest::Error) -> HttpError {
    if error.is_connect() {
        HttpError::Unreachable
    } else if error.is_builder() {
        HttpError::Address
    } else {
        HttpError::AnswerLost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn plain_http_goes_to_this_machine_only() {
        let client = HttpClient::new(Language::Ko).unwrap();
        for bad in ["http://mapae.example/", "ftp://localhost/", "file:///etc/passwd", "localhost", ""] {
            assert_eq!(client.send(Request::get(bad)).await.unwrap_err(), HttpError::Address, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_listen_is_told_from_an_answer_that_was_lost() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let client = HttpClient::new(Language::Ko).unwrap();
        let closing = async {
            let (connection, _) = listener.accept().await.unwrap();
            drop(connection);
        };
        let (lost, ()) = tokio::join!(client.send(Request::form(&address, "a=b")), closing);
        assert_eq!(lost.unwrap_err(), HttpError::AnswerLost);
        drop(listener);
        assert_eq!(client.send(Request::get(&address)).await.unwrap_err(), HttpError::Unreachable);
    }

    #[tokio::test]
    async fn an_answer_beyond_the_bound_is_refused() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let client = HttpClient::new(Language::Ko).unwrap();
        let serving = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _ = connection.read(&mut head).await.unwrap();
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world").await;
        };
        let request = Request { max_response: 10, ..Request::get(&address) };
        let (answer, ()) = tokio::join!(client.send(request), serving);
        assert_eq!(answer.unwrap_err(), HttpError::TooLarge);
    }
}
