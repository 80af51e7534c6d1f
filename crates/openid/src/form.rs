//! Query strings and `application/x-www-form-urlencoded` bodies: bounded, and every parameter at most once.
//!
//! RFC 6749 §3.1 forbids repeated parameters. Two parties that read a different one of two values are the root of
//! parameter-pollution attacks, so a repeat is refused before anything is interpreted.

use url::form_urlencoded;

use crate::error::{Code, OAuthError};

/// Most parameters in one form.
pub const MAX_PARAMETERS: usize = 64;
/// Longest form read by default, in bytes.
pub const MAX_FORM: usize = 64 * 1024;

/// The parameters of one request or response, in the order received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    pairs: Vec<(String, String)>,
}

/// Why a form was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More bytes or parameters than the bound.
    #[error("too many bytes or parameters")]
    TooLarge,
    /// Not UTF-8 once decoded.
    #[error("not UTF-8")]
    NotUtf8,
    /// A parameter stands twice.
    #[error("a parameter is repeated")]
    Repeated,
}

impl From<FormError> for OAuthError {
    fn from(refusal: FormError) -> OAuthError {
        OAuthError::new(Code::InvalidRequest, refusal.to_string())
    }
}

impl Form {
    /// Reads a query string or form body of at most [`MAX_FORM`] bytes.
    ///
    /// # Errors
    /// Too large, not UTF-8, or a repeated parameter.
    pub fn parse(encoded: &[u8]) -> Result<Form, FormError> {
        Form::parse_bounded(encoded, MAX_FORM)
    }

    /// Reads a form of at most `max` bytes, for bodies that carry whole presentations.
    ///
    /// # Errors
    /// As [`Form::parse`].
    pub fn parse_bounded(encoded: &[u8], max: usize) -> Result<Form, FormError> {
        if encoded.len() > max {
            return Err(FormError::TooLarge);
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in encoded.split(|b| *b == b'&').filter(|piece| !piece.is_empty()) {
            if pairs.len() == MAX_PARAMETERS {
                return Err(FormError::TooLarge);
            }
            let mut parts = piece.splitn(2, |b| *b == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            let value = decode(parts.next().unwrap_or_default())?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(FormError::Repeated);
            }
            pairs.push((name, value));
        }
        Ok(Form { pairs })
    }

    /// The value of a parameter; an empty value counts as absent (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|v| !v.is_empty())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`, naming the parameter.
    pub fn require(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::new(Code::InvalidRequest, format!("{name} is missing")))
    }

    /// Appends a parameter.
    pub fn push(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    /// Appends a parameter and returns the form, for building one in an expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.push(name, value);
        self
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The encoded form.
    #[must_use]
    pub fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.iter()).finish()
    }
}

fn decode(piece: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                    bytes.push(high << 4 | low);
                    rest = after;
                } else {
                    bytes.push(b'%');
                }
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).map_err(|_| FormError::NotUtf8)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
