//! The states of a badge and the only ways between them.
//!
//! `active ↔ suspended → revoked | expired | replaced`. One table tells which changes
//! there are; the conditional UPDATE of each change names the states it may leave, so that a change the table forbids is
//! not written even when two race.

use std::fmt;

use credential::status_list::Status;

/// The state of a badge, shared by all its copies in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BadgeState {
    /// Good for use.
    Active,
    /// Stopped for now: a loss report, or an order. Only an explicit resume leads back.
    Suspended,
    /// Ended for good by a person's decision or by the end of employment.
    Revoked,
    /// Ended because its validity ran out.
    Expired,
    /// Ended because a newer badge of the same employee took its place.
    Replaced,
}

impl BadgeState {
    /// Every state, in the order of a badge's life.
    pub const ALL: [Self; 5] = [Self::Active, Self::Suspended, Self::Revoked, Self::Expired, Self::Replaced];

    /// The word stored in the database and shown in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
        }
    }

    /// Reads the stored word; `None` for a word this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// A live badge occupies the employee's one place: active or suspended.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }

    /// The whole table of changes.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Active, Self::Suspended | Self::Revoked | Self::Expired | Self::Replaced)
                | (Self::Suspended, Self::Active | Self::Revoked | Self::Expired | Self::Replaced)
        )
    }

    /// The tone it is shown in and the key of its name in the catalogue.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Active => ("good", "badge.state.active"),
            Self::Suspended => ("wait", "badge.state.suspended"),
            Self::Revoked => ("bad", "badge.state.revoked"),
            Self::Expired => ("done", "badge.state.expired"),
            Self::Replaced => ("done", "badge.state.replaced"),
        }
    }

    /// What the status lists say of it (Token Status List §7.1).
    pub const fn status(self) -> Status {
        match self {
            Self::Active => Status::Valid,
            Self::Suspended => Status::Suspended,
            Self::Revoked | Self::Expired | Self::Replaced => Status::Invalid,
        }
    }
}

impl fmt::Display for BadgeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a badge is in its state. A code, never free text: what a person wrote belongs in the audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Issued on an approved application.
    Issued,
    /// The phone was reported lost.
    Loss,
    /// The phone was reported stolen.
    Theft,
    /// The phone came back to its holder.
    Found,
    /// The report was a mistake.
    Mistake,
    /// The holder is on leave (휴직).
    Leave,
    /// The holder is back from leave.
    Returned,
    /// The holder no longer serves.
    EmploymentEnded,
    /// The holder's agency or group no longer takes part.
    Excluded,
    /// The device or its keys are not trusted any more.
    Compromised,
    /// Ordered by the agency.
    Order,
    /// A newer badge took its place.
    Replaced,
    /// Its validity ran out.
    Expired,
    /// After a restore: it had ended or been stopped since the backup, as what was published then says.
    Restored,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::Issued,
        Self::Loss,
        Self::Theft,
        Self::Found,
        Self::Mistake,
        Self::Leave,
        Self::Returned,
        Self::EmploymentEnded,
        Self::Excluded,
        Self::Compromised,
        Self::Order,
        Self::Replaced,
        Self::Expired,
        Self::Restored,
    ];

    /// The stored code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Loss => "loss",
            Self::Theft => "theft",
            Self::Found => "found",
            Self::Mistake => "mistake",
            Self::Leave => "leave",
            Self::Returned => "returned",
            Self::EmploymentEnded => "employment_ended",
            Self::Excluded => "excluded",
            Self::Compromised => "compromised",
            Self::Order => "order",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Restored => "restored",
        }
    }

    /// The key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Issued => "badge.reason.issued",
            Self::Loss => "badge.reason.loss",
            Self::Theft => "badge.reason.theft",
            Self::Found => "badge.reason.found",
            Self::Mistake => "badge.reason.mistake",
            Self::Leave => "badge.reason.leave",
            Self::Returned => "badge.reason.returned",
            Self::EmploymentEnded => "badge.reason.employment_ended",
            Self::Excluded => "badge.reason.excluded",
            Self::Compromised => "badge.reason.compromised",
            Self::Order => "badge.reason.order",
            Self::Replaced => "badge.reason.replaced",
            Self::Expired => "badge.reason.expired",
            Self::Restored => "badge.reason.restored",
        }
    }

    /// Reads a stored or received code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }
}
