//! Each way to tamper with a copy, and the fault that names it.

use serde_json::{Value, json};

use super::super::checkpoint::{LogKey, NoteError};
use super::super::copy::hash_of;
use super::super::leaf::Leaf;
use super::super::verify::{Fault, Proven, verify};
use super::super::{log_key, sequencer};
use super::{copied, write};
use crate::testing;

/// Twelve records under two checkpoints (over 8 and 12), as the lines of a copy.
async fn lines() -> (Vec<String>, LogKey) {
    let platform = testing::platform().await;
    write(&platform, 8).await;
    sequencer::number_all(&platform.platform).await.expect("numbered");
    write(&platform, 4).await;
    let copy = copied(&platform, true).await;
    (copy.lines().map(str::to_owned).collect(), log_key(&platform.platform).expect("key").1)
}

fn check(lines: &[String]) -> Result<Proven, Fault> {
    verify(format!("{}\n", lines.join("\n")).as_bytes(), None, None)
}

/// The line of a record.
fn place(lines: &[String], number: u64) -> usize {
    lines.iter().position(|line| line.starts_with(&format!("{{\"number\":{number},"))).expect("the record")
}

fn note(lines: &[String], nth: usize) -> usize {
    let mut notes = (0..lines.len()).filter(|n| lines[*n].starts_with("{\"checkpoint\""));
    notes.nth(nth).expect("the checkpoint")
}

