//! The messages between the APDU headers, byte by byte as `docs/gate-protocol.md` says.

use alloc::string::String;
use alloc::vec::Vec;

use keys::PublicKey;

use crate::apdu::{Command, MAX_RESPONSE, SHORT, Status};
use crate::tlv::{Elements, Writer};

/// Our application: an unregistered proprietary identifier (ISO/IEC 7816-4 §8.2.1.2, category F), "MAPAE", version 1.
pub const AID: [u8; 7] = [0xf0, b'M', b'A', b'P', b'A', b'E', 0x01];
/// The version of the protocol that is spoken.
pub const VERSION: u16 = 0x0100;
/// The longest text of a door that goes to the phone, in bytes.
pub const MAX_PLACE: usize = 96;

const TAG_AID: u8 = 0x84;
const TAG_FCI: u8 = 0x6f;
const TAG_PROPRIETARY: u8 = 0xa5;
const TAG_VERSION: u8 = 0x5c;
const TAG_MAX_RESPONSE: u8 = 0x88;
const TAG_FLAGS: u8 = 0x41;
const TAG_DAY: u8 = 0x44;
const TAG_TRANSACTION: u8 = 0x4c;
const TAG_GATE: u8 = 0x4d;
const TAG_READER_EPHEMERAL: u8 = 0x87;
const TAG_CARD_EPHEMERAL: u8 = 0x86;
const TAG_HINT: u8 = 0x9c;
const TAG_CRYPTOGRAM: u8 = 0x9d;
const TAG_CERTIFICATE: u8 = 0x90;
const TAG_SIGNATURE: u8 = 0x9e;
const TAG_EVIDENCE: u8 = 0x51;
const TAG_PASS: u8 = 0x52;
const TAG_VERDICT: u8 = 0x53;
const TAG_PLACE: u8 = 0x54;
const TAG_REASON: u8 = 0x55;

/// Bit of the flags: the reader would take the fast way.
const FAST: u8 = 1;
/// Bit of a verdict: opened.
const OPEN: u8 = 1;
/// Bit of a verdict: keep the key of the fast way.
const KEEP: u8 = 2;

/// An instruction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// `00 A4 04 00`
    Select,
    /// `80 80 00 00`
    Auth0,
    /// `80 81 00 00`
    Auth1,
    /// `80 C9 00 00`
    Exchange,
    /// `00 C0 00 00`
    GetResponse,
}

impl Instruction {
    const fn header(self) -> [u8; 4] {
        match self {
            Self::Select => [0x00, 0xa4, 0x04, 0x00],
            Self::Auth0 => [0x80, 0x80, 0x00, 0x00],
            Self::Auth1 => [0x80, 0x81, 0x00, 0x00],
            Self::Exchange => [0x80, 0xc9, 0x00, 0x00],
            Self::GetResponse => [0x00, 0xc0, 0x00, 0x00],
        }
    }

    /// The instruction of a command.
    ///
    /// # Errors
    /// The status word for a class, instruction or parameters of something else.
    pub fn of(command: &Command<'_>) -> Result<Self, Status> {
        if !matches!(command.class, 0x00 | 0x80) {
            return Err(Status::UNKNOWN_CLASS);
        }
        let all = [Self::Select, Self::Auth0, Self::Auth1, Self::Exchange, Self::GetResponse];
        let known = all.into_iter().find(|known| {
            let [class, instruction, ..] = known.header();
            (class, instruction) == (command.class, command.instruction)
        });
        let known = known.ok_or(Status::UNKNOWN_INSTRUCTION)?;
        let [_, _, p1, p2] = known.header();
        if command.parameters == [p1, p2] { Ok(known) } else { Err(Status::WRONG_PARAMETERS) }
    }

    pub(crate) fn command(self, data: &[u8], expected: usize) -> Vec<u8> {
        let [class, instruction, p1, p2] = self.header();
        Command { class, instruction, parameters: [p1, p2], data, expected }.to_bytes()
    }
}

/// What the card says of itself in the answer to SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fci {
    /// Most data of one response: 256 where the card knows no extended length.
    pub max_response: u16,
}

