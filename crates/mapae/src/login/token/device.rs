//! A device code (RFC 8628 §3.4 and §3.5): the device asks until the person has answered on the phone.

use openid::{Code as Refusal, OAuthError};

use super::code::{self, Asked};
use super::{TokenFault, Tokens, refused};
use crate::login::attempt::{self, Outcome};
use crate::login::authentication::Caller;
use crate::login::claims::ClaimSet;
use crate::login::device::{self, Asking};
use crate::login::ticket::{Device, Ticket};
use crate::operations::Platform;
use crate::operations::tokens::TokenError;

/// Answers a device that asks.
pub(super) async fn redeem(
    platform: &Platform,
    caller: &Caller,
    device_code: &str,
) -> Result<Tokens, TokenFault> {
    let told = |code: Refusal, why: &'static str| TokenFault::from(OAuthError::new(code, why));
    let device = match Device::open(platform, device_code) {
        Ok(device) if device.client_id == caller.party.id => device,
        Err(TokenError::Expired) => return Err(told(Refusal::ExpiredToken, "the device code has expired")),
        _ => return Err(refused("the device code is unknown")),
    };
    let attempt = device.seed.id();
    match device::asks(platform, &attempt).await? {
        Asking::InTime => {}
        Asking::TooSoon => return Err(told(Refusal::SlowDown, "asked too soon: wait five seconds longer")),
        Asking::Unknown => return Err(told(Refusal::ExpiredToken, "the device code has expired")),
    }
    match attempt::concluded(&platform.store, &attempt).await?.map(|concluded| concluded.outcome) {
        None => Err(told(Refusal::AuthorizationPending, "nobody has answered yet")),
        Some(Outcome::Granted) => {
            let asked = Asked {
                seed: &device.seed,
                scopes: &device.scopes,
                nonce: None,
                in_id_token: ClaimSet::default(),
            };
            code::open(platform, caller, asked).await
        }
        Some(_) => Err(told(Refusal::AccessDenied, "the login was refused")),
    }
}
