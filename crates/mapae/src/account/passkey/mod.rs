//! Passkeys of wallets: made during the enrolment, used to release the server's share of a vault's key, to bring a
//! deleted wallet back, and in place of a forgotten PIN (protocols: WebAuthn Level 3).
//!
//! A challenge is a sealed token that names its purpose and whom it is for; nothing is stored until an answer uses it.
//! What the answer proves is judged before the transaction, and used up inside it, together with what it is for.

mod attestation;
mod authenticator;
mod browser;
mod record;
mod share;

use std::sync::Arc;

use axum::http::StatusCode;
use keys::encoding::{b64url_decode, b64url_encode};
use keys::sha256;
use keys::x509::Certificate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wallet::account::messages::{
    CreatedPasskey, OnboardingStep, PasskeyAssertion, PasskeyEvidence, PasskeyOptions, PasskeyRegistered,
    PasskeyRegistration, code,
};

use self::authenticator::{AuthenticatorData, Ceremony, challenge_of};
use super::error::OnboardingError;
use super::onboarding;
use crate::operations::config::Config;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, Problem, limits, once};

#[cfg(test)]
pub(super) mod testing {
    //! The judgement of a new passkey without an enrolment around it.

    use super::*;

    pub(in crate::account) fn challenge(platform: &Platform, onboarding: &str) -> (String, i64) {
        new_challenge(platform, For::Creation, onboarding).unwrap()
    }

    pub(in crate::account) fn evidence(
        platform: &Platform,
        onboarding: &str,
        created: &Value,
    ) -> Result<PasskeyEvidence, String> {
        let created = CreatedPasskey::deserialize(created).unwrap();
        judge_creation(platform, onboarding, &created, true)
            .map(|(passkey, _)| passkey.evidence)
            .map_err(|refusal| refusal.to_string())
    }
}

pub(crate) use browser::{
    BrowserPasskey, browser_asserted, browser_created, browser_creation, browser_request,
};
pub(super) use record::{Passkey, bind, forget, keep_salt, of_account, of_onboarding, salt, sweep};
pub(super) use share::{new as new_share, release as release_share};

/// What an assertion is for. The word is bound into the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Creation,
    Share,
    Recovery,
    ForgottenPin,
    BrowserCreation,
    BrowserStart,
}

impl For {
    const fn seal(self) -> &'static str {
        match self {
            Self::Creation => "passkey-creation",
            Self::Share => "passkey-share",
            Self::Recovery => "passkey-recovery",
            Self::ForgottenPin => "passkey-forgotten-pin",
            Self::BrowserCreation => "passkey-browser-creation",
            Self::BrowserStart => "passkey-browser-start",
        }
    }
}

/// Why a passkey was not taken. None of the texts names a person.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyRefusal {
    /// Not what the browser's API gives.
    #[error("malformed passkey answer: {0}")]
    Malformed(&'static str),
    /// Another site's, or in a frame of another site.
    #[error("the passkey answer is for another site")]
    Origin,
    /// No fingerprint, face or lock code was asked for.
    #[error("the user was not verified")]
    NotVerified,
    /// Not ES256.
    #[error("the passkey's key is not for ES256")]
    Algorithm,
    /// The signature does not hold.
    #[error("the passkey's signature does not hold")]
    Signature,
    /// The challenge is not ours, over, used, or for something else.
    #[error("the challenge is not valid")]
    Challenge,
    /// Not a passkey of this account, or of none.
    #[error("the passkey is not known here")]
    Unknown,
    /// There is such a passkey already.
    #[error("the passkey is in use")]
    InUse,
    /// Its counter went back: there may be a copy (§6.1.1).
    #[error("the passkey's counter went back")]
    Counter,
    /// It was used too often in a short time.
    #[error("the share was asked for too often")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key of ours failed; the text names no person.
    #[error("{0}")]
    Internal(String),
}

