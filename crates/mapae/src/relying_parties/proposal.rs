//! What a relying party is to be: everything that two persons agree on, as one text that is kept and shown.

use openid::approval::Level;
use serde::{Deserialize, Serialize};

use super::error::PartyError;
use crate::login::registration::{self, ClientKeys, ClientSettings, Profile};
use crate::operations::store::Store;
use crate::operations::{Platform, limits};
use crate::pages::Page;
use crate::verification;
use crate::verification::relying_party::{
    IdTokenAlg, Purposes, Registration, RelyingParty, StartLevel, Subject,
};

/// A registration with its settings and purposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal {
    pub(super) id: String,
    pub(super) name_ko: String,
    pub(super) name_en: String,
    pub(super) redirect_uris: Vec<String>,
    /// Each claim with its purpose.
    pub(super) purposes: Purposes,
    pub(super) level: StartLevel,
    pub(super) acr: Level,
    #[serde(default)]
    pub(super) remembers: bool,
    pub(super) subject: Subject,
    pub(super) sector: Option<String>,
    pub(super) id_token_alg: IdTokenAlg,
    pub(super) public: bool,
    pub(super) api: bool,
    pub(super) test: bool,
    pub(super) networks: Vec<String>,
    pub(super) settings: ClientSettings,
}

/// A proposal that keeps every rule, with the sector that follows from it.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) registration: Registration,
    pub(super) sector: String,
}

impl Proposal {
    /// What a blank form begins with.
    pub(super) fn blank() -> Proposal {
        Proposal {
            id: String::new(),
            name_ko: String::new(),
            name_en: String::new(),
            redirect_uris: Vec::new(),
            purposes: Purposes::new(),
            level: StartLevel::Substantial,
            acr: Level::Base,
            remembers: false,
            subject: Subject::Pairwise,
            sector: None,
            id_token_alg: IdTokenAlg::ES256,
            public: false,
            api: false,
            test: true,
            networks: Vec::new(),
            settings: ClientSettings::default(),
        }
    }

    /// A relying party as it is registered.
    pub(super) async fn of(store: &Store, party: &RelyingParty) -> Result<Proposal, PartyError> {
        let settings = registration::of(store, &party.id).await?;
        let (name_ko, name_en) = party.plain_names();
        let purpose = |claim: &String| {
            let blank = credential::types::Bilingual { ko: String::new(), en: String::new() };
            (claim.clone(), party.purposes.get(claim).cloned().unwrap_or(blank))
        };
        Ok(Proposal {
            id: party.id.clone(),
            name_ko: name_ko.to_owned(),
            name_en: name_en.to_owned(),
            redirect_uris: party.redirect_uris.clone(),
            purposes: party.claims.iter().map(purpose).collect(),
            level: party.level,
            acr: party.acr,
            remembers: party.remembers,
            subject: party.subject,
            sector: Some(party.sector.clone()),
            id_token_alg: party.id_token_alg,
            public: party.is_public(),
            api: party.api,
            test: party.test,
            networks: party.networks.clone(),
            settings,
        })
    }

