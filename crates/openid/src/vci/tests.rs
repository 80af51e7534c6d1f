use keys::SecretKey;
use keys::jwe::Enc;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::holder::{Plan, PlanError};
use super::*;
use crate::error::{Code, Scheme};
use crate::metadata::{AuthorizationServer, CredentialIssuer, ResponseEncryptionSupport};
use crate::token::{AuthorizationDetail, PRE_AUTHORIZED_CODE, TokenRequest, TokenResponse};

const ISSUER: &str = "https://credential-issuer.example.com";

// Offers.

#[test]
fn the_offer_links_of_openid4vci_4_1_are_read() {
    let by_value = "openid-credential-offer://?credential_offer=%7B%22credential_issuer%22:%22https://credential-issuer.example.com%22,%22credential_configuration_ids%22:%5B%22org.iso.18013.5.1.mDL%22%5D,%22grants%22:%7B%22urn:ietf:params:oauth:grant-type:pre-authorized_code%22:%7B%22pre-authorized_code%22:%22oaKazRN8I0IbtZ0C7JuMn5%22,%22tx_code%22:%7B%22input_mode%22:%22text%22,%22description%22:%22Please%20enter%20the%20serial%20number%20of%20your%20physical%20drivers%20license%22%7D%7D%7D%7D";
    let OfferLink::ByValue(offer) = OfferLink::parse(by_value).unwrap() else { panic!() };
    let grant = offer.grants.unwrap().pre_authorized_code.unwrap();
    assert_eq!(grant.pre_authorized_code, "oaKazRN8I0IbtZ0C7JuMn5");
    assert_eq!(grant.tx_code.unwrap().input_mode, Some(InputMode::Text));

    let by_reference = "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fserver%2Eexample%2Ecom%2Fcredential-offer%2FGkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM";
    assert_eq!(
        OfferLink::parse(by_reference).unwrap(),
        OfferLink::ByReference(
            "https://server.example.com/credential-offer/GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM".into()
        )
    );
}

fn offer() -> Value {
    json!({
        "credential_issuer": ISSUER,
        "credential_configuration_ids": ["badge", "org.iso.18013.5.1.mDL"],
        "grants": { PRE_AUTHORIZED_CODE: {
            "pre-authorized_code": "oaKazRN8I0IbtZ0C7JuMn5",
            "tx_code": { "length": 4, "input_mode": "numeric", "description": "one-time code" }
        } },
        "unknown": true
    })
}

fn read_offer(offer: &Value) -> CredentialOffer {
    CredentialOffer::parse(offer.to_string().as_bytes()).unwrap()
}

#[test]
fn an_offer_survives_its_own_link() {
    let offer = read_offer(&offer());
    for link in
        [OfferLink::ByValue(offer), OfferLink::ByReference("https://a.example/offer?id=1&x=마".into())]
    {
        assert_eq!(OfferLink::parse(&link.to_link()).unwrap(), link);
    }
}

#[test]
fn broken_offers_are_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = offer();
        change(&mut changed);
        CredentialOffer::parse(changed.to_string().as_bytes()).unwrap_err().error
    };
    let code = |o: &mut Value| o["grants"][PRE_AUTHORIZED_CODE].take();
    assert_eq!(refused(&|o| o["credential_issuer"] = "http://issuer.example".into()), Code::InvalidRequest);
    assert_eq!(
        refused(&|o| o["credential_issuer"] = "https://issuer.example?x=1".into()),
        Code::InvalidRequest
    );
    assert_eq!(refused(&|o| o["credential_configuration_ids"] = json!([])), Code::InvalidRequest);
    assert_eq!(
        refused(&|o| o["credential_configuration_ids"] = json!(["a", "b", "a"])),
        Code::InvalidRequest
    );
    assert_eq!(
        refused(&|o| drop(o.as_object_mut().unwrap().remove("credential_issuer"))),
        Code::InvalidRequest
    );
    assert_eq!(refused(&|o| o["grants"] = json!({ PRE_AUTHORIZED_CODE: {} })), Code::InvalidRequest);
    let long = "x".repeat(301);
    let described = |o: &mut Value| {
        let mut grant = code(o);
        grant["tx_code"]["description"] = long.as_str().into();
        o["grants"][PRE_AUTHORIZED_CODE] = grant;
    };
    assert_eq!(refused(&described), Code::InvalidRequest);
}

