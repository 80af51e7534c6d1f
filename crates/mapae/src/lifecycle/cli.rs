//! `mapae badge`: suspension, resumption and revocation of an official's badge, on the server's command line.
//!
//! A suspension is ordered by one person and can be taken back; a revocation is final, so it takes two: one who orders it
//! and an HR manager who agrees, neither of them the holder. Both stand in the audit log, in the transaction of the
//! change. What hangs on the badge (account, sessions, offers, copies) follows in that same transaction ([`super::change`]).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Badge, By, ChangeError, Reason, change};
use crate::audit;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::Employee;
use crate::staff::Duty;
use crate::staff::order::{Holder, person};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// How an official's badge stands.
    Status {
        #[command(flatten)]
        holder: Holder,
    },
    /// Stop an official's badge and all that hangs on it at once. Only `resume` undoes it.
    Suspend {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long, value_parser = why(&SUSPENSION))]
        reason: Reason,
    },
    /// Make a suspended badge good again.
    Resume {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long, value_parser = why(&RESUMPTION))]
        reason: Reason,
    },
    /// End an official's badge for good; its phone forgets everything. Takes two persons.
    Revoke {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
        /// Staff id of the HR manager who agrees.
        #[arg(long)]
        second: String,
        /// Why.
        #[arg(long, value_parser = why(&REVOCATION))]
        reason: Reason,
    },
}

const SUSPENSION: [Reason; 4] = [Reason::Loss, Reason::Theft, Reason::Compromised, Reason::Order];
const RESUMPTION: [Reason; 3] = [Reason::Found, Reason::Mistake, Reason::Order];
const REVOCATION: [Reason; 4] =
    [Reason::EmploymentEnded, Reason::Excluded, Reason::Compromised, Reason::Order];

/// Reads one of these reasons and names them all when it is another.
fn why(reasons: &'static [Reason]) -> impl Fn(&str) -> Result<Reason, String> + Clone + Send + Sync {
    move |text| {
        Reason::parse(text).filter(|reason| reasons.contains(reason)).ok_or_else(|| {
            let known: Vec<&str> = reasons.iter().map(|reason| reason.as_str()).collect();
            format!("one of {}", known.join(", "))
        })
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    let (as_json, badge) = done?;
    match badge {
        badge if as_json => println!("{}", badge.as_ref().map_or(Value::Null, object)),
        Some(badge) => println!("badge {}: {} ({})", badge.number(), badge.state, badge.reason.as_str()),
        None => println!("no live badge"),
    }
    Ok(())
}

fn object(badge: &Badge) -> Value {
    json!({
        "badge": badge.id,
        "number": badge.number(),
        "state": badge.state.as_str(),
        "reason": badge.reason.as_str(),
        "changed_at": badge.changed_at,
        "account": badge.account_id,
    })
}

/// What a command makes of a badge.
#[derive(Debug, Clone)]
enum Order {
    Suspend,
    Resume,
    /// With the person who agrees: employee id and duty.
    Revoke(By),
}

/// Carries a command out; whether JSON is wanted, and the badge as it is afterwards.
pub(super) async fn perform(
    platform: &Arc<Platform>,
    command: Command,
) -> Result<(bool, Option<Badge>), AnyError> {
    let officer = [Duty::SecurityOfficer, Duty::HrManager];
    let (holder, by, reason) = match &command {
        Command::Status { holder } => {
            let employee = holder.find(platform).await?;
            return Ok((holder.json, Badge::live_of_employee(&platform.store, &employee.id).await?));
        }
        Command::Suspend { holder, by, reason }
        | Command::Resume { holder, by, reason }
        | Command::Revoke { holder, by, reason, .. } => (holder, by, *reason),
    };
    let employee = holder.find(platform).await?;
    let by = named(person(platform, by, &employee, &officer).await?);
    let order = match &command {
        Command::Revoke { second, .. } => {
            let second = named(person(platform, second, &employee, &[Duty::HrManager]).await?);
            if second.actor == by.actor {
                return Err("a revocation takes two different persons".into());
            }
            Order::Revoke(second)
        }
        Command::Resume { .. } => Order::Resume,
        _ => Order::Suspend,
    };
    let badge = carry_out(platform, &employee, by, reason, order).await?;
    Ok((holder.json, Some(badge)))
}

fn named((actor, duty): (String, Duty)) -> By {
    By { actor, duty: duty.as_str().to_owned() }
}

async fn carry_out(
    platform: &Platform,
    employee: &Employee,
    by: By,
    reason: Reason,
    order: Order,
) -> Result<Badge, ChangeError> {
    let employee_id = employee.id.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let live = Badge::live_of_employee_in(tx, &employee_id).await?.ok_or(ChangeError::Unknown)?;
                match order {
                    Order::Suspend => change::suspend(tx, &live.id, &by, reason).await,
                    Order::Resume => change::resume(tx, &live.id, &by, reason).await,
                    Order::Revoke(second) => {
                        let badge = change::revoke(tx, &live.id, &by, reason).await?;
                        let detail = json!({ "reason": reason.as_str(), "ordered_by": by.actor });
                        let act = "badge.revocation_agreed";
                        let (actor, duty, subject) = (&second.actor, &second.duty, &badge.id);
                        audit::record(tx, audit::Record { actor, duty, act, subject, detail }).await?;
                        Ok(badge)
                    }
                }
            })
        })
        .await
}
