//! Being told of what happened to the account, by Web Push.

use serde_json::Value;

use crate::account::client::{AccountError, endpoint, read, read_json};
use crate::account::messages::{PushKey, Subscribe, Subscribed, Unsubscribe};
use crate::ports::{Http as _, Request, Shell};
use crate::wallet::Wallet;

impl<S: Shell> Wallet<S> {
    /// The key for `pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })`, base64url.
    pub async fn push_key(&self) -> Result<String, AccountError> {
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let request = Request::get(endpoint(&account.provider, "/push"));
        let key: PushKey = read(&self.shell().http().send(request).await?)?;
        Ok(key.key)
    }

    /// Asks to be told. `subscription` is `PushSubscription.toJSON()`. Repeating it changes nothing.
    pub async fn subscribe(&self, subscription: &Value) -> Result<(), AccountError> {
        let message: Subscribe = read_json(subscription)?;
        let _: Subscribed = self.account_post("/push", message).await?;
        Ok(())
    }

    /// Asks to be told no more at this address.
    pub async fn unsubscribe(&self, address: &str) -> Result<(), AccountError> {
        let message = Unsubscribe { endpoint: address.to_owned() };
        let _: Subscribed = self.account_post("/push/remove", message).await?;
        Ok(())
    }
}
