//! The two faces of the font: which glyph a letter has, how wide it is, where a line of text breaks.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

use super::RenderError;

const REGULAR: &[u8] = include_bytes!("../../fonts/Pretendard-Regular.otf");
const BOLD: &[u8] = include_bytes!("../../fonts/Pretendard-Bold.otf");

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// Both faces.
pub(crate) struct Faces {
    regular: Face,
    bold: Face,
}

impl Faces {
    pub(crate) fn read() -> Result<Self, RenderError> {
        Ok(Self { regular: Face::read(REGULAR)?, bold: Face::read(BOLD)? })
    }

    pub(crate) fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

/// One face.
pub(crate) struct Face {
    font: Font,
    reader: FontRef<'static>,
    units: f32,
}

impl Face {
    fn read(bytes: &'static [u8]) -> Result<Self, RenderError> {
        let reader = FontRef::new(bytes).map_err(|_| RenderError::Font)?;
        let font = Font::new(bytes.into(), 0).ok_or(RenderError::Font)?;
        let units = font.units_per_em();
        Ok(Self { font, reader, units })
    }

    pub(crate) fn font(&self) -> Font {
        self.font.clone()
    }

    /// The glyphs of a text, each widened by `spacing` (of the font size).
    pub(crate) fn glyphs(&self, text: &str, spacing: f32) -> Result<Vec<KrillaGlyph>, RenderError> {
        let map = self.reader.charmap();
        let widths = self.reader.glyph_metrics(Size::unscaled(), LocationRef::default());
        text.char_indices()
            .map(|(at, letter)| {
                let id = map.map(letter).filter(|id| id.to_u32() != 0);
                let id = id.ok_or(RenderError::Letter(letter.into()))?;
                let advance = widths.advance_width(id).unwrap_or_default() / self.units + spacing;
                let range = at..at + letter.len_utf8();
                Ok(KrillaGlyph::new(GlyphId::new(id.to_u32()), advance, 0.0, 0.0, 0.0, range, None))
            })
            .collect()
    }

    /// How wide a text is, in points.
    pub(crate) fn width(&self, text: &str, size: f32, spacing: f32) -> Result<f32, RenderError> {
        Ok(self.glyphs(text, spacing)?.iter().map(|glyph| glyph.x_advance * size).sum())
    }

    /// The lines of a text in a column: broken at spaces, and inside a word only where the word alone is too wide. A line
    /// keeps the space it was broken at, so that the words stay apart for whoever reads the text out of the file.
    pub(crate) fn lines(&self, text: &str, size: f32, column: f32) -> Result<Vec<String>, RenderError> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split_inclusive(' ') {
                let long = format!("{line}{}", word.trim_end());
                if self.width(&long, size, 0.0)? <= column {
                    line.push_str(word);
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for letter in word.chars() {
                    let longer = format!("{line}{letter}");
                    if letter != ' ' && !line.is_empty() && self.width(&longer, size, 0.0)? > column {
                        lines.push(std::mem::take(&mut line));
                    }
                    line.push(letter);
                }
            }
            lines.push(line);
        }
        Ok(lines)
    }
}
