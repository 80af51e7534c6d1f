use super::*;

fn parse(form: &str) -> Result<TokenRequest, OAuthError> {
    TokenRequest::parse(&Form::parse(form.as_bytes()).unwrap())
}

fn code(form: &str) -> Code {
    parse(form).unwrap_err().error
}

const PRE: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";

#[test]
fn the_token_requests_of_openid4vci_6_1_are_read() {
    let request = parse(&format!("{PRE}&pre-authorized_code=SplxlOBeZQQYbYS6WxSbIA&tx_code=493536")).unwrap();
    let TokenRequest::PreAuthorizedCode(grant) = &request else { panic!("{request:?}") };
    assert_eq!(grant.pre_authorized_code, "SplxlOBeZQQYbYS6WxSbIA");
    assert_eq!(grant.tx_code(true).unwrap(), Some("493536"));

    let request = parse(
        "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\
         &redirect_uri=https%3A%2F%2Fwallet.example.org%2Fcb&client_assertion_type=x&client_assertion=y",
    )
    .unwrap();
    let TokenRequest::AuthorizationCode(grant) = &request else { panic!("{request:?}") };
    assert_eq!(grant.redirect_uri.as_deref(), Some("https://wallet.example.org/cb"));
}

#[test]
fn what_a_client_writes_the_server_reads() {
    let detail = AuthorizationDetail::for_configuration("badge");
    let requests = [
        TokenRequest::PreAuthorizedCode(PreAuthorizedCodeGrant {
            pre_authorized_code: "code".into(),
            tx_code: Some("12345678".into()),
            client_id: Some("wallet".into()),
            authorization_details: vec![detail.clone()],
        }),
        TokenRequest::AuthorizationCode(AuthorizationCodeGrant {
            code: "code".into(),
            redirect_uri: Some("https://rp.example/cb".into()),
            code_verifier: Some("v".into()),
            client_id: None,
            authorization_details: vec![],
        }),
        TokenRequest::Refresh(RefreshGrant {
            refresh_token: "token".into(),
            scope: Some("openid".into()),
            client_id: Some("rp".into()),
        }),
    ];
    for request in requests {
        let written = request.to_form().encode();
        assert_eq!(parse(&written).unwrap(), request, "{written}");
    }
}

#[test]
fn missing_parameters_and_other_grants_have_their_codes() {
    assert_eq!(code("code=x"), Code::InvalidRequest);
    assert_eq!(code("grant_type=password&username=a&password=b"), Code::UnsupportedGrantType);
    assert_eq!(code("grant_type=client_credentials"), Code::UnsupportedGrantType);
    assert_eq!(code("grant_type=authorization_code"), Code::InvalidRequest);
    assert_eq!(code("grant_type=refresh_token"), Code::InvalidRequest);
    assert_eq!(code(PRE), Code::InvalidRequest);
    assert_eq!(
        code(&format!("{PRE}&pre-authorized_code={}", "x".repeat(MAX_VALUE + 1))),
        Code::InvalidRequest
    );
    assert_eq!(
        code(&format!("{PRE}&pre-authorized_code=x&tx_code={}", "1".repeat(65))),
        Code::InvalidRequest
    );
    assert_eq!(code("grant_type=authorization_code&code=x&tx_code=1"), Code::InvalidRequest);
}

#[test]
fn a_transaction_code_is_there_exactly_if_it_is_demanded() {
    let grant = |tx_code: Option<&str>| PreAuthorizedCodeGrant {
        pre_authorized_code: "x".into(),
        tx_code: tx_code.map(str::to_owned),
        client_id: None,
        authorization_details: vec![],
    };
    assert_eq!(grant(None).tx_code(true).unwrap_err().error, Code::InvalidRequest);
    assert_eq!(grant(Some("1")).tx_code(false).unwrap_err().error, Code::InvalidRequest);
    assert_eq!(grant(None).tx_code(false), Ok(None));
    assert_eq!(grant(Some("1")).tx_code(true), Ok(Some("1")));
}

#[test]
fn malformed_authorization_details_have_their_own_code() {
    let good = r#"[{"type":"openid_credential","credential_configuration_id":"badge"}]"#;
    assert_eq!(AuthorizationDetail::parse_list(Some(good)).unwrap().len(), 1);
    assert!(AuthorizationDetail::parse_list(None).unwrap().is_empty());
    let many = format!("[{}]", vec![good.trim_matches(['[', ']']); MAX_DETAILS + 1].join(","));
    let bad = [
        "",
        "{}",
        "[]",
        r#"[{"type":"openid_credential"}]"#,
        r#"[{"type":"payment","credential_configuration_id":"badge"}]"#,
        r#"[{"type":"openid_credential","credential_configuration_id":"badge","credential_identifiers":["mine"]}]"#,
        &many,
    ];
    for text in bad {
        let refused = AuthorizationDetail::parse_list(Some(text)).unwrap_err();
        assert_eq!(refused.error, Code::InvalidAuthorizationDetails, "{text}");
    }
}

#[test]
fn a_client_that_asked_for_dpop_takes_no_bearer_token() {
    let body =
        |kind: &str| format!(r#"{{"access_token":"a","token_type":"{kind}","expires_in":60,"unknown":1}}"#);
    assert!(TokenResponse::parse(body("dpop").as_bytes(), Scheme::Dpop).is_ok());
    let refused = TokenResponse::parse(body("Bearer").as_bytes(), Scheme::Dpop).unwrap_err();
    assert_eq!(refused.error, Code::InvalidToken);
    let empty =
        TokenResponse::parse(br#"{"access_token":"","token_type":"DPoP"}"#, Scheme::Dpop).unwrap_err();
    assert_eq!(empty.error, Code::InvalidToken);
    assert_eq!(TokenResponse::parse(b"[]", Scheme::Dpop).unwrap_err().error, Code::InvalidRequest);
}

#[test]
fn the_token_response_of_openid4vci_6_2_is_read() {
    let body = br#"{"access_token":"eyJhbGciOiJSUzI1NiIsInR5cCI6Ikp..sHQ","token_type":"Bearer","expires_in":86400,
        "authorization_details":[{"type":"openid_credential","credential_configuration_id":"UniversityDegreeCredential",
        "credential_identifiers":["CivilEngineeringDegree-2023","ElectricalEngineeringDegree-2023"]}]}"#;
    let response = TokenResponse::parse(body, Scheme::Bearer).unwrap();
    assert_eq!(response.authorization_details[0].credential_identifiers.len(), 2);
    assert!(!format!("{response:?}").contains("eyJ"));
}
