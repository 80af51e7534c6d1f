mod in_person;
mod more;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use credential::sd_jwt::SdJwt;
use keys::x509::Kind;
use openid::vp::{RequestObject, Response as VpResponse};
use serde_json::json;

use super::*;
use crate::Wallet;
use crate::fixture::{
    Certified, FakeIssuer, FakeVerifier, NOW, REQUEST_NONCE, World, json_answer, phone, query, reopened, run,
};
use crate::issue::Options;
use crate::ports::{HttpError, Method, Request, Response};
use crate::usage::Act;

/// What the verifier does with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    It,
    Nothing,
    Lost,
    Unreachable,
}

struct Stage {
    verifier: Rc<FakeVerifier>,
    world: World,
    wallet: Wallet<World>,
    answers: Rc<RefCell<Vec<Vec<u8>>>>,
    takes: Rc<Cell<Takes>>,
}

impl Stage {
    /// A phone with three copies, and a verifier below the same root.
    fn new() -> Stage {
        let issuer = FakeIssuer::new().shared();
        let server = Rc::clone(&issuer);
        let world = World::new(move |request| server.borrow_mut().answer(request));
        let mut wallet = phone(&world, &issuer.borrow().certified.root);
        let offer = issuer.borrow().offer();
        run(wallet.receive(&offer, Options::default())).unwrap();
        let certified = issuer.borrow().certified.beside(Kind::Verifier, NOW + 86_400 * 30);
        Stage {
            verifier: Rc::new(FakeVerifier::new(certified)),
            world,
            wallet,
            answers: Rc::default(),
            takes: Rc::new(Cell::new(Takes::It)),
        }
    }

    /// Serves this text as the request object, and takes answers.
    fn serve(&self, text: impl Fn(&Request) -> String + 'static) {
        let (answers, takes) = (Rc::clone(&self.answers), Rc::clone(&self.takes));
        self.world.answer_with(move |request| {
            if request.url.ends_with("/request") {
                return Ok(Response { status: 200, headers: vec![], body: text(request).into_bytes() });
            }
            assert!(request.url.ends_with("/response") && request.method == Method::Post, "{}", request.url);
            if takes.get() == Takes::Unreachable {
                return Err(HttpError::Unreachable);
            }
            answers.borrow_mut().push(request.body.clone());
            match takes.get() {
                Takes::It => json_answer(
                    200,
                    &json!({ "redirect_uri": "https://verifier.example/done?response_code=c" }),
                ),
                Takes::Nothing => json_answer(403, &json!({ "code": "badge_suspended" })),
                _ => Err(HttpError::AnswerLost),
            }
        });
    }

    fn serve_object(&self, object: &RequestObject) {
        let text = self.verifier.sign(object);
        self.serve(move |_| text.clone());
    }

    fn ask(&mut self) -> Result<Asked, PresentError> {
        run(self.wallet.ask(&self.verifier.link(false), Policy::default()))
    }

    /// Asks for these claims, under a nonce of its own each time.
    fn ask_for(&mut self, claims: &[&str]) -> Result<Asked, PresentError> {
        let mut object = self.verifier.object(query(claims));
        object.nonce = keys::random::token();
        self.serve_object(&object);
        self.ask()
    }

    fn answer(&mut self, asked: &Asked, choice: Choice<'_>) -> Result<Answered, PresentError> {
        run(self.wallet.answer(asked, choice))
    }

    fn unused(&self) -> usize {
        self.wallet.state().holdings[0].unused(NOW)
    }

    /// The one presentation in the last answer.
    fn presented(&self) -> String {
        let body = self.answers.borrow().last().unwrap().clone();
        let VpResponse::Encrypted(encrypted) = VpResponse::parse(&body).unwrap() else {
            panic!("not encrypted")
        };
        let content = encrypted.open(&self.verifier.encryption).unwrap();
        assert_eq!(content.state.as_deref(), Some("state-1"));
        content.vp_token.get("badge")[0].clone()
    }
}

