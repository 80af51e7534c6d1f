//! A file, its cross references (ISO 32000-1 §7.5.4, §7.5.8) and its history.
//!
//! Each update appends objects and a section of cross references that points back to the one before. A [`View`] is the
//! document as it was when a section was the last one.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::PdfError;
use super::object::{Dictionary, Id, Object, Stream};
use super::parse::{Parser, id, is_space};

mod sections;

pub(crate) use sections::Form;
use sections::{Entry, Section};

/// The largest file that is read, in bytes.
pub const MAX_PDF: usize = 64 << 20;
/// How long a chain of references may be before it ends at an object.
const MAX_HOPS: usize = 8;
/// How many bytes a stream of objects may be when decoded.
const MAX_INFLATED: usize = 32 << 20;
/// How many streams of objects are kept decoded, and how many bytes of them are decoded in all.
const MAX_ALL_INFLATED: usize = 128 << 20;

/// The document as it was after the section of this number; 0 is the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct View(pub(crate) usize);

/// An opened file.
pub struct File<'a> {
    bytes: &'a [u8],
    /// Newest first.
    sections: Vec<Section>,
    /// For each number the sections that tell of it, newest first.
    history: HashMap<u32, Vec<(usize, Entry)>>,
    objects: RefCell<HashMap<(u32, usize), Rc<Object>>>,
    inflated: RefCell<Inflated>,
}

/// Decoded streams of objects by where they stand, and how many bytes they are.
#[derive(Default)]
struct Inflated {
    streams: HashMap<usize, Rc<Packed>>,
    bytes: usize,
}

/// A decoded stream of objects.
struct Packed {
    bytes: Vec<u8>,
    /// Number and place of each.
    index: Vec<(u32, usize)>,
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("bytes", &self.bytes.len())
            .field("sections", &self.sections.len())
            .field("objects", &self.history.len())
            .finish_non_exhaustive()
    }
}

impl<'a> File<'a> {
    /// Opens a file: its header, every section of its cross references, no object yet.
    ///
    /// # Errors
    /// As [`PdfError`] says.
    pub fn open(bytes: &'a [u8]) -> Result<Self, PdfError> {
        if bytes.len() > MAX_PDF {
            return Err(PdfError::TooLarge);
        }
        if !bytes.starts_with(b"%PDF-") {
            return Err(PdfError::NotPdf);
        }
        let sections = sections::read(bytes, start(bytes)?)?;
        if sections.iter().any(|section| section.trailer.get("Encrypt").is_some()) {
            return Err(PdfError::Encrypted);
        }
        let mut history: HashMap<u32, Vec<(usize, Entry)>> = HashMap::new();
        for (at, section) in sections.iter().enumerate() {
            for (number, entry) in &section.entries {
                history.entry(*number).or_default().push((at, *entry));
            }
        }
        Ok(Self { bytes, sections, history, objects: RefCell::default(), inflated: RefCell::default() })
    }

    /// The bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The document as it is now.
    pub const fn now(&self) -> View {
        View(0)
    }

    /// The view whose section of cross references stands at this byte.
    pub(crate) fn view_at(&self, offset: usize) -> Option<View> {
        self.sections.iter().position(|section| section.offset == offset).map(View)
    }

    /// The view after which the file is `end` bytes long: the prefix is a file of its own, with the same history.
    ///
    /// # Errors
    /// The prefix is none, or later sections do not build on it.
    pub(crate) fn view_ending(&self, end: usize) -> Result<View, PdfError> {
        let prefix = self.bytes.get(..end).ok_or(PdfError::Malformed("the end lies outside", end))?;
        let rewritten = PdfError::Malformed("the history does not lead back to what was signed", end);
        let view = self.view_at(start(prefix)?).ok_or(rewritten.clone())?;
        let older = self.sections.get(view.0..).unwrap_or_default();
        let newer = self.sections.get(..view.0).unwrap_or_default();
        // A view that reads anything behind its end, or a later one that points into it, is another document.
        let apart = older.iter().all(|section| section.offset < end && section.last < end)
            && newer.iter().all(|section| section.offset >= end && section.first >= end);
        if apart { Ok(view) } else { Err(rewritten) }
    }

    /// The trailer of a view.
    pub fn trailer(&self, view: View) -> &Dictionary {
        // A file has at least one section.
        static EMPTY: Dictionary = Dictionary(Vec::new());
        self.sections.get(view.0).map_or(&EMPTY, |section| &section.trailer)
    }

    /// How cross references are written in the newest section, and where it stands.
    pub(crate) fn newest(&self) -> (Form, usize) {
        self.sections.first().map_or((Form::Table, 0), |section| (section.form, section.offset))
    }

    /// The numbers that the section of a view tells of.
    pub(crate) fn told(&self, view: View) -> BTreeSet<u32> {
        let entries = self.sections.get(view.0).map(|section| section.entries.as_slice()).unwrap_or_default();
        entries.iter().map(|(number, _)| *number).filter(|number| *number != 0).collect()
    }

