use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::operations::once;
use crate::testing::{self, TestClock, TestPlatform};

pub(crate) async fn mark(store: &Store, id: String) -> Result<bool, StoreError> {
    store.write(move |tx| Box::pin(async move { once::consume(tx, "test", &id, i64::MAX).await })).await
}

async fn marks(platform: &TestPlatform) -> i64 {
    let row = platform.store.fetch_one("SELECT COUNT(*) AS n FROM once", params![]).await.expect("count");
    row.int("n").expect("n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_tasks_that_use_the_same_code_exactly_one_succeeds() {
    let platform = testing::platform().await;
    let tasks = (0..64).map(|_| {
        let store = platform.store.clone();
        tokio::spawn(async move { mark(&store, "the code".into()).await.expect("write") })
    });
    let won =
        futures::future::join_all(tasks).await.into_iter().filter(|won| *won.as_ref().expect("task")).count();
    assert_eq!(won, 1);
    assert_eq!(marks(&platform).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_fails_in_a_group_leaves_nothing_and_disturbs_no_other() {
    let platform = testing::platform().await;
    let before = platform.store.counters().commits();
    let units = (0..60).map(|n| {
        let store = platform.store.clone();
        tokio::spawn(async move {
            store
                .write(move |tx| {
                    Box::pin(async move {
                        once::consume(tx, "test", &format!("a{n}"), 1).await?;
                        if n % 3 == 0 {
                            return Err(StoreError::NotFound); // after it has written
                        }
                        if n % 3 == 1 {
                            // A statement the database refuses, in the middle of the unit.
                            tx.execute("INSERT INTO once (purpose, id) VALUES ($1, $2)", params!["x", "y"])
                                .await?;
                        }
                        Ok(n)
                    })
                })
                .await
        })
    });
    let outcomes = futures::future::join_all(units).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.expect("task").is_ok(), n % 3 == 2, "{n}");
    }
    assert_eq!(marks(&platform).await, 20);
    let commits = platform.store.counters().commits() - before;
    assert!(commits <= 20, "{commits} commits for 20 units");
    if platform.store.engine() == Engine::Sqlite {
        assert!(commits < 20, "nothing was grouped");
    }
}

#[tokio::test]
async fn a_unit_that_panics_or_hangs_is_rolled_back_and_the_next_one_works() {
    let platform = testing::platform().await;
    let panicked: Result<(), StoreError> = platform
        .store
        .write(|tx| {
            Box::pin(async move {
                once::consume(tx, "test", "panicked", 1).await?;
                panic!("on purpose")
            })
        })
        .await;
    assert!(matches!(panicked, Err(StoreError::Panicked)), "{panicked:?}");
    assert_eq!(marks(&platform).await, 0);
    assert!(mark(&platform.store, "next".into()).await.expect("write"));
    assert_eq!(marks(&platform).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_visible_to_every_reader_at_once() {
    let platform = testing::platform().await;
    for n in 0..50 {
        assert!(mark(&platform.store, format!("id{n}")).await.expect("write"));
        assert_eq!(marks(&platform).await, n + 1);
    }
}

#[tokio::test]
async fn a_wake_up_comes_after_the_commit_and_never_after_a_roll_back() {
    let platform = testing::platform().await;
    let woken = Arc::new(AtomicU64::new(0));
    for fail in [false, true] {
        let woken = Arc::clone(&woken);
        let _: Result<(), StoreError> = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.after_commit(move || {
                        woken.fetch_add(1, Ordering::SeqCst);
                    });
                    if fail { Err(StoreError::NotFound) } else { Ok(()) }
                })
            })
            .await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(woken.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_wake_up_that_panics_takes_nobody_s_answer_and_no_other_wake_up() {
    let platform = testing::platform().await;
    let woken = Arc::new(AtomicU64::new(0));
    let other = Arc::clone(&woken);
    let stored: Result<(), StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                tx.after_commit(|| panic!("on purpose"));
                tx.after_commit(move || {
                    other.fetch_add(1, Ordering::SeqCst);
                });
                once::consume(tx, "test", "woken", 1).await.map(drop)
            })
        })
        .await;
    assert!(stored.is_ok(), "{stored:?}");
    assert!(mark(&platform.store, "next".into()).await.expect("write"));
    assert_eq!((marks(&platform).await, woken.load(Ordering::SeqCst)), (2, 1));
}

