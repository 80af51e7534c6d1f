//! The history of each official's posts: what a 경력증명서 certifies.
//!
//! ```text
//! import, SCIM, console ──▶ the record changes ──follow──┐
//!                           (in the same transaction)    ├──▶ periods that never overlap ──▶ certificate, claims
//! import-posts ──▶ earlier posts as HR lists them ──tell─┘
//! ```
//!
//! Nothing is certified that nobody said: where the record begins without a word about an appointment, it says that the
//! record begins there.

mod appointment;
mod line;
mod service;
mod stored;
mod tell;
mod timeline;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timeline_tests;

use serde_json::{Map, Value, json};

use super::import::EmployeeLine;
use super::types::{EmployeeStatus, Named};
use super::{PersonnelError, moment};
use crate::operations::store::{self, Tx};
use crate::operations::{Language, Platform, language};
use stored::Source;
use timeline::Content;

pub use appointment::Appointment;
pub(super) use line::{NEEDED, PostLine};
pub(super) use stored::insert;
pub(super) use tell::tell;

/// Claims that the history of posts answers for, beside those of the record (`credential::types::FACTS`).
const CLAIMS: [&str; 3] = ["first_appointed", "service", "posts"];

/// One post. Days are counted from 1970-01-01, in Korea.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub from: i64,
    /// The last day; `None` while it goes on.
    pub until: Option<i64>,
    pub agency: Named,
    pub department: Named,
    pub position: Named,
    pub rank: Named,
    pub status: EmployeeStatus,
    /// What it began with.
    pub appointments: Vec<Appointment>,
}

impl Post {
    /// Whether it is none: the official has left.
    pub fn is_over(&self) -> bool {
        matches!(self.status, EmployeeStatus::Retired | EmployeeStatus::Dead)
    }

    /// `2015-03-02 ~ 2018-02-28`; the day alone where somebody left.
    pub fn days(&self, lang: Language) -> String {
        let from = moment::day_text(self.from);
        match self.until {
            _ if self.is_over() => from,
            Some(until) => format!("{from} ~ {}", moment::day_text(until)),
            None => format!("{from} ~ {}", language::text(lang, "personnel.post.now")),
        }
    }

    /// 직위 and 직급.
    pub fn place(&self, lang: Language) -> String {
        let texts = [&self.position, &self.rank].map(|named| of(named, lang));
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        texts.join(" / ")
    }

    /// 승진, 전보
    pub fn kinds(&self, lang: Language) -> String {
        let words: Vec<&str> =
            self.appointments.iter().map(|kind| language::text(lang, kind.key())).collect();
        words.join(", ")
    }
}

/// A name in a language; in Korean where there is no English.
fn of(named: &Named, lang: Language) -> &str {
    if lang == Language::En && !named.en.is_empty() { &named.en } else { &named.ko }
}

/// An official's posts, the first one first. Looking at them for a person is audited by the caller.
///
/// # Errors
/// The store, or what is stored can't be opened.
pub async fn career(platform: &Platform, employee_id: &str) -> Result<Vec<Post>, PersonnelError> {
    let source = Source::Store(&platform.store);
    let (mut lines, _) = stored::load(platform, source, &[employee_id], None).await?;
    let rows = lines.remove(employee_id).ok_or(PersonnelError::NotFound)?.posts();
    let kinds = appointment::of(&rows);
    let posts = rows.into_iter().zip(kinds).map(|(row, appointments)| Post {
        from: row.from,
        until: row.until,
        agency: row.content.agency,
        department: row.content.department,
        position: row.content.position,
        rank: row.content.rank,
        status: row.content.status,
        appointments,
    });
    Ok(posts.collect())
}

/// Whether the history of posts answers for a claim of that name.
pub fn is_career_claim(name: &str) -> bool {
    CLAIMS.contains(&name)
}

