//! The TOML form of a credential type.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{
    Audience, Batch, Bilingual, Claim, ClaimKind, CredentialType, Disclosure, Format, Validity, single_name,
};
use crate::path::{ClaimPath, Step};
use crate::sd_jwt::NEVER_DISCLOSED;

/// The largest type file that is read, in bytes.
const MAX_FILE: usize = 64 * 1024;
/// The most claims of one type.
const MAX_CLAIMS: usize = 64;
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
struct RawClaim {
    path: Spanned<Vec<String>>,
    label: Spanned<Bilingual>,
    description: Option<Spanned<Bilingual>>,
    kind: ClaimKind,
    disclosure: Disclosure,
    mandatory: bool,
    only_for: Option<Audience>,
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
    Ok(CredentialType {
        claims: claims(raw.claims, &raw.id)?,
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

fn claims(raw: Vec<Spanned<RawClaim>>, file: &Spanned<String>) -> Result<Vec<Claim>, Wrong> {
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
        claims.push(Claim {
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
