//! What a controller knows, from signed pages only.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use keys::PublicKey;

use crate::decision::schedule;
use crate::feed::{Calendar, Door, Grant, Kind, Page, Record, Schedule, Trust, Who, Zone};
use crate::pass::{GateRef, Pass};

/// What came of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The book is as of its number now.
    Done,
    /// A tile of a snapshot; more are to come.
    Collecting,
    /// It was known already.
    Known,
    /// Something in between is missing: ask for everything.
    Gap,
}

/// What a controller knows.
#[derive(Debug, Clone, Default)]
pub struct Book {
    feed: String,
    seq: u64,
    /// When the newest page was signed (ms).
    at: i64,
    trust: Trust,
    authorities: Vec<PublicKey>,
    officers: Vec<PublicKey>,
    calendar: Calendar,
    zones: BTreeMap<String, Zone>,
    doors: BTreeMap<GateRef, Door>,
    schedules: BTreeMap<String, Schedule>,
    grants: BTreeMap<String, Grant>,
    /// Ids of grants by whom they let in.
    persons: BTreeMap<GateRef, Vec<String>>,
    codes: BTreeMap<(Group, String), Vec<String>>,
    stopped: BTreeMap<GateRef, i64>,
    tiles: Vec<Page>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Agency,
    Under,
    Role,
}

impl Book {
    /// Number of the last record.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Which feed it follows; empty before the first snapshot.
    pub fn feed(&self) -> &str {
        &self.feed
    }

    /// When the newest page was signed (ms); 0 before the first.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// Age of what is known (ms); `None` before the first snapshot.
    pub fn age_ms(&self, now_ms: i64) -> Option<i64> {
        (self.at > 0).then(|| now_ms.saturating_sub(self.at).max(0))
    }

    /// Keys that sign passes.
    pub fn authorities(&self) -> &[PublicKey] {
        &self.authorities
    }

    /// Keys of officers.
    pub fn officers(&self) -> &[PublicKey] {
        &self.officers
    }

    /// A door.
    pub fn door(&self, id: &GateRef) -> Option<&Door> {
        self.doors.get(id)
    }

    /// All doors.
    pub fn doors(&self) -> impl Iterator<Item = &Door> {
        self.doors.values()
    }

    /// A zone.
    pub fn zone(&self, id: &str) -> Option<&Zone> {
        self.zones.get(id)
    }

    /// How many grants there are.
    pub fn grants(&self) -> usize {
        self.grants.len()
    }

    /// How many badges are stopped.
    pub fn stopped(&self) -> usize {
        self.stopped.len()
    }

    /// Whether a badge is stopped.
    pub fn is_stopped(&self, gate_ref: &GateRef) -> bool {
        self.stopped.contains_key(gate_ref)
    }

    /// The calendar.
    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Whether a schedule counts at this moment; one that is not known never does.
    pub(super) fn within(&self, schedule: &str, now_ms: i64) -> schedule::Within {
        match self.schedules.get(schedule) {
            Some(schedule) => schedule::within(schedule, &self.calendar, now_ms),
            None => schedule::Within::No,
        }
    }

