use keys::encoding::{b64url_decode, b64url_encode};
use keys::jws::Typ;
use keys::{Jwk, PublicKey, SecretKey, Signer, sha256};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{NOW, World, claims, raw_token};
use crate::path::ClaimPath;

const SIMPLE: &str = include_str!("../../tests/vectors/rfc9901_simple_issuance.txt");
const SIMPLE_PRESENTED: &str = include_str!("../../tests/vectors/rfc9901_simple_presentation.txt");
const RECURSIVE: &str = include_str!("../../tests/vectors/rfc9901_recursive_issuance.txt");
const STRUCTURED: &str = include_str!("../../tests/vectors/rfc9901_structured_issuance.txt");
const STRUCTURED_PRESENTED: &str = include_str!("../../tests/vectors/rfc9901_structured_presentation.txt");
const STRUCTURED_VERIFIED: &str = include_str!("../../tests/vectors/rfc9901_structured_verified.json");
const OPENID4VP: &str = include_str!("../../tests/vectors/openid4vp_sd_jwt_vc_presentation.txt");

fn key(x: &str, y: &str) -> PublicKey {
    let jwk = Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some(x.into()),
        y: Some(y.into()),
        ..Jwk::default()
    };
    PublicKey::from_jwk(&jwk).unwrap()
}

/// The issuer of the examples of RFC 9901.
fn rfc_issuer() -> PublicKey {
    key("b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ", "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8")
}

/// The holder of the examples of RFC 9901.
fn rfc_holder() -> PublicKey {
    key("TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc", "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ")
}

fn disclosure(contents: &Value) -> String {
    b64url_encode(contents.to_string().as_bytes())
}

fn digest(disclosure: &str) -> String {
    b64url_encode(&sha256(disclosure.as_bytes()))
}

/// What parsing says of a token with this payload and these disclosures.
fn parse(payload: Value, disclosures: &[String]) -> Result<Value, SdJwtError> {
    let token = raw_token(&SecretKey::generate(), &[vec![0]], &payload, disclosures);
    SdJwt::parse(&token).map(SdJwt::into_claims)
}

#[test]
fn digests_are_those_of_rfc_9901() {
    // §4.2.3, and the array element of §4.2.2.
    let member = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
    let element = "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0";
    let claims = parse(
        json!({
            "_sd": ["X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"],
            "nationalities": ["DE", {"...": "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"}, "US"],
        }),
        &[member.to_owned(), element.to_owned()],
    );
    assert_eq!(claims, Ok(json!({"family_name": "Möbius", "nationalities": ["DE", "FR", "US"]})));
}

#[test]
fn every_spelling_of_a_disclosure_in_rfc_9901_reads_the_same() {
    // §4.2.1: escaped umlaut, no white space, newlines.
    for spelling in [
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNXHUwMGY2Yml1cyJd",
        "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsImZhbWlseV9uYW1lIiwiTcO2Yml1cyJd",
        "WwoiXzI2YmM0TFQtYWM2cTJLSTZjQlc1ZXMiLAoiZmFtaWx5X25hbWUiLAoiTcO2Yml1cyIKXQ",
    ] {
        let claims = parse(json!({"_sd": [digest(spelling)]}), &[spelling.to_owned()]);
        assert_eq!(claims, Ok(json!({"family_name": "Möbius"})));
    }
}

#[test]
fn the_simple_example_of_rfc_9901_reads_as_it_says() {
    let token = SdJwt::parse(SIMPLE).unwrap();
    assert!(token.jws().clone().verify(&rfc_issuer(), Typ::Is("example+sd-jwt")).is_ok());
    let claims = token.dangerous_claims();
    assert_eq!(claims["given_name"], "John");
    assert_eq!(claims["nationalities"], json!(["US", "DE"]));
    assert_eq!(claims["phone_number_verified"], true);
    assert_eq!(claims["address"]["street_address"], "123 Main St");
    assert!(claims.get("_sd").is_none() && claims.get("_sd_alg").is_none());
    assert_eq!(token.disclosed_paths().count(), 10);
}

