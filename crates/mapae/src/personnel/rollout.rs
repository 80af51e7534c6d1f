//! The roll-out: when an agency begins and for how many, which local government decided to take part, and who of an agency
//! may not have a badge yet.
//!
//! Phase, date and exclusion are the HR system's word as much as an operator's, so both write them by the same function and
//! the same rule table. Target, closed network, decisions and rules exist here only.

use std::sync::Arc;

use super::import::save;
use super::import::{AgencyLine, Saved, Told};
use super::records;
use super::types::{Agency, Employee, InstCode, Named};
use super::{PersonnelError, calendar_date};
use crate::audit;
use crate::employment;
use crate::lifecycle::By;
use crate::operations::sealer::normalised;
use crate::operations::store::{StoreError, Tx, Value, params};
use crate::operations::{Platform, id, limits};

/// Levels of agencies whose rules are followed upwards.
const LEVELS: usize = 8;

/// What an operator may change of an agency's roll-out.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) eligible: bool,
    /// Why not, as the applicant reads it.
    pub(super) reason: Option<Named>,
    pub(super) phase: Option<i64>,
    pub(super) phase_at: Option<i64>,
    pub(super) target: Option<i64>,
    pub(super) closed_network: bool,
}

/// Writes an agency's plan. An exclusion that would end badges is held for two people, as one from an HR system is.
pub(super) async fn plan(
    platform: &Arc<Platform>,
    agency: &Agency,
    plan: Plan,
    by: By,
) -> Result<Saved, PersonnelError> {
    let code = |text: &str| text.parse::<InstCode>().map_err(|_| PersonnelError::Damaged);
    let line = AgencyLine {
        line: 0,
        code: code(&agency.code)?,
        name: agency.name.clone(),
        kind: agency.kind,
        parent_code: agency.parent_code.as_deref().map(code).transpose()?,
        eligible: plan.eligible,
        reason: plan.reason.clone(),
        phase: plan.phase,
        phase_at: plan.phase_at,
        effective_at: platform.now_ms(),
    };
    // Once more after what the agency may lose was counted.
    for _ in 0..2 {
        let (inner, line, by, plan) = (Arc::clone(platform), line.clone(), by.clone(), plan.clone());
        let written = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    save::take_turn(tx).await?;
                    let saved = save::agency(&inner, tx, &line, &Told::line(by.clone(), "console")).await?;
                    if saved == Saved::Older {
                        return Ok(saved);
                    }
                    let code = line.code.as_str();
                    tx.execute(
                        "UPDATE agency SET target = $2, closed_network = $3 WHERE code = $1",
                        params![code, plan.target, plan.closed_network],
                    )
                    .await?;
                    let detail = serde_json::json!({
                        "eligible": plan.eligible, "phase": plan.phase, "phase_at": plan.phase_at,
                        "target": plan.target, "closed_network": plan.closed_network, "held": saved == Saved::Held,
                    });
                    note(tx, &by, "personnel.rollout_planned", code, detail).await?;
                    Ok(saved)
                })
            })
            .await;
        match written {
            Err(PersonnelError::Uncounted(agency)) => employment::count(platform, &agency).await?,
            other => return other,
        }
    }
    Err(PersonnelError::Damaged)
}

async fn note(
    tx: &mut Tx,
    by: &By,
    act: &str,
    subject: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    audit::record(tx, audit::Record { actor: &by.actor, duty: &by.duty, act, subject, detail }).await
}

/// A local government's decision to take part.
#[derive(Clone, Debug)]
pub(super) struct OptIn {
    pub(super) number: String,
    /// `YYYY-MM-DD`
    pub(super) decided_on: String,
    /// Whether a second person confirmed it.
    pub(super) in_force: bool,
    pub(super) asked_by: String,
    pub(super) asked_at: i64,
    pub(super) decided_by: Option<String>,
    pub(super) decided_at: Option<i64>,
}

