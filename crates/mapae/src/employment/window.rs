//! How much an agency may lose in a day before a person looks: a wrong file or a broken HR system must not retire it.
//!
//! A window begins with the first badge that ends and lasts [`limits::EMPLOYMENT_WINDOW`]. It holds how many live badges
//! the agency had then and how many have ended since; one conditional UPDATE admits the next or not, so that any number of
//! sources that push at once share one count.

use super::carry_out::Happened;
use crate::lifecycle::{self, Badge};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};
use crate::personnel::{self, PersonnelError};

/// Whether the change may be carried out now; it is counted if so. An employee without a badge loses none.
///
/// # Errors
/// [`PersonnelError::Uncounted`]: no window is open. Leave the transaction, call [`count`], try again.
pub async fn admit(
    platform: &Platform,
    tx: &mut Tx,
    happened: &Happened<'_>,
) -> Result<bool, PersonnelError> {
    if Badge::live_of_employee_in(tx, happened.employee_id).await?.is_none() {
        return Ok(true);
    }
    let settings = &platform.config.employment;
    let since = tx.now_ms() - limits::EMPLOYMENT_WINDOW.get();
    let admitted = tx
        .execute(
            "UPDATE employment_window SET ended = ended + 1 WHERE agency_code = $1 AND began_at > $2 \
             AND (ended < $3 OR (ended + 1) * 100 <= badges * $4)",
            params![happened.agency_code, since, settings.ends_at_least, settings.ends_percent],
        )
        .await?;
    if admitted == 1 {
        return Ok(true);
    }
    open(tx, happened.agency_code, since).await?;
    Ok(false)
}

/// Whether an agency may be excluded without a person looking: only if it has hardly any badge.
///
/// # Errors
/// [`PersonnelError::Uncounted`], as [`admit`].
pub async fn admit_exclusion(tx: &mut Tx, agency_code: &str) -> Result<bool, PersonnelError> {
    let since = tx.now_ms() - limits::EMPLOYMENT_WINDOW.get();
    let badges = open(tx, agency_code, since).await?;
    Ok(badges == 0)
}

/// The live badges of the open window.
async fn open(tx: &mut Tx, agency_code: &str, since: i64) -> Result<i64, PersonnelError> {
    let row = tx
        .fetch_optional(
            "SELECT badges - ended AS badges FROM employment_window WHERE agency_code = $1 AND began_at > $2",
            params![agency_code, since],
        )
        .await?;
    match row {
        Some(row) => Ok(row.int("badges")?),
        None => Err(PersonnelError::Uncounted(agency_code.to_owned())),
    }
}

/// Counts the live badges of an agency and opens its window, unless one is open.
pub async fn count(platform: &Platform, agency_code: &str) -> Result<(), PersonnelError> {
    let (mut badges, mut after) = (0_i64, String::new());
    loop {
        let ids =
            personnel::employees_of(platform, agency_code, &after, limits::EMPLOYMENT_COUNT.get()).await?;
        let Some(last) = ids.last() else { break };
        after.clone_from(last);
        badges += lifecycle::live_among(&platform.store, &ids).await?;
    }
    let agency_code = agency_code.to_owned();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                tx.execute(
                    "INSERT INTO employment_window (agency_code, began_at, badges, ended) VALUES ($1, $2, $3, 0) \
                     ON CONFLICT (agency_code) DO UPDATE SET began_at = excluded.began_at, badges = excluded.badges, \
                     ended = 0 WHERE employment_window.began_at <= $4",
                    params![agency_code, now, badges, now - limits::EMPLOYMENT_WINDOW.get()],
                )
                .await
            })
        })
        .await?;
    Ok(())
}
