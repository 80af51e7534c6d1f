//! Officials with badges, many of them: every row by the folder that owns it, many in one commit.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use credential::status_list::week::Week;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::super::AnyError;
use crate::account::load::{self as phones, NewPhone};
use crate::application::State;
use crate::application::load::{self as applications, Rows, Walked};
use crate::lifecycle::{self, NewBadge};
use crate::operations::{Platform, id};
use crate::personnel::import::{self, NewPerson};
use crate::personnel::{self, demo_data};
use crate::{issuance, staff};

/// People of one commit: whole departments.
pub(super) const GROUP: u64 = 40 * demo_data::DEPARTMENT_SIZE;
/// Groups that are made ready while another is written.
const AHEAD: usize = 2;
const DAY_MS: i64 = 86_400_000;
/// Of so many people three have an application under way, each in another step.
const WAITING_AMONG: u64 = 400;
/// Of so many phones one is locked.
const LOCKED_AMONG: u64 = 2_000;

/// Somebody who was loaded with a badge.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) n: u64,
    pub(super) employee_id: String,
    pub(super) application_id: String,
    pub(super) badge_id: String,
    pub(super) slot: i64,
}

/// What all that are loaded have in common.
#[derive(Debug)]
struct Common {
    platform: Arc<Platform>,
    /// Who checked identities and who approved, all of them.
    desks: [String; 2],
    did: String,
    document_years: i64,
    /// Heads of departments that stand above others.
    heads: tokio::sync::Mutex<HashMap<String, Option<String>>>,
}

/// A group ready to be written.
struct Group {
    people: Vec<NewPerson>,
    applications: Vec<Rows>,
    phones: Vec<NewPhone>,
    badges: Vec<(u64, NewBadge)>,
}

/// Where somebody's application stands; `None`: nobody decides about this person, so there is none.
fn state_of(n: u64) -> State {
    match n % WAITING_AMONG {
        7 => State::Submitted,
        8 => State::HeadApproved,
        9 => State::IdentityChecked,
        _ => State::Issued,
    }
}

/// Loads the people `which` of the demo data and keeps every `step`-th of those with a badge. Agencies and demo accounts
/// are there already; the heads of first departments too.
pub(super) async fn load(
    platform: &Arc<Platform>,
    which: Range<u64>,
    step: u64,
) -> Result<Vec<Loaded>, AnyError> {
    let desk = issuance::desk(platform)?;
    let common = Arc::new(Common {
        platform: Arc::clone(platform),
        desks: [employee_of(platform, "yesi.insa").await?, employee_of(platform, "yesi.insa2").await?],
        did: desk.did().to_owned(),
        document_years: i64::from(desk.badge().validity.document_years),
        heads: tokio::sync::Mutex::default(),
    });
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new(which.end.saturating_sub(which.start));
    bar.set_style(ProgressStyle::with_template(
        "{bar:40} {percent:>3} %  {pos} people  {elapsed} (left {eta})",
    )?);
    let groups = (which.start..which.end).step_by(usize::try_from(GROUP)?).map(|from| {
        let to = which.end.min(from + GROUP);
        let common = Arc::clone(&common);
        async move { Ok::<_, AnyError>((to - from, common.prepare(from..to).await?)) }
    });
    let mut kept = Vec::new();
    let mut ready = std::pin::pin!(stream::iter(groups).buffered(AHEAD));
    while let Some((count, group)) = ready.try_next().await? {
        let loaded = write(platform, group).await?;
        kept.extend(loaded.into_iter().filter(|loaded| loaded.n % step == 0));
        bar.inc(count);
    }
    bar.finish_and_clear();
    Ok(kept)
}

async fn employee_of(platform: &Platform, login: &str) -> Result<String, AnyError> {
    let found = staff::employee_of(platform, &staff::Login::new(login)?).await?;
    Ok(found.ok_or("a demo account is missing")?)
}

