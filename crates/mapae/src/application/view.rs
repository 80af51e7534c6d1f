//! An application as people see it: who is involved, what happened, who holds it now and since when.

use std::collections::HashMap;

use super::people;
use super::record::{self, Application, Event};
use super::state::{Act, State};
use crate::operations::{Language, Platform};
use crate::personnel::{self, Employee, Named, PersonnelError};

/// One of the six stations of an application.
#[derive(Clone, Debug)]
pub(super) struct Station {
    /// Key of its name.
    pub(super) title: &'static str,
    /// Key of who holds it while it waits.
    pub(super) holder: &'static str,
    /// `done`, `now`, `later` or `stopped`.
    pub(super) tone: &'static str,
    /// When it was done, or since when it waits.
    pub(super) at: Option<i64>,
    /// Who did it, or who holds it.
    pub(super) who: Option<String>,
    /// For whom it was decided (전결·대결).
    pub(super) behalf_of: Option<String>,
    /// What was said.
    pub(super) note: Option<String>,
    /// Key of a sentence on how it ended, for a stopped one.
    pub(super) ending: Option<&'static str>,
    /// Its number, from 1.
    pub(super) number: usize,
}

impl Station {
    /// The key of the tone in a word, for those who do not see it.
    pub(super) fn tone_key(&self) -> &'static str {
        match self.tone {
            "done" => "application.tone.done",
            "now" => "application.tone.now",
            "stopped" => "application.tone.stopped",
            _ => "application.tone.later",
        }
    }
}

/// Name, who holds it while it waits, and the acts that end it.
const STATIONS: [(&str, &str, &[Act]); 6] = [
    ("application.station.apply", "application.station.apply.holder", &[Act::Submit]),
    ("application.station.head", "application.station.head.holder", &[Act::HeadApprove]),
    ("application.station.identity", "application.station.identity.holder", &[Act::CheckIdentity]),
    (
        "application.station.approval",
        "application.station.approval.holder",
        &[Act::ApproveIssue, Act::InviteAgain],
    ),
    ("application.station.message", "application.station.message.holder", &[Act::Invite]),
    ("application.station.issue", "application.station.issue.holder", &[Act::Issue]),
];

/// The number of stations that lie behind a state.
const fn behind(state: State) -> Option<usize> {
    Some(match state {
        State::Draft => 0,
        State::Submitted => 1,
        State::HeadApproved => 2,
        State::IdentityChecked => 3,
        State::IssueApproved => 4,
        State::Invited => 5,
        State::Issued => 6,
        State::Rejected | State::Withdrawn | State::Expired => return None,
    })
}

/// The key of a state's name, and the tone it is shown in.
pub(crate) fn state_words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Draft => ("application.state.draft", "wait"),
        State::Submitted => ("application.state.submitted", "wait"),
        State::HeadApproved => ("application.state.head_approved", "wait"),
        State::IdentityChecked => ("application.state.identity_checked", "wait"),
        State::IssueApproved => ("application.state.issue_approved", "wait"),
        State::Invited => ("application.state.invited", "wait"),
        State::Issued => ("application.state.issued", "good"),
        State::Rejected => ("application.state.rejected", "bad"),
        State::Withdrawn => ("application.state.withdrawn", "done"),
        State::Expired => ("application.state.expired", "done"),
    }
}

/// The key of a kind's name.
pub(crate) fn kind_key(kind: super::state::Kind) -> &'static str {
    use super::state::Kind;
    match kind {
        Kind::First => "application.kind.first",
        Kind::DeviceChange => "application.kind.device_change",
        Kind::Loss => "application.kind.loss",
        Kind::Expiry => "application.kind.expiry",
        Kind::Recovery => "application.kind.recovery",
    }
}

/// Names of employees by id, each looked up once.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, Employee>);

