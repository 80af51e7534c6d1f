//! Signatures inside a PDF (EN 319 142-1), made by appending to it; what was there stays byte for byte.
//!
//! ```text
//! prepare ─▶ Prepared::digest ─▶ cms::Attributes ─▶ (key signs) ─▶ cms::SignedData ─▶ Prepared::assemble   B-B
//!                                                                └ with_timestamp ─▶ assemble              B-T
//! add_material(certificates, lists, answers)                                                              B-LT
//! prepare_timestamp ─▶ (authority stamps the digest) ─▶ assemble                                          B-LTA
//! ```
//!
//! Whoever holds the key can take the prepared file, [`Prepared::read`] it, and so compute the digest from what they
//! see instead of believing it.

mod appearance;
mod field;
mod material;

pub use appearance::{Appearance, Picture};
pub use material::{Material, add_material};

use std::ops::Range;

use keys::Sha256;

use crate::pdf::{Dictionary, File, Object, PdfError, Update};
use crate::time;

/// How many bytes are kept free for a signature with its chain and timestamp, where nothing else is asked.
pub const RESERVE: usize = 8 * 1024;
/// The most that may be kept free.
pub const MAX_RESERVE: usize = 64 * 1024;
/// The longest name of a field, reason or place, in bytes.
const MAX_WORDS: usize = 512;

/// Why a PDF is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PadesError {
    /// The PDF is refused.
    #[error(transparent)]
    Pdf(#[from] PdfError),
    /// The one who signed first allowed no further signature (DocMDP level 1, or a lock).
    #[error("an earlier signature allows no further one")]
    Locked,
    /// A field of this name is signed already, or is no signature field.
    #[error("the field {0} cannot take a signature")]
    Field(String),
    /// There is no such page.
    #[error("the document has no page {0}")]
    Page(usize),
    /// A text, a picture or a size does not fit.
    #[error("an option of the signature does not fit: {0}")]
    Option(&'static str),
    /// The signature is larger than the space kept free.
    #[error("the signature needs {needed} bytes, {kept} were kept free")]
    Space {
        /// Bytes it has.
        needed: usize,
        /// Bytes there are.
        kept: usize,
    },
    /// No signature waits in the file to be put in, or more than its place is open.
    #[error("the file is not prepared for a signature")]
    NotPrepared,
}

impl PadesError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pdf(error) => error.code(),
            Self::Locked => "pdf_locked",
            Self::Field(_) => "signature_field",
            Self::Page(_) => "signature_page",
            Self::Option(_) => "signature_option",
            Self::Space { .. } => "signature_space",
            Self::NotPrepared => "not_prepared",
        }
    }
}

/// What the first signer allows later (ISO 32000-1 §12.8.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certify {
    /// Nothing but proof for the signatures: DocMDP level 1.
    NoChanges,
    /// Further signatures: DocMDP level 2.
    Signatures,
}

/// How a signature stands in the file.
#[derive(Debug, Clone)]
pub struct Options {
    /// The field; one that is there and empty is filled, else it is made. `None`: a new one with the next free name.
    pub field: Option<String>,
    /// When, as the signer claims: seconds since 1970.
    pub time: i64,
    /// Who, for readers that show it.
    pub name: Option<String>,
    /// What for.
    pub reason: Option<String>,
    /// What is to be seen on a page; `None`: nothing.
    pub appearance: Option<Appearance>,
    /// Whether and how the document is certified; only the first signature may.
    pub certify: Option<Certify>,
    /// How many bytes are kept free.
    pub reserve: usize,
}

impl Options {
    /// An invisible signature in a new field.
    pub const fn at(time: i64) -> Self {
        Self {
            field: None,
            time,
            name: None,
            reason: None,
            appearance: None,
            certify: None,
            reserve: RESERVE,
        }
    }
}

/// A file with an open place for its signature.
#[derive(Debug, Clone)]
pub struct Prepared {
    bytes: Vec<u8>,
    /// The place, its angle brackets included.
    hole: Range<usize>,
    digest: [u8; 32],
}

/// Prepares a PDF for a signature.
///
/// # Errors
/// As [`PadesError`] says.
pub fn prepare(pdf: &[u8], options: &Options) -> Result<Prepared, PadesError> {
    let words = |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= MAX_WORDS);
    if !words(&options.name) || !words(&options.reason) {
        return Err(PadesError::Option("text"));
    }
    let mut dictionary = Dictionary::new()
        .with("Type", Object::name("Sig"))
        .with("Filter", Object::name("Adobe.PPKLite"))
        .with("SubFilter", Object::name("ETSI.CAdES.detached"))
        .with("M", Object::text(time::of_pdf(options.time)));
    if let Some(name) = &options.name {
        dictionary.set("Name", Object::words(name));
    }
    if let Some(reason) = &options.reason {
        dictionary.set("Reason", Object::words(reason));
    }
    if let Some(certify) = options.certify {
        let level = match certify {
            Certify::NoChanges => 1,
            Certify::Signatures => 2,
        };
        let parameters = Dictionary::new()
            .with("Type", Object::name("TransformParams"))
            .with("P", Object::Integer(level))
            .with("V", Object::name("1.2"));
        let reference = Dictionary::new()
            .with("Type", Object::name("SigRef"))
            .with("TransformMethod", Object::name("DocMDP"))
            .with("TransformParams", Object::Dictionary(parameters));
        dictionary.set("Reference", Object::Array(vec![Object::Dictionary(reference)]));
    }
    place(pdf, options, &dictionary)
}

