//! `mapae relying-party`: registration from the command line, until the console has it.

use std::sync::Arc;

use credential::path::{ClaimPath, Step};
use credential::types::{Bilingual, Format};
use openid::approval::Level;

use super::foreign::{self, Entry, EntryError, ForeignStatus, Issuer};
use super::outgoing;
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
    /// Set where results are brought to a relying party, or end that.
    Webhook {
        /// OAuth client id.
        id: String,
        /// An https address; without it no results are brought any more.
        url: Option<String>,
    },
    /// Credentials of other issuers that a relying party may ask for.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// List the registered relying parties.
    List {
        /// One JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
}

/// What can be changed about the credentials of other issuers.
#[derive(Debug, clap::Subcommand)]
pub enum TrustCommand {
    /// Let a relying party ask for a type of another issuer; an entry for the same type is replaced.
    Add(Box<TrustAdd>),
    /// Take a type away again.
    Remove {
        /// OAuth client id.
        id: String,
        /// dc+sd-jwt or mso_mdoc.
        #[arg(long, value_parser = format)]
        format: Format,
        /// `vct`, or document type.
        #[arg(long = "type")]
        kind: String,
    },
    /// List what a relying party takes of other issuers.
    List {
        /// OAuth client id.
        id: String,
        /// One JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
}

/// A type of another issuer.
#[derive(Debug, clap::Args)]
pub struct TrustAdd {
    /// OAuth client id of the relying party.
    id: String,
    /// dc+sd-jwt or mso_mdoc.
    #[arg(long, value_parser = format)]
    format: Format,
    /// `vct`, or document type.
    #[arg(long = "type")]
    kind: String,
    /// Whose credentials they are, in Korean.
    #[arg(long)]
    name_ko: String,
    /// Whose credentials they are, in English.
    #[arg(long)]
    name_en: String,
    /// A file with root certificates (PEM, or one in DER); may be given several times.
    #[arg(long = "root", required_unless_present = "did", conflicts_with = "did")]
    roots: Vec<std::path::PathBuf>,
    /// The issuer's DID: believed are the keys that its document names for signing now.
    #[arg(long)]
    did: Option<String>,
    /// A claim it may ask for: a name, namespace/element of a mobile document, or a path as a JSON array. Several times.
    #[arg(long = "claim", value_parser = claim_path)]
    claims: Vec<ClaimPath>,
    /// What is done about suspension and revocation.
    #[arg(long, value_enum, default_value = "required")]
    status: ForeignStatus,
    /// Let queries waive holder binding: whoever has the text passes.
    #[arg(long)]
    unbound: bool,
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| "dc+sd-jwt or mso_mdoc".to_owned())
}

fn claim_path(text: &str) -> Result<ClaimPath, String> {
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    match text.split_once('/') {
        Some((space, element)) => {
            ClaimPath::new(vec![Step::Key(space.to_owned()), Step::Key(element.to_owned())])
                .map_err(|error| error.to_string())
        }
        None => Ok(ClaimPath::claim(text)),
    }
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
    /// Demand a PIN, and a phone whose hardware a maker that the operator trusts vouches for.
    #[arg(long)]
    hardware: bool,
    /// Let the phone remember that its holder agreed to what this relying party asks.
    #[arg(long)]
    remember_consent: bool,
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
                acr: match (add.hardware, add.pin) {
                    (true, _) => Level::Hardware,
                    (false, true) => Level::Pin,
                    (false, false) => Level::Base,
                },
                remembers: add.remember_consent,
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
        Command::Webhook { id, url } => webhook(&platform, &id, url).await?,
        Command::Trust(command) => trust(&platform, command).await?,
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
    let claims: Vec<String> = super::exchange::types(platform)?
        .flat_map(|kind| kind.claims.iter().map(|claim| super::api::registered_name(kind, claim.name())))
        .collect();
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

/// Sets where results are brought, with its audit record.
///
/// # Errors
/// The address may not be called, the relying party is not registered, or the store.
pub async fn webhook(platform: &Platform, id: &str, url: Option<String>) -> Result<String, AnyError> {
    if let Some(url) = &url
        && outgoing::judge(platform, url).is_none()
    {
        return Err(format!(
            "{url} may not be called: https to a public address, or to a network of verification.private_networks"
        )
        .into());
    }
    let said = match &url {
        Some(url) => format!("results for {id} are brought to {url}"),
        None => format!("results for {id} are not brought any more"),
    };
    let id = id.to_owned();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            relying_party::set_webhook(tx, &id, url.as_deref()).await?;
            record(tx, "relying_party.webhook_set", &id).await
        })
    });
    unit.await?;
    Ok(said)
}

