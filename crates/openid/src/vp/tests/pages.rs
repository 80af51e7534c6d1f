//! Requests of a page through the Digital Credentials API (Appendix A), and what goes back to it.

use super::*;

const PAGE: &str = "https://verifier.example";

impl World {
    fn ask_as_page(
        &self,
        protocol: DcProtocol,
        data: &Value,
        origin: &str,
    ) -> Result<VerifiedRequest, Refusal> {
        let anchors = [self.root.clone()];
        let expected = Expected {
            fetched: Fetched::default(),
            anchors: &anchors,
            did_key: None,
            audience: None,
            transaction_types: &["example_type"],
            allow_unsigned: false,
            now: NOW,
        };
        VerifiedRequest::from_page(protocol, data, origin, &expected)
    }

    fn page_request(&self, signed: bool) -> RequestObject {
        let client_id = ClientId::of_certificate(&self.chain[0]);
        let origins = [PAGE.to_owned(), "https://other.example".to_owned()];
        let client = signed.then_some((&client_id, origins.as_slice()));
        let mut request = RequestObject::dc_api(client, "n-0S6_WzA2Mj-fresh-and-random", query());
        request.client_metadata = Some(ClientMetadata::encrypted_to(self.ephemeral.public_key(), "eph-1"));
        request
    }

    fn signed_page(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut claims = serde_json::to_value(self.page_request(true)).unwrap();
        change(&mut claims);
        let header = jwt::header_with_chain(TYP, &self.chain);
        json!({ "request": jwt::sign(&self.signer, &header, &claims).unwrap() })
    }
}

fn token() -> VpToken {
    let mut token = VpToken::default();
    token.push("my_credential", "eyJhbGci~QMA".into());
    token
}

#[test]
fn an_unsigned_request_is_the_pages_own_and_its_answer_is_for_the_origin() {
    let world = World::new();
    let mut data = serde_json::to_value(world.page_request(false)).unwrap();
    assert!(data.get("client_id").is_none() && data.get("expected_origins").is_none());
    // Both are to be ignored where they stand all the same (Appendix A.2).
    data["client_id"] = "x509_san_dns:bank.example".into();
    data["expected_origins"] = json!(["https://bank.example"]);
    let verified = world.ask_as_page(DcProtocol::Unsigned, &data, PAGE).unwrap();
    assert_eq!(verified.audience(), "origin:https://verifier.example");
    assert_eq!(verified.client_id(), "origin:https://verifier.example");
    assert!(matches!(verified.verifier(), Verifier::Page(origin) if origin == PAGE));
    assert_eq!(verified.signed_text(), None);

    let data = verified.respond_to_page(&token()).unwrap();
    let Response::Encrypted(response) = Response::from_page(data.to_string().as_bytes()).unwrap() else {
        panic!("{data}")
    };
    let content = response.open(&world.ephemeral).unwrap();
    assert_eq!((content.vp_token, content.state), (token(), None));
}

#[test]
fn a_signed_request_is_bound_to_the_origin_and_not_to_the_client() {
    let world = World::new();
    let verified = world.ask_as_page(DcProtocol::Signed, &world.signed_page(|_| {}), PAGE).unwrap();
    assert_eq!(verified.client_id(), world.client_id());
    assert_eq!(verified.audience(), "origin:https://verifier.example");
    assert_eq!((verified.page(), verified.response_uri()), (Some(PAGE), PAGE));
    assert!(matches!(verified.verifier(), Verifier::Certified(_)));
}

#[test]
fn a_signed_request_that_another_page_replays_is_refused() {
    let world = World::new();
    let good = world.signed_page(|_| {});
    let judge = |data: &Value, origin: &str| world.ask_as_page(DcProtocol::Signed, data, origin).map(|_| ());
    for origin in ["https://evil.example", "https://verifier.example.evil.example", "http://verifier.example"]
    {
        assert_eq!(judge(&good, origin), Err(Refusal::Origin), "{origin}");
    }
    for origin in
        ["", "verifier.example", "https://verifier.example/", "https://verifier.example:443", "null"]
    {
        assert_eq!(judge(&good, origin), Err(Refusal::Origin), "no origin as browsers write it: {origin}");
    }
    for origins in [
        json!([]),
        json!(null),
        json!(["https://verifier.example/"]),
        json!(["HTTPS://VERIFIER.EXAMPLE"]),
        json!([PAGE, "ftp://verifier.example"]),
        json!([PAGE, "http://verifier.example"]),
        json!([PAGE, "javascript:alert(1)"]),
    ] {
        let data = world.signed_page(|request| request["expected_origins"] = origins.clone());
        assert_eq!(judge(&data, PAGE), Err(Refusal::Origin), "{origins}");
    }
    assert_eq!(VerifiedRequest::refusal_for_page(Refusal::Origin), json!({ "error": "invalid_request" }));
}

