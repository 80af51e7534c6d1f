//! Who may have a badge, and who reads why not.

use super::rollout::{
    self, OptInError, Plan, RuleError, RuleKind, Stage, confirm_opt_in, end_rule, make_rule, record_opt_in,
};
use super::{Eligibility, Named, agency, demo_data, eligibility, employee_by_number};
use crate::application::tests::doors::{get, send};
use crate::application::tests::{HR_ONE, HR_TWO, OFFICIAL, OPERATOR, Town, town};
use crate::lifecycle::By;
use crate::personnel::Saved;

const CENTRAL: &str = "9000001";
const LOCAL: &str = "9000101";

fn by(actor: &str) -> By {
    By { actor: actor.to_owned(), duty: "hr_manager".to_owned() }
}

async fn refusal(town: &Town, employee_id: &str) -> Option<String> {
    match eligibility(town, employee_id, town.now_ms()).await.unwrap() {
        Eligibility::Allowed => None,
        Eligibility::Refused(refused) => {
            assert!(!refused.reason.ko.is_empty() && !refused.reason.en.is_empty());
            Some(refused.code.to_owned())
        }
    }
}

/// Somebody of the first local government.
async fn local_official(town: &Town) -> String {
    let n = (0..2_000).find(|n| demo_data::person(*n).agency == LOCAL).unwrap();
    town.import(&format!("{}{}", demo_data::EMPLOYEE_HEADINGS, demo_data::employee_csv(n))).await;
    let person = demo_data::person(n);
    employee_by_number(town, LOCAL, &person.number).await.unwrap().unwrap().id
}

fn plan() -> Plan {
    Plan {
        eligible: true,
        reason: None,
        phase: Some(1),
        phase_at: Some(0),
        target: Some(400),
        closed_network: false,
    }
}

