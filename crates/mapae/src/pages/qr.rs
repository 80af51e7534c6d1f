//! QR symbols in SVG: one path, a stroke of one module's height for each dark run, no styling of its own.
//!
//! The eight masks of ISO/IEC 18004 §7.8 keep patterns apart that would confuse a reader; choosing among them costs ten times
//! what the rest of the symbol does. A sealed token looks like noise under any mask, so a login page, which redraws its link
//! every ten seconds, takes one mask without trying the others.

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

/// Light modules on each side (ISO/IEC 18004 §6.3.8 asks for four).
const QUIET: i32 = 4;
/// The mask of noise.
const MASK: u8 = 3;

/// Draws a link that is mostly a sealed token; `None` if it is longer than a symbol of level L can hold (2,953 bytes).
pub fn svg(text: &str) -> Option<String> {
    symbol(text, QrCodeEcc::Low, Some(Mask::new(MASK))).map(|code| draw(&code))
}

/// Draws any text at level Q, under the best mask, as a `data:` address for an image; `None` if it is too long.
pub fn address(text: &str) -> Option<String> {
    let drawn = draw(&symbol(text, QrCodeEcc::Quartile, None)?);
    Some(format!("data:image/svg+xml;base64,{}", keys::encoding::b64_encode(drawn.as_bytes())))
}

/// The modules of any text at level M, for paper, row by row, dark ones `true`; and how many a row has.
pub fn modules(text: &str) -> Option<(Vec<bool>, usize)> {
    let code = symbol(text, QrCodeEcc::Medium, None)?;
    let rows = 0..code.size();
    let modules = rows.clone().flat_map(|y| rows.clone().map(move |x| (x, y)));
    let modules = modules.map(|(x, y)| code.get_module(x, y)).collect();
    Some((modules, usize::try_from(code.size()).ok()?))
}

fn symbol(text: &str, level: QrCodeEcc, mask: Option<Mask>) -> Option<QrCode> {
    let bytes = QrSegment::make_bytes(text.as_bytes());
    QrCode::encode_segments_advanced(&[bytes], level, Version::MIN, Version::MAX, mask, false).ok()
}

/// Dark on white in every colour scheme, or cameras fail.
fn draw(code: &QrCode) -> String {
    let size = code.size();
    let side = size + 2 * QUIET;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" \
         aria-hidden=\"true\" focusable=\"false\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path stroke=\"#000\" fill=\"none\" d=\""
    );
    for y in 0..size {
        // Where the pen stands in this row, once it was put there.
        let mut pen = None;
        let mut x = 0;
        while x < size {
            let dark = code.get_module(x, y);
            let from = x;
            while x < size && code.get_module(x, y) == dark {
                x += 1;
            }
            if !dark {
                continue;
            }
            match pen {
                None => {
                    out.push('M');
                    push(&mut out, from + QUIET);
                    out.push(' ');
                    push(&mut out, y + QUIET);
                    out.push_str(".5h");
                }
                Some(pen) => {
                    out.push('m');
                    push(&mut out, from - pen);
                    out.push_str(" 0h");
                }
            }
            push(&mut out, x - from);
            pen = Some(x);
        }
    }
    out.push_str("\"/></svg>");
    out
}

/// Writes a number below a thousand; a symbol holds thousands of them, and the general way takes several times as long.
fn push(out: &mut String, number: i32) {
    for unit in [100, 10, 1] {
        if number >= unit || unit == 1 {
            let digit = u8::try_from(number / unit % 10).unwrap_or_default();
            out.push(char::from(b'0' + digit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paints the path again and compares it with the symbol, module by module.
    #[test]
    fn the_picture_has_exactly_the_modules_of_the_symbol() {
        let text = "openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Flogin.example%2Flogin%2Frequests%2Fabc";
        let code = symbol(text, QrCodeEcc::Low, Some(Mask::new(MASK))).unwrap();
        let quiet = usize::try_from(QUIET).unwrap();
        let size = usize::try_from(code.size()).unwrap();
        let side = size + 2 * quiet;
        let mut painted = vec![false; side * side];
        let drawing = svg(text).unwrap();
        let path = drawing.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        for row in path.split('M').skip(1) {
            let (start, strokes) = row.split_once(".5h").unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            let (mut x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            for (at, stroke) in strokes.split('m').enumerate() {
                let (gap, width) = if at == 0 { ("0", stroke) } else { stroke.split_once(" 0h").unwrap() };
                let (gap, width): (usize, usize) = (gap.parse().unwrap(), width.parse().unwrap());
                x += gap;
                painted[y * side + x..y * side + x + width].fill(true);
                x += width;
            }
        }
        for y in 0..side {
            for x in 0..side {
                let at = |place: usize| i32::try_from(place).unwrap() - QUIET;
                // Outside of the symbol every module is light.
                let dark = code.get_module(at(x), at(y));
                assert_eq!(painted[y * side + x], dark, "module {x},{y}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_anybody_writes_them() {
        for number in [0, 1, 9, 10, 42, 99, 100, 105, 185, 999] {
            let mut out = String::new();
            push(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn a_text_that_fits_no_symbol_is_not_drawn() {
        assert!(svg(&"a".repeat(2954)).is_none());
        assert!(svg(&"a".repeat(2953)).is_some());
    }
}
