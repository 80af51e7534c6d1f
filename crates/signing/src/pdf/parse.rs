//! Reading objects out of bytes (ISO 32000-1 §7.2, §7.3).

use super::PdfError;
use super::object::{Dictionary, Id, Object, Text};

/// How deep arrays and dictionaries may stand in one another.
const MAX_DEPTH: usize = 64;
/// How many elements an array or a dictionary may have.
const MAX_ELEMENTS: usize = 1 << 20;

/// A place in the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Added to a place to get the one in the file; none where the bytes are not the file's own.
    spans: bool,
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

const fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl<'a> Parser<'a> {
    /// At this place of the file.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, spans: true }
    }

    /// At this place of bytes that came out of a stream.
    pub(super) fn inside(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, spans: false }
    }

    pub(super) fn fault(&self, what: &'static str) -> PdfError {
        PdfError::Malformed(what, self.at)
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips white space and comments.
    pub(super) fn skip(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| byte != b'\n' && byte != b'\r') {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Takes these bytes, which come next.
    pub(super) fn take(&mut self, word: &[u8]) -> bool {
        let there = self.rest().starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// Takes this keyword: it ends here.
    pub(super) fn keyword(&mut self, word: &[u8]) -> bool {
        let ends = !self.bytes.get(self.at + word.len()).is_some_and(|byte| is_regular(*byte));
        ends && self.take(word)
    }

    /// The regular characters that come next.
    fn token(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_regular(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// A whole number without sign, of at most ten digits.
    pub(super) fn natural(&mut self) -> Result<usize, PdfError> {
        let start = *self;
        let token = self.token();
        let digits = (1..=10).contains(&token.len()) && token.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(token).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        number.ok_or_else(|| start.fault("a number is missing"))
    }

    /// An object; none that is indirect or a stream.
    pub(super) fn object(&mut self) -> Result<Object, PdfError> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Result<Object, PdfError> {
        if depth > MAX_DEPTH {
            return Err(PdfError::TooComplex("depth"));
        }
        self.skip();
        match self.peek() {
            Some(b'/') => self.name().map(Object::Name),
            Some(b'(') => self.literal(),
            Some(b'<') if self.rest().starts_with(b"<<") => self.dictionary(depth).map(Object::Dictionary),
            Some(b'<') => self.hexadecimal(),
            Some(b'[') => self.array(depth),
            Some(b'0'..=b'9') => self.number_or_reference(),
            Some(b'+' | b'-' | b'.') => self.number(),
            Some(_) if self.keyword(b"true") => Ok(Object::Bool(true)),
            Some(_) if self.keyword(b"false") => Ok(Object::Bool(false)),
            Some(_) if self.keyword(b"null") => Ok(Object::Null),
            _ => Err(self.fault("an object is missing")),
        }
    }

    fn name(&mut self) -> Result<Vec<u8>, PdfError> {
        self.at += 1;
        let token = self.token();
        let mut bytes = Vec::with_capacity(token.len());
        let mut rest = token;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != b'#' {
                bytes.push(byte);
                continue;
            }
            let (digits, after) =
                rest.split_first_chunk::<2>().ok_or_else(|| self.fault("a name has a broken escape"))?;
            let [high, low] = digits.map(hex);
            let (high, low) = high.zip(low).ok_or_else(|| self.fault("a name has a broken escape"))?;
            bytes.push(high << 4 | low);
            rest = after;
        }
        Ok(bytes)
    }

    fn number(&mut self) -> Result<Object, PdfError> {
        let start = *self;
        let token = self.token();
        let text = std::str::from_utf8(token).map_err(|_| start.fault("a number is broken"))?;
        let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits = plain.bytes().filter(u8::is_ascii_digit).count();
        let dots = plain.len() - digits;
        if digits == 0
            || dots > 1
            || text.len() > 40
            || plain.bytes().any(|b| !b.is_ascii_digit() && b != b'.')
        {
            return Err(start.fault("a number is broken"));
        }
        if dots == 0 {
            text.parse().map(Object::Integer).map_err(|_| start.fault("a number is too large"))
        } else {
            text.parse().map(Object::Real).map_err(|_| start.fault("a number is broken"))
        }
    }

    /// `12` or `12 0 R`.
    fn number_or_reference(&mut self) -> Result<Object, PdfError> {
        let mut ahead = *self;
        if let (Ok(number), true) = (ahead.natural(), ahead.peek().is_some_and(is_space)) {
            ahead.skip();
            if let Ok(generation) = ahead.natural() {
                ahead.skip();
                if ahead.keyword(b"R") {
                    let id = id(number, generation).ok_or_else(|| self.fault("a reference is broken"))?;
                    self.at = ahead.at;
                    return Ok(Object::Reference(id));
                }
            }
        }
        self.number()
    }

    fn array(&mut self, depth: usize) -> Result<Object, PdfError> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.skip();
            if self.take(b"]") {
                return Ok(Object::Array(list));
            }
            if list.len() == MAX_ELEMENTS {
                return Err(PdfError::TooComplex("array"));
            }
            list.push(self.nested(depth + 1)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary, PdfError> {
        self.at += 2;
        let mut entries: Vec<(Vec<u8>, Object)> = Vec::new();
        loop {
            self.skip();
            if self.take(b">>") {
                break;
            }
            if self.peek() != Some(b'/') {
                return Err(self.fault("a dictionary's key is missing"));
            }
            if entries.len() == MAX_ELEMENTS {
                return Err(PdfError::TooComplex("dictionary"));
            }
            let key = self.name()?;
            let value = self.nested(depth + 1)?;
            entries.push((key, value));
        }
        let mut names: Vec<&[u8]> = entries.iter().map(|(key, _)| key.as_slice()).collect();
        names.sort_unstable();
        // Which of two counts is left to the reader: a document with two faces.
        if names.array_windows().any(|[one, other]| one == other) {
            return Err(self.fault("a dictionary has a key twice"));
        }
        Ok(Dictionary(entries))
    }

    fn hexadecimal(&mut self) -> Result<Object, PdfError> {
        let start = self.at;
        self.at += 1;
        let rest = self.rest();
        let end =
            rest.iter().position(|byte| *byte == b'>').ok_or_else(|| self.fault("a string does not end"))?;
        let digits = rest.get(..end).unwrap_or_default();
        let mut bytes = Vec::with_capacity(digits.len() / 2 + 1);
        let mut half = None;
        for &byte in digits.iter().filter(|byte| !is_space(**byte)) {
            let digit = hex(byte).ok_or_else(|| self.fault("a string has a broken digit"))?;
            match half.take() {
                None => half = Some(digit << 4),
                Some(high) => bytes.push(high | digit),
            }
        }
        bytes.extend(half);
        self.at += end + 1;
        let span = if self.spans { start..self.at } else { 0..0 };
        Ok(Object::Text(Text { bytes, span, hexadecimal: true }))
    }

    fn literal(&mut self) -> Result<Object, PdfError> {
        let start = self.at;
        self.at += 1;
        let mut bytes = Vec::new();
        let mut open = 1usize;
        loop {
            let byte = self.peek().ok_or_else(|| self.fault("a string does not end"))?;
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    bytes.extend(self.escape());
                    continue;
                }
                b'\r' => {
                    self.take(b"\n");
                    bytes.push(b'\n');
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                let span = if self.spans { start..self.at } else { 0..0 };
                return Ok(Object::Text(Text { bytes, span, hexadecimal: false }));
            }
            bytes.push(byte);
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'f' => Some(12),
            b'\r' => {
                self.take(b"\n");
                None
            }
            b'\n' => None,
            b'0'..=b'7' => {
                let mut value = u16::from(byte - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = self.peek() {
                        value = value * 8 + u16::from(digit - b'0');
                        self.at += 1;
                    }
                }
                Some(value.to_le_bytes()[0])
            }
            other => Some(other),
        }
    }
}

/// An object's number and generation, if they are ones.
pub(super) fn id(number: usize, generation: usize) -> Option<Id> {
    let number = u32::try_from(number).ok().filter(|number| *number > 0)?;
    Some(Id { number, generation: u16::try_from(generation).ok()? })
}