/// Why a decision was not recorded or confirmed.
#[derive(Debug, thiserror::Error)]
pub(super) enum OptInError {
    #[error("only a local government decides for itself")]
    NotLocal,
    #[error("a decision has a number and a date that is not in the future")]
    Incomplete,
    #[error("a decision is recorded already")]
    Recorded,
    #[error("no decision waits")]
    Nothing,
    #[error("the second of the two has to be another person")]
    SamePerson,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The decision that is in force or waits.
pub(super) async fn opt_in(platform: &Platform, agency_code: &str) -> Result<Option<OptIn>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT number, decided_on, state, asked_by, asked_at, decided_by, decided_at FROM agency_opt_in \
             WHERE agency_code = $1 AND state IN ('waiting', 'in_force')",
            params![agency_code],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(OptIn {
        number: row.text("number")?,
        decided_on: row.text("decided_on")?,
        in_force: row.text("state")? == "in_force",
        asked_by: row.text("asked_by")?,
        asked_at: row.int("asked_at")?,
        decided_by: row.opt_text("decided_by")?,
        decided_at: row.opt_int("decided_at")?,
    }))
}

/// Records a decision; it takes effect when another person confirms it.
pub(super) async fn record_opt_in(
    platform: &Platform,
    agency: &Agency,
    number: &str,
    decided_on: &str,
    by: By,
) -> Result<(), OptInError> {
    if agency.kind != super::AgencyKind::Local {
        return Err(OptInError::NotLocal);
    }
    let number = number.trim().to_owned();
    let length = number.chars().count();
    let decided_on = calendar_date(decided_on).ok_or(OptInError::Incomplete)?;
    let begins = super::moment::moment(&decided_on).ok_or(OptInError::Incomplete)?;
    if length == 0 || length > limits::OPT_IN_NUMBER.size() || begins > platform.now_ms() {
        return Err(OptInError::Incomplete);
    }
    let code = agency.code.clone();
    platform
        .store
        .write::<_, OptInError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "INSERT INTO agency_opt_in (id, agency_code, number, decided_on, state, asked_by, asked_at) \
                         VALUES ($1, $2, $3, $4, 'waiting', $5, $6) ON CONFLICT DO NOTHING",
                        params![id::new(), code.as_str(), number.as_str(), decided_on.as_str(), by.actor.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    return Err(OptInError::Recorded);
                }
                let detail = serde_json::json!({ "number": number, "decided_on": decided_on });
                Ok(note(tx, &by, "personnel.opt_in_recorded", &code, detail).await?)
            })
        })
        .await
}

/// Another person has seen the decision: from now on the agency's officials may apply.
pub(super) async fn confirm_opt_in(platform: &Platform, agency_code: &str, by: By) -> Result<(), OptInError> {
    let code = agency_code.to_owned();
    platform
        .store
        .write::<_, OptInError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE agency_opt_in SET state = 'in_force', decided_by = $2, decided_at = $3 \
                         WHERE agency_code = $1 AND state = 'waiting' AND asked_by <> $2",
                        params![code.as_str(), by.actor.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    let waits = tx
                        .fetch_optional(
                            "SELECT id FROM agency_opt_in WHERE agency_code = $1 AND state = 'waiting'",
                            params![code.as_str()],
                        )
                        .await?;
                    return Err(if waits.is_some() { OptInError::SamePerson } else { OptInError::Nothing });
                }
                tx.execute("UPDATE agency SET opted_in_at = $2 WHERE code = $1", params![code.as_str(), now])
                    .await?;
                Ok(note(tx, &by, "personnel.opt_in_confirmed", &code, serde_json::json!({})).await?)
            })
        })
        .await
}

/// What was recorded was wrong; one that is in force stays.
pub(super) async fn drop_opt_in(platform: &Platform, agency_code: &str, by: By) -> Result<(), OptInError> {
    let code = agency_code.to_owned();
    platform
        .store
        .write::<_, OptInError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE agency_opt_in SET state = 'dropped', decided_by = $2, decided_at = $3 \
                         WHERE agency_code = $1 AND state = 'waiting'",
                        params![code.as_str(), by.actor.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    return Err(OptInError::Nothing);
                }
                Ok(note(tx, &by, "personnel.opt_in_dropped", &code, serde_json::json!({})).await?)
            })
        })
        .await
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RuleKind {
    /// The rank is this one.
    Rank,
    /// Rank or position name this type of contract, as HR records do (`임기제`).
    Contract,
}

