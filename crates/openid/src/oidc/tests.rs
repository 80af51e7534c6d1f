use keys::{JwkSet, SecretKey, encoding};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::relying_party::Login;
use super::*;
use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::metadata::OpenIdProvider;
use crate::token::AuthorizationCodeGrant;

const ISSUER: &str = "https://op.example";
const NOW: i64 = 1_764_000_000;
/// RFC 7636 Appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    Client {
        client_id: "s6BhdRkqt3".into(),
        redirect_uris: vec![
            "https://client.example.org/cb".into(),
            "https://client.example.org/cb?fixed=1".into(),
        ],
        scopes: vec!["profile".into(), "badge".into()],
        auth_method: ClientAuthMethod::ClientSecretBasic,
        subject_type: SubjectType::Pairwise,
        sector: "client.example.org".into(),
        id_token_algorithm: IdTokenAlgorithm::Es256,
    }
}

fn request() -> Form {
    Form::default()
        .with("response_type", "code")
        .with("client_id", "s6BhdRkqt3")
        .with("redirect_uri", "https://client.example.org/cb")
        .with("scope", "openid profile")
        .with("state", "af0ifjsldkj")
        .with("nonce", "n-0S6_WzA2Mj")
        .with("code_challenge", CHALLENGE)
        .with("code_challenge_method", "S256")
}

/// The request with one parameter replaced, or removed by an empty value.
fn changed(name: &str, value: &str) -> Form {
    let mut form = Form::default();
    for (known, kept) in request().iter().filter(|(known, _)| *known != name) {
        form.push(known, kept);
    }
    form.with(name, value)
}

fn judge(form: &Form) -> Result<AuthorizationRequest, AuthorizeRefusal> {
    AuthorizeForm::parse(form.encode().as_bytes())?.validate(&client(), ISSUER)
}

fn page(form: &Form) -> Code {
    match judge(form).unwrap_err() {
        AuthorizeRefusal::Page(error) => error.error,
        AuthorizeRefusal::Redirect { location, .. } => panic!("redirected to {location}"),
    }
}

fn redirected(form: &Form) -> Code {
    let AuthorizeRefusal::Redirect { location, error } = judge(form).unwrap_err() else {
        panic!("shown on a page")
    };
    let sent =
        Form::parse(location.strip_prefix("https://client.example.org/cb?").unwrap().as_bytes()).unwrap();
    assert_eq!(sent.get("error"), Some(error.error.as_str()));
    assert_eq!(sent.get("state"), form.get("state"));
    assert_eq!(sent.get("iss"), Some(ISSUER));
    error.error
}

// Authorization requests.

#[test]
fn a_good_request_is_read_whole() {
    let form = request()
        .with("prompt", "login consent")
        .with("max_age", "300")
        .with("acr_values", "urn:x:high urn:x:low")
        .with(
            "claims",
            r#"{"userinfo":{"inst_code":{"essential":true},"cn":null},"id_token":{"acr":{"values":["a"]}}}"#,
        )
        .with("unknown", "ignored");
    let request = judge(&form).unwrap();
    assert_eq!(request.scopes, ["openid", "profile"]);
    assert_eq!(request.acr_values, ["urn:x:high", "urn:x:low"]);
    assert_eq!(request.prompts, [Prompt::Login, Prompt::Consent]);
    assert!(request.claims.userinfo["inst_code"].as_ref().unwrap().essential);
    assert_eq!(request.claims.userinfo["cn"], None);
    let sealed = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizationRequest>(&sealed).unwrap(), request);
}

