//! The credential request: keys, proofs, and the judgement of what came.

use credential::mdoc;
use credential::sd_jwt::SdJwt;
use credential::types::Format;
use credential::verify::{AcceptedTypes, ChainCache, Refusal, verify_received};
use keys::encoding::b64url_decode;
use keys::jwe::Enc;
use keys::{Jwk, PublicKey, SecretKey};
use openid::Code;
use openid::metadata::{CredentialConfiguration, CredentialIssuer};
use openid::vci::holder::{Authorized, PlanError};
use openid::vci::proof::ProofRequest;
use openid::vci::{
    CredentialResponse, DeferredRequest, Event, NonceResponse, Proofs, ResponseEncryption, Target,
};

use super::flow::{copies, protocol};
use super::sending::{Binding, Nonces, error_code, refusal};
use super::{
    Copy, Deferred, HeldKey, Holding, IssueError, MAX_COPIES, PendingRequest, StoredTarget, TypeInfo, name_of,
};
use crate::account::AccountError;
use crate::document::Document;
use crate::ports::{Clock as _, DeviceKey as _, KeyError, KeyStore as _, KeyUse, Request, Response, Shell};
use crate::secret::Secret;
use crate::state::State;
use crate::trust::HolderTrust;
use crate::wallet::Wallet;

/// Longest credential response that is read, in bytes.
const MAX_RESPONSE: usize = 6 << 20;

/// How often a nonce of the issuer may turn out stale before the request is given up.
const MAX_NONCE_TRIES: usize = 3;

impl<S: Shell> Wallet<S> {
    /// Gets the copies of one part of the offer, unless they are stored already.
    pub(super) async fn obtain(
        &mut self,
        authorized: &Authorized,
        configuration_id: &str,
        target: &Target,
        client_id: Option<&str>,
        nonces: &mut Nonces,
    ) -> Result<(), IssueError> {
        if self.is_stored(target) {
            return Ok(());
        }
        let issuer = authorized.issuer();
        let configuration = issuer
            .credential_configurations_supported
            .get(configuration_id)
            .ok_or(PlanError::NothingToHold)?;
        let kind = Kind::of(configuration)?;
        // Learnt before anything is asked for: copies that can't be judged would be lost.
        let accredited = self.accredited(&issuer.credential_issuer).await?;
        let name = issuer.display.first().and_then(|display| display.name.as_deref());
        let name = name.unwrap_or(&issuer.credential_issuer);
        let trust = self.holder_trust(accredited, name, vec![kind.name.to_owned()]);
        let request = self.pending_request(issuer, configuration_id, configuration, target).await?;
        let sealed = response_key(issuer)?;
        let response = match &request.deferred {
            Some(deferred) => self.request_deferred(authorized, deferred, sealed.as_ref(), nonces).await?,
            None => {
                let asked = Asked { configuration, target, client_id, keys: &request.keys };
                self.request_copies(authorized, &asked, sealed.as_ref(), nonces).await?
            }
        };
        let key = sealed.as_ref().map(|(key, _)| key);
        match CredentialResponse::read(&response.body, key).map_err(protocol)? {
            CredentialResponse::Deferred { transaction_id, interval } => {
                let wait_ms = i64::try_from(interval).unwrap_or(i64::MAX).saturating_mul(1000);
                let not_before_ms = self.shell().clock().now_ms().saturating_add(wait_ms);
                self.update(|state| {
                    if let Some(request) = state.issuing.as_mut().and_then(|issuing| issuing.request.as_mut())
                    {
                        request.deferred = Some(Deferred { transaction_id, not_before_ms });
                    }
                })
                .await?;
                Err(IssueError::Later { seconds: interval })
            }
            CredentialResponse::Issued { credentials, notification_id } => {
                let name = kind.name;
                let known =
                    self.state().holdings.iter().find(|held| held.is_of(issuer, configuration_id, name));
                let known = known.and_then(|held| held.type_info.clone());
                let mut judged = self.judge(issuer, credentials, &request.keys, kind, &trust).map(|copies| {
                    let tokens = sd_jwts(kind.format, &copies);
                    (copies, known.filter(|info| info.admits(&tokens)))
                });
                if let Ok((copies, info @ None)) = &mut judged {
                    let base = TypeInfo::from_configuration(configuration);
                    match self.type_info(base, name, &sd_jwts(kind.format, copies)).await {
                        Ok(told) => *info = told,
                        Err(_) => judged = Err(IssueError::Protocol("a credential that is not of its type")),
                    }
                }
                let (copies, info) = match judged {
                    Ok(judged) => judged,
                    Err(error) => {
                        if let Some(id) = &notification_id {
                            self.notify(authorized, id, Event::CredentialFailure, nonces).await;
                        }
                        return Err(error);
                    }
                };
                let arrived = Arrived {
                    issuer: issuer.credential_issuer.clone(),
                    configuration: configuration_id.to_owned(),
                    format: kind.format,
                    vct: name.to_owned(),
                    info,
                    copies,
                };
                self.store(arrived, name_of(target).to_owned(), notification_id, request.keys).await
            }
        }
    }

