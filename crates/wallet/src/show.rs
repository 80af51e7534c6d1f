//! A held credential as its holder is shown it.

use credential::path::{ClaimPath, Step};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::check::Checked;
use crate::document::Document;
use crate::issue::Holding;
use crate::ports::{Clock as _, Shell};
use crate::wallet::Wallet;

/// Claims of the token itself, which say nothing about the holder.
const OF_THE_TOKEN: [&str; 10] =
    ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "jti"];

/// A held credential.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// The wallet's id for it.
    pub id: String,
    /// Its name in Korean.
    pub name_ko: String,
    /// Its name in English.
    pub name_en: String,
    /// Credential type: the `vct`, or the document type of an mdoc.
    pub vct: String,
    /// `dc+sd-jwt` or `mso_mdoc`
    pub format: String,
    /// Credential issuer identifier.
    pub issuer: String,
    /// Copies that are neither shown nor expired.
    pub unused_copies: usize,
    /// All copies.
    pub copies: usize,
    /// When the next copy expires, seconds since 1970.
    pub expires_at: Option<i64>,
    /// What it says about the holder.
    pub claims: Map<String, Value>,
    /// Labels of the claims: name, Korean, English.
    pub labels: Vec<(String, String, String)>,
    /// The verification, if one was asked for and a copy could be verified.
    pub checked: Option<Checked>,
}

impl<S: Shell> Wallet<S> {
    /// Everything that is held, unverified: [`Wallet::check`] says what a verifier would say of it.
    pub fn shown(&self) -> Vec<Shown> {
        let now = self.shell().clock().now_s();
        self.state().holdings.iter().map(|holding| Shown::of(holding, now)).collect()
    }
}

impl Shown {
    fn of(holding: &Holding, now: i64) -> Shown {
        let newest = holding.copies.iter().max_by_key(|copy| copy.expires_at.unwrap_or(i64::MAX));
        let document = newest.and_then(|copy| Document::of(holding, copy));
        let told = document.as_ref().and_then(|document| document.claims().as_object().cloned());
        let (mut claims, mut name_space) = (told.unwrap_or_default(), None);
        match document {
            Some(Document::SdJwt(_)) | None => {
                claims.retain(|name, _| !OF_THE_TOKEN.contains(&name.as_str()));
            }
            Some(Document::Mdoc(_)) => {
                // A document of one namespace is read like any other credential.
                if let (1, Some((only, Value::Object(elements)))) = (claims.len(), claims.iter().next()) {
                    name_space = Some(only.clone());
                    claims = elements.clone();
                }
            }
        }
        let info = holding.type_info.as_ref();
        let name =
            |language: &str| info.and_then(|info| info.name(language)).unwrap_or(&holding.vct).to_owned();
        let label = |claim: &str, language: &str| {
            let steps = name_space.iter().map(String::as_str).chain([claim]);
            let path = ClaimPath::new(steps.map(|step| Step::Key(step.to_owned())).collect());
            let path = path.unwrap_or_else(|_| ClaimPath::claim(claim));
            info.map_or_else(|| claim.to_owned(), |info| info.label(&path, language))
        };
        Shown {
            id: holding.id.clone(),
            name_ko: name("ko"),
            name_en: name("en"),
            vct: holding.vct.clone(),
            format: holding.format.clone(),
            issuer: holding.issuer.clone(),
            unused_copies: holding.unused(now),
            copies: holding.copies.len(),
            expires_at: newest.and_then(|copy| copy.expires_at),
            labels: claims
                .keys()
                .map(|claim| (claim.clone(), label(claim, "ko"), label(claim, "en")))
                .collect(),
            claims,
            checked: None,
        }
    }
}