#[test]
fn nothing_is_ever_sent_to_an_address_that_is_not_the_clients() {
    assert_eq!(page(&changed("client_id", "other")), Code::InvalidRequest);
    assert_eq!(page(&changed("client_id", "")), Code::InvalidRequest);
    for uri in [
        "",
        "https://evil.example/cb",
        "https://client.example.org/cb/",
        "https://client.example.org/cb?x=1",
        "https://client.example.org/cb#f",
        "https://client.example.org/CB",
        "https://client.example.org:443/cb",
        "https://client.example.org/%63b",
        "https://client.example.org@evil.example/cb",
        "https://client.example.org/cb\r\nSet-Cookie: a=b",
    ] {
        assert_eq!(page(&changed("redirect_uri", uri)), Code::InvalidRequest, "{uri}");
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb", request().encode());
    let refusal = AuthorizeForm::parse(twice.as_bytes()).unwrap_err();
    assert!(matches!(refusal, AuthorizeRefusal::Page(_)), "{refusal:?}");
    assert_eq!(page(&changed("state", &"x".repeat(3000))), Code::InvalidRequest);
    let huge = vec![b'a'; crate::form::MAX_FORM + 1];
    assert!(matches!(AuthorizeForm::parse(&huge).unwrap_err(), AuthorizeRefusal::Page(_)));
}

#[test]
fn every_broken_parameter_goes_back_to_the_client_with_its_code() {
    assert_eq!(redirected(&changed("response_type", "token")), Code::UnsupportedResponseType);
    assert_eq!(redirected(&changed("response_type", "code id_token")), Code::UnsupportedResponseType);
    assert_eq!(redirected(&changed("response_type", "")), Code::InvalidRequest);
    assert_eq!(redirected(&changed("response_mode", "fragment")), Code::InvalidRequest);
    assert_eq!(redirected(&changed("scope", "profile")), Code::InvalidScope);
    assert_eq!(redirected(&changed("scope", "")), Code::InvalidScope);
    assert_eq!(redirected(&changed("scope", "openid admin")), Code::InvalidScope);
    assert_eq!(redirected(&changed("code_challenge", "")), Code::InvalidRequest);
    assert_eq!(redirected(&changed("code_challenge_method", "plain")), Code::InvalidRequest);
    assert_eq!(redirected(&changed("code_challenge_method", "")), Code::InvalidRequest);
    assert_eq!(redirected(&changed("nonce", &"x".repeat(3000))), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("prompt", "none login")), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("prompt", "create")), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("max_age", "-1")), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("max_age", "x")), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("claims", "[]")), Code::InvalidRequest);
    let deep = format!(r#"{{"userinfo":{}{}}}"#, "[".repeat(60), "]".repeat(60));
    assert_eq!(redirected(&request().with("claims", &deep)), Code::InvalidRequest);
    let wide: Map<String, Value> = (0..100).map(|n| (n.to_string(), Value::Null)).collect();
    assert_eq!(
        redirected(&request().with("claims", &json!({ "userinfo": wide }).to_string())),
        Code::InvalidRequest
    );
    assert_eq!(redirected(&request().with("acr_values", &"a ".repeat(100))), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("dpop_jkt", "short")), Code::InvalidRequest);
    assert_eq!(redirected(&request().with("request", "x.y.z")), Code::RequestNotSupported);
    assert_eq!(redirected(&request().with("request_uri", "https://a.example")), Code::RequestUriNotSupported);
    assert_eq!(redirected(&request().with("registration", "{}")), Code::RegistrationNotSupported);
}

#[test]
fn success_and_failure_carry_state_and_issuer() {
    let request = judge(&request()).unwrap();
    assert_eq!(
        request.success("SplxlOBeZQQYbYS6WxSbIA", ISSUER),
        "https://client.example.org/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj&iss=https%3A%2F%2Fop.example"
    );
    assert_eq!(
        request.failure(&OAuthError::new(Code::LoginRequired, ""), ISSUER),
        "https://client.example.org/cb?error=login_required&state=af0ifjsldkj&iss=https%3A%2F%2Fop.example"
    );
}

