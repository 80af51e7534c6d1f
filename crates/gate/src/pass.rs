//! The gate pass: a CWT (RFC 8392) that ties a gate key to a `gate_ref`, its agencies and roles, for at most a day.
//!
//! No name, no number: `gate_ref` is random and belongs to one badge. Claims of ours have private labels (RFC 8392 §9.1.1).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ciborium::Value;
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, Label, TaggedCborSerializable as _, iana};
use keys::{PublicKey, SignError, Signature, Signer};

/// The longest life of a pass (s).
pub const MAX_LIFE_S: i64 = 24 * 3_600;
/// The longest pass (bytes): with its signature it fits one extended response.
pub const MAX_PASS: usize = 768;
/// Agencies from the highest to the holder's own.
pub const MAX_AGENCIES: usize = 8;
/// Roles that gates know.
pub const MAX_ROLES: usize = 8;
/// Longest code of an agency or role (bytes).
pub const MAX_CODE: usize = 32;

/// COSE header `typ` (RFC 9596).
const TYP: i64 = 16;
const PASS_TYP: &str = "application/mapae-gate-pass+cwt";
const EXP: i64 = 4;
const NBF: i64 = 5;
const CNF: i64 = 8;
const FORMAT_CLAIM: i64 = -70_001;
const REF_CLAIM: i64 = -70_002;
const AGENCIES_CLAIM: i64 = -70_003;
const ROLES_CLAIM: i64 = -70_004;
const FORMAT: i64 = 1;

/// Random, of one badge: what a controller knows of a person.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GateRef(pub [u8; 16]);

impl core::fmt::Debug for GateRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GateRef({})", String::from(*self))
    }
}

impl From<GateRef> for String {
    fn from(reference: GateRef) -> String {
        keys::encoding::b64url_encode(&reference.0)
    }
}

/// The text is no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no gate reference of 16 bytes")]
pub struct NotAReference;

impl TryFrom<String> for GateRef {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<GateRef, NotAReference> {
        keys::encoding::b64url_decode_array(&text).map(GateRef).map_err(|_| NotAReference)
    }
}

/// What a pass says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Whose, as gates know it.
    pub gate_ref: GateRef,
    /// The key that taps.
    pub key: PublicKey,
    /// Codes of the agencies, the highest first, the holder's own last.
    pub agencies: Vec<String>,
    /// Roles that gates know.
    pub roles: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub expires: i64,
}

/// Why there is no pass in these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// No pass, or more than the bounds allow.
    #[error("the gate pass is malformed")]
    Malformed,
    /// Signed by nobody who may.
    #[error("the gate pass is signed by no gate authority")]
    Untrusted,
    /// The key could not sign.
    #[error("the gate pass could not be signed")]
    Sign,
}

impl From<SignError> for PassError {
    fn from(_: SignError) -> PassError {
        PassError::Sign
    }
}

impl Pass {
    fn in_bounds(&self) -> bool {
        let codes = |codes: &[String], most: usize| {
            codes.len() <= most && codes.iter().all(|code| !code.is_empty() && code.len() <= MAX_CODE)
        };
        codes(&self.agencies, MAX_AGENCIES)
            && codes(&self.roles, MAX_ROLES)
            && self.not_before < self.expires
            && self.expires.saturating_sub(self.not_before) <= MAX_LIFE_S
    }

