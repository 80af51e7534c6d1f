//! What HR managers read at the console. Every look at personal data leaves an audit record in the same answer: if the
//! record cannot be written, nothing is shown.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::search::{Search, search};
use super::types::{Agency, Department, Employee, EmployeeStatus, Named};
use super::{PersonnelError, is_under, records};
use crate::audit;
use crate::operations::store::StoreError;
use crate::operations::{Platform, Problem, id, limits};
use crate::staff::{Actor, Duty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new()
        .routes(routes!(employees))
        .routes(routes!(one_employee))
        .routes(routes!(agencies))
        .routes(routes!(one_department))
}

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EmployeeQuery {
    /// A name, or at least two neighbouring syllables of one.
    #[param(max_length = 40)]
    name: Option<String>,
    /// The whole number.
    #[param(max_length = 40)]
    number: Option<String>,
    /// Only this agency.
    #[param(min_length = 7, max_length = 7)]
    agency: Option<String>,
    /// `next` of the page before.
    #[param(max_length = 36)]
    after: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u16>,
}

/// A line of the list.
#[derive(Serialize, ToSchema)]
struct EmployeeLine {
    id: String,
    name: Named,
    number: String,
    agency_code: String,
    agency: Named,
    department: Named,
    position: Named,
    rank: Named,
    status: EmployeeStatus,
}

impl From<Employee> for EmployeeLine {
    fn from(employee: Employee) -> Self {
        Self {
            id: employee.id,
            name: employee.name,
            number: employee.number,
            agency_code: employee.agency.code,
            agency: employee.agency.name,
            department: employee.department,
            position: employee.position,
            rank: employee.rank,
            status: employee.status,
        }
    }
}

/// A page of employees.
#[derive(Serialize, ToSchema)]
struct EmployeeList {
    employees: Vec<EmployeeLine>,
    /// Send it as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The agencies an HR manager answers for, or a refusal.
fn reach(who: &Actor) -> Result<Vec<String>, Problem> {
    let reach = who.reaches_from(Duty::HrManager);
    if reach.is_empty() { Err(Problem::new(StatusCode::FORBIDDEN, "forbidden")) } else { Ok(reach) }
}

async fn note_look(
    platform: &Arc<Platform>,
    who: &Actor,
    act: &'static str,
    subject: String,
    detail: serde_json::Value,
    personal: Option<serde_json::Value>,
) -> Result<(), StoreError> {
    let (inner, actor) = (Arc::clone(platform), who.employee_id.clone());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let duty = Duty::HrManager.as_str();
                let record = audit::Record { actor: &actor, duty, act, subject: &subject, detail };
                match personal {
                    None => audit::record(tx, record).await,
                    Some(personal) => audit::record_with_personal(tx, &inner.sealer, record, &personal).await,
                }
            })
        })
        .await
}

/// Search employees of the agencies in reach.
#[utoipa::path(get, path = "/api/v1/console/employees", tag = "personnel", security(("session" = [])),
    params(EmployeeQuery), responses((status = 200, body = EmployeeList)))]
async fn employees(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    query: Result<Query<EmployeeQuery>, QueryRejection>,
) -> Result<Json<EmployeeList>, Problem> {
    let reach = reach(&who)?;
    let Query(query) = query.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "bad_request"))?;
    let texts = [&query.name, &query.number, &query.agency, &query.after];
    if texts.into_iter().flatten().any(|text| text.chars().count() > 40 || text.contains('\0')) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable"));
    }
    let wanted = Search {
        name: query.name.clone(),
        number: query.number.clone(),
        agency: query.agency.clone(),
        after: query.after.unwrap_or_default(),
        limit: query.limit.map_or(limits::PAGE_ROWS.size(), usize::from),
    };
    let page = search(&platform, reach, &wanted).await?;
    let seen: Vec<&str> = page.employees.iter().map(|employee| employee.id.as_str()).collect();
    let detail = serde_json::json!({ "agency": query.agency, "seen": seen });
    let personal = serde_json::json!({ "name": query.name, "number": query.number });
    note_look(&platform, &who, "personnel.searched", "-".into(), detail, Some(personal)).await?;
    let employees = page.employees.into_iter().map(EmployeeLine::from).collect();
    Ok(Json(EmployeeList { employees, next: page.next }))
}

/// The whole record of one employee. The resident registration number is not in it: it is not kept.
#[utoipa::path(get, path = "/api/v1/console/employees/{id}", tag = "personnel", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = Employee)))]
async fn one_employee(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Path(employee_id): Path<String>,
) -> Result<Json<Employee>, Problem> {
    let reach = reach(&who)?;
    // Out of reach and not there are the same answer.
    let unknown = || Problem::from(PersonnelError::NotFound);
    if !id::is_id(&employee_id) {
        return Err(unknown());
    }
    let employee = records::employee(&platform, &employee_id).await?.ok_or_else(unknown)?;
    if !is_under(&platform, &employee.agency.code, &reach).await? {
        return Err(unknown());
    }
    note_look(&platform, &who, "personnel.viewed", employee_id, serde_json::json!({}), None).await?;
    Ok(Json(employee))
}

/// Agencies.
#[derive(Serialize, ToSchema)]
struct AgencyList {
    agencies: Vec<Agency>,
}

/// Every agency with its eligibility and phase. Nothing personal: any duty may read it.
#[utoipa::path(get, path = "/api/v1/console/agencies", tag = "personnel", security(("session" = [])),
    responses((status = 200, body = AgencyList)))]
async fn agencies(_: Actor, State(platform): State<Arc<Platform>>) -> Result<Json<AgencyList>, Problem> {
    Ok(Json(AgencyList { agencies: records::agencies(&platform.store).await? }))
}

/// A department with head and deputies.
#[utoipa::path(get, path = "/api/v1/console/departments/{id}", tag = "personnel", security(("session" = [])),
    params(("id" = String, Path, max_length = 36)), responses((status = 200, body = Department)))]
async fn one_department(
    who: Actor,
    State(platform): State<Arc<Platform>>,
    Path(id): Path<String>,
) -> Result<Json<Department>, Problem> {
    let reach = reach(&who)?;
    let unknown = || Problem::from(PersonnelError::NotFound);
    if id.len() > 36 || id.contains('\0') {
        return Err(unknown());
    }
    let department = records::department(&platform, &id).await?.ok_or_else(unknown)?;
    if !is_under(&platform, &department.agency_code, &reach).await? {
        return Err(unknown());
    }
    Ok(Json(department))
}

#[cfg(test)]
mod tests;
