//! Credential types, each read from one TOML file.
//!
//! What a badge is (its claims, their labels, which of them the holder may withhold, how many copies of it there are
//! and how long each lives) is data that an agency can read and change, not code. The file is checked whole when it
//! is read: a mistake is told with its line, and a [`CredentialType`] that exists can be issued.

mod file;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::mdoc::CborValue;
use crate::path::{ClaimPath, Step};

pub use file::TypeFileError;

/// A text in Korean and English.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    pub ko: String,
    pub en: String,
}

impl Bilingual {
    /// The English text for tags that begin with `en`, else the Korean one.
    pub fn in_language(&self, tag: &str) -> &str {
        if tag.get(..2).is_some_and(|t| t.eq_ignore_ascii_case("en")) { &self.en } else { &self.ko }
    }
}

/// A kind of credential that we issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialType {
    /// The short name, used in URLs and as credential configuration id.
    pub id: String,
    /// The `vct` of SD-JWT VC: an https URL under which the type metadata is served.
    pub vct: String,
    /// The document type of ISO mdoc.
    pub doctype: Option<String>,
    pub name: Bilingual,
    pub description: Bilingual,
    pub background_color: Option<String>,
    pub text_color: Option<String>,
    pub formats: Vec<Format>,
    pub validity: Validity,
    pub batch: Batch,
    /// How officials ask for it; `None` for the badge, which has a walk of its own.
    pub apply: Option<Apply>,
    /// What a certificate of the type is printed as; `None` where it is not.
    pub document: Option<Document>,
    pub claims: Vec<Claim>,
}

/// Who may be issued a type, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    pub approval: Approval,
    /// Which officials may ask.
    pub applicants: Applicants,
    /// Whether an official holds at most one of it at a time.
    pub one: bool,
    /// Agencies whose officials may hold it, with those below each; `*` for all.
    pub agencies: Vec<String>,
}

impl Apply {
    /// Whether one of these agencies, an official's own and those above it, is named.
    pub fn is_for<'a>(&self, mut agencies: impl Iterator<Item = &'a str>) -> bool {
        self.agencies.iter().any(|named| named == "*")
            || agencies.any(|agency| self.agencies.iter().any(|named| named == agency))
    }
}

/// A type as paper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The sentence that certifies.
    pub statement: Bilingual,
    /// Days in which its number is answered; the signature holds for ever.
    pub online_days: u16,
    /// Names of the claims that are printed, in this order.
    pub facts: Vec<String>,
    /// The table below them, where there is one.
    pub table: Option<DocumentTable>,
}

/// A table that a sheet may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentTable {
    /// The posts of the official, one a row.
    Posts,
}

/// Which officials may ask for a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicants {
    /// Those who serve.
    #[default]
    Serving,
    /// Those on leave and those who have left, too.
    Everybody,
}

/// Who says that a type may be issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// What HR has on record is enough.
    Automatic,
    /// The HR desk of the agency looks at each request.
    Hr,
}

/// A format in which a type is issued, by its name in OpenID4VCI and OpenID4VP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
pub enum Format {
    #[serde(rename = "dc+sd-jwt")]
    SdJwtVc,
    #[serde(rename = "mso_mdoc")]
    Mdoc,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SdJwtVc => "dc+sd-jwt",
            Self::Mdoc => "mso_mdoc",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::SdJwtVc, Self::Mdoc].into_iter().find(|format| format.as_str() == name)
    }
}

/// How long the document, and each copy of it, is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Years from the issue of the document (the badge, not the copy).
    pub document_years: u8,
    /// ISO weeks that a copy lives: issued in week W, good to the end of week W + `copy_weeks` − 1.
    pub copy_weeks: u8,
}

/// How many copies a holder gets, and when more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Copies of one SD-JWT VC batch.
    pub sd_jwt_copies: u16,
    /// Copies of one mdoc batch.
    pub mdoc_copies: u16,
    /// The wallet asks for the next batch when fewer copies are left.
    pub top_up_below: u16,
    /// Days after the last correct PIN in which a batch is renewed on the device key alone.
    pub silent_days: u16,
}

impl Batch {
    /// Copies of one batch in this format.
    pub fn copies(&self, format: Format) -> u16 {
        match format {
            Format::SdJwtVc => self.sd_jwt_copies,
            Format::Mdoc => self.mdoc_copies,
        }
    }
}

/// One claim of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub path: ClaimPath,
    pub label: Bilingual,
    pub description: Option<Bilingual>,
    pub kind: ClaimKind,
    pub disclosure: Disclosure,
    /// The issuer includes it in every credential.
    pub mandatory: bool,
    /// Who alone may be given the claim; a wallet refuses all others.
    pub only_for: Option<Audience>,
    /// Where its value comes from.
    pub source: Source,
    /// Most letters of a value that somebody types.
    pub longest: u16,
    /// The only values that may be typed; empty where any may.
    pub choices: Vec<String>,
}

