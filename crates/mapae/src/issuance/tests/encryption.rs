//! Encrypted credential requests and responses.

use axum::body::Body;
use http::{Request, header};
use keys::encoding::b64url_encode;
use keys::jwe::Enc;
use keys::{Jwk, SecretKey};
use openid::metadata::CredentialIssuer;
use openid::vci::{CredentialRequest, CredentialResponse, Proofs, ResponseEncryption, Target};
use serde_json::json;

use super::holder::{Holder, Reply, holder_keys, wallet_offer};
use crate::issuance::{BADGE, EncryptionPolicy};
use crate::testing::{self, TestPlatform};

const CREDENTIAL: &str = "/issuance/credential";

/// The issuer's key, as its metadata publishes it.
pub(super) async fn issuer_key(wallet: &Holder) -> Jwk {
    let document = wallet.get("/.well-known/openid-credential-issuer").await;
    let issuer = CredentialIssuer::read(&document.body, &wallet.origin()).unwrap();
    issuer.credential_request_encryption.unwrap().jwks.keys.remove(0)
}

/// Posts an encrypted request with a fresh DPoP proof.
pub(super) async fn post_jwt(wallet: &Holder, path: &str, token: &str, body: String) -> Reply {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/jwt")
        .header(header::AUTHORIZATION, format!("DPoP {token}"))
        .header("DPoP", wallet.dpop(path, Some(token)));
    wallet.send(request.body(Body::from(body)).unwrap()).await
}

async fn authorized(policy: EncryptionPolicy) -> (TestPlatform, Holder, String) {
    let platform = testing::platform_with(|config| config.issuance.encryption = policy).await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    (platform, wallet, token)
}

async fn request(wallet: &mut Holder, response_encryption: Option<ResponseEncryption>) -> CredentialRequest {
    let nonce = wallet.c_nonce().await;
    let proofs = holder_keys(2).iter().map(|key| wallet.proof(key, &nonce)).collect();
    let target = Target::Configuration(BADGE.to_owned());
    CredentialRequest { target, proofs: Some(Proofs::Jwt(proofs)), response_encryption }
}

fn kind(reply: &Reply) -> &str {
    reply.headers[header::CONTENT_TYPE].to_str().unwrap()
}

fn for_key(key: &SecretKey, enc: Enc) -> Option<ResponseEncryption> {
    Some(ResponseEncryption::new(key.public_key(), "mine", enc))
}

#[tokio::test]
async fn the_metadata_offers_ecdh_es_with_both_gcm_and_no_compression() {
    let (_platform, wallet, _) = authorized(EncryptionPolicy::Offered).await;
    let document = wallet.get("/.well-known/openid-credential-issuer").await.json();
    let requests = &document["credential_request_encryption"];
    assert_eq!(requests["enc_values_supported"], json!(["A128GCM", "A256GCM"]));
    assert_eq!(
        (&requests["encryption_required"], requests.get("zip_values_supported")),
        (&json!(false), None)
    );
    let jwk = &requests["jwks"]["keys"][0];
    assert_eq!((&jwk["alg"], &jwk["use"]), (&json!("ECDH-ES"), &json!("enc")));
    assert!(jwk["kid"].is_string() && jwk.get("d").is_none());
    let responses = &document["credential_response_encryption"];
    assert_eq!(responses["alg_values_supported"], json!(["ECDH-ES"]));
    assert_eq!(responses["enc_values_supported"], json!(["A128GCM", "A256GCM"]));
}

#[tokio::test]
async fn an_encrypted_request_is_answered_with_what_only_the_wallet_can_read() {
    for (asked, answered) in [(Enc::A128Gcm, Enc::A256Gcm), (Enc::A256Gcm, Enc::A128Gcm)] {
        let (_platform, mut wallet, token) = authorized(EncryptionPolicy::Offered).await;
        let key = SecretKey::generate();
        let sealed = request(&mut wallet, for_key(&key, answered)).await;
        let sealed = sealed.to_jwe(&issuer_key(&wallet).await, asked).unwrap();
        let reply = post_jwt(&wallet, CREDENTIAL, &token, sealed).await;
        assert_eq!((reply.status.as_u16(), kind(&reply)), (200, "application/jwt"));
        let head = keys::jwe::header(std::str::from_utf8(&reply.body).unwrap()).unwrap();
        assert_eq!((head.kid.as_deref(), head.enc), (Some("mine"), answered));
        let read = CredentialResponse::read(&reply.body, Some(&key)).unwrap();
        assert!(matches!(read, CredentialResponse::Issued { credentials, .. } if credentials.len() == 2));
    }
}

