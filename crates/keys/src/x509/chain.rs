//! The check of an `x5c` chain (RFC 5280 §6, as much as our profile needs).

use x509_cert::{der::oid::ObjectIdentifier, ext::pkix::KeyUsages};

use super::{Certificate, CertificateError, usage};

/// How many certificates a chain may have besides its anchor.
pub const MAX_CHAIN: usize = 4;

/// What the leaf's key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Signed a credential.
    Issuer,
    /// Signed a request for presentation.
    Verifier,
    /// Signed a status list.
    StatusList,
    /// Signed a trust list.
    TrustList,
    /// Signed a wallet or key attestation.
    WalletAttestation,
    /// Signed a document: for documents, or for messages.
    Document,
    /// Signed a timestamp.
    TimeStamp,
    /// Answered for the state of certificates.
    Responder,
    /// No purpose is checked: the caller waives it.
    Any,
}

impl Purpose {
    /// The extended key usages of which one must be named; none where nothing is asked.
    fn usages(self) -> &'static [ObjectIdentifier] {
        match self {
            Self::Issuer => &[usage::ISSUER],
            Self::Verifier => &[usage::VERIFIER],
            Self::StatusList => &[usage::STATUS_LIST],
            Self::TrustList => &[usage::TRUST_LIST],
            Self::WalletAttestation => &[usage::WALLET_ATTESTATION],
            Self::Document => &[usage::DOCUMENT, usage::MESSAGE],
            Self::TimeStamp => &[usage::TIME_STAMP],
            Self::Responder => &[usage::RESPONDER],
            Self::Any => &[],
        }
    }
}

/// Why a chain was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No certificate at all.
    #[error("the chain is empty")]
    Empty,
    /// More than [`MAX_CHAIN`] certificates.
    #[error("the chain is too long")]
    TooLong,
    /// A certificate can't be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The leaf is an authority or signed itself.
    #[error("the chain's leaf is no end-entity certificate")]
    NotALeaf,
    /// A certificate is not signed by the next, or names another issuer.
    #[error("the chain is broken")]
    Broken,
    /// No anchor issued the last certificate.
    #[error("the chain ends at no trusted root")]
    Untrusted,
    /// A certificate of the chain is not valid yet.
    #[error("a certificate of the chain is not valid yet")]
    NotYetValid,
    /// A certificate of the chain has expired.
    #[error("a certificate of the chain has expired")]
    Expired,
    /// A certificate that issued another may not issue, or not so deep.
    #[error("a certificate of the chain may not issue the next")]
    NotAnAuthority,
    /// The leaf's key may not sign, or not for this purpose.
    #[error("the certificate is not for this purpose")]
    WrongPurpose,
}

/// Checks the chain `x5c` (DER, leaf first) up to one of `anchors` at the second `now`, and returns the leaf.
///
/// A certificate without an extended key usage is for any purpose; one with it only for those it names (RFC 5280
/// §4.2.1.12). Our own certificates always name theirs. An anchor at the end of `x5c` is left aside.
pub fn verify_chain(
    x5c: &[Vec<u8>],
    anchors: &[Certificate],
    now: i64,
    purpose: Purpose,
) -> Result<Certificate, ChainError> {
    let mut x5c = x5c;
    if let [rest @ .., last] = x5c
        && !rest.is_empty()
        && anchors.iter().any(|anchor| anchor.der() == last.as_slice())
    {
        x5c = rest;
    }
    if x5c.len() > MAX_CHAIN {
        return Err(ChainError::TooLong);
    }
    let mut chain = x5c.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>()?;
    let (leaf, authorities) = chain.split_first().ok_or(ChainError::Empty)?;
    // An end entity is no authority, and HAIP 1.0 §5 wants no self-signed leaf.
    if leaf.authority.is_some() || leaf.is_self_issued() {
        return Err(ChainError::NotALeaf);
    }
    let last = authorities.last().unwrap_or(leaf);
    let anchor = anchors.iter().find(|anchor| issued(anchor, last)).ok_or(ChainError::Untrusted)?;
    let mut subject = leaf;
    for (depth, authority) in (0u8..).zip(authorities.iter().chain([anchor])) {
        // `depth` authorities already stand between this one and the leaf (RFC 5280 §4.2.1.9).
        let may_issue =
            authority.is_authority() && authority.authority.flatten().is_none_or(|limit| depth <= limit);
        if !may_issue {
            return Err(ChainError::NotAnAuthority);
        }
        // The anchor was found by its signature on the last certificate; each signature is checked once.
        if !std::ptr::eq(authority, anchor) && !issued(authority, subject) {
            return Err(ChainError::Broken);
        }
        subject = authority;
    }
    for certificate in chain.iter().chain([anchor]) {
        if now < certificate.not_before() {
            return Err(ChainError::NotYetValid);
        }
        if now > certificate.not_after() {
            return Err(ChainError::Expired);
        }
        let named = certificate.extended_key_usage.as_deref();
        let wanted = purpose.usages();
        if let Some(named) = named
            && !wanted.is_empty()
            && !wanted.iter().any(|usage| named.contains(usage))
        {
            return Err(ChainError::WrongPurpose);
        }
    }
    // What a person signs may be signed to stand by it, too (RFC 5280 §4.2.1.3 nonRepudiation).
    let stands_by = purpose == Purpose::Document && leaf.allows(KeyUsages::NonRepudiation);
    if !stands_by && !leaf.allows(KeyUsages::DigitalSignature) {
        return Err(ChainError::WrongPurpose);
    }
    Ok(chain.swap_remove(0))
}

/// Whether `issuer` issued `subject`: name, key identifier where both tell one, and signature.
fn issued(issuer: &Certificate, subject: &Certificate) -> bool {
    let same_key = match (&issuer.subject_key_id, &subject.authority_key_id) {
        (Some(issuer), Some(subject)) => issuer == subject,
        _ => true,
    };
    same_key && issuer.subject == subject.issuer && subject.is_signed_by(issuer.public_key())
}
