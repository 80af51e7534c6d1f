//! The log as its promises: `records` are written with what they describe, `log` is numbered once and never rewritten,
//! `tampering` is found.

mod log;
mod records;
mod tampering;

use serde_json::json;

use super::{Record, copy, record, record_with_personal, sequencer};
use crate::operations::store::StoreError;
use crate::testing::TestPlatform;

/// Writes `count` records, every third with a personal part, and does not number them.
async fn write(platform: &TestPlatform, count: u64) {
    for n in 0..count {
        let inner = std::sync::Arc::clone(&platform.platform);
        let written: Result<(), StoreError> = platform
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let subject = format!("e-{n}");
                    let detail = json!({ "n": n });
                    let record_of = Record {
                        actor: "e-1",
                        duty: "hr_manager",
                        act: "employee.viewed",
                        subject: &subject,
                        detail,
                    };
                    if n % 3 == 0 {
                        record_with_personal(tx, &inner.sealer, record_of, &json!({ "name": "예시" })).await
                    } else {
                        record(tx, record_of).await
                    }
                })
            })
            .await;
        written.expect("written");
    }
}

/// A copy of the whole log.
async fn copied(platform: &TestPlatform, personal: bool) -> String {
    sequencer::number_all(&platform.platform).await.expect("numbered");
    let mut out = Vec::new();
    copy::write(&platform.platform, &mut out, personal, &|_| ()).await.expect("copied");
    String::from_utf8(out).expect("text")
}
