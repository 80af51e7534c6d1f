use std::collections::HashMap;

use super::assets::local;
use super::{Language, STYLESHEET, ago, escape, full};

/// Text token, ground token: each must have 4.5 : 1 in every set (WCAG 2.2 §1.4.3).
const PAIRS: &[(&str, &str)] = &[
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink", "sunken"),
    ("ink", "jade-tint"),
    ("ink", "amber-tint"),
    ("ink", "vermilion-tint"),
    ("ink-soft", "paper"),
    ("ink-soft", "surface"),
    ("ink-soft", "sunken"),
    ("on-jade", "jade"),
    ("on-jade", "jade-deep"),
    ("jade", "surface"),
    ("jade-deep", "paper"),
    ("jade-deep", "surface"),
    ("jade-deep", "sunken"),
    ("jade-deep", "jade-tint"),
    ("jade-deep", "amber-tint"),
    ("jade-deep", "vermilion-tint"),
    ("amber", "surface"),
    ("amber-ink", "surface"),
    ("amber-ink", "paper"),
    ("amber-ink", "amber-tint"),
    ("vermilion", "surface"),
    ("vermilion", "paper"),
    ("vermilion", "vermilion-tint"),
    ("vermilion-deep", "vermilion-tint"),
    ("on-vermilion", "vermilion"),
];

/// Edges of controls: 3 : 1 (WCAG 2.2 §1.4.11).
const EDGES: &[(&str, &str)] =
    &[("line-strong", "surface"), ("line-strong", "paper"), ("jade", "surface"), ("amber", "amber-tint")];

fn token_sets() -> Vec<HashMap<String, u32>> {
    let mut sets: Vec<HashMap<String, u32>> = Vec::new();
    for block in STYLESHEET.split(":root {").skip(1) {
        let body = block.split('}').next().unwrap();
        let own: HashMap<String, u32> = body
            .split(';')
            .filter_map(|line| line.split_once("--")?.1.split_once(": #"))
            .map(|(name, value)| (name.to_owned(), u32::from_str_radix(value.trim(), 16).unwrap()))
            .collect();
        if own.contains_key("paper") {
            sets.push(own);
        }
    }
    sets
}

fn luminance(colour: u32) -> f64 {
    let part = |shift: u32| {
        let value = f64::from((colour >> shift) & 0xff) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
}

fn contrast(a: u32, b: u32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_text_can_be_read_on_its_ground_in_light_dark_and_high_contrast() {
    let sets = token_sets();
    assert_eq!(sets.len(), 4, "light, dark, and both with more contrast");
    for (number, set) in sets.iter().enumerate() {
        for (text, ground) in PAIRS {
            let ratio = contrast(set[*text], set[*ground]);
            assert!(ratio >= 4.5, "set {number}: {text} on {ground} has {ratio:.2}");
        }
        for (edge, ground) in EDGES {
            let ratio = contrast(set[*edge], set[*ground]);
            assert!(ratio >= 3.0, "set {number}: {edge} on {ground} has {ratio:.2}");
        }
    }
}

#[test]
fn the_language_switch_never_leads_to_another_server() {
    assert_eq!(local("/portal?x=1"), "/portal?x=1");
    for bad in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "",
        "portal",
        "/a\r\nSet-Cookie: x",
        "/a b",
    ] {
        assert_eq!(local(bad), "/", "{bad:?}");
    }
}

#[test]
fn what_people_wrote_is_shown_and_never_run() {
    assert_eq!(escape("<b onclick=\"x('&')\">"), "&lt;b onclick=&quot;x(&#39;&amp;&#39;)&quot;&gt;");
}

#[test]
fn time_is_told_as_people_tell_it() {
    let noon = 1_795_489_509_000; // 2026-11-24T03:05:09Z
    assert_eq!(full(noon), "2026. 11. 24. 12:05");
    assert_eq!(ago(Language::Ko, noon - 3 * 60_000, noon), "3분 전");
    assert_eq!(ago(Language::En, noon - 25 * 3_600_000, noon), "1 day ago");
    assert_eq!(ago(Language::En, noon + 2 * 3_600_000, noon), "in 2 hours");
    assert_eq!(ago(Language::Ko, noon + 500, noon), "방금");
}

/// Every key a template names is in the catalogue, so that nobody ever reads a key.
#[test]
fn every_text_of_every_template_is_in_the_catalogue() {
    fn walk(folder: &std::path::Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
            } else if path.extension().is_some_and(|kind| kind == "html") {
                let template = std::fs::read_to_string(&path).unwrap();
                for call in ["page.t(\"", "page.t1(\"", "page.state(\""] {
                    for rest in template.split(call).skip(1) {
                        let inside = rest.split(')').next().unwrap();
                        let key = inside.split('"').find(|part| part.contains('.')).unwrap_or_default();
                        if key.is_empty() {
                            continue;
                        }
                        assert!(crate::operations::language::knows(key), "{}: {key}", path.display());
                        *seen += 1;
                    }
                }
            }
        }
    }
    let mut seen = 0;
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut seen);
    assert!(seen > 10, "{seen} texts found: the search itself is broken");
}
