use keys::jws::Header;
use keys::x509::{self, Certificate, Kind, Profile};
use keys::{SecretKey, Signer, encoding, jwe};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::error::Code;
use crate::form::Form;
use crate::jwt;

mod answers;
mod pages;
mod refusals;

const NOW: i64 = 1_764_000_000;
const RESPONSE_URI: &str = "https://verifier.example/response/1";

/// A verifier with a certificate under a root, and the wallet's view of it.
struct World {
    root: Certificate,
    chain: Vec<Vec<u8>>,
    signer: SecretKey,
    ephemeral: SecretKey,
}

impl World {
    fn new() -> World {
        World::certified(Kind::Verifier, NOW - 100, NOW + 100)
    }

    fn certified(kind: Kind, from: i64, to: i64) -> World {
        let (root_key, signer) = (SecretKey::generate(), SecretKey::generate());
        let root = x509::root(&root_key, "Example root", NOW - 10_000, NOW + 10_000).unwrap();
        let profile = Profile {
            country: None,
            cn: "Example verifier".into(),
            dns: vec!["verifier.example".into()],
            uri: vec![],
            kind,
        };
        let leaf =
            x509::issue(&root, &root_key, signer.public_key(), &profile, from, to, keys::random::bytes())
                .unwrap();
        World { root, chain: vec![leaf.der().to_vec()], signer, ephemeral: SecretKey::generate() }
    }

    fn client_id(&self) -> String {
        ClientId::of_certificate(&self.chain[0]).to_string()
    }

    fn request(&self) -> RequestObject {
        let mut request = RequestObject::new(
            &ClientId::of_certificate(&self.chain[0]),
            RESPONSE_URI,
            "n-0S6_WzA2Mj-fresh-and-random",
            query(),
        );
        request.state = Some("eyJhb.6-sVA".into());
        request.client_metadata = Some(ClientMetadata::encrypted_to(self.ephemeral.public_key(), "eph-1"));
        request.iat = Some(NOW);
        request.exp = Some(NOW + 60);
        request
    }

    fn signed(&self, request: &RequestObject) -> String {
        request.sign(&self.signer, Signing::Certificates(&self.chain)).unwrap()
    }

    fn verify(&self, text: &str, client_id: &str) -> Result<VerifiedRequest, Refusal> {
        self.verify_with(text, Fetched { client_id, wallet_nonce: None })
    }

    fn verify_with(&self, text: &str, fetched: Fetched<'_>) -> Result<VerifiedRequest, Refusal> {
        let anchors = [self.root.clone()];
        let expected = Expected {
            fetched,
            anchors: &anchors,
            did_key: None,
            audience: Some("https://wallet.example"),
            transaction_types: &["example_type"],
            allow_unsigned: false,
            now: NOW,
        };
        VerifiedRequest::verify(text, &expected)
    }

    /// Refusal of the request with one parameter changed.
    fn refused(&self, change: impl FnOnce(&mut Value)) -> Refusal {
        self.judged(change).unwrap_err()
    }

    fn judged(&self, change: impl FnOnce(&mut Value)) -> Result<VerifiedRequest, Refusal> {
        let mut claims = serde_json::to_value(self.request()).unwrap();
        change(&mut claims);
        let header = jwt::header_with_chain(TYP, &self.chain);
        self.verify(&jwt::sign(&self.signer, &header, &claims).unwrap(), &self.client_id())
    }
}

/// The example of OpenID4VP 1.0 §7.4.
fn query() -> Value {
    json!({ "credentials": [{
        "id": "my_credential", "format": "dc+sd-jwt",
        "meta": { "vct_values": ["https://credentials.example.com/identity_credential"] },
        "claims": [{ "path": ["last_name"] }, { "path": ["first_name"] }, { "path": ["address", "street_address"] }]
    }] })
}

// The request, by x509_hash.

#[test]
fn a_certified_request_is_verified_and_tells_who_asks_for_what() {
    let world = World::new();
    let text = world.signed(&world.request());
    let verified = world.verify(&text, &world.client_id()).unwrap();
    let Verifier::Certified(leaf) = verified.verifier() else { panic!() };
    assert_eq!(leaf.subject_common_name(), Some("Example verifier"));
    assert_eq!(verified.client_id(), world.client_id());
    assert_eq!(verified.response_uri(), RESPONSE_URI);
    assert_eq!(verified.query().credentials[0].id, "my_credential");
    assert_eq!(verified.signed_text(), Some(text.as_str()));
    assert_eq!(verified.parameters().extra, Map::new());
}

