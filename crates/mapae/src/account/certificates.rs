//! Certificates that anybody can check, on the phone: the device key alone asks for them, fetches the file and makes a link.
//!
//! The rules are those of the portal (`certificates`); here is who asks: the holder of the active badge of this account. The
//! list names what tells one certificate from another. What is printed about the person leaves in the file alone.

use std::sync::Arc;

use credential::types::{Bilingual, Claim, ClaimKind, CredentialType, Source};
use serde_json::{Map, Value};
use wallet::account::messages::{
    AskCertificate, CertificateAsked, CertificateField, CertificateFile, CertificateKind, CertificateLink,
    CertificateList, CertificateRequest, CertificateStanding, CertificateState, Certificates, Given, Message,
    PrintCertificate, PrintLanguage, PrintedCertificate, ShareCertificate, Words,
};

use super::device::{self, FromDevice};
use super::device_only::use_once;
use super::error::DeviceRefusal;
use super::record::Account;
use crate::certificates::{self, Document, PrintError, Standing, Wanted};
use crate::credentials::{self, RequestState};
use crate::issuance;
use crate::lifecycle::{Badge, BadgeState};
use crate::operations::problem::Problem;
use crate::operations::{Language, Platform, limits};

/// The official whose phone this is.
async fn holder(platform: &Platform, account: &Account) -> Result<String, DeviceRefusal> {
    DeviceRefusal::unless_usable(account)?;
    let badge = Badge::live_of_account(&platform.store, &account.id).await?;
    let badge = badge.filter(|badge| badge.state == BadgeState::Active);
    Ok(badge.ok_or(DeviceRefusal::NoBadge)?.employee_id)
}

/// A message that makes something counts once.
async fn verified_once<M: Message>(platform: &Platform, text: &str) -> Result<(String, M), DeviceRefusal> {
    let FromDevice { account, signed } = device::verify::<M>(platform, text).await?;
    let employee = holder(platform, &account).await?;
    let expires_ms = signed.iat.saturating_mul(1_000).saturating_add(limits::DEVICE_MESSAGE_LIFE.get());
    let (id, jti) = (account.id, signed.jti);
    platform
        .store
        .write(move |tx| Box::pin(async move { use_once(tx, &id, &jti, expires_ms).await }))
        .await?;
    Ok((employee, signed.message))
}

/// What may be asked for, what was, and what was printed.
pub(super) async fn list(platform: &Platform, text: &str) -> Result<Certificates, Problem> {
    let FromDevice { account, .. } = device::verify::<CertificateList>(platform, text).await?;
    let employee = holder(platform, &account).await?;
    Ok(all(platform, &employee).await?)
}

/// A request; where its type says so, it is approved at once.
pub(super) async fn ask(platform: &Arc<Platform>, text: &str) -> Result<CertificateAsked, Problem> {
    let (employee, asked) = verified_once::<AskCertificate>(platform, text).await?;
    let request = certificates::ask(platform, &employee, &asked.kind, &asked.values).await?;
    Ok(CertificateAsked { state: state(request.state), request: request.id })
}

/// Prints; the same request in the same language is one document however often it is asked for.
pub(super) async fn print(platform: &Arc<Platform>, text: &str) -> Result<Certificates, Problem> {
    let FromDevice { account, signed } = device::verify::<PrintCertificate>(platform, text).await?;
    let employee = holder(platform, &account).await?;
    let language = match signed.message.language {
        PrintLanguage::Ko => Language::Ko,
        PrintLanguage::En => Language::En,
    };
    certificates::print(platform, &employee, &signed.message.request, language).await?;
    Ok(all(platform, &employee).await?)
}

/// The file of an own certificate.
pub(super) async fn file(platform: &Platform, text: &str, document: &str) -> Result<Vec<u8>, Problem> {
    let FromDevice { account, signed } = device::verify::<CertificateFile>(platform, text).await?;
    if signed.message.document != document {
        return Err(DeviceRefusal::Malformed("document").into());
    }
    let employee = holder(platform, &account).await?;
    let file = Document::pdf(platform, &employee, document).await?;
    Ok(file.ok_or(certificates::ShareError::Unknown)?)
}