    /// The keys that were noted for this part, or new ones, noted before anything is sent.
    async fn pending_request(
        &mut self,
        issuer: &CredentialIssuer,
        configuration_id: &str,
        configuration: &CredentialConfiguration,
        target: &Target,
    ) -> Result<PendingRequest, IssueError> {
        let issuing = self.state().issuing.as_ref().ok_or(IssueError::NoOffer)?;
        if let Some(request) = issuing.request.as_ref().filter(|request| request.name == name_of(target)) {
            return Ok(request.clone());
        }
        let count = copies(issuer, configuration, issuing.copies);
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            let made = self.shell().keys().generate(KeyUse::Credential).await?;
            keys.push(HeldKey { handle: made.handle, public_key: made.public_key.to_jwk() });
        }
        let request = PendingRequest {
            configuration: configuration_id.to_owned(),
            name: name_of(target).to_owned(),
            keys,
            deferred: None,
        };
        let noted = request.clone();
        self.update(|state| {
            if let Some(issuing) = &mut state.issuing {
                issuing.request = Some(noted);
            }
        })
        .await?;
        Ok(request)
    }

    /// The credential request (§8.2), with a fresh nonce where the first was stale.
    async fn request_copies(
        &self,
        authorized: &Authorized,
        asked: &Asked<'_>,
        sealed: Option<&(SecretKey, Enc)>,
        nonces: &mut Nonces,
    ) -> Result<Response, IssueError> {
        let issuer = authorized.issuer();
        let mut tries = 0;
        loop {
            tries += 1;
            let nonce = self.nonce(issuer, nonces).await?;
            let proofs = self.proofs(issuer, asked, nonce.as_deref()).await?;
            let encryption =
                sealed.map(|(key, enc)| ResponseEncryption::new(key.public_key(), "response", *enc));
            let request = authorized.request(asked.target.clone(), Some(proofs), encryption)?;
            let (body, kind) = match request_key(issuer, sealed.is_some())? {
                Some((key, enc)) => {
                    (request.to_jwe(key, enc).map_err(protocol)?.into_bytes(), "application/jwt")
                }
                None => (request.to_json(), "application/json"),
            };
            let response =
                self.post_bound(authorized, &issuer.credential_endpoint, body, kind, nonces).await?;
            match response.status {
                200 | 202 => return Ok(response),
                _ if error_code(&response) == Code::InvalidNonce.as_str() && tries < MAX_NONCE_TRIES => {}
                _ => return Err(credential_refusal(&response)),
            }
        }
    }

    /// The deferred credential request (§9.1).
    async fn request_deferred(
        &self,
        authorized: &Authorized,
        deferred: &Deferred,
        sealed: Option<&(SecretKey, Enc)>,
        nonces: &mut Nonces,
    ) -> Result<Response, IssueError> {
        let left_ms = deferred.not_before_ms.saturating_sub(self.shell().clock().now_ms());
        if left_ms > 0 {
            return Err(IssueError::Later { seconds: left_ms.unsigned_abs().div_ceil(1000) });
        }
        let endpoint = authorized
            .issuer()
            .deferred_credential_endpoint
            .as_ref()
            .ok_or(IssueError::Protocol("a deferred answer without a deferred endpoint"))?;
        let body = DeferredRequest {
            transaction_id: deferred.transaction_id.clone(),
            response_encryption: sealed
                .map(|(key, enc)| ResponseEncryption::new(key.public_key(), "response", *enc)),
        };
        let (body, kind) = match request_key(authorized.issuer(), sealed.is_some())? {
            Some((key, enc)) => (body.to_jwe(key, enc).map_err(protocol)?.into_bytes(), "application/jwt"),
            None => (body.to_json(), "application/json"),
        };
        let response = self.post_bound(authorized, endpoint, body, kind, nonces).await?;
        if response.is_success() { Ok(response) } else { Err(credential_refusal(&response)) }
    }

    async fn post_bound(
        &self,
        authorized: &Authorized,
        endpoint: &str,
        body: Vec<u8>,
        kind: &str,
        nonces: &mut Nonces,
    ) -> Result<Response, IssueError> {
        let issuing = self.state().issuing.as_ref().ok_or(IssueError::NoOffer)?;
        let binding = Binding {
            scheme: authorized.scheme(),
            key: issuing.dpop.as_ref(),
            token: Some(authorized.access_token()),
            attested: None,
        };
        let mut request = Request::json_bytes(endpoint, body);
        for (name, value) in &mut request.headers {
            if *name == "content-type" {
                kind.clone_into(value);
            }
        }
        self.send_bound(nonces, Request { max_response: MAX_RESPONSE, ..request }, binding).await
    }

    /// A fresh `c_nonce` (§7), where the issuer gives any.
    async fn nonce(
        &self,
        issuer: &CredentialIssuer,
        nonces: &mut Nonces,
    ) -> Result<Option<String>, IssueError> {
        let Some(endpoint) = &issuer.nonce_endpoint else { return Ok(None) };
        let request =
            Request { max_response: openid::json::SMALL, ..Request::json_bytes(endpoint, Vec::new()) };
        let response = self.send_open(nonces, request).await?;
        if !response.is_success() {
            return Err(refusal(&response));
        }
        Ok(Some(NonceResponse::parse(&response.body).map_err(protocol)?.c_nonce))
    }

    /// Proofs of the noted keys: one attestation by the own wallet provider towards itself and where an issuer demands
    /// one, else a JWT by each key.
    async fn proofs(
        &self,
        issuer: &CredentialIssuer,
        asked: &Asked<'_>,
        nonce: Option<&str>,
    ) -> Result<Proofs, IssueError> {
        let kinds = &asked.configuration.proof_types_supported;
        let own = self.is_provider(&issuer.credential_issuer);
        let enrolled = self.state().account.is_some();
        let demanded = kinds.get("jwt").is_none_or(|jwt| jwt.key_attestations_required.is_some());
        if (own || enrolled && demanded) && kinds.contains_key("attestation") {
            let public = asked.keys.iter().map(|key| key.public_key.clone()).collect();
            match self.attest_keys(public, nonce).await {
                Ok(attestation) => return Ok(Proofs::Attestation(attestation)),
                // A provider that attests no keys: each key speaks for itself.
                Err(AccountError::Refused { status: 404 | 405 | 501, .. }) if !demanded => {}
                Err(error) => return Err(error.into()),
            }
        }
        let jwt =
            kinds.get("jwt").ok_or(IssueError::Protocol("no kind of proof that this wallet can give"))?;
        if !jwt.proof_signing_alg_values_supported.iter().any(|alg| alg == "ES256") {
            return Err(IssueError::Protocol("no signature algorithm that this wallet knows"));
        }
        if jwt.key_attestations_required.is_some() {
            return Err(IssueError::Protocol(
                "a key attestation that this wallet can't get for a foreign issuer",
            ));
        }
        let made_for = ProofRequest {
            issuer: &issuer.credential_issuer,
            nonce,
            client_id: asked.client_id,
            key_attestation: None,
            now: self.shell().clock().now_s(),
        };
        let mut proofs = Vec::with_capacity(asked.keys.len());
        for held in asked.keys {
            let public = PublicKey::from_jwk(&held.public_key).map_err(|_| KeyError::Missing)?;
            let input = made_for.signing_input(&public);
            let signature = self.signing(&held.handle, public).sign(input.as_bytes()).await?;
            proofs.push(input.finish(&signature));
        }
        Ok(Proofs::Jwt(proofs))
    }

    /// Verifies every copy that came: issuer accredited, type, dates, and that it is for a key of ours that no
    /// other copy is for.
    fn judge(
        &self,
        issuer: &CredentialIssuer,
        credentials: Vec<String>,
        held: &[HeldKey],
        kind: Kind<'_>,
        trust: &HolderTrust,
    ) -> Result<Vec<Copy>, IssueError> {
        let now = self.shell().clock().now_s();
        let (chains, types) = (ChainCache::new(2), AcceptedTypes::OneOf(vec![kind.name.to_owned()]));
        let mut free: Vec<(PublicKey, &HeldKey)> = held
            .iter()
            .map(|key| Ok((PublicKey::from_jwk(&key.public_key).map_err(|_| KeyError::Missing)?, key)))
            .collect::<Result<_, IssueError>>()?;
        if credentials.len() > free.len() {
            return Err(IssueError::Protocol("more copies than keys"));
        }
        let mut copies: Vec<Copy> = Vec::with_capacity(credentials.len());
        let mut places = Vec::new();
        for credential in credentials {
            let at = named_key(kind.format, &credential, &free);
            let (public, key) = free.swap_remove(at);
            let verified = match kind.format {
                Format::SdJwtVc => {
                    trust.judge(|trust| verify_received(&credential, &public, &types, trust, &chains, now))?
                }
                Format::Mdoc => {
                    let bytes = b64url_decode(&credential).map_err(|_| Refusal::Malformed)?;
                    trust
                        .judge(|trust| mdoc::verify_received(&bytes, &public, &types, trust, &chains, now))?
                }
            };
            if let Some(place) = verified.status_claim {
                if places.contains(&place) && self.is_provider(&issuer.credential_issuer) {
                    return Err(IssueError::Protocol("two copies with one place on the status list"));
                }
                places.push(place);
            }
            copies.push(Copy {
                credential: Secret::new(credential),
                key: key.handle.clone(),
                shown: 0,
                expires_at: verified.expires_at,
            });
        }
        Ok(copies)
    }

    /// Stores the copies and notes that they are stored, in one write.
    async fn store(
        &mut self,
        arrived: Arrived,
        name: String,
        notification_id: Option<String>,
        keys: Vec<HeldKey>,
    ) -> Result<(), IssueError> {
        let now_s = self.shell().clock().now_s();
        let count = arrived.copies.len();
        let used: Vec<_> = arrived.copies.iter().map(|copy| copy.key.clone()).collect();
        let dropped = self
            .update(|state| {
                let (holding, mut dropped) = merge(state, arrived, now_s);
                if let Some(issuing) = &mut state.issuing {
                    issuing.request = None;
                    issuing.stored.push(StoredTarget { name, holding, copies: count, notification_id });
                }
                dropped
                    .extend(keys.into_iter().map(|key| key.handle).filter(|handle| !used.contains(handle)));
                dropped
            })
            .await?;
        self.delete_keys(dropped).await;
        Ok(())
    }
}

