//! The list as a CWT (§5.2): COSE_Sign1, tagged 18, not tagged as CWT.

use ciborium::Value;
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana};
use keys::Signer;
use keys::x509::Purpose;

use super::{Bits, CWT_TYP, ListClaims, MAX_TOKEN, StatusError, StatusList, VerifiedList};
use crate::cose::{X5CHAIN, certificates, header_value, is_es256, verifies, x5chain};
use crate::date::numeric_date;
use crate::trust::Anchor;

/// COSE header `typ` (RFC 9596).
const TYP: i64 = 16;
const SUB: i64 = 2;
const EXP: i64 = 4;
const NBF: i64 = 5;
const IAT: i64 = 6;
const STATUS_LIST: i64 = 65533;
const TTL: i64 = 65534;

/// Signs a list. `chain`: DER, leaf first, without the root; empty where verifiers know the key.
pub fn sign_cwt(
    claims: &ListClaims,
    list: &StatusList,
    kid: Option<&str>,
    chain: &[Vec<u8>],
    signer: &dyn Signer,
) -> Result<Vec<u8>, StatusError> {
    let mut status_list = vec![
        (Value::from("bits"), Value::from(list.bits().get())),
        (Value::from("lst"), Value::Bytes(list.pack())),
    ];
    let aggregation = claims.aggregation_uri.as_deref();
    status_list.extend(aggregation.map(|uri| (Value::from("aggregation_uri"), Value::from(uri))));
    let status_list = Value::Map(status_list);
    let mut payload = vec![(Value::from(SUB), Value::from(claims.uri.as_str()))];
    payload.push((Value::from(IAT), Value::from(claims.issued_at)));
    payload.extend(claims.expires_at.map(|exp| (Value::from(EXP), Value::from(exp))));
    payload.extend(claims.ttl.map(|ttl| (Value::from(TTL), Value::from(ttl))));
    payload.push((Value::from(STATUS_LIST), status_list));
    let mut bytes = Vec::new();
    ciborium::into_writer(&Value::Map(payload), &mut bytes).map_err(|_| StatusError::Malformed)?;

    let protected =
        HeaderBuilder::new().algorithm(iana::Algorithm::ES256).value(TYP, Value::from(CWT_TYP)).build();
    let mut unprotected = HeaderBuilder::new();
    if let Some(kid) = kid {
        unprotected = unprotected.key_id(kid.as_bytes().to_vec());
    }
    if let Some(chain) = x5chain(chain) {
        unprotected = unprotected.value(X5CHAIN, chain);
    }
    CoseSign1Builder::new()
        .protected(protected)
        .unprotected(unprotected.build())
        .payload(bytes)
        .try_create_signature(&[], |input| signer.sign(input).map(|signature| signature.to_bytes().to_vec()))?
        .build()
        .to_tagged_vec()
        .map_err(|_| StatusError::Malformed)
}

/// As [`verify_jwt`](super::verify_jwt), for the binary form.
pub fn verify_cwt(
    token: &[u8],
    uri: &str,
    anchor: Anchor<'_>,
    now: i64,
) -> Result<VerifiedList, StatusError> {
    if token.len() > MAX_TOKEN {
        return Err(StatusError::TooLarge);
    }
    let sign1 = CoseSign1::from_tagged_slice(token).map_err(|_| StatusError::Malformed)?;
    let protected = &sign1.protected.header;
    let typed = header_value(protected, TYP).and_then(Value::as_text) == Some(CWT_TYP);
    if !is_es256(&sign1) || !typed {
        return Err(StatusError::Refused);
    }
    let chain = header_value(protected, X5CHAIN).or_else(|| header_value(&sign1.unprotected, X5CHAIN));
    let chain = chain.and_then(certificates);
    let key = anchor.key(chain.as_deref(), Purpose::StatusList, now).ok_or(StatusError::Untrusted)?;
    if !verifies(&key, &sign1.signature, &sign1.tbs_data(&[])) {
        return Err(StatusError::Signature);
    }
    let payload = sign1.payload.as_deref().ok_or(StatusError::Malformed)?;
    let Payload { claims, not_before, packed } = read_payload(payload)?;
    claims.check(uri, not_before, now)?;
    Ok(VerifiedList { claims, list: packed.unpack()?, fetched_at: now })
}

