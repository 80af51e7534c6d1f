//! A disaster: a loss is reported, the database is lost, an older backup is restored. What was stopped stays stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::support::*;
use axum::body::Body;
use credential::status_list::{Status, sign_jwt, verify_jwt};
use credential::trust::Anchor;
use http::{Request, StatusCode};
use openid::approval::Level;

use crate::lifecycle::{self, By, LocalStatus, Reason};
use crate::operations::restore::{Closed, Remembered, RestoreError};
use crate::operations::store::params;
use crate::operations::transfer::backup;
use crate::operations::{Clock, KeyName, server};
use crate::testing::{TestClock, TestPlatform};
use crate::verification::relying_party::Secrets;

struct Disaster {
    folder: PathBuf,
    backup: PathBuf,
}

impl Disaster {
    /// A backup as of now.
    async fn prepared(platform: &TestPlatform) -> Disaster {
        let folder = std::env::temp_dir().join(format!("mapae-restore-{}", crate::operations::id::new()));
        std::fs::create_dir_all(folder.join("lists")).unwrap();
        let backup = folder.join("backup");
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&platform.clock);
        backup::make(&platform.store, &backup, clock, &mut |_, _| {}).await.unwrap();
        Disaster { folder, backup }
    }

    /// Keeps the list as it is published now.
    async fn keep(&self, world: &World, uri: &str) {
        let path = uri.strip_prefix(world.platform.config.public.origin()).unwrap();
        let reply = world.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::OK);
        let name = path.rsplit('/').next().unwrap();
        std::fs::write(self.folder.join("lists").join(format!("{name}.jwt")), reply.body).unwrap();
    }

    fn remembered(&self) -> Remembered {
        Remembered { lists: vec![self.folder.join("lists")], ..Remembered::default() }
    }

    async fn restored(&self, world: &World, remembered: &Remembered) -> (World, Closed) {
        let (platform, closed) = world.platform.restored(&self.backup, remembered).await.unwrap();
        let router = server::public_router(&platform);
        let secrets = Secrets { client_secret: world.secrets.client_secret.clone(), api_key: None };
        (World { platform, router, phone: world.phone.clone(), secrets }, closed)
    }
}

async fn revoke(world: &World, badge: &str) {
    let badge = badge.to_owned();
    let unit = world.platform.store.write(move |tx| {
        Box::pin(async move { lifecycle::revoke(tx, &badge, &By::system(), Reason::Order).await })
    });
    unit.await.unwrap();
}

async fn status(world: &World, phone: &Phone) -> Status {
    LocalStatus::now(&world.platform).await.unwrap().status(&phone.status.uri, phone.status.index).unwrap()
}

async fn published(world: &World, uri: &str) -> String {
    let path = uri.strip_prefix(world.platform.config.public.origin()).unwrap();
    world.send(Request::get(path).body(Body::empty()).unwrap()).await.body
}

#[tokio::test]
async fn a_badge_reported_lost_after_the_backup_is_refused_after_the_restore() {
    let world = World::new().await;
    let token = world.access_token().await;
    let disaster = Disaster::prepared(&world.platform).await;
    assert_eq!(world.userinfo(&token).await.status, StatusCode::OK);
    let before = world.open_page().await;
    world.suspend().await;
    disaster.keep(&world, &world.phone.status.uri).await;

    // What a backup alone would do: the lost phone works again.
    let (open, closed) = disaster.restored(&world, &Remembered::default()).await;
    assert_eq!((closed.lists.suspended, status(&open, &open.phone).await), (0, Status::Valid));

    let (closed_world, closed) = disaster.restored(&world, &disaster.remembered()).await;
    assert_eq!((closed.lists.lists, closed.lists.suspended, closed.lists.ended), (1, 1, 0));
    let page = closed_world.open_page().await;
    let asked = closed_world.phone.fetch(&closed_world, &page.scan).await;
    closed_world.phone.approve(&closed_world, &asked, Some(&page.number), Level::Base).await;
    let reply = closed_world.phone.present(&closed_world, &asked).await;
    assert_eq!((reply.status, reply.code().as_str()), (StatusCode::FORBIDDEN, "login_badge_suspended"));
    assert_eq!(closed_world.userinfo(&token).await.status, StatusCode::UNAUTHORIZED, "no session came back");
    // A page from before: its seal is of a key that is no more.
    let stale = closed_world.phone.try_fetch(&closed_world, &before.scan).await;
    assert!(stale.status.is_client_error(), "{stale:?}");

    // Whoever resumes it is a person, and it works again.
    closed_world.resume().await;
    closed_world.access_token().await;
}

