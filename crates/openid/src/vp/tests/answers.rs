//! What comes back: responses, refusals, and what they authorize.

use super::*;

fn vp_token() -> VpToken {
    let mut token = VpToken::default();
    token.push("my_credential", "eyJhbGci~QMA".into());
    token
}

#[test]
fn a_response_is_encrypted_to_the_requests_own_key_and_carries_its_state() {
    let world = World::new();
    let verified = world.verify(&world.signed(&world.request()), &world.client_id()).unwrap();
    let post = verified.respond(&vp_token()).unwrap();
    assert_eq!(post.url, RESPONSE_URI);
    let text = post.form.get("response").unwrap();
    assert_eq!(jwe::header(text).unwrap().enc, jwe::Enc::A256Gcm);
    let Response::Encrypted(response) = Response::parse(post.form.encode().as_bytes()).unwrap() else {
        panic!()
    };
    assert_eq!(response.kid(), Some("eph-1"));
    let content = response.open(&world.ephemeral).unwrap();
    assert_eq!(content.vp_token, vp_token());
    assert_eq!(content.state.as_deref(), Some("eyJhb.6-sVA"));
    let stranger = response.open(&SecretKey::generate()).unwrap_err();
    assert_eq!(stranger.error, Code::InvalidRequest);
}

#[test]
fn without_a_list_of_encryptions_a128gcm_is_used() {
    let world = World::new();
    let mut request = world.request();
    request.client_metadata.as_mut().unwrap().encrypted_response_enc_values_supported.clear();
    let verified = world.verify(&world.signed(&request), &world.client_id()).unwrap();
    let post = verified.respond(&vp_token()).unwrap();
    assert_eq!(jwe::header(post.form.get("response").unwrap()).unwrap().enc, jwe::Enc::A128Gcm);
}

#[test]
fn a_plain_response_and_a_refusal_are_read() {
    let world = World::new();
    let mut request = world.request();
    request.response_mode = ResponseMode::DirectPost;
    let verified = world.verify(&world.signed(&request), &world.client_id()).unwrap();
    let post = verified.respond(&vp_token()).unwrap();
    let Response::Plain(content) = Response::parse(post.form.encode().as_bytes()).unwrap() else { panic!() };
    assert_eq!(content.vp_token.get("my_credential"), ["eyJhbGci~QMA"]);
    assert!(content.vp_token.get("other").is_empty());

    let post = verified.refuse(Code::AccessDenied);
    let Response::Error(answer) = Response::parse(post.form.encode().as_bytes()).unwrap() else { panic!() };
    assert_eq!(answer.code(), Some(Code::AccessDenied));
    assert_eq!(answer.state.as_deref(), Some("eyJhb.6-sVA"));
}

#[test]
fn the_encrypted_response_of_openid4vp_8_3_opens() {
    let text = "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImtpZCI6ImFjIiwiZXBrIjp7Imt0eSI6IkVDIiwieCI6Im5ubVZwbTNWM2piaGNhZlFhUkJrU1ZOSGx3Wkh3dC05ck9wSnVmeVlJdWsiLCJ5IjoicjRmakRxd0p5czlxVU9QLV9iM21SNVNaRy0tQ3dPMm1pYzVWU05UWU45ZyIsImNydiI6IlAtMjU2In19..uAYcHRUSSn2X0WPX.yVzlGSYG4qbg0bq18JcUiDRw56yVnbKR8E7S7YlEtzT00RqE3Pw5oTpUG3hdLN4taHZ9gC1kwak8JOnJgQ.1wR024_3-qtAlx1oFIUpQQ";
    let secret = encoding::b64url_decode("Et-3ce0omz8_TuZ96Df9lp0GAaaDoUnDe6X-CRO7Aww").unwrap();
    let key = SecretKey::from_bytes(&secret.try_into().unwrap()).unwrap();
    let body = Form::default().with("response", text).encode();
    let Response::Encrypted(response) = Response::parse(body.as_bytes()).unwrap() else { panic!() };
    assert_eq!(response.kid(), Some("ac"));
    let content = response.open(&key).unwrap();
    assert_eq!(content.vp_token.get("example_credential_id"), ["eyJhb...YMetA"]);
}

