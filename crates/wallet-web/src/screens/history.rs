//! What was done with the badge. It stays on this phone: no server keeps or receives it.

use wallet::usage::{Act, Filter, UsageRecord, search, to_csv};

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::parts::{Typed, field, heading, icon, secondary, small, tabs, trouble};
use crate::when;

/// Records shown at once; the search reaches all of them.
const SHOWN: usize = 100;

/// The history, newest first.
pub fn view(app: App) -> El {
    let wanted = RwSignal::new(String::new());
    let list = move || {
        let needle = wanted.get().trim().to_lowercase();
        let state = app.state.get();
        let records = state.as_ref().map(|state| state.usage.as_slice()).unwrap_or_default();
        let found: Vec<El> = records
            .iter()
            .rev()
            .filter(|record| needle.is_empty() || haystack(app, record).contains(&needle))
            .take(SHOWN)
            .map(|record| line(app, record))
            .collect();
        if found.is_empty() {
            let key = if needle.is_empty() { "history.empty" } else { "history.none" };
            return html::div().class("empty").child((icon("clock"), html::strong().child(app.t(key))));
        }
        html::ul().class("history").child(found.into_iter().collect::<Vec<_>>())
    };
    let save = move || {
        let state = app.state.get_untracked();
        let records = state.as_ref().map(|state| state.usage.as_slice()).unwrap_or_default();
        let all = search(records, &Filter::default());
        browser::save("mapae-history.csv", "text/csv;charset=utf-8", &to_csv(&all));
    };
    html::div().class("screen").child((
        html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
        html::main().id("main").class("screen-main").child((
            heading(app.t("history.title")),
            html::p().class("lead").child(app.t("history.lead")),
            trouble(app),
            field(
                "search",
                app.t("history.search"),
                None,
                Typed { kind: "search", mode: "search", autocomplete: "off", most: "100" },
                wanted,
            ),
            html::div().class("history-list").attr("aria-live", "polite").child(list),
            secondary(app, app.t("history.save"), save),
            small(app.t("history.save.hint")),
        )),
        tabs(app),
    ))
}

fn what(app: App, act: &Act) -> (&'static str, String) {
    match act {
        Act::Received { copies, .. } => {
            ("badge", app.tf("history.received", &[("copies", &copies.to_string())]))
        }
        Act::Presented { login: true, .. } => ("key", app.t("history.login")),
        Act::Presented { .. } => ("shield", app.t("history.shown")),
        Act::Declined { .. } => ("cross", app.t("history.declined")),
        Act::Gate { .. } => ("badge", app.t("history.gate")),
        Act::Signed { .. } => ("pen", app.t("history.signed")),
        Act::PinChanged => ("lock", app.t("history.pin")),
        Act::Enrolled => ("phone", app.t("history.enrolled")),
        Act::Recovered => ("phone", app.t("history.recovered")),
        Act::ShownOffline { .. } => ("qr", app.t("history.offline")),
        _ => ("info", app.t("history.other")),
    }
}

fn claims(app: App, act: &Act) -> Vec<String> {
    let claims = match act {
        Act::Presented { claims, .. } => claims,
        Act::Signed { title, .. } => return vec![title.clone()],
        _ => return Vec::new(),
    };
    let state = app.state.get_untracked();
    let info = state.as_ref().and_then(|state| state.card()).and_then(|held| held.type_info.clone());
    let label = |claim: &String| {
        let path = credential::path::ClaimPath::claim(claim);
        info.as_ref()
            .map_or_else(|| claim.clone(), |info| info.label(&path, app.language.get_untracked().tag()))
    };
    claims.iter().map(label).collect()
}

/// Who it was; this app's own server is known by name.
fn party(app: App, record: &UsageRecord) -> String {
    if record.party == app.origin() { app.t("history.provider") } else { record.party.clone() }
}

fn haystack(app: App, record: &UsageRecord) -> String {
    let (_, act) = what(app, &record.act);
    format!(
        "{} {act} {} {}",
        party(app, record),
        claims(app, &record.act).join(" "),
        when::full(record.at_ms)
    )
    .to_lowercase()
}

fn line(app: App, record: &UsageRecord) -> El {
    let (shape, act) = what(app, &record.act);
    let told = claims(app, &record.act);
    let told = (!told.is_empty()).then(|| html::p().class("soft small").child(told.join(", ")));
    let reused = matches!(
        record.act,
        Act::Presented { reused_copy: true, .. } | Act::ShownOffline { reused_copy: true }
    )
    .then(|| html::p().class("small").child(app.t("history.reused")));
    html::li().child((
        icon(shape),
        html::div().child((
            html::p().class("row-label").child(party(app, record)),
            html::p().class("small").child((
                act,
                " · ",
                html::time().class("numbers").child(when::full(record.at_ms)),
            )),
            told,
            reused,
        )),
    ))
}
