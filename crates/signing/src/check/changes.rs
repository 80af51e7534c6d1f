//! What changed between two states of a file.
//!
//! Everything that can be reached from the catalog of the older state must be the same in the newer one, with these
//! exceptions, and no other:
//!
//! - the document security store, the list of extensions and the version of the format in the catalog;
//! - a new signature field that is signed in the same update, in the form and among the marks of a page;
//! - an empty signature field that is filled;
//! - the document's information dictionary, of its standard texts only, and its metadata (XML), while nothing else
//!   points to them.
//!
//! A number that the older state points to but does not have counts as reached: what is put there later was hidden.

use std::collections::{BTreeSet, HashSet};

use super::fields::{Field, fields, read};
use crate::pdf::{Dictionary, File, Id, Object, PdfError, View};

/// How many objects are compared.
const MAX_OBJECTS: usize = 2_000_000;

/// What was changed that must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// What a page shows: its content, a font, a picture.
    PageContent,
    /// Pages were added, removed or moved.
    Pages,
    /// Something was put upon a page, or changed there.
    Annotation,
    /// A form's field has another value.
    FormValue,
    /// Something happens when the document is opened or used.
    Action,
    /// Something that was pointed to but missing is there now.
    Hidden,
    /// Another part of the document.
    Other,
    /// The older state is no longer what the file builds on.
    History,
}

/// What an update added that it may.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    pub(crate) material: bool,
    pub(crate) signatures: Vec<String>,
    pub(crate) timestamps: usize,
}

/// Why an update is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Changed(Change),
    Pdf(PdfError),
}

impl From<PdfError> for Refused {
    fn from(error: PdfError) -> Self {
        Self::Pdf(error)
    }
}

impl From<Change> for Refused {
    fn from(change: Change) -> Self {
        Self::Changed(change)
    }
}

/// In which part of the document an object was reached: says what its change is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Pages,
    Content,
    Marks,
    Form,
    Fields,
    Action,
    Other,
}

impl Part {
    /// The part of what stands under this key.
    fn under(self, key: &[u8]) -> Self {
        match key {
            b"Contents" | b"Resources" | b"XObject" | b"Font" | b"AP" => Self::Content,
            b"OpenAction" | b"AA" | b"A" | b"Names" => Self::Action,
            b"Pages" | b"Kids" if matches!(self, Self::Other | Self::Pages) => Self::Pages,
            b"Annots" => Self::Marks,
            _ => self,
        }
    }

    const fn change(self) -> Change {
        match self {
            Self::Pages => Change::Pages,
            Self::Content => Change::PageContent,
            Self::Marks => Change::Annotation,
            Self::Form | Self::Fields => Change::FormValue,
            Self::Action => Change::Action,
            Self::Other => Change::Other,
        }
    }
}

struct Walk<'w, 'a> {
    file: &'w File<'a>,
    old: View,
    new: View,
    told: BTreeSet<u32>,
    seen: HashSet<Id>,
    left: Vec<(Id, Part)>,
    /// Signature fields that this update added, signed.
    added: BTreeSet<Id>,
    step: Step,
}

/// Compares a view with the one before it, which must be older by one.
pub(crate) fn between(file: &File<'_>, old: View, new: View) -> Result<Step, Refused> {
    let told = file.told(new);
    let mut walk = Walk {
        file,
        old,
        new,
        told,
        seen: HashSet::new(),
        left: Vec::new(),
        added: BTreeSet::new(),
        step: Step::default(),
    };
    walk.trailer()?;
    walk.find_added()?;
    walk.catalog()?;
    while let Some((id, part)) = walk.left.pop() {
        walk.visit(id, part)?;
        if walk.seen.len() > MAX_OBJECTS {
            return Err(PdfError::TooComplex("objects").into());
        }
    }
    Ok(walk.step)
}

impl Walk<'_, '_> {
    fn trailer(&self) -> Result<(), Refused> {
        const TEXTS: [&[u8]; 9] = [
            b"Title",
            b"Author",
            b"Subject",
            b"Keywords",
            b"Creator",
            b"Producer",
            b"CreationDate",
            b"ModDate",
            b"Trapped",
        ];
        let (old, new) = (self.file.trailer(self.old), self.file.trailer(self.new));
        if old.get("Root") != new.get("Root") {
            return Err(Change::History.into());
        }
        let told = |object: Option<&Object>| {
            object.and_then(Object::as_reference).is_some_and(|id| self.told.contains(&id.number))
        };
        if old.get("Info") == new.get("Info") && !told(new.get("Info")) {
            return Ok(());
        }
        let only_texts = |view, trailer: &Dictionary| -> Result<bool, PdfError> {
            let info = self.file.entry(view, trailer, "Info")?;
            Ok(match &*info {
                Object::Null => true,
                Object::Dictionary(info) => info.iter().all(|(key, value)| {
                    TEXTS.contains(&key) && matches!(value, Object::Text(_) | Object::Name(_))
                }),
                _ => false,
            })
        };
        // Two states of one information dictionary; a new one where there was none is of new objects only.
        let kept = old.get("Info").is_none() || old.get("Info") == new.get("Info");
        let texts = only_texts(self.old, old)? && only_texts(self.new, new)?;
        if kept && texts { Ok(()) } else { Err(Change::Other.into()) }
    }

