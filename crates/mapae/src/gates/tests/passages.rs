//! Passages: each line taken once, in order, and its holder told.

use super::*;
use crate::gates::enrolment::Controller as Known;
use crate::gates::passages::{Upload, take};

async fn known(town: &Town) -> Known {
    let sql = "SELECT id, passage_n, passage_head FROM gate_controller WHERE enrolled_at IS NOT NULL";
    let row = town.platform.store.fetch_one(sql, params![]).await.unwrap();
    Known {
        id: row.text("id").unwrap(),
        passage_n: row.int("passage_n").unwrap().unsigned_abs(),
        passage_head: row.text("passage_head").unwrap(),
    }
}

async fn stored(town: &Town) -> Vec<i64> {
    let rows =
        town.platform.store.fetch_all("SELECT n FROM gate_passage ORDER BY n", params![]).await.unwrap();
    rows.iter().map(|row| row.int("n").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_taken_once_whoever_sends_it_how_often() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let mut phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    for _ in 0..5 {
        assert!(controller.tap(door, &mut phone).await.opened);
    }
    let lines: Vec<String> =
        folder.read("passages.log").unwrap().unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 5);
    let before = known(&town).await;
    // The same upload 64 times at once.
    let racing = futures::future::join_all((0..64).map(|_| {
        let upload = Upload { lines: lines.clone(), standing: None };
        take(&town.platform, before.clone(), upload)
    }));
    let took = racing.await.into_iter().filter(|taken| taken.is_ok()).count();
    assert_eq!((took, stored(&town).await), (1, vec![1, 2, 3, 4, 5]));
    let again = take(&town.platform, known(&town).await, Upload { lines: lines.clone(), standing: None })
        .await
        .unwrap();
    assert_eq!((again.n, stored(&town).await.len()), (5, 5));
    let told = "SELECT push_kind FROM notification_outbox WHERE channel = 'push'";
    // Nobody subscribed: nothing waits, and nothing failed.
    assert!(town.platform.store.fetch_all(told, params![]).await.unwrap().is_empty());

    // A gap, a change, a stranger's line.
    controller.tap(door, &mut phone).await;
    controller.tap(door, &mut phone).await;
    let text = folder.read("passages.log").unwrap().unwrap();
    let newer: Vec<String> = text.lines().skip(5).map(str::to_owned).collect();
    let code = |refused: Result<_, crate::operations::Problem>| match refused {
        Ok(_) => "taken",
        Err(problem) => problem.code(),
    };
    let gap = Upload { lines: vec![newer[1].clone()], standing: None };
    assert_eq!(code(take(&town.platform, known(&town).await, gap).await), "gate_passage_chain");
    let changed = vec![newer[0].replace("granted", "stopped"), newer[1].clone()];
    assert_eq!(
        code(take(&town.platform, known(&town).await, Upload { lines: changed, standing: None }).await),
        "gate_passage_chain"
    );
    assert_eq!(stored(&town).await.len(), 5);
    // The controller itself sends what is right.
    assert_eq!(controller.upload(&client::http().unwrap()).await.unwrap(), 7);
    assert_eq!(stored(&town).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(town.order("passages --last 3").await.as_array().unwrap().len(), 3);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_power_in_the_middle_of_a_line_loses_no_passage_that_opened() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let mut phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    assert!(controller.tap(door, &mut phone).await.opened);
    assert!(controller.tap(door, &mut phone).await.opened);
    drop(controller);
    let text = folder.read("passages.log").unwrap().unwrap();
    for cut in [text.len() - 1, text.len() - 30] {
        std::fs::write(folder.file("passages.log"), &text[..cut]).unwrap();
        let again = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
        assert_eq!(again.standing()["lines"], 1, "cut at {cut}");
        assert!(again.tap(door, &mut phone).await.opened);
        assert_eq!(again.standing()["lines"], 2);
    }
    // A line that somebody changed is no accident: the controller does not start on it.
    let text = folder.read("passages.log").unwrap().unwrap();
    std::fs::write(folder.file("passages.log"), text.replacen("\"opened\":true", "\"opened\":false", 1))
        .unwrap();
    assert!(Controller::open(folder.clone(), Arc::new(SystemClock)).is_err());
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_that_can_not_be_written_down_does_not_take_place() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let mut phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    assert!(controller.tap(door, &mut phone).await.opened);
    // A folder where the log should be: as unwritable as a full disk.
    std::fs::remove_file(folder.file("passages.log")).unwrap();
    std::fs::create_dir(folder.file("passages.log")).unwrap();
    let shown = controller.tap(door, &mut phone).await;
    assert_eq!((shown.code, shown.opened), ("log_full", false));
    assert_eq!(controller.input(door, gate::decision::Input::Fire(true)).len(), 1);
    assert!(controller.tap(door, &mut phone).await.opened, "fire opens all the same");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_controller_and_its_doors_stand_is_told_when_it_changes() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let http = client::http().unwrap();
    // It hears of its door, and tells nothing by itself.
    let (hearing, heard) = (Arc::clone(&controller), http.clone());
    let following = tokio::spawn(async move { hearing.follow(&heard, |_| ()).await });
    let seq = town.seq().await;
    until(|| controller.known().1 >= seq).await;
    following.abort();
    let stored = async || {
        let sql = "SELECT standing, standing_at FROM gate_controller WHERE enrolled_at IS NOT NULL";
        let row = town.platform.store.fetch_one(sql, params![]).await.unwrap();
        let standing: Option<serde_json::Value> =
            row.opt_text("standing").unwrap().map(|text| serde_json::from_str(&text).unwrap());
        (standing, row.opt_int("standing_at").unwrap())
    };
    assert_eq!(stored().await, (None, None));
    let mut told = None;
    controller.tell_standing(&http, &mut told).await.unwrap();
    let (standing, at) = stored().await;
    let standing = standing.unwrap();
    assert_eq!(
        (&standing["doors"][0]["open"], &standing["doors"][0]["trouble"]),
        (&false.into(), &serde_json::Value::Null)
    );
    assert!(at.is_some() && standing["age_ms"].is_i64());
    // Nothing changed and it is not long ago: nothing is sent.
    controller.tell_standing(&http, &mut told).await.unwrap();
    assert_eq!(stored().await.1, at);
    controller.input(door, gate::decision::Input::Leaf { open: true });
    controller.tell_standing(&http, &mut told).await.unwrap();
    let (standing, _) = stored().await;
    let standing = standing.unwrap();
    assert_eq!(
        (&standing["doors"][0]["open"], &standing["doors"][0]["trouble"]),
        (&true.into(), &"forced".into())
    );
    // A controller that tells more than it may is refused, and nothing of it is kept.
    let mut wild = controller.stands();
    wild.doors = vec![wild.doors[0].clone(); 65];
    let upload = Upload { lines: Vec::new(), standing: Some(wild) };
    assert!(take(&town.platform, known(&town).await, upload).await.is_err());
    assert_eq!(stored().await.0.unwrap()["doors"].as_array().unwrap().len(), 1);
    town.close().await;
}
