use keys::SecretKey;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_764_000_000;
const AS: &str = "https://as.example.com";

struct Party {
    provider: SecretKey,
    wallet: SecretKey,
}

impl Party {
    fn new() -> Party {
        Party { provider: SecretKey::generate(), wallet: SecretKey::generate() }
    }

    fn claims(&self) -> Claims {
        Claims {
            iss: Some("https://wallet-provider.example".into()),
            sub: "https://wallet.example".into(),
            iat: Some(NOW - 60),
            nbf: None,
            exp: NOW + 3600,
            cnf: Confirmation { jwk: self.wallet.public_key().to_jwk() },
            wallet_name: None,
            wallet_link: None,
            status: None,
        }
    }

    fn attestation(&self) -> String {
        attest(&self.claims(), &self.provider, &[]).unwrap()
    }

    fn pop(&self) -> String {
        pop().prove(&self.wallet).unwrap()
    }

    fn verify(&self, attestation: Option<&str>, pop: Option<&str>) -> Result<AttestedClient, Refusal> {
        self.verify_with(attestation, pop, |_| {})
    }

    fn verify_with(
        &self,
        attestation: Option<&str>,
        pop: Option<&str>,
        change: impl FnOnce(&mut Expected<'_>),
    ) -> Result<AttestedClient, Refusal> {
        let attesters = |hint: &KeyHint| {
            (hint.claimed_issuer.as_deref() == Some("https://wallet-provider.example"))
                .then(|| self.provider.public_key().clone())
        };
        let mut expected = Expected {
            audience: AS,
            client_id: None,
            attesters: &attesters,
            challenge: None,
            max_age: None,
            now: NOW,
        };
        change(&mut expected);
        verify(attestation, pop, &expected)
    }

    /// Refusal of an attestation with one claim changed.
    fn refused(&self, change: impl FnOnce(&mut Value)) -> Refusal {
        let mut claims = serde_json::to_value(self.claims()).unwrap();
        change(&mut claims);
        let attestation = jwt::sign(&self.provider, &Header::es256(TYP), &claims).unwrap();
        self.verify(Some(&attestation), Some(&self.pop())).unwrap_err()
    }

    /// Refusal of a proof of possession with one claim changed.
    fn pop_refused(&self, change: impl FnOnce(&mut Value)) -> Refusal {
        let mut claims = json!({ "aud": AS, "jti": "1", "iat": NOW });
        change(&mut claims);
        let pop = jwt::sign(&self.wallet, &Header::es256(POP_TYP), &claims).unwrap();
        self.verify(Some(&self.attestation()), Some(&pop)).unwrap_err()
    }
}

fn pop<'a>() -> Pop<'a> {
    Pop { client_id: "https://wallet.example", audience: AS, challenge: None, jti: "1", now: NOW }
}

#[test]
fn an_attested_wallet_is_authenticated_by_its_provider_and_its_key() {
    let party = Party::new();
    let client = party.verify(Some(&party.attestation()), Some(&party.pop())).unwrap();
    assert_eq!(client.client_id(), "https://wallet.example");
    assert_eq!(client.key(), party.wallet.public_key());
    assert_eq!(client.replay_until(), NOW + POP_MAX_AGE_S + 1);
    let again = party.verify(Some(&party.attestation()), Some(&party.pop())).unwrap();
    assert_eq!(client.replay_id(), again.replay_id());
}

#[test]
fn the_proof_of_possession_in_the_draft_verifies_with_the_key_in_its_attestation() {
    let pop = "eyJ0eXAiOiJvYXV0aC1jbGllbnQtYXR0ZXN0YXRpb24tcG9wK2p3dCIsImFsZyI6IkVTMjU2In0.eyJhdWQiOiJodHRwczovL2FzLmV4YW1wbGUuY29tIiwianRpIjoiZDI1ZDAwYWItNTUyYi00NmZjLWFlMTktOThmNDQwZjI1MDY0IiwiaWF0IjoxNzcyNDg3NTk1LCJjaGFsbGVuZ2UiOiI1YzFhOWUxMC0yOWZmLTRjMmItYWU3My01N2MwOTU3YzA5YzQifQ.M4Uc4rWVAqaLlmDDUXQKkKPbAQKj0JrTizLgWhZndmbkvM3VL8y-w_QJr7Z0HZlH94E64cLa8L5fSjJItYv0jg";
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC", "use": "sig", "crv": "P-256",
        "x": "VcKVNBZ4IaBAYW3jxM4w3TJFVA7myeUGQyGt-g_yvpQ",
        "y": "f-E-hYE3TAWKwhVv9pej9NABs9SX9XsNO80x57jFTyU"
    }))
    .unwrap();
    let unverified = jwt::parse(pop, jwt::SHORT, POP_TYP).unwrap();
    let claims: PopClaims = jwt::verify(unverified, &PublicKey::from_jwk(&jwk).unwrap(), POP_TYP).unwrap();
    assert_eq!(claims.aud, AS);
    assert_eq!(claims.challenge.as_deref(), Some("5c1a9e10-29ff-4c2b-ae73-57c0957c09c4"));
}

