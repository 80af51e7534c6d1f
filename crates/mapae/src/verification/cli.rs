//! `mapae relying-party`: registration from the command line, until the console has it.

use std::sync::Arc;

use openid::approval::Level;

use super::relying_party::{self, IdTokenAlg, Registration, RegistrationError, Secrets, StartLevel, Subject};
use crate::audit;
use crate::operations::store::Tx;
use crate::operations::{Config, Platform, StoreError, SystemClock};

/// What can be asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Register a relying party; its secrets are shown once.
    Add(Box<Add>),
    /// Give a relying party new secrets; the old ones end at once.
    RenewSecrets {
        /// OAuth client id.
        id: String,
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// List the registered relying parties.
    List {
        /// One JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
}

/// A registration.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// OAuth client id: letters, digits, - _ .
    #[arg(long)]
    id: String,
    /// Name in Korean.
    #[arg(long)]
    name_ko: String,
    /// Name in English.
    #[arg(long)]
    name_en: String,
    /// A redirect URI; may be given several times.
    #[arg(long = "redirect-uri")]
    redirect_uris: Vec<String>,
    /// Badge claims it may be given, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "name,agency_name,inst_code,department,position,employee_number"
    )]
    claims: Vec<String>,
    /// From where a login may start.
    #[arg(long, value_enum, default_value = "low")]
    level: StartLevel,
    /// Demand a PIN for every login.
    #[arg(long)]
    pin: bool,
    /// Pairwise or public subject.
    #[arg(long, value_enum, default_value = "pairwise")]
    subject: Subject,
    /// Sector of the pairwise subject; needed when the redirect URIs have several hosts.
    #[arg(long)]
    sector: Option<String>,
    /// Signature of the ID token.
    #[arg(long, value_enum, default_value = "ES256")]
    id_token_alg: IdTokenAlg,
    /// A client without a secret: PKCE alone.
    #[arg(long)]
    public: bool,
    /// Give it a key for the verification API.
    #[arg(long)]
    api: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a command.
///
/// # Errors
/// The configuration, the store, or a rule of registration.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = match command {
        Command::Add(add) => {
            let (id, json) = (add.id.clone(), add.json);
            let registration = Registration {
                id: add.id,
                name_ko: add.name_ko,
                name_en: add.name_en,
                redirect_uris: add.redirect_uris,
                claims: add.claims,
                level: add.level,
                acr: if add.pin { Level::Pin } else { Level::Base },
                subject: add.subject,
                sector: add.sector,
                id_token_alg: add.id_token_alg,
                public: add.public,
                api: add.api,
            };
            let secrets = register(&platform, registration).await?;
            tell(&id, &secrets, json)
        }
        Command::RenewSecrets { id, json } => {
            let name = id.clone();
            let secrets = platform
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        let secrets = relying_party::renew_secrets(tx, &name).await?;
                        record(tx, "relying_party.secrets_renewed", &name).await?;
                        Ok::<Secrets, StoreError>(secrets)
                    })
                })
                .await?;
            tell(&id, &secrets, json)
        }
        Command::List { json } => list(&platform, json).await?,
    };
    platform.store.close().await;
    println!("{done}");
    Ok(())
}

/// Registers a relying party with its audit record and returns its secrets.
///
/// # Errors
/// A broken rule, a taken id, or the store.
pub async fn register(platform: &Platform, registration: Registration) -> Result<Secrets, AnyError> {
    let claims: Vec<String> =
        super::badge(platform)?.claims.iter().map(|claim| claim.name().to_owned()).collect();
    let secrets = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let secrets = relying_party::register(tx, &registration, &claims, now_ms).await?;
                record(tx, "relying_party.registered", &registration.id).await?;
                Ok::<Secrets, RegistrationError>(secrets)
            })
        })
        .await?;
    Ok(secrets)
}

async fn record(tx: &mut Tx, act: &str, id: &str) -> Result<(), StoreError> {
    let detail = serde_json::json!({});
    audit::record(tx, audit::Record { actor: "system", duty: "operator", act, subject: id, detail }).await
}

fn tell(id: &str, secrets: &Secrets, json: bool) -> String {
    if json {
        return serde_json::json!({
            "client_id": id, "client_secret": secrets.client_secret, "api_key": secrets.api_key,
        })
        .to_string();
    }
    let mut lines = vec![format!("client_id      {id}")];
    lines.extend(secrets.client_secret.iter().map(|secret| format!("client_secret  {secret}")));
    lines.extend(secrets.api_key.iter().map(|key| format!("api_key        {key}")));
    lines.push("These are shown once and kept as hashes only.".to_owned());
    lines.join("\n")
}

async fn list(platform: &Platform, json: bool) -> Result<String, StoreError> {
    let parties = relying_party::list(&platform.store).await?;
    if json {
        let parties = parties.iter().map(|party| {
            serde_json::json!({
                "client_id": party.id, "name_ko": party.name_ko, "name_en": party.name_en,
                "redirect_uris": party.redirect_uris, "claims": party.claims, "level": party.level,
                "acr": party.acr, "subject": party.subject, "sector": party.sector,
                "id_token_alg": party.id_token_alg, "public": party.is_public(),
            })
        });
        return Ok(serde_json::Value::from_iter(parties).to_string());
    }
    let lines = parties.iter().map(|party| {
        format!(
            "{:<24} {:<12} {:<6} {}",
            party.id,
            party.level.as_str(),
            party.id_token_alg.as_str(),
            party.name_ko
        )
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