#[test]
fn max_age_and_prompt_decide_whether_an_old_login_serves() {
    let with = |form: Form| judge(&form).unwrap();
    assert!(with(request()).accepts_login_at(NOW - 100_000, NOW));
    let aged = with(request().with("max_age", "60"));
    assert!(aged.accepts_login_at(NOW - 60, NOW) && !aged.accepts_login_at(NOW - 61, NOW));
    assert!(!with(request().with("max_age", "0")).accepts_login_at(NOW - 1, NOW));
    assert!(!with(request().with("prompt", "login")).accepts_login_at(NOW, NOW));
    assert!(with(request().with("prompt", "none")).is_silent());
}

#[test]
fn a_pushed_request_is_named_by_its_own_kind_of_uri() {
    let pushed = PushedResponse::new("6esc_11ACC5bwc014ltc14eY22c", 60);
    let form = Form::default().with("client_id", "s6BhdRkqt3").with("request_uri", &pushed.request_uri);
    let read = AuthorizeForm::parse(form.encode().as_bytes()).unwrap();
    assert_eq!(read.pushed(), Some("6esc_11ACC5bwc014ltc14eY22c"));
    for uri in ["https://a.example", REQUEST_URI_PREFIX, "URN:ietf:params:oauth:request_uri:x"] {
        let form = Form::default().with("client_id", "a").with("request_uri", uri);
        assert_eq!(AuthorizeForm::parse(form.encode().as_bytes()).unwrap().pushed(), None, "{uri}");
    }
}

// Codes.

fn exchange() -> AuthorizationCodeGrant {
    AuthorizationCodeGrant {
        code: "SplxlOBeZQQYbYS6WxSbIA".into(),
        redirect_uri: Some("https://client.example.org/cb".into()),
        code_verifier: Some(VERIFIER.into()),
        client_id: None,
        authorization_details: vec![],
    }
}

#[test]
fn a_code_is_redeemed_by_its_client_at_its_address_with_its_verifier() {
    let grant = judge(&request()).unwrap().grant();
    let redeem = |change: &dyn Fn(&mut AuthorizationCodeGrant), client: &Client| {
        let mut exchange = exchange();
        change(&mut exchange);
        grant.redeem(&exchange, client, None).map_err(|error| error.error)
    };
    assert_eq!(redeem(&|_| {}, &client()), Ok(()));
    let refused = Err(Code::InvalidGrant);
    assert_eq!(redeem(&|_| {}, &Client { client_id: "thief".into(), ..client() }), refused);
    assert_eq!(redeem(&|e| e.client_id = Some("thief".into()), &client()), refused);
    assert_eq!(redeem(&|e| e.redirect_uri = None, &client()), refused);
    assert_eq!(
        redeem(&|e| e.redirect_uri = Some("https://client.example.org/cb?fixed=1".into()), &client()),
        refused
    );
    assert_eq!(redeem(&|e| e.code_verifier = None, &client()), refused);
    assert_eq!(redeem(&|e| e.code_verifier = Some("a".repeat(43)), &client()), refused);
    assert_eq!(redeem(&|e| e.code_verifier = Some("short".into()), &client()), Err(Code::InvalidRequest));
}

#[test]
fn a_code_bound_to_a_dpop_key_needs_that_key() {
    let jkt = SecretKey::generate().public_key().thumbprint();
    let grant = judge(&request().with("dpop_jkt", &jkt)).unwrap().grant();
    assert_eq!(grant.redeem(&exchange(), &client(), Some(&jkt)), Ok(()));
    let other = SecretKey::generate().public_key().thumbprint();
    assert_eq!(grant.redeem(&exchange(), &client(), Some(&other)).unwrap_err().error, Code::InvalidGrant);
    assert_eq!(grant.redeem(&exchange(), &client(), None).unwrap_err().error, Code::InvalidGrant);
}

// Client authentication.

