use super::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[test]
fn the_example_of_rfc_7636_appendix_b_holds() {
    assert_eq!(Verifier::parse(VERIFIER).unwrap().challenge().as_str(), CHALLENGE);
    let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
    assert_eq!(challenge.check(Some(VERIFIER)), Ok(()));
}

#[test]
fn a_fresh_verifier_fits_its_own_challenge_only() {
    let (one, other) = (Verifier::random(), Verifier::random());
    assert_eq!(one.challenge().check(Some(one.as_str())), Ok(()));
    assert_eq!(one.challenge().check(Some(other.as_str())).unwrap_err().error, Code::InvalidGrant);
    assert!(!format!("{one:?}").contains(one.as_str()));
}

#[test]
fn a_challenge_that_is_missing_plain_or_malformed_is_refused() {
    let cases = [
        (None, Some("S256")),
        (Some(CHALLENGE), None),
        (Some(CHALLENGE), Some("plain")),
        (Some(CHALLENGE), Some("s256")),
        (Some("short"), Some("S256")),
        (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), Some("S256")),
    ];
    for (challenge, method) in cases {
        let refused = Challenge::parse(challenge, method).unwrap_err();
        assert_eq!(refused.error, Code::InvalidRequest, "{challenge:?} {method:?}");
    }
}

#[test]
fn a_missing_verifier_is_a_bad_grant_and_a_malformed_one_a_bad_request() {
    let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
    assert_eq!(challenge.check(None).unwrap_err().error, Code::InvalidGrant);
    for verifier in ["short", &"a".repeat(129), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX!"] {
        assert_eq!(challenge.check(Some(verifier)).unwrap_err().error, Code::InvalidRequest, "{verifier}");
    }
    // The challenge is no verifier: who saw the front channel can't redeem the code.
    assert_eq!(challenge.check(Some(CHALLENGE)).unwrap_err().error, Code::InvalidGrant);
}
