//! A peripheral made of the protocol's own parts, that can be told to misbehave. The independent one is libosdp, in
//! `cargo xtask interop gate`.

use std::collections::VecDeque;

use osdp::reply::{Ack, CCrypt, RMacI};
use osdp::secure::crypto::{SessionKeys, client_cryptogram};
use osdp::secure::{Cryptogrammed, Disconnected};

use super::*;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Good,
    /// Says that it used the default key.
    SaysDefault,
    /// Answers the first command outside the channel.
    Plain,
    /// Loses the first packet of each kind.
    Forgetful,
    /// Is busy once.
    Busy,
    /// Says nothing.
    Dead,
    /// Puts noise before each answer.
    Noisy,
    /// Changes a byte of what is encrypted.
    Forged,
}

struct Peripheral {
    manner: Manner,
    key: [u8; 16],
    outgoing: VecDeque<u8>,
    proving: Option<Session<Cryptogrammed>>,
    session: Option<Session<Secure>>,
    heard: Vec<u8>,
    lost: usize,
}

impl Peripheral {
    fn new(manner: Manner, key: [u8; 16]) -> Self {
        Self {
            manner,
            key,
            outgoing: VecDeque::new(),
            proving: None,
            session: None,
            heard: Vec::new(),
            lost: 0,
        }
    }

    fn reply(&mut self, sqn: Sqn, scb: Option<Scb>, reply: &Reply) -> Vec<u8> {
        let flags = if scb.is_some() { CtrlFlags::USE_CRC | CtrlFlags::HAS_SCB } else { CtrlFlags::USE_CRC };
        let packet = PacketBuilder {
            addr: Address::reply(0).unwrap(),
            ctrl: ControlByte::new(sqn, flags),
            scb,
            code: reply.code().as_byte(),
            data: reply.encode_data().unwrap(),
        };
        packet.encode().unwrap()
    }

    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (parsed, _) = ParsedPacket::parse(bytes).unwrap();
        let sqn = parsed.ctrl.sqn;
        let block = parsed.scb.unwrap();
        match block.ty {
            ScsType::Scs11 => {
                let rnd_a: [u8; 8] = parsed.data.try_into().unwrap();
                let keys = SessionKeys::derive(&self.key, &rnd_a);
                let rnd_b = [7; 8];
                let ccrypt = CCrypt {
                    cuid: [1; 8],
                    rnd_b,
                    client_cryptogram: client_cryptogram(&keys.s_enc, &rnd_a, &rnd_b),
                };
                let session = Session::<Disconnected>::new(self.key).challenge(rnd_a);
                self.proving = session.receive_ccrypt(&ccrypt).ok();
                let mark = u8::from(self.key != SCBK_D && self.manner != Manner::SaysDefault);
                self.reply(sqn, Some(Scb::new(ScsType::Scs12, [mark])), &Reply::CCrypt(ccrypt))
            }
            ScsType::Scs13 => {
                let session = self.proving.take().unwrap();
                let mac = session.initial_rmac();
                self.session = session.confirm_rmac_i(&mac).ok();
                self.reply(sqn, Some(Scb::new(ScsType::Scs14, [1])), &Reply::RMacI(RMacI { r_mac_i: mac }))
            }
            _ if self.manner == Manner::Plain => self.reply(sqn, None, &Reply::Ack(Ack)),
            _ => {
                let session = self.session.as_mut().unwrap();
                self.heard = unseal(session, &parsed, bytes).unwrap();
                let mut packet = seal(
                    session,
                    Address::reply(0).unwrap(),
                    sqn,
                    Direction::PdToAcu,
                    true,
                    0x49,
                    &[1, 0, 1],
                )
                .unwrap();
                if self.manner == Manner::Forged {
                    let n = packet.len();
                    packet[n - 8] ^= 1;
                    let crc = osdp::packet::crc16(&packet[..n - 2]).to_le_bytes();
                    packet[n - 2..].copy_from_slice(&crc);
                }
                packet
            }
        }
    }
}

impl Wire for Peripheral {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.manner == Manner::Dead {
            return Ok(());
        }
        if self.manner == Manner::Forgetful && self.lost < 2 {
            self.lost += 1;
            return Ok(());
        }
        if self.manner == Manner::Busy && self.lost == 0 {
            self.lost += 1;
            let busy = self.reply(Sqn::ZERO, None, &Reply::Busy(osdp::reply::Busy));
            self.outgoing.extend(busy);
            return Ok(());
        }
        if self.manner == Manner::Noisy {
            self.outgoing.extend([0xFF, osdp::SOM, 0x00, 0xFF]);
        }
        let answer = self.answer(bytes);
        self.outgoing.extend(answer);
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        // A few bytes at a time, as a slow line gives them.
        let count = self.outgoing.len().min(11);
        into.extend(self.outgoing.drain(..count));
        Ok(())
    }
}

const OWN: [u8; 16] = [9; 16];

fn opened(manner: Manner, key: [u8; 16]) -> Result<Bus<Peripheral>, BusError> {
    Bus::open(Peripheral::new(manner, key), 0, &Scbk::own(OWN))
}

fn poll() -> Command {
    Command::Poll(osdp::command::Poll)
}

#[test]
fn a_peripheral_with_the_key_is_commanded_inside_the_channel() {
    for manner in [Manner::Good, Manner::Forgetful, Manner::Busy, Manner::Noisy] {
        let mut bus = opened(manner, OWN).unwrap();
        for _ in 0..8 {
            let reply = bus.command(&poll()).unwrap();
            assert_eq!(reply, Reply::IStatR(osdp::reply::IStatR { inputs: vec![1, 0, 1] }));
        }
    }
}

#[test]
fn what_is_said_is_not_seen_on_the_line() {
    let mut bus = opened(Manner::Good, OWN).unwrap();
    bus.set_key(&Scbk::own([5; 16])).unwrap_err();
    assert_eq!(bus.line.wire.heard, [&[1, 16][..], &[5; 16]].concat(), "the peripheral read it");
}

#[test]
fn a_peripheral_with_another_key_moves_nothing() {
    let refused = opened(Manner::Good, [8; 16]).err().unwrap();
    assert_eq!(refused.code(), "key");
}

#[test]
fn the_default_key_is_refused_outside_of_installing() {
    assert_eq!(opened(Manner::SaysDefault, OWN).err().unwrap().code(), "default-key");
    assert_eq!(opened(Manner::Good, SCBK_D).err().unwrap().code(), "default-key");
    assert!(Scbk::parse(SCBK_D).is_none(), "not even from a file");
    let installing = Bus::open(Peripheral::new(Manner::Good, SCBK_D), 0, &Scbk::default_key());
    assert!(installing.is_ok());
    let own = Bus::open(Peripheral::new(Manner::Good, OWN), 0, &Scbk::default_key());
    assert_eq!(
        own.err().unwrap().code(),
        "default-key",
        "one that has a key of its own is not installed again"
    );
}

#[test]
fn a_reply_outside_the_channel_and_a_forged_one_end_it() {
    let mut bus = opened(Manner::Plain, OWN).unwrap();
    assert_eq!(bus.command(&poll()).unwrap_err().code(), "broken");
    let mut bus = opened(Manner::Forged, OWN).unwrap();
    assert_eq!(bus.command(&poll()).unwrap_err().code(), "broken");
}

#[test]
fn a_dead_line_is_told_as_silent() {
    assert_eq!(opened(Manner::Dead, OWN).err().unwrap().code(), "silent");
}
