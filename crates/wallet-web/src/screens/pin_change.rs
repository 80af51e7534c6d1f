//! Change of PIN: the old one, the new one twice; interrupted anywhere, it goes on or back, never into a PIN that nobody
//! knows.

use wallet::pin::{DIGITS, Pin};
use wallet::state::PinChangeStage;

use super::{PinPurpose, Proof, Screen, arrive};
use crate::app::App;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, frame, notice, plain, primary, small};
use crate::pin_pad::pad;

/// The PIN in force.
pub fn old(app: App) -> El {
    let typed = RwSignal::new(String::new());
    let done = move |text: String| {
        typed.set(String::new());
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            // Judged by the server before a new one is chosen, so that a slip is told at once.
            app.with(async |wallet| wallet.check_pin(&pin).await).await??;
            app.show(Screen::NewPin(PinPurpose::Change(text)));
            Ok(())
        });
    };
    frame(
        app,
        Way::Back,
        app.t("pin_change.title"),
        None,
        html::div().class("stack centre").child((
            html::p().class("pin-ask").child(app.t("pin_change.old")),
            pad(app, DIGITS, false, typed, done),
            small(app.t("pin_change.count")),
        )),
        plain(app.t("pin_change.forgotten"), move || app.open(Screen::Identity(Proof::ForgottenPin))),
    )
}

/// Begin and commit, and back to the settings.
pub async fn change(app: App, old: &str, new: &Pin) -> Result<(), Trouble> {
    let old = Pin::parse(old).map_err(|_| Trouble::Own("pin_form"))?;
    let changed = app.with(async |wallet| wallet.change_pin(&old, new).await).await?;
    if let Err(error) = changed {
        let begun = app.with(async |wallet| wallet.pin_change()).await?;
        if begun == Some(PinChangeStage::Begun) {
            app.show(Screen::PinChangePending);
        }
        return Err(error.into());
    }
    app.show(Screen::Settings);
    Ok(())
}

/// Begun and not finished: finish with the new PIN, or keep the old one.
pub fn pending(app: App) -> El {
    let (typed, keep) = (RwSignal::new(String::new()), RwSignal::new(None::<bool>));
    let done = move |text: String| {
        typed.set(String::new());
        let keep_old = keep.get_untracked().unwrap_or(false);
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            app.with(async |wallet| match keep_old {
                true => wallet.rollback_pin_change(&pin).await,
                false => wallet.commit_pin_change(&pin).await,
            })
            .await??;
            arrive(app).await
        });
    };
    let body = move || match keep.get() {
        None => notice("wait", "clock", app.t("pin_pending.what"), app.t("pin_pending.next")),
        Some(old) => html::div().class("stack centre").child((
            html::p().class("pin-ask").role("status").child(app.t(if old {
                "pin_pending.old"
            } else {
                "pin_pending.new"
            })),
            pad(app, DIGITS, false, typed, done),
        )),
    };
    let actions = move || {
        keep.get().is_none().then(|| {
            (
                primary(app, app.t("pin_pending.finish"), move || keep.set(Some(false))),
                plain(app.t("pin_pending.keep"), move || keep.set(Some(true))),
            )
        })
    };
    frame(app, Way::None, app.t("pin_pending.title"), None, html::div().class("stack").child(body), actions)
}

/// A forgotten PIN was replaced: what waits for a day, and why.
pub fn rests(app: App) -> El {
    frame(
        app,
        Way::None,
        app.t("pin_rests.title"),
        None,
        html::div().class("stack").child((
            notice("wait", "clock", app.t("pin_rests.what"), app.t("pin_rests.next")),
            small(app.t("pin_rests.told")),
        )),
        primary(app, app.t("result.home"), move || app.show(Screen::Home)),
    )
}