/// Where the value of a claim comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The personnel record, under the same name ([`FACTS`]).
    Personnel,
    /// The issuer, as it issues ([`ISSUED`]).
    Issuer,
    /// Who asks for the credential types it.
    Applicant,
    /// Who approves the request types it.
    Approver,
}

/// What the personnel record can say of an official, and the kind of each.
pub const FACTS: &[(&str, ClaimKind)] = &[
    ("family_name", ClaimKind::Bilingual),
    ("given_name", ClaimKind::Bilingual),
    ("name", ClaimKind::Bilingual),
    ("birth_date", ClaimKind::Date),
    ("agency_name", ClaimKind::Bilingual),
    ("inst_code", ClaimKind::Text),
    ("department", ClaimKind::Bilingual),
    ("position", ClaimKind::Bilingual),
    ("rank", ClaimKind::Bilingual),
    ("employee_number", ClaimKind::Text),
    ("is_serving", ClaimKind::Boolean),
    ("agency_tree", ClaimKind::List),
    ("link_id", ClaimKind::Text),
    ("first_appointed", ClaimKind::Date),
    ("service", ClaimKind::Bilingual),
    ("posts", ClaimKind::List),
];

/// What the issuer says of the credential itself, and the kind of each.
pub const ISSUED: &[(&str, ClaimKind)] = &[
    ("badge_number", ClaimKind::Text),
    ("credential_number", ClaimKind::Text),
    ("issued_at", ClaimKind::Date),
    ("valid_until", ClaimKind::Date),
];

impl Claim {
    /// The name of the claim; every path of a type file has one step.
    pub fn name(&self) -> &str {
        self.path.top().unwrap_or_default()
    }

    /// What somebody typed as a value of the claim; `None` where nothing was typed and nothing need be.
    pub fn typed(&self, text: &str) -> Result<Option<Value>, ClaimsError> {
        let text = text.trim();
        if text.is_empty() {
            let missing = || ClaimsError::Missing(self.name().to_owned());
            return if self.mandatory { Err(missing()) } else { Ok(None) };
        }
        let fits = text.chars().count() <= usize::from(self.longest)
            && !text.chars().any(char::is_control)
            && (self.choices.is_empty() || self.choices.iter().any(|choice| choice == text))
            && (self.kind != ClaimKind::Date || is_date(text));
        if fits { Ok(Some(text.into())) } else { Err(ClaimsError::WrongKind(self.name().to_owned())) }
    }
}

/// What a claim's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// A string.
    Text,
    /// A string, or `{"ko": …, "en": …}` with `en` where there is one.
    Bilingual,
    /// A string `YYYY-MM-DD`.
    Date,
    Boolean,
    /// An array of strings.
    List,
}

impl ClaimKind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Bilingual => match value {
                Value::String(_) => true,
                Value::Object(texts) => {
                    texts.contains_key("ko")
                        && texts
                            .iter()
                            .all(|(tag, text)| matches!(tag.as_str(), "ko" | "en") && text.is_string())
                }
                _ => false,
            },
            Self::Date => value.as_str().is_some_and(is_date),
            Self::Boolean => value.is_boolean(),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        }
    }

    /// A value that fits, as the element of a mobile document.
    fn element(self, value: &Value) -> Option<CborValue> {
        match (self, value) {
            (Self::Date, Value::String(day)) => Some(crate::mdoc::full_date(day)),
            (_, Value::String(text)) => Some(CborValue::from(text.as_str())),
            (_, Value::Bool(truth)) => Some(CborValue::from(*truth)),
            (_, Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(CborValue::from));
                texts.collect::<Option<Vec<_>>>().map(CborValue::Array)
            }
            (_, Value::Object(texts)) => {
                let texts = texts.iter().map(|(tag, text)| {
                    Some((CborValue::from(tag.as_str()), CborValue::from(text.as_str()?)))
                });
                texts.collect::<Option<Vec<_>>>().map(CborValue::Map)
            }
            _ => None,
        }
    }
}

/// Whether the holder may withhold a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disclosure {
    Selective,
    Always,
}

/// A closed audience of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// The platform's own login provider.
    LoginProvider,
}

/// Why claim values don't make a credential of the type. Names claims, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    #[error("the type has no claim `{0}`")]
    Unknown(String),
    #[error("the mandatory claim `{0}` is missing")]
    Missing(String),
    #[error("the value of the claim `{0}` is not of its kind")]
    WrongKind(String),
    #[error("the type is not issued as a mobile document")]
    NoDocument,
}

impl CredentialType {
    /// Reads a type file. `base_url` completes a relative `vct`: `badge` becomes `{base_url}/types/badge`.
    pub fn parse(text: &str, base_url: &str) -> Result<Self, TypeFileError> {
        file::parse(text, base_url)
    }