#[test]
fn broken_offer_links_are_refused() {
    let value = "credential_offer=%7B%7D";
    let reference = "credential_offer_uri=https%3A%2F%2Fa.example%2F";
    for link in [
        "".to_owned(),
        "openid-credential-offer://".to_owned(),
        format!("openid4vp://?{reference}"),
        format!("http://wallet.example/?{reference}"),
        format!("openid-credential-offer://?{value}&{reference}"),
        format!("openid-credential-offer://?{reference}&{reference}"),
        "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Fa.example%2F".to_owned(),
        "openid-credential-offer://?credential_offer_uri=file%3A%2F%2F%2Fetc%2Fpasswd".to_owned(),
        format!("openid-credential-offer://?{reference}{}", "x".repeat(9000)),
    ] {
        assert_eq!(OfferLink::parse(&link).unwrap_err().error, Code::InvalidRequest, "{link:.60}");
    }
}

#[test]
fn a_transaction_code_has_the_announced_form() {
    let code = |input_mode, length| TxCode { input_mode, length, description: None };
    assert!(code(None, Some(4)).fits("0123"));
    assert!(!code(None, Some(4)).fits("123"));
    assert!(!code(None, Some(4)).fits("12a4"));
    assert!(!code(Some(InputMode::Numeric), None).fits("１２３"));
    assert!(code(Some(InputMode::Text), Some(2)).fits("마패"));
    assert!(!code(Some(InputMode::Text), None).fits(""));
    assert!(!code(None, None).fits(&"1".repeat(65)));
}

// Credential requests.

fn request_code(body: &Value) -> Code {
    CredentialRequest::parse(body.to_string().as_bytes()).unwrap_err().error
}

#[test]
fn the_credential_requests_of_openid4vci_8_2_are_read() {
    let request = CredentialRequest::parse(
        br#"{"credential_configuration_id":"org.iso.18013.5.1.mDL","proofs":{"jwt":["eyJraWQiOiJkaWQ6ZXhhbXBsZ"]},"x":1}"#,
    )
    .unwrap();
    assert_eq!(request.target, Target::Configuration("org.iso.18013.5.1.mDL".into()));
    let request = CredentialRequest::parse(
        br#"{"credential_identifier":"CivilEngineeringDegree-2023","proofs":{"jwt":["a","b"]}}"#,
    )
    .unwrap();
    assert_eq!(request.target, Target::Identifier("CivilEngineeringDegree-2023".into()));
    assert_eq!(request.proofs, Some(Proofs::Jwt(vec!["a".into(), "b".into()])));
}