    /// Checks every rule; `current` is what it changes.
    pub(super) fn check(
        &self,
        platform: &Platform,
        current: Option<&RelyingParty>,
    ) -> Result<Checked, PartyError> {
        let badge = verification::badge(platform).map_err(|error| PartyError::Damaged(error.to_string()))?;
        let known: Vec<String> = badge.claims.iter().map(|claim| claim.name().to_owned()).collect();
        for (claim, purpose) in &self.purposes {
            let said = |text: &String| {
                let letters = text.chars().count();
                !text.trim().is_empty()
                    && letters <= limits::PARTY_PURPOSE.size()
                    && !text.chars().any(char::is_control)
            };
            if known.contains(claim) && !(said(&purpose.ko) && said(&purpose.en)) {
                return Err(PartyError::Purpose(claim.clone()));
            }
        }
        for name in &self.networks {
            // One that the operator has taken away since may stay: it opens nothing.
            let kept = current.is_some_and(|party| party.networks.contains(name));
            if !kept && !platform.config.login.networks.iter().any(|network| network.name() == name) {
                return Err(PartyError::Network(name.clone()));
            }
        }
        if self.test && self.api {
            return Err(PartyError::TestApi);
        }
        if self.test && current.is_some_and(|party| !party.test) {
            return Err(PartyError::TestBack);
        }
        let sector = self.sector.as_deref();
        let bounded = |sector: &str| {
            sector.len() <= 253 && sector.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        if sector.is_some_and(|sector| !bounded(sector)) {
            return Err(PartyError::Form("sector"));
        }
        let registration = Registration {
            id: self.id.clone(),
            name_ko: self.name_ko.clone(),
            name_en: self.name_en.clone(),
            redirect_uris: self.redirect_uris.clone(),
            claims: self.purposes.keys().cloned().collect(),
            level: self.level,
            acr: self.acr,
            remembers: self.remembers,
            subject: self.subject,
            sector: self.sector.clone(),
            id_token_alg: self.id_token_alg,
            public: self.public,
            api: self.api,
        };
        let sector = registration.check(&known)?;
        self.settings.fits(self.public, self.id_token_alg, &self.redirect_uris)?;
        Ok(Checked { registration, sector })
    }

    /// What it says, line by line under a key of the catalogue, in the language of the page.
    pub(super) fn facts(&self, platform: &Platform, page: &Page) -> Vec<Fact> {
        let settings = &self.settings;
        let words = |keys: &[(bool, &'static str)]| -> Vec<String> {
            keys.iter().filter(|(is, _)| *is).map(|(_, key)| page.t(key).to_owned()).collect()
        };
        let fact = |key, lines| Fact { key, lines };
        let keys = match &settings.keys {
            ClientKeys::None => Vec::new(),
            ClientKeys::Inline(set) => {
                let hash = keys::encoding::b64url_encode(&keys::sha256(set.as_bytes()));
                vec![format!("JWK Set, SHA-256 {hash}")]
            }
            ClientKeys::Address(address) => vec![address.clone()],
        };
        let asks = self.purposes.iter().map(|(claim, why)| {
            format!("{}: {}", claim_name(platform, page, claim), page.pick(&why.ko, &why.en))
        });
        vec![
            fact("party.fact.names", vec![self.name_ko.clone(), self.name_en.clone()]),
            fact("party.fact.mode", words(&[(self.test, "party.mode.test"), (!self.test, "party.mode.use")])),
            fact("party.fact.asks", asks.collect()),
            fact(
                "party.fact.start",
                words(&[
                    (self.level == StartLevel::Low, "party.level.low"),
                    (self.level == StartLevel::Substantial, "party.level.substantial"),
                    (self.level == StartLevel::High, "party.level.high"),
                ]),
            ),
            fact("party.fact.networks", self.networks.clone()),
            fact(
                "party.fact.approval",
                words(&[
                    (self.acr == Level::Base, "desk.parties.base"),
                    (self.acr == Level::Pin, "desk.parties.pin"),
                    (self.acr == Level::Hardware, "desk.parties.hardware"),
                    (self.remembers, "party.remembers"),
                ]),
            ),
            fact("party.fact.redirects", self.redirect_uris.clone()),
            fact(
                "party.fact.subject",
                match self.subject {
                    Subject::Pairwise => {
                        let sector = self.sector.clone().into_iter();
                        words(&[(true, "desk.parties.pairwise")]).into_iter().chain(sector).collect()
                    }
                    Subject::Public => words(&[(true, "desk.parties.public")]),
                },
            ),
            fact(
                "party.fact.client",
                words(&[
                    (self.public, "party.client.public"),
                    (!self.public && !settings.signs(), "party.client.secret"),
                    (settings.signs(), "party.client.signs"),
                    (self.api, "party.client.api"),
                ]),
            ),
            fact("party.fact.keys", keys),
            fact(
                "party.fact.rules",
                words(&[
                    (settings.profile == Profile::Fapi2, "party.rule.fapi2"),
                    (settings.pushed_only, "party.rule.pushed"),
                    (settings.signed_only, "party.rule.signed"),
                    (settings.dpop_only, "party.rule.dpop"),
                    (settings.refresh, "party.rule.refresh"),
                    (settings.device, "party.rule.device"),
                ]),
            ),
            fact("party.fact.alg", vec![self.id_token_alg.as_str().to_owned()]),
            fact("party.fact.session", vec![page.t1("party.minutes", "n", settings.session_ms / 60_000)]),
            fact("party.fact.logout", settings.logout_uris.clone()),
            fact("party.fact.backchannel", settings.backchannel_uri.iter().cloned().collect()),
            fact("party.fact.introspects", settings.introspects.clone()),
        ]
    }
}

/// One thing that a registration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) key: &'static str,
    pub(super) lines: Vec<String>,
}

/// What a claim is called in the badge's own type.
pub(super) fn claim_name(platform: &Platform, page: &Page, claim: &str) -> String {
    let badge = verification::badge(platform).ok();
    let found = badge.and_then(|badge| badge.claims.iter().find(|known| known.name() == claim));
    found.map_or_else(|| claim.to_owned(), |found| page.pick(&found.label.ko, &found.label.en).to_owned())
}
