//! Attested wallets and attested keys, identifiers, accounts and renewals.

use http::{Request, header};
use keys::SecretKey;
use openid::attestation::{self, Claims, Confirmation, Pop};
use openid::token::{AuthorizationDetail, TokenResponse};
use openid::vci::{CredentialRequest, KeyAttestation, Proofs, Target};

use super::holder::{Holder, Reply, credentials_of, holder_keys, order, status_of, wallet_offer};
use crate::issuance::{self, AttestationPolicy, OfferError};
use crate::lifecycle::{self, Badge, BadgeState, By, Reason};
use crate::operations::server_keys::KeyName;
use crate::operations::{Platform, id, params};
use crate::testing;

/// A wallet attestation by the platform's wallet provider, and a proof of its key.
fn attested(wallet: &Holder, platform: &Platform, instance: &SecretKey) -> (String, String) {
    let provider = platform.keys.signer(KeyName::WalletAttestation).unwrap();
    let claims = Claims {
        iss: None,
        sub: "https://wallet.example".to_owned(),
        iat: Some(wallet.now()),
        nbf: None,
        exp: wallet.now() + 3600,
        cnf: Confirmation { jwk: instance.public_key().to_jwk() },
        wallet_name: None,
        wallet_link: None,
        status: None,
    };
    let chain = platform.keys.chain(KeyName::WalletAttestation);
    let attestation = attestation::attest(&claims, provider.as_ref(), &chain).unwrap();
    let (origin, jti) = (wallet.origin(), keys::random::token());
    let pop = Pop {
        client_id: "https://wallet.example",
        audience: &origin,
        challenge: None,
        jti: &jti,
        now: wallet.now(),
    };
    (attestation, pop.prove(instance).unwrap())
}

async fn post_attested(wallet: &Holder, form: String, sent: Option<(&str, &str)>) -> Reply {
    let mut request = Request::post("/issuance/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("DPoP", wallet.dpop("/issuance/token", None));
    if let Some((attestation, pop)) = sent {
        request = request.header(attestation::HEADER, attestation).header(attestation::POP_HEADER, pop);
    }
    wallet.send(request.body(axum::body::Body::from(form)).unwrap()).await
}

#[tokio::test]
async fn where_attestation_is_required_only_attested_wallets_are_issued_to() {
    let platform = testing::platform_with(|config| {
        config.issuance.wallet_attestation = AttestationPolicy::Required;
    })
    .await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let form = || Holder::token_form(&held, Some(&tx_code));
    let metadata = wallet.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        serde_json::json!(["attest_jwt_client_auth"])
    );

    assert_eq!(post_attested(&wallet, form(), None).await.refusal(), (401, "invalid_client".to_owned()));
    let instance = SecretKey::generate();
    let (attestation, pop) = attested(&wallet, &platform, &instance);
    let (_, foreign_pop) = attested(&wallet, &platform, &SecretKey::generate());
    let wrong = [
        (attestation.as_str(), foreign_pop.as_str()),
        (&attestation[..attestation.len() - 6], pop.as_str()),
        (pop.as_str(), pop.as_str()),
    ];
    for (attestation, pop) in wrong {
        let reply = post_attested(&wallet, form(), Some((attestation, pop))).await;
        assert_eq!(reply.refusal(), (401, "invalid_client_attestation".to_owned()));
    }
    // A self-made provider is nobody's.
    let own = SecretKey::generate();
    let claims = Claims {
        iss: None,
        sub: "me".to_owned(),
        iat: None,
        nbf: None,
        exp: wallet.now() + 60,
        cnf: Confirmation { jwk: instance.public_key().to_jwk() },
        wallet_name: None,
        wallet_link: None,
        status: None,
    };
    let self_made = attestation::attest(&claims, &own, &[]).unwrap();
    let reply = post_attested(&wallet, form(), Some((&self_made, &pop))).await;
    assert_eq!(reply.refusal(), (401, "invalid_client_attestation".to_owned()));

    let reply = post_attested(&wallet, form(), Some((&attestation, &pop))).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let reply = post_attested(&wallet, form(), Some((&attestation, &pop))).await;
    assert_eq!(reply.refusal(), (401, "invalid_client_attestation".to_owned()), "the proof is replayed");
}

