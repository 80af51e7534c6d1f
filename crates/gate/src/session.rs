//! Transcript, keys and sealing of one tap.

use alloc::vec::Vec;
use keys::kdf::hkdf_sha256;
use keys::{PublicKey, SecretKey, Sha256, aead};
use zeroize::Zeroizing;

const TRANSCRIPT: &[u8] = b"mapae-gate/1 transcript";
const READER: &[u8] = b"mapae-gate/1 reader signature";
const CARD: &[u8] = b"mapae-gate/1 card signature";
const KEYS: &[u8] = b"mapae-gate/1 session keys";
const PERSISTENT: &[u8] = b"mapae-gate/1 persistent key";
const FAST: &[u8] = b"mapae-gate/1 fast keys";

/// A secret of 32 bytes, wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// SHA-256 over what was said so far, each part with its length before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transcript([u8; 32]);

impl Transcript {
    pub(crate) fn begin(fci: &[u8], auth0: &[u8], card_ephemeral: &PublicKey) -> Self {
        Self(hash(TRANSCRIPT, &[fci, auth0, card_ephemeral.as_sec1()]))
    }

    /// With the whole answer to AUTH0: hint and cryptogram belong to it.
    pub(crate) fn and(self, part: &[u8]) -> Self {
        Self(hash(TRANSCRIPT, &[&self.0, part]))
    }

    pub(crate) fn reader_says(&self, certificate: &[u8]) -> Vec<u8> {
        [READER, &self.0, &keys::sha256(certificate)].concat()
    }

    pub(crate) fn card_says(&self, evidence: &[u8], pass: &[u8]) -> Vec<u8> {
        [CARD, &self.0, evidence, &keys::sha256(pass)].concat()
    }

    /// The keys of the standard way, from both ephemeral keys.
    pub(crate) fn keys(&self, own: &SecretKey, other: &PublicKey) -> Agreed {
        let shared = own.agree(other);
        let both = hkdf_sha256::<64>(shared.as_slice(), &self.0, KEYS);
        Agreed { keys: SessionKeys::cut(both.as_slice()), shared }
    }

    /// The keys of the fast way, from the key that both kept: the cryptogram's, and the session's.
    pub(crate) fn fast(&self, persistent: &Key) -> (Key, SessionKeys) {
        let three = hkdf_sha256::<96>(persistent.as_slice(), &self.0, FAST);
        let (cryptogram, both) = three.split_at(32);
        (key(cryptogram), SessionKeys::cut(both))
    }
}

/// What ECDH gave.
pub(crate) struct Agreed {
    pub(crate) keys: SessionKeys,
    shared: Zeroizing<[u8; 32]>,
}

impl Agreed {
    /// The key that both may keep for the fast way.
    pub(crate) fn persistent(&self, transcript: &Transcript) -> Key {
        hkdf_sha256::<32>(self.shared.as_slice(), &transcript.0, PERSISTENT)
    }
}

fn hash(label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(label);
    for part in parts {
        // Bounded by the APDU.
        hash.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes()).update(part);
    }
    hash.finish()
}

fn key(bytes: &[u8]) -> Key {
    let mut out = Zeroizing::new([0; 32]);
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// One key for each direction; a counter is the nonce, so that no message passes for another.
pub(crate) struct SessionKeys {
    card: Key,
    reader: Key,
}

impl SessionKeys {
    fn cut(both: &[u8]) -> Self {
        let (card, reader) = both.split_at(both.len().min(32));
        Self { card: key(card), reader: key(reader) }
    }

    pub(crate) fn card_seals(&self, counter: u32, plain: &[u8]) -> Option<Vec<u8>> {
        seal(&self.card, counter, plain)
    }

    pub(crate) fn card_opens(&self, counter: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.card, counter, sealed)
    }

    pub(crate) fn reader_seals(&self, counter: u32, plain: &[u8]) -> Option<Vec<u8>> {
        seal(&self.reader, counter, plain)
    }

    pub(crate) fn reader_opens(&self, counter: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.reader, counter, sealed)
    }
}

fn nonce(counter: u32) -> [u8; 12] {
    let [a, b, c, d] = counter.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

/// AES-256-GCM; each key is used once with each counter.
pub(crate) fn seal(key: &Key, counter: u32, plain: &[u8]) -> Option<Vec<u8>> {
    aead::seal(key, &nonce(counter), &[], plain).ok()
}

pub(crate) fn open(key: &Key, counter: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    aead::open(key, &nonce(counter), &[], sealed).ok().map(Zeroizing::new)
}