#[test]
fn parameters_of_our_own_profile_travel_along() {
    let world = World::new();
    let mut request = world.request();
    request.extra.insert(crate::approval::PARAMETER.into(), json!({ "level": "pin" }));
    let verified = world.verify(&world.signed(&request), &world.client_id()).unwrap();
    assert_eq!(verified.parameters().extra[crate::approval::PARAMETER]["level"], "pin");
}

#[test]
fn the_leaf_must_be_the_one_that_the_client_identifier_hashes() {
    let (world, other) = (World::new(), World::new());
    let text = world.signed(&world.request());
    assert_eq!(world.verify(&text, &other.client_id()).unwrap_err(), Refusal::Certificate);
    let without_chain = world.request().sign(&world.signer, Signing::Certificates(&[])).unwrap();
    assert_eq!(world.verify(&without_chain, &world.client_id()).unwrap_err(), Refusal::Certificate);
}

#[test]
fn a_chain_that_ends_at_no_trusted_root_is_refused() {
    let (world, other) = (World::new(), World::new());
    let text = other.signed(&other.request());
    assert_eq!(world.verify(&text, &other.client_id()).unwrap_err(), Refusal::Untrusted);
}

#[test]
fn an_expired_certificate_or_one_for_another_purpose_is_refused() {
    for world in [
        World::certified(Kind::Verifier, NOW - 200, NOW - 100),
        World::certified(Kind::Verifier, NOW + 100, NOW + 200),
        World::certified(Kind::Issuer, NOW - 100, NOW + 100),
    ] {
        let text = world.signed(&world.request());
        assert_eq!(world.verify(&text, &world.client_id()).unwrap_err(), Refusal::Untrusted);
    }
}

#[test]
fn a_request_signed_by_another_key_than_the_certificates_is_refused() {
    let world = World::new();
    let forged = world.request().sign(&SecretKey::generate(), Signing::Certificates(&world.chain)).unwrap();
    assert_eq!(world.verify(&forged, &world.client_id()).unwrap_err(), Refusal::Signature);
    let mut parts: Vec<String> = world.signed(&world.request()).split('.').map(str::to_owned).collect();
    let mut claims: Value = serde_json::from_slice(&encoding::b64url_decode(&parts[1]).unwrap()).unwrap();
    claims["response_uri"] = "https://evil.example/".into();
    parts[1] = encoding::b64url_encode(claims.to_string().as_bytes());
    assert_eq!(world.verify(&parts.join("."), &world.client_id()).unwrap_err(), Refusal::Signature);
}

#[test]
fn type_and_algorithm_are_pinned() {
    let world = World::new();
    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = jwt::header_with_chain(TYP, &world.chain);
        change(&mut header);
        let text = jwt::sign(&world.signer, &header, &world.request()).unwrap();
        world.verify(&text, &world.client_id()).unwrap_err()
    };
    assert_eq!(with(&|header| header.typ = None), Refusal::Type);
    assert_eq!(with(&|header| header.typ = Some("JWT".into())), Refusal::Type);
    for alg in ["none", "HS256", "RS256"] {
        assert_eq!(with(&|header| header.alg = alg.into()), Refusal::Algorithm, "{alg}");
    }
    assert_eq!(world.verify("x.y", &world.client_id()).unwrap_err(), Refusal::Malformed);
    assert_eq!(world.verify(&"a".repeat(200_000), &world.client_id()).unwrap_err(), Refusal::Malformed);
}

