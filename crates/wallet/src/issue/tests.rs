use std::cell::RefCell;
use std::rc::Rc;

use credential::sd_jwt::SdJwt;
use keys::x509::Kind;
use openid::metadata::MetadataError;

use super::*;
use crate::fixture::{Certified, FakeIssuer, Fault, World, phone, reopened, run};
use crate::ports::{HttpError, Response};
use crate::usage::Act;

type Shared = Rc<RefCell<FakeIssuer>>;

fn world(issuer: FakeIssuer) -> (Shared, World, Wallet<World>) {
    let issuer = issuer.shared();
    let server = Rc::clone(&issuer);
    let world = World::new(move |request| server.borrow_mut().answer(request));
    let wallet = phone(&world, &issuer.borrow().certified.root);
    (issuer, world, wallet)
}

fn receive(wallet: &mut Wallet<World>, issuer: &Shared) -> Result<Received, IssueError> {
    let offer = issuer.borrow().offer();
    run(wallet.receive(&offer, Options::default()))
}

#[test]
fn a_batch_comes_verified_and_is_there_after_a_restart() {
    let (issuer, world, mut wallet) = world(FakeIssuer::new());
    let received = receive(&mut wallet, &issuer).unwrap();
    assert_eq!(received.copies, 3);
    assert_eq!(issuer.borrow().notified, ["credential_accepted"]);

    let wallet = reopened(&world);
    let held = &wallet.state().holdings[0];
    assert_eq!((held.copies.len(), held.unused(crate::fixture::NOW)), (3, 3));
    assert!(wallet.state().issuing.is_none());
    assert!(matches!(wallet.state().usage.last().unwrap().act, Act::Received { copies: 3, .. }));
    assert_eq!(world.keys().alive(), 3, "the DPoP key is gone, the holder keys are there");
    let mut holders: Vec<String> = held
        .copies
        .iter()
        .map(|copy| SdJwt::parse(&copy.credential).unwrap().dangerous_claims()["cnf"].to_string())
        .collect();
    holders.dedup();
    assert_eq!(holders.len(), 3, "each copy has a key of its own");
}

#[test]
fn what_does_not_verify_is_not_stored() {
    for (fault, code) in [
        (Fault::ForeignKey, "holder_binding_signature"),
        (Fault::Tampered, "issuer_signature"),
        (Fault::OtherType, "wrong_type"),
        (Fault::Expired, "expired"),
        (Fault::TooMany, "issuer_protocol"),
    ] {
        let (issuer, world, mut wallet) = world(FakeIssuer { fault, ..FakeIssuer::new() });
        let refused = receive(&mut wallet, &issuer).unwrap_err();
        assert_eq!(refused.code(), code, "{fault:?}");
        assert!(wallet.state().holdings.is_empty(), "{fault:?}");
        assert!(wallet.state().issuing.is_none(), "{fault:?}: going on is useless");
        assert_eq!(issuer.borrow().notified, ["credential_failure"], "{fault:?}");
        assert_eq!(world.keys().alive(), 0, "{fault:?}: no key stays behind");
    }
}

#[test]
fn an_issuer_under_an_unknown_root_is_refused() {
    let (issuer, world, _) = world(FakeIssuer::new());
    let other = Certified::new(Kind::Issuer);
    *world.storage().blob_mut() = None;
    let mut wallet = phone(&world, &other.root);
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "issuer_chain");
    assert!(wallet.state().holdings.is_empty());
}

#[test]
fn an_id_beside_the_badge_never_takes_the_place_of_the_badge() {
    let (issuer, _, mut wallet) = world(FakeIssuer::new());
    receive(&mut wallet, &issuer).unwrap();
    let badge = wallet.state().holdings[0].clone();
    let other = Holding {
        id: "other".to_owned(),
        configuration: "example-honorary".to_owned(),
        vct: "https://issuer.example/types/example-honorary".to_owned(),
        ..badge.clone()
    };
    let held = |holdings: Vec<Holding>| {
        let state = crate::state::State { holdings, ..crate::state::State::default() };
        state.card().map(|card| card.configuration.clone())
    };
    assert_eq!(held(vec![other.clone(), badge]).as_deref(), Some("badge"));
    assert_eq!(held(vec![other]).as_deref(), Some("example-honorary"), "an ID alone is shown as what it is");
}

