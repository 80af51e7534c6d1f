//! Taps as they should go, and as they should end.

use std::vec::Vec;

use super::*;
use crate::apdu::Status;
use crate::pass::PassError;

#[test]
fn the_first_tap_goes_the_standard_way_and_the_next_one_the_fast_way() {
    let mut world = World::new();
    let (fast, verdict) = world.walk(NOW, true).unwrap();
    assert!(!fast && verdict.open && verdict.place == "예시청사 정문");
    for later in 1..5 {
        let (fast, verdict) = world.walk(NOW + later, true).unwrap();
        assert!(fast && verdict.open);
    }
    assert_eq!((world.card.keys().len(), world.kept.len()), (1, 1));
}

#[test]
fn a_locked_phone_answers_6985_and_nothing_of_itself() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    world.evidence = LOCKED;
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::Locked);
    let (command, selecting) = reader::select();
    let response = world.answer(&command, NOW);
    let gate = GateId { group: GROUP, door: DOOR };
    let (command, _) = selecting.answered(&response, Draw::fresh(), gate, NOW, true).unwrap();
    assert_eq!(world.answer(&command, NOW), Status::CONDITIONS.0.to_be_bytes());
}

#[test]
fn a_phone_that_locks_in_the_middle_of_a_tap_refuses_too() {
    let mut world = World::new();
    let (command, selecting) = reader::select();
    let response = world.answer(&command, NOW);
    let gate = GateId { group: GROUP, door: DOOR };
    let (command, opening) = selecting.answered(&response, Draw::fresh(), gate, NOW, true).unwrap();
    let answered = opening.answered(&world.answer(&command, NOW)).unwrap();
    let (command, proving) = answered.prove(&world.identity).unwrap();
    world.evidence = LOCKED;
    let response = world.answer(&command, NOW);
    assert_eq!(proving.answered(&response, &world.authorities).unwrap_err(), TapError::Locked);
}

#[test]
fn a_phone_without_a_pass_says_so() {
    let mut world = World::new();
    world.until = NOW;
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::NoPass);
}

#[test]
fn the_fast_way_ends_with_the_pass() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    // The phone renewed its pass: the kept key stood on the old one.
    let mut renewed = pass_for(world.gate_key.public_key());
    renewed.expires = NOW + 7_200;
    world.pass = renewed.sign(&world.authority).unwrap();
    world.until = renewed.expires;
    assert!(!world.tap(NOW + 10, true).unwrap().fast);
    // And a controller drops a key whose pass is over, even if the phone still offers it.
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    world.until = NOW + 100_000;
    assert!(!world.tap(NOW + 3_600, true).unwrap().fast);
}

#[test]
fn a_suspended_badge_loses_its_fast_key_at_once() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    world.kept.forget(&GateRef([3; 16]));
    assert!(
        !world.tap(NOW, true).unwrap().fast,
        "the controller knows the hint no more and asks the standard way"
    );
}

#[test]
fn the_hint_is_another_one_every_day() {
    let mut world = World::new();
    world.until = NOW + 200_000;
    world.pass = Pass { expires: NOW + 80_000, ..pass_for(world.gate_key.public_key()) }
        .sign(&world.authority)
        .unwrap();
    world.until = NOW + 80_000;
    let mut hints = Vec::new();
    for day in [0, 70_000] {
        let gate = GateId { group: GROUP, door: DOOR };
        world.walk(NOW, true).unwrap();
        let (command, selecting) = reader::select();
        let response = world.answer(&command, NOW + day);
        // The reader claims the next day; the card takes one day off, no more.
        let claimed = NOW + day + if day > 0 { 86_400 } else { 0 };
        let (command, opening) = selecting.answered(&response, Draw::fresh(), gate, claimed, true).unwrap();
        let answered = opening.answered(&world.answer(&command, NOW + day)).unwrap();
        hints.push(*answered.hint().expect("within a day"));
    }
    assert_ne!(hints[0], hints[1]);
    let (command, selecting) = reader::select();
    let response = world.answer(&command, NOW);
    let gate = GateId { group: GROUP, door: DOOR };
    let (command, opening) =
        selecting.answered(&response, Draw::fresh(), gate, NOW + 3 * 86_400, true).unwrap();
    let answered = opening.answered(&world.answer(&command, NOW)).unwrap();
    assert_eq!(answered.hint(), None, "nobody collects the hints of days to come");
}

#[test]
fn a_reader_that_wants_no_fast_way_gets_none() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    assert!(!world.tap(NOW, false).unwrap().fast);
}

#[test]
fn a_verdict_without_keep_makes_the_phone_forget_that_gate() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    world.walk(NOW, false).unwrap();
    assert!(world.card.keys().is_empty());
}

#[test]
fn a_card_of_short_answers_is_read_in_pieces() {
    let mut world = World::new();
    world.card = Card::new(CardKeys::default(), 256);
    let tap = world.tap(NOW, true).unwrap();
    assert_eq!(tap.pass.gate_ref, GateRef([3; 16]));
}

#[test]
fn a_reader_that_is_not_ours_learns_nothing() {
    let mut world = World::new();
    let stranger = SecretKey::generate();
    world.identity = identity(&stranger, GROUP);
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::Refused(Status::SECURITY));
    // One of ours that gives itself out for another gate.
    world.identity = identity(&world.authority, [8; 16]);
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::Refused(Status::SECURITY));
    // A certificate that is over.
    world.identity = identity(&world.authority, GROUP);
    world.until = NOW + 200_000;
    assert_eq!(world.tap(NOW + 100_000, true).unwrap_err(), TapError::Refused(Status::SECURITY));
}

#[test]
fn a_pass_that_somebody_else_signed_is_refused() {
    let mut world = World::new();
    world.pass = pass_for(world.gate_key.public_key()).sign(&SecretKey::generate()).unwrap();
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::Pass(PassError::Untrusted));
}

#[test]
fn a_pass_without_its_key_proves_nothing() {
    let mut world = World::new();
    world.gate_key = SecretKey::generate();
    assert_eq!(world.tap(NOW, true).unwrap_err(), TapError::Proof);
}

#[test]
fn a_pass_lives_a_day_at_most_and_stays_small() {
    let world = World::new();
    let long = Pass { expires: NOW + 90_000, ..pass_for(world.gate_key.public_key()) };
    assert_eq!(long.sign(&world.authority), Err(PassError::Malformed));
    let code = |n: usize| std::format!("{n:032}");
    let mut large = pass_for(world.gate_key.public_key());
    large.agencies = (0..8).map(code).collect();
    large.roles = (0..8).map(code).collect();
    assert_eq!(large.sign(&world.authority), Err(PassError::Malformed), "over the bound");
    large.roles.clear();
    let bytes = large.sign(&world.authority).unwrap();
    assert!(bytes.len() <= crate::pass::MAX_PASS);
    assert_eq!(Pass::verify(&bytes, &world.authorities).unwrap(), large);
}
