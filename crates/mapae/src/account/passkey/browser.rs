//! Passkeys of browsers: no wallet's, and judged by the same rules. Who keeps them and what they are for is the login's.

use keys::PublicKey;
use keys::encoding::b64url_encode;
use keys::sha256;
use serde_json::{Value, json};
use wallet::account::messages::{CreatedPasskey, PasskeyAssertion};

use super::authenticator::{AuthenticatorData, Ceremony};
use super::{
    For, PasskeyRefusal, Signed, attestation, bytes, new_challenge, request_options, roots, rp_id,
    signed_challenge,
};
use crate::operations::store::Tx;
use crate::operations::{Platform, limits};

/// A passkey that a browser made.
#[derive(Clone, Debug)]
pub(crate) struct BrowserPasskey {
    /// Credential id, base64url.
    pub(crate) credential_id: String,
    pub(crate) key: PublicKey,
    pub(crate) sign_count: i64,
    /// It may be on other devices of its owner too.
    pub(crate) synced: bool,
}

/// A challenge that was signed, to be used up in the transaction of what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Challenged(Signed);

impl Challenged {
    /// Of any number of answers to one challenge one is taken.
    ///
    /// # Errors
    /// It was used before, or the store.
    pub(crate) async fn use_up(&self, tx: &mut Tx) -> Result<(), PasskeyRefusal> {
        self.0.use_up(tx).await
    }
}

/// Options to make a passkey in this browser (§5.4). `known` are the credentials that its owner has.
///
/// # Errors
/// A challenge can't be made.
pub(crate) fn browser_creation(
    platform: &Platform,
    employee_id: &str,
    known: &[String],
) -> Result<Value, PasskeyRefusal> {
    let (challenge, _) = new_challenge(platform, For::BrowserCreation, employee_id)?;
    let handle = b64url_encode(&platform.sealer.blind_index("browser-passkey-user", employee_id));
    let known: Vec<Value> = known.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    Ok(json!({
        "rp": { "id": rp_id(&platform.config), "name": "마패 Mapae" },
        "user": { "id": handle, "name": "등록한 브라우저", "displayName": "등록한 브라우저" },
        "challenge": challenge,
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
        "timeout": limits::PASSKEY_CHALLENGE_LIFE.get(),
        "authenticatorSelection": {
            "authenticatorAttachment": "platform", "residentKey": "preferred", "userVerification": "required",
        },
        "attestation": "none",
        "excludeCredentials": known,
    }))
}

/// Judges what a browser made (§7.1).
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn browser_created(
    platform: &Platform,
    employee_id: &str,
    created: &CreatedPasskey,
) -> Result<(BrowserPasskey, Challenged), PasskeyRefusal> {
    let client_data = bytes(&created.response.client_data_json, "client data")?;
    let object = bytes(&created.response.attestation_object, "attestation object")?;
    let signed =
        signed_challenge(platform, &client_data, Ceremony::Create, For::BrowserCreation, employee_id)?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let attested =
        attestation::judge(&object, &client_data, rp_id(&platform.config), roots(platform), now_s)?;
    let credential_id = b64url_encode(&attested.credential.id);
    if credential_id != created.id {
        return Err(PasskeyRefusal::Malformed("credential id"));
    }
    let passkey = BrowserPasskey {
        credential_id,
        key: attested.credential.key,
        sign_count: i64::from(attested.sign_count),
        synced: attested.backup_eligible,
    };
    Ok((passkey, Challenged(signed)))
}

/// Options to use one of the passkeys of this browser for a login (§5.5).
///
/// # Errors
/// A challenge can't be made.
pub(crate) fn browser_request(
    platform: &Platform,
    login: &str,
    credential: Option<&str>,
) -> Result<Value, PasskeyRefusal> {
    Ok(request_options(platform, For::BrowserStart, login, credential)?.options)
}

/// Judges an assertion (§7.2) by the passkey that it names; returns the authenticator's counter.
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn browser_asserted(
    platform: &Platform,
    login: &str,
    assertion: &PasskeyAssertion,
    passkey: &BrowserPasskey,
) -> Result<(i64, Challenged), PasskeyRefusal> {
    let response = &assertion.response;
    let client_data = bytes(&response.client_data_json, "client data")?;
    let authenticator_data = bytes(&response.authenticator_data, "authenticator data")?;
    let signature = bytes(&response.signature, "signature")?;
    let signed = signed_challenge(platform, &client_data, Ceremony::Get, For::BrowserStart, login)?;
    let data = AuthenticatorData::read(&authenticator_data, rp_id(&platform.config))?;
    let whole = [authenticator_data.as_slice(), &sha256(&client_data)].concat();
    if !attestation::holds(&passkey.key, &whole, &signature) {
        return Err(PasskeyRefusal::Signature);
    }
    // §6.1.3: backup eligibility never changes.
    if data.backup_eligible != passkey.synced {
        return Err(PasskeyRefusal::Unknown);
    }
    Ok((i64::from(data.sign_count), Challenged(signed)))
}
