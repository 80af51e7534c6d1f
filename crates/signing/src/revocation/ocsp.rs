//! Questions and answers about one certificate (RFC 6960).

use std::sync::Arc;

use keys::{SignError, Signature, Signer, sha256, x509::Certificate};
use sha1::{Digest, Sha1};

use super::crl::{extension, extensions};
use super::{Reason, RevocationError};
use crate::der::{
    BIT_STRING, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, ecdsa_algorithm,
    natural, oid, tlv,
};
use crate::{oid, time};

/// The largest request that is read, in bytes.
pub const MAX_OCSP_REQUEST: usize = 4 * 1024;
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// How many certificates one request may ask about.
const MAX_QUESTIONS: usize = 8;

/// Which certificate is meant: hashes of its authority's name and key, and its serial number (RFC 6960 §4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspQuestion {
    /// The CertID as asked, repeated in the answer.
    der: Vec<u8>,
    hash: Vec<u8>,
    name: Vec<u8>,
    key: Vec<u8>,
    /// The serial number, big-endian without leading zeros.
    pub serial: Vec<u8>,
}

impl OcspQuestion {
    fn read(whole: &[u8]) -> Result<Self, RevocationError> {
        let mut id = Reader::inside(whole, SEQUENCE)?;
        let hash = id.algorithm()?.to_vec();
        let name = id.expect(OCTET_STRING)?.to_vec();
        let key = id.expect(OCTET_STRING)?.to_vec();
        let serial = natural(id.expect(INTEGER)?)?.to_vec();
        id.finish()?;
        Ok(Self { der: whole.to_vec(), hash, name, key, serial })
    }

    /// Asks about a certificate of this authority, with the hash (SHA-1) that everybody understands.
    pub fn new(authority: &Certificate, serial: &[u8]) -> Self {
        let hash = |bytes: &[u8]| Sha1::digest(bytes).to_vec();
        let (name, key) = (hash(authority.subject()), hash(authority.public_key().as_sec1()));
        let der = tlv(
            SEQUENCE,
            &[
                // SHA-1 is written with NULL here: older responders look for exactly that.
                &tlv(SEQUENCE, &[&oid(oid::SHA1), &[0x05, 0x00]]),
                &tlv(OCTET_STRING, &[&name]),
                &tlv(OCTET_STRING, &[&key]),
                &crate::der::unsigned(serial),
            ],
        );
        Self { der, hash: oid::SHA1.to_vec(), name, key, serial: serial.to_vec() }
    }

    /// The DER of the CertID.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether this authority is meant.
    pub fn is_of(&self, authority: &Certificate) -> bool {
        let hash = |bytes: &[u8]| match self.hash.as_slice() {
            oid::SHA1 => Some(Sha1::digest(bytes).to_vec()),
            oid::SHA256 => Some(sha256(bytes).to_vec()),
            _ => None,
        };
        hash(authority.subject()).is_some_and(|name| name == self.name)
            && hash(authority.public_key().as_sec1()).is_some_and(|key| key == self.key)
    }
}

/// Reads a request: what it asks, and its nonce.
///
/// # Errors
/// Too large or malformed.
pub fn questions(request: &[u8]) -> Result<(Vec<OcspQuestion>, Option<Vec<u8>>), RevocationError> {
    if request.len() > MAX_OCSP_REQUEST {
        return Err(RevocationError::TooLarge);
    }
    let mut outer = Reader::inside(request, SEQUENCE)?;
    let mut request = outer.enter(SEQUENCE)?;
    outer.optional(0xa0)?;
    outer.finish()?;
    request.optional(0xa0)?;
    request.optional(0xa1)?;
    let mut list = request.enter(SEQUENCE)?;
    let mut asked = Vec::new();
    while !list.is_empty() {
        let mut one = list.enter(SEQUENCE)?;
        asked.push(OcspQuestion::read(one.any()?.whole)?);
        if asked.len() > MAX_QUESTIONS {
            return Err(RevocationError::TooLarge);
        }
    }
    let mut nonce = None;
    if let Some(explicit) = request.optional(0xa2)? {
        for (id, _, value) in extensions(Reader::new(explicit).enter(SEQUENCE)?)? {
            // RFC 9654 §2.1: one to 128 bytes.
            if id == oid::OCSP_NONCE && value.len() <= 130 {
                nonce = Some(value.to_vec());
            }
        }
    }
    request.finish()?;
    if asked.is_empty() { Err(RevocationError::Malformed) } else { Ok((asked, nonce)) }
}

