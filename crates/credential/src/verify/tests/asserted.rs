//! What a credential says of itself: its further types, whom it is meant for, and a key binding that nobody asked for.

use super::*;

const OFFICIAL: &str = "https://kr.example/official";

#[test]
fn a_further_type_counts_where_its_issuer_is_accredited_for_it_too() {
    let mut world = World::new();
    let mut policy = strict();
    policy.types = AcceptedTypes::OneOf(vec![OFFICIAL.to_owned()]);
    let mut payload = payload(&world);
    payload["aka_vcts"] = json!([OFFICIAL, "https://issuer.example/types/minister"]);
    let presentation = presented(&world, &payload);
    // The issuer's own word makes nobody an issuer of that type (SD-JWT VC §7.7).
    assert_eq!(refused(world.verify_with(&presentation, &policy)), Refusal::IssuerNotAccredited);
    world.set_trust(|entry| entry.vcts.push(OFFICIAL.to_owned()));
    let verified = world.verify_with(&presentation, &policy).unwrap();
    assert_eq!(
        (verified.vct.as_str(), verified.aka_vcts.as_slice()),
        (VCT, [OFFICIAL.to_owned()].as_slice())
    );
    // Nor does a type that it may issue make good one that it may not.
    world.set_trust(|entry| entry.vcts = vec![OFFICIAL.to_owned()]);
    assert_eq!(refused(world.verify_with(&presentation, &policy)), Refusal::IssuerNotAccredited);
}

#[test]
fn a_further_type_that_nobody_asked_for_is_not_repeated_unless_it_is_accredited() {
    let world = World::new();
    let mut payload = payload(&world);
    payload["aka_vcts"] = json!([OFFICIAL]);
    let verified = world.verify(&presented(&world, &payload)).unwrap();
    assert!(verified.aka_vcts.is_empty());
    let any = Policy { types: AcceptedTypes::Any, ..strict() };
    assert!(world.verify_with(&presented(&world, &payload), &any).unwrap().aka_vcts.is_empty());
}

#[test]
fn further_types_are_a_list_of_others() {
    let world = World::new();
    for broken in [json!([]), json!(OFFICIAL), json!([1]), json!([OFFICIAL, VCT]), json!(null)] {
        assert_eq!(refused(with(&world, "aka_vcts", broken.clone())), Refusal::Malformed, "{broken}");
    }
}

#[test]
fn a_credential_for_other_readers_is_refused() {
    let world = World::new();
    for other in [json!("https://other.example"), json!(["https://other.example"]), json!([])] {
        assert_eq!(refused(with(&world, "aud", other.clone())), Refusal::Audience, "{other}");
    }
    for broken in [json!(7), json!([7]), json!(null)] {
        assert_eq!(refused(with(&world, "aud", broken.clone())), Refusal::Malformed, "{broken}");
    }
    assert!(with(&world, "aud", json!(AUDIENCE)).is_ok());
    assert!(with(&world, "aud", json!(["https://other.example", AUDIENCE])).is_ok());
    // Told as a disclosure it binds all the same (RFC 9901 §9.7).
    let hidden = b64url_encode(json!(["s", "aud", "https://other.example"]).to_string().as_bytes());
    let mut payload = payload(&world);
    payload["_sd"] = json!([b64url_encode(&sha256(hidden.as_bytes()))]);
    let token = raw_token(&world.issuer_key, &world.x5c, &payload, &[hidden]);
    let waived = Policy { holder_binding: HolderBinding::Waived, ..strict() };
    assert_eq!(refused(world.verify_with(&token, &waived)), Refusal::Audience);
}

#[test]
fn a_key_binding_that_nobody_asked_for_holds_or_is_refused() {
    let world = World::new();
    let badge = world.badge();
    let waived = Policy { holder_binding: HolderBinding::Waived, required: vec![], ..strict() };
    let judge = |presentation: &str| world.verify_with(presentation, &waived);
    assert!(judge(&badge).is_ok(), "whether it is asked for does not hang on whether it is there");
    let bound = judge(&world.present(&badge)).unwrap();
    assert_eq!((bound.waived, bound.freshness.holder_binding), (vec![Waiver::HolderBinding], None));
    let thief = SecretKey::generate();
    assert_eq!(refused(judge(&world.present_as(&badge, &thief, |_| {}))), Refusal::HolderBindingSignature);
    let replayed = world.present_as(&badge, &world.holder, |binding| binding.nonce = "of another request");
    assert_eq!(refused(judge(&replayed)), Refusal::Nonce);
    assert_eq!(refused(judge(&format!("{badge}{}", "x.y"))), Refusal::Malformed);
    // And asked for, it is missed where it was cut off.
    assert_eq!(refused(world.verify(&badge)), Refusal::HolderBindingMissing);
}

#[test]
fn a_holder_takes_no_credential_that_fails_a_check_of_its_own() {
    let world = World::new();
    let receive = |payload: &Value| {
        let token = raw_token(&world.issuer_key, &world.x5c, payload, &[]);
        let types = AcceptedTypes::OneOf(vec![VCT.to_owned()]);
        verify_received(&token, world.holder.public_key(), &types, &world.trust, &world.chains, NOW)
    };
    let good = payload(&world);
    assert!(receive(&good).is_ok());
    let broken = |name: &str, value: Value| {
        let mut payload = good.clone();
        payload[name] = value;
        refused(receive(&payload))
    };
    assert_eq!(broken("exp", json!(NOW)), Refusal::Expired);
    assert_eq!(broken("nbf", json!(NOW + 61)), Refusal::NotYetValid);
    assert_eq!(broken("vct", json!(OFFICIAL)), Refusal::WrongType);
    assert_eq!(broken("cnf", json!({"kid": "x"})), Refusal::HolderKeyMissing);
    assert_eq!(broken("_sd_alg", json!("sha-512")), Refusal::HashAlgorithm);
    let token = raw_token(&SecretKey::generate(), &world.x5c, &good, &[]);
    let types = AcceptedTypes::Any;
    let forged = verify_received(&token, world.holder.public_key(), &types, &world.trust, &world.chains, NOW);
    assert_eq!(refused(forged), Refusal::IssuerSignature);
}
