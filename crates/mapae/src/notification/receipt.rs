//! Delivery receipts: noted as they come, asked for when they are overdue.

use super::gateway::SmsGateway;
use super::smpp::{MessageState, Receipt};
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};

const fn word(state: MessageState) -> Option<&'static str> {
    match state {
        MessageState::Underway => None,
        MessageState::Delivered => Some("delivered"),
        MessageState::Failed => Some("failed"),
        MessageState::Unknown => Some("unknown"),
    }
}

/// Notes receipts. One that comes before the message is noted as sent finds no row; it is asked for later.
pub(super) async fn note(
    platform: &Platform,
    receipts: Vec<(&'static str, Receipt)>,
) -> Result<(), StoreError> {
    if receipts.is_empty() {
        return Ok(());
    }
    let now = platform.clock.now_ms();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                for (provider, receipt) in receipts {
                    let Some(word) = word(receipt.state) else { continue };
                    tx.execute(
                        "UPDATE notification_outbox SET receipt = $1, receipt_at = $2 \
                         WHERE provider = $3 AND remote_id = $4 AND (receipt IS NULL OR receipt = 'unknown')",
                        params![word, now, provider, receipt.message_id],
                    )
                    .await?;
                }
                Ok(())
            })
        })
        .await
}

/// Asks by the provider's id what became of messages whose receipt is overdue.
pub(super) async fn ask_overdue(platform: &Platform, gateway: &dyn SmsGateway) -> Result<(), StoreError> {
    let now = platform.clock.now_ms();
    let rows = platform
        .store
        .fetch_all(
            "SELECT provider, remote_id FROM notification_outbox WHERE state = 'sent' AND remote_id IS NOT NULL \
             AND receipt IS NULL AND done_at <= $1 ORDER BY done_at LIMIT $2",
            params![now - limits::RECEIPT_WAIT.get(), limits::OUTBOX_GROUP.get()],
        )
        .await?;
    let mut told = Vec::new();
    for row in rows {
        let (provider, message_id) = (row.text("provider")?, row.text("remote_id")?);
        let provider = if provider == "second" { "second" } else { "first" };
        match gateway.state_of(provider, &message_id).await {
            Some(MessageState::Underway) | None => {}
            Some(state) => told.push((provider, Receipt { message_id, state })),
        }
    }
    note(platform, told).await
}
