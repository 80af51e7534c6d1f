//! The gate that phones pass: one controller in this process, whose feed, passages and passes are the server's work.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate::feed::Name;
use gate::pass::GateRef;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::super::AnyError;
use super::super::ground::official;
use crate::demo::gate::{InField, one_door};
use crate::gates::controller::{Controller, client, disk::Folder};
use crate::operations::{Platform, SystemClock};
use crate::phone::Phone;

/// What `prepare` leaves for the controller of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Door {
    /// It enrols the controller once, within an hour; a later run finds it enrolled.
    code: String,
    door: String,
}

impl Door {
    /// A door for everybody of the agency that all officials of a run belong to.
    pub(super) async fn made(platform: &Platform) -> Result<Self, AnyError> {
        let name = Name { ko: "예시청사".to_owned(), en: "Example hall".to_owned() };
        let (added, door) = one_door(platform, official(0).agency, name).await?;
        Ok(Self { code: added.code, door: door.into() })
    }
}

/// A controller that follows its feed and sends its passages up.
pub(super) struct Gate {
    controller: Arc<Controller>,
    door: GateRef,
    in_touch: JoinHandle<()>,
}

impl Gate {
    /// Enrols it, or opens it as the last run left it, and waits until it knows its door.
    pub(super) async fn open(origin: &str, door: &Door, beside: &Path) -> Result<Self, AnyError> {
        let http = client::http()?;
        let folder = Folder::open(&beside.join("gate"))?;
        if folder.papers()?.is_none() {
            client::enrol(&http, origin, &door.code, &folder).await?;
        }
        let controller = Controller::open(folder, Arc::new(SystemClock))?;
        let in_touch = tokio::spawn(Arc::clone(&controller).keep_in_touch(http));
        let door = GateRef::try_from(door.door.clone()).map_err(|_| "load.json names no door")?;
        let gate = Self { controller, door, in_touch };
        for _ in 0..1_000 {
            if !gate.controller.doors().is_empty() {
                return Ok(gate);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("the controller was not told of its door".into())
    }

    /// The phone has a pass made if it is time, and taps.
    pub(super) async fn pass(&self, phone: &mut Phone) -> Result<(), AnyError> {
        phone.wallet_mut().renew_gate_pass().await?;
        let shown = self.controller.tap(self.door, &mut InField(phone)).await;
        if shown.opened { Ok(()) } else { Err(format!("the door stays shut: {}", shown.code).into()) }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.in_touch.abort();
    }
}
