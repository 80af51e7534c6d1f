//! A request for a credential: asked by an official, approved by what HR has on record or by the HR desk.

use std::collections::BTreeMap;
use std::sync::Arc;

use credential::types::{Applicants, Approval, ClaimsError, CredentialType, Source};
use http::StatusCode;
use serde_json::{Map, Value};

use super::{decide, held};
use crate::audit;
use crate::issuance::{self, DeskError, Offer};
use crate::operations::problem::Problem;
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::{self, EmployeeStatus, PersonnelError};
use crate::staff::Duty;

pub(super) const TABLE: &str = "credential_request";

/// What somebody typed, by the name of the claim.
pub type Typed = BTreeMap<String, String>;

/// Why a request was not taken, or leads to no credential.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("there is no such credential type")]
    NoType,
    #[error("officials of this agency are not issued this type")]
    NotForAgency,
    #[error("the official does not serve")]
    NotServing,
    #[error("the value of `{0}` is missing or not of its kind")]
    Value(String),
    #[error("a request for this type is open or approved")]
    Open,
    #[error("there are too many requests of this official")]
    TooMany,
    #[error("no such request")]
    Unknown,
    #[error("the request is not approved")]
    NotApproved,
    #[error("there is no active badge")]
    NoBadge,
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NoType => Self::new(StatusCode::NOT_FOUND, "credential_type_unknown"),
            AskError::NotForAgency => Self::new(StatusCode::FORBIDDEN, "credential_not_for_agency"),
            AskError::NotServing => Self::new(StatusCode::FORBIDDEN, "credential_not_serving"),
            AskError::Value(claim) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "credential_value").with("claim", claim)
            }
            AskError::Open => Self::new(StatusCode::CONFLICT, "credential_open"),
            AskError::TooMany => Self::new(StatusCode::TOO_MANY_REQUESTS, "credential_too_many"),
            AskError::Unknown => Self::new(StatusCode::NOT_FOUND, "credential_request_unknown"),
            AskError::NotApproved => Self::new(StatusCode::CONFLICT, "credential_not_approved"),
            AskError::NoBadge => Self::new(StatusCode::CONFLICT, "credential_no_badge"),
            AskError::Desk(error) => Self::internal(error),
            AskError::Personnel(error) => error.into(),
            AskError::Store(error) => error.into(),
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// The HR desk has to look at it.
    Waiting,
    /// The credential may be received, and again on another phone.
    Approved,
    Rejected,
    /// Taken back by who asked.
    Withdrawn,
    /// Taken back by HR after it was approved.
    Revoked,
}

impl RequestState {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Waiting, Self::Approved, Self::Rejected, Self::Withdrawn, Self::Revoked];
        all.into_iter().find(|state| state.as_str() == word)
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: String,
    pub employee_id: String,
    /// The agency that the official belonged to when asking.
    pub agency_code: String,
    /// Id of the type's file.
    pub credential_type: String,
    pub state: RequestState,
    /// Why it was rejected or revoked.
    pub reason: Option<String>,
    pub created_at: i64,
    pub changed_at: i64,
}

macro_rules! select_request {
    ($where:literal) => {
        concat!(
            "SELECT id, employee_id, agency_code, credential_type, typed, state, reason, created_at, changed_at ",
            "FROM credential_request WHERE ",
            $where
        )
    };
}

impl Request {
    fn read(platform: &Platform, row: &Row) -> Result<Self, StoreError> {
        let (id, state) = (row.text("id")?, row.text("state")?);
        let unknown = || StoreError::Column("state".to_owned(), format!("unknown word {state}"));
        Ok(Self {
            employee_id: row.text("employee_id")?,
            agency_code: row.text("agency_code")?,
            credential_type: row.text("credential_type")?,
            state: RequestState::parse(&state).ok_or_else(unknown)?,
            reason: row
                .opt_bytes("reason")?
                .and_then(|sealed| platform.sealer.open_text(TABLE, "reason", &id, &sealed).ok()),
            id,
            created_at: row.int("created_at")?,
            changed_at: row.int("changed_at")?,
        })
    }

    /// The request with this identifier.
    pub async fn find(platform: &Platform, id: &str) -> Result<Option<Self>, StoreError> {
        let row = platform.store.fetch_optional(select_request!("id = $1"), params![id]).await?;
        row.map(|row| Self::read(platform, &row)).transpose()
    }

    /// An official's own requests, newest first.
    pub async fn of_employee(platform: &Platform, employee_id: &str) -> Result<Vec<Self>, StoreError> {
        let sql = select_request!("employee_id = $1 ORDER BY created_at DESC, id LIMIT $2");
        let rows = platform.store.fetch_all(sql, params![employee_id, limits::CREDENTIAL_LIST.get()]).await?;
        rows.iter().map(|row| Self::read(platform, row)).collect()
    }

