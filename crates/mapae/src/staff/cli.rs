//! `mapae staff`: accounts and duties, by whoever operates the server.

use std::io::IsTerminal as _;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::account::{self, CONSOLE_OPERATOR, Login};
use super::duty::Duty;
use super::password::Password;
use super::second_factor;
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make an account for an employee. The password is asked for, or read from standard input.
    Add {
        /// The id to sign in with: a-z, 0-9, dot, dash, underscore.
        login: String,
        /// The employee's agency (행정표준코드).
        #[arg(long)]
        agency: String,
        /// The employee's number.
        #[arg(long)]
        number: String,
        /// A duty over that agency and those below it; may be repeated.
        #[arg(long = "duty", value_parser = parse_duty)]
        duties: Vec<Duty>,
    },
    /// Give an employee a duty over an agency and those below it.
    Grant {
        #[arg(long)]
        agency: String,
        #[arg(long)]
        number: String,
        #[arg(value_parser = parse_duty)]
        duty: Duty,
        /// The agency the duty reaches from; the employee's own if left out.
        #[arg(long)]
        over: Option<String>,
    },
    /// Set a new password; every session of the account ends.
    Password { login: String },
    /// Take the one-time codes of an account away (the phone with the app is gone and no HR manager can); every session ends.
    ResetCodes { login: String },
    /// Close an account; every session ends.
    Close { login: String },
    /// Make the demo accounts (demo mode only).
    Demo,
}

fn parse_duty(text: &str) -> Result<Duty, String> {
    Duty::parse(text).filter(|duty| duty.is_granted()).ok_or_else(|| {
        let known: Vec<&str> =
            Duty::ALL.into_iter().filter(|duty| duty.is_granted()).map(Duty::as_str).collect();
        format!("one of {}", known.join(", "))
    })
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn ask_password() -> Result<Password, AnyError> {
    let mut text = Zeroizing::new(String::new());
    if std::io::stdin().is_terminal() {
        *text = rpassword::prompt_password("Password: ")?;
        if Zeroizing::new(rpassword::prompt_password("Again: ")?) != text {
            return Err("the two passwords differ".into());
        }
    } else {
        std::io::stdin().read_line(&mut text)?;
        let end = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(end);
    }
    Ok(Password::new(text.to_string())?)
}

async fn employee_id(platform: &Platform, agency: &str, number: &str) -> Result<String, AnyError> {
    let employee = personnel::employee_by_number(platform, agency, number).await?;
    Ok(employee.ok_or("there is no employee with this number in this agency")?.id)
}

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    done
}

async fn perform(platform: &Arc<Platform>, command: Command) -> Result<(), AnyError> {
    match command {
        Command::Add { login, agency, number, duties } => {
            let login = Login::new(&login)?;
            let employee = employee_id(platform, &agency, &number).await?;
            let made =
                account::add(platform, login.clone(), &employee, ask_password()?, CONSOLE_OPERATOR).await?;
            for duty in duties {
                account::grant(platform, &employee, duty, &agency, CONSOLE_OPERATOR).await?;
            }
            println!("{} {}", login.as_str(), if made { "added" } else { "existed already" });
        }
        Command::Grant { agency, number, duty, over } => {
            let employee = employee_id(platform, &agency, &number).await?;
            let over = over.unwrap_or(agency);
            if personnel::agency(platform, &over).await?.is_none() {
                return Err(format!("there is no agency {over}").into());
            }
            let made = account::grant(platform, &employee, duty, &over, CONSOLE_OPERATOR).await?;
            println!("{}", if made { "granted" } else { "was held already" });
        }
        Command::Password { login } => {
            account::set_password(platform, Login::new(&login)?, ask_password()?, CONSOLE_OPERATOR).await?;
            println!("set; every session of {login} has ended");
        }
        Command::ResetCodes { login } => {
            let employee = account::employee_of(platform, &Login::new(&login)?)
                .await?
                .ok_or("there is no such account")?;
            second_factor::reset_by_operator(platform, &employee).await?;
            println!(
                "the codes of {login} are gone; the password alone opens the account until new ones are set up"
            );
        }
        Command::Close { login } => {
            account::close(platform, Login::new(&login)?, CONSOLE_OPERATOR).await?;
            println!("closed");
        }
        Command::Demo => {
            super::demo::make(platform).await?;
            println!("demo accounts are ready; password {}", super::demo::PASSWORD);
        }
    }
    Ok(())
}
