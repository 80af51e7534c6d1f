//! Proof that goes along: certificates, lists and answers in the document security store (EN 319 142-1 §5.4.2).

use std::collections::BTreeSet;

use keys::sha256;

use super::PadesError;
use crate::pdf::{Dictionary, File, NewStream, Object, Update};

/// What is needed to check the signatures of a file without asking anyone.
#[derive(Debug, Clone, Default)]
pub struct Material {
    /// Certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Lists of revoked certificates, DER.
    pub crls: Vec<Vec<u8>>,
    /// Answers about certificates, DER.
    pub ocsps: Vec<Vec<u8>>,
}

impl Material {
    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.crls.is_empty() && self.ocsps.is_empty()
    }
}

/// Appends what is not in the file's security store yet.
///
/// # Errors
/// The PDF is refused.
pub fn add_material(pdf: &[u8], material: &Material) -> Result<Vec<u8>, PadesError> {
    let file = File::open(pdf)?;
    let view = file.now();
    let (catalog_id, mut catalog) = file.catalog(view)?;
    let store_at = catalog.get("DSS").and_then(Object::as_reference);
    let store = file.entry(view, &catalog, "DSS")?;
    let mut store = store.as_dictionary().cloned().unwrap_or_default();
    let mut update = Update::new(&file);
    let mut added = false;
    for (key, items) in
        [("Certs", &material.certificates), ("CRLs", &material.crls), ("OCSPs", &material.ocsps)]
    {
        let list = file.entry(view, &store, key)?;
        let mut list = list.as_array().unwrap_or_default().to_vec();
        let mut known = BTreeSet::new();
        for object in &list {
            if let Object::Stream(stream) = &*file.resolve(view, object)? {
                known.insert(sha256(file.bytes().get(stream.data.clone()).unwrap_or_default()));
            }
        }
        let before = list.len();
        for item in items.iter().filter(|item| known.insert(sha256(item))) {
            let id = update.reserve();
            update.put_stream(id, &NewStream { dictionary: Dictionary::new(), data: item.clone() });
            list.push(Object::Reference(id));
        }
        if list.len() > before {
            store.set(key, Object::Array(list));
            added = true;
        }
    }
    if !added {
        return Ok(pdf.to_vec());
    }
    store.set("Type", Object::name("DSS"));
    match store_at {
        Some(id) => update.put(id, &Object::Dictionary(store)),
        None => {
            let id = update.reserve();
            update.put(id, &Object::Dictionary(store));
            catalog.set("DSS", Object::Reference(id));
            update.put(catalog_id, &Object::Dictionary(catalog));
        }
    }
    Ok(update.finish())
}
