//! What the device key alone may ask for: approval at the base level, key attestations, a fresh offer, the account's
//! status, and a new PIN after an unlock.

use openid::approval::Level;
use openid::attestation;
use openid::vci::KeyAttestation;
use wallet::account::messages::{
    AccountState, AccountStatus, Approval, Approved, KeepSalt, KeyAttestationRequest, KeyAttested,
    MAX_ATTESTATION_JWS, MAX_ATTESTED_KEYS, MAX_SALT, NewPin, OfferRequest, Offered, PasskeyChallengeRequest,
    PasskeyOptions, PasskeyPurpose, SaltKept, ShareGiven, ShareRequest, StatusRequest,
    WalletAttestationRequest, WalletAttested,
};

use super::device::{self, FromDevice};
use super::effect;
use super::error::DeviceRefusal;
use super::record::Account;
use super::{offer, passkey, status, unlock};
use crate::audit;
use crate::operations::store::{StoreError, params};
use crate::operations::{KeyName, Platform, limits, once};

/// The kind of wallet that this provider makes, below its address: the `client_id` of all of them.
const CLIENT: &str = "/wallet";

/// How the account stands.
pub(super) async fn standing(platform: &Platform, text: &str) -> Result<AccountStatus, DeviceRefusal> {
    let FromDevice { account, .. } = device::verify::<StatusRequest>(platform, text).await?;
    Ok(status::of(platform, &account).await?)
}

/// Approves a request at the base level: one commit.
pub(super) async fn approve(platform: &Platform, text: &str) -> Result<Approved, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<Approval>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let new = effect::new_approval(platform, &signed.message, Level::Base)?;
    let (id, now_ms, expires_at) = (account.id, platform.clock.now_ms(), new.expires_at);
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                // Locks the row, so that a suspension comes before or after this approval, never beside it.
                let sql = "UPDATE account SET charged_at = charged_at \
                           WHERE id = $1 AND suspended_at IS NULL AND state <> 'closed' AND tries < 5";
                if tx.execute(sql, params![&id]).await? != 1 {
                    let now = Account::find_in(tx, &id).await?.ok_or(DeviceRefusal::Device)?;
                    return Err(DeviceRefusal::State(now.state()));
                }
                match effect::approve(tx, &id, new, now_ms).await? {
                    Ok(()) => Ok(()),
                    Err(wallet::account::messages::code::NO_BADGE) => Err(DeviceRefusal::NoBadge),
                    Err(_) => Err(DeviceRefusal::AlreadyApproved),
                }
            })
        })
        .await?;
    Ok(Approved { level: Level::Base, expires_at })
}

/// Vouches for holder keys of this wallet (OpenID4VCI 1.0 Appendix D). It says what is true: software keys of a
/// wallet that has a PIN at the wallet provider; no hardware is claimed.
pub(super) async fn attest_keys(platform: &Platform, text: &str) -> Result<KeyAttested, DeviceRefusal> {
    let FromDevice { account, signed } =
        device::verify_bounded::<KeyAttestationRequest>(platform, text, MAX_ATTESTATION_JWS).await?;
    DeviceRefusal::unless_usable(&account)?;
    let KeyAttestationRequest { nonce, keys } = signed.message;
    let one_of_ours =
        |jwk: &keys::Jwk| keys::PublicKey::from_jwk(jwk).is_ok_and(|key| key != account.device_key);
    if keys.is_empty() || keys.len() > MAX_ATTESTED_KEYS || !keys.iter().all(one_of_ours) {
        return Err(DeviceRefusal::Malformed("keys"));
    }
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > limits::TOKEN_BYTES.size()) {
        return Err(DeviceRefusal::Malformed("nonce"));
    }
    let now_s = platform.clock.now_ms().div_euclid(1_000);
    let attestation = KeyAttestation {
        iss: Some(platform.wallet_provider().to_owned()),
        iat: now_s,
        exp: Some(now_s.saturating_add(limits::KEY_ATTESTATION_LIFE.get().div_euclid(1_000))),
        attested_keys: keys,
        key_storage: vec!["iso_18045_basic".to_owned()],
        user_authentication: vec!["iso_18045_basic".to_owned()],
        certification: None,
        nonce,
        status: None,
    };
    let internal = |error: &dyn std::fmt::Display| DeviceRefusal::Internal(error.to_string());
    let signer = platform.keys.signer(KeyName::WalletAttestation).map_err(|error| internal(&error))?;
    let key_attestation = attestation
        .sign(&*signer, &platform.keys.chain(KeyName::WalletAttestation))
        .map_err(|error| internal(&error))?;
    Ok(KeyAttested { key_attestation })
}

