//! Ceremonies: what the registrar does, and what is prepared for it.

use std::path::Path;
use std::sync::Arc;

use credential::trust::Statement;
use credential::types::Bilingual;
use keys::PublicKey;
use keys::encoding::b64url_decode_array;
use registry::contract::{self, Code, call};
use registry::did::{Did, Document, IssuerKey};
use registry::ethereum::{Address, B256, Bytes};
use registry::{Prepared, Receipt, Sender};

use super::open::{Opened, connect};
use super::record::Setup;
use super::registrar::{self, Member};
use super::{LedgerError, follow, open, record};
use crate::issuance;
use crate::operations::store::StoreError;
use crate::operations::{KeyName, Platform};

/// The agency of the demonstration; an institution code that nobody has.
const DEMO_AGENCY: &str = "9900000";
const DEMO_NETWORK: &str = "demo";
const YEAR_S: i64 = 365 * 24 * 3_600;

/// Makes the council and the registry, and writes down where they are and whose statements count.
pub(super) async fn init(
    platform: &Platform,
    network: Code,
    members: &[Member],
    needed: u8,
) -> Result<Setup, LedgerError> {
    if record::setup(platform).await?.is_some() {
        return Err(LedgerError::SetUp);
    }
    let pinned = registrar::pinned(members, needed)?;
    let connection = connect(platform).await?;
    let first = members.first().ok_or_else(|| LedgerError::Files("a council needs a member".to_owned()))?;
    let deployer = Sender::new(Arc::clone(&connection.ledger), first.chain.clone());
    let broken = || LedgerError::Files("this program was built around a broken contract".to_owned());
    let code = contract::deploy_council(&registrar::addresses(members), needed).ok_or_else(broken)?;
    let council = made(deployer.act(None, code).await?)?;
    let anchorer = open::anchorer_key(platform)?.address();
    let code = contract::deploy_registry(network, council, anchorer).ok_or_else(broken)?;
    let receipt = deployer.act(None, code).await?;
    let next_block = receipt.block;
    let setup = Setup {
        network,
        chain_id: connection.ledger.chain_id(),
        registry: made(receipt)?,
        council,
        registrar: pinned,
        next_block,
    };
    let written = setup.clone();
    let entered: Result<bool, StoreError> =
        platform.store.write(move |tx| Box::pin(async move { record::insert(tx, &written).await })).await;
    if entered? { Ok(setup) } else { Err(LedgerError::SetUp) }
}

fn made(receipt: Receipt) -> Result<Address, LedgerError> {
    receipt.created.ok_or_else(|| LedgerError::Files("the chain made no contract".to_owned()))
}

/// Lets as many members as it takes approve an act of the council; the last one's receipt.
pub(super) async fn act(opened: &Opened, members: &[Member], data: &Bytes) -> Result<Receipt, LedgerError> {
    let salt = B256::from(keys::random::bytes::<32>());
    let approval = call::approve(salt, opened.setup.registry, data);
    let needed = opened.setup.registrar.needed();
    let mut last = None;
    for member in members.iter().take(needed) {
        let sender = Sender::new(Arc::clone(&opened.connection.ledger), member.chain.clone());
        last = Some(sender.act(Some(opened.setup.council), approval.clone()).await?);
    }
    match last {
        Some(receipt) if members.len() >= needed => Ok(receipt),
        _ => Err(LedgerError::Files(format!("it takes the key files of {needed} members"))),
    }
}

/// What each of some members has to sign elsewhere for an act of the council.
pub(super) async fn prepare(
    opened: &Opened,
    members: &[Address],
    data: &Bytes,
) -> Result<Vec<Prepared>, LedgerError> {
    let salt = B256::from(keys::random::bytes::<32>());
    let approval = call::approve(salt, opened.setup.registry, data);
    let mut prepared = Vec::new();
    for member in members {
        let ledger = opened.connection.ledger.as_ref();
        prepared.push(Prepared::new(ledger, *member, Some(opened.setup.council), approval.clone()).await?);
    }
    Ok(prepared)
}

/// The did:web that mirrors an agency's DID on this server.
pub(super) fn web_did(platform: &Platform, agency: Code) -> String {
    let base = &platform.config.public.base_url;
    let host = base.host_str().unwrap_or("localhost");
    let port = base.port().map(|port| format!("%3A{port}")).unwrap_or_default();
    format!("did:web:{host}{port}:agencies:{agency}")
}

/// An agency's document with these keys.
pub(super) fn document(platform: &Platform, did: Did, keys: &[IssuerKey]) -> Vec<u8> {
    let issuer = platform.config.public.origin();
    Document::of_agency(did, keys, Some(&web_did(platform, did.agency)), Some(issuer)).to_bytes()
}

