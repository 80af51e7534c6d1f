use super::*;

#[test]
fn every_code_reads_back_as_itself_and_no_two_share_a_text() {
    for code in Code::ALL {
        assert_eq!(Code::parse(code.as_str()), Some(*code));
        assert!((400..=503).contains(&code.status()), "{code}");
    }
    assert_eq!(Code::parse("InvalidRequest"), None);
    assert_eq!(Code::parse(""), None);
}

#[test]
fn the_body_holds_code_and_description_only() {
    let error = OAuthError::new(Code::InvalidGrant, "the code is expired");
    let body = serde_json::to_string(&error).unwrap();
    assert_eq!(body, r#"{"error":"invalid_grant","error_description":"the code is expired"}"#);
    assert_eq!(error.status, 400);
    let bare = serde_json::to_string(&OAuthError::new(Code::InvalidNonce, "")).unwrap();
    assert_eq!(bare, r#"{"error":"invalid_nonce"}"#);
}

#[test]
fn a_description_never_breaks_out_of_a_header_or_leaves_ascii() {
    let error = OAuthError::new(Code::InvalidRequest, "홍길동\"\r\nSet-Cookie: a=b\\");
    assert!(error.error_description.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'));
    assert!(!error.www_authenticate(Scheme::Bearer).contains('\n'));
}

#[test]
fn a_resource_answers_401_where_the_token_endpoint_answers_400() {
    for code in [Code::InvalidDpopProof, Code::UseDpopNonce, Code::InvalidToken] {
        assert_eq!(OAuthError::new(code, "").at_resource().status, 401);
    }
    assert_eq!(OAuthError::new(Code::UseDpopNonce, "").status, 400);
    assert_eq!(OAuthError::new(Code::InsufficientScope, "").at_resource().status, 403);
}

#[test]
fn challenges_look_as_rfc_6750_and_9449_show_them() {
    let error = OAuthError::new(Code::UseDpopNonce, "a nonce is required").at_resource();
    assert_eq!(
        error.www_authenticate(Scheme::Dpop),
        r#"DPoP error="use_dpop_nonce", error_description="a nonce is required", algs="ES256""#
    );
    let error = OAuthError::new(Code::InvalidToken, "");
    assert_eq!(error.www_authenticate(Scheme::Bearer), r#"Bearer error="invalid_token""#);
    assert_eq!(challenge_without_token(Scheme::Dpop), r#"DPoP algs="ES256""#);
}

#[test]
fn a_redirect_tells_error_state_and_issuer_and_keeps_the_clients_query() {
    let error = OAuthError::new(Code::AccessDenied, "no");
    assert_eq!(
        error.redirect("https://rp.example/cb?a=1", Some("x&y=z"), "https://op.example"),
        "https://rp.example/cb?a=1&error=access_denied&error_description=no&state=x%26y%3Dz&iss=https%3A%2F%2Fop.example"
    );
}

#[test]
fn authorization_is_read_whatever_the_schemes_case() {
    assert_eq!(Scheme::parse_authorization("DPoP abc.d-e_f~+/=").unwrap(), (Scheme::Dpop, "abc.d-e_f~+/="));
    assert_eq!(Scheme::parse_authorization("BEARER abc").unwrap(), (Scheme::Bearer, "abc"));
}

#[test]
fn an_authorization_that_is_no_single_token_is_refused() {
    let long = format!("Bearer {}", "a".repeat(MAX_ACCESS_TOKEN + 1));
    for value in
        ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer =", "Bearer a,b", "Bearer ä", &long]
    {
        assert_eq!(
            Scheme::parse_authorization(value).unwrap_err().error,
            Code::InvalidRequest,
            "{value:.20}"
        );
    }
}

#[test]
fn an_unregistered_code_is_kept_as_text_and_a_foreign_body_is_none() {
    let read =
        ErrorResponse::parse(br#"{"error":"brand_new","error_description":"x","error_uri":"y"}"#).unwrap();
    assert_eq!((read.error.as_str(), read.code()), ("brand_new", None));
    assert_eq!(
        ErrorResponse::parse(br#"{"error":"invalid_proof"}"#).unwrap().code(),
        Some(Code::InvalidProof)
    );
    assert!(ErrorResponse::parse(b"<html>").is_none());
    assert!(ErrorResponse::parse(&vec![b' '; crate::json::SMALL + 1]).is_none());
}
