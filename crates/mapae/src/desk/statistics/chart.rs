//! Charts as SVG without script or inline style: axis from zero, labelled directly, readable in grey and in print. The
//! same numbers stand in a table beside, so a screen reader skips the picture.

use std::fmt::Write as _;

use crate::pages::escape;

const WIDTH: i64 = 640;
const LABEL: i64 = 120;
const VALUE: i64 = 96;
const BAR: i64 = 28;
const GAP: i64 = 12;

/// Horizontal bars: label, size, and the size in words.
pub(super) fn bars(rows: &[(&str, i64, String)]) -> String {
    let most = rows.iter().map(|(_, size, _)| *size).max().unwrap_or(0).max(1);
    let height = i64::try_from(rows.len()).unwrap_or(0) * (BAR + GAP) + GAP;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" aria-hidden=\"true\" focusable=\"false\">"
    );
    let room = WIDTH - LABEL - VALUE;
    for (place, (label, size, words)) in rows.iter().enumerate() {
        let top = GAP + i64::try_from(place).unwrap_or(0) * (BAR + GAP);
        let length = room.saturating_mul(*size) / most;
        let middle = top + BAR / 2 + 5;
        let _ = write!(
            svg,
            "<text class=\"chart-label\" x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"chart-bar\" x=\"{LABEL}\" y=\"{top}\" width=\"{}\" height=\"{BAR}\" rx=\"3\"/>\
             <text class=\"chart-value\" x=\"{}\" y=\"{middle}\">{}</text>",
            LABEL - 10,
            escape(label),
            length.max(1),
            LABEL + length + 8,
            escape(words)
        );
    }
    let _ = write!(
        svg,
        "<line class=\"chart-axis\" x1=\"{LABEL}\" y1=\"0\" x2=\"{LABEL}\" y2=\"{height}\"/></svg>"
    );
    svg
}

/// A curve over time that only rises: moments (ms) and sums.
pub(super) fn curve(points: &[(i64, i64)]) -> String {
    const HEIGHT: i64 = 220;
    const FOOT: i64 = 28;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let most = last.1.max(1);
    let span = (last.0 - first.0).max(1);
    let (left, right) = (64, WIDTH - 16);
    let x = |at: i64| if points.len() == 1 { right } else { left + (right - left) * (at - first.0) / span };
    let y = |sum: i64| (HEIGHT - FOOT) - (HEIGHT - FOOT - 16) * sum / most;
    let mut line = String::new();
    for (at, sum) in points {
        let _ = write!(line, "{}{},{}", if line.is_empty() { "" } else { " " }, x(*at), y(*sum));
    }
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\" focusable=\"false\">"
    );
    for part in [0, most / 2, most] {
        let level = y(part);
        let _ = write!(
            svg,
            "<line class=\"chart-grid\" x1=\"{left}\" y1=\"{level}\" x2=\"{right}\" y2=\"{level}\"/>\
             <text class=\"chart-value\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{part}</text>",
            left - 8,
            level + 5
        );
    }
    let _ = write!(
        svg,
        "<polyline class=\"chart-line\" points=\"{line}\"/><circle class=\"chart-dot\" cx=\"{}\" cy=\"{}\" r=\"5\"/>\
         <text class=\"chart-label\" x=\"{left}\" y=\"{}\">{}</text>\
         <text class=\"chart-label\" x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
        x(last.0),
        y(last.1),
        HEIGHT - 6,
        crate::pages::date(first.0),
        HEIGHT - 6,
        crate::pages::date(last.0)
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_begin_at_zero_and_survive_nothing_and_one_point() {
        let empty = bars(&[]);
        assert!(empty.contains("<svg") && !empty.contains("rect"));
        let zero = bars(&[("없음", 0, "0".to_owned()), ("<하나>", 3, "3".to_owned())]);
        assert!(zero.contains("&lt;하나&gt;") && zero.contains("width=\"424\""), "{zero}");
        assert_eq!(curve(&[]), "");
        assert!(curve(&[(0, 5)]).contains("polyline"));
        let line = curve(&[(0, 1), (604_800_000, 4), (1_209_600_000, 8)]);
        assert!(line.contains("points=\"64,170 344,104 624,16\""), "{line}");
    }
}
