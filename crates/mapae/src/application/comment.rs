//! Comments: those who may see an application talk about it, and tell the applicant what concerns them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::console::{self, may_see};
use super::decide::DecideError;
use super::record::{self, Application};
use super::view::Names;
use crate::audit;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, id, limits};
use crate::pages::{Area, Fault, Page, PageResult};
use crate::personnel::PersonnelError;
use crate::staff::{Actor, Duty, Posted};

const TABLE: &str = "application_comment";

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().routes(routes!(list, add)).route("/applications/{id}/comments", post(post_comment))
}

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommentError {
    #[error("a comment is empty or too long")]
    Length,
    #[error("there are too many comments")]
    TooMany,
    #[error("auditors read, and say nothing")]
    Forbidden,
    #[error(transparent)]
    See(#[from] DecideError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommentError> for Problem {
    fn from(error: CommentError) -> Self {
        match error {
            CommentError::Length => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "application_comment_length")
                .with("most", limits::APPLICATION_NOTE.get()),
            CommentError::TooMany => Self::new(StatusCode::CONFLICT, "application_comments_full"),
            CommentError::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden"),
            CommentError::See(error) => error.into(),
            CommentError::Store(error) => error.into(),
        }
    }
}

/// What somebody said.
pub(super) struct Comment {
    pub(super) id: String,
    pub(super) author_id: String,
    pub(super) text: String,
    pub(super) for_applicant: bool,
    pub(super) at: i64,
}

/// The comments on an application, oldest first; for the applicant only those that are meant for them.
pub(super) async fn comments(
    platform: &Platform,
    application_id: &str,
    applicant: bool,
) -> Result<Vec<Comment>, StoreError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, author_id, body, for_applicant, at FROM application_comment \
             WHERE application_id = $1 AND (for_applicant <> 0 OR $2 = 0) ORDER BY id LIMIT $3",
            params![application_id, i64::from(applicant), limits::APPLICATION_COMMENTS.get()],
        )
        .await?;
    let mut comments = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.text("id")?;
        let sealed = row.bytes("body")?;
        let text = platform
            .sealer
            .open_text(TABLE, "body", &id, &sealed)
            .map_err(|_| StoreError::Column("body".to_owned(), "does not open".to_owned()))?;
        comments.push(Comment {
            text,
            author_id: row.text("author_id")?,
            for_applicant: row.flag("for_applicant")?,
            at: row.int("at")?,
            id,
        });
    }
    Ok(comments)
}

/// A comment with its author's name, as a page shows it.
pub(super) struct Said {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) for_applicant: bool,
    pub(super) at: i64,
}

/// The comments as a page shows them.
pub(super) async fn said(
    platform: &Platform,
    page: &Page,
    application_id: &str,
    applicant: bool,
) -> Result<Vec<Said>, PersonnelError> {
    let mut names = Names::default();
    let mut said = Vec::new();
    for comment in comments(platform, application_id, applicant).await? {
        let author = names.learn(platform, &comment.author_id).await?;
        let name =
            author.map_or_else(|| "—".to_owned(), |one| page.pick(&one.name.ko, &one.name.en).to_owned());
        said.push(Said { name, text: comment.text, for_applicant: comment.for_applicant, at: comment.at });
    }
    Ok(said)
}

/// An application that this person may see.
async fn seen(platform: &Platform, who: &Actor, application_id: &str) -> Result<Application, CommentError> {
    let application = record::find(&platform.store, application_id).await?.ok_or(DecideError::Unknown)?;
    if !may_see(platform, who, &application).await? {
        return Err(DecideError::Unknown.into());
    }
    Ok(application)
}

