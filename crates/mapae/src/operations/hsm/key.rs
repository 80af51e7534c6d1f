//! The keys in the token: those that sign, and those that seal.

use std::sync::Arc;

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use keys::{PublicKey, SignError, Signature, Signer, Zeroizing};

use super::connection::PREFIX;
use super::{Hsm, HsmError};

/// The format byte of a value that was sealed in the token; software seals with 1.
const FORMAT: u8 = 2;
const HEAD: usize = 5;
const NONCE: usize = 12;
const TAG: usize = 16;

/// P-256 as DER names it (SEC 2; RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// What the row of a signing key holds instead of the key: `mapae-token-1` ‖ id (16) ‖ public key (65, SEC 1).
const REFERENCE: &[u8] = b"mapae-token-1";

/// What a key that seals is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SealKind {
    /// Every key of the platform.
    Kek,
    /// The public keys of PINs.
    Pin,
}

impl SealKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Kek => "kek",
            Self::Pin => "pin",
        }
    }

    /// The label of a key.
    pub fn name(self, number: u32) -> String {
        format!("{PREFIX}{}-{number}", self.as_str())
    }

    fn number(self, label: &str) -> Option<u32> {
        label.strip_prefix(PREFIX)?.strip_prefix(self.as_str())?.strip_prefix('-')?.parse().ok()
    }
}

/// A signing key's CKA_ID.
pub type KeyId = [u8; 16];

/// Whether this value was sealed in a token.
pub fn is_token_sealed(sealed: &[u8]) -> bool {
    sealed.first() == Some(&FORMAT) && sealed.len() >= HEAD + NONCE + TAG
}

/// The number of the key that a value was sealed with in a token.
pub(in crate::operations) fn sealed_with(sealed: &[u8]) -> Option<u32> {
    match sealed {
        [FORMAT, a, b, c, d, rest @ ..] if rest.len() >= NONCE + TAG => {
            Some(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => None,
    }
}

/// A P-256 key in the token, as its users see it.
#[derive(Clone, Debug)]
pub struct TokenKey {
    hsm: Arc<Hsm>,
    id: KeyId,
    public: PublicKey,
}

impl TokenKey {
    /// Makes a new one in the token, not extractable.
    ///
    /// # Errors
    /// The token.
    pub fn generate(hsm: &Arc<Hsm>, name: &str) -> Result<Self, HsmError> {
        let id = keys::random::bytes::<16>();
        let label = format!("{PREFIX}{name}");
        let public = hsm.act("token generate", |connection, session| {
            let for_public = [
                // Of no use in the token: our own row keeps it.
                Attribute::Token(false),
                Attribute::Verify(true),
                Attribute::EcParams(P256.to_vec()),
            ];
            let for_private = [
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(true),
                Attribute::Id(id.to_vec()),
                Attribute::Label(label.as_bytes().to_vec()),
            ];
            let told = |error| connection.told(error);
            let (public, _) = session
                .generate_key_pair(&Mechanism::EccKeyPairGen, &for_public, &for_private)
                .map_err(told)?;
            session.get_attributes(public, &[AttributeType::EcPoint]).map_err(told)
        })?;
        let point = public.into_iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => Some(point),
            _ => None,
        });
        let point = point.unwrap_or_default();
        // An OCTET STRING as PKCS#11 2.40 §2.3.3 asks, or the bare point of some tokens.
        let bare = point.strip_prefix(&[0x04, 0x41]).filter(|bare| bare.len() == 65).unwrap_or(&point);
        let public = PublicKey::from_sec1(bare).map_err(|error| HsmError::Away {
            label: hsm.label().to_owned(),
            reason: format!("it made a key that is none of P-256: {error}"),
        })?;
        Ok(Self { hsm: Arc::clone(hsm), id, public })
    }

    /// What the row of this key holds.
    pub fn reference(&self) -> Vec<u8> {
        [REFERENCE, &self.id, &self.public.to_sec1()].concat()
    }

    /// Whether a row holds a key of a token.
    pub fn is_reference(plain: &[u8]) -> bool {
        plain.len() == REFERENCE.len() + 16 + 65 && plain.starts_with(REFERENCE)
    }

    /// The key that a row names. The token is not asked before it is used.
    pub fn of_reference(hsm: &Arc<Hsm>, plain: &[u8]) -> Option<Self> {
        let (id, public) = plain.strip_prefix(REFERENCE)?.split_first_chunk::<16>()?;
        let public = PublicKey::from_sec1(public).ok()?;
        Some(Self { hsm: Arc::clone(hsm), id: *id, public })
    }

    /// Removes the key from the token.
    ///
    /// # Errors
    /// The token.
    pub fn destroy(self) -> Result<(), HsmError> {
        self.hsm.act("token destroy", |connection, session| {
            let key = connection.handle(session, &self.id, &self.template(), || self.shown())?;
            session.destroy_object(key).map_err(|error| connection.told(error))?;
            connection.forget(&self.id);
            Ok(())
        })
    }

    fn template(&self) -> [Attribute; 2] {
        [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(self.id.to_vec())]
    }

    fn shown(&self) -> String {
        keys::encoding::hex_encode(&self.id)
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let digest = keys::sha256(message);
        let begun = tokio::time::Instant::now();
        let signed = self.hsm.act("token sign", |connection, session| {
            let key = connection.handle(session, &self.id, &self.template(), || self.shown())?;
            session.sign(&Mechanism::Ecdsa, key, &digest).map_err(|error| connection.told(error))
        });
        metrics::histogram!("mapae_hsm_seconds", "act" => "sign").record(begun.elapsed().as_secs_f64());
        let signed = signed.map_err(|error| SignError(error.to_string()))?;
        Signature::from_bytes(&signed).map_err(|error| SignError(format!("the token's signature: {error}")))
    }
}

