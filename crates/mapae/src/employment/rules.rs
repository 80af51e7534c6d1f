//! What each personnel event does: one table, shown at the console and printed into `docs/hr.md`. No I/O.
//!
//! An event is found by comparing the record before and after, whoever told the change: a CSV file, an HR system that
//! pushes, or a person at the console. Nobody names the event by hand, so that two sources can't mean different things.

use crate::lifecycle::Reason;
use crate::personnel::EmployeeStatus;

/// Something that happened in an employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// 임용
    Hire,
    /// 부서 이동
    Transfer,
    /// 기관 이동
    Move,
    /// 휴직
    Leave,
    /// 복직, or back from a dispatch
    Return,
    /// 파견
    Dispatch,
    /// 퇴직
    Retirement,
    /// 사망
    Death,
    /// 재임용
    Reinstatement,
    /// The agency no longer takes part, or the official went to one that does not.
    Exclusion,
    /// Name, number, birth date, position or rank.
    Particulars,
    /// Phone number.
    Phone,
}

/// What becomes of an application that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForApplication {
    Nothing,
    /// Back to the applicant if nobody has approved its issue yet: another head has to decide.
    StartOver,
    /// The identity check is open again and what invitation there was is void.
    CheckAgain,
    /// Over; what invitation there was is void.
    End,
}

/// What becomes of a live badge, and with it of its wallet account, sessions and copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForBadge {
    Nothing,
    /// Its claims are out of date: the next copies carry the new ones.
    NewCopies,
    /// Stopped until the official is back.
    Suspend,
    /// Good again, if it was this leave that stopped it.
    Resume,
    /// Ended for good.
    Revoke,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub event: Event,
    /// What the record says afterwards, where the event decides it.
    pub status: Option<EmployeeStatus>,
    pub application: ForApplication,
    pub badge: ForBadge,
    /// Why, as the badge carries it.
    pub reason: Option<Reason>,
}

const fn rule(
    event: Event,
    status: Option<EmployeeStatus>,
    application: ForApplication,
    badge: ForBadge,
    reason: Option<Reason>,
) -> Rule {
    Rule { event, status, application, badge, reason }
}

/// The table.
pub const RULES: [Rule; 12] = [
    rule(Event::Hire, Some(EmployeeStatus::Serving), ForApplication::Nothing, ForBadge::Nothing, None),
    rule(Event::Transfer, None, ForApplication::StartOver, ForBadge::NewCopies, None),
    rule(Event::Move, None, ForApplication::End, ForBadge::NewCopies, None),
    rule(
        Event::Leave,
        Some(EmployeeStatus::Leave),
        ForApplication::End,
        ForBadge::Suspend,
        Some(Reason::Leave),
    ),
    rule(
        Event::Return,
        Some(EmployeeStatus::Serving),
        ForApplication::Nothing,
        ForBadge::Resume,
        Some(Reason::Returned),
    ),
    rule(Event::Dispatch, Some(EmployeeStatus::Dispatched), ForApplication::Nothing, ForBadge::Nothing, None),
    rule(
        Event::Retirement,
        Some(EmployeeStatus::Retired),
        ForApplication::End,
        ForBadge::Revoke,
        Some(Reason::EmploymentEnded),
    ),
    rule(
        Event::Death,
        Some(EmployeeStatus::Dead),
        ForApplication::End,
        ForBadge::Revoke,
        Some(Reason::EmploymentEnded),
    ),
    rule(
        Event::Reinstatement,
        Some(EmployeeStatus::Serving),
        ForApplication::Nothing,
        ForBadge::Nothing,
        None,
    ),
    rule(Event::Exclusion, None, ForApplication::End, ForBadge::Revoke, Some(Reason::Excluded)),
    rule(Event::Particulars, None, ForApplication::Nothing, ForBadge::NewCopies, None),
    rule(Event::Phone, None, ForApplication::CheckAgain, ForBadge::Nothing, None),
];

