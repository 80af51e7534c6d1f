//! JSON Web Encryption in compact form (RFC 7516): ECDH-ES with A128GCM or A256GCM, nothing else.
//!
//! Used for `direct_post.jwt` responses (OpenID4VP 1.0 §8.3) and encrypted credential responses. The content key
//! follows from one ECDH with a key made for this message; no compression, no key wrapping, no other curve.

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    Jwk, PublicKey, SecretKey, backend,
    encoding::{b64url_decode, b64url_decode_array, b64url_encode, b64url_encode_into},
    kdf, random,
    strict_json::{self, JsonError},
};

/// The longest header that is read, in characters.
pub const MAX_HEADER: usize = 4096;

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than the caller allows.
    #[error("the message is too long")]
    TooLong,
    /// Not five parts of unpadded base64url with an empty key, or a broken header.
    #[error("the message is malformed")]
    Malformed,
    /// A header member appears twice.
    #[error("the message header has a repeated member")]
    DuplicateMember,
    /// The header demands extensions to be understood (`crit`); there are none.
    #[error("the message names critical extensions")]
    CriticalHeader,
    /// Another `alg` than ECDH-ES, another `enc` than A128GCM or A256GCM, or `zip`.
    #[error("the message's algorithm is refused")]
    AlgorithmRefused,
    /// The ephemeral key is no point of P-256.
    #[error("the message's ephemeral key is refused")]
    BadEphemeralKey,
    /// Wrong key, or the message was changed.
    #[error("the message does not decrypt")]
    Decrypt,
}

/// The content encryption (RFC 7518 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enc {
    /// AES-128-GCM.
    A128Gcm,
    /// AES-256-GCM.
    A256Gcm,
}

impl Enc {
    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The encryption of that registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::A128Gcm, Self::A256Gcm].into_iter().find(|enc| enc.name() == name)
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }
}

/// The header of an encrypted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The content encryption.
    pub enc: Enc,
    /// Whose key it is for.
    pub kid: Option<String>,
    /// The key made for this message.
    pub epk: PublicKey,
    /// Agreement PartyUInfo, decoded (the sender; in mdoc responses the nonce).
    pub apu: Vec<u8>,
    /// Agreement PartyVInfo, decoded (the recipient; in OpenID4VP the nonce).
    pub apv: Vec<u8>,
}

/// Encrypts `plain` for the owner of `recipient`; empty `apu` and `apv` are left out.
pub fn encrypt(
    recipient: &PublicKey,
    kid: Option<&str>,
    enc: Enc,
    apu: &[u8],
    apv: &[u8],
    plain: &[u8],
) -> Result<String, JweError> {
    encrypt_with(&SecretKey::generate(), random::bytes(), recipient, kid, enc, apu, apv, plain)
}

#[allow(clippy::too_many_arguments, reason = "the randomness as arguments, so that vectors can be checked")]
fn encrypt_with(
    ephemeral: &SecretKey,
    nonce: [u8; 12],
    recipient: &PublicKey,
    kid: Option<&str>,
    enc: Enc,
    apu: &[u8],
    apv: &[u8],
    plain: &[u8],
) -> Result<String, JweError> {
    let mut header = serde_json::Map::new();
    header.insert("alg".into(), "ECDH-ES".into());
    header.insert("enc".into(), enc.name().into());
    if let Some(kid) = kid {
        header.insert("kid".into(), kid.into());
    }
    header.insert("epk".into(), ephemeral.public_key().to_jwk().to_value());
    for (name, info) in [("apu", apu), ("apv", apv)] {
        if !info.is_empty() {
            header.insert(name.into(), b64url_encode(info).into());
        }
    }
    let mut text = b64url_encode(Value::Object(header).to_string().as_bytes());
    let shared = ephemeral.agree(recipient);
    let key = kdf::concat_kdf(&shared, enc.name(), apu, apv, enc.key_bytes());
    let sealed =
        backend::aes_gcm_seal(&key, &nonce, text.as_bytes(), plain).map_err(|_| JweError::TooLong)?;
    let (ciphertext, tag) = sealed.split_last_chunk::<16>().ok_or(JweError::Malformed)?;
    text.reserve(sealed.len() * 4 / 3 + 32);
    text.push_str("..");
    b64url_encode_into(&nonce, &mut text);
    text.push('.');
    b64url_encode_into(ciphertext, &mut text);
    text.push('.');
    b64url_encode_into(tag, &mut text);
    Ok(text)
}

