//! The embedded chain tried: rules, crashes, damage, and many hands at once.

mod properties;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use revm_primitives::{Address, B256, Bytes};

use super::*;
use crate::contract::{self, Code, Refusal, Role, call};
use crate::ethereum::{SecretKey, Signed, Transaction};
use crate::ledger::{Call, Ledger as _, LedgerError, LogFilter, Outcome, Receipt};
use crate::sender::Sender;

const CHAIN: u64 = 20_260;

/// A folder that goes with the value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("mapae-ledger-{}", keys::random::token()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A clock that tests set.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_790_000_000)))
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || now.load(Ordering::Relaxed))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number.max(1); 32]).unwrap()
}

pub(crate) async fn open(folder: &Folder, time: &Time) -> Chain {
    Chain::open(&Options { path: folder.file(), chain_id: CHAIN }, time.clock()).await.unwrap()
}

/// A chain with a registry, its registrar (key 1) and its anchorer (key 2).
pub(crate) struct Ground {
    pub(crate) folder: Folder,
    pub(crate) time: Time,
    pub(crate) chain: Chain,
    pub(crate) registry: Address,
    pub(crate) registrar: Sender,
    pub(crate) anchorer: Sender,
}

pub(crate) async fn ground() -> Ground {
    let (folder, time) = (Folder::new(), Time::new());
    let chain = open(&folder, &time).await;
    let sender = |number| Sender::new(Arc::new(chain.clone()), key(number));
    let (registrar, anchorer) = (sender(1), sender(2));
    let data =
        contract::deploy_registry(Code::parse("test").unwrap(), registrar.address(), anchorer.address())
            .unwrap();
    let registry = registrar.act(None, data).await.unwrap().created.unwrap();
    Ground { folder, time, chain, registry, registrar, anchorer }
}

impl Ground {
    pub(crate) fn sender(&self, number: u8) -> Sender {
        Sender::new(Arc::new(self.chain.clone()), key(number))
    }

    async fn ask(&self, data: Bytes) -> Bytes {
        self.chain.call(Call::to(self.registry, data)).await.unwrap()
    }

    async fn agency(&self, agency: Code) -> contract::Agency {
        contract::Agency::read(&self.ask(call::agency_of(agency)).await).unwrap()
    }
}

fn refused(outcome: Result<Receipt, LedgerError>) -> &'static str {
    match outcome {
        Err(LedgerError::Refused(Refusal { name, .. })) => name,
        other => panic!("not refused by the contract: {other:?}"),
    }
}

fn code(text: &str) -> Code {
    Code::parse(text).unwrap()
}

#[tokio::test]
async fn an_agency_writes_its_own_document_and_nobody_elses() {
    let ground = ground().await;
    let (one, two) = (ground.sender(11), ground.sender(12));
    let (first, second) = (code("9900001"), code("9900002"));
    for (agency, sender) in [(first, &one), (second, &two)] {
        let data = call::register_agency(agency, sender.address(), b"{}");
        ground.registrar.act(Some(ground.registry), data).await.unwrap();
    }
    let update = |agency, version| call::update_document(agency, version, b"{\"v\":2}");
    let to = Some(ground.registry);
    assert_eq!(refused(two.act(to, update(first, 2)).await), "NotTheAgency");
    assert_eq!(refused(ground.registrar.act(to, update(first, 2)).await), "NotTheAgency");
    assert_eq!(refused(one.act(to, update(first, 3)).await), "VersionConflict");
    assert_eq!(refused(one.act(to, update(first, 1)).await), "VersionConflict");
    one.act(to, update(first, 2)).await.unwrap();
    let agency = ground.agency(first).await;
    assert_eq!((agency.version, agency.document_hash), (2, B256::from(keys::sha256(b"{\"v\":2}"))));
    assert_eq!(
        refused(one.act(to, call::register_agency(code("9900003"), one.address(), b"{}")).await),
        "AccessControlUnauthorizedAccount"
    );
    assert_eq!(
        refused(ground.registrar.act(to, call::register_agency(first, two.address(), b"{}")).await),
        "AgencyExists"
    );
    assert_eq!(refused(two.act(to, call::set_controller(first, two.address())).await), "NotTheAgency");
    ground.registrar.act(to, call::set_controller(first, two.address())).await.unwrap();
    assert_eq!(refused(one.act(to, update(first, 3)).await), "NotTheAgency");
    two.act(to, update(first, 3)).await.unwrap();
    two.act(to, call::deactivate_agency(first)).await.unwrap();
    assert_eq!(refused(two.act(to, update(first, 5)).await), "AgencyInactive");
    assert_eq!(ground.agency(second).await.version, 1);
}

