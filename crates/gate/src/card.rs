//! The card's side: a phone that answers APDUs. It can't be driven out of order, and a locked phone says nothing of itself.

use alloc::vec::Vec;

use keys::{PublicKey, SecretKey, SignError, Signature};

use crate::apdu::{Command, MAX_RESPONSE, SHORT, Status, response};
use crate::certificate::ReaderCertificate;
use crate::fast::{self, CardKeys};
use crate::session::{Key, SessionKeys, Transcript, seal};
use crate::wire::{AID, Auth0, Auth0Answer, Auth1, Auth1Answer, Evidence, Fci, GateId, Instruction, Verdict};

/// What the phone lends the card for one command.
pub struct Phone<'a> {
    /// The screen lock, and for how long it has been open.
    pub evidence: Evidence,
    /// Seconds since 1970.
    pub now_s: i64,
    /// Signs with the gate key, at once: the reader waits.
    pub sign: &'a dyn Fn(&[u8]) -> Result<Signature, SignError>,
    /// The pass as it was signed, and when it ends (s).
    pub pass: Option<(&'a [u8], i64)>,
    /// Keys of the gate authority: who may say that a reader is ours.
    pub authorities: &'a [PublicKey],
}

impl core::fmt::Debug for Phone<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Phone({:?})", self.evidence)
    }
}

/// What came of a tap, to be shown to the holder and written into the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Where.
    pub gate: GateId,
    /// What the controller said.
    pub verdict: Verdict,
}

/// An answer on its way to the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Response APDU.
    pub bytes: Vec<u8>,
    /// The end of a tap.
    pub decided: Option<Decided>,
}

enum State {
    Idle,
    Selected,
    Opened(Opened),
    /// The card proved itself the standard way.
    Proven {
        gate: GateId,
        keys: SessionKeys,
        persistent: Key,
        pass: Vec<u8>,
        until: i64,
    },
}

struct Opened {
    gate: GateId,
    reader: PublicKey,
    ephemeral: SecretKey,
    transcript: Transcript,
    fast: Option<SessionKeys>,
}

/// The card of one phone.
pub struct Card {
    fci: Fci,
    keys: CardKeys,
    state: State,
    /// What of the last answer was not fetched yet.
    rest: Vec<u8>,
}

impl core::fmt::Debug for Card {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Card(…)")
    }
}

type Step = Result<(Vec<u8>, Option<Decided>), Status>;

impl Card {
    /// A card with the keys it kept. `max_response`: what the phone's stack can send at once, at least 256.
    pub fn new(keys: CardKeys, max_response: u16) -> Self {
        let most = u16::try_from(MAX_RESPONSE).unwrap_or(u16::MAX);
        let fci = Fci { max_response: max_response.clamp(256, most) };
        Self { fci, keys, state: State::Idle, rest: Vec::new() }
    }

    /// The keys of the fast way, to be written down after each tap that was decided.
    pub fn keys(&self) -> &CardKeys {
        &self.keys
    }

    /// The field is gone: whatever was begun is over.
    pub fn reset(&mut self) {
        self.state = State::Idle;
        self.rest.clear();
    }

    /// Answers one command. The ephemeral key is made fresh for each AUTH0.
    pub fn process(&mut self, command: &[u8], phone: &Phone<'_>) -> Answer {
        self.process_with(command, phone, SecretKey::generate)
    }

    /// [`Card::process`] with an ephemeral key of the caller's: for test vectors.
    pub(crate) fn process_with(
        &mut self,
        command: &[u8],
        phone: &Phone<'_>,
        ephemeral: impl FnOnce() -> SecretKey,
    ) -> Answer {
        let command = match Command::parse(command) {
            Ok(command) => command,
            Err(status) => return self.refused(status),
        };
        let done = match Instruction::of(&command) {
            Ok(Instruction::GetResponse) => return self.continued(),
            Ok(Instruction::Select) => self.select(&command),
            Ok(Instruction::Auth0) => self.auth0(&command, phone, ephemeral),
            Ok(Instruction::Auth1) => self.auth1(&command, phone),
            Ok(Instruction::Exchange) => self.exchange(&command, phone),
            Err(status) => Err(status),
        };
        match done {
            Ok((data, decided)) => {
                self.rest.clear();
                Answer { bytes: self.piece(data, command.expected), decided }
            }
            Err(status) => self.refused(status),
        }
    }

    /// After a refusal the tap begins anew.
    fn refused(&mut self, status: Status) -> Answer {
        self.reset();
        Answer { bytes: response(&[], status), decided: None }
    }

    /// As much as the reader takes at once; the rest waits for GET RESPONSE (ISO/IEC 7816-4 §5.3.4).
    fn piece(&mut self, mut data: Vec<u8>, expected: usize) -> Vec<u8> {
        let most = if expected > SHORT { usize::from(self.fci.max_response) } else { SHORT };
        if data.len() <= most {
            return response(&data, Status::OK);
        }
        let rest = data.split_off(most);
        let status = Status::more(rest.len());
        self.rest = rest;
        response(&data, status)
    }

