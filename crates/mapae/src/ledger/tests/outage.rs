//! Anchors: one root a minute, each once, whatever happens between.

use registry::LogFilter;
use registry::contract::topic;

use super::*;
use crate::lifecycle;

async fn anchored(platform: &TestPlatform) -> Vec<u64> {
    let opened = open::opened(platform).await.unwrap();
    let topics = [vec![topic::status_lists_anchored()], vec![], vec![], vec![]];
    let logs = opened.connection.ledger.logs(LogFilter { topics, ..LogFilter::default() }).await.unwrap();
    logs.iter()
        .filter_map(|log| match registry::contract::Event::read(log) {
            Some(registry::contract::Event::StatusLists { minute, .. }) => Some(minute),
            _ => None,
        })
        .collect()
}

/// A status list exists once a copy was promised a place in it.
async fn with_a_list(platform: &TestPlatform) {
    let did = platform.config.public.origin().to_owned();
    let week = credential::status_list::week::Week::of(platform.clock.now_ms_s());
    platform
        .store
        .write({
            let did = did.clone();
            move |tx| Box::pin(async move { lifecycle::reserve_slot(tx, &did).await })
        })
        .await
        .unwrap();
    lifecycle::status::claims_for(platform, &did, 0, week, 0, 1).await.unwrap().unwrap();
}

#[tokio::test]
async fn roots_that_waited_through_an_outage_are_anchored_once_each_and_in_order() {
    let ground = ground().await;
    with_a_list(&ground.platform).await;
    let first = ground.platform.clock.now_ms_s() / 60;
    // An hour in which nothing is sent.
    for _ in 0..60 {
        anchor::make(&ground.platform).await.unwrap();
        // A second replica in the same minute adds nothing.
        anchor::make(&ground.platform).await.unwrap();
        ground.platform.clock.advance_ms(60_000);
    }
    assert_eq!(anchor::queue(&ground.platform).await.unwrap().waiting, 60);
    while anchor::queue(&ground.platform).await.unwrap().waiting > 0 {
        assert!(anchor::drain(&ground.platform).await.unwrap() > 0);
    }
    let minutes: Vec<u64> = (0..60).map(|after| (first + after).unsigned_abs()).collect();
    assert_eq!(anchored(&ground.platform).await, minutes);
    assert_eq!(anchor::drain(&ground.platform).await.unwrap(), 0);
    // A crash between the receipt and our own record of it: sent again, found instead.
    let sql = "UPDATE ledger_anchor SET sent_at = NULL, tx = NULL";
    let rows: u64 = ground
        .platform
        .store
        .write(move |tx| Box::pin(async move { tx.execute(sql, params![]).await }))
        .await
        .map_err(|error: crate::operations::StoreError| error)
        .unwrap();
    assert!(rows >= 60);
    anchor::drain(&ground.platform).await.unwrap();
    assert_eq!(anchored(&ground.platform).await, minutes, "each once");
    assert_eq!(anchor::queue(&ground.platform).await.unwrap().waiting, 0);
}

#[tokio::test]
async fn while_the_ledger_is_away_roots_wait_and_everybody_is_still_trusted() {
    let ground = ground().await;
    let setup = record::setup(&ground.platform).await.unwrap().unwrap();
    let away = testing::platform_with(|config| {
        config.ledger.mode = Mode::Rpc;
        // Nobody listens there.
        config.ledger.endpoints = vec!["http://127.0.0.1:9".to_owned(), "http://127.0.0.1:1".to_owned()];
    })
    .await;
    let entries = ground
        .platform
        .store
        .fetch_one("SELECT statement FROM trust_entry WHERE statement IS NOT NULL", params![])
        .await
        .unwrap();
    let text = entries.text("statement").unwrap();
    let statement = setup.registrar.read(&text).unwrap();
    let written = setup.clone();
    away.store
        .write(move |tx| {
            Box::pin(async move {
                record::insert(tx, &written).await?;
                let grant = Box::new(lifecycle::Grant { statement, text });
                let granted = lifecycle::TrustChange::Granted(grant);
                assert!(lifecycle::follow_ledger(tx, &granted).await?);
                // Read again, it is no news.
                assert!(!lifecycle::follow_ledger(tx, &granted).await?);
                Ok(())
            })
        })
        .await
        .map_err(|error: crate::operations::StoreError| error)
        .unwrap();
    with_a_list(&away).await;
    for minute in 0..60 {
        anchor::make(&away).await.unwrap();
        if minute % 20 == 19 {
            assert!(anchor::drain(&away).await.is_err());
            assert!(follow::follow(&away).await.is_err());
        }
        away.clock.advance_ms(60_000);
    }
    let queue = anchor::queue(&away).await.unwrap();
    assert_eq!((queue.sent, queue.waiting), (0, 60), "an hour waits, nothing is lost");
    let trust = local_trust(&away).await.unwrap();
    assert_eq!(trust.entries().len(), 1, "the list stands as it was");
    let status = cli::perform(&away, cli::Command::Status { json: true }).await.unwrap().1;
    assert_eq!(status["endpoints"][0]["reachable"], false, "{status}");
    assert!(status["unreachable"].is_string(), "{status}");
}