impl Names {
    /// Looks up whoever is not known yet.
    pub(super) async fn learn(
        &mut self,
        platform: &Platform,
        employee_id: &str,
    ) -> Result<Option<&Employee>, PersonnelError> {
        if !self.0.contains_key(employee_id)
            && let Some(employee) = personnel::employee(platform, employee_id).await?
        {
            self.0.insert(employee_id.to_owned(), employee);
        }
        Ok(self.0.get(employee_id))
    }

    /// Somebody who was looked up.
    pub(super) fn get(&self, employee_id: &str) -> Option<&Employee> {
        self.0.get(employee_id)
    }

    /// `예시부장 (과장)`.
    fn told(&self, employee_id: &str, lang: Language) -> Option<String> {
        self.0.get(employee_id).map(|employee| {
            let (name, position) = (in_language(&employee.name, lang), in_language(&employee.position, lang));
            if position.is_empty() { name.to_owned() } else { format!("{name} ({position})") }
        })
    }
}

/// A name in this language where it has one, else in Korean.
fn in_language(named: &Named, lang: Language) -> &str {
    if named.en.is_empty() { &named.ko } else { lang.pick(&named.ko, &named.en) }
}

/// The six stations of an application, told to whoever may see it.
pub(super) async fn stations(
    platform: &Platform,
    application: &Application,
    lang: Language,
) -> Result<Vec<Station>, PersonnelError> {
    let events = record::events(platform, &application.id).await?;
    let mut names = Names::default();
    for event in &events {
        for person in event.actor_id.iter().chain(&event.behalf_of_id) {
            names.learn(platform, person).await?;
        }
    }
    let ended = behind(application.state).is_none();
    let reached = behind(application.state).unwrap_or_else(|| {
        // Where it stood when it was stopped.
        events.iter().rev().find_map(|event| behind(event.state)).unwrap_or(0)
    });
    let mut stations = Vec::with_capacity(STATIONS.len());
    for (index, (title, holder, acts)) in STATIONS.into_iter().enumerate() {
        let done = events.iter().rev().find(|event| acts.contains(&event.act)).filter(|_| index < reached);
        let mut station = Station {
            title,
            holder,
            tone: if index < reached { "done" } else { "later" },
            at: done.map(|event| event.at),
            who: done.and_then(|event| event.actor_id.as_deref()).and_then(|id| names.told(id, lang)),
            behalf_of: done
                .and_then(|event| event.behalf_of_id.as_deref())
                .and_then(|id| names.told(id, lang)),
            note: done.and_then(|event| event.note.clone()),
            ending: None,
            number: index + 1,
        };
        if index == reached {
            complete_current(platform, application, &events, &names, lang, ended, &mut station).await?;
        }
        stations.push(station);
    }
    Ok(stations)
}

async fn complete_current(
    platform: &Platform,
    application: &Application,
    events: &[Event],
    names: &Names,
    lang: Language,
    ended: bool,
    station: &mut Station,
) -> Result<(), PersonnelError> {
    station.at = Some(application.since);
    if ended {
        let last = events.last();
        station.tone = "stopped";
        station.ending = Some(state_words(application.state).0);
        station.who = last.and_then(|event| event.actor_id.as_deref()).and_then(|id| names.told(id, lang));
        station.note = last.and_then(|event| event.note.clone());
        return Ok(());
    }
    station.tone = "now";
    match application.state {
        State::Draft => {
            // Returned: what was asked for stands with the applicant.
            let returned = events.iter().rev().find(|event| event.act == Act::Return);
            station.note = returned.and_then(|event| event.note.clone());
            station.who =
                returned.and_then(|event| event.actor_id.as_deref()).and_then(|id| names.told(id, lang));
        }
        State::Submitted => {
            let mut heads = Names::default();
            let mut told = Vec::new();
            for head in people::heads_of(platform, &application.head_department_id).await? {
                if head != application.employee_id && heads.learn(platform, &head).await?.is_some() {
                    told.extend(heads.told(&head, lang));
                }
            }
            station.who = Some(told.join(", ")).filter(|told| !told.is_empty());
        }
        _ => {}
    }
    Ok(())
}
