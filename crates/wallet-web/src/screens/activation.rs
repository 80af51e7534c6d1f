//! Where set-up begins: the activation code, and the message's address where this app was not opened by it.

use super::{Proof, Screen};
use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Typed, Way, field, frame, plain, primary, secondary, small};
use crate::scanned::{self, Scanned};

/// How far set-up is, as dots.
pub fn journey(app: App, at: usize) -> El {
    let names = ["journey.code", "journey.identity", "journey.passkey", "journey.pin", "journey.badge"];
    let steps = names
        .iter()
        .enumerate()
        .map(|(number, key)| {
            let class = match number.cmp(&at) {
                core::cmp::Ordering::Less => "done",
                core::cmp::Ordering::Equal => "now",
                core::cmp::Ordering::Greater => "later",
            };
            html::li()
                .class(class)
                .attr("aria-current", (number == at).then_some("step"))
                .child(html::span().child(app.t(key)))
        })
        .collect::<Vec<_>>();
    html::ol().class("journey").label(app.t("journey.all")).child(steps)
}

/// The activation code; and the message's address, where this app was not opened by it.
pub fn view(app: App) -> El {
    let (code, address) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let invited = Memo::new(move |_| app.settings.with(|settings| settings.invitation.clone()));
    let paste = move || {
        app.run(async move {
            address.set(browser::from_clipboard().await?);
            Ok(())
        });
    };
    let ask_address = move || {
        invited.get().is_none().then(|| {
            html::div().class("stack").child((
                field(
                    "address",
                    app.t("activation.address"),
                    Some(app.t("activation.address.hint")),
                    Typed { kind: "text", mode: "url", autocomplete: "off", most: "512" },
                    address,
                ),
                secondary(app, app.t("activation.paste"), paste),
            ))
        })
    };
    let go = move || {
        app.run(async move {
            let handle = match invited.get_untracked() {
                Some(handle) => handle,
                None => match scanned::read(&address.get_untracked(), &app.origin()) {
                    Scanned::Invitation(handle) => handle,
                    _ => return Err(Trouble::Own("install_link")),
                },
            };
            let digits: String = code.get_untracked().chars().filter(char::is_ascii_digit).collect();
            if digits.len() != 8 {
                return Err(Trouble::Own("activation_form"));
            }
            (app.rest().await?.activate)(app, handle, digits).await
        });
    };
    let recover = move || {
        app.state.get().is_none().then(|| plain(app.t("recover.offer"), move || app.open(Screen::Recover)))
    };
    let other = move || {
        invited
            .get()
            .is_some()
            .then(|| plain(app.t("activation.other"), move || app.set(|settings| settings.invitation = None)))
    };
    frame(
        app,
        Way::None,
        app.t("activation.title"),
        Some(app.t("activation.lead")),
        html::div().class("stack").child((
            journey(app, 0),
            ask_address,
            field(
                "code",
                app.t("activation.code"),
                Some(app.t("activation.code.hint")),
                Typed::digits("9"),
                code,
            ),
            small(app.t("activation.where")),
        )),
        (primary(app, app.t("app.next"), go), other, recover),
    )
}

/// Sends the code; a vault is made for what comes back.
pub async fn activate(app: App, handle: String, digits: String) -> Result<(), Trouble> {
    if app.state.get_untracked().is_none() {
        app.create().await?;
    }
    let provider = app.origin();
    app.with(async |wallet| wallet.activate(&provider, &handle, &digits).await).await??;
    app.set(|settings| settings.invitation = None);
    app.show(Screen::Identity(Proof::Enrolment));
    Ok(())
}