#[tokio::test]
async fn a_local_government_takes_part_when_its_decision_is_recorded_and_another_confirms_it() {
    let town = town().await;
    let official = local_official(&town).await;
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.not_opted_in"));
    let local = agency(&town, LOCAL).await.unwrap().unwrap();
    let central = agency(&town, CENTRAL).await.unwrap().unwrap();
    let none = record_opt_in(&town, &central, "1", "2026-05-04", by("a")).await;
    assert!(matches!(none, Err(OptInError::NotLocal)), "{none:?}");
    for (number, date) in [("", "2026-05-04"), ("예시-1", "2026-02-30"), ("예시-1", "2027-01-01"), (" ", "")]
    {
        let refused = record_opt_in(&town, &local, number, date, by("a")).await;
        assert!(matches!(refused, Err(OptInError::Incomplete)), "{number} {date}: {refused:?}");
    }
    record_opt_in(&town, &local, "예시-1", "2026-05-04", by("a")).await.unwrap();
    let twice = record_opt_in(&town, &local, "예시-2", "2026-05-04", by("b")).await;
    assert!(matches!(twice, Err(OptInError::Recorded)), "{twice:?}");
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.not_opted_in"), "not yet");
    let alone = confirm_opt_in(&town, LOCAL, by("a")).await;
    assert!(matches!(alone, Err(OptInError::SamePerson)), "{alone:?}");
    confirm_opt_in(&town, LOCAL, by("b")).await.unwrap();
    assert!(matches!(confirm_opt_in(&town, LOCAL, by("c")).await, Err(OptInError::Nothing)));
    assert_eq!(refusal(&town, &official).await, None);
    // The HR import says nothing of it, and leaves it.
    town.import(&demo_data::agencies_csv()).await;
    assert_eq!(refusal(&town, &official).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_confirmations_of_a_decision_one_counts() {
    let town = std::sync::Arc::new(town().await);
    let local = agency(&town, LOCAL).await.unwrap().unwrap();
    record_opt_in(&town, &local, "예시-1", "2026-05-04", by("a")).await.unwrap();
    let tries = (0..12).map(|n| {
        let town = std::sync::Arc::clone(&town);
        tokio::spawn(async move { confirm_opt_in(&town, LOCAL, by(&format!("b{n}"))).await })
    });
    let done: Vec<_> = futures::future::join_all(tries).await;
    assert_eq!(done.into_iter().filter(|result| result.as_ref().unwrap().is_ok()).count(), 1);
}

#[tokio::test]
async fn each_hindrance_is_told_in_its_own_words() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    let set = |plan: Plan| {
        let town = &town;
        async move {
            let now = agency(town, CENTRAL).await.unwrap().unwrap();
            // The next moment: what is written at once with something else is the same age.
            town.clock.advance_ms(1);
            rollout::plan(town, &now, plan, by("operator")).await.unwrap()
        }
    };
    assert_eq!(refusal(&town, &official).await, None);
    assert_eq!(set(Plan { closed_network: true, ..plan() }).await, Saved::Changed);
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.closed_network"));
    let later = town.now_ms() + 1_000_000;
    set(Plan { phase_at: Some(later), phase: Some(3), ..plan() }).await;
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.phase_not_begun"));
    set(Plan { phase_at: None, phase: None, ..plan() }).await;
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.not_planned"));
    let reason = Some(Named { ko: "예시 사유".to_owned(), en: "Example reason".to_owned() });
    set(Plan { eligible: false, reason, ..plan() }).await;
    assert_eq!(refusal(&town, &official).await.as_deref(), Some("personnel.agency_excluded"));
    set(plan()).await;
    assert_eq!(refusal(&town, &official).await, None);
    assert_eq!(agency(&town, CENTRAL).await.unwrap().unwrap().target, Some(400));
}

#[tokio::test]
async fn a_rank_or_a_contract_type_may_wait_and_reads_why() {
    let town = town().await;
    let official = town.actor(OFFICIAL).await;
    let record = super::employee(&town, &official.employee_id).await.unwrap().unwrap();
    let reason =
        || Named { ko: "다음 단계에 발급합니다.".to_owned(), en: "In the next phase.".to_owned() };
    for (value, reason) in [("", reason()), ("9급", Named::default()), (&*"가".repeat(41), reason())] {
        let refused = make_rule(&town, CENTRAL, RuleKind::Rank, value, reason, by("a")).await;
        assert!(matches!(refused, Err(RuleError::Incomplete)), "{value}: {refused:?}");
    }
    make_rule(&town, CENTRAL, RuleKind::Contract, "임기제", reason(), by("a")).await.unwrap();
    assert_eq!(refusal(&town, &official.employee_id).await, None, "nobody is that here");
    make_rule(&town, CENTRAL, RuleKind::Rank, &record.rank.ko, reason(), by("a")).await.unwrap();
    assert_eq!(refusal(&town, &official.employee_id).await.as_deref(), Some("personnel.ruled_out"));
    let agency = agency(&town, CENTRAL).await.unwrap().unwrap();
    let rules = rollout::rules(&town, &agency).await.unwrap();
    let rank = rules.iter().find(|rule| rule.kind == RuleKind::Rank).unwrap();
    let foreign = end_rule(&town, LOCAL, &rank.id, by("a")).await;
    assert!(matches!(foreign, Err(RuleError::Unknown)), "another agency's rule: {foreign:?}");
    end_rule(&town, CENTRAL, &rank.id, by("a")).await.unwrap();
    let position: String = record.position.ko.chars().take(2).collect();
    make_rule(&town, CENTRAL, RuleKind::Contract, &position, reason(), by("a")).await.unwrap();
    assert_eq!(refusal(&town, &official.employee_id).await.as_deref(), Some("personnel.ruled_out"));
}

#[tokio::test]
async fn the_public_page_names_those_that_issue_and_nobody_else_and_may_be_kept() {
    let town = town().await;
    let page = send(&town, false, get("/agencies", "")).await;
    assert_eq!(page.status, http::StatusCode::OK);
    assert_eq!(page.headers["cache-control"], "public, max-age=300");
    assert!(page.headers.get(http::header::SET_COOKIE).is_none());
    assert!(page.body.contains("예시행정부") && page.body.contains("2026. 1. 5."));
    for other in ["예시국방부", "예시환경부", "예시특별시"] {
        assert!(!page.body.contains(other), "{other} does not issue");
    }
    rollout::demo_decisions(&town).await.unwrap();
    rollout::demo_decisions(&town).await.unwrap();
    let page = send(&town, false, get("/agencies?lang=en", "")).await;
    assert!(page.body.contains("Example Metropolitan City") && page.body.contains("Local governments"));
    let told = send(&town, false, get("/api/v1/agencies", "")).await;
    assert_eq!(told.headers["cache-control"], "public, max-age=300");
    let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    let codes: Vec<&str> = told.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&CENTRAL) && codes.contains(&LOCAL) && !codes.contains(&"9000007"), "{codes:?}");
    let local = agency(&town, LOCAL).await.unwrap().unwrap();
    assert_eq!(Stage::of(&local, town.now_ms()), Stage::Issuing);
    assert_eq!(Stage::of(&local, 0), Stage::NotOptedIn);
}

#[tokio::test]
async fn the_console_shows_the_plan_and_only_the_operator_changes_it() {
    let town = town().await;
    let open = |n| {
        let town = &town;
        async move { crate::application::tests::doors::sign_in(town, true, &format!("person{n}")).await }
    };
    let path = format!("/agencies/{CENTRAL}");
    for (n, may) in [(OPERATOR, true), (HR_ONE, false), (HR_TWO, false)] {
        let session = open(n).await;
        let page = send(&town, true, get(&path, &session)).await;
        assert_eq!(page.body.contains("/plan\""), may, "{n}");
        assert_eq!(
            send(&town, true, get("/agencies/9000002", &session)).await.status,
            http::StatusCode::NOT_FOUND
        );
    }
}
