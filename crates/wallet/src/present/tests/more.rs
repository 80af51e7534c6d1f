//! Pages that ask through the browser, verifiers known by a DID, and several credentials at once.

use keys::SecretKey;
use openid::vp::{APPROVE, ClientMetadata, DcProtocol, Signing, TransactionData, VpToken};

use super::*;

const PAGE: &str = "https://verifier.example";

impl Stage {
    fn ask_as_page(
        &mut self,
        protocol: DcProtocol,
        data: &serde_json::Value,
        origin: &str,
    ) -> Result<Asked, PresentError> {
        run(self.wallet.ask_from_page(protocol, data, origin, Policy::default()))
    }

    fn page_object(&self, signed: bool) -> RequestObject {
        let client_id = openid::vp::ClientId::parse(&self.verifier.certified.client_id()).unwrap();
        let origins = [PAGE.to_owned()];
        let client = signed.then_some((&client_id, origins.as_slice()));
        let nonce = keys::random::token();
        let mut object = RequestObject::dc_api(client, &nonce, query(&["name"]));
        object.client_metadata =
            Some(ClientMetadata::encrypted_to(self.verifier.encryption.public_key(), "k-1"));
        object
    }

    /// The presentations in an answer to this verifier.
    fn opened(&self, answer: VpResponse) -> VpToken {
        let VpResponse::Encrypted(encrypted) = answer else { panic!("{answer:?}") };
        encrypted.open(&self.verifier.encryption).unwrap().vp_token
    }

    fn posted(&self) -> VpToken {
        let body = self.answers.borrow().last().unwrap().clone();
        self.opened(VpResponse::parse(&body).unwrap())
    }
}

fn bound(presentation: &str) -> credential::sd_jwt::KeyBindingClaims {
    let token = SdJwt::parse(presentation).unwrap();
    let jwk: keys::Jwk = serde_json::from_value(token.dangerous_claims()["cnf"]["jwk"].clone()).unwrap();
    token.check_key_binding(&keys::PublicKey::from_jwk(&jwk).unwrap()).unwrap()
}

#[test]
fn a_page_gets_its_answer_back_bound_to_its_origin_and_nothing_is_sent() {
    let mut stage = Stage::new();
    for signed in [true, false] {
        let object = stage.page_object(signed);
        let (protocol, data) = if signed {
            (DcProtocol::Signed, json!({ "request": stage.verifier.sign(&object) }))
        } else {
            (DcProtocol::Unsigned, serde_json::to_value(&object).unwrap())
        };
        let before = stage.world.asked("");
        let asked = stage.ask_as_page(protocol, &data, PAGE).unwrap();
        let requester = &asked.consent().requester;
        let name = if signed { "예시 기관" } else { PAGE };
        assert_eq!((requester.name.as_str(), requester.verified), (name, true));
        assert_eq!(requester.origin, PAGE);
        let answered = stage.answer(&asked, Choice::default()).unwrap();
        let data = answered.data.unwrap().to_string();
        let token = stage.opened(VpResponse::from_page(data.as_bytes()).unwrap());
        let bound = bound(&token.get("badge")[0]);
        assert_eq!((bound.aud.as_str(), bound.nonce), ("origin:https://verifier.example", object.nonce));
        assert_eq!(stage.world.asked(""), before, "nothing was fetched and nothing posted");
        let again = stage.answer(&asked, Choice::default()).unwrap_err();
        assert_eq!(again, PresentError::AlreadyAnswered);
    }
    assert_eq!(stage.unused(), 1, "a copy for each");
}

#[test]
fn another_page_that_replays_a_signed_request_gets_nothing() {
    let mut stage = Stage::new();
    let data = json!({ "request": stage.verifier.sign(&stage.page_object(true)) });
    let elsewhere = stage.ask_as_page(DcProtocol::Signed, &data, "https://evil.example");
    assert_eq!(elsewhere.unwrap_err().code(), "request_origin");
    // Sent by a link it is no request either, and one for a link is none of a page.
    let text = data["request"].as_str().unwrap().to_owned();
    stage.serve(move |_| text.clone());
    assert_eq!(stage.ask().unwrap_err().code(), "request_response_uri");
    let object = stage.verifier.object(query(&["name"]));
    let data = json!({ "request": stage.verifier.sign(&object) });
    assert_eq!(stage.ask_as_page(DcProtocol::Signed, &data, PAGE).unwrap_err().code(), "request_origin");
    assert_eq!(stage.unused(), 3);
}

