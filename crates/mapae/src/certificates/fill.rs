//! What is printed: the facts of a type's file in one language, and the sheet around them.

use certificate::number::Number;
use certificate::print::{Codes, Moment, Sheet};
use certificate::word::{Kind, Word, WordError};
use credential::types::{ClaimKind, CredentialType, text_in};
use keys::Signer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::table::Table;
use crate::operations::Language;
use crate::operations::language;

/// What was printed, kept sealed: the number is answered from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub number: String,
    pub title: String,
    /// Label and value, as printed.
    pub facts: Vec<(String, String)>,
    pub name: String,
    /// `YYYY-MM-DD`
    pub birth_date: String,
    pub agency: String,
    /// `YYYY-MM-DD`, in Korea.
    pub issued: String,
    pub statement: String,
    /// The table, where the type's document has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
}

impl Content {
    /// Of these claim values.
    pub(super) fn new(
        kind: &CredentialType,
        values: &Map<String, Value>,
        table: Option<Table>,
        number: Number,
        issued: &str,
        lang: Language,
    ) -> Self {
        let tag = lang.tag();
        let plain = |name: &str| {
            let value = values.get(name);
            value.and_then(|value| text_in(value, tag)).unwrap_or_default().to_owned()
        };
        let document = kind.document.as_ref();
        let facts = document.into_iter().flat_map(|document| &document.facts).filter_map(|name| {
            let claim = kind.claim(name)?;
            let text = match (claim.kind, values.get(name)?) {
                (ClaimKind::Date, Value::String(day)) => self::day(day, lang),
                (_, value) => text_in(value, tag)?.to_owned(),
            };
            Some((lang.pick(&claim.label.ko, &claim.label.en).to_owned(), text))
        });
        Self {
            number: number.to_string(),
            title: lang.pick(&kind.name.ko, &kind.name.en).to_owned(),
            facts: facts.collect(),
            name: plain("name"),
            birth_date: plain("birth_date"),
            agency: plain("agency_name"),
            issued: issued.to_owned(),
            statement: document
                .map(|document| lang.pick(&document.statement.ko, &document.statement.en).to_owned())
                .unwrap_or_default(),
            table,
        }
    }

    /// The text of the QR code. Where a table does not leave room for them, department and rank are left to its rows.
    ///
    /// # Errors
    /// It is too long all the same, or the key does not sign.
    pub(super) fn code(
        &self,
        values: &Map<String, Value>,
        number: Number,
        page: &str,
        signer: &dyn Signer,
    ) -> Result<String, WordError> {
        let word = self.word(values, number);
        match word.text(page, signer) {
            Err(WordError::Long) if word.rows.is_some() => {
                Word { department: String::new(), rank: String::new(), ..word }.text(page, signer)
            }
            made => made,
        }
    }

    /// The word of the QR code, of the Korean facts whatever the language of the sheet: it is compared with records.
    pub(super) fn word(&self, values: &Map<String, Value>, number: Number) -> Word {
        let plain = |name: &str| {
            values.get(name).and_then(|value| text_in(value, "ko")).unwrap_or_default().to_owned()
        };
        Word {
            kind: if self.table.is_some() { Kind::Career } else { Kind::Employment },
            number,
            issued: days(&self.issued),
            born: days(&self.birth_date),
            name: plain("name"),
            agency: plain("agency_name"),
            department: plain("department"),
            rank: plain("rank"),
            purpose: plain("purpose"),
            recipient: plain("recipient"),
            rows: self.table.as_ref().map(Table::digest),
        }
    }

    /// The sheet; `code` are the modules of the QR code and how many one side has.
    pub(super) fn sheet<'a>(
        &self,
        code: (&'a [bool], usize),
        page: &str,
        made: Moment,
        lang: Language,
        demo: bool,
    ) -> Sheet<'a> {
        let text = |key: &str| language::text(lang, key).to_owned();
        let with =
            |key: &str, name: &str, value: &str| language::format(lang, key, &[(name, value.to_owned())]);
        let seal: String = format!("{}인", self.agency).chars().take(9).collect();
        let seal = if self.agency.is_ascii() { "관인".to_owned() } else { seal };
        Sheet {
            language: match lang {
                Language::Ko => certificate::print::Language::Ko,
                Language::En => certificate::print::Language::En,
            },
            title: self.title.clone(),
            number: with("certificates.sheet.number", "number", &self.number),
            facts: self.facts.clone(),
            table: self.table.as_ref().map(Table::sheet),
            statement: self.statement.clone(),
            day: day(&self.issued, lang),
            certifier: self.agency.clone(),
            seal,
            seal_alt: with("certificates.sheet.seal", "agency", &self.agency),
            codes: Codes {
                modules: code.0,
                side: code.1,
                alt: text("certificates.sheet.qr"),
                notes: vec![
                    text("certificates.sheet.check"),
                    with("certificates.sheet.check.where", "page", page),
                    match self.table {
                        None => text("certificates.sheet.check.qr"),
                        Some(_) => text("certificates.sheet.check.qr_rows"),
                    },
                    text("certificates.sheet.check.day"),
                ],
            },
            made,
            foot: if demo { text("certificates.sheet.demo") } else { self.title.clone() },
        }
    }

    /// What anybody who has the number sees: enough to compare with paper, too little to learn who it is.
    pub fn masked(&self) -> Vec<(String, String)> {
        let shown =
            |text: &str| {
                let letters = text.chars().count();
                text.chars()
                    .enumerate()
                    .map(|(n, letter)| {
                        if n == 0 || letter == ' ' || (n + 1 == letters && letters > 2) {
                            letter
                        } else {
                            '*'
                        }
                    })
                    .collect::<String>()
            };
        let of =
            |text: &str| self.facts.iter().find(|(_, value)| value == text).map(|(label, _)| label.clone());
        [(self.name.clone(), shown(&self.name)), (self.agency.clone(), self.agency.clone())]
            .into_iter()
            .filter_map(|(text, shown)| Some((of(&text)?, shown)))
            .collect()
    }
}

/// A day `YYYY-MM-DD` as it is written for people.
pub(super) fn day(text: &str, lang: Language) -> String {
    let mut parts = text.split('-').map(|part| part.trim_start_matches('0'));
    match (lang, parts.next(), parts.next(), parts.next()) {
        (Language::Ko, Some(year), Some(month), Some(day)) => format!("{year}년 {month}월 {day}일"),
        _ => text.to_owned(),
    }
}

/// A day `YYYY-MM-DD` in days from 1970-01-01; 0 for what is none.
fn days(text: &str) -> i32 {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let day = time::Date::parse(text, format).map_or(0, |day| day.to_julian_day());
    day - time::macros::date!(1970 - 01 - 01).to_julian_day()
}