#[test]
fn a_request_of_the_other_channel_is_refused() {
    let world = World::new();
    let data = world.signed_page(|request| request["response_mode"] = "direct_post.jwt".into());
    assert_eq!(world.ask_as_page(DcProtocol::Signed, &data, PAGE).unwrap_err(), Refusal::ResponseMode);
    let by_link = world.judged(|request| request["response_mode"] = "dc_api.jwt".into());
    assert_eq!(by_link.unwrap_err(), Refusal::ResponseMode);
}

#[test]
fn a_signed_request_names_its_client_and_carries_its_signature() {
    let world = World::new();
    let judge = |data: &Value| world.ask_as_page(DcProtocol::Signed, data, PAGE).unwrap_err();
    let without = world.signed_page(|request| drop(request.as_object_mut().unwrap().remove("client_id")));
    assert_eq!(judge(&without), Refusal::ForeignClient);
    let origin = world.signed_page(|request| request["client_id"] = "origin:https://verifier.example".into());
    assert_eq!(judge(&origin), Refusal::ClientId);
    let forged = world.page_request(true).sign(&SecretKey::generate(), Signing::Certificates(&world.chain));
    assert_eq!(judge(&json!({ "request": forged.unwrap() })), Refusal::Signature);
    for data in [json!({}), json!({ "request": 1 }), json!("x"), json!({ "request": "a.b.c" })] {
        assert_eq!(judge(&data), Refusal::Malformed, "{data}");
    }
}

#[test]
fn of_several_signatures_one_by_a_trusted_client_is_enough() {
    let (world, stranger) = (World::new(), World::new());
    let mut claims = serde_json::to_value(world.page_request(true)).unwrap();
    claims.as_object_mut().unwrap().remove("client_id");
    let one = |by: &World, claims: &Value| {
        let header = jwt::header_with_chain(TYP, &by.chain).with("client_id", by.client_id());
        let text = jwt::sign(&by.signer, &header, claims).unwrap();
        let parts: Vec<&str> = text.split('.').collect();
        (parts[1].to_owned(), json!({ "protected": parts[0], "signature": parts[2] }))
    };
    let (payload, theirs) = one(&stranger, &claims);
    let (same, ours) = one(&world, &claims);
    assert_eq!(payload, same);
    let judge = |data: Value| {
        world.ask_as_page(DcProtocol::MultiSigned, &data, PAGE).map(|v| v.client_id().to_owned())
    };
    let both = json!({ "payload": payload, "signatures": [theirs, ours] });
    assert_eq!(judge(both.clone()), Ok(world.client_id()));
    assert_eq!(judge(json!({ "request": both })), Ok(world.client_id()));
    assert_eq!(judge(json!({ "payload": payload, "signatures": [theirs] })), Err(Refusal::Untrusted));
    assert_eq!(judge(json!({ "payload": payload, "signatures": [] })), Err(Refusal::Malformed));
    // The client stands in the header and nowhere else (Appendix A.3.2).
    claims["client_id"] = world.client_id().into();
    let (payload, ours) = one(&world, &claims);
    assert_eq!(judge(json!({ "payload": payload, "signatures": [ours] })), Err(Refusal::ForeignClient));
}

#[test]
fn what_a_wallet_hands_back_is_one_of_three_kinds() {
    assert!(matches!(Response::from_page(br#"{"vp_token":{"a":["x"]}}"#), Ok(Response::Plain(_))));
    let Ok(Response::Error(error)) = Response::from_page(br#"{"error":"access_denied"}"#) else { panic!() };
    assert_eq!(error.code(), Some(Code::AccessDenied));
    for bad in [
        "{}",
        "[]",
        "null",
        r#"{"vp_token":{}}"#,
        r#"{"vp_token":{"a":["x"]},"error":"access_denied"}"#,
        r#"{"response":"x.y.z"}"#,
        r#"{"response":1}"#,
    ] {
        assert_eq!(Response::from_page(bad.as_bytes()).unwrap_err().error, Code::InvalidRequest, "{bad}");
    }
}

#[test]
fn protocol_names_read_back() {
    for protocol in [DcProtocol::Unsigned, DcProtocol::Signed, DcProtocol::MultiSigned] {
        assert_eq!(DcProtocol::parse(protocol.as_str()), Some(protocol));
    }
    for name in ["openid4vp", "openid4vp-v2-signed", "org-iso-mdoc", ""] {
        assert_eq!(DcProtocol::parse(name), None, "{name}");
    }
}