#[tokio::test]
async fn an_encrypted_request_may_be_answered_in_plain() {
    let (_platform, mut wallet, token) = authorized(EncryptionPolicy::Offered).await;
    let sealed = request(&mut wallet, None).await.to_jwe(&issuer_key(&wallet).await, Enc::A256Gcm).unwrap();
    let reply = post_jwt(&wallet, CREDENTIAL, &token, sealed).await;
    assert_eq!((reply.status.as_u16(), kind(&reply)), (200, "application/json"));
}

#[tokio::test]
async fn wrong_encryption_is_refused_in_plain_and_costs_nothing() {
    let (_platform, mut wallet, token) = authorized(EncryptionPolicy::Offered).await;
    let issuer = issuer_key(&wallet).await;
    let good = request(&mut wallet, for_key(&SecretKey::generate(), Enc::A256Gcm)).await;
    let whole = good.to_jwe(&issuer, Enc::A256Gcm).unwrap();
    let head = |header: serde_json::Value| {
        let rest = whole.split_once('.').unwrap().1;
        format!("{}.{rest}", b64url_encode(header.to_string().as_bytes()))
    };
    let epk = json!(SecretKey::generate().public_key().to_jwk());
    let stranger = SecretKey::generate().public_key().to_jwk();
    let wrong = [
        ("another key", good.to_jwe(&stranger, Enc::A256Gcm).unwrap()),
        ("an unknown kid", good.to_jwe(&issuer.clone().with_kid("other"), Enc::A256Gcm).unwrap()),
        ("another alg", head(json!({ "alg": "RSA-OAEP", "enc": "A256GCM", "epk": epk }))),
        ("another enc", head(json!({ "alg": "ECDH-ES", "enc": "A128CBC-HS256", "epk": epk }))),
        ("compressed", head(json!({ "alg": "ECDH-ES", "enc": "A256GCM", "zip": "DEF", "epk": epk }))),
        ("cut off", whole[..whole.len() - 3].to_owned()),
        ("no JWE", "hello".to_owned()),
    ];
    for (what, body) in wrong {
        let reply = post_jwt(&wallet, CREDENTIAL, &token, body).await;
        assert_eq!(reply.refusal(), (400, "invalid_encryption_parameters".to_owned()), "{what}");
        assert_eq!(&reply.headers[header::CONTENT_TYPE], "application/json", "errors are never encrypted");
    }
    let proof = wallet.dpop(CREDENTIAL, Some(&token));
    let reply = wallet.post_credential(&token, Some(&proof), good.to_json()).await;
    assert_eq!(reply.refusal(), (400, "invalid_encryption_parameters".to_owned()), "a plain wish (§8.2)");
    assert_eq!(post_jwt(&wallet, CREDENTIAL, &token, whole).await.status, 200);
}

#[tokio::test]
async fn where_encryption_is_required_nothing_plain_goes_either_way() {
    let (_platform, mut wallet, token) = authorized(EncryptionPolicy::Required).await;
    let document = wallet.get("/.well-known/openid-credential-issuer").await.json();
    assert_eq!(document["credential_request_encryption"]["encryption_required"], true);
    assert_eq!(document["credential_response_encryption"]["encryption_required"], true);
    let plain = request(&mut wallet, None).await;
    let proof = wallet.dpop(CREDENTIAL, Some(&token));
    let reply = wallet.post_credential(&token, Some(&proof), plain.to_json()).await;
    assert_eq!(reply.refusal(), (400, "invalid_encryption_parameters".to_owned()));
    let issuer = issuer_key(&wallet).await;
    let reply = post_jwt(&wallet, CREDENTIAL, &token, plain.to_jwe(&issuer, Enc::A256Gcm).unwrap()).await;
    assert_eq!(reply.refusal(), (400, "invalid_encryption_parameters".to_owned()), "no key for the answer");
    let key = SecretKey::generate();
    let sealed =
        request(&mut wallet, for_key(&key, Enc::A256Gcm)).await.to_jwe(&issuer, Enc::A256Gcm).unwrap();
    assert_eq!(post_jwt(&wallet, CREDENTIAL, &token, sealed).await.status, 200);
}
