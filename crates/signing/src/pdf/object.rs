//! The objects of a PDF (ISO 32000-1 §7.3).

use std::ops::Range;

/// The number and generation of an indirect object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Its number, from 1.
    pub number: u32,
    /// Its generation, 0 but where a number was used again.
    pub generation: u16,
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A name, decoded.
    Name(Vec<u8>),
    /// A string.
    Text(Text),
    /// A list.
    Array(Vec<Object>),
    /// A dictionary.
    Dictionary(Dictionary),
    /// A dictionary with bytes.
    Stream(Stream),
    /// Points to an indirect object.
    Reference(Id),
}

/// A string, decoded, with where it stands in the file.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The bytes of the file it was read from, delimiters included; empty where it was made here.
    pub span: Range<usize>,
    /// Whether it was written in hexadecimal digits.
    pub hexadecimal: bool,
}

/// Two strings are the same when their bytes are, wherever they stand.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// A dictionary with bytes; these stay in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// What it says of itself.
    pub dictionary: Dictionary,
    /// Where its bytes, still encoded, stand in the file.
    pub data: Range<usize>,
}

/// Names and objects in the order they were written; no name comes twice.
#[derive(Debug, Clone, Default)]
pub struct Dictionary(pub(crate) Vec<(Vec<u8>, Object)>);

/// The order means nothing.
impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Dictionary {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What stands under this name.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Object> {
        let key = key.as_ref();
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Puts an object under this name, in place of the one there.
    pub fn set(&mut self, key: impl AsRef<[u8]>, value: Object) {
        let key = key.as_ref();
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, there)) => *there = value,
            None => self.0.push((key.to_vec(), value)),
        }
    }

    /// As [`set`](Self::set), for building.
    #[must_use]
    pub fn with(mut self, key: impl AsRef<[u8]>, value: Object) -> Self {
        self.set(key, value);
        self
    }

    /// The name under this name.
    pub fn name(&self, key: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.get(key).and_then(Object::as_name)
    }

    /// The whole number under this name.
    pub fn integer(&self, key: impl AsRef<[u8]>) -> Option<i64> {
        self.get(key).and_then(Object::as_integer)
    }

    /// Each name with its object.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value))
    }
}

impl Object {
    /// A name.
    pub fn name(text: impl AsRef<[u8]>) -> Self {
        Self::Name(text.as_ref().to_vec())
    }

    /// A string.
    pub fn text(bytes: impl AsRef<[u8]>) -> Self {
        Self::Text(Text { bytes: bytes.as_ref().to_vec(), span: 0..0, hexadecimal: false })
    }

    /// A text string of a person's words: as it is if ASCII, else UTF-16BE (ISO 32000-1 §7.9.2.2).
    pub fn words(text: &str) -> Self {
        if text.is_ascii() {
            return Self::text(text);
        }
        let mut bytes = vec![0xfe, 0xff];
        bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        Self::text(bytes)
    }

    /// The name this is.
    pub fn as_name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    /// The whole number this is.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number this is.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Self::Real(number) => Some(*number),
            _ => None,
        }
    }

    /// The list this is.
    pub fn as_array(&self) -> Option<&[Object]> {
        if let Self::Array(list) = self { Some(list) } else { None }
    }

    /// The dictionary this is, or that of the stream.
    pub fn as_dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            Self::Stream(stream) => Some(&stream.dictionary),
            _ => None,
        }
    }

    /// The object it points to.
    pub fn as_reference(&self) -> Option<Id> {
        if let Self::Reference(id) = self { Some(*id) } else { None }
    }

    /// The string this is.
    pub fn as_text(&self) -> Option<&Text> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Text {
    /// The words, where the bytes are ASCII or UTF-16BE.
    pub fn to_words(&self) -> String {
        match self.bytes.as_slice() {
            [0xfe, 0xff, rest @ ..] => {
                let units: Vec<u16> = rest
                    .chunks_exact(2)
                    .filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes))
                    .collect();
                String::from_utf16_lossy(&units)
            }
            bytes => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}