impl Fci {
    /// The template `6F`.
    pub fn to_bytes(self) -> Vec<u8> {
        let own = Writer::default()
            .put(TAG_VERSION, &VERSION.to_be_bytes())
            .put(TAG_MAX_RESPONSE, &self.max_response.to_be_bytes())
            .done();
        let inner = Writer::default().put(TAG_AID, &AID).put(TAG_PROPRIETARY, &own).done();
        Writer::default().put(TAG_FCI, &inner).done()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let outer = Elements::parse(bytes)?;
        let inner = Elements::parse(outer.get(TAG_FCI)?)?;
        let own = Elements::parse(inner.get(TAG_PROPRIETARY)?)?;
        let (versions, rest) = own.get(TAG_VERSION)?.as_chunks::<2>();
        let spoken = rest.is_empty() && versions.iter().any(|version| *version == VERSION.to_be_bytes());
        if inner.get(TAG_AID)? != AID || !spoken {
            return None;
        }
        Some(Self { max_response: u16::from_be_bytes(own.array(TAG_MAX_RESPONSE)?) })
    }

    /// What to ask for where a long answer is expected.
    pub(crate) fn expected(self) -> usize {
        let most = usize::from(self.max_response).min(MAX_RESPONSE);
        if most > SHORT { most } else { SHORT }
    }
}

/// Which gate: the group that shares a controller, and the door within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GateId {
    /// The controller's own 16 bytes.
    pub group: [u8; 16],
    /// The door's own 16 bytes.
    pub door: [u8; 16],
}

/// AUTH0, from the reader.
#[derive(Debug, Clone)]
pub struct Auth0 {
    /// Whether the reader would take the fast way.
    pub fast: bool,
    /// Day since 1970 (UTC) by the reader's clock; the hint is made for it.
    pub day: u32,
    /// Drawn by the reader for this tap.
    pub transaction: [u8; 16],
    /// Where.
    pub gate: GateId,
    /// Made by the reader for this tap.
    pub ephemeral: PublicKey,
}

impl Auth0 {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let gate: Vec<u8> = self.gate.group.iter().chain(&self.gate.door).copied().collect();
        Writer::default()
            .put(TAG_FLAGS, &[if self.fast { FAST } else { 0 }])
            .put(TAG_VERSION, &VERSION.to_be_bytes())
            .put(TAG_READER_EPHEMERAL, self.ephemeral.as_sec1())
            .put(TAG_TRANSACTION, &self.transaction)
            .put(TAG_GATE, &gate)
            .put(TAG_DAY, &self.day.to_be_bytes())
            .done()
    }

    /// Reads the data of the command; also for tests and fuzzing.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let elements = Elements::parse(bytes)?;
        let [flags] = elements.array(TAG_FLAGS)?;
        if elements.get(TAG_VERSION)? != VERSION.to_be_bytes() || flags & !FAST != 0 {
            return None;
        }
        let (group, door) = elements.get(TAG_GATE)?.split_at_checked(16)?;
        Some(Self {
            fast: flags & FAST != 0,
            day: u32::from_be_bytes(elements.array(TAG_DAY)?),
            transaction: elements.array(TAG_TRANSACTION)?,
            gate: GateId { group: group.try_into().ok()?, door: door.try_into().ok()? },
            ephemeral: PublicKey::from_sec1(elements.get(TAG_READER_EPHEMERAL)?).ok()?,
        })
    }
}

/// The card's answer to AUTH0.
#[derive(Debug, Clone)]
pub(crate) struct Auth0Answer {
    pub(crate) ephemeral: PublicKey,
    /// Hint and cryptogram of the fast way.
    pub(crate) fast: Option<([u8; 8], Vec<u8>)>,
}

