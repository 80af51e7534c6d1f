//! Device-signed messages: who says it, to whom, when, and that it is the message the path expects.

use keys::jws::{Typ, Unverified};
use wallet::account::messages::{DEVICE_SCHEME, MAX_CLOCK_SKEW_S, MAX_DEVICE_JWS, Message, Signed};

use super::error::DeviceRefusal;
use super::record::Account;
use crate::operations::{Platform, id, limits};

/// A message whose device signature holds, with the account that sent it.
#[derive(Debug)]
pub(super) struct FromDevice<M> {
    pub(super) account: Account,
    pub(super) signed: Signed<M>,
}

impl Platform {
    /// The audience of device-signed messages and the issuer of results.
    pub(super) fn wallet_provider(&self) -> &str {
        self.config.public.origin()
    }
}

/// Verifies a device-signed message of an account. The account's state is the caller's to judge.
pub(super) async fn verify<M: Message>(
    platform: &Platform,
    text: &str,
) -> Result<FromDevice<M>, DeviceRefusal> {
    verify_bounded(platform, text, MAX_DEVICE_JWS).await
}

pub(super) async fn verify_bounded<M: Message>(
    platform: &Platform,
    text: &str,
    max_len: usize,
) -> Result<FromDevice<M>, DeviceRefusal> {
    let unverified =
        Unverified::parse(text, max_len).map_err(|_| DeviceRefusal::Malformed("no signed token"))?;
    // The account id only finds the key; nothing is believed before the signature holds.
    let claimed: Signed<serde::de::IgnoredAny> =
        unverified.dangerous_claims().map_err(|_| DeviceRefusal::Malformed("claims"))?;
    if !id::is_id(&claimed.account) {
        return Err(DeviceRefusal::Device);
    }
    let account = Account::find(&platform.store, &claimed.account).await?.ok_or(DeviceRefusal::Device)?;
    let verified =
        unverified.verify(&account.device_key, Typ::Is(M::TYP)).map_err(|_| DeviceRefusal::Device)?;
    let signed: Signed<M> = verified.claims().map_err(|_| DeviceRefusal::Malformed("claims"))?;
    fresh(platform, &signed)?;
    Ok(FromDevice { account, signed })
}

/// Audience and time.
pub(super) fn fresh<M>(platform: &Platform, signed: &Signed<M>) -> Result<(), DeviceRefusal> {
    let now_s = platform.clock.now_ms().div_euclid(1_000);
    if signed.aud != platform.wallet_provider()
        || now_s.abs_diff(signed.iat) > MAX_CLOCK_SKEW_S.unsigned_abs()
        || signed.jti.is_empty()
        || signed.jti.len() > limits::ONCE_ID.size()
    {
        return Err(DeviceRefusal::Device);
    }
    Ok(())
}

/// The device-signed token in an `authorization` header.
pub(super) fn from_header(headers: &axum::http::HeaderMap) -> Result<&str, DeviceRefusal> {
    credentials(headers, DEVICE_SCHEME).ok_or(DeviceRefusal::Device)
}

/// The credentials of this scheme in the `authorization` header.
pub(super) fn credentials<'h>(headers: &'h axum::http::HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut all = headers.get_all(axum::http::header::AUTHORIZATION).iter();
    let (value, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
    let (given, rest) = value.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
