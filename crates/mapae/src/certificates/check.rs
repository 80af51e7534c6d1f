//! The number of a document, asked for by anybody: what is known of it, bounded in how often.

use std::net::IpAddr;
use std::sync::Arc;

use certificate::number::Number;
use http::StatusCode;

use super::document::Document;
use super::table::Table;
use crate::credentials::{Request, RequestState};
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};

/// What somebody typed.
#[derive(Debug, Clone)]
pub struct Asked {
    pub number: String,
    /// `YYYY-MM-DD`; with the right one all facts are shown.
    pub birth_date: String,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("this is no document number")]
    NotANumber { tries_left: i64 },
    #[error("too many numbers from here")]
    TooMany { retry_after_ms: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NotANumber { tries_left } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "certificate_number")
                    .with("tries_left", tries_left)
            }
            CheckError::TooMany { retry_after_ms } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "certificate_too_many")
                    .with("minutes", retry_after_ms.div_euclid(60_000).saturating_add(1))
                    .with("retry_after_ms", retry_after_ms)
            }
            CheckError::Store(error) => error.into(),
        }
    }
}

/// How a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// 진본
    Genuine,
    /// 철회, with the reason where HR gave one, and when.
    Revoked { reason: Option<String>, at: i64 },
    /// 기간 지남: the number is answered no longer; the signature still holds.
    Over { since: i64 },
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Known {
        standing: Standing,
        title: String,
        agency: String,
        /// `YYYY-MM-DD`
        issued: String,
        /// Label and value; masked unless `whole`.
        facts: Vec<(String, String)>,
        /// The table, if there is one; only with the whole facts.
        table: Option<Box<Table>>,
        whole: bool,
        /// A birth date was typed, and it is another's.
        wrong_birth_date: bool,
        online_until: i64,
    },
    /// 확인 불가: no document of this issuer bears the number.
    Unknown,
}

/// Answers a number. Every number from one source counts until its window ends, so that nobody reads through them; a right
/// birth date gives its try back.
///
/// # Errors
/// See [`CheckError`].
pub async fn check(platform: &Arc<Platform>, asked: &Asked, source: IpAddr) -> Result<Answer, CheckError> {
    let tries_left = charge(platform, source).await?;
    let Ok(number) = Number::parse(&asked.number) else { return Err(CheckError::NotANumber { tries_left }) };
    let Some(document) = Document::of_number(platform, number).await? else { return Ok(Answer::Unknown) };
    let standing = standing(platform, &document).await?;
    let content = document.content;
    let born = asked.birth_date.trim();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let whole = !born.is_empty() && digits(born) == digits(&content.birth_date);
    Ok(Answer::Known {
        standing,
        facts: if whole { content.facts.clone() } else { content.masked() },
        table: content.table.clone().filter(|_| whole).map(Box::new),
        whole,
        wrong_birth_date: !born.is_empty() && !whole,
        title: content.title,
        agency: content.agency,
        issued: content.issued,
        online_until: document.online_until,
    })
}

/// How a document stands now: taken back, no longer answered for, or as it was issued.
///
/// # Errors
/// The store.
pub async fn standing(platform: &Platform, document: &Document) -> Result<Standing, StoreError> {
    let request = Request::find(platform, &document.request_id).await?;
    Ok(match request {
        Some(request) if request.state != RequestState::Approved => {
            Standing::Revoked { reason: request.reason, at: request.changed_at }
        }
        _ if document.online_until <= platform.now_ms() => Standing::Over { since: document.online_until },
        _ => Standing::Genuine,
    })
}

/// Counts one try of this source; how many are left.
async fn charge(platform: &Arc<Platform>, source: IpAddr) -> Result<i64, CheckError> {
    let source = platform.sealer.blind_index("certificate-source", &network(source));
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now_ms = tx.now_ms();
                let ends_at = now_ms.saturating_add(limits::CERTIFICATE_WINDOW.get());
                let row = tx
                    .fetch_one(
                        "INSERT INTO certificate_throttle (source, tries, window_ends_at) VALUES ($1, 1, $2) \
                         ON CONFLICT (source) DO UPDATE SET tries = CASE WHEN certificate_throttle.window_ends_at <= $3 \
                         THEN 1 ELSE certificate_throttle.tries + 1 END, window_ends_at = \
                         CASE WHEN certificate_throttle.window_ends_at <= $3 THEN $2 \
                         ELSE certificate_throttle.window_ends_at END RETURNING tries, window_ends_at",
                        params![source, ends_at, now_ms],
                    )
                    .await?;
                let tries_left = limits::CERTIFICATE_TRIES.get() - row.int("tries")?;
                if tries_left < 0 {
                    return Err(CheckError::TooMany { retry_after_ms: row.int("window_ends_at")? - now_ms });
                }
                Ok(tries_left)
            })
        })
        .await
}

/// One source: an IPv4 address, or the /64 of an IPv6 address.
fn network(source: IpAddr) -> String {
    match source.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}
