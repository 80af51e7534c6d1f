use serde_json::json;

use super::super::*;
use crate::testing;

fn looked_at(subject: &str) -> Record<'_> {
    Record {
        actor: "e-1",
        duty: "hr_manager",
        act: "employee.viewed",
        subject,
        detail: json!({ "why": "test" }),
    }
}

#[tokio::test]
async fn the_stored_leaf_hash_follows_from_the_columns_alone() {
    let platform = testing::platform().await;
    let inner = Arc::clone(&platform.platform);
    let written: Result<(), StoreError> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                record_with_personal(tx, &inner.sealer, looked_at("e-2"), &json!({ "name": "예시" })).await
            })
        })
        .await;
    written.expect("written");
    let row = platform.store.fetch_one("SELECT * FROM audit_record", params![]).await.expect("row");
    let text = |name: &str| row.text(name).expect("text");
    let array = json!([
        "mapae-audit-1",
        text("id"),
        row.int("at").expect("at"),
        text("actor"),
        text("duty"),
        text("act"),
        text("subject"),
        text("detail"),
        keys::encoding::hex_encode(&row.bytes("personal_commitment").expect("commitment")),
    ]);
    let mut leaf = vec![0_u8];
    leaf.extend_from_slice(array.to_string().as_bytes());
    assert_eq!(row.bytes("leaf_hash").expect("hash"), keys::sha256(&leaf));

    let part = platform.store.fetch_one("SELECT * FROM audit_personal", params![]).await.expect("part");
    let sealed = part.bytes("sealed").expect("sealed");
    let plain = platform.sealer.open("audit_personal", "sealed", &text("id"), &sealed).expect("opens");
    let salted = [part.bytes("salt").expect("salt"), plain.to_vec()].concat();
    assert_eq!(row.bytes("personal_commitment").expect("commitment"), keys::sha256(&salted));
    assert!(!format!("{array}").contains("예시"), "nothing personal in the leaf");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_undoes_what_it_describes() {
    let platform = testing::platform().await;
    let outcome: Result<(), StoreError> = platform
        .store
        .write(|tx| {
            Box::pin(async move {
                crate::operations::once::consume(tx, "test", "change", 1).await?;
                tx.execute("ALTER TABLE audit_record RENAME TO audit_gone", params![]).await?;
                record(tx, looked_at("e-2")).await
            })
        })
        .await;
    assert!(outcome.is_err());
    let rows = platform.store.fetch_all("SELECT id FROM once", params![]).await.expect("rows");
    assert!(rows.is_empty(), "the change is gone with its record");
}
