//! Requests with DPoP proofs (RFC 9449), and the nonces that servers ask for.

use keys::PublicKey;
use keys::encoding::b64url_encode;
use openid::attestation::Pop;
use openid::error::{ErrorResponse, Scheme};
use openid::{Code, dpop};
use url::Url;

use super::{HeldKey, IssueError};
use crate::ports::{Clock as _, DeviceKey as _, Http as _, KeyError, Request, Response, Shell};
use crate::wallet::{Signing, Wallet};

/// How often one request is sent again because the server wants another DPoP nonce.
const MAX_NONCE_RETRIES: usize = 2;

/// Longest DPoP nonce that is taken over.
const MAX_NONCE: usize = 2048;

/// The last DPoP nonce of each server (RFC 9449 §8.2: nonces of different servers are not mixed).
#[derive(Debug, Default)]
pub(super) struct Nonces(Vec<(String, String)>);

impl Nonces {
    fn get(&self, origin: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == origin).map(|(_, nonce)| nonce.as_str())
    }

    fn learn(&mut self, origin: String, response: &Response) -> bool {
        let Some(nonce) =
            response.header("dpop-nonce").filter(|nonce| (1..=MAX_NONCE).contains(&nonce.len()))
        else {
            return false;
        };
        self.0.retain(|(known, _)| *known != origin);
        self.0.push((origin, nonce.to_owned()));
        true
    }
}

/// How a request is bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding<'a> {
    pub(super) scheme: Scheme,
    /// `None` is the device key.
    pub(super) key: Option<&'a HeldKey>,
    pub(super) token: Option<&'a str>,
    /// What the wallet provider says of this wallet, where the server demands it.
    pub(super) attested: Option<&'a Attested>,
}

/// A wallet attestation, and whom its proofs of possession are for.
#[derive(Debug)]
pub(super) struct Attested {
    pub(super) attestation: String,
    pub(super) client_id: String,
    /// The authorization server.
    pub(super) audience: String,
}

impl<S: Shell> Wallet<S> {
    /// Sends a request with token and proof; sends it again, a bounded number of times, where the server wants a nonce.
    pub(super) async fn send_bound(
        &self,
        nonces: &mut Nonces,
        request: Request,
        binding: Binding<'_>,
    ) -> Result<Response, IssueError> {
        let origin =
            Url::parse(&request.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let mut retries = 0;
        loop {
            let mut bound = request.clone();
            if let Some(token) = binding.token {
                bound = bound.header("authorization", format!("{} {token}", binding.scheme.name()));
            }
            if let Some(attested) = binding.attested {
                let pop = self.possession(binding.key, attested).await?;
                bound = bound
                    .header("oauth-client-attestation", attested.attestation.as_str())
                    .header("oauth-client-attestation-pop", pop);
            }
            if binding.scheme == Scheme::Dpop {
                let proof = self.dpop_proof(&bound, binding, nonces.get(&origin)).await?;
                bound = bound.header("dpop", proof);
            }
            let response = self.shell().http().send(bound).await?;
            let learnt = nonces.learn(origin.clone(), &response);
            if learnt && retries < MAX_NONCE_RETRIES && wants_nonce(&response) {
                retries += 1;
                continue;
            }
            return Ok(response);
        }
    }

    /// Sends a request that needs no token and takes over the nonce that comes along.
    pub(super) async fn send_open(
        &self,
        nonces: &mut Nonces,
        request: Request,
    ) -> Result<Response, IssueError> {
        let origin =
            Url::parse(&request.url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let response = self.shell().http().send(request).await?;
        nonces.learn(origin, &response);
        Ok(response)
    }

    /// The key that an issuance is bound to.
    pub(super) fn bound_key<'a>(&'a self, key: Option<&'a HeldKey>) -> Result<Signing<'a, S>, IssueError> {
        match key {
            None => Ok(self.device_key()?),
            Some(held) => {
                let public = PublicKey::from_jwk(&held.public_key).map_err(|_| KeyError::Missing)?;
                Ok(self.signing(&held.handle, public))
            }
        }
    }

    /// A fresh proof that this wallet holds the attested key.
    async fn possession(&self, key: Option<&HeldKey>, attested: &Attested) -> Result<String, IssueError> {
        let jti = b64url_encode(&keys::random::bytes::<16>());
        let pop = Pop {
            client_id: &attested.client_id,
            audience: &attested.audience,
            challenge: None,
            jti: &jti,
            now: self.shell().clock().now_s(),
        };
        let input = pop.signing_input();
        let signature = self.bound_key(key)?.sign(input.as_bytes()).await?;
        Ok(input.finish(&signature))
    }

    async fn dpop_proof(
        &self,
        request: &Request,
        binding: Binding<'_>,
        nonce: Option<&str>,
    ) -> Result<String, IssueError> {
        let key = self.bound_key(binding.key)?;
        let made_for = dpop::Request {
            method: request.method.as_str(),
            url: &request.url,
            access_token: binding.token,
            nonce,
        };
        let jti = b64url_encode(&keys::random::bytes::<16>());
        let input = made_for.signing_input(key.public_key(), &jti, self.shell().clock().now_s());
        let signature = key.sign(input.as_bytes()).await?;
        Ok(input.finish(&signature))
    }
}

/// Whether the server refused only for want of a nonce (RFC 9449 §8, §9).
fn wants_nonce(response: &Response) -> bool {
    let code = Code::UseDpopNonce.as_str();
    match response.status {
        400 => ErrorResponse::parse(&response.body).is_some_and(|error| error.error == code),
        401 => {
            response.header("www-authenticate").is_some_and(|value| value.contains(code))
                || ErrorResponse::parse(&response.body).is_some_and(|error| error.error == code)
        }
        _ => false,
    }
}

/// The refusal in an error answer: an OAuth error, a problem document, or the status alone.
pub(super) fn refusal(response: &Response) -> IssueError {
    IssueError::Refused { status: response.status, code: error_code(response) }
}

/// The code of an error answer; only characters of a code are taken over.
pub(crate) fn error_code(response: &Response) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        code: String,
    }
    let plain = |code: &String| {
        (1..=64).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
    };
    ErrorResponse::parse(&response.body)
        .map(|error| error.error)
        .or_else(|| openid::json::parse::<Problem>(&response.body, openid::json::SMALL).ok().map(|p| p.code))
        .filter(plain)
        .unwrap_or_else(|| format!("http_{}", response.status))
}