async fn trust(platform: &Platform, command: TrustCommand) -> Result<String, AnyError> {
    match command {
        TrustCommand::Add(add) => {
            let issuer = match &add.did {
                Some(did) => foreign::resolve(platform, did).await?,
                None => Issuer::Roots(roots(&add.roots)?),
            };
            let TrustAdd { id, format, kind, name_ko, name_en, claims, status, unbound, .. } = *add;
            let name = Bilingual { ko: name_ko, en: name_en };
            let said = format!("{id} may ask for {kind} ({})", format.as_str());
            accept(platform, &id, Entry { format, kind, name, claims, status, unbound, issuer }).await?;
            Ok(said)
        }
        TrustCommand::Remove { id, format, kind } => {
            let said = format!("{id} may no longer ask for {kind} ({})", format.as_str());
            let unit = platform.store.write(move |tx| {
                Box::pin(async move {
                    foreign::remove(tx, &id, format, &kind).await?;
                    record(tx, "relying_party.trust_removed", &id).await
                })
            });
            unit.await?;
            Ok(said)
        }
        TrustCommand::List { id, json } => {
            let all = foreign::of(&platform.store, &id).await?;
            if json {
                let all = all.iter().map(|one| {
                    serde_json::json!({
                        "format": one.format.as_str(), "type": one.kind, "name": one.name, "claims": one.claims,
                        "status": one.status, "unbound": one.unbound, "believed": one.believed(),
                    })
                });
                return Ok(serde_json::Value::from_iter(all).to_string());
            }
            let lines = all.iter().map(|one| {
                format!(
                    "{:<10} {:<40} {:<9} {}",
                    one.format.as_str(),
                    one.kind,
                    one.status.as_str(),
                    one.name.ko
                )
            });
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// Lets a relying party ask for a type of another issuer, with its audit record.
///
/// # Errors
/// A broken rule, or the store.
pub async fn accept(platform: &Platform, id: &str, entry: Entry) -> Result<(), AnyError> {
    let badge: Vec<String> = super::badge(platform)?.type_names().map(str::to_owned).collect();
    let id = id.to_owned();
    let unit = platform.store.write(move |tx| {
        Box::pin(async move {
            foreign::put(tx, &id, &entry, &badge).await?;
            record(tx, "relying_party.trust_added", &id).await?;
            Ok::<(), EntryError>(())
        })
    });
    Ok(unit.await?)
}

/// The certificates of PEM files, or of files with one in DER.
fn roots(files: &[std::path::PathBuf]) -> Result<Vec<Vec<u8>>, AnyError> {
    let mut all = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let text =
            std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN CERTIFICATE-----"));
        let Some(text) = text else {
            all.push(bytes);
            continue;
        };
        for part in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let (body, _) = part
                .split_once("-----END CERTIFICATE-----")
                .ok_or_else(|| format!("{}: a certificate without an end", file.display()))?;
            let body: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
            let der = keys::encoding::b64_decode(&body);
            all.push(der.map_err(|_| format!("{}: no base64", file.display()))?);
        }
    }
    Ok(all)
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
                "acr": party.acr, "remember_consent": party.remembers, "subject": party.subject, "sector": party.sector,
                "id_token_alg": party.id_token_alg, "public": party.is_public(),
                "webhook_url": party.webhook_url,
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
