//! A presentation as a loop of QR codes, for a screen that is read without a network.
//!
//! ```text
//! MQ1:<id>:<n>/<all>:<part>
//! ```
//!
//! `id` are eight hexadecimal digits of the whole text's SHA-256, `n` counts from 1, `all` is at most 13, `part` at most
//! 500 bytes. A reader collects the parts of one id in any order, joins them and compares the hash.

/// Most bytes of the text in one code: 77 modules a side, which readers sample without a fault at any size on the
/// screen; from 85 modules on they miss some.
pub const MOST_BYTES: usize = 500;

/// Most codes in the loop.
pub const MOST_FRAMES: usize = 13;

/// The loop for a text of ASCII; `None` if it does not fit. `id` comes from the text's hash.
pub fn split(text: &str, id: &str) -> Option<Vec<String>> {
    let all = text.len().div_ceil(MOST_BYTES);
    if !text.is_ascii() || text.is_empty() || all > MOST_FRAMES {
        return None;
    }
    // Parts of one length make codes of one size, which a camera follows more easily.
    let length = text.len().div_ceil(all);
    let parts = text.as_bytes().chunks(length).map(String::from_utf8_lossy);
    Some(parts.enumerate().map(|(at, part)| format!("MQ1:{id}:{}/{all}:{part}", at + 1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_the_whole_again() {
        let text = "eyJ.a~b_".repeat(420);
        let frames = split(&text, "0123abcd").unwrap();
        assert_eq!(frames.len(), 7);
        let joined: String = frames.iter().map(|frame| frame.splitn(4, ':').nth(3).unwrap()).collect();
        assert_eq!(joined, text);
        assert!(frames.iter().all(|frame| frame.len() <= MOST_BYTES + 20));
        assert!(frames[6].starts_with("MQ1:0123abcd:7/7:"));
    }

    #[test]
    fn what_is_too_long_for_a_loop_is_refused() {
        assert!(split(&"x".repeat(MOST_BYTES * MOST_FRAMES), "0").is_some());
        assert!(split(&"x".repeat(MOST_BYTES * MOST_FRAMES + 1), "0").is_none());
        assert!(split("", "0").is_none());
        assert!(split("가", "0").is_none());
    }
}