/// What is asked for: a format, and the type under its name in that format.
#[derive(Clone, Copy)]
struct Kind<'a> {
    format: Format,
    name: &'a str,
}

impl<'a> Kind<'a> {
    fn of(configuration: &'a CredentialConfiguration) -> Result<Self, IssueError> {
        let format = Format::from_name(&configuration.format).ok_or(PlanError::NothingToHold)?;
        let name = match format {
            Format::SdJwtVc => configuration.vct.as_deref(),
            Format::Mdoc => configuration.doctype.as_deref(),
        };
        Ok(Self { format, name: name.ok_or(IssueError::Protocol("a configuration without its type"))? })
    }
}

/// One credential request, before its nonce.
struct Asked<'a> {
    configuration: &'a CredentialConfiguration,
    target: &'a Target,
    client_id: Option<&'a str>,
    keys: &'a [HeldKey],
}

/// Copies that verified.
struct Arrived {
    issuer: String,
    configuration: String,
    format: Format,
    vct: String,
    info: Option<TypeInfo>,
    copies: Vec<Copy>,
}

impl Holding {
    fn is_of(&self, issuer: &CredentialIssuer, configuration: &str, vct: &str) -> bool {
        self.issuer == issuer.credential_issuer && self.configuration == configuration && self.vct == vct
    }
}

