//! What can be chosen, and what protects this app.

use wallet::account::messages::PasskeyEvidence;

use super::Screen;
use crate::app::App;
use crate::dom::prelude::*;
use crate::parts::{Way, facts, frame, heading, notice, row, small, tabs, trouble};
use crate::settings::LockAfter;
use crate::vault_key::Kind;

/// The settings.
pub fn view(app: App) -> El {
    let other = app.language.get().other();
    let minutes = app.settings.get().lock_after.0.to_string();
    html::div().class("screen").child((
        html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
        html::main().id("main").class("screen-main").child((
            heading(app.t("settings.title")),
            trouble(app),
            html::div().class("rows").child((
                row("key", app.t("settings.pin"), None, move || app.open(Screen::OldPin)),
                row(
                    "lock",
                    app.t("settings.lock"),
                    Some(app.tf("settings.lock.after", &[("minutes", &minutes)])),
                    move || {
                        app.open(Screen::AutoLock);
                    },
                ),
                row("bell", app.t("settings.notices"), None, move || app.open(Screen::Notices)),
                row("globe", app.t("settings.language"), Some(app.t("settings.language.other")), move || {
                    app.set(|settings| settings.language = Some(other));
                    app.speak(other);
                }),
            )),
            html::div().class("rows").child((
                row("shield", app.t("settings.security"), None, move || app.open(Screen::Security)),
                row("alert", app.t("settings.loss"), None, move || app.open(Screen::Loss)),
                row("swap", app.t("settings.device"), None, move || app.open(Screen::DeviceChange)),
            )),
            html::div().class("rows").child(row("out", app.t("settings.close"), None, move || {
                app.spawn(async move {
                    app.close().await;
                    Ok(())
                });
            })),
            small(app.tf("settings.version", &[("version", env!("CARGO_PKG_VERSION"))])),
        )),
        tabs(app),
    ))
}

/// Minutes until the wallet closes by itself.
pub fn auto_lock(app: App) -> El {
    let choices = LockAfter::CHOICES
        .into_iter()
        .map(|minutes| {
            html::label().class("choice").child((
                html::input()
                    .kind("radio")
                    .name("minutes")
                    .prop("checked", move || {
                        app.settings.with(|settings| settings.lock_after.0 == minutes).into()
                    })
                    .on("change", move |_| app.set(|settings| settings.lock_after = LockAfter(minutes))),
                html::span().child(
                    html::strong().child(app.tf("settings.lock.after", &[("minutes", &minutes.to_string())])),
                ),
            ))
        })
        .collect::<Vec<_>>();
    frame(
        app,
        Way::Back,
        app.t("settings.lock"),
        Some(app.t("settings.lock.lead")),
        html::fieldset().class("panel").child((
            html::legend().class("sr-only").child(app.t("settings.lock")),
            html::div().class("choices").child(choices),
        )),
        (),
    )
}

/// The evidence that there is, and what it does not prove.
pub fn security(app: App) -> El {
    let state = app.state.get();
    let passkey = state.and_then(|state| state.account.as_ref().and_then(|account| account.passkey.clone()));
    let evidence = match passkey.as_ref().map(|passkey| passkey.evidence).unwrap_or_default() {
        PasskeyEvidence::DeviceBoundAttested => "security.passkey.attested",
        PasskeyEvidence::DeviceBoundUnattested => "security.passkey.bound",
        PasskeyEvidence::Synced => "security.passkey.synced",
        PasskeyEvidence::None => "security.passkey.none",
    };
    let vault = match app.lock.get() {
        Some(Kind::Prf) => "security.vault.prf",
        Some(Kind::Share) => "security.vault.share",
        Some(Kind::Local) | None => "security.vault.local",
    };
    let kept = match app.kept.get() {
        Some(true) => "security.kept.yes",
        Some(false) => "security.kept.no",
        None => "security.kept.unknown",
    };
    let form = if app.place().installed { "security.form.installed" } else { "security.form.tab" };
    frame(
        app,
        Way::Back,
        app.t("settings.security"),
        Some(app.t("security.lead")),
        html::div().class("stack").child((
            html::div().class("panel").child(facts(vec![
                (app.t("security.form"), app.t(form)),
                (app.t("security.passkey"), app.t(evidence)),
                (app.t("security.vault"), app.t(vault)),
                (app.t("security.keys"), app.t("security.keys.software")),
                (app.t("security.kept"), app.t(kept)),
            ])),
            notice("wait", "info", app.t("security.not"), app.t("security.not.what")),
        )),
        (),
    )
}

/// What to do when the phone is gone, or the PIN is.
pub fn loss(app: App) -> El {
    frame(
        app,
        Way::Back,
        app.t("settings.loss"),
        Some(app.t("loss.lead")),
        html::div().class("stack").child((
            html::ol().class("steps stack panel").child((
                html::li().child(app.t("loss.1")),
                html::li().child(app.t("loss.2")),
                html::li().child(app.t("loss.3")),
            )),
            html::div().class("panel").child(facts(vec![
                (app.t("loss.pin.name"), app.t("loss.pin")),
                (app.t("loss.deleted.name"), app.t("loss.deleted")),
            ])),
        )),
        (),
    )
}

/// Another phone.
pub fn device_change(app: App) -> El {
    frame(
        app,
        Way::Back,
        app.t("settings.device"),
        Some(app.t("device.lead")),
        html::ol().class("steps stack panel").child((
            html::li().child(app.t("device.1")),
            html::li().child(app.t("device.2")),
            html::li().child(app.t("device.3")),
        )),
        (),
    )
}
