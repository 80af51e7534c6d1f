//! A loss report: one transaction that stops badge, account, copies, sessions and offers, and notes what was done.

use http::StatusCode;

use crate::lifecycle::{self, Badge, By, ChangeError, Reason};
use crate::operations::problem::Problem;
use crate::operations::store::{Row, Store, StoreError, params};
use crate::operations::{Platform, id};
use crate::personnel::{self, PersonnelError};
use crate::{account, audit, notification};

/// Why nothing was reported.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    #[error("the code is not right")]
    WrongCode { tries_left: i64 },
    #[error("too many wrong codes from this source")]
    TooMany { retry_after_ms: i64 },
    #[error("there is no such person, or none in reach of this duty")]
    Unknown,
    #[error("a duty does not report for itself: use the portal")]
    Own,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LossError> for Problem {
    fn from(error: LossError) -> Self {
        match error {
            LossError::WrongCode { tries_left } => {
                Self::new(StatusCode::FORBIDDEN, "loss_code_wrong").with("tries_left", tries_left)
            }
            LossError::TooMany { retry_after_ms } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "loss_too_many")
                    .with("minutes", (retry_after_ms / 60_000).max(1))
            }
            LossError::Unknown => Self::new(StatusCode::NOT_FOUND, "loss_unknown"),
            LossError::Own => Self::new(StatusCode::FORBIDDEN, "loss_own"),
            LossError::Personnel(error) => error.into(),
            LossError::Store(error) => error.into(),
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// The word in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What happened to the phone.
    Cause { Loss = "loss", Theft = "theft" }
}

words! {
    /// The way a report came.
    Way {
        /// The holder at the portal.
        Portal = "portal",
        /// The code on paper, at the public page.
        Code = "code",
        /// At a desk of the agency.
        Desk = "desk",
        /// By telephone, called back.
        Call = "call",
    }
}

impl Cause {
    /// Why the badge is suspended.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Loss => Reason::Loss,
            Self::Theft => Reason::Theft,
        }
    }
}

/// What is reported.
#[derive(Clone, Debug)]
pub struct Report {
    pub employee_id: String,
    pub cause: Cause,
    pub way: Way,
    /// Who reports, in which duty; `None` for whoever knew the code.
    pub by: Option<By>,
}

/// What a report did.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub reported_at: i64,
    /// From the moment the report was taken to the durable end of everything, in milliseconds.
    pub took_ms: i64,
    /// The badge that is suspended now, if there was one to suspend.
    pub badge: Option<Badge>,
}

/// A report as the desk lists it.
#[derive(Clone, Debug)]
pub struct Noted {
    pub id: String,
    pub employee_id: String,
    pub badge_id: Option<String>,
    pub cause: Cause,
    pub way: Way,
    pub reported_by: Option<String>,
    pub reported_at: i64,
    pub stopped_at: Option<i64>,
}

impl Noted {
    /// The key of the way it came.
    pub const fn way_key(&self) -> &'static str {
        match self.way {
            Way::Portal => "loss.way.portal",
            Way::Code => "loss.way.code",
            Way::Desk => "loss.way.desk",
            Way::Call => "loss.way.call",
        }
    }

    /// The key of what happened.
    pub const fn cause_key(&self) -> &'static str {
        match self.cause {
            Cause::Loss => "loss.cause.loss",
            Cause::Theft => "loss.cause.theft",
        }
    }

    /// How long the stop took (ms); `None` when nothing was left to stop.
    pub fn took_ms(&self) -> Option<i64> {
        self.stopped_at.map(|stopped| stopped - self.reported_at)
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let (cause, way) = (row.text("cause")?, row.text("way")?);
        let word = |column: &str| StoreError::Column(column.to_owned(), "holds an unknown word".to_owned());
        Ok(Self {
            id: row.text("id")?,
            employee_id: row.text("employee_id")?,
            badge_id: row.opt_text("badge_id")?,
            cause: Cause::parse(&cause).ok_or_else(|| word("cause"))?,
            way: Way::parse(&way).ok_or_else(|| word("way"))?,
            reported_by: row.opt_text("reported_by")?,
            reported_at: row.int("reported_at")?,
            stopped_at: row.opt_int("stopped_at")?,
        })
    }
}

