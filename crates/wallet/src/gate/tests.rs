//! A phone before a gate: its own key, a pass from the wallet provider, and what it says.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ::gate::certificate::ReaderCertificate;
use ::gate::entry_code::EntryCode;
use ::gate::pass::{GateRef, Pass};
use ::gate::reader::{self, Draw, Identity, Proved, TapError};
use ::gate::wire::{GateId, Verdict};
use keys::SecretKey;
use keys::encoding::b64url_encode;
use keys::jws::{Typ, Unverified};
use serde_json::{Value, json};

use super::*;
use crate::account::messages::{AccountState, BASE_PATH, Envelope, Signed};
use crate::fixture::{NOW, World, json_answer, reopened, run};
use crate::pin::Salt;
use crate::ports::{Request, Response};
use crate::state::{Account, PinRecord};
use crate::vault::VaultKey;

const GATE: GateId = GateId { group: [5; 16], door: [6; 16] };
const OPEN: Evidence = Evidence { unlocked: true, age_s: 3 };

/// The wallet provider, as far as it gives passes.
struct Provider {
    authority: SecretKey,
    now: i64,
    stopped: Rc<Cell<bool>>,
}

impl Provider {
    fn answer(&self, request: &Request) -> Response {
        assert_eq!(request.url, format!("https://provider.example{BASE_PATH}/gate-pass"));
        if self.stopped.get() {
            return json_answer(403, &json!({ "code": "account_suspended", "detail": "stopped" })).unwrap();
        }
        let envelope: Envelope = serde_json::from_slice(&request.body).unwrap();
        let signed: Signed<GatePassRequest> =
            Unverified::parse(&envelope.signed, 8_192).unwrap().dangerous_claims().unwrap();
        let key = PublicKey::from_jwk(&signed.message.key).unwrap();
        let proof: GateKeyProof = Unverified::parse(&signed.message.proof, 4_096)
            .unwrap()
            .verify(&key, Typ::Is(GATE_KEY_PROOF_TYP))
            .unwrap()
            .claims()
            .unwrap();
        assert_eq!((proof.subject.as_str(), proof.aud.as_str()), ("a1", "https://provider.example"));
        let pass = Pass {
            gate_ref: GateRef([1; 16]),
            key,
            agencies: vec!["1741000".into()],
            roles: vec![],
            not_before: self.now,
            expires: self.now + 86_400,
        };
        let given: Value = serde_json::to_value(GatePassGiven {
            expires: pass.expires,
            pass: b64url_encode(&pass.sign(&self.authority).unwrap()),
            authorities: vec![self.authority.public_key().to_jwk()],
        })
        .unwrap();
        json_answer(200, &given).unwrap()
    }
}

struct Before {
    world: World,
    phone: Wallet<World>,
    identity: Identity,
    authority: PublicKey,
    stopped: Rc<Cell<bool>>,
}

fn before_the_gate() -> Before {
    let authority = SecretKey::generate();
    let stopped = Rc::new(Cell::new(false));
    let reader = SecretKey::generate();
    let now = u32::try_from(NOW).unwrap();
    let certificate = ReaderCertificate {
        group: GATE.group,
        key: reader.public_key().clone(),
        not_before: now,
        not_after: now + 1_000_000,
    };
    let identity = Identity { certificate: certificate.sign(&authority).unwrap(), signer: Arc::new(reader) };
    let public = authority.public_key().clone();
    let provider = Provider { authority, now: NOW, stopped: Rc::clone(&stopped) };
    let world = World::new(move |request| Ok(provider.answer(request)));
    let mut phone = run(Wallet::create(world.clone(), VaultKey::from_bytes([7; 32]), vec![])).unwrap();
    run(phone.device()).unwrap();
    run(phone.update(|state| {
        state.account = Some(Account {
            provider: "https://provider.example".into(),
            id: "a1".into(),
            pin: PinRecord { generation: 1, salt: Salt::generate() },
            pin_change: None,
            owner: crate::pin::Owner::default(),
            result_keys: keys::JwkSet::default(),
            state: AccountState::Active,
            tries_left: 5,
            offer: None,
            code: None,
            passkey: None,
            salt_key: None,
            salt_kept: vec![],
            status: None,
        });
    }))
    .unwrap();
    Before { world, phone, identity, authority: public, stopped }
}

impl Before {
    fn say(&mut self, command: &[u8], evidence: Evidence) -> Vec<u8> {
        self.phone.process_apdu(command, evidence).bytes
    }