impl From<PasskeyRefusal> for Problem {
    fn from(refusal: PasskeyRefusal) -> Problem {
        use PasskeyRefusal as R;
        match refusal {
            R::Malformed(_) => Problem::new(StatusCode::BAD_REQUEST, code::MALFORMED),
            R::Origin => Problem::new(StatusCode::FORBIDDEN, code::PASSKEY_ORIGIN),
            R::NotVerified => Problem::new(StatusCode::FORBIDDEN, code::PASSKEY_NOT_VERIFIED),
            R::Algorithm => Problem::new(StatusCode::BAD_REQUEST, code::PASSKEY_ALGORITHM),
            R::Signature => Problem::new(StatusCode::FORBIDDEN, code::PASSKEY_REFUSED),
            R::Challenge => Problem::new(StatusCode::CONFLICT, code::PASSKEY_CHALLENGE),
            R::Unknown => Problem::new(StatusCode::FORBIDDEN, code::PASSKEY_UNKNOWN),
            R::InUse => Problem::new(StatusCode::CONFLICT, code::PASSKEY_IN_USE),
            R::Counter => Problem::new(StatusCode::FORBIDDEN, code::PASSKEY_COUNTER),
            R::TooMany => Problem::new(StatusCode::TOO_MANY_REQUESTS, code::PASSKEY_TOO_MANY)
                .with("retry_after_ms", limits::SHARE_WINDOW.get()),
            R::Store(error) => error.into(),
            R::Internal(cause) => Problem::internal(cause),
        }
    }
}

/// Whom a challenge is for: an onboarding or account id; empty where the passkey itself tells (recovery).
#[derive(Debug, Serialize, Deserialize)]
struct Challenge {
    #[serde(rename = "s")]
    subject: String,
}

/// RP ID: the host of the public address.
fn rp_id(config: &Config) -> &str {
    config.public.base_url.host_str().unwrap_or("localhost")
}

fn origin(config: &Config) -> String {
    config.public.base_url.origin().ascii_serialization()
}

fn new_challenge(platform: &Platform, purpose: For, subject: &str) -> Result<(String, i64), PasskeyRefusal> {
    let expires_at = platform.now_ms().saturating_add(limits::PASSKEY_CHALLENGE_LIFE.get());
    let challenge = platform
        .tokens
        .seal(purpose.seal(), &Challenge { subject: subject.to_owned() }, expires_at)
        .map_err(|error| PasskeyRefusal::Internal(error.to_string()))?;
    Ok((challenge, expires_at))
}

/// A challenge that was signed and is still ours to use up.
#[derive(Debug, Clone)]
struct Signed {
    id: String,
    expires_at: i64,
}

/// Checks what was signed: ours, for this purpose and subject, not over.
fn signed_challenge(
    platform: &Platform,
    client_data: &[u8],
    ceremony: Ceremony,
    purpose: For,
    subject: &str,
) -> Result<Signed, PasskeyRefusal> {
    let text = challenge_of(client_data, ceremony, &origin(&platform.config))?;
    let now_ms = platform.now_ms();
    let challenge: Challenge =
        platform.tokens.open(purpose.seal(), &text, now_ms).map_err(|_| PasskeyRefusal::Challenge)?;
    if challenge.subject != subject {
        return Err(PasskeyRefusal::Challenge);
    }
    let expires_at = now_ms.saturating_add(limits::PASSKEY_CHALLENGE_LIFE.get());
    Ok(Signed { id: b64url_encode(&sha256(text.as_bytes())), expires_at })
}

impl Signed {
    /// Of any number of answers to one challenge one is taken.
    async fn use_up(&self, tx: &mut Tx) -> Result<(), PasskeyRefusal> {
        if once::consume(tx, "passkey", &self.id, self.expires_at).await? {
            Ok(())
        } else {
            Err(PasskeyRefusal::Challenge)
        }
    }
}

/// base64url of bounded length.
fn bytes(text: &str, what: &'static str) -> Result<Vec<u8>, PasskeyRefusal> {
    if text.len() > limits::PASSKEY_ANSWER.size() {
        return Err(PasskeyRefusal::Malformed(what));
    }
    b64url_decode(text).map_err(|_| PasskeyRefusal::Malformed(what))
}

