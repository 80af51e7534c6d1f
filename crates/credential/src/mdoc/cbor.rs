//! CBOR (RFC 8949) with bounds, and what of it has a JSON form.

use std::collections::BTreeSet;

use ciborium::Value;
use keys::encoding::b64url_encode;
use serde_json::{Map as JsonMap, Number, Value as Json};

use super::{MAX_DEPTH, MdocError};

/// An encoded CBOR data item (RFC 8949 §3.4.5.1).
pub(super) const ENCODED: u64 = 24;
/// A date and time as text (RFC 8949 §3.4.1).
pub(super) const DATE_TIME: u64 = 0;
/// A day of the calendar as text (RFC 8943 §1.1).
const FULL_DATE: u64 = 1004;

/// A day as an element's value; the text is `YYYY-MM-DD` (§7.2.1).
pub fn full_date(day: &str) -> Value {
    Value::Tag(FULL_DATE, Box::new(Value::from(day)))
}

/// Reads exactly one data item: nothing after it, no map key twice, keys only integers and text.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, MdocError> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| MdocError::Malformed)?;
    if !rest.is_empty() || !keys_are_distinct(&value) {
        return Err(MdocError::Malformed);
    }
    Ok(value)
}

/// A map key; nothing else names a member in a mobile document.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Integer(i128),
    Text(&'a str),
}

/// As deep as `parse` went, no deeper.
fn keys_are_distinct(value: &Value) -> bool {
    match value {
        Value::Map(members) => {
            let mut seen = BTreeSet::new();
            members.iter().all(|(key, value)| {
                let key = match key {
                    Value::Integer(number) => Key::Integer(i128::from(*number)),
                    Value::Text(text) => Key::Text(text),
                    _ => return false,
                };
                seen.insert(key) && keys_are_distinct(value)
            })
        }
        Value::Array(items) => items.iter().all(keys_are_distinct),
        Value::Tag(_, inner) => keys_are_distinct(inner),
        _ => true,
    }
}

/// A map whose members are taken out one by one.
pub(super) struct Members(Vec<(Value, Value)>);

impl Members {
    pub(super) fn of(value: Value) -> Result<Self, MdocError> {
        value.into_map().map(Self).map_err(|_| MdocError::Malformed)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(key, _)| key.as_text() == Some(name))?;
        Some(self.0.swap_remove(at).1)
    }

    /// The member under an integer.
    pub(super) fn numbered(&mut self, number: i64) -> Result<Value, MdocError> {
        let found = self.0.iter().position(|(key, _)| key.as_integer() == Some(number.into()));
        found.map(|at| self.0.swap_remove(at).1).ok_or(MdocError::Malformed)
    }

    pub(super) fn must(&mut self, name: &str) -> Result<Value, MdocError> {
        self.take(name).ok_or(MdocError::Malformed)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, MdocError> {
        self.must(name)?.into_text().map_err(|_| MdocError::Malformed)
    }
}

/// The bytes within tag 24.
pub(super) fn encoded(value: Value) -> Result<Vec<u8>, MdocError> {
    match value {
        Value::Tag(ENCODED, inner) => inner.into_bytes().map_err(|_| MdocError::Malformed),
        _ => Err(MdocError::Malformed),
    }
}

pub(super) fn unsigned(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|number| u64::try_from(number).ok())
}

/// An element's value as JSON: bytes become base64url text, dates their text; what has no JSON form is refused.
pub(super) fn to_json(value: &Value) -> Result<Json, MdocError> {
    match value {
        Value::Bool(truth) => Ok(Json::Bool(*truth)),
        Value::Null => Ok(Json::Null),
        Value::Text(text) => Ok(Json::from(text.as_str())),
        Value::Bytes(bytes) => Ok(Json::from(b64url_encode(bytes))),
        Value::Integer(number) => {
            let number = i128::from(*number);
            let json =
                i64::try_from(number).map(Json::from).or_else(|_| u64::try_from(number).map(Json::from));
            json.map_err(|_| MdocError::MalformedElement)
        }
        Value::Float(number) => {
            Number::from_f64(*number).map(Json::Number).ok_or(MdocError::MalformedElement)
        }
        Value::Tag(DATE_TIME | FULL_DATE, inner) if inner.is_text() => to_json(inner),
        Value::Array(items) => items.iter().map(to_json).collect::<Result<_, _>>().map(Json::Array),
        Value::Map(members) => {
            let mut object = JsonMap::new();
            for (key, value) in members {
                let name = key.as_text().ok_or(MdocError::MalformedElement)?;
                object.insert(name.to_owned(), to_json(value)?);
            }
            Ok(Json::Object(object))
        }
        _ => Err(MdocError::MalformedElement),
    }
}

/// Writes CBOR in preferred serialization.
#[derive(Debug, Default, Clone)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn head(&mut self, major: u8, number: u64) -> &mut Self {
        let kind = major << 5;
        let bytes = number.to_be_bytes();
        let [.., e, f, g, h] = bytes;
        match number {
            0..=23 => self.0.push(kind | h),
            24..=0xff => self.0.extend([kind | 24, h]),
            0x100..=0xffff => self.0.extend([kind | 25, g, h]),
            0x1_0000..=0xffff_ffff => self.0.extend([kind | 26, e, f, g, h]),
            _ => {
                self.0.push(kind | 27);
                self.0.extend(bytes);
            }
        }
        self
    }

    fn length(&mut self, major: u8, length: usize) -> &mut Self {
        self.head(major, u64::try_from(length).unwrap_or(u64::MAX))
    }

    pub(super) fn integer(&mut self, number: i64) -> &mut Self {
        match u64::try_from(number) {
            Ok(number) => self.head(0, number),
            Err(_) => self.head(1, number.unsigned_abs().wrapping_sub(1)),
        }
    }

    pub(super) fn unsigned(&mut self, number: u64) -> &mut Self {
        self.head(0, number)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(2, bytes.len());
        self.raw(bytes)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.length(3, text.len());
        self.raw(text.as_bytes())
    }

    pub(super) fn array(&mut self, items: usize) -> &mut Self {
        self.length(4, items)
    }

    pub(super) fn map(&mut self, members: usize) -> &mut Self {
        self.length(5, members)
    }

    pub(super) fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(6, tag)
    }

    pub(super) fn truth(&mut self, truth: bool) -> &mut Self {
        self.raw(&[if truth { 0xf5 } else { 0xf4 }])
    }

    pub(super) fn null(&mut self) -> &mut Self {
        self.raw(&[0xf6])
    }

    /// What is CBOR already.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Tag 24 around what is CBOR already.
    pub(super) fn embedded(&mut self, bytes: &[u8]) -> &mut Self {
        self.tag(ENCODED).bytes(bytes)
    }

    /// The head of [`embedded`](Self::embedded), for hashing what follows where it lies.
    pub(super) fn embedded_head(&mut self, length: usize) -> &mut Self {
        self.tag(ENCODED).length(2, length)
    }

    /// Any data item.
    pub(super) fn value(&mut self, value: &Value) -> &mut Self {
        // A Vec takes every write.
        let _ = ciborium::into_writer(value, &mut self.0);
        self
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
