//! `mapae ledger …`: ceremonies, each explaining itself, and how the ledger stands.
//!
//! An act of the registrar takes the key files of as many members as the council's threshold (`--keys FOLDER`). With
//! `--offline` nothing is signed and nothing sent: what each member has to sign is printed, `mapae ledger sign` signs it
//! on a machine without a network, and `mapae ledger send` brings it to the chain. `--dry-run` asks the contract whether
//! it would take the act, and does nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use credential::trust::Statement;
use credential::types::Bilingual;
use keys::{Jwk, PublicKey};
use registry::contract::{Code, Role, call};
use registry::did::{Did, IssuerKey};
use registry::ethereum::{Address, Bytes, Signed, Transaction, address_of_text};
use registry::{Call, Prepared};
use serde_json::{Value, json};

use super::ceremony::{self, Wish};
use super::open::{self, Opened};
use super::registrar::{self, Member};
use super::{LedgerError, follow, record, standing};
use crate::operations::{Config, Platform, SystemClock, limits};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How an act of the registrar is done.
#[derive(Debug, clap::Args)]
pub struct How {
    /// Folder with the members' key files.
    #[arg(long)]
    pub(super) keys: Option<PathBuf>,
    /// Sign and send nothing: print what these members (addresses) have to sign elsewhere.
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_parser = address)]
    pub(super) offline: Vec<Address>,
    /// Ask the contract whether it would take the act, and do nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// The ledger of agencies.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make the council and the registry on the configured chain, and pin whose statements count.
    Init {
        /// The network's name, the second part of every DID: it stays when the chain changes.
        #[arg(long, value_parser = code)]
        network: Code,
        /// Folder for the members' key files; made here only where there are none.
        #[arg(long)]
        keys: PathBuf,
        /// How many members a new council has.
        #[arg(long, default_value_t = 3)]
        members: u8,
        /// How many of them it takes.
        #[arg(long, default_value_t = 2)]
        threshold: u8,
        /// Tell what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Agencies: register, give another controller, deactivate.
    #[command(subcommand)]
    Agency(AgencyCommand),
    /// Let an agency issue a type of credential with a key for a time.
    Accredit {
        #[arg(long, value_parser = code)]
        agency: Code,
        /// The agency's name in Korean.
        #[arg(long)]
        name_ko: String,
        /// The agency's name in English.
        #[arg(long)]
        name_en: String,
        /// The credential type [default: the badge].
        #[arg(long)]
        vct: Option<String>,
        /// File with the issuing key as JWK [default: the key with which this server issues].
        #[arg(long)]
        key: Option<PathBuf>,
        /// For how many days from now.
        #[arg(long, default_value_t = 1_095)]
        days: u32,
        /// File with the statement that enough members signed elsewhere; needed with --offline.
        #[arg(long)]
        statement: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Publish a new issuing key beside the present ones; accredit it, then retire the old one.
    Rotate {
        #[arg(long, value_parser = code)]
        agency: Code,
        /// File with the new key as JWK.
        #[arg(long)]
        key: PathBuf,
        /// The present keys sign no more, though what they signed can be checked.
        #[arg(long)]
        only: bool,
        #[command(flatten)]
        how: How,
    },
    /// End a key: retire it in good order, or revoke it as compromised.
    End {
        #[arg(long, value_parser = code)]
        agency: Code,
        #[arg(long)]
        key: PathBuf,
        /// The credential type [default: the badge].
        #[arg(long)]
        vct: Option<String>,
        /// It is no longer its owner's alone: nothing it signed holds any more. Final.
        #[arg(long)]
        compromised: bool,
        #[command(flatten)]
        how: How,
    },
    /// Offer the registrar's role to another council or key; it is theirs once they take it.
    Handover {
        #[arg(long, value_parser = address)]
        to: Address,
        #[command(flatten)]
        how: How,
    },
    /// Sign what `--offline` printed (a transaction or a statement) with one member's key file. Needs no network, no server and no configuration.
    Sign {
        /// File that holds one prepared transaction, or a statement.
        prepared: PathBuf,
        #[arg(long)]
        key: PathBuf,
    },
    /// Bring signed transactions (0x…, one a line) to the chain.
    Send { file: PathBuf },
    /// How the ledger stands: head, roles, what is anchored, what waits, which endpoints answer.
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Run the whole embedded chain again from its first block.
    Verify {
        #[arg(long)]
        json: bool,
    },
}

/// What can be done to an agency.
#[derive(Debug, clap::Subcommand)]
pub enum AgencyCommand {
    /// Register an agency with its DID document.
    Add {
        /// Institution code.
        #[arg(long, value_parser = code)]
        agency: Code,
        /// File with the issuing key as JWK [default: the key with which this server issues].
        #[arg(long)]
        key: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Give an agency another controller: who writes its document.
    Controller {
        #[arg(long, value_parser = code)]
        agency: Code,
        #[arg(long, value_parser = address)]
        to: Address,
        #[command(flatten)]
        how: How,
    },
    /// End an agency's DID for good.
    Deactivate {
        #[arg(long, value_parser = code)]
        agency: Code,
        #[command(flatten)]
        how: How,
    },
}

fn code(text: &str) -> Result<Code, String> {
    Code::parse(text).ok_or_else(|| "1 to 32 of a-z, 0-9 and -".to_owned())
}

fn address(text: &str) -> Result<Address, String> {
    address_of_text(text).ok_or_else(|| "an address is 0x and 40 digits, in its checksum".to_owned())
}

/// Runs a command.
pub async fn run(command: Command, config: Config) -> Result<(), AnyError> {
    if let Command::Sign { prepared, key } = &command {
        println!("{}", sign(prepared, key)?);
        return Ok(());
    }
    if let Command::Verify { json } = command {
        return standing::verify(&config, json).await;
    }
    let platform = Platform::open(config, Arc::new(SystemClock)).await?;
    let done = perform(&platform, command).await;
    platform.store.close().await;
    let (as_json, value) = done?;
    if as_json {
        println!("{value}");
    } else {
        show(&value, 0);
    }
    Ok(())
}

/// Names and values, one a line.
pub(super) fn show(value: &Value, depth: usize) {
    let Some(members) = value.as_object() else {
        println!("{:depth$}{}", "", plain(value));
        return;
    };
    for (name, value) in members {
        match value {
            Value::Object(_) => {
                println!("{:depth$}{name}:", "");
                show(value, depth.saturating_add(2));
            }
            other => println!("{:depth$}{name}: {}", "", plain(other)),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) async fn perform(
    platform: &Arc<Platform>,
    command: Command,
) -> Result<(bool, Value), LedgerError> {
    match command {
        Command::Init { network, keys, members, threshold, dry_run, json } => {
            let value = init(platform, network, &keys, (members, threshold), dry_run).await?;
            Ok((json, value))
        }
        Command::Agency(AgencyCommand::Add { agency, key, how }) => {
            let opened = open::opened(platform).await?;
            let key = key_of(platform, key.as_deref())?;
            let data = ceremony::register(platform, &opened, agency, &key);
            let told = format!("register {}", Did::new(opened.setup.network, agency));
            carry_out(platform, &opened, &how, data, told).await
        }
        Command::Agency(AgencyCommand::Controller { agency, to, how }) => {
            let opened = open::opened(platform).await?;
            let told = format!("let {to} write the document of {agency}");
            carry_out(platform, &opened, &how, call::set_controller(agency, to), told).await
        }
        Command::Agency(AgencyCommand::Deactivate { agency, how }) => {
            let opened = open::opened(platform).await?;
            let told = format!("deactivate {agency} for good; what it issued before holds until it expires");
            carry_out(platform, &opened, &how, call::deactivate_agency(agency), told).await
        }
        Command::Accredit { agency, name_ko, name_en, vct, key, days, statement, how } => {
            let opened = open::opened(platform).await?;
            let from = platform.clock.now_s();
            let wish = Wish {
                agency,
                name: Bilingual { ko: name_ko, en: name_en },
                vct: vct.map_or_else(|| ceremony::badge_type(platform), Ok)?,
                key: key_of(platform, key.as_deref())?,
                period: (from, from.saturating_add(i64::from(days).saturating_mul(86_400))),
            };
            accredit(platform, &opened, wish, statement.as_deref(), &how).await
        }
        Command::Rotate { agency, key, only, how } => {
            let opened = open::opened(platform).await?;
            let data = rotated(platform, &opened, agency, &read_jwk(&key)?, only).await?;
            let told = format!("publish a new key of {agency}; accredit it next");
            carry_out(platform, &opened, &how, data, told).await
        }
        Command::End { agency, key, vct, compromised, how } => {
            let opened = open::opened(platform).await?;
            let key = read_jwk(&key)?;
            let vct = vct.map_or_else(|| ceremony::badge_type(platform), Ok)?;
            let wish = Wish {
                agency,
                name: Bilingual { ko: String::new(), en: String::new() },
                vct,
                key,
                period: (0, 0),
            };
            let (data, told) = if compromised {
                (call::revoke(wish.triple()), "revoke the key: nothing it signed holds any more")
            } else {
                let now = platform.clock.now_s().unsigned_abs();
                (
                    call::retire(wish.triple(), now),
                    "retire the key: what it signed until now holds until it expires",
                )
            };
            carry_out(platform, &opened, &how, data, told.to_owned()).await
        }
        Command::Handover { to, how } => {
            let opened = open::opened(platform).await?;
            let told = format!(
                "offer the registrar's role to {to}, who then calls takeRole({})",
                opened.setup.council
            );
            carry_out(platform, &opened, &how, call::offer_role(Role::Registrar, to), told).await
        }
        Command::Send { file } => Ok((true, send(platform, &file).await?)),
        Command::Status { json } => Ok((json, standing::status(platform).await?)),
        Command::Sign { .. } | Command::Verify { .. } => Ok((true, Value::Null)),
    }
}

async fn init(
    platform: &Platform,
    network: Code,
    folder: &Path,
    (members, threshold): (u8, u8),
    dry_run: bool,
) -> Result<Value, LedgerError> {
    let anchorer = open::anchorer_key(platform)?.address().to_string();
    if dry_run {
        let connection = open::connect(platform).await?;
        return Ok(json!({
            "would": format!("make a council of {members}, {threshold} of whom it takes, and the registry of network {network}"),
            "chain": connection.ledger.chain_id(),
            "head": connection.ledger.head().await?.number,
            "anchorer": anchorer,
            "already": record::setup(platform).await?.is_some(),
        }));
    }
    let known = if folder.is_dir() { registrar::read_all(folder)? } else { Vec::new() };
    let members = if known.is_empty() { registrar::make(folder, members)? } else { known };
    let setup = ceremony::init(platform, network, &members, threshold).await?;
    Ok(json!({
        "network": setup.network.to_string(),
        "chain": setup.chain_id,
        "registry": setup.registry.to_string(),
        "council": setup.council.to_string(),
        "members": registrar::addresses(&members).iter().map(Address::to_string).collect::<Vec<_>>(),
        "anchorer": anchorer,
        "next": "take the members' key files to devices without a network, one each, and delete them here",
    }))
}

async fn carry_out(
    platform: &Platform,
    opened: &Opened,
    how: &How,
    data: Bytes,
    told: String,
) -> Result<(bool, Value), LedgerError> {
    if how.dry_run {
        let call = Call { from: opened.setup.council, to: Some(opened.setup.registry), data };
        let verdict = opened.connection.ledger.call(call).await;
        let verdict =
            verdict.map_or_else(|error| error.to_string(), |_| "the registry would take it".to_owned());
        return Ok((how.json, json!({ "would": told, "verdict": verdict })));
    }
    if !how.offline.is_empty() {
        let prepared = ceremony::prepare(opened, &how.offline, &data).await?;
        let each: Vec<Value> = prepared.iter().map(written).collect();
        return Ok((true, json!({ "act": told, "to_sign": each })));
    }
    let members = members(how)?;
    let receipt = ceremony::act(opened, &members, &data).await?;
    let changes = follow::follow(platform).await?;
    let value = json!({
        "done": told,
        "transaction": receipt.transaction.to_string(),
        "block": receipt.block,
        "gas": receipt.gas_used,
        "trust_list_changes": changes,
    });
    Ok((how.json, value))
}

fn members(how: &How) -> Result<Vec<Member>, LedgerError> {
    let folder = how.keys.as_deref();
    let folder =
        folder.ok_or_else(|| LedgerError::Files("--keys, --offline or --dry-run is needed".to_owned()))?;
    registrar::read_all(folder)
}

async fn accredit(
    platform: &Platform,
    opened: &Opened,
    mut wish: Wish,
    statement: Option<&Path>,
    how: &How,
) -> Result<(bool, Value), LedgerError> {
    let statement = match statement {
        Some(path) => {
            let text = read_small(path)?.trim().to_owned();
            let read = opened.setup.registrar.read(&text)?;
            wish.period = (read.from, read.until);
            if read != wish.statement(platform, opened.setup.network) {
                return Err(LedgerError::Files(
                    "the statement says something else than is asked for".to_owned(),
                ));
            }
            text
        }
        None if !how.offline.is_empty() => {
            let statement = wish.statement(platform, opened.setup.network);
            let statement =
                serde_json::to_value(&statement).map_err(|error| LedgerError::Source(error.to_string()))?;
            let next = "let enough members sign this, join what they print by spaces, and come again with --statement";
            return Ok((true, json!({ "statement": statement, "next": next })));
        }
        // A contract that would refuse is told before anybody signs.
        None if how.dry_run => "not signed".to_owned(),
        None => ceremony::signed(opened, &members(how)?, &wish.statement(platform, opened.setup.network))?,
    };
    let data = ceremony::accredit(opened, &wish, &statement).await?;
    let told = format!("accredit {} for {} with key {}", wish.agency, wish.vct, wish.key.thumbprint());
    carry_out(platform, opened, how, data, told).await
}

/// The document with one key more.
async fn rotated(
    platform: &Platform,
    opened: &Opened,
    agency: Code,
    new: &PublicKey,
    only: bool,
) -> Result<Bytes, LedgerError> {
    let did = Did::new(opened.setup.network, agency);
    let now = opened
        .registry
        .agency(agency)
        .await?
        .ok_or_else(|| LedgerError::Files(format!("{did} is not registered")))?;
    let document = opened.resolver.resolve(&did.to_string()).await.outcome;
    let document = document.map_err(|error| LedgerError::Files(format!("{did}: {}", error.code())))?;
    let mut keys: Vec<IssuerKey> = Vec::new();
    for key in document.keys() {
        if key.thumbprint() != new.thumbprint() {
            let signs = !only
                && document.signing_keys().iter().any(|(_, known)| known.thumbprint() == key.thumbprint());
            keys.push(IssuerKey { key, signs });
        }
    }
    keys.push(IssuerKey { key: new.clone(), signs: true });
    Ok(call::update_document(
        agency,
        now.version.saturating_add(1),
        &ceremony::document(platform, did, &keys),
    ))
}

fn key_of(platform: &Platform, file: Option<&Path>) -> Result<PublicKey, LedgerError> {
    file.map_or_else(|| ceremony::issuing_key(platform), read_jwk)
}

fn read_jwk(path: &Path) -> Result<PublicKey, LedgerError> {
    let fault = || LedgerError::Files(format!("{}: is no P-256 public key as JWK", path.display()));
    let jwk: Jwk = serde_json::from_str(&read_small(path)?).map_err(|_| fault())?;
    PublicKey::from_jwk(&jwk).map_err(|_| fault())
}

fn read_small(path: &Path) -> Result<String, LedgerError> {
    let fault = |reason: String| LedgerError::Files(format!("{}: {reason}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if size > limits::LEDGER_KEY_FILE.get().unsigned_abs() {
        return Err(fault("is too large".to_owned()));
    }
    std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))
}

/// A transaction to be signed elsewhere.
pub(super) fn written(prepared: &Prepared) -> Value {
    let transaction = &prepared.transaction;
    json!({
        "from": prepared.sender.to_string(),
        "chain_id": transaction.chain_id,
        "nonce": transaction.nonce,
        "max_priority_fee": transaction.max_priority_fee.to_string(),
        "max_fee": transaction.max_fee.to_string(),
        "gas_limit": transaction.gas_limit,
        "to": transaction.to.map(|to| to.to_string()),
        "data": transaction.data.to_string(),
        "signing_hash": transaction.signing_hash().to_string(),
    })
}

pub(super) fn sign(prepared: &Path, key: &Path) -> Result<String, LedgerError> {
    let fault = |what: &str| LedgerError::Files(format!("{}: {what}", prepared.display()));
    let given: Value =
        serde_json::from_str(&read_small(prepared)?).map_err(|_| fault("is no prepared transaction"))?;
    let member = Member::read(key)?;
    if let Ok(statement) = serde_json::from_value::<Statement>(given.clone()) {
        return Ok(statement.sign(&member.statement)?);
    }
    let number =
        |name: &str| given.get(name).and_then(Value::as_u64).ok_or_else(|| fault("a number is missing"));
    let text = |name: &str| given.get(name).and_then(Value::as_str).ok_or_else(|| fault("a text is missing"));
    let fee = |name: &str| text(name)?.parse().map_err(|_| fault("a fee is malformed"));
    let transaction = Transaction {
        chain_id: number("chain_id")?,
        nonce: number("nonce")?,
        max_priority_fee: fee("max_priority_fee")?,
        max_fee: fee("max_fee")?,
        gas_limit: number("gas_limit")?,
        to: Some(address_of_text(text("to")?).ok_or_else(|| fault("names no recipient"))?),
        data: text("data")?.parse().map_err(|_| fault("its data is malformed"))?,
    };
    if text("from")? != member.chain.address().to_string() {
        return Err(fault("is for another member"));
    }
    let signed = transaction.sign(&member.chain).map_err(registry::LedgerError::from)?;
    Ok(signed.raw.to_string())
}

async fn send(platform: &Platform, file: &Path) -> Result<Value, LedgerError> {
    let opened = open::opened(platform).await?;
    let mut receipts = Vec::new();
    for line in read_small(file)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let raw: Bytes =
            line.parse().map_err(|_| LedgerError::Files("a line is no transaction".to_owned()))?;
        let signed = Signed::decode(&raw).map_err(registry::LedgerError::from)?;
        let receipt = opened.connection.ledger.send(signed).await?.done()?;
        receipts.push(json!({ "transaction": receipt.transaction.to_string(), "block": receipt.block }));
    }
    let changes = follow::follow(platform).await?;
    Ok(json!({ "sent": receipts, "trust_list_changes": changes }))
}
