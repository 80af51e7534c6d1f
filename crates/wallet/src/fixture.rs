//! A small world for tests: an issuer and a verifier that speak the protocols in memory, and a phone before them.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use credential::sd_jwt::{Claims, Issuance, Issuer, StatusClaim, issue};
use keys::SecretKey;
use keys::x509::{self, Certificate, Kind, Profile};
use openid::attestation::KeyHint;
use openid::error::Scheme;
use openid::form::Form;
use openid::token::{TokenRequest, TokenResponse};
use openid::vci::{
    CredentialOffer, CredentialRequest, CredentialResponse, DeferredRequest, OfferLink, ResponseEncryption,
    proof,
};
use openid::vp::{ClientId, ClientMetadata, RequestObject, Signing};
use openid::{Code, OAuthError, dpop};
use serde_json::{Value, json};

use crate::Wallet;
use crate::ports::{
    Clock, Http, HttpError, KeyError, KeyHandle, KeyStore, KeyUse, Method, NewKey, Request, Response, Shell,
    SoftwareKeys, Storage, StorageError,
};
use crate::vault::VaultKey;

/// Wednesday 2026-11-25 01:00 UTC.
pub(crate) const NOW: i64 = 1_795_392_000 + 2 * 86_400 + 3_600;
pub(crate) const ISS: &str = "https://issuer.example";
pub(crate) const VCT: &str = "https://issuer.example/types/badge";
const YEAR: i64 = 365 * 86_400;

/// Runs a future that never waits.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a port of the test world waits"),
    }
}

type Answer = Result<Response, HttpError>;
type Server = Box<dyn FnMut(&Request) -> Answer>;

/// Ports whose other ends are closures.
#[derive(Clone)]
pub(crate) struct World {
    keys: Keys,
    blob: Rc<RefCell<Option<Vec<u8>>>>,
    net: Net,
    now: Rc<Cell<i64>>,
}

/// Software keys that count how many are there.
#[derive(Clone, Default)]
pub(crate) struct Keys(Rc<RefCell<HashSet<String>>>);

impl Keys {
    pub(crate) fn alive(&self) -> usize {
        self.0.borrow().len()
    }
}

impl KeyStore for Keys {
    async fn generate(&self, purpose: KeyUse) -> Result<NewKey, KeyError> {
        let made = SoftwareKeys.generate(purpose).await?;
        self.0.borrow_mut().insert(made.handle.0.to_string());
        Ok(made)
    }

    async fn sign(&self, key: &KeyHandle, message: &[u8]) -> Result<keys::Signature, KeyError> {
        if !self.0.borrow().contains(&*key.0) {
            return Err(KeyError::Missing);
        }
        SoftwareKeys.sign(key, message).await
    }

    async fn delete(&self, key: &KeyHandle) -> Result<(), KeyError> {
        self.0.borrow_mut().remove(&*key.0);
        Ok(())
    }
}

/// The other side, and what it was asked.
#[derive(Clone)]
pub(crate) struct Net {
    server: Rc<RefCell<Server>>,
    pub(crate) asked: Rc<RefCell<Vec<String>>>,
}

impl Http for Net {
    async fn send(&self, request: Request) -> Answer {
        self.asked.borrow_mut().push(format!("{} {}", request.method.as_str(), request.url));
        let response = (self.server.borrow_mut())(&request)?;
        if response.body.len() > request.max_response { Err(HttpError::TooLarge) } else { Ok(response) }
    }
}

impl Storage for World {
    async fn load(&self) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.blob.borrow().clone())
    }

    async fn save(&self, blob: &[u8]) -> Result<(), StorageError> {
        *self.blob.borrow_mut() = Some(blob.to_vec());
        Ok(())
    }
}

impl Clock for World {
    fn now_ms(&self) -> i64 {
        self.now.get() * 1000
    }
}

impl Shell for World {
    type Keys = Keys;
    type Storage = World;
    type Http = Net;
    type Clock = World;

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn storage(&self) -> &World {
        self
    }

