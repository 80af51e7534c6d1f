//! What is on the disk: durable, checked, and told when it is damaged.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use super::*;

async fn tamper(ground: &Ground, sql: &'static str) {
    let mut db = SqliteConnectOptions::new().filename(ground.folder.file()).connect().await.unwrap();
    assert!(sqlx::query(sql).execute(&mut db).await.unwrap().rows_affected() > 0);
}

async fn some_history() -> Ground {
    let ground = ground().await;
    let to = Some(ground.registry);
    for number in 1..20_u64 {
        ground.anchorer.act(to, call::anchor_status_lists(number, B256::repeat_byte(3), 1)).await.unwrap();
        let agency = code(&format!("99{number:05}"));
        ground.registrar.act(to, call::register_agency(agency, key(9).address(), b"{}")).await.unwrap();
    }
    ground
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again_and_the_replay_agrees() {
    let ground = some_history().await;
    let before = ground.chain.head().await.unwrap();
    let verified = verify(&ground.chain, &mut |_| ()).await.unwrap();
    assert_eq!((verified.head, verified.state_root), (before.hash, before.state_root));
    assert_eq!((verified.transactions, verified.cells), (39, ground.chain.cells()));
    let again = open(&ground.folder, &ground.time).await;
    assert_eq!(again.head().await.unwrap(), before);
    assert_eq!(verify(&again, &mut |_| ()).await.unwrap(), verified);
}

#[tokio::test]
async fn a_changed_slot_is_found_on_opening_and_nobody_may_believe_it() {
    let ground = some_history().await;
    let sql = "UPDATE slot SET value = randomblob(32) WHERE key = (SELECT MAX(key) FROM slot)";
    tamper(&ground, sql).await;
    let options = Options { path: ground.folder.file(), chain_id: CHAIN };
    let error = Chain::open(&options, ground.time.clock()).await.unwrap_err();
    assert!(matches!(error, LedgerError::Damaged(_)), "{error}");
    let error = verify(&ground.chain, &mut |_| ()).await.unwrap_err();
    assert!(matches!(error, LedgerError::Damaged(_)), "{error}");
}

#[tokio::test]
async fn a_replay_finds_history_that_was_changed() {
    for sql in [
        "UPDATE log SET data = x'00' WHERE block = 7",
        "DELETE FROM log WHERE block = 9",
        "UPDATE tx SET gas_used = gas_used + 1 WHERE block = 5",
        "UPDATE tx SET success = 0 WHERE block = 5",
        "UPDATE block SET timestamp = timestamp + 1 WHERE number = 4",
        "DELETE FROM block WHERE number = 6",
        "UPDATE tx SET raw = (SELECT raw FROM tx WHERE block = 3) WHERE block = 5",
    ] {
        let ground = some_history().await;
        verify(&ground.chain, &mut |_| ()).await.unwrap();
        tamper(&ground, sql).await;
        assert!(verify(&ground.chain, &mut |_| ()).await.is_err(), "{sql} was not found");
    }
}

#[tokio::test]
async fn another_chain_id_or_format_is_refused() {
    let ground = ground().await;
    let other = Options { path: ground.folder.file(), chain_id: CHAIN + 1 };
    let error = Chain::open(&other, ground.time.clock()).await.unwrap_err();
    assert_eq!(error, LedgerError::OtherChain { ours: CHAIN + 1, given: CHAIN });
    tamper(&ground, "UPDATE chain SET format = 2").await;
    let same = Options { path: ground.folder.file(), chain_id: CHAIN };
    assert!(matches!(Chain::open(&same, ground.time.clock()).await, Err(LedgerError::Damaged(_))));
}

#[tokio::test]
async fn a_second_process_may_write_between_and_both_go_on() {
    let ground = ground().await;
    let to = Some(ground.registry);
    let other = open(&ground.folder, &ground.time).await;
    let command = Sender::new(Arc::new(other.clone()), key(1));
    command.act(to, call::register_agency(code("9900001"), key(9).address(), b"{}")).await.unwrap();
    // The first has not heard of it: its own block collides, is made again, and both are there.
    ground.anchorer.act(to, call::anchor_status_lists(1, B256::repeat_byte(3), 1)).await.unwrap();
    assert_eq!(ground.chain.head().await.unwrap().number, 3);
    assert_eq!(other.head().await.unwrap().number, 3);
    assert_eq!(ground.agency(code("9900001")).await.version, 1);
    verify(&other, &mut |_| ()).await.unwrap();
}

#[tokio::test]
async fn many_hands_at_once_lose_nothing() {
    let ground = Arc::new(ground().await);
    let tasks = (0..16_u8).map(|hand| {
        let ground = Arc::clone(&ground);
        tokio::spawn(async move {
            let sender = ground.sender(100 + hand);
            for number in 0..10_u32 {
                let receipt = sender.act(Some(ground.registry), call::network()).await.unwrap();
                assert_eq!(receipt.outcome, Outcome::Done, "{hand} {number}");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let verified = verify(&ground.chain, &mut |_| ()).await.unwrap();
    assert_eq!(verified.transactions, 161);
    assert!(verified.blocks < 161, "what waits together goes into one block");
}