/// A link to an own certificate.
pub(super) async fn share(platform: &Platform, text: &str) -> Result<CertificateLink, Problem> {
    let (employee, asked) = verified_once::<ShareCertificate>(platform, text).await?;
    let link = certificates::share(platform, &employee, &asked.document).await?;
    Ok(CertificateLink { address: link.address, number: link.number, ends_at: link.ends_at })
}

async fn all(platform: &Platform, employee: &str) -> Result<Certificates, PrintError> {
    let kinds = certificates::kinds(platform, employee).await?.into_iter().map(kind).collect();
    let shelf = certificates::shelf(platform, employee).await?;
    let mut requests = Vec::with_capacity(shelf.requests.len());
    for wanted in shelf.requests {
        requests.push(request(platform, wanted).await?);
    }
    let mut printed = Vec::with_capacity(shelf.printed.len());
    for document in shelf.printed {
        printed.push(certificate(platform, document).await?);
    }
    Ok(Certificates { kinds, requests, printed })
}

fn words(text: &Bilingual) -> Words {
    Words { ko: text.ko.clone(), en: text.en.clone() }
}

fn kind(kind: &CredentialType) -> CertificateKind {
    let field = |claim: &Claim| CertificateField {
        name: claim.name().to_owned(),
        label: words(&claim.label),
        hint: claim.description.as_ref().map(words),
        required: claim.mandatory,
        longest: claim.longest,
        date: claim.kind == ClaimKind::Date,
        choices: claim.choices.clone(),
    };
    CertificateKind {
        id: kind.id.clone(),
        name: words(&kind.name),
        description: words(&kind.description),
        by_hr: credentials::is_looked_at(kind),
        fields: kind.typed_by(Source::Applicant).map(field).collect(),
    }
}

/// What the holder typed, under the labels of the type.
fn given(kind: &CredentialType, typed: &Map<String, Value>) -> Vec<Given> {
    kind.typed_by(Source::Applicant)
        .filter_map(|claim| {
            let value = typed.get(claim.name())?.as_str()?.to_owned();
            Some(Given { label: words(&claim.label), value })
        })
        .collect()
}

const fn state(state: RequestState) -> CertificateState {
    match state {
        RequestState::Waiting => CertificateState::Waiting,
        RequestState::Approved => CertificateState::Approved,
        RequestState::Rejected => CertificateState::Rejected,
        RequestState::Withdrawn => CertificateState::Withdrawn,
        RequestState::Revoked => CertificateState::Revoked,
    }
}

async fn request(platform: &Platform, wanted: Wanted<'_>) -> Result<CertificateRequest, PrintError> {
    let Wanted { request, kind, printable } = wanted;
    let typed = credentials::typed(platform, &request.id).await?.unwrap_or_default();
    let language = |lang: &Language| match lang {
        Language::Ko => PrintLanguage::Ko,
        Language::En => PrintLanguage::En,
    };
    Ok(CertificateRequest {
        name: words(&kind.name),
        given: given(kind, &typed),
        state: state(request.state),
        reason: request.reason,
        asked_at: request.created_at,
        printable: printable.iter().map(language).collect(),
        id: request.id,
    })
}

async fn certificate(platform: &Platform, document: Document) -> Result<PrintedCertificate, PrintError> {
    let (standing, since, reason) = match certificates::standing(platform, &document).await? {
        Standing::Genuine => (CertificateStanding::Genuine, None, None),
        Standing::Revoked { reason, at } => (CertificateStanding::Revoked, Some(at), reason),
        Standing::Over { since } => (CertificateStanding::Over, Some(since), None),
    };
    let asked = credentials::Request::find(platform, &document.request_id).await?;
    let desk = issuance::desk(platform).map_err(credentials::AskError::from)?;
    let given = match asked.and_then(|asked| desk.kind(&asked.credential_type)) {
        Some(kind) => {
            let typed = credentials::typed(platform, &document.request_id).await?;
            given(kind, &typed.unwrap_or_default())
        }
        // The type's file is gone; the certificate stays what it was.
        None => Vec::new(),
    };
    Ok(PrintedCertificate {
        language: if document.language == Language::En.tag() { PrintLanguage::En } else { PrintLanguage::Ko },
        title: document.content.title,
        number: document.content.number,
        given,
        standing,
        since,
        reason,
        issued_at: document.issued_at,
        online_until: document.online_until,
        id: document.id,
    })
}
