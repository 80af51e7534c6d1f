//! `mapae demo`

use std::path::PathBuf;

use super::ground::{Ground, Wishes};
use super::story::Story;
use super::{AnyError, walk};
use crate::operations::Config;

/// Show the whole walk, from the HR application to a login with the badge.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// End after the walk instead of leaving the server running.
    #[arg(long)]
    once: bool,
    /// Print one JSON object (each step with its milliseconds, addresses, accounts) instead of the story.
    #[arg(long)]
    json: bool,
    /// Folder for database, keys and the phone; made new, and removed at the end when not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// First of four neighbouring ports: public, console, metrics, sample relying party.
    #[arg(long, default_value_t = 8600)]
    port: u16,
    /// PostgreSQL instead of the embedded store: the URL of an empty database.
    #[arg(long)]
    store: Option<String>,
    /// How many fictional officials there are.
    #[arg(long, default_value_t = 1_000)]
    people: u64,
    /// How many applicants to bring up to their invitation, for the wallet app and for wallets of others.
    #[arg(long, default_value_t = 1)]
    standard_wallets: u64,
}

/// Runs it.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let mut story = Story::new(command.json);
    let wishes =
        Wishes { data: command.data, port: command.port, store: command.store, people: command.people };
    let ground = Ground::lay(config, wishes, &mut story).await?;
    let walked = walk::walk(&ground, &mut story).await;
    let walked = match walked {
        Ok(walked) => walk::prepare_standard_wallets(&ground, walked, command.standard_wallets).await,
        Err(error) => Err(error),
    };
    let outcome = match walked {
        Ok(walked) => {
            story.end(&ground, &walked, command.once)?;
            if command.once {
                Ok(())
            } else {
                tokio::select! {
                    stopped = crate::operations::signal::wait() => stopped.map_err(Into::into),
                    never = ground.play_registrar() => never,
                }
            }
        }
        Err(error) => Err(error),
    };
    ground.clear().await;
    outcome
}
