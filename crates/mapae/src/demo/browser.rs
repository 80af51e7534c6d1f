//! A browser without a screen: cookies, redirects one by one, and the login page read as a person would read it.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use url::Url;

use super::AnyError;

/// What a person sees on the login page, and what its script needs to follow the phone.
#[derive(Debug)]
pub(crate) struct LoginPage {
    pub(crate) number: String,
    pub(crate) link: String,
    login: String,
    draw: i64,
    url: Url,
}

/// Where a way through redirects ended.
enum Arrived {
    Page(Url, String),
    Away(Url),
}

/// One browser with its cookies; every site of the demonstration is on one host, and so shares them.
#[derive(Debug)]
pub(crate) struct Browser {
    http: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(http: Client) -> Self {
        Self { http, cookies: BTreeMap::new() }
    }

    /// Opens an address and follows redirects until a page answers.
    pub(crate) async fn open(&mut self, url: &str) -> Result<(Url, String), AnyError> {
        match self.go(url, "").await? {
            Arrived::Page(url, page) => Ok((url, page)),
            Arrived::Away(_) => Err("a redirect led away".into()),
        }
    }

    /// Opens an address and follows redirects to the first one that begins with `away` and is not opened.
    pub(crate) async fn open_until(&mut self, url: &str, away: &str) -> Result<Url, AnyError> {
        match self.go(url, away).await? {
            Arrived::Away(url) => Ok(url),
            Arrived::Page(url, _) => Err(format!("{} ended in a page", url.path()).into()),
        }
    }

    async fn go(&mut self, url: &str, away: &str) -> Result<Arrived, AnyError> {
        let mut url = Url::parse(url)?;
        for _ in 0..10 {
            let response = self.send(self.http.get(url.clone())).await?;
            if let Some(next) = response.headers().get(LOCATION) {
                url = url.join(next.to_str()?)?;
                if !away.is_empty() && url.as_str().starts_with(away) {
                    return Ok(Arrived::Away(url));
                }
                continue;
            }
            let status = response.status();
            let page = response.text().await?;
            return if status.is_success() {
                Ok(Arrived::Page(url, page))
            } else {
                Err(format!("{}{} answered {status}", url.origin().ascii_serialization(), url.path()).into())
            };
        }
        Err("too many redirects".into())
    }

    /// Opens an address that ends at the login page.
    pub(crate) async fn login_page(&mut self, url: &str) -> Result<LoginPage, AnyError> {
        let (url, page) = self.open(url).await?;
        let number = between(&page, "login-digits\">", "<").ok_or("the login page shows no number")?;
        Ok(LoginPage {
            number: number.trim().to_owned(),
            link: attribute(&page, "data-scan")?,
            login: attribute(&page, "data-login")?,
            draw: attribute(&page, "data-draw")?.parse()?,
            url,
        })
    }

    /// Follows the phone as the page's script does, then goes where the page sends the browser.
    pub(crate) async fn follow(&mut self, page: &LoginPage) -> Result<(Url, String), AnyError> {
        let next = self.granted(page).await?;
        self.open(next.as_str()).await
    }

    /// Follows the phone as the page's script does; where the page sends the browser.
    pub(crate) async fn granted(&mut self, page: &LoginPage) -> Result<Url, AnyError> {
        for _ in 0..200 {
            let body = json!({ "login": page.login, "draw": page.draw });
            let response = self.send(self.http.post(page.url.join("/login/poll")?).json(&body)).await?;
            let answer: Value = response.json().await?;
            if let Some(next) = answer.get("next").and_then(Value::as_str) {
                return Ok(page.url.join(next)?);
            }
            if answer.get("state").and_then(Value::as_str) != Some("waiting") {
                return Err(format!("the login ended: {answer}").into());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        Err("the login page waited for 5 seconds in vain".into())
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Response, AnyError> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header(COOKIE, cookies.join("; ")).send().await?;
        for line in response.headers().get_all(SET_COOKIE) {
            let pair = line.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(response)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    let rest = text.get(start..)?;
    rest.get(..rest.find(after)?)
}

fn attribute(page: &str, name: &str) -> Result<String, AnyError> {
    let value =
        between(page, &format!("{name}=\""), "\"").ok_or_else(|| format!("the login page has no {name}"))?;
    Ok(plain(value))
}

/// The claims as the sample relying party shows them to whoever logged in.
pub(crate) fn shown_claims(page: &str) -> Result<Value, AnyError> {
    let raw = between(page, "sample-raw\">", "</pre>").ok_or("the relying party's page shows nobody")?;
    Ok(serde_json::from_str(&plain(raw))?)
}

/// HTML text without its escapes; the ampersand's comes last.
fn plain(html: &str) -> String {
    let escapes = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&#60;", "<"),
        ("&gt;", ">"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    escapes.iter().fold(html.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}
