//! Showing the badge to a person directly: their phone reads one code, asks, and the holder decides what it gets.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wallet::present::{AskedInPerson, InPersonConsent, Meeting, ending};

use super::Screen;
use super::consent::told;
use reactive_graph::graph::untrack;

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, facts, frame, icon, notice, primary, qr, secondary, skeleton, small};

/// Where the meeting stands.
#[derive(Clone)]
enum Stage {
    /// The code is on its way or shown.
    Waiting(Option<String>),
    /// A reader asks.
    Asked(Rc<InPersonConsent>),
    /// It was shown.
    Shown,
    /// Nobody came, or the reader went away.
    Gone,
}

/// The request itself, which can be answered once.
type Held = Rc<RefCell<Option<AskedInPerson>>>;

/// The screen.
pub fn view(app: App) -> El {
    let stage = RwSignal::new_local(Stage::Waiting(None));
    let held = Held::default();
    let alive = Arc::new(AtomicBool::new(true));
    let gone = Arc::clone(&alive);
    on_cleanup(move || {
        gone.store(false, Ordering::Relaxed);
        browser::meet_end();
    });
    let asked = Rc::clone(&held);
    wasm_bindgen_futures::spawn_local(async move {
        let met = meet(app, stage, &asked).await;
        if !alive.load(Ordering::Relaxed) {
            return;
        }
        match met {
            Ok(()) => {}
            Err(Trouble::Browser(_)) => stage.set(Stage::Gone),
            Err(trouble) => {
                stage.set(Stage::Gone);
                app.tell(&trouble);
            }
        }
    });
    let inner = held;
    let body = move || match stage.get() {
        Stage::Waiting(Some(text)) => html::div().class("stack").child((
            html::div().class("showing").child(qr(&text, app.t("meeting.code"))),
            small(app.t("meeting.wait")),
        )),
        Stage::Waiting(None) => html::div().class("showing").child(skeleton(3)),
        Stage::Asked(consent) => asking(app, &consent),
        Stage::Shown => notice("good", "done", app.t("meeting.shown"), app.t("meeting.shown.next")),
        Stage::Gone => notice("wait", "info", app.t("meeting.gone"), app.t("meeting.gone.next")),
    };
    let actions = move || match stage.get() {
        Stage::Waiting(_) => {
            html::div()
                .class("stack")
                .child(secondary(app, app.t("meeting.loop"), move || app.open(Screen::Showing)))
        }
        Stage::Asked(_) => {
            let (yes, no) = (Rc::clone(&inner), Rc::clone(&inner));
            html::div().class("stack").child((
                primary(app, app.t("meeting.agree"), move || {
                    app.run(answer(app, stage, Rc::clone(&yes)));
                }),
                secondary(app, app.t("meeting.refuse"), move || {
                    if let Some(asked) = no.borrow_mut().take() {
                        browser::meet_answer(&asked.declined());
                    }
                    app.show(Screen::Home);
                }),
            ))
        }
        Stage::Shown | Stage::Gone => {
            html::div()
                .class("stack")
                .child(primary(app, app.t("meeting.home"), move || app.show(Screen::Home)))
        }
    };
    let page = untrack(|| provider(app)).unwrap_or_default();
    let page = format!("{}/check", page.trim_start_matches("https://").trim_end_matches('/'));
    let lead = app.tf("meeting.lead", &[("address", &page)]);
    frame(app, Way::Back, app.t("meeting.title"), Some(lead), body, actions)
}

/// The server that this wallet belongs to.
fn provider(app: App) -> Option<String> {
    app.state.get().as_ref()?.account.as_ref().map(|account| account.provider.clone())
}

/// What the reader wants: nothing has left the phone yet.
fn asking(app: App, consent: &InPersonConsent) -> El {
    let reader = match &consent.reader {
        Some(name) => {
            html::p().class("state good").child((icon("shield"), app.tf("meeting.reader", &[("name", name)])))
        }
        None => notice("wait", "info", app.t("meeting.unknown"), app.t("meeting.unknown.next")),
    };
    let kept = (!consent.kept.is_empty())
        .then(|| notice("wait", "info", app.t("meeting.kept"), app.t("meeting.kept.next")));
    let again = (consent.unused_copies == 0)
        .then(|| notice("wait", "info", app.t("result.reused"), app.t("result.reused.next")));
    let claims = consent.claims.iter().map(|claim| told(app, claim)).collect();
    html::div().class("stack").child((
        reader,
        html::div().class("panel").child(facts(claims)),
        kept,
        again,
        small(app.t("meeting.what")),
    ))
}

/// Shows a code and waits for who reads it.
async fn meet(app: App, stage: RwSignal<Stage, LocalStorage>, held: &Held) -> Result<(), Trouble> {
    let provider = untrack(|| provider(app)).ok_or(Trouble::Own("vault_closed"))?;
    let channel = keys::encoding::b64url_encode(&keys::random::bytes::<16>());
    // https becomes wss, http (on this machine) ws.
    let address =
        format!("ws{}/in-person/{channel}", provider.trim_start_matches("http").trim_end_matches('/'));
    let meeting = Meeting::new(&address);
    stage.set(Stage::Waiting(Some(meeting.qr())));
    let first = browser::meet_first(&format!("{address}/phone")).await?;
    let asked = app.with(async |wallet| wallet.meet(&meeting, &first)).await?;
    match asked {
        Ok(asked) => {
            stage.set(Stage::Asked(Rc::new(asked.consent().clone())));
            *held.borrow_mut() = Some(asked);
            Ok(())
        }
        Err(error) => {
            browser::meet_answer(&ending(&error));
            Err(error.into())
        }
    }
}

/// Sends what was asked for.
async fn answer(app: App, stage: RwSignal<Stage, LocalStorage>, held: Held) -> Result<(), Trouble> {
    let Some(asked) = held.borrow_mut().take() else { return Ok(()) };
    // The notice above said so where no unused copy is left.
    let answered = app.with(async |wallet| wallet.answer_in_person(asked, true).await).await?;
    let answered = answered?;
    browser::meet_answer(&answered.message);
    stage.set(Stage::Shown);
    Ok(())
}
