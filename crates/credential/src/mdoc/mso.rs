//! The mobile security object: what the issuer signs (§9.1.2.4).

use std::collections::BTreeMap;

use ciborium::Value;
use keys::PublicKey;
use time::format_description::BorrowedFormatItem;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::cbor::{DATE_TIME, Members, Writer, parse, unsigned};
use super::{MAX_DIGESTS, MdocError};
use crate::sd_jwt::StatusClaim;

pub(super) const VERSION: &str = "1.0";
pub(super) const DIGEST_ALGORITHM: &str = "SHA-256";
/// UTC, no fractions (§9.1.2.4).
const MOMENT: &[BorrowedFormatItem<'_>] =
    time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Members of a COSE_Key (RFC 9052 §7, RFC 9053 §7.1.1).
const KTY: i64 = 1;
const CRV: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const EC2: i64 = 2;
const P256: i64 = 1;

/// A parsed mobile security object. Times in seconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Mso {
    pub(super) doc_type: String,
    pub(super) device_key: PublicKey,
    pub(super) signed: i64,
    pub(super) valid_from: i64,
    pub(super) valid_until: i64,
    pub(super) status: Option<StatusClaim>,
    digests: BTreeMap<String, BTreeMap<u64, [u8; 32]>>,
}

impl Mso {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, MdocError> {
        let mut members = Members::of(parse(bytes)?)?;
        if members.text("version")? != VERSION {
            return Err(MdocError::Malformed);
        }
        if members.text("digestAlgorithm")? != DIGEST_ALGORITHM {
            return Err(MdocError::HashAlgorithm);
        }
        let mut validity = Members::of(members.must("validityInfo")?)?;
        Ok(Self {
            doc_type: members.text("docType")?,
            device_key: device_key(members.must("deviceKeyInfo")?)?,
            signed: moment(validity.must("signed")?)?,
            valid_from: moment(validity.must("validFrom")?)?,
            valid_until: moment(validity.must("validUntil")?)?,
            status: members.take("status").map(status).transpose()?,
            digests: digests(members.must("valueDigests")?)?,
        })
    }

    pub(super) fn digest(&self, name_space: &str, id: u64) -> Option<&[u8; 32]> {
        self.digests.get(name_space)?.get(&id)
    }
}

fn digests(value: Value) -> Result<BTreeMap<String, BTreeMap<u64, [u8; 32]>>, MdocError> {
    let mut left = MAX_DIGESTS;
    let mut digests = BTreeMap::new();
    for (name_space, of) in value.into_map().map_err(|_| MdocError::Malformed)? {
        let name_space = name_space.into_text().map_err(|_| MdocError::Malformed)?;
        let of = of.into_map().map_err(|_| MdocError::Malformed)?;
        left = left.checked_sub(of.len()).ok_or(MdocError::TooLarge)?;
        let mut ids = BTreeMap::new();
        for (id, digest) in of {
            let id = unsigned(&id).ok_or(MdocError::Malformed)?;
            let digest = digest.as_bytes().and_then(|bytes| bytes.as_slice().try_into().ok());
            ids.insert(id, digest.ok_or(MdocError::Malformed)?);
        }
        digests.insert(name_space, ids);
    }
    Ok(digests)
}

fn device_key(info: Value) -> Result<PublicKey, MdocError> {
    cose_key(Members::of(info)?.must("deviceKey")?)
}

/// Reads a COSE_Key of P-256 with both coordinates.
pub(super) fn cose_key(value: Value) -> Result<PublicKey, MdocError> {
    let key = value.into_map().map_err(|_| MdocError::DeviceKey)?;
    let member = |label: i64| {
        let found = key.iter().find(|(name, _)| name.as_integer() == Some(label.into()));
        found.map(|(_, value)| value)
    };
    let number = |label| member(label).and_then(Value::as_integer).and_then(|n| i64::try_from(n).ok());
    if number(KTY) != Some(EC2) || number(CRV) != Some(P256) {
        return Err(MdocError::DeviceKey);
    }
    let coordinate = |label| member(label).and_then(Value::as_bytes).filter(|bytes| bytes.len() == 32);
    let (Some(x), Some(y)) = (coordinate(X), coordinate(Y)) else { return Err(MdocError::DeviceKey) };
    let sec1: Vec<u8> = [&[4][..], x, y].concat();
    PublicKey::from_sec1(&sec1).map_err(|_| MdocError::DeviceKey)
}

/// Token Status List §6.3.
fn status(value: Value) -> Result<StatusClaim, MdocError> {
    let corrupt = MdocError::Status;
    let list = Members::of(value).and_then(|mut status| status.must("status_list")).map_err(|_| corrupt)?;
    let mut list = Members::of(list).map_err(|_| corrupt)?;
    let index = list.take("idx").as_ref().and_then(unsigned).ok_or(corrupt)?;
    Ok(StatusClaim { uri: list.text("uri").map_err(|_| corrupt)?, index })
}

fn moment(value: Value) -> Result<i64, MdocError> {
    let Value::Tag(DATE_TIME, text) = value else { return Err(MdocError::Malformed) };
    let text = text.as_text().ok_or(MdocError::Malformed)?;
    let moment = PrimitiveDateTime::parse(text, MOMENT).map_err(|_| MdocError::Malformed)?;
    Ok(moment.assume_utc().unix_timestamp())
}

/// A moment as the MSO writes it; `None` beyond the year 9999.
pub(super) fn moment_text(seconds: i64) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    moment.format(MOMENT).ok().filter(|text| text.len() == "2026-11-23T00:00:00Z".len())
}

/// Writes a COSE_Key.
pub(super) fn write_cose_key(out: &mut Writer, key: &PublicKey) {
    let [_, point @ ..] = key.as_sec1();
    let (x, y) = point.split_at(32);
    out.map(4).integer(KTY).integer(EC2).integer(CRV).integer(P256).integer(X).bytes(x).integer(Y).bytes(y);
}