    /// The signed bytes.
    ///
    /// # Errors
    /// What it says is out of bounds, or the authority's key failed.
    pub fn sign(&self, authority: &dyn Signer) -> Result<Vec<u8>, PassError> {
        if !self.in_bounds() {
            return Err(PassError::Malformed);
        }
        let (x, y) = self.key.as_sec1().split_at(33);
        let x = x.get(1..).unwrap_or_default();
        // COSE_Key (RFC 9053 §7.1.1): kty EC2, crv P-256, x, y.
        let key = vec![
            (Value::from(1), Value::from(2)),
            (Value::from(-1), Value::from(1)),
            (Value::from(-2), Value::from(x)),
            (Value::from(-3), Value::from(y)),
        ];
        let texts = |codes: &[String]| Value::Array(codes.iter().map(|c| Value::from(c.as_str())).collect());
        let claims = Value::Map(vec![
            (Value::from(EXP), Value::from(self.expires)),
            (Value::from(NBF), Value::from(self.not_before)),
            (Value::from(CNF), Value::Map(vec![(Value::from(1), Value::Map(key))])),
            (Value::from(FORMAT_CLAIM), Value::from(FORMAT)),
            (Value::from(REF_CLAIM), Value::from(self.gate_ref.0.as_slice())),
            (Value::from(AGENCIES_CLAIM), texts(&self.agencies)),
            (Value::from(ROLES_CLAIM), texts(&self.roles)),
        ]);
        let mut payload = Vec::new();
        ciborium::into_writer(&claims, &mut payload).map_err(|_| PassError::Malformed)?;
        let header =
            HeaderBuilder::new().algorithm(iana::Algorithm::ES256).value(TYP, Value::from(PASS_TYP)).build();
        let bytes = CoseSign1Builder::new()
            .protected(header)
            .payload(payload)
            .try_create_signature(&[], |input| authority.sign(input).map(|made| made.to_bytes().to_vec()))?
            .build()
            .to_tagged_vec()
            .map_err(|_| PassError::Malformed)?;
        if bytes.len() > MAX_PASS { Err(PassError::Malformed) } else { Ok(bytes) }
    }

    /// Reads a pass that one of these authorities signed. Its time is the caller's to judge: a grace order may extend it.
    ///
    /// # Errors
    /// See [`PassError`].
    pub fn verify(bytes: &[u8], authorities: &[PublicKey]) -> Result<Self, PassError> {
        if bytes.len() > MAX_PASS {
            return Err(PassError::Malformed);
        }
        let sign1 = CoseSign1::from_tagged_slice(bytes).map_err(|_| PassError::Malformed)?;
        let header = &sign1.protected.header;
        let typ = header.rest.iter().find(|(name, _)| *name == Label::Int(TYP)).map(|(_, value)| value);
        let es256 = coset::RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256);
        if header.alg != Some(es256)
            || !header.crit.is_empty()
            || typ.and_then(Value::as_text) != Some(PASS_TYP)
        {
            return Err(PassError::Malformed);
        }
        let signature = Signature::from_bytes(&sign1.signature).map_err(|_| PassError::Malformed)?;
        let input = sign1.tbs_data(&[]);
        if !authorities.iter().any(|key| key.verify(&input, &signature).is_ok()) {
            return Err(PassError::Untrusted);
        }
        let pass = read(sign1.payload.as_deref().unwrap_or_default()).ok_or(PassError::Malformed)?;
        if pass.in_bounds() { Ok(pass) } else { Err(PassError::Malformed) }
    }
}

fn read(payload: &[u8]) -> Option<Pass> {
    let mut rest = payload;
    let claims: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, 8).ok()?;
    let mut claims = Members(claims.into_map().ok().filter(|_| rest.is_empty())?);
    if claims.integer(FORMAT_CLAIM)? != FORMAT {
        return None;
    }
    let mut confirmation = Members(claims.take(CNF)?.into_map().ok()?);
    let mut key = Members(confirmation.take(1)?.into_map().ok()?);
    if (key.integer(1)?, key.integer(-1)?) != (2, 1) {
        return None;
    }
    let point = [&[4], key.take(-2)?.as_bytes()?.as_slice(), key.take(-3)?.as_bytes()?.as_slice()].concat();
    let texts = |value: Value| -> Option<Vec<String>> {
        value.into_array().ok()?.into_iter().map(|text| text.into_text().ok()).collect()
    };
    let pass = Pass {
        gate_ref: GateRef(claims.take(REF_CLAIM)?.as_bytes()?.as_slice().try_into().ok()?),
        key: PublicKey::from_sec1(&point).ok()?,
        agencies: texts(claims.take(AGENCIES_CLAIM)?)?,
        roles: texts(claims.take(ROLES_CLAIM)?)?,
        not_before: claims.integer(NBF)?,
        expires: claims.integer(EXP)?,
    };
    Some(pass)
}

/// Taken out one by one; a name that comes twice is refused.
struct Members(Vec<(Value, Value)>);

impl Members {
    fn take(&mut self, name: i64) -> Option<Value> {
        let named = |(key, _): &(Value, Value)| *key == Value::from(name);
        let at = self.0.iter().position(named)?;
        let (_, value) = self.0.swap_remove(at);
        (!self.0.iter().any(named)).then_some(value)
    }

    fn integer(&mut self, name: i64) -> Option<i64> {
        self.take(name)?.as_integer().and_then(|number| i64::try_from(number).ok())
    }
}
