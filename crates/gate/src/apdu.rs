//! Command and response APDUs (ISO/IEC 7816-3 §12.1, ISO/IEC 7816-4 §5).

use alloc::vec::Vec;

/// Most data of a command.
pub const MAX_COMMAND: usize = 1_024;
/// Most data of a response, put together from its pieces.
pub const MAX_RESPONSE: usize = 1_024;
/// Most data of one short response.
pub const SHORT: usize = 256;

/// A status word (ISO/IEC 7816-4 §5.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Lengths that don't fit.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The other side did not prove who it is.
    pub const SECURITY: Self = Self(0x6982);
    /// The phone is locked.
    pub const CONDITIONS: Self = Self(0x6985);
    /// Not now: a step is missing.
    pub const NOT_NOW: Self = Self(0x6986);
    /// Data that can't be read.
    pub const WRONG_DATA: Self = Self(0x6a80);
    /// Another application than this one.
    pub const NO_APPLICATION: Self = Self(0x6a82);
    /// Parameters of another command.
    pub const WRONG_PARAMETERS: Self = Self(0x6a86);
    /// There is no gate pass on the phone, or it is over.
    pub const NO_PASS: Self = Self(0x6a88);
    /// An unknown instruction.
    pub const UNKNOWN_INSTRUCTION: Self = Self(0x6d00);
    /// An unknown class.
    pub const UNKNOWN_CLASS: Self = Self(0x6e00);
    /// The phone's key failed.
    pub const FAILED: Self = Self(0x6f00);

    /// `61xx`: so many more bytes wait, 0 for 256 or more.
    pub fn more(waiting: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(waiting).unwrap_or(0)))
    }

    /// Whether more bytes wait.
    pub const fn is_more(self) -> bool {
        self.0 >> 8 == 0x61
    }
}

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class.
    pub class: u8,
    /// Instruction.
    pub instruction: u8,
    /// P1 and P2.
    pub parameters: [u8; 2],
    /// At most [`MAX_COMMAND`] bytes.
    pub data: &'a [u8],
    /// Most bytes of data that the reader takes: 0, up to 256 (short) or up to 65,536 (extended).
    pub expected: usize,
}

impl<'a> Command<'a> {
    /// Reads a command in short or extended form.
    ///
    /// # Errors
    /// [`Status::WRONG_LENGTH`] for lengths that don't fit the bytes or are over the bound.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Status> {
        let Some((&[class, instruction, p1, p2], body)) = bytes.split_first_chunk::<4>() else {
            return Err(Status::WRONG_LENGTH);
        };
        let (data, expected) = body_of(body).ok_or(Status::WRONG_LENGTH)?;
        if data.len() > MAX_COMMAND {
            return Err(Status::WRONG_LENGTH);
        }
        Ok(Self { class, instruction, parameters: [p1, p2], data, expected })
    }

    /// The bytes: the short form where it can be, else the extended one.
    pub fn to_bytes(&self) -> Vec<u8> {
        let [p1, p2] = self.parameters;
        let mut out = Vec::with_capacity(self.data.len() + 9);
        out.extend([self.class, self.instruction, p1, p2]);
        let length = u16::try_from(self.data.len()).unwrap_or(u16::MAX);
        let expected = u16::try_from(self.expected).unwrap_or(0);
        if self.data.len() <= 255 && self.expected <= SHORT {
            if let (Ok(length), true) = (u8::try_from(length), length > 0) {
                out.push(length);
                out.extend_from_slice(self.data);
            }
            if self.expected > 0 {
                // 256 is written as 0.
                out.push(u8::try_from(expected).unwrap_or(0));
            }
        } else {
            out.push(0);
            if length > 0 {
                out.extend(length.to_be_bytes());
                out.extend_from_slice(self.data);
            }
            if self.expected > 0 {
                out.extend(expected.to_be_bytes());
            }
        }
        out
    }
}

/// Data and expected length of what follows the header (ISO/IEC 7816-3 §12.1.3).
fn body_of(body: &[u8]) -> Option<(&[u8], usize)> {
    let short = |le: u8| if le == 0 { SHORT } else { usize::from(le) };
    let extended = |le: [u8; 2]| match u16::from_be_bytes(le) {
        0 => 65_536,
        le => usize::from(le),
    };
    match body {
        [] => Some((&[], 0)),
        [le] => Some((&[], short(*le))),
        [0, a, b] => Some((&[], extended([*a, *b]))),
        [0, a, b, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*a, *b]));
            match rest.split_at_checked(length)? {
                (_, _) if length == 0 => None,
                (data, []) => Some((data, 0)),
                (data, [a, b]) => Some((data, extended([*a, *b]))),
                _ => None,
            }
        }
        [length, rest @ ..] => match rest.split_at_checked(usize::from(*length))? {
            (data, []) if !data.is_empty() => Some((data, 0)),
            (data, [le]) if !data.is_empty() => Some((data, short(*le))),
            _ => None,
        },
    }
}

/// A response as its bytes: data and status word.
pub fn response(data: &[u8], status: Status) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 2);
    out.extend_from_slice(data);
    out.extend(status.0.to_be_bytes());
    out
}

/// Splits a response into data and status word; `None` when it is too short or longer than any of ours.
pub fn split(response: &[u8]) -> Option<(&[u8], Status)> {
    let (data, word) = response.split_last_chunk::<2>()?;
    (data.len() <= MAX_RESPONSE).then(|| (data, Status(u16::from_be_bytes(*word))))
}
