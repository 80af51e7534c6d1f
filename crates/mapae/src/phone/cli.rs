//! Commands of this folder.

use crate::operations::Config;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs a command.
pub async fn run(command: Command, _config: Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match command {}
}
