//! Printing: number, facts and PDF of an approved request, made once for each language and kept sealed.

use std::sync::Arc;

use certificate::number::Number;
use certificate::print::{Moment, RenderError};
use certificate::word::WordError;
use credential::types::DocumentTable;
use http::StatusCode;
use signing::pades::Certify;

use super::fill::Content;
use super::table::Table;
use crate::audit;
use crate::credentials::{self, AskError, Request, RequestState};
use crate::issuance;
use crate::operations::problem::Problem;
use crate::operations::server_keys::{KeyName, KeysError};
use crate::operations::store::{Row, StoreError, params};
use crate::operations::{Language, Platform, id, limits};
use crate::pages;
use crate::personnel::{self, PersonnelError};
use crate::signatures::authority::{self, AuthorityError, Sealing};
use crate::staff::Duty;

const TABLE: &str = "certificate_document";

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the type has no document")]
    NoDocument,
    #[error("a letter of the facts can't be printed")]
    Letter,
    #[error("the facts don't fit into the QR code")]
    Long,
    #[error("the table needs too many pages")]
    Pages,
    #[error("the sheet can't be made: {0}")]
    Sheet(String),
    #[error(transparent)]
    Seal(#[from] AuthorityError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PrintError> for Problem {
    fn from(error: PrintError) -> Self {
        match error {
            PrintError::Ask(error) => error.into(),
            PrintError::NoDocument => Self::new(StatusCode::NOT_FOUND, "certificate_no_document"),
            PrintError::Letter => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "certificate_letter"),
            PrintError::Long => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "certificate_long"),
            PrintError::Pages => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "certificate_pages"),
            PrintError::Seal(error) => error.into(),
            PrintError::Personnel(error) => error.into(),
            PrintError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<RenderError> for PrintError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Letter(_) => Self::Letter,
            RenderError::Long(_) => Self::Pages,
            other => Self::Sheet(other.to_string()),
        }
    }
}

impl From<WordError> for PrintError {
    fn from(error: WordError) -> Self {
        match error {
            WordError::Long => Self::Long,
            other => Self::Sheet(other.to_string()),
        }
    }
}

/// A certificate that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub id: String,
    pub request_id: String,
    pub employee_id: String,
    /// `ko` or `en`
    pub language: String,
    pub content: Content,
    pub issued_at: i64,
    /// Until when its number is answered (ms).
    pub online_until: i64,
}

macro_rules! select_document {
    ($where:literal) => {
        concat!(
            "SELECT id, request_id, employee_id, language, content, issued_at, online_until ",
            "FROM certificate_document WHERE ",
            $where
        )
    };
}

impl Document {
    fn read(platform: &Platform, row: &Row) -> Result<Self, StoreError> {
        let id = row.text("id")?;
        let broken = || StoreError::Column("content".to_owned(), "is not what was sealed".to_owned());
        let plain =
            platform.sealer.open(TABLE, "content", &id, &row.bytes("content")?).map_err(|_| broken())?;
        Ok(Self {
            request_id: row.text("request_id")?,
            employee_id: row.text("employee_id")?,
            language: row.text("language")?,
            content: serde_json::from_slice(&plain).map_err(|_| broken())?,
            issued_at: row.int("issued_at")?,
            online_until: row.int("online_until")?,
            id,
        })
    }

    /// An official's own, newest first.
    pub async fn of_employee(platform: &Platform, employee_id: &str) -> Result<Vec<Self>, StoreError> {
        let sql = select_document!("employee_id = $1 ORDER BY issued_at DESC, id LIMIT $2");
        let rows =
            platform.store.fetch_all(sql, params![employee_id, limits::CERTIFICATE_LIST.get()]).await?;
        rows.iter().map(|row| Self::read(platform, row)).collect()
    }

    /// The document of that number.
    pub async fn of_number(platform: &Platform, number: Number) -> Result<Option<Self>, StoreError> {
        let index = index(platform, number);
        let row =
            platform.store.fetch_optional(select_document!("number_index = $1"), params![index]).await?;
        row.map(|row| Self::read(platform, &row)).transpose()
    }

    /// The document with this identifier.
    pub async fn of_id(platform: &Platform, id: &str) -> Result<Option<Self>, StoreError> {
        let row = platform.store.fetch_optional(select_document!("id = $1"), params![id]).await?;
        row.map(|row| Self::read(platform, &row)).transpose()
    }

    /// The document whose file has this SHA-256.
    pub async fn of_digest(platform: &Platform, digest: &[u8]) -> Result<Option<Self>, StoreError> {
        let row =
            platform.store.fetch_optional(select_document!("digest = $1"), params![digest.to_vec()]).await?;
        row.map(|row| Self::read(platform, &row)).transpose()
    }

    /// The file of an own document.
    pub async fn pdf(
        platform: &Platform,
        employee_id: &str,
        id: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT id, pdf FROM certificate_document WHERE id = $1 AND employee_id = $2";
        let Some(row) = platform.store.fetch_optional(sql, params![id, employee_id]).await? else {
            return Ok(None);
        };
        let broken = || StoreError::Column("pdf".to_owned(), "is not what was sealed".to_owned());
        let plain = platform.sealer.open(TABLE, "pdf", &row.text("id")?, &row.bytes("pdf")?);
        Ok(Some(plain.map_err(|_| broken())?.to_vec()))
    }
}

