//! Reads a QR code off a picture. A module of its own, so that nobody loads it whose browser can do it.

use wasm_bindgen::prelude::wasm_bindgen;

/// The text of the first QR code in a picture as a canvas gives it (four bytes a pixel: red, green, blue, alpha; row by
/// row), if there is one.
#[wasm_bindgen]
pub fn read_rgba(picture: &[u8], width: u32, height: u32) -> Option<String> {
    let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
    if width.checked_mul(height)?.checked_mul(4)? != picture.len() {
        return None;
    }
    // Rec. 601 weights, in 256ths.
    let grey: Vec<u8> = picture
        .chunks_exact(4)
        .map(|pixel| match pixel {
            [red, green, blue, _] => {
                let sum = 77 * u32::from(*red) + 150 * u32::from(*green) + 29 * u32::from(*blue);
                u8::try_from(sum >> 8).unwrap_or(u8::MAX)
            }
            _ => 0,
        })
        .collect();
    let at = |x: usize, y: usize| grey.get(y * width + x).copied().unwrap_or_default();
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, at);
    prepared.detect_grids().into_iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}
