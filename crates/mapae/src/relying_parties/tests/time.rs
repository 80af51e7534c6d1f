//! A registration ends: by time, which is told before, or at once.

use super::*;
use crate::relying_parties::reminder;
use crate::verification::relying_party::Standing;

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn those_who_agreed_on_it_are_told_before_it_ends_each_time_once() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    town.deliver().await;
    assert_eq!(reminder::sweep(&town.platform).await.unwrap(), 0);
    for days in [60, 30, 7, 1] {
        let ends = look(&town, "documents").await.expires_at.unwrap();
        town.clock.advance_ms(ends - days * DAY_MS - town.now_ms());
        assert_eq!(reminder::sweep(&town.platform).await.unwrap(), 1, "{days} days before");
        assert_eq!(reminder::sweep(&town.platform).await.unwrap(), 0, "once");
    }
    town.clock.advance_ms(12 * 3_600_000);
    town.deliver().await;
    for n in [OPERATOR, SECOND] {
        let told =
            town.messages(n).await.into_iter().filter(|text| text.contains("예시 문서 시스템")).count();
        assert!(told >= 1, "{n} was told");
    }
}

#[tokio::test]
async fn one_found_late_is_told_what_is_true_now_and_nothing_older() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    town.clock.advance_ms(360 * DAY_MS);
    assert_eq!(reminder::sweep(&town.platform).await.unwrap(), 1);
    assert_eq!(reminder::sweep(&town.platform).await.unwrap(), 0);
    let days = town.store.fetch_one("SELECT days FROM relying_party_reminder", Vec::new()).await.unwrap();
    assert_eq!(days.int("days").unwrap(), 7);
}

#[tokio::test]
async fn not_renewed_it_ends_after_a_year_and_two_persons_bring_it_back() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    town.clock.advance_ms(365 * DAY_MS);
    let party = look(&town, "documents").await;
    assert_eq!(party.standing, Standing::Expired);
    assert!(relying_party::find(&town.store, "documents").await.unwrap().is_none());
    let same = Proposal::of(&town.store, &party).await.unwrap();
    agreed(&town, same, Some(party.version)).await;
    let party = look(&town, "documents").await;
    assert_eq!(party.standing, Standing::Live);
    assert_eq!(party.expires_at, Some(town.now_ms() + 365 * DAY_MS));
}

#[tokio::test]
async fn one_person_ends_it_at_once_with_a_reason_and_one_alone_does_not_bring_it_back() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let who = town.actor(OPERATOR).await;
    let end = |reason: &'static str| request::disable(&town.platform, &who, "documents", reason);
    assert_eq!(code(end(" ").await.unwrap_err()).1, "application_no_reason");
    end("예시 사유").await.unwrap();
    assert_eq!(code(end("예시 사유").await.unwrap_err()).1, "party_disabled");
    let party = look(&town, "documents").await;
    assert_eq!(party.standing, Standing::Disabled);
    let same = Proposal::of(&town.store, &party).await.unwrap();
    let made = request::ask(&town.platform, &who, same, Some(party.version)).await.unwrap();
    assert_eq!(code(request::approve(&town.platform, &who, &made).await.unwrap_err()).1, "party_same_person");
    request::approve(&town.platform, &town.actor(SECOND).await, &made).await.unwrap();
    assert_eq!(look(&town, "documents").await.standing, Standing::Live);
}

#[tokio::test]
async fn an_end_that_comes_while_a_change_waits_is_not_undone_by_it() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let party = look(&town, "documents").await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let same = Proposal::of(&town.store, &party).await.unwrap();
    let made = request::ask(&town.platform, &first, same, Some(party.version)).await.unwrap();
    request::disable(&town.platform, &first, "documents", "예시 사유").await.unwrap();
    let stale = request::approve(&town.platform, &second, &made).await.unwrap_err();
    assert_eq!(code(stale).1, "party_changed");
    assert_eq!(look(&town, "documents").await.standing, Standing::Disabled);
}