#[test]
fn the_presentation_of_rfc_9901_binds_to_its_holder() {
    let token = SdJwt::parse(SIMPLE_PRESENTED).unwrap();
    let bound = token.check_key_binding(&rfc_holder()).unwrap();
    assert_eq!((bound.nonce.as_str(), bound.aud.as_str()), ("1234567890", "https://verifier.example.org"));
    assert_eq!(token.check_key_binding(&rfc_issuer()), Err(KeyBindingError::Signature));
    assert_eq!(token.dangerous_claims()["nationalities"], json!(["US"]));
    assert!(token.dangerous_claims().get("email").is_none());
}

#[test]
fn the_recursive_and_the_structured_example_of_rfc_9901_read_as_they_say() {
    let token = SdJwt::parse(RECURSIVE).unwrap();
    assert_eq!(token.dangerous_claims()["address"]["region"], "Sachsen-Anhalt");
    let verified: Value = serde_json::from_str(STRUCTURED_VERIFIED).unwrap();
    assert_eq!(SdJwt::parse(STRUCTURED_PRESENTED).unwrap().dangerous_claims(), &verified);
}

#[test]
fn choosing_claims_of_the_structured_example_gives_its_presentation() {
    let path = |value: Value| ClaimPath::from_value(&value).unwrap();
    let chosen = [
        path(json!(["verified_claims", "verification", "time"])),
        path(json!(["verified_claims", "verification", "evidence", null, "method"])),
        path(json!(["verified_claims", "claims", "given_name"])),
        path(json!(["verified_claims", "claims", "family_name"])),
        path(json!(["verified_claims", "claims", "address"])),
    ];
    let presentation = SdJwt::parse(STRUCTURED).unwrap().select(&chosen).unwrap();
    let verified: Value = serde_json::from_str(STRUCTURED_VERIFIED).unwrap();
    assert_eq!(SdJwt::parse(presentation.as_str()).unwrap().dangerous_claims(), &verified);
}

#[test]
fn the_example_of_openid4vp_verifies_byte_for_byte() {
    let token = SdJwt::parse(OPENID4VP).unwrap();
    assert!(token.jws().clone().verify(&rfc_issuer(), Typ::Is(TYP)).is_ok());
    let bound = token.check_key_binding(&rfc_holder()).unwrap();
    assert_eq!(bound.sd_hash, "BojpuMvN94GsIX3Vh5yeRPBp1M-DwCJ8kxpCjU07lnU");
    assert_eq!(token.dangerous_claims()["ld"]["credentialSubject"], json!({"givenName": "John"}));
}

#[test]
fn a_badge_tells_its_claims_to_the_holder_and_only_chosen_ones_to_others() {
    let world = World::new();
    let badge = world.badge();
    let held = SdJwt::parse(&badge).unwrap();
    assert!(held.jws().clone().verify(world.issuer_key.public_key(), Typ::Is(TYP)).is_ok());
    assert_eq!(held.dangerous_claims()["birth_date"], "1990-02-28");
    assert_eq!(held.dangerous_claims()["kind"], "예시");

    let shown = held.select(&[ClaimPath::claim("name")]).unwrap();
    let seen = SdJwt::parse(shown.as_str()).unwrap();
    assert_eq!(seen.dangerous_claims()["name"]["ko"], "예시온");
    assert_eq!(seen.dangerous_claims()["kind"], "예시");
    assert!(seen.dangerous_claims().get("birth_date").is_none());
    let none = held.select(&[]).unwrap();
    assert_eq!(none.as_str().matches('~').count(), 1);
    let missing = ClaimPath::claim("shoe_size");
    assert_eq!(held.select(std::slice::from_ref(&missing)), Err(SelectError::NoSuchClaim(missing)));
    let bound = SdJwt::parse(&world.present(&badge)).unwrap();
    assert_eq!(bound.select(&[]), Err(SelectError::AlreadyBound));
}