#[test]
fn a_page_is_told_of_a_no_by_the_browser() {
    let mut stage = Stage::new();
    let data = serde_json::to_value(stage.page_object(false)).unwrap();
    let asked = stage.ask_as_page(DcProtocol::Unsigned, &data, PAGE).unwrap();
    let before = stage.world.asked("");
    run(stage.wallet.decline(&asked)).unwrap();
    assert_eq!(asked.declined(), json!({ "error": "access_denied" }));
    assert_eq!((stage.world.asked(""), stage.unused()), (before, 3));
}

#[test]
fn a_login_never_comes_from_a_page() {
    let mut stage = Stage::new();
    let mut object = stage.page_object(true);
    object.dcql_query = Some(query(&["link_id"]));
    let data = json!({ "request": stage.verifier.sign(&object) });
    assert_eq!(stage.ask_as_page(DcProtocol::Signed, &data, PAGE).unwrap_err().code(), "claim_reserved");
}

#[test]
fn a_verifier_named_by_a_did_is_known_by_the_key_in_its_document() {
    let mut stage = Stage::new();
    let key = SecretKey::generate();
    let jwk = key.public_key().to_jwk().to_value();
    let document = json!({ "id": "did:web:verifier.example", "verificationMethod": [
        { "id": "#1", "type": "JsonWebKey", "controller": "did:web:verifier.example", "publicKeyJwk": jwk }] });
    let mut ask = |did: &str, kid: &str, hosts: &[&str]| {
        let client_id = format!("decentralized_identifier:{did}");
        let mut object = stage.verifier.object(query(&["name"]));
        object.client_id = Some(client_id.clone());
        object.nonce = keys::random::token();
        let text = object.sign(&key, Signing::DidUrl(kid)).unwrap();
        let document = document.to_string();
        stage.world.answer_with(move |request| {
            let body = if request.url.ends_with("/did.json") { document.clone() } else { text.clone() };
            Ok(Response { status: 200, headers: vec![], body: body.into_bytes() })
        });
        let form = openid::form::Form::default()
            .with("client_id", &client_id)
            .with("request_uri", "https://verifier.example/request");
        let policy = Policy { did_hosts: hosts, ..Policy::default() };
        run(stage.wallet.ask(&format!("openid4vp://?{}", form.encode()), policy))
            .map(|asked| (asked.consent().requester.name.clone(), asked.consent().requester.verified))
            .map_err(|error| error.code().to_owned())
    };
    let web = "did:web:verifier.example";
    let (first, hosts) = (format!("{web}#1"), ["verifier.example"]);
    let untrusted = || Err("request_untrusted".to_owned());
    assert_eq!(ask(web, &first, &hosts), Ok((web.to_owned(), true)));
    assert_eq!(ask(web, &first, &[]), untrusted(), "a host that nobody allowed");
    assert_eq!(ask(web, &format!("{web}#2"), &hosts), untrusted(), "a key that is not in it");
    let own = format!("did:jwk:{}", keys::encoding::b64url_encode(jwk.to_string().as_bytes()));
    assert_eq!(ask(&own, &format!("{own}#0"), &[]), Ok((own.clone(), false)), "nobody vouches for a key");
    let mapae = "did:mapae:testnet:1741000";
    assert_eq!(ask(mapae, &format!("{mapae}#1"), &[]), untrusted(), "no resolver is known");
}

#[test]
fn of_two_credentials_that_may_authorize_a_transaction_one_does() {
    let mut stage = Stage::new();
    let mut dcql = query(&["name"]);
    let mut second = dcql["credentials"][0].clone();
    second["id"] = "second".into();
    dcql["credentials"].as_array_mut().unwrap().push(second);
    let members = serde_json::Map::from_iter([("title".to_owned(), json!("예시 결재"))]);
    let data = TransactionData::new(APPROVE, &["second", "badge"], members);
    let mut object = stage.verifier.object(dcql);
    object.transaction_data = Some(vec![data.encoded().to_owned()]);
    stage.serve_object(&object);
    let policy = Policy { transaction_types: &[APPROVE], ..Policy::default() };
    let asked = run(stage.wallet.ask(&stage.verifier.link(false), policy)).unwrap();
    stage.answer(&asked, Choice::default()).unwrap();
    let token = stage.posted();
    let hashes = ["badge", "second"].map(|id| bound(&token.get(id)[0]).transaction_data_hashes.len());
    assert_eq!(hashes, [1, 0]);
}

