//! Who gets in, who does not, and why.

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use keys::SecretKey;

use super::*;
use crate::feed::{
    Calendar, Direction, Grant, Kind, Name, OnHoliday, Page, Passback, Record, Schedule, Span, Trust, Who,
    WithoutPower,
};
use crate::tests::{NOW, OPEN, pass_for};

const HALL: GateRef = GateRef([1; 16]);
const HALL_OUT: GateRef = GateRef([2; 16]);
const VAULT: GateRef = GateRef([4; 16]);
/// 2026-11-24T00:00:00Z is a Tuesday, 09:00 in Seoul.
const NOW_MS: i64 = NOW * 1_000;

fn zone(id: &str, tier: Tier) -> Zone {
    let name = Name { ko: "구역".into(), en: "Zone".into() };
    Zone { id: id.into(), name, tier, passback: Passback::Off, unlocked_within_s: None, tap_within_ms: None }
}

fn door(id: GateRef, zone: &str, direction: Direction) -> Door {
    Door {
        id,
        zone: zone.into(),
        direction,
        name: Name { ko: "문".into(), en: "Door".into() },
        without_power: if direction == Direction::Out { WithoutPower::Opens } else { WithoutPower::Locks },
        open_ms: 5_000,
        keeping: Keeping::Badge,
    }
}

fn grant(id: &str, zone: &str, who: Who) -> Grant {
    Grant {
        id: id.into(),
        zone: zone.into(),
        who,
        from: None,
        until: None,
        schedule: None,
        escort: Escort::None,
    }
}

fn me() -> Who {
    Who::Person { gate_ref: GateRef([3; 16]) }
}

fn page(kind: Kind, from: u64, to: u64, at: i64, records: Vec<Record>) -> Page {
    Page { v: 1, aud: "c".into(), feed: "f".into(), kind, from, to, at, tile: 0, tiles: 1, records }
}

struct Gate {
    mind: Mind,
    pass: Pass,
}

impl Gate {
    fn new(more: Vec<Record>) -> Self {
        let mut records = vec![
            Record::Trust(Trust::default()),
            Record::Calendar(Calendar { ahead_min: 540, holidays: Vec::new() }),
            Record::Zone(zone("hall", Tier::Ordinary)),
            Record::Zone(zone("vault", Tier::Critical)),
            Record::Door(door(HALL, "hall", Direction::In)),
            Record::Door(door(HALL_OUT, "hall", Direction::Out)),
            Record::Door(door(VAULT, "vault", Direction::In)),
            Record::Grant(grant("g1", "hall", me())),
            Record::Grant(grant("g2", "vault", me())),
        ];
        records.extend(more);
        let mut mind = Mind::default();
        assert_eq!(mind.book.apply(page(Kind::Snapshot, 0, 9, NOW_MS, records)).0, Applied::Done);
        Self { mind, pass: pass_for(SecretKey::generate().public_key()) }
    }

    fn tell(&mut self, after_ms: i64, records: Vec<Record>) -> Applied {
        let seq = self.mind.book.seq();
        self.mind.book.apply(page(Kind::Delta, seq, seq + records.len() as u64, NOW_MS + after_ms, records)).0
    }

    fn at(&mut self, door: GateRef, after_ms: i64) -> Decision {
        let moment = Moment { ms: NOW_MS + after_ms, trusted: true };
        let arrival = Arrival { door, pass: &self.pass, evidence: OPEN, fast: false, took_ms: None };
        self.mind.decide(&arrival, false, moment)
    }

    fn reason(&mut self, door: GateRef, after_ms: i64) -> Reason {
        self.at(door, after_ms).reason
    }

    fn goes(&mut self, door: GateRef, after_ms: i64) -> Reason {
        let reason = self.reason(door, after_ms);
        if reason.opens() {
            self.mind.passed(&door, self.pass.gate_ref, NOW_MS + after_ms);
        }
        reason
    }
}

const HOUR: i64 = 3_600_000;

