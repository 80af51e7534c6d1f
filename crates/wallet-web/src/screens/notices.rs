//! Notices: on the lock screen by Web Push, in the app as a band.

use super::{Screen, synchronize};
use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, frame, icon, notice, primary, secondary, small};
use crate::texts;

/// What notices tell, and whether they come.
pub fn view(app: App) -> El {
    let allowed = RwSignal::new(browser::push_state());
    let on = move || {
        app.run(async move {
            let key = app.with(async |wallet| wallet.push_key().await).await??;
            let subscription =
                browser::subscribe_push(&key).await.map_err(|failure| match failure.name.as_str() {
                    "NotAllowedError" => Trouble::Own("notices_denied"),
                    _ => Trouble::Own("notices_missing"),
                })?;
            app.with(async |wallet| wallet.subscribe(&subscription).await).await??;
            app.set(|settings| {
                settings.notices = subscription.get("endpoint").and_then(|e| e.as_str()).map(str::to_owned)
            });
            allowed.set(browser::push_state());
            Ok(())
        });
    };
    let off = move || {
        app.run(async move {
            if let Some(endpoint) = app.settings.get_untracked().notices {
                app.with(async |wallet| wallet.unsubscribe(&endpoint).await).await??;
            }
            browser::unsubscribe_push().await?;
            app.set(|settings| settings.notices = None);
            Ok(())
        });
    };
    let subscribed = move || app.settings.with(|settings| settings.notices.is_some());
    let standing = move || {
        if subscribed() {
            return notice("good", "bell", app.t("notices.on"), app.t("notices.on.next"));
        }
        match allowed.get().as_str() {
            "missing" => notice("wait", "info", app.t("notices.missing"), app.t("notices.missing.next")),
            "denied" => notice("wait", "info", app.t("notices.denied"), app.t("notices.denied.next")),
            _ => notice("wait", "bell", app.t("notices.off"), app.t("notices.off.next")),
        }
    };
    let kinds = ["login", "gate", "locked", "suspended", "resumed", "ended", "document", "activity"];
    let kinds = kinds.into_iter().map(|kind| {
        html::li().child((icon("bell"), texts::text(app.language.get(), &format!("push.{kind}.title"))))
    });
    let action = move || {
        if subscribed() {
            Some(secondary(app, app.t("notices.turn_off"), off))
        } else {
            (allowed.get() != "missing").then(|| primary(app, app.t("notices.turn_on"), on))
        }
    };
    frame(
        app,
        Way::Back,
        app.t("settings.notices"),
        Some(app.t("notices.lead")),
        html::div().class("stack").child((
            standing,
            html::div().class("panel").child(html::ul().class("told").child(kinds.collect::<Vec<_>>())),
            small(app.t("notices.content")),
        )),
        action,
    )
}

/// A notice came while the app is open: say it, and look at the account.
pub fn heard(app: App, kind: String) {
    app.heard.set(Some(kind));
    if app.is_open() {
        app.spawn(async move {
            let _ = synchronize(app).await;
            Ok(())
        });
    }
}

/// The band above the screen.
pub fn band(app: App) -> Option<El> {
    let kind = app.heard.get()?;
    let language = app.language.get();
    let say = |part: &str| {
        let own = texts::find(language, &format!("push.{kind}.{part}"));
        own.map(str::to_owned).unwrap_or_else(|| texts::text(language, &format!("push.other.{part}")))
    };
    let close = move |_| app.heard.set(None);
    Some(html::div().class("newer").role("status").child((
        html::div().child((html::strong().child(say("title")), html::p().child(say("text")))),
        html::button().kind("button").class("button small").on("click", close).child(app.t("notices.seen")),
    )))
}

/// The PIN once more, so that copies are renewed for another thirty days.
pub fn check_pin(app: App) -> El {
    use wallet::pin::{DIGITS, Pin};
    let typed = RwSignal::new(String::new());
    let done = move |text: String| {
        typed.set(String::new());
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            app.with(async |wallet| wallet.check_pin(&pin).await).await??;
            app.with(async |wallet| wallet.renew().await).await??;
            app.pin_wanted.set(false);
            app.show(Screen::Home);
            Ok(())
        });
    };
    frame(
        app,
        Way::Back,
        app.t("pin_ask.title"),
        Some(app.t("pin_ask.renew")),
        html::div().class("centre").child(crate::pin_pad::pad(app, DIGITS, false, typed, done)),
        (),
    )
}
