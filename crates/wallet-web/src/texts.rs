//! Korean first, English complete: the app's catalogue, in two parts as the program is (docs/adr/0006).
//!
//! `locales/ko.json` holds what the first part says and every text whose key is put together at run time; `rest.ko.json`
//! what only screens of the second part say. The second part hands its half over when it is loaded ([`more`]).

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use serde::{Deserialize, Serialize};

/// A language of the catalogue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Language {
    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::Ko => "ko",
            Language::En => "en",
        }
    }

    /// From a tag such as `en-GB`; Korean unless English is named.
    pub fn of(tag: &str) -> Language {
        if tag.to_ascii_lowercase().starts_with("en") { Language::En } else { Language::Ko }
    }

    /// The other one.
    pub const fn other(self) -> Language {
        match self {
            Language::Ko => Language::En,
            Language::En => Language::Ko,
        }
    }

    /// One of two texts that are data, not messages; the Korean one where there is no other.
    pub fn pick<'a>(self, ko: &'a str, en: &'a str) -> &'a str {
        match self {
            Language::En if !en.is_empty() => en,
            _ => ko,
        }
    }
}

type Catalogue = HashMap<String, String>;

const KO: &str = include_str!("../locales/ko.json");
const EN: &str = include_str!("../locales/en.json");
const REST_KO: &str = include_str!("../locales/rest.ko.json");
const REST_EN: &str = include_str!("../locales/rest.en.json");

// Each is read when it is first spoken: few people speak both.
static KOREAN: LazyLock<Catalogue> = LazyLock::new(|| read(KO));
static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(EN));
static REST_KOREAN: LazyLock<Catalogue> = LazyLock::new(|| read(REST_KO));
static REST_ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(REST_EN));

/// Finds a text of the second part.
pub type Finder = fn(Language, &str) -> Option<&'static str>;

static MORE: OnceLock<Finder> = OnceLock::new();

/// From now on the second part's texts are found, too. Once is enough: they are the same every time.
pub fn more(finder: Finder) {
    let _ = MORE.set(finder);
}

/// The second part's finder. Named in its table and nowhere else, so that its texts lie there.
pub fn in_rest(language: Language, key: &str) -> Option<&'static str> {
    let catalogue = match language {
        Language::Ko => &*REST_KOREAN,
        Language::En => &*REST_ENGLISH,
    };
    catalogue.get(key).map(String::as_str)
}

fn read(text: &str) -> Catalogue {
    // A broken file is found by the test below; the app then shows keys instead of texts, and goes on.
    serde_json::from_str(text).unwrap_or_default()
}

/// The text of `key`, or `None` if the catalogue has none.
pub fn find(language: Language, key: &str) -> Option<&'static str> {
    let catalogue = match language {
        Language::Ko => &*KOREAN,
        Language::En => &*ENGLISH,
    };
    let here = catalogue.get(key).map(String::as_str);
    here.or_else(|| MORE.get().and_then(|finder| finder(language, key)))
}

/// The text of `key`, or the key itself.
pub fn text(language: Language, key: &str) -> String {
    find(language, key).unwrap_or(key).to_owned()
}

/// The text of `key` with each `{name}` filled.
pub fn format(language: Language, key: &str, values: &[(&str, &str)]) -> String {
    let mut text = text(language, key);
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanks(text: &str) -> Vec<String> {
        let mut found: Vec<String> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}'))
            .map(|(n, _)| n.to_owned())
            .collect();
        found.sort();
        found
    }

    /// Both parts of a language; no key stands in both.
    fn whole(first: &str, rest: &str) -> Catalogue {
        let mut all: Catalogue = serde_json::from_str(first).unwrap();
        let rest: Catalogue = serde_json::from_str(rest).unwrap();
        for (key, text) in rest {
            assert!(all.insert(key.clone(), text).is_none(), "{key} stands in both parts");
        }
        all
    }

    #[test]
    fn both_languages_have_the_same_keys_with_the_same_blanks() {
        let ko = whole(KO, REST_KO);
        let en = whole(EN, REST_EN);
        for (key, text) in &ko {
            let other = en.get(key).unwrap_or_else(|| panic!("{key} has no English"));
            assert_eq!(blanks(text), blanks(other), "{key}");
        }
        for key in en.keys() {
            assert!(ko.contains_key(key), "{key} has no Korean");
        }
    }

    /// The files whose screens may stand before the second part is there.
    const FIRST: [&str; 11] = [
        "app.rs",
        "parts.rs",
        "pin_pad.rs",
        "fault.rs",
        "screens.rs",
        "screens/activation.rs",
        "screens/card.rs",
        "screens/closed.rs",
        "screens/home.rs",
        "screens/install.rs",
        "screens/notices.rs",
    ];

    #[test]
    fn every_key_that_the_code_names_is_in_its_part_of_the_catalogue() {
        fn walk(folder: &std::path::Path, seen: &mut usize) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, seen);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                let first = FIRST.iter().any(|name| path.ends_with(std::path::Path::new("src").join(name)));
                for call in [".t(\"", ".tf(\""] {
                    for rest in source.split(call).skip(1) {
                        let key = rest.split('"').next().unwrap();
                        let found = KOREAN.contains_key(key) || (!first && REST_KOREAN.contains_key(key));
                        assert!(found, "{}: {key}", path.display());
                        *seen += 1;
                    }
                }
            }
        }
        let mut seen = 0;
        walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut seen);
        assert!(seen > 100, "only {seen} keys were found in the source");
    }

    #[test]
    fn every_error_says_what_to_do_next() {
        let ko = whole(KO, REST_KO);
        for key in ko.keys() {
            if let Some(code) = key.strip_prefix("error.") {
                assert!(
                    ko.contains_key(&format!("next.{code}")),
                    "{code} says what happened but not what to do"
                );
            }
        }
    }

    #[test]
    fn blanks_are_filled() {
        let key = "pin.tries_left";
        assert!(format(Language::Ko, key, &[("left", "3")]).contains('3'));
        assert!(format(Language::En, key, &[("left", "3")]).contains('3'));
    }
}