/// Prepares a PDF for a timestamp of the whole of it (EN 319 142-1 §5.4.3): its token goes to `assemble` as it is.
///
/// # Errors
/// As [`PadesError`] says.
pub fn prepare_timestamp(pdf: &[u8]) -> Result<Prepared, PadesError> {
    let dictionary = Dictionary::new()
        .with("Type", Object::name("DocTimeStamp"))
        .with("Filter", Object::name("Adobe.PPKLite"))
        .with("SubFilter", Object::name("ETSI.RFC3161"));
    place(pdf, &Options::at(0), &dictionary)
}

fn place(pdf: &[u8], options: &Options, dictionary: &Dictionary) -> Result<Prepared, PadesError> {
    if !(1_024..=MAX_RESERVE).contains(&options.reserve) {
        return Err(PadesError::Option("reserve"));
    }
    let file = File::open(pdf)?;
    let mut update = Update::new(&file);
    let signature = update.reserve();
    field::add(&file, &mut update, signature, options, dictionary.name("Type") == Some(b"DocTimeStamp"))?;

    // The dictionary's bytes, with places of fixed width that are filled once all else is known.
    const RANGE: &[u8] = b"/ByteRange [0000000000 0000000000 0000000000 0000000000]";
    let mut raw = Vec::new();
    crate::pdf::write(&Object::Dictionary(dictionary.clone()), &mut raw);
    raw.truncate(raw.len().saturating_sub(2));
    let range_at = raw.len();
    raw.extend_from_slice(RANGE);
    raw.extend_from_slice(b"/Contents ");
    let hole_at = raw.len();
    raw.push(b'<');
    raw.resize(raw.len() + options.reserve * 2, b'0');
    let hole_end = raw.len() + 1;
    raw.extend_from_slice(b">>>");
    let at = update.put_raw(signature, &raw);
    let mut bytes = update.finish();

    let hole = at + hole_at..at + hole_end;
    let range = format!(
        "/ByteRange [{:010} {:010} {:010} {:010}]",
        0,
        hole.start,
        hole.end,
        bytes.len().saturating_sub(hole.end)
    );
    if let Some(there) = bytes.get_mut(at + range_at..at + range_at + RANGE.len()) {
        there.copy_from_slice(range.as_bytes());
    }
    let digest = digest_around(&bytes, &hole);
    Ok(Prepared { bytes, hole, digest })
}

/// The SHA-256 of all bytes but the place of the signature.
pub(crate) fn digest_around(bytes: &[u8], hole: &Range<usize>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(bytes.get(..hole.start).unwrap_or_default());
    hash.update(bytes.get(hole.end..).unwrap_or_default());
    hash.finish()
}

impl Prepared {
    /// Reads a prepared file that came from somewhere else: its newest signature is an open place, and the digest is
    /// that of everything around it.
    ///
    /// # Errors
    /// The PDF is refused, or not prepared so.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PadesError> {
        let hole = {
            let file = File::open(&bytes)?;
            let open = crate::check::signatures(&file)?;
            let mut open = open.iter().filter(|one| one.contents.bytes.iter().all(|byte| *byte == 0));
            let one = open.next().ok_or(PadesError::NotPrepared)?;
            let whole = one.covers() == Some(bytes.len());
            if !whole || open.next().is_some() {
                return Err(PadesError::NotPrepared);
            }
            one.contents.span.clone()
        };
        let digest = digest_around(&bytes, &hole);
        Ok(Self { bytes, hole, digest })
    }

    /// The SHA-256 of what is signed.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The file with its open place.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts the signature, or the timestamp token, in.
    ///
    /// # Errors
    /// It is larger than its place.
    pub fn assemble(mut self, signature: &[u8]) -> Result<Vec<u8>, PadesError> {
        let kept = self.hole.len().saturating_sub(2) / 2;
        if signature.len() > kept {
            return Err(PadesError::Space { needed: signature.len(), kept });
        }
        let digits = keys::encoding::hex_encode(signature);
        let start = self.hole.start + 1;
        if let Some(there) = self.bytes.get_mut(start..start + digits.len()) {
            there.copy_from_slice(digits.as_bytes());
        }
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests;