impl RuleKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Rank => "rank",
            Self::Contract => "contract",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Rank, Self::Contract].into_iter().find(|kind| kind.as_str() == word)
    }

    /// The key of its name.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Rank => "personnel.agency.rule.rank",
            Self::Contract => "personnel.agency.rule.contract",
        }
    }
}

/// Who of an agency may not have a badge yet.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) agency_code: String,
    pub(super) kind: RuleKind,
    pub(super) value: String,
    pub(super) reason: Named,
}

impl Rule {
    /// Whether it is about this employee.
    fn is_about(&self, employee: &Employee) -> bool {
        let value = normalised(&self.value);
        match self.kind {
            RuleKind::Rank => normalised(&employee.rank.ko) == value,
            RuleKind::Contract => {
                normalised(&employee.rank.ko).contains(&value)
                    || normalised(&employee.position.ko).contains(&value)
            }
        }
    }
}

/// The rules for an agency: its own and those of the agencies above it.
pub(super) async fn rules(platform: &Platform, agency: &Agency) -> Result<Vec<Rule>, PersonnelError> {
    let mut codes = vec![agency.code.clone()];
    let mut above = agency.parent_code.clone();
    while let Some(code) = above.take().filter(|code| codes.len() < LEVELS && !codes.contains(code)) {
        above = records::agency(platform, &code).await?.and_then(|agency| agency.parent_code);
        codes.push(code);
    }
    let places: Vec<String> = (1..=codes.len()).map(|place| format!("${place}")).collect();
    // Only placeholders and a number go into the text.
    let sql = format!(
        "SELECT id, agency_code, kind, value, reason_ko, reason_en FROM agency_rule \
         WHERE ended_at IS NULL AND agency_code IN ({}) ORDER BY id LIMIT {}",
        places.join(", "),
        limits::AGENCY_RULES.get() * 8
    );
    let rows =
        platform.store.fetch_all(sqlx::AssertSqlSafe(sql), codes.iter().map(Value::from).collect()).await?;
    let unknown = || StoreError::Column("kind".into(), "holds an unknown word".into());
    rows.iter()
        .map(|row| {
            Ok(Rule {
                id: row.text("id")?,
                agency_code: row.text("agency_code")?,
                kind: RuleKind::parse(&row.text("kind")?).ok_or_else(unknown)?,
                value: row.text("value")?,
                reason: Named { ko: row.text("reason_ko")?, en: row.text("reason_en")? },
            })
        })
        .collect()
}

/// The first rule that keeps this employee from a badge.
pub(super) async fn ruled_out(
    platform: &Platform,
    employee_id: &str,
    agency: &Agency,
) -> Result<Option<Rule>, PersonnelError> {
    let rules = rules(platform, agency).await?;
    if rules.is_empty() {
        return Ok(None);
    }
    let employee = records::employee(platform, employee_id).await?.ok_or(PersonnelError::NotFound)?;
    Ok(rules.into_iter().find(|rule| rule.is_about(&employee)))
}

/// Why a rule was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum RuleError {
    #[error("a rule needs a value and a reason in Korean")]
    Incomplete,
    #[error("too many rules")]
    TooMany,
    #[error("no such rule")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a rule.
pub(super) async fn make_rule(
    platform: &Platform,
    agency_code: &str,
    kind: RuleKind,
    value: &str,
    reason: Named,
    by: By,
) -> Result<(), RuleError> {
    let (code, value) = (agency_code.to_owned(), value.trim().to_owned());
    let reason = Named { ko: reason.ko.trim().to_owned(), en: reason.en.trim().to_owned() };
    let fits = |text: &str, most: usize| text.chars().count() <= most;
    if value.is_empty()
        || reason.ko.is_empty()
        || !fits(&value, limits::AGENCY_RULE_VALUE.size())
        || ![&reason.ko, &reason.en].into_iter().all(|text| fits(text, limits::APPLICATION_NOTE.size()))
    {
        return Err(RuleError::Incomplete);
    }
    platform
        .store
        .write::<_, RuleError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let count = tx
                    .fetch_one(
                        "SELECT COUNT(*) AS n FROM agency_rule WHERE agency_code = $1 AND ended_at IS NULL",
                        params![code.as_str()],
                    )
                    .await?;
                if count.int("n")? >= limits::AGENCY_RULES.get() {
                    return Err(RuleError::TooMany);
                }
                tx.execute(
                    "INSERT INTO agency_rule (id, agency_code, kind, value, reason_ko, reason_en, made_by, made_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    params![
                        id::new(),
                        code.as_str(),
                        kind.as_str(),
                        value.as_str(),
                        reason.ko.as_str(),
                        reason.en.as_str(),
                        by.actor.as_str(),
                        now
                    ],
                )
                .await?;
                let detail = serde_json::json!({ "kind": kind.as_str(), "value": value });
                Ok(note(tx, &by, "personnel.rule_made", &code, detail).await?)
            })
        })
        .await
}

