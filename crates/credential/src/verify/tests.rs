use std::collections::BTreeSet;

use keys::encoding::b64url_encode;
use keys::jws::{Header, sign};
use keys::x509::Kind;
use keys::{SecretKey, sha256};
use serde_json::{Value, json};

use super::*;
use crate::fixture::*;
use crate::sd_jwt::KeyBinding;
use crate::status_list::week::Week;
use crate::trust::{KeyState, TrustList, TrustedRoots};

mod asserted;

fn refused(result: Result<Verified, Refusal>) -> Refusal {
    result.expect_err("refused")
}

/// A payload that verifies, to be broken.
fn payload(world: &World) -> Value {
    let jwk = serde_json::to_value(world.holder.public_key().to_jwk()).unwrap();
    json!({
        "iss": ISS, "vct": VCT, "iat": NOW - 100, "exp": NOW + 100, "cnf": {"jwk": jwk}, "name": "예시온",
        "inst_code": "0000001", "status": {"status_list": {"idx": 77, "uri": LIST}},
    })
}

/// The payload signed by the issuer and presented by the holder.
fn presented(world: &World, payload: &Value) -> String {
    world.present(&raw_token(&world.issuer_key, &world.x5c, payload, &[]))
}

fn with(world: &World, name: &str, value: Value) -> Result<Verified, Refusal> {
    let mut payload = payload(world);
    payload[name] = value;
    world.verify(&presented(world, &payload))
}

fn without(world: &World, name: &str) -> Result<Verified, Refusal> {
    let mut payload = payload(world);
    payload.as_object_mut().unwrap().remove(name);
    world.verify(&presented(world, &payload))
}

#[test]
fn a_good_presentation_says_who_what_when_and_how_fresh() {
    let world = World::new();
    let verified = world.verify(&world.present(&world.badge())).unwrap();
    assert_eq!(verified.issuer.iss.as_deref(), Some(ISS));
    assert_eq!(verified.issuer.name, bilingual("예시부"));
    assert_eq!(verified.issuer.jkt, world.issuer_key.public_key().thumbprint());
    assert_eq!(verified.vct, VCT);
    assert_eq!(verified.claims["name"]["en"], "Sion Ye");
    assert_eq!(verified.claims["inst_code"], "0000001");
    assert!(verified.claims.get("birth_date").is_none());
    assert_eq!(verified.holder.as_ref(), Some(world.holder.public_key()));
    assert_eq!(verified.issued_at, Some(Week::of(NOW).start()));
    assert_eq!(verified.status_claim, Some(StatusClaim { uri: LIST.to_owned(), index: 77 }));
    let fresh = Freshness { status: StatusVerdict::Valid { age: 10 }, trust: 10, holder_binding: Some(2) };
    assert_eq!((verified.freshness, verified.waived.as_slice()), (fresh, [].as_slice()));
}

#[test]
fn a_handmade_token_of_the_same_form_verifies_too() {
    let world = World::new();
    assert!(world.verify(&presented(&world, &payload(&world))).is_ok());
}

#[test]
fn a_credential_ends_at_its_second() {
    let world = World::new();
    assert_eq!(refused(with(&world, "exp", json!(NOW))), Refusal::Expired);
    assert!(with(&world, "exp", json!(NOW + 1)).is_ok());
    assert!(with(&world, "exp", json!(NOW as f64 + 1.5)).is_ok(), "NumericDate may have a fraction");
    assert_eq!(refused(world.verify(&world.present(&world.badge_at(NOW - 14 * 86_400)))), Refusal::Expired);
    assert!(world.verify(&world.present(&world.badge_at(NOW - 7 * 86_400))).is_ok());
    for broken in [json!("soon"), json!(null), json!(1e300), json!([])] {
        assert_eq!(refused(with(&world, "exp", broken)), Refusal::Malformed);
    }
    assert!(without(&world, "exp").is_ok(), "exp is optional in SD-JWT VC");
}