fn note_text(lines: &[String], nth: usize) -> String {
    let value: Value = serde_json::from_str(&lines[note(lines, nth)]).expect("json");
    value["checkpoint"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_true_copy_proves_size_and_root_of_its_checkpoint() {
    let (lines, key) = lines().await;
    let proven = check(&lines).expect("whole");
    let checkpoint = key.open(&note_text(&lines, 1)).expect("signed");
    assert_eq!((proven.size, proven.checkpoints, proven.personal), (12, 2, 5));
    assert_eq!(proven.root, keys::encoding::b64_encode(&checkpoint.root));
    let text = format!("{}\n", lines.join("\n"));
    assert!(verify(text.as_bytes(), Some(&key), Some(&note_text(&lines, 0))).is_ok());
}

#[tokio::test]
async fn a_removed_record_is_named() {
    let (mut lines, _) = lines().await;
    lines.remove(place(&lines, 5));
    assert_eq!(check(&lines), Err(Fault::Order { number: 5, found: 6 }));
}

#[tokio::test]
async fn an_inserted_record_is_named() {
    let (mut lines, _) = lines().await;
    let at = place(&lines, 5);
    lines.insert(at, lines[at - 1].clone());
    assert_eq!(check(&lines), Err(Fault::Order { number: 5, found: 4 }));
}

#[tokio::test]
async fn two_records_that_changed_places_are_named() {
    let (mut lines, _) = lines().await;
    let at = place(&lines, 5);
    lines.swap(at, at + 1);
    assert_eq!(check(&lines), Err(Fault::Order { number: 5, found: 6 }));
    // Renumbered to hide it: now the checkpoint over them does not fit.
    lines[at] = lines[at].replacen("\"number\":6", "\"number\":5", 1);
    lines[at + 1] = lines[at + 1].replacen("\"number\":5", "\"number\":6", 1);
    assert_eq!(check(&lines), Err(Fault::Root { first: 0, size: 8 }));
}

#[tokio::test]
async fn a_changed_record_is_named() {
    let (mut lines, _) = lines().await;
    let at = place(&lines, 10);
    lines[at] = lines[at].replace("employee.viewed", "employee.nothing");
    assert_eq!(check(&lines), Err(Fault::Changed { number: 10 }));
}

#[tokio::test]
async fn a_record_that_was_changed_with_its_hash_is_bounded_by_its_checkpoint() {
    let (mut lines, _) = lines().await;
    let at = place(&lines, 10);
    let mut line: Value = serde_json::from_str(&lines[at]).expect("json");
    line["record"][5] = json!("employee.nothing");
    let hash = Leaf::from_value(&line["record"]).expect("a record").hash();
    line["hash"] = json!(keys::encoding::hex_encode(&hash));
    assert_eq!(hash_of(line["hash"].as_str().expect("hex")), Some(hash));
    lines[at] = line.to_string();
    assert_eq!(check(&lines), Err(Fault::Root { first: 8, size: 12 }));
}

#[tokio::test]
async fn a_changed_personal_part_is_named() {
    let (mut lines, _) = lines().await;
    let at = place(&lines, 3);
    lines[at] = lines[at].replace("예시", "견본");
    assert_eq!(check(&lines), Err(Fault::Personal { number: 3 }));
}

#[tokio::test]
async fn a_copy_without_its_end_is_refused() {
    let (mut lines, key) = lines().await;
    let last = note_text(&lines, 1);
    lines.pop();
    assert_eq!(check(&lines), Err(Fault::End { records: 12, last: 8 }));
    // Cut at a checkpoint it is whole in itself; who kept a later checkpoint sees it.
    lines.truncate(note(&lines, 0) + 1);
    assert!(check(&lines).is_ok());
    let text = format!("{}\n", lines.join("\n"));
    assert_eq!(verify(text.as_bytes(), Some(&key), Some(&last)), Err(Fault::Shorter { size: 12 }));
    assert!(matches!(verify(text.trim_end().as_bytes(), None, None), Err(Fault::Read { .. })));
    assert!(matches!(check(&lines[..1]), Err(Fault::End { records: 0, last: 0 })));
}

#[tokio::test]
async fn another_key_or_a_forged_checkpoint_is_refused() {
    let (lines, key) = lines().await;
    let other = keys::ed25519::Ed25519Key::from_seed(&[5; 32]).expect("key");
    let origin = key.text().split('+').next().expect("name").to_owned();
    let stranger = LogKey::new(&origin, &other);
    let text = format!("{}\n", lines.join("\n"));
    assert!(matches!(verify(text.as_bytes(), Some(&stranger), None), Err(Fault::Log { .. })));
    let forged = text.replacen(&key.text(), &stranger.text(), 1);
    assert_eq!(
        verify(forged.as_bytes(), None, None),
        Err(Fault::Note { size: 8, reason: NoteError::Signature })
    );
}

#[tokio::test]
async fn a_forked_log_is_found_by_whoever_kept_a_checkpoint() {
    let platform = testing::platform().await;
    write(&platform, 4).await;
    let first = copied(&platform, false).await;
    let seen: Vec<String> = first.lines().map(str::to_owned).collect();
    let (key, log) = log_key(&platform.platform).expect("key");
    // The operator signs another history of the same size with the true key.
    let root = [1; 32];
    let other = log.sign(&key, &super::super::checkpoint::Checkpoint { size: 4, root });
    assert_eq!(verify(first.as_bytes(), Some(&log), Some(&other)), Err(Fault::Fork { size: 4 }));
    assert!(verify(first.as_bytes(), Some(&log), Some(&note_text(&seen, 0))).is_ok());
}

#[test]
fn what_is_no_copy_is_refused_with_its_line() {
    for (text, line) in [
        ("", 1),
        ("{}\n", 1),
        ("{\"mapae_audit_copy\":2,\"log\":\"a+b+c\"}\n", 1),
        ("{\"mapae_audit_copy\":1,\"log\":\"a+b+c\"}\n", 1),
        ("\u{0}\n", 1),
    ] {
        assert!(
            matches!(verify(text.as_bytes(), None, None), Err(Fault::Form { line: at, .. }) if at == line),
            "{text}"
        );
    }
    let long = "x".repeat(1 << 20);
    assert!(matches!(verify(long.as_bytes(), None, None), Err(Fault::Read { line: 1, .. })));
}
