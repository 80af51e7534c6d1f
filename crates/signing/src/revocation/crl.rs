//! Lists of revoked certificates (RFC 5280 §5).

use keys::{SignError, Signature, Signer, x509::Certificate};

use super::{Reason, RevocationError};
use crate::der::{
    BIT_STRING, BOOLEAN, ENUMERATED, GENERALIZED_TIME, OCTET_STRING, OID, Reader, SEQUENCE, UTC_TIME,
    ecdsa_algorithm, integer, oid, tlv, unsigned,
};
use crate::{oid, time};

/// The largest list that is read, in bytes.
pub const MAX_CRL: usize = 16 * 1024 * 1024;

/// One revoked certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big-endian without leading zeros.
    pub serial: Vec<u8>,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Why.
    pub reason: Reason,
}

/// A complete list of one authority; unverified before [`Crl::is_signed_by`].
#[derive(Debug, Clone)]
pub struct Crl {
    der: Vec<u8>,
    signed: Vec<u8>,
    signature: Signature,
    issuer: Vec<u8>,
    this_update: i64,
    next_update: i64,
    revoked: Vec<Revoked>,
}

impl Crl {
    /// Reads a complete list. One for parts of an authority's certificates, or a difference to another, is refused.
    ///
    /// # Errors
    /// Too large, malformed, or of a form this reader does not know.
    pub fn read(der: &[u8]) -> Result<Self, RevocationError> {
        if der.len() > MAX_CRL {
            return Err(RevocationError::TooLarge);
        }
        let mut outer = Reader::inside(der, SEQUENCE)?;
        let signed = outer.any()?;
        let algorithm = outer.any()?;
        let signature = outer.bits()?;
        outer.finish()?;
        let mut list = Reader::inside(signed.whole, SEQUENCE)?;
        if list.small()? != 1 {
            return Err(RevocationError::Malformed);
        }
        let named = list.any()?;
        if named.whole != algorithm.whole {
            return Err(RevocationError::Malformed);
        }
        if Reader::new(algorithm.whole).algorithm() != Ok(oid::ECDSA_WITH_SHA256) {
            return Err(RevocationError::Unsupported);
        }
        let signature = Signature::from_der(signature).map_err(|_| RevocationError::Malformed)?;
        let issuer = list.any()?.whole.to_vec();
        let this_update = time::read(&mut list)?;
        // Without the time of the next one nobody knows when this one is old (RFC 5280 §5.1.2.5).
        if !matches!(list.peek(), Some(UTC_TIME | GENERALIZED_TIME)) {
            return Err(RevocationError::Unsupported);
        }
        let next_update = time::read(&mut list)?;
        let mut revoked = Vec::new();
        if let Some(entries) = list.optional(SEQUENCE)? {
            let mut entries = Reader::new(entries);
            while !entries.is_empty() {
                revoked.push(entry(entries.enter(SEQUENCE)?)?);
            }
        }
        if let Some(explicit) = list.optional(0xa0)? {
            for (id, critical, _) in extensions(Reader::new(explicit).enter(SEQUENCE)?)? {
                let known = [oid::CRL_NUMBER, oid::AUTHORITY_KEY_ID].contains(&id);
                if critical && !known {
                    return Err(RevocationError::Unsupported);
                }
            }
        }
        list.finish()?;
        revoked.sort_by(|a: &Revoked, b| a.serial.cmp(&b.serial));
        let signed = signed.whole.to_vec();
        Ok(Self { der: der.to_vec(), signed, signature, issuer, this_update, next_update, revoked })
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When it was made: seconds since 1970.
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next one is due at the latest.
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// Whether this authority made it, and may.
    pub fn is_signed_by(&self, authority: &Certificate) -> bool {
        self.issuer == authority.subject()
            && authority.signs_revocations()
            && authority.public_key().verify(&self.signed, &self.signature).is_ok()
    }

    /// What it says of a certificate of this serial number.
    pub fn revoked(&self, serial: &[u8]) -> Option<&Revoked> {
        let at = self.revoked.binary_search_by(|entry| entry.serial.as_slice().cmp(serial)).ok()?;
        self.revoked.get(at)
    }
}

fn entry(mut entry: Reader<'_>) -> Result<Revoked, RevocationError> {
    let serial = entry.unsigned()?.to_vec();
    let since = time::read(&mut entry)?;
    let mut reason = Reason::Unspecified;
    if let Some(list) = entry.optional(SEQUENCE)? {
        for (id, critical, value) in extensions(Reader::new(list))? {
            if id == oid::CRL_REASON {
                match Reader::new(value).expect(ENUMERATED)? {
                    [code] => reason = Reason::of(*code),
                    _ => return Err(RevocationError::Malformed),
                }
            } else if critical {
                return Err(RevocationError::Unsupported);
            }
        }
    }
    entry.finish()?;
    Ok(Revoked { serial, since, reason })
}

/// An extension: its id, whether it is critical, its value.
type Extension<'a> = (&'a [u8], bool, &'a [u8]);

/// Each extension of a list.
pub(super) fn extensions(mut list: Reader<'_>) -> Result<Vec<Extension<'_>>, RevocationError> {
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut extension = list.enter(SEQUENCE)?;
        let id = extension.expect(OID)?;
        let critical = match extension.optional(BOOLEAN)? {
            None => false,
            Some([0xff]) => true,
            Some(_) => return Err(RevocationError::Malformed),
        };
        found.push((id, critical, extension.expect(OCTET_STRING)?));
        extension.finish()?;
    }
    Ok(found)
}

pub(super) fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(id), &tlv(OCTET_STRING, &[value])])
}

/// Makes the list of an authority: good from `this_update` until `next_update`, numbered.
///
/// # Errors
/// The key could not sign.
pub fn issue(
    authority: &Certificate,
    signer: &dyn Signer,
    revoked: &[Revoked],
    (this_update, next_update): (i64, i64),
    number: u64,
) -> Result<Vec<u8>, SignError> {
    let entries: Vec<Vec<u8>> = revoked
        .iter()
        .map(|entry| {
            let reason = extension(oid::CRL_REASON, &tlv(ENUMERATED, &[&[entry.reason.code()]]));
            // An unspecified reason is left out (RFC 5280 §5.3.1).
            let reason =
                if entry.reason == Reason::Unspecified { Vec::new() } else { tlv(SEQUENCE, &[&reason]) };
            tlv(SEQUENCE, &[&unsigned(&entry.serial), &time::of_x509(entry.since), &reason])
        })
        .collect();
    // No entry, no list (RFC 5280 §5.1.2.6).
    let entries = if entries.is_empty() { Vec::new() } else { tlv(SEQUENCE, &[&entries.concat()]) };
    let mut listed = extension(oid::CRL_NUMBER, &integer(number));
    if let Some(id) = authority.subject_key_id() {
        listed.extend(extension(oid::AUTHORITY_KEY_ID, &tlv(SEQUENCE, &[&tlv(0x80, &[id])])));
    }
    let list = tlv(
        SEQUENCE,
        &[
            &integer(1),
            &ecdsa_algorithm(),
            authority.subject(),
            &time::of_x509(this_update),
            &time::of_x509(next_update),
            &entries,
            &tlv(0xa0, &[&tlv(SEQUENCE, &[&listed])]),
        ],
    );
    let signature = signer.sign(&list)?.to_der();
    Ok(tlv(SEQUENCE, &[&list, &ecdsa_algorithm(), &tlv(BIT_STRING, &[&[0], &signature])]))
}
