//! A stranger's reader speaks to the card; a stranger's card and strangers' files speak to the controller.
#![no_main]

use gate::apdu::Command;
use gate::card::{Card, Phone};
use gate::entry_code::EntryCode;
use gate::fast::CardKeys;
use gate::feed::Page;
use gate::grace::Order;
use gate::pass::Pass;
use gate::passage::Chain;
use gate::reader::{self, Draw};
use gate::wire::{Auth0, Evidence, GateId};
use keys::{PublicKey, SecretKey};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<SecretKey> = LazyLock::new(SecretKey::generate);
static AUTHORITIES: LazyLock<Vec<PublicKey>> = LazyLock::new(|| vec![KEY.public_key().clone()]);
const NOW: i64 = 1_795_478_400;

fuzz_target!(|bytes: &[u8]| {
    // Commands, each with its length before it.
    let mut card = Card::new(CardKeys::default(), 1_024);
    let evidence = Evidence { unlocked: true, age_s: 0 };
    let phone =
        Phone { evidence, now_s: NOW, sign: &|message| keys::Signer::sign(&*KEY, message), pass: Some((&[], NOW + 1)), authorities: &AUTHORITIES };
    let mut rest = bytes;
    while let [length, more @ ..] = rest {
        let (command, more) = more.split_at(usize::from(*length).min(more.len()));
        assert!(card.process(command, &phone).decided.is_none());
        rest = more;
    }
    if let Ok(command) = Command::parse(bytes) {
        assert_eq!(Command::parse(&command.to_bytes()), Ok(command));
    }
    let _ = Auth0::parse(bytes);
    let _ = Pass::verify(bytes, &AUTHORITIES);
    let gate = GateId { group: [0; 16], door: [0; 16] };
    let draw = || Draw { ephemeral: SecretKey::from_bytes(&[1; 32]).expect("in range"), transaction: [0; 16] };
    assert!(reader::select().1.answered(bytes, draw(), gate, NOW, true).is_err() || bytes.len() > 20);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(EntryCode::verify(text, &AUTHORITIES, NOW).is_err());
        assert!(Page::verify(text, &AUTHORITIES[0], "c").is_err());
        assert!(Order::verify(text, &AUTHORITIES, NOW).is_err());
        let _ = Chain::default().follow(text);
    }
});