#[test]
fn a_credential_of_tomorrow_does_not_hold_today() {
    let world = World::new();
    assert_eq!(refused(with(&world, "nbf", json!(NOW + 61))), Refusal::NotYetValid);
    assert_eq!(refused(with(&world, "iat", json!(NOW + 61))), Refusal::NotYetValid);
    assert!(with(&world, "nbf", json!(NOW + 60)).is_ok(), "clocks differ");
}

#[test]
fn another_type_is_refused() {
    let world = World::new();
    assert_eq!(
        refused(with(&world, "vct", json!("https://issuer.example/types/licence"))),
        Refusal::WrongType
    );
    assert_eq!(refused(without(&world, "vct")), Refusal::WrongType);
    assert_eq!(refused(with(&world, "vct", json!(7))), Refusal::Malformed);
}

#[test]
fn a_replayed_or_redirected_presentation_is_refused() {
    let world = World::new();
    let badge = world.badge();
    let as_for =
        |change: fn(&mut KeyBinding<'_>)| world.verify(&world.present_as(&badge, &world.holder, change));
    assert_eq!(refused(as_for(|b| b.nonce = "of another request")), Refusal::Nonce);
    assert_eq!(refused(as_for(|b| b.nonce = "")), Refusal::Nonce);
    assert_eq!(refused(as_for(|b| b.audience = "x509_hash:another")), Refusal::Audience);
    assert_eq!(refused(as_for(|b| b.issued_at = NOW - 301)), Refusal::HolderBindingTime);
    assert_eq!(refused(as_for(|b| b.issued_at = NOW + 61)), Refusal::HolderBindingTime);
    assert!(as_for(|b| b.issued_at = NOW - 300).is_ok());
}

#[test]
fn only_the_holders_own_key_presents() {
    let world = World::new();
    let badge = world.badge();
    let thief = SecretKey::generate();
    let stolen = world.present_as(&badge, &thief, |_| {});
    assert_eq!(refused(world.verify(&stolen)), Refusal::HolderBindingSignature);
    assert_eq!(refused(world.verify(&badge)), Refusal::HolderBindingMissing);
    assert_eq!(refused(without(&world, "cnf")), Refusal::HolderKeyMissing);
    for cnf in [json!({}), json!({"kid": "x"}), json!({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}})] {
        assert_eq!(refused(with(&world, "cnf", cnf)), Refusal::HolderKeyMissing);
    }
    let off_curve = json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)}});
    assert_eq!(refused(with(&world, "cnf", off_curve)), Refusal::HolderKeyMissing);
}

