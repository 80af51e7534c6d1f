//! What is sealed of a line, and the keyed hashes that stand beside it.

use super::line::{EmployeeLine, RrnSaid};
use crate::operations::{Platform, SecretName};
use crate::personnel::PersonnelError;
use crate::personnel::types::Personal;

/// The personal part of a line, before it is sealed to its row.
pub(super) struct Content {
    pub(super) personal: Personal,
    /// The same as it is sealed.
    pub(super) plain: keys::Zeroizing<Vec<u8>>,
    /// Keyed hash of all that the line says: what is unchanged is not written.
    pub(super) tag: Vec<u8>,
}

impl Content {
    pub(super) fn of(
        platform: &Platform,
        line: &EmployeeLine,
        department_id: &str,
    ) -> Result<Self, PersonnelError> {
        let personal = Personal {
            name: line.name.clone(),
            number: line.number.clone(),
            birth_date: line.birth_date.clone(),
            phone: line.phone.clone(),
            position: line.position.clone(),
            rank: line.rank.clone(),
        };
        let plain = keys::Zeroizing::new(serde_json::to_vec(&personal).map_err(|_| PersonnelError::Damaged)?);
        let text = std::str::from_utf8(&plain).map_err(|_| PersonnelError::Damaged)?;
        let content = format!("{text}\0{department_id}\0{}\0{:?}", line.status.as_str(), line.role);
        let tag = platform.sealer.blind_index("employee-content", &content);
        Ok(Self { personal, plain, tag })
    }
}

/// The sealed tag of the line's number: the stored one when it says the same under the active key, else a new one.
/// A file without the column leaves the stored one alone.
pub(super) fn rrn_tag(
    platform: &Platform,
    employee_id: &str,
    line: &EmployeeLine,
    stored: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, PersonnelError> {
    let rrn = match &line.rrn {
        RrnSaid::Number(rrn) => rrn,
        RrnSaid::Unsaid => return Ok(stored.map(<[u8]>::to_vec)),
        RrnSaid::Nothing => return Ok(None),
    };
    let key = platform.keys.secret(SecretName::Identity).map_err(|_| PersonnelError::Damaged)?;
    let tag = rrn.tag(key);
    if let Some(stored) = stored
        && platform.sealer.open("employee", "rrn_tag", employee_id, stored)?.as_slice() == tag
    {
        return Ok(Some(stored.to_vec()));
    }
    Ok(Some(platform.sealer.seal("employee", "rrn_tag", employee_id, &tag)))
}
