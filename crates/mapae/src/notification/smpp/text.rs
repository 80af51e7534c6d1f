//! A text as a Korean carrier takes it: up to 90 bytes of EUC-KR are a short message (SMS), up to 2,000 a long one (LMS).

use encoding_rs::EUC_KR;

use crate::operations::limits;

/// What the carrier makes and bills of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Sms,
    Lms,
}

impl Length {
    /// The word in the database and in the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Lms => "lms",
        }
    }
}

/// KS C 5601 (SMPP 3.4 §5.2.19).
const KS_C_5601: u8 = 0x0e;
const UCS2: u8 = 0x08;

/// A text ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) data_coding: u8,
    pub(super) bytes: Vec<u8>,
    pub(super) length: Length,
}

/// What a text counts as, whoever carries it; `None` if it is longer than any message.
pub(in crate::notification) fn length(text: &str) -> Option<Length> {
    let (bytes, _, _) = EUC_KR.encode(text);
    match bytes.len() {
        0..=90 => Some(Length::Sms),
        long if long <= limits::LMS_BYTES.size() => Some(Length::Lms),
        _ => None,
    }
}

/// The bytes of a text: EUC-KR, or UCS-2 for a letter that has no place there.
pub(super) fn encode(text: &str) -> Option<Encoded> {
    let length = length(text)?;
    let (bytes, _, lost) = EUC_KR.encode(text);
    if !lost {
        return Some(Encoded { data_coding: KS_C_5601, bytes: bytes.into_owned(), length });
    }
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    // A short message holds 140 bytes on the air, whatever they are.
    let length = if bytes.len() <= 140 { Length::Sms } else { Length::Lms };
    (bytes.len() <= 2 * limits::LMS_BYTES.size()).then_some(Encoded { data_coding: UCS2, bytes, length })
}
