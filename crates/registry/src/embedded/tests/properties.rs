//! Random calls by random hands: whatever is tried, in whatever order, the rules of the registry hold.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::contract::{Accreditation, Agency, Anchor, State};
use crate::embedded::evm::{Builder, Executed, Place};
use crate::embedded::state::State as World;

const AGENCIES: [&str; 3] = ["9900001", "9900002", "9900003"];

/// What somebody tries. Hands: 1 registrar, 2 anchorer, 3–5 the agencies' keys, 6 a stranger.
#[derive(Debug, Clone)]
enum Try {
    Register(usize, u8),
    Update(usize, u32),
    Controller(usize, u8),
    Deactivate(usize),
    Accredit(usize, u8, u32),
    Retire(usize, u8),
    Revoke(usize, u8),
    Schema(u32),
    Lists(u64),
    Checkpoint(u64),
    Grant(Role, u8),
    Take(Role, u8),
    Offer(Role, u8),
    Renounce(Role),
    Pause,
    Unpause,
}

fn attempt() -> impl Strategy<Value = (u8, Try)> {
    let agency = || 0..AGENCIES.len();
    let hand = || 1..7_u8;
    let key = || 0..2_u8;
    let role = || prop_oneof![Just(Role::Registrar), Just(Role::Anchorer)];
    let act = prop_oneof![
        4 => (agency(), hand()).prop_map(|(agency, controller)| Try::Register(agency, controller)),
        6 => (agency(), 1..5_u32).prop_map(|(agency, version)| Try::Update(agency, version)),
        1 => (agency(), hand()).prop_map(|(agency, controller)| Try::Controller(agency, controller)),
        1 => agency().prop_map(Try::Deactivate),
        6 => (agency(), key(), 1..4_u32).prop_map(|(agency, key, version)| Try::Accredit(agency, key, version)),
        2 => (agency(), key()).prop_map(|(agency, key)| Try::Retire(agency, key)),
        2 => (agency(), key()).prop_map(|(agency, key)| Try::Revoke(agency, key)),
        1 => (1..4_u32).prop_map(Try::Schema),
        2 => (0..20_u64).prop_map(Try::Lists),
        2 => (0..20_u64).prop_map(Try::Checkpoint),
        1 => (role(), hand()).prop_map(|(role, to)| Try::Grant(role, to)),
        1 => (role(), hand()).prop_map(|(role, from)| Try::Take(role, from)),
        1 => (role(), hand()).prop_map(|(role, to)| Try::Offer(role, to)),
        1 => role().prop_map(Try::Renounce),
        1 => Just(Try::Pause),
        2 => Just(Try::Unpause),
    ];
    // The registrar tries often enough that something happens at all.
    (prop_oneof![4 => Just(1_u8), 6 => hand()], act)
}

/// What the registry holds of everything that is watched.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    agencies: Vec<Agency>,
    accreditations: Vec<Accreditation>,
    schema: u32,
    lists: u64,
    checkpoint: u64,
    registrars: Vec<u8>,
    anchorers: Vec<u8>,
    paused: bool,
}

struct Play {
    world: World,
    registry: Address,
    number: u64,
    nonces: BTreeMap<u8, u64>,
}

impl Play {
    fn new() -> Self {
        let mut play =
            Self { world: World::empty(), registry: Address::ZERO, number: 0, nonces: BTreeMap::new() };
        let data = contract::deploy_registry(code("test"), key(1).address(), key(2).address()).unwrap();
        let made = play.act(1, None, data);
        assert!(made.success);
        play.registry = made.signed.created().unwrap();
        play
    }

    fn place(&self) -> Place {
        Place { chain_id: CHAIN, number: self.number, timestamp: 1_790_000_000 + self.number }
    }

    fn act(&mut self, hand: u8, to: Option<Address>, data: Bytes) -> Executed {
        let nonce = self.nonces.entry(hand).or_default();
        let transaction = Transaction {
            chain_id: CHAIN,
            nonce: *nonce,
            max_priority_fee: 0,
            max_fee: 0,
            gas_limit: 5_000_000,
            to,
            data,
        };
        *nonce += 1;
        self.number += 1;
        let mut builder = Builder::new(&self.world, self.place());
        let done = builder.run(transaction.sign(&key(hand)).unwrap()).unwrap();
        let changes = builder.changes;
        self.world = self.world.after(&changes);
        done
    }

    fn ask(&self, data: Bytes) -> Bytes {
        Builder::new(&self.world, self.place()).ask(&Call::to(self.registry, data)).unwrap().0
    }

    fn holders(&self, role: Role) -> Vec<u8> {
        let holds = |hand: &u8| self.ask(call::has_role(role, key(*hand).address())).last() == Some(&1);
        (1..7).filter(holds).collect()
    }

    fn see(&self) -> Seen {
        let vct = contract::credential_type("vct");
        let anchor = |data| Anchor::read(&self.ask(data)).unwrap().position;
        let agency = |agency: &str| Agency::read(&self.ask(call::agency_of(code(agency)))).unwrap();
        let triples =
            AGENCIES.iter().flat_map(|agency| [1, 2].map(|key| (code(agency), vct, B256::repeat_byte(key))));
        Seen {
            agencies: AGENCIES.map(agency).to_vec(),
            accreditations: triples
                .map(|triple| Accreditation::read(&self.ask(call::accreditation_of(triple))).unwrap())
                .collect(),
            schema: contract::Schema::read(&self.ask(call::schema_of(vct))).unwrap().version,
            lists: anchor(call::status_lists()),
            checkpoint: anchor(call::checkpoint_of(B256::repeat_byte(1))),
            registrars: self.holders(Role::Registrar),
            anchorers: self.holders(Role::Anchorer),
            paused: self.ask(call::paused()).last() == Some(&1),
        }
    }
}

