//! JSON of which there is only one reading: no member twice, no deep nesting.
//!
//! Parsers differ on `{"alg":"ES256","alg":"none"}`; a signed text must not mean two things (RFC 7515 §4, RFC 8725
//! §2.4). [`check`] walks the text without building it, so that it costs little before the real parse.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: u8 = 32;

/// The text is not JSON, or has more than one reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON, not UTF-8, nested too deeply, or not of the shape asked for.
    #[error("malformed JSON")]
    Malformed,
    /// An object names a member twice.
    #[error("a JSON member appears twice")]
    DuplicateMember,
}

const DUPLICATE: &str = "duplicate member";

/// Checks that `text` is one JSON value without a repeated member.
pub fn check(text: &[u8]) -> Result<(), JsonError> {
    read(text, Walk { depth: MAX_DEPTH })
}

/// Reads any JSON value that passes [`check`], in one go.
pub fn value(text: &[u8]) -> Result<Value, JsonError> {
    read(text, Build { depth: MAX_DEPTH })
}

fn read<'a, S: DeserializeSeed<'a>>(text: &'a [u8], seed: S) -> Result<S::Value, JsonError> {
    // Borrowed member names need valid UTF-8 first.
    let text = str::from_utf8(text).map_err(|_| JsonError::Malformed)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = seed.deserialize(&mut reader).map_err(|error| {
        if error.to_string().starts_with(DUPLICATE) {
            JsonError::DuplicateMember
        } else {
            JsonError::Malformed
        }
    })?;
    reader.end().map_err(|_| JsonError::Malformed)?;
    Ok(read)
}

/// Reads a `T` from JSON that passes [`check`].
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    check(text)?;
    serde_json::from_slice(text).map_err(|_| JsonError::Malformed)
}

#[derive(Clone, Copy)]
struct Walk {
    depth: u8,
}

impl Walk {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut names: Vec<Name<'de>> = Vec::new();
        while let Some(name) = members.next_key::<Name<'de>>()? {
            members.next_value_seed(inner)?;
            names.push(name);
        }
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if names.array_windows().any(|[a, b]| a.0 == b.0) {
            return Err(A::Error::custom(DUPLICATE));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Build {
    depth: u8,
}

impl Build {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Build {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if out.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(out))
    }
}

/// A member name, borrowed from the text unless it holds an escape.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