#[tokio::test]
async fn an_end_is_never_taken_back() {
    let ground = ground().await;
    let (agency, owner, to) = (code("9900001"), ground.sender(11), Some(ground.registry));
    let triple = (agency, contract::credential_type("https://example.test/badge"), B256::repeat_byte(7));
    let accredit = |version| call::accredit(triple, version, (1_790_000_000, 1_900_000_000), b"statement");
    assert_eq!(refused(ground.registrar.act(to, accredit(1)).await), "AgencyUnknown");
    ground.registrar.act(to, call::register_agency(agency, owner.address(), b"{}")).await.unwrap();
    assert_eq!(refused(owner.act(to, accredit(1)).await), "AccessControlUnauthorizedAccount");
    assert_eq!(refused(owner.act(to, call::revoke(triple)).await), "AccreditationUnknown");
    ground.registrar.act(to, accredit(1)).await.unwrap();
    assert_eq!(refused(ground.registrar.act(to, accredit(1)).await), "VersionConflict");
    ground.registrar.act(to, accredit(2)).await.unwrap();
    assert_eq!(refused(ground.sender(12).act(to, call::retire(triple, 1_790_000_100)).await), "NotTheAgency");
    owner.act(to, call::retire(triple, 1_790_000_100)).await.unwrap();
    assert_eq!(
        refused(ground.registrar.act(to, call::retire(triple, 1_890_000_100)).await),
        "AccreditationEnded"
    );
    assert_eq!(refused(ground.registrar.act(to, accredit(3)).await), "AccreditationEnded");
    ground.time.advance(60);
    owner.act(to, call::revoke(triple)).await.unwrap();
    assert_eq!(refused(ground.registrar.act(to, call::revoke(triple)).await), "AccreditationEnded");
    assert_eq!(refused(ground.registrar.act(to, accredit(3)).await), "AccreditationEnded");
    let now = contract::Accreditation::read(&ground.ask(call::accreditation_of(triple)).await).unwrap();
    assert_eq!((now.state, now.ended_at, now.version), (contract::State::Revoked, 1_790_000_060, 2));
}

#[tokio::test]
async fn a_pause_stops_what_gives_trust_and_not_what_takes_it_away() {
    let ground = ground().await;
    let (agency, to) = (code("9900001"), Some(ground.registry));
    let owner = ground.sender(11);
    let triple = (agency, B256::repeat_byte(1), B256::repeat_byte(2));
    ground.registrar.act(to, call::register_agency(agency, owner.address(), b"{}")).await.unwrap();
    ground.registrar.act(to, call::accredit(triple, 1, (1, 2), b"s")).await.unwrap();
    assert_eq!(refused(ground.anchorer.act(to, call::pause()).await), "AccessControlUnauthorizedAccount");
    ground.registrar.act(to, call::pause()).await.unwrap();
    for (sender, data) in [
        (&ground.registrar, call::register_agency(code("9900002"), owner.address(), b"{}")),
        (&owner, call::update_document(agency, 2, b"{}")),
        (&ground.registrar, call::accredit(triple, 2, (1, 2), b"s")),
        (&ground.registrar, call::set_schema("https://example.test/badge", 1, B256::repeat_byte(3))),
        (&ground.anchorer, call::anchor_status_lists(1, B256::repeat_byte(3), 1)),
        (&ground.anchorer, call::anchor_checkpoint(B256::repeat_byte(3), 1, B256::repeat_byte(3))),
    ] {
        assert_eq!(refused(sender.act(to, data).await), "EnforcedPause");
    }
    owner.act(to, call::revoke(triple)).await.unwrap();
    owner.act(to, call::deactivate_agency(agency)).await.unwrap();
    ground.registrar.act(to, call::unpause()).await.unwrap();
    ground.anchorer.act(to, call::anchor_status_lists(1, B256::repeat_byte(3), 1)).await.unwrap();
}