#[test]
fn every_broken_parameter_has_its_own_refusal() {
    let world = World::new();
    assert!(world.judged(|_| {}).is_ok(), "the unchanged request is good");
    let refused = |change: fn(&mut Value)| world.refused(change);
    assert_eq!(refused(|r| r["client_id"] = "x509_hash:other".into()), Refusal::ForeignClient);
    assert_eq!(refused(|r| r["aud"] = "https://other-wallet.example".into()), Refusal::Audience);
    assert_eq!(refused(|r| drop(r.as_object_mut().unwrap().remove("aud"))), Refusal::Audience);
    assert_eq!(refused(|r| r["exp"] = NOW.into()), Refusal::Time);
    assert_eq!(refused(|r| r["iat"] = (NOW + 31).into()), Refusal::Time);
    assert_eq!(refused(|r| r["nbf"] = (NOW + 31).into()), Refusal::Time);
    assert_eq!(refused(|r| r["nonce"] = "short".into()), Refusal::Nonce);
    assert_eq!(refused(|r| r["nonce"] = "with space and more".into()), Refusal::Nonce);
    assert_eq!(refused(|r| drop(r.as_object_mut().unwrap().remove("nonce"))), Refusal::Malformed);
    assert_eq!(refused(|r| r["state"] = "a b".into()), Refusal::State);
    assert_eq!(refused(|r| r["response_type"] = "code".into()), Refusal::ResponseType);
    assert_eq!(refused(|r| r["response_mode"] = "fragment".into()), Refusal::Malformed);
    assert_eq!(refused(|r| r["response_uri"] = "http://verifier.example/".into()), Refusal::ResponseUri);
    assert_eq!(refused(|r| drop(r.as_object_mut().unwrap().remove("response_uri"))), Refusal::ResponseUri);
    assert_eq!(refused(|r| r["redirect_uri"] = RESPONSE_URI.into()), Refusal::ResponseUri);
    assert_eq!(refused(|r| drop(r.as_object_mut().unwrap().remove("dcql_query"))), Refusal::Query);
    assert_eq!(refused(|r| r["scope"] = "com.example.pid".into()), Refusal::Query);
    assert_eq!(refused(|r| r["dcql_query"] = json!({ "credentials": [] })), Refusal::Query);
    assert_eq!(refused(|r| r["dcql_query"] = "{}".into()), Refusal::Query);
    assert_eq!(
        refused(|r| drop(r.as_object_mut().unwrap().remove("client_metadata"))),
        Refusal::EncryptionKey
    );
}

#[test]
fn this_wallets_own_identifier_is_an_audience_too() {
    assert!(World::new().judged(|request| request["aud"] = "https://wallet.example".into()).is_ok());
}

#[test]
fn the_wallets_nonce_must_come_back() {
    let world = World::new();
    let client_id = world.client_id();
    let fetched = Fetched { client_id: &client_id, wallet_nonce: Some("qPmxiNFCR3QTm19POc8u") };
    let judge = |wallet_nonce: Option<&str>| {
        let mut request = world.request();
        request.wallet_nonce = wallet_nonce.map(str::to_owned);
        world.verify_with(&world.signed(&request), fetched).map(|_| ())
    };
    assert_eq!(judge(Some("qPmxiNFCR3QTm19POc8u")), Ok(()));
    assert_eq!(judge(Some("other")), Err(Refusal::WalletNonce));
    assert_eq!(judge(None), Err(Refusal::WalletNonce));
}

#[test]
fn a_key_for_the_response_is_p256_for_encryption_with_an_algorithm_both_know() {
    let world = World::new();
    let key = |change: &dyn Fn(&mut Value)| world.judged(|r| change(&mut r["client_metadata"])).map(|_| ());
    let refused = Err(Refusal::EncryptionKey);
    assert_eq!(key(&|m| m["jwks"]["keys"][0]["use"] = "sig".into()), refused);
    assert_eq!(key(&|m| m["jwks"]["keys"][0]["alg"] = "RSA-OAEP".into()), refused);
    assert_eq!(key(&|m| drop(m["jwks"]["keys"][0].as_object_mut().unwrap().remove("alg"))), refused);
    assert_eq!(key(&|m| m["jwks"]["keys"][0]["crv"] = "P-384".into()), refused);
    assert_eq!(key(&|m| m["jwks"]["keys"] = json!([])), refused);
    assert_eq!(key(&|m| m["jwks"]["keys"][0]["key_ops"] = json!(["verify"])), refused);
    assert_eq!(key(&|m| m["jwks"]["keys"][0]["key_ops"] = json!(["deriveKey"])), Ok(()));
    assert_eq!(key(&|m| m["encrypted_response_enc_values_supported"] = json!(["A128CBC-HS256"])), refused);
    // Keys of other kinds beside it are passed over (the example of §8.3 has four).
    let other =
        json!({ "kty": "OKP", "kid": "jc", "use": "enc", "crv": "X25519", "alg": "ECDH-ES", "x": "WPX7" });
    assert_eq!(key(&|m| m["jwks"]["keys"].as_array_mut().unwrap().insert(0, other.clone())), Ok(()));
    assert_eq!(key(&|m| drop(m["jwks"]["keys"][0].as_object_mut().unwrap().remove("use"))), Ok(()));
}

// Other prefixes.