/// An answer that takes whoever drops it with it.
#[derive(Debug)]
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_falls_outside_a_unit_goes_on() {
    let platform = testing::platform().await;
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (go, may_go) = tokio::sync::oneshot::channel::<()>();
    let store = platform.store.clone();
    let given_up = tokio::spawn(async move {
        let unit = store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                once::consume(tx, "test", "of the fallen", 1).await?;
                begun.send(()).expect("the test waits");
                may_go.await.expect("the test lets it go");
                Ok(Trap)
            })
        });
        std::mem::forget(unit.await);
    });
    has_begun.await.expect("the unit begins");
    given_up.abort();
    assert!(given_up.await.expect_err("given up").is_cancelled());
    go.send(()).expect("the unit waits");
    while marks(&platform).await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(mark(&platform.store, "next".into()).await.expect("write"));
    assert_eq!(marks(&platform).await, 2, "what was committed before the fall is there");
    platform.store.close().await;
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes_later() {
    let platform = testing::platform().await;
    let waiting: Vec<_> = (0..20)
        .map(|n| {
            let store = platform.store.clone();
            tokio::spawn(async move { mark(&store, format!("w{n}")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    platform.store.close().await;
    let written =
        futures::future::join_all(waiting).await.into_iter().filter(|r| matches!(r, Ok(Ok(true)))).count();
    assert!(mark(&platform.store, "late".into()).await.is_err());
    let again = Store::open(&platform.config.store.url, Arc::new(TestClock::default())).await.expect("open");
    let row = again.fetch_one("SELECT COUNT(*) AS n FROM once", params![]).await.expect("count");
    assert_eq!(
        row.int("n").expect("n"),
        i64::try_from(written).expect("small"),
        "what was acknowledged is there"
    );
}

#[tokio::test]
async fn reads_that_are_given_up_leave_their_places_to_others() {
    let platform = testing::platform().await;
    for _ in 0..100 {
        // On PostgreSQL the answer has not come by then.
        let _ = platform.store.ping().now_or_never();
    }
    platform.store.ping().await.expect("a place is free");
}

#[tokio::test]
async fn a_long_read_leaves_its_thread_to_others_and_comes_back_whole() {
    let platform = testing::platform().await;
    let store = platform.store.clone();
    // On the one thread of this test.
    let long = tokio::spawn(async move {
        let sql = "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
                   SELECT COUNT(*) AS n FROM n";
        store.fetch_one(sql, params![3_000_000_i64]).await
    });
    let mut beside = 0;
    while !long.is_finished() {
        platform.store.ping().await.expect("a short read beside it");
        beside += 1;
        tokio::task::yield_now().await;
    }
    let row = long.await.expect("task").expect("read");
    assert_eq!(row.int("n").expect("n"), 3_000_000);
    assert!(beside > 20, "{beside} short reads beside a long one");
}

#[tokio::test]
async fn long_reads_that_are_given_up_keep_their_places_until_they_end() {
    let platform = testing::platform().await;
    if platform.store.engine() != Engine::Sqlite {
        return;
    }
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT COUNT(*) AS n FROM n";
    for _ in 0..limits::STORE_READERS.get() {
        let given_up = platform.store.fetch_one(sql, params![]).now_or_never();
        assert!(given_up.is_none(), "it is long");
    }
    assert!(platform.store.ping().now_or_never().is_none(), "all places are taken");
    platform.store.ping().await.expect("the next one has a place when one has ended");
}

#[tokio::test]
async fn what_may_go_well_later_is_told_from_what_never_will() {
    let away = Store::open("postgres://nobody@127.0.0.1:9/none", Arc::new(TestClock::default())).await;
    assert!(away.expect_err("nobody listens there").may_pass());
    let full = Sqlite::in_memory().expect("database");
    full.batch("CREATE TABLE t (a BLOB); PRAGMA max_page_count = 4").expect("small");
    let error =
        full.execute("INSERT INTO t VALUES ($1)", &params![vec![0_u8; 100_000]]).expect_err("no room");
    assert!(error.may_pass(), "{error}");
    let wrong = full.execute("INSERT INTO no_such_table VALUES (1)", &[]).expect_err("no table");
    assert!(!wrong.may_pass(), "{wrong}");
    let platform = testing::platform().await;
    platform.store.close().await;
    assert!(platform.store.ping().await.expect_err("closed").may_pass());
}

#[test]
fn a_statement_that_does_not_end_is_stopped_at_its_limit() {
    let sqlite = Sqlite::in_memory().expect("database");
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";
    sqlite.limit(Duration::from_millis(30));
    assert!(matches!(sqlite.fetch(endless, &[], 1), Err(StoreError::Timeout)));
    assert!(matches!(sqlite.execute("SELECT 1", &[]), Err(StoreError::Timeout)), "nor does another begin");
    sqlite.no_limit();
    assert_eq!(sqlite.fetch("SELECT 1 AS one", &[], 1).expect("read").len(), 1);
    assert!(sqlite.fetch_short(endless, &[], 1).expect("no fault").is_none());
}

#[tokio::test]
async fn units_that_waited_for_another_process_are_committed_together() {
    let platform = testing::platform().await;
    let Some(path) = platform.config.store.url.strip_prefix("sqlite:") else { return };
    let other = File::of(path).writer().expect("another process");
    other.batch("BEGIN IMMEDIATE").expect("it writes");
    let before = platform.store.counters().commits();
    let units: Vec<_> = (0..20)
        .map(|n| {
            let store = platform.store.clone();
            tokio::spawn(async move { mark(&store, format!("u{n}")).await })
        })
        .collect();
    tokio::time::sleep(limits::STORE_GROUP_TIME.duration() * 5).await;
    assert_eq!(platform.store.counters().commits(), before, "everybody waits for it");
    other.batch("COMMIT").expect("it has written");
    for unit in futures::future::join_all(units).await {
        assert!(unit.expect("task").expect("write"));
    }
    let commits = platform.store.counters().commits() - before;
    assert!(commits <= 2, "{commits} commits for 20 units that had gathered");
}

#[tokio::test]
async fn values_of_every_kind_come_back_as_they_went_in() {
    let platform = testing::platform().await;
    let row = platform
        .store
        .write(|tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO platform_key (name, key_id, state, sealed, certificate, created_at, retired_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    params!["가나 '\"", i64::MIN, "retired", vec![0_u8, 255, 1], None::<Vec<u8>>, i64::MAX, None::<i64>],
                )
                .await?;
                tx.fetch_one("SELECT * FROM platform_key WHERE name = $1", params!["가나 '\""]).await
            })
        })
        .await;
    let row = row.map_err(|error: StoreError| error).expect("row");
    assert_eq!(row.text("name").expect("text"), "가나 '\"");
    assert_eq!(row.int("key_id").expect("int"), i64::MIN);
    assert_eq!(row.bytes("sealed").expect("bytes"), [0, 255, 1]);
    assert_eq!(row.opt_bytes("certificate").expect("null"), None);
    assert_eq!(row.opt_int("retired_at").expect("null"), None);
    assert!(matches!(row.text("no such column"), Err(StoreError::Column(..))));
    assert!(matches!(row.int("name"), Err(StoreError::Column(..))));
}

#[tokio::test]
async fn a_database_whose_migration_differs_from_ours_is_refused() {
    let url = testing::empty_store_url().await;
    let clock = || Arc::new(TestClock::default());
    let store = Store::open(&url, clock()).await.expect("open");
    let changed: Result<u64, StoreError> = store
        .write(|tx| {
            Box::pin(async move {
                tx.execute("UPDATE schema_migration SET checksum = $1 WHERE version = 1", params![vec![0_u8]])
                    .await
            })
        })
        .await;
    assert_eq!(changed.expect("write"), 1);
    store.close().await;
    let refused = Store::open(&url, clock()).await;
    assert!(matches!(refused, Err(StoreError::Migration { version: 1, .. })), "{refused:?}");
}

#[tokio::test]
async fn processes_that_start_at_once_migrate_once() {
    for _ in 0..4 {
        let url = testing::empty_store_url().await;
        let starts = (0..6).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Store::open(&url, Arc::new(TestClock::default())).await })
        });
        for store in futures::future::join_all(starts).await {
            let store = store.expect("task").expect("open");
            store.ping().await.expect("ping");
            store.close().await;
        }
    }
}

