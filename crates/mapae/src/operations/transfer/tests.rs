//! Whole databases carried, interrupted, tampered with.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::operations::kek::Kek;
use crate::operations::server_keys::SecretName;
use crate::operations::store::Engine;
use crate::operations::{Platform, SystemClock};
use crate::testing::{self, TestPlatform};

/// A platform with people, sealed columns, numbers, bytes and missing values of many tables.
async fn town() -> TestPlatform {
    let platform = testing::platform().await;
    platform.people(40).await;
    crate::audit::number(&platform).await.expect("numbered");
    platform
}

fn quiet(_: &str, _: u64) {}

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mapae-transfer-{}", crate::operations::id::new()));
    std::fs::create_dir_all(&folder).expect("folder");
    folder.join(name)
}

async fn digests(store: &Store) -> Vec<(String, Digest)> {
    let mut snapshot = store.snapshot().await.expect("snapshot");
    let mut digests = Vec::new();
    for table in tables().await.expect("tables") {
        digests.push((table.name.clone(), digest(&mut snapshot, &table).await.expect("digest")));
    }
    digests
}

async fn empty() -> (String, Store) {
    let url = testing::empty_store_url().await;
    let store = Store::open(&url, Arc::new(SystemClock)).await.expect("store");
    (url, store)
}

#[tokio::test]
async fn every_table_is_carried_after_those_it_refers_to() {
    let tables = tables().await.expect("tables");
    let place = |name: &str| tables.iter().position(|table| table.name == name).expect(name);
    assert!(tables.len() > 60, "{}", tables.len());
    assert!(place("agency") < place("department") && place("department") < place("employee"));
    assert!(place("issuing_party") < place("badge") && place("badge") < place("badge_reminder"));
    assert!(tables.iter().all(|table| !table.key.is_empty() && !OWN.contains(&table.name.as_str())));
}

#[tokio::test]
async fn a_move_carries_every_row_and_the_platform_opens_under_its_new_key_file_only() {
    let platform = town().await;
    let (url, target) = empty().await;
    target.close().await;
    let (from, new) = (platform.config.clone(), file("new.key"));
    let moved = cli::moved(&platform.config.store.url, &url, &from, &new, &mut quiet).await.expect("moved");
    assert!(moved.rows > 200, "{moved:?}");

    let mut config = platform.config.clone();
    config.store.url.clone_from(&url);
    let wrong = Platform::open(config.clone(), Arc::new(SystemClock)).await;
    assert!(wrong.is_err(), "the former key file opens nothing here");
    config.keys.file = new;
    let there = Platform::open(config, Arc::new(SystemClock)).await.expect("opens");
    let same = |name| {
        platform.keys.secret(name).expect("here").bytes == there.keys.secret(name).expect("there").bytes
    };
    assert!(same(SecretName::Data) && same(SecretName::AuditCheckpoint));
    let (here, moved) = (digests(&platform.store).await, digests(&there.store).await);
    for (here, there) in here.iter().zip(&moved) {
        let resealed = here.0 == "platform_key";
        assert_eq!(here.1 == there.1, !resealed, "{}", here.0);
        assert_eq!(here.1.rows, there.1.rows, "{}", here.0);
    }
    let again = cli::moved(&platform.config.store.url, &url, &from, &file("x.key"), &mut quiet).await;
    assert!(again.is_err(), "a database that lives is not written over");
}

