use super::*;

#[test]
fn every_digit_is_equally_likely() {
    let mut counts = [0; 10];
    for byte in digits(1_000_000).bytes() {
        counts[usize::from(byte - b'0')] += 1;
    }
    // Each digit 100,000 times, deviation 300.
    assert!(counts.iter().all(|count| (97_000..=103_000).contains(count)), "{counts:?}");
    // `byte % 10` of all 256 bytes would give the last four 390,625 together; their deviation is 490.
    let last_four: u32 = counts[6..].iter().sum();
    assert!((396_000..=404_000).contains(&last_four), "{counts:?}");
}

#[test]
fn lengths_are_exact() {
    for n in [0, 1, 6, 8, 16, 17, 33] {
        assert_eq!(digits(n).len(), n);
    }
    assert_eq!(token().len(), 43);
}

#[test]
fn nothing_repeats() {
    assert_ne!(token(), token());
    assert_ne!(bytes::<16>(), bytes::<16>());
    let mut zeros = [0; 64];
    fill(&mut zeros);
    assert_ne!(zeros, [0; 64]);
}
