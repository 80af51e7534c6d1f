//! The last step of an enrolment: device key and PIN key become an account, and the account gets its offer.

use std::sync::Arc;

use keys::PublicKey;
use keys::jws::{Typ, Unverified};
use wallet::account::messages::{
    Accreditation, MAX_DEVICE_JWS, Message, OnboardingStep, Registered, RegistrarKeys, Registration, Signed,
};

use super::error::{DeviceRefusal, OnboardingError};
use super::onboarding::{self, Onboarding};
use super::record::pin_place;
use super::{device, effect, offer, passkey};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeyName, Platform, id};
use crate::{application, ledger};

/// What is written.
#[derive(Debug, Clone)]
struct NewAccount {
    id: String,
    device: PublicKey,
    thumbprint: String,
    pin_key: Vec<u8>,
}

/// Registers the device. The same device may repeat it after a lost reply, as long as the PIN was never used.
pub(super) async fn register(
    platform: &Arc<Platform>,
    token: Option<&str>,
    text: &str,
) -> Result<Registered, OnboardingError> {
    let onboarding = onboarding::of_token(platform, token).await?;
    let account_id = match (onboarding.step, &onboarding.account_id) {
        (OnboardingStep::Proofed, _) => id::new(),
        (OnboardingStep::Registered, Some(account)) => account.clone(),
        _ => return Err(OnboardingError::WrongStep),
    };
    let (device, registration) = verify(platform, &onboarding, text)?;
    let thumbprint = device.thumbprint();
    let pin_key = effect::proven_pin_key(
        platform,
        &registration.pin_key,
        &registration.pin_proof,
        &onboarding.id,
        &thumbprint,
    )
    .map_err(|_| OnboardingError::Malformed("PIN key"))?;
    let place = pin_place(&account_id, &thumbprint);
    let new = NewAccount {
        pin_key: platform.sealer.seal_pin(&place, &pin_key)?,
        id: account_id,
        device,
        thumbprint,
    };
    let passkey = passkey::of_onboarding(&platform.store, &onboarding.id).await?;
    let evidence = passkey.as_ref().map(|passkey| passkey.evidence).unwrap_or_default();
    // Made anew when the registration is repeated: the phone that repeats it never got the first.
    let share = passkey.as_ref().filter(|passkey| !passkey.prf);
    let share = share.map(|passkey| passkey::new_share(platform, &new.id, passkey));
    let (sealed_share, share) = share.unzip();
    let order = offer::order(platform, &onboarding.application_id).await?.ok_or(OnboardingError::NoOffer)?;
    let now_ms = platform.clock.now_ms();
    let (shared, written) = (Arc::clone(platform), new.clone());
    let repeated = onboarding.step == OnboardingStep::Registered;
    let link = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if repeated {
                    replace(tx, &written).await?;
                } else {
                    create(tx, &onboarding, &written, now_ms).await?;
                }
                if let Some(passkey) = &passkey
                    && !passkey::bind(tx, passkey, &written.id, sealed_share).await?
                {
                    return Err(OnboardingError::WrongStep);
                }
                offer::first(tx, &shared, &order, &written.id, &written.thumbprint).await
            })
        })
        .await?;
    let result_keys = result_keys(platform).map_err(|error| OnboardingError::Internal(error.to_string()))?;
    let accreditation = accreditation(platform).await?;
    Ok(Registered {
        account: new.id,
        offer: link,
        result_keys: keys::JwkSet { keys: result_keys },
        trust_anchors: vec![keys::encoding::b64url_encode(platform.keys.root().der())],
        accreditation: Some(accreditation),
        pin_generation: 1,
        passkey: evidence,
        share: share.map(|share| share.to_string()),
    })
}

/// Where a wallet learns which issuers are accredited, and the registrar that it pins.
pub(super) async fn accreditation(platform: &Platform) -> Result<Accreditation, StoreError> {
    let registrar = ledger::setup(platform).await?.map(|setup| RegistrarKeys {
        members: setup.registrar.members().iter().map(PublicKey::to_jwk).collect(),
        needed: setup.registrar.needed(),
    });
    let trust_list = format!("{}/trust-list", platform.config.public.origin().trim_end_matches('/'));
    Ok(Accreditation { trust_list, registrar })
}