#[tokio::test]
async fn a_copy_that_was_interrupted_goes_on_and_stays_shut_until_its_end() {
    let platform = town().await;
    let (url, target) = empty().await;
    let mut source = platform.store.snapshot().await.expect("snapshot");
    // Interrupted at the third page: the future is dropped, as a kill would.
    let (stopped, mut pages) = (Arc::new(tokio::sync::Notify::new()), 0);
    let notify = Arc::clone(&stopped);
    let mut count = move |_: &str, _: u64| {
        pages += 1;
        if pages == 3 {
            notify.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = stopped.notified() => {}
        done = copy(&mut source, &target, "test", &mut count) => panic!("too fast: {done:?}"),
    }
    let mut config = platform.config.clone();
    config.store.url.clone_from(&url);
    let shut = Platform::open(config.clone(), Arc::new(SystemClock)).await;
    assert!(matches!(shut, Err(crate::operations::StartError::Unfinished)), "{shut:?}");
    let other = copy(&mut source, &target, "another", &mut quiet).await;
    assert!(matches!(other, Err(TransferError::OtherCopy)), "{other:?}");

    let mut source = platform.store.snapshot().await.expect("snapshot");
    copy(&mut source, &target, "test", &mut quiet).await.expect("goes on");
    let verified = verify(&mut source, &target, &mut quiet).await.expect("the same");
    finish(&target).await.expect("open");
    assert_eq!(digests(&platform.store).await, digests(&target).await);
    assert_eq!(verified.rows, digests(&target).await.iter().map(|(_, digest)| digest.rows).sum::<u64>());
    Platform::open(config, Arc::new(SystemClock)).await.expect("opens");
}

#[tokio::test]
async fn a_row_that_differs_is_named_by_its_table() {
    let platform = town().await;
    let (_, target) = empty().await;
    let mut source = platform.store.snapshot().await.expect("snapshot");
    copy(&mut source, &target, "test", &mut quiet).await.expect("copied");
    for (sql, table) in [
        (
            "UPDATE agency SET name_en = name_en || 'x' WHERE code IN (SELECT code FROM agency LIMIT 1)",
            "agency",
        ),
        (
            "DELETE FROM employee_name_piece WHERE employee_id IN (SELECT MAX(id) FROM employee)",
            "employee_name_piece",
        ),
        ("UPDATE employee SET rrn_tag = NULL WHERE id IN (SELECT MAX(id) FROM employee)", "employee"),
    ] {
        verify(&mut source, &target, &mut quiet).await.expect("still the same");
        let mut before = target.snapshot().await.expect("snapshot");
        let described =
            catalogue().await.expect("tables").into_iter().find(|t| t.name == table).expect(table);
        let kept = digest(&mut before, &described).await.expect("digest");
        before.close().await.expect("closed");
        target
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { tx.execute(sql, params![]).await }))
            .await
            .expect("changed");
        let differs = verify(&mut source, &target, &mut quiet).await;
        assert!(matches!(&differs, Err(TransferError::Differs(name)) if name == table), "{differs:?}");
        // Back to what it was: the table is copied anew.
        let name = described.name.clone();
        target
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute("DELETE FROM store_copy WHERE name <> ''", params![]).await?;
                    for table in tables().await?.iter().rev() {
                        tx.execute(AssertSqlSafe(format!("DELETE FROM {}", table.name)), params![]).await?;
                    }
                    Ok(name)
                })
            })
            .await
            .expect("emptied");
        copy(&mut source, &target, "test", &mut quiet).await.expect("copied");
        let mut after = target.snapshot().await.expect("snapshot");
        assert_eq!(digest(&mut after, &described).await.expect("digest"), kept);
        after.close().await.expect("closed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_moment_whatever_is_written_meanwhile() {
    let platform = town().await;
    let writer = platform.store.clone();
    let going_on = tokio::spawn(async move {
        for n in 0..2_000 {
            // Two rows that belong together: a backup has both or none.
            let written: Result<(), StoreError> = writer
                .write(move |tx| {
                    Box::pin(async move {
                        for side in ["left", "right"] {
                            crate::operations::once::consume(tx, side, &format!("pair{n}"), i64::MAX).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            if written.is_err() {
                break;
            }
        }
    });
    let out = file("town.backup");
    let made = backup::make(&platform.store, &out, Arc::new(SystemClock), &mut quiet).await.expect("made");
    going_on.abort();
    assert_eq!(backup::check(&out).await.expect("whole"), made);
    assert!(
        backup::make(&platform.store, &out, Arc::new(SystemClock), &mut quiet).await.is_err(),
        "not over another"
    );

    let (_, target) = empty().await;
    backup::unpack(&out, &target, Arc::new(SystemClock), &mut quiet).await.expect("unpacked");
    let sql = "SELECT COUNT(*) AS n FROM once a WHERE purpose = 'left' AND NOT EXISTS \
               (SELECT 1 FROM once b WHERE b.purpose = 'right' AND b.id = a.id)";
    assert_eq!(target.fetch_one(sql, params![]).await.expect("count").int("n").expect("n"), 0);
    let left = std::fs::read_dir(out.parent().expect("folder")).expect("folder").count();
    assert_eq!(left, 1, "nothing lies beside it");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&out).expect("file").permissions().mode() & 0o077, 0);
    }
}

#[tokio::test]
async fn a_backup_that_was_changed_is_refused_and_so_is_what_is_none() {
    let platform = town().await;
    let out = file("town.backup");
    backup::make(&platform.store, &out, Arc::new(SystemClock), &mut quiet).await.expect("made");
    let kek = Kek::read(&platform.config).expect("read").expect("there");
    backup::opens(&out, &kek).await.expect("the right key file");
    let other = Kek::of_file(keys::seal::SealKey::generate());
    assert!(matches!(backup::opens(&out, &other).await, Err(TransferError::Keys(_))));

    let url = format!("sqlite:{}", out.display());
    let changed = Store::open(&url, Arc::new(SystemClock)).await.expect("opened");
    changed
        .write::<_, StoreError, _>(|tx| {
            Box::pin(async move { tx.execute("UPDATE agency SET name_en = 'Elsewhere'", params![]).await })
        })
        .await
        .expect("changed");
    changed.close().await;
    let refused = backup::check(&out).await;
    assert!(matches!(&refused, Err(TransferError::Damaged(table)) if table == "agency"), "{refused:?}");
    let (_, target) = empty().await;
    assert!(backup::unpack(&out, &target, Arc::new(SystemClock), &mut quiet).await.is_err());

    let none = file("none.backup");
    std::fs::write(&none, b"not a database at all").expect("file");
    assert!(matches!(backup::check(&none).await, Err(TransferError::NoBackup)));
    if platform.store.engine() == Engine::Sqlite {
        let live = PathBuf::from(platform.config.store.url.trim_start_matches("sqlite:"));
        assert!(
            matches!(backup::check(&live).await, Err(TransferError::NoBackup)),
            "a live store is no backup"
        );
    }
}
