//! Holders hear in time that their badge ends, once for each reminder, and are not woken for it.

use super::*;
use crate::application::tests::{COLLEAGUE, OFFICIAL, town};
use crate::lifecycle::reminder;

const DAY: i64 = 86_400_000;

#[tokio::test]
async fn sixty_thirty_seven_days_and_one_day_before_the_end_each_once() {
    let town = town().await;
    let badge = badge(&town, &town.id(OFFICIAL).await).await;
    assert_eq!(reminder::sweep(&town).await.unwrap(), 0, "three years are far");
    let left = badge.valid_until - town.now_ms();
    town.clock.advance_ms(left - 61 * DAY);
    assert_eq!(reminder::sweep(&town).await.unwrap(), 0);
    for days in [60, 30, 7, 1] {
        town.clock.advance_ms(badge.valid_until - days * DAY - town.now_ms());
        assert_eq!(reminder::sweep(&town).await.unwrap(), 1, "{days} days before");
        assert_eq!(reminder::sweep(&town).await.unwrap(), 0, "and not twice");
    }
    let told = town
        .store
        .fetch_one("SELECT COUNT(*) AS rows_told FROM notification_outbox WHERE topic = 'notice'", Vec::new())
        .await
        .unwrap();
    assert_eq!(told.int("rows_told").unwrap(), 4);
}

#[tokio::test]
async fn who_is_found_late_hears_what_is_true_now_and_two_processes_tell_once() {
    let town = town().await;
    let late = badge(&town, &town.id(OFFICIAL).await).await;
    let stopped = badge(&town, &town.id(COLLEAGUE).await).await;
    change(&town, &stopped.id, Change::Suspend).await.unwrap();
    town.clock.advance_ms(late.valid_until - 5 * DAY - town.now_ms());
    let both = futures::future::join(reminder::sweep(&town), reminder::sweep(&town)).await;
    assert_eq!(both.0.unwrap() + both.1.unwrap(), 1, "one of two processes, one of two badges");
    let row = town.store.fetch_one("SELECT badge_id, days FROM badge_reminder", Vec::new()).await.unwrap();
    assert_eq!((row.text("badge_id").unwrap(), row.int("days").unwrap()), (late.id, 7));
}