    /// The requests of these agencies in a state, oldest first.
    pub async fn of_agencies(
        platform: &Platform,
        agencies: &[String],
        state: RequestState,
    ) -> Result<Vec<Self>, StoreError> {
        if agencies.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> =
            (3..agencies.len().saturating_add(3)).map(|place| format!("${place}")).collect();
        let sql = format!(
            "{}state = $1 AND agency_code IN ({}) ORDER BY created_at, id LIMIT $2",
            select_request!(""),
            places.join(", ")
        );
        let mut values = params![state.as_str(), limits::CREDENTIAL_LIST.get()];
        values.extend(agencies.iter().map(crate::operations::store::Value::from));
        // Only placeholders go into the text.
        let rows = platform.store.fetch_all(sqlx::AssertSqlSafe(sql), values).await?;
        rows.iter().map(|row| Self::read(platform, row)).collect()
    }
}

/// What applicant and approver typed for a request, as claim values; `None` for an unknown request.
///
/// # Errors
/// The store's; what is stored can't be opened.
pub async fn typed(platform: &Platform, request_id: &str) -> Result<Option<Map<String, Value>>, StoreError> {
    let row = platform.store.fetch_optional(select_request!("id = $1"), params![request_id]).await?;
    row.as_ref().map(|row| opened(platform, row)).transpose()
}

pub(super) fn opened(platform: &Platform, row: &Row) -> Result<Map<String, Value>, StoreError> {
    // Without the words of the parser: they may hold content.
    let broken = || StoreError::Column("typed".to_owned(), "is not what was sealed".to_owned());
    let plain = platform.sealer.open(TABLE, "typed", &row.text("id")?, &row.bytes("typed")?);
    serde_json::from_slice(&plain.map_err(|_| broken())?).map_err(|_| broken())
}

/// The values of those claims that `source` types, checked against the type.
pub(super) fn checked(
    kind: &CredentialType,
    source: Source,
    given: &Typed,
) -> Result<Map<String, Value>, AskError> {
    let wrong = |error| match error {
        ClaimsError::Unknown(name) | ClaimsError::Missing(name) | ClaimsError::WrongKind(name) => {
            AskError::Value(name)
        }
        ClaimsError::NoDocument => AskError::Value(String::new()),
    };
    if let Some(unknown) = given.keys().find(|name| kind.typed_by(source).all(|claim| claim.name() != *name))
    {
        return Err(AskError::Value(unknown.clone()));
    }
    let mut values = Map::new();
    for claim in kind.typed_by(source) {
        let text = given.get(claim.name()).map_or("", String::as_str);
        if let Some(value) = claim.typed(text).map_err(wrong)? {
            values.insert(claim.name().to_owned(), value);
        }
    }
    Ok(values)
}

/// The types that this official may ask for.
///
/// # Errors
/// The type files or personnel can't be read.
pub async fn open_to<'p>(
    platform: &'p Platform,
    employee_id: &str,
) -> Result<Vec<&'p CredentialType>, AskError> {
    let employee = personnel::employee(platform, employee_id).await?.ok_or(AskError::NotServing)?;
    let mut types = Vec::new();
    for kind in issuance::desk(platform)?.others() {
        if may_ask(kind, employee.status) && is_for(platform, kind, &employee.agency.code).await? {
            types.push(kind);
        }
    }
    Ok(types)
}

/// Whether the HR desk looks at each request: the type's file says so, or wants the approver to type something.
pub fn is_looked_at(kind: &CredentialType) -> bool {
    kind.apply.as_ref().is_some_and(|apply| apply.approval == Approval::Hr)
        || kind.typed_by(Source::Approver).any(|claim| claim.mandatory)
}

/// Whether an official of this status may ask for a type: whoever serves, and others where its file says so.
pub fn may_ask(kind: &CredentialType, status: EmployeeStatus) -> bool {
    let everybody = kind.apply.as_ref().is_some_and(|apply| apply.applicants == Applicants::Everybody);
    status.is_serving() || everybody && status != EmployeeStatus::Dead
}

async fn is_for(platform: &Platform, kind: &CredentialType, agency: &str) -> Result<bool, PersonnelError> {
    match &kind.apply {
        Some(apply) if apply.agencies.iter().any(|named| named == "*") => Ok(true),
        Some(apply) => personnel::is_under(platform, agency, &apply.agencies).await,
        None => Ok(false),
    }
}

