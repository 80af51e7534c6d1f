//! One asks, another approves what was asked.

use super::*;
use crate::application::tests::{AUDITOR, HR_ONE};
use crate::login::registration::{ClientKeys, Profile};
use crate::operations::store::params;

#[tokio::test]
async fn one_asks_another_approves_and_only_then_it_is_registered_for_a_year() {
    let town = town().await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let made = asked(&town, &first, proposal("documents")).await.unwrap();
    assert!(relying_party::look(&town.store, "documents").await.unwrap().is_none(), "it only waits");
    let own = request::approve(&town.platform, &first, &made).await.unwrap_err();
    assert_eq!(code(own), (StatusCode::FORBIDDEN, "party_same_person"));
    for n in [AUDITOR, HR_ONE] {
        let other = request::approve(&town.platform, &town.actor(n).await, &made).await.unwrap_err();
        assert_eq!(code(other), (StatusCode::FORBIDDEN, "forbidden"));
    }
    let (_, secrets) = request::approve(&town.platform, &second, &made).await.unwrap();
    let party = relying_party::find(&town.store, "documents").await.unwrap().unwrap();
    assert!(party.secret_matches(&secrets.client_secret.unwrap()) && secrets.api_key.is_none());
    assert_eq!(party.claims, ["inst_code", "name"]);
    assert_eq!(party.purposes["name"].en, "to write the name on documents");
    assert_eq!(party.expires_at, Some(town.now_ms() + 365 * 86_400_000));
    assert_eq!(party.by, Some((first.employee_id.clone(), second.employee_id.clone())));
    let again = request::approve(&town.platform, &second, &made).await.unwrap_err();
    assert_eq!(code(again), (StatusCode::NOT_FOUND, "party_unknown"));
    let acts = town
        .store
        .fetch_all(
            "SELECT act, actor FROM audit_record WHERE subject = $1 ORDER BY act",
            params!["documents"],
        )
        .await
        .unwrap();
    let acts: Vec<(String, String)> =
        acts.iter().map(|row| (row.text("act").unwrap(), row.text("actor").unwrap())).collect();
    assert_eq!(
        acts,
        [
            ("relying_party.asked".to_owned(), first.employee_id.clone()),
            ("relying_party.registered".to_owned(), second.employee_id.clone())
        ]
    );
}

#[tokio::test]
async fn a_change_of_what_it_may_ask_waits_for_another_person_again() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let before = look(&town, "documents").await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let mut more = Proposal::of(&town.store, &before).await.unwrap();
    let why = more.purposes["name"].clone();
    more.purposes.insert("employee_number".to_owned(), why);
    let made = request::ask(&town.platform, &second, more, Some(before.version)).await.unwrap();
    assert_eq!(look(&town, "documents").await.claims, before.claims, "nothing changes by asking");
    let secrets = request::approve(&town.platform, &first, &made).await.unwrap().1;
    assert!(secrets.client_secret.is_none(), "a change tells no secret anew");
    let after = look(&town, "documents").await;
    assert!(after.claims.contains(&"employee_number".to_owned()) && after.version > before.version);
}

#[tokio::test]
async fn what_changed_since_it_was_seen_is_not_approved() {
    let town = town().await;
    agreed(&town, proposal("documents"), None).await;
    let seen = look(&town, "documents").await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let same = Proposal::of(&town.store, &seen).await.unwrap();
    let made = request::ask(&town.platform, &first, same.clone(), Some(seen.version)).await.unwrap();
    // On the server, beside the console.
    crate::login::cli::put(&town.platform, "documents", same.settings.clone()).await.unwrap();
    let stale = request::approve(&town.platform, &second, &made).await.unwrap_err();
    assert_eq!(code(stale), (StatusCode::CONFLICT, "party_changed"));
    let twice = request::ask(&town.platform, &first, same.clone(), Some(seen.version)).await.unwrap_err();
    assert_eq!(code(twice), (StatusCode::CONFLICT, "party_changed"));
    request::drop_it(&town.platform, &first, &made).await.unwrap();
    let now = look(&town, "documents").await;
    request::ask(&town.platform, &first, same, Some(now.version)).await.unwrap();
}

#[tokio::test]
async fn one_request_waits_for_each_relying_party_and_for_two_weeks() {
    let town = town().await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let made = asked(&town, &first, proposal("documents")).await.unwrap();
    let twice = asked(&town, &second, proposal("documents")).await.unwrap_err();
    assert_eq!(code(twice), (StatusCode::CONFLICT, "party_asked"));
    town.clock.advance_ms(14 * 86_400_000);
    let late = request::approve(&town.platform, &second, &made).await.unwrap_err();
    assert_eq!(code(late), (StatusCode::NOT_FOUND, "party_unknown"));
    asked(&town, &first, proposal("documents")).await.unwrap();
}

