//! Secrets: told once, kept as hashes, exchanged with an overlap, ended at once.

use super::*;

fn with_api(id: &str) -> Proposal {
    Proposal { api: true, ..proposal(id) }
}

#[tokio::test]
async fn new_secrets_work_beside_the_old_for_a_week_and_then_alone() {
    let town = town().await;
    let old = agreed(&town, with_api("documents"), None).await;
    let (old_secret, old_key) = (old.client_secret.unwrap(), old.api_key.unwrap());
    let who = town.actor(OPERATOR).await;
    let new = request::rotate(&town.platform, &who, "documents").await.unwrap();
    let (new_secret, new_key) = (new.client_secret.unwrap(), new.api_key.unwrap());
    let party = look(&town, "documents").await;
    assert!(party.secret_matches(&old_secret) && party.secret_matches(&new_secret));
    assert!(!party.secret_matches("") && !party.secret_matches(&new_key));
    for key in [&old_key, &new_key] {
        assert!(relying_party::by_api_key(&town.store, key).await.unwrap().is_some());
    }
    let twice = request::rotate(&town.platform, &who, "documents").await.unwrap_err();
    assert_eq!(
        code(twice),
        (StatusCode::CONFLICT, "party_overlap"),
        "a third beside two would end the first"
    );
    town.clock.advance_ms(7 * 86_400_000);
    let party = look(&town, "documents").await;
    assert!(!party.secret_matches(&old_secret) && party.secret_matches(&new_secret));
    assert!(relying_party::by_api_key(&town.store, &old_key).await.unwrap().is_none());
    assert!(relying_party::by_api_key(&town.store, &new_key).await.unwrap().is_some());
    assert_eq!(
        code(request::end_old(&town.platform, &who, "documents").await.unwrap_err()).1,
        "party_no_overlap"
    );
}

#[tokio::test]
async fn a_stolen_old_secret_is_ended_before_its_week_is_over() {
    let town = town().await;
    let old = agreed(&town, with_api("documents"), None).await;
    let who = town.actor(SECOND).await;
    request::rotate(&town.platform, &who, "documents").await.unwrap();
    request::end_old(&town.platform, &who, "documents").await.unwrap();
    assert!(!look(&town, "documents").await.secret_matches(&old.client_secret.unwrap()));
    assert!(relying_party::by_api_key(&town.store, &old.api_key.unwrap()).await.unwrap().is_none());
    // The server's own road ends both at once.
    let rotated = request::rotate(&town.platform, &who, "documents").await.unwrap();
    town.store
        .write(|tx| Box::pin(async move { relying_party::renew_secrets(tx, "documents").await }))
        .await
        .unwrap();
    let party = look(&town, "documents").await;
    assert!(!party.secret_matches(&rotated.client_secret.unwrap()) && party.overlap_until.is_none());
}

#[tokio::test]
async fn of_many_racing_exchanges_one_tells_secrets_and_the_first_ones_still_work() {
    let town = town().await;
    let old = agreed(&town, proposal("documents"), None).await.client_secret.unwrap();
    let mut racing = Vec::new();
    for n in [OPERATOR, SECOND].repeat(16) {
        let (platform, who) = (Arc::clone(&town.platform), town.actor(n).await);
        racing.push(tokio::spawn(async move { request::rotate(&platform, &who, "documents").await }));
    }
    let mut told = Vec::new();
    for one in racing {
        match one.await.unwrap() {
            Ok(secrets) => told.push(secrets.client_secret.unwrap()),
            Err(error) => assert_eq!(code(error).1, "party_overlap"),
        }
    }
    assert_eq!(told.len(), 1);
    let party = look(&town, "documents").await;
    assert!(party.secret_matches(&told[0]) && party.secret_matches(&old));
}

#[tokio::test]
async fn who_has_no_secret_gets_none_and_a_public_client_can_become_a_confidential_one() {
    let town = town().await;
    let app = Proposal { public: true, ..proposal("app") };
    let secrets = agreed(&town, app.clone(), None).await;
    assert!(secrets.client_secret.is_none() && secrets.api_key.is_none());
    let who = town.actor(OPERATOR).await;
    assert_eq!(code(request::rotate(&town.platform, &who, "app").await.unwrap_err()).1, "party_overlap");
    let version = look(&town, "app").await.version;
    let secrets = agreed(&town, Proposal { public: false, ..app.clone() }, Some(version)).await;
    let secret = secrets.client_secret.unwrap();
    assert!(look(&town, "app").await.secret_matches(&secret));
    let version = look(&town, "app").await.version;
    agreed(&town, app, Some(version)).await;
    assert!(look(&town, "app").await.is_public() && !look(&town, "app").await.secret_matches(&secret));
}
