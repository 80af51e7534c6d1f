//! The protocol data units of SMPP 3.4 that a sender needs, as bytes and back. No I/O; whatever comes from the other side
//! is bounded and parsed, and what is not understood is told by its command id.

use crate::operations::limits;

/// Command ids (SMPP 3.4 §5.1.2.1). A response has the highest bit set.
pub(super) mod id {
    pub(crate) const GENERIC_NACK: u32 = 0x8000_0000;
    pub(crate) const SUBMIT_SM: u32 = 0x0000_0004;
    pub(crate) const QUERY_SM: u32 = 0x0000_0003;
    pub(crate) const DELIVER_SM: u32 = 0x0000_0005;
    pub(crate) const UNBIND: u32 = 0x0000_0006;
    pub(crate) const BIND_TRANSCEIVER: u32 = 0x0000_0009;
    pub(crate) const ENQUIRE_LINK: u32 = 0x0000_0015;
    pub(crate) const RESPONSE: u32 = 0x8000_0000;
}

/// Command status (§5.1.3): a few that mean something to us.
pub(super) mod status {
    pub(crate) const OK: u32 = 0;
    pub(crate) const INVALID_COMMAND: u32 = 0x03;
    pub(crate) const SYSTEM_ERROR: u32 = 0x08;
    pub(crate) const QUEUE_FULL: u32 = 0x14;
    pub(crate) const THROTTLED: u32 = 0x58;
    pub(crate) const TEMPORARY: u32 = 0x64;
}

/// Optional parameters (§5.3.2).
mod tag {
    pub(super) const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
    pub(super) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(super) const MESSAGE_STATE: u16 = 0x0427;
}

/// The 16 bytes in front of every unit.
const HEADER: usize = 16;
/// TON and NPI of a number as people write it in the country: unknown, ISDN (E.164).
const NUMBERING: [u8; 2] = [0, 1];

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pdu {
    pub(super) command: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    pub(super) body: Vec<u8>,
}

/// Why bytes are no unit. The connection can't be understood any more and is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a unit is shorter than its header or longer than it may be")]
    Length,
    #[error("a field of a unit is not there or not closed")]
    Field,
}

impl Pdu {
    pub(super) fn new(command: u32, sequence: u32, body: Vec<u8>) -> Self {
        Self { command, status: status::OK, sequence, body }
    }

    /// The answer to a unit of the other side.
    pub(super) fn answer(&self, status: u32) -> Self {
        // deliver_sm_resp has a message id that is always empty (§4.6.2); the others that we answer have no body.
        let body = if self.command == id::DELIVER_SM && status == status::OK { vec![0] } else { Vec::new() };
        let command =
            if status == status::INVALID_COMMAND { id::GENERIC_NACK } else { self.command | id::RESPONSE };
        Self { command, status, sequence: self.sequence, body }
    }

    pub(super) const fn is_response(&self) -> bool {
        self.command & id::RESPONSE != 0
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(HEADER + self.body.len()).unwrap_or(u32::MAX);
        let mut out = Vec::with_capacity(HEADER + self.body.len());
        for word in [length, self.command, self.status, self.sequence] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }

    /// Takes the first unit off what has been received; `None` until all of it is there.
    pub(super) fn take(received: &mut Vec<u8>) -> Result<Option<Self>, Malformed> {
        let word = |at: usize| {
            let bytes = received.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let Some(length) = word(0) else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| Malformed::Length)?;
        if !(HEADER..=limits::SMPP_PDU.size()).contains(&length) {
            return Err(Malformed::Length);
        }
        if received.len() < length {
            return Ok(None);
        }
        let (Some(command), Some(status), Some(sequence)) = (word(4), word(8), word(12)) else {
            return Err(Malformed::Length);
        };
        let rest = received.split_off(length);
        let body = received.get(HEADER..).unwrap_or_default().to_vec();
        *received = rest;
        Ok(Some(Self { command, status, sequence, body }))
    }
}

/// Appends a C-octet string: no zero byte inside, cut to `most` bytes with its end.
fn text(out: &mut Vec<u8>, text: &str, most: usize) {
    out.extend(text.bytes().filter(|byte| *byte != 0).take(most.saturating_sub(1)));
    out.push(0);
}

/// `bind_transceiver` (§4.1.5).
pub(super) fn bind(system_id: &str, password: &str, system_type: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, system_id, 16);
    text(&mut out, password, 9);
    text(&mut out, system_type, 13);
    out.push(0x34);
    out.extend_from_slice(&NUMBERING);
    out.push(0);
    out
}

/// A message as the gateway gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submission<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) data_coding: u8,
    pub(super) bytes: &'a [u8],
    /// More than a short message holds: it goes as a payload, which the gateway sends as one long message (LMS).
    pub(super) long: bool,
    /// How long the gateway may try, in seconds.
    pub(super) validity_s: i64,
}

