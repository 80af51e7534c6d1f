//! The field that holds a signature, and its place on a page (ISO 32000-1 §12.7.4.5).

use super::{Options, PadesError};
use crate::check;
use crate::pdf::{Dictionary, File, Id, Object, PdfError, Update};

/// How many nodes of the page tree are walked.
const MAX_PAGES: usize = 20_000;
/// Printed, and locked (ISO 32000-1 §12.5.3).
const FLAGS: i64 = 132;

/// Adds the field of `signature`, or fills the one that is there.
pub(super) fn add(
    file: &File<'_>,
    update: &mut Update<'_, '_>,
    signature: Id,
    options: &Options,
    is_timestamp: bool,
) -> Result<(), PadesError> {
    let view = file.now();
    let (catalog_id, mut catalog) = file.catalog(view)?;
    let present = check::signatures(file)?;
    let rules = check::Rules::of(file, view, &present)?;
    if let Some(appearance) = &options.appearance {
        appearance.check()?;
    }
    if !is_timestamp && rules.forbids_signatures() || options.certify.is_some() && !present.is_empty() {
        return Err(PadesError::Locked);
    }
    let fields = check::fields(file, view)?;
    let mut catalog_changed = false;
    if options.certify.is_some() {
        let permissions = file.entry(view, &catalog, "Perms")?;
        let permissions = permissions.as_dictionary().cloned().unwrap_or_default();
        let permissions = permissions.with("DocMDP", Object::Reference(signature));
        catalog.set("Perms", Object::Dictionary(permissions));
        catalog_changed = true;
    }

    let wanted = options.field.as_deref();
    let there = fields.iter().find(|field| wanted == Some(field.name.as_str()));
    let new = match there {
        Some(field) => {
            let refused = || PadesError::Field(field.name.clone());
            let id = field.id.ok_or_else(refused)?;
            let free = field.dictionary.name("FT") == Some(b"Sig") && field.dictionary.get("V").is_none();
            if !free {
                return Err(refused());
            }
            let mut dictionary = field.dictionary.clone().with("V", Object::Reference(signature));
            if let Some(appearance) = &options.appearance {
                let form = appearance.write(update)?;
                let forms = Dictionary::new().with("N", Object::Reference(form));
                dictionary.set("AP", Object::Dictionary(forms));
            }
            update.put(id, &Object::Dictionary(dictionary));
            None
        }
        None => {
            let name = match wanted {
                Some(name) if (1..=128).contains(&name.len()) && !name.contains('.') => name.to_owned(),
                Some(_) => return Err(PadesError::Option("field")),
                None => (1..)
                    .map(|number| format!("Signature{number}"))
                    .find(|name| fields.iter().all(|field| field.name != *name))
                    .unwrap_or_default(),
            };
            Some(new_field(file, update, signature, options, &name)?)
        }
    };

    // The form: inside the catalog, or an object of its own.
    let form_at = catalog.get("AcroForm").and_then(Object::as_reference);
    let form = file.entry(view, &catalog, "AcroForm")?;
    let mut form = form.as_dictionary().cloned().unwrap_or_default();
    let mut form_changed = form.integer("SigFlags") != Some(3);
    form.set("SigFlags", Object::Integer(3));
    if let Some(new) = new {
        let list_at = form.get("Fields").and_then(Object::as_reference);
        let list = file.entry(view, &form, "Fields")?;
        let mut list = list.as_array().unwrap_or_default().to_vec();
        list.push(Object::Reference(new));
        match list_at {
            Some(id) => update.put(id, &Object::Array(list)),
            None => {
                form.set("Fields", Object::Array(list));
                form_changed = true;
            }
        }
    }
    if form_changed {
        match form_at {
            Some(id) => update.put(id, &Object::Dictionary(form)),
            None => {
                catalog.set("AcroForm", Object::Dictionary(form));
                catalog_changed = true;
            }
        }
    }
    if catalog_changed {
        update.put(catalog_id, &Object::Dictionary(catalog));
    }
    Ok(())
}

/// A new field, which is its own mark on a page.
fn new_field(
    file: &File<'_>,
    update: &mut Update<'_, '_>,
    signature: Id,
    options: &Options,
    name: &str,
) -> Result<Id, PadesError> {
    let view = file.now();
    let page_at = options.appearance.as_ref().map_or(0, |appearance| appearance.page);
    let (page_id, mut page) = page(file, page_at)?.ok_or(PadesError::Page(page_at))?;
    let rect = options.appearance.as_ref().map_or([0.0; 4], |appearance| appearance.rect);
    let whole = |side: f64| if side == 0.0 { Object::Integer(0) } else { Object::Real(side) };
    let mut dictionary = Dictionary::new()
        .with("Type", Object::name("Annot"))
        .with("Subtype", Object::name("Widget"))
        .with("FT", Object::name("Sig"))
        .with("T", Object::words(name))
        .with("F", Object::Integer(FLAGS))
        .with("Rect", Object::Array(rect.map(whole).to_vec()))
        .with("P", Object::Reference(page_id))
        .with("V", Object::Reference(signature));
    if let Some(appearance) = &options.appearance {
        let form = appearance.write(update)?;
        dictionary.set("AP", Object::Dictionary(Dictionary::new().with("N", Object::Reference(form))));
    }
    let id = update.reserve();
    update.put(id, &Object::Dictionary(dictionary));
    let marks_at = page.get("Annots").and_then(Object::as_reference);
    let marks = file.entry(view, &page, "Annots")?;
    let mut marks = marks.as_array().unwrap_or_default().to_vec();
    marks.push(Object::Reference(id));
    match marks_at {
        Some(list) => update.put(list, &Object::Array(marks)),
        None => {
            page.set("Annots", Object::Array(marks));
            update.put(page_id, &Object::Dictionary(page));
        }
    }
    Ok(id)
}

/// The page of this number, from 0.
fn page(file: &File<'_>, wanted: usize) -> Result<Option<(Id, Dictionary)>, PadesError> {
    let view = file.now();
    let (_, catalog) = file.catalog(view)?;
    let root = catalog.get("Pages").and_then(Object::as_reference);
    let mut left = vec![root.ok_or(PdfError::Malformed("the pages are missing", 0))?];
    let mut seen = std::collections::BTreeSet::new();
    let mut at = 0;
    while let Some(id) = left.pop() {
        if !seen.insert(id) || seen.len() > MAX_PAGES {
            return Err(PdfError::TooComplex("pages").into());
        }
        let node = file.object(view, id)?;
        let node = node.as_dictionary().ok_or(PdfError::Malformed("a page is missing", 0))?;
        if node.get("Kids").is_none() {
            if at == wanted {
                return Ok(Some((id, node.clone())));
            }
            at += 1;
            continue;
        }
        let kids = file.entry(view, node, "Kids")?;
        left.extend(kids.as_array().unwrap_or_default().iter().rev().filter_map(Object::as_reference));
    }
    Ok(None)
}
