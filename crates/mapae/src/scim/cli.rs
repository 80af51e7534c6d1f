//! `mapae scim token …`: tokens for HR systems, by whoever operates the server.

use std::sync::Arc;

use super::token::{self, Right};
use crate::operations::{Config, Platform, SystemClock};
use crate::personnel;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Tokens of HR systems that push over SCIM 2.0.
    #[command(subcommand)]
    Token(TokenCommand),
}

/// Tokens.
#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown once.
    Make {
        /// Which HR system it is for.
        name: String,
        /// The agency it reaches, with those below it (행정표준코드).
        #[arg(long)]
        agency: String,
        /// What it may do, separated by commas.
        #[arg(long, value_delimiter = ',', value_parser = parse_right,
              default_value = "users.read,users.write,groups.read,groups.write")]
        rights: Vec<Right>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// End a token at once.
    Revoke { id: String },
    /// List the tokens, with when each was last used.
    List {
        /// Print one JSON array.
        #[arg(long)]
        json: bool,
    },
}

fn parse_right(text: &str) -> Result<Right, String> {
    Right::parse(text).ok_or_else(|| format!("one of {}", Right::ALL.map(Right::as_str).join(", ")))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
pub async fn run(Command::Token(command): Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    done
}

async fn perform(platform: &Platform, command: TokenCommand) -> Result<(), AnyError> {
    match command {
        TokenCommand::Make { name, agency, rights, json } => {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
                return Err("a name has 1 to 100 letters".into());
            }
            if personnel::agency(platform, &agency).await?.is_none() {
                return Err(format!("there is no agency {agency}").into());
            }
            let (id, token) = token::make(platform, name, &agency, &rights, "operator").await?;
            if json {
                println!("{}", serde_json::json!({ "id": id, "token": token }));
            } else {
                println!("{id}\n{token}\nKeep it now: it is not shown again.");
            }
        }
        TokenCommand::Revoke { id } => {
            if !token::revoke(platform, &id, "operator").await? {
                return Err("there is no such token, or it has ended".into());
            }
            println!("ended");
        }
        TokenCommand::List { json } => {
            let tokens = token::list(platform).await?;
            if json {
                println!("{}", serde_json::to_string(&tokens)?);
            } else {
                for token in tokens {
                    let state = if token.ended_at.is_some() { "ended" } else { "good" };
                    println!(
                        "{}  {state}  {}  {}  {}",
                        token.id, token.agency_code, token.rights, token.name
                    );
                }
            }
        }
    }
    Ok(())
}
