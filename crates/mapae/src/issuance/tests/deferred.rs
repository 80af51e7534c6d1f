//! Batches that wait for an approval.

use keys::SecretKey;
use keys::jwe::Enc;
use openid::vci::{CredentialResponse, DeferredRequest, ResponseEncryption};

use super::browser::{Asking, CLIENT, town};
use super::encryption::{issuer_key, post_jwt};
use super::holder::{Reply, credentials_of, holder_keys, payload};
use crate::application::tests::doors::sign_in;
use crate::application::tests::{HEAD, HR_ONE, HR_TWO, OFFICIAL, Town};
use crate::application::{self, Application, Decision, Request, State, Step, decide};
use crate::lifecycle::Badge;
use crate::operations::limits;

const DEFERRED: &str = "/issuance/deferred-credential";

/// An applicant whose wallet has asked already.
struct Waiting {
    town: Town,
    application: Application,
    asking: Asking,
    token: serde_json::Value,
    keys: Vec<SecretKey>,
    transaction_id: String,
}

impl Waiting {
    async fn new() -> Self {
        let town = town(|_| {}).await;
        let application = town.applied(OFFICIAL).await;
        let cookie = sign_in(&town, false, "gong").await;
        let mut asking = Asking::new(&town).await;
        let code = asking.code(&town, &cookie).await;
        let token = asking.redeem(&code).await;
        let keys = holder_keys(2);
        let reply = asking.credentials(token["access_token"].as_str().unwrap(), &keys).await;
        let transaction_id = transaction_of(&reply);
        Self { town, application, asking, token, keys, transaction_id }
    }

    async fn approve(&self) {
        for (who, step) in
            [(HEAD, Step::HeadApproval), (HR_ONE, Step::IdentityCheck), (HR_TWO, Step::IssueApproval)]
        {
            self.town.approve(who, &self.application, step).await.unwrap();
        }
    }

    async fn ask_as(&self, token: &str, transaction_id: &str) -> Reply {
        let body = DeferredRequest { transaction_id: transaction_id.to_owned(), response_encryption: None };
        let proof = self.asking.wallet.dpop(DEFERRED, Some(token));
        self.asking.wallet.post_with_token(DEFERRED, token, Some(&proof), body.to_json()).await
    }

    async fn ask(&self) -> Reply {
        self.ask_as(self.token["access_token"].as_str().unwrap(), &self.transaction_id).await
    }

    /// A fresh access token: the first is too old for an approval that takes its time.
    async fn refreshed(&mut self) -> serde_json::Value {
        self.asking.wallet.c_nonce().await;
        let form = [
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", self.token["refresh_token"].as_str().unwrap().to_owned()),
            ("client_id", CLIENT.to_owned()),
        ];
        let reply = self.asking.post_token(&form).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        reply.json()
    }
}

fn transaction_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.json());
    match CredentialResponse::read(&reply.body, None).unwrap() {
        CredentialResponse::Deferred { transaction_id, interval } => {
            assert_eq!(interval, limits::DEFERRED_INTERVAL.duration().as_secs());
            transaction_id
        }
        CredentialResponse::Issued { .. } => panic!("issued before it was approved"),
    }
}

#[tokio::test]
async fn a_batch_waits_for_the_approval_and_then_comes_for_the_keys_that_were_proved() {
    let mut waiting = Waiting::new().await;
    assert_eq!(transaction_of(&waiting.ask().await), waiting.transaction_id, "the same id again (§9.2)");
    let employee = waiting.town.id(OFFICIAL).await;
    assert!(Badge::live_of_employee(&waiting.town.store, &employee).await.unwrap().is_none());

    waiting.town.clock.advance_ms(3 * 24 * 3_600_000);
    waiting.approve().await;
    waiting.asking.wallet.c_nonce().await;
    assert_eq!(waiting.ask().await.refusal(), (401, "invalid_token".to_owned()), "the first token is old");
    let token = waiting.refreshed().await;
    let token = token["access_token"].as_str().unwrap().to_owned();
    let reply = waiting.ask_as(&token, &waiting.transaction_id).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let credentials = credentials_of(&reply);
    let held: Vec<_> = credentials.iter().map(|copy| payload(copy)["cnf"]["jwk"]["x"].clone()).collect();
    let proved: Vec<_> =
        waiting.keys.iter().map(|key| serde_json::json!(key.public_key().to_jwk().x)).collect();
    assert_eq!(held, proved);
    assert_eq!(waiting.town.state(&waiting.application).await, State::Issued);

    let again = waiting.ask_as(&token, &waiting.transaction_id).await;
    assert_eq!(again.refusal(), (400, "invalid_transaction_id".to_owned()), "it was obtained");
    let noted = serde_json::json!({
        "notification_id": reply.json()["notification_id"], "event": "credential_accepted"
    });
    let path = "/issuance/notification";
    let proof = waiting.asking.wallet.dpop(path, Some(&token));
    let told = waiting
        .asking
        .wallet
        .post_with_token(path, &token, Some(&proof), noted.to_string().into_bytes())
        .await;
    assert_eq!(told.status, 204, "{}", told.json());
}

#[tokio::test]
async fn what_is_refused_is_denied_for_good() {
    for end in ["rejected", "withdrawn"] {
        let waiting = Waiting::new().await;
        if end == "rejected" {
            let actor = waiting.town.actor(HEAD).await;
            let reason = Decision::Reject { reason: "예시 사유".to_owned() };
            decide(&waiting.town, &actor, &waiting.application.id, Step::HeadApproval, reason).await.unwrap();
        } else {
            let employee = &waiting.application.employee_id;
            application::withdraw(&waiting.town, employee, &waiting.application.id).await.unwrap();
        }
        assert_eq!(waiting.ask().await.refusal(), (400, "credential_request_denied".to_owned()), "{end}");
        // A new application that is approved does not bring the old request back.
        let request =
            Request { kind: application::Kind::First, note: String::new(), key: None, submit: true };
        application::apply(&waiting.town, &waiting.application.employee_id, request).await.unwrap();
        assert_eq!(waiting.ask().await.refusal(), (400, "credential_request_denied".to_owned()), "{end}");
    }
}

