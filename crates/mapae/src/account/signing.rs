//! Documents to sign: what the device key alone may ask for. Signing itself is a PIN instruction.

use wallet::account::messages::{
    DocumentRequest, OpenSigning, OpenedSigning, RefuseSigning, RefusedSigning, SigningList, WaitingDocuments,
};

use super::device::{self, FromDevice};
use super::error::DeviceRefusal;
use super::record::Account;
use crate::operations::{Platform, Problem};
use crate::signatures::requests::{self, Phone};

fn phone(account: Account) -> Result<Phone, DeviceRefusal> {
    DeviceRefusal::unless_usable(&account)?;
    Ok(Phone { account: account.id, device_key: account.device_key })
}

/// What waits.
pub(super) async fn list(platform: &Platform, text: &str) -> Result<WaitingDocuments, Problem> {
    let FromDevice { account, .. } = device::verify::<SigningList>(platform, text).await?;
    Ok(requests::waiting(platform, &phone(account)?).await?)
}

/// The bytes.
pub(super) async fn document(platform: &Platform, text: &str, request: &str) -> Result<Vec<u8>, Problem> {
    let FromDevice { account, signed } = device::verify::<DocumentRequest>(platform, text).await?;
    if signed.message.request != request {
        return Err(DeviceRefusal::Malformed("request").into());
    }
    Ok(requests::seen(platform, &phone(account)?, request).await?)
}

/// A certificate for one signature. A PIN that replaced a forgotten one rests, so nothing is opened.
pub(super) async fn open(platform: &Platform, text: &str) -> Result<OpenedSigning, Problem> {
    let FromDevice { account, signed } = device::verify::<OpenSigning>(platform, text).await?;
    if let Some(until) = account.pin_rests_until(platform.now_ms()) {
        return Err(DeviceRefusal::PinRests { until }.into());
    }
    Ok(requests::open(platform, &phone(account)?, &signed.message).await?)
}

/// No, and why.
pub(super) async fn refuse(platform: &Platform, text: &str) -> Result<RefusedSigning, Problem> {
    let FromDevice { account, signed } = device::verify::<RefuseSigning>(platform, text).await?;
    Ok(requests::refuse(platform, &phone(account)?, &signed.message).await?)
}