    fn http(&self) -> &Net {
        &self.net
    }

    fn clock(&self) -> &World {
        self
    }
}

impl World {
    pub(crate) fn new(server: impl FnMut(&Request) -> Answer + 'static) -> World {
        World {
            keys: Keys::default(),
            blob: Rc::default(),
            net: Net { server: Rc::new(RefCell::new(Box::new(server))), asked: Rc::default() },
            now: Rc::new(Cell::new(NOW)),
        }
    }

    /// Puts another party at the other end.
    pub(crate) fn answer_with(&self, server: impl FnMut(&Request) -> Answer + 'static) {
        *self.net.server.borrow_mut() = Box::new(server);
    }

    /// How often an address that ends so was asked.
    pub(crate) fn asked(&self, end: &str) -> usize {
        self.net.asked.borrow().iter().filter(|line| line.ends_with(end)).count()
    }

    /// The vault as it lies there.
    pub(crate) fn blob_mut(&self) -> std::cell::RefMut<'_, Option<Vec<u8>>> {
        self.blob.borrow_mut()
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds);
    }
}

const KEY: [u8; 32] = [7; 32];

/// A phone that trusts a root.
pub(crate) fn phone(world: &World, root: &Certificate) -> Wallet<World> {
    let mut wallet = run(Wallet::create(world.clone(), VaultKey::from_bytes(KEY), vec![])).unwrap();
    run(wallet.trust(&[root.der().to_vec()])).unwrap();
    wallet
}

/// The same phone after a crash: whatever is not in the vault is gone.
pub(crate) fn reopened(world: &World) -> Wallet<World> {
    run(Wallet::open(world.clone(), VaultKey::from_bytes(KEY))).unwrap()
}

pub(crate) fn json_answer(status: u16, value: &Value) -> Answer {
    Ok(Response { status, headers: vec![], body: value.to_string().into_bytes() })
}

pub(crate) fn error_answer(status: u16, code: Code) -> Answer {
    json_answer(status, &serde_json::to_value(OAuthError::new(code, "")).unwrap())
}

/// A root and a key certified below it.
pub(crate) struct Certified {
    pub(crate) root: Certificate,
    root_key: SecretKey,
    pub(crate) key: SecretKey,
    pub(crate) x5c: Vec<Vec<u8>>,
}

impl Certified {
    pub(crate) fn new(kind: Kind) -> Certified {
        let root_key = SecretKey::generate();
        let root = x509::root(&root_key, "예시 루트", NOW - YEAR, NOW + 10 * YEAR).unwrap();
        Certified::below(root, root_key, kind, NOW + YEAR)
    }

    fn below(root: Certificate, root_key: SecretKey, kind: Kind, until: i64) -> Certified {
        let key = SecretKey::generate();
        let profile =
            Profile { country: None, cn: "예시 기관".to_owned(), dns: vec![], uri: vec![], kind };
        let serial = x509::random_serial();
        let leaf =
            x509::issue(&root, &root_key, key.public_key(), &profile, NOW - 86_400, until, serial).unwrap();
        Certified { x5c: vec![leaf.der().to_vec()], root, root_key, key }
    }

    /// Another key below the same root.
    pub(crate) fn beside(&self, kind: Kind, until: i64) -> Certified {
        let root_key = SecretKey::from_bytes(&self.root_key.to_bytes()).unwrap();
        Certified::below(self.root.clone(), root_key, kind, until)
    }

    pub(crate) fn client_id(&self) -> String {
        ClientId::of_certificate(&self.x5c[0]).to_string()
    }
}

/// How this issuer misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Certifies keys that the phone does not hold.
    ForeignKey,
    /// Changes a byte of the signed part.
    Tampered,
    /// Issues another type than its metadata says.
    OtherType,
    /// Issues what has expired.
    Expired,
    /// One more copy than keys.
    TooMany,
    /// The metadata document is of another issuer.
    ForeignMetadata,
    /// An answer of many megabytes.
    Oversized,
}