/// Adds the copies to the holding they belong to. Shown and expired copies go; where the new ones say something else
/// about the holder, all old ones do. Returns the holding's id and the keys that nothing needs any more.
fn merge(state: &mut State, arrived: Arrived, now_s: i64) -> (String, Vec<crate::ports::KeyHandle>) {
    let Arrived { issuer, configuration, format, vct, info, copies } = arrived;
    let same =
        |held: &&mut Holding| held.issuer == issuer && held.configuration == configuration && held.vct == vct;
    let Some(held) = state.holdings.iter_mut().find(same) else {
        let id = keys::random::token();
        let format = format.as_str().to_owned();
        let holding = Holding { id: id.clone(), issuer, configuration, format, vct, copies, type_info: info };
        state.holdings.push(holding);
        return (id, Vec::new());
    };
    let says = |copies: &[Copy]| {
        let document = copies.first().and_then(|copy| Document::parse(format, &copy.credential));
        document.map(|document| document.about_holder())
    };
    let changed = says(&held.copies) != says(&copies);
    let mut dropped = Vec::new();
    let mut room = MAX_COPIES.saturating_sub(copies.len());
    // The youngest stay: they stand last.
    held.copies.reverse();
    held.copies.retain(|copy| {
        let keep = !changed && copy.shown == 0 && copy.is_current(now_s) && room > 0;
        room = room.saturating_sub(usize::from(keep));
        if !keep {
            dropped.push(copy.key.clone());
        }
        keep
    });
    held.copies.reverse();
    held.copies.extend(copies);
    if info.is_some() {
        held.type_info = info;
    }
    (held.id.clone(), dropped)
}

