//! The command line of Mapae.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mapae::operations::roles::Role;
use mapae::operations::server::Server;
use mapae::operations::{Config, Platform, SystemClock, log, signal};

/// Open platform for mobile official IDs.
#[derive(Debug, Parser)]
#[command(name = "mapae", version, about)]
struct Arguments {
    /// Configuration file (TOML). Without one, the defaults and the environment count.
    #[arg(long, short, global = true, env = "MAPAE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM, Ctrl-C).
    Serve {
        /// Only these roles, divided by commas; without this, those of the configuration, which are all by default.
        #[arg(long, value_delimiter = ',')]
        roles: Vec<Role>,
    },
    /// The configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Accounts and duties of staff and applicants.
    #[command(subcommand)]
    Staff(mapae::staff::cli::Command),
    /// The platform's own keys: list, rotate.
    #[command(subcommand)]
    Keys(mapae::operations::cli::KeysCommand),
    /// The database as a whole: move it to another engine.
    #[command(subcommand)]
    Store(mapae::operations::transfer::cli::StoreCommand),
    /// Backups: make one while servers run, keep the published status lists.
    #[command(subcommand)]
    Backup(mapae::operations::transfer::cli::BackupCommand),
    Restore(mapae::operations::transfer::cli::RestoreCommand),
    Doctor(mapae::operations::doctor::cli::Command),
    /// HR data: import, demo data.
    #[command(subcommand)]
    Personnel(mapae::personnel::cli::Command),
    /// HR systems that push over SCIM: tokens.
    #[command(subcommand)]
    Scim(mapae::scim::cli::Command),
    /// Text messages: send one through the configured provider, tell how they stand.
    #[command(subcommand)]
    Message(mapae::notification::cli::Command),
    /// Badges: suspend, resume, revoke.
    #[command(subcommand)]
    Badge(mapae::lifecycle::cli::Command),
    /// Wallet accounts: status, wipe, unlock.
    #[command(subcommand)]
    Account(mapae::account::cli::Command),
    /// Relying parties (이용기관): register, renew secrets, list.
    #[command(subcommand)]
    RelyingParty(mapae::verification::cli::Command),
    /// How a relying party uses the login: keys, profile, sessions, logout.
    #[command(subcommand)]
    LoginClient(mapae::login::cli::Command),
    /// The audit log: copy it, check a copy.
    #[command(subcommand)]
    Audit(mapae::audit::cli::Command),
    /// The ledger of agencies: set up, register, accredit, hand over, check.
    #[command(subcommand)]
    Ledger(Box<mapae::ledger::cli::Command>),
    /// Gates: set up zones, doors and grants; enrol and run a controller.
    #[command(subcommand)]
    Gate(Box<mapae::gates::cli::Command>),
    /// Documents: seal, check, revoke certificates, who stands behind them.
    #[command(subcommand)]
    Document(Box<mapae::signatures::cli::Command>),
    /// A phone in the terminal.
    Wallet(mapae::phone::cli::Arguments),
    Demo(mapae::demo::cli::Command),
    Bench(mapae::bench::cli::Command),
    Load(mapae::bench::load::Command),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every key with its default and a note.
    Example,
    /// Read the configuration and say whether it can be used.
    Check,
    /// Print the table of every timeout, attempt limit and size bound (docs/limits.md).
    Limits,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let done = match command {
        // A phone knows nothing of a server's configuration.
        Command::Wallet(arguments) => return mapae::phone::cli::run(arguments).await,
        // So does a controller beside its door.
        Command::Gate(command) if command.is_at_the_door() => {
            return mapae::gates::cli::at_the_door(*command).await;
        }
        command => run(config.as_deref(), command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mapae: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(file: Option<&Path>, command: Command) -> Result<(), AnyError> {
    match command {
        Command::Config(ConfigCommand::Example) => {
            print!("{}", Config::example());
            return Ok(());
        }
        Command::Config(ConfigCommand::Limits) => {
            print!("{}", mapae::operations::limits::document());
            return Ok(());
        }
        _ => {}
    }
    let mut config = Config::load(file, std::env::vars())?;
    if let Command::Serve { roles } = &command
        && !roles.is_empty()
    {
        config.server.roles.clone_from(roles);
    }
    // Demonstration and measurement speak to a person; a log would talk in between.
    let quiet = matches!(command, Command::Demo(_) | Command::Bench(_) | Command::Load(_));
    log::start(if quiet { "error" } else { &config.log.level });
    match command {
        Command::Serve { .. } => serve(config).await,
        Command::Config(_) => {
            mapae::issuance::check(&config)?;
            mapae::account::check(&config)?;
            println!("ok");
            Ok(())
        }
        Command::Staff(command) => mapae::staff::cli::run(command, config).await,
        Command::Keys(command) => mapae::operations::cli::keys(command, config).await,
        Command::Doctor(command) => mapae::operations::doctor::cli::run(command, config).await,
        Command::Store(command) => mapae::operations::transfer::cli::store(command, config).await,
        Command::Backup(command) => mapae::operations::transfer::cli::backup(command, config).await,
        Command::Restore(command) => mapae::operations::transfer::cli::restore(command, config).await,
        Command::Personnel(command) => mapae::personnel::cli::run(command, config).await,
        Command::Scim(command) => mapae::scim::cli::run(command, config).await,
        Command::Message(command) => mapae::notification::cli::run(command, config).await,
        Command::Badge(command) => mapae::lifecycle::cli::run(command, config).await,
        Command::Account(command) => mapae::account::cli::run(command, config).await,
        Command::RelyingParty(command) => mapae::verification::cli::run(command, config).await,
        Command::LoginClient(command) => mapae::login::cli::run(command, config).await,
        Command::Audit(command) => mapae::audit::cli::run(command, config).await,
        Command::Ledger(command) => mapae::ledger::cli::run(*command, config).await,
        Command::Gate(command) => mapae::gates::cli::run(*command, config).await,
        Command::Document(command) => mapae::signatures::cli::run(*command, config).await,
        Command::Wallet(_) => Ok(()),
        Command::Demo(command) => mapae::demo::cli::run(command, config).await,
        Command::Bench(command) => mapae::bench::cli::run(command).await,
        Command::Load(command) => mapae::bench::load::run(command).await,
    }
}

async fn serve(config: Config) -> Result<(), AnyError> {
    // A broken credential type file is told now, with its line, and not by the first wallet.
    mapae::issuance::check(&config)?;
    mapae::account::check(&config)?;
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let server = Server::start(platform).await?;
    signal::wait().await?;
    server.stop().await;
    Ok(())
}