#[test]
fn clients_authenticate_as_registered_and_one_way_at_a_time() {
    // RFC 6749 §2.3.1.
    let header = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
    let credentials = ClientCredentials::read(Some(header), &Form::default()).unwrap();
    assert_eq!(credentials.client_id, "s6BhdRkqt3");
    assert_eq!(credentials.client_secret.as_deref(), Some("7Fjfp0ZBr1KtDRbnfVdmIw"));
    assert!(!format!("{credentials:?}").contains("7Fjf"));
    let right = |secret: &str| secret == "7Fjfp0ZBr1KtDRbnfVdmIw";
    assert_eq!(credentials.check(&client(), right), Ok(()));
    assert_eq!(credentials.check(&client(), |_| false).unwrap_err().error, Code::InvalidClient);
    let other = Client { client_id: "other".into(), ..client() };
    assert_eq!(credentials.check(&other, right).unwrap_err().error, Code::InvalidClient);

    let post =
        Form::default().with("client_id", "s6BhdRkqt3").with("client_secret", "7Fjfp0ZBr1KtDRbnfVdmIw");
    let by_post = ClientCredentials::read(None, &post).unwrap();
    assert_eq!(by_post.method, ClientAuthMethod::ClientSecretPost);
    assert_eq!(
        by_post.check(&client(), right).unwrap_err().error,
        Code::InvalidClient,
        "registered for Basic"
    );

    let public = ClientCredentials::read(None, &Form::default().with("client_id", "s6BhdRkqt3")).unwrap();
    assert_eq!(
        public.check(&client(), right).unwrap_err().error,
        Code::InvalidClient,
        "a secret is required"
    );
    let open = Client { auth_method: ClientAuthMethod::None, ..client() };
    assert_eq!(public.check(&open, |_| false), Ok(()));

    assert_eq!(ClientCredentials::read(Some(header), &post).unwrap_err().error, Code::InvalidRequest);
    let other = Form::default().with("client_id", "other");
    assert_eq!(ClientCredentials::read(Some(header), &other).unwrap_err().error, Code::InvalidRequest);
    for header in ["Basic", "Basic !!!", "Basic YQ==", "Bearer czZC"] {
        let refused = ClientCredentials::read(Some(header), &Form::default()).unwrap_err();
        assert_eq!(refused.error, Code::InvalidClient, "{header}");
    }
    assert_eq!(ClientCredentials::read(None, &Form::default()).unwrap_err().error, Code::InvalidClient);
}

#[test]
fn an_id_and_secret_with_special_characters_survive_basic() {
    let header = format!("Basic {}", encoding::b64_encode(b"a%3Ab:c%26d%2B+%EB%A7%88"));
    let credentials = ClientCredentials::read(Some(&header), &Form::default()).unwrap();
    assert_eq!(credentials.client_id, "a:b");
    assert_eq!(credentials.client_secret.as_deref(), Some("c&d+ 마"));
}

// ID tokens.

fn provider() -> OpenIdProvider {
    OpenIdProvider {
        issuer: ISSUER.into(),
        authorization_endpoint: "https://op.example/authorize".into(),
        token_endpoint: "https://op.example/token".into(),
        jwks_uri: "https://op.example/jwks".into(),
        authorization_response_iss_parameter_supported: true,
        ..OpenIdProvider::default()
    }
}

fn id_token(login: &Login) -> IdToken {
    IdToken {
        iss: ISSUER.into(),
        sub: "pairwise".into(),
        aud: login.client_id.clone(),
        exp: NOW + 300,
        iat: NOW,
        auth_time: Some(NOW - 5),
        nonce: Some(login.nonce.clone()),
        acr: Some("urn:x:high".into()),
        amr: vec!["pop".into(), "pin".into()],
        at_hash: Some(token_hash("access")),
        sid: None,
        azp: None,
        claims: Map::from_iter([("inst_code".to_owned(), json!("1741000"))]),
    }
}

fn login() -> Login {
    Login::start("s6BhdRkqt3", "https://client.example.org/cb")
}

