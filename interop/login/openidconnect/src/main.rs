//! The crate `openidconnect` logs in with the badge: discovery, code + PKCE, ID token with nonce and `at_hash`, userinfo,
//! refresh; then a wrong verifier and a replay. The login is approved by the terminal wallet.

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::reqwest::blocking as http;
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use serde_json::Value;

type Any<T> = Result<T, Box<dyn Error>>;

const REDIRECT: &str = "http://localhost:9/callback";

fn main() -> Any<()> {
    let demo: Value = serde_json::from_str(&std::fs::read_to_string(std::env::var("MAPAE_DEMO")?)?)?;
    let issuer = text(&demo, "/urls/public");
    let pem = std::fs::read(std::env::var("SSL_CERT_FILE")?)?;
    let http = http::Client::builder()
        .redirect(openidconnect::reqwest::redirect::Policy::none())
        .add_root_certificate(openidconnect::reqwest::Certificate::from_pem(&pem)?)
        .build()?;
    let secret = register(&demo)?;
    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(issuer.clone())?, &http)?;
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new("rust-crate".to_owned()),
        Some(ClientSecret::new(secret)),
    )
    .set_redirect_uri(RedirectUrl::new(REDIRECT.to_owned())?);

    let begin = || {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let (url, state, nonce) =
            request.add_scope(Scope::new("badge".to_owned())).set_pkce_challenge(challenge).url();
        (url.to_string(), state, nonce, verifier)
    };

    let (url, state, nonce, verifier) = begin();
    let (code, returned) = approve(&http, &demo, &issuer, &url)?;
    assert_eq!(&returned, state.secret());
    let again = PkceCodeVerifier::new(verifier.secret().clone());
    let tokens = client.exchange_code(AuthorizationCode::new(code.clone()))?.set_pkce_verifier(verifier).request(&http)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let verifying = client.id_token_verifier();
    let claims = id_token.claims(&verifying, &nonce)?;
    let hash = claims.access_token_hash().ok_or("no at_hash")?;
    let made = AccessTokenHash::from_token(tokens.access_token(), id_token.signing_alg()?, id_token.signing_key(&verifying)?)?;
    assert_eq!(&made, hash);
    let user: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(claims.subject().clone()))?.request(&http)?;
    assert_eq!(user.subject(), claims.subject());
    assert!(user.preferred_username().is_some());

    let refresh = tokens.refresh_token().ok_or("no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh)?.request(&http)?;
    assert_ne!(renewed.refresh_token().map(|token| token.secret()), Some(refresh.secret()));
    assert!(client.exchange_refresh_token(refresh)?.request(&http).is_err(), "a refresh token twice");
    assert!(
        client.exchange_code(AuthorizationCode::new(code))?.set_pkce_verifier(again).request(&http).is_err(),
        "a code twice"
    );
    let (url, ..) = begin();
    let (code, _) = approve(&http, &demo, &issuer, &url)?;
    let (_, other) = PkceCodeChallenge::new_random_sha256();
    assert!(
        client.exchange_code(AuthorizationCode::new(code))?.set_pkce_verifier(other).request(&http).is_err(),
        "another verifier"
    );
    println!("openidconnect: code + PKCE, ID token, at_hash, userinfo, refresh; reuse, replay and another verifier refused");
    Ok(())
}

fn text(demo: &Value, pointer: &str) -> String {
    demo.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn mapae(environment: &Value, arguments: &[String]) -> Any<String> {
    let mut command = Command::new(std::env::var("MAPAE")?);
    for (name, value) in environment.as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap_or_default());
    }
    let done = command.args(arguments).output()?;
    if !done.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(String::from_utf8(done.stdout)?)
}

fn register(demo: &Value) -> Any<String> {
    let operator = &demo["operator"]["environment"];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let told = mapae(
        operator,
        &words(&[
            "relying-party", "add", "--id", "rust-crate", "--name-ko", "예시 이용기관", "--name-en", "Example party",
            "--redirect-uri", REDIRECT, "--json",
        ]),
    )?;
    mapae(operator, &words(&["login-client", "set", "rust-crate", "--refresh"]))?;
    let told: Value = serde_json::from_str(&told)?;
    Ok(text(&told, "/client_secret"))
}

/// The login page without a screen, and the phone that scans it: the code and the state that came back.
fn approve(http: &http::Client, demo: &Value, issuer: &str, url: &str) -> Any<(String, String)> {
    let page = http.get(url).send()?;
    let cookie = page.headers()["set-cookie"].to_str()?.split(';').next().unwrap_or_default().to_owned();
    let html = page.text()?;
    let between = |from: &str, to: &str| -> Any<String> {
        let rest = html.split(from).nth(1).ok_or_else(|| format!("the page has no {from}"))?;
        Ok(rest.split(to).next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&"))
    };
    let (scan, login) = (between("data-scan=\"", "\"")?, between("data-login=\"", "\"")?);
    let number = between("login-digits\">", "<")?;
    let mut arguments = vec!["wallet".to_owned()];
    arguments.extend(demo["phone"]["arguments"].as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)));
    arguments.extend(["--json", "login", &scan, "--number", &number, "--yes"].map(str::to_owned));
    mapae(&demo["phone"]["environment"], &arguments)?;
    for _ in 0..100 {
        let body = serde_json::json!({ "login": login, "draw": 0 }).to_string();
        let polled = http
            .post(format!("{issuer}/login/poll"))
            .header("content-type", "application/json")
            .header("cookie", &cookie)
            .body(body)
            .send()?
            .text()?;
        let polled: Value = serde_json::from_str(&polled)?;
        if let Some(next) = polled["next"].as_str() {
            let done = http.get(format!("{issuer}{next}")).header("cookie", &cookie).send()?;
            let location = openidconnect::url::Url::parse(done.headers()["location"].to_str()?)?;
            let parameter = |name: &str| {
                location.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
            };
            return Ok((parameter("code"), parameter("state")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("the browser was not sent back".into())
}