#[test]
fn every_reason_has_its_own_number_code_and_sentences() {
    for reason in Reason::ALL {
        assert_eq!(Reason::of_number(reason.number()), Some(*reason));
        assert_eq!(Reason::of_code(reason.code()), Some(*reason));
        assert!(!reason.ko().is_empty() && !reason.en().is_empty());
    }
}

#[test]
fn a_grant_opens_and_nothing_else_does() {
    let mut gate = Gate::new(Vec::new());
    let decision = gate.at(HALL, 0);
    assert_eq!(
        (decision.reason, decision.grant.as_deref(), decision.keep),
        (Reason::Granted, Some("g1"), true)
    );
    gate.tell(1, vec![Record::GrantEnded { id: "g1".into() }]);
    assert_eq!(gate.reason(HALL, 2), Reason::NoGrant);
    assert_eq!(gate.reason(GateRef([8; 16]), 2), Reason::UnknownDoor);
    for (who, expected) in [
        (Who::Agency { code: "1741000".into() }, Reason::Granted),
        (Who::Agency { code: "1000000".into() }, Reason::NoGrant),
        (Who::Under { code: "1000000".into() }, Reason::Granted),
        (Who::Role { code: "guard".into() }, Reason::Granted),
        (Who::Role { code: "cleaner".into() }, Reason::NoGrant),
        (Who::Person { gate_ref: GateRef([5; 16]) }, Reason::NoGrant),
    ] {
        gate.tell(3, vec![Record::Grant(grant("g1", "hall", who.clone()))]);
        assert_eq!(gate.reason(HALL, 4), expected, "{who:?}");
    }
}

#[test]
fn a_suspension_closes_every_door_and_a_resume_opens_them() {
    let mut gate = Gate::new(Vec::new());
    let stop = Record::Stopped { gate_ref: gate.pass.gate_ref, at: NOW_MS };
    let seq = gate.mind.book.seq();
    let (applied, stopped) = gate.mind.book.apply(page(Kind::Delta, seq, seq + 1, NOW_MS + 1, vec![stop]));
    assert_eq!((applied, stopped), (Applied::Done, vec![gate.pass.gate_ref]));
    assert_eq!(gate.reason(HALL, 2), Reason::Stopped);
    gate.tell(3, vec![Record::Resumed { gate_ref: gate.pass.gate_ref }]);
    assert_eq!(gate.reason(HALL, 4), Reason::Granted);
}

#[test]
fn old_knowledge_opens_by_the_tier_of_the_zone() {
    let mut gate = Gate::new(Vec::new());
    gate.pass.expires = NOW + 30 * 24 * 3_600;
    for (after, hall, vault) in [
        (60_000, Reason::Granted, Reason::Granted),
        (60_001, Reason::GrantedDegraded, Reason::GrantedDegraded),
        (15 * 60_000, Reason::GrantedDegraded, Reason::GrantedDegraded),
        (15 * 60_000 + 1, Reason::GrantedDegraded, Reason::Stale),
        (24 * HOUR, Reason::GrantedDegraded, Reason::Stale),
        (24 * HOUR + 1, Reason::Stale, Reason::Stale),
    ] {
        assert_eq!((gate.reason(HALL, after), gate.reason(VAULT, after)), (hall, vault), "after {after} ms");
    }
    let mut blank = Gate { mind: Mind::default(), pass: gate.pass.clone() };
    assert_eq!(blank.reason(HALL, 0), Reason::UnknownDoor);
}

#[test]
fn a_pass_that_ran_out_opens_nothing_whatever_the_network_does() {
    let mut gate = Gate::new(Vec::new());
    assert_eq!(gate.reason(HALL, 59 * 60_000), Reason::GrantedDegraded);
    assert_eq!(gate.reason(HALL, HOUR), Reason::PassExpired);
    gate.pass.not_before = NOW + 301;
    gate.pass.expires = NOW + 1_000;
    assert_eq!(gate.reason(HALL, 0), Reason::PassNotYet);
}

