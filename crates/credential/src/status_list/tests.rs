use keys::encoding::hex_decode;
use keys::x509::Kind;
use keys::{Jwk, PublicKey, SecretKey};
use proptest::prelude::*;

use super::week::Week;
use super::*;
use crate::fixture::{LIST, NOW, World, certificate};
use crate::trust::Anchor;

mod foreign;

/// The key that signs the examples of the draft.
fn example_key() -> PublicKey {
    let jwk = Jwk {
        kty: "EC".into(),
        crv: Some("P-256".into()),
        x: Some("I3HWm_0Ds1dPMI-IWmf4mBmH-YaeAVbPVu7vB27CxXo".into()),
        y: Some("6N_d5Elj9bs1htgV3okJKIdbHEpkgTmAluYKJemzn1M".into()),
        ..Jwk::default()
    };
    PublicKey::from_jwk(&jwk).unwrap()
}

fn list_of(json: &str) -> StatusList {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let bits = Bits::new(value["bits"].as_u64().unwrap() as u8).unwrap();
    StatusList::from_lst(bits, value["lst"].as_str().unwrap()).unwrap()
}

fn status(bits: u8) -> Status {
    match bits {
        0 => Status::Valid,
        1 => Status::Invalid,
        2 => Status::Suspended,
        other => Status::Other(other),
    }
}

#[test]
fn the_two_bit_example_of_the_draft_packs_byte_for_byte() {
    let values = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
    let mut list = StatusList::with_bits(Bits::Two, 12).unwrap();
    for (index, value) in values.into_iter().enumerate() {
        list.set(index, status(value)).unwrap();
    }
    assert_eq!(list.pack(), hex_decode("78da3be9f2130003df0207").unwrap());
    assert_eq!(list.to_lst(), "eNo76fITAAPfAgc");
    let read = StatusList::from_lst(Bits::Two, "eNo76fITAAPfAgc").unwrap();
    assert_eq!((0..12).map(|i| read.get(i).unwrap()).collect::<Vec<_>>(), values.map(status));
    assert_eq!((read.len(), read.get(12)), (12, None));
}

#[test]
fn the_one_bit_example_of_the_draft_packs_byte_for_byte() {
    let mut list = StatusList::with_bits(Bits::One, 16).unwrap();
    for index in [0, 3, 4, 5, 7, 8, 9, 13, 15] {
        list.set(index, Status::Invalid).unwrap();
    }
    assert_eq!(list.to_lst(), "eNrbuRgAAhcBXQ");
    assert_eq!(list.set(1, Status::Suspended), Err(ListError::DoesNotFit));
}

