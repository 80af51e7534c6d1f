//! A real wallet asks for its gate pass.

use super::enrolment::Invited;
use super::passkeys::code_of;
use super::*;
use crate::lifecycle::{self, Badge, By, Reason};

#[tokio::test]
async fn a_phone_gets_a_gate_pass_while_its_badge_is_good_and_none_once_it_is_suspended() {
    let invited = Invited::new().await;
    let mut wallet = invited.with_badge().await;
    wallet.renew_gate_pass().await.unwrap();
    let until = wallet.gate_pass_until().unwrap();
    let now_s = invited.town.now_ms() / 1_000;
    assert!((now_s + 86_000..=now_s + 86_400).contains(&until), "a day at most");
    let account = wallet.state().account.as_ref().unwrap().id.clone();
    let badge = Badge::live_of_account(&invited.town.store, &account).await.unwrap().unwrap().id;
    invited
        .town
        .store
        .write::<_, lifecycle::ChangeError, _>(move |tx| {
            Box::pin(async move { lifecycle::suspend(tx, &badge, &By::system(), Reason::Loss).await })
        })
        .await
        .unwrap();
    invited.town.clock.advance_ms(13 * 3_600_000);
    assert_eq!(code_of(wallet.renew_gate_pass().await), "account_suspended");
    assert_eq!(wallet.gate_pass_until(), None);
    let told = "SELECT record FROM gate_feed ORDER BY seq";
    let rows = invited.town.store.fetch_all(told, params![]).await.unwrap();
    let last = rows.last().unwrap().text("record").unwrap();
    assert!(last.contains("\"stopped\""), "{last}");
}