    /// The claim of that name.
    pub fn claim(&self, name: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.name() == name)
    }

    /// How many claims a holder may withhold; a credential is padded with decoys to that many digests.
    pub fn selective_claims(&self) -> usize {
        self.claims.iter().filter(|claim| claim.disclosure == Disclosure::Selective).count()
    }

    /// Checks the values against the type and sorts them into those always told and those the holder may withhold.
    pub fn claims(&self, values: &Map<String, Value>) -> Result<crate::sd_jwt::Claims, ClaimsError> {
        let mut sorted = crate::sd_jwt::Claims::with_digests(self.selective_claims());
        for (claim, value) in self.checked(values)? {
            let name = claim.name();
            let added = match claim.disclosure {
                Disclosure::Selective => sorted.selective(name, value),
                Disclosure::Always => sorted.always(name, value),
            };
            // The file was checked for names of the token itself when it was read.
            added.map_err(|_| ClaimsError::Unknown(name.to_owned()))?;
        }
        Ok(sorted)
    }

    /// The same values as elements of a mobile document, in the one namespace of the type. A claim for one audience
    /// alone stays out of it: readers of documents know nothing of that rule.
    pub fn elements(&self, values: &Map<String, Value>) -> Result<crate::mdoc::Elements, ClaimsError> {
        let name_space = self.name_space().ok_or(ClaimsError::NoDocument)?;
        let mut elements = crate::mdoc::Elements::with_digests(self.documented().count());
        for (claim, value) in self.checked(values)?.into_iter().filter(|(claim, _)| claim.only_for.is_none())
        {
            let wrong = || ClaimsError::WrongKind(claim.name().to_owned());
            let element = claim.kind.element(value).ok_or_else(wrong)?;
            elements.add(name_space, claim.name(), &element).map_err(|_| wrong())?;
        }
        Ok(elements)
    }

    /// The claims that a mobile document of the type may tell.
    pub fn documented(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(|claim| claim.only_for.is_none())
    }

    /// The namespace of the type's elements in a mobile document: its document type.
    pub fn name_space(&self) -> Option<&str> {
        self.doctype.as_deref()
    }

    /// The names that the type has in its formats: the `vct`, the document type.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        let document = self.doctype.as_deref().filter(|_| self.is_issued_as(Format::Mdoc));
        std::iter::once(self.vct.as_str()).chain(document)
    }

    /// The claim that a path of a query names in this format: its one step, or in a document the one below the
    /// namespace.
    pub fn claim_at(&self, format: Format, path: &ClaimPath) -> Option<&Claim> {
        let name = match (format, path.steps()) {
            (Format::SdJwtVc, [Step::Key(name), ..]) => name,
            (Format::Mdoc, [Step::Key(name_space), Step::Key(name), ..])
                if Some(name_space.as_str()) == self.name_space() =>
            {
                name
            }
            _ => return None,
        };
        self.claim(name)
    }

    /// Whether it is issued in this format.
    pub fn is_issued_as(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    /// The claims that this person types, in the order of the file.
    pub fn typed_by(&self, source: Source) -> impl Iterator<Item = &Claim> {
        self.claims.iter().filter(move |claim| claim.source == source)
    }

    /// Each claim that has a value, in the order of the file.
    fn checked<'v>(&self, values: &'v Map<String, Value>) -> Result<Vec<(&Claim, &'v Value)>, ClaimsError> {
        if let Some(name) = values.keys().find(|name| self.claim(name).is_none()) {
            return Err(ClaimsError::Unknown(name.clone()));
        }
        let mut checked = Vec::with_capacity(self.claims.len());
        for claim in &self.claims {
            let name = claim.name();
            match values.get(name) {
                None if claim.mandatory => return Err(ClaimsError::Missing(name.to_owned())),
                None => {}
                Some(value) if !claim.kind.fits(value) => {
                    return Err(ClaimsError::WrongKind(name.to_owned()));
                }
                Some(value) => checked.push((claim, value)),
            }
        }
        Ok(checked)
    }

    /// The first and last second of a copy issued at `now`, on ISO-week borders so that copies of a week look alike.
    pub fn copy_validity(&self, now: i64) -> (i64, i64) {
        crate::status_list::week::Week::of(now).validity(self.validity.copy_weeks)
    }
}

/// The text of a claim value in the language, whether it was given in one language or two.
pub fn text_in<'v>(value: &'v Value, tag: &str) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(texts) => {
            let wanted = if tag.starts_with("en") {
                texts.get("en").or_else(|| texts.get("ko"))
            } else {
                texts.get("ko")
            };
            wanted.and_then(Value::as_str)
        }
        _ => None,
    }
}

/// Whether a text is a day of the calendar as `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    text.len() == 10 && time::Date::parse(text, format).is_ok()
}

/// A path of a type file: one name, because the issuer conceals whole top-level claims.
fn single_name(path: &ClaimPath) -> Option<&str> {
    match path.steps() {
        [Step::Key(name)] => Some(name),
        _ => None,
    }
}