#[test]
fn a_wallet_without_a_root_sends_no_code_at_all() {
    let (issuer, world, _) = world(FakeIssuer::new());
    *world.storage().blob_mut() = None;
    let key = crate::vault::VaultKey::generate();
    let mut wallet = run(Wallet::create(world.clone(), key, vec![])).unwrap();
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err(), IssueError::NoTrust);
    assert_eq!(world.asked("/token"), 0);
}

#[test]
fn metadata_of_another_issuer_and_oversized_metadata_are_refused() {
    let (issuer, world, mut wallet) =
        world(FakeIssuer { fault: Fault::ForeignMetadata, ..FakeIssuer::new() });
    assert_eq!(
        receive(&mut wallet, &issuer).unwrap_err(),
        IssueError::Metadata(MetadataError::ForeignIssuer)
    );
    issuer.borrow_mut().fault = Fault::Oversized;
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err(), IssueError::Http(HttpError::TooLarge));
    assert_eq!(world.asked("/token"), 0);
}

#[test]
fn a_code_is_asked_for_and_a_wrong_one_said_to_be_wrong() {
    let (issuer, world, mut wallet) = world(FakeIssuer { tx_code: Some("4711"), ..FakeIssuer::new() });
    let offer = issuer.borrow().offer();
    let with = |wallet: &mut Wallet<World>, code| {
        run(wallet.receive(&offer, Options { tx_code: code, ..Options::default() }))
    };
    assert!(matches!(with(&mut wallet, None).unwrap_err(), IssueError::TxCodeNeeded { length: Some(4), .. }));
    assert_eq!(with(&mut wallet, Some("47a1")).unwrap_err().code(), "tx_code_form");
    assert_eq!(world.asked("/token"), 0, "a code of the wrong form is not sent: each costs a try");
    assert_eq!(with(&mut wallet, Some("0000")).unwrap_err(), IssueError::TxCodeWrong { tries_left: None });
    assert_eq!(with(&mut wallet, Some("4711")).unwrap().copies, 3);
}

#[test]
fn a_dpop_nonce_is_taken_up_at_both_servers() {
    let (issuer, world, mut wallet) = world(FakeIssuer { dpop_nonces: 1, ..FakeIssuer::new() });
    receive(&mut wallet, &issuer).unwrap();
    assert_eq!(world.asked("/token"), 2);
}