/// Columns as [`Noted::read`] reads them.
macro_rules! select_report {
    ($rest:literal) => {
        concat!(
            "SELECT id, employee_id, badge_id, cause, way, reported_by, reported_at, stopped_at FROM loss_report ",
            $rest
        )
    };
}
pub(super) use select_report;

/// Stops whatever the person has, and notes the report. A second report of a phone that is stopped already changes
/// nothing but is noted.
pub async fn report(platform: &Platform, report: Report) -> Result<Receipt, LossError> {
    let reported_at = platform.now_ms();
    let agency = personnel::employee_agency(platform, &report.employee_id).await?;
    let agency_code = agency.ok_or(LossError::Unknown)?.code;
    let report_id = id::new();
    // Never the lost phone: the other one that its owner named.
    let notice = notification::second_notice(platform, &report.employee_id, "loss.sms.stopped", &[]).await?;
    let badge = {
        let report = report.clone();
        platform
            .store
            .write::<_, LossError, _>(move |tx| {
                Box::pin(async move {
                    let Report { employee_id, cause, way, by } = report;
                    let reported_by = by.as_ref().map(|by| by.actor.clone());
                    let by = by.unwrap_or(By { actor: "code".to_owned(), duty: "holder".to_owned() });
                    let stopped = match lifecycle::stop_employee(tx, &employee_id, &by, cause.reason()).await
                    {
                        Ok(stopped) => stopped,
                        Err(ChangeError::Store(error)) => return Err(error.into()),
                        // It ended while the report was on its way: nothing is left to stop.
                        Err(_) => None,
                    };
                    // Not by a read before: of many reports at once, each would have read an active badge.
                    let stopped_before = stopped.as_ref().is_some_and(|stopped| !stopped.by_this);
                    let badge = stopped.map(|stopped| stopped.badge);
                    // A phone that waits for its badge stops too, unless it is the one that follows a lost one.
                    if !stopped_before {
                        account::suspend_all(tx, &employee_id).await?;
                    }
                    let stopped_at = badge.as_ref().filter(|_| !stopped_before).map(|_| tx.now_ms());
                    tx.execute(
                        "INSERT INTO loss_report (id, employee_id, agency_code, badge_id, cause, way, \
                         reported_by, reported_at, stopped_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                        params![
                            report_id.as_str(),
                            employee_id.as_str(),
                            agency_code,
                            badge.as_ref().map(|badge| badge.id.clone()),
                            cause.as_str(),
                            way.as_str(),
                            reported_by,
                            reported_at,
                            stopped_at
                        ],
                    )
                    .await?;
                    let detail = serde_json::json!({ "way": way.as_str(), "cause": cause.as_str() });
                    let record = audit::Record {
                        actor: &by.actor,
                        duty: &by.duty,
                        act: "loss.reported",
                        subject: &employee_id,
                        detail,
                    };
                    audit::record(tx, record).await?;
                    if let Some(notice) = notice.filter(|_| stopped_at.is_some()) {
                        notification::enqueue(tx, notice).await?;
                    }
                    Ok(badge)
                })
            })
            .await?
    };
    Ok(Receipt { reported_at, took_ms: platform.now_ms() - reported_at, badge })
}

/// The reports about one person, newest first.
pub async fn of_employee(store: &Store, employee_id: &str) -> Result<Vec<Noted>, StoreError> {
    let rows = store
        .fetch_all(
            select_report!("WHERE employee_id = $1 ORDER BY reported_at DESC, id DESC LIMIT 20"),
            params![employee_id],
        )
        .await?;
    rows.iter().map(Noted::read).collect()
}