#[test]
fn the_long_vectors_of_the_draft_read_as_it_says() {
    let one = list_of(include_str!("../../tests/vectors/status_list_1bit.json"));
    let marked = [0, 1993, 25460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
    assert_eq!(one.len(), 1 << 20);
    assert!((0..one.len()).all(|i| (one.get(i) == Some(Status::Invalid)) == marked.contains(&i)));

    let two = list_of(include_str!("../../tests/vectors/status_list_2bit.json"));
    let values = [1, 2, 1, 3, 1, 1, 2, 1, 1, 2, 3];
    for (index, value) in marked.into_iter().zip(values) {
        assert_eq!(two.get(index), Some(status(value)), "{index}");
    }
    assert_eq!((0..two.len()).filter(|i| two.get(*i) != Some(Status::Valid)).count(), values.len());

    let four = list_of(include_str!("../../tests/vectors/status_list_4bit.json"));
    let values = [
        0, 1993, 35_460, 459_495, 595_669, 754_353, 845_645, 923_232, 924_445, 934_534, 1_004_534, 1_000_345,
    ];
    for (value, index) in (1..).zip(values) {
        assert_eq!(four.get(index), Some(status(value)), "{index}");
    }
    let eight = list_of(include_str!("../../tests/vectors/status_list_8bit.json"));
    for (value, index) in [(0, 233_478), (1, 52_451), (2, 576_778), (3, 513_575), (14, 55_649)] {
        assert_eq!(eight.get(index), Some(status(value)), "{index}");
    }
}

#[test]
fn the_cbor_vector_of_the_draft_is_the_same_list() {
    let cbor = hex_decode(include_str!("../../tests/vectors/status_list_2bit.cbor.hex")).unwrap();
    let value: ciborium::Value = ciborium::from_reader(cbor.as_slice()).unwrap();
    let lst = value
        .as_map()
        .unwrap()
        .iter()
        .find(|(k, _)| k.as_text() == Some("lst"))
        .unwrap()
        .1
        .as_bytes()
        .unwrap();
    let from_cbor = StatusList::unpack(Bits::Two, lst).unwrap();
    assert_eq!(from_cbor, list_of(include_str!("../../tests/vectors/status_list_2bit.json")));
}

#[test]
fn the_jwt_of_the_draft_verifies() {
    let token = include_str!("../../tests/vectors/status_list_token.jwt");
    let uri = "https://example.com/statuslists/1";
    let key = example_key();
    let list = verify_jwt(token, uri, Anchor::Key(&key), 1_686_920_171).unwrap();
    assert_eq!((list.get(0), list.get(1)), (Some(Status::Invalid), Some(Status::Valid)));
    assert_eq!((list.claims.ttl, list.claims.expires_at), (Some(43_200), Some(2_291_720_170)));
    let err = |uri, now| verify_jwt(token, uri, Anchor::Key(&key), now).err();
    assert_eq!(err("https://example.com/statuslists/2", 1_686_920_171), Some(StatusError::OtherList));
    assert_eq!(err(uri, 2_291_720_170), Some(StatusError::Expired));
    assert_eq!(err(uri, 1_686_000_000), Some(StatusError::NotYet));
    let other = SecretKey::generate();
    let wrong = verify_jwt(token, uri, Anchor::Key(keys::Signer::public_key(&other)), 1_686_920_171);
    assert_eq!(wrong.err(), Some(StatusError::Signature));
}

#[test]
fn the_cwt_of_the_draft_verifies() {
    let token = hex_decode(include_str!("../../tests/vectors/status_list_token.cwt.hex")).unwrap();
    let uri = "https://example.com/statuslists/1";
    let key = example_key();
    let list = verify_cwt(&token, uri, Anchor::Key(&key), 1_686_920_171).unwrap();
    assert_eq!(
        (list.get(0), list.get(15), list.get(16)),
        (Some(Status::Invalid), Some(Status::Invalid), None)
    );
    assert_eq!(list.claims.ttl, Some(43_200));
    assert_eq!(verify_cwt(&token, uri, Anchor::Key(&key), 2_291_720_170).err(), Some(StatusError::Expired));
    for end in 0..token.len() {
        assert!(verify_cwt(&token[..end], uri, Anchor::Key(&key), 1_686_920_171).is_err());
    }
    // Untagged, and tagged as CWT.
    assert_eq!(
        verify_cwt(&token[1..], uri, Anchor::Key(&key), 1_686_920_171).err(),
        Some(StatusError::Malformed)
    );
}

fn claims() -> ListClaims {
    ListClaims {
        uri: LIST.to_owned(),
        issued_at: NOW,
        expires_at: Some(NOW + 172_800),
        ttl: Some(60),
        aggregation_uri: Some("https://badge.example/status".to_owned()),
    }
}

#[test]
fn a_list_of_ours_reads_back_in_both_forms_under_its_root() {
    let world = World::new();
    let key = SecretKey::generate();
    let leaf = certificate(&world.root, &world.root_key, &key, Kind::StatusList);
    let x5c = [leaf.der().to_vec()];
    let roots = [world.root.clone()];
    let mut list = StatusList::new(5).unwrap();
    list.set(131_071, Status::Suspended).unwrap();
    assert_eq!(list.len(), MIN_ENTRIES);

    let jwt = sign_jwt(&claims(), &list, Some("status-1"), &x5c, &key).unwrap();
    let read = verify_jwt(&jwt, LIST, Anchor::Roots(&roots), NOW + 5).unwrap();
    assert_eq!((&read.list, &read.claims, read.fetched_at), (&list, &claims(), NOW + 5));
    let cwt = sign_cwt(&claims(), &list, Some("status-1"), &x5c, &key).unwrap();
    assert_eq!(verify_cwt(&cwt, LIST, Anchor::Roots(&roots), NOW + 5).unwrap(), read);

    // The issuer's own certificate is for credentials, not for lists.
    let forged = sign_jwt(&claims(), &list, None, &world.x5c, &world.issuer_key).unwrap();
    assert_eq!(verify_jwt(&forged, LIST, Anchor::Roots(&roots), NOW).err(), Some(StatusError::Untrusted));
    let forged = sign_cwt(&claims(), &list, None, &world.x5c, &world.issuer_key).unwrap();
    assert_eq!(verify_cwt(&forged, LIST, Anchor::Roots(&roots), NOW).err(), Some(StatusError::Untrusted));
    // A chain for lists over another key's signature.
    let forged = sign_jwt(&claims(), &list, None, &x5c, &world.issuer_key).unwrap();
    assert_eq!(verify_jwt(&forged, LIST, Anchor::Roots(&roots), NOW).err(), Some(StatusError::Signature));
    let bare = sign_jwt(&claims(), &list, None, &[], &key).unwrap();
    assert_eq!(verify_jwt(&bare, LIST, Anchor::Roots(&roots), NOW).err(), Some(StatusError::Untrusted));
}

#[test]
fn another_token_of_the_same_key_is_no_list() {
    use keys::jws::{Header, sign};
    let world = World::new();
    let payload = br#"{"sub":"https://issuer.example/status/1","iat":0,"status_list":{"bits":2,"lst":"eNo76fITAAPfAgc"}}"#;
    let token = sign(&world.issuer_key, &Header::es256("dc+sd-jwt"), payload).unwrap();
    let key = keys::Signer::public_key(&world.issuer_key);
    assert_eq!(verify_jwt(&token, LIST, Anchor::Key(key), NOW).err(), Some(StatusError::Refused));
    let bits3 = br#"{"sub":"https://issuer.example/status/1","iat":0,"status_list":{"bits":3,"lst":"eNo76fITAAPfAgc"}}"#;
    let token = sign(&world.issuer_key, &Header::es256(JWT_TYP), bits3).unwrap();
    assert_eq!(verify_jwt(&token, LIST, Anchor::Key(key), NOW).err(), Some(StatusError::Malformed));
}

#[test]
fn a_compression_bomb_stops_at_the_bound() {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 300_000, "256 MiB in {} bytes", bomb.len());
    assert_eq!(StatusList::unpack(Bits::Two, &bomb).err(), Some(ListError::TooLarge));
    // It stops there: the half that is cut off is never looked at.
    let half = bomb.get(..bomb.len() / 2).unwrap();
    assert_eq!(StatusList::unpack(Bits::Two, half).err(), Some(ListError::TooLarge));
    let full = StatusList::with_bits(Bits::Eight, MAX_LIST_BYTES).unwrap();
    assert_eq!(StatusList::unpack(Bits::Eight, &full.pack()), Ok(full));
    assert_eq!(StatusList::with_bits(Bits::Eight, MAX_LIST_BYTES + 1).err(), Some(ListError::TooLarge));
}

