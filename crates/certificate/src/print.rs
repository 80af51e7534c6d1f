//! A certificate on paper: a tagged PDF that claims PDF/A-2a (ISO 19005-2) and PDF/UA-1 (ISO 14289-1).
//!
//! ```text
//! Sheet (texts, rows, modules of the QR code) ──layout──▶ pages of marks ──draw──▶ PDF
//! ```
//!
//! The sheet says what is printed and nothing of where it comes from: whoever fills it in has the facts, their labels and
//! the language. Text is set in Pretendard (SIL OFL 1.1, beside this crate), of which only the glyphs used go into the
//! file. Every mark is part of the structure tree or an artifact, so that a screen reader reads title, facts, table and
//! statement in that order.

mod draw;
mod face;
mod layout;
mod sheet;
#[cfg(test)]
mod tests;

pub use sheet::{Codes, Language, Moment, Sheet, Table};

/// A sheet as PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The file.
    pub pdf: Vec<u8>,
    /// Its pages.
    pub pages: usize,
}

/// Why a sheet can't be printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The font has no such letter, and a document with a hole in a name is none.
    #[error("the font has no glyph for U+{0:04X}")]
    Letter(u32),
    /// The QR code is not a square of that many modules.
    #[error("the modules of the QR code are no square")]
    Code,
    /// It would need more pages than are printed.
    #[error("the table needs more than {0} pages")]
    Long(usize),
    /// The fonts of this crate can't be read.
    #[error("the fonts can't be read")]
    Font,
    /// The writer found that the file would not be what it claims. Its words name no content.
    #[error("the file can't be written: {0}")]
    Write(String),
}

/// Most pages of one certificate.
pub const MAX_PAGES: usize = 20;

/// Prints a sheet.
///
/// The same sheet gives the same bytes.
///
/// # Errors
/// A letter that the font lacks, or a sheet that is too long.
pub fn render(sheet: &Sheet<'_>) -> Result<Rendered, RenderError> {
    let faces = face::Faces::read()?;
    let pages = layout::pages(sheet, &faces)?;
    let count = pages.pages.len();
    Ok(Rendered { pdf: draw::pdf(sheet, &faces, pages)?, pages: count })
}
