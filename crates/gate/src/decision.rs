//! The decision: who, where, when, how fresh, or exactly why not. It asks nobody; what it knows is in the [`Book`].

mod book;
mod clock;
mod door;
mod passback;
mod reason;
mod schedule;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;

pub use book::{Applied, Book};
pub use clock::{Moment, TrustedClock};
pub use door::{Alarm, DoorState, Input};
pub use passback::Whereabouts;
pub use reason::Reason;
use schedule::Within;

use crate::feed::{Door, Escort, Keeping, Tier, Zone};
use crate::grace::Order;
use crate::pass::{GateRef, Pass};
use crate::wire::Evidence;

/// Knowledge up to this age is fresh; the fast way is taken.
pub const FRESH_MS: i64 = 60_000;
/// Critical zones open on knowledge up to this age.
pub const CRITICAL_MS: i64 = 15 * 60_000;
/// Ordinary zones open on knowledge up to this age.
pub const ORDINARY_MS: i64 = 24 * 3_600_000;
/// How far ahead of the controller's clock a pass may begin (s).
const PASS_SKEW_S: i64 = 300;
/// How long the one who needs company waits for it (ms).
pub const ESCORT_MS: i64 = 15_000;

/// Someone at a door.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Which door.
    pub door: GateRef,
    /// What the pass says.
    pub pass: &'a Pass,
    /// The phone's word about its lock.
    pub evidence: Evidence,
    /// Whether the fast way was taken.
    pub fast: bool,
    /// How long the card took for its proof (ms), where that was measured.
    pub took_ms: Option<u32>,
}

/// What was decided, and on what ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Why.
    pub reason: Reason,
    /// The grant that let in, or came nearest to it.
    pub grant: Option<String>,
    /// Age of what the controller knows (ms).
    pub age_ms: Option<i64>,
    /// The grace order that was used.
    pub order: Option<String>,
    /// For how many people the door opens.
    pub people: u32,
    /// Whether both sides keep a key for the fast way.
    pub keep: bool,
}

/// Who waits for company at a door: whose badge, by which grant, since when.
type Waiting = BTreeMap<GateRef, (GateRef, i64)>;

/// A controller's mind: what it knows, who is where, who waits.
#[derive(Debug, Clone, Default)]
pub struct Mind {
    /// What it knows.
    pub book: Book,
    /// Who is where.
    pub whereabouts: Whereabouts,
    /// The grace order in force.
    pub order: Option<Order>,
    waiting: Waiting,
}

impl Mind {
    /// A mind that knows what the book says, and has seen nobody yet.
    pub fn new(book: Book) -> Self {
        Self { book, ..Self::default() }
    }

    /// Whether the fast way is taken at this door now.
    pub fn may_fast(&self, door: &GateRef, now: Moment) -> bool {
        let zone = self.book.door(door).and_then(|door| self.book.zone(&door.zone));
        let fresh = self.book.age_ms(now.ms).is_some_and(|age| age <= FRESH_MS);
        fresh && now.trusted && zone.is_some_and(|zone| zone.tier != Tier::Critical)
    }

    /// Whether a door is kept open at this moment.
    pub fn kept_open(&self, door: &Door, now: Moment) -> bool {
        match &door.keeping {
            Keeping::Open { schedule } => now.trusted && self.book.within(schedule, now.ms) == Within::Yes,
            _ => false,
        }
    }

    /// Decides. Nothing is remembered before [`Mind::passed`].
    pub fn decide(&mut self, arrival: &Arrival<'_>, fire: bool, now: Moment) -> Decision {
        let (day, began_ms) = schedule::today(self.book.calendar(), now.ms);
        if now.trusted {
            self.whereabouts.turn(day, began_ms);
        }
        let mut decision = Decision {
            reason: Reason::UnknownDoor,
            grant: None,
            age_ms: self.book.age_ms(now.ms),
            order: None,
            people: 1,
            keep: false,
        };
        let reason = if fire { Ok(Reason::Emergency) } else { self.judge(arrival, now, &mut decision) };
        decision.reason = match reason {
            Ok(reason) | Err(reason) => reason,
        };
        let fresh =
            matches!(decision.reason, Reason::Granted | Reason::GrantedPassback | Reason::GrantedEscort);
        decision.keep = fresh && self.may_fast(&arrival.door, now);
        decision
    }