    /// The grants of a zone that name this pass.
    pub(super) fn grants_of<'a>(&'a self, zone: &'a str, pass: &'a Pass) -> impl Iterator<Item = &'a Grant> {
        let own = pass.agencies.last().map(|code| (Group::Agency, code.clone()));
        let above = pass.agencies.iter().map(|code| (Group::Under, code.clone()));
        let roles = pass.roles.iter().map(|code| (Group::Role, code.clone()));
        let by_code = own.into_iter().chain(above).chain(roles).filter_map(|key| self.codes.get(&key));
        let ids = self.persons.get(&pass.gate_ref).into_iter().chain(by_code).flatten();
        ids.filter_map(|id| self.grants.get(id)).filter(move |grant| grant.zone == zone)
    }

    /// Everything as a snapshot of one page, to be kept on disk. It is not signed: the disk is the controller's own.
    pub fn records(&self) -> Vec<Record> {
        let head = [Record::Trust(self.trust.clone()), Record::Calendar(self.calendar.clone())];
        let zones = self.zones.values().cloned().map(Record::Zone);
        let doors = self.doors.values().cloned().map(Record::Door);
        let schedules = self.schedules.values().cloned().map(Record::Schedule);
        let grants = self.grants.values().cloned().map(Record::Grant);
        let stopped =
            self.stopped.iter().map(|(gate_ref, at)| Record::Stopped { gate_ref: *gate_ref, at: *at });
        head.into_iter().chain(zones).chain(doors).chain(schedules).chain(grants).chain(stopped).collect()
    }

    /// Takes a verified page in. Gives the badges that this page stopped beside what came of it, so that their keys of the
    /// fast way go at once.
    pub fn apply(&mut self, page: Page) -> (Applied, Vec<GateRef>) {
        match page.kind {
            Kind::Delta => self.delta(page),
            Kind::Snapshot => (self.snapshot(page), Vec::new()),
        }
    }

    fn delta(&mut self, page: Page) -> (Applied, Vec<GateRef>) {
        if page.feed != self.feed || page.from > self.seq {
            return (Applied::Gap, Vec::new());
        }
        // A page that was signed earlier than the last one tells nothing new, whatever its numbers.
        if page.to < self.seq || page.at < self.at || page.from < self.seq {
            return (Applied::Known, Vec::new());
        }
        let mut stopped = Vec::new();
        for record in page.records {
            if let Record::Stopped { gate_ref, .. } = &record {
                stopped.push(*gate_ref);
            }
            self.enter(record);
        }
        self.seq = page.to;
        self.at = page.at;
        (Applied::Done, stopped)
    }

    /// Tiles come in order; another snapshot begins anew.
    fn snapshot(&mut self, page: Page) -> Applied {
        if page.feed == self.feed && (page.to < self.seq || page.at < self.at) {
            return Applied::Known;
        }
        let expected = u32::try_from(self.tiles.len()).unwrap_or(u32::MAX);
        let same = self.tiles.first().is_none_or(|first| {
            (first.feed.as_str(), first.to, first.tiles) == (page.feed.as_str(), page.to, page.tiles)
        });
        if page.tile == 0 {
            self.tiles.clear();
        } else if !same || page.tile != expected {
            self.tiles.clear();
            return Applied::Gap;
        }
        let last = page.tile + 1 == page.tiles;
        self.tiles.push(page);
        if !last {
            return Applied::Collecting;
        }
        let mut fresh = Self::default();
        for page in core::mem::take(&mut self.tiles) {
            (fresh.feed, fresh.seq, fresh.at) = (page.feed, page.to, page.at);
            for record in page.records {
                fresh.enter(record);
            }
        }
        *self = fresh;
        Applied::Done
    }

    fn enter(&mut self, record: Record) {
        match record {
            Record::Trust(trust) => {
                let parse = |keys: &[keys::Jwk]| -> Vec<PublicKey> {
                    keys.iter().filter_map(|jwk| PublicKey::from_jwk(jwk).ok()).collect()
                };
                self.authorities = parse(&trust.authorities);
                self.officers = parse(&trust.officers);
                self.trust = trust;
            }
            Record::Calendar(mut calendar) => {
                calendar.holidays.sort_unstable();
                self.calendar = calendar;
            }
            Record::Zone(zone) => drop(self.zones.insert(zone.id.clone(), zone)),
            Record::Door(door) => drop(self.doors.insert(door.id, door)),
            Record::DoorEnded { id } => drop(self.doors.remove(&id)),
            Record::Schedule(schedule) => drop(self.schedules.insert(schedule.id.clone(), schedule)),
            Record::Grant(grant) => {
                self.end_grant(&grant.id);
                self.named(&grant.who).push(grant.id.clone());
                self.grants.insert(grant.id.clone(), grant);
            }
            Record::GrantEnded { id } => self.end_grant(&id),
            Record::Stopped { gate_ref, at } => drop(self.stopped.insert(gate_ref, at)),
            Record::Resumed { gate_ref } => drop(self.stopped.remove(&gate_ref)),
        }
    }

    fn named(&mut self, who: &Who) -> &mut Vec<String> {
        let (group, code) = match who {
            Who::Person { gate_ref } => return self.persons.entry(*gate_ref).or_default(),
            Who::Agency { code } => (Group::Agency, code),
            Who::Under { code } => (Group::Under, code),
            Who::Role { code } => (Group::Role, code),
        };
        self.codes.entry((group, code.clone())).or_default()
    }

    fn end_grant(&mut self, id: &str) {
        if let Some(grant) = self.grants.remove(id) {
            self.named(&grant.who).retain(|known| known != id);
        }
    }
}
