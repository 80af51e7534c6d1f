//! The verdict.

use std::sync::Arc;

use credential::mdoc;
use credential::sd_jwt::SdJwt;
use credential::status_list::verify_jwt;
use credential::trust::{Anchor, Registrar, TrustList};
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, Refusal, StatusAnswer, StatusRule,
    StatusSource, StatusVerdict, Unproven, Verified, verify,
};
use keys::encoding::b64url_decode;
use keys::x509::Certificate;
use keys::{Jwk, PublicKey};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{MAX_BINDING_AGE, MAX_STATUS_AGE, Reader, SCREEN};

/// Who vouches for issuers, as the page names them.
#[derive(Deserialize)]
struct RegistrarKeys {
    members: Vec<Jwk>,
    needed: usize,
}

/// The list of one badge, or none.
struct OneList(StatusAnswer);

impl StatusSource for OneList {
    fn list(&self, _: &str) -> StatusAnswer {
        self.0.clone()
    }
}

/// What is believed: the root, and the trust list under it. For one page.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Checker {
    roots: Vec<Certificate>,
    list: TrustList,
    chains: ChainCache,
}

#[wasm_bindgen]
impl Checker {
    /// `root`: PEM. `trust_list`: as it is served. `registrar`: `{"members": [JWK], "needed": n}`, or empty where no ledger
    /// vouches for issuers. `now`: seconds since 1970. An error is a stable code.
    #[wasm_bindgen(constructor)]
    pub fn new(root: &str, trust_list: &str, registrar: &str, now: f64) -> Result<Self, String> {
        let broken = |code: &str| code.to_owned();
        let root = certificate(root).ok_or_else(|| broken("root"))?;
        let roots = vec![root];
        let list = TrustList::verify(trust_list.trim(), Anchor::Roots(&roots), 0, seconds(now))
            .map_err(|_| broken("trust_list"))?;
        let list = if registrar.is_empty() {
            list
        } else {
            let keys: RegistrarKeys = serde_json::from_str(registrar).map_err(|_| broken("registrar"))?;
            let members: Result<Vec<_>, _> = keys.members.iter().map(PublicKey::from_jwk).collect();
            let registrar = members.ok().and_then(|members| Registrar::new(members, keys.needed));
            list.vouched(&registrar.ok_or_else(|| broken("registrar"))?, None).0
        };
        Ok(Self { roots, list, chains: ChainCache::new(0) })
    }

    /// Judges a phone's answer in a meeting. `status_list`: what is served at [`status_of_document`]; empty where it could
    /// not be had.
    pub fn document(&self, reader: &Reader, response: &[u8], status_list: &str, now: f64) -> String {
        let now = seconds(now);
        let lists = self.lists(status_of_document(response).as_deref(), status_list, now);
        let input = mdoc::PresentationInput { response, transcript: reader.transcript() };
        told(mdoc::verify(&input, &policy(), &self.list, &lists, &self.chains, now), now)
    }

    /// Judges a presentation by screen. It can be copied for as long as it is fresh: the face decides.
    pub fn screen(&self, presentation: &str, status_list: &str, now: f64) -> String {
        let now = seconds(now);
        let lists = self.lists(status_of_screen(presentation).as_deref(), status_list, now);
        let nonce = nonce(presentation).unwrap_or_default();
        let input =
            PresentationInput { presentation, nonce: &nonce, audience: SCREEN, transaction_data_hashes: &[] };
        told(verify(&input, &policy(), &self.list, &lists, &self.chains, now), now)
    }
}

impl Checker {
    fn lists(&self, address: Option<&str>, text: &str, now: i64) -> OneList {
        OneList(match address {
            Some(address) if !text.is_empty() => {
                match verify_jwt(text.trim(), address, Anchor::Roots(&self.roots), now) {
                    Ok(list) => StatusAnswer::List(Arc::new(list)),
                    Err(_) => StatusAnswer::Corrupt,
                }
            }
            _ => StatusAnswer::Unavailable,
        })
    }
}

/// Where the status of a document in a response is found, unverified: what to fetch before it is judged.
#[wasm_bindgen]
pub fn status_of_document(response: &[u8]) -> Option<String> {
    mdoc::dangerous_status(response).map(|claim| claim.uri)
}

/// Where the status of a presentation by screen is found, unverified.
#[wasm_bindgen]
pub fn status_of_screen(presentation: &str) -> Option<String> {
    let token = SdJwt::parse(presentation).ok()?;
    let list = token.dangerous_claims().get("status")?.get("status_list")?;
    list.get("uri")?.as_str().map(str::to_owned)
}

/// What the holder signed instead of a nonce of ours: there was none to give.
fn nonce(presentation: &str) -> Option<String> {
    let binding = presentation.rsplit('~').next()?;
    let payload = b64url_decode(binding.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get("nonce")?.as_str().map(str::to_owned)
}

fn policy() -> Policy {
    Policy {
        // The trust list says which issuer may issue what.
        types: AcceptedTypes::Any,
        required: Vec::new(),
        holder_binding: HolderBinding::Required { max_age: MAX_BINDING_AGE },
        status: StatusRule::Checked {
            max_age: MAX_STATUS_AGE,
            unknown: Unproven::Accept,
            absent: Unproven::Refuse,
        },
    }
}

fn told(judged: Result<Verified, Refusal>, now: i64) -> String {
    match judged {
        Ok(verified) => {
            let claims = match verified.claims {
                // The elements of the document's one namespace.
                Value::Object(mut claims) if claims.len() == 1 && verified.holder.is_some() => {
                    match claims.remove(&verified.vct) {
                        Some(elements) => elements,
                        None => Value::Object(claims),
                    }
                }
                claims => claims,
            };
            let status_age = match verified.freshness.status {
                StatusVerdict::Valid { age } => Some(age),
                StatusVerdict::Unknown | StatusVerdict::Absent | StatusVerdict::NotChecked => None,
            };
            json!({
                "claims": claims,
                "issuer": verified.issuer.name,
                "status_age_s": status_age,
                "trust_age_s": verified.freshness.trust,
                "signed_age_s": verified.freshness.holder_binding,
                "expires_at": verified.expires_at,
                "at": now,
            })
        }
        Err(refusal) => json!({ "refused": refusal.code() }),
    }
    .to_string()
}

pub(crate) fn certificate(pem: &str) -> Option<Certificate> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    Certificate::parse(&keys::encoding::b64_decode(&body).ok()?).ok()
}

/// Seconds as JavaScript gives them.
#[allow(clippy::cast_possible_truncation, reason = "whole seconds of a clock, far below 2^53")]
pub(crate) fn seconds(now: f64) -> i64 {
    now as i64
}

#[cfg(test)]
mod tests;
