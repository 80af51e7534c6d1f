//! Notifications (OpenID4VCI 1.0 §11): what became of an issued credential.

use serde::{Deserialize, Serialize};

use crate::error::{Code, OAuthError};
use crate::json;

/// What happened to the credentials of one response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// They are stored.
    CredentialAccepted,
    /// They could not be used or stored.
    CredentialFailure,
    /// The person declined or removed them during issuance.
    CredentialDeleted,
}

/// A notification request (§11.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// From the credential response.
    pub notification_id: String,
    /// What happened.
    pub event: Event,
    /// For developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_description: Option<String>,
}

impl Notification {
    /// Reads the request.
    ///
    /// # Errors
    /// `invalid_notification_request` if malformed. Whether the id is known is the caller's to say
    /// (`invalid_notification_id`).
    pub fn parse(body: &[u8]) -> Result<Notification, OAuthError> {
        let refused = || OAuthError::new(Code::InvalidNotificationRequest, "the notification is malformed");
        let notification: Notification = json::parse(body, json::SMALL).map_err(|_| refused())?;
        let plain = |text: &String| text.len() <= 1024 && text.bytes().all(|b| matches!(b, 0x20..=0x7e));
        let fits = (1..=256).contains(&notification.notification_id.len());
        if !fits || !notification.event_description.as_ref().is_none_or(plain) {
            return Err(refused());
        }
        Ok(notification)
    }
}
