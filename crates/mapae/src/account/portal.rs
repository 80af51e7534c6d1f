//! 내 기기: the phones of an official, as the portal shows them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use wallet::account::messages::AccountState;

use super::passkey;
use super::standing::{Standing, standing};
use crate::operations::Platform;
use crate::operations::store::{StoreError, params};
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::Applicant;

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/portal/devices", get(devices))
}

/// One phone.
struct Device {
    standing: Standing,
    made_at: i64,
    closed_at: Option<i64>,
    passkey: &'static str,
}

impl Device {
    fn words(&self) -> (&'static str, &'static str) {
        match self.standing.state {
            AccountState::Pending => ("wait", "desk.account.pending"),
            AccountState::Active => ("good", "desk.account.active"),
            AccountState::Suspended => ("wait", "desk.account.suspended"),
            AccountState::Locked => ("bad", "desk.account.locked"),
            AccountState::NewPinNeeded => ("wait", "desk.account.new_pin"),
            AccountState::Closed => ("done", "desk.account.closed"),
        }
    }

    /// From when on the PIN is better changed: six months after it was set.
    fn pin_change_advised(&self, now_ms: &i64) -> bool {
        !matches!(self.standing.state, AccountState::Closed)
            && now_ms - self.standing.pin_set_at > 182 * 86_400_000
    }
}

#[derive(Template)]
#[template(path = "account/devices.html")]
struct Devices {
    page: Page,
    devices: Vec<Device>,
}

async fn of_employee(platform: &Platform, employee_id: &str) -> Result<Vec<Device>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, created_at, closed_at FROM account WHERE employee_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20",
            params![employee_id],
        )
        .await?;
    let mut devices = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.text("id")?;
        let Some(standing) = standing(&platform.store, &id).await? else { continue };
        let passkey = match passkey::of_account(&platform.store, &id).await? {
            Some(_) => "account.devices.passkey",
            None => "account.devices.no_passkey",
        };
        devices.push(Device {
            standing,
            made_at: row.int("created_at")?,
            closed_at: row.opt_int("closed_at")?,
            passkey,
        });
    }
    Ok(devices)
}

async fn devices(page: Page, who: Applicant, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let devices =
        of_employee(&platform, &who.employee_id).await.map_err(|error| Fault::told(&page, error))?;
    Ok(render(&Devices { page, devices }))
}
