//! The contract seen from Rust is the contract as compiled.

use std::collections::BTreeSet;

use super::*;
use crate::ethereum::abi::selector;

fn compiled(name: &str) -> serde_json::Value {
    let text = match name {
        "Registry" => include_str!("../../../../contracts/out/Registry.json"),
        _ => include_str!("../../../../contracts/out/Council.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn signatures(name: &str, kind: &str) -> Vec<String> {
    let compiled = compiled(name);
    let of_kind = compiled["abi"].as_array().unwrap().iter().filter(|item| item["type"] == kind);
    of_kind
        .map(|item| {
            let inputs = item["inputs"].as_array().unwrap();
            let types: Vec<&str> = inputs.iter().map(|input| input["type"].as_str().unwrap()).collect();
            format!("{}({})", item["name"].as_str().unwrap(), types.join(","))
        })
        .collect()
}

#[test]
fn every_call_is_one_that_the_contract_has() {
    let code = Code::parse("9900001").unwrap();
    let (word, address, triple) = (B256::ZERO, Address::ZERO, (code, B256::ZERO, B256::ZERO));
    let calls = [
        call::register_agency(code, address, b""),
        call::update_document(code, 1, b""),
        call::set_controller(code, address),
        call::deactivate_agency(code),
        call::accredit(triple, 1, (1, 2), b""),
        call::retire(triple, 1),
        call::revoke(triple),
        call::set_schema("", 1, word),
        call::anchor_status_lists(1, word, 1),
        call::anchor_checkpoint(word, 1, word),
        call::grant_role(Role::Registrar, address),
        call::revoke_role(Role::Registrar, address),
        call::renounce_role(Role::Registrar, address),
        call::offer_role(Role::Registrar, address),
        call::take_role(Role::Registrar, address),
        call::pause(),
        call::unpause(),
        call::network(),
        call::paused(),
        call::has_role(Role::Anchorer, address),
        call::agency_of(code),
        call::accreditation_of(triple),
        call::schema_of(word),
        call::status_lists(),
        call::checkpoint_of(word),
    ];
    let known: BTreeSet<[u8; 4]> =
        signatures("Registry", "function").iter().map(|signature| selector(signature)).collect();
    for call in calls {
        assert!(known.contains(&call[..4]), "{call}");
    }
    let council: Vec<_> = signatures("Council", "function").iter().map(|text| selector(text)).collect();
    assert!(council.iter().any(|known| known[..] == call::approve(word, address, b"")[..4]));
}

#[test]
fn every_event_and_every_refusal_of_the_contracts_is_known_by_name() {
    let events: BTreeSet<B256> = signatures("Registry", "event").iter().map(keccak256).collect();
    for topic in [
        topic::agency_document(),
        topic::agency_controller(),
        topic::agency_deactivated(),
        topic::accredited(),
        topic::retired(),
        topic::revoked(),
        topic::schema_set(),
        topic::status_lists_anchored(),
        topic::checkpoint_anchored(),
    ] {
        assert!(events.contains(&topic));
    }
    for name in ["Registry", "Council"] {
        for signature in signatures(name, "error") {
            let read =
                Refusal::read(&selector(&signature)).unwrap_or_else(|| panic!("{signature} is unknown"));
            assert!(signature.starts_with(read.name));
        }
    }
}

#[test]
fn a_code_is_what_a_did_may_hold_and_nothing_else() {
    for good in ["9900001", "demo", "a-b"] {
        let code = Code::parse(good).unwrap();
        assert_eq!((code.to_string().as_str(), Code::from_word(code.word())), (good, Some(code)));
    }
    for bad in ["", "A", "a:b", "a b", "기관", "012345678901234567890123456789012"] {
        assert_eq!(Code::parse(bad), None, "{bad}");
    }
    assert_eq!(Code::from_word(B256::ZERO), None);
    assert_eq!(Code::from_word(B256::repeat_byte(0xff)), None);
    // A zero in the middle would be a second name for the same text.
    let mut word = Code::parse("ab").unwrap().word();
    word.0[5] = b'c';
    assert_eq!(Code::from_word(word), None);
}
