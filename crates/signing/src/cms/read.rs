//! Reading signed data that strangers made.

use keys::{Signature, sha256, x509::Certificate};

use crate::der::{BadDer, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET};
use crate::{oid, time};

/// The largest signed data that is read, in bytes.
pub const MAX_CMS: usize = 256 * 1024;
/// How many certificates it may carry.
const MAX_CERTIFICATES: usize = 32;
/// How many attributes a signer may have.
const MAX_ATTRIBUTES: usize = 32;
/// How many timestamps of one signature are looked at.
const MAX_TIMESTAMPS: usize = 4;

/// Why signed data is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Larger than [`MAX_CMS`], or with more parts than are read.
    #[error("the signature is too large")]
    TooLarge,
    /// No DER of this shape, or one that contradicts itself.
    #[error("the signature is malformed")]
    Malformed,
    /// Another algorithm than ECDSA on P-256 with SHA-256.
    #[error("the signature uses another algorithm than ECDSA P-256 with SHA-256")]
    Unsupported,
    /// The signer's certificate does not come along, or cannot be read.
    #[error("the signer's certificate is missing")]
    SignerMissing,
    /// No reference to the signing certificate among what is signed (EN 319 122-1 §5.2.2).
    #[error("the signature does not say which certificate it was made under")]
    NoCertificateReference,
    /// It was signed for another certificate.
    #[error("the signature was made under another certificate")]
    OtherCertificate,
    /// It is over another content.
    #[error("the content is not the one that was signed")]
    OtherContent,
    /// The key did not sign this.
    #[error("the signature does not verify")]
    BadSignature,
}

impl From<BadDer> for CmsError {
    fn from(_: BadDer) -> Self {
        Self::Malformed
    }
}

/// Signed data as read: nothing in it is verified before [`Parsed::verify`].
#[derive(Debug, Clone)]
pub struct Parsed {
    pub(crate) content_type: Vec<u8>,
    pub(crate) content: Option<Vec<u8>>,
    /// The certificates that came along and can be read, in no order that means anything.
    pub certificates: Vec<Certificate>,
    signer: Signer,
}

