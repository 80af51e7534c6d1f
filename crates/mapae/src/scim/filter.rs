//! The filter language (RFC 7644 §3.4.2.2) and PATCH paths (§3.5.2), parsed into trees. No I/O, bounded in length, depth
//! and number of parts: what comes out of here is safe to walk through recursively.

use crate::operations::limits;

/// An attribute, perhaps of an extension, perhaps with a sub-attribute: `urn:…:User:name.givenName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttrPath {
    /// The schema in front of the attribute, if one is written.
    pub(super) schema: Option<String>,
    pub(super) attribute: String,
    pub(super) sub: Option<String>,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Compare {
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("co", Self::Co),
        ("sw", Self::Sw),
        ("ew", Self::Ew),
        ("gt", Self::Gt),
        ("ge", Self::Ge),
        ("lt", Self::Lt),
        ("le", Self::Le),
    ];
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Present(AttrPath),
    Compare(AttrPath, Compare, Literal),
    /// `emails[type eq "work"]`: one value of the attribute fits all of it.
    Values(AttrPath, Box<Filter>),
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
}

/// The target of a PATCH operation: `members[value eq "x"].display`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PatchPath {
    pub(super) attribute: AttrPath,
    pub(super) filter: Option<Filter>,
}

/// Why a text is no filter or path. It never repeats the text: what is searched for may be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Syntax {
    #[error("the filter is too long")]
    TooLong,
    #[error("the filter has too many parts or is nested too deeply")]
    TooDeep,
    #[error("at character {0}: {1}")]
    At(usize, &'static str),
}

/// Reads a filter.
pub(super) fn filter(text: &str) -> Result<Filter, Syntax> {
    let mut parser = Parser::new(text)?;
    let filter = parser.or(0)?;
    parser.end()?;
    Ok(filter)
}

/// Reads the path of a PATCH operation.
pub(super) fn path(text: &str) -> Result<PatchPath, Syntax> {
    let mut parser = Parser::new(text)?;
    let mut attribute = parser.attribute()?;
    let mut inner = None;
    if parser.take('[') {
        if attribute.sub.is_some() {
            return Err(parser.fault("a value filter stands behind an attribute, not behind a part of it"));
        }
        inner = Some(parser.or(1)?);
        parser.expect(']', "a value filter ends with ]")?;
        if parser.take('.') {
            attribute.sub = Some(parser.name()?);
        }
    }
    parser.end()?;
    Ok(PatchPath { attribute, filter: inner })
}

/// Reads an attribute name, as `attributes`, `excludedAttributes` and `sortBy` hold them.
pub(super) fn attribute(text: &str) -> Result<AttrPath, Syntax> {
    let mut parser = Parser::new(text.trim())?;
    let attribute = parser.attribute()?;
    parser.end()?;
    Ok(attribute)
}

