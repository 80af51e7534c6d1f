//! The registry on a ledger: asked, and believed only after a look at its code.

use std::sync::Arc;

use revm_primitives::{Address, B256, Bytes, keccak256};

use crate::contract::{self, Accreditation, Agency, Anchor, Code, Event, Schema, State, call, topic};
use crate::ledger::{Call, Ledger, LedgerError, LogFilter};

/// The most versions of one agency that are read.
const MAX_VERSIONS: usize = 1_000;

/// A registry at an address of a ledger.
#[derive(Debug, Clone)]
pub struct Registry {
    ledger: Arc<dyn Ledger>,
    address: Address,
    network: Code,
}

/// One version of an agency's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub number: u32,
    /// When the block was made, seconds since 1970.
    pub at: u64,
    /// `None`: the agency was deactivated.
    pub document: Option<Bytes>,
}

/// An agency and all versions of its document, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyHistory {
    pub agency: Agency,
    pub versions: Vec<Version>,
}

impl Registry {
    /// Checks that this very contract stands at the address and that it is of this network.
    pub async fn open(ledger: Arc<dyn Ledger>, address: Address, network: Code) -> Result<Self, LedgerError> {
        let registry = Self { ledger, address, network };
        let code = registry.ledger.code(address).await?;
        let ours = contract::registry().is_some_and(|artifact| artifact.code_hash == keccak256(&code));
        if !ours || registry.ask(call::network()).await?.as_ref() != network.word().as_slice() {
            return Err(LedgerError::NoRegistry(address));
        }
        Ok(registry)
    }

    pub fn address(&self) -> Address {
        self.address
    }

    pub fn network(&self) -> Code {
        self.network
    }

    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    async fn ask(&self, data: Bytes) -> Result<Bytes, LedgerError> {
        self.ledger.call(Call::to(self.address, data)).await
    }

    /// The agency's entry; `None` where it was never registered.
    pub async fn agency(&self, agency: Code) -> Result<Option<Agency>, LedgerError> {
        let answer = Agency::read(&self.ask(call::agency_of(agency)).await?).ok_or_else(unreadable)?;
        Ok((answer.state != State::Unknown).then_some(answer))
    }

    pub async fn accreditation(&self, triple: call::Triple) -> Result<Option<Accreditation>, LedgerError> {
        let answer = self.ask(call::accreditation_of(triple)).await?;
        let answer = Accreditation::read(&answer).ok_or_else(unreadable)?;
        Ok((answer.state != State::Unknown).then_some(answer))
    }

    pub async fn schema(&self, vct: &str) -> Result<Option<Schema>, LedgerError> {
        let answer = self.ask(call::schema_of(contract::credential_type(vct))).await?;
        let answer = Schema::read(&answer).ok_or_else(unreadable)?;
        Ok((answer.version > 0).then_some(answer))
    }

    /// The last anchor over the status lists; its position counts minutes since 1970.
    pub async fn status_lists(&self) -> Result<Anchor, LedgerError> {
        Anchor::read(&self.ask(call::status_lists()).await?).ok_or_else(unreadable)
    }

    /// The last anchored tree head of an audit log; its position is the size of the log.
    pub async fn checkpoint(&self, origin: B256) -> Result<Anchor, LedgerError> {
        Anchor::read(&self.ask(call::checkpoint_of(origin)).await?).ok_or_else(unreadable)
    }

    pub async fn has_role(&self, role: contract::Role, who: Address) -> Result<bool, LedgerError> {
        Ok(self.ask(call::has_role(role, who)).await?.last() == Some(&1))
    }

    pub async fn paused(&self) -> Result<bool, LedgerError> {
        Ok(self.ask(call::paused()).await?.last() == Some(&1))
    }

    /// Every event of accreditations from a block on, in order, with the block of each.
    pub async fn accreditations(&self, from_block: u64) -> Result<Vec<(u64, Event)>, LedgerError> {
        let mut topics = <[Vec<B256>; 4]>::default();
        if let Some(first) = topics.first_mut() {
            *first =
                vec![topic::accredited(), topic::retired(), topic::revoked(), topic::agency_deactivated()];
        }
        let filter = LogFilter { from_block, address: Some(self.address), topics, ..LogFilter::default() };
        let logs = self.ledger.logs(filter).await?;
        Ok(logs.iter().filter_map(|log| Some((log.block, Event::read(log)?))).collect())
    }

    /// All versions of an agency's document, each checked against its hash, and the last against the contract's.
    ///
    /// Each event names the block of the one before: the walk asks for those blocks and scans nothing.
    pub async fn history(&self, code: Code) -> Result<Option<AgencyHistory>, LedgerError> {
        let Some(agency) = self.agency(code).await? else { return Ok(None) };
        let damaged = |what: &str| LedgerError::Damaged(format!("agency {code}: {what}"));
        let (mut versions, mut block) = (Vec::new(), agency.changed_at);
        while versions.len() < usize::try_from(agency.version).unwrap_or(usize::MAX) {
            if versions.len() > MAX_VERSIONS {
                return Err(LedgerError::TooMany(MAX_VERSIONS));
            }
            let topics = [
                vec![topic::agency_document(), topic::agency_deactivated()],
                vec![code.word()],
                vec![],
                vec![],
            ];
            let filter =
                LogFilter { from_block: block, to_block: Some(block), address: Some(self.address), topics };
            let at = self.ledger.block(block).await?.ok_or_else(|| damaged("a block is missing"))?.timestamp;
            let mut earlier = None;
            let logs = self.ledger.logs(filter).await?;
            for log in logs.iter().rev() {
                let (number, before, document) = match Event::read(log) {
                    Some(Event::Document { version, hash, previous, document, .. }) => {
                        if B256::from(keys::sha256(&document)) != hash {
                            return Err(damaged("a document is not what its hash says"));
                        }
                        (version, previous, Some(document))
                    }
                    Some(Event::Deactivated { version, previous, .. }) => (version, previous, None),
                    _ => return Err(damaged("an event is malformed")),
                };
                versions.push(Version { number, at, document });
                earlier = Some(before);
            }
            // An event of a block that holds none, or that points forward, would never end.
            match earlier {
                Some(before) if before < block => block = before,
                _ => return Err(damaged("a version is missing")),
            }
        }
        versions.reverse();
        let whole = (1..).zip(&versions).all(|(number, version)| version.number == number);
        let last = versions.last().ok_or_else(|| damaged("it has no version"))?;
        let hash = last.document.as_ref().map_or(B256::ZERO, |document| B256::from(keys::sha256(document)));
        if !whole || hash != agency.document_hash {
            return Err(damaged("its versions are not those of the contract"));
        }
        Ok(Some(AgencyHistory { agency, versions }))
    }
}

fn unreadable() -> LedgerError {
    LedgerError::Damaged("the registry's answer is malformed".into())
}
