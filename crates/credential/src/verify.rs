//! Whether a presented credential holds: one total function.
//!
//! [`verify`] either returns who was shown to hold what, since when, and how fresh each thing it relied on is, or one
//! [`Refusal`] with a stable code. It never asks the issuer about a person: trust list, status list and keys only, all
//! from memory. The [`Policy`] has no defaults; whoever leaves a check out must write down that it is left out, and the
//! result repeats it.
//!
//! Order of the checks: form, type, issuer's chain, accreditation, signature, validity, holder binding, status, claims.
//! Status comes after the rest on purpose (Token Status List §8.3): an expired credential is expired whatever its list
//! says.

mod chain;
mod policy;
mod refusal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use keys::encoding::b64url_decode_array;
use keys::jws::{JwsError, Typ};
use keys::{PublicKey, mac};
use serde_json::{Map, Value};

pub use chain::ChainCache;
pub use policy::{AcceptedTypes, HolderBinding, Policy, StatusRule, Unproven, Waiver};
pub use refusal::Refusal;

use crate::CLOCK_SKEW;
use crate::date::numeric_date;
use crate::path::ClaimPath;
use crate::sd_jwt::{self, KeyBindingError, SdJwt, StatusClaim};
use crate::status_list::{Status, VerifiedList};
use crate::trust::{Origin, TrustSource};
use crate::types::Bilingual;

/// What was presented, and what it must be bound to.
#[derive(Debug, Clone, Copy)]
pub struct PresentationInput<'a> {
    /// The SD-JWT+KB.
    pub presentation: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The verifier's own client id.
    pub audience: &'a str,
    /// SHA-256 of each `transaction_data` string of the request, in its order.
    pub transaction_data_hashes: &'a [[u8; 32]],
}

/// What is known of a status list. Answers from memory; fetching is the caller's, before or after.
pub trait StatusSource: Send + Sync {
    fn list(&self, uri: &str) -> StatusAnswer;
}

/// A status source's answer.
#[derive(Debug, Clone)]
pub enum StatusAnswer {
    /// The list, verified when it was fetched.
    List(Arc<VerifiedList>),
    /// It could not be had.
    Unavailable,
    /// What was served at the address is no list that verifies.
    Corrupt,
}

/// What the status list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusVerdict {
    /// Not suspended, not revoked, by a list of this age in seconds.
    Valid { age: i64 },
    /// The list could not be had or is too old, and the policy accepts that.
    Unknown,
    /// The credential names no list, and the policy accepts that.
    Absent,
    /// The policy waives the check.
    NotChecked,
}

/// A credential that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub issuer: VerifiedIssuer,
    /// Credential type: the `vct`, or the document type of an mdoc.
    pub vct: String,
    /// Further types (`aka_vcts`), those that the issuer is accredited for.
    pub aka_vcts: Vec<String>,
    /// All claims that were told, those of the token itself among them; of an mdoc `{namespace: {element: value}}`.
    pub claims: Value,
    /// The key in `cnf` or in the MSO; it signed the presentation unless `waived` says otherwise.
    pub holder: Option<PublicKey>,
    pub issued_at: Option<i64>,
    pub expires_at: Option<i64>,
    /// Where the status is found.
    pub status_claim: Option<StatusClaim>,
    pub freshness: Freshness,
    /// What the policy waived and this result therefore does not say.
    pub waived: Vec<Waiver>,
}

/// Who issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIssuer {
    /// `iss`, where the credential has one.
    pub iss: Option<String>,
    /// The name on the trust list.
    pub name: Bilingual,
    /// RFC 7638 thumbprint of the key.
    pub jkt: String,
}

/// How old each thing is that the result rests on, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    pub status: StatusVerdict,
    /// Since the trust list was signed.
    pub trust: i64,
    /// Since the holder signed.
    pub holder_binding: Option<i64>,
}

