use super::*;
use crate::application::{DelegateError, DelegationKind, Lending, events, lend, take_back};

const DAY: i64 = 86_400_000;

fn lending(town: &Town, to: u64, from_days: i64, until_days: i64) -> Lending {
    Lending {
        kind: DelegationKind::Acting,
        duty: Duty::DepartmentHead,
        to_number: demo_data::person(to).number,
        from_at: town.now_ms() + from_days * DAY,
        until_at: town.now_ms() + until_days * DAY,
    }
}

#[tokio::test]
async fn who_decides_for_the_head_does_so_within_the_period_only() {
    let town = town().await;
    let head = town.actor(HEAD).await;
    lend(&town, &head, lending(&town, COLLEAGUE, 1, 3)).await.unwrap();
    let application = town.applied(OFFICIAL).await;
    let early = town.approve(COLLEAGUE, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(early, DecideError::Forbidden));
    town.clock.advance_ms(3 * DAY);
    let late = town.approve(COLLEAGUE, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(late, DecideError::Forbidden));

    lend(&town, &head, lending(&town, COLLEAGUE, 0, 1)).await.unwrap();
    town.approve(COLLEAGUE, &application, Step::HeadApproval).await.unwrap();
    let event = events(&town, &application.id).await.unwrap().pop().unwrap();
    assert_eq!(event.actor_id, Some(town.id(COLLEAGUE).await));
    assert_eq!(event.behalf_of_id, Some(town.id(HEAD).await), "the timeline says for whom");
}

#[tokio::test]
async fn a_duty_taken_back_is_gone_at_once() {
    let town = town().await;
    let head = town.actor(HEAD).await;
    let id = lend(&town, &head, lending(&town, COLLEAGUE, 0, 5)).await.unwrap();
    let stranger = town.actor(HR_ONE).await;
    assert!(matches!(take_back(&town, &stranger, &id).await.unwrap_err(), DelegateError::Unknown));
    take_back(&town, &head, &id).await.unwrap();
    assert!(matches!(take_back(&town, &head, &id).await.unwrap_err(), DelegateError::Unknown), "once");
    let application = town.applied(OFFICIAL).await;
    let error = town.approve(COLLEAGUE, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::Forbidden));
}

#[tokio::test]
async fn one_lends_only_what_one_holds_and_never_what_is_lent() {
    let town = town().await;
    let official = town.actor(OFFICIAL).await;
    let error = lend(&town, &official, lending(&town, COLLEAGUE, 0, 1)).await.unwrap_err();
    assert!(matches!(error, DelegateError::NotHeld));
    lend(&town, &town.actor(HEAD).await, lending(&town, OFFICIAL, 0, 1)).await.unwrap();
    let error = lend(&town, &official, lending(&town, COLLEAGUE, 0, 1)).await.unwrap_err();
    assert!(matches!(error, DelegateError::NotHeld), "lent on: {error:?}");
}

#[tokio::test]
async fn the_period_and_the_person_are_checked() {
    let town = town().await;
    let head = town.actor(HEAD).await;
    for (from, until) in [(2, 1), (-3, -1), (0, 181), (1, 1)] {
        let error = lend(&town, &head, lending(&town, COLLEAGUE, from, until)).await.unwrap_err();
        assert!(matches!(error, DelegateError::Period), "{from}..{until}: {error:?}");
    }
    let error = lend(&town, &head, lending(&town, HEAD, 0, 1)).await.unwrap_err();
    assert!(matches!(error, DelegateError::Self_));
    let error = lend(&town, &head, lending(&town, STRANGER, 0, 1)).await.unwrap_err();
    assert!(matches!(error, DelegateError::UnknownPerson), "another agency: {error:?}");
}
