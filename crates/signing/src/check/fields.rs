//! The fields of a form (ISO 32000-1 §12.7.3), the signatures in them, and what these forbid.

use std::collections::BTreeSet;

use crate::pdf::{Dictionary, File, Id, Object, PdfError, Text, View};

/// How many fields are walked.
const MAX_FIELDS: usize = 20_000;
/// How many signatures a document may have.
const MAX_SIGNATURES: usize = 64;

/// A field at the end of its branch.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its object, if it is one of its own.
    pub(crate) id: Option<Id>,
    /// The full name.
    pub(crate) name: String,
    /// As it stands, with the type it has from above.
    pub(crate) dictionary: Dictionary,
}

/// The fields of a view, in the order of the form.
pub(crate) fn fields(file: &File<'_>, view: View) -> Result<Vec<Field>, PdfError> {
    let (_, catalog) = file.catalog(view)?;
    let form = file.entry(view, &catalog, "AcroForm")?;
    let Some(form) = form.as_dictionary() else { return Ok(Vec::new()) };
    let roots = file.entry(view, form, "Fields")?;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut left: Vec<(Object, String, Option<Object>)> = roots
        .as_array()
        .unwrap_or_default()
        .iter()
        .rev()
        .map(|object| (object.clone(), String::new(), None))
        .collect();
    while let Some((object, above, kind)) = left.pop() {
        let id = object.as_reference();
        if id.is_some_and(|id| !seen.insert(id)) {
            return Err(PdfError::Malformed("a field stands twice in the form", 0));
        }
        if found.len() + left.len() > MAX_FIELDS {
            return Err(PdfError::TooComplex("fields"));
        }
        let field = file.resolve(view, &object)?;
        let Some(field) = field.as_dictionary() else { continue };
        let part = field.get("T").and_then(Object::as_text).map(Text::to_words);
        let name = match part {
            Some(part) if above.is_empty() => part,
            Some(part) => format!("{above}.{part}"),
            None => above,
        };
        let kind = field.get("FT").cloned().or(kind);
        let kids = file.entry(view, field, "Kids")?;
        let mut below = Vec::new();
        for kid in kids.as_array().unwrap_or_default() {
            // A kid without a name is the same field's mark on a page.
            if file.resolve(view, kid)?.as_dictionary().is_some_and(|kid| kid.get("T").is_some()) {
                below.push((kid.clone(), name.clone(), kind.clone()));
            }
        }
        if below.is_empty() {
            let mut dictionary = field.clone();
            if let Some(kind) = kind {
                dictionary.set("FT", kind);
            }
            found.push(Field { id, name, dictionary });
        }
        left.extend(below.into_iter().rev());
    }
    Ok(found)
}

/// A signature in a field, or a timestamp of the document.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) field: String,
    pub(crate) is_timestamp: bool,
    pub(crate) contents: Text,
    pub(crate) range: Option<[usize; 4]>,
    pub(crate) dictionary: Dictionary,
    pub(crate) lock: Option<Dictionary>,
}

impl Signature {
    /// The end of what it covers, if its byte range is as it must be: from the first byte, around exactly its own
    /// contents, in one piece each.
    pub(crate) fn covers(&self) -> Option<usize> {
        let [start, before, after, length] = self.range?;
        let span = &self.contents.span;
        // Nothing but digits stands between: what is not hashed cannot say anything.
        let only_digits = self.contents.hexadecimal && span.len() == self.contents.bytes.len() * 2 + 2;
        let around = start == 0 && before == span.start && after == span.end && length > 0;
        (only_digits && around).then(|| after.checked_add(length)).flatten()
    }
}

/// Every signature and timestamp of the file as it is now, in the order in which they were made.
pub(crate) fn signatures(file: &File<'_>) -> Result<Vec<Signature>, PdfError> {
    let view = file.now();
    let mut found = Vec::new();
    for field in fields(file, view)? {
        if field.dictionary.name("FT") != Some(b"Sig") {
            continue;
        }
        let Some(value) = field.dictionary.get("V") else { continue };
        let unreadable = PdfError::Unsupported("a signature that is no object of its own");
        let id = value.as_reference().filter(|id| file.is_direct(view, *id)).ok_or(unreadable)?;
        let object = file.object(view, id)?;
        let Object::Dictionary(dictionary) = &*object else {
            return Err(PdfError::Malformed("a signature is none", 0));
        };
        found.push(read(file, view, &field, dictionary)?);
        if found.len() > MAX_SIGNATURES {
            return Err(PdfError::TooComplex("signatures"));
        }
    }
    found.sort_by_key(|one: &Signature| one.covers().unwrap_or(usize::MAX));
    Ok(found)
}

pub(crate) fn read(
    file: &File<'_>,
    view: View,
    field: &Field,
    dictionary: &Dictionary,
) -> Result<Signature, PdfError> {
    let contents = dictionary.get("Contents").and_then(Object::as_text).cloned();
    let contents = contents.ok_or(PdfError::Malformed("a signature has no contents", 0))?;
    let range: Option<Vec<usize>> = dictionary.get("ByteRange").and_then(Object::as_array).and_then(|list| {
        list.iter()
            .map(|number| number.as_integer().and_then(|number| usize::try_from(number).ok()))
            .collect()
    });
    Ok(Signature {
        field: field.name.clone(),
        is_timestamp: dictionary.name("SubFilter") == Some(b"ETSI.RFC3161"),
        contents,
        range: range.and_then(|range| range.try_into().ok()),
        dictionary: dictionary.clone(),
        lock: file.entry(view, &field.dictionary, "Lock")?.as_dictionary().cloned(),
    })
}

/// What the signatures of a document forbid (ISO 32000-1 §12.8.2.2, §12.8.2.4; ISO 32000-2 §12.7.5.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// No changes at all (DocMDP level 1).
    certified: bool,
    locked: bool,
}

impl Rules {
    /// The rules that these signatures, which are in this view, set.
    pub(crate) fn of(file: &File<'_>, view: View, signatures: &[Signature]) -> Result<Self, PdfError> {
        let mut rules = Self::default();
        for signature in signatures {
            let own = Self::set_by(file, view, signature)?;
            rules.certified |= own.certified;
            rules.locked |= own.locked;
        }
        Ok(rules)
    }

    /// What one signature forbids.
    pub(crate) fn set_by(file: &File<'_>, view: View, signature: &Signature) -> Result<Self, PdfError> {
        let mut rules = Self::default();
        let references = file.entry(view, &signature.dictionary, "Reference")?;
        for reference in references.as_array().unwrap_or_default() {
            let reference = file.resolve(view, reference)?;
            let Some(reference) = reference.as_dictionary() else { continue };
            let parameters = file.entry(view, reference, "TransformParams")?;
            let parameters = parameters.as_dictionary().cloned().unwrap_or_default();
            match reference.name("TransformMethod") {
                // Level 2 where none is told.
                Some(b"DocMDP") => rules.certified |= parameters.integer("P") == Some(1),
                Some(b"FieldMDP") => rules.locked |= locks_all(&parameters),
                _ => {}
            }
        }
        if let Some(lock) = &signature.lock {
            rules.locked |= locks_all(lock) || lock.integer("P") == Some(1);
        }
        Ok(rules)
    }

    pub(crate) const fn forbids_signatures(self) -> bool {
        self.certified || self.locked
    }
}

/// Whether a lock holds fields that are not named in it: then also those yet to come.
fn locks_all(lock: &Dictionary) -> bool {
    matches!(lock.name("Action"), Some(b"All" | b"Exclude"))
}
