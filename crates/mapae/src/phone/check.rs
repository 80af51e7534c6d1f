//! The phone checks its own credential as a strict verifier would, key binding and status included.

use std::sync::Arc;

use credential::sd_jwt::{KeyBinding, SdJwt};
use credential::status_list::{StatusError, VerifiedList, verify_jwt};
use credential::trust::{Anchor, TrustedRoots};
use credential::types::Bilingual;
use credential::verify::{
    AcceptedTypes, ChainCache, HolderBinding, Policy, PresentationInput, Refusal, StatusAnswer, StatusRule,
    StatusSource, StatusVerdict, Unproven, verify,
};
use keys::x509::Certificate;
use serde::Serialize;
use serde_json::Value;
use wallet::Wallet;
use wallet::ports::{Clock as _, Http as _, HttpError, KeyStore as _, Request, Shell as _};

use super::PhoneShell;

/// Why a credential does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is none.
    #[error("this wallet holds no credential")]
    Empty,
    /// A verifier would refuse it.
    #[error("a verifier would refuse it: {0}")]
    Refused(#[from] Refusal),
    /// The status list can't be had.
    #[error("the status list can't be had: {0}")]
    StatusUnavailable(#[from] HttpError),
    /// The status list does not verify.
    #[error("the status list does not verify: {0}")]
    Status(#[from] StatusError),
    /// A copy or its key can't be used.
    #[error("the copy can't be used")]
    Unusable,
}

impl CheckError {
    /// Stable code.
    pub fn code(&self) -> &str {
        match self {
            CheckError::Empty => "nothing_held",
            CheckError::Refused(refusal) => refusal.code(),
            CheckError::StatusUnavailable(_) => "status_unavailable",
            CheckError::Status(_) => "status_corrupt",
            CheckError::Unusable => "copy_unusable",
        }
    }
}

/// A credential that holds.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// Issuer identifier.
    pub issuer: String,
    /// Type.
    pub vct: String,
    /// The issuer's signature, under a certificate of a root that this wallet trusts.
    pub issuer_signature: bool,
    /// A key binding by the holder key verifies.
    pub key_binding: bool,
    /// `valid`
    pub status: &'static str,
    /// Seconds since the status list was signed.
    pub status_age: i64,
    /// Copies held, and how many of them were never shown.
    pub copies: usize,
    /// Copies never shown and not expired.
    pub unused: usize,
    /// All claims of the copy.
    pub claims: Value,
}

struct One(Arc<VerifiedList>);

impl StatusSource for One {
    fn list(&self, uri: &str) -> StatusAnswer {
        if uri == self.0.claims.uri { StatusAnswer::List(Arc::clone(&self.0)) } else { StatusAnswer::Unavailable }
    }
}

/// Checks one copy of the first credential held. No copy counts as shown by it: nothing leaves the phone.
pub(super) async fn first(wallet: &Wallet<PhoneShell>) -> Result<Checked, CheckError> {
    const AUDIENCE: &str = "self-check";
    let now = wallet.shell().clock().now_s();
    let held = wallet.state().holdings.first().ok_or(CheckError::Empty)?;
    let copy = held.copies.iter().find(|copy| copy.is_current(now)).ok_or(CheckError::Empty)?;
    let roots: Vec<Certificate> = wallet
        .state()
        .trust_anchors
        .iter()
        .filter_map(|anchor| Certificate::parse(&keys::encoding::b64url_decode(anchor).ok()?).ok())
        .collect();

    let token = SdJwt::parse(&copy.credential).map_err(|_| CheckError::Unusable)?;
    let uri = token
        .dangerous_claims()
        .pointer("/status/status_list/uri")
        .and_then(Value::as_str)
        .ok_or(CheckError::Unusable)?
        .to_owned();
    let request = Request { max_response: credential::status_list::MAX_TOKEN, ..Request::get(uri.as_str()) }
        .header("accept", "application/statuslist+jwt");
    let response = wallet.shell().http().send(request).await?;
    if !response.is_success() {
        return Err(CheckError::StatusUnavailable(HttpError::AnswerLost));
    }
    let list = std::str::from_utf8(&response.body).map_err(|_| CheckError::Unusable)?;
    let list = verify_jwt(list.trim(), &uri, Anchor::Roots(&roots), now)?;

    let nonce = keys::random::token();
    let binding =
        KeyBinding { nonce: &nonce, audience: AUDIENCE, issued_at: now, transaction_data_hashes: &[] };
    let paths: Vec<_> = held
        .type_info
        .iter()
        .flat_map(|info| info.claims.iter().map(|claim| claim.path.clone()))
        .filter(|path| path.select(token.dangerous_claims()).is_ok())
        .collect();
    let bound = token.select(&paths).map_err(|_| CheckError::Unusable)?.key_binding(&binding);
    let signature =
        wallet.shell().keys().sign(&copy.key, bound.as_bytes()).await.map_err(|_| CheckError::Unusable)?;
    let presentation = bound.finish(&signature);

    let input = PresentationInput {
        presentation: &presentation,
        nonce: &nonce,
        audience: AUDIENCE,
        transaction_data_hashes: &[],
    };
    let policy = Policy {
        types: AcceptedTypes::OneOf(vec![held.vct.clone()]),
        required: Vec::new(),
        holder_binding: HolderBinding::Required { max_age: 60 },
        status: StatusRule::Checked {
            max_age: i64::MAX,
            unknown: Unproven::Refuse,
            absent: Unproven::Refuse,
        },
    };
    let name = Bilingual { ko: held.issuer.clone(), en: held.issuer.clone() };
    let trust = TrustedRoots::new(roots, name, vec![held.vct.clone()]);
    let verified = verify(&input, &policy, &trust, &One(Arc::new(list)), &ChainCache::new(1), now)?;
    let StatusVerdict::Valid { age } = verified.freshness.status else { return Err(CheckError::Unusable) };
    Ok(Checked {
        issuer: held.issuer.clone(),
        vct: held.vct.clone(),
        issuer_signature: true,
        key_binding: verified.freshness.holder_binding.is_some(),
        status: "valid",
        status_age: age,
        copies: held.copies.len(),
        unused: held.unused(now),
        claims: verified.claims,
    })
}