/// What is known of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was issued and is not revoked.
    Good,
    /// Revoked since this second, for this reason.
    Revoked(i64, Reason),
    /// Never issued here.
    Unknown,
}

/// One who answers: the authority itself, or one it certified for that.
#[derive(Clone)]
pub struct Responder {
    signer: Arc<dyn Signer>,
    certificate: Certificate,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Responder {
    /// The responder of this key.
    pub fn new(signer: Arc<dyn Signer>, certificate: Certificate) -> Self {
        Self { signer, certificate }
    }

    /// Answers, good from `this_update` until `next_update`.
    ///
    /// # Errors
    /// The key could not sign.
    pub fn answer(
        &self,
        answers: &[(OcspQuestion, State)],
        (this_update, next_update): (i64, i64),
        nonce: Option<&[u8]>,
    ) -> Result<Vec<u8>, SignError> {
        let until = tlv(0xa0, &[&time::generalized(next_update)]);
        let each: Vec<Vec<u8>> = answers
            .iter()
            .map(|(question, state)| {
                let state = match state {
                    State::Good => tlv(0x80, &[]),
                    State::Unknown => tlv(0x82, &[]),
                    State::Revoked(since, reason) => {
                        let reason = match reason {
                            Reason::Unspecified => Vec::new(),
                            told => tlv(0xa0, &[&tlv(ENUMERATED, &[&[told.code()]])]),
                        };
                        tlv(0xa1, &[&time::generalized(*since), &reason])
                    }
                };
                tlv(SEQUENCE, &[&question.der, &state, &time::generalized(this_update), &until])
            })
            .collect();
        let nonce = nonce.map(|nonce| tlv(0xa1, &[&tlv(SEQUENCE, &[&extension(oid::OCSP_NONCE, nonce)])]));
        let data = tlv(
            SEQUENCE,
            &[
                &tlv(0xa1, &[self.certificate.subject()]),
                &time::generalized(this_update),
                &tlv(SEQUENCE, &[&each.concat()]),
                &nonce.unwrap_or_default(),
            ],
        );
        let signature = self.signer.sign(&data)?.to_der();
        let certificates = tlv(0xa0, &[&tlv(SEQUENCE, &[self.certificate.der()])]);
        let basic =
            tlv(SEQUENCE, &[&data, &ecdsa_algorithm(), &tlv(BIT_STRING, &[&[0], &signature]), &certificates]);
        let bytes = tlv(SEQUENCE, &[&oid(oid::OCSP_BASIC), &tlv(OCTET_STRING, &[&basic])]);
        Ok(tlv(SEQUENCE, &[&tlv(ENUMERATED, &[&[0]]), &tlv(0xa0, &[&bytes])]))
    }

    /// The answer to a request that could not be read (RFC 6960 §4.2.1 malformedRequest).
    pub fn malformed() -> Vec<u8> {
        tlv(SEQUENCE, &[&tlv(ENUMERATED, &[&[1]])])
    }
}

/// An answer as read; unverified before [`OcspAnswer::of`].
#[derive(Debug, Clone)]
pub struct OcspAnswer {
    der: Vec<u8>,
    signed: Vec<u8>,
    signature: Signature,
    certificates: Vec<Certificate>,
    single: Vec<Single>,
}

#[derive(Debug, Clone)]
struct Single {
    question: OcspQuestion,
    state: State,
    this_update: i64,
    next_update: i64,
}

impl OcspAnswer {
    /// Reads an OCSPResponse.
    ///
    /// # Errors
    /// Too large, malformed, of another algorithm, or without an answer.
    pub fn read(der: &[u8]) -> Result<Self, RevocationError> {
        if der.len() > MAX_ANSWER {
            return Err(RevocationError::TooLarge);
        }
        let mut outer = Reader::inside(der, SEQUENCE)?;
        if outer.expect(ENUMERATED)? != [0] {
            return Err(RevocationError::NoAnswer);
        }
        let mut bytes = outer.enter(0xa0)?.enter(SEQUENCE)?;
        outer.finish()?;
        if bytes.expect(OID)? != oid::OCSP_BASIC {
            return Err(RevocationError::Unsupported);
        }
        let mut basic = Reader::inside(bytes.expect(OCTET_STRING)?, SEQUENCE)?;
        let signed = basic.any()?;
        if basic.algorithm()? != oid::ECDSA_WITH_SHA256 {
            return Err(RevocationError::Unsupported);
        }
        let signature = Signature::from_der(basic.bits()?).map_err(|_| RevocationError::Malformed)?;
        let mut certificates = Vec::new();
        if let Some(explicit) = basic.optional(0xa0)? {
            let mut list = Reader::new(explicit).enter(SEQUENCE)?;
            while !list.is_empty() {
                certificates.extend(Certificate::parse(list.any()?.whole).ok());
                if certificates.len() > MAX_QUESTIONS {
                    return Err(RevocationError::TooLarge);
                }
            }
        }
        basic.finish()?;
        let mut data = Reader::inside(signed.whole, SEQUENCE)?;
        data.optional(0xa0)?;
        let responder = data.any()?;
        if !matches!(responder.tag, 0xa1 | 0xa2) {
            return Err(RevocationError::Malformed);
        }
        time::read(&mut data)?;
        let mut list = data.enter(SEQUENCE)?;
        let mut single = Vec::new();
        while !list.is_empty() {
            single.push(read_single(list.enter(SEQUENCE)?)?);
            if single.len() > MAX_QUESTIONS {
                return Err(RevocationError::TooLarge);
            }
        }
        if let Some(explicit) = data.optional(0xa1)? {
            for (_, critical, _) in extensions(Reader::new(explicit).enter(SEQUENCE)?)? {
                if critical {
                    return Err(RevocationError::Unsupported);
                }
            }
        }
        data.finish()?;
        Ok(Self { der: der.to_vec(), signed: signed.whole.to_vec(), signature, certificates, single })
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What it says of this authority's certificate of this serial number, with from when until when, if it says
    /// anything and who signed it may: the authority itself, or one it certified for that (RFC 6960 §4.2.2.2).
    pub fn of(&self, authority: &Certificate, serial: &[u8]) -> Option<(State, i64, i64)> {
        let single =
            self.single.iter().find(|one| one.question.serial == serial && one.question.is_of(authority))?;
        let signed_by = |certificate: &Certificate| {
            certificate.public_key().verify(&self.signed, &self.signature).is_ok()
        };
        let delegated = |certificate: &&Certificate| {
            certificate.is_responder()
                && certificate.issuer() == authority.subject()
                && certificate.is_signed_by(authority.public_key())
                && (certificate.not_before()..=certificate.not_after()).contains(&single.this_update)
        };
        let may = signed_by(authority) || self.certificates.iter().filter(delegated).any(signed_by);
        may.then_some((single.state, single.this_update, single.next_update))
    }
}

fn read_single(mut single: Reader<'_>) -> Result<Single, RevocationError> {
    let question = OcspQuestion::read(single.any()?.whole)?;
    let state = single.any()?;
    let state = match state.tag {
        0x80 if state.content.is_empty() => State::Good,
        0x82 if state.content.is_empty() => State::Unknown,
        0xa1 => {
            let mut inner = Reader::new(state.content);
            let since = time::read(&mut inner)?;
            let reason = match inner.optional(0xa0)? {
                None => Reason::Unspecified,
                Some(explicit) => match Reader::new(explicit).expect(ENUMERATED)? {
                    [code] => Reason::of(*code),
                    _ => return Err(RevocationError::Malformed),
                },
            };
            State::Revoked(since, reason)
        }
        _ => return Err(RevocationError::Malformed),
    };
    if single.peek() != Some(GENERALIZED_TIME) {
        return Err(RevocationError::Malformed);
    }
    let this_update = time::read(&mut single)?;
    let mut next = Reader::new(single.optional(0xa0)?.ok_or(RevocationError::Unsupported)?);
    let next_update = time::read(&mut next)?;
    if let Some(explicit) = single.optional(0xa1)? {
        for (_, critical, _) in extensions(Reader::new(explicit).enter(SEQUENCE)?)? {
            if critical {
                return Err(RevocationError::Unsupported);
            }
        }
    }
    single.finish()?;
    Ok(Single { question, state, this_update, next_update })
}
