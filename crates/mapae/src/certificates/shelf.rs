//! 증명서함: what an official asked for and what was printed, as the portal and the wallet show it.

use std::sync::Arc;

use credential::types::CredentialType;

use super::document::{Document, PrintError};
use crate::credentials::{self, Request, RequestState, Typed};
use crate::issuance;
use crate::operations::{Language, Platform};

/// A request for a type that is printed.
#[derive(Debug)]
pub struct Wanted<'p> {
    pub request: Request,
    pub kind: &'p CredentialType,
    /// Languages in which it may be printed and was not.
    pub printable: Vec<Language>,
}

/// What an official asked for and has.
#[derive(Debug)]
pub struct Shelf<'p> {
    /// Newest first.
    pub requests: Vec<Wanted<'p>>,
    /// Newest first.
    pub printed: Vec<Document>,
}

/// An official's own.
///
/// # Errors
/// The type files, or the store.
pub async fn shelf<'p>(platform: &'p Platform, employee_id: &str) -> Result<Shelf<'p>, PrintError> {
    let desk = issuance::desk(platform).map_err(credentials::AskError::from)?;
    let printed = Document::of_employee(platform, employee_id).await?;
    let mut requests = Vec::new();
    for request in Request::of_employee(platform, employee_id).await? {
        let kind = desk.kind(&request.credential_type).filter(|kind| kind.document.is_some());
        let Some(kind) = kind else { continue };
        let has = |lang: Language| {
            printed.iter().any(|one| one.request_id == request.id && one.language == lang.tag())
        };
        let may = request.state == RequestState::Approved;
        let printable = Language::ALL.into_iter().filter(|lang| may && !has(*lang)).collect();
        requests.push(Wanted { request, kind, printable });
    }
    Ok(Shelf { requests, printed })
}

/// The types that this official may ask for and that are printed.
///
/// # Errors
/// The type files, personnel, or the store.
pub async fn kinds<'p>(
    platform: &'p Platform,
    employee_id: &str,
) -> Result<Vec<&'p CredentialType>, PrintError> {
    let open = credentials::open_to(platform, employee_id).await?;
    Ok(open.into_iter().filter(|kind| kind.document.is_some()).collect())
}

/// Asks for a type that is printed.
///
/// # Errors
/// It is not printed; else as [`credentials::ask`].
pub async fn ask(
    platform: &Arc<Platform>,
    employee_id: &str,
    type_id: &str,
    given: &Typed,
) -> Result<Request, PrintError> {
    let kind = issuance::desk(platform).map_err(credentials::AskError::from)?.kind(type_id);
    if kind.is_none_or(|kind| kind.document.is_none()) {
        return Err(PrintError::NoDocument);
    }
    Ok(credentials::ask(platform, employee_id, type_id, given).await?)
}