/// Run by the next test in a process of its own: writes and says what was acknowledged, until it is killed.
#[tokio::test]
#[ignore = "a child of the next test"]
async fn child_that_writes_until_it_is_killed() {
    use std::io::Write as _;

    let Ok(url) = std::env::var("MAPAE_TEST_CHILD_STORE") else { return };
    let store = Store::open(&url, Arc::new(TestClock::default())).await.expect("open");
    let round = crate::operations::id::new();
    for n in 0.. {
        let ids = (0..8).map(|k| format!("{round}-{n}-{k}")).map(|id| {
            let store = store.clone();
            async move { mark(&store, id.clone()).await.expect("write").then_some(id) }
        });
        for id in futures::future::join_all(ids).await.into_iter().flatten() {
            writeln!(std::io::stdout(), "acknowledged {id}").expect("told");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed_at_any_moment_migrations_included() {
    use std::collections::BTreeSet;
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let url = testing::empty_store_url().await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..12_u64 {
        let mut child = tokio::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "operations::store::tests::child_that_writes_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env("MAPAE_TEST_CHILD_STORE", &url)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("child");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        // Early rounds die while the tables are being made, later ones in the middle of writing.
        let life = Duration::from_millis(3 + round * round * 3);
        let told = Arc::new(AtomicU64::new(0));
        let telling = Arc::clone(&told);
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Ok(Some(line)) = lines.next_line().await {
                // The harness writes the test's name in front of the first line.
                seen.extend(line.split_once("acknowledged ").map(|(_, id)| id.to_owned()));
                telling.store(seen.len() as u64, Ordering::SeqCst);
            }
            seen
        });
        for _ in 0..1_000 {
            if round < 6 || told.load(Ordering::SeqCst) > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(life).await;
        child.kill().await.expect("killed");
        acknowledged.extend(reading.await.expect("read"));
    }
    let store = Store::open(&url, Arc::new(TestClock::default())).await.expect("opens after every kill");
    let rows = store.fetch_all("SELECT id FROM once", params![]).await.expect("rows");
    let stored: BTreeSet<String> = rows.iter().map(|row| row.text("id").expect("id")).collect();
    assert!(!acknowledged.is_empty(), "the children got as far as writing");
    assert!(acknowledged.is_subset(&stored), "{} acknowledged, {} stored", acknowledged.len(), stored.len());
}

async fn in_turn(store: &Store, turn: Turn, id: &'static str) -> Result<bool, StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                turn.confirm(tx).await?;
                once::consume(tx, "turn", id, i64::MAX).await
            })
        })
        .await
}