#[test]
fn a_response_is_one_of_three_kinds_and_bounded() {
    let good = r#"vp_token={"a":["x"]}"#;
    assert!(Response::parse(good.as_bytes()).is_ok());
    let many =
        format!("vp_token={{{}}}", (0..40).map(|n| format!("\"{n}\":[\"x\"]")).collect::<Vec<_>>().join(","));
    let deep = format!("vp_token={{\"a\":{}{}}}", "[".repeat(60), "]".repeat(60));
    for bad in [
        "",
        "state=x",
        "vp_token={}",
        "vp_token=[]",
        r#"vp_token={"a":[]}"#,
        r#"vp_token={"a":"x"}"#,
        r#"vp_token={"a":[{}]}"#,
        r#"vp_token={"a":["x"],"a":["y"]}"#,
        r#"vp_token={"a":["x"]}&error=access_denied"#,
        "response=x.y.z",
        "response=eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0....",
        &many,
        &deep,
    ] {
        assert_eq!(Response::parse(bad.as_bytes()).unwrap_err().error, Code::InvalidRequest, "{bad:.40}");
    }
    assert!(Response::parse(&vec![b'a'; MAX_RESPONSE + 1]).is_err());
}

#[test]
fn the_same_device_return_carries_a_secret_and_only_to_the_web() {
    let answer = Acknowledgement::with_response_code("https://client.example.org/cb?a=1", "091535f699");
    let body = serde_json::to_vec(&answer).unwrap();
    let read = Acknowledgement::parse(&body).unwrap();
    assert_eq!(
        read.redirect_uri.as_deref(),
        Some("https://client.example.org/cb?a=1&response_code=091535f699")
    );
    // The example of §8.2 carries it in the fragment.
    let fragment =
        br#"{"redirect_uri":"https://client.example.org/cb#response_code=091535f699ea575c7937fa5f0f454aee"}"#;
    assert!(Acknowledgement::parse(fragment).unwrap().redirect_uri.is_some());
    for uri in ["javascript:alert(1)", "http://client.example.org/", "intent://x", "/relative"] {
        let body = json!({ "redirect_uri": uri }).to_string();
        assert_eq!(Acknowledgement::parse(body.as_bytes()).unwrap().redirect_uri, None, "{uri}");
    }
    assert_eq!(serde_json::to_string(&Acknowledgement::default()).unwrap(), "{}");
}

// Transaction data.

#[test]
fn transaction_data_is_hashed_as_it_stands_in_the_request() {
    let members = Map::from_iter([("amount".to_owned(), json!("1000 KRW"))]);
    let data = TransactionData::new("example_type", &["my_credential"], members);
    assert_eq!(TransactionData::parse(data.encoded()).unwrap(), data);
    assert_eq!(data.hash(), encoding::b64url_encode(&keys::sha256(data.encoded().as_bytes())));

    let world = World::new();
    let verified = world.judged(|request| request["transaction_data"] = json!([data.encoded()])).unwrap();
    assert_eq!(verified.transaction_data(), [data]);
}

#[test]
fn transaction_data_that_is_not_understood_is_refused_with_its_code() {
    let world = World::new();
    let refused = |entry: Value| world.refused(|request| request["transaction_data"] = json!([entry]));
    let encode = |value: Value| Value::from(encoding::b64url_encode(value.to_string().as_bytes()));
    let entry = |kind: &str, id: &str| encode(json!({ "type": kind, "credential_ids": [id] }));
    assert_eq!(refused(entry("unknown_type", "my_credential")), Refusal::TransactionData);
    assert_eq!(refused(entry("example_type", "not_asked_for")), Refusal::TransactionData);
    assert_eq!(
        refused(encode(json!({ "type": "example_type", "credential_ids": [] }))),
        Refusal::TransactionData
    );
    assert_eq!(refused(encode(json!({ "credential_ids": ["my_credential"] }))), Refusal::TransactionData);
    let other_hash = json!({ "type": "example_type", "credential_ids": ["my_credential"],
        "transaction_data_hashes_alg": ["sha-512"] });
    assert_eq!(refused(encode(other_hash)), Refusal::TransactionData);
    assert_eq!(refused("###".into()), Refusal::TransactionData);
    assert_eq!(world.refused(|request| request["transaction_data"] = json!([])), Refusal::TransactionData);
    assert_eq!(Refusal::TransactionData.code(), Code::InvalidTransactionData);

    // A credential that need not be bound to its holder can't authorize anything (Appendix B.3.3).
    let unbound = world.refused(|request| {
        request["dcql_query"]["credentials"][0]["require_cryptographic_holder_binding"] = false.into();
        request["transaction_data"] = json!([entry("example_type", "my_credential")]);
    });
    assert_eq!(unbound, Refusal::TransactionData);
}
