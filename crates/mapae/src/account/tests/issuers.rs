//! A wallet takes a badge of an accredited issuer only, whatever the server that offers it says.

use wallet::issue::Options;

use super::enrolment::Invited;
use super::*;
use crate::ledger::tests::standing::Standing;

fn two() -> Options<'static> {
    Options { copies: Some(2), ..Options::default() }
}

#[tokio::test]
async fn a_wallet_refuses_what_is_not_accredited_for_the_same_reasons_as_every_verifier() {
    for (standing, code) in Standing::REFUSED {
        let invited = Invited::new().await;
        if matches!(standing, Standing::Retired | Standing::Deactivated) {
            // It ended after the phone had its badge.
            Standing::Accredited.set_up(&invited.town).await;
            let mut wallet = invited.proofed().await;
            wallet.register(&pin(RIGHT)).await.unwrap();
            wallet.receive_badge(Options { copies: Some(4), ..Options::default() }).await.unwrap();
            standing.change(&invited.town).await;
            wallet.sync().await.unwrap();
            let id = wallet.badge().unwrap().id.clone();
            for _ in 0..3 {
                wallet.copy_for_offline(&id).await.unwrap();
            }
            let held = wallet.state().holdings[0].copies.len();
            let refused = wallet.renew().await.unwrap_err();
            assert_eq!(refused.code(), code, "{standing:?}");
            assert_eq!(wallet.state().holdings[0].copies.len(), held, "what it holds it keeps");
        } else {
            standing.set_up(&invited.town).await;
            let mut wallet = invited.proofed().await;
            wallet.register(&pin(RIGHT)).await.unwrap();
            let refused = wallet.receive_badge(two()).await.unwrap_err();
            assert_eq!(refused.code(), code, "{standing:?}");
            assert!(wallet.state().holdings.is_empty() && !refused.may_resume());
        }
    }
}

#[tokio::test]
async fn a_phone_pins_the_registrar_when_it_enrols_and_believes_no_older_list() {
    let invited = Invited::new().await;
    Standing::Accredited.set_up(&invited.town).await;
    let wallet = invited.with_badge().await;
    let accreditation = wallet.state().accreditation.clone().unwrap();
    let registrar = accreditation.registrar.unwrap();
    assert_eq!((registrar.members.len(), registrar.needed), (3, 2));
    assert!(wallet.state().trust_list_seen > 0);
    let id = wallet.badge().unwrap().id.clone();
    assert_eq!(wallet.check(&id).await.unwrap().refusal, None);

    // The server is broken into: an entry of its own making, and the version turned back.
    let forged = "UPDATE trust_entry SET statement = NULL, did = NULL";
    for sql in [forged, "UPDATE trust_version SET version = version + 1"] {
        let written: Result<u64, StoreError> = invited
            .town
            .store
            .write(move |tx| Box::pin(async move { tx.execute(sql, params![]).await }))
            .await;
        written.unwrap();
    }
    let wallet = invited.phone.restarted().await;
    assert_eq!(wallet.check(&id).await.unwrap().refusal, Some("issuer_untrusted"));
    let back: Result<u64, StoreError> = invited
        .town
        .store
        .write(move |tx| {
            Box::pin(async move { tx.execute("UPDATE trust_version SET version = 0", params![]).await })
        })
        .await;
    back.unwrap();
    invited.town.clock.advance_ms(6 * 60_000);
    assert_eq!(wallet.check(&id).await.unwrap().refusal, Some("trust_stale"));
}