    /// The signature fields of the new view that the old one has not: each signed, and by that covering this update.
    fn find_added(&mut self) -> Result<(), Refused> {
        let before: BTreeSet<Option<Id>> =
            fields(self.file, self.old)?.into_iter().map(|field| field.id).collect();
        for field in fields(self.file, self.new)? {
            if before.contains(&field.id) {
                continue;
            }
            let id = field.id.ok_or(Change::FormValue)?;
            let is_new = self.told.contains(&id.number) && *self.file.object(self.old, id)? == Object::Null;
            let own = field.dictionary.name("FT") == Some(b"Sig");
            let acts = ["A", "AA", "Parent", "Kids"].iter().any(|key| field.dictionary.get(key).is_some());
            if !is_new || !own || acts {
                return Err(Change::FormValue.into());
            }
            self.signed_here(&field)?;
            self.added.insert(id);
        }
        Ok(())
    }

    /// The field holds a signature that covers this update.
    fn signed_here(&mut self, field: &Field) -> Result<(), Refused> {
        let value = field.dictionary.get("V").and_then(Object::as_reference).ok_or(Change::FormValue)?;
        let is_new = self.told.contains(&value.number) && *self.file.object(self.old, value)? == Object::Null;
        let object = self.file.object(self.new, value)?;
        let Object::Dictionary(dictionary) = &*object else { return Err(Change::FormValue.into()) };
        let signature = read(self.file, self.new, field, dictionary)?;
        let end = signature.covers().ok_or(Change::FormValue)?;
        if !is_new || !self.file.view_ending(end).is_ok_and(|view| view <= self.new) {
            return Err(Change::FormValue.into());
        }
        if signature.is_timestamp {
            self.step.timestamps += 1;
        } else {
            self.step.signatures.push(field.name.clone());
        }
        Ok(())
    }

