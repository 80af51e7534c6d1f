use super::*;

#[test]
fn any_three_of_five_give_the_secret_back_and_two_do_not() {
    let secret = random::bytes::<32>();
    let shares = split(&secret, 3, 5).expect("split");
    for a in 0..5 {
        for b in (0..5).filter(|b| *b != a) {
            let two = [shares[a].clone(), shares[b].clone()];
            assert_ne!(join(&two).expect("joined").as_slice(), secret, "two of three");
            for c in (0..5).filter(|c| *c != a && *c != b) {
                let three = [shares[a].clone(), shares[b].clone(), shares[c].clone()];
                assert_eq!(join(&three).expect("joined").as_slice(), secret, "{a} {b} {c}");
            }
        }
    }
    assert_eq!(join(&shares).expect("all five").as_slice(), secret);
}

#[test]
fn two_shares_fit_every_secret() {
    // Of one byte and two needed: for the share (1, y) there is one line through each of the 256 secrets.
    for secret in 0..=255_u8 {
        let slope = 0x57 ^ secret;
        assert_eq!(times(slope, 1) ^ secret, 0x57);
    }
}

#[test]
fn the_field_is_the_one_of_aes() {
    assert_eq!(times(0x57, 0x83), 0xc1, "FIPS 197 §4.2");
    assert_eq!(times(0x57, 0x13), 0xfe, "FIPS 197 §4.2.1");
    for a in 1..=255 {
        assert_eq!(times(a, inverse(a)), 1, "{a}");
    }
    assert_eq!(inverse(0), 0);
}

#[test]
fn what_can_not_be_shared_or_does_not_belong_together_is_refused() {
    for (needed, shares) in [(0, 3), (1, 3), (4, 3)] {
        assert_eq!(split(b"secret", needed, shares).expect_err("refused"), ShareError::Numbers);
    }
    assert_eq!(split(b"secret", 2, 255).expect("many").len(), 255);
    let shares = split(b"secret", 2, 3).expect("split");
    let longer = split(b"secret of another length", 2, 3).expect("split");
    assert_eq!(join(&[]).expect_err("none"), ShareError::Mixed);
    assert_eq!(join(&[shares[0].clone(), shares[0].clone()]).expect_err("twice"), ShareError::Mixed);
    assert_eq!(join(&[shares[0].clone(), longer[1].clone()]).expect_err("longer"), ShareError::Mixed);
    let none = Share { number: 0, bytes: shares[0].bytes.clone() };
    assert_eq!(join(&[none, shares[1].clone()]).expect_err("number 0"), ShareError::Mixed);
}