impl Hsm {
    /// The highest number of a key that seals, if there is one.
    ///
    /// # Errors
    /// The token.
    pub fn newest(&self, kind: SealKind) -> Result<Option<u32>, HsmError> {
        let held = self.held()?;
        Ok(held.iter().filter_map(|key| kind.number(&key.label)).max())
    }

    /// Puts the next key that seals into the token; its number. One person does this at a time (docs/keys.md).
    ///
    /// # Errors
    /// The token.
    pub fn add_seal_key(&self, kind: SealKind, bytes: Option<&[u8; 32]>) -> Result<u32, HsmError> {
        let number = self.newest(kind)?.unwrap_or(0).saturating_add(1);
        let mut template = vec![
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Label(kind.name(number).into_bytes()),
        ];
        match bytes {
            None => template.push(Attribute::ValueLen(32.into())),
            Some(bytes) => template.extend([
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Value(bytes.to_vec()),
            ]),
        }
        self.act("token generate", |connection, session| {
            let made = match bytes {
                None => session.generate_key(&Mechanism::AesKeyGen, &template),
                Some(_) => session.create_object(&template),
            };
            made.map(|_| ()).map_err(|error| connection.told(error))
        })?;
        Ok(number)
    }

    /// Seals a value for the place that `aad` names (AES-256-GCM; NIST SP 800-38D):
    /// `0x02 ‖ number (u32, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// The token.
    pub fn seal(&self, kind: SealKind, number: u32, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, HsmError> {
        let [a, b, c, d] = number.to_be_bytes();
        let head = [FORMAT, a, b, c, d];
        let bound = [head.as_slice(), aad].concat();
        let nonce = keys::random::bytes::<NONCE>();
        let sealed = self.act("token seal", |connection, session| {
            let told = |error| connection.told(error);
            let name = kind.name(number);
            let key = connection.handle(session, name.as_bytes(), &template(&name), || name.clone())?;
            let mut iv = nonce;
            let gcm = Mechanism::AesGcm(GcmParams::new(&mut iv, &bound, 128.into()).map_err(told)?);
            session.encrypt(&gcm, key, plain).map_err(told)
        })?;
        Ok([head.as_slice(), &nonce, &sealed].concat())
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// [`HsmError::Refused`], or the token.
    pub fn open_sealed(
        &self,
        kind: SealKind,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, HsmError> {
        let number = sealed_with(sealed).ok_or(HsmError::Refused)?;
        let (head, rest) = sealed.split_first_chunk::<HEAD>().ok_or(HsmError::Refused)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(HsmError::Refused)?;
        let bound = [head.as_slice(), aad].concat();
        self.act("token open", |connection, session| {
            let told = |error| connection.told(error);
            let name = kind.name(number);
            let key = connection.handle(session, name.as_bytes(), &template(&name), || name.clone())?;
            let mut iv = *nonce;
            let gcm = Mechanism::AesGcm(GcmParams::new(&mut iv, &bound, 128.into()).map_err(told)?);
            session.decrypt(&gcm, key, rest).map(Zeroizing::new).map_err(told)
        })
    }
}

fn template(name: &str) -> [Attribute; 2] {
    [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Label(name.as_bytes().to_vec())]
}
