//! What applications ask of personnel and of the badge's life, in one place.

use crate::lifecycle::Badge;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::personnel::{self, Employee, PersonnelError};

/// The employee an application is about; it cannot be about nobody.
pub(super) async fn employee(platform: &Platform, employee_id: &str) -> Result<Employee, PersonnelError> {
    personnel::employee(platform, employee_id).await?.ok_or(PersonnelError::NotFound)
}

/// Head and deputies of a department now.
pub(super) async fn heads_of(
    platform: &Platform,
    department_id: &str,
) -> Result<Vec<String>, PersonnelError> {
    let department = personnel::department(platform, department_id).await?;
    Ok(department
        .map(|department| department.head_id.into_iter().chain(department.deputies).collect())
        .unwrap_or_default())
}

/// Whether one of these agencies is the given one or above it.
pub(super) async fn reaches(
    platform: &Platform,
    from: &[String],
    agency_code: &str,
) -> Result<bool, PersonnelError> {
    if from.is_empty() {
        return Ok(false);
    }
    personnel::is_under(platform, agency_code, from).await
}

/// These agencies and those below.
pub(super) async fn scope(platform: &Platform, from: Vec<String>) -> Result<Vec<String>, PersonnelError> {
    personnel::agencies_under(platform, from, limits::APPLICATION_SCOPE.size()).await
}

/// What the identity checker sees of the HR record, as a digest: if it changes between look and click, the click is void.
pub(crate) fn record_digest(platform: &Platform, employee: &Employee) -> String {
    let seen = [
        &employee.name.ko,
        &employee.number,
        &employee.birth_date,
        &employee.phone,
        &employee.agency.code,
        &employee.department_id,
        &employee.position.ko,
        &employee.rank.ko,
    ];
    let text = seen.map(String::as_str).join("\u{1f}");
    keys::encoding::b64url_encode(&platform.sealer.blind_index("application-record", &text))
}

/// Whether the employee has a live badge, or was issued one through an application before.
pub(super) async fn had_badge(platform: &Platform, employee_id: &str) -> Result<bool, StoreError> {
    if Badge::live_of_employee(&platform.store, employee_id).await?.is_some() {
        return Ok(true);
    }
    let row = platform
        .store
        .fetch_optional(
            "SELECT id FROM application WHERE employee_id = $1 AND state = 'issued' LIMIT 1",
            params![employee_id],
        )
        .await?;
    Ok(row.is_some())
}

/// The portrait of the HR record as a `data:` address, if there is one.
pub(super) async fn portrait(
    platform: &Platform,
    employee_id: &str,
) -> Result<Option<String>, PersonnelError> {
    let Some((media_type, image)) = personnel::portrait(platform, employee_id).await? else {
        return Ok(None);
    };
    Ok(Some(format!("data:{media_type};base64,{}", keys::encoding::b64_encode(&image))))
}
