//! Which browsers of an account are told what happened to it, asked for by the device key.

use axum::http::StatusCode;
use wallet::account::messages::{AccountState, Subscribe, Subscribed, Unsubscribe, code};

use super::device::{self, FromDevice};
use super::error::DeviceRefusal;
use crate::notification::{self, PushRefusal};
use crate::operations::{Platform, Problem};

/// Tells this browser from now on. A suspended phone may ask too: it wants to hear that it is resumed.
pub(super) async fn subscribe(platform: &Platform, text: &str) -> Result<Subscribed, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<Subscribe>(platform, text).await?;
    if account.state() == AccountState::Closed {
        return Err(DeviceRefusal::State(AccountState::Closed));
    }
    let told =
        notification::subscribe(platform, &account.id, &account.device_thumbprint, signed.message).await?;
    Ok(Subscribed { subscriptions: told })
}

/// Tells this browser no more.
pub(super) async fn unsubscribe(platform: &Platform, text: &str) -> Result<Subscribed, DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<Unsubscribe>(platform, text).await?;
    let told = notification::unsubscribe(platform, &account.id, &signed.message.endpoint).await?;
    Ok(Subscribed { subscriptions: told })
}

impl From<PushRefusal> for Problem {
    fn from(refusal: PushRefusal) -> Problem {
        match refusal {
            PushRefusal::Address => Problem::new(StatusCode::BAD_REQUEST, code::PUSH_ADDRESS),
            PushRefusal::Keys => Problem::new(StatusCode::BAD_REQUEST, code::MALFORMED),
            PushRefusal::Store(error) => error.into(),
            PushRefusal::Internal(cause) => Problem::internal(cause),
        }
    }
}