#[test]
fn a_grace_order_opens_its_zones_to_all_but_the_suspended() {
    let mut gate = Gate::new(Vec::new());
    let stranger = GateRef([6; 16]);
    gate.tell(1, vec![Record::Stopped { gate_ref: stranger, at: NOW_MS }]);
    let order = Order {
        v: 1,
        id: "2026-1".into(),
        zones: vec!["hall".into()],
        since: NOW_MS,
        until: NOW_MS + 14 * 24 * HOUR,
        drill: false,
    };
    let days = 3 * 24 * HOUR;
    assert_eq!(gate.reason(HALL, days), Reason::Stale);
    gate.mind.order = Some(order);
    let decision = gate.at(HALL, days);
    assert_eq!((decision.reason, decision.order.as_deref()), (Reason::GrantedGrace, Some("2026-1")));
    assert_eq!(gate.reason(VAULT, days), Reason::Stale, "not in the order");
    assert_eq!(gate.reason(HALL, 14 * 24 * HOUR), Reason::Stale, "the order is over");
    gate.pass.gate_ref = stranger;
    assert_eq!(gate.reason(HALL, days), Reason::Stopped);
    // While the platform answers, an order extends nothing: phones can renew.
    let mut gate = Gate { pass: Pass { expires: NOW + 1, ..gate.pass.clone() }, ..gate };
    gate.pass.gate_ref = GateRef([3; 16]);
    gate.tell(days, Vec::new());
    assert_eq!(gate.reason(HALL, days + 1_000), Reason::PassExpired);
}

#[test]
fn the_fast_way_needs_fresh_knowledge_and_an_ordinary_zone() {
    let mut gate = Gate::new(Vec::new());
    let moment = |after| Moment { ms: NOW_MS + after, trusted: true };
    assert!(gate.mind.may_fast(&HALL, moment(60_000)));
    assert!(!gate.mind.may_fast(&HALL, moment(60_001)));
    assert!(!gate.mind.may_fast(&VAULT, moment(0)));
    assert!(!gate.mind.may_fast(&HALL, Moment { ms: NOW_MS, trusted: false }));
    let mut fast = |door, after| {
        let arrival = Arrival { door, pass: &gate.pass, evidence: OPEN, fast: true, took_ms: None };
        gate.mind.decide(&arrival, false, moment(after)).reason
    };
    assert_eq!(fast(HALL, 0), Reason::Granted);
    assert_eq!(fast(HALL, 60_001), Reason::StandardNeeded);
    assert_eq!(fast(VAULT, 0), Reason::StandardNeeded);
}

#[test]
fn the_phones_word_counts_as_the_zone_asks() {
    let mut strict = zone("hall", Tier::Ordinary);
    strict.unlocked_within_s = Some(10);
    strict.tap_within_ms = Some(300);
    let mut gate = Gate::new(vec![Record::Zone(strict)]);
    let mut with = |unlocked, age_s, took_ms| {
        let evidence = Evidence { unlocked, age_s };
        let arrival = Arrival { door: HALL, pass: &gate.pass, evidence, fast: false, took_ms };
        gate.mind.decide(&arrival, false, Moment { ms: NOW_MS, trusted: true }).reason
    };
    assert_eq!(with(true, 10, Some(300)), Reason::Granted);
    assert_eq!(with(false, 0, None), Reason::PhoneLocked);
    assert_eq!(with(true, 11, None), Reason::UnlockOld);
    assert_eq!(with(true, 1, Some(301)), Reason::TooSlow);
}

