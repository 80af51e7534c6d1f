//! The entry code: for a gate's reader of codes, where the phone can't tap.
//!
//! It shows for a minute after fingerprint, face or the phone's lock, while the app is in sight; a new code every five
//! seconds, each good for ten and once. With a gate pass in hand it needs no network. What the door decides stands on
//! the door's display: nothing comes back to this screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gate::wire::Evidence;

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, facts, frame, notice, primary, qr, small};
use crate::vault_key::Kind;
use crate::when;

/// How long one code stands, in milliseconds: half of what it counts.
const STEP_MS: i64 = 5_000;

/// How long codes are shown after the person was there, in milliseconds.
const SHOWN_MS: i64 = 60_000;

/// How often the screen looks at the time, in milliseconds.
const LOOK_MS: u32 = 250;

/// What is on the screen.
#[derive(Clone, Copy)]
struct Shown {
    /// The code.
    code: RwSignal<Option<String>>,
    /// When the person was last there, milliseconds since 1970.
    since: RwSignal<Option<i64>>,
    /// Seconds until the code goes.
    left: RwSignal<i64>,
    /// When the pass ends, seconds since 1970.
    until: RwSignal<Option<i64>>,
}

/// The code, after a confirmation.
pub fn view(app: App) -> El {
    let shown = Shown {
        code: RwSignal::new(None),
        since: RwSignal::new(None),
        left: RwSignal::new(0),
        until: RwSignal::new(None),
    };
    let alive = Arc::new(AtomicBool::new(true));
    let gone = Arc::clone(&alive);
    on_cleanup(move || gone.store(false, Ordering::Relaxed));
    wasm_bindgen_futures::spawn_local(follow(app, shown, alive));
    confirm(app, shown);
    let picture = move || {
        html::div().class("showing").child(match shown.code.get() {
            Some(text) => qr(&text, app.t("entry.code")),
            None => notice("wait", "finger", app.t("entry.asks"), String::new()),
        })
    };
    let left = move || {
        shown
            .code
            .with(Option::is_some)
            .then(|| app.tf("entry.left", &[("left", &shown.left.get().to_string())]))
    };
    let until = move || {
        let until = shown.until.get()?;
        let line = (app.t("entry.until"), when::full(until * 1_000));
        Some(html::div().class("panel").child(facts(vec![line])))
    };
    let ask = move || {
        shown
            .code
            .with(Option::is_none)
            .then(|| primary(app, app.t("entry.confirm"), move || confirm(app, shown)))
    };
    frame(
        app,
        Way::Back,
        app.t("entry.title"),
        Some(app.t("entry.lead")),
        html::div().class("stack").child((
            picture,
            html::p().class("soft small centre numbers").child(left),
            until,
            small(app.t("entry.what")),
        )),
        ask,
    )
}

/// Asks the person to be there, and meanwhile for a pass where one is due.
fn confirm(app: App, shown: Shown) {
    app.run(async move {
        let asked = present(app).await;
        match asked {
            // Whoever looks away finds the button.
            Err(trouble) if trouble.code() == "browser_declined" => return Ok(()),
            asked => asked?,
        }
        // A pass that is still good stays, whatever the network does; without one the code says what is missing.
        if let Ok(Err(error)) = app.with(async |wallet| wallet.renew_gate_pass().await).await {
            let trouble = Trouble::from(error);
            if !trouble.is_network() {
                return Err(trouble);
            }
            app.offline.set(true);
        }
        let _ = shown.since.try_set(Some(app.now_ms()));
        Ok(())
    });
}

/// An assertion of the passkey; the vault's key that comes of it is dropped.
async fn present(app: App) -> Result<(), Trouble> {
    let lock = app.vault_lock().await?.ok_or(Trouble::Own("vault_missing"))?;
    if lock.kind == Kind::Local {
        return Err(Trouble::Own("entry_unprotected"));
    }
    lock.open(app).await.map(drop)
}

/// Makes codes while they are shown, until the screen goes.
async fn follow(app: App, shown: Shown, alive: Arc<AtomicBool>) {
    let mut made_at = i64::MIN;
    while alive.load(Ordering::Relaxed) {
        let now = app.now_ms();
        let since = shown.since.get_untracked();
        let over = |since: i64| now < since || now - since >= SHOWN_MS || document().hidden();
        match since {
            Some(since) if over(since) => {
                shown.since.set(None);
                shown.code.set(None);
                made_at = i64::MIN;
            }
            Some(since) => {
                if now.saturating_sub(made_at) >= STEP_MS {
                    let made = make(app, shown, now - since).await;
                    if !alive.load(Ordering::Relaxed) {
                        return;
                    }
                    made_at = now;
                    match made {
                        Ok(code) => shown.code.set(Some(code)),
                        Err(trouble) => {
                            shown.since.set(None);
                            shown.code.set(None);
                            made_at = i64::MIN;
                            app.tell(&trouble);
                        }
                    }
                }
                let left = (SHOWN_MS - (now - since)).div_euclid(1_000);
                if shown.left.get_untracked() != left {
                    shown.left.set(left);
                }
            }
            None => {}
        }
        browser::wait(LOOK_MS).await;
    }
}

async fn make(app: App, shown: Shown, age_ms: i64) -> Result<String, Trouble> {
    let age_s = u32::try_from(age_ms.div_euclid(1_000)).unwrap_or(u32::MAX);
    let evidence = Evidence { unlocked: true, age_s };
    let (code, until) =
        app.with(async |wallet| (wallet.entry_code(evidence).await, wallet.gate_pass_until())).await?;
    let _ = shown.until.try_set(until);
    code.map_err(|error| Trouble::Own(error.code()))
}

/// Renews the pass silently where this phone was used at a gate before: the next gate may be where there is no network.
pub fn renew(app: App) {
    app.spawn(async move {
        let asked = app
            .with(async |wallet| match wallet.state().gate.is_some() {
                true => wallet.renew_gate_pass().await,
                false => Ok(()),
            })
            .await?;
        Ok(asked?)
    });
}
