//! Consent: who asks, what for, what would be told; then the number, the PIN, and what came of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use credential::types::text_in;
use openid::approval::Level;
use wallet::issue::Options;
use wallet::pin::{DIGITS, Pin};
use wallet::present::{Answered, Asked, AskedClaim, Choice, Policy, PresentError};

use super::card::shown;
use super::rest::renew;
use super::{Screen, synchronize};
use crate::app::App;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, facts, frame, icon, notice, plain, primary, secondary, small};
use crate::pin_pad::pad;

/// A request on its way to its answer.
#[derive(Clone)]
pub struct Request {
    asked: Rc<Asked>,
    /// Optional claims that were turned on.
    chosen: BTreeSet<String>,
    number: Option<String>,
    reuse: bool,
}

/// What came of it.
#[derive(Clone)]
pub struct Told {
    party: String,
    login: bool,
    claims: Vec<String>,
    reused: bool,
    redirect: Option<String>,
}

/// Fetches and verifies a request, and shows it.
pub async fn ask(app: App, link: String) -> Result<(), Trouble> {
    let asked = app.with(async |wallet| wallet.ask(&link, Policy::default()).await).await??;
    app.reached();
    let request = Request { asked: Rc::new(asked), chosen: BTreeSet::new(), number: None, reuse: false };
    app.show(Screen::Consent(request));
    Ok(())
}

fn party(app: App, asked: &Asked) -> String {
    let consent = asked.consent();
    let language = app.language.get();
    match (&consent.login, &consent.requester.party) {
        (Some(login), _) => language.pick(&login.name_ko, &login.name_en).to_owned(),
        (None, Some(party)) => language.pick(&party.name_ko, &party.name_en).to_owned(),
        (None, None) => consent.requester.name.clone(),
    }
}

/// Who asks, why, and what: nothing has left the phone yet.
pub fn view(app: App, request: Request) -> El {
    let asked = Rc::clone(&request.asked);
    let consent = asked.consent();
    let chosen = RwSignal::new(request.chosen.clone());
    let name = party(app, &asked);
    let requester = &consent.requester;
    let seal = if requester.verified {
        html::p().class("state good").child((icon("shield"), app.t("consent.verified")))
    } else {
        notice("bad", "alert", app.t("consent.unverified"), app.t("consent.unverified.next"))
    };
    let (purpose, origin) = match &consent.login {
        Some(login) => (app.t("consent.purpose.login"), login.origin.clone()),
        None => (app.t("consent.purpose.show"), requester.origin.clone()),
    };
    let mut who = vec![(app.t("consent.origin"), origin), (app.t("consent.purpose"), purpose)];
    if let Some(login) = &consent.login {
        let place = login.place.clone().unwrap_or_else(|| app.t("consent.place.unknown"));
        who.push((app.t("consent.place"), place));
    }
    if consent.login.is_some() || requester.party.is_some() {
        who.push((app.t("consent.through"), format!("{} · {}", requester.name, requester.origin)));
    }
    let claims: Vec<&AskedClaim> = consent.credentials.iter().flat_map(|asked| &asked.claims).collect();
    let required = claims.iter().filter(|claim| claim.required).map(|claim| told(app, claim)).collect();
    let optional: Vec<El> =
        claims.iter().filter(|claim| !claim.required).map(|claim| switch(app, claim, chosen)).collect();
    let optional = (!optional.is_empty()).then(|| {
        html::fieldset().class("panel").child((
            html::legend().class("panel-title").child(app.t("consent.optional")),
            small(app.t("consent.optional.hint")),
            html::div().class("choices").child(optional.into_iter().collect::<Vec<_>>()),
        ))
    });
    let count = claims.iter().filter(|claim| claim.required).count().to_string();
    let required = if consent.login.as_ref().is_some_and(|login| login.remembered) {
        let title = app.tf("consent.told.again", &[("count", &count)]);
        html::details()
            .class("panel")
            .child((html::summary().class("panel-title").child(title), facts(required)))
    } else {
        html::section()
            .class("panel")
            .child((html::h2().class("panel-title").child(app.t("consent.told")), facts(required)))
    };
    let agree = {
        let request = request.clone();
        move || {
            let request = Request { chosen: chosen.get_untracked(), ..request.clone() };
            app.run(next(app, request));
        }
    };
    let refuse = move || {
        let asked = Rc::clone(&request.asked);
        app.run(async move {
            let told = app.with(async |wallet| wallet.decline(&asked).await).await?;
            app.show(Screen::Home);
            // The history has it; a verifier that can't be told will see the request expire.
            let _ = told;
            Ok(())
        });
    };
    let title = if consent.login.is_some() {
        app.tf("consent.login.title", &[("name", &name)])
    } else {
        app.tf("consent.show.title", &[("name", &name)])
    };
    frame(
        app,
        Way::None,
        title,
        None,
        html::div().class("stack").child((
            seal,
            html::div().class("panel").child(facts(who)),
            required,
            optional,
            small(app.t("consent.kept")),
        )),
        (primary(app, app.t("consent.agree"), agree), secondary(app, app.t("consent.refuse"), refuse)),
    )
}

