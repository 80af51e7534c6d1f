//! The audit log for auditors: search, export as CSV, and the checkpoint against which a copy is verified.
//!
//! A record belongs to the agency of the person it is about, or of the one who acted. An auditor reads the agencies of
//! their duty; what the platform did by itself names nobody and is read by every auditor.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::reach::{self, DeskError};
use super::told;
use crate::application;
use crate::audit::{self, Filter, Head, Listed};
use crate::lifecycle::Badge;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::operations::{Platform, id, limits};
use crate::pages::{Area, Fault, Page, PageResult, csv_cell, iso, render};
use crate::personnel;
use crate::staff::{Actor, Duty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/audit-log", get(list)).route("/audit-log.csv", get(table))
}

#[derive(Clone, Debug, Default, Deserialize)]
struct LogQuery {
    #[serde(default)]
    act: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    before: Option<i64>,
}

impl LogQuery {
    fn filter(&self) -> Filter {
        let text = |text: &str| {
            let text: String = text.trim().chars().take(64).collect();
            (!text.is_empty()).then_some(text)
        };
        Filter {
            act: text(&self.act),
            id: text(&self.id),
            from: crate::pages::day(&self.from),
            until: crate::pages::day(&self.until).map(|day| day + 86_400_000),
        }
    }

    /// The same search for the next page or the export.
    fn address(&self, path: &str, before: Option<i64>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("act", &self.act), ("id", &self.id), ("from", &self.from), ("until", &self.until)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        format!("{path}?{}", query.finish())
    }
}

/// Which agency an id belongs to: a person's, an application's or a badge's; each looked up once.
#[derive(Default)]
struct Agencies(HashMap<String, Option<String>>);

impl Agencies {
    async fn of(&mut self, platform: &Platform, id_or_word: &str) -> Result<Option<String>, DeskError> {
        if !id::is_id(id_or_word) {
            return Ok(None);
        }
        if let Some(known) = self.0.get(id_or_word) {
            return Ok(known.clone());
        }
        let person = match personnel::employee_agency(platform, id_or_word).await? {
            Some(agency) => Some(agency.code),
            None => self.of_a_thing(platform, id_or_word).await?,
        };
        self.0.insert(id_or_word.to_owned(), person.clone());
        Ok(person)
    }

    async fn of_a_thing(&mut self, platform: &Platform, id: &str) -> Result<Option<String>, DeskError> {
        if let Some(application) = application::find(&platform.store, id).await? {
            return Ok(Some(application.agency_code));
        }
        let holder = match Badge::find(&platform.store, id).await? {
            Some(badge) => Some(badge.employee_id),
            None => crate::account::standing(&platform.store, id).await?.map(|account| account.employee_id),
        };
        let Some(holder) = holder else { return Ok(None) };
        Ok(personnel::employee_agency(platform, &holder).await?.map(|agency| agency.code))
    }
}

/// Records that this reach may read, at most `most`, and where to go on.
async fn readable(
    platform: &Platform,
    reach: &[String],
    query: &LogQuery,
    most: usize,
) -> Result<(Vec<Listed>, Option<i64>), DeskError> {
    let (filter, mut before) = (query.filter(), query.before);
    let (mut agencies, mut found, mut looked) = (Agencies::default(), Vec::new(), 0);
    loop {
        let rows = audit::search(platform, &filter, before, limits::DESK_AUDIT.get()).await?;
        let last_page = rows.len() < limits::DESK_AUDIT.size();
        for row in rows {
            before = Some(row.sequence);
            looked += 1;
            let subject = agencies.of(platform, &row.subject).await?;
            let agency = match subject {
                Some(agency) => Some(agency),
                None => agencies.of(platform, &row.actor).await?,
            };
            if agency.is_none_or(|agency| reach.contains(&agency)) {
                found.push(row);
            }
            if found.len() >= most {
                return Ok((found, before));
            }
        }
        if last_page {
            return Ok((found, None));
        }
        if looked >= limits::DESK_AUDIT_SCAN.get() {
            return Ok((found, before));
        }
    }
}

struct Line {
    record: Listed,
    actor: String,
    subject_link: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/audit_log.html")]
struct Log {
    page: Page,
    query: LogQuery,
    lines: Vec<Line>,
    more: Option<String>,
    export: String,
    head: Head,
    key: String,
}

async fn reach_of(platform: &Platform, who: &Actor) -> Result<Vec<String>, DeskError> {
    let from = reach::from(who, &[Duty::Auditor])?;
    Ok(personnel::agencies_under(platform, from, limits::APPLICATION_SCOPE.size()).await?)
}

/// Reading the log is a record of its own.
async fn note(platform: &Platform, who: &Actor, act: &'static str, rows: usize) -> Result<(), StoreError> {
    let actor = who.employee_id.clone();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let detail = serde_json::json!({ "rows": rows });
                let record =
                    audit::Record { actor: &actor, duty: "auditor", act, subject: "audit-log", detail };
                audit::record(tx, record).await
            })
        })
        .await
}

async fn list(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<LogQuery>,
) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    let reach = reach_of(&platform, &who).await.map_err(told(&page))?;
    let (records, next) =
        readable(&platform, &reach, &query, limits::DESK_AUDIT.size()).await.map_err(told(&page))?;
    note(&platform, &who, "audit.read", records.len()).await.map_err(told(&page))?;
    let mut names: HashMap<String, String> = HashMap::new();
    let mut lines = Vec::with_capacity(records.len());
    for record in records {
        if id::is_id(&record.actor) && !names.contains_key(&record.actor) {
            let employee = personnel::employee(&platform, &record.actor).await.map_err(told(&page))?;
            let name = employee
                .map(|employee| page.pick(&employee.name.ko, &employee.name.en).to_owned())
                .unwrap_or_else(|| record.actor.clone());
            names.insert(record.actor.clone(), name);
        }
        let actor = names.get(&record.actor).cloned().unwrap_or_else(|| record.actor.clone());
        let subject_link = if record.act.starts_with("application.") && id::is_id(&record.subject) {
            Some(format!("/applications/{}", record.subject))
        } else if ["personnel.", "loss.", "employment.changed", "scim.user"]
            .iter()
            .any(|act| record.act.starts_with(act))
            && id::is_id(&record.subject)
        {
            Some(format!("/people/{}", record.subject))
        } else {
            None
        };
        lines.push(Line { record, actor, subject_link });
    }
    let head = audit::head(&platform).await.map_err(|error| Fault::told(&page, Problem::from(error)))?;
    let key = audit::public_key(&platform).map_err(|error| Fault::told(&page, Problem::from(error)))?;
    let more = next.map(|before| query.address("/audit-log", Some(before)));
    let export = query.address("/audit-log.csv", None);
    Ok(render(&Log { page, lines, more, export, head, key, query }))
}

async fn table(
    page: Page,
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Fault> {
    let page = page.signed_in(Area::Console, who.who());
    let reach = reach_of(&platform, &who).await.map_err(told(&page))?;
    let (records, _) =
        readable(&platform, &reach, &query, limits::DESK_AUDIT_SCAN.size()).await.map_err(told(&page))?;
    note(&platform, &who, "audit.exported", records.len()).await.map_err(told(&page))?;
    let mut text = String::from("\u{feff}sequence,at,actor,duty,act,subject,detail\r\n");
    for record in records {
        let cells = [
            record.sequence.to_string(),
            iso(record.at),
            record.actor,
            record.duty,
            record.act,
            record.subject,
            record.detail,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mapae-audit.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}