#[test]
fn a_grant_has_its_time_its_week_and_its_holidays() {
    let office = |on_holiday| Schedule {
        id: "office".into(),
        // Tuesday 08:00–18:00 in Seoul, Sunday 10:00–11:00.
        week: [
            vec![],
            vec![Span { from: 480, to: 1_080 }],
            vec![],
            vec![],
            vec![],
            vec![],
            vec![Span { from: 600, to: 660 }],
        ],
        on_holiday,
    };
    let timed = Grant { schedule: Some("office".into()), ..grant("g1", "hall", me()) };
    let mut gate = Gate::new(vec![Record::Schedule(office(OnHoliday::Shut)), Record::Grant(timed.clone())]);
    gate.pass.not_before = NOW - 48 * 3_600;
    gate.pass.expires = NOW + 48 * 3_600;
    assert_eq!(gate.reason(HALL, 0), Reason::Granted, "09:00");
    assert_eq!(gate.reason(HALL, 9 * HOUR - 1), Reason::GrantedDegraded, "just before 18:00");
    assert_eq!(gate.reason(HALL, 9 * HOUR), Reason::OutsideSchedule);
    assert_eq!(gate.reason(HALL, -HOUR - 1), Reason::OutsideSchedule, "07:59");
    let day = i32::try_from(NOW / 86_400).unwrap();
    let holiday = Record::Calendar(Calendar { ahead_min: 540, holidays: vec![day] });
    gate.tell(1, vec![holiday]);
    assert_eq!(gate.reason(HALL, 2), Reason::Holiday);
    gate.tell(3, vec![Record::Schedule(office(OnHoliday::Usual))]);
    assert_eq!(gate.reason(HALL, 4), Reason::Granted);
    gate.tell(5, vec![Record::Schedule(office(OnHoliday::Sunday))]);
    assert_eq!(gate.reason(HALL, 6), Reason::Holiday, "09:00 is outside the Sunday's hours");
    assert_eq!(gate.reason(HALL, HOUR + 1), Reason::GrantedDegraded, "10:00 is inside");
    let mut gate = Gate::new(vec![Record::Grant(Grant {
        from: Some(NOW_MS + 10),
        until: Some(NOW_MS + 20),
        ..grant("g1", "hall", me())
    })]);
    assert_eq!(gate.reason(HALL, 9), Reason::GrantNotYet);
    assert_eq!(gate.reason(HALL, 10), Reason::Granted);
    assert_eq!(gate.reason(HALL, 20), Reason::GrantOver);
    // One grant in force outweighs any that is not.
    gate.tell(1, vec![Record::Grant(grant("g9", "hall", Who::Role { code: "guard".into() }))]);
    assert_eq!(gate.at(HALL, 20).grant.as_deref(), Some("g9"));
}

#[test]
fn the_same_badge_twice_is_refused_or_reported_as_the_zone_says() {
    let with = |passback| Record::Zone(Zone { passback, ..zone("hall", Tier::Ordinary) });
    let mut gate = Gate::new(vec![with(Passback::Timed { seconds: 30, hard: true })]);
    assert_eq!(gate.goes(HALL, 0), Reason::Granted);
    assert_eq!(gate.goes(HALL, 29_999), Reason::PassbackTimed);
    assert_eq!(gate.goes(HALL_OUT, 29_999), Reason::Granted, "out is another way");
    gate.tell(30_000, Vec::new());
    assert_eq!(gate.goes(HALL, 30_000), Reason::Granted);
    let mut gate = Gate::new(vec![with(Passback::Area { hard: true })]);
    assert_eq!(gate.goes(HALL_OUT, 0), Reason::Granted, "whoever was never seen is inside or outside");
    assert_eq!(gate.goes(HALL_OUT, 1), Reason::PassbackArea);
    assert_eq!(gate.goes(HALL, 2), Reason::Granted);
    assert_eq!(gate.goes(HALL, 3), Reason::PassbackArea);
    gate.mind.whereabouts.forget(gate.pass.gate_ref);
    assert_eq!(gate.goes(HALL, 4), Reason::Granted, "a guard let it begin anew");
    assert_eq!(gate.goes(HALL, 60_001), Reason::GrantedPassback, "offline it is a hint, no refusal");
    // 00:00 in Seoul is 15:00 UTC: the next day begins anew.
    gate.pass.expires = NOW + 24 * 3_600;
    gate.tell(16 * HOUR, Vec::new());
    assert_eq!(gate.goes(HALL, 16 * HOUR), Reason::Granted);
    let mut gate = Gate::new(vec![with(Passback::Area { hard: false })]);
    gate.goes(HALL, 0);
    assert_eq!(gate.goes(HALL, 1), Reason::GrantedPassback);
}

