//! What HR has to hear of.

use super::offer::OfferRow;
use crate::operations::store::{StoreError, Tx};
use crate::{application, audit};

/// The transaction code of an offer was typed wrong too often: the offer is void, and a person has to look at it.
pub(super) async fn code_exhausted(tx: &mut Tx, offer: &OfferRow) -> Result<(), StoreError> {
    if let (true, Some(application_id)) = (offer.is_of_badge(), &offer.application_id) {
        application::offer_void(tx, application_id).await?;
    }
    let subject = offer.application_id.as_deref().unwrap_or(&offer.id);
    let detail = serde_json::json!({ "offer": offer.id, "tries": offer.tries });
    let record =
        audit::Record { actor: "system", duty: "system", act: "offer.code_exhausted", subject, detail };
    audit::record(tx, record).await
}
