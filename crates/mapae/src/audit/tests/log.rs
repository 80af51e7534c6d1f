use std::sync::Arc;

use super::super::tree::Tree;
use super::super::verify::verify;
use super::super::{log_key, retention, sequencer};
use super::{copied, write};
use crate::operations::server::Server;
use crate::operations::store::params;
use crate::testing;

#[tokio::test]
async fn records_are_numbered_in_order_and_once_by_however_many_sequencers() {
    let platform = testing::platform().await;
    write(&platform, 40).await;
    let racing = (0..8).map(|_| {
        let platform = Arc::clone(&platform.platform);
        tokio::spawn(async move { sequencer::number_all(&platform).await.expect("numbers") })
    });
    let numbered: u64 =
        futures::future::join_all(racing).await.into_iter().map(|count| count.expect("task")).sum();
    assert_eq!(numbered, 40);
    let rows = platform
        .store
        .fetch_all("SELECT sequence, leaf_hash FROM audit_record ORDER BY id", params![])
        .await
        .expect("rows");
    let mut tree = Tree::default();
    for (n, row) in (0_i64..).zip(&rows) {
        assert_eq!(row.int("sequence").expect("a number"), n);
        tree.append(row.bytes("leaf_hash").expect("hash").try_into().expect("32 bytes"), |_| ());
    }
    assert_eq!(sequencer::head(&platform.store).await.expect("head"), tree);
    let note = platform
        .store
        .fetch_one("SELECT note FROM audit_checkpoint WHERE size = 40", params![])
        .await
        .expect("checkpoint");
    let (_, log) = log_key(&platform.platform).expect("key");
    let checkpoint = log.open(&note.text("note").expect("note")).expect("signed");
    assert_eq!((checkpoint.size, checkpoint.root), (40, tree.root()));
}

#[tokio::test]
async fn a_head_that_does_not_fit_its_roots_is_told_and_nothing_is_numbered() {
    let platform = testing::platform().await;
    write(&platform, 3).await;
    let changed: Result<u64, crate::operations::StoreError> = platform
        .store
        .write(|tx| {
            Box::pin(
                async move { tx.execute("UPDATE audit_head SET size = 7 WHERE id = 1", params![]).await },
            )
        })
        .await;
    assert_eq!(changed.expect("written"), 1);
    assert!(sequencer::number_all(&platform.platform).await.is_err());
    let rows = platform
        .store
        .fetch_all("SELECT id FROM audit_record WHERE sequence IS NOT NULL", params![])
        .await
        .expect("rows");
    assert!(rows.is_empty());
}

#[tokio::test]
async fn checkpoint_and_tiles_are_public_and_hold_hashes_only() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("it");
    let platform = testing::platform_with(|config| {
        config.public.listen = free;
        config.public.base_url = format!("http://{free}").parse().expect("url");
    })
    .await;
    write(&platform, 300).await;
    sequencer::number_all(&platform.platform).await.expect("numbered");
    let server = Server::start(Arc::clone(&platform.platform)).await.expect("server");
    let get = async |path: &str| {
        let answer = platform.http.get(format!("http://{free}/audit/{path}")).send().await.expect("answer");
        (answer.status().as_u16(), answer.bytes().await.expect("body").to_vec())
    };
    let (status, note) = get("checkpoint").await;
    let (_, log) = log_key(&platform.platform).expect("key");
    let checkpoint = log.open(std::str::from_utf8(&note).expect("text")).expect("signed");
    assert_eq!(status, 200);

    // The root follows from the tiles alone.
    let mut tree = Tree::default();
    let mut full = Vec::new();
    for path in ["tile/0/000", "tile/0/001.p/44"] {
        let (status, hashes) = get(path).await;
        assert_eq!(status, 200, "{path}");
        for hash in hashes.as_chunks::<32>().0 {
            tree.append(*hash, |node| full.push(node));
        }
    }
    assert_eq!((checkpoint.size, checkpoint.root), (tree.size(), tree.root()));
    assert_eq!(get("tile/1/000.p/1").await, (200, full[0].hash.to_vec()));
    for beyond in [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/0/002",
        "tile/1/000",
        "tile/9/000.p/1",
        "tile/entries/000",
        "tile/0/0",
    ] {
        assert_eq!(get(beyond).await.0, 404, "{beyond}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_running_server_numbers_what_is_committed_by_itself() {
    let platform = testing::platform().await;
    let server = Server::start(Arc::clone(&platform.platform)).await.expect("server");
    write(&platform, 5).await;
    for _ in 0..400 {
        if sequencer::head(&platform.store).await.expect("head").size() >= 5 {
            server.stop().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing was numbered within four seconds");
}

#[tokio::test]
async fn what_is_personal_goes_when_its_time_is_over_and_the_log_still_verifies() {
    let platform = testing::platform().await;
    write(&platform, 6).await;
    assert_eq!(verify(copied(&platform, true).await.as_bytes(), None, None).expect("whole").personal, 2);
    assert_eq!(retention::sweep(&platform.platform).await.expect("sweep"), 0, "too early");
    platform.clock.advance_ms(1_096 * 24 * 3_600 * 1_000);
    assert_eq!(retention::sweep(&platform.platform).await.expect("sweep"), 2);
    let copy = copied(&platform, true).await;
    let proven = verify(copy.as_bytes(), None, None).expect("whole");
    assert_eq!((proven.size, proven.personal), (6, 0));
    assert!(!copy.contains("예시"));
}