/// Vouches for this wallet towards one issuer (OpenID4VCI 1.0 Appendix E). `sub` is the same for every wallet of ours
/// (§15.4.4), so that nothing but the key tells one from another.
pub(super) async fn attest_wallet(platform: &Platform, text: &str) -> Result<WalletAttested, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<WalletAttestationRequest>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let key = signed.message.key;
    let public = keys::PublicKey::from_jwk(&key).map_err(|_| DeviceRefusal::Malformed("key"))?;
    let now_s = platform.clock.now_ms().div_euclid(1_000);
    let provider = platform.wallet_provider();
    let client_id = format!("{provider}{CLIENT}");
    let claims = attestation::Claims {
        iss: Some(provider.to_owned()),
        sub: client_id.clone(),
        iat: Some(now_s),
        nbf: None,
        exp: now_s.saturating_add(limits::WALLET_ATTESTATION_LIFE.get().div_euclid(1_000)),
        // The bare key: a name in it would tell one wallet from another.
        cnf: attestation::Confirmation { jwk: public.to_jwk() },
        wallet_name: Some("마패 지갑".to_owned()),
        wallet_link: None,
        status: None,
    };
    let internal = |error: &dyn std::fmt::Display| DeviceRefusal::Internal(error.to_string());
    let signer = platform.keys.signer(KeyName::WalletAttestation).map_err(|error| internal(&error))?;
    let chain = platform.keys.chain(KeyName::WalletAttestation);
    let attestation = attestation::attest(&claims, &*signer, &chain).map_err(|error| internal(&error))?;
    Ok(WalletAttested { attestation, client_id })
}

/// A fresh offer: of the badge that was approved and not yet issued to this account, else of the next batch.
pub(super) async fn offer(platform: &std::sync::Arc<Platform>, text: &str) -> Result<Offered, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<OfferRequest>(platform, text).await?;
    DeviceRefusal::unless_usable(&account)?;
    let batch_over =
        platform.clock.now_ms() > account.pin_right_at.saturating_add(limits::BATCH_WITHOUT_PIN.get());
    if !account.pending && batch_over {
        return Err(DeviceRefusal::PinFirst);
    }
    let expires_ms = signed.iat.saturating_mul(1_000).saturating_add(limits::DEVICE_MESSAGE_LIFE.get());
    let offer = offer::fresh(platform, account, signed.jti, expires_ms).await?;
    Ok(Offered { offer })
}

/// A challenge for the account's passkey.
pub(super) async fn passkey_challenge(
    platform: &Platform,
    text: &str,
) -> Result<PasskeyOptions, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<PasskeyChallengeRequest>(platform, text).await?;
    let purpose = match signed.message.purpose {
        PasskeyPurpose::Share => passkey::For::Share,
        PasskeyPurpose::ForgottenPin => passkey::For::ForgottenPin,
    };
    let passkey = passkey::of_account(&platform.store, &account.id).await?.ok_or(DeviceRefusal::NoPasskey)?;
    Ok(passkey::request_options(platform, purpose, &account.id, Some(&passkey.credential_id))?)
}

/// The server's share of the vault's key.
pub(super) async fn share(platform: &Platform, text: &str) -> Result<ShareGiven, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<ShareRequest>(platform, text).await?;
    let asserted =
        passkey::judge(platform, &signed.message.assertion, passkey::For::Share, &account.id).await?;
    passkey::release_share(platform, &account, asserted).await
}