#[test]
fn each_broken_part_of_a_credential_request_has_its_own_code() {
    assert_eq!(request_code(&json!({})), Code::InvalidCredentialRequest);
    assert_eq!(request_code(&json!([])), Code::InvalidCredentialRequest);
    let both = json!({ "credential_configuration_id": "a", "credential_identifier": "b" });
    assert_eq!(request_code(&both), Code::InvalidCredentialRequest);
    assert_eq!(request_code(&json!({ "credential_configuration_id": "" })), Code::InvalidCredentialRequest);
    assert_eq!(
        request_code(&json!({ "credential_identifier": "x".repeat(600) })),
        Code::InvalidCredentialRequest
    );
    let proofs = json!({ "credential_configuration_id": "a", "proofs": {} });
    assert_eq!(request_code(&proofs), Code::InvalidProof);
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(
        CredentialRequest::parse(format!(r#"{{"credential_configuration_id":"a","x":{deep}}}"#).as_bytes())
            .unwrap_err()
            .error,
        Code::InvalidCredentialRequest
    );
    let repeated = br#"{"credential_configuration_id":"a","credential_configuration_id":"b"}"#;
    assert_eq!(CredentialRequest::parse(repeated).unwrap_err().error, Code::InvalidCredentialRequest);
    let huge = vec![b' '; crate::json::LARGE + 1];
    assert_eq!(CredentialRequest::parse(&huge).unwrap_err().error, Code::InvalidCredentialRequest);
}

#[test]
fn what_the_standard_does_not_name_is_ignored_even_the_proof_of_its_drafts() {
    let draft =
        br#"{"credential_configuration_id":"a","proof":{"proof_type":"jwt","jwt":"x"},"format":"dc+sd-jwt"}"#;
    let request = CredentialRequest::parse(draft).unwrap();
    assert_eq!(request.proofs, None, "so that the issuer asks for proofs with invalid_proof");
}

#[test]
fn encryption_parameters_that_can_not_be_used_are_refused() {
    let key = SecretKey::generate();
    let good = json!({ "jwk": key.public_key().to_jwk().with_alg("ECDH-ES"), "enc": "A256GCM" });
    let judge = |change: &dyn Fn(&mut Value)| {
        let mut encryption = good.clone();
        change(&mut encryption);
        let body =
            json!({ "credential_configuration_id": "a", "credential_response_encryption": encryption });
        CredentialRequest::parse(body.to_string().as_bytes()).map(|_| ()).map_err(|error| error.error)
    };
    assert_eq!(judge(&|_| {}), Ok(()));
    let refused = Err(Code::InvalidEncryptionParameters);
    assert_eq!(judge(&|e| e["enc"] = "A128CBC-HS256".into()), refused);
    assert_eq!(judge(&|e| e["zip"] = "DEF".into()), refused);
    assert_eq!(judge(&|e| e["jwk"]["alg"] = "RSA-OAEP".into()), refused);
    assert_eq!(judge(&|e| drop(e["jwk"].as_object_mut().unwrap().remove("alg"))), refused);
    assert_eq!(judge(&|e| e["jwk"]["use"] = "sig".into()), refused);
    assert_eq!(judge(&|e| e["jwk"]["key_ops"] = json!(["verify"])), refused);
    assert_eq!(judge(&|e| e["jwk"]["crv"] = "P-384".into()), refused);
    assert_eq!(judge(&|e| e["jwk"]["d"] = "AA".into()), refused);
    assert_eq!(judge(&|e| *e = json!("x")), refused);
}

#[test]
fn required_encryption_is_required_and_unoffered_encryption_refused() {
    let encryption = ResponseEncryption::new(SecretKey::generate().public_key(), "k", Enc::A128Gcm);
    let required = ResponseEncryptionSupport::ours(true);
    let optional = ResponseEncryptionSupport::ours(false);
    let code = |request, support| require_encryption(request, support).map_err(|error| error.error);
    assert_eq!(code(None, Some(&required)), Err(Code::InvalidEncryptionParameters));
    assert_eq!(code(Some(&encryption), None), Err(Code::InvalidEncryptionParameters));
    assert_eq!(code(Some(&encryption), Some(&required)), Ok(()));
    assert_eq!(code(None, Some(&optional)), Ok(()));
    assert_eq!(code(None, None), Ok(()));
}

#[test]
fn a_request_reaches_what_the_token_grants_and_nothing_else() {
    let known = |id: &str| id == "badge" || id == "portrait";
    let by_configuration = Granted { configurations: vec!["badge".into()], details: vec![] };
    let mut detail = AuthorizationDetail::for_configuration("badge");
    detail.credential_identifiers = vec!["badge-2026".into()];
    let by_identifier = Granted { configurations: vec![], details: vec![detail] };
    let resolve = |target: Target, granted: &Granted| {
        let request = CredentialRequest { target, proofs: None, response_encryption: None };
        request.resolve(granted, known).map(str::to_owned).map_err(|error| error.error)
    };
    let configuration = |id: &str| Target::Configuration(id.to_owned());
    let identifier = |id: &str| Target::Identifier(id.to_owned());
    assert_eq!(resolve(configuration("badge"), &by_configuration), Ok("badge".into()));
    assert_eq!(resolve(configuration("portrait"), &by_configuration), Err(Code::InsufficientScope));
    assert_eq!(
        resolve(configuration("nothing"), &by_configuration),
        Err(Code::UnknownCredentialConfiguration)
    );
    assert_eq!(resolve(identifier("badge"), &by_configuration), Err(Code::UnknownCredentialIdentifier));
    assert_eq!(resolve(identifier("badge-2026"), &by_identifier), Ok("badge".into()));
    assert_eq!(resolve(identifier("badge-2027"), &by_identifier), Err(Code::UnknownCredentialIdentifier));
    assert_eq!(resolve(configuration("badge"), &by_identifier), Err(Code::InvalidCredentialRequest));
}

#[test]
fn an_encrypted_request_opens_with_the_issuers_key_only() {
    let (issuer, other) = (SecretKey::generate(), SecretKey::generate());
    let request = CredentialRequest {
        target: Target::Configuration("badge".into()),
        proofs: Some(Proofs::Jwt(vec!["x".into()])),
        response_encryption: Some(ResponseEncryption::new(other.public_key(), "mine", Enc::A256Gcm)),
    };
    let jwk = issuer.public_key().to_jwk().with_kid("issuer-1").with_alg("ECDH-ES");
    let sealed = request.to_jwe(&jwk, Enc::A128Gcm).unwrap();
    assert_eq!(keys::jwe::header(&sealed).unwrap().kid.as_deref(), Some("issuer-1"));
    assert_eq!(CredentialRequest::parse_encrypted(sealed.as_bytes(), &issuer).unwrap(), request);
    let refused = CredentialRequest::parse_encrypted(sealed.as_bytes(), &other).unwrap_err();
    assert_eq!(refused.error, Code::InvalidEncryptionParameters);
    let plain = CredentialRequest::parse_encrypted(&request.to_json(), &issuer).unwrap_err();
    assert_eq!(plain.error, Code::InvalidEncryptionParameters);
}

// Credential responses.

#[test]
fn responses_are_read_back_plain_and_encrypted() {
    let key = SecretKey::generate();
    let encryption = ResponseEncryption::new(key.public_key(), "mine", Enc::A256Gcm);
    let responses = [
        CredentialResponse::Issued {
            credentials: vec!["a~".into(), "b~".into()],
            notification_id: Some("3fwe98js".into()),
        },
        CredentialResponse::Deferred { transaction_id: "8xLOxBtZp8".into(), interval: 3600 },
    ];
    for response in responses {
        assert_eq!(CredentialResponse::read(&response.to_json(), None).unwrap(), response);
        let sealed = response.to_jwe(&encryption).unwrap();
        assert_eq!(CredentialResponse::read(sealed.as_bytes(), Some(&key)).unwrap(), response);
        let stranger = SecretKey::generate();
        let refused = CredentialResponse::read(sealed.as_bytes(), Some(&stranger)).unwrap_err();
        assert_eq!(refused.error, Code::InvalidEncryptionParameters);
        // Asked for encrypted and got plain: refused (§10).
        assert!(CredentialResponse::read(&response.to_json(), Some(&key)).is_err());
    }
    assert_eq!(CredentialResponse::Deferred { transaction_id: "x".into(), interval: 1 }.status(), 202);
}

#[test]
fn a_response_is_either_issued_or_deferred() {
    for body in [
        r#"{}"#,
        r#"{"credentials":[]}"#,
        r#"{"credentials":[{"credential":"a"}],"transaction_id":"x","interval":1}"#,
        r#"{"transaction_id":"x"}"#,
        r#"{"credentials":["a"]}"#,
        r#"[]"#,
    ] {
        assert_eq!(
            CredentialResponse::read(body.as_bytes(), None).unwrap_err().error,
            Code::InvalidRequest,
            "{body}"
        );
    }
}

#[test]
fn deferred_requests_and_notifications_are_judged() {
    let request = DeferredRequest::parse(br#"{"transaction_id":"8xLOxBtZp8"}"#).unwrap();
    assert_eq!(DeferredRequest::parse(&request.to_json()).unwrap(), request);
    let refused = DeferredRequest::parse(br#"{"transaction_id":""}"#).unwrap_err();
    assert_eq!(refused.error, Code::InvalidCredentialRequest);

    let good = br#"{"notification_id":"3fwe98js","event":"credential_failure","event_description":"Could not store the Credential. Out of storage."}"#;
    assert_eq!(Notification::parse(good).unwrap().event, Event::CredentialFailure);
    for bad in [
        r#"{"notification_id":"x"}"#,
        r#"{"event":"credential_accepted"}"#,
        r#"{"notification_id":"","event":"credential_accepted"}"#,
        r#"{"notification_id":"x","event":"credential_lost"}"#,
        "{\"notification_id\":\"x\",\"event\":\"credential_accepted\",\"event_description\":\"실패\"}",
    ] {
        assert_eq!(
            Notification::parse(bad.as_bytes()).unwrap_err().error,
            Code::InvalidNotificationRequest,
            "{bad}"
        );
    }
}

#[test]
fn a_nonce_response_is_bounded() {
    assert_eq!(
        NonceResponse::parse(br#"{"c_nonce":"wKI4LT17ac15ES9bw8ac4"}"#).unwrap().c_nonce,
        "wKI4LT17ac15ES9bw8ac4"
    );
    for bad in
        [r#"{"c_nonce":""}"#.to_owned(), "{}".to_owned(), format!(r#"{{"c_nonce":"{}"}}"#, "x".repeat(3000))]
    {
        assert_eq!(NonceResponse::parse(bad.as_bytes()).unwrap_err().error, Code::InvalidRequest);
    }
}

// The holder's stages.

fn issuer_metadata() -> CredentialIssuer {
    let document = json!({
        "credential_issuer": ISSUER, "authorization_servers": ["https://as.example"],
        "credential_endpoint": format!("{ISSUER}/credential"), "nonce_endpoint": format!("{ISSUER}/nonce"),
        "credential_configurations_supported": { "badge": {
            "format": "dc+sd-jwt", "vct": "v", "proof_types_supported": { "jwt": {
                "proof_signing_alg_values_supported": ["ES256"] } }
        } }
    });
    CredentialIssuer::read(document.to_string().as_bytes(), ISSUER).unwrap()
}

fn server_metadata() -> AuthorizationServer {
    AuthorizationServer {
        issuer: "https://as.example".into(),
        token_endpoint: Some("https://as.example/token".into()),
        grant_types_supported: vec![PRE_AUTHORIZED_CODE.into()],
        dpop_signing_alg_values_supported: vec!["ES256".into()],
        ..AuthorizationServer::default()
    }
}

fn plan() -> Plan {
    Plan::new(read_offer(&offer()), issuer_metadata(), &server_metadata()).unwrap()
}

#[test]
fn the_holder_goes_from_offer_to_request() {
    let plan = plan();
    assert_eq!(plan.scheme(), Scheme::Dpop);
    assert_eq!(
        plan.configurations().map(|(id, _)| id).collect::<Vec<_>>(),
        ["badge"],
        "the unknown one is left out"
    );
    let request = plan.token_request(Some("1234"), None).unwrap();
    let TokenRequest::PreAuthorizedCode(grant) = request else { panic!() };
    assert_eq!(grant.tx_code.as_deref(), Some("1234"));
    let token = TokenResponse::new("token".into(), Scheme::Dpop, 60);
    let authorized = plan.authorized(token);
    assert!(authorized.needs_proofs("badge") && !authorized.needs_proofs("other"));
    assert_eq!(authorized.targets("badge"), [Target::Configuration("badge".into())]);
    assert!(authorized.request(Target::Configuration("badge".into()), None, None).is_ok());
    let other = authorized.request(Target::Configuration("other".into()), None, None);
    assert_eq!(other.unwrap_err(), PlanError::NotGranted);
}

#[test]
fn where_the_token_names_identifiers_only_those_are_asked_for() {
    let mut token = TokenResponse::new("token".into(), Scheme::Dpop, 60);
    let mut detail = AuthorizationDetail::for_configuration("badge");
    detail.credential_identifiers = vec!["one".into(), "two".into()];
    token.authorization_details = vec![detail];
    let authorized = plan().authorized(token);
    assert_eq!(authorized.targets("badge").len(), 2);
    assert!(authorized.request(Target::Identifier("two".into()), None, None).is_ok());
    for target in [Target::Identifier("three".into()), Target::Configuration("badge".into())] {
        assert_eq!(authorized.request(target, None, None).unwrap_err(), PlanError::NotGranted);
    }
}

#[test]
fn a_transaction_code_can_neither_be_forgotten_nor_sent_in_the_wrong_form() {
    assert_eq!(plan().token_request(None, None).unwrap_err(), PlanError::TxCode);
    assert_eq!(plan().token_request(Some("12345"), None).unwrap_err(), PlanError::TxCodeForm);
    let mut without = offer();
    without["grants"][PRE_AUTHORIZED_CODE] = json!({ "pre-authorized_code": "x" });
    let plan = Plan::new(read_offer(&without), issuer_metadata(), &server_metadata()).unwrap();
    assert_eq!(plan.token_request(Some("1234"), None).unwrap_err(), PlanError::TxCode);
    assert!(plan.token_request(None, None).is_ok());
}

#[test]
fn documents_that_do_not_belong_together_make_no_plan() {
    let judge = |offer: &Value, issuer: CredentialIssuer, server: AuthorizationServer| {
        Plan::new(read_offer(offer), issuer, &server).unwrap_err()
    };
    let mut foreign = offer();
    foreign["credential_issuer"] = "https://other.example".into();
    assert_eq!(judge(&foreign, issuer_metadata(), server_metadata()), PlanError::ForeignIssuer);
    let mut code_only = offer();
    code_only["grants"] = json!({ "authorization_code": {} });
    assert_eq!(judge(&code_only, issuer_metadata(), server_metadata()), PlanError::GrantNotOffered);
    let mut neither = offer();
    neither["grants"] = json!({});
    assert_eq!(judge(&neither, issuer_metadata(), server_metadata()), PlanError::NoPreAuthorizedCode);
    let mut unknown = offer();
    unknown["credential_configuration_ids"] = json!(["unknown"]);
    assert_eq!(judge(&unknown, issuer_metadata(), server_metadata()), PlanError::NothingToHold);
    let elsewhere = AuthorizationServer { issuer: "https://evil.example".into(), ..server_metadata() };
    assert_eq!(judge(&offer(), issuer_metadata(), elsewhere), PlanError::ForeignServer);
    let mut hinted = offer();
    hinted["grants"][PRE_AUTHORIZED_CODE]["authorization_server"] = "https://evil.example".into();
    assert_eq!(judge(&hinted, issuer_metadata(), server_metadata()), PlanError::ForeignServer);
    let without =
        AuthorizationServer { grant_types_supported: vec!["authorization_code".into()], ..server_metadata() };
    assert_eq!(judge(&offer(), issuer_metadata(), without), PlanError::GrantNotOffered);
    let without = AuthorizationServer { token_endpoint: None, ..server_metadata() };
    assert_eq!(judge(&offer(), issuer_metadata(), without), PlanError::GrantNotOffered);
}

fn code_server() -> AuthorizationServer {
    AuthorizationServer {
        authorization_endpoint: Some("https://as.example/authorize".into()),
        pushed_authorization_request_endpoint: Some("https://as.example/par".into()),
        grant_types_supported: vec!["authorization_code".into()],
        code_challenge_methods_supported: vec!["S256".into()],
        authorization_response_iss_parameter_supported: true,
        ..server_metadata()
    }
}

#[test]
fn an_offer_without_a_code_sends_the_person_to_sign_in_by_a_pushed_request_with_s256_only() {
    let mut code_only = offer();
    code_only["grants"] = json!({ "authorization_code": { "issuer_state": "state-1" } });
    let mut issuer = issuer_metadata();
    issuer.credential_configurations_supported.get_mut("badge").unwrap().scope = Some("badge-scope".into());
    let plan = Plan::new(read_offer(&code_only), issuer, &code_server()).unwrap();
    let sign_in = plan.sign_in().unwrap();
    assert_eq!(sign_in.issuer_state.as_deref(), Some("state-1"));
    assert_eq!(
        sign_in.location("wallet", "urn:x:1"),
        "https://as.example/authorize?client_id=wallet&request_uri=urn%3Ax%3A1"
    );
    assert_eq!(plan.scope(&["badge".to_owned()]).unwrap(), "badge-scope");
    assert_eq!(plan.scope(&[]).unwrap_err(), PlanError::NoScope);
    let verifier = crate::pkce::Verifier::random();
    let TokenRequest::AuthorizationCode(grant) =
        plan.code_request("code-1", &verifier, "https://w.example/cb", "wallet")
    else {
        panic!()
    };
    assert_eq!(grant.code_verifier.as_deref(), Some(verifier.as_str()));
    let mut without_grants = offer();
    without_grants.as_object_mut().unwrap().remove("grants");
    assert!(Plan::new(read_offer(&without_grants), issuer_metadata(), &code_server()).is_ok());
    for broken in [
        AuthorizationServer { pushed_authorization_request_endpoint: None, ..code_server() },
        AuthorizationServer { authorization_endpoint: None, ..code_server() },
        AuthorizationServer { code_challenge_methods_supported: vec!["plain".into()], ..code_server() },
        AuthorizationServer { grant_types_supported: vec![PRE_AUTHORIZED_CODE.into()], ..code_server() },
    ] {
        let refused = Plan::new(read_offer(&code_only), issuer_metadata(), &broken).unwrap_err();
        assert_eq!(refused, PlanError::GrantNotOffered);
    }
    assert!(plan_of_code_without_scope().scope(&["badge".to_owned()]).is_err());
}

fn plan_of_code_without_scope() -> Plan {
    let mut code_only = offer();
    code_only["grants"] = json!({ "authorization_code": {} });
    Plan::new(read_offer(&code_only), issuer_metadata(), &code_server()).unwrap()
}

#[test]
fn an_encrypted_deferred_request_opens_with_the_issuers_key_only() {
    let (issuer, other) = (SecretKey::generate(), SecretKey::generate());
    let request = DeferredRequest {
        transaction_id: "8xLOxBtZp8".into(),
        response_encryption: Some(ResponseEncryption::new(other.public_key(), "mine", Enc::A256Gcm)),
    };
    let sealed = request.to_jwe(&issuer.public_key().to_jwk().with_kid("issuer-1"), Enc::A256Gcm).unwrap();
    assert_eq!(DeferredRequest::parse_encrypted(sealed.as_bytes(), &issuer).unwrap(), request);
    let refused = DeferredRequest::parse_encrypted(sealed.as_bytes(), &other).unwrap_err();
    assert_eq!(refused.error, Code::InvalidEncryptionParameters);
}

proptest! {
    #[test]
    fn any_text_is_no_offer_or_one_without_a_panic(text in "\\PC{0,200}") {
        let _ = OfferLink::parse(&text);
        let _ = CredentialOffer::parse(text.as_bytes());
        let _ = CredentialRequest::parse(text.as_bytes());
        let _ = CredentialResponse::read(text.as_bytes(), None);
    }

    #[test]
    fn requests_read_back(id in "[\\PC]{1,40}", proofs in proptest::collection::vec("[a-z.]{1,20}", 1..5), named: bool) {
        let target = if named { Target::Identifier(id) } else { Target::Configuration(id) };
        let request = CredentialRequest { target, proofs: Some(Proofs::Jwt(proofs)), response_encryption: None };
        prop_assert_eq!(CredentialRequest::parse(&request.to_json()).unwrap(), request);
    }
}