#[test]
fn a_server_that_always_wants_another_nonce_is_given_up() {
    let (issuer, world, mut wallet) = world(FakeIssuer { dpop_nonces: 1_000, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "use_dpop_nonce");
    assert_eq!(world.asked("/token"), 3);
}

#[test]
fn a_stale_nonce_is_replaced_a_bounded_number_of_times() {
    let (issuer, world, mut wallet) = world(FakeIssuer { stale_nonces: 2, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap().copies, 3);
    assert_eq!(world.asked("/credential"), 3);

    let (issuer, world, mut wallet) = self::world(FakeIssuer { stale_nonces: 1_000, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "invalid_nonce");
    assert_eq!(world.asked("/credential"), 3);
}

#[test]
fn a_lost_token_answer_is_asked_for_again_with_the_same_key_after_a_restart() {
    let (issuer, world, mut wallet) = world(FakeIssuer { lose_token: true, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "answer_lost");
    drop(wallet);
    let mut wallet = reopened(&world);
    assert_eq!(run(wallet.resume_issuing(None)).unwrap().unwrap().copies, 3);
}

#[test]
fn a_lost_credential_answer_loses_neither_token_nor_keys() {
    let (issuer, world, mut wallet) = world(FakeIssuer { lose_credential: 2, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "answer_lost");
    let keys = world.keys().alive();
    drop(wallet);
    let mut wallet = reopened(&world);
    assert_eq!(run(wallet.resume_issuing(None)).unwrap_err().code(), "answer_lost");
    assert_eq!(run(wallet.resume_issuing(None)).unwrap().unwrap().copies, 3);
    assert_eq!(world.asked("/token"), 1);
    assert_eq!(world.keys().alive(), keys - 1, "the same holder keys, and no DPoP key any more");
}

#[test]
fn an_issuance_that_is_put_off_is_asked_for_when_its_time_has_come() {
    let (issuer, world, mut wallet) = world(FakeIssuer { deferred: true, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err(), IssueError::Later { seconds: 60 });
    drop(wallet);
    let mut wallet = reopened(&world);
    world.wait(59);
    assert_eq!(run(wallet.resume_issuing(None)).unwrap_err(), IssueError::Later { seconds: 1 });
    assert_eq!(world.asked("/deferred"), 0);
    world.wait(1);
    issuer.borrow_mut().now += 60;
    assert_eq!(run(wallet.resume_issuing(None)).unwrap().unwrap().copies, 3);
    assert_eq!((world.asked("/deferred"), world.asked("/credential")), (1, 1));
}

const BACK: &str = "http://127.0.0.1:4711/signed-in";

/// A phone whose browser is on its way.
fn signing_in(issuer: FakeIssuer) -> (Shared, World, Wallet<World>) {
    let (issuer, world, mut wallet) = world(FakeIssuer { sign_in: true, ..issuer });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err(), IssueError::SignInNeeded);
    let url = run(wallet.sign_in(BACK)).unwrap();
    assert_eq!(
        url,
        "https://issuer.example/authorize?client_id=mapae-wallet&\
         request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A1"
    );
    (issuer, world, wallet)
}

#[test]
fn an_offer_without_a_code_goes_over_the_browser_even_through_a_restart() {
    let (issuer, world, wallet) = signing_in(FakeIssuer::new());
    assert_eq!(world.asked("/token"), 0);
    drop(wallet);
    let mut wallet = reopened(&world);
    let address = issuer.borrow().agree();
    assert_eq!(run(wallet.signed_in(&address)).unwrap().copies, 3);
    assert_eq!((world.asked("/par"), world.asked("/token")), (1, 1));
    assert!(wallet.state().issuing.is_none());
    assert_eq!(world.keys().alive(), 3, "the DPoP key is gone, the holder keys are there");
    assert_eq!(run(wallet.signed_in(&address)).unwrap_err(), IssueError::NoOffer, "an answer counts once");
}

#[test]
fn an_answer_to_another_request_changes_nothing_and_ours_still_counts() {
    let (issuer, world, mut wallet) = signing_in(FakeIssuer::new());
    let address = issuer.borrow().agree();
    for foreign in [
        address.replace("issuer.example", "evil.example"),
        address.replace("state=", "state=x"),
        address.replace("127.0.0.1:4711", "127.0.0.1:4712"),
        address.replace("code=code-1&", ""),
        "x".repeat(20_000),
    ] {
        assert_eq!(run(wallet.signed_in(&foreign)).unwrap_err().code(), "issuer_protocol", "{foreign}");
    }
    assert_eq!(world.asked("/token"), 0);
    assert_eq!(run(wallet.signed_in(&address)).unwrap().copies, 3);
}

#[test]
fn whoever_says_no_in_the_browser_is_believed_and_no_key_stays_behind() {
    let (issuer, world, mut wallet) = signing_in(FakeIssuer::new());
    let denied = openid::OAuthError::new(openid::Code::AccessDenied, "");
    let address = issuer.borrow().pushed.as_ref().unwrap().failure(&denied, crate::fixture::ISS);
    let refused = run(wallet.signed_in(&address)).unwrap_err();
    assert_eq!(refused, IssueError::Refused { status: 400, code: "access_denied".to_owned() });
    assert!(wallet.state().issuing.is_none());
    assert_eq!(world.keys().alive(), 0);
}

#[test]
fn a_sign_in_that_was_begun_anew_forgets_the_earlier_one() {
    let (issuer, _, mut wallet) = signing_in(FakeIssuer::new());
    let earlier = issuer.borrow().agree();
    run(wallet.sign_in(BACK)).unwrap();
    assert_eq!(run(wallet.signed_in(&earlier)).unwrap_err().code(), "issuer_protocol");
    let address = issuer.borrow().agree();
    assert_eq!(run(wallet.signed_in(&address)).unwrap().copies, 3);
}

#[test]
fn a_batch_that_is_put_off_for_longer_than_its_token_is_got_by_the_refresh_token() {
    let (issuer, world, mut wallet) = signing_in(FakeIssuer { deferred: true, ..FakeIssuer::new() });
    let address = issuer.borrow().agree();
    assert_eq!(run(wallet.signed_in(&address)).unwrap_err(), IssueError::Later { seconds: 60 });
    drop(wallet);
    let mut wallet = reopened(&world);
    world.wait(3_600);
    issuer.borrow_mut().now += 3_600;
    assert_eq!(run(wallet.resume_issuing(None)).unwrap().unwrap().copies, 3);
    assert_eq!((world.asked("/token"), world.asked("/deferred")), (2, 1));
}

#[test]
fn where_encryption_is_demanded_requests_and_responses_are_encrypted_deferred_ones_too() {
    let key = || Some(keys::SecretKey::generate());
    let (issuer, _, mut wallet) = world(FakeIssuer { encryption: key(), ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap().copies, 3);
    let (issuer, world, mut wallet) =
        world(FakeIssuer { encryption: key(), deferred: true, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err(), IssueError::Later { seconds: 60 });
    world.wait(60);
    issuer.borrow_mut().now += 60;
    assert_eq!(run(wallet.resume_issuing(None)).unwrap().unwrap().copies, 3);
}

#[test]
fn a_phone_without_a_provider_sends_no_code_where_wallets_have_to_be_attested() {
    let (issuer, world, mut wallet) = world(FakeIssuer { attested: true, ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "not_enrolled");
    assert_eq!(world.asked("/token"), 0);
}

#[test]
fn a_second_batch_joins_the_first_and_new_facts_replace_the_old() {
    let (issuer, world, mut wallet) = world(FakeIssuer::new());
    receive(&mut wallet, &issuer).unwrap();
    receive(&mut wallet, &issuer).expect_err("the code is spent by another key");
    let again = |name| {
        let mut fresh = FakeIssuer { name, ..FakeIssuer::new() };
        std::mem::swap(&mut fresh.certified, &mut issuer.borrow_mut().certified);
        *issuer.borrow_mut() = fresh;
    };
    again("예시 한 사람");
    receive(&mut wallet, &issuer).unwrap();
    assert_eq!((wallet.state().holdings.len(), wallet.state().holdings[0].copies.len()), (1, 6));
    again("예시 새 이름");
    receive(&mut wallet, &issuer).unwrap();
    assert_eq!((wallet.state().holdings.len(), wallet.state().holdings[0].copies.len()), (1, 3));
    assert_eq!(world.keys().alive(), 3);
}

#[test]
fn copies_do_not_pile_up_without_end() {
    let (issuer, _, mut wallet) = world(FakeIssuer { batch: 30, ..FakeIssuer::new() });
    for _ in 0..4 {
        let mut fresh = FakeIssuer { batch: 30, ..FakeIssuer::new() };
        std::mem::swap(&mut fresh.certified, &mut issuer.borrow_mut().certified);
        *issuer.borrow_mut() = fresh;
        receive(&mut wallet, &issuer).unwrap();
    }
    assert_eq!(wallet.state().holdings[0].copies.len(), MAX_COPIES);
}

#[test]
fn the_types_document_tells_names_and_reserved_claims() {
    let (issuer, _, mut wallet) = world(FakeIssuer::new());
    receive(&mut wallet, &issuer).unwrap();
    let held = &wallet.state().holdings[0];
    let info = held.type_info.as_ref().unwrap();
    assert_eq!(info.name("ko"), Some("예시 공무원증"));
    assert!(is_reserved(held, &ClaimPath::claim("link_id")));
    assert!(!is_reserved(held, &ClaimPath::claim("name")));
}

#[test]
fn a_credential_that_its_own_type_speaks_against_is_not_taken() {
    let (issuer, world, mut wallet) = world(FakeIssuer { demands: "badge_number", ..FakeIssuer::new() });
    let refused = receive(&mut wallet, &issuer).unwrap_err();
    assert_eq!(refused.code(), "issuer_protocol");
    assert!(wallet.state().holdings.is_empty() && wallet.state().issuing.is_none());
    assert_eq!(issuer.borrow().notified, ["credential_failure"]);
    assert_eq!(world.keys().alive(), 0, "no key stays behind");
    // Told in the clear, where the type says that it can be withheld.
    let (issuer, _, mut wallet) = self::world(FakeIssuer { demands: "vct", ..FakeIssuer::new() });
    assert_eq!(receive(&mut wallet, &issuer).unwrap_err().code(), "issuer_protocol");
}

#[test]
fn what_stands_in_an_error_is_no_type_document() {
    for (status, known) in [(404, true), (500, false)] {
        let issuer = FakeIssuer { demands: "badge_number", ..FakeIssuer::new() }.shared();
        let server = Rc::clone(&issuer);
        let world = World::new(move |request| {
            let of_type = request.url.ends_with("/types/badge");
            let answer = server.borrow_mut().answer(request);
            answer.map(|answer| if of_type { Response { status, ..answer } } else { answer })
        });
        let mut wallet = phone(&world, &issuer.borrow().certified.root);
        // The document in it would speak against the copies.
        assert_eq!(receive(&mut wallet, &issuer).unwrap().copies, 3);
        let info = wallet.state().holdings[0].type_info.clone();
        // Where nothing is published nothing is to be known; where the server fails it is asked again before use.
        assert_eq!(info.is_some(), known, "{status}");
        assert!(info.is_none_or(|info| info.rules.is_empty() && info.name("ko").is_none()));
    }
}

#[test]
fn a_type_that_changed_is_learned_anew_before_it_speaks_against_anything() {
    let (issuer, _, mut wallet) = world(FakeIssuer::new());
    receive(&mut wallet, &issuer).unwrap();
    let learned = wallet.state().holdings[0].type_info.clone().unwrap();
    assert_eq!(learned.rules.len(), 2);
    // As if the type had demanded something else when the first copies came.
    let outdated = run(wallet.update(|state| {
        let info = state.holdings[0].type_info.as_mut().unwrap();
        info.rules[1].path = ClaimPath::claim("badge_number");
    }));
    outdated.unwrap();
    let mut fresh = FakeIssuer::new();
    std::mem::swap(&mut fresh.certified, &mut issuer.borrow_mut().certified);
    *issuer.borrow_mut() = fresh;
    receive(&mut wallet, &issuer).unwrap();
    assert_eq!(wallet.state().holdings[0].type_info.as_ref(), Some(&learned));
    assert_eq!(wallet.state().holdings[0].copies.len(), 6);
}

#[test]
fn foreign_texts_are_no_offers() {
    let (_, world, mut wallet) = world(FakeIssuer::new());
    for text in ["", "hello", "openid4vp://?client_id=x", "http://evil.example/?credential_offer=%7B%7D"] {
        assert_eq!(
            run(wallet.receive(text, Options::default())).unwrap_err().code(),
            "offer_malformed",
            "{text}"
        );
    }
    assert_eq!(world.http().asked.borrow().len(), 0);
}
