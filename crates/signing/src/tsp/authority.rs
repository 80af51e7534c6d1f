//! The role that gives timestamps.

use std::sync::Arc;

use keys::{SignError, Signer, sha256, x509::Certificate};

use super::message_imprint;
use crate::cms::{Attributes, CmsError, SignedData};
use crate::der::{
    BIT_STRING, BOOLEAN, BadDer, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, integer, oid, tlv, unsigned,
};
use crate::{oid, time};

/// The largest request that is read, in bytes.
pub const MAX_REQUEST: usize = 4 * 1024;
/// The largest nonce that is answered, in bytes.
const MAX_NONCE: usize = 32;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A response with a token.
    Granted(Vec<u8>),
    /// A response that says why there is none (RFC 3161 §2.4.2).
    Refused(Vec<u8>),
}

impl Answer {
    /// The DER of the response.
    pub fn into_der(self) -> Vec<u8> {
        match self {
            Self::Granted(der) | Self::Refused(der) => der,
        }
    }
}

/// PKIFailureInfo, as the number of its bit.
#[derive(Clone, Copy, Debug)]
enum Failure {
    BadAlgorithm = 0,
    BadRequest = 2,
    BadDataFormat = 5,
    UnacceptedPolicy = 15,
    UnacceptedExtension = 16,
}

/// An authority that gives timestamps under one policy.
#[derive(Clone)]
pub struct TimeAuthority {
    signer: Arc<dyn Signer>,
    chain: Vec<Certificate>,
    policy: Vec<u8>,
}

impl std::fmt::Debug for TimeAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TimeAuthority").field("certificate", &self.chain.first()).finish_non_exhaustive()
    }
}

struct Asked<'a> {
    imprint: [u8; 32],
    nonce: Option<&'a [u8]>,
    with_certificate: bool,
}

impl TimeAuthority {
    /// The authority of this key; `chain` is its certificate, then those above it. `policy` is the content of an OID.
    ///
    /// # Errors
    /// The certificate is not the key's, or not for timestamps only.
    pub fn new(signer: Arc<dyn Signer>, chain: Vec<Certificate>, policy: Vec<u8>) -> Result<Self, CmsError> {
        let own = chain.first().ok_or(CmsError::SignerMissing)?;
        if own.public_key() != signer.public_key() || !own.is_for_timestamps_only() {
            return Err(CmsError::OtherCertificate);
        }
        Ok(Self { signer, chain, policy })
    }

    /// Answers a request at this second.
    ///
    /// # Errors
    /// The key could not sign.
    pub fn answer(&self, request: &[u8], now: i64) -> Result<Answer, SignError> {
        match self.read(request) {
            Ok(asked) => {
                let token = self.token(&asked, now)?;
                let status = tlv(SEQUENCE, &[&integer(0)]);
                Ok(Answer::Granted(tlv(SEQUENCE, &[&status, &token])))
            }
            Err(failure) => {
                let bit = failure as usize;
                let mut bits = vec![0u8; bit / 8 + 1];
                if let Some(last) = bits.last_mut() {
                    *last = 0x80 >> (bit % 8);
                }
                // The bits after the last one that is set are told to be unused (X.690 §11.2.2).
                let unused = u8::try_from(7 - bit % 8).unwrap_or(0);
                let status = tlv(SEQUENCE, &[&integer(2), &tlv(BIT_STRING, &[&[unused], &bits])]);
                Ok(Answer::Refused(tlv(SEQUENCE, &[&status])))
            }
        }
    }

    /// A token for this SHA-256, for those who are in the same house.
    ///
    /// # Errors
    /// The key could not sign.
    pub fn stamp(&self, imprint: [u8; 32], now: i64) -> Result<Vec<u8>, SignError> {
        self.token(&Asked { imprint, nonce: None, with_certificate: true }, now)
    }

    fn read<'a>(&self, request: &'a [u8]) -> Result<Asked<'a>, Failure> {
        let format = |_: BadDer| Failure::BadDataFormat;
        if request.len() > MAX_REQUEST {
            return Err(Failure::BadRequest);
        }
        let mut outer = Reader::inside(request, SEQUENCE).map_err(format)?;
        if outer.small().map_err(format)? != 1 {
            return Err(Failure::BadRequest);
        }
        let mut imprint = outer.enter(SEQUENCE).map_err(format)?;
        if imprint.algorithm().map_err(format)? != oid::SHA256 {
            return Err(Failure::BadAlgorithm);
        }
        let digest = imprint.expect(OCTET_STRING).map_err(format)?;
        imprint.finish().map_err(format)?;
        let policy = outer.optional(OID).map_err(format)?;
        if policy.is_some_and(|policy| policy != self.policy) {
            return Err(Failure::UnacceptedPolicy);
        }
        let nonce = outer.optional(INTEGER).map_err(format)?;
        if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            return Err(Failure::BadRequest);
        }
        // DER leaves the default out; OpenSSL may still write it.
        let with_certificate = match outer.optional(BOOLEAN).map_err(format)? {
            None | Some([0]) => false,
            Some([0xff]) => true,
            Some(_) => return Err(Failure::BadDataFormat),
        };
        if outer.optional(0xa0).map_err(format)?.is_some() {
            return Err(Failure::UnacceptedExtension);
        }
        outer.finish().map_err(format)?;
        let imprint = digest.try_into().map_err(|_| Failure::BadDataFormat)?;
        Ok(Asked { imprint, nonce, with_certificate })
    }

    fn token(&self, asked: &Asked<'_>, now: i64) -> Result<Vec<u8>, SignError> {
        // A number nobody gave before (RFC 3161 §2.4.2): 128 random bits.
        let serial = unsigned(&keys::random::bytes::<16>());
        let accuracy = tlv(SEQUENCE, &[&integer(1)]);
        let nonce = asked.nonce.map(|nonce| tlv(INTEGER, &[nonce])).unwrap_or_default();
        let info = tlv(
            SEQUENCE,
            &[
                &integer(1),
                &oid(&self.policy),
                &message_imprint(&asked.imprint),
                &serial,
                &time::generalized(now),
                &accuracy,
                &nonce,
            ],
        );
        let own = self.chain.first().ok_or_else(|| SignError("it has no certificate".into()))?;
        let attributes = Attributes::of(oid::TST_INFO, &sha256(&info), own, None);
        let signature = self.signer.sign(attributes.to_sign())?;
        let signed = SignedData::of(oid::TST_INFO, Some(info), attributes, &signature, &self.chain)
            .map_err(|error| SignError(error.to_string()))?;
        Ok(if asked.with_certificate { signed } else { signed.without_certificates() }.to_der())
    }
}
