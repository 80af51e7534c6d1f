use proptest::prelude::*;

use super::*;

fn weak(pin: &str) -> Option<WeakPin> {
    let owner = Owner { birth_date: "1987-03-14".into(), phone: "010-5550-2468".into() };
    Pin::parse(pin).unwrap().check_strength(&owner).err()
}

#[test]
fn only_six_ascii_digits_are_a_pin() {
    for text in ["", "12345", "1234567", "12345a", " 12345", "12345 ", "١٢٣٤٥٦", "12-456", "１２３４５６"]
    {
        assert_eq!(Pin::parse(text).err(), Some(NotSixDigits), "{text:?}");
    }
    assert!(Pin::parse("000000").is_ok());
}

#[test]
fn the_pins_a_thief_tries_first_are_refused_with_their_reason() {
    for (pin, reason) in [
        ("777777", WeakPin::SameDigit),
        ("123456", WeakPin::Run),
        ("890123", WeakPin::Run),
        ("654321", WeakPin::Run),
        ("210987", WeakPin::Run),
        ("474747", WeakPin::Repetition),
        ("835835", WeakPin::Repetition),
        ("870314", WeakPin::BirthDate),
        ("140387", WeakPin::BirthDate),
        ("031487", WeakPin::BirthDate),
        ("198755", WeakPin::BirthDate),
        ("503149", WeakPin::BirthDate),
        ("902468", WeakPin::PhoneNumber),
        ("246890", WeakPin::PhoneNumber),
        ("555024", WeakPin::PhoneNumber),
        ("502468", WeakPin::PhoneNumber),
    ] {
        assert_eq!(weak(pin), Some(reason), "{pin}");
    }
    for pin in ["493817", "120934", "112233", "909192"] {
        assert_eq!(weak(pin), None, "{pin}");
    }
}

#[test]
fn an_unknown_owner_refuses_nothing_of_his_own() {
    let nobody = Owner::default();
    assert!(Pin::parse("870314").unwrap().check_strength(&nobody).is_ok());
    let odd = Owner { birth_date: "87".into(), phone: "12".into() };
    assert!(Pin::parse("870312").unwrap().check_strength(&odd).is_ok());
}

#[test]
fn the_same_pin_under_another_salt_is_another_key() {
    let pin = Pin::parse("493817").unwrap();
    let (one, two) = (Salt::generate(), Salt::generate());
    assert_eq!(pin.key(&one).public_key(), pin.key(&one).public_key());
    assert_ne!(pin.key(&one).public_key(), pin.key(&two).public_key());
    assert_ne!(pin.key(&one).public_key(), Pin::parse("493818").unwrap().key(&one).public_key());
}

/// Made by a program of another hand (plain HKDF and point multiplication), so that a phone in another language can
/// check itself against the same file.
#[test]
fn the_key_is_derived_as_the_vectors_say() {
    #[derive(serde::Deserialize)]
    struct Vector {
        pin: String,
        salt: Salt,
        x: String,
        y: String,
    }
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../vectors/pin-key.json")).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let jwk = Pin::parse(&vector.pin).unwrap().key(&vector.salt).public_key().to_jwk();
        assert_eq!((jwk.x, jwk.y), (Some(vector.x), Some(vector.y)), "{}", vector.pin);
    }
}

#[test]
fn nothing_secret_is_printed() {
    let pin = Pin::parse("493817").unwrap();
    let owner = Owner { birth_date: "19870314".into(), phone: "01055502468".into() };
    let text = format!("{pin:?} {:?} {owner:?}", Salt::generate());
    assert_eq!(text, "Pin(…) Salt(…) Owner(…)");
}

proptest! {
    #[test]
    fn no_run_and_no_repetition_gets_through(start in 0u8..10, step in prop::sample::select(vec![0u8, 1, 9])) {
        let pin: String = (0..6).map(|i| char::from(b'0' + (start + i * step) % 10)).collect();
        prop_assert!(weak(&pin).is_some(), "{}", pin);
    }

    #[test]
    fn each_part_of_any_birth_date_is_refused(y in 1950u32..2008, m in 1u32..13, d in 1u32..29, filler in 0u32..100) {
        let owner = Owner { birth_date: format!("{y:04}{m:02}{d:02}"), phone: String::new() };
        let weak_pins = [
            format!("{:02}{m:02}{d:02}", y % 100),
            format!("{m:02}{d:02}{filler:02}"),
            format!("{filler:02}{m:02}{d:02}"),
            format!("{y:04}{filler:02}"),
        ];
        for pin in weak_pins {
            prop_assert!(Pin::parse(&pin).unwrap().check_strength(&owner).is_err(), "{}", pin);
        }
    }

    #[test]
    fn checking_never_panics(pin in "[0-9]{6}", birth in ".{0,12}", phone in ".{0,16}") {
        let owner = Owner { birth_date: birth, phone };
        let _ = Pin::parse(&pin).unwrap().check_strength(&owner);
    }

    #[test]
    fn a_salt_survives_the_vault(_ in 0..8) {
        let salt = Salt::generate();
        let json = serde_json::to_string(&salt).unwrap();
        prop_assert_eq!(serde_json::from_str::<Salt>(&json).unwrap(), salt);
    }
}