struct Payload {
    claims: ListClaims,
    not_before: Option<i64>,
    packed: Packed,
}

struct Packed {
    bits: Bits,
    lst: Vec<u8>,
    aggregation_uri: Option<String>,
}

impl Packed {
    fn unpack(self) -> Result<StatusList, StatusError> {
        Ok(StatusList::unpack(self.bits, &self.lst)?)
    }
}

fn read_payload(bytes: &[u8]) -> Result<Payload, StatusError> {
    let mut rest = bytes;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut rest, 16).map_err(|_| StatusError::Malformed)?;
    let map = value.into_map().map_err(|_| StatusError::Malformed)?;
    if !rest.is_empty() {
        return Err(StatusError::Malformed);
    }
    let mut uri = None;
    let mut issued_at = None;
    let mut expires_at = None;
    let mut not_before = None;
    let mut ttl = None;
    let mut packed = None;
    for (name, value) in map {
        let Some(name) = name.as_integer().and_then(|n| i64::try_from(n).ok()) else { continue };
        let repeated = match name {
            SUB => uri.replace(value.into_text().map_err(|_| StatusError::Malformed)?).is_some(),
            IAT => issued_at.replace(seconds(&value)?).is_some(),
            EXP => expires_at.replace(seconds(&value)?).is_some(),
            NBF => not_before.replace(seconds(&value)?).is_some(),
            TTL => {
                ttl.replace(u64::try_from(integer(&value)?).map_err(|_| StatusError::Malformed)?).is_some()
            }
            STATUS_LIST => packed.replace(read_list(value)?).is_some(),
            _ => false,
        };
        if repeated {
            return Err(StatusError::Malformed);
        }
    }
    let mut packed: Packed = packed.ok_or(StatusError::Malformed)?;
    let claims = ListClaims {
        uri: uri.ok_or(StatusError::Malformed)?,
        issued_at: issued_at.ok_or(StatusError::Malformed)?,
        expires_at,
        ttl,
        aggregation_uri: packed.aggregation_uri.take(),
    };
    Ok(Payload { claims, not_before, packed })
}

fn read_list(value: Value) -> Result<Packed, StatusError> {
    let mut bits = None;
    let mut lst = None;
    let mut aggregation_uri = None;
    for (name, value) in value.into_map().map_err(|_| StatusError::Malformed)? {
        let repeated = match name.as_text() {
            Some("bits") => {
                let width = u8::try_from(integer(&value)?).ok().and_then(Bits::new);
                bits.replace(width.ok_or(StatusError::Malformed)?).is_some()
            }
            Some("lst") => lst.replace(value.into_bytes().map_err(|_| StatusError::Malformed)?).is_some(),
            Some("aggregation_uri") => {
                aggregation_uri.replace(value.into_text().map_err(|_| StatusError::Malformed)?).is_some()
            }
            _ => false,
        };
        if repeated {
            return Err(StatusError::Malformed);
        }
    }
    match (bits, lst) {
        (Some(bits), Some(lst)) => Ok(Packed { bits, lst, aggregation_uri }),
        _ => Err(StatusError::Malformed),
    }
}

/// A NumericDate (RFC 8392 §2): an integer, or a number with a fraction, which is cut off.
fn seconds(value: &Value) -> Result<i64, StatusError> {
    match value.as_float() {
        None => integer(value),
        Some(seconds) => numeric_date(&seconds.into()).ok_or(StatusError::Malformed),
    }
}

fn integer(value: &Value) -> Result<i64, StatusError> {
    value.as_integer().and_then(|n| i64::try_from(n).ok()).ok_or(StatusError::Malformed)
}
