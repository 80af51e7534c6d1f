//! The way to the phone: invitation, activation code, proofs, the frozen number.

use std::sync::Arc;

use super::*;
use crate::application::{
    Activation, CodeError, Invitation, activate, charge_proof, frozen_phone, invitation_by_handle,
    invite_again, new_code, proof_failed, proof_passed, withdraw,
};
use crate::operations::store::StoreError;

async fn tried(town: &Town, handle: &str, code: &str) -> Activation {
    let (platform, handle, code) = (Arc::clone(&town.platform), handle.to_owned(), code.to_owned());
    let now = town.now_ms();
    town.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { activate(tx, &platform, &handle, &code, now).await })
        })
        .await
        .unwrap()
}

fn other_than(code: &str) -> String {
    let last = code.chars().last().unwrap().to_digit(10).unwrap();
    format!("{}{}", &code[..7], (last + 1) % 10)
}

pub(super) async fn activated(town: &Town, n: u64) -> Invitation {
    let application = town.approved(n).await;
    let handle = town.handle(n).await;
    let code = new_code(town, &application.employee_id).await.unwrap().code;
    match tried(town, &handle, &code).await {
        Activation::Accepted(invitation) => invitation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn neither_address_nor_code_opens_anything_alone() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    assert_eq!(tried(&town, &handle, "00000000").await, Activation::NoCode, "no code was made yet");
    let code = new_code(&town, &application.employee_id).await.unwrap().code;
    assert_eq!(tried(&town, "another-handle", &code).await, Activation::Gone);
    assert!(matches!(tried(&town, &handle, &code).await, Activation::Accepted(_)));
    assert_eq!(tried(&town, &handle, &code).await, Activation::NoCode, "a code works once");
}

#[tokio::test]
async fn a_new_code_ends_the_one_before_and_forgets_no_wrong_try() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    let first = new_code(&town, &application.employee_id).await.unwrap().code;
    assert_eq!(tried(&town, &handle, &other_than(&first)).await, Activation::Wrong { tries_left: 4 });
    let second = new_code(&town, &application.employee_id).await.unwrap();
    assert_eq!(second.tries_left, 4);
    if first != second.code {
        assert_eq!(tried(&town, &handle, &first).await, Activation::Wrong { tries_left: 3 });
    }
    assert!(matches!(tried(&town, &handle, &second.code).await, Activation::Accepted(_)));
}

#[tokio::test]
async fn a_code_runs_out_after_fifteen_minutes() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    let code = new_code(&town, &application.employee_id).await.unwrap().code;
    town.clock.advance_ms(15 * 60_000);
    assert_eq!(tried(&town, &handle, &code).await, Activation::NoCode);
}

#[tokio::test]
async fn five_wrong_codes_void_the_invitation_and_the_hr_desk_sees_it() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    let code = new_code(&town, &application.employee_id).await.unwrap().code;
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(tried(&town, &handle, &other_than(&code)).await, Activation::Wrong { tries_left: left });
    }
    assert_eq!(tried(&town, &handle, &code).await, Activation::Gone, "the right one comes too late");
    assert!(matches!(new_code(&town, &application.employee_id).await.unwrap_err(), CodeError::NoInvitation));

    let hr = town.actor(HR_ONE).await;
    let stuck = crate::application::queue::stuck(&town, &hr).await.unwrap();
    assert_eq!(stuck.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), [application.id.as_str()]);
    invite_again(&town, &hr, &application.id).await.unwrap();
    let fresh = town.handle(OFFICIAL).await;
    assert_ne!(fresh, handle);
    let code = new_code(&town, &application.employee_id).await.unwrap().code;
    assert_eq!(tried(&town, &handle, &code).await, Activation::Gone, "the old address stays dead");
    assert!(matches!(tried(&town, &fresh, &code).await, Activation::Accepted(_)));
}

