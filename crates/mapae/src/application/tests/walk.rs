use super::*;
use crate::application::apply::ApplyError;
use crate::application::{Act, Activation, activate, events, mark_issued, new_code, submit, withdraw};
use crate::operations::language::Language;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};

#[tokio::test]
async fn an_application_passes_three_pairs_of_hands_and_reaches_the_phone() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    assert_eq!(application.state, State::Submitted);
    assert_eq!(town.approve(HEAD, &application, Step::HeadApproval).await.unwrap(), State::HeadApproved);
    assert_eq!(
        town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap(),
        State::IdentityChecked
    );
    assert_eq!(town.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap(), State::IssueApproved);

    let handle = town.handle(OFFICIAL).await;
    assert_eq!(town.state(&application).await, State::Invited, "the outbox told that the message is out");
    let text = town.messages(OFFICIAL).await.remove(0);
    let person = demo_data::person(OFFICIAL);
    for personal in [&person.name, &person.number, &person.phone] {
        assert!(!text.contains(personal.as_str()), "a message carries only the address: {text}");
    }

    let code = new_code(&town, &application.employee_id).await.unwrap();
    assert_eq!((code.code.len(), code.tries_left), (8, 5));
    let platform = std::sync::Arc::clone(&town.platform);
    let now = town.now_ms();
    let accepted = town
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { activate(tx, &platform, &handle, &code.code, now).await })
        })
        .await
        .unwrap();
    let Activation::Accepted(invitation) = accepted else { panic!("{accepted:?}") };
    assert_eq!(invitation.application_id, application.id);

    let application_id = application.id.clone();
    let issued = town
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let once = mark_issued(tx, &application_id, "badge-1", now).await?;
                let twice = mark_issued(tx, &application_id, "badge-2", now).await?;
                Ok((once, twice))
            })
        })
        .await
        .unwrap();
    assert_eq!(issued, (true, false));
    let done = town.now(&application).await;
    assert_eq!((done.state, done.badge_id.as_deref()), (State::Issued, Some("badge-1")));

    let acts: Vec<Act> =
        events(&town, &application.id).await.unwrap().iter().map(|event| event.act).collect();
    assert_eq!(
        acts,
        [Act::Submit, Act::HeadApprove, Act::CheckIdentity, Act::ApproveIssue, Act::Invite, Act::Issue]
    );
    // Invariant 8: each of them stands in the audit log.
    for act in ["submit", "head_approve", "check_identity", "approve_issue", "invite", "issue"] {
        let row = town
            .store
            .fetch_one(
                "SELECT COUNT(*) AS n FROM audit_record WHERE act = $1 AND subject = $2",
                params![format!("application.{act}"), application.id.as_str()],
            )
            .await
            .unwrap();
        assert_eq!(row.int("n").unwrap(), 1, "{act}");
    }
}

#[tokio::test]
async fn an_excluded_agency_is_refused_with_its_own_reason_in_both_languages() {
    let town = town().await;
    let request = Request { kind: Kind::First, note: String::new(), key: None, submit: true };
    let error = apply(&town, &town.id(EXCLUDED).await, request).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::NotEligible(refused) if refused.code == "personnel.agency_excluded")
    );
    let problem = Problem::from(error);
    assert!(problem.detail(Language::Ko).contains("군사 보안에 따라"), "{}", problem.detail(Language::Ko));
    assert!(problem.detail(Language::En).contains("Military security"), "{}", problem.detail(Language::En));
}

#[tokio::test]
async fn a_returned_application_is_completed_and_decided_again_by_the_same_head() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    let head = town.actor(HEAD).await;
    let back = Decision::Return { reason: "출입 목적을 적어 주세요".into() };
    decide(&town, &head, &application.id, Step::HeadApproval, back).await.unwrap();
    assert_eq!(town.state(&application).await, State::Draft);
    let noted = events(&town, &application.id).await.unwrap().pop().unwrap();
    assert_eq!(noted.note.as_deref(), Some("출입 목적을 적어 주세요"));

    submit(&town, &application.employee_id, &application.id, "청사 출입").await.unwrap();
    assert_eq!(town.approve(HEAD, &application, Step::HeadApproval).await.unwrap(), State::HeadApproved);
}