struct Parser<'t> {
    rest: &'t str,
    length: usize,
    parts: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Self, Syntax> {
        if text.len() > limits::SCIM_FILTER.size() {
            return Err(Syntax::TooLong);
        }
        Ok(Self { rest: text, length: text.len(), parts: 0 })
    }

    fn fault(&self, why: &'static str) -> Syntax {
        Syntax::At(self.length.saturating_sub(self.rest.len()), why)
    }

    fn spaces(&mut self) -> bool {
        let rest = self.rest.trim_start_matches(' ');
        let some = rest.len() < self.rest.len();
        self.rest = rest;
        some
    }

    fn take(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, letter: char, why: &'static str) -> Result<(), Syntax> {
        self.spaces();
        if self.take(letter) { Ok(()) } else { Err(self.fault(why)) }
    }

    fn end(&mut self) -> Result<(), Syntax> {
        self.spaces();
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.fault("something follows that does not belong here"))
        }
    }

    fn part(&mut self, depth: usize) -> Result<(), Syntax> {
        self.parts += 1;
        if depth > limits::SCIM_FILTER_DEPTH.size() || self.parts > limits::SCIM_FILTER_PARTS.size() {
            return Err(Syntax::TooDeep);
        }
        Ok(())
    }

    /// A word, whatever its case, if it stands alone: `and` in `andrew` does not count.
    fn word(&mut self, word: &str) -> bool {
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        let alone = rest.chars().next().is_none_or(|next| !is_name(next));
        if head.eq_ignore_ascii_case(word) && alone {
            self.rest = rest;
            return true;
        }
        false
    }

    fn or(&mut self, depth: usize) -> Result<Filter, Syntax> {
        self.joined(depth, "or", Filter::Or, |parser| {
            parser.joined(depth, "and", Filter::And, |parser| parser.one(depth))
        })
    }

    fn joined(
        &mut self,
        depth: usize,
        word: &'static str,
        join: fn(Vec<Filter>) -> Filter,
        mut next: impl FnMut(&mut Self) -> Result<Filter, Syntax>,
    ) -> Result<Filter, Syntax> {
        self.part(depth)?;
        let first = next(self)?;
        let mut all = vec![first];
        loop {
            let before = self.rest;
            if !(self.spaces() && self.word(word)) {
                self.rest = before;
                break;
            }
            all.push(next(self)?);
        }
        match all.pop() {
            Some(only) if all.is_empty() => Ok(only),
            Some(last) => {
                all.push(last);
                Ok(join(all))
            }
            None => Err(self.fault("a condition is missing")),
        }
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Syntax> {
        self.part(depth)?;
        self.spaces();
        if self.take('(') {
            let inner = self.or(depth + 1)?;
            self.expect(')', "a bracket is not closed")?;
            return Ok(inner);
        }
        let before = self.rest;
        if self.word("not") {
            self.spaces();
            if self.take('(') {
                let inner = self.or(depth + 1)?;
                self.expect(')', "a bracket is not closed")?;
                return Ok(Filter::Not(Box::new(inner)));
            }
            self.rest = before;
        }
        let attribute = self.attribute()?;
        if self.take('[') {
            if attribute.sub.is_some() {
                return Err(self.fault("a value filter stands behind an attribute, not behind a part of it"));
            }
            let inner = self.or(depth + 1)?;
            self.expect(']', "a value filter ends with ]")?;
            return Ok(Filter::Values(attribute, Box::new(inner)));
        }
        if !self.spaces() {
            return Err(self.fault("an operator is missing"));
        }
        if self.word("pr") {
            return Ok(Filter::Present(attribute));
        }
        let operator = Compare::ALL.into_iter().find(|(word, _)| self.word(word));
        let Some((_, operator)) = operator else { return Err(self.fault("this is no operator")) };
        if !self.spaces() {
            return Err(self.fault("a value is missing"));
        }
        let literal = self.literal()?;
        Ok(Filter::Compare(attribute, operator, literal))
    }

    /// `urn:…:` in front (it may hold dots, as `2.0` does), a name, perhaps a dot and another name.
    fn attribute(&mut self) -> Result<AttrPath, Syntax> {
        let mut schema = None;
        if self.rest.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
            let end = self
                .rest
                .find(|letter: char| !(is_name(letter) || matches!(letter, ':' | '.')))
                .unwrap_or(self.rest.len());
            let whole = self.rest.get(..end).unwrap_or_default();
            let cut = whole.rfind(':').unwrap_or_default();
            let (urn, name) = whole.split_at_checked(cut).unwrap_or_default();
            // `urn:…:2.0:User` alone names an extension as a whole.
            let extension = super::schema::is_schema(whole);
            if extension {
                self.rest = self.rest.get(end..).unwrap_or_default();
                return Ok(AttrPath { schema: Some(whole.to_owned()), attribute: String::new(), sub: None });
            }
            schema = Some(urn.to_owned());
            self.rest = self.rest.get(cut + 1..).unwrap_or_default();
            if name.len() < 2 {
                return Err(self.fault("an attribute is missing behind its schema"));
            }
        }
        let attribute = self.name()?;
        let sub = if self.take('.') { Some(self.name()?) } else { None };
        Ok(AttrPath { schema, attribute, sub })
    }

    fn name(&mut self) -> Result<String, Syntax> {
        let end = self.rest.find(|letter: char| !is_name(letter)).unwrap_or(self.rest.len());
        let name = self.rest.get(..end).unwrap_or_default();
        let first = name.chars().next().unwrap_or(' ');
        if !(first.is_ascii_alphabetic() || first == '$') {
            return Err(self.fault("an attribute name is missing"));
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(name.to_owned())
    }

    /// A JSON value (RFC 7159), no object and no array.
    fn literal(&mut self) -> Result<Literal, Syntax> {
        if self.rest.starts_with('"') {
            let end = self.end_of_text().ok_or_else(|| self.fault("a text is not closed"))?;
            let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
            let text = serde_json::from_str(text).map_err(|_| self.fault("this is no JSON text"))?;
            self.rest = rest;
            return Ok(Literal::Text(text));
        }
        for (word, literal) in
            [("true", Literal::Bool(true)), ("false", Literal::Bool(false)), ("null", Literal::Null)]
        {
            if self.word(word) {
                return Ok(literal);
            }
        }
        let number = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|letter: char| !number(letter)).unwrap_or(self.rest.len());
        let text = self.rest.get(..end).unwrap_or_default();
        match serde_json::from_str::<f64>(text) {
            Ok(number) if number.is_finite() => {
                self.rest = self.rest.get(end..).unwrap_or_default();
                Ok(Literal::Number(number))
            }
            _ => Err(self.fault("a value is a text in quotes, a number, true, false or null")),
        }
    }

    /// Where the text that begins here ends, its closing quote included.
    fn end_of_text(&self) -> Option<usize> {
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices().skip(1) {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some(at + 1),
                _ => {}
            }
        }
        None
    }
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '$')
}
