//! Bytes in any order, cut, doubled, changed or played again.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::apdu::{Command, MAX_COMMAND, Status, split};

/// What passed between a card and an honest reader in one standard tap.
fn recorded(world: &mut World) -> Vec<Vec<u8>> {
    let gate = GateId { group: GROUP, door: DOOR };
    let (select, selecting) = reader::select();
    let response = world.answer(&select, NOW);
    let (auth0, opening) = selecting.answered(&response, Draw::fresh(), gate, NOW, true).unwrap();
    let answered = opening.answered(&world.answer(&auth0, NOW)).unwrap();
    let (auth1, proving) = answered.prove(&world.identity).unwrap();
    let response = world.answer(&auth1, NOW);
    let Proved::Tap(tap) = proving.answered(&response, &world.authorities).unwrap() else {
        panic!("in one piece")
    };
    let verdict = Verdict { open: true, keep: true, reason: 1, place: "문".into() };
    let (exchange, closing) = tap.decide(&verdict).unwrap();
    closing.answered(&world.answer(&exchange, NOW)).unwrap();
    vec![select, auth0, auth1, exchange]
}

fn status(bytes: &[u8]) -> Status {
    split(bytes).unwrap().1
}

#[test]
fn a_recorded_tap_played_again_proves_nothing() {
    let mut world = World::new();
    let commands = recorded(&mut world);
    assert_eq!(status(&world.answer(&commands[0], NOW)), Status::OK);
    assert_eq!(status(&world.answer(&commands[1], NOW)), Status::OK, "AUTH0 asks for nothing secret");
    // The card's ephemeral key is another one: the reader's old signature does not fit.
    assert_eq!(status(&world.answer(&commands[2], NOW)), Status::SECURITY);
    assert_eq!(status(&world.answer(&commands[3], NOW)), Status::NOT_NOW);
}

#[test]
fn a_cards_answers_played_to_another_reader_prove_nothing() {
    let mut world = World::new();
    let gate = GateId { group: GROUP, door: DOOR };
    let (select, selecting) = reader::select();
    let fci = world.answer(&select, NOW);
    let (auth0, opening) = selecting.answered(&fci, Draw::fresh(), gate, NOW, true).unwrap();
    let first = world.answer(&auth0, NOW);
    let (auth1, _) = opening.answered(&first).unwrap().prove(&world.identity).unwrap();
    let second = world.answer(&auth1, NOW);
    // Another tap, another door of the same controller: same card answers.
    let (_, selecting) = reader::select();
    let other = GateId { group: GROUP, door: [1; 16] };
    let (_, opening) = selecting.answered(&fci, Draw::fresh(), other, NOW, true).unwrap();
    let (_, proving) = opening.answered(&first).unwrap().prove(&world.identity).unwrap();
    assert_eq!(proving.answered(&second, &world.authorities).unwrap_err(), TapError::Proof);
}

#[test]
fn a_fast_answer_played_again_opens_nothing() {
    let mut world = World::new();
    world.walk(NOW, true).unwrap();
    let gate = GateId { group: GROUP, door: DOOR };
    let (select, selecting) = reader::select();
    let fci = world.answer(&select, NOW);
    let (auth0, opening) = selecting.answered(&fci, Draw::fresh(), gate, NOW, true).unwrap();
    let first = world.answer(&auth0, NOW);
    let answered = opening.answered(&first).unwrap();
    let kept = world.kept.find(answered.hint().unwrap(), NOW).unwrap();
    assert!(answered.fast(&kept).is_some());
    let (_, selecting) = reader::select();
    let (_, opening) = selecting.answered(&fci, Draw::fresh(), gate, NOW, true).unwrap();
    let answered = opening.answered(&first).unwrap();
    assert!(world.kept.find(answered.hint().unwrap(), NOW).is_some(), "the hint is the same all day");
    assert!(answered.fast(&kept).is_none(), "but the cryptogram belongs to one transaction");
}

#[test]
fn an_exchange_that_the_reader_did_not_seal_changes_nothing() {
    let mut world = World::new();
    let commands = recorded(&mut world);
    let kept = world.card.keys().clone();
    assert!(world.tap(NOW, false).is_ok());
    let answer = world.say(&commands[3], NOW);
    assert_eq!((status(&answer.bytes), answer.decided), (Status::SECURITY, None));
    assert_eq!(*world.card.keys(), kept);
}

