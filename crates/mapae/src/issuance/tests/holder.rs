//! A wallet for tests: keeps its DPoP key and the last nonce, and can be told to do each step wrong.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use keys::SecretKey;
use openid::dpop;
use openid::token::{PRE_AUTHORIZED_CODE, TokenResponse};
use openid::vci::proof::ProofRequest;
use openid::vci::{CredentialOffer, CredentialRequest, CredentialResponse, Proofs, Target};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::issuance::{self, Offer, Order};
use crate::operations::{Platform, params, server};

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and error code of a refusal.
    pub(super) fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    fn nonce(&self) -> Option<String> {
        self.headers.get("dpop-nonce").map(|value| value.to_str().unwrap().to_owned())
    }
}

/// A wallet.
#[derive(Clone)]
pub(super) struct Holder {
    router: Router,
    platform: Arc<Platform>,
    pub(super) key: Arc<SecretKey>,
    pub(super) dpop_nonce: Option<String>,
}

impl Holder {
    pub(super) fn new(platform: &Arc<Platform>) -> Self {
        let router = server::public_router(platform);
        Self {
            router,
            platform: Arc::clone(platform),
            key: Arc::new(SecretKey::generate()),
            dpop_nonce: None,
        }
    }

    pub(super) fn origin(&self) -> String {
        self.platform.config.public.origin().to_owned()
    }