/// Says something. Whoever is in it only as auditor reads, and the applicant does not comment on themselves.
pub(super) async fn say(
    platform: &Platform,
    who: &Actor,
    application_id: &str,
    text: &str,
    for_applicant: bool,
) -> Result<String, CommentError> {
    let application = seen(platform, who, application_id).await?;
    let only_audits = who.holds(Duty::Auditor) && who.duties.iter().all(|held| held.duty == Duty::Auditor);
    if only_audits || application.employee_id == who.employee_id {
        return Err(CommentError::Forbidden);
    }
    let text = text.trim();
    if text.is_empty() || text.chars().count() > limits::APPLICATION_NOTE.size() {
        return Err(CommentError::Length);
    }
    let comment_id = id::new();
    let sealed = platform.sealer.seal(TABLE, "body", &comment_id, text.as_bytes());
    let (author, made) = (who.employee_id.clone(), comment_id.clone());
    platform
        .store
        .write::<_, CommentError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                // Counted and written by one statement, so that many at once do not pass the bound together on one engine.
                let rows = tx
                    .execute(
                        "INSERT INTO application_comment (id, application_id, author_id, body, for_applicant, at) \
                         SELECT $1, $2, $3, $4, $5, $6 WHERE \
                         (SELECT COUNT(*) FROM application_comment WHERE application_id = $2) < $7",
                        params![
                            comment_id.as_str(),
                            application.id.as_str(),
                            author.as_str(),
                            sealed,
                            i64::from(for_applicant),
                            now,
                            limits::APPLICATION_COMMENTS.get()
                        ],
                    )
                    .await?;
                if rows != 1 {
                    return Err(CommentError::TooMany);
                }
                let record = audit::Record {
                    actor: &author,
                    duty: "console",
                    act: "application.comment",
                    subject: &application.id,
                    detail: serde_json::json!({ "for_applicant": for_applicant }),
                };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await?;
    Ok(made)
}

#[derive(Deserialize)]
struct CommentForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    for_applicant: String,
}

async fn post_comment(
    page: Page,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
    Posted(who, form): Posted<Actor, CommentForm>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    match say(&platform, &who, &id, &form.text, !form.for_applicant.is_empty()).await {
        Ok(_) => Ok(Redirect::to(&format!("/applications/{id}")).into_response()),
        Err(error @ (CommentError::Length | CommentError::TooMany)) => {
            console::show_one(page, &who, &platform, &id, Some(error.into()), String::new()).await
        }
        Err(error) => Err(Fault::told(&page, error)),
    }
}

/// A comment.
#[derive(Serialize, ToSchema)]
struct CommentBody {
    id: String,
    /// Employee id of who said it.
    author_id: String,
    text: String,
    /// Whether the applicant reads it, too.
    for_applicant: bool,
    /// Epoch milliseconds.
    at: i64,
}

/// What is to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewComment {
    #[schema(min_length = 1, max_length = 500)]
    text: String,
    #[serde(default)]
    for_applicant: bool,
}

/// A comment that was made.
#[derive(Serialize, ToSchema)]
struct MadeComment {
    id: String,
}

/// The comments on an application, oldest first.
#[utoipa::path(get, path = "/api/v1/console/applications/{id}/comments", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = Vec<CommentBody>)))]
async fn list(
    who: Actor,
    Path(id): Path<String>,
    Shared(platform): Shared<Arc<Platform>>,
) -> Result<Json<Vec<CommentBody>>, Problem> {
    let application = seen(&platform, &who, &id).await?;
    console::note_look(&platform, &who, &application.id).await?;
    let own = application.employee_id == who.employee_id;
    let all = comments(&platform, &application.id, own).await?;
    let body = all.into_iter().map(|comment| CommentBody {
        id: comment.id,
        author_id: comment.author_id,
        text: comment.text,
        for_applicant: comment.for_applicant,
        at: comment.at,
    });
    Ok(Json(body.collect()))
}

/// Comment on an application.
#[utoipa::path(post, path = "/api/v1/console/applications/{id}/comments", tag = "application", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), request_body = NewComment,
    responses((status = 201, body = MadeComment)))]
async fn add(
    who: Actor,
    Shared(platform): Shared<Arc<Platform>>,
    Path(id): Path<String>,
    body: Result<Json<NewComment>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeComment>), Problem> {
    let Json(body) = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    let id = say(&platform, &who, &id, &body.text, body.for_applicant).await?;
    Ok((StatusCode::CREATED, Json(MadeComment { id })))
}
