//! The posts of one official as a line of periods that never overlap. No I/O.
//!
//! Two kinds of word make it. The *record* follows what the HR record says from day to day: a change closes one period and
//! opens the next, and a late one goes between those that are there. *Told* periods are history as HR lists it; they stand
//! as they were told, and a late change never rewrites them. The last period of a record goes on.

use serde::{Deserialize, Serialize};

use super::appointment::Appointment;
use crate::operations::id;
use crate::personnel::types::{EmployeeStatus, Named};

/// Whose word a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Record,
    Told,
}

impl Origin {
    /// The word in the database.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Told => "told",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Record, Self::Told].into_iter().find(|origin| origin.as_str() == word)
    }
}

/// What is sealed of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// Agency and department of our records, where a record made the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agency_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) department_id: Option<String>,
    /// Their names on the last day. While a period goes on they are what they are called now, and not kept here.
    #[serde(default)]
    pub(super) agency: Named,
    #[serde(default)]
    pub(super) department: Named,
    pub(super) position: Named,
    pub(super) rank: Named,
    pub(super) status: EmployeeStatus,
    /// What HR calls its beginning; where nobody said, it is found by comparing with the period before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) appointment: Option<Appointment>,
    /// Nobody said when it ended: it ends where the next begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ends_with_next: bool,
}

impl Content {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status, EmployeeStatus::Retired | EmployeeStatus::Dead)
    }

    /// Whether the agency is the same one, by code or else by name.
    pub(super) fn same_agency(&self, other: &Self) -> bool {
        match (&self.agency_code, &other.agency_code) {
            (Some(code), Some(other)) => code == other,
            _ => self.agency.ko == other.agency.ko,
        }
    }

    /// Whether the department is the same one of the same agency.
    pub(super) fn same_unit(&self, other: &Self) -> bool {
        let department = match (&self.department_id, &other.department_id) {
            (Some(id), Some(other)) => id == other,
            _ => self.department.ko == other.department.ko,
        };
        department && self.same_agency(other)
    }

    /// Whether it is the same post. Whoever has left holds none.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.status == other.status
            && (self.is_over()
                || self.same_unit(other)
                    && self.position.ko == other.position.ko
                    && self.rank.ko == other.rank.ko)
    }
}

/// What is to be done with a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Kept,
    New,
    Changed,
}

/// A period: days are counted from 1970-01-01, `until` is the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
    pub(super) origin: Origin,
    pub(super) content: Content,
    pub(super) mark: Mark,
}

impl Row {
    pub(super) fn new(from: i64, until: Option<i64>, origin: Origin, content: Content) -> Self {
        Self { id: id::new(), from, until, origin, content, mark: Mark::New }
    }

    fn covers(&self, day: i64) -> bool {
        self.from <= day && self.until.is_none_or(|until| until >= day)
    }

    fn touch(&mut self) {
        if self.mark == Mark::Kept {
            self.mark = Mark::Changed;
        }
    }
}

/// What became of a told period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    New,
    Changed,
    Unchanged,
    /// Another period, or the record, says something else of these days.
    Overlaps,
    TooMany,
}

/// All periods of one official, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    pub(super) rows: Vec<Row>,
    /// Rows that are to be removed.
    pub(super) gone: Vec<String>,
}

impl Timeline {
    /// How many rows begin on this day or before.
    fn begun(&self, day: i64) -> usize {
        self.rows.partition_point(|row| row.from <= day)
    }

    /// The record says this from `day` on. `newer`: it says something newer from that day on, so that this is a late word
    /// and holds no longer than until then.
    pub(super) fn follow(&mut self, day: i64, content: Content, newer: Option<i64>) {
        if newer.is_some_and(|newer| newer <= day) {
            return;
        }
        let next = self.begun(day);
        let next_from = self.rows.get(next).map(|row| row.from);
        let Some(place) = next.checked_sub(1) else {
            match self.rows.first_mut() {
                Some(first) if first.origin == Origin::Told => {}
                Some(first) if first.content.same(&content) => {
                    first.from = day;
                    first.touch();
                }
                _ => {
                    let until = next_from.map(|from| from - 1);
                    self.rows.insert(0, Row::new(day, until, Origin::Record, content));
                }
            }
            return;
        };
        let Some(old) = self.rows.get_mut(place) else { return };
        let covers = old.covers(day);
        if covers && (old.origin == Origin::Told || old.content.same(&content)) {
            return;
        }
        let until = if covers { old.until } else { next_from.map(|from| from - 1) };
        let cut = newer.map(|newer| newer - 1).filter(|cut| until.is_none_or(|until| *cut < until));
        // What was said of the days after the late word goes on there.
        let rest = cut.filter(|_| covers).map(|cut| {
            let content = Content { appointment: None, ..old.content.clone() };
            Row::new(cut + 1, until, Origin::Record, content)
        });
        if covers && old.from == day {
            (old.content, old.until) = (content, cut.or(until));
            old.touch();
        } else {
            if covers {
                old.until = Some(day - 1);
                old.touch();
            }
            self.rows.insert(next, Row::new(day, cut.or(until), Origin::Record, content));
        }
        if let Some(rest) = rest {
            let place = self.begun(rest.from);
            self.rows.insert(place, rest);
        }
        self.join();
    }