/// A standard issuer, all endpoints.
pub(crate) struct FakeIssuer {
    pub(crate) certified: Certified,
    pub(crate) fault: Fault,
    pub(crate) tx_code: Option<&'static str>,
    /// The claim that the type's document demands.
    pub(crate) demands: &'static str,
    pub(crate) batch: u32,
    /// How many proofs in a row are refused for want of a nonce.
    pub(crate) dpop_nonces: usize,
    /// How many `c_nonce`s in a row turn out stale.
    pub(crate) stale_nonces: usize,
    pub(crate) lose_token: bool,
    pub(crate) lose_credential: usize,
    pub(crate) deferred: bool,
    pub(crate) name: &'static str,
    pub(crate) notified: Vec<String>,
    pub(crate) now: i64,
    /// Keys whose copies were put off.
    pub(crate) waiting: Vec<keys::PublicKey>,
    pub(crate) code_used_by: Option<String>,
    /// Whether its holder has to sign in.
    pub(crate) sign_in: bool,
    /// Whether it demands wallet attestations.
    pub(crate) attested: bool,
    /// Whether it demands encryption both ways.
    pub(crate) encryption: Option<SecretKey>,
    /// The pushed request.
    pub(crate) pushed: Option<openid::vci::authorize::IssuanceRequest>,
}

impl FakeIssuer {
    pub(crate) fn new() -> FakeIssuer {
        FakeIssuer {
            certified: Certified::new(Kind::Issuer),
            fault: Fault::None,
            tx_code: None,
            demands: "name",
            batch: 3,
            dpop_nonces: 0,
            stale_nonces: 0,
            lose_token: false,
            lose_credential: 0,
            deferred: false,
            name: "예시 한 사람",
            notified: Vec::new(),
            now: NOW,
            waiting: Vec::new(),
            code_used_by: None,
            sign_in: false,
            attested: false,
            encryption: None,
            pushed: None,
        }
    }

    /// Where the browser is sent back to once its holder agreed.
    pub(crate) fn agree(&self) -> String {
        self.pushed.as_ref().unwrap().success("code-1", ISS)
    }

    pub(crate) fn shared(self) -> Rc<RefCell<FakeIssuer>> {
        Rc::new(RefCell::new(self))
    }