    pub(super) fn now(&self) -> i64 {
        self.platform.now_ms() / 1000
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The offer behind an offer's address.
    pub(super) async fn fetch(&self, offer: &Offer) -> CredentialOffer {
        let path = offer.uri.strip_prefix(&self.origin()).unwrap();
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        CredentialOffer::parse(&reply.body).unwrap()
    }

    /// A DPoP proof for one of the issuer's endpoints.
    pub(super) fn dpop(&self, path: &str, token: Option<&str>) -> String {
        let url = format!("{}{path}", self.origin());
        let nonce = self.dpop_nonce.as_deref();
        dpop::Request { method: "POST", url: &url, access_token: token, nonce }
            .prove(self.key.as_ref(), &keys::random::token(), self.now())
            .unwrap()
    }

    pub(super) fn token_form(offer: &CredentialOffer, tx_code: Option<&str>) -> String {
        let grant = offer.grants.as_ref().unwrap().pre_authorized_code.as_ref().unwrap();
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", PRE_AUTHORIZED_CODE);
        form.append_pair("pre-authorized_code", &grant.pre_authorized_code);
        if let Some(code) = tx_code {
            form.append_pair("tx_code", code);
        }
        form.finish()
    }

    pub(super) async fn post_token(&self, form: String, proof: Option<&str>) -> Reply {
        let mut request = Request::post("/issuance/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    /// Gets a nonce for DPoP proofs, as a wallet does by calling the nonce endpoint first, and a `c_nonce`.
    pub(super) async fn c_nonce(&mut self) -> String {
        let reply = self.send(Request::post("/issuance/nonce").body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
        self.dpop_nonce = reply.nonce();
        reply.json()["c_nonce"].as_str().unwrap().to_owned()
    }

    pub(super) async fn token(&mut self, offer: &CredentialOffer, tx_code: Option<&str>) -> Reply {
        if self.dpop_nonce.is_none() {
            self.c_nonce().await;
        }
        let proof = self.dpop("/issuance/token", None);
        self.post_token(Self::token_form(offer, tx_code), Some(&proof)).await
    }

    pub(super) async fn access_token(&mut self, offer: &CredentialOffer, tx_code: Option<&str>) -> String {
        let reply = self.token(offer, tx_code).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        TokenResponse::parse(&reply.body, openid::error::Scheme::Dpop).unwrap().access_token
    }

    /// A key proof for the issuer.
    pub(super) fn proof(&self, key: &SecretKey, nonce: &str) -> String {
        let issuer = self.origin();
        ProofRequest {
            issuer: &issuer,
            nonce: Some(nonce),
            client_id: None,
            key_attestation: None,
            now: self.now(),
        }
        .prove(key)
        .unwrap()
    }

    pub(super) fn request(proofs: Vec<String>) -> Vec<u8> {
        Self::request_for(issuance::BADGE, proofs)
    }

    pub(super) fn request_for(configuration: &str, proofs: Vec<String>) -> Vec<u8> {
        let target = Target::Configuration(configuration.to_owned());
        CredentialRequest { target, proofs: Some(Proofs::Jwt(proofs)), response_encryption: None }.to_json()
    }

    pub(super) async fn post_credential(&self, token: &str, proof: Option<&str>, body: Vec<u8>) -> Reply {
        self.post_with_token("/issuance/credential", token, proof, body).await
    }

    pub(super) async fn post_with_token(
        &self,
        path: &str,
        token: &str,
        proof: Option<&str>,
        body: Vec<u8>,
    ) -> Reply {
        let mut request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("DPoP {token}"));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Asks for a batch bound to these keys, everything done right.
    pub(super) async fn credentials(&mut self, token: &str, holder_keys: &[SecretKey]) -> Reply {
        self.credentials_as(issuance::BADGE, token, holder_keys).await
    }

    /// The same in the format of a configuration.
    pub(super) async fn credentials_as(
        &mut self,
        configuration: &str,
        token: &str,
        holder_keys: &[SecretKey],
    ) -> Reply {
        let nonce = self.c_nonce().await;
        let proofs = holder_keys.iter().map(|key| self.proof(key, &nonce)).collect();
        let proof = self.dpop("/issuance/credential", Some(token));
        self.post_credential(token, Some(&proof), Self::request_for(configuration, proofs)).await
    }

    /// The whole flow to a batch of `copies`.
    pub(super) async fn redeem(
        &mut self,
        offer: &CredentialOffer,
        tx_code: Option<&str>,
        copies: usize,
    ) -> Vec<String> {
        let token = self.access_token(offer, tx_code).await;
        let reply = self.credentials(&token, &holder_keys(copies)).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
        credentials_of(&reply)
    }
}

pub(super) fn credentials_of(reply: &Reply) -> Vec<String> {
    match CredentialResponse::read(&reply.body, None).unwrap() {
        CredentialResponse::Issued { credentials, .. } => credentials,
        CredentialResponse::Deferred { .. } => panic!("nothing is deferred here"),
    }
}

pub(super) fn holder_keys(count: usize) -> Vec<SecretKey> {
    (0..count).map(|_| SecretKey::generate()).collect()
}

/// An application of that employee that was approved just now; one that was open before is over.
pub(super) async fn order(platform: &Platform, employee_id: &str, kind: &str) -> Order {
    let order = Order {
        employee_id: employee_id.to_owned(),
        application_id: crate::operations::id::new(),
        kind: kind.to_owned(),
        approved_at: platform.now_ms(),
    };
    let row = order.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "UPDATE application SET state = 'expired' WHERE employee_id = $1 AND state = 'issue_approved'",
                    params![&row.employee_id],
                )
                .await?;
                tx.execute(
                    "INSERT INTO application (id, employee_id, agency_code, department_id, head_department_id, kind, \
                     state, state_since_at, created_at, ends_at) \
                     VALUES ($1, $2, 'agency', 'department', 'department', $3, 'issue_approved', $4, $4, $5)",
                    params![
                        &row.application_id,
                        &row.employee_id,
                        &row.kind,
                        row.approved_at,
                        row.approved_at + 86_400_000
                    ],
                )
                .await
            })
        })
        .await
        .unwrap();
    order
}

/// An offer for any standard wallet, with its transaction code.
pub(super) async fn wallet_offer(platform: &Arc<Platform>, employee_id: &str) -> (Offer, String) {
    offer_on(platform, order(platform, employee_id, "first").await).await.unwrap()
}

pub(super) async fn offer_on(
    platform: &Arc<Platform>,
    order: Order,
) -> Result<(Offer, String), issuance::OfferError> {
    let shared = Arc::clone(platform);
    platform
        .store
        .write(move |tx| Box::pin(async move { issuance::offer_for_application(tx, &shared, &order).await }))
        .await
}

/// The payload of an SD-JWT, unverified.
pub(super) fn payload(sd_jwt: &str) -> Value {
    let part = sd_jwt.split('~').next().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&keys::encoding::b64url_decode(part).unwrap()).unwrap()
}

/// The status claim of an SD-JWT: list and index.
pub(super) fn status_of(sd_jwt: &str) -> (String, u64) {
    let status = payload(sd_jwt)["status"]["status_list"].clone();
    (status["uri"].as_str().unwrap().to_owned(), status["idx"].as_u64().unwrap())
}

pub(super) fn public_jwk(key: &SecretKey) -> Value {
    serde_json::to_value(key.public_key().to_jwk()).unwrap()
}
