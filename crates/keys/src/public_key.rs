//! A P-256 public key.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    BadSignature, Jwk, Signature, backend,
    digest::sha256,
    encoding::{b64url_decode_array, b64url_encode},
};

/// The bytes are no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a point in the uncompressed form of SEC 1, or its JSON or DER envelope is broken.
    #[error("the key is malformed")]
    Malformed,
    /// The coordinates are not on the curve, or the scalar is zero or too large.
    #[error("the key is not on the curve P-256")]
    OffCurve,
    /// Another kind of key than P-256.
    #[error("the key is not a P-256 key")]
    Unsupported,
    /// A key that says of itself that it is for something else.
    #[error("the key is for another purpose")]
    Purpose,
    /// A private key where a public one belongs.
    #[error("the key carries private parts")]
    Private,
}

/// The fixed head of a P-256 `SubjectPublicKeyInfo`: id-ecPublicKey, prime256v1, BIT STRING of an uncompressed point.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A P-256 public key, known to be on the curve and ready to verify.
///
/// Cloning is cheap: the parsed key is shared.
#[derive(Clone)]
pub struct PublicKey(Arc<Parsed>);

struct Parsed {
    sec1: [u8; 65],
    point: backend::Point,
}

impl PublicKey {
    /// Reads an uncompressed point, `04 ‖ x ‖ y` (SEC 1 §2.3.4).
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let sec1: [u8; 65] = bytes.try_into().map_err(|_| KeyError::Malformed)?;
        if sec1.first() != Some(&4) {
            return Err(KeyError::Malformed);
        }
        let point = backend::Point::parse(&sec1).map_err(|_| KeyError::OffCurve)?;
        Ok(Self(Arc::new(Parsed { sec1, point })))
    }

    /// The uncompressed point.
    pub fn to_sec1(&self) -> [u8; 65] {
        self.0.sec1
    }

    /// The uncompressed point, borrowed.
    pub fn as_sec1(&self) -> &[u8; 65] {
        &self.0.sec1
    }

    /// Reads a JWK of `kty` EC, `crv` P-256 (RFC 7518 §6.2).
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.kty != "EC" || jwk.crv.as_deref() != Some("P-256") {
            return Err(KeyError::Unsupported);
        }
        let coordinate = |text: &Option<String>| {
            let text = text.as_deref().ok_or(KeyError::Malformed)?;
            b64url_decode_array::<32>(text).map_err(|_| KeyError::Malformed)
        };
        let mut sec1 = [4; 65];
        let point = coordinate(&jwk.x)?.into_iter().chain(coordinate(&jwk.y)?);
        for (to, from) in sec1.iter_mut().skip(1).zip(point) {
            *to = from;
        }
        Self::from_sec1(&sec1)
    }

    /// As [`from_jwk`](Self::from_jwk), of a key that is to check ES256 signatures and says nothing against that.
    pub fn from_signing_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.may_verify("ES256") { Self::from_jwk(jwk) } else { Err(KeyError::Purpose) }
    }

    fn coordinates(&self) -> (String, String) {
        let [_, point @ ..] = &self.0.sec1;
        let (x, y) = point.split_at(32);
        (b64url_encode(x), b64url_encode(y))
    }

    /// The JWK with nothing but the key.
    pub fn to_jwk(&self) -> Jwk {
        let (x, y) = self.coordinates();
        Jwk { kty: "EC".into(), crv: Some("P-256".into()), x: Some(x), y: Some(y), ..Jwk::default() }
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        b64url_encode(&sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes()))
    }

    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5480).
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let point = der.strip_prefix(&SPKI_HEAD).ok_or(KeyError::Unsupported)?;
        Self::from_sec1(point)
    }

    /// The DER `SubjectPublicKeyInfo`.
    pub fn to_spki_der(&self) -> Vec<u8> {
        [SPKI_HEAD.as_slice(), &self.0.sec1].concat()
    }

    /// Checks an ES256 signature over `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.0.point.verify(message, signature.as_bytes()).map_err(|_| BadSignature)
    }

    /// Spends some 7 ms and 522 KiB, once for all clones, so that each verification by this key takes half of the time:
    /// for a key that verifies hundreds of signatures. Without the server's engine it does nothing.
    pub fn prepare(&self) {
        self.0.point.prepare(&self.0.sec1);
    }

    /// Whether [`prepare`](Self::prepare) has been done.
    pub fn is_prepared(&self) -> bool {
        self.0.point.is_prepared()
    }

    pub(crate) fn point(&self) -> &backend::Point {
        &self.0.point
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.sec1 == other.0.sec1
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.sec1.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

impl TryFrom<&Jwk> for PublicKey {
    type Error = KeyError;

    fn try_from(jwk: &Jwk) -> Result<Self, KeyError> {
        Self::from_jwk(jwk)
    }
}

#[cfg(test)]
mod tests;