/// Decrypts a message of at most `max_len` characters.
pub fn decrypt(key: &SecretKey, text: &str, max_len: usize) -> Result<Zeroizing<Vec<u8>>, JweError> {
    if text.len() > max_len {
        return Err(JweError::TooLong);
    }
    let Parts { header: encoded_header, nonce, ciphertext, tag } = Parts::split(text)?;
    let header = read_header(encoded_header)?;
    let nonce: [u8; 12] = b64url_decode_array(nonce).map_err(|_| JweError::Malformed)?;
    let tag: [u8; 16] = b64url_decode_array(tag).map_err(|_| JweError::Malformed)?;
    let mut sealed = b64url_decode(ciphertext).map_err(|_| JweError::Malformed)?;
    sealed.extend_from_slice(&tag);
    let shared = key.agree(&header.epk);
    let key = kdf::concat_kdf(&shared, header.enc.name(), &header.apu, &header.apv, header.enc.key_bytes());
    let plain = backend::aes_gcm_open(&key, &nonce, encoded_header.as_bytes(), &sealed)
        .map_err(|_| JweError::Decrypt)?;
    Ok(Zeroizing::new(plain))
}

/// The header of a message, to find the key it is for. Believed by nobody before [`decrypt`].
pub fn header(text: &str) -> Result<Header, JweError> {
    read_header(Parts::split(text)?.header)
}

struct Parts<'a> {
    header: &'a str,
    nonce: &'a str,
    ciphertext: &'a str,
    tag: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, JweError> {
        let mut parts = text.splitn(6, '.');
        let mut next = || parts.next().ok_or(JweError::Malformed);
        let (header, key, nonce, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        // Direct agreement has no encrypted key (RFC 7516 §5.2 step 10).
        if parts.next().is_some() || !key.is_empty() {
            return Err(JweError::Malformed);
        }
        if header.len() > MAX_HEADER {
            return Err(JweError::TooLong);
        }
        Ok(Self { header, nonce, ciphertext, tag })
    }
}

#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    enc: String,
    kid: Option<String>,
    epk: Option<Jwk>,
    apu: Option<String>,
    apv: Option<String>,
    crit: Option<Value>,
    zip: Option<Value>,
}

fn read_header(encoded: &str) -> Result<Header, JweError> {
    let json = b64url_decode(encoded).map_err(|_| JweError::Malformed)?;
    let read: ReadHeader = strict_json::parse(&json).map_err(|error| match error {
        JsonError::DuplicateMember => JweError::DuplicateMember,
        JsonError::Malformed => JweError::Malformed,
    })?;
    if read.crit.is_some() {
        return Err(JweError::CriticalHeader);
    }
    if read.alg != "ECDH-ES" || read.zip.is_some() {
        return Err(JweError::AlgorithmRefused);
    }
    let enc = Enc::from_name(&read.enc).ok_or(JweError::AlgorithmRefused)?;
    let epk = read.epk.ok_or(JweError::BadEphemeralKey)?;
    let epk = PublicKey::from_jwk(&epk).map_err(|_| JweError::BadEphemeralKey)?;
    let info =
        |text: Option<String>| b64url_decode(&text.unwrap_or_default()).map_err(|_| JweError::Malformed);
    Ok(Header { enc, kid: read.kid, epk, apu: info(read.apu)?, apv: info(read.apv)? })
}

#[cfg(test)]
mod tests;
