//! PDF (ISO 32000-1) as far as signatures need it: objects, cross references with their history, updates appended.
//!
//! Written for bytes that strangers made. Everything is bounded, nothing is repaired: a file whose cross references
//! do not lead where they say is refused, since two readers would see two documents in it. Content streams, fonts and
//! pictures are carried as bytes and never looked into.

mod file;
mod object;
mod parse;
mod update;

pub use file::{File, MAX_PDF, View};
pub use object::{Dictionary, Id, Object, Stream, Text};
pub(crate) use update::write;
pub use update::{NewStream, Update};

/// Why a PDF is refused. Each has a stable code, [`PdfError::code`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PdfError {
    /// Larger than [`MAX_PDF`].
    #[error("the PDF is larger than {} MiB", MAX_PDF >> 20)]
    TooLarge,
    /// No PDF header at the first byte.
    #[error("the file is no PDF")]
    NotPdf,
    /// Broken, or of a form that two readers could read differently; with what was found and where (byte).
    #[error("the PDF is malformed at byte {1}: {0}")]
    Malformed(&'static str, usize),
    /// More objects, levels or bytes than are read.
    #[error("the PDF has too many or too deeply nested parts: {0}")]
    TooComplex(&'static str),
    /// It is encrypted: what is signed could not be shown to anyone without the password.
    #[error("the PDF is encrypted; remove the password first")]
    Encrypted,
    /// A hybrid of two cross reference forms, which readers follow differently.
    #[error("the PDF has two cross references side by side (hybrid); save it anew first")]
    Hybrid,
    /// A part of the standard that this reader does not know.
    #[error("the PDF uses a form that is not supported: {0}")]
    Unsupported(&'static str),
}

impl PdfError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "pdf_too_large",
            Self::NotPdf => "pdf_no_pdf",
            Self::Malformed(..) => "pdf_malformed",
            Self::TooComplex(_) => "pdf_too_complex",
            Self::Encrypted => "pdf_encrypted",
            Self::Hybrid => "pdf_hybrid",
            Self::Unsupported(_) => "pdf_unsupported",
        }
    }
}

#[cfg(test)]
mod tests;
