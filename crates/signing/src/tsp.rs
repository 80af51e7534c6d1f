//! Timestamps (RFC 3161, RFC 5816): asking for one, giving one, checking one.

mod authority;

pub use authority::{Answer, MAX_REQUEST, TimeAuthority};

use keys::{sha256, x509::Certificate};

use crate::cms::{self, CmsError, Parsed};
use crate::der::{
    BOOLEAN, BadDer, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, integer,
    sha256_algorithm, tlv, unsigned,
};
use crate::{oid, time};

/// The media type of a request (RFC 3161 §3.4).
pub const REQUEST_TYPE: &str = "application/timestamp-query";
/// The media type of a response.
pub const RESPONSE_TYPE: &str = "application/timestamp-reply";

/// Why a timestamp is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// No DER of this shape.
    #[error("the timestamp is malformed")]
    Malformed,
    /// The authority refused: its PKIStatus (RFC 3161 §2.4.2).
    #[error("the timestamp authority refused with status {0}")]
    Refused(u32),
    /// It is over something else.
    #[error("the timestamp is of something else")]
    OtherImprint,
    /// It answers another request.
    #[error("the timestamp answers another request")]
    OtherNonce,
    /// Its certificate is not for timestamps only (RFC 3161 §2.3).
    #[error("the certificate of the timestamp is not for timestamps")]
    WrongPurpose,
    /// Its signature is refused.
    #[error(transparent)]
    Signature(#[from] CmsError),
}

impl From<BadDer> for TimestampError {
    fn from(_: BadDer) -> Self {
        Self::Malformed
    }
}

/// A request for a timestamp of a SHA-256 (RFC 3161 §2.4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    imprint: [u8; 32],
    nonce: [u8; 8],
}

impl Request {
    /// Asks for a timestamp of this SHA-256; the authority's certificate is asked for, too.
    pub fn new(imprint: [u8; 32]) -> Self {
        Self { imprint, nonce: keys::random::bytes() }
    }

    /// The DER to send.
    pub fn to_der(&self) -> Vec<u8> {
        let imprint = message_imprint(&self.imprint);
        tlv(SEQUENCE, &[&integer(1), &imprint, &unsigned(&self.nonce), &tlv(BOOLEAN, &[&[0xff]])])
    }

    /// Takes the token out of the authority's response. Whether the authority is trusted is for [`check`](crate::check).
    ///
    /// # Errors
    /// Refused, malformed, or of something else.
    pub fn accept(&self, response: &[u8]) -> Result<Vec<u8>, TimestampError> {
        let mut response = Reader::inside(response, SEQUENCE)?;
        let mut status = response.enter(SEQUENCE)?;
        let status = status.small()?;
        if status > 1 {
            return Err(TimestampError::Refused(status));
        }
        let token = response.any()?.whole;
        response.finish()?;
        let timestamp = Timestamp::read(token)?;
        let sent = self.nonce.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        if timestamp.nonce.as_deref() != Some(&sent) {
            return Err(TimestampError::OtherNonce);
        }
        timestamp.verify(&self.imprint)?;
        Ok(token.to_vec())
    }
}

/// MessageImprint of a SHA-256.
fn message_imprint(digest: &[u8; 32]) -> Vec<u8> {
    tlv(SEQUENCE, &[&sha256_algorithm(), &tlv(OCTET_STRING, &[digest])])
}

/// A timestamp token as read; unverified before [`Timestamp::verify`].
#[derive(Debug, Clone)]
pub struct Timestamp {
    /// When, as the authority says: seconds since 1970.
    pub time: i64,
    /// The serial number the authority gave it, big-endian without leading zeros.
    pub serial: Vec<u8>,
    imprint: [u8; 32],
    nonce: Option<Vec<u8>>,
    content: [u8; 32],
    signed: Parsed,
}

impl Timestamp {
    /// Reads a token.
    ///
    /// # Errors
    /// No token of a SHA-256.
    pub fn read(token: &[u8]) -> Result<Self, TimestampError> {
        let signed = cms::read(token)?;
        let content = signed.content.as_deref().ok_or(TimestampError::Malformed)?;
        let mut info = Reader::inside(content, SEQUENCE)?;
        if info.small()? != 1 {
            return Err(TimestampError::Malformed);
        }
        info.expect(OID)?;
        let mut imprint = info.enter(SEQUENCE)?;
        if imprint.algorithm()? != oid::SHA256 {
            return Err(TimestampError::Signature(CmsError::Unsupported));
        }
        let digest = imprint.expect(OCTET_STRING)?.try_into().map_err(|_| TimestampError::Malformed)?;
        imprint.finish()?;
        let serial = crate::der::natural(info.expect(INTEGER)?)?.to_vec();
        if info.peek() != Some(GENERALIZED_TIME) {
            return Err(TimestampError::Malformed);
        }
        let time = time::read(&mut info)?;
        info.optional(SEQUENCE)?;
        info.optional(BOOLEAN)?;
        let nonce = info.optional(INTEGER)?.map(crate::der::natural).transpose()?.map(<[u8]>::to_vec);
        info.optional(0xa0)?;
        info.optional(0xa1)?;
        info.finish()?;
        let content = sha256(content);
        Ok(Self { time, serial, imprint: digest, nonce, content, signed })
    }

    /// Checks that the token is over this SHA-256 and signed under a certificate for timestamps, which is returned.
    ///
    /// Says nothing about trust in that certificate.
    ///
    /// # Errors
    /// As [`TimestampError`] says.
    pub fn verify(&self, imprint: &[u8; 32]) -> Result<&Certificate, TimestampError> {
        if self.imprint != *imprint {
            return Err(TimestampError::OtherImprint);
        }
        let certificate = self.signed.verify_as(oid::TST_INFO, &self.content)?;
        if certificate.is_for_timestamps_only() { Ok(certificate) } else { Err(TimestampError::WrongPurpose) }
    }

    /// The certificate of the authority, unverified.
    ///
    /// # Errors
    /// It did not come along.
    pub fn signer_certificate(&self) -> Result<&Certificate, CmsError> {
        self.signed.signer_certificate()
    }

    /// The certificates that came along.
    pub fn certificates(&self) -> &[Certificate] {
        &self.signed.certificates
    }
}

#[cfg(test)]
mod tests;