#[tokio::test]
async fn one_key_attestation_vouches_for_a_whole_batch() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    let keys = holder_keys(20);
    let nonce = wallet.c_nonce().await;
    let attestation = |nonce: &str| KeyAttestation {
        iss: None,
        iat: wallet.now(),
        exp: Some(wallet.now() + 300),
        attested_keys: keys.iter().map(|key| key.public_key().to_jwk()).collect(),
        key_storage: vec!["iso_18045_basic".to_owned()],
        user_authentication: Vec::new(),
        certification: None,
        nonce: Some(nonce.to_owned()),
        status: None,
    };
    let body = |attestation: String| {
        let target = Target::Configuration(issuance::BADGE.to_owned());
        let proofs = Some(Proofs::Attestation(attestation));
        CredentialRequest { target, proofs, response_encryption: None }.to_json()
    };
    let forged = attestation(&nonce).sign(&SecretKey::generate(), &[]).unwrap();
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), body(forged)).await;
    assert_eq!(reply.refusal(), (400, "invalid_proof".to_owned()));

    let provider = platform.keys.signer(KeyName::WalletAttestation).unwrap();
    let chain = platform.keys.chain(KeyName::WalletAttestation);
    let genuine = attestation(&nonce).sign(provider.as_ref(), &chain).unwrap();
    let dpop = wallet.dpop("/issuance/credential", Some(&token));
    let reply = wallet.post_credential(&token, Some(&dpop), body(genuine)).await;
    assert_eq!(credentials_of(&reply).len(), 20);
}

#[tokio::test]
async fn who_asks_with_authorization_details_is_given_identifiers_and_must_use_them() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let form = |configuration: &str| {
        let details =
            serde_json::to_string(&[AuthorizationDetail::for_configuration(configuration)]).unwrap();
        let mut form = url::form_urlencoded::Serializer::new(Holder::token_form(&held, Some(&tx_code)));
        form.append_pair("authorization_details", &details);
        form.finish()
    };
    let proof = wallet.dpop("/issuance/token", None);
    let reply = wallet.post_token(form("passport"), Some(&proof)).await;
    assert_eq!(reply.refusal(), (400, "invalid_authorization_details".to_owned()));
    let proof = wallet.dpop("/issuance/token", None);
    let reply = wallet.post_token(form("badge"), Some(&proof)).await;
    let granted = TokenResponse::parse(&reply.body, openid::error::Scheme::Dpop).unwrap();
    let identifier = granted.authorization_details[0].credential_identifiers[0].clone();

    let by_configuration = wallet.credentials(&granted.access_token, &holder_keys(1)).await;
    assert_eq!(by_configuration.refusal(), (400, "invalid_credential_request".to_owned()));
    let nonce = wallet.c_nonce().await;
    let proofs = Some(Proofs::Jwt(vec![wallet.proof(&holder_keys(1)[0], &nonce)]));
    let body =
        CredentialRequest { target: Target::Identifier(identifier), proofs, response_encryption: None };
    let dpop = wallet.dpop("/issuance/credential", Some(&granted.access_token));
    let reply = wallet.post_credential(&granted.access_token, Some(&dpop), body.to_json()).await;
    assert_eq!(credentials_of(&reply).len(), 1);
}