#[test]
fn a_restart_does_not_forget_who_is_inside() {
    let with = Record::Zone(Zone { passback: Passback::Area { hard: true }, ..zone("hall", Tier::Ordinary) });
    let mut gate = Gate::new(vec![with]);
    gate.mind.whereabouts.went("hall", gate.pass.gate_ref, Direction::In, NOW_MS - HOUR);
    assert_eq!(gate.reason(HALL, 0), Reason::PassbackArea);
    gate.mind.whereabouts.went("hall", gate.pass.gate_ref, Direction::In, NOW_MS - 10 * HOUR);
    let mut other = Gate { mind: Mind { whereabouts: Whereabouts::default(), ..gate.mind.clone() }, ..gate };
    other.mind.whereabouts.went("hall", other.pass.gate_ref, Direction::In, NOW_MS - 10 * HOUR);
    assert_eq!(other.reason(HALL, 0), Reason::Granted, "that was yesterday");
}

#[test]
fn who_needs_company_waits_for_it() {
    let visitor = GateRef([5; 16]);
    let mut gate = Gate::new(vec![
        Record::Grant(Grant { escort: Escort::Gives, ..grant("g1", "hall", me()) }),
        Record::Grant(Grant {
            escort: Escort::Needed,
            ..grant("g3", "hall", Who::Person { gate_ref: visitor })
        }),
    ]);
    let host = gate.pass.gate_ref;
    gate.pass.gate_ref = visitor;
    assert_eq!(gate.reason(HALL, 0), Reason::EscortAwaited);
    gate.pass.gate_ref = host;
    let both = gate.at(HALL, 5_000);
    assert_eq!((both.reason, both.people), (Reason::GrantedEscort, 2));
    assert_eq!(gate.at(HALL, 6_000).people, 1, "one visitor at a time");
    gate.pass.gate_ref = visitor;
    assert_eq!(gate.reason(HALL, 7_000), Reason::EscortAwaited);
    gate.pass.gate_ref = host;
    assert_eq!(gate.at(HALL, 7_001 + ESCORT_MS).people, 1, "too late");
}

#[test]
fn fire_opens_whatever_else_is_said() {
    let mut shut = door(HALL, "hall", Direction::In);
    shut.keeping = Keeping::Shut;
    let mut gate = Gate::new(vec![Record::Door(shut.clone())]);
    assert_eq!(gate.reason(HALL, 0), Reason::DoorShut);
    let arrival = Arrival { door: HALL, pass: &gate.pass, evidence: OPEN, fast: false, took_ms: None };
    let decision = gate.mind.decide(&arrival, true, Moment { ms: NOW_MS, trusted: false });
    assert_eq!((decision.reason, decision.keep), (Reason::Emergency, false));
    let mut state = DoorState::default();
    assert!(!state.unlocked(&shut, false, 0));
    assert_eq!(state.input(Input::Fire(true), false, 0), [Alarm::Fire]);
    state.input(Input::Power(false), false, 0);
    assert!(state.unlocked(&shut, false, 0), "fire wins over a lock that holds without power");
    state.input(Input::Fire(false), false, 0);
    assert!(!state.unlocked(&shut, false, 0));
    assert!(
        state.unlocked(&door(HALL_OUT, "hall", Direction::Out), false, 0),
        "the way out opens without power"
    );
}

#[test]
fn a_door_tells_who_follows_and_who_props_it_open() {
    let leaf = door(HALL, "hall", Direction::In);
    let mut state = DoorState::default();
    assert_eq!(state.input(Input::Leaf { open: true }, false, 0), [Alarm::Forced]);
    state.input(Input::Leaf { open: false }, false, 1);
    state.release(&leaf, 1, 10);
    assert!(state.unlocked(&leaf, false, 11));
    assert!(state.input(Input::Leaf { open: true }, false, 11).is_empty());
    assert!(state.input(Input::Crossed, false, 12).is_empty());
    assert_eq!(state.input(Input::Crossed, false, 13), [Alarm::Tailgate]);
    assert_eq!(state.tick(false, 5_009), None);
    assert_eq!(state.tick(false, 5_010), Some(Alarm::HeldTooLong));
    assert_eq!(state.tick(false, 6_000), None, "told once");
    state.input(Input::Leaf { open: false }, false, 6_001);
    assert!(!state.unlocked(&leaf, false, 6_002));
    // Two people with a badge each within one opening.
    state.release(&leaf, 1, 7_000);
    state.release(&leaf, 1, 7_100);
    assert!(state.input(Input::Crossed, false, 7_200).is_empty());
    assert!(state.input(Input::Crossed, false, 7_300).is_empty());
    assert_eq!(state.input(Input::Crossed, false, 7_400), [Alarm::Tailgate]);
}

