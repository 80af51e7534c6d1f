//! The badge as a card.

use credential::path::ClaimPath;
use credential::sd_jwt::SdJwt;
use credential::types::text_in;
use serde_json::{Map, Value};
use wallet::issue::Holding;

use crate::app::App;
use crate::dom::prelude::*;
use crate::parts::icon;
use crate::texts::Language;

/// Claims of the token itself, which say nothing about the holder.
const OF_THE_TOKEN: [&str; 10] =
    ["iss", "iat", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "jti"];

/// What a badge says, for people.
pub struct Badge {
    claims: Map<String, Value>,
    language: Language,
    /// Its type's name.
    pub title: String,
    /// Every claim: label and value, in the order of the type.
    pub lines: Vec<(String, String)>,
    /// Copies that were never shown.
    pub unused: usize,
    /// When the last copy expires, seconds since 1970.
    pub copies_until: Option<i64>,
}

impl Badge {
    /// The badge that the wallet holds.
    pub fn held(app: App) -> Option<Badge> {
        let state = app.state.get()?;
        Some(Badge::of(state.card()?, app.language.get(), app.now_ms().div_euclid(1000)))
    }

    fn of(holding: &Holding, language: Language, now_s: i64) -> Badge {
        let newest = holding.copies.iter().max_by_key(|copy| copy.expires_at.unwrap_or(i64::MAX));
        let mut claims = newest
            .and_then(|copy| SdJwt::parse(&copy.credential).ok())
            .and_then(|token| token.dangerous_claims().as_object().cloned())
            .unwrap_or_default();
        claims.retain(|name, _| !OF_THE_TOKEN.contains(&name.as_str()));
        let info = holding.type_info.as_ref();
        let title = info.and_then(|info| info.name(language.tag())).unwrap_or_default().to_owned();
        let order =
            info.map(|info| info.claims.iter().map(|claim| claim.path.to_string()).collect::<Vec<_>>());
        let mut names: Vec<&String> = claims.keys().collect();
        if let Some(order) = order {
            names.sort_by_key(|name| order.iter().position(|known| known == *name).unwrap_or(usize::MAX));
        }
        let lines = names
            .into_iter()
            .map(|name| {
                let path = ClaimPath::claim(name);
                let label = info.map_or_else(|| name.clone(), |info| info.label(&path, language.tag()));
                (label, shown(claims.get(name).unwrap_or(&Value::Null), language))
            })
            .collect();
        Badge {
            title,
            lines,
            unused: holding.unused(now_s),
            copies_until: newest.and_then(|copy| copy.expires_at),
            claims,
            language,
        }
    }

    /// One claim as text; empty if the badge does not say it.
    pub fn say(&self, claim: &str) -> String {
        self.claims.get(claim).map(|value| shown(value, self.language)).unwrap_or_default()
    }
}

/// A value as people read it.
pub fn shown(value: &Value, language: Language) -> String {
    if let Some(text) = text_in(value, language.tag()) {
        return match text.split('-').collect::<Vec<_>>().as_slice() {
            [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
                format!("{year}. {}. {}.", month.trim_start_matches('0'), day.trim_start_matches('0'))
            }
            _ => text.to_owned(),
        };
    }
    match value {
        Value::Bool(true) => language.pick("예", "Yes").to_owned(),
        Value::Bool(false) => language.pick("아니요", "No").to_owned(),
        Value::Array(items) => items.iter().map(|item| shown(item, language)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// How the card looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// In force.
    Valid,
    /// Suspended or expired: different at arm's length.
    Stopped,
}

/// The front of the card.
pub fn front(app: App, badge: &Badge, look: Look) -> El {
    let unit = [badge.say("department"), badge.say("position")];
    let unit = unit.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join(" · ");
    html::article()
        .class(if look == Look::Valid { "card face" } else { "card face stopped" })
        .label(badge.title.clone())
        .child((
            html::img().class("watermark").src("/wallet/emblem.svg").alt(""),
            html::p().class("over").child((
                html::span().child(badge.title.clone()),
                html::span().child(badge.say("agency_name")),
            )),
            html::div().class("face-row").child((
                html::div().class("face-portrait").attr("aria-hidden", "true").child(icon("person")),
                html::div().class("face-text").child((
                    html::p().class("name").child(badge.say("name")),
                    html::p().class("face-agency").child(badge.say("agency_name")),
                    html::p().class("face-unit").child(unit),
                )),
            )),
            html::p().class("over face-foot").child((
                html::span().class("numbers").child(badge.say("badge_number")),
                html::span()
                    .class("numbers")
                    .child(app.tf("card.until", &[("date", &badge.say("valid_until"))])),
            )),
            html::span().class("face-light").attr("aria-hidden", "true"),
        ))
}