fn error_in(body: &[u8]) -> String {
    match VpResponse::parse(body).unwrap() {
        VpResponse::Error(error) => error.error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_was_asked_for_is_told_bound_to_verifier_and_request() {
    let mut stage = Stage::new();
    stage.serve_object(&stage.verifier.object(query(&["name"])));
    let asked = stage.ask().unwrap();
    let consent = asked.consent();
    assert!(consent.requester.verified);
    assert_eq!(
        (consent.requester.name.as_str(), consent.requester.origin.as_str()),
        ("예시 기관", "https://verifier.example")
    );
    assert_eq!(
        (consent.credentials[0].claims[0].required, &consent.credentials[0].claims[0].value),
        (true, &json!("예시 한 사람"))
    );
    let answered = stage.answer(&asked, Choice::default()).unwrap();
    assert_eq!(answered.claims, ["name"]);
    assert_eq!(answered.redirect_uri.as_deref(), Some("https://verifier.example/done?response_code=c"));

    let token = SdJwt::parse(&stage.presented()).unwrap();
    let claims = token.dangerous_claims().clone();
    assert_eq!(claims["name"], "예시 한 사람");
    assert!(claims.get("rank").is_none() && claims.get("link_id").is_none());
    let jwk: keys::Jwk = serde_json::from_value(claims["cnf"]["jwk"].clone()).unwrap();
    let bound = token.check_key_binding(&keys::PublicKey::from_jwk(&jwk).unwrap()).unwrap();
    assert_eq!((bound.nonce.as_str(), bound.aud), (REQUEST_NONCE, stage.verifier.certified.client_id()));
    let last = stage.wallet.state().usage.last().unwrap();
    assert!(
        last.verified
            && matches!(&last.act, Act::Presented { claims, login: false, .. } if claims == &["name"])
    );
}

#[test]
fn no_two_verifiers_see_the_same_copy_until_the_holder_says_so() {
    let mut stage = Stage::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let asked = stage.ask_for(&["name"]).unwrap();
        stage.answer(&asked, Choice::default()).unwrap();
        seen.push(stage.presented().split('~').next().unwrap().to_owned());
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), stage.unused()), (3, 0));
    let asked = stage.ask_for(&["name"]).unwrap();
    assert_eq!(stage.answer(&asked, Choice::default()).unwrap_err(), PresentError::NoFreshCopy);
    assert_eq!(stage.answers.borrow().len(), 3);
    let again = stage.answer(&asked, Choice { allow_reuse: true, ..Choice::default() }).unwrap();
    assert!(again.reused_copy);
}

#[test]
fn optional_claims_are_off_until_turned_on() {
    let mut stage = Stage::new();
    let mut dcql = query(&["name", "rank"]);
    dcql["credentials"][0]["claim_sets"] = json!([["name", "rank"], ["name"]]);
    let ask = |stage: &mut Stage| {
        let mut object = stage.verifier.object(dcql.clone());
        object.nonce = keys::random::token();
        stage.serve_object(&object);
        stage.ask().unwrap()
    };
    let asked = ask(&mut stage);
    let required: Vec<bool> =
        asked.consent().credentials[0].claims.iter().map(|claim| claim.required).collect();
    assert_eq!(required, [true, false]);
    assert_eq!(stage.answer(&asked, Choice::default()).unwrap().claims, ["name"]);
    let asked = ask(&mut stage);
    let on = ["rank".to_owned()];
    let answered = stage.answer(&asked, Choice { claims: &on, ..Choice::default() }).unwrap();
    assert_eq!(answered.claims, ["name", "rank"]);
}

#[test]
fn a_claim_for_the_login_provider_goes_to_nobody_else() {
    let mut stage = Stage::new();
    assert_eq!(
        stage.ask_for(&["name", "link_id"]).unwrap_err(),
        PresentError::ReservedClaim("link_id".to_owned())
    );
    // Calling oneself a login changes nothing for a verifier that is not our provider.
    let mut object = stage.verifier.object(query(&["link_id"]));
    let login = json!({ "name_ko": "가짜", "name_en": "Fake", "origin": "https://fake.example", "number_digits": 0, "level": "base" });
    object.extra.insert(openid::approval::PARAMETER.to_owned(), login.clone());
    stage.serve_object(&object);
    assert_eq!(stage.ask().unwrap_err().code(), "claim_reserved");
    let mut object = stage.verifier.object(query(&["name"]));
    object.extra.insert(openid::approval::PARAMETER.to_owned(), login);
    stage.serve_object(&object);
    assert_eq!(stage.ask().unwrap().consent().login, None);
}

#[test]
fn a_request_that_does_not_verify_is_not_answered() {
    type Change = fn(&mut RequestObject);
    let changes: [(&str, Change); 7] = [
        ("request_audience", |object| object.aud = Some("https://another-wallet.example".to_owned())),
        ("request_expired", |object| object.exp = Some(NOW - 1)),
        ("request_foreign_client", |object| object.client_id = Some("x509_hash:AAAA".to_owned())),
        ("request_nonce", |object| object.nonce = "short".to_owned()),
        ("request_response_uri", |object| {
            object.response_uri = Some("http://verifier.example/response".to_owned())
        }),
        ("request_encryption_key", |object| object.client_metadata = None),
        ("request_query", |object| object.dcql_query = Some(json!({ "credentials": [] }))),
    ];
    let mut stage = Stage::new();
    for (code, change) in changes {
        let mut object = stage.verifier.object(query(&["name"]));
        change(&mut object);
        stage.serve_object(&object);
        assert_eq!(stage.ask().unwrap_err().code(), code);
    }
    // Two of these faults are the verifier's to hear of (OpenID4VP 1.0 §8.5); nobody got a presentation.
    let heard: Vec<String> = stage.answers.borrow().iter().map(|body| error_in(body)).collect();
    assert_eq!(heard, ["invalid_request", "invalid_request"]);
    assert_eq!(stage.unused(), 3);
}

