//! Registering relying parties: the two persons, what each may, and what happens when one of them does not wait.

mod pages;
mod secrets;
mod time;
mod two_persons;

use std::sync::Arc;

use credential::types::Bilingual;
use http::StatusCode;

use super::error::PartyError;
use super::proposal::Proposal;
use super::request;
use crate::application::tests::{COLLEAGUE, OPERATOR, Town, town_with};
use crate::login::NamedNetwork;
use crate::operations::problem::Problem;
use crate::staff::{Actor, Duty};
use crate::verification::relying_party::{self, RelyingParty, Secrets, StartLevel};

pub(super) const SECOND: u64 = COLLEAGUE;

/// A town with two operators and a network of the office.
pub(super) async fn town() -> Town {
    let town = town_with(|config| {
        config.login.networks = vec![NamedNetwork::try_from("10.20.0.0/16=정부예시청사".to_owned()).unwrap()];
    })
    .await;
    town.give(SECOND, Duty::Operator).await;
    town
}

pub(super) fn proposal(id: &str) -> Proposal {
    let why = |ko: &str, en: &str| Bilingual { ko: ko.to_owned(), en: en.to_owned() };
    Proposal {
        id: id.to_owned(),
        name_ko: "예시 문서 시스템".to_owned(),
        name_en: "Example documents".to_owned(),
        redirect_uris: vec!["https://documents.example/callback".to_owned()],
        purposes: [
            ("name".to_owned(), why("문서에 이름을 적기 위해", "to write the name on documents")),
            ("inst_code".to_owned(), why("소속 기관의 문서함을 열기 위해", "to open the agency's folder")),
        ]
        .into(),
        level: StartLevel::Low,
        test: false,
        ..Proposal::blank()
    }
}

/// Asked by the first operator, approved by the second.
pub(super) async fn agreed(town: &Town, proposal: Proposal, seen: Option<i64>) -> Secrets {
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let made = request::ask(&town.platform, &first, proposal, seen).await.unwrap();
    request::approve(&town.platform, &second, &made).await.unwrap().1
}

pub(super) async fn look(town: &Town, id: &str) -> RelyingParty {
    relying_party::look(&town.store, id).await.unwrap().unwrap()
}

pub(super) fn code(error: PartyError) -> (StatusCode, &'static str) {
    let problem = Problem::from(error);
    (problem.status(), problem.code())
}

pub(super) async fn asked(town: &Town, who: &Actor, proposal: Proposal) -> Result<String, PartyError> {
    request::ask(&Arc::clone(&town.platform), who, proposal, None).await
}
