//! Accounts of phones that nobody holds: for a measurement at full size.

use keys::SecretKey;
use sqlx::AssertSqlSafe;

use super::record::pin_place;
use crate::operations::store::{STATEMENT_ROWS, StoreError, Tx, Value, params, places};
use crate::operations::{Platform, id, limits};

/// An account as the issue of its badge leaves it. Its private keys are thrown away.
#[derive(Debug)]
pub struct NewPhone {
    pub id: String,
    row: Vec<Value>,
}

impl NewPhone {
    /// Makes device and PIN key; no database. `locked`: five wrong PINs were entered.
    pub fn of(platform: &Platform, employee_id: &str, application_id: &str, locked: bool) -> Self {
        let (id, now_ms) = (id::new(), platform.now_ms());
        let (device, pin) = (SecretKey::generate(), SecretKey::generate());
        let (device, pin) = (device.public_key(), pin.public_key());
        let thumbprint = device.thumbprint();
        let place = pin_place(&id, &thumbprint);
        let row = params![
            id.as_str(),
            employee_id,
            application_id,
            "active",
            device.to_sec1().to_vec(),
            thumbprint,
            platform.sealer.seal("account", "pin_key", &place, &pin.to_sec1()),
            1_i64,
            now_ms,
            now_ms,
            0_i64,
            if locked { limits::PIN_TRIES.get() } else { 0 },
            if locked { now_ms } else { 0 },
            now_ms
        ];
        Self { id, row }
    }
}

/// Writes them.
pub async fn load(tx: &mut Tx, phones: &[NewPhone]) -> Result<(), StoreError> {
    for some in phones.chunks(STATEMENT_ROWS) {
        // Fixed words and placeholders.
        let sql = format!(
            "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, pin_key, \
             pin_generation, pin_right_at, pin_set_at, sequence, tries, charged_at, created_at) VALUES {}",
            places(some.len(), 14)
        );
        tx.execute(AssertSqlSafe(sql), some.iter().flat_map(|phone| phone.row.clone()).collect()).await?;
    }
    Ok(())
}
