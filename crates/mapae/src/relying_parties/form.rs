//! The form of a registration, read into a proposal.

use std::collections::BTreeMap;

use credential::types::Bilingual;
use openid::approval::Level;

use super::error::PartyError;
use super::proposal::Proposal;
use crate::login::registration::{ClientKeys, ClientSettings, Profile};
use crate::operations::limits;
use crate::verification::relying_party::{IdTokenAlg, Purposes, StartLevel, Subject};

/// Fields by name, as a browser posts them; of a repeated one the last.
pub(super) type Fields = BTreeMap<String, String>;

/// Reads the form; the rules are checked afterwards.
pub(super) fn read(fields: &Fields) -> Result<Proposal, PartyError> {
    let text = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let on = |name: &str| fields.contains_key(name);
    let filled = |name: &str| Some(text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let lines = |name: &str| -> Vec<String> {
        text(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let mut purposes = Purposes::new();
    for claim in fields.keys().filter_map(|name| name.strip_prefix("claim.")) {
        if claim.len() > limits::PARTY_CLAIM.size() {
            return Err(PartyError::Form("claim"));
        }
        let why = |language: &str| text(&format!("{language}.{claim}")).to_owned();
        purposes.insert(claim.to_owned(), Bilingual { ko: why("ko"), en: why("en") });
    }
    let networks = fields.iter().filter(|(name, _)| name.starts_with("network."));
    let minutes: i64 = match text("session_minutes") {
        "" => limits::LOGIN_SESSION.get() / 60_000,
        text => text.parse().map_err(|_| PartyError::Form("session_minutes"))?,
    };
    let keys = match (filled("jwks"), filled("jwks_uri")) {
        (Some(_), Some(_)) => return Err(PartyError::Form("jwks")),
        (Some(set), None) => ClientKeys::Inline(set),
        (None, Some(address)) => ClientKeys::Address(address),
        (None, None) => ClientKeys::None,
    };
    Ok(Proposal {
        id: text("id").to_owned(),
        name_ko: text("name_ko").to_owned(),
        name_en: text("name_en").to_owned(),
        redirect_uris: lines("redirect_uris"),
        purposes,
        level: match text("level") {
            "low" => StartLevel::Low,
            "substantial" => StartLevel::Substantial,
            "high" => StartLevel::High,
            _ => return Err(PartyError::Form("level")),
        },
        acr: match text("acr") {
            "base" => Level::Base,
            "pin" => Level::Pin,
            "hardware" => Level::Hardware,
            _ => return Err(PartyError::Form("acr")),
        },
        remembers: on("remembers"),
        subject: match text("subject") {
            "pairwise" => Subject::Pairwise,
            "public" => Subject::Public,
            _ => return Err(PartyError::Form("subject")),
        },
        sector: filled("sector"),
        id_token_alg: match text("id_token_alg") {
            "ES256" => IdTokenAlg::ES256,
            "RS256" => IdTokenAlg::RS256,
            _ => return Err(PartyError::Form("id_token_alg")),
        },
        public: on("public"),
        api: on("api"),
        test: on("test"),
        networks: networks.map(|(_, name)| name.trim().to_owned()).collect(),
        settings: ClientSettings {
            profile: match text("profile") {
                "standard" => Profile::Standard,
                "fapi2" => Profile::Fapi2,
                _ => return Err(PartyError::Form("profile")),
            },
            keys,
            pushed_only: on("pushed_only"),
            signed_only: on("signed_only"),
            dpop_only: on("dpop_only"),
            refresh: on("refresh"),
            device: on("device"),
            session_ms: minutes.saturating_mul(60_000),
            logout_uris: lines("logout_uris"),
            backchannel_uri: filled("backchannel_uri"),
            introspects: lines("introspects"),
        },
    })
}
