//! Officials at their desks: each signs in and uses the REST interface, as a program of theirs would.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::AnyError;

/// Somebody who is signed in at one listener.
#[derive(Debug)]
pub(crate) struct Person {
    http: Client,
    base: String,
    door: &'static str,
    token: String,
}

impl Person {
    /// Signs in at the portal (`door` is "portal") or the console ("console").
    pub(crate) async fn sign_in(
        http: &Client,
        base: &str,
        door: &'static str,
        login: &str,
        password: &str,
    ) -> Result<Self, AnyError> {
        let mut person = Self { http: http.clone(), base: base.to_owned(), door, token: String::new() };
        let session = person
            .call(Method::POST, "/session", Some(json!({ "login": login, "password": password })))
            .await?;
        person.token = text(&session, "token")?;
        Ok(person)
    }

    /// The bearer token, for judges that speak to the same interface.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Asks for a badge.
    pub(crate) async fn apply(&self) -> Result<String, AnyError> {
        let made = self
            .call(Method::POST, "/applications", Some(json!({ "kind": "first", "note": "예시 신청" })))
            .await?;
        text(&made, "id")
    }

    /// Approves the step that waits; the identity check sends back what was looked at.
    pub(crate) async fn approve(&self, application: &str, step: &str) -> Result<(), AnyError> {
        let seen = self.call(Method::GET, &format!("/applications/{application}"), None).await?;
        let decision = json!({ "step": step, "verdict": "approve", "record_seen": seen.get("record_seen") });
        self.call(Method::POST, &format!("/applications/{application}/decisions"), Some(decision)).await?;
        Ok(())
    }

    /// The activation code that the portal shows.
    pub(crate) async fn activation_code(&self) -> Result<String, AnyError> {
        text(&self.call(Method::POST, "/activation-code", None).await?, "code")
    }

    /// One call of the REST interface; anything but a success is an error.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, AnyError> {
        let url = self.url(path);
        self.answer(&url, self.http.request(method, &url), body).await
    }

    /// The same, done once however often it is sent with this key.
    #[cfg(test)]
    pub(super) async fn call_once(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        key: &str,
    ) -> Result<Value, AnyError> {
        let url = self.url(path);
        self.answer(&url, self.http.request(method, &url).header("idempotency-key", key), body).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{}{path}", self.base, self.door)
    }

    async fn answer(
        &self,
        url: &str,
        mut request: RequestBuilder,
        body: Option<Value>,
    ) -> Result<Value, AnyError> {
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let body = response.text().await?;
        if status.is_success() {
            return Ok(serde_json::from_str(&body)?);
        }
        Err(format!("{url} answered {status}: {body}").into())
    }
}

/// A member that must be a text.
pub(crate) fn text(value: &Value, name: &str) -> Result<String, AnyError> {
    let found = value.get(name).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("{name} is missing in {value}").into())
}

/// Waits for a message to this number that was not there before, and returns its text.
pub(crate) async fn message(http: &Client, base: &str, to: &str, seen: usize) -> Result<String, AnyError> {
    for _ in 0..200 {
        let url = format!("{base}/demo/messages.json?to={to}");
        let messages: Vec<Value> = http.get(&url).send().await?.error_for_status()?.json().await?;
        if messages.len() > seen {
            // The newest comes first.
            return text(messages.first().unwrap_or(&Value::Null), "text");
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    Err(format!("no message came to {to} within 5 seconds").into())
}