#[tokio::test]
async fn of_many_racing_approvals_and_refusals_one_counts() {
    let town = town().await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let made = asked(&town, &first, proposal("documents")).await.unwrap();
    let mut racing = Vec::new();
    for n in 0..64 {
        let (platform, first, second, made) =
            (Arc::clone(&town.platform), first.clone(), second.clone(), made.clone());
        racing.push(tokio::spawn(async move {
            if n % 4 == 3 {
                request::drop_it(&platform, &first, &made).await.map(|()| None)
            } else {
                request::approve(&platform, &second, &made).await.map(|(_, secrets)| Some(secrets))
            }
        }));
    }
    let mut won = Vec::new();
    for one in racing {
        match one.await.unwrap() {
            Ok(secrets) => won.push(secrets),
            Err(error) => assert_eq!(code(error).1, "party_unknown"),
        }
    }
    assert_eq!(won.len(), 1, "of 64 at once one counts");
    let found = relying_party::look(&town.store, "documents").await.unwrap();
    match won.remove(0) {
        Some(secrets) => assert!(found.unwrap().secret_matches(&secrets.client_secret.unwrap())),
        None => assert!(found.is_none(), "refused is refused"),
    }
}

#[tokio::test]
async fn of_two_registrations_and_the_servers_own_road_one_gets_the_id() {
    let town = town().await;
    let (first, second) = (town.actor(OPERATOR).await, town.actor(SECOND).await);
    let made = asked(&town, &first, proposal("documents")).await.unwrap();
    let by_hand = crate::login::tests::support::registration("documents");
    crate::verification::cli::register(&town.platform, by_hand).await.unwrap();
    let late = request::approve(&town.platform, &second, &made).await.unwrap_err();
    assert_eq!(code(late), (StatusCode::CONFLICT, "party_changed"));
    let party = look(&town, "documents").await;
    assert_eq!((party.name_en.as_str(), party.expires_at), ("Example Work Portal", None), "untouched");
}

#[tokio::test]
async fn every_rule_has_its_code() {
    let town = town().await;
    let first = town.actor(OPERATOR).await;
    type Bend = fn(&mut Proposal);
    let bent: [(&str, Bend); 19] = [
        ("party_id", |it| it.id = "a b".to_owned()),
        ("party_name", |it| it.name_en = " ".to_owned()),
        ("party_redirect", |it| it.redirect_uris = vec!["https://*.example/".to_owned()]),
        ("party_redirect", |it| it.redirect_uris = vec!["https://documents.example/#x".to_owned()]),
        ("party_redirect", |it| it.redirect_uris = vec!["https://me@documents.example/".to_owned()]),
        ("party_redirects", |it| {
            it.redirect_uris = (0..17).map(|n| format!("https://d.example/{n}")).collect();
        }),
        ("party_sector", |it| it.redirect_uris.push("https://elsewhere.example/".to_owned())),
        ("party_form", |it| it.sector = Some("a/b".to_owned())),
        ("party_claim", |it| {
            let why = it.purposes["name"].clone();
            it.purposes.insert("rrn".to_owned(), why);
        }),
        ("party_purpose", |it| it.purposes.get_mut("name").unwrap().en = " ".to_owned()),
        ("party_purpose", |it| it.purposes.get_mut("name").unwrap().ko = "가".repeat(201)),
        ("party_network", |it| it.networks = vec!["없는 곳".to_owned()]),
        ("party_test_api", |it| (it.test, it.api) = (true, true)),
        ("party_keys", |it| it.settings.keys = ClientKeys::Inline("{}".to_owned())),
        ("party_address", |it| it.settings.backchannel_uri = Some("http://documents.example/".to_owned())),
        ("party_address", |it| it.settings.keys = ClientKeys::Address("ftp://x".to_owned())),
        ("party_session", |it| it.settings.session_ms = 13 * 3_600_000),
        ("party_fapi2", |it| it.settings.profile = Profile::Fapi2),
        ("party_system", |it| it.id = "mapae-console".to_owned()),
    ];
    for (expected, bend) in bent {
        let mut it = proposal("documents");
        bend(&mut it);
        let refused = asked(&town, &first, it).await.unwrap_err();
        assert_eq!(code(refused).1, expected);
    }
    let mut here = proposal("documents");
    here.networks = vec!["정부예시청사".to_owned()];
    asked(&town, &first, here).await.unwrap();
}

#[tokio::test]
async fn what_is_in_use_never_becomes_a_test_and_a_test_may_come_into_use() {
    let town = town().await;
    let mut test = proposal("documents");
    test.test = true;
    agreed(&town, test, None).await;
    let party = look(&town, "documents").await;
    assert_eq!(
        (party.name_ko.as_str(), party.plain_names().1),
        ("[시험] 예시 문서 시스템", "Example documents")
    );
    let mut it = Proposal::of(&town.store, &party).await.unwrap();
    it.test = false;
    agreed(&town, it.clone(), Some(party.version)).await;
    let party = look(&town, "documents").await;
    assert_eq!(party.name_ko, "예시 문서 시스템");
    it.test = true;
    let first = town.actor(OPERATOR).await;
    let back = request::ask(&town.platform, &first, it, Some(party.version)).await.unwrap_err();
    assert_eq!(code(back).1, "party_test_back");
}