fn label(app: App, claim: &AskedClaim) -> String {
    app.language.get().pick(&claim.label_ko, &claim.label_en).to_owned()
}

pub(super) fn told(app: App, claim: &AskedClaim) -> (String, String) {
    let language = app.language.get();
    // An identifier for machines: its name says all that a person can use.
    let value = match text_in(&claim.value, language.tag()) {
        Some(text) if text.len() > 24 && !text.contains(' ') && text.is_ascii() => app.t("consent.machine"),
        _ => shown(&claim.value, language),
    };
    (label(app, claim), value)
}

fn switch(app: App, claim: &AskedClaim, chosen: RwSignal<BTreeSet<String>>) -> El {
    let (name, value) = told(app, claim);
    let path = claim.path.to_string();
    let (on, key) = (path.clone(), path);
    html::label().class("choice").child((
        html::input()
            .kind("checkbox")
            .prop("checked", move || chosen.with(|chosen| chosen.contains(&on)).into())
            .on("change", move |_| {
                chosen.update(|chosen| {
                    if !chosen.remove(&key) {
                        chosen.insert(key.clone());
                    }
                });
            }),
        html::span().child((html::strong().child(name), html::span().child(value))),
    ))
}

/// The number first, then the PIN, where they are asked for; then the answer.
async fn next(app: App, request: Request) -> Result<(), Trouble> {
    let login = request.asked.consent().login.clone();
    let digits = login.as_ref().map_or(0, |login| login.number_digits);
    if digits > 0 && request.number.is_none() {
        app.open(Screen::Number(request));
        return Ok(());
    }
    if login.is_some_and(|login| login.level == Level::Pin) {
        app.open(Screen::ConsentPin(request));
        return Ok(());
    }
    answer(app, request, None).await
}

/// The number that the browser shows.
pub fn number(app: App, request: Request) -> El {
    let digits = request.asked.consent().login.as_ref().map_or(2, |login| usize::from(login.number_digits));
    let typed = RwSignal::new(String::new());
    let request = StoredValue::new_local(request);
    let done = move |text: String| {
        let request = Request { number: Some(text), ..request.get_value() };
        app.run(async move {
            let outcome = next(app, request).await;
            typed.set(String::new());
            outcome
        });
    };
    frame(
        app,
        Way::Back,
        app.t("number.title"),
        Some(app.t("number.lead")),
        html::div().class("stack centre").child((
            html::div().class("pin-number").child(pad(app, digits, true, typed, done)),
            small(app.t("number.why")),
        )),
        (),
    )
}

/// The PIN, for a login that asks for it.
pub fn pin(app: App, request: Request) -> El {
    let typed = RwSignal::new(String::new());
    let request = StoredValue::new_local(request);
    let done = move |text: String| {
        typed.set(String::new());
        let request = request.get_value();
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            answer(app, request, Some(pin)).await
        });
    };
    frame(
        app,
        Way::Back,
        app.t("pin_ask.title"),
        Some(app.t("pin_ask.login")),
        html::div().class("centre").child(pad(app, DIGITS, false, typed, done)),
        (),
    )
}

