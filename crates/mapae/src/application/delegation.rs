//! Deciding for another: 전결 (a standing right) and 대결 (while somebody is away), always with an end.
//!
//! Only what one holds oneself can be lent, nothing lent can be lent on, and the one who lends counts as a hand in every
//! application that is decided for them.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::{Row, StoreError, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, PersonnelError};
use crate::staff::{Actor, Duty};

/// Which way of deciding for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DelegationKind {
    /// 전결.
    Standing,
    /// 대결.
    Acting,
}

impl DelegationKind {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Acting => "acting",
        }
    }
}

/// A duty lent for a period.
#[derive(Clone, Debug)]
pub struct Delegation {
    pub id: String,
    pub kind: DelegationKind,
    pub duty: Duty,
    pub from_id: String,
    pub to_id: String,
    pub from_at: i64,
    pub until_at: i64,
}

/// Why a duty was not lent.
#[derive(Debug, thiserror::Error)]
pub enum DelegateError {
    #[error("one lends only a duty one holds oneself")]
    NotHeld,
    #[error("nobody lends to themselves")]
    Self_,
    #[error("no such employee in this agency")]
    UnknownPerson,
    #[error("the period is empty, past or too long")]
    Period,
    #[error("no such delegation of this person")]
    Unknown,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DelegateError> for Problem {
    fn from(error: DelegateError) -> Self {
        match error {
            DelegateError::NotHeld => Self::new(StatusCode::FORBIDDEN, "delegation_not_held"),
            DelegateError::Self_ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "delegation_to_self"),
            DelegateError::UnknownPerson => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "delegation_person_unknown")
            }
            DelegateError::Period => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "delegation_period")
                .with("days", limits::DELEGATION_PERIOD.get() / 86_400_000),
            DelegateError::Unknown => Self::new(StatusCode::NOT_FOUND, "delegation_unknown"),
            DelegateError::Personnel(error) => error.into(),
            DelegateError::Store(error) => error.into(),
        }
    }
}

/// What is to be lent, to whom, and for how long.
#[derive(Clone, Debug)]
pub struct Lending {
    pub kind: DelegationKind,
    pub duty: Duty,
    /// The other's employee number in the lender's agency.
    pub to_number: String,
    pub from_at: i64,
    pub until_at: i64,
}

/// Whether the actor holds the duty themselves.
pub(super) async fn holds(platform: &Platform, actor: &Actor, duty: Duty) -> Result<bool, PersonnelError> {
    Ok(match duty {
        Duty::DepartmentHead => {
            !personnel::departments_decided_by(platform, &actor.employee_id).await?.is_empty()
        }
        Duty::HrManager => actor.holds(duty),
        _ => false,
    })
}

/// Lends a duty for a period.
pub async fn lend(platform: &Platform, actor: &Actor, lending: Lending) -> Result<String, DelegateError> {
    if !holds(platform, actor, lending.duty).await? {
        return Err(DelegateError::NotHeld);
    }
    let now = platform.clock.now_ms();
    let length = lending.until_at.saturating_sub(lending.from_at);
    if lending.until_at <= now || !(1..=limits::DELEGATION_PERIOD.get()).contains(&length) {
        return Err(DelegateError::Period);
    }
    let to = personnel::employee_by_number(platform, &actor.agency_code, lending.to_number.trim())
        .await?
        .filter(|employee| employee.status.is_serving())
        .ok_or(DelegateError::UnknownPerson)?;
    if to.id == actor.employee_id {
        return Err(DelegateError::Self_);
    }
    let (delegation_id, from_id, agency) = (id::new(), actor.employee_id.clone(), actor.agency_code.clone());
    let made = delegation_id.clone();
    platform
        .store
        .write::<_, DelegateError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO application_delegation (id, kind, duty, agency_code, from_id, to_id, from_at, until_at, \
                     created_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)",
                    params![
                        delegation_id.as_str(),
                        lending.kind.as_str(),
                        lending.duty.as_str(),
                        agency,
                        from_id.as_str(),
                        to.id.as_str(),
                        lending.from_at,
                        lending.until_at,
                        now
                    ],
                )
                .await?;
                audit::record(
                    tx,
                    audit::Record {
                        actor: &from_id,
                        duty: lending.duty.as_str(),
                        act: "application.delegate",
                        subject: &delegation_id,
                        detail: serde_json::json!({
                            "to": to.id, "kind": lending.kind.as_str(), "from_at": lending.from_at, "until_at": lending.until_at,
                        }),
                    },
                )
                .await?;
                Ok(())
            })
        })
        .await?;
    Ok(made)
}