    /// A number that no section has used.
    pub(crate) fn next_number(&self) -> u32 {
        let sizes = self.sections.iter().filter_map(|section| section.trailer.integer("Size"));
        let size = sizes.filter_map(|size| u32::try_from(size).ok()).max().unwrap_or(1);
        let used = self.history.keys().max().map_or(1, |number| number.saturating_add(1));
        size.max(used)
    }

    /// The indirect object of this id in a view; [`Object::Null`] where there is none (ISO 32000-1 §7.3.10).
    ///
    /// # Errors
    /// Its cross reference leads to something else.
    pub fn object(&self, view: View, id: Id) -> Result<Rc<Object>, PdfError> {
        let told = self.history.get(&id.number).map(Vec::as_slice).unwrap_or_default();
        let Some((section, entry)) = told.iter().find(|(section, _)| *section >= view.0) else {
            return Ok(Rc::new(Object::Null));
        };
        let fits = match entry {
            Entry::Free => false,
            Entry::At { generation, .. } => *generation == id.generation,
            Entry::Inside { .. } => id.generation == 0,
        };
        if !fits {
            return Ok(Rc::new(Object::Null));
        }
        if let Some(known) = self.objects.borrow().get(&(id.number, *section)) {
            return Ok(Rc::clone(known));
        }
        let read = match *entry {
            Entry::Free => Object::Null,
            Entry::At { offset, .. } => self.indirect(offset, id, View(*section))?,
            Entry::Inside { stream, index } => self.packed(View(*section), stream, index, id)?,
        };
        let read = Rc::new(read);
        self.objects.borrow_mut().insert((id.number, *section), Rc::clone(&read));
        Ok(read)
    }

    /// The object itself, or the one it points to.
    ///
    /// # Errors
    /// As [`object`](Self::object).
    pub fn resolve(&self, view: View, object: &Object) -> Result<Rc<Object>, PdfError> {
        let mut current = match object {
            Object::Reference(id) => self.object(view, *id)?,
            other => return Ok(Rc::new(other.clone())),
        };
        for _ in 0..MAX_HOPS {
            match &*current {
                Object::Reference(id) => current = self.object(view, *id)?,
                _ => return Ok(current),
            }
        }
        Err(PdfError::TooComplex("references"))
    }

    /// What stands under a name of a dictionary, followed to the object it points to; Null where there is nothing.
    ///
    /// # Errors
    /// As [`object`](Self::object).
    pub fn entry(&self, view: View, dictionary: &Dictionary, key: &str) -> Result<Rc<Object>, PdfError> {
        dictionary.get(key).map_or_else(|| Ok(Rc::new(Object::Null)), |object| self.resolve(view, object))
    }

    /// The id of the catalog, and it.
    ///
    /// # Errors
    /// There is none.
    pub fn catalog(&self, view: View) -> Result<(Id, Dictionary), PdfError> {
        let missing = PdfError::Malformed("the catalog is missing", 0);
        let id = self.trailer(view).get("Root").and_then(Object::as_reference).ok_or(missing.clone())?;
        let catalog = self.object(view, id)?;
        let catalog = match &*catalog {
            Object::Dictionary(catalog) => catalog.clone(),
            _ => return Err(missing),
        };
        Ok((id, catalog))
    }

    /// Whether an object stands in the file as itself, not inside a stream of objects.
    pub(crate) fn is_direct(&self, view: View, id: Id) -> bool {
        let told = self.history.get(&id.number).map(Vec::as_slice).unwrap_or_default();
        let found = told.iter().find(|(section, _)| *section >= view.0);
        matches!(found, Some((_, Entry::At { .. })))
    }

