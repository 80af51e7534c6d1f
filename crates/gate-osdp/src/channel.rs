//! The secure channel to one peripheral (OSDP v2.2, Annex D), and one command at a time inside it.

#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, Instant};

use osdp::command::{Command, KeySet};
use osdp::packet::{Address, ControlByte, CtrlFlags, PacketBuilder, ParsedPacket, Scb, ScsType, Sqn};
use osdp::reply::{Reply, ReplyCode};
use osdp::secure::{Direction, SCBK_D, Secure, Session, seal, unseal};

use crate::serial::Serial;

/// The highest address of a peripheral; 127 means all.
pub(crate) const MAX_ADDRESS: u8 = 126;
/// How long a peripheral may take for its reply (5.7).
const REPLY: Duration = Duration::from_millis(200);
/// How often a command is sent again that was not answered.
const TRIES: u8 = 3;
/// How often a busy peripheral is asked again.
const BUSY: u8 = 20;
/// The longest packet that is read.
const MAX_PACKET: usize = 1_440;

/// What bytes go over.
pub(crate) trait Wire {
    /// Sends bytes.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What has come, perhaps nothing; waits a tenth of a second at most.
    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<()>;
}

impl Wire for Serial {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        Serial::send(self, bytes)
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        Serial::receive(self, into)
    }
}

/// The key that both sides have.
pub(crate) struct Scbk {
    bytes: [u8; 16],
    default: bool,
}

impl Scbk {
    /// A key that is not the default one.
    pub(crate) fn parse(bytes: [u8; 16]) -> Option<Self> {
        (bytes != SCBK_D).then_some(Self::own(bytes))
    }

    /// A key that was just drawn.
    pub(crate) const fn own(bytes: [u8; 16]) -> Self {
        Self { bytes, default: false }
    }

    /// The key that everybody knows, for installing.
    pub(crate) const fn default_key() -> Self {
        Self { bytes: SCBK_D, default: true }
    }
}

/// Why a line is no line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// The device failed, or was unplugged.
    #[error("the line failed: {0}")]
    Line(#[from] io::Error),
    /// Nobody answers.
    #[error("the peripheral does not answer")]
    Silent,
    /// It has another key.
    #[error("the peripheral has another key")]
    Key,
    /// It offers the default key outside of installing, or another one while installing.
    #[error("the peripheral offers the default key: install it")]
    DefaultKey,
    /// What it says is not inside the channel, or not in order.
    #[error("the peripheral broke the channel: {0}")]
    Broken(String),
}

impl BusError {
    /// Stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Line(_) => "failed",
            Self::Silent => "silent",
            Self::Key => "key",
            Self::DefaultKey => "default-key",
            Self::Broken(_) => "broken",
        }
    }
}

