//! Correction requests: asked by the official, answered by another.

use super::correction::{CorrectionError, Field, State, answer, ask, of_employee, waiting};
use super::demo_data;
use crate::application::tests::doors::{csrf_of, form, get, send, sign_in};
use crate::application::tests::{HR_ONE, HR_TWO, OFFICIAL, SECURITY, STRANGER, Town, town};
use crate::operations::store::params;

const AGENCY: &str = "9000001";

async fn answered(
    town: &Town,
    n: u64,
    request: &str,
    state: State,
    reason: &str,
) -> Result<(), CorrectionError> {
    let actor = town.actor(n).await;
    let reach = actor.reaches_from(crate::staff::Duty::HrManager);
    answer(town, &actor.employee_id, &reach, request, state, reason).await
}

#[tokio::test]
async fn a_request_is_answered_once_with_a_reason_by_hr_of_that_agency_and_never_by_oneself() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    ask(&town, &official, Field::Rank, " 7급이 아니라 6급입니다 ").await.unwrap();
    let request = of_employee(&town, &official).await.unwrap().remove(0);
    assert_eq!((request.state, request.said.as_str()), (State::Waiting, "7급이 아니라 6급입니다"));
    assert_eq!(waiting(&town, &[AGENCY.to_owned()]).await.unwrap().len(), 1);
    assert!(waiting(&town, &[]).await.unwrap().is_empty());
    for n in [STRANGER, SECURITY, OFFICIAL] {
        let refused = answered(&town, n, &request.id, State::Corrected, "예").await;
        assert!(matches!(refused, Err(CorrectionError::Unknown)), "{n}: {refused:?}");
    }
    for reason in ["", "  ", &*"가".repeat(501)] {
        let refused = answered(&town, HR_ONE, &request.id, State::Refused, reason).await;
        assert!(matches!(refused, Err(CorrectionError::Length)), "{refused:?}");
    }
    answered(&town, HR_ONE, &request.id, State::Corrected, "고쳤습니다").await.unwrap();
    let late = answered(&town, HR_TWO, &request.id, State::Refused, "아닙니다").await;
    assert!(matches!(late, Err(CorrectionError::Answered)), "{late:?}");
    let told = of_employee(&town, &official).await.unwrap().remove(0);
    assert_eq!((told.state, told.answer.as_deref()), (State::Corrected, Some("고쳤습니다")));

    let manager = town.id(HR_ONE).await;
    ask(&town, &manager, Field::Name, "이름이 틀렸습니다").await.unwrap();
    let own = of_employee(&town, &manager).await.unwrap().remove(0);
    let refused = answered(&town, HR_ONE, &own.id, State::Corrected, "예").await;
    assert!(matches!(refused, Err(CorrectionError::Own)), "{refused:?}");
    let sealed =
        town.store.fetch_one("SELECT said FROM personnel_correction LIMIT 1", params![]).await.unwrap();
    assert!(!String::from_utf8_lossy(&sealed.bytes("said").unwrap()).contains("급"), "it lies sealed");
}

#[tokio::test]
async fn five_may_wait_and_no_more_and_answers_make_room() {
    let town = town().await;
    let official = town.id(OFFICIAL).await;
    for _ in 0..5 {
        ask(&town, &official, Field::Other, "틀렸습니다").await.unwrap();
    }
    let sixth = ask(&town, &official, Field::Other, "틀렸습니다").await;
    assert!(matches!(sixth, Err(CorrectionError::TooMany)), "{sixth:?}");
    let one = of_employee(&town, &official).await.unwrap().remove(0);
    answered(&town, HR_ONE, &one.id, State::Refused, "맞습니다").await.unwrap();
    ask(&town, &official, Field::Other, "틀렸습니다").await.unwrap();
}

#[tokio::test]
async fn it_works_in_a_browser_and_shows_nobody_elses() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let session = sign_in(&town, false, "gong").await;
    let page = send(&town, false, get("/portal/corrections", &session)).await;
    let body = format!("csrf={}&field=phone&said=%3Cb%3E%EB%B2%88%ED%98%B8", csrf_of(&page.body));
    let sent = send(&town, false, form("/portal/corrections", &session, &body)).await;
    assert_eq!(sent.status, http::StatusCode::SEE_OTHER, "{}", sent.body);
    let desk = sign_in(&town, true, "person380").await;
    let queue = send(&town, true, get("/corrections", &desk)).await.body;
    assert!(queue.contains("&#60;b&#62;번호") && queue.contains(&demo_data::person(OFFICIAL).number));
    let stranger = sign_in(&town, true, "person30").await;
    assert!(!send(&town, true, get("/corrections", &stranger)).await.body.contains("번호</p>"));
    let mine = send(&town, false, get("/portal/my-data.json", &session)).await.body;
    assert!(mine.contains("\"corrections\"") && mine.contains("번호"));
}
