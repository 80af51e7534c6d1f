//! Invariant 9: nobody decides on their own application, nobody takes two steps of one.

use super::*;
use crate::application::{DelegationKind, Lending, lend};

#[tokio::test]
async fn a_heads_own_request_goes_one_level_up() {
    let town = town().await;
    let application = town.applied(HEAD).await;
    let error = town.approve(HEAD, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::Forbidden), "{error:?}");
    // Not the deputy of the own department either, who works for the head.
    let error = town.approve(DEPUTY, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::Forbidden), "{error:?}");
    assert_eq!(town.approve(TOP_HEAD, &application, Step::HeadApproval).await.unwrap(), State::HeadApproved);
}

#[tokio::test]
async fn a_head_with_nobody_above_is_told_so() {
    let town = town().await;
    let request = Request { kind: Kind::First, note: String::new(), key: None, submit: true };
    let error = apply(&town, &town.id(TOP_HEAD).await, request).await.unwrap_err();
    assert!(matches!(error, crate::application::ApplyError::NobodyDecides), "{error:?}");
}

#[tokio::test]
async fn a_deputys_own_request_is_decided_by_the_head() {
    let town = town().await;
    let application = town.applied(DEPUTY).await;
    let error = town.approve(DEPUTY, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::Own), "{error:?}");
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
}

#[tokio::test]
async fn an_hr_manager_never_checks_or_approves_themselves() {
    let town = town().await;
    let application = town.applied(HR_ONE).await;
    town.approve(375, &application, Step::HeadApproval).await.unwrap();
    let error = town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap_err();
    assert!(matches!(error, DecideError::Own), "{error:?}");
    town.approve(HR_TWO, &application, Step::IdentityCheck).await.unwrap();
    let error = town.approve(HR_ONE, &application, Step::IssueApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::Own), "{error:?}");
    assert_eq!(town.state(&application).await, State::IdentityChecked);
}

#[tokio::test]
async fn who_checked_the_identity_does_not_approve_the_issue() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    let error = town.approve(HR_ONE, &application, Step::IssueApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::TwoSteps), "{error:?}");
    assert_eq!(town.state(&application).await, State::IdentityChecked, "the refusal left nothing behind");
    town.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap();
}

#[tokio::test]
async fn a_lent_hand_counts_as_the_lenders_hand() {
    let town = town().await;
    let lending = Lending {
        kind: DelegationKind::Acting,
        duty: Duty::HrManager,
        to_number: demo_data::person(COLLEAGUE).number,
        from_at: town.now_ms(),
        until_at: town.now_ms() + 86_400_000,
    };
    lend(&town, &town.actor(HR_ONE).await, lending).await.unwrap();

    let application = town.applied(OFFICIAL).await;
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    // The borrower acts for the one who checked: that would be the lender's second step.
    let error = town.approve(COLLEAGUE, &application, Step::IssueApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::TwoSteps), "{error:?}");
    town.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap();

    // And the lender's own application is not decided by the borrower.
    let own = town.applied(HR_ONE).await;
    town.approve(375, &own, Step::HeadApproval).await.unwrap();
    let error = town.approve(COLLEAGUE, &own, Step::IdentityCheck).await.unwrap_err();
    assert!(matches!(error, DecideError::Own), "{error:?}");
}

#[tokio::test]
async fn a_duty_of_another_agency_decides_nothing_here() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    for n in [STRANGER, AUDITOR, HEAD, COLLEAGUE] {
        let error = town.approve(n, &application, Step::IdentityCheck).await.unwrap_err();
        assert!(matches!(error, DecideError::Forbidden), "{n}: {error:?}");
    }
}

#[tokio::test]
async fn a_queue_shows_what_its_reader_may_decide_and_nothing_else() {
    use crate::application::queue::waiting;
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    let own = town.applied(HR_ONE).await;
    town.approve(375, &own, Step::HeadApproval).await.unwrap();
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    let ids = async |n: u64, step: Step| {
        let listing = waiting(&town, &town.actor(n).await, step, None, 50).await.unwrap();
        listing.applications.into_iter().map(|application| application.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(HR_ONE, Step::IdentityCheck).await, [application.id.as_str()], "not the own one");
    assert_eq!(ids(HR_TWO, Step::IdentityCheck).await.len(), 2);
    assert!(ids(STRANGER, Step::IdentityCheck).await.is_empty());
    assert!(ids(HEAD, Step::HeadApproval).await.is_empty());
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    assert!(ids(HR_ONE, Step::IssueApproval).await.is_empty(), "another step of it was taken");
    assert_eq!(ids(HR_TWO, Step::IssueApproval).await, [application.id.as_str()]);
}