#[test]
fn another_token_of_the_holder_is_no_key_binding() {
    let world = World::new();
    let presentation = world.present(&world.badge());
    let (shown, jwt) = presentation.rsplit_once('~').unwrap();
    let sd_hash = b64url_encode(&sha256(format!("{shown}~").as_bytes()));
    let claims = json!({"iat": NOW, "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash}).to_string();
    let bound = |header: Header, claims: &str| {
        format!("{shown}~{}", sign(&world.holder, &header, claims.as_bytes()).unwrap())
    };
    assert!(world.verify(&bound(Header::es256("kb+jwt"), &claims)).is_ok());
    assert_eq!(refused(world.verify(&bound(Header::es256("dpop+jwt"), &claims))), Refusal::TokenType);
    assert_eq!(refused(world.verify(&bound(Header::es256("kb+jwt"), "{}"))), Refusal::Malformed);
    let audiences = claims.replace(&format!("\"{AUDIENCE}\""), &format!("[\"{AUDIENCE}\"]"));
    assert_eq!(refused(world.verify(&bound(Header::es256("kb+jwt"), &audiences))), Refusal::Malformed);
    let other_hash = claims.replace(&sd_hash, &b64url_encode(&[0; 32]));
    assert_eq!(
        refused(world.verify(&bound(Header::es256("kb+jwt"), &other_hash))),
        Refusal::HolderBindingHash
    );
    // The algorithm of the key binding is the verifier's choice as well.
    let none = format!(
        "{}.{}.",
        b64url_encode(br#"{"alg":"none","typ":"kb+jwt"}"#),
        b64url_encode(claims.as_bytes())
    );
    assert_eq!(refused(world.verify(&format!("{shown}~{none}"))), Refusal::Algorithm);
    let cut = &jwt[..jwt.rfind('.').unwrap()];
    assert_eq!(refused(world.verify(&format!("{shown}~{cut}"))), Refusal::Malformed);
}

#[test]
fn the_transaction_that_was_asked_for_is_the_one_that_was_signed() {
    let world = World::new();
    let badge = world.badge();
    let asked = [sha256(b"one"), sha256(b"two")];
    let verify = |presentation: &str, hashes: &[[u8; 32]]| {
        let input = PresentationInput {
            presentation,
            nonce: NONCE,
            audience: AUDIENCE,
            transaction_data_hashes: hashes,
        };
        super::verify(&input, &strict(), &world.trust, &world.lists, &world.chains, NOW)
    };
    let signed = |hashes: &[[u8; 32]]| {
        let presentation = SdJwt::parse(&badge).unwrap().select(&required_claims(&["name"])).unwrap();
        let binding =
            KeyBinding { nonce: NONCE, audience: AUDIENCE, issued_at: NOW, transaction_data_hashes: hashes };
        let bound = presentation.key_binding(&binding);
        let signature = keys::Signer::sign(&world.holder, bound.as_bytes()).unwrap();
        bound.finish(&signature)
    };
    assert!(verify(&signed(&asked), &asked).is_ok());
    assert_eq!(refused(verify(&signed(&asked[..1]), &asked)), Refusal::TransactionData);
    assert_eq!(refused(verify(&signed(&[]), &asked)), Refusal::TransactionData);
    assert_eq!(refused(verify(&signed(&asked), &[])), Refusal::TransactionData);
    assert_eq!(refused(verify(&signed(&[asked[1], asked[0]]), &asked)), Refusal::TransactionData);
}

#[test]
fn a_token_that_chooses_its_own_algorithm_is_refused() {
    let world = World::new();
    let body = b64url_encode(payload(&world).to_string().as_bytes());
    let x5c = serde_json::to_value([keys::encoding::b64_encode(&world.x5c[0])]).unwrap();
    for alg in ["none", "HS256", "RS256", "ES384", "es256"] {
        let header = json!({"alg": alg, "typ": "dc+sd-jwt", "x5c": x5c}).to_string();
        let input = format!("{}.{body}", b64url_encode(header.as_bytes()));
        // HS256 keyed with the issuer's public key, as the old attack goes.
        let mac = keys::mac::hmac_sha256(&world.issuer_key.public_key().to_spki_der(), &[input.as_bytes()]);
        for signature in [String::new(), b64url_encode(&mac), b64url_encode(&[1; 64])] {
            let token = format!("{input}.{signature}~");
            assert_eq!(refused(world.verify(&world.present(&token))), Refusal::Algorithm, "{alg}");
        }
    }
}

#[test]
fn another_token_of_the_issuer_is_no_credential() {
    let world = World::new();
    let body = payload(&world).to_string();
    for typ in ["JWT", "statuslist+jwt", "vc+sd-jwt"] {
        let header = Header::es256(typ).with_x5c(world.x5c.clone());
        let token = sign(&world.issuer_key, &header, body.as_bytes()).unwrap() + "~";
        assert_eq!(refused(world.verify(&world.present(&token))), Refusal::TokenType, "{typ}");
    }
}

#[test]
fn what_the_issuer_did_not_sign_is_refused() {
    let world = World::new();
    let signed = raw_token(&world.issuer_key, &world.x5c, &payload(&world), &[]);
    let mut promoted = payload(&world);
    promoted["rank"] = json!("1급");
    let mut parts: Vec<String> = signed.trim_end_matches('~').split('.').map(str::to_owned).collect();
    parts[1] = b64url_encode(promoted.to_string().as_bytes());
    let forged = parts.join(".") + "~";
    assert_eq!(refused(world.verify(&world.present(&forged))), Refusal::IssuerSignature);
    // The chain of the issuer over the signature of another.
    let other = raw_token(&SecretKey::generate(), &world.x5c, &payload(&world), &[]);
    assert_eq!(refused(world.verify(&world.present(&other))), Refusal::IssuerSignature);
}

#[test]
fn every_rule_about_disclosures_has_its_own_refusal() {
    let world = World::new();
    let disclosure = |contents: Value| b64url_encode(contents.to_string().as_bytes());
    let digest = |disclosure: &String| b64url_encode(&sha256(disclosure.as_bytes()));
    let try_with = |sd: Vec<String>, disclosures: &[String]| {
        let mut payload = payload(&world);
        payload["_sd"] = json!(sd);
        let token = raw_token(&world.issuer_key, &world.x5c, &payload, disclosures);
        let presentation = format!("{token}x");
        refused(world.verify(&presentation))
    };
    let good = disclosure(json!(["s", "rank", "5"]));
    let forged = disclosure(json!(["s", "rank", "1"]));
    assert_eq!(try_with(vec![digest(&good)], &[forged]), Refusal::DisclosureUnreferenced);
    assert_eq!(try_with(vec![digest(&good)], &[good.clone(), good.clone()]), Refusal::DisclosureDuplicate);
    assert_eq!(try_with(vec![digest(&good), digest(&good)], std::slice::from_ref(&good)), Refusal::Digest);
    let taken = disclosure(json!(["s", "inst_code", "9999999"]));
    assert_eq!(try_with(vec![digest(&taken)], &[taken]), Refusal::NameTaken);
    for name in ["_sd", "...", "iss", "cnf", "status"] {
        let hidden = disclosure(json!(["s", name, "x"]));
        assert_eq!(try_with(vec![digest(&hidden)], &[hidden]), Refusal::ForbiddenName, "{name}");
    }
    let odd = disclosure(json!(["s", "rank"]));
    assert_eq!(try_with(vec![digest(&odd)], &[odd]), Refusal::DisclosureMalformed);
    let mut weak = payload(&world);
    weak["_sd_alg"] = json!("md5");
    let weak = raw_token(&world.issuer_key, &world.x5c, &weak, &[]);
    assert_eq!(refused(world.verify(&weak)), Refusal::HashAlgorithm);
    assert_eq!(refused(world.verify(&"x".repeat(sd_jwt::MAX_TOKEN + 1))), Refusal::TooLarge);
    assert_eq!(refused(world.verify("")), Refusal::Malformed);
}

#[test]
fn an_issuer_must_be_known() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    // Certified by our root, but on no list.
    world.set_trust(|entry| entry.jkt = "another key".to_owned());
    assert_eq!(refused(world.verify(&presentation)), Refusal::IssuerUntrusted);
    // On the list, but not for this type.
    world.set_trust(|entry| entry.vcts = vec!["https://issuer.example/types/licence".to_owned()]);
    assert_eq!(refused(world.verify(&presentation)), Refusal::IssuerNotAccredited);
    // The key of one issuer under the name of another.
    world.set_trust(|entry| entry.issuer = "https://other.example".to_owned());
    assert_eq!(refused(world.verify(&presentation)), Refusal::IssuerMismatch);
    // On the list, but certified by nobody we know.
    let stranger = World::new();
    let mut unsigned = payload(&world);
    unsigned["name"] = json!("x");
    let strange = raw_token(&stranger.issuer_key, &stranger.x5c, &unsigned, &[]);
    assert_eq!(refused(world.verify(&world.present(&strange))), Refusal::IssuerChain);
    let bare =
        sign(&world.issuer_key, &Header::es256("dc+sd-jwt"), unsigned.to_string().as_bytes()).unwrap() + "~";
    assert_eq!(refused(world.verify(&world.present(&bare))), Refusal::IssuerChain);
}

#[test]
fn only_a_certificate_for_issuing_issues() {
    let world = World::new();
    for kind in [Kind::Verifier, Kind::StatusList, Kind::TrustList, Kind::WalletAttestation] {
        let leaf = certificate(&world.root, &world.root_key, &world.issuer_key, kind);
        let token = raw_token(&world.issuer_key, &[leaf.der().to_vec()], &payload(&world), &[]);
        assert_eq!(refused(world.verify(&world.present(&token))), Refusal::IssuerChain, "{kind:?}");
    }
}

#[test]
fn a_revoked_key_forges_nothing_however_it_dates_it() {
    let mut world = World::new();
    world.set_trust(|entry| entry.state = KeyState::Revoked { at: NOW - 60 });
    assert_eq!(refused(world.verify(&world.present(&world.badge()))), Refusal::IssuerRevoked);
    for back_dated in [NOW - 3_600, NOW - 29 * 86_400] {
        assert_eq!(refused(with(&world, "iat", json!(back_dated))), Refusal::IssuerRevoked);
    }
}

#[test]
fn a_retired_key_holds_for_what_it_issued_before() {
    let mut world = World::new();
    world.set_trust(|entry| entry.state = KeyState::Retired { at: NOW - 60 });
    assert!(with(&world, "iat", json!(NOW - 61)).is_ok());
    assert_eq!(refused(with(&world, "iat", json!(NOW - 60))), Refusal::IssuerRetired);
    assert_eq!(refused(without(&world, "iat")), Refusal::IssuerRetired);
}

#[test]
fn an_old_trust_list_says_nothing() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    let times = (NOW - 100, NOW);
    let entries = world.trust.entries().to_vec();
    world.trust = TrustList::new(ISS.to_owned(), 1, times, vec![world.root.clone()], entries).unwrap();
    assert_eq!(refused(world.verify(&presentation)), Refusal::TrustStale);
}

#[test]
fn a_checked_chain_counts_under_the_roots_it_was_checked_with_only() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    assert!(world.verify(&presentation).is_ok());
    assert!(world.verify(&presentation).is_ok(), "from the cache");
    let entries = world.trust.entries().to_vec();
    let other_root = World::new().root;
    world.trust = TrustList::new(ISS.to_owned(), 3, (NOW - 1, NOW + 1), vec![other_root], entries).unwrap();
    assert_eq!(refused(world.verify(&presentation)), Refusal::IssuerChain);
}

