//! A document as the issuer gave it, or the part of it that a holder tells: elements fit their digests, nothing else
//! is believed.

use ciborium::Value;
use coset::{AsCborValue, CoseSign1};
use keys::{PublicKey, Sha256, x509::MAX_CHAIN};
use serde_json::{Map as JsonMap, Value as Json};

use super::cbor::{Members, Writer, encoded, parse, to_json, unsigned};
use super::mso::Mso;
use super::{MAX_DOCUMENT, MAX_ELEMENTS, MIN_SALT, MdocError};
use crate::cose::{X5CHAIN, certificates, header_value, is_es256};
use crate::sd_jwt::StatusClaim;

/// A parsed `IssuerSigned` (§8.3.2.1.2.2).
#[derive(Debug, Clone)]
pub struct IssuerSigned {
    pub(super) name_spaces: Vec<(String, Vec<Item>)>,
    pub(super) auth: CoseSign1,
    pub(super) mso: Mso,
    claims: Json,
}

/// One `IssuerSignedItem` (§8.3.2.1.2.2), its bytes as they came.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// What tag 24 wraps.
    pub(super) encoded: Vec<u8>,
    pub(super) name: String,
    digest_id: u64,
    value: Value,
}

impl Item {
    fn parse(encoded: Vec<u8>) -> Result<Self, MdocError> {
        let malformed = MdocError::MalformedElement;
        let mut members = parse(&encoded).and_then(Members::of).map_err(|_| malformed)?;
        let digest_id = members.take("digestID").as_ref().and_then(unsigned).ok_or(malformed)?;
        let salt = members.must("random").ok().and_then(|salt| salt.into_bytes().ok()).ok_or(malformed)?;
        if salt.len() < MIN_SALT {
            return Err(malformed);
        }
        let name = members.text("elementIdentifier").map_err(|_| malformed)?;
        let value = members.take("elementValue").ok_or(malformed)?;
        Ok(Self { encoded, name, digest_id, value })
    }

    /// The digest that the issuer signed: over tag 24, its byte string and what that wraps (§9.1.2.5).
    fn digest(&self) -> [u8; 32] {
        let mut wrapper = Writer::with_capacity(8);
        wrapper.embedded_head(self.encoded.len());
        let mut hash = Sha256::new();
        hash.update(wrapper.as_bytes()).update(&self.encoded);
        hash.finish()
    }
}

impl IssuerSigned {
    /// Reads a document of at most [`MAX_DOCUMENT`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, MdocError> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(MdocError::TooLarge);
        }
        Self::from_value(parse(bytes)?)
    }

    pub(super) fn from_value(value: Value) -> Result<Self, MdocError> {
        let mut members = Members::of(value)?;
        let auth =
            CoseSign1::from_cbor_value(members.must("issuerAuth")?).map_err(|_| MdocError::Malformed)?;
        if !is_es256(&auth) {
            return Err(MdocError::Algorithm);
        }
        let payload = auth.payload.as_deref().ok_or(MdocError::Malformed)?;
        let mso = Mso::parse(&encoded(parse(payload)?)?)?;
        let name_spaces = match members.take("nameSpaces") {
            Some(value) => read_name_spaces(value)?,
            None => Vec::new(),
        };
        let claims = disclosed(&name_spaces, &mso)?;
        Ok(Self { name_spaces, auth, mso, claims })
    }

    /// The document type that the issuer signed.
    pub fn doc_type(&self) -> &str {
        &self.mso.doc_type
    }

    /// What is told, `{namespace: {element: value}}`, as if the issuer's signature verified. [`verify`](super::verify)
    /// decides; this is for a holder reading a document that it verified on receipt.
    pub fn dangerous_claims(&self) -> &Json {
        &self.claims
    }

    /// The last second at which the document holds, seconds since 1970, as if the issuer's signature verified.
    pub fn dangerous_valid_until(&self) -> i64 {
        self.mso.valid_until
    }

    /// The holder's key, as if the issuer's signature verified.
    pub fn dangerous_device_key(&self) -> &PublicKey {
        &self.mso.device_key
    }

    /// Where the status is found, as if the issuer's signature verified.
    pub fn dangerous_status(&self) -> Option<&StatusClaim> {
        self.mso.status.as_ref()
    }

    /// The issuer's certificates, leaf first (§9.1.2.4: unprotected).
    pub fn x5chain(&self) -> Option<Vec<Vec<u8>>> {
        let chain = certificates(header_value(&self.auth.unprotected, X5CHAIN)?)?;
        (!chain.is_empty() && chain.len() <= MAX_CHAIN + 1).then_some(chain)
    }

    pub(super) fn into_claims(self) -> Json {
        self.claims
    }
}

fn read_name_spaces(value: Value) -> Result<Vec<(String, Vec<Item>)>, MdocError> {
    let mut left = MAX_ELEMENTS;
    let mut name_spaces = Vec::new();
    for (name, items) in value.into_map().map_err(|_| MdocError::Malformed)? {
        let name = name.into_text().map_err(|_| MdocError::Malformed)?;
        let items = items.into_array().map_err(|_| MdocError::Malformed)?;
        left = left.checked_sub(items.len()).ok_or(MdocError::TooLarge)?;
        let items = items.into_iter().map(|item| Item::parse(encoded(item)?)).collect::<Result<_, _>>()?;
        name_spaces.push((name, items));
    }
    Ok(name_spaces)
}

/// Every element fits its digest and is told once.
fn disclosed(name_spaces: &[(String, Vec<Item>)], mso: &Mso) -> Result<Json, MdocError> {
    let mut claims = JsonMap::new();
    for (name_space, items) in name_spaces {
        let mut elements = JsonMap::new();
        for item in items {
            if mso.digest(name_space, item.digest_id) != Some(&item.digest()) {
                return Err(MdocError::Digest);
            }
            if elements.insert(item.name.clone(), to_json(&item.value)?).is_some() {
                return Err(MdocError::DuplicateElement);
            }
        }
        claims.insert(name_space.clone(), Json::Object(elements));
    }
    Ok(Json::Object(claims))
}