#[tokio::test]
async fn anchors_only_go_forward_and_the_anchorer_may_only_anchor() {
    let ground = ground().await;
    let (to, root) = (Some(ground.registry), B256::repeat_byte(9));
    ground.anchorer.act(to, call::anchor_status_lists(10, root, 3)).await.unwrap();
    assert_eq!(refused(ground.anchorer.act(to, call::anchor_status_lists(10, root, 3)).await), "AnchorStale");
    assert_eq!(refused(ground.anchorer.act(to, call::anchor_status_lists(9, root, 3)).await), "AnchorStale");
    ground.anchorer.act(to, call::anchor_checkpoint(root, 5, root)).await.unwrap();
    assert_eq!(refused(ground.anchorer.act(to, call::anchor_checkpoint(root, 5, root)).await), "AnchorStale");
    assert_eq!(
        refused(ground.registrar.act(to, call::anchor_status_lists(11, root, 3)).await),
        "AccessControlUnauthorizedAccount"
    );
    let own = ground.anchorer.address();
    for data in [
        call::register_agency(code("9900001"), own, b"{}"),
        call::grant_role(Role::Registrar, own),
        call::grant_role(Role::Anchorer, key(3).address()),
        call::revoke_role(Role::Registrar, ground.registrar.address()),
        call::offer_role(Role::Registrar, own),
        call::set_schema("x", 1, root),
    ] {
        assert_eq!(refused(ground.anchorer.act(to, data).await), "AccessControlUnauthorizedAccount");
    }
}

#[tokio::test]
async fn a_role_goes_over_in_two_steps_and_never_leaves_the_registry_without_a_registrar() {
    let ground = ground().await;
    let (to, heir) = (Some(ground.registry), ground.sender(20));
    let own = ground.registrar.address();
    assert_eq!(
        refused(ground.registrar.act(to, call::renounce_role(Role::Registrar, own)).await),
        "LastRegistrar"
    );
    assert_eq!(
        refused(ground.registrar.act(to, call::revoke_role(Role::Registrar, own)).await),
        "LastRegistrar"
    );
    assert_eq!(refused(heir.act(to, call::take_role(Role::Registrar, own)).await), "NotOffered");
    ground.registrar.act(to, call::offer_role(Role::Registrar, heir.address())).await.unwrap();
    assert_eq!(refused(ground.sender(21).act(to, call::take_role(Role::Registrar, own)).await), "NotOffered");
    heir.act(to, call::take_role(Role::Registrar, own)).await.unwrap();
    assert_eq!(refused(heir.act(to, call::take_role(Role::Registrar, own)).await), "NotOffered");
    assert_eq!(refused(ground.registrar.act(to, call::pause()).await), "AccessControlUnauthorizedAccount");
    heir.act(to, call::pause()).await.unwrap();
}

#[tokio::test]
async fn a_council_acts_when_two_of_three_have_approved_the_same_bytes() {
    let ground = ground().await;
    let members = [ground.sender(31), ground.sender(32), ground.sender(33)];
    let addresses: Vec<Address> = members.iter().map(Sender::address).collect();
    let made = ground.registrar.act(None, contract::deploy_council(&addresses, 2).unwrap()).await.unwrap();
    let council = made.created.unwrap();
    let to = Some(ground.registry);
    ground.registrar.act(to, call::offer_role(Role::Registrar, council)).await.unwrap();
    let own = ground.registrar.address();
    let approve = |data: &Bytes, salt: u8| call::approve(B256::repeat_byte(salt), ground.registry, data);
    let take = call::take_role(Role::Registrar, own);
    members[0].act(Some(council), approve(&take, 1)).await.unwrap();
    assert_eq!(refused(members[0].act(Some(council), approve(&take, 1)).await), "ApprovedBefore");
    assert_eq!(refused(ground.registrar.act(Some(council), approve(&take, 1)).await), "NotMember");
    members[2].act(Some(council), approve(&take, 1)).await.unwrap();
    assert_eq!(refused(members[1].act(Some(council), approve(&take, 1)).await), "ActDone");
    let register = call::register_agency(code("9900001"), addresses[0], b"{}");
    assert_eq!(refused(ground.registrar.act(to, register.clone()).await), "AccessControlUnauthorizedAccount");
    assert_eq!(refused(members[0].act(to, register.clone()).await), "AccessControlUnauthorizedAccount");
    members[1].act(Some(council), approve(&register, 2)).await.unwrap();
    // A refusal of the registry is shown as it is, and the approval is not used up.
    ground.time.advance(8 * 24 * 3600);
    assert_eq!(refused(members[0].act(Some(council), approve(&register, 2)).await), "ActExpired");
    members[1].act(Some(council), approve(&register, 3)).await.unwrap();
    members[0].act(Some(council), approve(&register, 3)).await.unwrap();
    members[1].act(Some(council), approve(&register, 4)).await.unwrap();
    assert_eq!(refused(members[0].act(Some(council), approve(&register, 4)).await), "AgencyExists");
}