impl From<osdp::Error> for BusError {
    fn from(error: osdp::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// One peripheral inside its secure channel.
pub(crate) struct Bus<W> {
    line: Line<W>,
    session: Session<Secure>,
}

struct Line<W> {
    wire: W,
    address: u8,
    sqn: Sqn,
    buffer: Vec<u8>,
}

/// A whole packet as it came.
struct Packet(Vec<u8>);

impl<W: Wire> Line<W> {
    fn address(&self) -> Result<Address, BusError> {
        Ok(Address::pd(self.address)?)
    }

    /// Sends a packet and waits for the reply with its number; a packet that is lost is sent again, as it was.
    fn exchange(&mut self, packet: &[u8]) -> Result<Packet, BusError> {
        let mut busy = 0;
        let mut tries = 0;
        while tries < TRIES {
            self.buffer.clear();
            self.wire.send(packet)?;
            let began = now();
            while began.elapsed() < REPLY {
                self.wire.receive(&mut self.buffer)?;
                let Some(reply) = self.take()? else { continue };
                let (parsed, _) = ParsedPacket::parse(&reply.0)?;
                // On two wires everybody hears themselves.
                if !parsed.addr.is_reply() {
                    continue;
                }
                if parsed.code == ReplyCode::Busy.as_byte() {
                    busy += 1;
                    if busy > BUSY {
                        return Err(BusError::Silent);
                    }
                    tries = 0;
                    break;
                }
                if parsed.addr.pd_addr() == self.address && parsed.ctrl.sqn == self.sqn {
                    self.sqn = self.sqn.next();
                    return Ok(reply);
                }
            }
            tries += 1;
        }
        Err(BusError::Silent)
    }

    /// The first whole packet of what came. Noise before it and packets with a wrong check are passed over.
    fn take(&mut self) -> Result<Option<Packet>, BusError> {
        loop {
            let Some(start) = self.buffer.iter().position(|byte| *byte == osdp::SOM) else {
                self.buffer.clear();
                return Ok(None);
            };
            self.buffer.drain(..start);
            match ParsedPacket::parse(&self.buffer) {
                Ok((_, used)) => return Ok(Some(Packet(self.buffer.drain(..used).collect()))),
                Err(osdp::Error::Truncated { .. }) if self.buffer.len() < MAX_PACKET => return Ok(None),
                Err(_) => drop(self.buffer.drain(..1)),
            }
        }
    }

    /// A packet of the handshake, with its security block.
    fn handshake(&mut self, kind: ScsType, mark: u8, command: &Command) -> Result<Packet, BusError> {
        let packet = PacketBuilder {
            addr: self.address()?,
            ctrl: ControlByte::new(self.sqn, CtrlFlags::USE_CRC | CtrlFlags::HAS_SCB),
            scb: Some(Scb::new(kind, [mark])),
            code: command.code().as_byte(),
            data: command.encode_data()?,
        };
        self.exchange(&packet.encode()?)
    }
}

/// The reply of a packet outside the channel; a refusal is told as what it means there.
fn plain(packet: &Packet) -> Result<Reply, BusError> {
    let (parsed, _) = ParsedPacket::parse(&packet.0)?;
    match Reply::decode(ReplyCode::from_byte(parsed.code)?, parsed.data)? {
        Reply::Nak(_) => Err(BusError::Key),
        reply => Ok(reply),
    }
}

/// Which key the peripheral says it used: the mark of its security block.
fn offers_default(packet: &Packet) -> Result<bool, BusError> {
    let (parsed, _) = ParsedPacket::parse(&packet.0)?;
    let block = parsed.scb.ok_or_else(|| BusError::Broken("no security block".into()))?;
    if block.ty != ScsType::Scs12 {
        return Err(BusError::Broken("another security block".into()));
    }
    Ok(block.data.first() == Some(&0))
}

impl<W: Wire> Bus<W> {
    /// Makes the secure channel: sequence from nothing, challenge, both cryptograms, first MAC (Annex D.4).
    pub(crate) fn open(wire: W, address: u8, key: &Scbk) -> Result<Self, BusError> {
        let mut line = Line { wire, address, sqn: Sqn::ZERO, buffer: Vec::new() };
        let mark = u8::from(!key.default);
        let mut rnd_a = [0; 8];
        getrandom::fill(&mut rnd_a).map_err(|error| BusError::Broken(error.to_string()))?;
        let session = Session::new(key.bytes).challenge(rnd_a);
        let challenge = Command::Chlng(osdp::command::Chlng { rnd_a });
        let answer = line.handshake(ScsType::Scs11, mark, &challenge)?;
        let Reply::CCrypt(ccrypt) = plain(&answer)? else {
            return Err(BusError::Broken("no cryptogram".into()));
        };
        if offers_default(&answer)? != key.default {
            return Err(BusError::DefaultKey);
        }
        let session = session.receive_ccrypt(&ccrypt).map_err(|_| BusError::Key)?;
        let proof = Command::SCrypt(osdp::command::SCrypt { server_cryptogram: session.server_cryptogram() });
        let answer = line.handshake(ScsType::Scs13, mark, &proof)?;
        let Reply::RMacI(first) = plain(&answer)? else {
            return Err(BusError::Broken("no first MAC".into()));
        };
        let session = session.confirm_rmac_i(&first.r_mac_i).map_err(|_| BusError::Key)?;
        Ok(Self { line, session })
    }

    /// One command inside the channel, encrypted, and its reply.
    pub(crate) fn command(&mut self, command: &Command) -> Result<Reply, BusError> {
        let data = command.encode_data()?;
        // A packet without data is authenticated only: there is nothing to hide (D.5).
        let packet = seal(
            &mut self.session,
            self.line.address()?,
            self.line.sqn,
            Direction::AcuToPd,
            !data.is_empty(),
            command.code().as_byte(),
            &data,
        )?;
        let reply = self.line.exchange(&packet)?;
        let (parsed, _) = ParsedPacket::parse(&reply.0)?;
        if !parsed.scb.is_some_and(|block| matches!(block.ty, ScsType::Scs16 | ScsType::Scs18)) {
            return Err(BusError::Broken("a reply outside the channel".into()));
        }
        let data = unseal(&mut self.session, &parsed, &reply.0)?;
        Ok(Reply::decode(ReplyCode::from_byte(parsed.code)?, &data)?)
    }

    /// Gives the peripheral a key of its own (KEYSET), while the channel stands on the default one.
    pub(crate) fn set_key(&mut self, key: &Scbk) -> Result<(), BusError> {
        match self.command(&Command::KeySet(KeySet::scbk(key.bytes)))? {
            Reply::Ack(_) => Ok(()),
            reply => Err(BusError::Broken(format!("the key was answered with {reply:?}"))),
        }
    }
}

/// The machine's clock: a line is waited for by it.
#[expect(clippy::disallowed_methods, reason = "a program of its own that waits for hardware")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
