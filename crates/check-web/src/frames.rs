//! A presentation that comes as a loop of QR codes: `MQ1:<id>:<n>/<all>:<part>`.

use std::collections::BTreeMap;

use wasm_bindgen::prelude::wasm_bindgen;

/// The most codes of one loop.
const MOST: usize = 13;
/// The longest part.
const MOST_BYTES: usize = 1000;

/// The parts seen so far. A code of another presentation begins anew.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Loop {
    id: String,
    all: usize,
    parts: BTreeMap<usize, String>,
}

#[wasm_bindgen]
impl Loop {
    /// Nothing seen yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a code. Returns the presentation once it is whole and is what its id says.
    pub fn add(&mut self, code: &str) -> Option<String> {
        let mut fields = code.strip_prefix("MQ1:")?.splitn(3, ':');
        let (id, place, part) = (fields.next()?, fields.next()?, fields.next()?);
        let (n, all) = place.split_once('/')?;
        let (n, all): (usize, usize) = (n.parse().ok()?, all.parse().ok()?);
        if id.len() != 8 || part.len() > MOST_BYTES || n == 0 || n > all || all > MOST {
            return None;
        }
        if self.id != id || self.all != all {
            *self = Self { id: id.to_owned(), all, parts: BTreeMap::new() };
        }
        self.parts.insert(n, part.to_owned());
        if self.parts.len() < self.all {
            return None;
        }
        let text: String = self.parts.values().map(String::as_str).collect();
        let hash = keys::encoding::hex_encode(&keys::sha256(text.as_bytes()));
        if hash.get(..8) == Some(id) {
            return Some(text);
        }
        // Two presentations of one id, or a changed part: begin anew.
        *self = Self::default();
        None
    }

    /// How many codes were seen.
    #[wasm_bindgen(getter)]
    pub fn seen(&self) -> usize {
        self.parts.len()
    }

    /// How many there are; 0 before the first.
    #[wasm_bindgen(getter)]
    pub fn all(&self) -> usize {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str, length: usize) -> Vec<String> {
        let hash = keys::encoding::hex_encode(&keys::sha256(text.as_bytes()));
        let all = text.len().div_ceil(length);
        let parts = text.as_bytes().chunks(length).map(String::from_utf8_lossy).enumerate();
        parts.map(|(at, part)| format!("MQ1:{}:{}/{all}:{part}", &hash[..8], at + 1)).collect()
    }

    #[test]
    fn parts_in_any_order_make_the_whole_once() {
        let text = "eyJ.a:b~c".repeat(40);
        let codes = codes(&text, 100);
        let mut seen = Loop::new();
        for code in [3, 1, 1, 2] {
            assert_eq!(seen.add(&codes[code]), None);
        }
        assert_eq!((seen.seen(), seen.all()), (3, 4));
        assert_eq!(seen.add(&codes[0]), Some(text));
    }

    #[test]
    fn another_presentation_begins_anew_and_a_forged_part_makes_none() {
        let (first, second) = (codes(&"a".repeat(250), 100), codes(&"b".repeat(250), 100));
        let mut seen = Loop::new();
        seen.add(&first[0]);
        seen.add(&first[1]);
        assert_eq!(seen.add(&second[2]), None);
        assert_eq!(seen.seen(), 1);
        assert_eq!(seen.add(&second[0]), None);
        let forged = second[1].replace("bb", "cc");
        assert_eq!(seen.add(&forged), None);
        assert_eq!(seen.seen(), 0, "nothing of it is kept");
        for bad in
            ["", "MQ1:", "MQ1:x:1/2:a", "MQ1:0123abcd:0/2:a", "MQ1:0123abcd:3/2:a", "MQ1:0123abcd:1/99:a"]
        {
            assert_eq!(seen.add(bad), None, "{bad}");
        }
        assert_eq!(seen.seen(), 0);
    }
}