/// Verifies a presentation. `now` in seconds since 1970.
pub fn verify(
    input: &PresentationInput<'_>,
    policy: &Policy,
    trust: &dyn TrustSource,
    status: &dyn StatusSource,
    chains: &ChainCache,
    now: i64,
) -> Result<Verified, Refusal> {
    let token = SdJwt::parse(input.presentation)?;
    let issued = check_issued(&token, &policy.types, None, trust, chains, now)?;
    let mut waived = policy.waivers();

    let holder = || issued.holder.as_ref().ok_or(Refusal::HolderKeyMissing);
    let bound = match policy.holder_binding {
        HolderBinding::Required { max_age } => Some(check_binding(&token, holder()?, input, max_age, now)?),
        // Not asked for, but what is there must hold (RFC 9901 §4); the result does not rest on it.
        HolderBinding::Waived if token.has_key_binding() => {
            check_binding(&token, holder()?, input, i64::MAX, now)?;
            None
        }
        HolderBinding::Waived => None,
    };
    let members = Members(token.dangerous_claims().as_object().ok_or(Refusal::Malformed)?);
    if members.audience()?.is_some_and(|audiences| !audiences.contains(&input.audience)) {
        return Err(Refusal::Audience);
    }
    let verdict = check_status(issued.status_claim.as_ref(), &policy.status, status, now)?;
    match verdict {
        StatusVerdict::Unknown => waived.push(Waiver::UnknownStatus),
        StatusVerdict::Absent => waived.push(Waiver::AbsentStatus),
        StatusVerdict::Valid { .. } | StatusVerdict::NotChecked => {}
    }
    let claims = token.into_claims();
    if let Some(path) = policy.required.iter().find(|path| path.select(&claims).is_err()) {
        return Err(Refusal::ClaimMissing(path.clone()));
    }
    let freshness = Freshness {
        status: verdict,
        trust: now.saturating_sub(trust.issued_at()).max(0),
        holder_binding: bound,
    };
    Ok(issued.into_verified(claims, freshness, waived))
}

/// Verifies a credential that an issuer just sent: all but status and claims, and that it is for `holder`.
pub fn verify_received(
    token: &str,
    holder: &PublicKey,
    types: &AcceptedTypes,
    trust: &dyn TrustSource,
    chains: &ChainCache,
    now: i64,
) -> Result<Verified, Refusal> {
    let token = SdJwt::parse(token)?;
    // RFC 9901 §7.2: an issuer sends no key binding.
    if token.has_key_binding() {
        return Err(Refusal::Malformed);
    }
    let issued = check_issued(&token, types, Some(holder), trust, chains, now)?;
    match &issued.holder {
        Some(key) if key == holder => {}
        Some(_) => return Err(Refusal::HolderBindingSignature),
        None => return Err(Refusal::HolderKeyMissing),
    }
    let freshness = Freshness {
        status: StatusVerdict::NotChecked,
        trust: now.saturating_sub(trust.issued_at()).max(0),
        holder_binding: None,
    };
    let mut waived = vec![Waiver::HolderBinding, Waiver::Status];
    if matches!(types, AcceptedTypes::Any) {
        waived.push(Waiver::Type);
    }
    Ok(issued.into_verified(token.into_claims(), freshness, waived))
}

/// What the issuer's part says, once it is known to be the issuer's.
struct Issued {
    issuer: VerifiedIssuer,
    vct: String,
    aka_vcts: Vec<String>,
    holder: Option<PublicKey>,
    issued_at: Option<i64>,
    expires_at: Option<i64>,
    status_claim: Option<StatusClaim>,
}

impl Issued {
    fn into_verified(self, claims: Value, freshness: Freshness, waived: Vec<Waiver>) -> Verified {
        let Self { issuer, vct, aka_vcts, holder, issued_at, expires_at, status_claim } = self;
        Verified {
            issuer,
            vct,
            aka_vcts,
            claims,
            holder,
            issued_at,
            expires_at,
            status_claim,
            freshness,
            waived,
        }
    }
}