#[test]
fn a_missing_half_is_refused() {
    let party = Party::new();
    assert_eq!(party.verify(None, Some(&party.pop())).unwrap_err(), Refusal::Missing);
    assert_eq!(party.verify(Some(&party.attestation()), None).unwrap_err(), Refusal::PopMissing);
}

#[test]
fn an_attestation_by_anyone_else_is_refused() {
    let (party, stranger) = (Party::new(), Party::new());
    let forged = attest(&party.claims(), &stranger.provider, &[]).unwrap();
    assert_eq!(party.verify(Some(&forged), Some(&party.pop())).unwrap_err(), Refusal::Signature);
    assert_eq!(
        party.refused(|claims| claims["iss"] = "https://unknown.example".into()),
        Refusal::UntrustedAttester
    );
}

#[test]
fn every_broken_rule_of_the_attestation_has_its_own_refusal() {
    let party = Party::new();
    assert_eq!(party.refused(|claims| claims["exp"] = NOW.into()), Refusal::Expired);
    assert_eq!(party.refused(|claims| claims["nbf"] = (NOW + SKEW_S + 1).into()), Refusal::Expired);
    assert_eq!(party.refused(|claims| claims["iat"] = (NOW + SKEW_S + 1).into()), Refusal::Expired);
    assert_eq!(party.refused(|claims| claims["sub"] = "".into()), Refusal::NoSubject);
    assert_eq!(
        party.refused(|claims| drop(claims.as_object_mut().unwrap().remove("sub"))),
        Refusal::NoSubject
    );
    for member in ["exp", "cnf"] {
        let refusal = party.refused(|claims| drop(claims.as_object_mut().unwrap().remove(member)));
        assert_eq!(refusal, Refusal::Malformed, "{member}");
    }
    let private = encoding::b64url_encode(&*party.wallet.to_bytes());
    assert_eq!(party.refused(|claims| claims["cnf"]["jwk"]["d"] = private.into()), Refusal::Malformed);
    let (attestation, pop) = (party.attestation(), party.pop());
    let stale = party.verify_with(Some(&attestation), Some(&pop), |expected| expected.max_age = Some(59));
    assert_eq!(stale.unwrap_err(), Refusal::Stale);
    let other =
        party.verify_with(Some(&attestation), Some(&pop), |expected| expected.client_id = Some("other"));
    assert_eq!(other.unwrap_err(), Refusal::ForeignClient);
}

#[test]
fn other_types_and_algorithms_are_refused() {
    let party = Party::new();
    let as_pop = party.verify(Some(&party.pop()), Some(&party.pop())).unwrap_err();
    assert_eq!(as_pop, Refusal::Type);
    let as_attestation = party.verify(Some(&party.attestation()), Some(&party.attestation())).unwrap_err();
    assert_eq!(as_attestation, Refusal::PopMalformed);
    let mut header = Header::es256(TYP);
    header.alg = "none".into();
    let none = jwt::sign(&party.provider, &header, &party.claims()).unwrap();
    assert_eq!(party.verify(Some(&none), Some(&party.pop())).unwrap_err(), Refusal::Type);
}

#[test]
fn every_broken_rule_of_the_proof_has_its_own_refusal() {
    let party = Party::new();
    let by_stranger = pop().prove(&SecretKey::generate()).unwrap();
    assert_eq!(
        party.verify(Some(&party.attestation()), Some(&by_stranger)).unwrap_err(),
        Refusal::PopSignature
    );
    assert_eq!(
        party.pop_refused(|claims| claims["aud"] = "https://other.example".into()),
        Refusal::PopAudience
    );
    assert_eq!(
        party.pop_refused(|claims| claims["iat"] = (NOW - POP_MAX_AGE_S - 1).into()),
        Refusal::PopTime
    );
    assert_eq!(party.pop_refused(|claims| claims["iat"] = (NOW + SKEW_S + 1).into()), Refusal::PopTime);
    assert_eq!(party.pop_refused(|claims| claims["iss"] = "other".into()), Refusal::PopMalformed);
    for member in ["aud", "jti", "iat"] {
        let refusal = party.pop_refused(|claims| drop(claims.as_object_mut().unwrap().remove(member)));
        assert_eq!(refusal, Refusal::PopMalformed, "{member}");
    }
}

#[test]
fn a_challenge_is_asked_for_and_recognised() {
    let party = Party::new();
    fn known(challenge: &str) -> bool {
        challenge == "ours"
    }
    let judge = |challenge| {
        let pop = Pop { challenge, ..pop() }.prove(&party.wallet).unwrap();
        party
            .verify_with(Some(&party.attestation()), Some(&pop), |expected| expected.challenge = Some(&known))
    };
    assert!(judge(Some("ours")).is_ok());
    assert_eq!(judge(None).unwrap_err(), Refusal::Challenge);
    assert_eq!(judge(Some("theirs")).unwrap_err(), Refusal::Challenge);
}

#[test]
fn refusals_carry_the_codes_of_the_draft() {
    assert_eq!(Refusal::Challenge.code(), Code::UseAttestationChallenge);
    assert_eq!(Refusal::Stale.code(), Code::UseFreshAttestation);
    assert_eq!(Refusal::Missing.code(), Code::InvalidClient);
    assert_eq!(Refusal::PopSignature.code(), Code::InvalidClientAttestation);
    assert_eq!(Code::InvalidClientAttestation.status(), 401);
}
