//! Making certificates: the platform root and what stands below it.

use x509_cert::{
    der::{
        DateTime, Encode,
        asn1::{Ia5String, OctetString},
        flagset::FlagSet,
        oid::{AssociatedOid, ObjectIdentifier},
    },
    ext::{
        Extension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
            SubjectKeyIdentifier, name::GeneralName,
        },
    },
    time::Time,
};

use super::{Certificate, CertificateError, usage};
use crate::{
    PublicKey, SignError, Signer,
    der::{tlv, unsigned},
    random, sha256,
};

/// Why a certificate was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The signer is not the key of the CA certificate, or that certificate may not issue such a one.
    #[error("this authority may not issue that certificate")]
    NotAuthorised,
    /// It would end before it begins, or outlive its authority.
    #[error("the validity does not fit")]
    Validity,
    /// A name that is empty, too long or not of its kind, or a serial number of zero.
    #[error("a name or the serial number does not fit")]
    Name,
    /// The key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// What was made does not read back.
    #[error(transparent)]
    Unreadable(#[from] CertificateError),
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An authority below the root, which may issue all others but no further authority.
    Intermediate,
    /// Signs credentials.
    Issuer,
    /// Signs requests for presentation.
    Verifier,
    /// Signs status lists.
    StatusList,
    /// Signs trust lists.
    TrustList,
    /// Signs wallet and key attestations.
    WalletAttestation,
}

impl Kind {
    fn usage(self) -> Option<ObjectIdentifier> {
        match self {
            Self::Intermediate => None,
            Self::Issuer => Some(usage::ISSUER),
            Self::Verifier => Some(usage::VERIFIER),
            Self::StatusList => Some(usage::STATUS_LIST),
            Self::TrustList => Some(usage::TRUST_LIST),
            Self::WalletAttestation => Some(usage::WALLET_ATTESTATION),
        }
    }
}

/// Who a certificate is for, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Country, two capital letters (ISO 3166-1): readers of mobile documents ask for one.
    pub country: Option<String>,
    /// Common name, 1 to 64 characters (RFC 5280 ub-common-name).
    pub cn: String,
    /// DNS names for subjectAltName.
    pub dns: Vec<String>,
    /// URIs for subjectAltName.
    pub uri: Vec<String>,
    /// What for.
    pub kind: Kind,
}

/// A random serial number of 128 bits (RFC 5280 §4.1.2.2 allows 159).
pub fn random_serial() -> [u8; 16] {
    random::bytes()
}

/// A self-signed root, valid from `from` to `to` (seconds since 1970).
pub fn root(signer: &dyn Signer, cn: &str, from: i64, to: i64) -> Result<Certificate, IssueError> {
    root_in(None, signer, cn, from, to)
}

/// As [`root`], of a country (two capital letters).
pub fn root_in(
    country: Option<&str>,
    signer: &dyn Signer,
    cn: &str,
    from: i64,
    to: i64,
) -> Result<Certificate, IssueError> {
    let key = signer.public_key();
    let name = name(country, cn)?;
    let extensions =
        [authority(Some(1)), key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), subject_key(key)];
    let tbs = Tbs { serial: random_serial(), issuer: &name, subject: &name, key, from, to };
    tbs.sign(signer, &extensions)
}

/// A certificate for `key` under `ca`, valid from `from` to `to` (seconds since 1970).
pub fn issue(
    ca: &Certificate,
    signer: &dyn Signer,
    key: &PublicKey,
    profile: &Profile,
    from: i64,
    to: i64,
    serial: [u8; 16],
) -> Result<Certificate, IssueError> {
    let depth_left = match ca.authority {
        Some(limit) if ca.is_authority() => limit.unwrap_or(u8::MAX),
        _ => return Err(IssueError::NotAuthorised),
    };
    let is_authority = profile.kind == Kind::Intermediate;
    if ca.public_key() != signer.public_key() || (is_authority && depth_left == 0) {
        return Err(IssueError::NotAuthorised);
    }
    if from < ca.not_before() || to > ca.not_after() {
        return Err(IssueError::Validity);
    }
    let mut extensions = Vec::with_capacity(6);
    if is_authority {
        extensions.push(authority(Some(0)));
        extensions.push(key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign));
    } else {
        extensions.push(key_usage(KeyUsages::DigitalSignature.into()));
    }
    if let Some(usage) = profile.kind.usage() {
        extensions.push(extension(false, &ExtendedKeyUsage(vec![usage])));
    }
    if let Some(names) = alternative_names(profile)? {
        extensions.push(extension(false, &names));
    }
    extensions.push(subject_key(key));
    extensions.push(issuer_key(ca));
    let subject = name(profile.country.as_deref(), &profile.cn)?;
    Tbs { serial, issuer: &ca.subject, subject: &subject, key, from, to }.sign(signer, &extensions)
}

/// `TBSCertificate` (RFC 5280 §4.1) before its extensions.
pub(super) struct Tbs<'a> {
    pub(super) serial: [u8; 16],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) key: &'a PublicKey,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// AlgorithmIdentifier of ecdsa-with-SHA256, without parameters.
const ALGORITHM: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