#[test]
fn a_leave_that_nobody_took_is_over_with_its_time() {
    let leaf = door(HALL, "hall", Direction::In);
    let mut state = DoorState::default();
    state.release(&leaf, 1, 0);
    let over = i64::from(leaf.open_ms);
    assert!(
        state.clone().input(Input::Crossed, false, over + 1_999).is_empty(),
        "in the turnstile as it locks"
    );
    assert_eq!(state.clone().input(Input::Crossed, false, over + 2_000), [Alarm::Tailgate]);
    // Whoever opened the leaf in time may still go through it.
    state.input(Input::Leaf { open: true }, false, 10);
    assert!(state.input(Input::Crossed, false, over + 2_000).is_empty());
}

#[test]
fn what_is_wrong_at_a_door_lasts_until_it_is_over() {
    let leaf = door(HALL, "hall", Direction::In);
    let mut state = DoorState::default();
    assert_eq!(state.lasting(), None);
    state.input(Input::Leaf { open: true }, false, 0);
    assert_eq!((state.leaf_open(), state.lasting()), (true, Some(Alarm::Forced)));
    state.input(Input::Fire(true), false, 1);
    assert_eq!(state.lasting(), Some(Alarm::Fire));
    state.input(Input::Fire(false), false, 2);
    state.input(Input::Leaf { open: false }, false, 3);
    assert_eq!((state.leaf_open(), state.lasting()), (false, None));
    state.release(&leaf, 1, 10);
    state.input(Input::Leaf { open: true }, false, 11);
    state.tick(false, 20_000);
    assert_eq!(state.lasting(), Some(Alarm::HeldTooLong));
    state.input(Input::Leaf { open: false }, false, 20_001);
    assert_eq!(state.lasting(), None);
}

#[test]
fn a_clock_that_was_set_back_opens_nothing() {
    let mut clock = TrustedClock::default();
    assert!(!clock.now(NOW_MS, 0).trusted, "nothing signed was ever seen");
    clock.signed(NOW_MS, 1_000);
    assert_eq!(clock.now(NOW_MS + 10, 1_010), Moment { ms: NOW_MS + 10, trusted: true });
    // Set back and set forward: the monotonic clock goes on, and what depends on the time waits.
    assert_eq!(clock.now(NOW_MS - HOUR, 2_000), Moment { ms: NOW_MS + 1_000, trusted: false });
    assert_eq!(clock.now(NOW_MS + HOUR, 2_000), Moment { ms: NOW_MS + 1_000, trusted: false });
    let restarted = TrustedClock::restored(NOW_MS);
    assert!(!restarted.now(NOW_MS - HOUR, 0).trusted);
    assert!(restarted.now(NOW_MS + 24 * HOUR, 0).trusted);
    let mut gate = Gate::new(Vec::new());
    let arrival = Arrival { door: HALL, pass: &gate.pass, evidence: OPEN, fast: false, took_ms: None };
    let moment = clock.now(NOW_MS - HOUR, 2_000);
    assert_eq!(gate.mind.decide(&arrival, false, moment).reason, Reason::TimeUntrusted);
}

