//! The card, and what is one touch away from it.

use super::card::{Badge, Look, front};
use super::{Screen, synchronize};
use crate::app::App;
use crate::dom::prelude::*;
use crate::parts::{Way, facts, frame, heading, notice, plain, row, small, state, tabs, trouble};
use crate::when;

/// Card first.
pub fn view(app: App) -> El {
    let card = move || match Badge::held(app) {
        Some(badge) => {
            let look = if app.is_suspended() || expired(app, &badge) { Look::Stopped } else { Look::Valid };
            html::button()
                .kind("button")
                .class("card-button")
                .label(app.t("home.card.open"))
                .on("click", move |_| app.open(Screen::Details))
                .child(front(app, &badge, look))
        }
        None => notice("wait", "info", app.t("home.none"), app.t("home.none.next")),
    };
    let standing = move || {
        let seen = app.reached_at.get().map(when::full);
        let checked = match seen {
            Some(at) => app.tf("home.checked", &[("at", &at)]),
            None => app.t("home.checked.never"),
        };
        let word = if app.offline.get() {
            state("wait", app.t("home.state.offline"))
        } else if Badge::held(app).is_some_and(|badge| expired(app, &badge)) {
            state("bad", app.t("home.state.expired"))
        } else {
            state("good", app.t("home.state.valid"))
        };
        html::div().class("standing").child((word, html::span().class("soft small numbers").child(checked)))
    };
    let offline = move || {
        app.offline.get().then(|| {
            html::div().child((
                notice("wait", "info", app.t("offline.what"), app.t("offline.next")),
                plain(app.t("app.again"), move || {
                    app.run(async move {
                        app.offline.set(false);
                        synchronize(app).await
                    });
                }),
            ))
        })
    };
    html::div().class("screen").child((
        html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
        html::main().id("main").class("screen-main home").child((
            html::div().class("sr-only").child(heading(app.t("home.title"))),
            trouble(app),
            card,
            standing,
            offline,
            move || advice(app),
            html::div().class("rows").child((
                row("scan", app.t("home.scan"), Some(app.t("home.scan.hint")), move || {
                    app.show(Screen::Scan)
                }),
                row("qr", app.t("home.show"), Some(app.t("home.show.hint")), move || app.open(showing(app))),
                row("gate", app.t("home.entry"), Some(app.t("home.entry.hint")), move || {
                    app.open(Screen::Entry)
                }),
                row("badge", app.t("home.details"), None, move || app.open(Screen::Details)),
                move || app.rest.get().map(|rest| (rest.doors)(app)),
            )),
        )),
        tabs(app),
    ))
}

/// How the badge is shown to a person: directly where that can be, else by codes alone.
fn showing(app: App) -> Screen {
    let state = app.state.get_untracked();
    let has_document = state.is_some_and(|state| state.holdings.iter().any(|one| one.format == "mso_mdoc"));
    if has_document && !app.offline.get_untracked() { Screen::Meeting } else { Screen::Showing }
}

/// Half a year, in milliseconds: so old a PIN is better changed.
const OLD_PIN_MS: i64 = 183 * 86_400 * 1_000;

/// What the holder should do before long, one thing at a time.
fn advice(app: App) -> Option<El> {
    let state = app.state.get()?;
    let status = state.account.as_ref()?.status.clone()?;
    let now = app.now_ms();
    if app.pin_wanted.get() {
        let go = plain(app.t("home.pin_wanted.go"), move || app.open(Screen::CheckPin));
        return Some(
            html::div()
                .child((notice("wait", "key", app.t("home.pin_wanted"), app.t("home.pin_wanted.next")), go)),
        );
    }
    if let Some(until) = status.pin_rests_until.filter(|until| *until > now) {
        let until = when::full(until);
        return Some(html::div().child(notice(
            "wait",
            "clock",
            app.t("home.pin_rests"),
            app.tf("home.pin_rests.next", &[("until", &until)]),
        )));
    }
    if status.pin_set_at > 0 && now - status.pin_set_at > OLD_PIN_MS {
        let go = plain(app.t("settings.pin"), move || app.open(Screen::OldPin));
        return Some(
            html::div().child((notice("wait", "key", app.t("home.old_pin"), app.t("home.old_pin.next")), go)),
        );
    }
    None
}

fn expired(app: App, badge: &Badge) -> bool {
    badge.copies_until.is_some_and(|until| until * 1000 <= app.now_ms())
}

/// Everything the badge says.
pub fn details(app: App) -> El {
    let Some(badge) = Badge::held(app) else { return view(app) };
    let copies = badge.copies_until.map(|until| when::full(until * 1000)).unwrap_or_default();
    let look = if expired(app, &badge) { Look::Stopped } else { Look::Valid };
    let mut lines = badge.lines.clone();
    lines.push((
        app.t("details.copies"),
        app.tf("details.copies.left", &[("unused", &badge.unused.to_string()), ("until", &copies)]),
    ));
    frame(
        app,
        Way::Back,
        badge.title.clone(),
        None,
        html::div().class("stack").child((
            front(app, &badge, look),
            html::div().class("panel").child(facts(lines)),
            small(app.t("details.light")),
        )),
        (),
    )
}