    fn judge(
        &mut self,
        arrival: &Arrival<'_>,
        now: Moment,
        decision: &mut Decision,
    ) -> Result<Reason, Reason> {
        let Arrival { pass, evidence, .. } = *arrival;
        let door = self.book.door(&arrival.door).ok_or(Reason::UnknownDoor)?;
        let zone = self.book.zone(&door.zone).ok_or(Reason::UnknownDoor)?;
        if door.keeping == Keeping::Shut {
            return Err(Reason::DoorShut);
        }
        if !now.trusted {
            return Err(Reason::TimeUntrusted);
        }
        if !evidence.unlocked {
            return Err(Reason::PhoneLocked);
        }
        if zone.unlocked_within_s.is_some_and(|within| evidence.age_s > within) {
            return Err(Reason::UnlockOld);
        }
        if let (Some(took), Some(within)) = (arrival.took_ms, zone.tap_within_ms)
            && took > within
        {
            return Err(Reason::TooSlow);
        }
        if self.book.is_stopped(&pass.gate_ref) {
            return Err(Reason::Stopped);
        }
        if arrival.fast && !self.may_fast(&arrival.door, now) {
            return Err(Reason::StandardNeeded);
        }
        let opens = self.by_age(zone, pass, now, decision)?;
        if pass.not_before > now.seconds().saturating_add(PASS_SKEW_S) {
            return Err(Reason::PassNotYet);
        }
        if self.kept_open(door, now) {
            return Ok(Reason::KeptOpen);
        }
        let escort = self.granted(zone, pass, now, decision)?;
        let against = self.whereabouts.against(zone, pass.gate_ref, door.direction, now.ms);
        // Where others can't be asked, what is known of whereabouts is a hint, no ground to shut someone out.
        let alone = decision.age_ms.is_none_or(|age| age > FRESH_MS);
        let opens = match against {
            Some(reason) if passback::refuses(zone.passback) && !alone => return Err(reason),
            Some(_) => Reason::GrantedPassback,
            None => opens,
        };
        match escort {
            Escort::None => Ok(opens),
            Escort::Needed => {
                self.waiting.insert(arrival.door, (pass.gate_ref, now.ms));
                Err(Reason::EscortAwaited)
            }
            Escort::Gives => {
                let waits = self.waiting.remove(&arrival.door).is_some_and(|(who, since)| {
                    who != pass.gate_ref && now.ms.saturating_sub(since) <= ESCORT_MS
                });
                if !waits {
                    return Ok(opens);
                }
                decision.people = 2;
                Ok(Reason::GrantedEscort)
            }
        }
    }

    /// Whether knowledge of this age and a pass of this age are enough; how the door then opens.
    fn by_age(
        &self,
        zone: &Zone,
        pass: &Pass,
        now: Moment,
        decision: &mut Decision,
    ) -> Result<Reason, Reason> {
        let age = decision.age_ms.ok_or(Reason::Stale)?;
        let most = match zone.tier {
            Tier::Ordinary => ORDINARY_MS,
            Tier::Critical => CRITICAL_MS,
        };
        let over = now.seconds() >= pass.expires;
        if age <= most && !over {
            return Ok(if age <= FRESH_MS { Reason::Granted } else { Reason::GrantedDegraded });
        }
        // An order helps where the platform is away; while it answers, phones can renew their passes.
        let order = self.order.as_ref().filter(|_| age > FRESH_MS);
        match order.filter(|order| order.extends(&zone.id, pass.expires, now.ms)) {
            Some(order) => {
                decision.order = Some(order.id.clone());
                Ok(Reason::GrantedGrace)
            }
            None if age > most => Err(Reason::Stale),
            None => Err(Reason::PassExpired),
        }
    }

    /// The grant that lets in; else the reason that came nearest.
    fn granted(
        &self,
        zone: &Zone,
        pass: &Pass,
        now: Moment,
        decision: &mut Decision,
    ) -> Result<Escort, Reason> {
        let mut best: Option<(u8, Result<Escort, Reason>, &str)> = None;
        for grant in self.book.grants_of(&zone.id, pass) {
            let within = grant.schedule.as_deref().map_or(Within::Yes, |id| self.book.within(id, now.ms));
            let judged = if grant.from.is_some_and(|from| now.ms < from) {
                Err(Reason::GrantNotYet)
            } else if grant.until.is_some_and(|until| now.ms >= until) {
                Err(Reason::GrantOver)
            } else {
                match within {
                    Within::Yes => Ok(grant.escort),
                    Within::No => Err(Reason::OutsideSchedule),
                    Within::Holiday => Err(Reason::Holiday),
                }
            };
            // One's own right counts before one that needs company; a refusal by the clock tells more than by the date.
            let rank = match judged {
                Ok(Escort::Gives) => 6,
                Ok(Escort::None) => 5,
                Ok(Escort::Needed) => 4,
                Err(Reason::Holiday) => 3,
                Err(Reason::OutsideSchedule) => 2,
                Err(_) => 1,
            };
            if best.is_none_or(|(known, ..)| rank > known) {
                best = Some((rank, judged, &grant.id));
            }
        }
        let (_, judged, id) = best.ok_or(Reason::NoGrant)?;
        decision.grant = Some(String::from(id));
        judged
    }

    /// The passage took place.
    pub fn passed(&mut self, door: &GateRef, gate_ref: GateRef, at_ms: i64) {
        if let Some(door) = self.book.door(door) {
            self.whereabouts.went(&door.zone, gate_ref, door.direction, at_ms);
        }
    }
}
