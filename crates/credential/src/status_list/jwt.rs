//! The list as a JWT (§5.1).

use keys::Signer;
use keys::jws::{self, Header, JwsError, Typ, Unverified};
use keys::x509::Purpose;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bits, JWT_TYP, ListClaims, MAX_TOKEN, StatusError, StatusList, VerifiedList};
use crate::date::numeric_date;
use crate::trust::Anchor;

#[derive(Serialize)]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    status_list: Packed,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
}

/// As others write it: every number may have a fraction.
#[derive(Deserialize)]
struct ReadPayload {
    exp: Option<Value>,
    iat: Value,
    nbf: Option<Value>,
    status_list: Packed,
    sub: String,
    ttl: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Packed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aggregation_uri: Option<String>,
    bits: u8,
    lst: String,
}

/// Signs a list. `x5c`: DER, leaf first, without the root; empty where verifiers know the key.
pub fn sign_jwt(
    claims: &ListClaims,
    list: &StatusList,
    kid: Option<&str>,
    x5c: &[Vec<u8>],
    signer: &dyn Signer,
) -> Result<String, StatusError> {
    let mut header = Header::es256(JWT_TYP);
    header.kid = kid.map(str::to_owned);
    header.x5c = (!x5c.is_empty()).then(|| x5c.to_vec());
    let payload = Payload {
        exp: claims.expires_at,
        iat: claims.issued_at,
        status_list: Packed {
            aggregation_uri: claims.aggregation_uri.clone(),
            bits: list.bits().get(),
            lst: list.to_lst(),
        },
        sub: claims.uri.clone(),
        ttl: claims.ttl,
    };
    let payload = serde_json::to_vec(&payload).map_err(|_| StatusError::Malformed)?;
    jws::sign(signer, &header, &payload).map_err(|error| match error {
        JwsError::Sign(error) => StatusError::Sign(error),
        _ => StatusError::Malformed,
    })
}

/// Reads a list that was fetched from `uri` at `now`: signature, type, name, times, then the statuses (§8.3).
pub fn verify_jwt(token: &str, uri: &str, anchor: Anchor<'_>, now: i64) -> Result<VerifiedList, StatusError> {
    let unverified = Unverified::parse(token, MAX_TOKEN).map_err(|error| match error {
        JwsError::TooLong => StatusError::TooLarge,
        _ => StatusError::Malformed,
    })?;
    let x5c = unverified.header().x5c.as_deref();
    let key = anchor.key(x5c, Purpose::StatusList, now).ok_or(StatusError::Untrusted)?;
    let verified = unverified.verify(&key, Typ::Is(JWT_TYP)).map_err(|error| match error {
        JwsError::AlgorithmRefused | JwsError::TypeRefused => StatusError::Refused,
        _ => StatusError::Signature,
    })?;
    let payload: ReadPayload = verified.claims().map_err(|_| StatusError::Malformed)?;
    let number = |value: Option<Value>| {
        value.map(|value| numeric_date(&value).ok_or(StatusError::Malformed)).transpose()
    };
    let ttl = number(payload.ttl)?;
    let claims = ListClaims {
        uri: payload.sub,
        issued_at: numeric_date(&payload.iat).ok_or(StatusError::Malformed)?,
        expires_at: number(payload.exp)?,
        ttl: ttl.map(u64::try_from).transpose().map_err(|_| StatusError::Malformed)?,
        aggregation_uri: payload.status_list.aggregation_uri,
    };
    claims.check(uri, number(payload.nbf)?, now)?;
    let bits = Bits::new(payload.status_list.bits).ok_or(StatusError::Malformed)?;
    let list = StatusList::from_lst(bits, &payload.status_list.lst)?;
    Ok(VerifiedList { claims, list, fetched_at: now })
}