#[test]
fn a_command_that_is_too_long_or_cut_is_refused() {
    let mut world = World::new();
    let long = Command {
        class: 0x80,
        instruction: 0x80,
        parameters: [0, 0],
        data: &[0; MAX_COMMAND + 1],
        expected: 0,
    };
    assert_eq!(status(&world.answer(&long.to_bytes(), NOW)), Status::WRONG_LENGTH);
    let commands = recorded(&mut world);
    for command in &commands {
        // Without its last byte a command asks for no data and is the same to us; before that nothing fits.
        for length in 0..command.len() - 1 {
            let answer = world.answer(&command[..length], NOW);
            assert_ne!(status(&answer), Status::OK, "{length} bytes");
        }
    }
    assert_eq!(status(&world.answer(&[0xb0, 0, 0, 0], NOW)), Status::UNKNOWN_CLASS);
    assert_eq!(status(&world.answer(&[0x80, 0x10, 0, 0], NOW)), Status::UNKNOWN_INSTRUCTION);
    assert_eq!(status(&world.answer(&[0x80, 0x80, 1, 0], NOW)), Status::WRONG_PARAMETERS);
    assert_eq!(status(&world.answer(&[0x00, 0xc0, 0, 0, 0], NOW)), Status::NOT_NOW, "nothing waits");
}

/// One thing that somebody may send.
#[derive(Debug, Clone)]
enum Sent {
    Step(usize),
    Changed(usize, usize, u8),
    Bytes(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        3 => (0usize..4).prop_map(Sent::Step),
        2 => (0usize..4, any::<usize>(), 1u8..).prop_map(|(step, at, by)| Sent::Changed(step, at, by)),
        1 => proptest::collection::vec(any::<u8>(), 0..600).prop_map(Sent::Bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes in whatever order: the card never tells a decision, never keeps a key, and proves itself to nobody
    /// who did not sign for this very tap.
    #[test]
    fn nobody_drives_a_card_out_of_order(all in proptest::collection::vec(sent(), 1..12)) {
        let mut world = World::new();
        let commands = recorded(&mut World::new());
        let mut own = recorded(&mut world);
        own.extend(commands);
        let kept = world.card.keys().clone();
        for sent in all {
            let command = match sent {
                Sent::Step(step) => own[step].clone(),
                Sent::Changed(step, at, by) => {
                    let mut command = own[step].clone();
                    let at = at % command.len();
                    command[at] ^= by;
                    command
                }
                Sent::Bytes(bytes) => bytes,
            };
            let answer = world.say(&command, NOW);
            let (data, _) = split(&answer.bytes).expect("always an answer");
            prop_assert_eq!(answer.decided, None);
            // SELECT and AUTH0 answer with data; a proof would be longer than both.
            prop_assert!(data.len() < 130);
        }
        prop_assert_eq!(world.card.keys(), &kept);
    }

    /// Whatever a card answers, the reader ends in an error or goes on; it never panics and believes nobody.
    #[test]
    fn a_reader_believes_no_stranger(
        first in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<usize>(),
        by in 1u8..,
    ) {
        let mut world = World::new();
        let gate = GateId { group: GROUP, door: DOOR };
        let (select, selecting) = reader::select();
        prop_assert!(selecting.answered(&first, Draw::fresh(), gate, NOW, true).is_err());
        let (_, selecting) = reader::select();
        let fci = world.answer(&select, NOW);
        let (auth0, opening) = selecting.answered(&fci, Draw::fresh(), gate, NOW, true).unwrap();
        let answered = opening.answered(&world.answer(&auth0, NOW)).unwrap();
        let (auth1, proving) = answered.prove(&world.identity).unwrap();
        let mut response = world.answer(&auth1, NOW);
        let at = at % response.len();
        response[at] ^= by;
        prop_assert!(!matches!(proving.answered(&response, &world.authorities), Ok(Proved::Tap(_))));
    }

    /// A command says the same before and after it was bytes.
    #[test]
    fn a_command_survives_its_bytes(data in proptest::collection::vec(any::<u8>(), 0..MAX_COMMAND), expected in 0usize..65_536) {
        let command = Command { class: 0x80, instruction: 0x81, parameters: [0, 0], data: &data, expected };
        let bytes = command.to_bytes();
        prop_assert_eq!(Command::parse(&bytes), Ok(command));
    }

    #[test]
    fn parsers_of_strangers_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        let _ = Command::parse(&bytes);
        let _ = crate::wire::Auth0::parse(&bytes);
        let _ = Pass::verify(&bytes, &[]);
        let _ = ReaderCertificate::verify(&bytes, &[], NOW);
    }
}