#[test]
fn two_copies_have_nothing_in_common_but_what_they_must() {
    let world = World::new();
    let parts = |token: &str| {
        let jwt = token.split('~').next().unwrap();
        let payload: Value =
            serde_json::from_slice(&b64url_decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap();
        let disclosures: Vec<String> =
            token.split('~').skip(1).filter(|d| !d.is_empty()).map(str::to_owned).collect();
        (payload, disclosures)
    };
    let (first, first_disclosures) = parts(&world.badge());
    let (second, second_disclosures) = parts(&world.badge());
    let digests = |payload: &Value| payload["_sd"].as_array().unwrap().clone();
    // Three claims and two decoys, in an order that is that of the text.
    assert_eq!(digests(&first).len(), 5);
    assert!(digests(&first).is_sorted_by_key(|d| d.as_str().unwrap().to_owned()));
    assert!(digests(&first).iter().all(|digest| !digests(&second).contains(digest)));
    assert!(first_disclosures.iter().all(|disclosure| !second_disclosures.contains(disclosure)));
    for one in &first_disclosures {
        let contents: Vec<Value> = serde_json::from_slice(&b64url_decode(one).unwrap()).unwrap();
        assert_eq!(b64url_decode(contents[0].as_str().unwrap()).unwrap().len(), 16, "128 bits of salt");
    }
}

#[test]
fn a_credential_without_withheld_claims_has_no_digests() {
    let world = World::new();
    let mut claims = Claims::new();
    claims.always("kind", &json!("open")).unwrap();
    let issuer = world.issuer();
    let holder = world.holder.public_key();
    let issuance = Issuance {
        issuer: &issuer,
        vct: "v",
        claims: &claims,
        holder,
        status: None,
        issued_at: 1,
        expires_at: 2,
    };
    let token = issue(&issuance, &world.issuer_key).unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&b64url_decode(payload).unwrap()).unwrap();
    assert!(
        payload.get("_sd").is_none() && payload.get("_sd_alg").is_none() && payload.get("status").is_none()
    );
    assert!(token.ends_with('~'));
    let backwards = Issuance { expires_at: 1, ..issuance };
    assert_eq!(issue(&backwards, &world.issuer_key), Err(IssueError::Validity));
}

#[test]
fn names_of_the_token_cannot_be_claims() {
    for name in ["_sd", "_sd_alg", "...", "iat", "iss", "cnf", "vct", "status", "exp", "nbf", "aka_vcts"] {
        let error = Err(IssueError::Name(name.to_owned()));
        assert_eq!(Claims::new().selective(name, &json!(1)), error);
        assert_eq!(Claims::new().always(name, &json!(1)), error);
    }
    let mut claims = claims();
    assert_eq!(claims.always("name", &json!(1)), Err(IssueError::Name("name".to_owned())));
}

#[test]
fn hostile_names_and_values_stay_what_they_are() {
    let world = World::new();
    let mut claims = Claims::new();
    let value = json!("\"]}~.\u{0}\n끝");
    claims.selective("a\"b", &value).unwrap();
    claims.always("c\"d", &value).unwrap();
    let issuer = world.issuer();
    let holder = world.holder.public_key();
    let issuance = Issuance {
        issuer: &issuer,
        vct: "v\"w",
        claims: &claims,
        holder,
        status: None,
        issued_at: NOW,
        expires_at: NOW + 1,
    };
    let held = SdJwt::parse(&issue(&issuance, &world.issuer_key).unwrap()).unwrap();
    assert_eq!(held.dangerous_claims()["a\"b"], value);
    assert_eq!(held.dangerous_claims()["c\"d"], value);
    assert_eq!(held.dangerous_claims()["vct"], "v\"w");
}