#[test]
fn x509_san_dns_binds_the_name_to_certificate_and_response_address() {
    let world = World::new();
    let judge = |client_id: &str, response_uri: &str| {
        let mut request = world.request();
        request.client_id = Some(client_id.to_owned());
        request.response_uri = Some(response_uri.to_owned());
        world.verify(&world.signed(&request), client_id).map(|_| ())
    };
    assert_eq!(judge("x509_san_dns:verifier.example", RESPONSE_URI), Ok(()));
    assert_eq!(judge("x509_san_dns:other.example", RESPONSE_URI), Err(Refusal::Certificate));
    assert_eq!(judge("x509_san_dns:verifier.example", "https://evil.example/"), Err(Refusal::ResponseUri));
    assert_eq!(
        judge("x509_san_dns:verifier.example", "https://verifier.example.evil.example/"),
        Err(Refusal::ResponseUri)
    );
}

#[test]
fn a_did_verifier_is_known_by_the_key_its_did_url_leads_to() {
    let world = World::new();
    let client_id = "decentralized_identifier:did:example:123";
    let mut request = world.request();
    request.client_id = Some(client_id.into());
    let find = |kid: &str| (kid == "did:example:123#1").then(|| world.signer.public_key().clone());
    let judge = |kid: &str, did_key: Option<DidKeys<'_>>| {
        let text = request.sign(&world.signer, Signing::DidUrl(kid)).unwrap();
        let expected = Expected {
            fetched: Fetched { client_id, wallet_nonce: None },
            anchors: &[],
            did_key,
            audience: None,
            transaction_types: &[],
            allow_unsigned: false,
            now: NOW,
        };
        VerifiedRequest::verify(&text, &expected)
            .map(|verified| matches!(verified.verifier(), Verifier::Did(_)))
    };
    assert_eq!(judge("did:example:123#1", Some(&find)), Ok(true));
    assert_eq!(judge("did:example:123#2", Some(&find)), Err(Refusal::Untrusted));
    assert_eq!(judge("did:example:666#1", Some(&find)), Err(Refusal::Certificate));
    assert_eq!(judge("did:example:123#1", None), Err(Refusal::ClientId));
}

#[test]
fn prefixes_that_can_not_be_signed_or_are_unknown_are_refused() {
    let world = World::new();
    let text = world.signed(&world.request());
    assert_eq!(world.verify(&text, "redirect_uri:https://verifier.example/").unwrap_err(), Refusal::Unsigned);
    for client_id in [
        "",
        "origin:https://a.example",
        "openid_federation:https://a.example",
        "plain-client",
        "x509_hash:AA",
    ] {
        assert_eq!(world.verify(&text, client_id).unwrap_err(), Refusal::ClientId, "{client_id}");
    }
}

fn unsigned_form() -> Form {
    Form::default()
        .with("client_id", "redirect_uri:https://client.example.org/cb")
        .with("response_type", "vp_token")
        .with("response_mode", "direct_post")
        .with("nonce", "n-0S6_WzA2Mj")
        .with("dcql_query", &query().to_string())
}

#[test]
fn an_unsigned_request_is_shown_only_where_allowed_and_answered_only_at_its_own_name() {
    let judge = |form: &Form, allow_unsigned| {
        let expected = Expected {
            fetched: Fetched::default(),
            anchors: &[],
            did_key: None,
            audience: None,
            transaction_types: &[],
            allow_unsigned,
            now: NOW,
        };
        VerifiedRequest::from_unsigned(form, &expected)
    };
    let verified = judge(&unsigned_form(), true).unwrap();
    assert_eq!(verified.response_uri(), "https://client.example.org/cb");
    assert!(matches!(verified.verifier(), Verifier::Unproven));
    assert_eq!(judge(&unsigned_form(), false).unwrap_err(), Refusal::Unsigned);
    let elsewhere = unsigned_form().with("response_uri", "https://evil.example/");
    assert_eq!(judge(&elsewhere, true).unwrap_err(), Refusal::ResponseUri);
    let certified = Form::default().with("client_id", "x509_san_dns:client.example.org");
    assert_eq!(judge(&certified, true).unwrap_err(), Refusal::Unsigned);
}

#[test]
fn client_identifiers_read_back_and_keep_their_prefix() {
    // The example of §5.9.3.
    let hash = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";
    for text in [
        hash,
        "x509_san_dns:client.example.org",
        "decentralized_identifier:did:example:123",
        "redirect_uri:https://client.example.org/cb",
        "example-client",
        "unknown_prefix:x",
    ] {
        assert_eq!(ClientId::parse(text).unwrap().to_string(), text);
    }
    for text in [
        "x509_san_dns:",
        "x509_san_dns:a..b",
        "x509_san_dns:-a.example",
        "x509_san_dns:a b",
        "redirect_uri:x",
    ] {
        assert_eq!(ClientId::parse(text), None, "{text}");
    }
    assert_eq!(ClientId::parse(&"a".repeat(2000)), None);
}

// Links.