/// The device key in the header signs the registration for this enrolment.
fn verify(
    platform: &Platform,
    onboarding: &Onboarding,
    text: &str,
) -> Result<(PublicKey, Registration), OnboardingError> {
    const REFUSED: OnboardingError = OnboardingError::Malformed("registration");
    let unverified = Unverified::parse(text, MAX_DEVICE_JWS).map_err(|_| REFUSED)?;
    let jwk = unverified.header().jwk.clone().ok_or(REFUSED)?;
    let device = PublicKey::from_jwk(&jwk).map_err(|_| REFUSED)?;
    let signed: Signed<Registration> = unverified
        .verify(&device, Typ::Is(Registration::TYP))
        .and_then(|verified| verified.claims())
        .map_err(|_| REFUSED)?;
    match device::fresh(platform, &signed) {
        Ok(()) if signed.account == onboarding.id => Ok((device, signed.message)),
        Ok(()) | Err(DeviceRefusal::Device) => Err(REFUSED),
        Err(error) => Err(OnboardingError::Internal(error.to_string())),
    }
}

/// Exactly one caller uses the invitation up. An account of the employee that never got its badge ends here; one that
/// holds a badge ends when the new badge is issued.
async fn create(
    tx: &mut Tx,
    onboarding: &Onboarding,
    new: &NewAccount,
    now_ms: i64,
) -> Result<(), OnboardingError> {
    if !application::consume_invitation(tx, &onboarding.invitation_id, now_ms).await? {
        return Err(OnboardingError::Over);
    }
    let waiting = tx
        .fetch_optional(
            "UPDATE account SET state = 'closed', closed_at = $2, pin_key = NULL, pin_next = NULL \
             WHERE employee_id = $1 AND state = 'pending' RETURNING id",
            params![&onboarding.employee_id, now_ms],
        )
        .await?;
    if let Some(row) = waiting {
        passkey::forget(tx, &row.text("id")?).await?;
    }
    let inserted = tx
        .execute(
            "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, pin_key, \
             pin_generation, pin_right_at, pin_set_at, sequence, tries, charged_at, created_at) \
             VALUES ($1, $2, $3, 'pending', $4, $5, $6, 1, $7, $7, 0, 0, 0, $7) ON CONFLICT DO NOTHING",
            params![
                &new.id,
                &onboarding.employee_id,
                &onboarding.application_id,
                new.device.to_sec1().to_vec(),
                &new.thumbprint,
                new.pin_key.clone(),
                now_ms
            ],
        )
        .await?;
    if inserted != 1 {
        return Err(OnboardingError::DeviceInUse);
    }
    tx.execute(
        "UPDATE account_onboarding SET step = 'registered', account_id = $2 WHERE id = $1",
        params![&onboarding.id, &new.id],
    )
    .await?;
    onboarding::record(tx, &new.id, "account.registered", &onboarding.application_id).await?;
    Ok(())
}

/// The same phone again: it may have chosen another PIN meanwhile. Once a PIN was used this way is closed.
async fn replace(tx: &mut Tx, new: &NewAccount) -> Result<(), OnboardingError> {
    let rows = tx
        .execute(
            "UPDATE account SET pin_key = $3 WHERE id = $1 AND device_thumbprint = $2 AND state = 'pending' \
             AND sequence = 0 AND pin_generation = 1 AND suspended_at IS NULL",
            params![&new.id, &new.thumbprint, new.pin_key.clone()],
        )
        .await?;
    if rows == 1 { Ok(()) } else { Err(OnboardingError::Over) }
}

/// The keys that sign results.
pub(super) fn result_keys(platform: &Platform) -> Result<Vec<keys::Jwk>, DeviceRefusal> {
    let signer = platform
        .keys
        .signer(KeyName::InstructionResult)
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?;
    let key = signer.public_key();
    Ok(vec![key.to_jwk().with_kid(key.thumbprint())])
}
