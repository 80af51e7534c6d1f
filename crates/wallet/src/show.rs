//! A held credential as its holder is shown it.

use credential::path::ClaimPath;
use credential::sd_jwt::SdJwt;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::check::Checked;
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
    /// Credential type.
    pub vct: String,
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
        let mut claims = newest
            .and_then(|copy| SdJwt::parse(&copy.credential).ok())
            .and_then(|token| token.dangerous_claims().as_object().cloned())
            .unwrap_or_default();
        claims.retain(|name, _| !OF_THE_TOKEN.contains(&name.as_str()));
        let info = holding.type_info.as_ref();
        let name =
            |language: &str| info.and_then(|info| info.name(language)).unwrap_or(&holding.vct).to_owned();
        let label = |claim: &str, language: &str| {
            let path = ClaimPath::claim(claim);
            info.map_or_else(|| claim.to_owned(), |info| info.label(&path, language))
        };
        Shown {
            id: holding.id.clone(),
            name_ko: name("ko"),
            name_en: name("en"),
            vct: holding.vct.clone(),
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
