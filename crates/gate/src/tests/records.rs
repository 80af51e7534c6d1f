//! What is signed or chained beside the tap: entry codes, grace orders, pages, passages.

use super::*;
use crate::entry_code::{self, CodeError, EntryCode, UsedCodes};
use crate::feed::{Direction, Kind, Page, Record};
use crate::grace::{MAX_LIFE_MS, Order, OrderError};
use crate::passage::{Chain, ChainError, Entry};

#[test]
fn an_entry_code_counts_once_and_for_ten_seconds() {
    let world = World::new();
    let code = entry_code::make(&world.pass, OPEN, NOW, &world.gate_key).unwrap();
    assert!(code.len() <= entry_code::MAX_TEXT);
    let read = |now| EntryCode::verify(&code, &world.authorities, now);
    let first = read(NOW + 9).unwrap();
    assert_eq!((first.pass.gate_ref, first.evidence), (GateRef([3; 16]), OPEN));
    assert_eq!(read(NOW + 10), Err(CodeError::Old));
    assert_eq!(read(NOW - 6), Err(CodeError::Old));
    let mut used = UsedCodes::default();
    assert_eq!(used.use_once(&first, NOW + 1), Ok(()));
    assert_eq!(used.use_once(&read(NOW + 2).unwrap(), NOW + 2), Err(CodeError::Used));
    // Another key's signature, another authority's pass, other text.
    let forged = entry_code::make(&world.pass, OPEN, NOW, &SecretKey::generate()).unwrap();
    assert_eq!(EntryCode::verify(&forged, &world.authorities, NOW), Err(CodeError::Proof));
    assert_eq!(EntryCode::verify(&code, &[], NOW), Err(CodeError::Proof));
    assert_eq!(EntryCode::verify("MG1:", &world.authorities, NOW), Err(CodeError::Malformed));
    assert_eq!(EntryCode::verify(&code[4..], &world.authorities, NOW), Err(CodeError::Malformed));
}

#[test]
fn a_grace_order_takes_two_different_officers() {
    let (first, second, other) = (SecretKey::generate(), SecretKey::generate(), SecretKey::generate());
    let officers = [first.public_key().clone(), second.public_key().clone()];
    let now = NOW * 1_000;
    let order = Order {
        v: 1,
        id: "2026-1".into(),
        zones: vec!["hall".into()],
        since: now,
        until: now + MAX_LIFE_MS,
        drill: false,
    };
    let file = |order: &Order, a: &SecretKey, b: &SecretKey| {
        std::format!("{}\n{}\n", order.sign(a).unwrap(), order.sign(b).unwrap())
    };
    let good = file(&order, &first, &second);
    assert_eq!(Order::verify(&good, &officers, now), Ok(order.clone()));
    for bad in [file(&order, &first, &first), file(&order, &first, &other), order.sign(&first).unwrap()] {
        assert_eq!(Order::verify(&bad, &officers, now), Err(OrderError::Officers));
    }
    let mut longer = order.clone();
    longer.until += 1;
    assert_eq!(Order::verify(&file(&longer, &first, &second), &officers, now), Err(OrderError::Time));
    let two = std::format!("{}\n{}\n", order.sign(&first).unwrap(), longer.sign(&second).unwrap());
    assert_eq!(Order::verify(&two, &officers, now), Err(OrderError::Officers));
    assert_eq!(Order::verify(&good, &officers, order.until), Err(OrderError::Time));
    assert!(order.extends("hall", NOW + 1, now) && !order.extends("vault", NOW + 1, now));
    assert!(!order.extends("hall", NOW, now), "a pass that was over before the outage stays over");
}

#[test]
fn a_page_is_for_one_controller_and_of_one_key() {
    let key = SecretKey::generate();
    let page = Page {
        v: 1,
        aud: "c1".into(),
        feed: "f".into(),
        kind: Kind::Delta,
        from: 3,
        to: 4,
        at: NOW * 1_000,
        tile: 0,
        tiles: 0,
        records: vec![Record::Stopped { gate_ref: GateRef([1; 16]), at: NOW }],
    };
    let text = page.sign(&key).unwrap();
    assert_eq!(Page::verify(&text, key.public_key(), "c1").unwrap(), page);
    assert!(Page::verify(&text, key.public_key(), "c2").is_err());
    assert!(Page::verify(&text, SecretKey::generate().public_key(), "c1").is_err());
    let newer = Page { v: 2, ..page }.sign(&key).unwrap();
    assert!(Page::verify(&newer, key.public_key(), "c1").is_err());
}

#[test]
fn a_chain_shows_what_is_missing_changed_or_doubled() {
    let entry = |at| Entry {
        at,
        door: GateRef(DOOR),
        direction: Direction::In,
        opened: true,
        code: "granted".into(),
        gate_ref: Some(GateRef([3; 16])),
        grant: Some("g".into()),
        order: None,
        age_ms: Some(5),
        seq: 9,
        way: "standard".into(),
    };
    let (first, after_first) = Chain::default().next(entry(1)).unwrap();
    let (second, after_second) = after_first.next(entry(2)).unwrap();
    let (line, chain) = Chain::default().follow(&first).unwrap();
    assert_eq!((line.entry, &chain), (entry(1), &after_first));
    assert_eq!(chain.follow(&second).unwrap().1, after_second);
    assert_eq!(Chain::default().follow(&second), Err(ChainError::Broken), "left out");
    assert_eq!(chain.follow(&first), Err(ChainError::Broken), "twice");
    let changed = first.replace("granted", "stopped");
    let (_, other) = Chain::default().follow(&changed).unwrap();
    assert_eq!(other.follow(&second), Err(ChainError::Broken), "changed");
    assert_eq!(chain.follow("{}"), Err(ChainError::Malformed));
}