/// `submit_sm` (§4.4.1), with a receipt asked for.
pub(super) fn submit(message: &Submission<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.bytes.len() + 80);
    out.push(0); // service_type: the gateway's own
    out.extend_from_slice(&NUMBERING);
    text(&mut out, message.from, 21);
    out.extend_from_slice(&NUMBERING);
    text(&mut out, message.to, 21);
    out.extend_from_slice(&[0, 0, 0]); // esm_class, protocol_id, priority_flag
    out.push(0); // schedule_delivery_time: now
    text(&mut out, &relative(message.validity_s), 17);
    out.push(1); // registered_delivery: a receipt, whatever becomes of it
    out.push(0); // replace_if_present_flag
    out.push(message.data_coding);
    out.push(0); // sm_default_msg_id
    if message.long {
        out.push(0);
        out.extend_from_slice(&tag::MESSAGE_PAYLOAD.to_be_bytes());
        out.extend_from_slice(&u16::try_from(message.bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    } else {
        out.push(u8::try_from(message.bytes.len()).unwrap_or(u8::MAX));
    }
    out.extend_from_slice(message.bytes);
    out
}

/// A time from now as `YYMMDDhhmmsstnnp` (§7.1.1).
fn relative(seconds: i64) -> String {
    let seconds = seconds.clamp(1, 30 * 86_400);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("0000{days:02}{:02}{:02}{:02}000R", rest / 3_600, rest % 3_600 / 60, rest % 60)
}

/// `query_sm` (§4.8.1).
pub(super) fn query(message_id: &str, from: &str) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, message_id, 65);
    out.extend_from_slice(&NUMBERING);
    text(&mut out, from, 21);
    out
}

/// Reads fields one after the other.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn text(&mut self, most: usize) -> Result<String, Malformed> {
        let end = self.0.iter().take(most).position(|byte| *byte == 0).ok_or(Malformed::Field)?;
        let bytes = self.bytes(end)?;
        self.bytes(1)?;
        Ok(bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect())
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.bytes(1)?.first().copied().ok_or(Malformed::Field)
    }

    fn word(&mut self) -> Result<u16, Malformed> {
        let bytes = self.bytes(2)?.try_into().map_err(|_| Malformed::Field)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn bytes(&mut self, count: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Field)?;
        self.0 = rest;
        Ok(taken)
    }
}

/// The message id of a `submit_sm_resp`.
pub(super) fn submitted(body: &[u8]) -> Result<String, Malformed> {
    Fields(body).text(65)
}

/// What became of a message (§5.2.28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// On its way: en route or accepted.
    Underway,
    Delivered,
    /// Expired, deleted, undeliverable or rejected.
    Failed,
    Unknown,
}

impl MessageState {
    const fn of_code(code: u8) -> Self {
        match code {
            1 | 6 => Self::Underway,
            2 => Self::Delivered,
            3 | 4 | 5 | 8 => Self::Failed,
            _ => Self::Unknown,
        }
    }

    /// The word of a receipt's text (appendix B).
    fn of_word(word: &str) -> Self {
        match word {
            "ENROUTE" | "ACCEPTD" => Self::Underway,
            "DELIVRD" => Self::Delivered,
            "EXPIRED" | "DELETED" | "UNDELIV" | "REJECTD" => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

/// What a `query_sm_resp` says.
pub(super) fn queried(body: &[u8]) -> Result<MessageState, Malformed> {
    let mut fields = Fields(body);
    fields.text(65)?;
    fields.text(17)?;
    Ok(MessageState::of_code(fields.byte()?))
}

/// A delivery receipt: of which message, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub message_id: String,
    pub state: MessageState,
}

/// The receipt in a `deliver_sm`; `None` if it is a message from a phone, which nobody here reads.
pub(super) fn receipt(body: &[u8]) -> Result<Option<Receipt>, Malformed> {
    let mut fields = Fields(body);
    fields.text(6)?;
    for _ in 0..2 {
        fields.bytes(2)?;
        fields.text(21)?;
    }
    let class = fields.byte()?;
    fields.bytes(2)?;
    fields.text(17)?;
    fields.text(17)?;
    fields.bytes(4)?;
    let length = usize::from(fields.byte()?);
    let mut words = String::from_utf8_lossy(fields.bytes(length)?).into_owned();
    let (mut message_id, mut state) = (None, None);
    while !fields.0.is_empty() {
        let (tag, length) = (fields.word()?, usize::from(fields.word()?));
        let value = fields.bytes(length)?;
        match tag {
            tag::RECEIPTED_MESSAGE_ID => message_id = Some(Fields(value).text(65)?),
            tag::MESSAGE_STATE => state = value.first().copied().map(MessageState::of_code),
            tag::MESSAGE_PAYLOAD => words = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }
    if class & 0x3c != 0x04 {
        return Ok(None);
    }
    let of = |name: &str| {
        let (_, after) = words.split_once(name)?;
        after.split([' ', '\0']).next().filter(|word| !word.is_empty() && word.len() <= 64).map(str::to_owned)
    };
    let Some(message_id) = message_id.or_else(|| of("id:")) else { return Ok(None) };
    let state = state
        .unwrap_or_else(|| of("stat:").map_or(MessageState::Unknown, |word| MessageState::of_word(&word)));
    Ok(Some(Receipt { message_id, state }))
}
