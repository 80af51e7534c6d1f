//! Lists that others sign: each rule about their claims broken alone, in both forms.

use ciborium::Value as Cbor;
use coset::{CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana};
use keys::Signer as _;
use keys::jws::{Header, sign};
use serde_json::{Value, json};

use super::*;

/// The two-bit example of the draft, as a list of this address.
fn payload() -> Value {
    json!({
        "sub": LIST, "iat": NOW - 10, "exp": NOW + 100, "ttl": 60,
        "status_list": {"bits": 2, "lst": "eNo76fITAAPfAgc"},
    })
}

fn as_jwt(payload: &Value) -> Result<VerifiedList, StatusError> {
    let key = SecretKey::generate();
    let token = sign(&key, &Header::es256(JWT_TYP), payload.to_string().as_bytes()).unwrap();
    verify_jwt(&token, LIST, Anchor::Key(key.public_key()), NOW)
}

fn jwt_with(name: &str, value: Value) -> Result<VerifiedList, StatusError> {
    let mut payload = payload();
    payload[name] = value;
    as_jwt(&payload)
}

fn claim(name: i64, value: impl Into<Cbor>) -> (Cbor, Cbor) {
    (Cbor::from(name), value.into())
}

fn member(name: &str, value: impl Into<Cbor>) -> (Cbor, Cbor) {
    (Cbor::from(name), value.into())
}

fn list(members: Vec<(Cbor, Cbor)>) -> (Cbor, Cbor) {
    claim(65533, Cbor::Map(members))
}

fn packed() -> Vec<u8> {
    hex_decode("78da3be9f2130003df0207").unwrap()
}

fn good() -> Vec<(Cbor, Cbor)> {
    let list = list(vec![member("bits", 2), member("lst", Cbor::Bytes(packed()))]);
    vec![claim(2, LIST), claim(6, NOW - 10), claim(4, NOW + 100), claim(65534, 60), list]
}

fn signed(typ: Cbor, payload: Vec<(Cbor, Cbor)>, key: &SecretKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&Cbor::Map(payload), &mut bytes).unwrap();
    let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES256).value(16, typ).build();
    CoseSign1Builder::new()
        .protected(header)
        .payload(bytes)
        .create_signature(&[], |input| key.sign(input).unwrap().to_bytes().to_vec())
        .build()
        .to_tagged_vec()
        .unwrap()
}

fn as_cwt(payload: Vec<(Cbor, Cbor)>) -> Result<VerifiedList, StatusError> {
    let key = SecretKey::generate();
    verify_cwt(&signed(CWT_TYP.into(), payload, &key), LIST, Anchor::Key(key.public_key()), NOW)
}

/// The good payload with one claim in the place of another of its name, or added.
fn cwt_with(name: i64, value: impl Into<Cbor>) -> Result<VerifiedList, StatusError> {
    let mut payload = good();
    payload.retain(|(other, _)| *other != Cbor::from(name));
    payload.push(claim(name, value));
    as_cwt(payload)
}

#[test]
fn a_list_made_by_hand_reads_in_both_forms() {
    let (jwt, cwt) = (as_jwt(&payload()).unwrap(), as_cwt(good()).unwrap());
    assert_eq!(jwt, cwt);
    assert_eq!((jwt.get(1), jwt.get(12)), (Some(Status::Suspended), None));
    // Claims of others are no matter, nor is a list without end or time to live.
    let mut payload = payload();
    let members = payload.as_object_mut().unwrap();
    members.insert("jti".to_owned(), json!("x"));
    members.remove("exp");
    members.remove("ttl");
    let bare = as_jwt(&payload).unwrap();
    assert_eq!((bare.claims.expires_at, bare.claims.ttl), (None, None));
    let mut without = good();
    without.retain(|(name, _)| ![Cbor::from(4), Cbor::from(65534)].contains(name));
    without.push(claim(70_000, "x"));
    assert_eq!(as_cwt(without).unwrap(), bare);
}

#[test]
fn what_a_list_must_say_it_says() {
    for name in ["sub", "iat", "status_list"] {
        let mut payload = payload();
        payload.as_object_mut().unwrap().remove(name);
        assert_eq!(as_jwt(&payload).err(), Some(StatusError::Malformed), "{name}");
    }
    for name in [2, 6, 65533] {
        let mut payload = good();
        payload.retain(|(other, _)| *other != Cbor::from(name));
        assert_eq!(as_cwt(payload).err(), Some(StatusError::Malformed), "{name}");
    }
}

#[test]
fn a_list_holds_from_its_nbf_to_its_exp_and_is_kept_for_some_time() {
    assert_eq!(jwt_with("nbf", json!(NOW + 61)).err(), Some(StatusError::NotYet));
    assert_eq!(cwt_with(5, NOW + 61).err(), Some(StatusError::NotYet));
    assert!(jwt_with("nbf", json!(NOW + 60)).is_ok() && cwt_with(5, NOW + 60).is_ok());
    assert_eq!(jwt_with("iat", json!(NOW + 61)).err(), Some(StatusError::NotYet));
    assert_eq!(cwt_with(6, NOW + 61).err(), Some(StatusError::NotYet));
    assert_eq!(jwt_with("exp", json!(NOW)).err(), Some(StatusError::Expired));
    assert_eq!(cwt_with(4, NOW).err(), Some(StatusError::Expired));
    for none in [0, -1] {
        assert_eq!(jwt_with("ttl", json!(none)).err(), Some(StatusError::Malformed), "{none}");
        assert_eq!(cwt_with(65534, none).err(), Some(StatusError::Malformed), "{none}");
    }
    assert_eq!(jwt_with("ttl", json!("60")).err(), Some(StatusError::Malformed));
    assert_eq!(cwt_with(65534, "60").err(), Some(StatusError::Malformed));
}

