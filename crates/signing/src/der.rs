//! DER (X.690 §10): a strict reader, and the elements that are written here.

pub(crate) use keys::der::{tlv, unsigned};

use crate::oid;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The bytes are no DER, or not of the shape that belongs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not DER of the expected shape")]
pub struct BadDer;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

/// Reads elements one after another. Definite shortest lengths and tags of one byte only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The elements inside the one element `bytes` is.
    pub(crate) fn inside(bytes: &'a [u8], tag: u8) -> Result<Self, BadDer> {
        let mut outer = Self::new(bytes);
        let content = outer.expect(tag)?;
        outer.finish()?;
        Ok(Self(content))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, BadDer> {
        let (&tag, rest) = self.0.split_first().ok_or(BadDer)?;
        if tag & 0x1f == 0x1f {
            return Err(BadDer);
        }
        let (&first, rest) = rest.split_first().ok_or(BadDer)?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(BadDer)?;
                let length = digits.iter().fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit));
                if digits.first() == Some(&0) || length < 0x80 {
                    return Err(BadDer);
                }
                (length, rest)
            }
            _ => return Err(BadDer),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(BadDer)?;
        let (whole, _) = self.0.split_at_checked(self.0.len() - rest.len()).ok_or(BadDer)?;
        self.0 = rest;
        Ok(Element { tag, content, whole })
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], BadDer> {
        let element = self.any()?;
        if element.tag == tag { Ok(element.content) } else { Err(BadDer) }
    }

    /// The elements inside the next element, which has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, BadDer> {
        self.expect(tag).map(Self)
    }

    /// The content of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BadDer> {
        if self.peek() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// The AlgorithmIdentifier that comes next: its OID; parameters are absent or NULL.
    pub(crate) fn algorithm(&mut self) -> Result<&'a [u8], BadDer> {
        let mut inner = self.enter(SEQUENCE)?;
        let id = inner.expect(OID)?;
        if inner.is_empty() || (inner.expect(0x05)?.is_empty() && inner.is_empty()) {
            Ok(id)
        } else {
            Err(BadDer)
        }
    }

    /// A non-negative INTEGER, big-endian without leading zeros.
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], BadDer> {
        natural(self.expect(INTEGER)?)
    }

    /// A small non-negative INTEGER.
    pub(crate) fn small(&mut self) -> Result<u32, BadDer> {
        let digits = self.unsigned()?;
        if digits.len() > 4 {
            return Err(BadDer);
        }
        Ok(digits.iter().fold(0, |sum, digit| (sum << 8) | u32::from(*digit)))
    }

    /// A BIT STRING of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], BadDer> {
        match self.expect(BIT_STRING)?.split_first() {
            Some((0, bits)) => Ok(bits),
            _ => Err(BadDer),
        }
    }

    /// Nothing may follow.
    pub(crate) fn finish(self) -> Result<(), BadDer> {
        if self.0.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

/// The digits of a non-negative INTEGER in its shortest form, without the leading zero of its sign.
pub(crate) fn natural(content: &[u8]) -> Result<&[u8], BadDer> {
    match content {
        [] => Err(BadDer),
        [0] => Ok(&[]),
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Ok(rest),
        [0, ..] | [0x80..=0xff, ..] => Err(BadDer),
        _ => Ok(content),
    }
}

pub(crate) fn oid(id: &[u8]) -> Vec<u8> {
    tlv(OID, &[id])
}

/// An INTEGER of a number.
pub(crate) fn integer(number: u64) -> Vec<u8> {
    unsigned(&number.to_be_bytes())
}

/// AlgorithmIdentifier of SHA-256, without parameters (RFC 5754 §2).
pub(crate) fn sha256_algorithm() -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(oid::SHA256)])
}

/// AlgorithmIdentifier of ecdsa-with-SHA256, without parameters (RFC 5758 §3.2).
pub(crate) fn ecdsa_algorithm() -> Vec<u8> {
    tlv(SEQUENCE, &[&oid(oid::ECDSA_WITH_SHA256)])
}

/// A SET OF in the order that DER asks for (X.690 §11.6).
pub(crate) fn set_of(tag: u8, mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    let parts: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    tlv(tag, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indefinite_a_long_and_an_overlong_length_are_refused() {
        for bytes in [&[0x30, 0x80, 0, 0][..], &[0x30, 0x81, 0x01, 0], &[0x30, 0x82, 0, 0x80], &[0x30, 5, 1]]
        {
            assert!(Reader::new(bytes).any().is_err(), "{bytes:02x?}");
        }
        assert!(Reader::new(&[0x3f, 0x81, 0x01, 0]).any().is_err(), "a tag of two bytes");
    }

    #[test]
    fn an_integer_has_one_form() {
        assert_eq!(natural(&[0]), Ok(&[][..]));
        assert_eq!(natural(&[0, 0x80]), Ok(&[0x80][..]));
        for bytes in [&[][..], &[0, 1], &[0x80], &[0xff, 1]] {
            assert_eq!(natural(bytes), Err(BadDer), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let written = tlv(SEQUENCE, &[&integer(300), &tlv(OCTET_STRING, &[&[7; 200]])]);
        let mut inner = Reader::inside(&written, SEQUENCE).unwrap();
        assert_eq!(inner.small(), Ok(300));
        assert_eq!(inner.expect(OCTET_STRING).unwrap().len(), 200);
        inner.finish().unwrap();
    }
}
