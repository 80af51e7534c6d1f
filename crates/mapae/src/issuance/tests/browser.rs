//! A wallet that sends its holder to the portal's sign-in, and the holder's browser there.

use axum::body::Body;
use http::{Request, StatusCode, header};
use keys::SecretKey;
use openid::form::Form;
use openid::pkce::Verifier;

use super::holder::{Holder, Reply};
use crate::application::tests::doors::{self, csrf_of};
use crate::application::tests::{OFFICIAL, Town, town_with};
use crate::operations::Config;

pub(super) const REDIRECT: &str = "https://wallet.example/cb";
pub(super) const CLIENT: &str = "example-wallet";

/// A town whose officials may use any wallet, and one of them with an account at the portal.
pub(super) async fn town(change: impl FnOnce(&mut Config)) -> Town {
    let town = town_with(|config| {
        config.application.other_wallets = vec!["*".to_owned()];
        change(config);
    })
    .await;
    town.account("gong", OFFICIAL).await;
    town
}

/// One authorization under way.
pub(super) struct Asking {
    pub(super) wallet: Holder,
    pub(super) verifier: Verifier,
    /// What is pushed.
    pub(super) form: Vec<(&'static str, String)>,
}

impl Asking {
    pub(super) async fn new(town: &Town) -> Self {
        let mut wallet = Holder::new(town);
        wallet.c_nonce().await;
        let verifier = Verifier::random();
        let form = vec![
            ("response_type", "code".to_owned()),
            ("client_id", CLIENT.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("state", "state-1".to_owned()),
            ("scope", "badge".to_owned()),
            ("code_challenge", verifier.challenge().as_str().to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        Self { wallet, verifier, form }
    }

    /// With one parameter changed, added, or left out.
    pub(super) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.form.retain(|(known, _)| *known != name);
        self.form.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    fn encoded(&self) -> String {
        self.form.iter().fold(Form::default(), |form, (name, value)| form.with(name, value)).encode()
    }

    /// Pushes the request, with more headers if wanted.
    pub(super) async fn push_with(&self, headers: &[(&str, &str)]) -> Reply {
        let mut request =
            Request::post("/issuance/par").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.wallet.send(request.body(Body::from(self.encoded())).unwrap()).await
    }

    /// The address that the wallet opens in a browser.
    pub(super) async fn address(&self) -> String {
        let reply = self.push_with(&[]).await;
        assert_eq!(reply.status, 201, "{}", reply.json());
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
        address_of(&reply)
    }

    /// The whole way to a code; the holder is signed in with this cookie.
    pub(super) async fn code(&self, town: &Town, cookie: &str) -> String {
        let location = agree(town, cookie, &self.address().await).await;
        query_of(&location, "code").expect("a code")
    }

    pub(super) fn token_form(&self, code: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("client_id", CLIENT.to_owned()),
            ("code_verifier", self.verifier.as_str().to_owned()),
        ]
    }

    /// Sends a form to the token endpoint with a fresh proof.
    pub(super) async fn post_token(&self, form: &[(&'static str, String)]) -> Reply {
        let proof = self.wallet.dpop("/issuance/token", None);
        let form = form.iter().fold(Form::default(), |form, (name, value)| form.with(name, value));
        self.wallet.post_token(form.encode(), Some(&proof)).await
    }

    /// The access token for a code.
    pub(super) async fn redeem(&self, code: &str) -> serde_json::Value {
        let reply = self.post_token(&self.token_form(code)).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        reply.json()
    }

    /// Asks for a batch; the wallet names itself in its proofs.
    pub(super) async fn credentials(&mut self, token: &str, keys: &[SecretKey]) -> Reply {
        let body = self.request(keys).await;
        let proof = self.wallet.dpop("/issuance/credential", Some(token));
        self.wallet.post_credential(token, Some(&proof), body).await
    }

    pub(super) async fn request(&mut self, keys: &[SecretKey]) -> Vec<u8> {
        let nonce = self.wallet.c_nonce().await;
        Holder::request(keys.iter().map(|key| self.wallet.proof(key, &nonce)).collect())
    }
}

/// The address for the browser in the answer to a pushed request.
pub(super) fn address_of(reply: &Reply) -> String {
    let request_uri = reply.json()["request_uri"].as_str().unwrap().to_owned();
    let form = Form::default().with("client_id", CLIENT).with("request_uri", &request_uri);
    format!("/issuance/authorize?{}", form.encode())
}

/// The ticket in the consent form.
pub(super) fn ticket_of(html: &str) -> String {
    let (_, rest) = html.split_once("name=\"ticket\" value=\"").expect("the consent form");
    rest.split_once('"').unwrap().0.to_owned()
}

/// Reads the consent page and answers it; tells where the browser is sent.
pub(super) async fn answer(town: &Town, cookie: &str, address: &str, verdict: &str) -> doors::Visit {
    let page = doors::send(town, false, doors::get(address, cookie)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let body = Form::default()
        .with("csrf", &csrf_of(&page.body))
        .with("ticket", &ticket_of(&page.body))
        .with("verdict", verdict)
        .encode();
    doors::send(town, false, doors::form("/issuance/authorize", cookie, &body)).await
}

/// Agrees; tells where the browser is sent.
pub(super) async fn agree(town: &Town, cookie: &str, address: &str) -> String {
    let visit = answer(town, cookie, address, "agree").await;
    assert_eq!(visit.status, StatusCode::SEE_OTHER, "{}", visit.body);
    visit.headers[header::LOCATION].to_str().unwrap().to_owned()
}

/// A parameter of an address.
pub(super) fn query_of(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}