#[test]
fn numbers_may_have_a_fraction() {
    let seconds = NOW as f64;
    let jwt = jwt_with("exp", json!(seconds + 1.5)).unwrap();
    assert_eq!(jwt.claims.expires_at, Some(NOW + 1));
    assert_eq!(cwt_with(4, seconds + 1.5).unwrap().claims, jwt.claims);
    assert_eq!(jwt_with("ttl", json!(60.5)).unwrap().claims.ttl, Some(60));
    for broken in [json!("1"), json!(null), json!(1e300)] {
        assert_eq!(jwt_with("iat", broken.clone()).err(), Some(StatusError::Malformed), "{broken}");
    }
    assert_eq!(cwt_with(6, f64::NAN).err(), Some(StatusError::Malformed));
    assert_eq!(cwt_with(6, u64::MAX).err(), Some(StatusError::Malformed));
}

#[test]
fn the_list_itself_has_its_form() {
    for broken in [
        json!({"bits": 3, "lst": "eNo76fITAAPfAgc"}),
        json!({"bits": "2", "lst": "eNo76fITAAPfAgc"}),
        json!({"bits": 2}),
        json!({"lst": "eNo76fITAAPfAgc"}),
        json!({"bits": 2, "lst": 7}),
        json!("eNo76fITAAPfAgc"),
    ] {
        assert_eq!(jwt_with("status_list", broken.clone()).err(), Some(StatusError::Malformed), "{broken}");
    }
    let unpacked = json!({"bits": 2, "lst": "yQ"});
    assert_eq!(jwt_with("status_list", unpacked).err(), Some(StatusError::List(ListError::Malformed)));
    let lst = || member("lst", Cbor::Bytes(packed()));
    let text = member("lst", "eNo76fITAAPfAgc");
    for broken in [
        vec![member("bits", 3), lst()],
        vec![member("bits", "2"), lst()],
        vec![member("bits", 2)],
        vec![lst()],
        vec![member("bits", 2), text],
        vec![member("bits", 2), lst(), member("aggregation_uri", 7)],
    ] {
        let (_, members) = list(broken.clone());
        assert_eq!(cwt_with(65533, members).err(), Some(StatusError::Malformed), "{broken:?}");
    }
}

#[test]
fn a_claim_stands_once() {
    let repeated = |extra: (Cbor, Cbor)| {
        let mut payload = good();
        payload.push(extra);
        as_cwt(payload).err()
    };
    for extra in [claim(2, LIST), claim(4, NOW + 900), claim(6, NOW), claim(65534, 90)] {
        assert_eq!(repeated(extra.clone()), Some(StatusError::Malformed), "{extra:?}");
    }
    let lst = || member("lst", Cbor::Bytes(packed()));
    for twice in [vec![member("bits", 2), member("bits", 1), lst()], vec![member("bits", 2), lst(), lst()]] {
        let (_, members) = list(twice);
        assert_eq!(cwt_with(65533, members).err(), Some(StatusError::Malformed));
    }
    let key = SecretKey::generate();
    let text = payload().to_string().replacen('{', &format!("{{\"sub\":\"{LIST}\","), 1);
    let token = sign(&key, &Header::es256(JWT_TYP), text.as_bytes()).unwrap();
    let read = verify_jwt(&token, LIST, Anchor::Key(key.public_key()), NOW);
    assert_eq!(read.err(), Some(StatusError::Malformed));
}

#[test]
fn another_type_or_no_signature_at_all_is_no_list() {
    let key = SecretKey::generate();
    let read = |token: &[u8]| verify_cwt(token, LIST, Anchor::Key(key.public_key()), NOW).err();
    for typ in [Cbor::from("statuslist+cwt"), Cbor::from("application/cwt"), Cbor::from(7)] {
        assert_eq!(read(&signed(typ.clone(), good(), &key)), Some(StatusError::Refused), "{typ:?}");
    }
    assert_eq!(read(&signed(CWT_TYP.into(), good(), &key)), None);
    let mut changed = signed(CWT_TYP.into(), good(), &key);
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(read(&changed), Some(StatusError::Signature));
    // Under a MAC whose key would be everyone's who reads it (tag 17), and tagged as CWT (61).
    let token = signed(CWT_TYP.into(), good(), &key);
    assert_eq!(token[0], 0xd2, "tag 18");
    let mac = [&[0xd1], &token[1..]].concat();
    assert_eq!(read(&mac), Some(StatusError::Malformed));
    let tagged = [&[0xd8, 61], token.as_slice()].concat();
    assert_eq!(read(&tagged), Some(StatusError::Malformed));
    let untyped =
        sign(&key, &Header { alg: "ES256".into(), ..Header::default() }, payload().to_string().as_bytes());
    let untyped = verify_jwt(&untyped.unwrap(), LIST, Anchor::Key(key.public_key()), NOW);
    assert_eq!(untyped.err(), Some(StatusError::Refused));
}
