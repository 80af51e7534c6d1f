//! `mapae login-client`: how a relying party uses the login, set on the server.

use std::path::PathBuf;
use std::sync::Arc;

use super::registration::{self, ClientKeys, ClientSettings, Profile, SettingsError};
use crate::audit;
use crate::operations::{Config, Platform, SystemClock};
use crate::verification::relying_party;

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Set how a registered relying party uses the login; what is not named gets its default.
    Set(Box<Set>),
    /// Show how a relying party uses the login.
    Show {
        /// OAuth client id.
        id: String,
    },
}

/// The settings.
#[derive(Debug, clap::Args)]
pub struct Set {
    /// OAuth client id.
    id: String,
    /// The rules it is held to: standard, or fapi2 (pushed requests, private_key_jwt, DPoP).
    #[arg(long, value_enum, default_value = "standard")]
    profile: Profile,
    /// A file with its JWK Set: it authenticates by private_key_jwt from then on.
    #[arg(long, conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// Where its JWK Set lies.
    #[arg(long)]
    jwks_uri: Option<String>,
    /// Take its requests only pushed (RFC 9126).
    #[arg(long)]
    pushed_only: bool,
    /// Take its requests only signed (RFC 9101).
    #[arg(long)]
    signed_only: bool,
    /// Give it only tokens bound to a key (RFC 9449).
    #[arg(long)]
    dpop_only: bool,
    /// Give it refresh tokens.
    #[arg(long)]
    refresh: bool,
    /// Let it begin logins of devices without a browser (RFC 8628), from registered networks.
    #[arg(long)]
    device: bool,
    /// How long a login lasts at the most, in minutes.
    #[arg(long, default_value_t = 60)]
    session_minutes: u32,
    /// Where the browser may be sent after a logout; may be given several times.
    #[arg(long = "logout-uri")]
    logout_uris: Vec<String>,
    /// Where it is told that a login has ended (back-channel logout).
    #[arg(long)]
    backchannel_uri: Option<String>,
    /// A client whose tokens it may ask about; may be given several times.
    #[arg(long = "introspects")]
    introspects: Vec<String>,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
///
/// # Errors
/// The configuration, the store, or a rule of the registration.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let said = match command {
        Command::Show { id } => serde_json::to_string_pretty(&registration::of(&platform.store, &id).await?)?,
        Command::Set(set) => {
            let id = set.id.clone();
            let settings = settings(*set)?;
            put(&platform, &id, settings).await?;
            format!("{id} is set")
        }
    };
    platform.store.close().await;
    println!("{said}");
    Ok(())
}

fn settings(set: Set) -> Result<ClientSettings, AnyError> {
    let keys = match (set.jwks, set.jwks_uri) {
        (Some(file), _) => {
            let text =
                std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            ClientKeys::Inline(text)
        }
        (None, Some(address)) => ClientKeys::Address(address),
        (None, None) => ClientKeys::None,
    };
    Ok(ClientSettings {
        profile: set.profile,
        keys,
        pushed_only: set.pushed_only,
        signed_only: set.signed_only,
        dpop_only: set.dpop_only,
        refresh: set.refresh,
        device: set.device,
        session_ms: i64::from(set.session_minutes) * 60_000,
        logout_uris: set.logout_uris,
        backchannel_uri: set.backchannel_uri,
        introspects: set.introspects,
    })
}

/// Sets how a relying party uses the login, with its audit record.
///
/// # Errors
/// A broken rule, an unknown relying party, or the store.
pub async fn put(platform: &Platform, id: &str, settings: ClientSettings) -> Result<(), AnyError> {
    let party = relying_party::find(&platform.store, id).await?;
    let party = party.ok_or_else(|| format!("{id} is not registered, or disabled"))?;
    settings.check(&party)?;
    let id = id.to_owned();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            registration::put(tx, &id, &settings).await?;
            relying_party::touch(tx, &id).await?;
            let detail = serde_json::json!({ "profile": settings.profile, "device": settings.device });
            let record = audit::Record {
                actor: "system",
                duty: "operator",
                act: "relying_party.login_set",
                subject: &id,
                detail,
            };
            audit::record(tx, record).await?;
            Ok::<(), SettingsError>(())
        })
    });
    Ok(unit.await?)
}