#[test]
fn a_requester_nobody_vouches_for_is_refused() {
    let mut stage = Stage::new();
    let mut as_verifier = |certified: Certified| {
        stage.verifier = Rc::new(FakeVerifier::new(certified));
        stage.serve_object(&stage.verifier.object(query(&["name"])));
        stage.ask().unwrap_err().code().to_owned()
    };
    assert_eq!(as_verifier(Certified::new(Kind::Verifier)), "request_untrusted", "an unknown root");
    let issuer = FakeIssuer::new();
    assert_eq!(as_verifier(issuer.certified.beside(Kind::Verifier, NOW + 10)), "request_untrusted");
}

#[test]
fn an_expired_certificate_and_one_for_another_purpose_are_refused() {
    let mut stage = Stage::new();
    let known = Rc::clone(&stage.verifier);
    let mut as_verifier = |certified: Certified| {
        stage.verifier = Rc::new(FakeVerifier::new(certified));
        stage.serve_object(&stage.verifier.object(query(&["name"])));
        stage.ask().unwrap_err().code().to_owned()
    };
    assert_eq!(as_verifier(known.certified.beside(Kind::Verifier, NOW - 1)), "request_untrusted");
    assert_eq!(as_verifier(known.certified.beside(Kind::Issuer, NOW + 1_000)), "request_untrusted");
}

#[test]
fn a_request_signed_by_another_key_is_refused() {
    let mut stage = Stage::new();
    let other = FakeVerifier::new(stage.verifier.certified.beside(Kind::Verifier, NOW + 1_000));
    let object = stage.verifier.object(query(&["name"]));
    // The certificate that the client id names, and a signature by somebody else's key.
    let text = object
        .sign(&other.certified.key, openid::vp::Signing::Certificates(&stage.verifier.certified.x5c))
        .unwrap();
    stage.serve(move |_| text.clone());
    assert_eq!(stage.ask().unwrap_err().code(), "request_signature");
    // Its own certificate, under the name of the first.
    let text = other.sign(&object);
    stage.serve(move |_| text.clone());
    assert_eq!(stage.ask().unwrap_err().code(), "request_certificate");
}

#[test]
fn a_replayed_request_does_not_repeat_the_phones_nonce() {
    let mut stage = Stage::new();
    let verifier = Rc::clone(&stage.verifier);
    let recorded: Rc<RefCell<Option<String>>> = Rc::default();
    let kept = Rc::clone(&recorded);
    stage.serve(move |request| {
        let nonce = openid::vp::FetchMethod::read_wallet_nonce(&request.body).unwrap();
        let fresh = || {
            let mut object = verifier.object(query(&["name"]));
            object.wallet_nonce = nonce.clone();
            verifier.sign(&object)
        };
        kept.borrow_mut().get_or_insert_with(fresh).clone()
    });
    let link = stage.verifier.link(true);
    assert!(run(stage.wallet.ask(&link, Policy::default())).is_ok());
    assert_eq!(run(stage.wallet.ask(&link, Policy::default())).unwrap_err().code(), "request_replayed");
    assert!(recorded.borrow().is_some());
}

#[test]
fn a_request_is_answered_once_even_after_a_restart() {
    let mut stage = Stage::new();
    stage.serve_object(&stage.verifier.object(query(&["name"])));
    let asked = stage.ask().unwrap();
    stage.answer(&asked, Choice::default()).unwrap();
    assert_eq!(stage.answer(&asked, Choice::default()).unwrap_err(), PresentError::AlreadyAnswered);
    stage.wallet = reopened(&stage.world);
    assert_eq!(stage.answer(&asked, Choice::default()).unwrap_err(), PresentError::AlreadyAnswered);
    assert_eq!(stage.answers.borrow().len(), 1);
}

#[test]
fn a_copy_counts_as_shown_from_the_moment_before_it_leaves() {
    for takes in [Takes::Lost, Takes::Nothing] {
        let mut stage = Stage::new();
        stage.takes.set(takes);
        let asked = stage.ask_for(&["name"]).unwrap();
        let failed = stage.answer(&asked, Choice::default()).unwrap_err();
        let expected = if takes == Takes::Lost { "answer_lost" } else { "badge_suspended" };
        assert_eq!(failed.code(), expected);
        stage.wallet = reopened(&stage.world);
        assert_eq!(stage.unused(), 2);
        stage.takes.set(Takes::It);
        let asked = stage.ask_for(&["name"]).unwrap();
        stage.answer(&asked, Choice::default()).unwrap();
        let sent = stage.answers.borrow().len();
        assert_eq!((sent, stage.unused()), (2, 1));
    }
}