#[test]
fn a_door_may_be_kept_open_by_the_clock_but_not_for_the_suspended() {
    let week = core::array::from_fn(|_| vec![Span { from: 0, to: 1_440 }]);
    let schedule = Schedule { id: "day".into(), week, on_holiday: OnHoliday::Usual };
    let mut open = door(HALL, "hall", Direction::In);
    open.keeping = Keeping::Open { schedule: "day".to_string() };
    let mut gate = Gate::new(vec![
        Record::Schedule(schedule),
        Record::Door(open.clone()),
        Record::GrantEnded { id: "g1".into() },
    ]);
    assert_eq!(gate.reason(HALL, 0), Reason::KeptOpen);
    assert!(gate.mind.kept_open(&open, Moment { ms: NOW_MS, trusted: true }));
    assert!(!gate.mind.kept_open(&open, Moment { ms: NOW_MS, trusted: false }));
    gate.tell(1, vec![Record::Stopped { gate_ref: gate.pass.gate_ref, at: NOW_MS }]);
    assert_eq!(gate.reason(HALL, 2), Reason::Stopped);
}

#[test]
fn pages_out_of_order_doubled_or_of_another_feed_change_nothing() {
    let mut gate = Gate::new(Vec::new());
    let stop = || vec![Record::Stopped { gate_ref: GateRef([3; 16]), at: NOW_MS }];
    let resume = || vec![Record::Resumed { gate_ref: GateRef([3; 16]) }];
    let mut apply = |page| gate.mind.book.apply(page).0;
    assert_eq!(apply(page(Kind::Delta, 10, 11, NOW_MS + 1, resume())), Applied::Gap);
    assert_eq!(apply(page(Kind::Delta, 9, 10, NOW_MS + 1, stop())), Applied::Done);
    assert_eq!(apply(page(Kind::Delta, 9, 10, NOW_MS + 1, resume())), Applied::Known, "the number was told");
    assert_eq!(apply(page(Kind::Snapshot, 0, 9, NOW_MS + 2, resume())), Applied::Known, "an older snapshot");
    let other = Page { feed: "other".into(), ..page(Kind::Delta, 10, 11, NOW_MS + 3, resume()) };
    assert_eq!(apply(other), Applied::Gap);
    assert_eq!(apply(page(Kind::Delta, 10, 10, NOW_MS, Vec::new())), Applied::Known, "an old beacon");
    assert!(gate.mind.book.is_stopped(&GateRef([3; 16])));
    assert_eq!(gate.mind.book.age_ms(NOW_MS + 11), Some(10), "and makes nothing look fresh");
}

#[test]
fn a_snapshot_counts_once_its_last_tile_is_there() {
    let mut gate = Gate::new(Vec::new());
    let tile = |n: u32, to: u64| Page {
        tile: n,
        tiles: 3,
        ..page(
            Kind::Snapshot,
            0,
            to,
            NOW_MS + 5,
            vec![Record::Stopped { gate_ref: GateRef([n as u8 + 3; 16]), at: 1 }],
        )
    };
    let mut apply = |page| gate.mind.book.apply(page).0;
    assert_eq!(apply(tile(0, 20)), Applied::Collecting);
    assert_eq!(apply(tile(2, 20)), Applied::Gap, "one is missing: begin anew");
    assert_eq!(apply(tile(1, 20)), Applied::Gap);
    assert_eq!(apply(tile(0, 20)), Applied::Collecting);
    assert_eq!(apply(tile(1, 21)), Applied::Gap, "of another snapshot");
    for (n, expected) in [(0, Applied::Collecting), (1, Applied::Collecting), (2, Applied::Done)] {
        assert_eq!(apply(tile(n, 21)), expected);
    }
    let book = &gate.mind.book;
    assert_eq!((book.seq(), book.stopped(), book.grants(), book.doors().count()), (21, 3, 0, 0));
}

#[test]
fn what_lies_on_disk_is_what_was_known() {
    let gate = Gate::new(vec![Record::Stopped { gate_ref: GateRef([5; 16]), at: 7 }]);
    let mut again = Mind::default();
    again.book.apply(page(Kind::Snapshot, 0, 9, NOW_MS, gate.mind.book.records()));
    assert_eq!(again.book.records(), gate.mind.book.records());
}
