//! Screens while the wallet is closed, locked, suspended or gone: why, and what leads on.

use super::{PinPurpose, Screen, enter, hold, start, synchronize};
use crate::app::App;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{
    Typed, Way, facts, field, frame, notice, plain, primary, secondary, skeleton, small, trouble,
};
use crate::{texts, when};

/// Nothing is known yet.
pub fn opening(app: App) -> El {
    html::div().class("screen").child(html::main().class("screen-main").attr("aria-busy", "true").child((
        html::h1().class("sr-only").child(app.t("opening.title")),
        html::div().class("card waiting").child(skeleton(3)),
        skeleton(4),
    )))
}

/// The second part of the app is being loaded; a tap that asked for it waits here and is not lost.
pub fn on_its_way(app: App) -> El {
    let failed = RwSignal::new(false);
    // Not a step of its own: the one that led here may still be under way.
    let load = move || {
        failed.set(false);
        app.spawn(async move {
            if let Err(trouble) = app.rest().await {
                // Whoever went elsewhere meanwhile is not told.
                if failed.try_set(true).is_none() {
                    app.tell(&trouble);
                }
            }
            Ok(())
        });
    };
    load();
    let again = move || failed.get().then(|| primary(app, app.t("app.again"), load));
    html::div().class("screen").child((
        html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
        html::main().class("screen-main").attr("aria-busy", move || (!failed.get()).to_string()).child((
            html::h1().class("sr-only").child(app.t("opening.title")),
            trouble(app),
            move || (!failed.get()).then(|| skeleton(4)),
        )),
        html::div().class("screen-actions").child(again),
    ))
}

/// Another tab holds the wallet.
pub fn other_tab(app: App) -> El {
    frame(
        app,
        Way::None,
        app.t("other_tab.title"),
        Some(app.t("other_tab.lead")),
        (),
        primary(app, app.t("other_tab.here"), move || {
            app.run(async move { start(app, hold(app, true).await).await })
        }),
    )
}

/// The vault is closed.
pub fn unlock(app: App) -> El {
    frame(
        app,
        Way::None,
        app.t("unlock.title"),
        Some(app.t("unlock.lead")),
        html::img().class("unlock-emblem").src("/wallet/emblem.svg").alt("").width("120").height("140"),
        primary(app, app.t("unlock.open"), move || app.run(open(app))),
    )
}

/// Opens the vault with the passkey and goes where the wallet stands.
pub async fn open(app: App) -> Result<(), Trouble> {
    let lock = app.vault_lock().await?.ok_or(Trouble::Own("vault_missing"))?;
    if let Err(trouble) = app.unlock(&lock).await {
        // An order to wipe reaches a phone whose holder can't open it any more.
        if let Ok(rest) = app.rest().await
            && let Ok(true) = (rest.to_be_wiped)(app).await
        {
            return app.wipe().await;
        }
        return Err(trouble);
    }
    super::arrive(app).await
}

/// The agency whose desk helps, as the server last named it.
fn agency(app: App) -> Option<String> {
    let state = app.state.get()?;
    let status = state.account.as_ref()?.status.as_ref()?;
    let name = app.language.get().pick(&status.agency, &status.agency_en).to_owned();
    (!name.is_empty()).then_some(name)
}

/// Why, as the server last said, and since when.
fn reason(app: App) -> Option<(String, String)> {
    let state = app.state.get()?;
    let status = state.account.as_ref()?.status.as_ref()?;
    let word = texts::find(app.language.get(), &format!("reason.{}", status.reason.as_deref()?))?;
    Some((word.to_owned(), status.since.map(when::full).unwrap_or_default()))
}

/// Five wrong PINs: why, and who can unlock.
pub fn locked(app: App) -> El {
    let desk =
        agency(app).map(|name| html::div().class("panel").child(facts(vec![(app.t("locked.desk"), name)])));
    frame(
        app,
        Way::None,
        app.t("locked.title"),
        None,
        html::div().class("stack").child((
            notice("bad", "lock", app.t("locked.what"), app.t("locked.next")),
            html::ol().class("steps stack panel").child((
                html::li().child(app.t("locked.step.1")),
                html::li().child(app.t("locked.step.2")),
                html::li().child(app.t("locked.step.3")),
            )),
            desk,
            small(app.t("locked.kept")),
        )),
        (
            primary(app, app.t("locked.check"), move || app.run(check(app))),
            plain(app.t("locked.code"), move || app.open(Screen::NewPinCode)),
        ),
    )
}

async fn check(app: App) -> Result<(), Trouble> {
    synchronize(app).await?;
    match app.screen.get_untracked() {
        Screen::Locked => Err(Trouble::Own("still_locked")),
        Screen::Suspended => Err(Trouble::Own("still_suspended")),
        _ => Ok(()),
    }
}

/// The code that two operators handed over, then a new PIN.
pub fn new_pin_code(app: App) -> El {
    let code = RwSignal::new(String::new());
    let go = move || {
        let digits: String = code.get_untracked().chars().filter(char::is_ascii_digit).collect();
        if digits.len() == 8 {
            app.show(Screen::NewPin(PinPurpose::AfterUnlock(digits)));
        } else {
            app.tell(&Trouble::Own("unlock_code_form"));
        }
    };
    frame(
        app,
        Way::None,
        app.t("new_pin_code.title"),
        Some(app.t("new_pin_code.lead")),
        field(
            "unlock-code",
            app.t("new_pin_code.code"),
            Some(app.t("new_pin_code.hint")),
            Typed::digits("9"),
            code,
        ),
        primary(app, app.t("app.next"), go),
    )
}

/// Suspended: locked and kept, told plainly.
pub fn suspended(app: App) -> El {
    let again = move || {
        app.run(async move {
            synchronize(app).await?;
            if matches!(app.screen.get_untracked(), Screen::Suspended) && app.is_suspended() {
                return Err(Trouble::Own("still_suspended"));
            }
            super::arrive(app).await
        });
    };
    let mut rows = Vec::new();
    if let Some((why, since)) = reason(app) {
        rows.push((app.t("suspended.why"), why));
        rows.push((app.t("suspended.since"), since));
    }
    rows.push((app.t("suspended.kept.name"), app.t("suspended.kept")));
    rows.push((app.t("suspended.who.name"), agency(app).unwrap_or_else(|| app.t("suspended.who"))));
    frame(
        app,
        Way::None,
        app.t("suspended.title"),
        None,
        html::div().class("stack").child((
            notice("wait", "pause", app.t("suspended.what"), app.t("suspended.next")),
            html::div().class("panel").child(facts(rows)),
        )),
        primary(app, app.t("suspended.check"), again),
    )
}

/// Ended: nothing is left here.
pub fn wiped(app: App) -> El {
    frame(
        app,
        Way::None,
        app.t("wiped.title"),
        None,
        html::div().class("stack").child((
            notice("bad", "stop", app.t("wiped.what"), app.t("wiped.next")),
            small(app.t("wiped.again")),
        )),
        secondary(app, app.t("wiped.begin"), move || app.run(enter(app))),
    )
}