#[test]
fn presentation_links_of_every_scheme_are_read() {
    let query = "client_id=x509_san_dns%3Aclient.example.org&request_uri=https%3A%2F%2Fclient.example.org%2F567545564";
    for scheme in [
        "openid4vp://",
        "openid4vp://authorize",
        "haip-vp://",
        "eudi-openid4vp://",
        "https://wallet.example.com",
    ] {
        let link = RequestLink::parse(&format!("{scheme}?{query}")).unwrap();
        let RequestLink::ByReference { client_id, request_uri, method } = &link else { panic!("{link:?}") };
        assert_eq!(client_id, "x509_san_dns:client.example.org");
        assert_eq!(request_uri, "https://client.example.org/567545564");
        assert_eq!(*method, FetchMethod::Get);
        assert_eq!(RequestLink::parse(&link.to_link("openid4vp")).unwrap(), link);
        assert_eq!(RequestLink::parse(&link.to_link("https://wallet.example.com/open")).unwrap(), link);
    }
    let post = RequestLink::parse(&format!("openid4vp://?{query}&request_uri_method=post")).unwrap();
    assert!(matches!(post, RequestLink::ByReference { method: FetchMethod::Post, .. }));
    assert_eq!(RequestLink::parse(&post.to_link("haip-vp")).unwrap(), post);
}

#[test]
fn broken_presentation_links_have_their_code() {
    let code = |link: &str| RequestLink::parse(link).unwrap_err().error;
    let uri = "request_uri=https%3A%2F%2Fa.example%2F";
    assert_eq!(code(""), Code::InvalidRequest);
    assert_eq!(code("openid-credential-offer://?client_id=a"), Code::InvalidRequest);
    assert_eq!(code(&format!("openid4vp://?{uri}")), Code::InvalidRequest);
    assert_eq!(code(&format!("openid4vp://?client_id=a&client_id=b&{uri}")), Code::InvalidRequest);
    assert_eq!(code(&format!("openid4vp://?client_id=a&{uri}&request=x.y.z")), Code::InvalidRequest);
    assert_eq!(code("openid4vp://?client_id=a&request_uri=http%3A%2F%2Fa.example%2F"), Code::InvalidRequest);
    assert_eq!(
        code(&format!("openid4vp://?client_id=a&{uri}&request_uri_method=POST")),
        Code::InvalidRequestUriMethod
    );
    assert_eq!(code("openid4vp://?client_id=a&request_uri_method=post"), Code::InvalidRequest);
    assert_eq!(code(&format!("openid4vp://?client_id=a&{uri}{}", "x".repeat(70_000))), Code::InvalidRequest);
    assert_eq!(code("http://wallet.example/?client_id=a"), Code::InvalidRequest);
}

#[test]
fn a_post_fetch_carries_a_nonce_that_the_verifier_reads() {
    let nonce = FetchMethod::fresh_wallet_nonce();
    let body = FetchMethod::post_body(&nonce);
    assert_eq!(FetchMethod::read_wallet_nonce(body.as_bytes()).unwrap(), Some(nonce));
    assert_eq!(FetchMethod::read_wallet_nonce(b"").unwrap(), None);
    let long = format!("wallet_nonce={}", "x".repeat(600));
    for bad in ["wallet_nonce=a%20b", "wallet_nonce=%EB%A7%88", "wallet_nonce=a&wallet_nonce=a", &long] {
        assert_eq!(
            FetchMethod::read_wallet_nonce(bad.as_bytes()).unwrap_err().error,
            Code::InvalidRequest,
            "{bad:.40}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic(text in "\\PC{0,300}") {
        let _ = RequestLink::parse(&text);
        let _ = Response::parse(text.as_bytes());
        let _ = ClientId::parse(&text);
        let _ = TransactionData::parse(&text);
        let _ = Acknowledgement::parse(text.as_bytes());
    }

    #[test]
    fn links_read_back(client in "\\PC{1,40}", path in "[a-zA-Z0-9/?&=%.-]{0,40}", post: bool) {
        prop_assume!(!client.is_empty());
        let method = if post { FetchMethod::Post } else { FetchMethod::Get };
        let request_uri = format!("https://verifier.example/{path}");
        let link = RequestLink::ByReference { client_id: client, request_uri, method };
        prop_assert_eq!(RequestLink::parse(&link.to_link("openid4vp")).unwrap(), link);
    }
}

#[test]
fn the_test_signer_signs_what_it_says() {
    let world = World::new();
    assert_eq!(Signer::public_key(&world.signer), Certificate::parse(&world.chain[0]).unwrap().public_key());
}
