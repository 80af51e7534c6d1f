//! What a verifier hears of a refused request, and what nobody hears.

use super::*;

fn post_of(world: &World, text: &str) -> Option<(String, Option<String>)> {
    let client_id = world.client_id();
    let anchors = [world.root.clone()];
    let expected = Expected {
        fetched: Fetched { client_id: &client_id, wallet_nonce: None },
        anchors: &anchors,
        did_key: None,
        audience: None,
        transaction_types: &[],
        allow_unsigned: false,
        now: NOW,
    };
    let why = VerifiedRequest::verify(text, &expected).unwrap_err();
    let post = VerifiedRequest::refusal(text, &expected, why)?;
    assert_eq!(post.form.get("state"), Some("eyJhb.6-sVA"));
    Some((post.url.clone(), post.form.get("error").map(str::to_owned)))
}

fn signed(world: &World, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = serde_json::to_value(world.request()).unwrap();
    change(&mut claims);
    jwt::sign(&world.signer, &jwt::header_with_chain(TYP, &world.chain), &claims).unwrap()
}

#[test]
fn a_verifier_that_is_known_is_told_which_of_its_parameters_is_wrong() {
    let world = World::new();
    let told = |change: fn(&mut Value)| post_of(&world, &signed(&world, change)).unwrap();
    for (change, code) in [
        ((|r| r["transaction_data"] = json!(["e30"])) as fn(&mut Value), "invalid_transaction_data"),
        (|r| r["dcql_query"] = json!({ "credentials": [] }), "invalid_request"),
        (|r| r["scope"] = "com.example.pid".into(), "invalid_request"),
        (|r| r["dcql_query"]["credentials"][0]["format"] = "jwt_vc_json".into(), "vp_formats_not_supported"),
        (|r| r["client_metadata"]["vp_formats_supported"] = json!({}), "vp_formats_not_supported"),
        (|r| r["response_type"] = "vp_token id_token".into(), "unsupported_response_type"),
        (|r| drop(r.as_object_mut().unwrap().remove("client_metadata")), "invalid_request"),
    ] {
        assert_eq!(told(change), (RESPONSE_URI.to_owned(), Some(code.to_owned())));
    }
}

#[test]
fn nobody_makes_a_wallet_post_anywhere_without_a_signature_and_an_address_of_its_own() {
    let (world, stranger) = (World::new(), World::new());
    let broken = |request: &mut Value| request["dcql_query"] = json!({});
    assert_eq!(post_of(&world, &signed(&stranger, broken)), None, "another client's certificate");
    let forged = world.request().sign(&SecretKey::generate(), Signing::Certificates(&world.chain)).unwrap();
    assert_eq!(post_of(&world, &forged), None, "another key");
    let elsewhere = signed(&world, |request| {
        request["dcql_query"] = json!({});
        request["response_uri"] = "http://inside.example/".into();
    });
    assert_eq!(post_of(&world, &elsewhere), None, "no https address");
}

#[test]
fn a_format_is_taken_where_one_of_its_algorithms_is_ours() {
    let takes = |formats: Value| {
        let formats: VpFormats = serde_json::from_value(formats).unwrap();
        (formats.takes("dc+sd-jwt"), formats.takes("mso_mdoc"))
    };
    assert_eq!(takes(json!({ "dc+sd-jwt": {} })), (true, false));
    assert_eq!(takes(json!({ "dc+sd-jwt": { "sd-jwt_alg_values": ["ES384"] } })), (false, false));
    assert_eq!(takes(json!({ "dc+sd-jwt": { "kb-jwt_alg_values": ["EdDSA"] } })), (false, false));
    // The example of Appendix B.2.2.
    let mdoc = json!({ "issuerauth_alg_values": [-9, -50], "deviceauth_alg_values": [-9, -50] });
    assert_eq!(takes(json!({ "mso_mdoc": mdoc })), (false, true));
    assert_eq!(takes(json!({ "mso_mdoc": { "issuerauth_alg_values": [-7] } })), (false, true));
    assert_eq!(takes(json!({ "mso_mdoc": { "deviceauth_alg_values": [-65537] } })), (false, false));
    assert!(VpFormats::ours().takes("dc+sd-jwt") && VpFormats::ours().takes("mso_mdoc"));
}

#[test]
fn a_wallet_that_speaks_none_of_our_formats_is_told_so_when_it_fetches() {
    let body = |metadata: &str| {
        Form::default()
            .with("wallet_metadata", metadata)
            .with("wallet_nonce", "qPmxiNFCR3QTm19POc8u")
            .encode()
    };
    let read = |metadata: &str| FetchMethod::read_wallet_nonce(body(metadata).as_bytes());
    let ours = r#"{"vp_formats_supported":{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256"]}},"unknown":1}"#;
    assert_eq!(read(ours).unwrap().as_deref(), Some("qPmxiNFCR3QTm19POc8u"));
    assert_eq!(read("{}").unwrap().as_deref(), Some("qPmxiNFCR3QTm19POc8u"));
    let foreign = r#"{"vp_formats_supported":{"ldp_vc":{}}}"#;
    assert_eq!(read(foreign).unwrap_err().error, Code::VpFormatsNotSupported);
    for bad in ["[]", "x", r#"{"vp_formats_supported":1}"#, r#"{"a":1,"a":2}"#] {
        assert_eq!(read(bad).unwrap_err().error, Code::InvalidRequest, "{bad}");
    }
}

#[test]
fn our_own_transaction_type_has_a_title_and_facts_and_nothing_else() {
    let data = |members: Value| {
        let Value::Object(members) = members else { panic!() };
        TransactionData::new(APPROVE, &["badge"], members).is_well_formed()
    };
    assert!(data(json!({ "title": "지출 결의 1건", "facts": { "금액": "1,000원" } })));
    assert!(data(json!({ "title": "결재" })));
    for bad in [
        json!({}),
        json!({ "title": "" }),
        json!({ "title": 1 }),
        json!({ "title": "가".repeat(201) }),
        json!({ "title": "결재", "facts": [] }),
        json!({ "title": "결재", "facts": { "금액": 1 } }),
        json!({ "title": "결재", "amount": "1" }),
    ] {
        assert!(!data(bad.clone()), "{bad}");
    }
}