fn data(hand: u8, attempt: &Try) -> Bytes {
    let agency = |number: usize| code(AGENCIES[number]);
    let triple = |number: usize, key: u8| {
        (agency(number), contract::credential_type("vct"), B256::repeat_byte(key + 1))
    };
    let word = B256::repeat_byte(1);
    match *attempt {
        Try::Register(a, controller) => call::register_agency(agency(a), key(controller).address(), b"{}"),
        Try::Update(a, version) => {
            call::update_document(agency(a), version, format!("{version} by {hand}").as_bytes())
        }
        Try::Controller(a, controller) => call::set_controller(agency(a), key(controller).address()),
        Try::Deactivate(a) => call::deactivate_agency(agency(a)),
        Try::Accredit(a, key, version) => call::accredit(triple(a, key), version, (10, 20), b"s"),
        Try::Retire(a, key) => call::retire(triple(a, key), 15),
        Try::Revoke(a, key) => call::revoke(triple(a, key)),
        Try::Schema(version) => call::set_schema("vct", version, word),
        Try::Lists(minute) => call::anchor_status_lists(minute, word, 1),
        Try::Checkpoint(size) => call::anchor_checkpoint(word, size, word),
        Try::Grant(role, to) => call::grant_role(role, key(to).address()),
        Try::Take(role, from) => call::take_role(role, key(from).address()),
        Try::Offer(role, to) => call::offer_role(role, key(to).address()),
        Try::Renounce(role) => call::renounce_role(role, key(hand).address()),
        Try::Pause => call::pause(),
        Try::Unpause => call::unpause(),
    }
}

/// The rules, whatever was tried by that hand between two looks.
fn judge(before: &Seen, after: &Seen, hand: u8, success: bool) -> Result<(), TestCaseError> {
    let registrar = before.registrars.contains(&hand);
    prop_assert!(!after.registrars.is_empty(), "nobody could ever revoke again");
    if !success {
        prop_assert_eq!(before, after, "what is refused changes nothing");
        return Ok(());
    }
    for (was, is) in before.agencies.iter().zip(&after.agencies).filter(|(was, is)| was != is) {
        let owner = was.controller == key(hand).address();
        prop_assert!(
            is.version == was.version || is.version == was.version + 1,
            "a version leapt or went back"
        );
        prop_assert!(was.state != State::Retired, "an agency came back");
        prop_assert!(owner || registrar, "a stranger wrote under an agency's name");
        match was.state {
            State::Unknown => prop_assert!(registrar && !before.paused && is.version == 1),
            _ if is.state == State::Active && is.document_hash != was.document_hash => {
                prop_assert!(owner && !before.paused, "only the agency itself writes its document");
                prop_assert!(is.version == was.version + 1, "another document under the same version");
            }
            _ => {}
        }
    }
    for (at, (was, is)) in before.accreditations.iter().zip(&after.accreditations).enumerate() {
        if was == is {
            continue;
        }
        let owner = before.agencies[at / 2].controller == key(hand).address();
        prop_assert!(owner || registrar, "a stranger changed an accreditation");
        prop_assert!(was.state != State::Revoked, "a revoked key changed");
        prop_assert!(is.version >= was.version);
        match is.state {
            State::Active => {
                prop_assert!(registrar && !before.paused);
                prop_assert!(matches!(was.state, State::Unknown | State::Active), "an end was taken back");
                prop_assert_eq!(is.version, was.version + 1);
            }
            State::Retired => prop_assert_eq!(was.state, State::Active),
            State::Revoked => {}
            State::Unknown => prop_assert!(false, "an accreditation vanished"),
        }
    }
    prop_assert!(
        after.schema >= before.schema && after.lists >= before.lists && after.checkpoint >= before.checkpoint
    );
    if after.lists != before.lists || after.checkpoint != before.checkpoint {
        prop_assert!(before.anchorers.contains(&hand) && !before.paused);
    }
    if after.schema != before.schema {
        prop_assert!(registrar && !before.paused);
    }
    if after.paused != before.paused {
        prop_assert!(registrar);
    }
    for (was, is) in [(&before.registrars, &after.registrars), (&before.anchorers, &after.anchorers)] {
        if is.len() > was.len() {
            prop_assert!(registrar, "a role came from nowhere");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_breaks_the_rules(attempts in prop::collection::vec(attempt(), 40..120)) {
        let mut play = Play::new();
        let mut before = play.see();
        for (hand, attempt) in attempts {
            let done = play.act(hand, Some(play.registry), data(hand, &attempt));
            if !done.success {
                prop_assert!(Refusal::read(&done.output).is_some(), "{:?} failed without a reason of ours", attempt);
            }
            let after = play.see();
            judge(&before, &after, hand, done.success)?;
            before = after;
        }
    }
}
