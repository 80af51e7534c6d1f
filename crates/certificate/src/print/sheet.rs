//! What is printed.

/// The language of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Ko,
    En,
}

impl Language {
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko-KR",
            Self::En => "en-US",
        }
    }
}

/// A moment in the time of Korea, as the file's own date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub year: u16,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

/// A table of rows, each with as many cells as there are headings.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the table is of, as a heading above it.
    pub title: String,
    pub headings: Vec<String>,
    /// Shares of the width, one for each column.
    pub widths: Vec<f32>,
    pub rows: Vec<Vec<String>>,
}

/// How a reader checks the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes<'a> {
    /// Modules of the QR code, row by row, dark ones true.
    pub modules: &'a [bool],
    /// Modules of one side.
    pub side: usize,
    /// What a screen reader says instead of the picture.
    pub alt: String,
    /// Sentences beside it.
    pub notes: Vec<String>,
}

/// A certificate, ready to be printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet<'a> {
    pub language: Language,
    /// 재직증명서, Certificate of Employment
    pub title: String,
    /// Line above the title: the document number.
    pub number: String,
    /// Facts in the order of reading: label and value.
    pub facts: Vec<(String, String)>,
    pub table: Option<Table>,
    /// 위와 같이 재직하고 있음을 증명합니다.
    pub statement: String,
    /// The day of issue, as it is printed.
    pub day: String,
    /// Who certifies: 예시행정부장관
    pub certifier: String,
    /// Letters of the seal picture, at most nine, read from the top right downwards.
    pub seal: String,
    /// What a screen reader says of the seal picture.
    pub seal_alt: String,
    pub codes: Codes<'a>,
    /// When it was made.
    pub made: Moment,
    /// Small line at the foot of each page, beside the number of the page.
    pub foot: String,
}