    /// `12 0 obj … endobj` at this byte.
    fn indirect(&self, offset: usize, wanted: Id, view: View) -> Result<Object, PdfError> {
        let mut parser = Parser::new(self.bytes, offset);
        head(&mut parser, wanted)?;
        let object = parser.object()?;
        parser.skip();
        if parser.keyword(b"endobj") {
            return Ok(object);
        }
        let Object::Dictionary(dictionary) = object else {
            return Err(parser.fault("an object does not end"));
        };
        if !parser.take(b"stream") {
            return Err(parser.fault("an object does not end"));
        }
        if !parser.take(b"\r\n") && !parser.take(b"\n") {
            return Err(parser.fault("a stream does not begin"));
        }
        let start = parser.at;
        let length = match dictionary.get("Length") {
            Some(Object::Integer(length)) => Some(*length),
            // The length of a stream of objects is never inside one: its own reading would go in circles.
            Some(Object::Reference(id)) if self.is_direct(view, *id) && id.number != wanted.number => {
                let mut inner = Parser::new(self.bytes, self.place(view, *id));
                head(&mut inner, *id)?;
                inner.object()?.as_integer()
            }
            _ => None,
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| start.checked_add(length)).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| parser.fault("a stream's length is broken"))?;
        let mut parser = Parser::new(self.bytes, end);
        if !parser.take(b"\r\n") {
            let _ = parser.take(b"\n") || parser.take(b"\r");
        }
        if !parser.keyword(b"endstream") {
            return Err(parser.fault("a stream does not end where it says"));
        }
        parser.skip();
        if !parser.keyword(b"endobj") {
            return Err(parser.fault("an object does not end"));
        }
        Ok(Object::Stream(Stream { dictionary, data: start..end }))
    }

    /// The bytes of a stream, decoded where it is packed.
    pub(crate) fn decoded(&self, stream: &Stream) -> Result<Vec<u8>, PdfError> {
        sections::decode(self.bytes, stream, MAX_INFLATED)
    }

    fn place(&self, view: View, id: Id) -> usize {
        let told = self.history.get(&id.number).map(Vec::as_slice).unwrap_or_default();
        match told.iter().find(|(section, _)| *section >= view.0) {
            Some((_, Entry::At { offset, .. })) => *offset,
            _ => usize::MAX,
        }
    }

    /// An object inside a stream of objects (ISO 32000-1 §7.5.7).
    fn packed(&self, view: View, stream: u32, index: usize, wanted: Id) -> Result<Object, PdfError> {
        let holder = Id { number: stream, generation: 0 };
        let place = self.place(view, holder);
        if place == usize::MAX {
            return Err(PdfError::Malformed("a stream of objects is missing", 0));
        }
        let known = self.inflated.borrow().streams.get(&place).map(Rc::clone);
        let packed = match known {
            Some(packed) => packed,
            None => {
                let packed = Rc::new(self.unpack(place, holder, view)?);
                let mut inflated = self.inflated.borrow_mut();
                inflated.bytes += packed.bytes.len();
                if inflated.bytes > MAX_ALL_INFLATED {
                    return Err(PdfError::TooComplex("streams of objects"));
                }
                inflated.streams.insert(place, Rc::clone(&packed));
                packed
            }
        };
        match packed.index.get(index) {
            Some((number, at)) if *number == wanted.number => Parser::inside(&packed.bytes, *at).object(),
            _ => Err(PdfError::Malformed("a stream of objects holds another object", place)),
        }
    }

    fn unpack(&self, place: usize, holder: Id, view: View) -> Result<Packed, PdfError> {
        let broken = |what| PdfError::Malformed(what, place);
        let Object::Stream(stream) = self.indirect(place, holder, view)? else {
            return Err(broken("a stream of objects is none"));
        };
        let dictionary = &stream.dictionary;
        if dictionary.name("Type") != Some(b"ObjStm") {
            return Err(broken("a stream of objects is none"));
        }
        let bytes = sections::decode(self.bytes, &stream, MAX_INFLATED)?;
        let size = |key| dictionary.integer(key).and_then(|value| usize::try_from(value).ok());
        let (count, first) =
            size("N").zip(size("First")).ok_or_else(|| broken("a stream of objects is broken"))?;
        let head = bytes.get(..first).ok_or_else(|| broken("a stream of objects is broken"))?;
        let mut parser = Parser::inside(head, 0);
        let mut index = Vec::new();
        for _ in 0..count {
            parser.skip();
            let number = parser.natural()?;
            parser.skip();
            let at = parser.natural()?.checked_add(first).filter(|at| *at < bytes.len());
            let number = u32::try_from(number).map_err(|_| broken("a stream of objects is broken"))?;
            index.push((number, at.ok_or_else(|| broken("a stream of objects is broken"))?));
        }
        Ok(Packed { bytes, index })
    }
}

/// `12 0 obj`, of the object that was looked for.
fn head(parser: &mut Parser<'_>, wanted: Id) -> Result<(), PdfError> {
    let fault = parser.fault("a cross reference leads to another object");
    let number = parser.natural().map_err(|_| fault.clone())?;
    parser.skip();
    let generation = parser.natural().map_err(|_| fault.clone())?;
    parser.skip();
    if id(number, generation) == Some(wanted) && parser.keyword(b"obj") { Ok(()) } else { Err(fault) }
}

/// Where the newest section stands: the number after the last `startxref`, which `%%EOF` follows, and nothing else.
fn start(bytes: &[u8]) -> Result<usize, PdfError> {
    let fault = |what| PdfError::Malformed(what, bytes.len());
    let tail_at = bytes.len().saturating_sub(1_024);
    let tail = bytes.get(tail_at..).unwrap_or_default();
    let at = tail.windows(9).rposition(|window| window == b"startxref");
    let mut parser = Parser::new(bytes, tail_at + at.ok_or_else(|| fault("startxref is missing"))?);
    parser.take(b"startxref");
    while parser.peek().is_some_and(is_space) {
        parser.at += 1;
    }
    let offset = parser.natural()?;
    while parser.peek().is_some_and(is_space) {
        parser.at += 1;
    }
    if !parser.take(b"%%EOF") {
        return Err(parser.fault("%%EOF is missing"));
    }
    while parser.peek().is_some_and(is_space) {
        parser.at += 1;
    }
    if parser.at != bytes.len() { Err(parser.fault("something follows %%EOF")) } else { Ok(offset) }
}
