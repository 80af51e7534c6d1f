//! Finding a person, resuming, revoking, unlocking.

use super::*;
use crate::account;
use crate::application::tests::{AUDITOR, HR_ONE, HR_TWO, OFFICIAL, SECURITY, STRANGER, town};
use crate::lifecycle::tests::badge;
use crate::lifecycle::{Badge, BadgeState, Reason};
use crate::loss::{Cause, Report, Way};
use crate::operations::store::{StoreError, params};

async fn state(town: &Town, badge: &Badge) -> (BadgeState, Reason) {
    let now = Badge::find(&town.store, &badge.id).await.unwrap().unwrap();
    (now.state, now.reason)
}

async fn lost(town: &Town, badge: &Badge) {
    let report =
        Report { employee_id: badge.employee_id.clone(), cause: Cause::Loss, way: Way::Portal, by: None };
    crate::loss::report(town, report).await.unwrap();
}

#[tokio::test]
async fn people_are_found_by_a_part_of_the_name_or_the_number_in_reach_only() {
    let town = town().await;
    let official = town.actor(OFFICIAL).await;
    let name: String = official.name.ko.chars().take(2).collect();
    let hr = Desk::of(&town, HR_ONE).await;
    let query = url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
    assert!(hr.read(&format!("/people?q={query}")).await.contains(&official.employee_id));
    let number = crate::personnel::demo_data::person(OFFICIAL).number;
    assert!(hr.read(&format!("/people?q={number}")).await.contains(&official.employee_id));
    let stranger = Desk::of(&town, STRANGER).await;
    assert!(!stranger.read(&format!("/people?q={number}")).await.contains(&official.employee_id));
    assert!(
        hr.read("/people?q=%EA%B9%80").await.contains("두 글자"),
        "one syllable would be half the country"
    );
    let looked = town
        .store
        .fetch_one("SELECT COUNT(*) AS looks FROM audit_record WHERE act = 'personnel.search'", Vec::new())
        .await
        .unwrap();
    assert_eq!(looked.int("looks").unwrap(), 4, "each search is a record, the refused one too");
}

#[tokio::test]
async fn a_stopped_badge_is_resumed_with_a_reason_and_never_by_its_holder() {
    let town = town().await;
    let own = badge(&town, &town.id(SECURITY).await).await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    lost(&town, &badge).await;
    lost(&town, &own).await;
    let desk = Desk::of(&town, SECURITY).await;
    let path = format!("/people/{}", badge.employee_id);
    assert!(desk.read(&path).await.contains("되살리기"));
    let refused = desk.post(&format!("{path}/resume"), "code=found&reason=%20").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "no reason");
    assert_eq!(state(&town, &badge).await.0, BadgeState::Suspended);
    let done = desk.post(&format!("{path}/resume"), "code=found&reason=%EC%B0%BE%EC%95%98%EC%9D%8C").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(state(&town, &badge).await, (BadgeState::Active, Reason::Found));
    let again = desk.post(&format!("{path}/resume"), "code=found&reason=x").await;
    assert_eq!(again.status, StatusCode::CONFLICT, "it is active");
    let own = format!("/people/{}/resume", own.employee_id);
    assert_eq!(desk.post(&own, "code=found&reason=x").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn revoking_needs_the_name_typed_and_is_for_good() {
    let town = town().await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    let desk = Desk::of(&town, HR_ONE).await;
    let path = format!("/people/{}/revoke", badge.employee_id);
    let wrong = desk.post(&path, "code=order&reason=x&name=%EA%B9%80%EC%95%84%EB%AC%B4").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "another name");
    assert_eq!(state(&town, &badge).await.0, BadgeState::Active);
    let name = town.actor(OFFICIAL).await.name.ko;
    let name = url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>();
    let done = desk.post(&path, &format!("code=order&reason=x&name={name}")).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(state(&town, &badge).await, (BadgeState::Revoked, Reason::Order));
    let resume = format!("/people/{}/resume", badge.employee_id);
    assert_eq!(desk.post(&resume, "code=found&reason=x").await.status, StatusCode::CONFLICT);
}

/// An account that five wrong PINs have locked.
pub(super) async fn locked_account(town: &Town, n: u64) -> String {
    let (id, employee_id) = (crate::operations::id::new(), town.id(n).await);
    let (account, now_ms) = (id.clone(), town.now_ms());
    let key = keys::SecretKey::generate().public_key().clone();
    town.store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, pin_key, \
                     pin_generation, pin_right_at, pin_set_at, sequence, tries, charged_at, created_at) \
                     VALUES ($1, $2, 'none', 'active', $3, $4, $5, 1, $6, $6, 1, 5, $6, $6)",
                    params![account, employee_id, key.to_sec1().to_vec(), "thumb", vec![0_u8], now_ms],
                )
                .await
            })
        })
        .await
        .unwrap();
    id
}

#[tokio::test]
async fn two_hr_managers_unlock_together_and_one_alone_never_does() {
    let town = town().await;
    let account = locked_account(&town, OFFICIAL).await;
    let (first, second) = (Desk::of(&town, HR_ONE).await, Desk::of(&town, HR_TWO).await);
    let (ask, confirm) = (format!("/unlock/{account}/ask"), format!("/unlock/{account}/confirm"));
    assert_eq!(second.post(&confirm, "").await.status, StatusCode::CONFLICT, "nobody asked yet");
    assert_eq!(Desk::of(&town, STRANGER).await.post(&ask, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(Desk::of(&town, AUDITOR).await.post(&ask, "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(first.post(&ask, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(first.post(&confirm, "").await.status, StatusCode::FORBIDDEN, "the same person twice");
    assert!(first.read("/unlock").await.contains("다른 인사담당자의 확인"));
    town.clock.advance_ms(crate::operations::limits::DESK_UNLOCK.get());
    assert_eq!(second.post(&confirm, "").await.status, StatusCode::CONFLICT, "too late");
    assert_eq!(first.post(&ask, "").await.status, StatusCode::SEE_OTHER);
    let done = second.post(&confirm, "").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let code = done.body.split_once("id=\"unlock-code\">").unwrap().1.split('<').next().unwrap();
    assert!(code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
    let standing = account::standing(&town.store, &account).await.unwrap().unwrap();
    assert_eq!(standing.state, wallet::account::messages::AccountState::NewPinNeeded);
    assert_eq!(second.post(&confirm, "").await.status, StatusCode::CONFLICT, "the request is used up");
}

#[tokio::test]
async fn of_many_who_confirm_at_once_one_gets_a_code() {
    let town = town().await;
    let account = locked_account(&town, OFFICIAL).await;
    let (hr_one, hr_two) = (town.id(HR_ONE).await, town.id(HR_TWO).await);
    account::ask_unlock(&town, &account, &hr_one).await.unwrap();
    let racing = (0..16).map(|_| account::confirm_unlock(&town, &account, &hr_two));
    let outcomes = futures::future::join_all(racing).await;
    let codes: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(codes.len(), 1, "an unlock is used once");
}