    fn continued(&mut self) -> Answer {
        if self.rest.is_empty() {
            return self.refused(Status::NOT_NOW);
        }
        let rest = core::mem::take(&mut self.rest);
        Answer { bytes: self.piece(rest, SHORT), decided: None }
    }

    fn select(&mut self, command: &Command<'_>) -> Step {
        if command.data != AID {
            return Err(Status::NO_APPLICATION);
        }
        self.state = State::Selected;
        Ok((self.fci.to_bytes(), None))
    }

    fn auth0(
        &mut self,
        command: &Command<'_>,
        phone: &Phone<'_>,
        ephemeral: impl FnOnce() -> SecretKey,
    ) -> Step {
        if !matches!(core::mem::replace(&mut self.state, State::Idle), State::Selected) {
            return Err(Status::NOT_NOW);
        }
        let asked = Auth0::parse(command.data).ok_or(Status::WRONG_DATA)?;
        let (pass, _) = usable(phone)?;
        let ephemeral = ephemeral();
        let transcript = Transcript::begin(&self.fci.to_bytes(), command.data, ephemeral.public_key());
        let near = asked.day.abs_diff(fast::day_of(phone.now_s)) <= 1;
        let kept = self.keys.find(&asked.gate.group, pass, phone.now_s).filter(|_| asked.fast && near);
        let mut fast = None;
        let mut said = None;
        if let Some(key) = kept {
            let (cryptogram, session) = transcript.fast(key);
            let sealed = seal(&cryptogram, 0, &phone.evidence.to_bytes()).ok_or(Status::FAILED)?;
            said = Some((fast::hint(key, &asked.gate.group, asked.day), sealed));
            fast = Some(session);
        }
        let answer = Auth0Answer { ephemeral: ephemeral.public_key().clone(), fast: said }.to_bytes();
        self.state = State::Opened(Opened {
            gate: asked.gate,
            reader: asked.ephemeral,
            ephemeral,
            transcript: transcript.and(&answer),
            fast,
        });
        Ok((answer, None))
    }

    fn auth1(&mut self, command: &Command<'_>, phone: &Phone<'_>) -> Step {
        let State::Opened(opened) = core::mem::replace(&mut self.state, State::Idle) else {
            return Err(Status::NOT_NOW);
        };
        let shown = Auth1::parse(command.data).ok_or(Status::WRONG_DATA)?;
        let (pass, until) = usable(phone)?;
        // First who asks: a stranger's reader learns nothing about this phone.
        let certificate = ReaderCertificate::verify(shown.certificate, phone.authorities, phone.now_s)
            .filter(|certificate| certificate.group == opened.gate.group)
            .ok_or(Status::SECURITY)?;
        let signed = opened.transcript.reader_says(shown.certificate);
        Signature::from_bytes(&shown.signature)
            .and_then(|signature| certificate.key.verify(&signed, &signature))
            .map_err(|_| Status::SECURITY)?;

        let transcript = opened.transcript.and(command.data);
        let agreed = transcript.keys(&opened.ephemeral, &opened.reader);
        let says = transcript.card_says(&phone.evidence.to_bytes(), pass);
        let signature = (phone.sign)(&says).map_err(|_| Status::FAILED)?.to_bytes();
        let plain = Auth1Answer { evidence: phone.evidence, pass, signature }.to_bytes();
        let sealed = agreed.keys.card_seals(0, &plain).ok_or(Status::FAILED)?;
        let persistent = agreed.persistent(&transcript);
        let pass = pass.to_vec();
        self.state = State::Proven { gate: opened.gate, keys: agreed.keys, persistent, pass, until };
        Ok((sealed, None))
    }

    fn exchange(&mut self, command: &Command<'_>, phone: &Phone<'_>) -> Step {
        let state = core::mem::replace(&mut self.state, State::Idle);
        let (gate, keys, kept) = match state {
            State::Proven { gate, keys, persistent, pass, until } => {
                (gate, keys, Some((persistent, pass, until)))
            }
            State::Opened(Opened { gate, fast: Some(keys), .. }) => (gate, keys, None),
            _ => return Err(Status::NOT_NOW),
        };
        if !phone.evidence.unlocked {
            return Err(Status::CONDITIONS);
        }
        let plain = keys.reader_opens(0, command.data).ok_or(Status::SECURITY)?;
        let verdict = Verdict::parse(&plain).ok_or(Status::WRONG_DATA)?;
        match kept {
            Some((key, pass, until)) if verdict.keep => self.keys.keep(gate.group, key, &pass, until),
            // A gate that keeps no key any more will not know this one.
            _ if !verdict.keep => self.keys.forget(&gate.group),
            _ => {}
        }
        let sealed = keys.card_seals(1, &[u8::from(verdict.open)]).ok_or(Status::FAILED)?;
        Ok((sealed, Some(Decided { gate, verdict })))
    }
}

/// The pass, if the phone is unlocked and has one that is not over.
fn usable<'a>(phone: &Phone<'a>) -> Result<(&'a [u8], i64), Status> {
    if !phone.evidence.unlocked {
        return Err(Status::CONDITIONS);
    }
    phone.pass.ok_or(Status::NO_PASS)
}
