//! How the controller and its doors stand: for its line, and for the desk that watches it from afar.

use gate::decision::Alarm;
use gate::pass::GateRef;

use super::{Controller, Inner};
use crate::gates::passages::{DoorStanding, OrderStanding, Standing};
use crate::operations::limits;

/// What is wrong at a door and goes on: its code.
pub(super) fn lasting(inner: &Inner, door: &GateRef) -> Option<&'static str> {
    let alarm = inner.doors.get(door).and_then(gate::decision::DoorState::lasting).map(Alarm::code);
    alarm.or_else(|| inner.readers.get(door).copied())
}

impl Controller {
    /// How the controller stands, for its line.
    pub fn standing(&self) -> serde_json::Value {
        let inner = self.inner();
        let now = self.moment(&inner);
        serde_json::json!({
            "controller": self.papers().controller,
            "seq": inner.mind.book.seq(),
            "age_ms": inner.mind.book.age_ms(now.ms),
            "time_trusted": now.trusted,
            "doors": inner.mind.book.doors().count(),
            "grants": inner.mind.book.grants(),
            "stopped": inner.mind.book.stopped(),
            "fast_keys": inner.keys.len(),
            "order": inner.mind.order.as_ref().map(|order| &order.id),
            "lines": inner.log.last(),
            "waiting": inner.log.waiting(),
        })
    }

    /// How it and its doors stand, for the server.
    pub(crate) fn stands(&self) -> Standing {
        let ids: Vec<GateRef> = {
            let inner = self.inner();
            inner.mind.book.doors().map(|door| door.id).take(limits::GATE_DOORS_TOLD.size()).collect()
        };
        let unlocked: Vec<bool> = ids.iter().map(|id| self.unlocked(*id)).collect();
        let inner = self.inner();
        let now = self.moment(&inner);
        let doors = ids.iter().zip(unlocked).map(|(id, unlocked)| DoorStanding {
            door: String::from(*id),
            unlocked,
            open: inner.doors.get(id).is_some_and(gate::decision::DoorState::leaf_open),
            trouble: lasting(&inner, id).map(str::to_owned),
        });
        let order = inner.mind.order.as_ref().filter(|order| now.ms < order.until);
        Standing {
            age_ms: inner.mind.book.age_ms(now.ms),
            time_trusted: now.trusted,
            waiting: u64::try_from(inner.log.waiting()).unwrap_or(u64::MAX),
            order: order.map(|order| OrderStanding {
                id: order.id.clone(),
                drill: order.drill,
                until: order.until,
            }),
            doors: doors.collect(),
        }
    }
}
