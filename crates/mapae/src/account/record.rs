//! The account row as code sees it.

use keys::PublicKey;
use wallet::account::messages::AccountState;

use crate::operations::limits;
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// One account, as it was when it was read. Whatever changes it repeats its conditions in the statement itself.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) employee_id: String,
    pub(super) application_id: String,
    pub(super) closed: bool,
    pub(super) pending: bool,
    pub(super) suspended_at: Option<i64>,
    pub(super) closed_at: Option<i64>,
    pub(super) wipe_ordered_at: Option<i64>,
    pub(super) moved_at: Option<i64>,
    pub(super) device_key: PublicKey,
    pub(super) device_thumbprint: String,
    pub(super) pin_key: Option<Vec<u8>>,
    pub(super) pin_next: Option<Vec<u8>>,
    pub(super) pin_generation: i64,
    pub(super) pin_right_at: i64,
    pub(super) pin_set_at: i64,
    pub(super) pin_reset_at: Option<i64>,
    pub(super) sequence: i64,
    pub(super) tries: i64,
    pub(super) charged_at: i64,
}

const BY_ID: &str = "SELECT id, employee_id, application_id, state, suspended_at, device_key, device_thumbprint, \
    pin_key, pin_next, pin_generation, pin_right_at, pin_set_at, pin_reset_at, sequence, tries, charged_at, closed_at, \
    wipe_ordered_at, moved_at FROM account WHERE id = $1";

impl Account {
    fn read(row: &Row) -> Result<Account, StoreError> {
        let state = row.text("state")?;
        Ok(Account {
            id: row.text("id")?,
            employee_id: row.text("employee_id")?,
            application_id: row.text("application_id")?,
            closed: state == "closed",
            pending: state == "pending",
            suspended_at: row.opt_int("suspended_at")?,
            closed_at: row.opt_int("closed_at")?,
            wipe_ordered_at: row.opt_int("wipe_ordered_at")?,
            moved_at: row.opt_int("moved_at")?,
            device_key: PublicKey::from_sec1(&row.bytes("device_key")?)
                .map_err(|_| StoreError::Column("device_key".to_owned(), "is no P-256 key".to_owned()))?,
            device_thumbprint: row.text("device_thumbprint")?,
            pin_key: row.opt_bytes("pin_key")?,
            pin_next: row.opt_bytes("pin_next")?,
            pin_generation: row.int("pin_generation")?,
            pin_right_at: row.int("pin_right_at")?,
            pin_set_at: row.int("pin_set_at")?,
            pin_reset_at: row.opt_int("pin_reset_at")?,
            sequence: row.int("sequence")?,
            tries: row.int("tries")?,
            charged_at: row.int("charged_at")?,
        })
    }

    pub(super) async fn find(store: &Store, id: &str) -> Result<Option<Account>, StoreError> {
        store.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Account::read).transpose()
    }

    pub(super) async fn find_in(tx: &mut Tx, id: &str) -> Result<Option<Account>, StoreError> {
        tx.fetch_optional(BY_ID, params![id]).await?.as_ref().map(Account::read).transpose()
    }

    /// How the account stands; the worst comes first.
    pub(super) fn state(&self) -> AccountState {
        if self.closed {
            AccountState::Closed
        } else if self.suspended_at.is_some() {
            AccountState::Suspended
        } else if self.tries >= limits::PIN_TRIES.get() {
            AccountState::Locked
        } else if self.pin_key.is_none() {
            AccountState::NewPinNeeded
        } else if self.pending {
            AccountState::Pending
        } else {
            AccountState::Active
        }
    }

    pub(super) fn tries_left(&self) -> u32 {
        tries_left(self.tries)
    }

    /// Until when the PIN rests because it replaced a forgotten one; `None` once that is over.
    pub(super) fn pin_rests_until(&self, now_ms: i64) -> Option<i64> {
        pin_rests_until(self.pin_reset_at, now_ms)
    }

    /// What a sealed PIN key is bound to: a row copied to another account, or kept over a change of device, does
    /// not open.
    pub(super) fn pin_place(&self) -> String {
        pin_place(&self.id, &self.device_thumbprint)
    }
}

pub(super) fn pin_place(account: &str, device_thumbprint: &str) -> String {
    format!("{account}|{device_thumbprint}")
}

pub(super) fn tries_left(tries: i64) -> u32 {
    u32::try_from(limits::PIN_TRIES.get() - tries).unwrap_or(0)
}

pub(super) fn pin_rests_until(pin_reset_at: Option<i64>, now_ms: i64) -> Option<i64> {
    let until = pin_reset_at?.saturating_add(limits::PIN_REST.get());
    (now_ms < until).then_some(until)
}