// ---- Creation -------------------------------------------------------------------------------------------------

/// Options to create the passkey of an enrolment (§5.4).
pub(super) async fn creation_options(
    platform: &Platform,
    token: Option<&str>,
) -> Result<PasskeyOptions, OnboardingError> {
    let onboarding = onboarding::of_token(platform, token).await?;
    if onboarding.step != OnboardingStep::Proofed {
        return Err(OnboardingError::WrongStep);
    }
    let (challenge, expires_at) = new_challenge(platform, For::Creation, &onboarding.id)?;
    let options = json!({
        "rp": { "id": rp_id(&platform.config), "name": "마패 Mapae" },
        "user": {
            "id": user_handle(platform, &onboarding.id),
            "name": "모바일 공무원증",
            "displayName": "모바일 공무원증",
        },
        "challenge": challenge,
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
        "timeout": limits::PASSKEY_CHALLENGE_LIFE.get(),
        "authenticatorSelection": {
            "authenticatorAttachment": "platform",
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "direct",
        "excludeCredentials": [],
    });
    Ok(PasskeyOptions { options, expires_at })
}

/// The same for every passkey of one enrolment: a repeated creation replaces the earlier passkey on the phone.
fn user_handle(platform: &Platform, onboarding: &str) -> String {
    b64url_encode(&platform.sealer.blind_index("passkey-user", onboarding))
}

/// Keeps the passkey of an enrolment. Until the registration it may be replaced.
pub(super) async fn register(
    platform: &Arc<Platform>,
    token: Option<&str>,
    body: PasskeyRegistration,
) -> Result<PasskeyRegistered, OnboardingError> {
    let onboarding = onboarding::of_token(platform, token).await?;
    if onboarding.step != OnboardingStep::Proofed {
        return Err(OnboardingError::WrongStep);
    }
    let (new, signed) = judge_creation(platform, &onboarding.id, &body.credential, body.prf)?;
    let answer = PasskeyRegistered { credential: new.credential_id.clone(), evidence: new.evidence };
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                signed.use_up(tx).await?;
                if !onboarding::still_proofed(tx, &onboarding.id).await? {
                    return Err(OnboardingError::WrongStep);
                }
                record::insert(tx, &new).await?;
                let detail = json!({
                    "evidence": new.evidence.as_str(), "attestation": new.attestation, "prf": new.prf,
                });
                onboarding::record_with(tx, &onboarding.id, "account.passkey_made", &new.id, detail).await?;
                Ok(())
            })
        })
        .await
        .map_err(|error| match error {
            OnboardingError::Store(StoreError::Unique) => PasskeyRefusal::InUse.into(),
            error => error,
        })?;
    Ok(answer)
}

fn judge_creation(
    platform: &Platform,
    onboarding: &str,
    created: &CreatedPasskey,
    prf: bool,
) -> Result<(Passkey, Signed), PasskeyRefusal> {
    let client_data = bytes(&created.response.client_data_json, "client data")?;
    let object = bytes(&created.response.attestation_object, "attestation object")?;
    let signed = signed_challenge(platform, &client_data, Ceremony::Create, For::Creation, onboarding)?;
    let now_ms = platform.now_ms();
    let roots = roots(platform);
    let attested =
        attestation::judge(&object, &client_data, rp_id(&platform.config), roots, now_ms.div_euclid(1_000))?;
    let credential_id = b64url_encode(&attested.credential.id);
    if credential_id != created.id {
        return Err(PasskeyRefusal::Malformed("credential id"));
    }
    let evidence = match (attested.backup_eligible, attested.vouched) {
        (true, _) => PasskeyEvidence::Synced,
        (false, true) => PasskeyEvidence::DeviceBoundAttested,
        (false, false) => PasskeyEvidence::DeviceBoundUnattested,
    };
    let passkey = Passkey {
        id: crate::operations::id::new(),
        onboarding_id: onboarding.to_owned(),
        account_id: None,
        credential_id,
        public_key: attested.credential.key,
        user_handle: user_handle(platform, onboarding),
        evidence,
        attestation: attested.format,
        aaguid: keys::encoding::hex_encode(&attested.credential.aaguid),
        prf,
        sign_count: i64::from(attested.sign_count),
        share: None,
        has_salt: false,
        created_at: now_ms,
    };
    Ok((passkey, signed))
}