#[test]
fn several_credentials_for_one_query_only_where_the_verifier_takes_them() {
    let mut stage = Stage::new();
    run(stage.wallet.update(|state| {
        let mut other = state.holdings[0].clone();
        other.id = "other".to_owned();
        other.copies.drain(..1);
        state.holdings[0].copies.truncate(1);
        state.holdings.push(other);
    }))
    .unwrap();
    let held: Vec<String> = stage.wallet.state().holdings.iter().map(|holding| holding.id.clone()).collect();
    let both: Vec<(String, String)> = held.iter().map(|id| ("badge".to_owned(), id.clone())).collect();
    let mut ask = |multiple: bool, holdings: &[(String, String)]| {
        let mut dcql = query(&["name"]);
        dcql["credentials"][0]["multiple"] = multiple.into();
        let mut object = stage.verifier.object(dcql);
        object.nonce = keys::random::token();
        stage.serve_object(&object);
        let asked = stage.ask().unwrap();
        let answered = stage.answer(&asked, Choice { holdings, allow_reuse: true, ..Choice::default() });
        answered.map(|_| stage.posted().get("badge").len())
    };
    assert_eq!(ask(true, &both), Ok(2));
    assert_eq!(ask(true, &[]), Ok(1), "one is enough unless the person wants more");
    assert_eq!(ask(false, &both), Err(PresentError::Choice));
    let twice = [both[0].clone(), both[0].clone()];
    assert_eq!(ask(true, &twice), Err(PresentError::Choice));
}

#[test]
fn for_whom_a_verifier_asks_is_believed_from_our_own_provider_alone() {
    let mut stage = Stage::new();
    let mut object = stage.verifier.object(query(&["name"]));
    object
        .extra
        .insert(openid::vp::PARTY.to_owned(), json!({ "name_ko": "청와대", "name_en": "Blue House" }));
    stage.serve_object(&object);
    let asked = stage.ask().unwrap();
    assert_eq!(asked.consent().requester.party, None, "a stranger may say what it likes");
    assert_eq!(asked.consent().requester.name, "예시 기관");
}

#[test]
fn agreement_is_recalled_for_the_same_origin_and_no_more_than_was_told_there() {
    let mut stage = Stage::new();
    let at = |origin: &str, remembered| Login {
        name_ko: "예시 메일".into(),
        name_en: "Example Mail".into(),
        origin: origin.into(),
        place: None,
        number_digits: 2,
        level: openid::approval::Level::Base,
        remembered,
    };
    let told = stage.ask_for(&["name"]).unwrap();
    let mut consent = told.consent().clone();
    let recalled = |stage: &Stage, consent: &mut Consent, origin: &str, allowed: bool| {
        consent.login = Some(at(origin, allowed));
        stage.wallet.recall(consent);
        consent.login.as_ref().unwrap().remembered
    };
    assert!(!recalled(&stage, &mut consent, "https://mail.example", true), "never told before");
    let act = Act::Presented {
        claims: vec!["name".into()],
        reused_copy: false,
        login: true,
        origin: Some("https://mail.example".into()),
    };
    let record = stage.wallet.usage_record("예시 메일", true, act);
    run(stage.wallet.remember(record)).unwrap();
    assert!(recalled(&stage, &mut consent, "https://mail.example", true));
    assert!(!recalled(&stage, &mut consent, "https://mail.example", false), "its provider does not allow it");
    assert!(!recalled(&stage, &mut consent, "https://other.example", true));
    let mut more = stage.ask_for(&["name", "rank"]).unwrap().consent().clone();
    assert!(!recalled(&stage, &mut more, "https://mail.example", true), "more than was told before");
}
