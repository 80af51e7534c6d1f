//! Appending an update (ISO 32000-1 §7.5.6): new and changed objects, and a section that points back to the last one.

use keys::sha256;

use super::file::{File, Form};
use super::object::{Dictionary, Id, Object};

/// A stream to be written: its dictionary without Length, and its bytes as they are.
#[derive(Debug, Clone)]
pub struct NewStream {
    /// What it says of itself.
    pub dictionary: Dictionary,
    /// Its bytes, encoded already where the dictionary names a filter.
    pub data: Vec<u8>,
}

/// An update in the making.
pub struct Update<'f, 'a> {
    file: &'f File<'a>,
    out: Vec<u8>,
    next: u32,
    written: Vec<(Id, usize)>,
}

impl std::fmt::Debug for Update<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Update").field("written", &self.written).finish_non_exhaustive()
    }
}

impl<'f, 'a> Update<'f, 'a> {
    /// An update of this file.
    pub fn new(file: &'f File<'a>) -> Self {
        let mut out = Vec::with_capacity(file.bytes().len() + 32 * 1_024);
        out.extend_from_slice(file.bytes());
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        Self { file, out, next: file.next_number(), written: Vec::new() }
    }

    /// The id of an object to come.
    pub fn reserve(&mut self) -> Id {
        let id = Id { number: self.next, generation: 0 };
        self.next += 1;
        id
    }

    /// Writes an object under this id.
    pub fn put(&mut self, id: Id, object: &Object) {
        self.begin(id);
        write(object, &mut self.out);
        self.out.extend_from_slice(b"\nendobj\n");
    }

    /// Writes a stream under this id.
    pub fn put_stream(&mut self, id: Id, stream: &NewStream) {
        self.begin(id);
        let length = i64::try_from(stream.data.len()).unwrap_or(i64::MAX);
        write(
            &Object::Dictionary(stream.dictionary.clone().with("Length", Object::Integer(length))),
            &mut self.out,
        );
        self.out.extend_from_slice(b"\nstream\n");
        self.out.extend_from_slice(&stream.data);
        self.out.extend_from_slice(b"\nendstream\nendobj\n");
    }

    /// Writes bytes that are an object already under this id; returns where they begin.
    pub(crate) fn put_raw(&mut self, id: Id, bytes: &[u8]) -> usize {
        self.begin(id);
        let at = self.out.len();
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\nendobj\n");
        at
    }

    fn begin(&mut self, id: Id) {
        self.written.push((id, self.out.len()));
        self.out.extend_from_slice(format!("{} {} obj\n", id.number, id.generation).as_bytes());
    }

    /// Ends the update with a section in the form of the last one, and returns the file.
    pub fn finish(mut self) -> Vec<u8> {
        let (form, previous) = self.file.newest();
        let before = self.file.trailer(self.file.now());
        let mut trailer = Dictionary::new();
        for key in ["Root", "Info"] {
            if let Some(object) = before.get(key) {
                trailer.set(key, object.clone());
            }
        }
        if let Some([first, _]) = before.get("ID").and_then(Object::as_array) {
            // The first names the document for ever, the second this state of it (ISO 32000-1 §14.4).
            let state = sha256(self.out.get(self.file.bytes().len()..).unwrap_or_default());
            let state = Object::text(state.first_chunk::<16>().map_or(&state[..], |short| short.as_slice()));
            trailer.set("ID", Object::Array(vec![first.clone(), state]));
        }
        trailer.set("Prev", Object::Integer(i64::try_from(previous).unwrap_or(0)));
        let offset = match form {
            Form::Table => self.table(trailer),
            Form::Stream => self.stream(trailer),
        };
        self.out.extend_from_slice(format!("startxref\n{offset}\n%%EOF\n").as_bytes());
        self.out
    }

    fn table(&mut self, mut trailer: Dictionary) -> usize {
        self.written.sort_unstable();
        let offset = self.out.len();
        self.out.extend_from_slice(b"xref\n");
        for run in self.written.chunk_by(|(one, _), (other, _)| one.number + 1 == other.number) {
            let first = run.first().map_or(0, |(id, _)| id.number);
            self.out.extend_from_slice(format!("{first} {}\n", run.len()).as_bytes());
            for (id, at) in run {
                self.out.extend_from_slice(format!("{at:010} {:05} n\r\n", id.generation).as_bytes());
            }
        }
        trailer.set("Size", Object::Integer(i64::from(self.next)));
        self.out.extend_from_slice(b"trailer\n");
        write(&Object::Dictionary(trailer), &mut self.out);
        self.out.push(b'\n');
        offset
    }

    fn stream(&mut self, mut dictionary: Dictionary) -> usize {
        let own = self.reserve();
        let offset = self.out.len();
        self.written.push((own, offset));
        self.written.sort_unstable();
        let mut index = Vec::new();
        let mut rows = Vec::with_capacity(self.written.len() * 7);
        for run in self.written.chunk_by(|(one, _), (other, _)| one.number + 1 == other.number) {
            let first = run.first().map_or(0, |(id, _)| id.number);
            index.push(Object::Integer(i64::from(first)));
            index.push(Object::Integer(i64::try_from(run.len()).unwrap_or(0)));
            for (id, at) in run {
                rows.push(1);
                // A file is at most 64 MiB: four bytes are enough.
                rows.extend_from_slice(&u32::try_from(*at).unwrap_or(u32::MAX).to_be_bytes());
                rows.extend_from_slice(&id.generation.to_be_bytes());
            }
        }
        dictionary.set("Type", Object::name("XRef"));
        dictionary.set("Size", Object::Integer(i64::from(self.next)));
        dictionary.set("Index", Object::Array(index));
        dictionary.set("W", Object::Array([1, 4, 2].map(Object::Integer).to_vec()));
        dictionary.set("Length", Object::Integer(i64::try_from(rows.len()).unwrap_or(0)));
        self.out.extend_from_slice(format!("{} 0 obj\n", own.number).as_bytes());
        write(&Object::Dictionary(dictionary), &mut self.out);
        self.out.extend_from_slice(b"\nstream\n");
        self.out.extend_from_slice(&rows);
        self.out.extend_from_slice(b"\nendstream\nendobj\n");
        offset
    }
}

/// Writes an object; a stream is written as its dictionary alone.
pub(crate) fn write(object: &Object, out: &mut Vec<u8>) {
    match object {
        Object::Null => out.extend_from_slice(b"null"),
        Object::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Object::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
        // Never in exponents, which PDF does not know.
        Object::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Object::Name(name) => write_name(name, out),
        Object::Text(text) => {
            out.push(b'<');
            out.extend_from_slice(keys::encoding::hex_encode(&text.bytes).as_bytes());
            out.push(b'>');
        }
        Object::Array(list) => {
            out.push(b'[');
            for (at, element) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                write(element, out);
            }
            out.push(b']');
        }
        Object::Dictionary(dictionary) => write_dictionary(dictionary, out),
        Object::Stream(stream) => write_dictionary(&stream.dictionary, out),
        Object::Reference(id) => {
            out.extend_from_slice(format!("{} {} R", id.number, id.generation).as_bytes());
        }
    }
}

fn write_dictionary(dictionary: &Dictionary, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<<");
    for (key, value) in dictionary.iter() {
        write_name(key, out);
        out.push(b' ');
        write(value, out);
    }
    out.extend_from_slice(b">>");
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for &byte in name {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b':' | b'*' | b'@') {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("#{byte:02x}").as_bytes());
        }
    }
}