#[derive(Debug, Clone)]
struct Signer {
    id: SignerId,
    supported: bool,
    /// The signed attributes as a SET OF.
    attributes: Vec<u8>,
    content_type: Vec<u8>,
    digest: Vec<u8>,
    certificate_hash: Option<[u8; 32]>,
    signing_time: Option<i64>,
    signature: Vec<u8>,
    timestamps: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum SignerId {
    IssuerAndSerial(Vec<u8>, Vec<u8>),
    KeyId(Vec<u8>),
}

/// Reads the DER of a ContentInfo with signed data by one signer.
///
/// # Errors
/// Too large, no such DER, or not exactly one signer.
pub fn read(der: &[u8]) -> Result<Parsed, CmsError> {
    if der.len() > MAX_CMS {
        return Err(CmsError::TooLarge);
    }
    let mut info = Reader::inside(der, SEQUENCE)?;
    if info.expect(OID)? != oid::SIGNED_DATA {
        return Err(CmsError::Malformed);
    }
    let mut outer = info.enter(0xa0)?;
    info.finish()?;
    let mut data = outer.enter(SEQUENCE)?;
    outer.finish()?;
    if !matches!(data.small()?, 1 | 3..=5) {
        return Err(CmsError::Malformed);
    }
    data.expect(SET)?;
    let mut encapsulated = data.enter(SEQUENCE)?;
    let content_type = encapsulated.expect(OID)?.to_vec();
    let content = match encapsulated.optional(0xa0)? {
        Some(explicit) => {
            let mut inner = Reader::new(explicit);
            let content = inner.expect(OCTET_STRING)?;
            inner.finish()?;
            Some(content.to_vec())
        }
        None => None,
    };
    encapsulated.finish()?;
    let certificates = certificates(data.optional(0xa0)?.unwrap_or_default())?;
    data.optional(0xa1)?;
    let mut signers = data.enter(SET)?;
    data.finish()?;
    let signer = signer(signers.enter(SEQUENCE)?)?;
    signers.finish()?;
    Ok(Parsed { content_type, content, certificates, signer })
}

/// Those that can be read; a certificate of another algorithm is left aside, as nothing can be checked by it.
fn certificates(set: &[u8]) -> Result<Vec<Certificate>, CmsError> {
    let mut reader = Reader::new(set);
    let mut found = Vec::new();
    let mut seen = 0;
    while !reader.is_empty() {
        let element = reader.any()?;
        seen += 1;
        if seen > MAX_CERTIFICATES {
            return Err(CmsError::TooLarge);
        }
        found.extend(Certificate::parse(element.whole).ok());
    }
    Ok(found)
}

fn signer(mut info: Reader<'_>) -> Result<Signer, CmsError> {
    let version = info.small()?;
    let id = match info.any()? {
        element if element.tag == SEQUENCE && version == 1 => {
            let mut inner = Reader::new(element.content);
            let issuer = inner.any()?.whole.to_vec();
            let serial = crate::der::natural(inner.expect(INTEGER)?)?.to_vec();
            inner.finish()?;
            SignerId::IssuerAndSerial(issuer, serial)
        }
        element if element.tag == 0x80 && version == 3 => SignerId::KeyId(element.content.to_vec()),
        _ => return Err(CmsError::Malformed),
    };
    let digest_algorithm = info.any()?;
    let signed = info.any()?;
    if signed.tag != 0xa0 {
        return Err(CmsError::Malformed);
    }
    // What is signed is the same bytes under the tag of a SET (RFC 5652 §5.4).
    let mut attributes = signed.whole.to_vec();
    if let Some(tag) = attributes.first_mut() {
        *tag = SET;
    }
    let signature_algorithm = info.any()?;
    let signature = info.expect(OCTET_STRING)?.to_vec();
    let unsigned = info.optional(0xa1)?.unwrap_or_default();
    info.finish()?;
    let is = |whole: &[u8], id: &[u8]| Reader::new(whole).algorithm() == Ok(id);
    let supported =
        is(digest_algorithm.whole, oid::SHA256) && is(signature_algorithm.whole, oid::ECDSA_WITH_SHA256);
    let mut read = Signer {
        id,
        supported,
        attributes,
        content_type: Vec::new(),
        digest: Vec::new(),
        certificate_hash: None,
        signing_time: None,
        signature,
        timestamps: Vec::new(),
    };
    for (id, mut value) in each_attribute(signed.content)? {
        match id {
            oid::CONTENT_TYPE => read.content_type = value.expect(OID)?.to_vec(),
            oid::MESSAGE_DIGEST => read.digest = value.expect(OCTET_STRING)?.to_vec(),
            oid::SIGNING_CERTIFICATE_V2 => {
                read.certificate_hash = Some(certificate_reference(&mut value)?);
            }
            oid::SIGNING_TIME => read.signing_time = Some(time::read(&mut value)?),
            // Others say more about the signature and take nothing back.
            _ => continue,
        }
        value.finish()?;
    }
    for (id, value) in each_attribute(unsigned)? {
        if id == oid::TIME_STAMP_TOKEN {
            let mut tokens = value;
            while !tokens.is_empty() {
                read.timestamps.push(tokens.any()?.whole.to_vec());
                if read.timestamps.len() > MAX_TIMESTAMPS {
                    return Err(CmsError::TooLarge);
                }
            }
        }
    }
    if read.content_type.is_empty() || read.digest.is_empty() {
        return Err(CmsError::Malformed);
    }
    Ok(read)
}

/// Each attribute with what stands in its SET; none may come twice (RFC 5652 §5.3).
fn each_attribute(set: &[u8]) -> Result<Vec<(&[u8], Reader<'_>)>, CmsError> {
    let mut reader = Reader::new(set);
    let mut found: Vec<(&[u8], Reader<'_>)> = Vec::new();
    while !reader.is_empty() {
        let mut inner = reader.enter(SEQUENCE)?;
        let id = inner.expect(OID)?;
        let values = inner.enter(SET)?;
        inner.finish()?;
        if found.iter().any(|(other, _)| *other == id) {
            return Err(CmsError::Malformed);
        }
        if found.len() == MAX_ATTRIBUTES {
            return Err(CmsError::TooLarge);
        }
        found.push((id, values));
    }
    Ok(found)
}

/// The hash in the first ESSCertIDv2, which names the signer's own certificate.
fn certificate_reference(value: &mut Reader<'_>) -> Result<[u8; 32], CmsError> {
    let mut certificates = value.enter(SEQUENCE)?.enter(SEQUENCE)?;
    let mut first = certificates.enter(SEQUENCE)?;
    if first.peek() == Some(SEQUENCE) && first.algorithm()? != oid::SHA256 {
        return Err(CmsError::Unsupported);
    }
    first.expect(OCTET_STRING)?.try_into().map_err(|_| CmsError::Malformed)
}

impl Parsed {
    /// The certificate of the signer among those that came along.
    ///
    /// # Errors
    /// It is not there, not readable, or another one was signed for.
    pub fn signer_certificate(&self) -> Result<&Certificate, CmsError> {
        let named = |certificate: &&Certificate| match &self.signer.id {
            SignerId::IssuerAndSerial(issuer, serial) => {
                certificate.issuer() == issuer && certificate.serial() == serial
            }
            SignerId::KeyId(id) => certificate.subject_key_id() == Some(id),
        };
        let missing = if self.signer.supported { CmsError::SignerMissing } else { CmsError::Unsupported };
        self.certificates.iter().find(named).ok_or(missing)
    }

    /// Checks that the signer signed a content of this SHA-256, under the certificate that is returned.
    ///
    /// Says nothing about trust in that certificate.
    ///
    /// # Errors
    /// As [`CmsError`] says; the order is algorithm, certificate, signature, content.
    pub fn verify(&self, digest: &[u8; 32]) -> Result<&Certificate, CmsError> {
        self.verify_as(oid::DATA, digest)
    }

    pub(crate) fn verify_as(&self, content_type: &[u8], digest: &[u8; 32]) -> Result<&Certificate, CmsError> {
        if !self.signer.supported {
            return Err(CmsError::Unsupported);
        }
        let certificate = self.signer_certificate()?;
        match self.signer.certificate_hash {
            None => return Err(CmsError::NoCertificateReference),
            Some(hash) if hash != certificate.sha256() => return Err(CmsError::OtherCertificate),
            Some(_) => {}
        }
        let signature = Signature::from_der(&self.signer.signature).map_err(|_| CmsError::BadSignature)?;
        let key = certificate.public_key();
        key.verify(&self.signer.attributes, &signature).map_err(|_| CmsError::BadSignature)?;
        if self.content_type != content_type || self.signer.content_type != content_type {
            return Err(CmsError::Malformed);
        }
        if self.signer.digest != digest { Err(CmsError::OtherContent) } else { Ok(certificate) }
    }

    /// The time the signer claims, if it does (RFC 5652 §11.3).
    pub fn claimed_time(&self) -> Option<i64> {
        self.signer.signing_time
    }

    /// The timestamp tokens of the signature, unverified.
    pub fn timestamps(&self) -> &[Vec<u8>] {
        &self.signer.timestamps
    }

    /// The SHA-256 that a timestamp of this signature must be over.
    pub fn imprint(&self) -> [u8; 32] {
        sha256(&self.signer.signature)
    }
}
