//! What can be chosen.

use leptos::html;
use leptos::prelude::*;
use wallet::pin::Pin;

use crate::app::App;
use crate::fault::Trouble;
use crate::parts::{heading, row, tabs, trouble};

/// The settings.
pub fn view(app: App) -> AnyView {
    let other = app.language.get().other();
    html::div()
        .class("screen")
        .child((
            html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
            html::main().id("main").class("screen-main").child((
                heading(app.t("settings.title")),
                trouble(app),
                html::div().class("rows").child(row(
                    "globe",
                    app.t("settings.language"),
                    Some(app.t("settings.language.other")),
                    move || {
                        app.set(|settings| settings.language = Some(other));
                        app.speak(other);
                    },
                )),
            )),
            tabs(app),
        ))
        .into_any()
}

/// Changes the PIN; a change that was begun and not finished goes on.
pub async fn change_pin(app: App, old: &str, new: &Pin) -> Result<(), Trouble> {
    let old = Pin::parse(old).map_err(|_| Trouble::Own("pin_form"))?;
    app.with(async |wallet| wallet.change_pin(&old, new).await).await??;
    app.show(super::Screen::Settings);
    Ok(())
}
