//! 내 정보: what the platform holds about an official, shown to them and given as a file (개인정보 보호법 제35조).
//!
//! What is sealed is opened for its owner; keyed hashes, the registration number's among them, are told by name and not
//! given out. What a badge said when it was shown somewhere is on the phone and not here.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;

use super::told;
use crate::lifecycle::Badge;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::pages::{Area, Fault, Page, PageResult, iso, render};
use crate::personnel::{self, PersonnelError};
use crate::staff::{self, Applicant};
use crate::{account, application, audit, login, loss, notification};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/portal/my-data", get(page)).route("/portal/my-data.json", get(file))
}

#[derive(Template)]
#[template(path = "desk/my_data.html")]
struct MyData {
    page: Page,
}

async fn page(page: Page, who: Applicant) -> PageResult {
    Ok(render(&MyData { page: page.signed_in(Area::Portal, who.who()) }))
}

/// Everything, as one object.
async fn held(platform: &Platform, employee_id: &str) -> Result<Value, PersonnelError> {
    let employee = personnel::employee(platform, employee_id).await?.ok_or(PersonnelError::NotFound)?;
    let store = &platform.store;
    let badges = Badge::of_employee(store, employee_id).await?;
    let reports = loss::of_employee(store, employee_id).await?;
    let mut applications = Vec::new();
    for one in application::of_employee(store, employee_id, 50).await? {
        let events = application::events(platform, &one.id).await?;
        applications.push(json!({
            "id": one.id,
            "kind": one.kind,
            "state": one.state.as_str(),
            "since": iso(one.since),
            "events": events.iter().map(|event| json!({
                "act": event.act.as_str(), "at": iso(event.at), "note": event.note,
            })).collect::<Vec<_>>(),
        }));
    }
    let phone = account::of_employee(store, employee_id).await?.map(|account| {
        json!({
            "account": account.id,
            "device_key": account.device,
            "pin_tries_left": account.tries_left,
            "pin_set": iso(account.pin_set_at),
            "pin": "a public key, sealed; nobody can tell the PIN from it",
        })
    });
    let duties = staff::duties_of(platform, employee_id).await?;
    let card = loss::card::of_employee(platform, employee_id).await?.map(
        |card| json!({ "number": card.number, "linked": iso(card.linked_at), "lost": card.lost_at.map(iso) }),
    );
    Ok(json!({
        "corrections": personnel::corrections_told(platform, employee_id).await?,
        "career": personnel::career_told(platform, employee_id).await?,
        "plastic_card": card,
        "enrolled_browsers": login::enrolled_browsers(platform, employee_id).await?,
        "messages": {
            "language": notification::language_of(platform, employee_id).await?.tag(),
            "second_phone": notification::second_phone(platform, employee_id).await?,
        },
        "sign_in_codes_since": staff::has_codes(platform, employee_id).await?.map(iso),
        "as_of": iso(platform.now_ms()),
        "hr_record": {
            "name": employee.name,
            "employee_number": employee.number,
            "birth_date": employee.birth_date,
            "phone": employee.phone,
            "agency": employee.agency.name,
            "agency_code": employee.agency.code,
            "department": employee.department,
            "position": employee.position,
            "rank": employee.rank,
            "status": employee.status.as_str(),
            "resident_registration_number": "a sealed keyed hash; it is compared and can't be read",
        },
        "applications": applications,
        "badges": badges.iter().map(|badge| json!({
            "number": badge.number(),
            "state": badge.state.as_str(),
            "reason": badge.reason.as_str(),
            "issued": iso(badge.issued_at),
            "valid_until": iso(badge.valid_until),
        })).collect::<Vec<_>>(),
        "phone": phone,
        "loss_reports": reports.iter().map(|report| json!({
            "reported": iso(report.reported_at), "way": report.way.as_str(), "cause": report.cause.as_str(),
        })).collect::<Vec<_>>(),
        "duties": duties.iter().map(|held| json!({
            "duty": held.duty.as_str(), "agency_code": held.agency_code,
        })).collect::<Vec<_>>(),
    }))
}

async fn file(page: Page, who: Applicant, State(platform): State<Arc<Platform>>) -> Result<Response, Fault> {
    let page = page.signed_in(Area::Portal, who.who());
    let held = held(&platform, &who.employee_id).await.map_err(told(&page))?;
    let subject = who.employee_id.clone();
    let noted: Result<(), StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (act, detail) = ("personnel.own_data", json!({}));
                let record =
                    audit::Record { actor: &subject, duty: "applicant", act, subject: &subject, detail };
                audit::record(tx, record).await
            })
        })
        .await;
    noted.map_err(told(&page))?;
    let text =
        serde_json::to_string_pretty(&held).map_err(|error| Fault::told(&page, Problem::internal(error)))?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mapae-my-data.json\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}
