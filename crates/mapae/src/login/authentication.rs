//! Who calls the token endpoint and its neighbours: by a secret, by a signed assertion, or as a public client; and the DPoP
//! proof beside it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use openid::dpop::{self, BoundToken, VerifiedProof};
use openid::form::Form;
use openid::oidc::ClientCredentials;
use openid::oidc::assertion::{ClientAssertion, Expected, VerifiedAssertion};
use openid::{Code as Refusal, OAuthError};

use super::client_keys;
use super::registration::{self, ClientSettings, Profile};
use super::token::TokenFault;
use crate::operations::store::{StoreError, Tx};
use crate::operations::{Platform, once};
use crate::verification::relying_party::{self, RelyingParty, Standing};

/// What [`once`] calls assertions.
const ASSERTION: &str = "login-assertion";

/// A client that is itself.
#[derive(Debug)]
pub(super) struct Caller {
    /// Its registration.
    pub(super) party: RelyingParty,
    /// How it uses the login.
    pub(super) settings: ClientSettings,
    /// What of its request may count only once.
    pub(super) proofs: Proofs,
}

/// What of a request may count only once.
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs {
    assertion: Option<VerifiedAssertion>,
    dpop: Option<VerifiedProof>,
}

impl Proofs {
    /// Consumes them in the transaction that they are for.
    ///
    /// # Errors
    /// The refusal of the one that was used before, or the store.
    pub(super) async fn consume(&self, tx: &mut Tx) -> Result<(), TokenFault> {
        if let Some(assertion) = &self.assertion {
            let until_ms = assertion.replay_until.saturating_mul(1_000);
            if !once::consume(tx, ASSERTION, &assertion.replay_id, until_ms).await? {
                return Err(refused("the client assertion was used before").into());
            }
        }
        if let Some(proof) = &self.dpop {
            let until_ms = proof.replay_until().saturating_mul(1_000);
            if !once::consume(tx, dpop::HEADER, proof.replay_id(), until_ms).await? {
                return Err(OAuthError::from(dpop::Refusal::Replayed).into());
            }
        }
        Ok(())
    }

    /// The same where nothing else is written.
    ///
    /// # Errors
    /// As [`Proofs::consume`].
    pub(super) async fn consume_alone(&self, platform: &Platform) -> Result<(), TokenFault> {
        if self.assertion.is_none() && self.dpop.is_none() {
            return Ok(());
        }
        let proofs = self.clone();
        platform.store.write(move |tx| Box::pin(async move { proofs.consume(tx).await })).await
    }

    /// Thumbprint of the DPoP key.
    pub(super) fn jkt(&self) -> Option<&str> {
        self.dpop.as_ref().map(VerifiedProof::jkt)
    }
}

fn refused(why: &'static str) -> OAuthError {
    OAuthError::new(Refusal::InvalidClient, why)
}

/// The client of a request to `path`.
///
/// # Errors
/// `invalid_client` for anybody else; `invalid_request` for two methods at once.
pub(super) async fn caller(
    platform: &Platform,
    headers: &HeaderMap,
    form: &Form,
    path: &str,
) -> Result<Caller, TokenFault> {
    let failed = || refused("client authentication failed");
    let header = single(headers, &AUTHORIZATION)?;
    if let Some(assertion) = ClientAssertion::read(form)? {
        if header.is_some() {
            return Err(OAuthError::new(Refusal::InvalidRequest, "two client authentications at once").into());
        }
        let (party, settings) = registered(platform, assertion.client_id()).await?.ok_or_else(failed)?;
        let key = client_keys::find(platform, &settings.keys, assertion.kid()).await;
        let key = key.ok_or_else(|| refused("the client has no such key"))?;
        let issuer = platform.config.public.origin();
        let (token, called) = (format!("{issuer}/oidc/token"), format!("{issuer}{path}"));
        let expected = Expected {
            audiences: &[issuer, &token, &called],
            strict: settings.profile == Profile::Fapi2,
            now: platform.now_ms().div_euclid(1_000),
        };
        let assertion = Some(assertion.verify(&key, &expected)?);
        return Ok(Caller { party, settings, proofs: Proofs { assertion, dpop: None } });
    }
    let credentials = ClientCredentials::read(header, form)?;
    let Some((party, settings)) = registered(platform, &credentials.client_id).await? else {
        let expired = has_expired(platform, &credentials.client_id).await?;
        return Err(if expired { refused("the client's registration has expired") } else { failed() }.into());
    };
    let itself = match &credentials.client_secret {
        // A client that signs is never believed for less, whatever secret it once had.
        _ if settings.signs() => false,
        Some(secret) => party.secret_matches(secret),
        None => party.is_public(),
    };
    if itself { Ok(Caller { party, settings, proofs: Proofs::default() }) } else { Err(failed().into()) }
}

/// Whether nobody is found under a client id because its registration was not renewed.
///
/// # Errors
/// The store.
pub(super) async fn has_expired(platform: &Platform, client_id: &str) -> Result<bool, StoreError> {
    let party = relying_party::look(&platform.store, client_id).await?;
    Ok(party.is_some_and(|party| party.standing == Standing::Expired))
}

/// A relying party with its settings.
pub(super) async fn registered(
    platform: &Platform,
    client_id: &str,
) -> Result<Option<(RelyingParty, ClientSettings)>, StoreError> {
    let Some(party) = relying_party::find(&platform.store, client_id).await? else { return Ok(None) };
    let settings = registration::of(&platform.store, client_id).await?;
    Ok(Some((party, settings)))
}

impl Caller {
    /// Whether it proved who it is.
    pub(super) fn is_confidential(&self) -> bool {
        self.settings.signs() || !self.party.is_public()
    }

    /// Reads the DPoP proof of the request to `path`, if there is one.
    ///
    /// # Errors
    /// `invalid_dpop_proof` for one that does not hold, or none where the client is held to bind its tokens.
    pub(super) fn bind(
        &mut self,
        platform: &Platform,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<(), OAuthError> {
        let header = dpop_header(headers)?;
        if header.is_none() && !self.settings.must_bind() {
            return Ok(());
        }
        self.proofs.dpop = Some(proof(platform, header, "POST", path, None)?);
        Ok(())
    }
}

/// The DPoP proof of a protected request, for its token.
///
/// # Errors
/// `invalid_dpop_proof` or `invalid_token`.
pub(super) fn token_proof(
    platform: &Platform,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    token: BoundToken<'_>,
) -> Result<Proofs, OAuthError> {
    let proof = proof(platform, dpop_header(headers)?, method, path, Some(token))?;
    Ok(Proofs { assertion: None, dpop: Some(proof) })
}

fn dpop_header(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    single(headers, &HeaderName::from_static("dpop"))
        .map_err(|_| OAuthError::new(Refusal::InvalidDpopProof, "exactly one DPoP header is expected"))
}

fn proof(
    platform: &Platform,
    header: Option<&str>,
    method: &str,
    path: &str,
    token: Option<BoundToken<'_>>,
) -> Result<VerifiedProof, OAuthError> {
    let url = format!("{}{path}", platform.config.public.origin());
    let now = platform.now_ms().div_euclid(1_000);
    let expected = dpop::Expected { method, url: &url, token, nonce: None, now };
    Ok(dpop::verify(header, &expected)?)
}

/// A header that may be sent once or not at all.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, OAuthError> {
    let refused = || OAuthError::new(Refusal::InvalidRequest, "a header is repeated or not ASCII");
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().map_err(|_| refused())).transpose()?;
    if values.next().is_some() { Err(refused()) } else { Ok(value) }
}
