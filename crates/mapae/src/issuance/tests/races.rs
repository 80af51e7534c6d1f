//! Whatever may be used once, 64 at a time: exactly one success.

use futures::future::join_all;

use super::holder::{Holder, Reply, holder_keys, offer_on, order, wallet_offer};
use crate::lifecycle::{self, Badge, BadgeState, By, ChangeError, Reason};
use crate::testing;

const RACERS: usize = 64;

fn winners(replies: &[Reply]) -> usize {
    replies.iter().filter(|reply| reply.status == 200).count()
}

async fn race(
    requests: impl IntoIterator<Item = impl Future<Output = Reply> + Send + 'static>,
) -> Vec<Reply> {
    let tasks: Vec<_> = requests.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_is_redeemed_once() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let replies = race((0..RACERS).map(|_| {
        let (wallet, form) = (wallet.clone(), Holder::token_form(&held, Some(&tx_code)));
        async move {
            let proof = wallet.dpop("/issuance/token", None);
            wallet.post_token(form, Some(&proof)).await
        }
    }))
    .await;
    assert_eq!(winners(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.refusal(), (400, "invalid_grant".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_proof_redeems_one_offer_and_no_other_code_is_charged_with_it() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let proof = wallet.dpop("/issuance/token", None);
    let replies = race((0..RACERS).map(|_| {
        let (wallet, proof) = (wallet.clone(), proof.clone());
        let form = Holder::token_form(&held, Some(&tx_code));
        async move { wallet.post_token(form, Some(&proof)).await }
    }))
    .await;
    assert_eq!(winners(&replies), 1);
    let replayed = replies.iter().filter(|reply| reply.refusal().1 == "invalid_dpop_proof").count();
    assert_eq!(replayed, RACERS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_at_once_are_judged_five_times_and_then_the_right_one_is_late() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    wallet.c_nonce().await;
    let replies = race((0..RACERS).map(|n| {
        let guess = format!("{:08}", (tx_code.parse::<usize>().unwrap() + n + 1) % 100_000_000);
        let (wallet, form) = (wallet.clone(), Holder::token_form(&held, Some(&guess)));
        async move {
            let proof = wallet.dpop("/issuance/token", None);
            wallet.post_token(form, Some(&proof)).await
        }
    }))
    .await;
    let judged = replies.iter().filter(|reply| reply.json().get("tx_code_tries_left").is_some()).count();
    assert_eq!((winners(&replies), judged), (0, 5));
    assert_eq!(wallet.token(&held, Some(&tx_code)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_yields_one_batch() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let (offer, tx_code) = wallet_offer(&platform, &employee).await;
    let mut wallet = Holder::new(&platform);
    let held = wallet.fetch(&offer).await;
    let token = wallet.access_token(&held, Some(&tx_code)).await;
    let replies = race((0..RACERS).map(|_| {
        let (mut wallet, token) = (wallet.clone(), token.clone());
        async move { wallet.credentials(&token, &holder_keys(1)).await }
    }))
    .await;
    assert_eq!(winners(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.refusal(), (401, "invalid_token".to_owned()));
    }
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!(badge.copy_next, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_serves_one_of_many_holders() {
    let platform = testing::platform().await;
    let employees = platform.people(16).await;
    let mut ready = Vec::new();
    for employee in &employees {
        let (offer, tx_code) = wallet_offer(&platform, employee).await;
        let mut wallet = Holder::new(&platform);
        let held = wallet.fetch(&offer).await;
        let token = wallet.access_token(&held, Some(&tx_code)).await;
        ready.push((wallet, token));
    }
    let nonce = ready[0].0.c_nonce().await;
    let replies = race(ready.into_iter().map(|(wallet, token)| {
        let nonce = nonce.clone();
        async move {
            let body = Holder::request(vec![wallet.proof(&holder_keys(1)[0], &nonce)]);
            let proof = wallet.dpop("/issuance/credential", Some(&token));
            wallet.post_credential(&token, Some(&proof), body).await
        }
    }))
    .await;
    assert_eq!(winners(&replies), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(reply.refusal(), (400, "invalid_nonce".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_re_issues_one_wins_and_the_old_badge_ends_with_it() {
    let platform = testing::platform().await;
    let employee = platform.people(1).await.remove(0);
    let mut wallet = Holder::new(&platform);
    let (offer, code) = wallet_offer(&platform, &employee).await;
    let held = wallet.fetch(&offer).await;
    wallet.redeem(&held, Some(&code), 1).await;
    let old = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();

    // Two redeemed re-issues of one employee, which the superseding of offers would not let happen in a row: as if two
    // servers had entered them in the same moment.
    let approved = order(&platform, &employee, "device_change").await;
    let mut ready = Vec::new();
    for _ in 0..2 {
        let (offer, code) = offer_on(&platform, approved.clone()).await.unwrap();
        let mut phone = Holder::new(&platform);
        let held = phone.fetch(&offer).await;
        let token = phone.access_token(&held, Some(&code)).await;
        ready.push((phone, token));
    }
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE issuance_offer SET state = 'redeemed' WHERE state = 'superseded'";
                tx.execute(sql, vec![]).await
            })
        })
        .await
        .unwrap();
    let replies = race(
        ready
            .into_iter()
            .map(|(mut phone, token)| async move { phone.credentials(&token, &holder_keys(2)).await }),
    )
    .await;
    assert_eq!(winners(&replies), 1);
    let loser = replies.iter().find(|reply| reply.status != 200).unwrap();
    assert_eq!(loser.refusal(), (400, "credential_request_denied".to_owned()));
    let new = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    let old = Badge::find(&platform.store, &old.id).await.unwrap().unwrap();
    assert_ne!(new.id, old.id);
    assert_eq!((new.state, old.state), (BadgeState::Active, BadgeState::Replaced));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_of_suspend_and_issue_leaves_an_active_badge_behind_a_suspension() {
    let platform = testing::platform().await;
    let employees = platform.people(12).await;
    for employee in employees {
        let mut wallet = Holder::new(&platform);
        let (offer, code) = wallet_offer(&platform, &employee).await;
        let held = wallet.fetch(&offer).await;
        wallet.redeem(&held, Some(&code), 1).await;
        let (offer, code) =
            offer_on(&platform, order(&platform, &employee, "device_change").await).await.unwrap();
        let held = wallet.fetch(&offer).await;
        let token = wallet.access_token(&held, Some(&code)).await;

        let mut issuing = wallet.clone();
        let issue = tokio::spawn(async move { issuing.credentials(&token, &holder_keys(1)).await });
        let (store, person) = (platform.store.clone(), employee.clone());
        let report = tokio::spawn(async move {
            store
                .write(move |tx| {
                    Box::pin(async move {
                        let by = By::system();
                        let badge = lifecycle::suspend_employee(tx, &person, &by, Reason::Theft).await?;
                        Ok::<_, ChangeError>(badge)
                    })
                })
                .await
        });
        let (_, reported) = (issue.await.unwrap(), report.await.unwrap());
        assert!(reported.unwrap().is_some());
        let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
        assert_eq!(badge.state, BadgeState::Suspended, "whichever came first");
    }
}