/// Ends a rule of this agency.
pub(super) async fn end_rule(
    platform: &Platform,
    agency_code: &str,
    rule_id: &str,
    by: By,
) -> Result<(), RuleError> {
    let (code, rule_id) = (agency_code.to_owned(), rule_id.to_owned());
    platform
        .store
        .write::<_, RuleError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE agency_rule SET ended_at = $3 WHERE id = $1 AND agency_code = $2 AND ended_at IS NULL",
                        params![rule_id.as_str(), code.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    return Err(RuleError::Unknown);
                }
                Ok(note(tx, &by, "personnel.rule_ended", &code, serde_json::json!({ "rule": rule_id })).await?)
            })
        })
        .await
}

/// Where an agency stands in the roll-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Issuing,
    NotYet,
    NotPlanned,
    NotOptedIn,
    ClosedNetwork,
    Excluded,
}

impl Stage {
    pub(super) fn of(agency: &Agency, now_ms: i64) -> Self {
        if !agency.eligible {
            return Self::Excluded;
        }
        if agency.closed_network {
            return Self::ClosedNetwork;
        }
        if !agency.has_opted_in(now_ms) {
            return Self::NotOptedIn;
        }
        match (agency.phase, agency.phase_at) {
            (Some(_), Some(at)) if at <= now_ms => Self::Issuing,
            (Some(_), Some(_)) => Self::NotYet,
            _ => Self::NotPlanned,
        }
    }

    /// Tone and key of its name.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Issuing => ("good", "personnel.stage.issuing"),
            Self::NotYet => ("wait", "personnel.stage.not_yet"),
            Self::NotPlanned => ("done", "personnel.stage.not_planned"),
            Self::NotOptedIn => ("wait", "personnel.stage.not_opted_in"),
            Self::ClosedNetwork => ("bad", "personnel.stage.closed_network"),
            Self::Excluded => ("bad", "personnel.stage.excluded"),
        }
    }
}

/// Since when an agency issues: its phase has begun and, where it had to decide, it has.
pub(super) fn issuing_since(agency: &Agency) -> Option<i64> {
    match agency.kind {
        super::AgencyKind::Central => agency.phase_at,
        super::AgencyKind::Local => agency.phase_at.max(agency.opted_in_at),
    }
}

/// The fictional local governments of the demonstration decide to take part; may be repeated.
pub async fn demo_decisions(platform: &Platform) -> Result<(), StoreError> {
    platform
        .store
        .write::<_, StoreError, _>(|tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                for code in ["9000101", "9000102", "9000103", "9000104"] {
                    let made = tx
                        .execute(
                            "INSERT INTO agency_opt_in (id, agency_code, number, decided_on, state, asked_by, asked_at, \
                             decided_by, decided_at) VALUES ($1, $2, $3, '2026-05-04', 'in_force', 'demo', $4, 'demo-2', $4) \
                             ON CONFLICT DO NOTHING",
                            params![id::new(), code, "예시-2026-17", now],
                        )
                        .await?;
                    if made == 1 {
                        tx.execute(
                            "UPDATE agency SET opted_in_at = COALESCE(opted_in_at, phase_at) WHERE code = $1",
                            params![code],
                        )
                        .await?;
                        let by = By::system();
                        let detail = serde_json::json!({ "demo": true });
                        note(tx, &by, "personnel.opt_in_confirmed", code, detail).await?;
                    }
                }
                Ok(())
            })
        })
        .await
}