fn check_issued(
    token: &SdJwt,
    types: &AcceptedTypes,
    expected: Option<&PublicKey>,
    trust: &dyn TrustSource,
    chains: &ChainCache,
    now: i64,
) -> Result<Issued, Refusal> {
    let claims = Members(token.dangerous_claims().as_object().ok_or(Refusal::Malformed)?);
    let vct = claims.text("vct")?.ok_or(Refusal::WrongType)?;
    let mut aka_vcts = claims.texts("aka_vcts")?;
    if aka_vcts.iter().any(|also| also == vct) {
        return Err(Refusal::Malformed);
    }
    if !types.take(vct, &aka_vcts) {
        return Err(Refusal::WrongType);
    }
    if now >= trust.expires_at() {
        return Err(Refusal::TrustStale);
    }
    let signer = match token.header().kid.as_deref().and_then(|kid| trust.pinned(kid)) {
        Some(key) => chain::pinned(key),
        None => {
            let x5c = token.header().x5c.as_deref().ok_or(Refusal::IssuerChain)?;
            chains.check(x5c, trust, now)?
        }
    };
    let iss = claims.text("iss")?;
    let issued_at = claims.seconds("iat")?;
    let origin = Origin { jkt: &signer.jkt, issuer: iss, vct, issued_at };
    let name = trust.judge(&origin)?;
    // A further type is the issuer's word. It counts where the issuer is accredited for it as well (SD-JWT VC §7.7).
    aka_vcts.retain(|also| trust.judge(&Origin { vct: also, ..origin }).is_ok());
    if !types.take(vct, &aka_vcts) {
        return Err(Refusal::IssuerNotAccredited);
    }
    token.jws().check(&signer.key, Typ::Is(sd_jwt::TYP)).map_err(|error| match error {
        JwsError::AlgorithmRefused => Refusal::Algorithm,
        JwsError::TypeRefused => Refusal::TokenType,
        _ => Refusal::IssuerSignature,
    })?;

    let expires_at = claims.seconds("exp")?;
    let latest = now.saturating_add(CLOCK_SKEW);
    if claims.seconds("nbf")?.is_some_and(|nbf| nbf > latest) || issued_at.is_some_and(|iat| iat > latest) {
        return Err(Refusal::NotYetValid);
    }
    if expires_at.is_some_and(|exp| now >= exp) {
        return Err(Refusal::Expired);
    }
    Ok(Issued {
        issuer: VerifiedIssuer { iss: iss.map(str::to_owned), name, jkt: signer.jkt.clone() },
        vct: vct.to_owned(),
        aka_vcts,
        holder: claims.holder(expected)?,
        issued_at,
        expires_at,
        status_claim: claims.status()?,
    })
}

/// Seconds since the holder signed.
fn check_binding(
    token: &SdJwt,
    holder: &PublicKey,
    input: &PresentationInput<'_>,
    max_age: i64,
    now: i64,
) -> Result<i64, Refusal> {
    let bound = token.check_key_binding(holder).map_err(|error| match error {
        KeyBindingError::Missing => Refusal::HolderBindingMissing,
        KeyBindingError::Malformed => Refusal::Malformed,
        KeyBindingError::Algorithm => Refusal::Algorithm,
        KeyBindingError::Type => Refusal::TokenType,
        KeyBindingError::Signature => Refusal::HolderBindingSignature,
        KeyBindingError::Hash => Refusal::HolderBindingHash,
    })?;
    if !mac::eq(bound.nonce.as_bytes(), input.nonce.as_bytes()) {
        return Err(Refusal::Nonce);
    }
    if bound.aud != input.audience {
        return Err(Refusal::Audience);
    }
    let age = now.saturating_sub(bound.iat);
    if age < -CLOCK_SKEW || age > max_age {
        return Err(Refusal::HolderBindingTime);
    }
    let alg = bound.transaction_data_hashes_alg.as_deref().unwrap_or(sd_jwt::SD_ALG);
    let same = bound.transaction_data_hashes.len() == input.transaction_data_hashes.len()
        && bound
            .transaction_data_hashes
            .iter()
            .zip(input.transaction_data_hashes)
            .all(|(signed, asked)| b64url_decode_array::<32>(signed).as_ref() == Ok(asked));
    if alg != sd_jwt::SD_ALG || !same {
        return Err(Refusal::TransactionData);
    }
    Ok(age.max(0))
}