#[tokio::test]
async fn a_client_that_named_itself_may_name_itself_in_its_proofs_and_nobody_else() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let named = |client: &str| format!("{}&client_id={client}", Holder::token_form(&held, Some(&tx_code)));
    let proof = wallet.dpop("/issuance/token", None);
    let reply = wallet.post_token(named(&"x".repeat(4000)), Some(&proof)).await;
    assert_eq!(reply.refusal(), (400, "invalid_request".to_owned()));
    let proof = wallet.dpop("/issuance/token", None);
    let reply = wallet.post_token(named("some-wallet"), Some(&proof)).await;
    let token = TokenResponse::parse(&reply.body, openid::error::Scheme::Dpop).unwrap().access_token;
    for (client, status) in [("another", 400), ("some-wallet", 200)] {
        let nonce = wallet.c_nonce().await;
        let issuer = wallet.origin();
        let proof = openid::vci::proof::ProofRequest {
            issuer: &issuer,
            nonce: Some(&nonce),
            client_id: Some(client),
            key_attestation: None,
            now: wallet.now(),
        };
        let body = Holder::request(vec![proof.prove(&SecretKey::generate()).unwrap()]);
        let dpop = wallet.dpop("/issuance/credential", Some(&token));
        assert_eq!(wallet.post_credential(&token, Some(&dpop), body).await.status, status, "{client}");
    }
}

/// Enters an account as the wallet provider would, waiting for its first badge.
async fn account(platform: &Platform, employee: &str, device: &SecretKey) -> String {
    let account_id = id::new();
    let (account, employee, now) = (account_id.clone(), employee.to_owned(), platform.now_ms());
    let (key, thumbprint) = (device.public_key().to_sec1(), device.public_key().thumbprint());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, \
                     pin_generation, pin_right_at, sequence, tries, charged_at, created_at) \
                     VALUES ($1, $2, 'application', 'pending', $3, $4, 1, $5, 0, 0, 0, $5)",
                    params![account, employee, key, thumbprint, now],
                )
                .await
            })
        })
        .await
        .unwrap();
    account_id
}

async fn account_offer(
    platform: &std::sync::Arc<Platform>,
    employee: &str,
    account_id: &str,
    device: &SecretKey,
) -> issuance::Offer {
    let (shared, order) = (platform.clone(), order(platform, employee, "first").await);
    let (account_id, jkt) = (account_id.to_owned(), device.public_key().thumbprint());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                issuance::offer_for_account(tx, &shared, &order, &account_id, Some(&jkt), None).await
            })
        })
        .await
        .unwrap()
}

async fn renewal(
    platform: &std::sync::Arc<Platform>,
    account_id: &str,
    device: &SecretKey,
) -> Result<issuance::Offer, OfferError> {
    let shared = platform.clone();
    let (account_id, jkt) = (account_id.to_owned(), device.public_key().thumbprint());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { issuance::renewal_for_account(tx, &shared, &account_id, &jkt).await })
        })
        .await
}

#[tokio::test]
async fn an_offer_for_an_account_is_redeemed_by_its_device_alone() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let mut phone = Holder::new(&platform);
    let account_id = account(&platform, &employee, &phone.key).await;
    let offer = account_offer(&platform, &employee, &account_id, &phone.key).await;
    let held = phone.fetch(&offer).await;
    assert!(held.grants.as_ref().unwrap().pre_authorized_code.as_ref().unwrap().tx_code.is_none());

    let mut stranger = Holder::new(&platform);
    assert_eq!(stranger.token(&held, None).await.refusal(), (400, "invalid_grant".to_owned()));
    let unexpected = phone.token(&held, Some("12345678")).await;
    assert_eq!(unexpected.refusal(), (400, "invalid_request".to_owned()));
    phone.redeem(&held, None, 3).await;
    let badge = Badge::live_of_account(&platform.store, &account_id).await.unwrap().unwrap();
    assert_eq!((badge.employee_id.as_str(), badge.copy_next), (employee.as_str(), 3));
    let row = platform
        .store
        .fetch_one("SELECT state FROM account WHERE id = $1", params![&account_id])
        .await
        .unwrap();
    assert_eq!(row.text("state").unwrap(), "active");
}

