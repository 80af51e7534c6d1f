//! CMS signed data (RFC 5652 §5) of one signer, as PAdES, CAdES and timestamps use it.
//!
//! ```text
//! digest of the content ─▶ Attributes ─▶ (a key signs Attributes::to_sign) ─▶ SignedData ─▶ DER
//! ```
//!
//! ECDSA on P-256 with SHA-256. The signed attributes are content type, message digest and the ESS certificate
//! reference (RFC 5035); 135 bytes that the holder of the key can rebuild from the document and compare.

mod read;

pub use read::{CmsError, MAX_CMS, Parsed, read};

use keys::{Signature, sha256, x509::Certificate};

use crate::der::{
    OCTET_STRING, SEQUENCE, SET, ecdsa_algorithm, integer, oid, set_of, sha256_algorithm, tlv, unsigned,
};
use crate::{oid, time};

/// The signed attributes (RFC 5652 §5.3): what the key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    /// Those of a document with this SHA-256, signed under this certificate.
    ///
    /// `signing_time` is for CAdES; in a PDF the time stands in the signature dictionary (EN 319 142-1 §6.3).
    pub fn new(digest: &[u8; 32], certificate: &Certificate, signing_time: Option<i64>) -> Self {
        Self::of(oid::DATA, digest, certificate, signing_time)
    }

    /// Those of a content of this type.
    pub(crate) fn of(
        content_type: &[u8],
        digest: &[u8; 32],
        certificate: &Certificate,
        signing_time: Option<i64>,
    ) -> Self {
        // SigningCertificateV2: one ESSCertIDv2 whose algorithm is the default, SHA-256.
        let hash = tlv(OCTET_STRING, &[&certificate.sha256()]);
        let reference = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&hash])])]);
        let mut attributes = vec![
            attribute(oid::CONTENT_TYPE, &oid(content_type)),
            attribute(oid::MESSAGE_DIGEST, &tlv(OCTET_STRING, &[digest])),
            attribute(oid::SIGNING_CERTIFICATE_V2, &reference),
        ];
        if let Some(seconds) = signing_time {
            attributes.push(attribute(oid::SIGNING_TIME, &time::of_x509(seconds)));
        }
        Self(set_of(SET, attributes))
    }

    /// The bytes to sign (ES256): the DER of the SET OF, not of its implicit tag (RFC 5652 §5.4).
    pub fn to_sign(&self) -> &[u8] {
        &self.0
    }
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(id), &tlv(SET, &[value])])
}

/// Signed data in the making: complete, or still to be given its timestamp.
#[derive(Debug, Clone)]
pub struct SignedData {
    content_type: &'static [u8],
    content: Option<Vec<u8>>,
    attributes: Attributes,
    signature: Vec<u8>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
    certificates: Vec<Vec<u8>>,
    timestamp: Option<Vec<u8>>,
}

impl SignedData {
    /// Joins what was signed with its signature. `chain` goes along: the signer's certificate, then those above it.
    ///
    /// # Errors
    /// The signature is not that of the first certificate over these attributes, or there is no certificate.
    pub fn new(
        attributes: Attributes,
        signature: &Signature,
        chain: &[Certificate],
    ) -> Result<Self, CmsError> {
        Self::of(oid::DATA, None, attributes, signature, chain)
    }

    pub(crate) fn of(
        content_type: &'static [u8],
        content: Option<Vec<u8>>,
        attributes: Attributes,
        signature: &Signature,
        chain: &[Certificate],
    ) -> Result<Self, CmsError> {
        let signer = chain.first().ok_or(CmsError::SignerMissing)?;
        signer.public_key().verify(attributes.to_sign(), signature).map_err(|_| CmsError::BadSignature)?;
        Ok(Self {
            content_type,
            content,
            attributes,
            signature: signature.to_der(),
            issuer: signer.issuer().to_vec(),
            serial: unsigned(signer.serial()),
            certificates: chain.iter().map(|certificate| certificate.der().to_vec()).collect(),
            timestamp: None,
        })
    }

    /// The same for somebody who has the certificates already.
    pub(crate) fn without_certificates(mut self) -> Self {
        self.certificates.clear();
        self
    }

    /// The SHA-256 that a timestamp of this signature is asked for (RFC 3161 Appendix A).
    pub fn imprint(&self) -> [u8; 32] {
        sha256(&self.signature)
    }

    /// Adds the timestamp token of this signature.
    #[must_use]
    pub fn with_timestamp(mut self, token: Vec<u8>) -> Self {
        self.timestamp = Some(token);
        self
    }

    /// The DER of the ContentInfo.
    pub fn to_der(&self) -> Vec<u8> {
        let content = self.content.as_ref().map(|content| tlv(0xa0, &[&tlv(OCTET_STRING, &[content])]));
        let encapsulated = tlv(SEQUENCE, &[&oid(self.content_type), &content.unwrap_or_default()]);
        let mut attributes = self.attributes.0.clone();
        if let Some(tag) = attributes.first_mut() {
            *tag = 0xa0;
        }
        let unsigned_attributes =
            self.timestamp.as_ref().map(|token| tlv(0xa1, &[&attribute(oid::TIME_STAMP_TOKEN, token)]));
        let signer = tlv(
            SEQUENCE,
            &[
                &integer(1),
                &tlv(SEQUENCE, &[&self.issuer, &self.serial]),
                &sha256_algorithm(),
                &attributes,
                &ecdsa_algorithm(),
                &tlv(OCTET_STRING, &[&self.signature]),
                &unsigned_attributes.unwrap_or_default(),
            ],
        );
        // Version 3 where the content is of another type than data (RFC 5652 §5.1).
        let version = integer(if self.content_type == oid::DATA { 1 } else { 3 });
        let certificates =
            if self.certificates.is_empty() { Vec::new() } else { set_of(0xa0, self.certificates.clone()) };
        let signed = tlv(
            SEQUENCE,
            &[
                &version,
                &tlv(SET, &[&sha256_algorithm()]),
                &encapsulated,
                &certificates,
                &tlv(SET, &[&signer]),
            ],
        );
        tlv(SEQUENCE, &[&oid(oid::SIGNED_DATA), &tlv(0xa0, &[&signed])])
    }
}

#[cfg(test)]
mod tests;