/// The copies that are SD-JWTs, which alone have a type document.
fn sd_jwts(format: Format, copies: &[Copy]) -> Vec<SdJwt> {
    let read = |copy: &Copy| match Document::parse(format, &copy.credential)? {
        Document::SdJwt(token) => Some(*token),
        Document::Mdoc(_) => None,
    };
    copies.iter().filter_map(read).collect()
}

/// Which of the free keys a credential names; the first where it names none, which the verification then refuses.
fn named_key(format: Format, credential: &str, free: &[(PublicKey, &HeldKey)]) -> usize {
    let named = Document::parse(format, credential).and_then(|document| document.holder_key());
    named.and_then(|named| free.iter().position(|(key, _)| *key == named)).unwrap_or_default()
}

/// A key for the response, where the issuer demands encryption.
fn response_key(issuer: &CredentialIssuer) -> Result<Option<(SecretKey, Enc)>, IssueError> {
    let Some(support) = issuer.credential_response_encryption.as_ref().filter(|s| s.encryption_required)
    else {
        return Ok(None);
    };
    let enc = support.enc_values_supported.iter().find_map(|name| Enc::from_name(name));
    if !support.alg_values_supported.iter().any(|alg| alg == "ECDH-ES") {
        return Err(IssueError::Protocol("an encryption that this wallet does not know"));
    }
    let enc = enc.ok_or(IssueError::Protocol("an encryption that this wallet does not know"))?;
    Ok(Some((SecretKey::generate(), enc)))
}

/// The key for the request, where the issuer demands encryption, or where the response is to be encrypted: in a plain
/// request others could put their own key in the place of ours (§8.2).
fn request_key(issuer: &CredentialIssuer, for_response: bool) -> Result<Option<(&Jwk, Enc)>, IssueError> {
    let support = issuer.credential_request_encryption.as_ref();
    let Some(support) = support.filter(|support| support.encryption_required || for_response) else {
        return Ok(None);
    };
    let enc = support.enc_values_supported.iter().find_map(|name| Enc::from_name(name));
    let ours = |jwk: &&Jwk| jwk.may_agree() && PublicKey::from_jwk(jwk).is_ok();
    match (support.jwks.keys.iter().find(ours), enc) {
        (Some(key), Some(enc)) => Ok(Some((key, enc))),
        _ => Err(IssueError::Protocol("an encryption that this wallet does not know")),
    }
}

/// A token that is no longer taken, or a request that was answered before, asks for a new offer.
fn credential_refusal(response: &Response) -> IssueError {
    match refusal(response) {
        IssueError::Refused { code, .. } if code == Code::InvalidToken.as_str() => IssueError::OfferSpent,
        other => other,
    }
}
