//! `mapae account`: what the loss desk and the unlock desk do at the console, for whoever runs the server.
//!
//! Whoever runs these commands operates the server; the persons named by `--by` and `--second` answer for the act
//! ([`crate::staff::order`]).

use std::sync::Arc;

use serde_json::{Value, json};

use super::standing::{Standing, of_employee};
use crate::lifecycle::{self, Badge, By, ChangeError, Reason};
use crate::operations::store::StoreError;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::Employee;
use crate::staff::Duty;
use crate::staff::order::{Holder, person};
use crate::{account, operations::store::Tx};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// How an official's wallet account stands.
    Status {
        #[command(flatten)]
        holder: Holder,
    },
    /// Stop an official's badge and account at once. Only `resume` undoes it.
    Suspend {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
        /// The phone was stolen rather than lost.
        #[arg(long)]
        stolen: bool,
    },
    /// Make a suspended badge and account good again.
    Resume {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
        /// The report was a mistake rather than the phone found again.
        #[arg(long)]
        mistake: bool,
    },
    /// Order the phone of a suspended official to forget everything, the next time it asks.
    Wipe {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the security officer or HR manager who orders it.
        #[arg(long)]
        by: String,
    },
    /// Unlock after five wrong PINs: takes two HR managers, prints the code with which the holder sets a new PIN.
    Unlock {
        #[command(flatten)]
        holder: Holder,
        /// Staff id of the first HR manager.
        #[arg(long)]
        by: String,
        /// Staff id of the second HR manager.
        #[arg(long)]
        second: String,
    },
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    let (as_json, value, text) = done?;
    if as_json {
        println!("{value}")
    } else {
        println!("{text}")
    }
    Ok(())
}

async fn perform(platform: &Arc<Platform>, command: Command) -> Result<(bool, Value, String), AnyError> {
    match command {
        Command::Status { holder } => {
            let employee = holder.find(platform).await?;
            let standing = of_employee(&platform.store, &employee.id).await?;
            let text = standing.as_ref().map_or_else(|| "no account".to_owned(), line);
            Ok((holder.json, standing.as_ref().map_or(Value::Null, object), text))
        }
        Command::Suspend { holder, by, stolen } => {
            let employee = holder.find(platform).await?;
            let by = ordered_by(platform, &by, &employee).await?;
            let reason = if stolen { Reason::Theft } else { Reason::Loss };
            change(platform, &employee, by, reason, true).await?;
            after(platform, holder.json, &employee, "suspended").await
        }
        Command::Resume { holder, by, mistake } => {
            let employee = holder.find(platform).await?;
            let by = ordered_by(platform, &by, &employee).await?;
            let reason = if mistake { Reason::Mistake } else { Reason::Found };
            change(platform, &employee, by, reason, false).await?;
            after(platform, holder.json, &employee, "resumed").await
        }
        Command::Wipe { holder, by } => {
            let employee = holder.find(platform).await?;
            let by = ordered_by(platform, &by, &employee).await?;
            let account = of_employee(&platform.store, &employee.id).await?.ok_or("there is no account")?;
            account::wipe(platform, &account.id, &by.actor, &by.duty).await?;
            after(platform, holder.json, &employee, "the phone will forget everything when it next asks")
                .await
        }
        Command::Unlock { holder, by, second } => {
            let employee = holder.find(platform).await?;
            let first = person(platform, &by, &employee, &[Duty::HrManager]).await?.0;
            let second = person(platform, &second, &employee, &[Duty::HrManager]).await?.0;
            let account = of_employee(&platform.store, &employee.id).await?.ok_or("there is no account")?;
            let code = account::unlock(platform, &account.id, &first, &second).await?;
            let value = json!({ "account": account.id, "code": code.code, "expires_at": code.expires_at });
            let text = format!(
                "unlocked; hand this code to the holder in person, it sets a new PIN within 24 hours: {}",
                code.code
            );
            Ok((holder.json, value, text))
        }
    }
}

async fn after(
    platform: &Platform,
    as_json: bool,
    employee: &Employee,
    what: &str,
) -> Result<(bool, Value, String), AnyError> {
    let now = of_employee(&platform.store, &employee.id).await?;
    Ok((as_json, now.as_ref().map_or(Value::Null, object), what.to_owned()))
}

fn line(standing: &Standing) -> String {
    format!("account {}: {:?}, {} PIN tries left", standing.id, standing.state, standing.tries_left)
}

fn object(standing: &Standing) -> Value {
    json!({
        "account": standing.id,
        "state": standing.state,
        "tries_left": standing.tries_left,
        "pin_right_at": standing.pin_right_at,
        "device": standing.device,
    })
}

async fn ordered_by(platform: &Platform, login: &str, holder: &Employee) -> Result<By, AnyError> {
    let duties = [Duty::SecurityOfficer, Duty::HrManager];
    let (actor, duty) = person(platform, login, holder, &duties).await?;
    Ok(By { actor, duty: duty.as_str().to_owned() })
}

/// Suspends or resumes the live badge with everything that hangs on it; an account that holds none yet is changed
/// alone.
async fn change(
    platform: &Platform,
    employee: &Employee,
    by: By,
    reason: Reason,
    suspend: bool,
) -> Result<(), AnyError> {
    let employee_id = employee.id.clone();
    let pending = of_employee(&platform.store, &employee.id).await?;
    platform
        .store
        .write::<_, ChangeError, _>(move |tx| {
            Box::pin(async move {
                let badge = Badge::live_of_employee_in(tx, &employee_id).await?;
                if suspend {
                    lifecycle::suspend_employee(tx, &employee_id, &by, reason).await?;
                } else if let Some(badge) = &badge {
                    lifecycle::resume(tx, &badge.id, &by, reason).await?;
                }
                match pending {
                    Some(account)
                        if badge.is_none_or(|badge| badge.account_id.as_ref() != Some(&account.id)) =>
                    {
                        alone(tx, &account.id, suspend).await.map_err(ChangeError::from)
                    }
                    _ => Ok(()),
                }
            })
        })
        .await?;
    Ok(())
}

async fn alone(tx: &mut Tx, account_id: &str, suspend: bool) -> Result<(), StoreError> {
    if suspend { account::suspend(tx, account_id).await } else { account::resume(tx, account_id).await }
}
