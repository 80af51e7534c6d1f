//! Closing the wallet when nobody uses it: after the minutes that were chosen, or shortly after the app was left.

use crate::app::App;
use crate::dom::prelude::*;
use crate::dom::{every, on_window};
use crate::vault_key::Kind;

/// How long the app may be out of sight, in milliseconds: long enough to look at another screen for a number.
const OUT_OF_SIGHT_MS: i64 = 20_000;

/// How often the time is looked at, in milliseconds.
const LOOK_MS: i32 = 5_000;

/// Watches as long as the app lives.
pub fn watch(app: App) {
    let touched = StoredValue::new(app.now_ms());
    let hidden = StoredValue::new(None::<i64>);
    for event in ["pointerdown", "keydown"] {
        on_window(event, move |_| touched.set_value(app.now_ms()));
    }
    let check = move || {
        let now = app.now_ms();
        let after = i64::from(app.settings.get_untracked().lock_after.0) * 60_000;
        let unused = now - touched.get_value() >= after;
        let left = hidden.get_value().is_some_and(|since| now - since >= OUT_OF_SIGHT_MS);
        let lockable = matches!(app.lock.get_untracked(), Some(Kind::Prf | Kind::Share));
        if (unused || left) && lockable && app.is_open() && !app.busy.get_untracked() {
            touched.set_value(now);
            app.spawn(async move {
                app.close().await;
                Ok(())
            });
        }
    };
    on_window("visibilitychange", move |_| {
        if document().hidden() {
            hidden.set_value(Some(app.now_ms()));
        } else {
            check();
            hidden.set_value(None);
        }
    });
    every(LOOK_MS, check);
}
