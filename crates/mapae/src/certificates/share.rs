//! A link to a certificate for whoever asked for it: opened once, with a 열람번호 that travels another way.
//!
//! ```text
//! official ──▶ link + 열람번호 ──▶ receiver: opens the page (nothing is told) ──types the number──▶ the file, once
//! ```
//!
//! Looking at the page uses nothing up: programs that follow links in messages do that too. Wrong numbers are counted before
//! they are compared, and the fifth ends the link.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::check::{self, Standing};
use super::document::Document;
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};
use crate::pages::{Area, Fault, Page, PageResult, render, render_with};
use crate::staff::{Applicant, Duty, Posted};

pub(super) fn portal_routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/portal/certificates/{id}/links", post(make))
}

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/verify/link/{token}", get(ask).post(take))
}

/// Why there is no link, or nothing behind it.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    #[error("no such certificate")]
    Unknown,
    #[error("the certificate was taken back")]
    Revoked,
    #[error("there are too many links to this certificate")]
    TooMany,
    /// Unknown, opened, ended, or tried too often: one answer for all.
    #[error("the link leads nowhere")]
    Gone,
    #[error("the number is not the link's")]
    Number { tries_left: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ShareError> for Problem {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Unknown => Self::new(StatusCode::NOT_FOUND, "certificate_unknown"),
            ShareError::Revoked => Self::new(StatusCode::CONFLICT, "certificate_revoked"),
            ShareError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, "certificate_links"),
            ShareError::Gone => Self::new(StatusCode::GONE, "certificate_link_gone"),
            ShareError::Number { tries_left } => {
                Self::new(StatusCode::FORBIDDEN, "certificate_link_number").with("tries_left", tries_left)
            }
            ShareError::Store(error) => error.into(),
        }
    }
}

/// A link, told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its address.
    pub address: String,
    /// 열람번호, to be told another way.
    pub number: String,
    /// Until when it may be opened (ms).
    pub ends_at: i64,
}

const TABLE: &str = "certificate_link";

fn index(platform: &Platform, token: &str) -> Vec<u8> {
    platform.sealer.blind_index(TABLE, token)
}

/// What is kept of a number: bound to its link, so that equal numbers don't look alike.
fn number_index(platform: &Platform, token: &str, number: &str) -> Vec<u8> {
    platform.sealer.blind_index("certificate_link-number", &format!("{token} {number}"))
}

/// Makes a link to an own certificate.
///
/// # Errors
/// See [`ShareError`].
pub async fn share(platform: &Platform, employee_id: &str, document_id: &str) -> Result<Link, ShareError> {
    let document = Document::of_id(platform, document_id).await?;
    let document = document.filter(|document| document.employee_id == employee_id);
    let document = document.ok_or(ShareError::Unknown)?;
    if matches!(check::standing(platform, &document).await?, Standing::Revoked { .. }) {
        return Err(ShareError::Revoked);
    }
    let mut random = [0_u8; 16];
    keys::random::fill(&mut random);
    let token = keys::encoding::hex_encode(&random);
    let number = keys::random::digits(limits::CERTIFICATE_LINK_DIGITS.size());
    let (id, kept) = (index(platform, &token), number_index(platform, &token, &number));
    let ends_at = platform.now_ms().saturating_add(limits::CERTIFICATE_LINK_LIFE.get());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let live = "SELECT COUNT(*) AS n FROM certificate_link WHERE document_id = $1 AND ends_at > $2";
                let live = tx.fetch_one(live, params![&document.id, tx.now_ms()]).await?.int("n")?;
                if live >= limits::CERTIFICATE_LINKS.get() {
                    return Err(ShareError::TooMany);
                }
                tx.execute(
                    "INSERT INTO certificate_link (id, document_id, number_index, tries, ends_at) VALUES ($1, $2, $3, 0, $4)",
                    params![id, &document.id, kept, ends_at],
                )
                .await?;
                let record = audit::Record {
                    actor: &document.employee_id,
                    duty: Duty::Applicant.as_str(),
                    act: "certificate.shared",
                    subject: &document.id,
                    detail: serde_json::json!({ "ends_at": ends_at }),
                };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await?;
    let address = format!("{}/verify/link/{token}", platform.config.public.origin());
    Ok(Link { address, number, ends_at })
}