#[tokio::test]
async fn a_transaction_is_known_to_its_own_token_only() {
    let waiting = Waiting::new().await;
    let token = waiting.token["access_token"].as_str().unwrap();
    for wrong in ["made up", token] {
        let reply = waiting.ask_as(token, wrong).await;
        assert_eq!(reply.refusal().0, 400);
        assert!(
            ["invalid_transaction_id", "invalid_credential_request"].contains(&reply.refusal().1.as_str())
        );
    }
    assert_eq!(waiting.ask_as(token, "made up").await.refusal().1, "invalid_transaction_id");
    for body in ["", "{}", "[]", r#"{"transaction_id":""}"#, r#"{"transaction_id":1}"#] {
        let proof = waiting.asking.wallet.dpop(DEFERRED, Some(token));
        let reply = waiting.asking.wallet.post_with_token(DEFERRED, token, Some(&proof), body.into()).await;
        assert_eq!(reply.refusal(), (400, "invalid_credential_request".to_owned()), "{body}");
    }
    let mut other = Waiting::new().await;
    other.transaction_id.clone_from(&waiting.transaction_id);
    assert_eq!(other.ask().await.refusal(), (400, "invalid_transaction_id".to_owned()));
    let proof = waiting.asking.wallet.dpop("/issuance/credential", Some(token));
    let body = DeferredRequest { transaction_id: waiting.transaction_id.clone(), response_encryption: None };
    let reply = waiting.asking.wallet.post_with_token(DEFERRED, token, Some(&proof), body.to_json()).await;
    assert_eq!(reply.refusal(), (401, "invalid_dpop_proof".to_owned()), "a proof for another endpoint");
}

#[tokio::test]
async fn asked_for_anew_the_newest_keys_count_and_the_older_transaction_is_over() {
    let mut waiting = Waiting::new().await;
    let token = waiting.token["access_token"].as_str().unwrap().to_owned();
    let keys = holder_keys(1);
    let newer = transaction_of(&waiting.asking.credentials(&token, &keys).await);
    assert_ne!(newer, waiting.transaction_id);
    assert_eq!(waiting.ask().await.refusal(), (400, "invalid_transaction_id".to_owned()));
    waiting.approve().await;
    let reply = waiting.ask_as(&token, &newer).await;
    assert_eq!(credentials_of(&reply).len(), 1);
    // Once approved the plain way is open, too, and the same batch is not issued twice by it.
    let reply = waiting.asking.credentials(&token, &keys).await;
    assert_eq!(reply.refusal(), (401, "invalid_token".to_owned()));
}

#[tokio::test]
async fn a_deferred_response_is_encrypted_for_the_key_that_was_sent_last() {
    let waiting = Waiting::new().await;
    waiting.approve().await;
    let token = waiting.token["access_token"].as_str().unwrap();
    let (first, last) = (SecretKey::generate(), SecretKey::generate());
    let issuer = issuer_key(&waiting.asking.wallet).await;
    let request = |key: &SecretKey| DeferredRequest {
        transaction_id: waiting.transaction_id.clone(),
        response_encryption: Some(ResponseEncryption::new(key.public_key(), "mine", Enc::A256Gcm)),
    };
    let proof = waiting.asking.wallet.dpop(DEFERRED, Some(token));
    let plain = request(&first).to_json();
    let refused = waiting.asking.wallet.post_with_token(DEFERRED, token, Some(&proof), plain).await;
    assert_eq!(refused.refusal(), (400, "invalid_encryption_parameters".to_owned()), "§9.1");
    let sealed = request(&last).to_jwe(&issuer, Enc::A128Gcm).unwrap();
    let reply = post_jwt(&waiting.asking.wallet, DEFERRED, token, sealed).await;
    assert_eq!(
        (reply.status.as_u16(), reply.headers["content-type"].to_str().unwrap()),
        (200, "application/jwt")
    );
    assert!(CredentialResponse::read(&reply.body, Some(&first)).is_err());
    let CredentialResponse::Issued { credentials, .. } =
        CredentialResponse::read(&reply.body, Some(&last)).unwrap()
    else {
        panic!("issued")
    };
    assert_eq!(credentials.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_for_a_batch_that_waited_one_gets_it() {
    let waiting = Waiting::new().await;
    waiting.approve().await;
    let token = waiting.token["access_token"].as_str().unwrap().to_owned();
    let body = DeferredRequest { transaction_id: waiting.transaction_id.clone(), response_encryption: None };
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (wallet, token, body) = (waiting.asking.wallet.clone(), token.clone(), body.to_json());
            tokio::spawn(async move {
                let proof = wallet.dpop(DEFERRED, Some(&token));
                wallet.post_with_token(DEFERRED, &token, Some(&proof), body).await
            })
        })
        .collect();
    let replies: Vec<Reply> =
        futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        let (status, code) = reply.refusal();
        assert!(
            matches!((status, code.as_str()), (400, "invalid_transaction_id") | (401, "invalid_token")),
            "{status} {code}"
        );
    }
    let badge = Badge::live_of_employee(&waiting.town.store, &waiting.town.id(OFFICIAL).await).await;
    assert_eq!(badge.unwrap().unwrap().copy_next, 2);
}
