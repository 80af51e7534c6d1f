//! Web Push: messages that the push service carries and can't read (RFC 8291, `aes128gcm` of RFC 8188), and the sender's
//! word to that service (VAPID, RFC 8292).
//!
//! ```text
//! salt (16) ‖ record size (u32, big-endian) ‖ 65 ‖ sender's key (65) ‖ AES-128-GCM(plain ‖ 0x02 ‖ zeros) ‖ tag (16)
//! ```
//!
//! One record, padded to [`PADDED`] bytes: the length tells nothing.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::encoding::b64url_encode;
use crate::jws::{self, Header};
use crate::{PublicKey, SecretKey, SignError, Signer, backend, kdf, random};

/// A message is padded to so many bytes; a longer one is refused.
pub const PADDED: usize = 512;

/// Record size of RFC 8188 §2.1: anything above one record's length.
const RECORD_SIZE: u32 = 4_096;

const SALT: usize = 16;
const HEAD: usize = SALT + 4 + 1 + 65;

/// Why a message was not made or does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebPushError {
    /// Longer than [`PADDED`].
    #[error("the message is too long")]
    TooLong,
    /// Not one record in this form.
    #[error("the message is malformed")]
    Malformed,
    /// For another key, or changed.
    #[error("the message does not open")]
    Refused,
}

/// Encrypts `plain` for a browser's subscription: its key (`p256dh`) and its secret (`auth`).
pub fn encrypt(subscriber: &PublicKey, auth: &[u8; 16], plain: &[u8]) -> Result<Vec<u8>, WebPushError> {
    if plain.len() > PADDED {
        return Err(WebPushError::TooLong);
    }
    encrypt_with(&SecretKey::generate(), random::bytes(), subscriber, auth, plain, PADDED - plain.len())
}

fn encrypt_with(
    sender: &SecretKey,
    salt: [u8; SALT],
    subscriber: &PublicKey,
    auth: &[u8; 16],
    plain: &[u8],
    padding: usize,
) -> Result<Vec<u8>, WebPushError> {
    let shared = sender.agree(subscriber);
    let (key, nonce) = derive(&shared, auth, subscriber, sender.public_key(), &salt);
    let mut record = Zeroizing::new(plain.to_vec());
    // The last record ends with 2, then zeros (RFC 8188 §2).
    record.push(2);
    let padded = record.len() + padding;
    record.resize(padded, 0);
    let sealed =
        backend::aes_gcm_seal(key.as_slice(), &nonce, b"", &record).map_err(|_| WebPushError::TooLong)?;
    let mut body = Vec::with_capacity(HEAD + sealed.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    body.push(65);
    body.extend_from_slice(sender.public_key().as_sec1());
    body.extend_from_slice(&sealed);
    Ok(body)
}

/// Opens a message as the browser does.
pub fn decrypt(
    subscriber: &SecretKey,
    auth: &[u8; 16],
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, WebPushError> {
    const MALFORMED: WebPushError = WebPushError::Malformed;
    let (salt, rest) = body.split_first_chunk::<SALT>().ok_or(MALFORMED)?;
    let (record_size, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
    let (&length, rest) = rest.split_first().ok_or(MALFORMED)?;
    let (sender, sealed) = rest.split_at_checked(usize::from(length)).ok_or(MALFORMED)?;
    let sender = PublicKey::from_sec1(sender).map_err(|_| MALFORMED)?;
    if u32::try_from(sealed.len()).is_ok_and(|length| length > u32::from_be_bytes(*record_size)) {
        return Err(MALFORMED);
    }
    let shared = subscriber.agree(&sender);
    let (key, nonce) = derive(&shared, auth, subscriber.public_key(), &sender, salt);
    let mut record = Zeroizing::new(
        backend::aes_gcm_open(key.as_slice(), &nonce, b"", sealed).map_err(|_| WebPushError::Refused)?,
    );
    let end = record.iter().rposition(|byte| *byte != 0).ok_or(MALFORMED)?;
    if record.get(end) != Some(&2) {
        return Err(MALFORMED);
    }
    record.truncate(end);
    Ok(record)
}

/// RFC 8291 §3.4: the shared secret is mixed with the subscription's secret, then with the salt.
fn derive(
    shared: &[u8; 32],
    auth: &[u8; 16],
    subscriber: &PublicKey,
    sender: &PublicKey,
    salt: &[u8; SALT],
) -> (Zeroizing<[u8; 16]>, [u8; 12]) {
    let info = [b"WebPush: info\0".as_slice(), subscriber.as_sec1(), sender.as_sec1()].concat();
    let ikm = kdf::hkdf_sha256::<32>(shared, auth, &info);
    let key = kdf::hkdf_sha256::<16>(ikm.as_slice(), salt, b"Content-Encoding: aes128gcm\0");
    let nonce = kdf::hkdf_sha256::<12>(ikm.as_slice(), salt, b"Content-Encoding: nonce\0");
    (key, *nonce)
}

/// What VAPID says (RFC 8292 §2): to which push service, until when, and whom to ask.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    sub: &'a str,
}

/// The `authorization` header for a push service (RFC 8292 §3). `audience` is the origin of the endpoint, `expires` in
/// seconds since 1970, at most a day ahead; `contact` is a `mailto:` or `https:` address.
pub fn authorization(
    signer: &dyn Signer,
    audience: &str,
    expires: i64,
    contact: &str,
) -> Result<String, SignError> {
    let claims = Claims { aud: audience, exp: expires, sub: contact };
    let payload = serde_json::to_vec(&claims).map_err(|error| SignError(error.to_string()))?;
    let token =
        jws::sign(signer, &Header::es256("JWT"), &payload).map_err(|error| SignError(error.to_string()))?;
    Ok(format!("vapid t={token}, k={}", b64url_encode(signer.public_key().as_sec1())))
}

#[cfg(test)]
mod tests;