#[test]
fn a_cut_or_damaged_stream_is_refused() {
    let mut list = StatusList::new(0).unwrap();
    list.set(99, Status::Suspended).unwrap();
    let packed = list.pack();
    for end in 0..packed.len() {
        assert_eq!(StatusList::unpack(Bits::Two, &packed[..end]).err(), Some(ListError::Malformed), "{end}");
    }
    // The Adler-32 at the end guards the contents.
    let mut damaged = packed.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(StatusList::unpack(Bits::Two, &damaged).err(), Some(ListError::Malformed));
    assert_eq!(StatusList::from_lst(Bits::Two, "eNo76fITAAPfAgc=").err(), Some(ListError::Malformed));
}

#[test]
fn decoys_mark_free_entries_only_and_always_the_same() {
    let draw = || {
        let mut list = StatusList::new(0).unwrap();
        list.decoys(&[7; 32], 500, |index| index % 2 == 0).unwrap();
        list
    };
    let list = draw();
    let marked: Vec<usize> = (0..list.len()).filter(|i| list.get(*i) != Some(Status::Valid)).collect();
    assert!((200..=300).contains(&marked.len()), "{} of 500 drawn were free", marked.len());
    assert!(marked.iter().all(|index| index % 2 == 0));
    assert!(marked.iter().any(|i| list.get(*i) == Some(Status::Suspended)));
    assert!(marked.iter().any(|i| list.get(*i) == Some(Status::Invalid)));
    assert_eq!(list, draw());
}

#[test]
fn a_list_is_due_by_its_ttl_and_gone_by_its_exp() {
    let list = VerifiedList { claims: claims(), list: StatusList::new(0).unwrap(), fetched_at: NOW + 10 };
    assert_eq!((list.due(NOW + 69), list.due(NOW + 70)), (false, true));
    assert_eq!((list.expired(NOW + 172_799), list.expired(NOW + 172_800)), (false, true));
    assert_eq!((list.age(NOW + 100), list.age(NOW - 5)), (100, 0));
    let mut without = list.clone();
    without.claims.ttl = None;
    assert!(without.due(NOW + 10));
}

#[test]
fn every_entry_of_a_list_belongs_to_one_copy() {
    for bits in [2, 3, 10, 11] {
        for copies in [1, 3, 4] {
            let permutation = Permutation::new([bits; 32], bits, copies).unwrap();
            let mut seen = vec![false; 1 << bits];
            for slot in 0..permutation.slots() {
                for copy in 0..copies {
                    let index = permutation.index(slot, copy).unwrap();
                    assert!(!std::mem::replace(&mut seen[index as usize], true), "index {index} twice");
                    assert_eq!(permutation.slot_of(index), Some((slot, copy)));
                }
            }
            let free = (0..1 << bits).filter(|index| permutation.slot_of(*index).is_none()).count() as u32;
            assert_eq!(free, (1 << bits) - permutation.slots() * copies);
        }
    }
}

