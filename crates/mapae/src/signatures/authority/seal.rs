//! An agency's seal on a document: PAdES B-LT, checkable by anyone, for ever, without asking us.

use signing::cms::{Attributes, SignedData};
use signing::pades::{self, Appearance, Certify, Options};

use super::key::seal_of;
use super::{AuthorityError, material, open};
use crate::operations::Platform;

/// How an agency seals.
#[derive(Debug, Clone)]
pub struct Sealing<'a> {
    /// The agency's code.
    pub agency: &'a str,
    /// What for, for readers that show it.
    pub reason: Option<String>,
    /// The empty signature field to fill; `None`: a new one.
    pub field: Option<String>,
    /// What is to be seen on a page.
    pub appearance: Option<Appearance>,
    /// What may still be added.
    pub certify: Option<Certify>,
}

/// Seals a PDF in the name of an agency: signature, timestamp, and everything needed to check it.
///
/// # Errors
/// The agency is not registered, the PDF is refused, the store or a key fails.
pub async fn seal(platform: &Platform, pdf: &[u8], sealing: &Sealing<'_>) -> Result<Vec<u8>, AuthorityError> {
    let authority = open(platform).await?;
    let held = seal_of(platform, authority, sealing.agency).await?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let options = Options {
        field: sealing.field.clone(),
        name: held.certificate.subject_common_name().map(str::to_owned),
        reason: sealing.reason.clone(),
        appearance: sealing.appearance.clone(),
        certify: sealing.certify,
        ..Options::at(now_s)
    };
    let unusable = |error: String| AuthorityError::Key("seal", error);
    let prepared = pades::prepare(pdf, &options)?;
    let attributes = Attributes::new(prepared.digest(), &held.certificate, None);
    let signature = held.signer.sign(attributes.to_sign()).map_err(|error| unusable(error.to_string()))?;
    let chain = [held.certificate, authority.own.certificate.clone()];
    let signed =
        SignedData::new(attributes, &signature, &chain).map_err(|error| unusable(error.to_string()))?;
    let stamp = authority.time.stamp(signed.imprint(), now_s).map_err(|error| unusable(error.to_string()))?;
    let sealed = prepared.assemble(&signed.with_timestamp(stamp).to_der())?;
    Ok(pades::add_material(&sealed, &material(platform).await?)?)
}
