//! The TOML form of a credential type.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Applicants, Apply, Approval, Audience, Batch, Bilingual, Claim, ClaimKind, CredentialType, Disclosure,
    Document, DocumentTable, FACTS, Format, ISSUED, Source, Validity, single_name,
};
use crate::path::{ClaimPath, Step};
use crate::sd_jwt::NEVER_DISCLOSED;

/// The largest type file that is read, in bytes.
const MAX_FILE: usize = 64 * 1024;
/// The most claims of one type.
const MAX_CLAIMS: usize = 64;
/// Most letters of a typed value, unless the file says otherwise, and whatever it says.
const LONGEST: u16 = 100;
const LONGEST_MOST: u16 = 500;
/// Most values to choose from.
const MAX_CHOICES: usize = 50;
/// Most agencies that one type names.
const MAX_AGENCIES: usize = 200;
/// The most copies of one batch.
const MAX_COPIES: u16 = 100;

/// Where a type file is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct TypeFileError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawType {
    id: Spanned<String>,
    vct: Spanned<String>,
    doctype: Option<Spanned<String>>,
    name: Spanned<Bilingual>,
    description: Spanned<Bilingual>,
    background_color: Option<Spanned<String>>,
    text_color: Option<Spanned<String>>,
    formats: Spanned<Vec<Format>>,
    validity: Spanned<RawValidity>,
    batch: Spanned<RawBatch>,
    apply: Option<Spanned<RawApply>>,
    document: Option<Spanned<RawDocument>>,
    claims: Vec<Spanned<RawClaim>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawValidity {
    document_years: u8,
    copy_weeks: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawBatch {
    sd_jwt_copies: u16,
    mdoc_copies: u16,
    top_up_below: u16,
    silent_days: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawApply {
    approval: Approval,
    #[serde(default, rename = "for")]
    applicants: Applicants,
    #[serde(default = "yes")]
    one: bool,
    agencies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawDocument {
    statement: Bilingual,
    online_days: u16,
    facts: Vec<String>,
    table: Option<DocumentTable>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawClaim {
    path: Spanned<Vec<String>>,
    label: Spanned<Bilingual>,
    description: Option<Spanned<Bilingual>>,
    kind: ClaimKind,
    disclosure: Disclosure,
    mandatory: bool,
    only_for: Option<Audience>,
    from: Option<Source>,
    longest: Option<Spanned<u16>>,
    #[serde(default)]
    choices: Vec<String>,
}

pub(super) fn parse(text: &str, base_url: &str) -> Result<CredentialType, TypeFileError> {
    if text.len() > MAX_FILE {
        return Err(TypeFileError { line: 1, reason: format!("a type file has at most {MAX_FILE} bytes") });
    }
    let raw: RawType = toml::from_str(text).map_err(|e| TypeFileError {
        line: line_of(text, e.span().map_or(0, |span| span.start)),
        reason: e.message().to_owned(),
    })?;
    check(raw, base_url).map_err(|(span, reason)| TypeFileError { line: line_of(text, span.start), reason })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

type Wrong = (Range<usize>, String);

fn wrong<T>(at: &Spanned<T>, reason: impl Into<String>) -> Wrong {
    (at.span(), reason.into())
}

fn check(raw: RawType, base_url: &str) -> Result<CredentialType, Wrong> {
    let id_like = |s: &str| {
        !s.is_empty()
            && s.len() <= 40
            && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !id_like(raw.id.get_ref()) {
        return Err(wrong(&raw.id, "`id` is 1 to 40 of a-z, 0-9 and -"));
    }
    let vct = match raw.vct.get_ref() {
        url if url.starts_with("https://") && url::Url::parse(url).is_ok() => url.clone(),
        name if id_like(name) => format!("{}/types/{name}", base_url.trim_end_matches('/')),
        _ => return Err(wrong(&raw.vct, "`vct` is an https URL, or a name of a-z, 0-9 and - below /types/")),
    };
    let texts = [&raw.name, &raw.description];
    if let Some(text) = texts.into_iter().find(|text| incomplete(text.get_ref())) {
        return Err(wrong(text, "`ko` and `en` both need a text"));
    }
    for color in [&raw.background_color, &raw.text_color].into_iter().flatten() {
        let hex = color.get_ref().strip_prefix('#').unwrap_or_default();
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong(color, "a colour is written #RRGGBB"));
        }
    }
    if raw.formats.get_ref().is_empty() {
        return Err(wrong(&raw.formats, "at least one format"));
    }
    if raw.doctype.is_none() && raw.formats.get_ref().contains(&Format::Mdoc) {
        return Err(wrong(&raw.formats, "`mso_mdoc` needs a `doctype`"));
    }
    let validity = raw.validity.get_ref();
    if !(1..=10).contains(&validity.document_years) || !(1..=8).contains(&validity.copy_weeks) {
        return Err(wrong(&raw.validity, "`document-years` is 1 to 10, `copy-weeks` 1 to 8"));
    }
    let batch = raw.batch.get_ref();
    if ![batch.sd_jwt_copies, batch.mdoc_copies].iter().all(|n| (1..=MAX_COPIES).contains(n)) {
        return Err(wrong(&raw.batch, format!("a batch has 1 to {MAX_COPIES} copies")));
    }
    if batch.top_up_below >= batch.sd_jwt_copies {
        return Err(wrong(&raw.batch, "`top-up-below` is less than a batch"));
    }
    let validity = Validity { document_years: validity.document_years, copy_weeks: validity.copy_weeks };
    let batch = Batch {
        sd_jwt_copies: batch.sd_jwt_copies,
        mdoc_copies: batch.mdoc_copies,
        top_up_below: batch.top_up_below,
        silent_days: batch.silent_days,
    };
    let apply = raw.apply.map(apply).transpose()?;
    let claims = claims(raw.claims, &raw.id, apply.is_some())?;
    let document = raw.document.map(|raw| document(raw, &claims, apply.is_some())).transpose()?;
    Ok(CredentialType {
        claims,
        document,
        apply,
        id: raw.id.into_inner(),
        vct,
        doctype: raw.doctype.map(Spanned::into_inner),
        name: raw.name.into_inner(),
        description: raw.description.into_inner(),
        background_color: raw.background_color.map(Spanned::into_inner),
        text_color: raw.text_color.map(Spanned::into_inner),
        formats: raw.formats.into_inner(),
        validity,
        batch,
    })
}

fn apply(raw: Spanned<RawApply>) -> Result<Apply, Wrong> {
    let at = raw.span();
    let raw = raw.into_inner();
    let code = |code: &String| {
        code == "*" || (code.len() == 7 && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()))
    };
    if raw.agencies.is_empty() || raw.agencies.len() > MAX_AGENCIES || !raw.agencies.iter().all(code) {
        let reason =
            format!("`agencies` has 1 to {MAX_AGENCIES} institution codes of seven characters, or \"*\"");
        return Err((at, reason));
    }
    Ok(Apply { approval: raw.approval, applicants: raw.applicants, one: raw.one, agencies: raw.agencies })
}

/// What is printed: claims that the type has, the name and the birth date among them, by which paper is compared.
fn document(raw: Spanned<RawDocument>, claims: &[Claim], applied: bool) -> Result<Document, Wrong> {
    let at = raw.span();
    let raw = raw.into_inner();
    let wrong = |reason: String| Err((at.clone(), reason));
    if !applied {
        return wrong("a type that is printed needs `[apply]`".to_owned());
    }
    if incomplete(&raw.statement) {
        return wrong("`statement` needs a text in `ko` and `en`".to_owned());
    }
    if !(1..=3650).contains(&raw.online_days) {
        return wrong("`online-days` is 1 to 3650".to_owned());
    }
    let known = |name: &str| claims.iter().find(|claim| claim.name() == name);
    if let Some(name) = raw.facts.iter().find(|name| {
        known(name).is_none_or(|claim| {
            matches!(claim.kind, ClaimKind::Boolean | ClaimKind::List) || claim.only_for.is_some()
        })
    }) {
        return wrong(format!("`{name}` is no claim of the type that can be printed"));
    }
    for name in ["name", "birth_date", "agency_name"] {
        let said = raw.facts.iter().any(|fact| fact == name)
            && known(name).is_some_and(|claim| claim.source == Source::Personnel && claim.mandatory);
        if !said {
            return wrong(format!("`facts` has the mandatory `{name}` of the personnel record"));
        }
    }
    Ok(Document {
        statement: raw.statement,
        online_days: raw.online_days,
        facts: raw.facts,
        table: raw.table,
    })
}

/// Where a claim's value comes from. For a type that is applied for, what it says must be there to be said.
fn source(name: &str, claim: &RawClaim, applied: bool) -> Result<Source, Wrong> {
    let known =
        |list: &[(&str, ClaimKind)]| list.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    let source = match (claim.from, known(FACTS), known(ISSUED)) {
        (Some(source), ..) => source,
        (None, Some(_), _) => Source::Personnel,
        (None, None, _) => Source::Issuer,
    };
    if !applied {
        return match source {
            Source::Personnel | Source::Issuer => Ok(source),
            Source::Applicant | Source::Approver => {
                Err(wrong(&claim.path, "a claim that somebody types needs a type with `[apply]`"))
            }
        };
    }
    let expected = match source {
        Source::Personnel => known(FACTS),
        Source::Issuer => known(ISSUED),
        Source::Applicant | Source::Approver => {
            if !matches!(claim.kind, ClaimKind::Text | ClaimKind::Bilingual | ClaimKind::Date) {
                return Err(wrong(&claim.path, "what somebody types is `text`, `bilingual` or `date`"));
            }
            return Ok(source);
        }
    };
    match expected {
        Some(kind) if kind == claim.kind => {}
        Some(_) => return Err(wrong(&claim.path, format!("`{name}` is of another kind"))),
        None => {
            let reason =
                format!("nobody knows `{name}`: say `from = \"applicant\"` or `from = \"approver\"`");
            return Err(wrong(&claim.path, reason));
        }
    }
    if name == "link_id" && claim.only_for.is_none() {
        return Err(wrong(&claim.path, "`link_id` is for the login provider alone"));
    }
    Ok(source)
}

fn claims(raw: Vec<Spanned<RawClaim>>, file: &Spanned<String>, applied: bool) -> Result<Vec<Claim>, Wrong> {
    if raw.is_empty() || raw.len() > MAX_CLAIMS {
        return Err(wrong(file, format!("a type has 1 to {MAX_CLAIMS} claims")));
    }
    let mut claims: Vec<Claim> = Vec::with_capacity(raw.len());
    for claim in raw {
        let claim = claim.into_inner();
        let path = ClaimPath::new(claim.path.get_ref().iter().cloned().map(Step::Key).collect())
            .map_err(|e| wrong(&claim.path, e.to_string()))?;
        let Some(name) = single_name(&path) else {
            return Err(wrong(
                &claim.path,
                "a claim of a type file is a single name: claims are disclosed whole",
            ));
        };
        if RESERVED.contains(&name) || NEVER_DISCLOSED.contains(&name) {
            return Err(wrong(&claim.path, format!("`{name}` belongs to the credential format")));
        }
        if claims.iter().any(|other| other.path == path) {
            return Err(wrong(&claim.path, format!("`{name}` is described twice")));
        }
        let description = claim.description.as_ref();
        if let Some(text) =
            std::iter::once(&claim.label).chain(description).find(|text| incomplete(text.get_ref()))
        {
            return Err(wrong(text, "`ko` and `en` both need a text"));
        }
        if claim.only_for.is_some() && claim.disclosure == Disclosure::Always {
            return Err(wrong(
                &claim.path,
                "a claim that is always disclosed can't be kept for one audience",
            ));
        }
        let source = source(name, &claim, applied)?;
        let longest = claim.longest.as_ref().map_or(LONGEST, |longest| *longest.get_ref());
        if !(1..=LONGEST_MOST).contains(&longest) || claim.choices.len() > MAX_CHOICES {
            return Err(wrong(
                &claim.path,
                format!("`longest` is 1 to {LONGEST_MOST}, `choices` has at most {MAX_CHOICES}"),
            ));
        }
        claims.push(Claim {
            source,
            longest,
            choices: claim.choices,
            path,
            label: claim.label.into_inner(),
            description: claim.description.map(Spanned::into_inner),
            kind: claim.kind,
            disclosure: claim.disclosure,
            mandatory: claim.mandatory,
            only_for: claim.only_for,
        });
    }
    Ok(claims)
}

/// Names of the token itself that a type file can't describe, beside those that SD-JWT VC never lets be disclosed.
const RESERVED: [&str; 9] = ["_sd", "_sd_alg", "...", "iat", "sub", "aud", "jti", "nonce", "sd_hash"];

fn incomplete(text: &Bilingual) -> bool {
    text.ko.trim().is_empty() || text.en.trim().is_empty()
}