/// Keeps the PIN's salt as the phone sealed it. The server can't open it.
pub(super) async fn keep_salt(platform: &Platform, text: &str) -> Result<SaltKept, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<KeepSalt>(platform, text).await?;
    if let state @ (AccountState::Suspended | AccountState::Closed) = account.state() {
        return Err(DeviceRefusal::State(state));
    }
    let salt = keys::encoding::b64url_decode(&signed.message.salt)
        .ok()
        .filter(|salt| !salt.is_empty() && salt.len() <= MAX_SALT)
        .ok_or(DeviceRefusal::Malformed("salt"))?;
    let (id, device) = (account.id, account.device_thumbprint);
    let kept = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { passkey::keep_salt(tx, &id, &device, salt).await })
        })
        .await?;
    if kept { Ok(SaltKept {}) } else { Err(DeviceRefusal::NoPasskey) }
}

/// Sets a new PIN after two operators unlocked the account.
pub(super) async fn new_pin(platform: &Platform, text: &str) -> Result<AccountStatus, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<NewPin>(platform, text).await?;
    if account.state() != AccountState::NewPinNeeded {
        return Err(DeviceRefusal::State(account.state()));
    }
    let NewPin { code, pin_key, pin_proof } = signed.message;
    let key =
        effect::proven_pin_key(platform, &pin_key, &pin_proof, &account.id, &account.device_thumbprint)?;
    let sealed = platform.sealer.seal_pin(&account.pin_place(), &key)?;
    let typed = unlock::code_hash(platform, &account.id, &code);
    let now_ms = platform.clock.now_ms();

    // The try is charged and committed before the code is looked at.
    let id = account.id.clone();
    let charged = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.fetch_optional(
                    "UPDATE account SET unlock_tries = unlock_tries + 1 WHERE id = $1 AND pin_key IS NULL \
                     AND unlock_hash IS NOT NULL AND unlock_expires_at > $2 AND unlock_tries < $3 \
                     AND suspended_at IS NULL AND state <> 'closed' RETURNING unlock_hash, unlock_tries",
                    params![id, now_ms, limits::UNLOCK_TRIES.get()],
                )
                .await
            })
        })
        .await?;
    let Some(row) = charged else { return Err(DeviceRefusal::UnlockCode { tries_left: 0 }) };
    let left = u32::try_from(limits::UNLOCK_TRIES.get() - row.int("unlock_tries")?).unwrap_or(0);
    if !keys::mac::eq(&row.bytes("unlock_hash")?, &typed) {
        return Err(DeviceRefusal::UnlockCode { tries_left: left });
    }
    let id = account.id.clone();
    let set = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let rows = tx
                    .execute(
                        "UPDATE account SET pin_key = $2, pin_set_at = $3, pin_next = NULL, pin_generation = pin_generation + 1, \
                         tries = 0, sequence = sequence + 1, pin_right_at = $3, unlock_hash = NULL, \
                         unlock_expires_at = NULL, unlock_tries = 0 \
                         WHERE id = $1 AND pin_key IS NULL AND unlock_hash = $4 AND suspended_at IS NULL \
                         AND state <> 'closed'",
                        params![&id, sealed, now_ms, typed],
                    )
                    .await?;
                if rows == 1 {
                    let detail = serde_json::json!({});
                    let act = "account.new_pin";
                    let record = audit::Record { actor: &id, duty: "holder", act, subject: &id, detail };
                    audit::record(tx, record).await?;
                }
                Ok(rows)
            })
        })
        .await?;
    if set != 1 {
        return Err(DeviceRefusal::UnlockCode { tries_left: left });
    }
    let now = Account::find(&platform.store, &account.id).await?.ok_or(DeviceRefusal::Device)?;
    Ok(status::of(platform, &now).await?)
}

/// Marks a device-signed message as used.
pub(super) async fn use_once(
    tx: &mut crate::operations::Tx,
    account: &str,
    jti: &str,
    expires_ms: i64,
) -> Result<(), DeviceRefusal> {
    let id = keys::encoding::b64url_encode(&keys::sha256(format!("{account}\n{jti}").as_bytes()));
    if once::consume(tx, "device-message", &id, expires_ms).await? {
        Ok(())
    } else {
        Err(DeviceRefusal::Replayed)
    }
}