    fn catalog(&mut self) -> Result<(), Refused> {
        let (id, old) = self.file.catalog(self.old)?;
        let (_, new) = self.file.catalog(self.new)?;
        self.seen.insert(id);
        let keys: BTreeSet<&[u8]> = old.iter().chain(new.iter()).map(|(key, _)| key).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            match key {
                b"DSS" => self.step.material |= before != after || self.is_told(after),
                b"Extensions" => {}
                b"Version" if matches!(after, Some(Object::Name(_)) | None) => {}
                b"AcroForm" => self.form(before, after)?,
                b"Metadata" => self.metadata(before, after)?,
                _ if before == after => self.descend(before, Part::Other.under(key)),
                _ => return Err(Part::Other.under(key).change().into()),
            }
        }
        Ok(())
    }

    /// What the document says of itself as XML. It is not followed from here: whatever else points to the same object
    /// has it compared.
    fn metadata(&self, before: Option<&Object>, after: Option<&Object>) -> Result<(), Refused> {
        for (view, object) in [(self.old, before), (self.new, after)] {
            let Some(object) = object else { continue };
            let is_metadata = match &*self.file.resolve(view, object)? {
                Object::Stream(stream) => {
                    let is = |key, name: &[u8]| stream.dictionary.name(key) == Some(name);
                    is("Type", b"Metadata") && is("Subtype", b"XML")
                }
                other => *other == Object::Null,
            };
            if !is_metadata {
                return Err(Change::Other.into());
            }
        }
        Ok(())
    }

    fn is_told(&self, object: Option<&Object>) -> bool {
        object.and_then(Object::as_reference).is_some_and(|id| self.told.contains(&id.number))
    }

    /// The form: its list of fields may have grown by the signed ones.
    fn form(&mut self, before: Option<&Object>, after: Option<&Object>) -> Result<(), Refused> {
        let (old_id, new_id) = (before.and_then(Object::as_reference), after.and_then(Object::as_reference));
        // A form that becomes an object of its own, or none any more, is a new form.
        if before.is_some() && old_id != new_id {
            return Err(Change::FormValue.into());
        }
        self.seen.extend(old_id);
        let resolve = |view, object: Option<&Object>| match object {
            Some(object) => self.file.resolve(view, object),
            None => Ok(std::rc::Rc::new(Object::Null)),
        };
        let old = resolve(self.old, before)?.as_dictionary().cloned().unwrap_or_default();
        let new = resolve(self.new, after)?.as_dictionary().cloned().unwrap_or_default();
        let keys: BTreeSet<&[u8]> = old.iter().chain(new.iter()).map(|(key, _)| key).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            match key {
                b"SigFlags" => {}
                b"Fields" => self.list(before, after, Part::Fields)?,
                _ if before == after => self.descend(before, Part::Form),
                _ => return Err(Change::FormValue.into()),
            }
        }
        Ok(())
    }

    /// A list that may have grown by the signed fields: the fields of the form, or the marks of a page.
    fn list(&mut self, before: Option<&Object>, after: Option<&Object>, part: Part) -> Result<(), Refused> {
        let (old_id, new_id) = (before.and_then(Object::as_reference), after.and_then(Object::as_reference));
        if before.is_some() && old_id != new_id {
            return Err(part.change().into());
        }
        self.seen.extend(old_id);
        let resolve = |view, object: Option<&Object>| match object {
            Some(object) => self.file.resolve(view, object),
            None => Ok(std::rc::Rc::new(Object::Null)),
        };
        let (old, new) = (resolve(self.old, before)?, resolve(self.new, after)?);
        let old = old.as_array().unwrap_or_default();
        let new = new.as_array().unwrap_or_default();
        let (kept, more) = new.split_at_checked(old.len()).ok_or(part.change())?;
        let signed = |object: &Object| object.as_reference().is_some_and(|id| self.added.contains(&id));
        if kept != old || !more.iter().all(signed) {
            return Err(part.change().into());
        }
        for object in old {
            self.descend(Some(object), part);
        }
        Ok(())
    }

    /// Notes every object that this one points to.
    fn descend(&mut self, object: Option<&Object>, part: Part) {
        match object {
            Some(Object::Reference(id)) if self.seen.insert(*id) => self.left.push((*id, part)),
            Some(Object::Array(list)) => {
                for object in list {
                    self.descend(Some(object), part);
                }
            }
            Some(Object::Dictionary(dictionary)) => self.descend_into(dictionary, part),
            Some(Object::Stream(stream)) => self.descend_into(&stream.dictionary, part),
            _ => {}
        }
    }

    fn descend_into(&mut self, dictionary: &Dictionary, part: Part) {
        for (key, value) in dictionary.iter() {
            self.descend(Some(value), part.under(key));
        }
    }

    fn visit(&mut self, id: Id, part: Part) -> Result<(), Refused> {
        let old = self.file.object(self.old, id)?;
        let is_page = old.as_dictionary().is_some_and(|page| page.name("Type") == Some(b"Page"));
        if !self.told.contains(&id.number) && !is_page {
            self.descend(Some(&old), part);
            return Ok(());
        }
        let new = self.file.object(self.new, id)?;
        match (&*old, &*new) {
            (Object::Dictionary(old), Object::Dictionary(new)) if is_page => self.page(old, new),
            (Object::Null, Object::Null) => Ok(()),
            (Object::Null, _) => Err(Change::Hidden.into()),
            (Object::Dictionary(old), Object::Dictionary(new)) if is_empty_field(old) && old != new => {
                self.filled(id, old, new)
            }
            (old, new) if self.same(old, new) => {
                self.descend(Some(old), part);
                Ok(())
            }
            (Object::Dictionary(old), _) if old.name("Type") == Some(b"Pages") => Err(Change::Pages.into()),
            (Object::Dictionary(old), _) if old.get("FT").is_some() || old.get("T").is_some() => {
                Err(Change::FormValue.into())
            }
            (Object::Dictionary(old), _) if old.name("Type") == Some(b"Annot") => {
                Err(Change::Annotation.into())
            }
            (Object::Stream(_), _) if part == Part::Other => Err(Change::PageContent.into()),
            _ => Err(part.change().into()),
        }
    }

    /// The same object, a stream byte for byte.
    fn same(&self, old: &Object, new: &Object) -> bool {
        match (old, new) {
            (Object::Stream(old), Object::Stream(new)) => {
                let bytes = |range: &std::ops::Range<usize>| self.file.bytes().get(range.clone());
                old.dictionary == new.dictionary && bytes(&old.data) == bytes(&new.data)
            }
            _ => old == new,
        }
    }

    /// A page: its marks may have grown by the signed fields.
    fn page(&mut self, old: &Dictionary, new: &Dictionary) -> Result<(), Refused> {
        let keys: BTreeSet<&[u8]> = old.iter().chain(new.iter()).map(|(key, _)| key).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            match key {
                b"Annots" => self.list(before, after, Part::Marks)?,
                _ if before == after => self.descend(before, Part::Pages.under(key)),
                b"AA" => return Err(Change::Action.into()),
                _ => return Err(Change::PageContent.into()),
            }
        }
        Ok(())
    }

    /// An empty signature field that is signed now, and is otherwise what it was but for its look.
    fn filled(&mut self, id: Id, old: &Dictionary, new: &Dictionary) -> Result<(), Refused> {
        let kept = new.iter().all(|(key, value)| matches!(key, b"V" | b"AP") || old.get(key) == Some(value))
            && old.iter().all(|(key, _)| new.get(key).is_some());
        if !kept {
            return Err(Change::FormValue.into());
        }
        let name = old.get("T").and_then(Object::as_text).map(crate::pdf::Text::to_words).unwrap_or_default();
        self.signed_here(&Field { id: Some(id), name, dictionary: new.clone() })?;
        self.descend_into(old, Part::Fields);
        Ok(())
    }
}

fn is_empty_field(field: &Dictionary) -> bool {
    field.name("FT") == Some(b"Sig") && field.get("V").is_none()
}