#[test]
fn a_disclosure_must_belong_to_a_digest() {
    let stray = disclosure(&json!(["salt", "role", "minister"]));
    assert_eq!(parse(json!({"_sd": []}), &[stray]), Err(SdJwtError::UnreferencedDisclosure));
}

#[test]
fn a_disclosure_counts_once() {
    let one = disclosure(&json!(["salt", "name", "x"]));
    let payload = json!({"_sd": [digest(&one)]});
    assert_eq!(parse(payload, &[one.clone(), one]), Err(SdJwtError::DuplicateDisclosure));
}

#[test]
fn a_digest_occurs_once() {
    let one = disclosure(&json!(["salt", "name", "x"]));
    let digest = digest(&one);
    let twice = Err(SdJwtError::DuplicateDigest);
    assert_eq!(parse(json!({"_sd": [digest, digest]}), std::slice::from_ref(&one)), twice);
    assert_eq!(parse(json!({"_sd": [digest], "a": {"_sd": [digest]}}), &[one]), twice);
    // Of decoys too, for which no disclosure exists.
    assert_eq!(parse(json!({"_sd": ["decoy", "decoy"]}), &[]), twice);
    let holder = disclosure(&json!(["salt", "a", {"_sd": ["decoy"]}]));
    assert_eq!(parse(json!({"_sd": [self::digest(&holder), "decoy"]}), &[holder]), twice);
}

#[test]
fn a_disclosure_that_contains_its_own_parent_ends() {
    // A cycle can't be made without breaking SHA-256; the nearest is a disclosure named in two places.
    let child = disclosure(&json!(["salt", "child", 1]));
    let parent =
        disclosure(&json!(["salt", "parent", {"_sd": [digest(&child)], "x": {"_sd": [digest(&child)]}}]));
    let payload = json!({"_sd": [digest(&parent)]});
    assert_eq!(parse(payload, &[parent, child]), Err(SdJwtError::DuplicateDigest));
}

#[test]
fn names_that_would_hide_digests_are_forbidden() {
    for name in ["_sd", "...", "_sd_alg"] {
        let one = disclosure(&json!(["salt", name, ["x"]]));
        assert_eq!(parse(json!({"_sd": [digest(&one)]}), &[one]), Err(SdJwtError::ForbiddenName), "{name}");
    }
}

#[test]
fn names_that_rule_the_credential_are_never_disclosed() {
    for name in NEVER_DISCLOSED {
        let one = disclosure(&json!(["salt", name, "x"]));
        assert_eq!(parse(json!({"_sd": [digest(&one)]}), &[one]), Err(SdJwtError::ForbiddenName), "{name}");
    }
    // Nor in part.
    let uri = disclosure(&json!(["salt", "uri", "https://elsewhere.example"]));
    let payload = json!({"status": {"status_list": {"_sd": [digest(&uri)], "idx": 0}}});
    assert_eq!(parse(payload, &[uri]), Err(SdJwtError::ForbiddenName));
    // Deeper down the same names are ordinary.
    let iss = disclosure(&json!(["salt", "iss", "x"]));
    assert_eq!(parse(json!({"a": {"_sd": [digest(&iss)]}}), &[iss]), Ok(json!({"a": {"iss": "x"}})));
}

#[test]
fn a_disclosure_replaces_nothing() {
    let one = disclosure(&json!(["salt", "name", "forged"]));
    let payload = json!({"_sd": [digest(&one)], "name": "true"});
    assert_eq!(parse(payload, &[one]), Err(SdJwtError::NameTaken));
    let [one, two] = [1, 2].map(|n| disclosure(&json!(["salt", "name", n])));
    let payload = json!({"_sd": [digest(&one), digest(&two)]});
    assert_eq!(parse(payload, &[one, two]), Err(SdJwtError::NameTaken));
}

