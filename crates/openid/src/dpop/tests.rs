use keys::SecretKey;
use keys::jws::Header;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_764_000_000;
const URL: &str = "https://as.example.com/token";

fn expected<'a>() -> Expected<'a> {
    Expected { method: "POST", url: URL, token: None, nonce: None, now: NOW }
}

fn request<'a>() -> Request<'a> {
    Request { method: "POST", url: URL, access_token: None, nonce: None }
}

/// A proof with one thing changed in header or claims.
fn proof_with(change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let key = SecretKey::generate();
    let mut header = Header::es256(TYP).with_jwk(key.public_key().to_jwk());
    let mut claims = json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": NOW });
    change(&mut header, &mut claims);
    let input = SigningInput::new(&header, claims.to_string().as_bytes());
    let signature = key.sign(input.as_bytes()).unwrap();
    input.finish(&signature)
}

fn refused(proof: &str) -> Refusal {
    verify(Some(proof), &expected()).unwrap_err()
}

#[test]
fn the_proof_of_rfc_9449_figure_2_verifies() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let expected = Expected { url: "https://server.example.com/token", now: 1_562_262_620, ..expected() };
    let verified = verify(Some(proof), &expected).unwrap();
    // §6.1 binds this key's tokens by this thumbprint.
    assert_eq!(verified.jkt(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

#[test]
fn the_token_hash_of_rfc_9449_section_7_1_holds() {
    assert_eq!(
        token_hash("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
    );
}

#[test]
fn a_proof_made_here_verifies_here() {
    let key = SecretKey::generate();
    let proof = request().prove(&key, "fresh", NOW).unwrap();
    let verified = verify(Some(&proof), &expected()).unwrap();
    assert_eq!(verified.key(), key.public_key());
    assert_eq!(verified.replay_until(), NOW + MAX_AGE_S + 1);
}

#[test]
fn the_same_proof_has_the_same_replay_id_and_another_proof_another() {
    let key = SecretKey::generate();
    let id = |jti: &str, signer: &SecretKey| {
        let proof = request().prove(signer, jti, NOW).unwrap();
        verify(Some(&proof), &expected()).unwrap().replay_id().to_owned()
    };
    // ECDSA may sign twice differently: what is consumed must not hang on the signature.
    assert_eq!(id("a", &key), id("a", &key));
    assert_ne!(id("a", &key), id("b", &key));
    assert_ne!(id("a", &key), id("a", &SecretKey::generate()));
}

#[test]
fn every_broken_rule_has_its_own_refusal() {
    assert_eq!(verify(None, &expected()).unwrap_err(), Refusal::Missing);
    assert_eq!(refused("not a jwt"), Refusal::Malformed);
    assert_eq!(refused(&"a".repeat(100_000)), Refusal::Malformed);
    assert_eq!(refused(&proof_with(|header, _| header.typ = Some("JWT".into()))), Refusal::Type);
    assert_eq!(refused(&proof_with(|header, _| header.typ = None)), Refusal::Type);
    assert_eq!(refused(&proof_with(|header, _| header.jwk = None)), Refusal::Key);
    for alg in ["ECDH-ES", "ES512"] {
        let named = |header: &mut Header| header.jwk = header.jwk.take().map(|jwk| jwk.with_alg(alg));
        assert_eq!(refused(&proof_with(|header, _| named(header))), Refusal::Key, "{alg}");
    }
    let for_encryption = |header: &mut Header| header.jwk = header.jwk.take().map(|jwk| jwk.with_use("enc"));
    assert_eq!(refused(&proof_with(|header, _| for_encryption(header))), Refusal::Key);
    assert_eq!(refused(&proof_with(|_, claims| claims["htm"] = "GET".into())), Refusal::Method);
    assert_eq!(refused(&proof_with(|_, claims| claims["htm"] = "post".into())), Refusal::Method);
    assert_eq!(
        refused(&proof_with(|_, claims| claims["htu"] = "https://as.example.com/other".into())),
        Refusal::Address
    );
    assert_eq!(
        refused(&proof_with(|_, claims| claims["htu"] = "http://as.example.com/token".into())),
        Refusal::Address
    );
    assert_eq!(refused(&proof_with(|_, claims| claims["htu"] = "/token".into())), Refusal::Address);
    assert_eq!(refused(&proof_with(|_, claims| claims["iat"] = (NOW - MAX_AGE_S - 1).into())), Refusal::Time);
    assert_eq!(
        refused(&proof_with(|_, claims| claims["iat"] = (NOW + MAX_AHEAD_S + 1).into())),
        Refusal::Time
    );
    assert_eq!(refused(&proof_with(|_, claims| claims["iat"] = i64::MIN.into())), Refusal::Time);
    assert_eq!(
        refused(&proof_with(|_, claims| *claims = json!(["one", "POST", URL, NOW]))),
        Refusal::Malformed
    );
    assert_eq!(refused(&proof_with(|_, claims| claims["jti"] = "".into())), Refusal::Malformed);
    assert_eq!(
        refused(&proof_with(|_, claims| claims["jti"] = "x".repeat(MAX_JTI + 1).into())),
        Refusal::Malformed
    );
    for member in ["jti", "htm", "htu", "iat"] {
        let without =
            |_: &mut Header, claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(member));
        assert_eq!(refused(&proof_with(without)), Refusal::Malformed, "{member}");
    }
}

#[test]
fn other_algorithms_are_refused_whatever_their_signature() {
    for alg in ["none", "HS256", "RS256", "ES384", "es256"] {
        assert_eq!(refused(&proof_with(|header, _| header.alg = alg.into())), Refusal::Algorithm, "{alg}");
    }
}

#[test]
fn a_proof_signed_by_another_key_than_its_jwk_is_refused() {
    let foreign = SecretKey::generate();
    let proof = proof_with(|header, _| header.jwk = Some(foreign.public_key().to_jwk()));
    assert_eq!(refused(&proof), Refusal::Signature);
}

#[test]
fn a_proof_that_carries_a_private_key_is_refused() {
    let key = SecretKey::generate();
    let mut jwk = serde_json::to_value(key.public_key().to_jwk()).unwrap();
    jwk["d"] = encoding::b64url_encode(&*key.to_bytes()).into();
    let header = json!({ "alg": "ES256", "typ": TYP, "jwk": jwk }).to_string();
    let claims = json!({ "jti": "one", "htm": "POST", "htu": URL, "iat": NOW }).to_string();
    let text = format!(
        "{}.{}",
        encoding::b64url_encode(header.as_bytes()),
        encoding::b64url_encode(claims.as_bytes())
    );
    let signature = key.sign(text.as_bytes()).unwrap();
    let proof = format!("{text}.{}", encoding::b64url_encode(&signature.to_bytes()));
    assert_eq!(refused(&proof), Refusal::Malformed);
}

#[test]
fn a_token_needs_its_hash_and_its_key() {
    let (key, thief) = (SecretKey::generate(), SecretKey::generate());
    let jkt = key.public_key().thumbprint();
    let token = "access-token";
    let expected = Expected { token: Some(BoundToken { access_token: token, jkt: &jkt }), ..expected() };
    let with_token = Request { access_token: Some(token), ..request() };
    assert!(verify(Some(&with_token.prove(&key, "1", NOW).unwrap()), &expected).is_ok());
    let judged = |proof: String| verify(Some(&proof), &expected).unwrap_err();
    assert_eq!(judged(request().prove(&key, "2", NOW).unwrap()), Refusal::TokenHash);
    let other = Request { access_token: Some("other"), ..request() };
    assert_eq!(judged(other.prove(&key, "3", NOW).unwrap()), Refusal::TokenHash);
    assert_eq!(judged(with_token.prove(&thief, "4", NOW).unwrap()), Refusal::ForeignKey);
}

#[test]
fn a_nonce_is_asked_for_and_recognised() {
    let key = SecretKey::generate();
    let known = |nonce: &str| nonce == "ours";
    let expected = Expected { nonce: Some(&known), ..expected() };
    let prove = |nonce| Request { nonce, ..request() }.prove(&key, "1", NOW).unwrap();
    assert_eq!(verify(Some(&prove(None)), &expected).unwrap_err(), Refusal::NonceMissing);
    assert_eq!(verify(Some(&prove(Some("stale"))), &expected).unwrap_err(), Refusal::NonceUnknown);
    assert_eq!(verify(Some(&prove(Some("ours"))), &expected).unwrap().nonce(), Some("ours"));
}

#[test]
fn refusals_carry_the_codes_of_the_standard() {
    assert_eq!(Refusal::Missing.code(), Code::InvalidDpopProof);
    assert_eq!(Refusal::Replayed.code(), Code::InvalidDpopProof);
    assert_eq!(Refusal::NonceMissing.code(), Code::UseDpopNonce);
    assert_eq!(Refusal::NonceUnknown.code(), Code::UseDpopNonce);
    assert_eq!(Refusal::ForeignKey.code(), Code::InvalidToken);
}

#[test]
fn addresses_are_compared_after_normalisation_without_query_and_fragment() {
    let same = [
        "HTTPS://AS.example.com:443/token",
        "https://as.example.com/./token",
        "https://as.example.com/x/../token?nonce=1#f",
        "https://as.example.com/%74oken",
    ];
    for address in same {
        assert_eq!(normalized(address), normalized(URL), "{address}");
    }
    for other in
        ["https://as.example.com/Token", "https://as.example.com/token/", "https://as.example.com:8443/token"]
    {
        assert_ne!(normalized(other), normalized(URL), "{other}");
    }
    assert_eq!(normalized("https://a.example/%c3%a9"), normalized("https://a.example/%C3%A9"));
    assert_eq!(normalized("mailto:a@b.example"), None);
    assert_eq!(normalized(&format!("https://a.example/{}", "x".repeat(3000))), None);
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        prop_assert!(verify(Some(&text), &expected()).is_err());
    }

    #[test]
    fn no_changed_byte_of_a_proof_verifies(at in 0_usize..400, bit in 0_u8..8) {
        let key = SecretKey::derive(b"test", b"", b"dpop");
        let mut proof = request().prove(&key, "jti", NOW).unwrap().into_bytes();
        let at = at % proof.len();
        proof[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(proof) {
            prop_assert!(verify(Some(&text), &expected()).is_err());
        }
    }
}

#[test]
fn the_tests_own_proof_is_good_so_that_each_change_is_what_is_refused() {
    assert!(verify(Some(&proof_with(|_, _| {})), &expected()).is_ok());
}