#[test]
fn a_checked_chain_ends_with_its_certificate() {
    use keys::x509::{Profile, issue, random_serial};
    let mut world = World::new();
    let profile =
        Profile { country: None, cn: "예시".to_owned(), dns: vec![], uri: vec![], kind: Kind::Issuer };
    let key = world.issuer_key.public_key();
    let leaf = issue(&world.root, &world.root_key, key, &profile, NOW - 5, NOW + 5, random_serial()).unwrap();
    world.x5c = vec![leaf.der().to_vec()];
    let presentation = world.present(&world.badge());
    let input = PresentationInput {
        presentation: &presentation,
        nonce: NONCE,
        audience: AUDIENCE,
        transaction_data_hashes: &[],
    };
    let at = |now| verify(&input, &strict(), &world.trust, &world.lists, &world.chains, now);
    assert!(at(NOW).is_ok());
    assert!(at(NOW + 5).is_ok());
    assert_eq!(refused(at(NOW + 6)), Refusal::IssuerCertificateExpired);
}

#[test]
fn a_full_cache_still_judges_rightly() {
    let worlds: Vec<World> = (0..4).map(|_| World::new()).collect();
    let chains = ChainCache::new(2);
    for _ in 0..2 {
        for world in &worlds {
            let presentation = world.present(&world.badge());
            let input = PresentationInput {
                presentation: &presentation,
                nonce: NONCE,
                audience: AUDIENCE,
                transaction_data_hashes: &[],
            };
            assert!(verify(&input, &strict(), &world.trust, &world.lists, &chains, NOW).is_ok());
        }
    }
}