    pub(crate) fn offer(&self) -> String {
        let mut grant = json!({ "pre-authorized_code": "once" });
        if self.tx_code.is_some() {
            grant["tx_code"] = json!({ "length": 4 });
        }
        let grants = match self.sign_in {
            true => json!({ "authorization_code": { "issuer_state": "state-1" } }),
            false => json!({ "urn:ietf:params:oauth:grant-type:pre-authorized_code": grant }),
        };
        let offer = json!({
            "credential_issuer": ISS,
            "credential_configuration_ids": ["badge"],
            "grants": grants,
        });
        OfferLink::ByValue(CredentialOffer::parse(offer.to_string().as_bytes()).unwrap()).to_link()
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let path = request.url.strip_prefix(ISS).unwrap_or(&request.url).to_owned();
        match (request.method, path.as_str()) {
            (Method::Get, "/.well-known/openid-credential-issuer") => self.metadata(),
            (Method::Get, "/.well-known/oauth-authorization-server") => json_answer(
                200,
                &json!({
                    "issuer": ISS,
                    "token_endpoint": format!("{ISS}/token"),
                    "authorization_endpoint": format!("{ISS}/authorize"),
                    "pushed_authorization_request_endpoint": format!("{ISS}/par"),
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                    "authorization_response_iss_parameter_supported": true,
                    "token_endpoint_auth_methods_supported":
                        [if self.attested { "attest_jwt_client_auth" } else { "none" }],
                    "grant_types_supported":
                        ["urn:ietf:params:oauth:grant-type:pre-authorized_code", "authorization_code"],
                    "dpop_signing_alg_values_supported": ["ES256"],
                    "pre-authorized_grant_anonymous_access_supported": true,
                }),
            ),
            (Method::Get, "/types/badge") => json_answer(
                200,
                &json!({
                    "vct": VCT,
                    "display": [{ "locale": "ko-KR", "name": "예시 공무원증" }],
                    "claims": [
                        { "path": ["link_id"], "only_for": "login-provider" },
                        { "path": [self.demands], "mandatory": true, "sd": "always" },
                    ],
                }),
            ),
            (Method::Post, "/par") => self.push(request),
            (Method::Post, "/token") => self.token(request),
            (Method::Post, "/nonce") => json_answer(200, &json!({ "c_nonce": "fresh" })),
            (Method::Post, "/credential" | "/deferred") => self.credential(request, &path),
            (Method::Post, "/notification") => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                self.notified.push(body["event"].as_str().unwrap().to_owned());
                Ok(Response { status: 204, headers: vec![], body: vec![] })
            }
            _ => panic!("nobody answers {} {path}", request.method.as_str()),
        }
    }

    fn metadata(&self) -> Answer {
        let issuer = if self.fault == Fault::ForeignMetadata { "https://other.example" } else { ISS };
        let mut answer = json_answer(
            200,
            &json!({
                "credential_issuer": issuer,
                "credential_endpoint": format!("{ISS}/credential"),
                "nonce_endpoint": format!("{ISS}/nonce"),
                "deferred_credential_endpoint": format!("{ISS}/deferred"),
                "notification_endpoint": format!("{ISS}/notification"),
                "batch_credential_issuance": { "batch_size": self.batch },
                "credential_configurations_supported": { "badge": {
                    "format": "dc+sd-jwt",
                    "vct": VCT,
                    "scope": "badge-scope",
                    "proof_types_supported": { "jwt": { "proof_signing_alg_values_supported": ["ES256"] } },
                } },
            }),
        )?;
        if let Some(key) = &self.encryption {
            let mut document: Value = serde_json::from_slice(&answer.body).unwrap();
            let jwk = key.public_key().to_jwk().with_kid("issuer-1").with_alg("ECDH-ES");
            let encs = ["A256GCM"];
            document["credential_request_encryption"] = json!({ "jwks": { "keys": [jwk] }, "enc_values_supported": encs, "encryption_required": true });
            document["credential_response_encryption"] = json!({
                "alg_values_supported": ["ECDH-ES"], "enc_values_supported": encs, "encryption_required": true
            });
            answer.body = document.to_string().into_bytes();
        }
        if self.fault == Fault::Oversized {
            answer.body.resize(2 << 20, b' ');
        }
        Ok(answer)
    }

    /// The proof of a request, judged as a server would; the thumbprint of its key.
    fn proof(&mut self, request: &Request, token: Option<dpop::BoundToken<'_>>) -> Result<String, Answer> {
        let header = |name: &str| request.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        let expected =
            dpop::Expected { method: "POST", url: &request.url, token, nonce: None, now: self.now };
        let proof = dpop::verify(header("dpop"), &expected).expect("the wallet's proof holds");
        if self.dpop_nonces > 0 {
            self.dpop_nonces -= 1;
            let nonce = format!("server-nonce-{}", self.dpop_nonces);
            let mut refused =
                error_answer(if token.is_some() { 401 } else { 400 }, Code::UseDpopNonce).unwrap();
            refused.headers.push(("dpop-nonce".to_owned(), nonce));
            return Err(Ok(refused));
        }
        Ok(proof.jkt().to_owned())
    }

    fn push(&mut self, request: &Request) -> Answer {
        let form = Form::parse(&request.body).unwrap();
        let known = |id: &str| id == "badge";
        let scope = |value: &str| (value == "badge-scope").then(|| "badge".to_owned());
        let offered = openid::vci::authorize::Offered { issuer: ISS, configuration: &known, scope: &scope };
        assert_eq!(form.get("issuer_state"), Some("state-1"));
        let parsed = openid::vci::authorize::IssuanceRequest::parse(&form, None, None, &offered);
        self.pushed = Some(parsed.expect("the wallet's request holds"));
        json_answer(201, &json!({ "request_uri": "urn:ietf:params:oauth:request_uri:1", "expires_in": 60 }))
    }

    fn token(&mut self, request: &Request) -> Answer {
        let jkt = match self.proof(request, None) {
            Ok(jkt) => jkt,
            Err(refused) => return refused,
        };
        let form = Form::parse(&request.body).unwrap();
        let used_by_another = self.code_used_by.as_ref().is_some_and(|used| *used != jkt);
        match TokenRequest::parse(&form).unwrap() {
            TokenRequest::PreAuthorizedCode(grant) => {
                if grant.tx_code.as_deref() != self.tx_code || used_by_another {
                    return error_answer(400, Code::InvalidGrant);
                }
            }
            TokenRequest::AuthorizationCode(grant) => {
                let pushed = self.pushed.take().expect("a request was pushed");
                if grant.code != "code-1" || self.code_used_by.is_some() {
                    return error_answer(400, Code::InvalidGrant);
                }
                pushed.redeem(&grant, grant.client_id.as_deref(), &jkt).expect("the wallet's request holds");
            }
            TokenRequest::Refresh(grant) => {
                if grant.refresh_token != "refresh-1" || used_by_another {
                    return error_answer(400, Code::InvalidGrant);
                }
            }
        }
        self.code_used_by = Some(jkt);
        if std::mem::take(&mut self.lose_token) {
            return Err(HttpError::AnswerLost);
        }
        let mut token = TokenResponse::new("access".to_owned(), Scheme::Dpop, 300);
        token.refresh_token = self.sign_in.then(|| "refresh-1".to_owned());
        json_answer(200, &serde_json::to_value(token).unwrap())
    }

    fn credential(&mut self, request: &Request, path: &str) -> Answer {
        let jkt = self.code_used_by.clone().expect("a token was given");
        let bound = dpop::BoundToken { access_token: "access", jkt: &jkt };
        if let Err(refused) = self.proof(request, Some(bound)) {
            return refused;
        }
        if path == "/deferred" {
            let asked = match &self.encryption {
                Some(key) => DeferredRequest::parse_encrypted(&request.body, key).unwrap(),
                None => DeferredRequest::parse(&request.body).unwrap(),
            };
            assert_eq!(asked.transaction_id, "t-1");
            let keys = std::mem::take(&mut self.waiting);
            return self.issue(&keys, asked.response_encryption.as_ref());
        }
        if self.stale_nonces > 0 {
            self.stale_nonces -= 1;
            return error_answer(400, Code::InvalidNonce);
        }
        let parsed = match &self.encryption {
            Some(key) => CredentialRequest::parse_encrypted(&request.body, key).unwrap(),
            None => CredentialRequest::parse(&request.body).unwrap(),
        };
        let encryption = parsed.response_encryption.as_ref();
        let expected = proof::Expected {
            issuer: ISS,
            nonce: &|nonce| nonce == "fresh",
            client_id: self.sign_in.then_some("mapae-wallet"),
            max_keys: 64,
            attesters: None::<&dyn Fn(&KeyHint) -> Option<keys::PublicKey>>,
            attestation_required: None,
            now: NOW,
        };
        let keys = proof::verify(parsed.proofs.as_ref(), &expected).expect("the wallet's proofs hold");
        if self.deferred {
            self.waiting = keys.keys().to_vec();
            let later = CredentialResponse::Deferred { transaction_id: "t-1".to_owned(), interval: 60 };
            return Ok(Response { status: 202, headers: vec![], body: sealed(&later, encryption) });
        }
        self.issue(keys.keys(), encryption)
    }

    fn issue(&mut self, keys: &[keys::PublicKey], encryption: Option<&ResponseEncryption>) -> Answer {
        let mut credentials: Vec<String> =
            keys.iter().enumerate().map(|(at, key)| self.copy(key, at as u64)).collect();
        if self.fault == Fault::TooMany {
            credentials.push(credentials[0].clone());
        }
        if self.lose_credential > 0 {
            self.lose_credential -= 1;
            return Err(HttpError::AnswerLost);
        }
        let answer = CredentialResponse::Issued { credentials, notification_id: Some("n-1".to_owned()) };
        Ok(Response { status: 200, headers: vec![], body: sealed(&answer, encryption) })
    }

    fn copy(&self, holder: &keys::PublicKey, index: u64) -> String {
        let mut claims = Claims::new();
        claims.selective("name", &json!(self.name)).unwrap();
        claims.selective("rank", &json!("7급")).unwrap();
        claims.selective("link_id", &json!("l-1")).unwrap();
        let stranger = SecretKey::generate();
        let holder = if self.fault == Fault::ForeignKey { stranger.public_key() } else { holder };
        let status = StatusClaim { uri: format!("{ISS}/status/1"), index };
        let until = if self.fault == Fault::Expired { NOW - 10 } else { NOW + 7 * 86_400 };
        let issuance = Issuance {
            issuer: &Issuer::new(ISS, "did:example#1", &self.certified.x5c),
            vct: if self.fault == Fault::OtherType { "https://issuer.example/types/other" } else { VCT },
            claims: &claims,
            holder,
            status: Some(&status),
            issued_at: NOW - 3 * 86_400,
            expires_at: until,
        };
        let text = issue(&issuance, &self.certified.key).unwrap();
        if self.fault != Fault::Tampered {
            return text;
        }
        // Another claim under the old signature.
        let (jwt, rest) = text.split_once('~').unwrap();
        let mut parts = jwt.split('.');
        let (head, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let mut body: Value = serde_json::from_slice(&keys::encoding::b64url_decode(body).unwrap()).unwrap();
        body["admin"] = json!(true);
        let body = keys::encoding::b64url_encode(body.to_string().as_bytes());
        format!("{head}.{body}.{signature}~{rest}")
    }
}