impl Common {
    async fn prepare(self: &Arc<Self>, which: Range<u64>) -> Result<Group, AnyError> {
        let common = Arc::clone(self);
        let numbers = which.clone();
        let people = tokio::task::spawn_blocking(move || {
            let lines: String = numbers.map(demo_data::employee_csv).collect();
            import::read_lines(&common.platform, &lines)
        })
        .await??;
        let mut heads = HashMap::new();
        for person in &people {
            if person.line.role == personnel::Role::Head {
                heads.insert(person.department_id.clone(), person.id.clone());
            }
        }
        let above: Vec<&String> = people.iter().filter_map(|person| person.decided_in.as_ref()).collect();
        for department in above {
            if !heads.contains_key(department)
                && let Some(head) = self.head(department).await?
            {
                heads.insert(department.clone(), head);
            }
        }
        let common = Arc::clone(self);
        Ok(tokio::task::spawn_blocking(move || common.seal(which.start, people, &heads)).await?)
    }

    async fn head(&self, department: &str) -> Result<Option<String>, AnyError> {
        let mut known = self.heads.lock().await;
        if let Some(head) = known.get(department) {
            return Ok(head.clone());
        }
        let head = personnel::department(&self.platform, department).await?.and_then(|found| found.head_id);
        known.insert(department.to_owned(), head.clone());
        Ok(head)
    }

    fn seal(&self, first: u64, people: Vec<NewPerson>, heads: &HashMap<String, String>) -> Group {
        let now_ms = self.platform.now_ms();
        let week = Week::of(now_ms.div_euclid(1000)).start();
        let [checker, approver] = &self.desks;
        let (mut applications, mut phones, mut badges) = (Vec::new(), Vec::new(), Vec::new());
        for (n, person) in (first..).zip(&people) {
            // Nobody decides about the head of a first department: no application, no badge.
            let Some(decided_in) = &person.decided_in else { continue };
            let Some(head) = heads.get(decided_in) else { continue };
            let (state, badge_id) = (state_of(n), id::new());
            // Sent on some day of the last nine months.
            let sent_at =
                now_ms - i64::try_from(n.wrapping_mul(7_919) % 270).unwrap_or(0) * DAY_MS - 3 * DAY_MS;
            let issued = state == State::Issued;
            let rows = Rows::of(
                &self.platform,
                &Walked {
                    employee_id: &person.id,
                    agency_code: person.line.agency.as_str(),
                    department_id: &person.department_id,
                    head_department_id: decided_in,
                    phone: &person.line.phone,
                    hands: [head, checker, approver],
                    state,
                    sent_at,
                    badge_id: issued.then_some(badge_id.as_str()),
                },
            );
            if issued {
                let phone = NewPhone::of(&self.platform, &person.id, &rows.id, n % LOCKED_AMONG == 11);
                let issued_at = sent_at + DAY_MS;
                let badge = NewBadge {
                    id: badge_id,
                    employee_id: person.id.clone(),
                    account_id: Some(phone.id.clone()),
                    application_id: Some(rows.id.clone()),
                    kind: "first".to_owned(),
                    credential_type: issuance::BADGE.to_owned(),
                    issuing_did: self.did.clone(),
                    slot: 0,
                    replaces: None,
                    copy_week: week,
                    copies: 20,
                    issued_at,
                    valid_until: issued_at + self.document_years * 365 * DAY_MS,
                };
                badges.push((n, badge));
                phones.push(phone);
            }
            applications.push(rows);
        }
        Group { people, applications, phones, badges }
    }
}

async fn write(platform: &Arc<Platform>, group: Group) -> Result<Vec<Loaded>, AnyError> {
    platform
        .store
        .write::<_, AnyError, _>(move |tx| {
            Box::pin(async move {
                import::load(tx, &group.people).await?;
                applications::load(tx, &group.applications).await?;
                phones::load(tx, &group.phones).await?;
                let (numbers, mut badges): (Vec<u64>, Vec<NewBadge>) = group.badges.into_iter().unzip();
                lifecycle::load(tx, &mut badges).await?;
                let loaded = numbers.into_iter().zip(badges).map(|(n, badge)| Loaded {
                    n,
                    employee_id: badge.employee_id,
                    application_id: badge.application_id.unwrap_or_default(),
                    badge_id: badge.id,
                    slot: badge.slot,
                });
                Ok(loaded.collect())
            })
        })
        .await
}
