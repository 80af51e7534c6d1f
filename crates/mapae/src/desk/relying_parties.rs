//! 이용기관: what each relying party may ask a badge for, and why. Read only; registering is done on the server.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use openid::approval::Level;
use utoipa_axum::router::OpenApiRouter;

use super::badge_sign_in::CLIENT_ID as CONSOLE;
use super::told;
use crate::login;
use crate::operations::Platform;
use crate::operations::problem::Problem;
use crate::pages::{Area, Fault, Page, PageResult, render};
use crate::staff::{Actor, Duty};
use crate::verification::relying_party::{self, RelyingParty, StartLevel, Subject};
use crate::verification::{self, Accepted};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/relying-parties", get(list))
}

struct Line {
    party: RelyingParty,
    claims: Vec<&'static str>,
    /// From the configuration; empty if nobody wrote one.
    why: String,
    /// What it takes of other issuers.
    foreign: Vec<Accepted>,
}

impl Line {
    /// The key of the lowest level of approval.
    fn level(&self) -> &'static str {
        match self.party.acr {
            Level::Base => "desk.parties.base",
            Level::Pin => "desk.parties.pin",
        }
    }

    /// The key of where a login may start.
    fn start(&self) -> &'static str {
        match self.party.level {
            StartLevel::Low => "desk.parties.start.low",
            StartLevel::Substantial | StartLevel::High => "desk.parties.start.device",
        }
    }

    /// The key of how it knows a person.
    fn subject(&self) -> &'static str {
        match self.party.subject {
            Subject::Pairwise => "desk.parties.pairwise",
            Subject::Public => "desk.parties.public",
        }
    }
}

#[derive(Template)]
#[template(path = "desk/relying_parties.html")]
struct Parties {
    page: Page,
    lines: Vec<Line>,
}

/// The purpose that stands in the configuration for a client, `client_id: why`.
fn purpose(purposes: &[String], client_id: &str) -> String {
    purposes
        .iter()
        .filter_map(|line| line.split_once(':'))
        .find(|(id, _)| id.trim() == client_id)
        .map(|(_, why)| why.trim().to_owned())
        .unwrap_or_default()
}

async fn list(page: Page, who: Actor, State(platform): State<Arc<Platform>>) -> PageResult {
    let page = page.signed_in(Area::Console, who.who());
    if !who.holds(Duty::Operator) && !who.holds(Duty::Auditor) {
        return Err(Fault::told(&page, Problem::new(StatusCode::FORBIDDEN, "forbidden")));
    }
    let parties = relying_party::list(&platform.store).await.map_err(told(&page))?;
    let mut foreign = verification::accepted(&platform.store).await.map_err(told(&page))?;
    let lines = parties
        .into_iter()
        .map(|party| Line {
            claims: party.claims.iter().map(|claim| login::claim_label(page.lang, claim)).collect(),
            why: match party.id.as_str() {
                CONSOLE => page.t("desk.parties.why.console").to_owned(),
                id => purpose(&platform.config.desk.purposes, id),
            },
            foreign: foreign.remove(&party.id).unwrap_or_default(),
            party,
        })
        .collect();
    Ok(render(&Parties { page, lines }))
}

#[cfg(test)]
mod tests {
    use super::purpose;

    #[test]
    fn a_purpose_is_found_by_the_whole_client_id() {
        let purposes =
            ["mail: 전자우편 로그인".to_owned(), "mail-2:둘째: 콜론".to_owned(), "broken".to_owned()];
        assert_eq!(purpose(&purposes, "mail"), "전자우편 로그인");
        assert_eq!(purpose(&purposes, "mail-2"), "둘째: 콜론");
        assert_eq!(purpose(&purposes, "mai"), "");
        assert_eq!(purpose(&purposes, "broken"), "");
    }
}
