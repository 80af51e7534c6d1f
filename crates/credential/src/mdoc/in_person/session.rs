//! The encrypted session (§9.1.1.4–§9.1.1.6).

use ciborium::Value;
use keys::kdf::hkdf_sha256;
use keys::{PublicKey, SecretKey, Zeroizing, aead, sha256};

use super::{Engagement, InPersonError, MAX_MESSAGE};
use crate::mdoc::SessionTranscript;
use crate::mdoc::cbor::{Members, Writer, encoded, parse, unsigned};
use crate::mdoc::mso::{cose_key, write_cose_key};

/// How a session ends (§9.1.1.4, table 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A message could not be opened.
    Encryption = 10,
    /// A message was not CBOR.
    Decoding = 11,
    /// One side has what it wanted, or does not want to go on.
    Termination = 20,
}

impl End {
    /// The message that says so.
    pub fn message(self) -> Vec<u8> {
        let mut out = Writer::with_capacity(16);
        out.map(1).text("status").unsigned(self as u64);
        out.into_bytes()
    }
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Data; the sender may have said that it was the last.
    Data(Vec<u8>),
    /// The other side ended the session, with this status.
    End(u64),
}

/// Which of the two this is; its keys and the first half of its nonces follow from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Reader,
    Device,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Reader => Self::Device,
            Self::Device => Self::Reader,
        }
    }

    fn label(self) -> &'static [u8] {
        match self {
            Self::Reader => b"SKReader",
            Self::Device => b"SKDevice",
        }
    }

    /// The identifier of the sender, then its message counter (§9.1.1.5).
    fn nonce(self, counter: u32) -> [u8; 12] {
        let [a, b, c, d] = counter.to_be_bytes();
        [0, 0, 0, 0, 0, 0, 0, u8::from(self == Self::Device), a, b, c, d]
    }
}

/// One side of a meeting.
pub struct Session {
    side: Side,
    transcript: SessionTranscript,
    sending: Zeroizing<[u8; 32]>,
    receiving: Zeroizing<[u8; 32]>,
    sent: u32,
    received: u32,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Session {
    /// The reader's first message: its key, and its request. `request` is made for the transcript, which a reader may sign.
    pub fn begin(
        engagement: &Engagement,
        request: impl FnOnce(&SessionTranscript) -> Vec<u8>,
    ) -> Result<(Self, Vec<u8>), InPersonError> {
        let own = SecretKey::generate();
        let mut key = Writer::with_capacity(80);
        write_cose_key(&mut key, own.public_key());
        let transcript = SessionTranscript::in_person(engagement.as_bytes(), key.as_bytes());
        let mut session = Self::agreed(Side::Reader, transcript, &own.agree(engagement.key()));
        let sealed = session.encrypt(&request(&session.transcript))?;
        let mut out = Writer::with_capacity(sealed.len() + 128);
        out.map(2).text("eReaderKey").embedded(key.as_bytes()).text("data").bytes(&sealed);
        Ok((session, out.into_bytes()))
    }

    /// The phone's side of that: the session, and the request in it.
    pub fn accept(
        engagement: &Engagement,
        own: &SecretKey,
        message: &[u8],
    ) -> Result<(Self, Vec<u8>), InPersonError> {
        let (key, _, data) = establishment(message)?;
        let reader = reader_key(&key)?;
        let transcript = SessionTranscript::in_person(engagement.as_bytes(), &key);
        let mut session = Self::agreed(Side::Device, transcript, &own.agree(&reader));
        let request = session.decrypt(&data)?;
        Ok((session, request))
    }

    fn agreed(side: Side, transcript: SessionTranscript, secret: &[u8; 32]) -> Self {
        let salt = sha256(&transcript.embedded());
        let key = |side: Side| hkdf_sha256::<32>(secret, &salt, side.label());
        Self { side, transcript, sending: key(side), receiving: key(side.other()), sent: 0, received: 0 }
    }

    /// What names this meeting; the device key signs it.
    pub fn transcript(&self) -> &SessionTranscript {
        &self.transcript
    }

    /// A message with data; `last` also ends the session.
    pub fn seal(&mut self, data: &[u8], last: bool) -> Result<Vec<u8>, InPersonError> {
        let sealed = self.encrypt(data)?;
        let mut out = Writer::with_capacity(sealed.len() + 32);
        out.map(if last { 2 } else { 1 }).text("data").bytes(&sealed);
        if last {
            out.text("status").unsigned(End::Termination as u64);
        }
        Ok(out.into_bytes())
    }

    /// Opens the next message of the other side.
    pub fn open(&mut self, message: &[u8]) -> Result<Incoming, InPersonError> {
        let mut members = members(message)?;
        let status = members.take("status");
        match (members.take("data"), status) {
            (Some(data), _) => {
                let data = data.into_bytes().map_err(|_| InPersonError::Message)?;
                self.decrypt(&data).map(Incoming::Data)
            }
            (None, Some(status)) => unsigned(&status).map(Incoming::End).ok_or(InPersonError::Message),
            (None, None) => Err(InPersonError::Message),
        }
    }

    fn encrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, InPersonError> {
        // The first message has number 1; a counter that would begin anew ends the session instead.
        self.sent = self.sent.checked_add(1).ok_or(InPersonError::Encryption)?;
        aead::seal(&self.sending, &self.side.nonce(self.sent), b"", data)
            .map_err(|_| InPersonError::Encryption)
    }

    fn decrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, InPersonError> {
        let number = self.received.checked_add(1).ok_or(InPersonError::Encryption)?;
        let nonce = self.side.other().nonce(number);
        let opened = aead::open(&self.receiving, &nonce, b"", data).map_err(|_| InPersonError::Encryption)?;
        self.received = number;
        Ok(opened)
    }

    /// A session whose shared secret is known, as the examples of the standard give it.
    #[cfg(test)]
    pub(super) fn of_secret(transcript: SessionTranscript, secret: &[u8; 32]) -> Self {
        Self::agreed(Side::Device, transcript, secret)
    }

    #[cfg(test)]
    pub(super) fn reader_session_key(&self) -> &[u8; 32] {
        &self.receiving
    }

    #[cfg(test)]
    pub(super) fn decrypted(&mut self, data: &[u8]) -> Result<Vec<u8>, InPersonError> {
        self.decrypt(data)
    }
}

fn members(message: &[u8]) -> Result<Members, InPersonError> {
    if message.len() > MAX_MESSAGE {
        return Err(InPersonError::Message);
    }
    parse(message).and_then(Members::of).map_err(|_| InPersonError::Message)
}

/// The reader's key as it was encoded, as a value, and the encrypted request.
pub(super) fn establishment(message: &[u8]) -> Result<(Vec<u8>, Value, Vec<u8>), InPersonError> {
    let mut members = members(message)?;
    let key = members.must("eReaderKey").and_then(encoded).map_err(|_| InPersonError::Message)?;
    let value = parse(&key).map_err(|_| InPersonError::Message)?;
    let data = members.must("data").ok().and_then(|data| data.into_bytes().ok());
    Ok((key, value, data.ok_or(InPersonError::Message)?))
}

fn reader_key(bytes: &[u8]) -> Result<PublicKey, InPersonError> {
    parse(bytes).and_then(cose_key).map_err(|_| InPersonError::Message)
}
