//! The portrait of the HR record: sealed, shown beside the record at the identity check.

use super::PersonnelError;
use crate::audit;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};

const TABLE: &str = "employee_portrait";

/// The portrait as media type and image, if there is one. Looking at one for a person is audited by the caller.
pub async fn portrait(
    platform: &Platform,
    employee_id: &str,
) -> Result<Option<(String, Vec<u8>)>, PersonnelError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT media_type, sealed FROM employee_portrait WHERE employee_id = $1",
            params![employee_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let image = platform.sealer.open(TABLE, "sealed", employee_id, &row.bytes("sealed")?)?;
    Ok(Some((row.text("media_type")?, image.to_vec())))
}

/// Sets the portrait; an image of an unknown kind or too large is refused (`false`).
pub async fn set_portrait(
    platform: &Platform,
    employee_id: &str,
    media_type: &str,
    image: &[u8],
    by: &str,
) -> Result<bool, PersonnelError> {
    let known = ["image/jpeg", "image/png", "image/webp", "image/svg+xml"].contains(&media_type);
    if !known || image.is_empty() || image.len() > limits::PORTRAIT.size() {
        return Ok(false);
    }
    let sealed = platform.sealer.seal(TABLE, "sealed", employee_id, image);
    let (employee_id, media_type, by) = (employee_id.to_owned(), media_type.to_owned(), by.to_owned());
    let now = platform.now_ms();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO employee_portrait (employee_id, media_type, sealed, updated_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (employee_id) DO UPDATE SET media_type = $2, sealed = $3, updated_at = $4",
                    params![employee_id.as_str(), media_type, sealed, now],
                )
                .await?;
                audit::record(
                    tx,
                    audit::Record {
                        actor: &by,
                        duty: "operator",
                        act: "personnel.portrait_set",
                        subject: &employee_id,
                        detail: serde_json::json!({}),
                    },
                )
                .await
            })
        })
        .await?;
    Ok(true)
}
