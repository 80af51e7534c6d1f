//! The table of a sheet: the posts of an official, one a row.

use certificate::print;
use certificate::word::Rows;
use serde::{Deserialize, Serialize};

use crate::operations::{Language, language};
use crate::personnel::Post;

/// Shares of the width, one for each column.
const WIDTHS: [f32; 5] = [1.15, 1.3, 1.3, 1.15, 0.85];
/// Headings, in the same order.
const HEADINGS: [&str; 5] = [
    "certificates.posts.days",
    "certificates.posts.agency",
    "certificates.posts.department",
    "certificates.posts.place",
    "certificates.posts.kind",
];

/// A table as it was printed, kept sealed with the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Of these posts.
    pub(super) fn of(posts: &[Post], lang: Language) -> Self {
        let name = |ko: &str, en: &str| {
            let text = if lang == Language::En && !en.is_empty() { en } else { ko };
            // No cell is without text: a reader hears that there is nothing.
            if text.is_empty() { "-".to_owned() } else { text.to_owned() }
        };
        let row = |post: &Post| {
            let (place, kinds) = (post.place(lang), post.kinds(lang));
            vec![
                post.days(lang),
                name(&post.agency.ko, &post.agency.en),
                name(&post.department.ko, &post.department.en),
                name(&place, &place),
                name(&kinds, &kinds),
            ]
        };
        Self {
            title: language::text(lang, "certificates.posts.title").to_owned(),
            headings: HEADINGS.map(|key| language::text(lang, key).to_owned()).to_vec(),
            rows: posts.iter().map(row).collect(),
        }
    }

    /// What the QR code says of it.
    pub(super) fn digest(&self) -> Rows {
        Rows::of(&self.rows)
    }

    /// As it goes onto the sheet.
    pub(super) fn sheet(&self) -> print::Table {
        print::Table {
            title: self.title.clone(),
            headings: self.headings.clone(),
            widths: WIDTHS.to_vec(),
            rows: self.rows.clone(),
        }
    }

    /// Each row with the heading of each cell.
    pub fn labelled(&self) -> Vec<Vec<(&str, &str)>> {
        let headings = || self.headings.iter().map(String::as_str);
        self.rows.iter().map(|row| headings().zip(row.iter().map(String::as_str)).collect()).collect()
    }
}
