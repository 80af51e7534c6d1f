//! Verification for keys that are asked often: multiples of a public key laid out beforehand.
//!
//! Only additions are left of both scalar multiplications: a scalar is written in signed digits to the base 2^w, and the table
//! holds 1 to 2^(w-1) times each power of 2^w of the point. Everything here is public, so nothing is done in constant time. The
//! curve's arithmetic is that of the crate `p256`, whose addition has no special cases; what is new here is the layout. Every
//! vector of Wycheproof is verified this way as well.

use std::sync::LazyLock;

use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{BatchNormalize, Group, PrimeField};
use p256::{AffinePoint, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};

use super::Refused;

/// Bits of a digit in a key's table: 522 KiB, made in some 7 ms.
const KEY: u32 = 9;
/// The same in the one table of the base point: 936 KiB, made in some 12 ms.
const GENERATOR: u32 = 10;
/// Bits of a scalar.
const SCALAR: u32 = 256;

/// The multiples of a point.
pub(super) struct Table {
    width: u32,
    multiples: Vec<AffinePoint>,
}

/// The curve's base point.
static BASE: LazyLock<Table> = LazyLock::new(|| Table::of(ProjectivePoint::GENERATOR, GENERATOR));

impl Table {
    /// Lays out the multiples of a point given as SEC 1 says.
    pub(super) fn new(sec1: &[u8; 65]) -> Result<Table, Refused> {
        let key = p256::PublicKey::from_sec1_bytes(sec1).map_err(|_| Refused)?;
        Ok(Table::of(key.to_projective(), KEY))
    }

    fn of(point: ProjectivePoint, width: u32) -> Table {
        let half = 1_usize << (width - 1);
        let mut multiples = Vec::new();
        let mut power = point;
        // One digit more than the bits fill, for the last carry.
        for _ in 0..=SCALAR / width {
            let mut multiple = ProjectivePoint::IDENTITY;
            for _ in 0..half {
                multiple += power;
                multiples.push(multiple);
            }
            // The last was 2^(w-1) times the power.
            power = multiple.double();
        }
        let slice = multiples.as_slice();
        Table {
            width,
            multiples: <ProjectivePoint as BatchNormalize<[ProjectivePoint]>>::batch_normalize(slice),
        }
    }

    /// `sum` and `scalar` times the point.
    fn add(&self, mut sum: ProjectivePoint, scalar: &Scalar) -> ProjectivePoint {
        let (base, half) = (1_u32 << self.width, 1_u32 << (self.width - 1));
        let bytes = scalar.to_repr();
        let mut rest = bytes.iter().rev();
        // Bits read and not yet used, lowest first.
        let (mut bits, mut held) = (0_u32, 0);
        let mut carry = 0;
        for multiples in self.multiples.chunks_exact(1 << (self.width - 1)) {
            while held < self.width {
                bits |= rest.next().map_or(0, |byte| u32::from(*byte)) << held;
                held += 8;
            }
            let digit = (bits & (base - 1)) + carry;
            bits >>= self.width;
            held -= self.width;
            carry = u32::from(digit > half);
            let size = if carry == 1 { base - digit } else { digit };
            let at = usize::try_from(size).ok().and_then(|size| size.checked_sub(1));
            let Some(multiple) = at.and_then(|at| multiples.get(at)) else { continue };
            if carry == 1 {
                sum -= multiple;
            } else {
                sum += multiple;
            }
        }
        sum
    }

    /// Verifies r ‖ s over SHA-256 of `message` (FIPS 186-5 §6.4.2).
    pub(super) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), Refused> {
        let (r, s) = signature.split_at(32);
        let r = NonZeroScalar::try_from(r).map_err(|_| Refused)?;
        let s = NonZeroScalar::try_from(s).map_err(|_| Refused)?;
        let digest = <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(super::sha256(message)));
        let inverse = Option::<Scalar>::from(s.invert_vartime()).ok_or(Refused)?;
        let sum = BASE.add(ProjectivePoint::IDENTITY, &(digest * inverse));
        let sum = self.add(sum, &(*r * inverse));
        if bool::from(sum.is_identity()) {
            return Err(Refused);
        }
        let x = <Scalar as Reduce<FieldBytes>>::reduce(&sum.to_affine().x());
        if x == *r { Ok(()) } else { Err(Refused) }
    }
}