impl Auth0Answer {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let writer = Writer::default().put(TAG_CARD_EPHEMERAL, self.ephemeral.as_sec1());
        match &self.fast {
            Some((hint, cryptogram)) => writer.put(TAG_HINT, hint).put(TAG_CRYPTOGRAM, cryptogram).done(),
            None => writer.done(),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let elements = Elements::parse(bytes)?;
        let fast = match (elements.get(TAG_HINT), elements.get(TAG_CRYPTOGRAM)) {
            (None, None) => None,
            (Some(hint), Some(cryptogram)) if cryptogram.len() <= 64 => {
                Some((hint.try_into().ok()?, cryptogram.to_vec()))
            }
            _ => return None,
        };
        Some(Self { ephemeral: PublicKey::from_sec1(elements.get(TAG_CARD_EPHEMERAL)?).ok()?, fast })
    }
}

/// AUTH1: the reader shows who it is.
#[derive(Debug, Clone)]
pub(crate) struct Auth1<'a> {
    pub(crate) certificate: &'a [u8],
    pub(crate) signature: [u8; 64],
}

impl<'a> Auth1<'a> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        Writer::default().put(TAG_CERTIFICATE, self.certificate).put(TAG_SIGNATURE, &self.signature).done()
    }

    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let elements = Elements::parse(bytes)?;
        Some(Self { certificate: elements.get(TAG_CERTIFICATE)?, signature: elements.array(TAG_SIGNATURE)? })
    }
}

/// What the phone says about its person at the moment of the tap. A software phone can only claim it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the screen lock is open.
    pub unlocked: bool,
    /// Seconds since the person last opened it.
    pub age_s: u32,
}

impl Evidence {
    pub(crate) fn to_bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.age_s.to_be_bytes();
        [u8::from(self.unlocked), a, b, c, d]
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let [flag @ 0..=1, a, b, c, d] = *bytes else { return None };
        Some(Self { unlocked: flag == 1, age_s: u32::from_be_bytes([a, b, c, d]) })
    }
}

/// What the card says under seal in its answer to AUTH1.
#[derive(Debug, Clone)]
pub(crate) struct Auth1Answer<'a> {
    pub(crate) evidence: Evidence,
    pub(crate) pass: &'a [u8],
    pub(crate) signature: [u8; 64],
}

impl<'a> Auth1Answer<'a> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        Writer::default()
            .put(TAG_EVIDENCE, &self.evidence.to_bytes())
            .put(TAG_PASS, self.pass)
            .put(TAG_SIGNATURE, &self.signature)
            .done()
    }

    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let elements = Elements::parse(bytes)?;
        Some(Self {
            evidence: Evidence::parse(elements.get(TAG_EVIDENCE)?)?,
            pass: elements.get(TAG_PASS)?,
            signature: elements.array(TAG_SIGNATURE)?,
        })
    }
}

/// What the reader tells the phone in EXCHANGE: shown to its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the door opens.
    pub open: bool,
    /// Whether both keep the key of the fast way.
    pub keep: bool,
    /// The decision's stable number ([`crate::decision::Reason::number`]).
    pub reason: u16,
    /// Which door, for the holder; at most [`MAX_PLACE`] bytes.
    pub place: String,
}

impl Verdict {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let flags = if self.open { OPEN } else { 0 } | if self.keep { KEEP } else { 0 };
        let cut = (0..=MAX_PLACE.min(self.place.len())).rev().find(|at| self.place.is_char_boundary(*at));
        let place = self.place.get(..cut.unwrap_or(0)).unwrap_or_default();
        Writer::default()
            .put(TAG_VERDICT, &[flags])
            .put(TAG_REASON, &self.reason.to_be_bytes())
            .put(TAG_PLACE, place.as_bytes())
            .done()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let elements = Elements::parse(bytes)?;
        let [flags] = elements.array(TAG_VERDICT)?;
        let place = elements.get(TAG_PLACE)?;
        if flags & !(OPEN | KEEP) != 0 || place.len() > MAX_PLACE {
            return None;
        }
        Some(Self {
            open: flags & OPEN != 0,
            keep: flags & KEEP != 0,
            reason: u16::from_be_bytes(elements.array(TAG_REASON)?),
            place: core::str::from_utf8(place).ok()?.into(),
        })
    }
}
