//! The states of an application and what leads from one to the next. No I/O: the table that everything else obeys.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// With the applicant: not yet sent, or returned for completion.
    Draft,
    /// With the department head.
    Submitted,
    /// With the HR desk, for the identity check.
    HeadApproved,
    /// With the HR desk, for the issue approval by another person.
    IdentityChecked,
    /// Approved; the message with the install address is on its way.
    IssueApproved,
    /// The message is out; with the applicant's phone.
    Invited,
    /// The badge is in the wallet.
    Issued,
    /// Refused with a reason.
    Rejected,
    /// Taken back by the applicant.
    Withdrawn,
    /// Nobody moved it in time.
    Expired,
}

/// What is done to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Create,
    Submit,
    HeadApprove,
    CheckIdentity,
    ApproveIssue,
    Invite,
    Issue,
    Reject,
    Return,
    Withdraw,
    Expire,
    /// A new invitation in place of one that ran out, was void or got lost.
    InviteAgain,
    /// Too many wrong codes or wrong answers: the invitation is void, the HR desk has to look.
    VoidInvitation,
    /// The phone number changed after the identity check: the check is done again.
    Reopen,
}

/// A step that takes a person with a duty. One person takes at most one of them in an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The applicant's own hand.
    Apply,
    /// 부서장 결재.
    HeadApproval,
    /// 신원확인.
    IdentityCheck,
    /// 발급 승인.
    IssueApproval,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Draft,
        Self::Submitted,
        Self::HeadApproved,
        Self::IdentityChecked,
        Self::IssueApproved,
        Self::Invited,
        Self::Issued,
        Self::Rejected,
        Self::Withdrawn,
        Self::Expired,
    ];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::HeadApproved => "head_approved",
            Self::IdentityChecked => "identity_checked",
            Self::IssueApproved => "issue_approved",
            Self::Invited => "invited",
            Self::Issued => "issued",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// Reads the word of the database.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether something may still happen; an employee has at most one open application.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Issued | Self::Rejected | Self::Withdrawn | Self::Expired)
    }

    /// The state `act` leads to, or `None` if it may not be done here.
    pub const fn after(self, act: Act) -> Option<Self> {
        Some(match (self, act) {
            (Self::Draft, Act::Submit) => Self::Submitted,
            (Self::Submitted, Act::HeadApprove) => Self::HeadApproved,
            (Self::HeadApproved, Act::CheckIdentity) => Self::IdentityChecked,
            (Self::IdentityChecked, Act::ApproveIssue) => Self::IssueApproved,
            (Self::IssueApproved, Act::Invite) => Self::Invited,
            (Self::IssueApproved | Self::Invited, Act::Issue) => Self::Issued,
            (Self::IssueApproved | Self::Invited, Act::InviteAgain) => Self::IssueApproved,
            (Self::IdentityChecked | Self::IssueApproved | Self::Invited, Act::Reopen) => Self::HeadApproved,
            (state @ (Self::IssueApproved | Self::Invited), Act::VoidInvitation) => state,
            (Self::Submitted | Self::HeadApproved | Self::IdentityChecked, Act::Reject) => Self::Rejected,
            (Self::Submitted | Self::HeadApproved | Self::IdentityChecked, Act::Return) => Self::Draft,
            (state, Act::Withdraw) if state.is_open() => Self::Withdrawn,
            (state, Act::Expire) if state.is_open() => Self::Expired,
            _ => return None,
        })
    }

    /// The step that waits for a person with a duty in this state.
    pub const fn awaits(self) -> Option<Step> {
        match self {
            Self::Submitted => Some(Step::HeadApproval),
            Self::HeadApproved => Some(Step::IdentityCheck),
            Self::IdentityChecked => Some(Step::IssueApproval),
            _ => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 14] = [
        Self::Create,
        Self::Submit,
        Self::HeadApprove,
        Self::CheckIdentity,
        Self::ApproveIssue,
        Self::Invite,
        Self::Issue,
        Self::Reject,
        Self::Return,
        Self::Withdraw,
        Self::Expire,
        Self::InviteAgain,
        Self::VoidInvitation,
        Self::Reopen,
    ];

    /// Reads the word of the database.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == word)
    }

    /// The word in the database and in the audit record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Submit => "submit",
            Self::HeadApprove => "head_approve",
            Self::CheckIdentity => "check_identity",
            Self::ApproveIssue => "approve_issue",
            Self::Invite => "invite",
            Self::Issue => "issue",
            Self::Reject => "reject",
            Self::Return => "return",
            Self::Withdraw => "withdraw",
            Self::Expire => "expire",
            Self::InviteAgain => "invite_again",
            Self::VoidInvitation => "void_invitation",
            Self::Reopen => "reopen",
        }
    }
}

impl Step {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::HeadApproval => "head_approval",
            Self::IdentityCheck => "identity_check",
            Self::IssueApproval => "issue_approval",
        }
    }

    /// What approving means in this step.
    pub const fn approval(self) -> Act {
        match self {
            Self::Apply => Act::Submit,
            Self::HeadApproval => Act::HeadApprove,
            Self::IdentityCheck => Act::CheckIdentity,
            Self::IssueApproval => Act::ApproveIssue,
        }
    }
}

/// Why a badge is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The first badge.
    First,
    /// A new phone.
    DeviceChange,
    /// The phone was lost.
    Loss,
    /// The badge ends soon or has ended.
    Expiry,
    /// The app was deleted or its vault cannot be opened.
    Recovery,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::First, Self::DeviceChange, Self::Loss, Self::Expiry, Self::Recovery];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::DeviceChange => "device_change",
            Self::Loss => "loss",
            Self::Expiry => "expiry",
            Self::Recovery => "recovery",
        }
    }

    /// Reads the word of the database.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
