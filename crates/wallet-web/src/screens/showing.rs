//! Showing the badge by QR codes alone: a signed presentation that a reader verifies without asking anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use credential::path::ClaimPath;
use credential::sd_jwt::{KeyBinding, SdJwt};
use wallet::ports::{Clock as _, KeyStore as _, Shell as _};
use wallet::present::PresentError;

use reactive_graph::graph::untrack;

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::frames;
use crate::parts::{Way, facts, frame, notice, qr, skeleton, small};

/// What is told: enough for a guard's eye, nothing to log in with.
const CLAIMS: [&str; 4] = ["name", "agency_name", "is_serving", "valid_until"];

/// Whom a presentation by screen is for: whoever stands before it.
const AUDIENCE: &str = "urn:mapae:screen";

/// How long one code stands, in milliseconds.
const STEP_MS: u32 = 350;

/// How long one signature is shown before it is made anew, in milliseconds.
const FRESH_MS: i64 = 30_000;

/// The loop of codes.
pub fn view(app: App) -> El {
    let (loop_, at, reused) =
        (RwSignal::new(Vec::<String>::new()), RwSignal::new(0_usize), RwSignal::new(false));
    let alive = Arc::new(AtomicBool::new(true));
    let gone = Arc::clone(&alive);
    on_cleanup(move || gone.store(false, Ordering::Relaxed));
    wasm_bindgen_futures::spawn_local(async move {
        let shown = present(app, None).await;
        let (copy, mut made) = match shown {
            Ok((copy, made)) => (copy, made),
            Err(trouble) => return app.tell(&trouble),
        };
        reused.set(copy.reused);
        let mut since = app.now_ms();
        while alive.load(Ordering::Relaxed) {
            if app.now_ms() - since >= FRESH_MS {
                match present(app, Some(&copy)).await {
                    Ok((_, fresh)) => (made, since) = (fresh, app.now_ms()),
                    Err(trouble) => return app.tell(&trouble),
                }
            }
            if !alive.load(Ordering::Relaxed) {
                return;
            }
            if loop_.with_untracked(|old| *old != made) {
                loop_.set(made.clone());
            }
            at.update(|at| *at = (*at + 1) % made.len().max(1));
            browser::wait(STEP_MS).await;
        }
    });
    let picture = move || {
        let now = at.get();
        match loop_.with(|codes| codes.get(now).cloned()) {
            Some(text) => html::div().class("showing").child(qr(&text, app.t("showing.code"))),
            None => html::div().class("showing").child(skeleton(3)),
        }
    };
    let count = move || {
        let all = loop_.with(Vec::len);
        app.tf("showing.count", &[("at", &(at.get() + 1).min(all).to_string()), ("all", &all.to_string())])
    };
    let again = move || {
        reused.get().then(|| notice("wait", "info", app.t("result.reused"), app.t("result.reused.next")))
    };
    // Untracked: a copy that is noted as shown must not begin the screen, and with it another copy, anew.
    let told = untrack(|| CLAIMS.map(|claim| claim_line(app, claim)).into_iter().flatten().collect());
    frame(
        app,
        Way::Back,
        app.t("showing.title"),
        Some(app.t("showing.lead")),
        html::div().class("stack").child((
            picture,
            html::p().class("soft small centre numbers").child(count),
            again,
            html::div().class("panel").child(facts(told)),
            small(app.t("showing.what")),
        )),
        (),
    )
}

fn claim_line(app: App, claim: &str) -> Option<(String, String)> {
    let badge = super::card::Badge::held(app)?;
    let state = app.state.get()?;
    let info = state.card()?.type_info.clone()?;
    Some((info.label(&ClaimPath::claim(claim), app.language.get().tag()), badge.say(claim)))
}

/// Takes a copy (or the one that is shown already) and signs a presentation of it for this moment.
async fn present(
    app: App,
    again: Option<&wallet::issue::OfflineCopy>,
) -> Result<(wallet::issue::OfflineCopy, Vec<String>), Trouble> {
    let copy = match again {
        Some(copy) => copy.clone(),
        None => {
            app.with(async |wallet| {
                let id = wallet.badge().map(|badge| badge.id.clone()).ok_or(PresentError::Expired)?;
                wallet.copy_for_offline(&id).await
            })
            .await??
        }
    };
    let broken = || Trouble::Own("vault_unknown_format");
    let token = SdJwt::parse(&copy.credential).map_err(|_| broken())?;
    let paths: Vec<ClaimPath> = CLAIMS.iter().map(|claim| ClaimPath::claim(claim)).collect();
    let selected = token.select(&paths).map_err(|_| broken())?;
    let shell = app.shell();
    let nonce = keys::random::token();
    let bound = selected.key_binding(&KeyBinding {
        nonce: &nonce,
        audience: AUDIENCE,
        issued_at: shell.clock().now_s(),
        transaction_data_hashes: &[],
    });
    let signature = shell
        .keys()
        .sign(&copy.key, bound.as_bytes())
        .await
        .map_err(|error| Trouble::Present(error.into()))?;
    let text = bound.finish(&signature);
    let hash = keys::encoding::hex_encode(&keys::sha256(text.as_bytes()));
    let codes =
        frames::split(&text, hash.get(..8).unwrap_or_default()).ok_or(Trouble::Own("showing_too_long"))?;
    Ok((copy, codes))
}