/// Asks for a credential. Where its type says so, it is approved at once.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(
    platform: &Arc<Platform>,
    employee_id: &str,
    type_id: &str,
    given: &Typed,
) -> Result<Request, AskError> {
    let employee = personnel::employee(platform, employee_id).await?.ok_or(AskError::NotServing)?;
    let desk = issuance::desk(platform)?;
    let kind = desk.others().iter().find(|kind| kind.id == type_id).ok_or(AskError::NoType)?;
    if !may_ask(kind, employee.status) {
        return Err(AskError::NotServing);
    }
    let apply = kind.apply.as_ref().ok_or(AskError::NoType)?;
    if !is_for(platform, kind, &employee.agency.code).await? {
        return Err(AskError::NotForAgency);
    }
    let values = checked(kind, Source::Applicant, given)?;
    let state = if is_looked_at(kind) { RequestState::Waiting } else { RequestState::Approved };
    let request_id = id::new();
    let sealed =
        platform.sealer.seal(TABLE, "typed", &request_id, Value::Object(values).to_string().as_bytes());
    let now_ms = platform.now_ms();
    let request = Request {
        id: request_id,
        employee_id: employee_id.to_owned(),
        agency_code: employee.agency.code,
        credential_type: kind.id.clone(),
        state,
        reason: None,
        created_at: now_ms,
        changed_at: now_ms,
    };
    let (one, made) = (apply.one, request.clone());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                insert(tx, &made, one, sealed).await?;
                let detail =
                    serde_json::json!({ "type": made.credential_type, "state": made.state.as_str() });
                let record = audit::Record {
                    actor: &made.employee_id,
                    duty: Duty::Applicant.as_str(),
                    act: "credential.requested",
                    subject: &made.id,
                    detail,
                };
                Ok::<(), AskError>(audit::record(tx, record).await?)
            })
        })
        .await?;
    Ok(request)
}

async fn insert(tx: &mut Tx, request: &Request, one: bool, sealed: Vec<u8>) -> Result<(), AskError> {
    let count = tx
        .fetch_one(
            "SELECT COUNT(*) AS n FROM credential_request WHERE employee_id = $1 AND created_at > $2",
            params![&request.employee_id, request.created_at - limits::CREDENTIAL_ASK_WINDOW.get()],
        )
        .await?;
    if count.int("n")? >= limits::CREDENTIAL_ASKS.get() {
        return Err(AskError::TooMany);
    }
    let rows = tx
        .execute(
            "INSERT INTO credential_request (id, employee_id, agency_code, credential_type, one_open, typed, state, \
             created_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING",
            params![
                &request.id,
                &request.employee_id,
                &request.agency_code,
                &request.credential_type,
                i64::from(one),
                sealed,
                request.state.as_str(),
                request.created_at,
            ],
        )
        .await?;
    if rows == 1 { Ok(()) } else { Err(AskError::Open) }
}

/// Takes an own request back; a credential that was received on it ends.
///
/// # Errors
/// It is not theirs, or over.
pub(super) async fn withdraw(
    platform: &Platform,
    employee_id: &str,
    request_id: &str,
) -> Result<(), AskError> {
    let request = own(platform, employee_id, request_id).await?;
    let by = (employee_id.to_owned(), Duty::Applicant.as_str());
    let from = [RequestState::Waiting, RequestState::Approved];
    let moved = decide::close(platform, request.id, from, RequestState::Withdrawn, String::new(), by).await?;
    if moved { Ok(()) } else { Err(AskError::NotApproved) }
}

/// An own request.
pub(super) async fn own(
    platform: &Platform,
    employee_id: &str,
    request_id: &str,
) -> Result<Request, AskError> {
    let request = Request::find(platform, request_id).await?;
    request.filter(|request| request.employee_id == employee_id).ok_or(AskError::Unknown)
}

/// Holds a request as it is until the transaction ends: a revocation waits or comes first. Whether it is approved.
///
/// # Errors
/// The store.
pub async fn hold_approved(tx: &mut Tx, request_id: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE credential_request SET changed_at = changed_at WHERE id = $1 AND state = 'approved'";
    Ok(tx.execute(sql, params![request_id]).await? == 1)
}

/// Offers an approved credential to the official's wallet, with a transaction code; both are shown once.
///
/// # Errors
/// It is not theirs or not approved, or their badge is not active.
pub async fn offer(
    platform: &Arc<Platform>,
    employee_id: &str,
    request_id: &str,
) -> Result<(Offer, String), AskError> {
    let request = own(platform, employee_id, request_id).await?;
    if issuance::desk(platform)?.kind(&request.credential_type).is_none() {
        return Err(AskError::NoType);
    }
    let shared = Arc::clone(platform);
    let store = platform.store.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let (employee, id, kind) = (&request.employee_id, &request.id, &request.credential_type);
                // Offers are locked before the badge, as who issues does.
                let offered = issuance::offer_for_request(tx, &shared, employee, id, kind).await?;
                if !held::hold_badge(tx, employee).await? {
                    return Err(AskError::NoBadge);
                }
                if !hold_approved(tx, id).await? {
                    return Err(AskError::NotApproved);
                }
                let detail = serde_json::json!({ "offer": offered.0.id });
                let record = audit::Record {
                    actor: employee,
                    duty: Duty::Applicant.as_str(),
                    act: "credential.offered",
                    subject: id,
                    detail,
                };
                audit::record(tx, record).await?;
                Ok(offered)
            })
        })
        .await
}