#[tokio::test]
async fn an_invitation_ends_after_seventy_two_hours_and_with_a_withdrawal() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    assert!(invitation_by_handle(&town.store, &handle, town.now_ms()).await.unwrap().is_some());
    town.clock.advance_ms(72 * 3_600_000);
    assert!(invitation_by_handle(&town.store, &handle, town.now_ms()).await.unwrap().is_none());

    let other = town.approved(COLLEAGUE).await;
    let handle = town.handle(COLLEAGUE).await;
    let code = new_code(&town, &other.employee_id).await.unwrap().code;
    withdraw(&town, &other.employee_id, &other.id).await.unwrap();
    assert_eq!(tried(&town, &handle, &code).await, Activation::Gone);
    drop(application);
}

#[tokio::test]
async fn wrong_proofs_are_counted_for_the_invitation_and_a_right_one_starts_anew() {
    let town = town().await;
    let invitation = activated(&town, OFFICIAL).await;
    let once = async |passes: bool| {
        let (id, now) = (invitation.id.clone(), town.now_ms());
        town.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let charged = charge_proof(tx, &id, now).await?;
                    if passes {
                        proof_passed(tx, &id).await?;
                    } else if charged.is_some() {
                        proof_failed(tx, &id, now).await?;
                    }
                    Ok(charged)
                })
            })
            .await
            .unwrap()
    };
    assert_eq!(once(false).await, Some(4));
    assert_eq!(once(false).await, Some(3));
    assert_eq!(once(true).await, Some(2));
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(once(false).await, Some(left));
    }
    assert_eq!(once(false).await, None, "void");
    assert_eq!(once(true).await, None);
}

#[tokio::test]
async fn a_changed_phone_number_opens_the_identity_check_again() {
    let town = town().await;
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    let number = demo_data::person(OFFICIAL).phone;
    assert_eq!(frozen_phone(&town, &application.id).await.unwrap(), Some(number.clone()));

    let line =
        demo_data::employee_csv(OFFICIAL).replace(&number, "01099990000").replace("2026-01-01", "2026-11-01");
    town.import(&format!("{}{line}", demo_data::EMPLOYEE_HEADINGS)).await;
    assert_eq!(town.state(&application).await, State::HeadApproved, "with the import itself");
    assert!(matches!(new_code(&town, &application.employee_id).await.unwrap_err(), CodeError::NoInvitation));
    assert_eq!(frozen_phone(&town, &application.id).await.unwrap(), None);
    assert!(invitation_by_handle(&town.store, &handle, town.now_ms()).await.unwrap().is_none(), "void");

    // The same two look again; the new number is frozen now, and the message goes there.
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    town.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap();
    assert_eq!(frozen_phone(&town, &application.id).await.unwrap().as_deref(), Some("01099990000"));
}

#[tokio::test]
async fn a_number_changed_between_check_and_approval_stops_the_approval() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    let number = demo_data::person(OFFICIAL).phone;
    let line =
        demo_data::employee_csv(OFFICIAL).replace(&number, "01099990000").replace("2026-01-01", "2026-11-01");
    town.import(&format!("{}{line}", demo_data::EMPLOYEE_HEADINGS)).await;
    let error = town.approve(HR_TWO, &application, Step::IssueApproval).await.unwrap_err();
    assert!(matches!(error, DecideError::NotWaiting(State::HeadApproved)), "{error:?}");
    assert_eq!(town.state(&application).await, State::HeadApproved);
    town.deliver().await;
    assert!(town.messages(OFFICIAL).await.is_empty());
}

#[tokio::test]
async fn the_checker_approves_what_was_shown_or_nothing() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    let shown = town.seen(&application).await;
    let number = demo_data::person(OFFICIAL).phone;
    let line =
        demo_data::employee_csv(OFFICIAL).replace(&number, "01099990000").replace("2026-01-01", "2026-11-01");
    town.import(&format!("{}{line}", demo_data::EMPLOYEE_HEADINGS)).await;
    let hr = town.actor(HR_ONE).await;
    for seen in [Some(shown), None] {
        let yes = Decision::Approve { seen };
        let error = decide(&town, &hr, &application.id, Step::IdentityCheck, yes).await.unwrap_err();
        assert!(matches!(error, DecideError::RecordChanged), "{error:?}");
    }
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
}