#[tokio::test]
async fn a_renewal_goes_on_with_fresh_copies_and_stops_with_the_badge() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let mut phone = Holder::new(&platform);
    let device = phone.key.clone();
    let account_id = account(&platform, &employee, &device).await;
    assert!(matches!(renewal(&platform, &account_id, &device).await, Err(OfferError::NoActiveBadge)));
    let offer = account_offer(&platform, &employee, &account_id, &device).await;
    let held = phone.fetch(&offer).await;
    let mut copies = phone.redeem(&held, None, 20).await;

    for _ in 0..5 {
        let held = phone.fetch(&renewal(&platform, &account_id, &device).await.unwrap()).await;
        copies.extend(phone.redeem(&held, None, 20).await);
    }
    let distinct: std::collections::HashSet<_> = copies.iter().map(|copy| status_of(copy)).collect();
    assert_eq!(distinct.len(), 120, "no status index twice");
    let held = phone.fetch(&renewal(&platform, &account_id, &device).await.unwrap()).await;
    let token = phone.access_token(&held, None).await;
    let reply = phone.credentials(&token, &holder_keys(20)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()), "128 copies a week");

    // Next week there are new ones, in a new list.
    platform.clock.advance_ms(7 * 24 * 3600 * 1000);
    phone.c_nonce().await;
    let held = phone.fetch(&renewal(&platform, &account_id, &device).await.unwrap()).await;
    let next = phone.redeem(&held, None, 1).await.remove(0);
    assert!(!distinct.iter().any(|(uri, _)| *uri == status_of(&next).0));
    // A clock set back does not hand out last week's indices again.
    platform.clock.advance_ms(-7 * 24 * 3600 * 1000);
    phone.c_nonce().await;
    let held = phone.fetch(&renewal(&platform, &account_id, &device).await.unwrap()).await;
    let token = phone.access_token(&held, None).await;
    assert_eq!(phone.credentials(&token, &holder_keys(1)).await.refusal().1, "credential_request_denied");

    let held = phone.fetch(&renewal(&platform, &account_id, &device).await.unwrap()).await;
    let token = phone.access_token(&held, None).await;
    let badge = Badge::live_of_account(&platform.store, &account_id).await.unwrap().unwrap();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move { lifecycle::suspend(tx, &badge.id, &By::system(), Reason::Loss).await })
        })
        .await
        .unwrap();
    let reply = phone.credentials(&token, &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
    assert!(matches!(renewal(&platform, &account_id, &device).await, Err(OfferError::NoActiveBadge)));
}

#[tokio::test]
async fn on_a_change_of_device_the_old_phone_ends_with_the_first_copy_of_the_new() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let mut old = Holder::new(&platform);
    let old_account = account(&platform, &employee, &old.key).await;
    let held = old.fetch(&account_offer(&platform, &employee, &old_account, &old.key).await).await;
    old.redeem(&held, None, 1).await;

    let mut new = Holder::new(&platform);
    let new_account = account(&platform, &employee, &new.key).await;
    let offer = account_offer(&platform, &employee, &new_account, &new.key).await;
    let held = new.fetch(&offer).await;
    let token = new.access_token(&held, None).await;
    let state = |account: &str| {
        let (store, account) = (platform.store.clone(), account.to_owned());
        async move {
            let row =
                store.fetch_one("SELECT state FROM account WHERE id = $1", params![account]).await.unwrap();
            row.text("state").unwrap()
        }
    };
    assert_eq!(state(&old_account).await, "active", "the old phone works until the new one holds a copy");
    assert_eq!(new.credentials(&token, &holder_keys(1)).await.status, 200);
    assert_eq!(
        (state(&old_account).await, state(&new_account).await),
        ("closed".to_owned(), "active".to_owned())
    );
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!((badge.account_id.as_deref(), badge.state), (Some(new_account.as_str()), BadgeState::Active));
}