/// Takes a duty back before its end.
pub async fn take_back(platform: &Platform, actor: &Actor, delegation_id: &str) -> Result<(), DelegateError> {
    let now = platform.clock.now_ms();
    let (delegation_id, from_id) = (delegation_id.to_owned(), actor.employee_id.clone());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_optional(
                        "UPDATE application_delegation SET ended_at = $1 WHERE id = $2 AND from_id = $3 AND ended_at IS NULL \
                         AND until_at > $1 RETURNING duty",
                        params![now, delegation_id.as_str(), from_id.as_str()],
                    )
                    .await?
                    .ok_or(DelegateError::Unknown)?;
                let duty = row.text("duty")?;
                audit::record(
                    tx,
                    audit::Record {
                        actor: &from_id,
                        duty: &duty,
                        act: "application.delegation_end",
                        subject: &delegation_id,
                        detail: serde_json::json!({}),
                    },
                )
                .await?;
                Ok(())
            })
        })
        .await
}

fn of(row: &Row) -> Result<Delegation, StoreError> {
    let unreadable = |column: &str| StoreError::Column(column.to_owned(), "holds an unknown word".to_owned());
    Ok(Delegation {
        id: row.text("id")?,
        kind: match row.text("kind")?.as_str() {
            "standing" => DelegationKind::Standing,
            "acting" => DelegationKind::Acting,
            _ => return Err(unreadable("kind")),
        },
        duty: Duty::parse(&row.text("duty")?).ok_or_else(|| unreadable("duty"))?,
        from_id: row.text("from_id")?,
        to_id: row.text("to_id")?,
        from_at: row.int("from_at")?,
        until_at: row.int("until_at")?,
    })
}

/// What is lent to this person under a duty now.
pub(super) async fn to(
    platform: &Platform,
    employee_id: &str,
    duty: Duty,
) -> Result<Vec<Delegation>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, kind, duty, from_id, to_id, from_at, until_at FROM application_delegation \
             WHERE to_id = $1 AND duty = $2 AND from_at <= $3 AND until_at > $3 AND ended_at IS NULL ORDER BY id LIMIT $4",
            params![employee_id, duty.as_str(), platform.clock.now_ms(), limits::DELEGATIONS.get()],
        )
        .await?;
    rows.iter().map(of).collect()
}

/// Whether anything is lent to this person now.
pub async fn has_been_lent(platform: &Platform, employee_id: &str) -> Result<bool, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT id FROM application_delegation \
             WHERE to_id = $1 AND from_at <= $2 AND until_at > $2 AND ended_at IS NULL LIMIT 1",
            params![employee_id, platform.clock.now_ms()],
        )
        .await?;
    Ok(row.is_some())
}

/// What this person lends now or later, and what is lent to them.
pub(super) async fn around(platform: &Platform, employee_id: &str) -> Result<Vec<Delegation>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, kind, duty, from_id, to_id, from_at, until_at FROM application_delegation \
             WHERE (from_id = $1 OR to_id = $1) AND until_at > $2 AND ended_at IS NULL ORDER BY from_at, id LIMIT $3",
            params![employee_id, platform.clock.now_ms(), limits::DELEGATIONS.get()],
        )
        .await?;
    rows.iter().map(of).collect()
}