#[test]
fn where_no_connection_was_made_nothing_counts_as_shown() {
    let mut stage = Stage::new();
    let before = stage.wallet.state().usage.len();
    stage.takes.set(Takes::Unreachable);
    let asked = stage.ask_for(&["name"]).unwrap();
    assert_eq!(stage.answer(&asked, Choice::default()).unwrap_err().code(), "unreachable");
    assert_eq!((stage.unused(), stage.wallet.state().usage.len()), (3, before));
    stage.takes.set(Takes::It);
    stage.answer(&asked, Choice::default()).expect("the same request may be answered now");
}

#[test]
fn what_is_not_held_or_has_expired_is_not_shown() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask_for(&["salary"]).unwrap_err().code(), "no_matching_credential");
    stage.world.wait(8 * 86_400);
    let mut object = stage.verifier.object(query(&["name"]));
    object.iat = None;
    object.exp = None;
    stage.serve_object(&object);
    assert_eq!(stage.ask().unwrap_err(), PresentError::Expired);
}

#[test]
fn transaction_data_is_refused_unless_the_shell_can_show_it_and_then_signed() {
    let mut stage = Stage::new();
    let members = serde_json::Map::from_iter([("amount".to_owned(), json!("1"))]);
    let data = openid::vp::TransactionData::new("urn:example:order", &["badge"], members);
    let mut object = stage.verifier.object(query(&["name"]));
    object.transaction_data = Some(vec![data.encoded().to_owned()]);
    stage.serve_object(&object);
    assert_eq!(stage.ask().unwrap_err().code(), "request_transaction_data");
    assert_eq!(error_in(&stage.answers.borrow()[0]), "invalid_transaction_data");
    let policy = Policy { transaction_types: &["urn:example:order"], ..Policy::default() };
    let asked = run(stage.wallet.ask(&stage.verifier.link(false), policy)).unwrap();
    assert_eq!(asked.consent().transactions[0]["members"]["amount"], "1");
    stage.answer(&asked, Choice::default()).unwrap();
    let token = SdJwt::parse(&stage.presented()).unwrap();
    let jwk: keys::Jwk = serde_json::from_value(token.dangerous_claims()["cnf"]["jwk"].clone()).unwrap();
    let bound = token.check_key_binding(&keys::PublicKey::from_jwk(&jwk).unwrap()).unwrap();
    assert_eq!(bound.transaction_data_hashes, [data.hash()]);
}

#[test]
fn an_unsigned_request_is_not_shown_unless_the_person_wants_to_see_it() {
    let mut stage = Stage::new();
    let form = openid::form::Form::default()
        .with("client_id", "redirect_uri:https://verifier.example/response")
        .with("response_type", "vp_token")
        .with("response_mode", "direct_post")
        .with("nonce", REQUEST_NONCE)
        .with("dcql_query", &query(&["name"]).to_string());
    let link = format!("openid4vp://?{}", form.encode());
    assert_eq!(run(stage.wallet.ask(&link, Policy::default())).unwrap_err().code(), "request_unsigned");
    let policy = Policy { allow_unsigned: true, ..Policy::default() };
    let asked = run(stage.wallet.ask(&link, policy)).unwrap();
    assert!(!asked.consent().requester.verified);
}

#[test]
fn a_no_is_told_and_nothing_else() {
    let mut stage = Stage::new();
    let asked = stage.ask_for(&["name"]).unwrap();
    run(stage.wallet.decline(&asked)).unwrap();
    let body = stage.answers.borrow()[0].clone();
    let VpResponse::Error(error) = VpResponse::parse(&body).unwrap() else { panic!("an answer") };
    assert_eq!((error.error.as_str(), error.state.as_deref()), ("access_denied", Some("state-1")));
    assert_eq!(stage.unused(), 3);
    assert!(matches!(stage.wallet.state().usage.last().unwrap().act, Act::Declined { .. }));
}

#[test]
fn an_oversized_request_object_is_refused() {
    let mut stage = Stage::new();
    stage.serve(|_| "a".repeat(300 * 1024));
    assert_eq!(stage.ask().unwrap_err().code(), "answer_too_large");
    stage.serve(|_| "not.a.jws".to_owned());
    assert_eq!(stage.ask().unwrap_err().code(), "request_malformed");
}