/// The call that registers an agency with a key; the council is its controller until it names its own.
pub(super) fn register(platform: &Platform, opened: &Opened, agency: Code, key: &PublicKey) -> Bytes {
    let did = Did::new(opened.setup.network, agency);
    let keys = [IssuerKey { key: key.clone(), signs: true }];
    call::register_agency(agency, opened.setup.council, &document(platform, did, &keys))
}

/// What is to be granted.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) agency: Code,
    pub(super) name: Bilingual,
    pub(super) vct: String,
    pub(super) key: PublicKey,
    /// Seconds since 1970.
    pub(super) period: (i64, i64),
}

impl Wish {
    pub(super) fn triple(&self) -> call::Triple {
        (self.agency, contract::credential_type(&self.vct), thumbprint(&self.key))
    }

    pub(super) fn statement(&self, platform: &Platform, network: Code) -> Statement {
        Statement {
            sub: Did::new(network, self.agency).to_string(),
            issuer: platform.config.public.origin().to_owned(),
            name: self.name.clone(),
            jkt: self.key.thumbprint(),
            vct: self.vct.clone(),
            from: self.period.0,
            until: self.period.1,
        }
    }
}

pub(super) fn thumbprint(key: &PublicKey) -> B256 {
    B256::from(b64url_decode_array::<32>(&key.thumbprint()).unwrap_or_default())
}

/// The statement with as many signatures as it takes.
pub(super) fn signed(
    opened: &Opened,
    members: &[Member],
    statement: &Statement,
) -> Result<String, LedgerError> {
    let needed = opened.setup.registrar.needed();
    let parts: Result<Vec<String>, _> =
        members.iter().take(needed).map(|member| statement.sign(&member.statement)).collect();
    let text = parts?.join(" ");
    // What our own follower would pass over is refused before it is on the ledger.
    opened.setup.registrar.read(&text)?;
    Ok(text)
}

/// The call that accredits, with the version that comes next.
pub(super) async fn accredit(opened: &Opened, wish: &Wish, statement: &str) -> Result<Bytes, LedgerError> {
    let now = opened.registry.accreditation(wish.triple()).await?;
    let version = now.map_or(0, |now| now.version).saturating_add(1);
    let period = (wish.period.0.unsigned_abs(), wish.period.1.unsigned_abs());
    Ok(call::accredit(wish.triple(), version, period, statement.as_bytes()))
}

/// The type of credential that this server issues.
pub(super) fn badge_type(platform: &Platform) -> Result<String, LedgerError> {
    let desk = issuance::desk(platform).map_err(|error| LedgerError::Source(error.to_string()))?;
    Ok(desk.badge().vct.clone())
}

/// Every name that a type of this server has on the ledger: one in each format.
pub(super) fn type_names(platform: &Platform) -> Result<Vec<String>, LedgerError> {
    let desk = issuance::desk(platform).map_err(|error| LedgerError::Source(error.to_string()))?;
    Ok(desk.type_names().map(str::to_owned).collect())
}

/// The key with which this server issues now.
pub(super) fn issuing_key(platform: &Platform) -> Result<PublicKey, LedgerError> {
    Ok(platform.keys.signer(KeyName::Issuer)?.public_key().clone())
}

/// Sets a ledger up for the demonstration, which plays both sides: the registrar's keys lie in `folder`, beside the
/// server that must never have them. Returns the DID of the issuing agency.
///
/// # Errors
/// The chain's or the store's; a ledger that is set up already stays as it is.
pub async fn set_up_demo(platform: &Platform, folder: &Path) -> Result<String, LedgerError> {
    let code = |text: &str| {
        Code::parse(text).ok_or_else(|| LedgerError::Files(format!("{text} is no name for the ledger")))
    };
    let (network, agency) = (code(DEMO_NETWORK)?, code(DEMO_AGENCY)?);
    let did = Did::new(network, agency).to_string();
    // Each step looks whether it was done: a set-up that was cut off goes on.
    let members = registrar::make(folder, 3)?;
    if record::setup(platform).await?.is_none() {
        init(platform, network, &members, 2).await?;
    }
    let opened = open::opened(platform).await?;
    let key = issuing_key(platform)?;
    if opened.registry.agency(agency).await?.is_none() {
        act(&opened, &members, &register(platform, &opened, agency, &key)).await?;
    }
    let now = platform.clock.now_s();
    for vct in type_names(platform)? {
        let wish = Wish {
            agency,
            name: issuance::issuer_name(),
            vct,
            key: key.clone(),
            period: (now, now.saturating_add(3 * YEAR_S)),
        };
        if opened.registry.accreditation(wish.triple()).await?.is_some() {
            continue;
        }
        let statement = signed(&opened, &members, &wish.statement(platform, network))?;
        act(&opened, &members, &accredit(&opened, &wish, &statement).await?).await?;
    }
    follow::follow(platform).await?;
    Ok(did)
}