    /// The official was appointed for the first time on this day.
    pub(super) fn appointed(&mut self, day: i64) {
        if let Some(first) = self.rows.first_mut()
            && first.from == day
            && first.origin == Origin::Record
            && first.content.appointment.is_none()
        {
            first.content.appointment = Some(Appointment::Hire);
            first.touch();
        }
    }

    /// Neighbours of the record that say the same are one period.
    fn join(&mut self) {
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows.len());
        for row in self.rows.drain(..) {
            match rows.last_mut() {
                Some(last)
                    if last.origin == Origin::Record
                        && row.origin == Origin::Record
                        && last.until == Some(row.from - 1)
                        && row.content.appointment.is_none()
                        && last.content.same(&row.content) =>
                {
                    last.until = row.until;
                    last.touch();
                    if row.mark != Mark::New {
                        self.gone.push(row.id);
                    }
                }
                _ => rows.push(row),
            }
        }
        self.rows = rows;
    }

    /// HR tells a period of history. Without `until` it ends where the next begins.
    pub(super) fn tell(&mut self, from: i64, until: Option<i64>, content: Content, most: usize) -> Outcome {
        let content = Content { ends_with_next: until.is_none(), ..content };
        let place = self.rows.partition_point(|row| row.from < from);
        let known = self.rows.get(place).is_some_and(|row| row.from == from);
        let next = self.rows.get(place + usize::from(known));
        let end = until.or_else(|| next.map(|next| next.from - 1));
        let free = |end: i64| next.is_none_or(|next| end < next.from);
        if known {
            let Some(row) = self.rows.get(place) else { return Outcome::Overlaps };
            if row.origin == Origin::Record {
                let fits = row.content.same(&content) && (until.is_none() || until == row.until);
                return if fits { self.name(place, content.appointment) } else { Outcome::Overlaps };
            }
            let Some(end) = end.filter(|end| free(*end)) else { return Outcome::Overlaps };
            let Some(row) = self.rows.get_mut(place) else { return Outcome::Overlaps };
            if row.content == content && row.until == Some(end) {
                return Outcome::Unchanged;
            }
            (row.content, row.until) = (content, Some(end));
            row.touch();
            return Outcome::Changed;
        }
        let Some(end) = end.filter(|end| free(*end)) else { return Outcome::Overlaps };
        let before = place.checked_sub(1).and_then(|before| self.rows.get(before));
        let overlapped = before.filter(|before| before.covers(from));
        if overlapped.is_some_and(|row| row.origin == Origin::Record || !row.content.ends_with_next) {
            return Outcome::Overlaps;
        }
        if self.rows.len() >= most {
            return Outcome::TooMany;
        }
        if overlapped.is_some()
            && let Some(before) = place.checked_sub(1).and_then(|before| self.rows.get_mut(before))
        {
            before.until = Some(from - 1);
            before.touch();
        }
        self.rows.insert(place, Row::new(from, Some(end), Origin::Told, content));
        Outcome::New
    }

    /// The posts as they are read: where HR told how the post began that the record was found in, the two are one.
    pub(super) fn posts(self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            match rows.last_mut() {
                Some(last)
                    if last.content.ends_with_next
                        && last.until == Some(row.from - 1)
                        && row.origin == Origin::Record
                        && row.content.appointment.is_none()
                        && last.content.same(&row.content) =>
                {
                    let appointment = last.content.appointment;
                    *last = Row { from: last.from, content: Content { appointment, ..row.content }, ..row };
                }
                _ => rows.push(row),
            }
        }
        rows
    }

    /// Says what HR calls the beginning of a period that the record made.
    fn name(&mut self, place: usize, appointment: Option<Appointment>) -> Outcome {
        match self.rows.get_mut(place) {
            Some(row) if row.content.appointment != appointment => {
                row.content.appointment = appointment;
                row.touch();
                Outcome::Changed
            }
            _ => Outcome::Unchanged,
        }
    }

    /// Takes a told period back that began on this day.
    pub(super) fn forget(&mut self, from: i64) -> Outcome {
        let told = |row: &Row| row.origin == Origin::Told && row.from == from;
        let Some(place) = self.rows.iter().position(told) else { return Outcome::Unchanged };
        let row = self.rows.remove(place);
        if row.mark != Mark::New {
            self.gone.push(row.id);
        }
        if let Some(before) = place.checked_sub(1).and_then(|before| self.rows.get_mut(before))
            && before.content.ends_with_next
            && before.until == Some(from - 1)
        {
            before.until = row.until;
            before.touch();
        }
        Outcome::Changed
    }
}
