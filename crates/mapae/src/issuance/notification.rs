//! The notification endpoint (OpenID4VCI 1.0 §11): what became of a batch.

use std::sync::Arc;

use openid::vci::{Event, Notification};
use openid::{Code, OAuthError};
use serde::{Deserialize, Serialize};

use super::refusal::Refused;
use super::token::AccessToken;
use crate::audit;
use crate::operations::store::StoreError;
use crate::operations::tokens::TokenError;
use crate::operations::{Platform, limits, once};

/// What the seal of a notification id is for.
const NOTIFICATION: &str = "issuance-notification";

/// What a notification id names. Sealed: nothing is kept for a notification that may never come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NotificationId {
    #[serde(rename = "b")]
    badge_id: String,
    #[serde(rename = "o")]
    offer_id: String,
}

impl NotificationId {
    /// `offer_id` is the offer that the agreement goes back to: a token got by refreshing may tell, too.
    pub(super) fn of(badge_id: &str, offer_id: &str) -> Self {
        Self { badge_id: badge_id.to_owned(), offer_id: offer_id.to_owned() }
    }

    pub(super) fn seal(&self, platform: &Platform) -> Result<String, TokenError> {
        let until = platform.now_ms().saturating_add(limits::NOTIFICATION_LIFE.get());
        platform.tokens.seal(NOTIFICATION, self, until)
    }
}

/// Takes a notification. The same one sent again is a success that records nothing (§11.1).
pub(super) async fn answer(
    platform: &Arc<Platform>,
    token: &AccessToken,
    body: &[u8],
) -> Result<(), Refused> {
    let notification = Notification::parse(body)?;
    let now_ms = platform.now_ms();
    let unknown = || OAuthError::new(Code::InvalidNotificationId, "unknown notification_id");
    let named: NotificationId =
        platform.tokens.open(NOTIFICATION, &notification.notification_id, now_ms).map_err(|_| unknown())?;
    if named.offer_id != token.family() {
        return Err(unknown().into());
    }
    let act = match notification.event {
        Event::CredentialAccepted => "credential.accepted",
        Event::CredentialFailure => "credential.failed",
        Event::CredentialDeleted => "credential.deleted",
    };
    let until_ms = now_ms.saturating_add(limits::NOTIFICATION_LIFE.get());
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            if once::consume(tx, act, &named.offer_id, until_ms).await? {
                let detail = serde_json::json!({});
                let record = audit::Record {
                    actor: &named.badge_id,
                    duty: "holder",
                    act,
                    subject: &named.badge_id,
                    detail,
                };
                audit::record(tx, record).await?;
            }
            Ok::<(), StoreError>(())
        })
    });
    Ok(unit.await?)
}
