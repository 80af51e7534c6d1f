//! The request link as a QR symbol in SVG: one path, dark runs by row, no styling of its own.
//!
//! `fast_qr` writes one sub-path for each module; joining the modules of a row makes the picture a third of that,
//! and the page redraws it every ten seconds.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder};

/// Light modules on each side (ISO/IEC 18004 §6.3.8 asks for four).
const QUIET: usize = 4;

/// Draws `text`; `None` if it is longer than a symbol of level L can hold (2,953 bytes).
pub fn svg(text: &str) -> Option<String> {
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let size = code.size;
    let mut path = String::with_capacity(size * size * 3);
    for (y, row) in code.data.chunks(size).take(size).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a.value() == b.value()) {
            if run.first().is_some_and(|module| module.value()) {
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    let side = size + 2 * QUIET;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" \
         aria-hidden=\"true\" focusable=\"false\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paints the path again and compares it with the symbol, module by module.
    #[test]
    fn the_picture_has_exactly_the_modules_of_the_symbol() {
        let text = "openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Flogin.example%2Flogin%2Frequests%2Fabc";
        let code = QRBuilder::new(text).ecl(ECL::L).build().unwrap();
        let side = code.size + 2 * QUIET;
        let mut painted = vec![false; side * side];
        let drawing = svg(text).unwrap();
        let path = drawing.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let width = rest.split_once('v').unwrap().0;
            let (x, y, width): (usize, usize, usize) =
                (x.parse().unwrap(), y.parse().unwrap(), width.parse().unwrap());
            painted[y * side + x..y * side + x + width].fill(true);
        }
        for y in 0..side {
            for x in 0..side {
                let inside = (QUIET..side - QUIET).contains(&x) && (QUIET..side - QUIET).contains(&y);
                let dark = inside && code[y - QUIET][x - QUIET].value();
                assert_eq!(painted[y * side + x], dark, "module {x},{y}");
            }
        }
    }

    #[test]
    fn a_text_that_fits_no_symbol_is_not_drawn() {
        assert!(svg(&"a".repeat(2954)).is_none());
        assert!(svg(&"a".repeat(2953)).is_some());
    }
}
