//! `/relying-parties`: who may ask a badge for what and why, since when and until when, for everybody.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use super::proposal::claim_name;
use crate::desk;
use crate::operations::{Platform, limits};
use crate::pages::{Fault, Page, PageResult, render};
use crate::verification::relying_party::{self, RelyingParty};

pub(super) fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::new().route("/relying-parties", get(list))
}

struct Line {
    name: String,
    party: RelyingParty,
    /// Each claim with its purpose, which may be missing.
    asks: Vec<(String, String)>,
    /// Why it asks at all, where the server's operator wrote that.
    why: String,
    /// Where its logins lead to.
    origins: Vec<String>,
}

#[derive(Template)]
#[template(path = "relying_parties/public.html")]
struct Public {
    page: Page,
    lines: Vec<Line>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: String,
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

fn line(platform: &Platform, page: &Page, party: RelyingParty) -> Line {
    let why = |claim: &String| {
        let why = party.purposes.get(claim).map(|why| page.pick(&why.ko, &why.en).to_owned());
        (claim_name(platform, page, claim), why.unwrap_or_default())
    };
    let mut origins: Vec<String> =
        party.redirect_uris.iter().map(|uri| crate::login::registration::origin(uri)).collect();
    origins.dedup();
    Line {
        name: page.pick(&party.name_ko, &party.name_en).to_owned(),
        asks: party.claims.iter().map(why).collect(),
        why: if desk::is_own_client(&party.id) {
            page.t("desk.parties.why.console").to_owned()
        } else {
            purpose(&platform.config.desk.purposes, &party.id)
        },
        origins,
        party,
    }
}

async fn list(page: Page, State(platform): State<Arc<Platform>>, Query(query): Query<After>) -> PageResult {
    let after: String = query.after.chars().take(relying_party::MAX_ID).collect();
    let rows = limits::PARTY_PAGE.get().saturating_add(1);
    let found = platform.store.read_published(|store| relying_party::live_page(store, &after, rows)).await;
    let mut parties = found.map_err(|error| Fault::told(&page, error))?;
    let more = parties.len() > limits::PARTY_PAGE.size();
    parties.truncate(limits::PARTY_PAGE.size());
    let next = parties.last().filter(|_| more).map(|party| party.id.clone());
    let lines = parties.into_iter().map(|party| line(&platform, &page, party)).collect();
    Ok(render(&Public { page, lines, next }))
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