/// Opens a link: the document, for the right number, once.
///
/// # Errors
/// See [`ShareError`].
pub async fn open(platform: &Platform, token: &str, number: &str) -> Result<Document, ShareError> {
    let number: String = number.chars().filter(char::is_ascii_digit).collect();
    let (id, given) = (index(platform, token), number_index(platform, token, &number));
    let opened = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let most = limits::CERTIFICATE_LINK_TRIES.get();
                let now_ms = tx.now_ms();
                let row = tx
                    .fetch_optional(
                        "UPDATE certificate_link SET tries = tries + 1 WHERE id = $1 AND opened_at IS NULL AND tries < $2 \
                         AND ends_at > $3 RETURNING document_id, number_index, tries",
                        params![&id, most, now_ms],
                    )
                    .await?;
                let Some(row) = row else { return Ok(Err(ShareError::Gone)) };
                // Both are keyed hashes: how long the comparison takes tells nothing of the number.
                if row.bytes("number_index")? != given {
                    return Ok(Err(ShareError::Number { tries_left: most - row.int("tries")? }));
                }
                tx.execute("UPDATE certificate_link SET opened_at = $2 WHERE id = $1", params![&id, now_ms]).await?;
                let document_id = row.text("document_id")?;
                let record = audit::Record {
                    actor: "anyone",
                    duty: "receiver",
                    act: "certificate.link_opened",
                    subject: &document_id,
                    detail: serde_json::json!({}),
                };
                audit::record(tx, record).await?;
                Ok(Ok(document_id))
            })
        })
        .await??;
    Document::of_id(platform, &opened).await?.ok_or(ShareError::Gone)
}

#[derive(Template)]
#[template(path = "certificates/link.html")]
struct LinkPage {
    page: Page,
    link: Link,
}

#[derive(Deserialize)]
struct Nothing {}

async fn make(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, _): Posted<Applicant, Nothing>,
) -> PageResult {
    let page = page.signed_in(Area::Portal, who.who());
    let link = share(&platform, &who.employee_id, &id).await.map_err(|error| Fault::told(&page, error))?;
    Ok(render(&LinkPage { page, link }))
}

#[derive(Template)]
#[template(path = "certificates/open.html")]
struct OpenPage {
    page: Page,
    token: String,
    problem: Option<String>,
}

/// The page is the same for every link, whether there is one or not.
async fn ask(page: Page, Path(token): Path<String>) -> PageResult {
    Ok(render(&OpenPage { page: page.of(Area::Public), token, problem: None }))
}

#[derive(Deserialize)]
struct NumberForm {
    number: String,
}

async fn take(
    page: Page,
    Path(token): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Form(form): Form<NumberForm>,
) -> PageResult {
    let page = page.of(Area::Public);
    let refused = |page: Page, problem: Problem| {
        let problem_text = problem.detail(page.lang);
        render_with(problem.status(), &OpenPage { page, token: token.clone(), problem: Some(problem_text) })
    };
    match open(&platform, &token, &form.number).await {
        Ok(document) => {
            let file = Document::pdf(&platform, &document.employee_id, &document.id).await;
            match file.map_err(|error| Fault::told(&page, error))? {
                Some(file) => Ok(download(file)),
                None => Ok(refused(page, ShareError::Gone.into())),
            }
        }
        Err(ShareError::Store(error)) => Err(Fault::told(&page, error)),
        Err(error) => Ok(refused(page, error.into())),
    }
}

/// A certificate as a file.
pub(super) fn download(file: Vec<u8>) -> Response {
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = HeaderValue::from_static("attachment; filename=\"certificate.pdf\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    response
}
