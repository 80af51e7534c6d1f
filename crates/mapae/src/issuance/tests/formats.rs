//! One badge in two formats: as SD-JWT VC and as mobile document, under one token, each once.

use std::collections::HashSet;

use credential::mdoc::{self, IssuerSigned};
use credential::verify::{AcceptedTypes, ChainCache};
use futures::future::join_all;
use keys::encoding::b64url_decode;

use super::holder::{Holder, Reply, credentials_of, holder_keys, status_of, wallet_offer};
use crate::issuance::{BADGE, BADGE_MDOC};
use crate::lifecycle::{self, Badge, By, ChangeError, Reason, local_trust};
use crate::testing::{self, TestPlatform};

async fn ready(platform: &TestPlatform) -> (Holder, String, String) {
    let employee = platform.people(1).await.remove(0);
    let (offer, code) = wallet_offer(platform, &employee).await;
    let mut wallet = Holder::new(platform);
    let held = wallet.fetch(&offer).await;
    assert_eq!(held.credential_configuration_ids, [BADGE, BADGE_MDOC]);
    let token = wallet.access_token(&held, Some(&code)).await;
    (wallet, token, employee)
}

fn document(text: &str) -> IssuerSigned {
    IssuerSigned::parse(&b64url_decode(text).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_yields_one_batch_in_each_format_of_the_same_badge() {
    let platform = testing::platform().await;
    let (mut wallet, token, employee) = ready(&platform).await;
    // In either order: the documents come first here.
    let keys = holder_keys(5);
    let reply = wallet.credentials_as(BADGE_MDOC, &token, &keys).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let documents = credentials_of(&reply);
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!(badge.copy_next, 5);
    let tokens = credentials_of(&wallet.credentials(&token, &holder_keys(20)).await);
    let now = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!((now.id, now.copy_next), (badge.id, 25), "one badge, and its copies are counted together");

    let trust = local_trust(&platform).await.unwrap();
    let types = AcceptedTypes::OneOf(vec!["io.mapae.badge.1".into()]);
    let now = platform.now_ms() / 1000;
    for (text, key) in documents.iter().zip(&keys) {
        let bytes = b64url_decode(text).unwrap();
        let chains = ChainCache::new(1);
        let verified =
            mdoc::verify_received(&bytes, key.public_key(), &types, &*trust, &chains, now).unwrap();
        let told = &verified.claims["io.mapae.badge.1"];
        assert!(told["name"]["ko"].is_string() && told["is_serving"] == true);
        assert!(told.get("link_id").is_none(), "what is for the login provider alone is in no document");
    }
    let place = |document: IssuerSigned| {
        let status = document.dangerous_status().unwrap();
        (status.uri.clone(), status.index)
    };
    let mut places: HashSet<_> = tokens.iter().map(|token| status_of(token)).collect();
    places.extend(documents.iter().map(|text| place(document(text))));
    assert_eq!(places.len(), 25, "no place on a status list twice");

    for configuration in [BADGE, BADGE_MDOC] {
        let again = wallet.credentials_as(configuration, &token, &holder_keys(1)).await;
        assert_eq!(again.refusal(), (401, "invalid_token".to_owned()), "{configuration}");
    }
    let unknown = wallet.credentials_as("badge-ldp", &token, &holder_keys(1)).await;
    assert_eq!(unknown.refusal(), (400, "unknown_credential_configuration".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_asked_for_at_once_by_many_come_once_each() {
    let platform = testing::platform().await;
    let (wallet, token, employee) = ready(&platform).await;
    let ask = |n: usize| {
        let (mut wallet, token) = (wallet.clone(), token.clone());
        let configuration = if n.is_multiple_of(2) { BADGE } else { BADGE_MDOC };
        tokio::spawn(async move { wallet.credentials_as(configuration, &token, &holder_keys(2)).await })
    };
    let replies: Vec<Reply> = join_all((0..64).map(ask)).await.into_iter().map(Result::unwrap).collect();
    for parity in 0..2 {
        let mine = || replies.iter().enumerate().filter(|(n, _)| n % 2 == parity).map(|(_, reply)| reply);
        assert_eq!(mine().filter(|reply| reply.status == 200).count(), 1);
        for lost in mine().filter(|reply| reply.status != 200) {
            assert!([400, 401].contains(&lost.refusal().0), "{}", lost.json());
        }
    }
    let badge = Badge::live_of_employee(&platform.store, &employee).await.unwrap().unwrap();
    assert_eq!(badge.copy_next, 4);
}

#[tokio::test]
async fn a_resume_brings_back_no_right_to_the_other_format() {
    let platform = testing::platform().await;
    let (mut wallet, token, employee) = ready(&platform).await;
    assert_eq!(wallet.credentials(&token, &holder_keys(1)).await.status, 200);
    let changed = platform.store.write(move |tx| {
        Box::pin(async move {
            let by = By { actor: "security".into(), duty: "security_officer".into() };
            let badge = lifecycle::suspend_employee(tx, &employee, &by, Reason::Theft).await?;
            let badge = badge.ok_or(ChangeError::Unknown)?;
            lifecycle::resume(tx, &badge.id, &by, Reason::Found).await
        })
    });
    changed.await.unwrap();
    let reply = wallet.credentials_as(BADGE_MDOC, &token, &holder_keys(1)).await;
    assert_eq!(reply.refusal(), (400, "credential_request_denied".to_owned()));
}
