//! Who is where: for anti-passback.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::decision::Reason;
use crate::feed::{Direction, Passback, Zone};
use crate::pass::GateRef;

/// The last passage of each badge through each zone. Of one controller: between controllers it is not shared.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts {
    day: i64,
    last: BTreeMap<(String, GateRef), (Direction, i64)>,
}

impl Whereabouts {
    /// Begins anew when the local day changes: who left through a held-open door is not shut out tomorrow.
    pub(super) fn turn(&mut self, day: i64, began_ms: i64) {
        if day != self.day {
            self.day = day;
            self.last.retain(|_, (_, at)| *at >= began_ms);
        }
    }

    /// What speaks against this passage.
    pub(super) fn against(
        &self,
        zone: &Zone,
        gate_ref: GateRef,
        direction: Direction,
        now_ms: i64,
    ) -> Option<Reason> {
        let last = self.last.get(&(zone.id.clone(), gate_ref));
        match (zone.passback, last) {
            (Passback::Timed { seconds, .. }, Some((way, at))) => {
                let again = *way == direction && now_ms.saturating_sub(*at) < i64::from(seconds) * 1_000;
                again.then_some(Reason::PassbackTimed)
            }
            (Passback::Area { .. }, Some((way, _))) => (*way == direction).then_some(Reason::PassbackArea),
            // Whoever was never seen today may come in; out is always possible for them, for they are inside.
            _ => None,
        }
    }

    /// Someone went through; also replayed from the passage log after a restart.
    pub fn went(&mut self, zone: &str, gate_ref: GateRef, direction: Direction, at_ms: i64) {
        self.last.insert((String::from(zone), gate_ref), (direction, at_ms));
    }

    /// A guard lets one badge begin anew.
    pub fn forget(&mut self, gate_ref: GateRef) {
        self.last.retain(|(_, known), _| *known != gate_ref);
    }
}

/// Whether what speaks against a passage refuses it.
pub(super) fn refuses(passback: Passback) -> bool {
    matches!(passback, Passback::Timed { hard: true, .. } | Passback::Area { hard: true })
}