#[test]
fn what_lies_outside_a_list_has_no_index() {
    let permutation = Permutation::new([0; 32], 17, 40).unwrap();
    assert_eq!(permutation.slots(), 3276);
    assert_eq!(permutation.index(3276, 0), None);
    assert_eq!(permutation.index(0, 40), None);
    assert_eq!(permutation.slot_of(1 << 17), None);
    assert_eq!(permutation.slot_of(u32::MAX), None);
    assert_eq!(Permutation::new([0; 32], 1, 1).err(), Some(PermutationError::Bits));
    assert_eq!(Permutation::new([0; 32], 25, 1).err(), Some(PermutationError::Bits));
    assert_eq!(Permutation::new([0; 32], 17, 0).err(), Some(PermutationError::Copies));
    assert_eq!(Permutation::new([0; 32], 2, 5).err(), Some(PermutationError::Copies));
}

#[test]
fn the_copies_of_a_badge_lie_far_apart() {
    let permutation = Permutation::new([3; 32], 17, 40).unwrap();
    let mut indices: Vec<u32> = (0..40).map(|copy| permutation.index(5, copy).unwrap()).collect();
    indices.sort_unstable();
    let neighbours = indices.windows(2).filter(|pair| pair[1] - pair[0] < 16).count();
    assert!(neighbours <= 3, "{neighbours} of 39 lie within 16 entries");
    let other = Permutation::new([4; 32], 17, 40).unwrap();
    let same = (0..40).filter(|copy| other.index(5, *copy) == permutation.index(5, *copy)).count();
    assert!(same <= 1, "another key gives other indices");
}

proptest! {
    #[test]
    fn the_permutation_is_a_bijection(key in any::<[u8; 32]>(), bits in 2u8..=24, copies in 1u32..64, index in any::<u32>()) {
        prop_assume!(copies <= 1 << bits);
        let permutation = Permutation::new(key, bits, copies).unwrap();
        let index = index & ((1 << bits) - 1);
        match permutation.slot_of(index) {
            Some((slot, copy)) => prop_assert_eq!(permutation.index(slot, copy), Some(index)),
            None => prop_assert!(permutation.slots() * copies < permutation.entries()),
        }
    }

    #[test]
    fn a_list_keeps_what_is_set(bits in prop::sample::select(vec![1u8, 2, 4, 8]), sets in prop::collection::btree_map(0usize..1000, any::<u8>(), 0..50)) {
        let bits = Bits::new(bits).unwrap();
        let mut list = StatusList::with_bits(bits, 1000).unwrap();
        let cut = |value: u8| status(value & (u8::MAX >> (8 - bits.get())));
        for (index, value) in &sets {
            list.set(*index, cut(*value)).unwrap();
        }
        let read = StatusList::from_lst(bits, &list.to_lst()).unwrap();
        for index in 0..1000 {
            prop_assert_eq!(read.get(index), Some(sets.get(&index).map_or(Status::Valid, |v| cut(*v))));
        }
    }

    #[test]
    fn reading_a_cwt_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = verify_cwt(&bytes, LIST, Anchor::Key(&example_key()), NOW);
    }

    #[test]
    fn a_week_holds_its_seconds(seconds in -60_000_000_000i64..60_000_000_000) {
        let week = Week::of(seconds);
        prop_assert!(week.start() <= seconds && seconds < week.end());
        prop_assert_eq!(week.end() - week.start(), week::SECONDS);
        prop_assert_eq!(Week::of(week.end()), week.next());
        prop_assert_eq!(Week::of(week.start() - 1), week.previous());
    }

    #[test]
    fn a_week_reads_back_from_its_label(seconds in 0i64..60_000_000_000) {
        let week = Week::of(seconds);
        prop_assert_eq!(Week::parse(&week.to_string()), Some(week));
    }
}

#[test]
fn weeks_are_those_of_iso_8601() {
    // Monday 2026-11-23, the last week of 2026 (which has 53), and the first of 2027.
    assert_eq!(Week::of(1_795_392_000).to_string(), "2026-W48");
    assert_eq!(Week::parse("2026-W53").unwrap().start(), 1_798_416_000);
    assert_eq!(Week::parse("2026-W53").unwrap().next().to_string(), "2027-W01");
    assert_eq!(Week::of(0).to_string(), "1970-W01");
    for label in ["", "2026", "2026-48", "2026-W54", "2027-W53", "2026-W00", "26-W01", "2026-W1", "+026-W01"]
    {
        assert_eq!(Week::parse(label), None, "{label}");
    }
    let (from, until) = Week::of(NOW).validity(2);
    assert_eq!((from, until), (1_795_392_000, 1_795_392_000 + 14 * 86_400));
}