#[test]
fn a_suspended_or_revoked_badge_does_not_pass() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    world.set_list(NOW - 10, |list| list.set(77, Status::Suspended).unwrap());
    assert_eq!(refused(world.verify(&presentation)), Refusal::Suspended);
    world.set_list(NOW - 10, |list| list.set(77, Status::Invalid).unwrap());
    assert_eq!(refused(world.verify(&presentation)), Refusal::Revoked);
    world.set_list(NOW - 10, |list| list.set(77, Status::Other(3)).unwrap());
    assert_eq!(refused(world.verify(&presentation)), Refusal::StatusCorrupt);
    world.set_list(NOW - 10, |list| list.set(78, Status::Invalid).unwrap());
    assert!(world.verify(&presentation).is_ok(), "another's entry");
}

#[test]
fn an_old_list_grows_stale_but_never_forgives() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    world.set_list(NOW - 3_601, |_| {});
    assert_eq!(refused(world.verify(&presentation)), Refusal::StatusStale);
    world.set_list(NOW - 200_000, |_| {});
    assert_eq!(refused(world.verify(&presentation)), Refusal::StatusStale, "expired");
    // However much age a policy allows, the list's own end is the end.
    let mut patient = strict();
    patient.status =
        StatusRule::Checked { max_age: 400_000, unknown: Unproven::Refuse, absent: Unproven::Refuse };
    assert_eq!(refused(world.verify_with(&presentation, &patient)), Refusal::StatusStale);
    world.set_list(NOW - 172_799, |_| {});
    assert!(world.verify_with(&presentation, &patient).is_ok());
    world.set_list(NOW - 200_000, |list| list.set(77, Status::Suspended).unwrap());
    assert_eq!(refused(world.verify(&presentation)), Refusal::Suspended);
}