#[tokio::test]
async fn badges_that_the_backup_does_not_know_stay_as_they_were_published() {
    let world = World::new().await;
    let revoked = Phone::with_badge(&world.platform, "employee-2", "link-2").await;
    let disaster = Disaster::prepared(&world.platform).await;
    // After the backup: one ends, one is issued and stopped, one is issued and good.
    revoke(&world, &revoked.badge).await;
    let lost = Phone::with_badge(&world.platform, "employee-3", "link-3").await;
    revoke(&world, &lost.badge).await;
    let good = Phone::with_badge(&world.platform, "employee-4", "link-4").await;
    disaster.keep(&world, &lost.status.uri).await;

    let (after, closed) = disaster.restored(&world, &disaster.remembered()).await;
    assert_eq!((closed.lists.ended, closed.lists.lost.len()), (1, 1));
    assert_eq!(status(&after, &revoked).await, Status::Invalid);
    assert_eq!(
        status(&after, &lost).await,
        Status::Invalid,
        "its entry is kept, though nobody knows whose it is"
    );
    assert_eq!(status(&after, &good).await, Status::Valid);
    assert_eq!(status(&after, &after.phone).await, Status::Valid);

    // New badges stand where no copy ever stood, in a list of their own.
    let new = Phone::with_badge(&after.platform, "employee-5", "link-5").await;
    assert_ne!(new.status.uri, good.status.uri);
    for old in [&revoked, &lost, &good, &after.phone] {
        assert_ne!((&new.status.uri, new.status.index), (&old.status.uri, old.status.index));
    }
    // So do new copies of a badge that was restored: those it was given since the backup are not known.
    let did = crate::issuance::desk(&after.platform).unwrap().did().to_owned();
    let badge = lifecycle::Badge::find(&after.platform.store, &after.phone.badge).await.unwrap().unwrap();
    let week = credential::status_list::week::Week::of(after.platform.now_ms() / 1_000);
    let claims = lifecycle::status::claims_for(&after.platform, &did, badge.slot, week, 1, 20).await.unwrap();
    assert!(claims.unwrap().iter().all(|claim| claim.uri != after.phone.status.uri));
    // And they share its fate.
    after.suspend().await;
    assert_eq!(status(&after, &after.phone).await, Status::Suspended);
}

#[tokio::test]
async fn versions_and_numbers_are_far_above_whatever_was_published() {
    let world = World::new().await;
    let disaster = Disaster::prepared(&world.platform).await;
    for _ in 0..5 {
        world.suspend().await;
        world.resume().await;
    }
    disaster.keep(&world, &world.phone.status.uri).await;
    let numbers = "SELECT (SELECT MAX(status_version) FROM issuing_party) AS lists, \
                   (SELECT version FROM trust_version WHERE id = 1) AS trust, \
                   (SELECT seq FROM gate_feed_head WHERE id = 1) AS feed";
    let before = world.platform.store.fetch_one(numbers, params![]).await.unwrap();
    let (after, closed) = disaster.restored(&world, &disaster.remembered()).await;
    assert_eq!(closed.lists.suspended, 0, "it was resumed before it was published last");
    let now = after.platform.store.fetch_one(numbers, params![]).await.unwrap();
    for number in ["lists", "trust", "feed"] {
        assert!(now.int(number).unwrap() > before.int(number).unwrap() + 1_000_000, "{number}");
    }
}