/// The roots under which an authenticator's word counts.
fn roots(platform: &Platform) -> &[Certificate] {
    platform.local.account.attestation_roots.get_or_init(|| {
        super::attestation_roots(&platform.config).unwrap_or_else(|error| {
            tracing::error!(%error, "no authenticator is vouched for");
            Vec::new()
        })
    })
}

// ---- Use ------------------------------------------------------------------------------------------------------

/// Options to use a passkey (§5.5). Without a credential the phone offers those that it has for this site.
pub(super) fn request_options(
    platform: &Platform,
    purpose: For,
    subject: &str,
    credential: Option<&str>,
) -> Result<PasskeyOptions, PasskeyRefusal> {
    let (challenge, expires_at) = new_challenge(platform, purpose, subject)?;
    let allowed: Vec<Value> = credential
        .map(|id| json!({ "type": "public-key", "id": id, "transports": ["internal"] }))
        .into_iter()
        .collect();
    let options = json!({
        "rpId": rp_id(&platform.config),
        "challenge": challenge,
        "timeout": limits::PASSKEY_CHALLENGE_LIFE.get(),
        "userVerification": "required",
        "allowCredentials": allowed,
    });
    Ok(PasskeyOptions { options, expires_at })
}

/// An assertion that holds, to be used up in the transaction of what it is for.
#[derive(Debug, Clone)]
pub(super) struct Asserted {
    pub(super) passkey: Passkey,
    signed: Signed,
    sign_count: u32,
}

/// Judges an assertion (§7.2) by the passkey it names. `subject` is whom the challenge was for.
pub(super) async fn judge(
    platform: &Platform,
    assertion: &PasskeyAssertion,
    purpose: For,
    subject: &str,
) -> Result<Asserted, PasskeyRefusal> {
    let response = &assertion.response;
    let client_data = bytes(&response.client_data_json, "client data")?;
    let authenticator_data = bytes(&response.authenticator_data, "authenticator data")?;
    let signature = bytes(&response.signature, "signature")?;
    let signed = signed_challenge(platform, &client_data, Ceremony::Get, purpose, subject)?;
    let data = AuthenticatorData::read(&authenticator_data, rp_id(&platform.config))?;
    if assertion.id.len() > limits::PASSKEY_ANSWER.size() {
        return Err(PasskeyRefusal::Malformed("credential id"));
    }
    let passkey =
        record::by_credential(&platform.store, &assertion.id).await?.ok_or(PasskeyRefusal::Unknown)?;
    if passkey.account_id.is_none()
        || response.user_handle.as_ref().is_some_and(|handle| *handle != passkey.user_handle)
    {
        return Err(PasskeyRefusal::Unknown);
    }
    let whole = [authenticator_data.as_slice(), &sha256(&client_data)].concat();
    if !attestation::holds(&passkey.public_key, &whole, &signature) {
        return Err(PasskeyRefusal::Signature);
    }
    // §6.1.3: backup eligibility never changes.
    if data.backup_eligible != (passkey.evidence == PasskeyEvidence::Synced) {
        return Err(PasskeyRefusal::Unknown);
    }
    Ok(Asserted { passkey, signed, sign_count: data.sign_count })
}

impl Asserted {
    /// Uses the assertion up: its challenge, and its counter where the authenticator counts (§6.1.1).
    pub(super) async fn use_up(&self, tx: &mut Tx) -> Result<(), PasskeyRefusal> {
        self.signed.use_up(tx).await?;
        let count = i64::from(self.sign_count);
        let rows = tx
            .execute(
                "UPDATE account_passkey SET sign_count = $2 \
                 WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
                params![&self.passkey.id, count],
            )
            .await?;
        if rows == 1 { Ok(()) } else { Err(PasskeyRefusal::Counter) }
    }
}
