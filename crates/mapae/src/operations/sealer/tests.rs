use std::sync::Arc;
use std::time::Duration;

use super::rotation::{self, RotationError};
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, SystemClock};
use crate::personnel::{demo_data, employee, matches_identity};
use crate::testing;

#[tokio::test]
async fn a_value_opens_only_where_it_was_sealed() {
    let platform = testing::platform().await;
    let sealed = platform.sealer.seal("employee", "personal", "e-1", "예시".as_bytes());
    assert_eq!(platform.sealer.open_text("employee", "personal", "e-1", &sealed).expect("opens"), "예시");
    for (table, column, row) in
        [("account", "personal", "e-1"), ("employee", "rrn_tag", "e-1"), ("employee", "personal", "e-2")]
    {
        assert!(platform.sealer.open(table, column, row, &sealed).is_err(), "{table}.{column} {row}");
    }
    // The parts of a place cannot be shifted into one another.
    assert!(platform.sealer.open("employee\0personal", "e-1", "", &sealed).is_err());
    let mut changed = sealed.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    assert!(platform.sealer.open("employee", "personal", "e-1", &changed).is_err());
}

#[tokio::test]
async fn names_are_found_however_they_are_written() {
    let platform = testing::platform().await;
    let index = |text: &str| platform.sealer.blind_index("name", text);
    assert_eq!(index("김예시"), index("김 예시 "));
    assert_eq!(
        index("김예시"),
        index("\u{1100}\u{1175}\u{11b7}\u{110b}\u{1168}\u{1109}\u{1175}"),
        "NFD is the same name"
    );
    assert_eq!(index("Kim"), index("kim"));
    assert_ne!(index("김예시"), index("이예시"));
    assert_ne!(index("1"), platform.sealer.blind_index("number", "1"), "kinds are apart");
    let pieces = platform.sealer.bigrams("name", "김예시람");
    assert_eq!(pieces.len(), 3);
    assert!(platform.sealer.bigrams("name", "예시").iter().all(|piece| pieces.contains(piece)));
}

#[tokio::test]
async fn rotation_seals_everything_again_while_another_process_goes_on_reading_and_writing() {
    let platform = testing::platform().await;
    let ids = platform.people(40).await;
    let other =
        Platform::open(platform.config.clone(), Arc::new(SystemClock)).await.expect("another process");
    let old = platform.sealer.current_key();

    // The other process looks at the table now and then, as its worker would.
    let follower = Arc::clone(&other);
    let following = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            rotation::refresh(&follower).await.expect("refresh");
        }
    });
    let reader = Arc::clone(&other);
    let (id, person) = (ids[3].clone(), demo_data::person(3));
    let name = person.name.clone();
    let reading = tokio::spawn(async move {
        loop {
            assert_eq!(employee(&reader, &id).await.expect("opens").expect("there").name.ko, name);
            tokio::task::yield_now().await;
        }
    });
    let rotated =
        rotation::rotate_data(&platform, Duration::from_millis(100), |_, _| {}).await.expect("rotated");
    assert!(rotated.key_id > old);
    assert_eq!(rotated.sealed_again, 120, "two columns and the post of forty people");
    assert!(!reading.is_finished(), "the reader never failed");
    reading.abort();
    following.abort();

    assert_eq!(other.sealer.current_key(), rotated.key_id, "the other process seals with the new key");
    for process in [&platform.platform, &other] {
        assert!(matches_identity(process, &ids[3], &person.name, &person.rrn).await.expect("judged"));
    }
    // A process that starts now finds the new key; and a second rotation follows on it.
    let third =
        Platform::open(platform.config.clone(), Arc::new(SystemClock)).await.expect("a third process");
    assert_eq!(third.sealer.current_key(), rotated.key_id);
    let again = rotation::rotate_data(&third, Duration::ZERO, |_, _| {}).await.expect("rotated again");
    assert_eq!(again.sealed_again, 120);
}

#[tokio::test]
async fn a_sealed_column_that_nobody_registered_is_told_by_name() {
    let platform = testing::platform().await;
    let stray = platform.sealer.seal("personnel_import", "file_hash", "x", b"stray");
    let written: Result<u64, StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO personnel_import (file_hash, source, lines_done, updated_at) VALUES ($1, 'x', 0, 0)",
                    params![stray],
                )
                .await
            })
        })
        .await;
    written.expect("written");
    match rotation::rotate_data(&platform, Duration::ZERO, |_, _| {}).await {
        Err(RotationError::LeftBehind(left)) => assert_eq!(left, "personnel_import.file_hash"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_damaged_value_stops_the_rotation_and_nothing_is_lost() {
    let platform = testing::platform().await;
    let ids = platform.people(2).await;
    let moved: Result<u64, StoreError> = platform
        .store
        .write({
            let ids = ids.clone();
            move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE employee SET personal = (SELECT personal FROM employee WHERE id = $1) WHERE id = $2",
                        params![ids[0].as_str(), ids[1].as_str()],
                    )
                    .await
                })
            }
        })
        .await;
    assert_eq!(moved.expect("moved"), 1);
    let error = rotation::rotate_data(&platform, Duration::ZERO, |_, _| {}).await.expect_err("stopped");
    assert!(error.to_string().contains(&ids[1]), "{error}");
    assert!(employee(&platform, &ids[0]).await.expect("still opens").is_some());
}
