//! Invariant 2: whatever may happen once happens once, whoever races.

use std::sync::Arc;

use futures::future::join_all;

use super::*;
use crate::application::{
    Activation, CodeError, activate, charge_proof, consume_invitation, new_code, withdraw,
};
use crate::operations::store::StoreError;

/// Runs `count` of them at once and tells how many succeeded.
async fn race<T: Send + 'static>(count: usize, run: impl Fn() -> tokio::task::JoinHandle<T>) -> Vec<T> {
    join_all((0..count).map(|_| run())).await.into_iter().map(|joined| joined.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_racing_approvals_one_counts() {
    let town = Arc::new(town().await);
    let application = Arc::new(town.applied(OFFICIAL).await);
    let answers = race(64, || {
        let (town, application) = (Arc::clone(&town), Arc::clone(&application));
        tokio::spawn(async move { town.approve(HEAD, &application, Step::HeadApproval).await })
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for error in answers.into_iter().filter_map(Result::err) {
        assert!(matches!(error, DecideError::Moved | DecideError::NotWaiting(_)), "{error:?}");
    }
    let events = crate::application::events(&town, &application.id).await.unwrap();
    assert_eq!(events.len(), 2, "sent, approved once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_racing_issue_approvals_one_invites() {
    let town = Arc::new(town().await);
    let application = Arc::new(town.applied(OFFICIAL).await);
    town.approve(HEAD, &application, Step::HeadApproval).await.unwrap();
    town.approve(HR_ONE, &application, Step::IdentityCheck).await.unwrap();
    let answers = race(64, || {
        let (town, application) = (Arc::clone(&town), Arc::clone(&application));
        tokio::spawn(async move { town.approve(HR_TWO, &application, Step::IssueApproval).await })
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    town.deliver().await;
    assert_eq!(town.messages(OFFICIAL).await.len(), 1, "one message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn approval_against_withdrawal_has_one_winner() {
    let town = Arc::new(town().await);
    for _ in 0..12 {
        let application = Arc::new(town.applied(OFFICIAL).await);
        let approve = {
            let (town, application) = (Arc::clone(&town), Arc::clone(&application));
            tokio::spawn(async move { town.approve(HEAD, &application, Step::HeadApproval).await.is_ok() })
        };
        let take_back = {
            let (town, application) = (Arc::clone(&town), Arc::clone(&application));
            tokio::spawn(
                async move { withdraw(&town, &application.employee_id, &application.id).await.is_ok() },
            )
        };
        let (approved, withdrawn) = (approve.await.unwrap(), take_back.await.unwrap());
        let state = town.state(&application).await;
        match (approved, withdrawn) {
            // Both may succeed only one after the other: approved first, then withdrawn.
            (true, true) | (false, true) => assert_eq!(state, State::Withdrawn),
            (true, false) => assert_eq!(state, State::HeadApproved),
            (false, false) => panic!("neither won"),
        }
        if state != State::Withdrawn {
            withdraw(&town, &application.employee_id, &application.id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_applications_made_at_once_one_is_made() {
    let town = Arc::new(town().await);
    let id = town.id(OFFICIAL).await;
    let answers = race(16, || {
        let (town, id) = (Arc::clone(&town), id.clone());
        let request = Request { kind: Kind::First, note: String::new(), key: None, submit: true };
        tokio::spawn(async move { apply(&town, &id, request).await.is_ok() })
    })
    .await;
    assert_eq!(answers.into_iter().filter(|made| *made).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_repeats_with_one_key_all_get_the_same_application() {
    let town = Arc::new(town().await);
    let id = town.id(OFFICIAL).await;
    let answers = race(16, || {
        let (town, id) = (Arc::clone(&town), id.clone());
        let request =
            Request { kind: Kind::First, note: String::new(), key: Some("same".into()), submit: true };
        tokio::spawn(async move { apply(&town, &id, request).await.unwrap() })
    })
    .await;
    assert_eq!(answers.iter().filter(|(_, new)| *new).count(), 1);
    assert!(answers.iter().all(|(application, _)| application.id == answers[0].0.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_phones_with_the_right_code_one_is_accepted() {
    let town = Arc::new(town().await);
    let application = town.approved(OFFICIAL).await;
    let handle = town.handle(OFFICIAL).await;
    let code = new_code(&town, &application.employee_id).await.unwrap().code;
    let answers = race(64, || {
        let (platform, handle, code) = (Arc::clone(&town.platform), handle.clone(), code.clone());
        tokio::spawn(async move {
            let (store, now) = (platform.store.clone(), platform.now_ms());
            store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move { activate(tx, &platform, &handle, &code, now).await })
                })
                .await
                .unwrap()
        })
    })
    .await;
    let accepted = answers.iter().filter(|answer| matches!(answer, Activation::Accepted(_))).count();
    assert_eq!(accepted, 1);
    assert!(answers.iter().all(|answer| matches!(answer, Activation::Accepted(_) | Activation::NoCode)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_guessed_proofs_five_are_judged() {
    let town = Arc::new(town().await);
    let invitation = super::phones::activated(&town, OFFICIAL).await;
    let answers = race(100, || {
        let (platform, id) = (Arc::clone(&town.platform), invitation.id.clone());
        tokio::spawn(async move {
            let now = platform.now_ms();
            platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move { charge_proof(tx, &id, now).await })
                })
                .await
                .unwrap()
        })
    })
    .await;
    let mut left: Vec<i64> = answers.into_iter().flatten().collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_registrations_one_uses_the_invitation() {
    let town = Arc::new(town().await);
    let invitation = super::phones::activated(&town, OFFICIAL).await;
    let answers = race(64, || {
        let (platform, id) = (Arc::clone(&town.platform), invitation.id.clone());
        tokio::spawn(async move {
            let now = platform.now_ms();
            platform
                .store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move { consume_invitation(tx, &id, now).await })
                })
                .await
                .unwrap()
        })
    })
    .await;
    assert_eq!(answers.into_iter().filter(|used| *used).count(), 1);
    let error = new_code(&town, &invitation.employee_id).await.unwrap_err();
    assert!(matches!(error, CodeError::NoInvitation), "used up: {error:?}");
}