#[test]
fn an_unknown_status_is_what_the_policy_says() {
    let mut world = World::new();
    let presentation = world.present(&world.badge());
    let mut lenient = strict();
    lenient.status =
        StatusRule::Checked { max_age: 3_600, unknown: Unproven::Accept, absent: Unproven::Refuse };
    world.lists.0.clear();
    assert_eq!(refused(world.verify(&presentation)), Refusal::StatusUnknown);
    let verified = world.verify_with(&presentation, &lenient).unwrap();
    assert_eq!(verified.freshness.status, StatusVerdict::Unknown);
    assert_eq!(verified.waived, [Waiver::UnknownStatus]);
    // What is broken is not unknown.
    world.lists.0.insert(LIST.to_owned(), StatusAnswer::Corrupt);
    assert_eq!(refused(world.verify_with(&presentation, &lenient)), Refusal::StatusCorrupt);
    // Nor does leniency reach a suspended badge.
    world.set_list(NOW - 200_000, |list| list.set(77, Status::Suspended).unwrap());
    assert_eq!(refused(world.verify_with(&presentation, &lenient)), Refusal::Suspended);
    world.set_list(NOW - 200_000, |_| {});
    assert!(world.verify_with(&presentation, &lenient).is_ok());
}

#[test]
fn a_status_that_cannot_be_read_is_corrupt() {
    let mut world = World::new();
    let list = |idx: Value, uri: &str| json!({"status_list": {"idx": idx, "uri": uri}});
    assert_eq!(
        refused(with(&world, "status", list(json!(1 << 17), LIST))),
        Refusal::StatusCorrupt,
        "out of bounds"
    );
    assert_eq!(refused(with(&world, "status", list(json!(u64::MAX), LIST))), Refusal::StatusCorrupt);
    assert_eq!(refused(with(&world, "status", list(json!(-1), LIST))), Refusal::StatusCorrupt);
    assert_eq!(refused(with(&world, "status", list(json!("77"), LIST))), Refusal::StatusCorrupt);
    assert_eq!(refused(with(&world, "status", json!({}))), Refusal::StatusCorrupt);
    assert_eq!(refused(with(&world, "status", json!("valid"))), Refusal::StatusCorrupt);
    // A source that answers with the list of another address.
    let other = world.lists.0.get(LIST).cloned().unwrap();
    world.lists.0.insert("https://issuer.example/status/2".to_owned(), other);
    let elsewhere = list(json!(77), "https://issuer.example/status/2");
    assert_eq!(refused(with(&world, "status", elsewhere)), Refusal::StatusCorrupt);
}