/// What these posts say as claims on the day of `now_ms`.
pub fn career_claims(posts: &[Post], now_ms: i64) -> Map<String, Value> {
    let today = moment::korean_day(now_ms);
    let (all, leave) = service::lengths(posts, today);
    let first = posts.first();
    let appointed = first.filter(|first| first.appointments.contains(&Appointment::Hire));
    // Where nobody told of an appointment the length is that of the record, and says so.
    let recorded =
        posts.iter().find(|post| appointed.is_none() || post.appointments.contains(&Appointment::OnRecord));
    let service = |lang: Language| {
        let mut text = all.text(lang);
        if leave != service::Length::default() {
            let values = [("length", text), ("leave", leave.text(lang))];
            text = language::format(lang, "personnel.length.with_leave", &values);
        }
        if let Some(post) = recorded {
            let values = [("length", text), ("day", moment::day_text(post.from))];
            text = language::format(lang, "personnel.length.on_record", &values);
        }
        text
    };
    let listed = posts.iter().map(|post| {
        let texts = [
            post.days(Language::Ko),
            post.agency.ko.clone(),
            post.department.ko.clone(),
            post.place(Language::Ko),
            format!("({})", post.kinds(Language::Ko)),
        ];
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        Value::from(texts.join(" "))
    });
    let mut claims = Map::new();
    if let Some(first) = appointed {
        claims.insert("first_appointed".to_owned(), moment::day_text(first.from).into());
    }
    claims.insert("service".to_owned(), json!({ "ko": service(Language::Ko), "en": service(Language::En) }));
    claims.insert("posts".to_owned(), listed.collect());
    claims
}

/// The posts as the owner's own file tells them.
///
/// # Errors
/// As [`career`].
pub async fn career_told(platform: &Platform, employee_id: &str) -> Result<Value, PersonnelError> {
    let posts = career(platform, employee_id).await?;
    let told = posts.iter().map(|post| {
        let kinds: Vec<&str> = post.appointments.iter().map(|kind| kind.as_str()).collect();
        json!({
            "from": moment::day_text(post.from),
            "until": post.until.map(moment::day_text),
            "agency": post.agency,
            "department": post.department,
            "position": post.position,
            "rank": post.rank,
            "status": post.status.as_str(),
            "kinds": kinds,
        })
    });
    Ok(told.collect())
}

fn content(line: &EmployeeLine, department_id: &str) -> Content {
    Content {
        agency_code: Some(line.agency.as_str().to_owned()),
        department_id: Some(department_id.to_owned()),
        agency: Named::default(),
        department: Named::default(),
        position: line.position.clone(),
        rank: line.rank.clone(),
        status: line.status,
        appointment: None,
        ends_with_next: false,
    }
}

/// The first post of somebody who is new, ready to be written with the record.
pub(super) fn first(
    platform: &Platform,
    employee_id: &str,
    line: &EmployeeLine,
    department_id: &str,
    now_ms: i64,
) -> Result<Vec<store::Value>, PersonnelError> {
    let day = moment::korean_day(line.effective_at);
    let mut content = content(line, department_id);
    if line.appointed_on == Some(day) {
        content.appointment = Some(Appointment::Hire);
    }
    stored::first(platform, employee_id, day, content, now_ms)
}

/// The record says what this line says from its effective day on; before the record itself is written. `newer`: the
/// effective time of what the record says already, where this line is older than that.
pub(super) async fn follow(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    (line, department_id): (&EmployeeLine, &str),
    newer: Option<i64>,
) -> Result<(), PersonnelError> {
    let source = Source::Tx(&mut *tx);
    let (mut lines, units) = stored::load(platform, source, &[employee_id], Some(department_id)).await?;
    let Some(timeline) = lines.get_mut(employee_id) else { return Ok(()) };
    let mut content = content(line, department_id);
    stored::named(&mut content, &units);
    timeline.follow(moment::korean_day(line.effective_at), content, newer.map(moment::korean_day));
    if let Some(day) = line.appointed_on {
        timeline.appointed(day);
    }
    stored::write(platform, tx, &lines).await
}

/// The line says what the record says, and when the official was appointed.
pub(super) async fn appointed(
    platform: &Platform,
    tx: &mut Tx,
    employee_id: &str,
    day: i64,
) -> Result<(), PersonnelError> {
    let (mut lines, _) = stored::load(platform, Source::Tx(&mut *tx), &[employee_id], None).await?;
    if let Some(timeline) = lines.get_mut(employee_id) {
        timeline.appointed(day);
    }
    stored::write(platform, tx, &lines).await
}