#[tokio::test]
async fn every_write_tells_what_it_did() {
    let ground = ground().await;
    let (agency, to) = (code("9900001"), Some(ground.registry));
    let vct = "https://example.test/badge";
    let triple = (agency, contract::credential_type(vct), B256::repeat_byte(2));
    let acts = [
        (&ground.registrar, call::register_agency(agency, ground.registrar.address(), b"{\"v\":1}")),
        (&ground.registrar, call::update_document(agency, 2, b"{\"v\":2}")),
        (&ground.registrar, call::set_schema(vct, 1, B256::repeat_byte(5))),
        (&ground.registrar, call::accredit(triple, 1, (10, 20), b"statement")),
        (&ground.registrar, call::retire(triple, 15)),
        (&ground.registrar, call::revoke(triple)),
        (&ground.anchorer, call::anchor_status_lists(7, B256::repeat_byte(6), 2)),
        (&ground.anchorer, call::anchor_checkpoint(B256::repeat_byte(8), 9, B256::repeat_byte(6))),
        (&ground.registrar, call::deactivate_agency(agency)),
    ];
    for (sender, data) in acts {
        sender.act(to, data).await.unwrap();
    }
    let filter = LogFilter { address: to, ..LogFilter::default() };
    let logs = ground.chain.logs(filter).await.unwrap();
    let events: Vec<_> = logs.iter().filter_map(contract::Event::read).collect();
    let text = format!("{events:?}");
    for name in [
        "Controller",
        "Document",
        "Schema",
        "Accredited",
        "Retired",
        "Revoked",
        "StatusLists",
        "Checkpoint",
        "Deactivated",
    ] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
    assert_eq!(events.len(), 10);
    // A document's event names the block of the one before.
    let documents: Vec<_> = events
        .iter()
        .zip(logs.iter().filter(|log| contract::Event::read(log).is_some()))
        .filter_map(|(event, log)| match event {
            contract::Event::Document { version, previous, document, .. } => {
                Some((*version, *previous, document.to_vec(), log.block))
            }
            _ => None,
        })
        .collect();
    assert_eq!((documents[0].0, documents[0].1), (1, 0));
    assert_eq!((documents[1].1, documents[1].2.as_slice()), (documents[0].3, b"{\"v\":2}".as_slice()));
}

#[tokio::test]
async fn transactions_that_come_out_of_order_wait_for_each_other_and_a_gap_is_told() {
    let ground = ground().await;
    let sender = key(40);
    let sign = |nonce| {
        let transaction = Transaction {
            chain_id: CHAIN,
            nonce,
            max_priority_fee: 0,
            max_fee: 0,
            gas_limit: 100_000,
            to: Some(ground.registry),
            data: call::paused(),
        };
        transaction.sign(&sender).unwrap()
    };
    let signed: Vec<Signed> = (0..20).rev().map(sign).collect();
    let sent = signed.into_iter().map(|signed| {
        let chain = ground.chain.clone();
        tokio::spawn(async move { chain.send(signed).await })
    });
    for task in sent.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().unwrap().outcome, Outcome::Done);
    }
    let again = ground.chain.send(sign(3)).await.unwrap();
    assert_eq!(again.transaction, sign(3).hash, "the same bytes have the same receipt");
    assert_eq!(ground.chain.send(sign(25)).await, Err(LedgerError::Nonce { next: 20, given: 25 }));
    let foreign = Transaction { chain_id: 1, ..sign(20).transaction }.sign(&sender).unwrap();
    assert_eq!(ground.chain.send(foreign).await, Err(LedgerError::OtherChain { ours: CHAIN, given: 1 }));
}
