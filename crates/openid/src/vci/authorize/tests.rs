use super::*;

const ISSUER: &str = "https://issuer.example";
const REDIRECT: &str = "https://wallet.example/cb?a=1";

fn good() -> Vec<(&'static str, String)> {
    let challenge = pkce::Verifier::random().challenge();
    vec![
        ("response_type", "code".into()),
        ("client_id", "wallet".into()),
        ("redirect_uri", REDIRECT.into()),
        ("state", "s-1".into()),
        ("scope", "badge openid".into()),
        ("code_challenge", challenge.as_str().into()),
        ("code_challenge_method", "S256".into()),
    ]
}

fn form(pairs: &[(&'static str, String)]) -> Form {
    pairs.iter().fold(Form::default(), |form, (name, value)| form.with(name, value))
}

fn judge(form: &Form, client: Option<&str>, jkt: Option<&str>) -> Result<IssuanceRequest, Code> {
    let known = |id: &str| matches!(id, "badge" | "badge-mdoc");
    let scope = |value: &str| known(value).then(|| value.to_owned());
    let offered = Offered { issuer: ISSUER, configuration: &known, scope: &scope };
    IssuanceRequest::parse(form, client, jkt, &offered).map_err(|error| error.error)
}

/// The refusal of the good request with one parameter changed, or left out.
fn changed(name: &'static str, value: Option<&str>) -> Result<IssuanceRequest, Code> {
    let mut pairs = good();
    pairs.retain(|(known, _)| *known != name);
    pairs.extend(value.map(|value| (name, value.to_owned())));
    judge(&form(&pairs), None, None)
}

#[test]
fn a_scope_asks_for_its_configuration_and_unknown_ones_are_ignored() {
    let request = judge(&form(&good()), None, None).unwrap();
    assert_eq!(
        (request.configurations.as_slice(), request.by_identifier),
        (&["badge".to_owned()][..], false)
    );
    assert_eq!(changed("scope", Some("openid profile")).unwrap_err(), Code::InvalidScope);
    assert_eq!(changed("scope", None).unwrap_err(), Code::InvalidScope);
    assert_eq!(changed("scope", Some(&"x ".repeat(40))).unwrap_err(), Code::InvalidScope);
}

#[test]
fn details_count_before_scopes_and_must_be_known_and_of_this_issuer() {
    let detail = |id: &str, location: &str| {
        serde_json::json!([{ "type": "openid_credential", "credential_configuration_id": id, "locations": [location] }])
            .to_string()
    };
    let request = changed("authorization_details", Some(&detail("badge-mdoc", ISSUER))).unwrap();
    assert_eq!(request.configurations, ["badge-mdoc", "badge"], "the scope is read by itself");
    assert!(request.by_identifier);
    for wrong in [detail("passport", ISSUER), detail("badge", "https://other.example"), "[]".to_owned()] {
        let refused = changed("authorization_details", Some(&wrong)).unwrap_err();
        assert_eq!(refused, Code::InvalidAuthorizationDetails, "{wrong}");
    }
}

#[test]
fn each_wrong_part_of_a_pushed_request_is_refused_by_its_code() {
    let long = "x".repeat(1100);
    let wrong = [
        ("client_id", None, Code::InvalidRequest),
        ("client_id", Some(long.as_str()), Code::InvalidRequest),
        ("redirect_uri", None, Code::InvalidRequest),
        ("response_type", None, Code::InvalidRequest),
        ("response_type", Some("token"), Code::UnsupportedResponseType),
        ("response_mode", Some("fragment"), Code::InvalidRequest),
        ("state", Some(long.as_str()), Code::InvalidRequest),
        ("code_challenge", None, Code::InvalidRequest),
        ("code_challenge", Some("short"), Code::InvalidRequest),
        ("code_challenge_method", Some("plain"), Code::InvalidRequest),
        ("code_challenge_method", None, Code::InvalidRequest),
        ("request", Some("e30.e30."), Code::RequestNotSupported),
        ("request_uri", Some("urn:x"), Code::InvalidRequest),
        ("resource", Some("https://other.example"), Code::InvalidTarget),
        ("dpop_jkt", Some("AAAA"), Code::InvalidRequest),
    ];
    for (name, value, code) in wrong {
        assert_eq!(changed(name, value).unwrap_err(), code, "{name} = {value:?}");
    }
    assert!(changed("resource", Some("https://issuer.example/")).is_ok());
}

#[test]
fn an_answer_goes_to_wallets_only() {
    for good in
        ["https://w.example/cb", "http://127.0.0.1:5000/cb", "io.example.wallet:/cb", "eu.wallet://cb"]
    {
        assert!(changed("redirect_uri", Some(good)).is_ok(), "{good}");
    }
    for wrong in [
        "http://wallet.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://user@wallet.example/cb",
        "https://wallet.example/cb#x",
        "/cb",
        "https://wallet.example/c b",
    ] {
        assert_eq!(changed("redirect_uri", Some(wrong)).unwrap_err(), Code::InvalidRequest, "{wrong}");
    }
}

#[test]
fn a_client_that_authenticated_may_name_no_other() {
    assert_eq!(judge(&form(&good()), Some("wallet"), None).unwrap().client_id, "wallet");
    assert_eq!(judge(&form(&good()), Some("another"), None).unwrap_err(), Code::InvalidClient);
}

#[test]
fn a_key_named_and_a_key_proved_must_be_the_same() {
    let jkt = keys::SecretKey::generate().public_key().thumbprint();
    let mut pairs = good();
    pairs.push(("dpop_jkt", jkt.clone()));
    let with = form(&pairs);
    assert_eq!(judge(&with, None, Some(&jkt)).unwrap().dpop_jkt, Some(jkt.clone()));
    assert_eq!(judge(&with, None, None).unwrap().dpop_jkt, Some(jkt.clone()));
    assert_eq!(judge(&form(&good()), None, Some(&jkt)).unwrap().dpop_jkt, Some(jkt));
    let other = keys::SecretKey::generate().public_key().thumbprint();
    assert_eq!(judge(&with, None, Some(&other)).unwrap_err(), Code::InvalidDpopProof);
}

#[test]
fn a_code_is_redeemed_by_its_client_verifier_address_and_key_only() {
    let verifier = pkce::Verifier::random();
    let mut pairs = good();
    pairs.retain(|(name, _)| *name != "code_challenge");
    pairs.push(("code_challenge", verifier.challenge().as_str().to_owned()));
    let request = judge(&form(&pairs), None, Some("jkt-1")).unwrap();
    let grant = AuthorizationCodeGrant {
        code: "c".into(),
        redirect_uri: Some(REDIRECT.into()),
        code_verifier: Some(verifier.as_str().to_owned()),
        client_id: None,
        authorization_details: vec![],
    };
    assert_eq!(request.redeem(&grant, Some("wallet"), "jkt-1"), Ok(()));
    let code =
        |grant: &AuthorizationCodeGrant, client, jkt| request.redeem(grant, client, jkt).unwrap_err().error;
    assert_eq!(code(&grant, None, "jkt-1"), Code::InvalidGrant);
    assert_eq!(code(&grant, Some("another"), "jkt-1"), Code::InvalidGrant);
    assert_eq!(code(&grant, Some("wallet"), "jkt-2"), Code::InvalidGrant);
    for change in [
        |grant: &mut AuthorizationCodeGrant| grant.redirect_uri = None,
        |grant: &mut AuthorizationCodeGrant| grant.redirect_uri = Some("https://wallet.example/cb".into()),
        |grant: &mut AuthorizationCodeGrant| grant.code_verifier = None,
        |grant: &mut AuthorizationCodeGrant| grant.code_verifier = Some("x".repeat(43)),
    ] {
        let mut wrong = grant.clone();
        change(&mut wrong);
        assert_eq!(code(&wrong, Some("wallet"), "jkt-1"), Code::InvalidGrant);
    }
}

#[test]
fn the_answer_carries_state_and_issuer_and_the_wallet_reads_nobody_elses() {
    let request = judge(&form(&good()), None, None).unwrap();
    let read = |url: &str| read_answer(url, REDIRECT, "s-1", ISSUER, true).map_err(|error| error.error);
    let answer = request.success("code-1", ISSUER);
    assert_eq!(
        answer,
        "https://wallet.example/cb?a=1&code=code-1&state=s-1&iss=https%3A%2F%2Fissuer.example"
    );
    assert_eq!(read(&answer), Ok("code-1".to_owned()));
    let refused = request.failure(&OAuthError::new(Code::AccessDenied, "no"), ISSUER);
    assert_eq!(read(&refused), Err(Code::AccessDenied));
    for wrong in [
        answer.replace("state=s-1", "state=s-2"),
        answer.replace("issuer.example", "evil.example"),
        answer.replace("&iss=https%3A%2F%2Fissuer.example", ""),
        answer.replace("wallet.example", "evil.example"),
        answer.replace("code=code-1&", ""),
        format!("{answer}&code=code-2"),
        "https://wallet.example/cb".to_owned(),
    ] {
        assert_eq!(read(&wrong), Err(Code::InvalidRequest), "{wrong}");
    }
    let silent = answer.replace("&iss=https%3A%2F%2Fissuer.example", "");
    assert!(read_answer(&silent, REDIRECT, "s-1", ISSUER, false).is_ok());
}

#[test]
fn the_policy_of_the_consent_page_lets_the_form_lead_to_the_wallet() {
    let action = |uri: &str| changed("redirect_uri", Some(uri)).unwrap().form_action().unwrap();
    assert_eq!(action("https://wallet.example/cb"), "https://wallet.example");
    assert_eq!(action("http://127.0.0.1:5000/cb"), "http://127.0.0.1:5000");
    assert_eq!(action("io.example.wallet:/cb"), "io.example.wallet:");
}

proptest::proptest! {
    #[test]
    fn any_form_is_a_request_or_a_refusal_without_a_panic(body in "[\\PC&=%]{0,300}") {
        if let Ok(form) = Form::parse(body.as_bytes()) {
            let _ = judge(&form, None, None);
            let _ = read_answer(&format!("https://w.example/?{body}"), "https://w.example/", "s", ISSUER, true);
        }
    }
}
