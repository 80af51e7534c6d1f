//! Copies are renewed silently for 30 days after the last right PIN, and after that the PIN comes first.

use wallet::issue::{Options, Renewal};

use super::enrolment::Invited;
use super::*;

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn silently_for_thirty_days_then_with_the_pin() {
    let invited = Invited::new().await;
    let mut wallet = invited.proofed().await;
    wallet.register(&pin(RIGHT)).await.unwrap();
    assert_eq!(wallet.needs_renewal(), Renewal::NotNeeded, "there is nothing to renew yet");
    wallet.receive_badge(Options { copies: Some(4), ..Options::default() }).await.unwrap();
    wallet.sync().await.unwrap();
    assert_eq!(wallet.needs_renewal(), Renewal::NotNeeded);
    assert!(wallet.renew().await.unwrap().is_none());

    let id = wallet.badge().unwrap().id.clone();
    for _ in 0..3 {
        assert!(!wallet.copy_for_offline(&id).await.unwrap().reused);
    }
    assert_eq!(wallet.needs_renewal(), Renewal::Silent);
    let received = wallet.renew().await.unwrap().unwrap();
    assert_eq!(wallet.badge().unwrap().unused(wallet_now(&invited)), received.copies + 1);

    invited.town.clock.advance_ms(31 * DAY_MS);
    while wallet.needs_renewal() == Renewal::NotNeeded {
        wallet.copy_for_offline(&id).await.unwrap();
    }
    assert_eq!(wallet.needs_renewal(), Renewal::PinFirst);
    assert_eq!(wallet.renew().await.unwrap_err().code(), "pin_first");
    wallet.check_pin(&pin(RIGHT)).await.unwrap();
    assert_eq!(wallet.needs_renewal(), Renewal::Silent);
    wallet.renew().await.unwrap().unwrap();
    assert_eq!(wallet.needs_renewal(), Renewal::NotNeeded);
}

#[tokio::test]
async fn offline_the_last_copy_is_shown_again_and_the_history_says_so() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    let id = wallet.badge().unwrap().id.clone();
    let mut shown = Vec::new();
    for _ in 0..3 {
        shown.push(wallet.copy_for_offline(&id).await.unwrap());
    }
    let reused: Vec<bool> = shown.iter().map(|copy| copy.reused).collect();
    assert_eq!(reused, [false, false, true]);
    assert_ne!(*shown[0].credential, *shown[1].credential);
    let csv = wallet::usage::to_csv(&wallet::usage::search(
        &wallet.state().usage,
        &wallet::usage::Filter { words: "shown_offline", ..Default::default() },
    ));
    assert_eq!(csv.lines().filter(|line| line.ends_with(",true")).count(), 1, "{csv}");
    assert_eq!(csv.lines().filter(|line| line.ends_with(",false")).count(), 2, "{csv}");
}

fn wallet_now(invited: &Invited) -> i64 {
    invited.town.now_ms() / 1_000
}