fn index(platform: &Platform, number: Number) -> Vec<u8> {
    platform.sealer.blind_index("certificate-number", &number.to_string())
}

/// What a printing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    Now(String),
    /// It was printed before: the same request in the same language is one document.
    Before,
}

/// Prints an own approved request, once for each language.
///
/// # Errors
/// See [`PrintError`].
pub async fn print(
    platform: &Arc<Platform>,
    employee_id: &str,
    request_id: &str,
    lang: Language,
) -> Result<Printed, PrintError> {
    let request = Request::find(platform, request_id).await?;
    let request = request.filter(|request| request.employee_id == employee_id).ok_or(AskError::Unknown)?;
    if request.state != RequestState::Approved {
        return Err(AskError::NotApproved.into());
    }
    let kind = issuance::desk(platform).map_err(AskError::from)?.kind(&request.credential_type);
    let kind = kind.ok_or(AskError::NoType)?;
    let printed_as = kind.document.as_ref().ok_or(PrintError::NoDocument)?;
    let (online_days, table) = (printed_as.online_days, printed_as.table);
    let employee = personnel::employee(platform, employee_id).await?.ok_or(AskError::NotServing)?;
    if !credentials::may_ask(kind, employee.status) {
        return Err(AskError::NotServing.into());
    }
    let mut values = personnel::badge_claims(platform, employee_id).await?;
    let posts = personnel::career(platform, employee_id).await?;
    values.extend(personnel::career_claims(&posts, platform.now_ms()));
    values.extend(credentials::typed(platform, &request.id).await?.unwrap_or_default());

    let now_ms = platform.now_ms();
    let made = moment(now_ms);
    let issued = format!("{:04}-{:02}-{:02}", made.year, made.month, made.day);
    let number = Number::random();
    let table = table.map(|DocumentTable::Posts| Table::of(&posts, lang));
    let content = Content::new(kind, &values, table, number, &issued, lang);
    let page = format!("{}/verify", platform.config.public.origin());
    let signer = platform.keys.signer(KeyName::Issuer)?;
    let text = content.code(&values, number, &page, signer.as_ref())?;
    let (modules, side) =
        pages::qr::modules(&text).ok_or_else(|| PrintError::Sheet("the word fits no symbol".to_owned()))?;
    let sheet = content.sheet((&modules, side), &page, made, lang, platform.config.demo.enabled);
    let printed = certificate::print::render(&sheet)?.pdf;
    let sealing = Sealing {
        agency: &employee.agency.code,
        reason: Some(content.title.clone()),
        field: None,
        appearance: None,
        certify: Some(Certify::NoChanges),
    };
    let pdf = authority::seal(platform, &printed, &sealing).await?;

    let document_id = id::new();
    let plain = serde_json::to_vec(&content).map_err(|error| PrintError::Sheet(error.to_string()))?;
    let sealed = platform.sealer.seal(TABLE, "content", &document_id, &plain);
    let sealed_pdf = platform.sealer.seal(TABLE, "pdf", &document_id, &pdf);
    let index = index(platform, number);
    let digest = keys::sha256(&pdf).to_vec();
    let jwk = signer.public_key().to_jwk();
    let (jkt, jwk) = (signer.public_key().thumbprint(), serde_json::to_string(&jwk).unwrap_or_default());
    let online_until = now_ms.saturating_add(i64::from(online_days).saturating_mul(86_400_000));
    let made_id = document_id.clone();
    let entered = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if !credentials::hold_approved(tx, &request.id).await? {
                    return Err(PrintError::from(AskError::NotApproved));
                }
                tx.execute(
                    "INSERT INTO certificate_signer (jkt, jwk, first_used_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    params![jkt, jwk, now_ms],
                )
                .await?;
                let rows = tx
                    .execute(
                        "INSERT INTO certificate_document (id, request_id, employee_id, language, number_index, content, \
                         pdf, digest, issued_at, online_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                         ON CONFLICT DO NOTHING",
                        params![
                            &document_id,
                            &request.id,
                            &request.employee_id,
                            lang.tag(),
                            index,
                            sealed,
                            sealed_pdf,
                            digest,
                            now_ms,
                            online_until,
                        ],
                    )
                    .await?;
                if rows == 1 {
                    let detail = serde_json::json!({ "type": request.credential_type, "language": lang.tag() });
                    let record = audit::Record {
                        actor: &request.employee_id,
                        duty: Duty::Applicant.as_str(),
                        act: "certificate.printed",
                        subject: &document_id,
                        detail,
                    };
                    audit::record(tx, record).await?;
                }
                Ok(rows == 1)
            })
        })
        .await?;
    Ok(if entered { Printed::Now(made_id) } else { Printed::Before })
}

/// A moment in the time of Korea.
pub(super) fn moment(at_ms: i64) -> Moment {
    let at = time::OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
        .to_offset(time::macros::offset!(+9));
    Moment {
        year: u16::try_from(at.year()).unwrap_or(1970),
        month: at.month().into(),
        day: at.day(),
        hour: at.hour(),
        minute: at.minute(),
        second: at.second(),
    }
}