#[tokio::test]
async fn only_what_this_platform_signed_is_believed() {
    let world = World::new().await;
    let disaster = Disaster::prepared(&world.platform).await;
    world.suspend().await;
    let token = published(&world, &world.phone.status.uri).await;
    let uri = &world.phone.status.uri;
    let roots = [world.platform.keys.root().clone()];
    let now = world.platform.now_ms() / 1_000;
    let list = verify_jwt(&token, uri, Anchor::Roots(&roots), now).unwrap();
    let theirs = keys::SecretKey::generate();
    let root = keys::x509::root_in(Some("KR"), &theirs, "Somebody", now - 60, now + 86_400).unwrap();
    let theirs = sign_jwt(&list.claims, &list.list, None, &[root.der().to_vec()], &theirs).unwrap();
    let file = |name: &str, text: &str| -> Remembered {
        let path = disaster.folder.join(name);
        std::fs::write(&path, text).unwrap();
        Remembered { lists: vec![path], ..Remembered::default() }
    };
    let mut forged = token.clone();
    forged.truncate(token.len() - 4);
    forged.push_str("AAAA");
    for (name, text) in [("forged", forged.as_str()), ("theirs", theirs.as_str()), ("none", "no list")] {
        let refused = world.platform.restored(&disaster.backup, &file(name, text)).await;
        assert!(
            matches!(refused, Err(RestoreError::List(..))),
            "{name}: {:?}",
            refused.map(|(_, closed)| closed)
        );
    }
    let (_, closed) = disaster.restored(&world, &file("true", &token)).await;
    assert_eq!(closed.lists.suspended, 1);
}

#[tokio::test]
async fn the_audit_log_names_what_was_lost_and_goes_on_under_a_key_of_its_own() {
    let world = World::new().await;
    crate::audit::number(&world.platform).await.unwrap();
    let disaster = Disaster::prepared(&world.platform).await;
    world.suspend().await;
    crate::audit::number(&world.platform).await.unwrap();
    let copy = disaster.folder.join("audit.jsonl");
    crate::audit::export_for_tests(&world.platform, &copy).await;
    let note = crate::audit::head(&world.platform).await.unwrap().note;
    std::fs::write(disaster.folder.join("checkpoint"), note).unwrap();

    let by_checkpoint =
        Remembered { checkpoint: Some(disaster.folder.join("checkpoint")), ..Remembered::default() };
    let (_, closed) = disaster.restored(&world, &by_checkpoint).await;
    assert_eq!((closed.audit.lost, closed.by_audit), (1, 0), "it tells how many, not what");

    let by_copy = Remembered { audit: Some(copy), ..Remembered::default() };
    let (after, closed) = disaster.restored(&world, &by_copy).await;
    assert_eq!((closed.audit.lost, closed.by_audit), (1, 1));
    assert_eq!(closed.audit.acts.get("badge.suspended"), Some(&1));
    assert_eq!(status(&after, &after.phone).await, Status::Suspended);

    let renewed = after.platform.replica().await;
    crate::audit::number(&renewed).await.unwrap();
    let key = crate::audit::public_key(&renewed).unwrap();
    assert_ne!(key, crate::audit::public_key(&world.platform).unwrap());
    let again = disaster.folder.join("again.jsonl");
    crate::audit::export_for_tests(&renewed, &again).await;
    crate::audit::prove_for_tests(&again, &key);
    assert_eq!(count(&after, "SELECT COUNT(*) AS n FROM audit_record WHERE act = 'store.restored'").await, 1);
}

async fn done(world: &World, sql: &'static str) {
    let unit = world.platform.store.write::<_, crate::operations::StoreError, _>(move |tx| {
        Box::pin(async move { tx.execute(sql, params![]).await })
    });
    assert_eq!(unit.await.unwrap(), 1, "{sql}");
}

async fn logged(world: &World, act: &'static str, subject: &str, detail: serde_json::Value) {
    let subject = subject.to_owned();
    let unit = world.platform.store.write::<_, crate::operations::StoreError, _>(move |tx| {
        Box::pin(async move {
            let subject = subject.as_str();
            let record = crate::audit::Record { actor: "system", duty: "system", act, subject, detail };
            crate::audit::record(tx, record).await
        })
    });
    unit.await.unwrap();
}