#[tokio::test]
async fn to_reject_or_return_takes_a_reason_of_a_readable_length() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    let head = town.actor(HEAD).await;
    for reason in ["", "   \n"] {
        let no = Decision::Reject { reason: reason.into() };
        let error = decide(&town, &head, &application.id, Step::HeadApproval, no).await.unwrap_err();
        assert!(matches!(error, DecideError::NoReason));
    }
    let long = Decision::Return { reason: "가".repeat(501) };
    let error = decide(&town, &head, &application.id, Step::HeadApproval, long).await.unwrap_err();
    assert!(matches!(error, DecideError::ReasonTooLong));

    let no = Decision::Reject { reason: "부서를 옮길 예정입니다".into() };
    assert_eq!(decide(&town, &head, &application.id, Step::HeadApproval, no).await.unwrap(), State::Rejected);
    // Over: nothing more can be done, and a new one may be made.
    let error = town.approve(HEAD, &application, Step::HeadApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::NotWaiting(State::Rejected)));
    town.applied(OFFICIAL).await;
}

#[tokio::test]
async fn a_step_that_does_not_wait_is_refused() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    for (n, step) in [(HR_ONE, Step::IdentityCheck), (HR_TWO, Step::IssueApproval)] {
        let error = town.approve(n, &application, step).await.unwrap_err();
        assert!(matches!(error, DecideError::NotWaiting(State::Submitted)), "{error:?}");
    }
}

#[tokio::test]
async fn a_second_application_waits_until_the_first_is_over() {
    let town = town().await;
    let first = town.applied(OFFICIAL).await;
    let again = Request { kind: Kind::First, note: String::new(), key: None, submit: true };
    let error = apply(&town, &first.employee_id, again.clone()).await.unwrap_err();
    assert!(matches!(error, ApplyError::Open));
    withdraw(&town, &first.employee_id, &first.id).await.unwrap();
    assert_eq!(town.state(&first).await, State::Withdrawn);
    apply(&town, &first.employee_id, again).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_repeated_gets_the_first_answer() {
    let town = town().await;
    let id = town.id(OFFICIAL).await;
    let request = Request { kind: Kind::First, note: String::new(), key: Some("key-1".into()), submit: true };
    let (first, new) = apply(&town, &id, request.clone()).await.unwrap();
    assert!(new);
    let (second, new) = apply(&town, &id, request).await.unwrap();
    assert!(!new);
    assert_eq!(first.id, second.id);
    // Another person's key of the same text is another request.
    let other = Request { kind: Kind::First, note: String::new(), key: Some("key-1".into()), submit: true };
    assert!(apply(&town, &town.id(COLLEAGUE).await, other).await.unwrap().1);
}

#[tokio::test]
async fn a_reissue_needs_a_badge_and_a_first_issue_needs_none() {
    let town = town().await;
    let id = town.id(OFFICIAL).await;
    for kind in [Kind::DeviceChange, Kind::Loss, Kind::Expiry, Kind::Recovery] {
        let request = Request { kind, note: String::new(), key: None, submit: true };
        assert!(matches!(apply(&town, &id, request).await.unwrap_err(), ApplyError::HasNoBadge), "{kind:?}");
    }
    let application = town.approved(OFFICIAL).await;
    let (application_id, now) = (application.id.clone(), town.now_ms());
    town.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { mark_issued(tx, &application_id, "badge", now).await })
        })
        .await
        .unwrap();
    let request = Request { kind: Kind::First, note: String::new(), key: None, submit: true };
    assert!(matches!(apply(&town, &id, request).await.unwrap_err(), ApplyError::HasBadge));
    let request = Request { kind: Kind::DeviceChange, note: String::new(), key: None, submit: true };
    apply(&town, &id, request).await.unwrap();
}

#[tokio::test]
async fn what_nobody_moves_expires_and_takes_its_invitation_along() {
    let town = town().await;
    let waiting = town.applied(COLLEAGUE).await;
    let approved = town.approved(OFFICIAL).await;
    town.clock.advance_ms(15 * 24 * 3_600_000);
    assert_eq!(crate::application::invitation::expire(&town).await.unwrap(), 1);
    assert_eq!(town.state(&approved).await, State::Expired);
    assert_eq!(town.state(&waiting).await, State::Submitted);
    town.clock.advance_ms(16 * 24 * 3_600_000);
    assert_eq!(crate::application::invitation::expire(&town).await.unwrap(), 1);
    assert_eq!(town.state(&waiting).await, State::Expired);
}
