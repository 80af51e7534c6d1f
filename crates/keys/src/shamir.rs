//! A secret in n shares, of which any m give it back and fewer tell nothing (Shamir, "How to share a secret", 1979).
//!
//! ```text
//! byte i of share x = s_i + a_i1·x + … + a_i(m-1)·x^(m-1)     in GF(2^8), x^8 + x^4 + x^3 + x + 1
//! ```
//!
//! Each byte has a polynomial of its own with random coefficients. Products are made without tables and without branches
//! on what is secret. The shares don't tell whether they belong together: who keeps them adds a check.

use zeroize::Zeroizing;

use crate::random;

/// Why a secret can't be split or joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// `1 < needed ≤ shares` does not hold.
    #[error("of n shares, at least two and at most n must be needed")]
    Numbers,
    /// Shares of different lengths, two with one number, or one with the number 0.
    #[error("the shares do not belong together")]
    Mixed,
}

/// One share.
#[derive(Clone)]
pub struct Share {
    /// Its number, 1 to 255.
    pub number: u8,
    /// As long as the secret.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({}, …)", self.number)
    }
}

/// Splits a secret into `shares`, of which `needed` give it back.
///
/// # Errors
/// [`ShareError::Numbers`].
pub fn split(secret: &[u8], needed: u8, shares: u8) -> Result<Vec<Share>, ShareError> {
    if needed < 2 || needed > shares {
        return Err(ShareError::Numbers);
    }
    let mut split: Vec<Share> =
        (1..=shares).map(|number| Share { number, bytes: Zeroizing::new(Vec::new()) }).collect();
    for byte in secret {
        let mut coefficients = Zeroizing::new(vec![*byte]);
        coefficients.extend((1..needed).map(|_| {
            let [random] = random::bytes::<1>();
            random
        }));
        for share in &mut split {
            // Horner's rule, the highest power first.
            let value = coefficients.iter().rev().fold(0, |sum, part| times(sum, share.number) ^ part);
            share.bytes.push(value);
        }
    }
    Ok(split)
}

/// Joins shares. Fewer than were needed, or a wrong one, give something else and no error.
///
/// # Errors
/// [`ShareError::Mixed`].
pub fn join(shares: &[Share]) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let length = shares.first().map(|share| share.bytes.len()).ok_or(ShareError::Mixed)?;
    let unlike = |share: &Share| share.number == 0 || share.bytes.len() != length;
    let twice = |share: &Share| shares.iter().filter(|other| other.number == share.number).count() > 1;
    if shares.iter().any(|share| unlike(share) || twice(share)) {
        return Err(ShareError::Mixed);
    }
    let mut secret = Zeroizing::new(vec![0; length]);
    for share in shares {
        // Lagrange's weight of this share at 0.
        let others = shares.iter().filter(|other| other.number != share.number);
        let weight = others.fold(1, |weight, other| {
            times(weight, times(other.number, inverse(other.number ^ share.number)))
        });
        for (sum, byte) in secret.iter_mut().zip(share.bytes.iter()) {
            *sum ^= times(*byte, weight);
        }
    }
    Ok(secret)
}

/// The product in the field.
fn times(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & 0_u8.wrapping_sub((b >> bit) & 1);
        a = (a << 1) ^ (0x1b & 0_u8.wrapping_sub(a >> 7));
    }
    product
}

/// `a^254`, which is `1 / a`.
fn inverse(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128.
    let mut power = a;
    (0..7).fold(1, |product, _| {
        power = times(power, power);
        times(product, power)
    })
}

#[cfg(test)]
mod tests;