#[tokio::test]
async fn a_job_is_one_process_s_until_that_ends_and_then_the_next_one_s_at_once() {
    let platform = testing::platform().await;
    let other = platform.replica().await;
    let first = platform.store.turn("test").await.expect("turn").expect("nobody else has it");
    assert_eq!(platform.store.turn("test").await.expect("turn"), Some(first), "and keeps it");
    assert!(in_turn(&platform.store, first, "a").await.expect("its turn"));
    if platform.store.engine() == Engine::Postgres {
        assert_eq!(other.store.turn("test").await.expect("turn"), None);
        assert!(other.store.turn("another").await.expect("turn").is_some(), "each job by itself");
    }
    platform.store.close().await;
    let next = other.store.turn("test").await.expect("turn").expect("the first one is gone");
    assert!(next.fence() > first.fence());
    assert!(in_turn(&other.store, next, "b").await.expect("its turn"));
}

#[tokio::test]
async fn who_was_overtaken_stores_nothing_whatever_it_believes() {
    let platform = testing::platform().await;
    let stale = platform.store.turn("test").await.expect("turn").expect("turn");
    // As the database sees a process that stood still: its session is over, and another one was given the turn.
    platform
        .store
        .write::<_, StoreError, _>(|tx| {
            Box::pin(async move { tx.execute("UPDATE job_turn SET fence = fence + 1", params![]).await })
        })
        .await
        .expect("overtaken");
    let refused = in_turn(&platform.store, stale, "a").await;
    assert!(matches!(&refused, Err(StoreError::TurnLost(job)) if job == "test"), "{refused:?}");
    assert_eq!(marks(&platform).await, 0, "nothing of the unit is there");
    let fresh = platform.store.turn("test").await.expect("turn").expect("it asks anew");
    assert!(fresh.fence() > stale.fence());
    assert!(in_turn(&platform.store, fresh, "a").await.expect("its turn"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_processes_that_want_a_turn_at_once_one_has_it() {
    let platform = testing::platform().await;
    if platform.store.engine() == Engine::Sqlite {
        // One process serves an embedded store; of its tasks all are in the same turn.
        let turns = (0..16).map(|_| platform.store.turn("test"));
        let turns = futures::future::try_join_all(turns).await.expect("turns");
        assert!(turns.iter().all(|turn| *turn == turns[0] && turn.is_some()), "{turns:?}");
        return;
    }
    let mut others = Vec::new();
    for _ in 0..6 {
        others.push(platform.replica().await);
    }
    let asked = others.iter().map(|other| other.store.turn("test"));
    let turns = futures::future::try_join_all(asked).await.expect("turns");
    assert_eq!(turns.iter().flatten().count(), 1, "{turns:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_tells_another_hears_and_nothing_of_what_was_rolled_back() {
    let platform = testing::platform().await;
    let mut tasks = crate::operations::tasks::Tasks::default();
    let (teller, hearer) = match platform.store.engine() {
        Engine::Sqlite => (platform.store.clone(), platform.store.clone()),
        Engine::Postgres => (platform.store.clone(), platform.replica().await.store.clone()),
    };
    let (told, other) = (hearer.watch("told"), hearer.watch("other"));
    let listener = hearer.clone();
    tasks.spawn(move |stop| listener.listen(stop));
    if platform.store.engine() == Engine::Postgres {
        // Whoever begins to listen looks once: something may have been told before.
        told.told().await;
        other.told().await;
    }
    let tell = |topic: &'static str, fail: bool| {
        teller.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.tell(topic).await?;
                if fail { Err(StoreError::NotFound) } else { Ok(()) }
            })
        })
    };
    tell("other", true).await.expect_err("rolled back");
    tell("told", false).await.expect("told");
    tokio::time::timeout(Duration::from_secs(10), told.told()).await.expect("heard");
    let more = tokio::time::timeout(Duration::from_millis(50), other.told()).await;
    assert!(more.is_err(), "what was rolled back was never told");
    tasks.stop(Duration::from_secs(5)).await;
}
