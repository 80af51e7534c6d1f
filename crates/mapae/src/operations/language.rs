//! Korean first, English complete: the message catalogue and the choice of language.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

/// A language of the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    Ko,
    En,
}

impl Language {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::Ko, Self::En];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    /// One of two texts that are data, not messages.
    pub fn pick<'a>(self, ko: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ko => ko,
            Self::En => en,
        }
    }

    /// The choice of a request: the cookie `lang`, else `Accept-Language` (RFC 9110 §12.5.4), else Korean.
    pub fn of(headers: &HeaderMap) -> Self {
        let cookie = headers
            .get_all(http::header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .find_map(|pair| pair.trim().strip_prefix("lang="));
        if let Some(language) = cookie.and_then(Self::from_tag) {
            return language;
        }
        headers
            .get(http::header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .map_or(Self::Ko, Self::negotiate)
    }

    fn from_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "ko" => Some(Self::Ko),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    fn negotiate(accepted: &str) -> Self {
        let mut best = (0.0_f32, Self::Ko);
        for range in accepted.split(',').take(16) {
            let (tag, quality) = match range.split_once(";q=") {
                Some((tag, quality)) => (tag, quality.trim().parse().unwrap_or(0.0)),
                None => (range, 1.0),
            };
            if let Some(language) = Self::from_tag(tag.trim())
                && quality > best.0
            {
                best = (quality, language);
            }
        }
        best.1
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers))
    }
}

macro_rules! catalogue {
    ($($folder:literal),* $(,)?) => {
        const FOLDERS: &[(&str, [&str; 2])] = &[$((
            $folder,
            [
                include_str!(concat!("../../locales/ko/", $folder, ".json")),
                include_str!(concat!("../../locales/en/", $folder, ".json")),
            ],
        )),*];
    };
}

catalogue! {
    "operations", "audit", "personnel", "employment", "scim", "staff", "application", "notification",
    "account", "credentials", "certificates", "issuance", "lifecycle", "verification", "login", "pages", "refusal", "phone", "loss", "desk",
    "in_person", "gates", "relying_parties", "signatures",
}

type Catalogue = HashMap<String, String>;

static MESSAGES: LazyLock<[Catalogue; 2]> = LazyLock::new(|| [0, 1].map(load));

fn load(language: usize) -> Catalogue {
    let texts = FOLDERS.iter().filter_map(|(_, texts)| texts.get(language));
    // A broken file is found by the test below; the server then shows keys instead of texts, and goes on.
    texts.filter_map(|text| serde_json::from_str::<Catalogue>(text).ok()).flatten().collect()
}

/// The message for `key`, or the key itself if the catalogue has none.
pub fn text(language: Language, key: &str) -> &str {
    let [ko, en] = &*MESSAGES;
    let catalogue = match language {
        Language::Ko => ko,
        Language::En => en,
    };
    catalogue.get(key).map_or(key, String::as_str)
}

/// Whether the catalogue has a message for `key`.
pub fn knows(key: &str) -> bool {
    let [ko, _] = &*MESSAGES;
    ko.contains_key(key)
}

/// The message for `key` with `{name}` replaced by the given values.
pub fn format(language: Language, key: &str, values: &[(&str, String)]) -> String {
    let template = text(language, key);
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(value),
            None => {
                let _ = write!(out, "{{{name}}}");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The blanks; what fills one in each language of its own ends in its tag.
    fn names(template: &str) -> BTreeSet<&str> {
        let names = template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name);
        names.map(|name| name.trim_end_matches("_ko").trim_end_matches("_en")).collect()
    }

    #[test]
    fn both_languages_have_the_same_messages_with_the_same_blanks() {
        for (folder, texts) in FOLDERS {
            let [ko, en] = texts.map(|text| serde_json::from_str::<Catalogue>(text).expect(folder));
            let keys = |c: &Catalogue| c.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&ko), keys(&en), "{folder}");
            for (key, korean) in &ko {
                assert_eq!(names(korean), names(&en[key]), "{folder}: {key}");
                assert!(!korean.is_empty() && !en[key].is_empty(), "{folder}: {key} is empty");
            }
        }
    }

    #[test]
    fn every_refusal_of_a_presentation_has_a_sentence() {
        for code in credential::verify::Refusal::CODES {
            assert!(knows(&format!("refusal.{code}")), "{code}");
        }
    }

    #[test]
    fn no_message_key_is_defined_by_two_folders() {
        let mut seen = BTreeSet::new();
        for (folder, [ko, _]) in FOLDERS {
            for key in serde_json::from_str::<Catalogue>(ko).expect(folder).into_keys() {
                assert!(seen.insert(key.clone()), "{folder}: {key} is defined twice");
            }
        }
    }

    #[test]
    fn the_phone_in_english_gets_english_and_the_unknown_gets_korean() {
        assert_eq!(Language::negotiate("en-US,en;q=0.9,ko;q=0.8"), Language::En);
        assert_eq!(Language::negotiate("de, fr;q=0.5"), Language::Ko);
        assert_eq!(Language::negotiate("en;q=0.3, ko"), Language::Ko);
    }

    #[test]
    fn blanks_are_filled_and_unknown_blanks_stay() {
        assert_eq!(format(Language::En, "a {x} b {y} c {", &[("x", "1".into())]), "a 1 b {y} c {");
    }
}
