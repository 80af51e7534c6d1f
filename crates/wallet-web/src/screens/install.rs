//! How to install the app, in the words of the device at hand.

use super::Screen;
use crate::app::App;
use crate::browser;
use crate::dom::on_window;
use crate::dom::prelude::*;
use crate::parts::{Way, frame, icon, notice, plain, primary, small};
use crate::place::System;

/// The install page.
pub fn view(app: App) -> El {
    let place = app.place();
    if let Some(inside) = place.inside {
        return leave(app, inside);
    }
    let steps: &[&str] = match place.system {
        System::Android => &["install.android.1", "install.android.2", "install.android.3"],
        System::Ios => &["install.ios.1", "install.ios.2", "install.ios.3"],
        System::Desktop => &["install.desktop.1", "install.desktop.2"],
    };
    let steps = steps.iter().map(|key| html::li().child(app.t(key))).collect::<Vec<_>>();
    let offered = RwSignal::new(browser::can_install());
    on_window("mapae-installable", move |_| {
        // The screen may be gone by then, and the signal with it.
        let _ = offered.try_set(true);
    });
    let install = move || {
        offered.get().then(|| {
            primary(app, app.t("install.now"), move || {
                app.run(async move {
                    offered.set(false);
                    browser::ask_to_install().await;
                    Ok(())
                });
            })
        })
    };
    let copied = RwSignal::new(false);
    let invitation = app.settings.get_untracked().invitation;
    let copy = invitation.map(|handle| {
        let address = format!("{}/install#{handle}", app.origin());
        html::div().class("panel stack").child((
            html::p().child(app.t("install.copy.why")),
            html::button()
                .kind("button")
                .class("button block")
                .on("click", move |_| {
                    let address = address.clone();
                    app.run(async move {
                        browser::to_clipboard(&address).await?;
                        copied.set(true);
                        Ok(())
                    });
                })
                .child((icon("copy"), move || {
                    app.t(if copied.get() { "install.copied" } else { "install.copy" })
                })),
        ))
    });
    frame(
        app,
        Way::None,
        app.t("install.title"),
        Some(app.t("install.lead")),
        html::div().class("stack").child((
            html::ol().class("steps stack panel").child(steps),
            copy,
            small(app.t("install.unasked")),
        )),
        (install, plain(app.t("install.here"), move || app.show(Screen::Activation))),
    )
}

/// Inside another app's browser nothing can be installed: the way out first.
fn leave(app: App, inside: &'static str) -> El {
    let address = window().location().href().unwrap_or_default();
    let out = app
        .place()
        .way_out(&address)
        .map(|way| html::a().class("button primary block").href(way).child(app.t("install.inside.leave")));
    let how = match app.place().system {
        System::Ios => app.t("install.inside.ios"),
        System::Android | System::Desktop => app.t("install.inside.android"),
    };
    let copied = RwSignal::new(false);
    frame(
        app,
        Way::None,
        app.t("install.title"),
        None,
        notice("wait", "alert", app.tf("install.inside.what", &[("name", inside)]), how),
        (
            out,
            html::button()
                .kind("button")
                .class("button block")
                .on("click", move |_| {
                    let address = address.clone();
                    app.run(async move {
                        browser::to_clipboard(&address).await?;
                        copied.set(true);
                        Ok(())
                    });
                })
                .child(move || app.t(if copied.get() { "install.copied" } else { "install.copy" })),
        ),
    )
}
