//! Showing a document face to face (ISO/IEC 18013-5:2021 §8, §9.1.1): the phone shows a QR code, the reader answers it over a
//! WebSocket, and everything between them is encrypted to keys made for this meeting.
//!
//! ```text
//! phone:   Engagement::new ──qr──▶ shown        Session::accept ──▶ DeviceRequest ── person agrees ──▶ seal(DeviceResponse)
//! reader:  Engagement::from_qr ──▶ Session::begin(request) ──▶ sent        open ──▶ [`mdoc::verify`](super::verify)
//! ```
//!
//! Nothing here does input or output. The standard names NFC, Bluetooth and Wi-Fi Aware as carriers; a browser has none of
//! them for this. The carrier here is a WebSocket whose address stands in the code ([`WEBSOCKET`]); encryption and transcript
//! are the standard's, whatever carries them.

mod engagement;
mod request;
mod session;
#[cfg(test)]
mod tests;

pub use engagement::Engagement;
pub use request::{DeviceRequest, DocRequest, ElementRequest, ReaderAuthentication};
pub use session::{End, Incoming, Session};

/// The retrieval method of a WebSocket: `[WEBSOCKET, 1, {0: address}]`. The standard gives numbers to 1–3; a reader that does not know this one passes over
/// it (§8.2.1.1).
pub const WEBSOCKET: u64 = 0x4d51;
/// The longest engagement that is read, in bytes.
pub const MAX_ENGAGEMENT: usize = 2048;
/// The longest request that is read, in bytes.
pub const MAX_REQUEST: usize = 32 * 1024;
/// The longest message of a session: a document, its tag and the frame around it.
pub const MAX_MESSAGE: usize = super::MAX_DOCUMENT + 1024;
/// The most documents that one request asks for.
pub const MAX_DOC_REQUESTS: usize = 8;

/// Why a meeting ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InPersonError {
    /// The code is no engagement, or one of another version.
    #[error("the code is no engagement of a mobile document")]
    Engagement,
    /// The engagement offers no WebSocket.
    #[error("the code offers no way to answer it")]
    NoWebSocket,
    /// A message is too long, malformed or not the one that comes next.
    #[error("the message is malformed")]
    Message,
    /// A message can't be opened with the session's keys (session status 10).
    #[error("the message is not encrypted for this meeting")]
    Encryption,
    /// The request is malformed.
    #[error("the request is malformed")]
    Request,
    /// The reader's signature over the request does not hold (§9.1.4.4).
    #[error("the reader's signature does not hold")]
    ReaderSignature,
}
