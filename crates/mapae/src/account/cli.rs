//! `mapae account`: what the unlock desk does at the console, for whoever runs the server. Stopping and resuming is
//! `mapae badge`'s.
//!
//! Whoever runs these commands operates the server; the persons named by `--by` and `--second` answer for the act
//! ([`crate::staff::order`]).

use std::sync::Arc;

use serde_json::{Value, json};

use super::standing::{Standing, of_employee};
use crate::account;
use crate::lifecycle::By;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel::Employee;
use crate::staff::Duty;
use crate::staff::order::{Holder, person};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// How an official's wallet account stands.
    Status {
        #[command(flatten)]
        holder: Holder,
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