#[test]
fn the_at_hash_of_openid_connect_core_appendix_a_3_holds() {
    assert_eq!(token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn an_id_token_says_no_more_than_it_holds_and_verifies_at_the_relying_party() {
    let (key, login) = (SecretKey::generate(), login());
    let signer = IdTokenSigner::Es256 { signer: &key, kid: "op-1" };
    let text = id_token(&login).sign(&signer).unwrap();
    let jwks = JwkSet { keys: vec![key.public_key().to_jwk().with_kid("op-1")] };
    let read = login.verify_id_token(&text, "access", &jwks, &provider(), NOW).unwrap();
    assert_eq!(read, id_token(&login));
    let claims: Value =
        serde_json::from_slice(&encoding::b64url_decode(text.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(claims["inst_code"], "1741000");
    assert!(claims.get("sid").is_none() && claims.get("azp").is_none());
}

#[test]
fn an_id_token_that_is_anyone_elses_is_refused() {
    let (key, login) = (SecretKey::generate(), login());
    let jwks = JwkSet { keys: vec![key.public_key().to_jwk().with_kid("op-1")] };
    let verify_by = |signing: &SecretKey, kid: &str, change: &dyn Fn(&mut IdToken)| {
        let mut token = id_token(&login);
        change(&mut token);
        let text = token.sign(&IdTokenSigner::Es256 { signer: signing, kid }).unwrap();
        login
            .verify_id_token(&text, "access", &jwks, &provider(), NOW)
            .map_err(|error| error.error_description)
    };
    let refused = |change: &dyn Fn(&mut IdToken)| verify_by(&key, "op-1", change).unwrap_err();
    assert_eq!(refused(&|t| t.iss = "https://evil.example".into()), "the ID token is of another provider");
    assert_eq!(refused(&|t| t.aud = "other".into()), "the ID token is for another client");
    assert_eq!(refused(&|t| t.azp = Some("other".into())), "the ID token is for another client");
    assert_eq!(refused(&|t| t.exp = NOW - 30), "the ID token is expired or from the future");
    assert_eq!(refused(&|t| t.iat = NOW + 31), "the ID token is expired or from the future");
    assert_eq!(refused(&|t| t.nonce = Some("other".into())), "the ID token is of another login");
    assert_eq!(refused(&|t| t.nonce = None), "the ID token is of another login");
    assert_eq!(refused(&|t| t.at_hash = Some("other".into())), "the ID token is of another access token");
    let stranger = SecretKey::generate();
    let wrong = "the ID token's signature is wrong";
    assert_eq!(verify_by(&stranger, "op-1", &|_| {}).unwrap_err(), wrong);
    assert_eq!(verify_by(&key, "unknown", &|_| {}).unwrap_err(), wrong);
    let for_encryption = key.public_key().to_jwk().with_kid("op-1").with_use("enc");
    let text = id_token(&login).sign(&IdTokenSigner::Es256 { signer: &key, kid: "op-1" }).unwrap();
    let jwks = JwkSet { keys: vec![for_encryption] };
    assert!(login.verify_id_token(&text, "access", &jwks, &provider(), NOW).is_err());
}

#[test]
fn an_id_token_with_another_algorithm_is_refused() {
    let (key, login) = (SecretKey::generate(), login());
    let jwks = JwkSet { keys: vec![key.public_key().to_jwk().with_kid("op-1")] };
    for alg in ["none", "HS256"] {
        let mut header = keys::jws::Header::es256("JWT").with_kid("op-1");
        header.alg = alg.into();
        let text = crate::jwt::sign(&key, &header, &id_token(&login)).unwrap();
        let refused = login.verify_id_token(&text, "access", &jwks, &provider(), NOW).unwrap_err();
        assert_eq!(refused.error, Code::InvalidToken, "{alg}");
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn rs256_is_there_for_those_who_know_nothing_else() {
    let login = login();
    let key = keys::rsa::RsaKey::generate(2048).unwrap();
    let signer = IdTokenSigner::Rs256 { key: &key, kid: "op-rsa" };
    assert_eq!(signer.algorithm(), IdTokenAlgorithm::Rs256);
    let text = id_token(&login).sign(&signer).unwrap();
    let jwks = JwkSet { keys: vec![key.jwk().clone().with_kid("op-rsa")] };
    assert!(login.verify_id_token(&text, "access", &jwks, &provider(), NOW).is_ok());
    let other = keys::rsa::RsaKey::generate(2048).unwrap();
    let jwks = JwkSet { keys: vec![other.jwk().clone().with_kid("op-rsa")] };
    assert!(login.verify_id_token(&text, "access", &jwks, &provider(), NOW).is_err());
}

// The relying party.

#[test]
fn what_the_relying_party_asks_the_provider_takes() {
    let login = login();
    let location = login.location(&provider(), "openid profile", &Form::default().with("max_age", "60"));
    let query = location.strip_prefix("https://op.example/authorize?").unwrap();
    let request = AuthorizeForm::parse(query.as_bytes()).unwrap().validate(&client(), ISSUER).unwrap();
    assert_eq!(request.max_age, Some(60));
    let back = request.success("the-code", ISSUER);
    let query = back.split_once('?').unwrap().1;
    assert_eq!(login.code(query.as_bytes(), &provider()).unwrap(), "the-code");
    let exchange = AuthorizationCodeGrant {
        code: "the-code".into(),
        redirect_uri: Some(login.redirect_uri.clone()),
        code_verifier: Some(login.verifier.as_str().to_owned()),
        client_id: None,
        authorization_details: vec![],
    };
    assert_eq!(request.grant().redeem(&exchange, &client(), None), Ok(()));
}

#[test]
fn an_answer_of_another_login_or_provider_is_refused() {
    let login = login();
    let code = |query: String| login.code(query.as_bytes(), &provider()).map_err(|error| error.error);
    let state = &login.state;
    let iss = "iss=https%3A%2F%2Fop.example";
    assert_eq!(code(format!("code=c&state={state}&{iss}")), Ok("c".into()));
    assert_eq!(code(format!("code=c&state=other&{iss}")), Err(Code::InvalidRequest));
    assert_eq!(code(format!("code=c&{iss}")), Err(Code::InvalidRequest));
    assert_eq!(
        code(format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example")),
        Err(Code::InvalidRequest)
    );
    assert_eq!(
        code(format!("code=c&state={state}")),
        Err(Code::InvalidRequest),
        "iss is announced, so it must come"
    );
    assert_eq!(code(format!("state={state}&{iss}")), Err(Code::InvalidRequest));
    assert_eq!(code(format!("error=access_denied&state={state}&{iss}")), Err(Code::AccessDenied));
}

// Subjects.

#[test]
fn a_pairwise_subject_is_stable_within_and_different_between_sectors() {
    let subject = |sector, link| pairwise_subject(b"key", sector, link);
    assert_eq!(subject("a.example", "link-1"), subject("a.example", "link-1"));
    assert_ne!(subject("a.example", "link-1"), subject("b.example", "link-1"));
    assert_ne!(subject("a.example", "link-1"), subject("a.example", "link-2"));
    assert_ne!(subject("a.examplel", "ink-1"), subject("a.example", "link-1"));
    assert_ne!(pairwise_subject(b"other", "a.example", "link-1"), subject("a.example", "link-1"));
}

proptest! {
    #[test]
    fn any_query_is_judged_without_a_panic(text in "\\PC{0,300}") {
        if let Ok(form) = AuthorizeForm::parse(text.as_bytes()) {
            let _ = form.validate(&client(), ISSUER);
        }
    }

    #[test]
    fn state_comes_back_as_it_was(state in "\\PC{1,60}") {
        let request = judge(&changed("state", &state)).unwrap();
        let location = request.success("c", ISSUER);
        let back = Form::parse(location.split_once('?').unwrap().1.as_bytes()).unwrap();
        prop_assert_eq!(back.get("state"), Some(state.as_str()));
    }
}