pub(crate) fn check_status(
    claim: Option<&StatusClaim>,
    rule: &StatusRule,
    source: &dyn StatusSource,
    now: i64,
) -> Result<StatusVerdict, Refusal> {
    let StatusRule::Checked { max_age, unknown, absent } = rule else { return Ok(StatusVerdict::NotChecked) };
    let Some(claim) = claim else {
        return match absent {
            Unproven::Accept => Ok(StatusVerdict::Absent),
            Unproven::Refuse => Err(Refusal::StatusAbsent),
        };
    };
    let doubt = |refusal| match unknown {
        Unproven::Accept => Ok(StatusVerdict::Unknown),
        Unproven::Refuse => Err(refusal),
    };
    let list = match source.list(&claim.uri) {
        StatusAnswer::List(list) if list.claims.uri == claim.uri => list,
        StatusAnswer::List(_) | StatusAnswer::Corrupt => return Err(Refusal::StatusCorrupt),
        StatusAnswer::Unavailable => return doubt(Refusal::StatusUnknown),
    };
    // Even an old list is believed when it speaks against the credential: only Valid grows stale.
    match list.get(claim.index) {
        Some(Status::Valid) => {}
        Some(Status::Suspended) => return Err(Refusal::Suspended),
        Some(Status::Invalid) => return Err(Refusal::Revoked),
        Some(Status::Other(_)) | None => return Err(Refusal::StatusCorrupt),
    }
    let age = list.age(now);
    if list.expired(now) || age > *max_age {
        return doubt(Refusal::StatusStale);
    }
    Ok(StatusVerdict::Valid { age })
}

/// The registered claims of a payload, each of its kind or the token is malformed.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.0.get(name).map(|value| value.as_str().ok_or(Refusal::Malformed)).transpose()
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let Some(value) = self.0.get(name) else { return Ok(Vec::new()) };
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or(Refusal::Malformed)?;
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or(Refusal::Malformed)).collect()
    }

    /// Whom the credential is meant for, one or several (RFC 7519 §4.1.3).
    fn audience(&self) -> Result<Option<Vec<&'a str>>, Refusal> {
        match self.0.get("aud") {
            None => Ok(None),
            Some(Value::String(one)) => Ok(Some(vec![one])),
            Some(Value::Array(several)) => {
                let texts = several.iter().map(|one| one.as_str().ok_or(Refusal::Malformed));
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(Refusal::Malformed),
        }
    }

    fn seconds(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.0.get(name).map(|value| numeric_date(value).ok_or(Refusal::Malformed)).transpose()
    }

    /// The key in `cnf.jwk` (RFC 7800 §3.2); `expected` itself where it is that one, which saves reading the point again.
    fn holder(&self, expected: Option<&PublicKey>) -> Result<Option<PublicKey>, Refusal> {
        let Some(cnf) = self.0.get("cnf") else { return Ok(None) };
        let jwk = cnf.get("jwk").ok_or(Refusal::HolderKeyMissing)?;
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let (Some("EC"), Some("P-256"), Some(x), Some(y)) = (text("kty"), text("crv"), text("x"), text("y"))
        else {
            return Err(Refusal::HolderKeyMissing);
        };
        let mut sec1 = [4; 65];
        let coordinate = |text| b64url_decode_array::<32>(text).map_err(|_| Refusal::HolderKeyMissing);
        let [_, point @ ..] = &mut sec1;
        let (to_x, to_y) = point.split_at_mut(32);
        to_x.copy_from_slice(&coordinate(x)?);
        to_y.copy_from_slice(&coordinate(y)?);
        if let Some(key) = expected.filter(|key| *key.as_sec1() == sec1) {
            return Ok(Some(key.clone()));
        }
        PublicKey::from_sec1(&sec1).map(Some).map_err(|_| Refusal::HolderKeyMissing)
    }

    fn status(&self) -> Result<Option<StatusClaim>, Refusal> {
        let Some(status) = self.0.get("status") else { return Ok(None) };
        let list = status.get("status_list").ok_or(Refusal::StatusCorrupt)?;
        let uri = list.get("uri").and_then(Value::as_str).ok_or(Refusal::StatusCorrupt)?;
        let index = list.get("idx").and_then(Value::as_u64).ok_or(Refusal::StatusCorrupt)?;
        Ok(Some(StatusClaim { uri: uri.to_owned(), index }))
    }
}

/// The claims that a policy asks for, from their top-level names.
pub fn required_claims(names: &[&str]) -> Vec<ClaimPath> {
    names.iter().map(|name| ClaimPath::claim(name)).collect()
}