impl Event {
    /// Its line of the table.
    pub const fn rule(self) -> &'static Rule {
        let [
            hire,
            transfer,
            moved,
            leave,
            back,
            dispatch,
            retirement,
            death,
            again,
            exclusion,
            particulars,
            phone,
        ] = &RULES;
        match self {
            Self::Hire => hire,
            Self::Transfer => transfer,
            Self::Move => moved,
            Self::Leave => leave,
            Self::Return => back,
            Self::Dispatch => dispatch,
            Self::Retirement => retirement,
            Self::Death => death,
            Self::Reinstatement => again,
            Self::Exclusion => exclusion,
            Self::Particulars => particulars,
            Self::Phone => phone,
        }
    }

    /// The word in the database and in the audit record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hire => "hire",
            Self::Transfer => "transfer",
            Self::Move => "move",
            Self::Leave => "leave",
            Self::Return => "return",
            Self::Dispatch => "dispatch",
            Self::Retirement => "retirement",
            Self::Death => "death",
            Self::Reinstatement => "reinstatement",
            Self::Exclusion => "exclusion",
            Self::Particulars => "particulars",
            Self::Phone => "phone",
        }
    }

    /// Reads the word of the database.
    pub fn parse(word: &str) -> Option<Self> {
        RULES.iter().map(|rule| rule.event).find(|event| event.as_str() == word)
    }

    /// Key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hire => "employment.event.hire",
            Self::Transfer => "employment.event.transfer",
            Self::Move => "employment.event.move",
            Self::Leave => "employment.event.leave",
            Self::Return => "employment.event.return",
            Self::Dispatch => "employment.event.dispatch",
            Self::Retirement => "employment.event.retirement",
            Self::Death => "employment.event.death",
            Self::Reinstatement => "employment.event.reinstatement",
            Self::Exclusion => "employment.event.exclusion",
            Self::Particulars => "employment.event.particulars",
            Self::Phone => "employment.event.phone",
        }
    }

    /// Whether it ends a badge for good: what a person has to look at if there are many.
    pub const fn ends_badge(self) -> bool {
        matches!(self.rule().badge, ForBadge::Revoke)
    }
}

impl ForApplication {
    /// Key of its sentence in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nothing => "employment.application.nothing",
            Self::StartOver => "employment.application.start_over",
            Self::CheckAgain => "employment.application.check_again",
            Self::End => "employment.application.end",
        }
    }
}

impl ForBadge {
    /// Key of its sentence in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Nothing => "employment.badge.nothing",
            Self::NewCopies => "employment.badge.new_copies",
            Self::Suspend => "employment.badge.suspend",
            Self::Resume => "employment.badge.resume",
            Self::Revoke => "employment.badge.revoke",
        }
    }
}

/// What the table compares of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub status: EmployeeStatus,
    pub agency_code: String,
    /// Whether that agency's officials may have a badge at all.
    pub agency_takes_part: bool,
    pub department_id: String,
    pub phone: String,
    /// Name, number, birth date, position and rank in one text, to be compared only.
    pub particulars: String,
}

/// What happened between two records, in the order in which it takes effect. Empty: nothing the table knows.
pub fn events(before: Option<&Facts>, after: &Facts) -> Vec<Event> {
    use EmployeeStatus::{Dead, Dispatched, Leave, Retired, Serving};

    let Some(before) = before else {
        return vec![Event::Hire];
    };
    let mut events = Vec::new();
    match (before.status, after.status) {
        (from, to) if from == to => {}
        (_, Retired) => events.push(Event::Retirement),
        (_, Dead) => events.push(Event::Death),
        (Retired | Dead, to) => {
            events.push(Event::Reinstatement);
            match to {
                Leave => events.push(Event::Leave),
                Dispatched => events.push(Event::Dispatch),
                Serving | Retired | Dead => {}
            }
        }
        (_, Leave) => events.push(Event::Leave),
        (Leave, Dispatched) => events.extend([Event::Return, Event::Dispatch]),
        (_, Dispatched) => events.push(Event::Dispatch),
        (_, Serving) => events.push(Event::Return),
    }
    if before.agency_code != after.agency_code {
        events.push(Event::Move);
        if !after.agency_takes_part {
            events.push(Event::Exclusion);
        }
    } else if before.department_id != after.department_id {
        events.push(Event::Transfer);
    }
    if before.particulars != after.particulars {
        events.push(Event::Particulars);
    }
    if before.phone != after.phone {
        events.push(Event::Phone);
    }
    events
}
