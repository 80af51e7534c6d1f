//! What is to be seen of a signature on a page (ISO 32000-1 §12.5.5).

use std::io::Write;

use super::PadesError;
use crate::pdf::{Dictionary, Id, NewStream, Object, Update};

/// The widest and highest picture, in pixels.
const MAX_SIDE: usize = 2_048;

/// A picture: three bytes a pixel (red, green, blue), and one for how much it covers, row by row from the top.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
    /// `width * height` bytes, 255 covers wholly; `None`: everything covers.
    pub alpha: Option<Vec<u8>>,
}

/// Where the signature is seen, and how.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// The page, from 0.
    pub page: usize,
    /// Left, bottom, right, top in points (1/72 inch) from the lower left corner.
    pub rect: [f64; 4],
    /// The picture; `None`: a plain square double frame, as a seal is drawn.
    pub picture: Option<Picture>,
}

impl Appearance {
    pub(super) fn check(&self) -> Result<(), PadesError> {
        let [left, bottom, right, top] = self.rect;
        let inside = self.rect.iter().all(|side| (0.0..=14_400.0).contains(side));
        if !inside || right - left < 1.0 || top - bottom < 1.0 {
            return Err(PadesError::Option("rectangle"));
        }
        let Some(picture) = &self.picture else { return Ok(()) };
        let pixels = picture.width * picture.height;
        let sides = [picture.width, picture.height].iter().all(|side| (1..=MAX_SIDE).contains(side));
        let alpha = picture.alpha.as_ref().is_none_or(|alpha| alpha.len() == pixels);
        if sides && picture.rgb.len() == pixels * 3 && alpha {
            Ok(())
        } else {
            Err(PadesError::Option("picture"))
        }
    }

    /// Writes the form that draws it and returns its id.
    pub(super) fn write(&self, update: &mut Update<'_, '_>) -> Result<Id, PadesError> {
        let [left, bottom, right, top] = self.rect;
        let (width, height) = (right - left, top - bottom);
        let mut form = Dictionary::new()
            .with("Type", Object::name("XObject"))
            .with("Subtype", Object::name("Form"))
            .with("BBox", Object::Array([0.0, 0.0, width, height].map(Object::Real).to_vec()));
        let drawing = match &self.picture {
            None => {
                form.set("Resources", Object::Dictionary(Dictionary::new()));
                frame(width, height)
            }
            Some(picture) => {
                let image = picture.write(update)?;
                let images = Dictionary::new().with("Seal", Object::Reference(image));
                let resources = Dictionary::new().with("XObject", Object::Dictionary(images));
                form.set("Resources", Object::Dictionary(resources));
                format!("q {width:.3} 0 0 {height:.3} 0 0 cm /Seal Do Q")
            }
        };
        let id = update.reserve();
        update.put_stream(id, &NewStream { dictionary: form, data: drawing.into_bytes() });
        Ok(id)
    }
}

/// Two squares in vermilion, one inside the other.
fn frame(width: f64, height: f64) -> String {
    let side = width.min(height);
    let square = |inset: f64, line: f64| {
        format!(
            "{line:.3} w {inset:.3} {inset:.3} {:.3} {:.3} re S ",
            width - 2.0 * inset,
            height - 2.0 * inset
        )
    };
    format!(
        "q 0.725 0.110 0.110 RG {}{}Q",
        square(side * 0.04, side * 0.06),
        square(side * 0.14, side * 0.02)
    )
}

impl Picture {
    fn write(&self, update: &mut Update<'_, '_>) -> Result<Id, PadesError> {
        let side = |pixels: usize| Object::Integer(i64::try_from(pixels).unwrap_or(0));
        let image = |space: &str| {
            Dictionary::new()
                .with("Type", Object::name("XObject"))
                .with("Subtype", Object::name("Image"))
                .with("Width", side(self.width))
                .with("Height", side(self.height))
                .with("BitsPerComponent", Object::Integer(8))
                .with("ColorSpace", Object::name(space))
                .with("Filter", Object::name("FlateDecode"))
        };
        let mut dictionary = image("DeviceRGB");
        if let Some(alpha) = &self.alpha {
            let mask = update.reserve();
            update.put_stream(mask, &NewStream { dictionary: image("DeviceGray"), data: deflate(alpha)? });
            dictionary.set("SMask", Object::Reference(mask));
        }
        let id = update.reserve();
        update.put_stream(id, &NewStream { dictionary, data: deflate(&self.rgb)? });
        Ok(id)
    }
}

fn deflate(data: &[u8]) -> Result<Vec<u8>, PadesError> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(data).map_err(|_| PadesError::Option("picture"))?;
    encoder.finish().map_err(|_| PadesError::Option("picture"))
}
