//! Certificates that are issued here, each noted before anyone sees it.

use keys::PublicKey;
use keys::encoding::hex_encode;
use keys::x509::{Certificate, DocumentKind, issue_for_documents, random_serial};

use super::key::{profile, short};
use super::{AuthorityError, open};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};

/// A certificate with those above it, the root left out.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The one that was issued, then the authority's.
    pub chain: Vec<Certificate>,
}

/// Notes a certificate.
pub(super) async fn note(
    tx: &mut Tx,
    serial: &str,
    role: &str,
    agency: &str,
    not_after: i64,
) -> Result<(), StoreError> {
    let issued_at = tx.now_ms();
    tx.execute(
        "INSERT INTO document_certificate (serial, role, agency_code, not_after, issued_at) VALUES ($1, $2, $3, $4, $5)",
        params![serial, role, agency, not_after, issued_at],
    )
    .await?;
    Ok(())
}

/// A certificate for one signature of an official: this key, this name, ten minutes.
///
/// # Errors
/// The store or the authority's key fails.
pub async fn issue_person(
    platform: &Platform,
    key: &PublicKey,
    name: &str,
    agency: &str,
    agency_name: &str,
) -> Result<Issued, AuthorityError> {
    let authority = open(platform).await?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let validity = (now_s, now_s + limits::DOCUMENT_PERSON_LIFE.get() / 1_000);
    let profile = profile(platform, &short(agency_name), &short(name), false);
    let own = &authority.own;
    let certificate = issue_for_documents(
        &own.certificate,
        &*own.signer,
        key,
        (DocumentKind::Person, &profile),
        validity,
        random_serial(),
    )
    .map_err(|error| AuthorityError::Key("authority", error.to_string()))?;
    let (serial, agency) = (hex_encode(certificate.serial()), agency.to_owned());
    let not_after = certificate.not_after();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { note(tx, &serial, "person", &agency, not_after).await })
        })
        .await?;
    Ok(Issued { chain: vec![certificate, own.certificate.clone()] })
}