async fn answer(app: App, request: Request, pin: Option<Pin>) -> Result<(), Trouble> {
    let claims: Vec<String> = request.chosen.iter().cloned().collect();
    let asked = Rc::clone(&request.asked);
    let answered = app
        .with(async |wallet| {
            let choice = Choice {
                claims: &claims,
                number: request.number.as_deref(),
                pin: pin.as_ref(),
                allow_reuse: request.reuse,
                ..Choice::default()
            };
            wallet.answer(&asked, choice).await
        })
        .await?;
    match answered {
        Ok(answered) => {
            app.reached();
            renew(app);
            app.show(Screen::Result(told_of(app, &request, answered)));
            Ok(())
        }
        Err(PresentError::NoFreshCopy) if !request.reuse => {
            // Without a network there is no other copy; with one, a fresh batch comes first.
            let renewed = app.with(async |wallet| wallet.receive_badge(Options::default()).await).await?;
            renewed?;
            Err(Trouble::Own("renewed_try_again"))
        }
        Err(error) => {
            let trouble = Trouble::from(error);
            if trouble.code() == "login_number_wrong" {
                // The login is over, on the browser's page as well.
                app.show(Screen::NumberWrong);
                return Ok(());
            }
            Err(trouble)
        }
    }
}

fn told_of(app: App, request: &Request, answered: Answered) -> Told {
    let consent = request.asked.consent();
    let language = app.language.get_untracked();
    let claims = consent.credentials.iter().flat_map(|asked| &asked.claims);
    let labels = claims
        .filter(|claim| answered.claims.contains(&claim.path.to_string()))
        .map(|claim| language.pick(&claim.label_ko, &claim.label_en).to_owned())
        .collect();
    Told {
        party: party(app, &request.asked),
        login: consent.login.is_some(),
        claims: labels,
        reused: answered.reused_copy,
        redirect: answered.redirect_uri,
    }
}

/// What was told to whom.
pub fn result(app: App, told: Told) -> El {
    let title = if told.login { app.t("result.login.title") } else { app.t("result.show.title") };
    let lead = if told.login {
        app.tf("result.login.lead", &[("name", &told.party)])
    } else {
        app.tf("result.show.lead", &[("name", &told.party)])
    };
    let on = told.redirect.clone().map(|address| {
        html::a()
            .class("button primary block")
            .href(address)
            .attr("rel", "noreferrer")
            .child(app.t("result.continue"))
    });
    let home = move || app.show(Screen::Home);
    let reused =
        told.reused.then(|| notice("wait", "info", app.t("result.reused"), app.t("result.reused.next")));
    frame(
        app,
        Way::None,
        title,
        Some(lead),
        html::div().class("stack").child((
            html::div().class("panel").child((
                html::h2().class("panel-title").child(app.t("result.told")),
                html::ul().class("told").child(
                    told.claims
                        .into_iter()
                        .map(|claim| html::li().child((icon("check"), claim)))
                        .collect::<Vec<_>>(),
                ),
            )),
            reused,
            small(app.t("consent.kept")),
        )),
        (
            on.is_none().then(|| primary(app, app.t("result.home"), home)),
            on,
            told.redirect.map(|_| plain(app.t("result.home"), home)),
        ),
    )
}

/// The number was another one: perhaps somebody else's page.
pub fn number_wrong(app: App) -> El {
    app.spawn(async move {
        let _ = synchronize(app).await;
        Ok(())
    });
    frame(
        app,
        Way::None,
        app.t("number_wrong.title"),
        None,
        html::div().class("stack").child((
            notice("bad", "alert", app.t("number_wrong.what"), app.t("number_wrong.next")),
            small(app.t("number_wrong.why")),
        )),
        (
            primary(app, app.t("number_wrong.scan"), move || app.show(Screen::Scan)),
            plain(app.t("result.home"), move || app.show(Screen::Home)),
        ),
    )
}
