//! The two sides against each other, and against whoever does not keep to the order.

mod exchange;
mod hostile;
mod records;
mod vectors;

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::string::{String, ToString as _};

use keys::{PublicKey, SecretKey};

use crate::card::{Answer, Card, Phone};
use crate::certificate::ReaderCertificate;
use crate::decision::Reason;
use crate::fast::{CardKeys, ReaderKeys};
use crate::pass::{GateRef, Pass};
use crate::reader::{self, Draw, Identity, Proved, Tap, TapError};
use crate::wire::{Evidence, GateId, Verdict};

/// 2026-11-24T00:00:00Z.
pub(crate) const NOW: i64 = 1_795_478_400;
pub(crate) const GROUP: [u8; 16] = [7; 16];
pub(crate) const DOOR: [u8; 16] = [9; 16];
pub(crate) const OPEN: Evidence = Evidence { unlocked: true, age_s: 12 };
const LOCKED: Evidence = Evidence { unlocked: false, age_s: 900 };

/// An authority, a controller under it, and a phone with a pass.
pub(crate) struct World {
    pub(crate) authority: SecretKey,
    authorities: Vec<PublicKey>,
    pub(crate) gate_key: SecretKey,
    pass: Vec<u8>,
    until: i64,
    identity: Identity,
    card: Card,
    kept: ReaderKeys,
    evidence: Evidence,
}

pub(crate) fn pass_for(key: &PublicKey) -> Pass {
    Pass {
        gate_ref: GateRef([3; 16]),
        key: key.clone(),
        agencies: vec!["1000000".into(), "1741000".into()],
        roles: vec!["guard".into()],
        not_before: NOW - 60,
        expires: NOW + 3_600,
    }
}

fn identity(authority: &SecretKey, group: [u8; 16]) -> Identity {
    let key = SecretKey::generate();
    let now = u32::try_from(NOW).unwrap();
    let certificate = ReaderCertificate {
        group,
        key: key.public_key().clone(),
        not_before: now - 10,
        not_after: now + 86_400,
    };
    Identity { certificate: certificate.sign(authority).unwrap(), signer: Arc::new(key) }
}

impl World {
    pub(crate) fn new() -> Self {
        let (authority, gate_key) = (SecretKey::generate(), SecretKey::generate());
        let pass = pass_for(gate_key.public_key());
        Self {
            authorities: vec![authority.public_key().clone()],
            identity: identity(&authority, GROUP),
            until: pass.expires,
            pass: pass.sign(&authority).unwrap(),
            authority,
            gate_key,
            card: Card::new(CardKeys::default(), 1_024),
            kept: ReaderKeys::new(GROUP),
            evidence: OPEN,
        }
    }

    fn say(&mut self, command: &[u8], now_s: i64) -> Answer {
        let phone = Phone {
            evidence: self.evidence,
            now_s,
            sign: &|message| keys::Signer::sign(&self.gate_key, message),
            pass: (now_s < self.until).then_some((self.pass.as_slice(), self.until)),
            authorities: &self.authorities,
        };
        self.card.process(command, &phone)
    }

    fn answer(&mut self, command: &[u8], now_s: i64) -> Vec<u8> {
        self.say(command, now_s).bytes
    }

    /// A tap up to the card's proof, the fast way where both can.
    fn tap(&mut self, now_s: i64, fast: bool) -> Result<Tap, TapError> {
        let gate = GateId { group: GROUP, door: DOOR };
        let (command, selecting) = reader::select();
        let response = self.answer(&command, now_s);
        let (command, opening) = selecting.answered(&response, Draw::fresh(), gate, now_s, fast)?;
        let answered = opening.answered(&self.answer(&command, now_s))?;
        if let Some(kept) = answered.hint().and_then(|hint| self.kept.find(hint, now_s))
            && let Some(tap) = answered.fast(&kept)
        {
            return Ok(tap);
        }
        let (mut command, mut proving) = answered.prove(&self.identity)?;
        loop {
            let response = self.answer(&command, now_s);
            match proving.answered(&response, &self.authorities)? {
                Proved::More(next, more) => (command, proving) = (next, more),
                Proved::Tap(tap) => return Ok(tap),
            }
        }
    }

    /// A whole tap that opens; what the phone was told.
    fn walk(&mut self, now_s: i64, keep: bool) -> Result<(bool, Verdict), TapError> {
        let tap = self.tap(now_s, true)?;
        let fast = tap.fast;
        let verdict = Verdict {
            open: true,
            keep,
            reason: Reason::Granted.number(),
            place: "예시청사 정문".to_string(),
        };
        let (command, closing) = tap.decide(&verdict)?;
        let answer = self.say(&command, now_s);
        if let Some(remembered) = closing.answered(&answer.bytes)? {
            self.kept.keep(remembered, now_s);
        }
        let decided = answer.decided.expect("told");
        assert_eq!(decided.gate, GateId { group: GROUP, door: DOOR });
        Ok((fast, decided.verdict))
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
}
