//! Randomness of the operating system (in the browser: `crypto.getRandomValues`).

use crate::encoding::b64url_encode;

/// Fills `out` with random bytes.
///
/// # Panics
/// When the system has no randomness to give: nothing here may run on guessable keys.
#[allow(clippy::panic, reason = "a key or nonce made without randomness would be worse than a stop")]
pub fn fill(out: &mut [u8]) {
    if let Err(error) = getrandom::fill(out) {
        panic!("no randomness from the system: {error}");
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}

/// A token nobody guesses: 256 random bits as 43 characters of base64url.
pub fn token() -> String {
    b64url_encode(&bytes::<32>())
}

/// `n` decimal digits, each value equally likely, leading zeros included.
pub fn digits(n: usize) -> String {
    let mut out = String::with_capacity(n);
    while out.len() < n {
        // A byte below 250 gives a uniform digit; the six others are thrown away.
        let drawn = bytes::<16>();
        let fair = drawn.iter().filter(|byte| **byte < 250).map(|byte| char::from(b'0' + byte % 10));
        out.extend(fair.take(n - out.len()));
    }
    out
}

#[cfg(test)]
mod tests;