impl Tbs<'_> {
    pub(super) fn sign(
        &self,
        signer: &dyn Signer,
        extensions: &[Encoded],
    ) -> Result<Certificate, IssueError> {
        if self.from >= self.to {
            return Err(IssueError::Validity);
        }
        let version = tlv(0xa0, &[&tlv(0x02, &[&[2]])]);
        let validity = tlv(0x30, &[&time(self.from)?, &time(self.to)?]);
        let extensions = extensions.iter().cloned().collect::<Option<Vec<_>>>().ok_or(IssueError::Name)?;
        let extensions = tlv(0xa3, &[&tlv(0x30, &[&extensions.concat()])]);
        let tbs = tlv(
            0x30,
            &[
                &version,
                &serial(&self.serial)?,
                &ALGORITHM,
                self.issuer,
                &validity,
                self.subject,
                &self.key.to_spki_der(),
                &extensions,
            ],
        );
        let signature = signer.sign(&tbs)?.to_der();
        let der = tlv(0x30, &[&tbs, &ALGORITHM, &tlv(0x03, &[&[0], &signature])]);
        Ok(Certificate::parse(&der)?)
    }
}

/// The serial number, which is positive (RFC 5280 §4.1.2.2).
fn serial(bytes: &[u8; 16]) -> Result<Vec<u8>, IssueError> {
    if *bytes == [0; 16] { Err(IssueError::Name) } else { Ok(unsigned(bytes)) }
}

/// UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5).
fn time(seconds: i64) -> Result<Vec<u8>, IssueError> {
    let seconds = u64::try_from(seconds).map_err(|_| IssueError::Validity)?;
    let date = DateTime::from_unix_duration(std::time::Duration::from_secs(seconds));
    date.and_then(|date| Time::from(date).to_der()).map_err(|_| IssueError::Validity)
}

/// A Name that is one common name, of a country where one is told.
pub(super) fn name(country: Option<&str>, cn: &str) -> Result<Vec<u8>, IssueError> {
    name_of(country, None, cn)
}

/// A Name of country, organisation and common name.
pub(super) fn name_of(
    country: Option<&str>,
    organization: Option<&str>,
    cn: &str,
) -> Result<Vec<u8>, IssueError> {
    const COUNTRY: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x06];
    const ORGANIZATION: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x0a];
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;
    let fits = |text: &str| (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !fits(cn) || !organization.is_none_or(fits) {
        return Err(IssueError::Name);
    }
    if !country.is_none_or(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())) {
        return Err(IssueError::Name);
    }
    let attribute =
        |of: &[u8], kind, text: &str| tlv(0x31, &[&tlv(0x30, &[of, &tlv(kind, &[text.as_bytes()])])]);
    let country = country.map(|code| attribute(&COUNTRY, PRINTABLE, code)).unwrap_or_default();
    let organization = organization.map(|text| attribute(&ORGANIZATION, UTF8, text)).unwrap_or_default();
    Ok(tlv(0x30, &[&country, &organization, &attribute(&COMMON_NAME, UTF8, cn)]))
}

/// One extension as DER, or none where its value has no encoding.
pub(super) type Encoded = Option<Vec<u8>>;

pub(super) fn extension<T: Encode + AssociatedOid>(critical: bool, value: &T) -> Encoded {
    let extn_value = OctetString::new(value.to_der().ok()?).ok()?;
    Extension { extn_id: T::OID, critical, extn_value }.to_der().ok()
}

pub(super) fn authority(path_len_constraint: Option<u8>) -> Encoded {
    extension(true, &BasicConstraints { ca: true, path_len_constraint })
}

pub(super) fn key_usage(usages: FlagSet<KeyUsages>) -> Encoded {
    extension(true, &KeyUsage(usages))
}

/// The key's name: the first 160 bits of the SHA-256 of the point (RFC 7093 §2 method 1).
fn key_id(key: &PublicKey) -> Option<OctetString> {
    let hash = sha256(key.as_sec1());
    OctetString::new(hash.first_chunk::<20>()?.as_slice()).ok()
}

pub(super) fn subject_key(key: &PublicKey) -> Encoded {
    extension(false, &SubjectKeyIdentifier(key_id(key)?))
}

pub(super) fn issuer_key(ca: &Certificate) -> Encoded {
    let id = match &ca.subject_key_id {
        Some(id) => OctetString::new(id.as_slice()).ok()?,
        None => key_id(ca.public_key())?,
    };
    extension(false, &AuthorityKeyIdentifier { key_identifier: Some(id), ..Default::default() })
}

fn alternative_names(profile: &Profile) -> Result<Option<SubjectAltName>, IssueError> {
    let graphic = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_graphic())
    };
    let ia5 = |text: &String| Ia5String::new(text).map_err(|_| IssueError::Name);
    let mut names = Vec::with_capacity(profile.dns.len() + profile.uri.len());
    for dns in &profile.dns {
        if !graphic(dns, 253) {
            return Err(IssueError::Name);
        }
        names.push(GeneralName::DnsName(ia5(dns)?));
    }
    for uri in &profile.uri {
        if !graphic(uri, 1024) || !uri.contains(':') {
            return Err(IssueError::Name);
        }
        names.push(GeneralName::UniformResourceIdentifier(ia5(uri)?));
    }
    Ok((!names.is_empty()).then_some(SubjectAltName(names)))
}