#[test]
fn a_credential_without_status_is_what_the_policy_says() {
    let world = World::new();
    assert_eq!(refused(without(&world, "status")), Refusal::StatusAbsent);
    let mut lenient = strict();
    lenient.status = StatusRule::Checked { max_age: 60, unknown: Unproven::Refuse, absent: Unproven::Accept };
    let mut payload = payload(&world);
    payload.as_object_mut().unwrap().remove("status");
    let verified = world.verify_with(&presented(&world, &payload), &lenient).unwrap();
    assert_eq!(
        (verified.freshness.status, verified.waived.as_slice()),
        (StatusVerdict::Absent, [Waiver::AbsentStatus].as_slice())
    );
}

#[test]
fn what_is_expired_is_expired_whatever_its_status() {
    let mut world = World::new();
    world.set_list(NOW - 10, |list| list.set(77, Status::Suspended).unwrap());
    assert_eq!(refused(with(&world, "exp", json!(NOW - 1))), Refusal::Expired);
}

#[test]
fn what_is_waived_is_repeated_in_the_result() {
    let world = World::new();
    let policy = Policy {
        types: AcceptedTypes::Any,
        required: vec![],
        holder_binding: HolderBinding::Waived,
        status: StatusRule::Waived,
    };
    let verified = world.verify_with(&world.badge(), &policy).unwrap();
    assert_eq!(verified.waived, [Waiver::Type, Waiver::HolderBinding, Waiver::Status]);
    assert_eq!(verified.freshness.status, StatusVerdict::NotChecked);
    assert_eq!(verified.freshness.holder_binding, None);
}

#[test]
fn a_claim_that_was_asked_for_must_be_told() {
    let world = World::new();
    let mut policy = strict();
    policy.required = required_claims(&["name", "birth_date"]);
    let missing = Refusal::ClaimMissing(ClaimPath::claim("birth_date"));
    assert_eq!(refused(world.verify_with(&world.present(&world.badge()), &policy)), missing);
    assert_eq!(missing.code(), "claim_missing");
}

#[test]
fn a_wallet_takes_only_what_is_for_its_own_key() {
    let world = World::new();
    let badge = world.badge();
    let receive = |token: &str, key: &SecretKey| {
        let types = AcceptedTypes::OneOf(vec![VCT.to_owned()]);
        verify_received(token, key.public_key(), &types, &world.trust, &world.chains, NOW)
    };
    let received = receive(&badge, &world.holder).unwrap();
    assert_eq!(received.claims["birth_date"], "1990-02-28");
    assert_eq!(received.waived, [Waiver::HolderBinding, Waiver::Status]);
    assert_eq!(refused(receive(&badge, &SecretKey::generate())), Refusal::HolderBindingSignature);
    assert_eq!(refused(receive(&world.present(&badge), &world.holder)), Refusal::Malformed);
}

#[test]
fn issuers_of_others_are_trusted_by_their_root() {
    let world = World::new();
    let presentation = world.present(&world.badge());
    let trust = TrustedRoots::new(vec![world.root.clone()], bilingual("다른 기관"), vec![VCT.to_owned()]);
    let input = PresentationInput {
        presentation: &presentation,
        nonce: NONCE,
        audience: AUDIENCE,
        transaction_data_hashes: &[],
    };
    let verified = verify(&input, &strict(), &trust, &world.lists, &world.chains, NOW).unwrap();
    assert_eq!(verified.issuer.name, bilingual("다른 기관"));
    let none = TrustedRoots::new(vec![world.root.clone()], bilingual("x"), vec![]);
    let result = verify(&input, &strict(), &none, &world.lists, &world.chains, NOW);
    assert_eq!(refused(result), Refusal::IssuerNotAccredited);
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    let codes: BTreeSet<&str> = Refusal::CODES.into_iter().collect();
    assert_eq!(codes.len(), Refusal::CODES.len());
    assert!(codes.contains(Refusal::StatusStale.code()));
    assert_eq!(Refusal::StatusStale.message_key(), "refusal.status_stale");
    assert!(codes.contains(Refusal::ClaimMissing(ClaimPath::claim("x")).code()));
}