/// A response as its request wants it.
fn sealed(response: &CredentialResponse, encryption: Option<&ResponseEncryption>) -> Vec<u8> {
    encryption.map_or_else(|| response.to_json(), |wish| response.to_jwe(wish).unwrap().into_bytes())
}

/// A standard verifier's request.
pub(crate) struct FakeVerifier {
    pub(crate) certified: Certified,
    pub(crate) encryption: SecretKey,
}

pub(crate) const VERIFIER: &str = "https://verifier.example";
pub(crate) const REQUEST_NONCE: &str = "nonce-of-the-request";

impl FakeVerifier {
    pub(crate) fn new(certified: Certified) -> FakeVerifier {
        FakeVerifier { certified, encryption: SecretKey::generate() }
    }

    pub(crate) fn link(&self, post: bool) -> String {
        let mut form = Form::default()
            .with("client_id", &self.certified.client_id())
            .with("request_uri", &format!("{VERIFIER}/request"));
        if post {
            form.push("request_uri_method", "post");
        }
        format!("openid4vp://?{}", form.encode())
    }

    pub(crate) fn object(&self, dcql: Value) -> RequestObject {
        let client_id = ClientId::parse(&self.certified.client_id()).unwrap();
        let mut object = RequestObject::new(&client_id, &format!("{VERIFIER}/response"), REQUEST_NONCE, dcql);
        object.client_metadata = Some(ClientMetadata::encrypted_to(self.encryption.public_key(), "k-1"));
        object.state = Some("state-1".to_owned());
        object.iat = Some(NOW);
        object.exp = Some(NOW + 120);
        object
    }

    pub(crate) fn sign(&self, object: &RequestObject) -> String {
        object.sign(&self.certified.key, Signing::Certificates(&self.certified.x5c)).unwrap()
    }
}

/// A query for claims of the badge.
pub(crate) fn query(claims: &[&str]) -> Value {
    let claims: Vec<Value> = claims.iter().map(|name| json!({ "id": name, "path": [name] })).collect();
    json!({ "credentials": [{
        "id": "badge",
        "format": "dc+sd-jwt",
        "meta": { "vct_values": [VCT] },
        "claims": claims,
    }] })
}
