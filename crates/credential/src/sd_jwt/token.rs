//! An SD-JWT or SD-JWT+KB as it came, disclosures in place, nothing believed.

use std::ops::Range;

use keys::jws::{Header, JwsError, Unverified};
use serde_json::Value;

use super::process::{Processed, process};
use super::{MAX_DISCLOSURES, MAX_TOKEN, SdJwtError};
use crate::path::Step;

/// A parsed SD-JWT (RFC 9901 §4), with or without key binding.
#[derive(Debug, Clone)]
pub struct SdJwt {
    /// `<JWT>~<disclosure>~…~`, what `sd_hash` covers.
    pub(super) text: String,
    pub(super) disclosures: Vec<Disclosure>,
    pub(super) key_binding: Option<String>,
    jws: Unverified,
    claims: Value,
}

#[derive(Debug, Clone)]
pub(super) struct Disclosure {
    /// Where in the text it stands.
    pub(super) range: Range<usize>,
    /// The claim that it discloses.
    pub(super) path: Vec<Step>,
}

impl SdJwt {
    /// Reads a token of at most [`MAX_TOKEN`] bytes and puts its disclosures in place.
    pub fn parse(token: &str) -> Result<Self, SdJwtError> {
        if token.len() > MAX_TOKEN {
            return Err(SdJwtError::TooLarge);
        }
        let (sd_jwt, key_binding) = token.rsplit_once('~').ok_or(SdJwtError::Malformed)?;
        let mut parts = sd_jwt.split('~');
        let jwt = parts.next().unwrap_or_default();
        let disclosures: Vec<&str> = parts.take(MAX_DISCLOSURES + 1).collect();
        if disclosures.len() > MAX_DISCLOSURES {
            return Err(SdJwtError::TooLarge);
        }
        let jws = Unverified::parse(jwt, MAX_TOKEN).map_err(|error| match error {
            JwsError::TooLong => SdJwtError::TooLarge,
            _ => SdJwtError::Malformed,
        })?;
        let payload = jws.dangerous_members().map_err(|_| SdJwtError::Malformed)?;
        let Processed { claims, paths } = process(payload, &disclosures)?;
        let mut start = jwt.len() + 1;
        let ranges = disclosures.iter().map(|encoded| {
            let range = start..start + encoded.len();
            start = range.end + 1;
            range
        });
        let disclosures = ranges.zip(paths).map(|(range, path)| Disclosure { range, path }).collect();
        Ok(Self {
            text: token.get(..=sd_jwt.len()).unwrap_or_default().to_owned(),
            disclosures,
            key_binding: (!key_binding.is_empty()).then(|| key_binding.to_owned()),
            jws,
            claims: Value::Object(claims),
        })
    }

    /// The issuer's header, to find the key.
    pub fn header(&self) -> &Header {
        self.jws.header()
    }

    /// The claims as they would be if the issuer's signature verified. [`crate::verify`] decides; this is for a holder
    /// reading a credential that it verified on receipt.
    pub fn dangerous_claims(&self) -> &Value {
        &self.claims
    }

    /// Whether a key binding JWT is there.
    pub fn has_key_binding(&self) -> bool {
        self.key_binding.is_some()
    }

    /// The text without key binding, ending in `~`.
    pub fn without_key_binding(&self) -> &str {
        &self.text
    }

    /// The paths of the claims that came as disclosures.
    pub fn disclosed_paths(&self) -> impl Iterator<Item = &[Step]> {
        self.disclosures.iter().map(|disclosure| disclosure.path.as_slice())
    }

    pub(crate) fn jws(&self) -> &Unverified {
        &self.jws
    }

    pub(crate) fn into_claims(self) -> Value {
        self.claims
    }
}