    fn tap(&mut self, evidence: Evidence) -> Result<Decided, TapError> {
        let (command, selecting) = reader::select();
        let response = self.say(&command, evidence);
        let (command, opening) = selecting.answered(&response, Draw::fresh(), GATE, NOW, true)?;
        let answered = opening.answered(&self.say(&command, evidence))?;
        let (command, proving) = answered.prove(&self.identity)?;
        let response = self.say(&command, evidence);
        let authorities = std::slice::from_ref(&self.authority);
        let Proved::Tap(tap) = proving.answered(&response, authorities)? else { panic!("in one piece") };
        assert_eq!(tap.evidence, evidence);
        let verdict = Verdict { open: true, keep: true, reason: 1, place: "예시청사".into() };
        let (command, closing) = tap.decide(&verdict)?;
        let answer = self.phone.process_apdu(&command, evidence);
        closing.answered(&answer.bytes)?;
        Ok(answer.decided.unwrap())
    }
}

#[test]
fn an_unlocked_phone_with_a_pass_walks_in_and_remembers_it() {
    let mut before = before_the_gate();
    assert_eq!(before.tap(OPEN).unwrap_err(), TapError::NoPass);
    run(before.phone.renew_gate_pass()).unwrap();
    assert_eq!(before.phone.gate_pass_until(), Some(NOW + 86_400));
    let locked = Evidence { unlocked: false, age_s: 0 };
    assert_eq!(before.tap(locked).unwrap_err(), TapError::Locked);
    let decided = before.tap(OPEN).unwrap();
    run(before.phone.remember_tap(&decided)).unwrap();
    let phone = reopened(&before.world);
    let last = phone.state().usage.last().unwrap();
    assert_eq!((last.party.as_str(), last.act.kind()), ("예시청사", "gate_opened"));
    assert_eq!(phone.state().gate.as_ref().unwrap().held().fast.len(), 1);
}

#[test]
fn the_gate_key_is_no_key_of_anything_else_and_survives_a_renewal() {
    let mut before = before_the_gate();
    let alive = before.world.keys().alive();
    run(before.phone.renew_gate_pass()).unwrap();
    assert_eq!(before.world.keys().alive(), alive + 1);
    let key = |phone: &Wallet<World>| phone.state().gate.as_ref().unwrap().key.public_key.clone();
    let first = key(&before.phone);
    assert_ne!(first, before.phone.state().device.as_ref().unwrap().public_key);
    run(before.phone.renew_gate_pass()).unwrap();
    assert_eq!(before.world.asked("/gate-pass"), 1, "nothing to do while the pass is young");
    before.world.wait(43_201);
    run(before.phone.renew_gate_pass()).unwrap();
    assert_eq!((before.world.asked("/gate-pass"), key(&before.phone)), (2, first));
    before.world.wait(86_400);
    assert_eq!(before.phone.gate_pass_until(), None);
    run(before.phone.wipe()).unwrap();
    assert_eq!(before.world.keys().alive(), 0);
}

#[test]
fn a_stopped_account_takes_the_pass_away() {
    let mut before = before_the_gate();
    run(before.phone.renew_gate_pass()).unwrap();
    before.stopped.set(true);
    before.world.wait(50_000);
    let refused = run(before.phone.renew_gate_pass()).unwrap_err();
    assert!(refused.is("account_suspended"));
    assert_eq!(before.phone.gate_pass_until(), None);
    assert_eq!(before.tap(OPEN).unwrap_err(), TapError::NoPass);
}

#[test]
fn a_code_is_shown_only_while_unlocked_and_with_a_pass() {
    let mut before = before_the_gate();
    assert_eq!(run(before.phone.entry_code(OPEN)), Err(CodeError::NoPass));
    run(before.phone.renew_gate_pass()).unwrap();
    let locked = Evidence { unlocked: false, age_s: 0 };
    assert_eq!(run(before.phone.entry_code(locked)), Err(CodeError::Locked));
    let code = run(before.phone.entry_code(OPEN)).unwrap();
    let authorities = std::slice::from_ref(&before.authority);
    assert_eq!(EntryCode::verify(&code, authorities, NOW).unwrap().pass.gate_ref, GateRef([1; 16]));
    before.world.wait(86_400);
    assert_eq!(run(before.phone.entry_code(OPEN)), Err(CodeError::PassOver));
}
