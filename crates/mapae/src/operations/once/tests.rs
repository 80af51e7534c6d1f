use super::*;
use crate::testing::{self, BEGINNING_MS, TestPlatform};

async fn use_up(platform: &TestPlatform, purpose: &'static str, id: String, expires_ms: i64) -> bool {
    let used: Result<bool, StoreError> = platform
        .store
        .write(move |tx| Box::pin(async move { consume(tx, purpose, &id, expires_ms).await }))
        .await;
    used.expect("written")
}

#[tokio::test]
async fn an_id_is_used_once_for_each_purpose_and_an_impossible_id_never() {
    let platform = testing::platform().await;
    assert!(use_up(&platform, "nonce", "a".into(), 1).await);
    assert!(!use_up(&platform, "nonce", "a".into(), 2).await);
    assert!(use_up(&platform, "code", "a".into(), 1).await);
    assert!(!use_up(&platform, "nonce", String::new(), 1).await);
    assert!(!use_up(&platform, "nonce", "a".repeat(limits::ONCE_ID.size() + 1), 1).await);
}

#[tokio::test]
async fn marks_go_when_their_token_has_expired_and_not_before() {
    let platform = testing::platform().await;
    for n in 0..2_500 {
        let expires = BEGINNING_MS + if n % 2 == 0 { -1 } else { 1_000 };
        assert!(use_up(&platform, "nonce", format!("n{n}"), expires).await);
    }
    let mut swept = 0;
    loop {
        let rows = sweep(&platform.store, platform.now_ms()).await.expect("swept");
        assert!(rows <= limits::ONCE_SWEEP_ROWS.get().unsigned_abs(), "bounded: {rows}");
        swept += rows;
        if rows == 0 {
            break;
        }
    }
    assert_eq!(swept, 1_250);
    assert!(!use_up(&platform, "nonce", "n1".into(), 1).await, "what still counts is still used");
}