#[tokio::test]
async fn locks_ended_browsers_and_ended_keys_are_remembered_and_what_waited_is_asked_for_anew() {
    let world = World::new().await;
    let mine = world.platform.keys.signer(KeyName::Issuer).unwrap().public_key().thumbprint();
    lifecycle::local_trust(&world.platform).await.unwrap();
    for sql in [
        "INSERT INTO account (id, employee_id, application_id, state, device_key, device_thumbprint, pin_generation, \
         pin_right_at, sequence, tries, charged_at, created_at) \
         SELECT 'locked', 'e', 'a', 'active', sealed, 'thumb', 1, 1, 0, 2, 0, 1 FROM platform_key \
         WHERE name = 'issuer'",
        "INSERT INTO login_browser (id, employee_id, credential_id, public_key, synced, sign_count, name, place, \
         created_at, ends_at) SELECT 'ended', 'e', 'c', sealed, 0, 0, sealed, 'p', 1, 9000000000000 \
         FROM platform_key WHERE name = 'issuer'",
        "INSERT INTO login_browser_start (attempt, employee_id, browser, expires_at) \
         VALUES ('t', 'e', 'kept', 9000000000000)",
        "INSERT INTO relying_party_request (id, party, proposal, state, asked_by, asked_at, ends_at) \
         VALUES ('r', 'p', '{}', 'waiting', 'e', 1, 9000000000000)",
        "INSERT INTO staff_duty_request (id, act, employee_id, duty, agency_code, reason, state, asked_by, asked_at, \
         ends_at) SELECT 'd', 'grant', 'e', 'auditor', '1', sealed, 'waiting', 'e', 1, 9000000000000 \
         FROM platform_key WHERE name = 'issuer'",
    ] {
        done(&world, sql).await;
    }
    crate::audit::number(&world.platform).await.unwrap();
    let disaster = Disaster::prepared(&world.platform).await;
    let none = serde_json::json!({});
    logged(&world, "account.locked", "locked", none.clone()).await;
    logged(&world, "account.locked", "unlocked-again", none.clone()).await;
    logged(&world, "account.unlocked", "unlocked-again", none.clone()).await;
    logged(&world, "login.browser_ended", "e", serde_json::json!({ "browser": "ended" })).await;
    logged(&world, "issuer_key.revoked", &mine, none.clone()).await;
    logged(&world, "issuer_key.retired", "never-heard-of", none).await;
    crate::audit::number(&world.platform).await.unwrap();
    let copy = disaster.folder.join("audit.jsonl");
    crate::audit::export_for_tests(&world.platform, &copy).await;

    let (after, closed) =
        disaster.restored(&world, &Remembered { audit: Some(copy), ..Remembered::default() }).await;
    let taken = &closed.taken_over;
    assert_eq!((taken.locked, taken.browsers, taken.issuing_keys), (1, 1, 1));
    for (what, sql) in [
        ("locked", "SELECT COUNT(*) AS n FROM account WHERE id = 'locked' AND tries = 5"),
        ("revoked", "SELECT COUNT(DISTINCT jkt) AS n FROM trust_entry WHERE state = 'revoked'"),
        ("registration", "SELECT COUNT(*) AS n FROM relying_party_request WHERE state = 'expired'"),
        ("duty", "SELECT COUNT(*) AS n FROM staff_duty_request WHERE state = 'expired'"),
    ] {
        assert_eq!(count(&after, sql).await, 1, "{what}");
    }
    for gone in ["SELECT COUNT(*) AS n FROM login_browser", "SELECT COUNT(*) AS n FROM login_browser_start"] {
        assert_eq!(count(&after, gone).await, 0, "{gone}");
    }
}

#[tokio::test]
async fn a_restore_that_was_interrupted_leaves_the_store_shut() {
    let world = World::new().await;
    let disaster = Disaster::prepared(&world.platform).await;
    let missing =
        Remembered { lists: vec![Path::new("/nowhere/list.jwt").to_owned()], ..Remembered::default() };
    let (url, failed) = world.platform.restored_into(&disaster.backup, &missing).await;
    assert!(matches!(failed, Err(RestoreError::File(..))));
    let mut config = world.platform.config.clone();
    config.store.url.clone_from(&url);
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&world.platform.clock);
    let shut = crate::operations::Platform::open(config, clock).await;
    assert!(matches!(shut, Err(crate::operations::StartError::Unfinished)));
    // Once more, with what there is: it goes on where it stopped, and opens.
    world.suspend().await;
    disaster.keep(&world, &world.phone.status.uri).await;
    let closed = world.platform.restored_at(&url, &disaster.backup, &disaster.remembered()).await.unwrap();
    assert_eq!(closed.lists.suspended, 1);
    let mut config = world.platform.config.clone();
    config.store.url = url;
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&world.platform.clock);
    crate::operations::Platform::open(config, clock).await.unwrap();
}
