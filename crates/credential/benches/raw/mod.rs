//! The raw signatures of the same run, beside which each operation is measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use keys::{PublicKey, SecretKey, Signature, Signer};

/// A signature over `length` bytes, to verify as often as one likes.
pub(crate) struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Signed {
    pub(crate) fn new(length: usize) -> Self {
        let key = SecretKey::generate();
        let message = vec![b'a'; length];
        Self { signature: key.sign(&message).expect("signed"), key: key.public_key().clone(), message }
    }

    pub(crate) fn verify(&self) {
        black_box(self.key.verify(&self.message, &self.signature)).expect("verifies");
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(act: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

/// Times both in turns, one run at a time, and prints the ratio of their medians: a run that another process cut into
/// is far from the middle and does not count.
pub(crate) fn ratio(name: &str, bound: f64, mut act: impl FnMut(), mut raw: impl FnMut()) {
    let (mut acts, mut raws) = (Vec::new(), Vec::new());
    for _ in 0..4_001 {
        acts.push(timed(&mut act));
        raws.push(timed(&mut raw));
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let (act, raw) = (median(&mut acts), median(&mut raws));
    let verdict = if act / raw <= bound { "within" } else { "OVER" };
    println!("ratio {name}: {act:.1} µs / raw {raw:.1} µs = {:.3} ({verdict} {bound})", act / raw);
}