#[test]
fn digests_stand_only_where_they_may() {
    let misplaced = Err(SdJwtError::MisplacedDigest);
    assert_eq!(parse(json!({"...": "x"}), &[]), misplaced);
    assert_eq!(parse(json!({"a": [{"...": "x", "b": 1}]}), &[]), misplaced);
    assert_eq!(parse(json!({"a": {"_sd_alg": "sha-256"}}), &[]), misplaced);
    assert_eq!(parse(json!({"_sd": "x"}), &[]), Err(SdJwtError::Malformed));
    assert_eq!(parse(json!({"_sd": [1]}), &[]), Err(SdJwtError::Malformed));
    assert_eq!(parse(json!({"a": [{"...": 1}]}), &[]), Err(SdJwtError::Malformed));
}

#[test]
fn a_disclosure_fits_its_place() {
    let malformed = Err(SdJwtError::MalformedDisclosure);
    let element = disclosure(&json!(["salt", "x"]));
    assert_eq!(parse(json!({"_sd": [digest(&element)]}), &[element]), malformed);
    let member = disclosure(&json!(["salt", "name", "x"]));
    assert_eq!(parse(json!({"a": [{"...": digest(&member)}]}), &[member]), malformed);
    let odd = [
        json!([]),
        json!(["salt"]),
        json!([1, "n", "v"]),
        json!(["s", 1, "v"]),
        json!(["s", "n", "v", "w"]),
        json!({}),
    ];
    for contents in odd {
        let one = disclosure(&contents);
        assert_eq!(parse(json!({"_sd": [digest(&one)]}), &[one]), malformed, "{contents}");
    }
    let not_json = b64url_encode(b"[\"s\",\"n\",");
    assert_eq!(parse(json!({"_sd": [digest(&not_json)]}), &[not_json]), malformed);
    let padded = format!("{}=", disclosure(&json!(["salt", "name", "xy"])));
    assert_eq!(parse(json!({"_sd": [digest(&padded)]}), &[padded]), malformed);
    let repeated = b64url_encode(br#"["s","n",{"a":1,"a":2}]"#);
    assert_eq!(parse(json!({"_sd": [digest(&repeated)]}), &[repeated]), malformed);
}

#[test]
fn undisclosed_claims_leave_no_trace() {
    let payload = json!({"_sd": ["decoy"], "a": [{"...": "other decoy"}], "b": {"_sd": ["third"]}, "_sd_alg": "sha-256"});
    assert_eq!(parse(payload, &[]), Ok(json!({"a": [], "b": {}})));
}

#[test]
fn another_hash_algorithm_is_refused() {
    assert_eq!(parse(json!({"_sd_alg": "sha-512"}), &[]), Err(SdJwtError::HashAlgorithm));
    assert_eq!(parse(json!({"_sd_alg": "SHA-256"}), &[]), Err(SdJwtError::HashAlgorithm));
    assert_eq!(parse(json!({"_sd_alg": null}), &[]), Err(SdJwtError::HashAlgorithm));
}

#[test]
fn disclosures_nest_only_so_deep() {
    let mut disclosures = vec![disclosure(&json!(["salt", "leaf", 1]))];
    for _ in 0..MAX_CLAIM_DEPTH {
        let below = digest(disclosures.last().unwrap());
        disclosures.push(disclosure(&json!(["salt", "a", {"_sd": [below]}])));
    }
    let top = digest(disclosures.last().unwrap());
    assert_eq!(parse(json!({"_sd": [top]}), &disclosures), Err(SdJwtError::TooDeep));
    disclosures.pop();
    let top = digest(disclosures.last().unwrap());
    assert!(parse(json!({"_sd": [top]}), &disclosures).is_ok());
}

#[test]
fn size_and_number_are_bounded() {
    let many: Vec<String> =
        (0..=MAX_DISCLOSURES).map(|n| disclosure(&json!(["salt", n.to_string(), n]))).collect();
    let payload = json!({"_sd": many.iter().map(|d| digest(d)).collect::<Vec<_>>()});
    assert_eq!(parse(payload.clone(), &many), Err(SdJwtError::TooLarge));
    assert!(parse(payload, &many[1..]).is_ok());
    assert_eq!(SdJwt::parse(&"a".repeat(MAX_TOKEN + 1)).err(), Some(SdJwtError::TooLarge));
}

#[test]
fn whatever_is_cut_off_is_noticed() {
    let world = World::new();
    let badge = world.badge();
    let jwt_end = badge.find('~').unwrap();
    assert_eq!(
        SdJwt::parse(&badge[..jwt_end]).err(),
        Some(SdJwtError::Malformed),
        "a JWT alone is no SD-JWT"
    );
    for end in [0, 1, jwt_end / 2] {
        assert_eq!(SdJwt::parse(&format!("{}~", &badge[..end])).err(), Some(SdJwtError::Malformed));
    }
    assert!(SdJwt::parse(&badge.replacen('~', "~~", 1)).is_err());
    // Cut inside the last disclosure: its rest stands where a key binding would.
    let cut = SdJwt::parse(&badge[..badge.len() - 5]).unwrap();
    assert!(cut.check_key_binding(world.holder.public_key()).is_err());
}

#[test]
fn a_key_binding_covers_exactly_this_presentation() {
    let world = World::new();
    let badge = world.badge();
    let bound = world.present(&badge);
    let (shown, jwt) = bound.rsplit_once('~').unwrap();
    let holder = world.holder.public_key();
    assert!(SdJwt::parse(&bound).unwrap().check_key_binding(holder).is_ok());
    // The same key binding under another choice of claims.
    let all = format!("{badge}{jwt}");
    assert_eq!(SdJwt::parse(&all).unwrap().check_key_binding(holder), Err(KeyBindingError::Hash));
    let fewer = format!("{}~{jwt}", shown.rsplit_once('~').unwrap().0);
    assert_eq!(SdJwt::parse(&fewer).unwrap().check_key_binding(holder), Err(KeyBindingError::Hash));
    assert_eq!(SdJwt::parse(&badge).unwrap().check_key_binding(holder), Err(KeyBindingError::Missing));
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "[A-Za-z0-9_~.\\-]{0,200}") {
        let _ = SdJwt::parse(&text);
    }

    #[test]
    fn a_flipped_byte_anywhere_is_refused(at in any::<prop::sample::Index>(), bit in 0u8..7) {
        let world = World::new();
        let mut bytes = world.present(&world.badge()).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(world.verify(&text).is_err());
        }
    }

    #[test]
    fn any_choice_of_claims_tells_those_and_no_others(chosen in prop::collection::btree_set(0usize..3, 0..=3)) {
        let world = World::new();
        let names = ["name", "inst_code", "birth_date"];
        let paths: Vec<ClaimPath> = chosen.iter().map(|i| ClaimPath::claim(names[*i])).collect();
        let shown = SdJwt::parse(&world.badge()).unwrap().select(&paths).unwrap();
        let seen = SdJwt::parse(shown.as_str()).unwrap();
        for (i, name) in names.iter().enumerate() {
            prop_assert_eq!(seen.dangerous_claims().get(name).is_some(), chosen.contains(&i));
        }
    }
}

#[test]
fn a_prepared_copy_can_be_signed_elsewhere() {
    let world = World::new();
    let issuer = world.issuer();
    let claims = claims();
    let holder = world.holder.public_key();
    let issuance = Issuance {
        issuer: &issuer,
        vct: "v",
        claims: &claims,
        holder,
        status: None,
        issued_at: 1,
        expires_at: 2,
    };
    let prepared = prepare(&issuance).unwrap();
    let signature = world.issuer_key.sign(prepared.as_bytes()).unwrap();
    let token = SdJwt::parse(&prepared.finish(&signature)).unwrap();
    assert!(token.jws().clone().verify(world.issuer_key.public_key(), Typ::Is(TYP)).is_ok());
}
