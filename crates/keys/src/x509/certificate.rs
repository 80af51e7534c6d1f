//! A certificate, read once into what is asked of it.

use x509_cert::{
    der::{
        Decode, Encode, Reader, SliceReader, asn1::BitStringRef, oid::AssociatedOid, oid::ObjectIdentifier,
    },
    ext::pkix::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
        SubjectKeyIdentifier, name::GeneralName,
    },
};

use super::ECDSA_WITH_SHA256;
use crate::{PublicKey, Signature, sha256};

/// The largest certificate that is read, in bytes of its DER.
pub const MAX_CERTIFICATE: usize = 8 * 1024;

/// Why a certificate can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Larger than [`MAX_CERTIFICATE`].
    #[error("the certificate is too large")]
    TooLarge,
    /// No DER certificate of version 3, or one that contradicts itself.
    #[error("the certificate is malformed")]
    Malformed,
    /// Its key is not P-256 or its signature not ECDSA with SHA-256.
    #[error("the certificate uses another algorithm than ECDSA P-256 with SHA-256")]
    Unsupported,
    /// It holds a critical extension that this reader does not know, so that it must be refused (RFC 5280 §4.2).
    #[error("the certificate has an unknown critical extension")]
    UnknownCriticalExtension,
}

/// A certificate. That it was read says nothing about trust: see [`verify_chain`](super::verify_chain).
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// The part that is signed, exactly as it stands in `der`.
    tbs: Vec<u8>,
    signature: Signature,
    public_key: PublicKey,
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    serial: Vec<u8>,
    common_name: Option<String>,
    organization: Option<String>,
    dns_names: Vec<String>,
    uris: Vec<String>,
    not_before: i64,
    not_after: i64,
    /// `None` where the certificate is no CA; the path length where it has one.
    pub(super) authority: Option<Option<u8>>,
    /// `None` where the extension is missing.
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<Vec<ObjectIdentifier>>,
    /// Whether the extended key usage is marked critical.
    usage_is_critical: bool,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads a DER certificate.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLarge);
        }
        Self::read(der)
    }

    fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |_| CertificateError::Malformed;
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        let tbs = parsed.tbs_certificate();
        if tbs.version() != x509_cert::Version::V3 {
            return Err(CertificateError::Malformed);
        }
        // RFC 5280 §4.1.1.2: both algorithm fields say the same; RFC 5758 §3.2: without parameters.
        let algorithm = parsed.signature_algorithm();
        if algorithm != tbs.signature() {
            return Err(CertificateError::Malformed);
        }
        if algorithm.oid != ECDSA_WITH_SHA256 || algorithm.parameters.is_some() {
            return Err(CertificateError::Unsupported);
        }
        let spki = tbs.subject_public_key_info().to_der().map_err(malformed)?;
        let public_key = PublicKey::from_spki_der(&spki).map_err(|_| CertificateError::Unsupported)?;
        let signature = parsed.signature().as_bytes().ok_or(CertificateError::Malformed)?;
        let signature = Signature::from_der(signature).map_err(|_| CertificateError::Malformed)?;
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let common_name =
            tbs.subject().common_name().map_err(malformed)?.map(|name| name.value().into_owned());
        let organization =
            tbs.subject().organization().map_err(malformed)?.map(|name| name.value().into_owned());

        let mut certificate = Self {
            tbs: signed_part(der)?.to_vec(),
            der: der.to_vec(),
            signature,
            public_key,
            subject: tbs.subject().to_der().map_err(malformed)?,
            issuer: tbs.issuer().to_der().map_err(malformed)?,
            serial: tbs.serial_number().as_bytes().iter().copied().skip_while(|byte| *byte == 0).collect(),
            common_name,
            organization,
            dns_names: Vec::new(),
            uris: Vec::new(),
            not_before: seconds(tbs.validity().not_before),
            not_after: seconds(tbs.validity().not_after),
            authority: None,
            key_usage: None,
            extended_key_usage: None,
            usage_is_critical: false,
            subject_key_id: None,
            authority_key_id: None,
        };
        let mut seen: Vec<ObjectIdentifier> = Vec::new();
        for extension in tbs.extensions().map(|list| list.as_slice()).unwrap_or_default() {
            if seen.contains(&extension.extn_id) {
                return Err(CertificateError::Malformed);
            }
            seen.push(extension.extn_id);
            certificate.read_extension(extension)?;
        }
        Ok(certificate)
    }

    fn read_extension(&mut self, extension: &x509_cert::ext::Extension) -> Result<(), CertificateError> {
        let malformed = |_| CertificateError::Malformed;
        let value = extension.extn_value.as_bytes();
        let id = extension.extn_id;
        if id == BasicConstraints::OID {
            let constraints = BasicConstraints::from_der(value).map_err(malformed)?;
            self.authority = constraints.ca.then_some(constraints.path_len_constraint);
        } else if id == KeyUsage::OID {
            self.key_usage = Some(KeyUsage::from_der(value).map_err(malformed)?);
        } else if id == ExtendedKeyUsage::OID {
            self.extended_key_usage = Some(ExtendedKeyUsage::from_der(value).map_err(malformed)?.0);
            self.usage_is_critical = extension.critical;
        } else if id == SubjectKeyIdentifier::OID {
            let read = SubjectKeyIdentifier::from_der(value).map_err(malformed)?;
            self.subject_key_id = Some(read.0.as_bytes().to_vec());
        } else if id == AuthorityKeyIdentifier::OID {
            let read = AuthorityKeyIdentifier::from_der(value).map_err(malformed)?;
            self.authority_key_id = read.key_identifier.map(|key| key.as_bytes().to_vec());
        } else if id == SubjectAltName::OID {
            for name in SubjectAltName::from_der(value).map_err(malformed)?.0 {
                match name {
                    GeneralName::DnsName(name) => self.dns_names.push(name.to_string()),
                    GeneralName::UniformResourceIdentifier(uri) => self.uris.push(uri.to_string()),
                    _ => {}
                }
            }
        } else if extension.critical {
            return Err(CertificateError::UnknownCriticalExtension);
        }
        Ok(())
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of the DER, as `x509_hash` wants it (OpenID4VP 1.0 §5.9.3).
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    /// The subject's key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The subject's common name.
    pub fn subject_common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The organisation the subject names first.
    pub fn subject_organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The subject as a DER `Name`.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The issuer as a DER `Name`.
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// The key identifier of its own key (RFC 5280 §4.2.1.2).
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.subject_key_id.as_deref()
    }

    /// Whether it is for timestamps and nothing else, as RFC 3161 §2.3 wants it: one usage, critical.
    pub fn is_for_timestamps_only(&self) -> bool {
        self.usage_is_critical && self.extended_key_usage.as_deref() == Some(&[super::usage::TIME_STAMP])
    }

    /// Whether its issuer lets it answer for the state of certificates (RFC 6960 §4.2.2.2).
    pub fn is_responder(&self) -> bool {
        self.extended_key_usage.as_deref().is_some_and(|named| named.contains(&super::usage::RESPONDER))
    }

    /// Whether it may sign lists of revoked certificates.
    pub fn signs_revocations(&self) -> bool {
        self.authority.is_some() && self.allows(KeyUsages::CRLSign)
    }

    /// The DNS names of the subject (subjectAltName).
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The URIs of the subject (subjectAltName).
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// The serial number, big-endian, without leading zeros.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The key identifier of the authority that issued it (RFC 5280 §4.2.1.1).
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key_id.as_deref()
    }

    /// Valid from this second since 1970 on.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Valid up to and including this second since 1970.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether it may issue certificates.
    pub fn is_authority(&self) -> bool {
        self.authority.is_some() && self.allows(KeyUsages::KeyCertSign)
    }

    /// Whether subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether `key` signed this certificate.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(&self.tbs, &self.signature).is_ok()
    }

    /// Whether the key may be used so; without the extension it may (RFC 5280 §4.2.1.3).
    pub(super) fn allows(&self, usage: KeyUsages) -> bool {
        self.key_usage.as_ref().is_none_or(|allowed| allowed.0.contains(usage))
    }
}

/// The first element inside the outer SEQUENCE, byte for byte.
fn signed_part(der: &[u8]) -> Result<&[u8], CertificateError> {
    let read = || -> x509_cert::der::Result<&[u8]> {
        SliceReader::new(der)?.sequence(|inner| {
            let tbs = inner.tlv_bytes()?;
            inner.tlv_bytes()?;
            BitStringRef::decode(inner)?;
            Ok(tbs)
        })
    };
    read().map_err(|_| CertificateError::Malformed)
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.common_name)
            .field("sha256", &crate::encoding::hex_encode(&self.sha256()))
            .finish_non_exhaustive()
    }
}
