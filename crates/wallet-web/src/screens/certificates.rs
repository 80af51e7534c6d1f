//! 증명서: asked for, kept in the 증명서함, saved as a file, and handed on by a link that opens once.
//!
//! All of it is in the second part; the first knows one variant of [`Screen`](super::Screen) that holds a page.

use std::collections::BTreeMap;
use std::rc::Rc;

use wallet::account::messages::{
    CertificateField, CertificateKind, CertificateLink, CertificateRequest, CertificateStanding,
    CertificateState, Certificates, Given, PrintLanguage, PrintedCertificate, Words,
};

use super::Screen;
use super::made::{go, nothing, unknown};
use crate::app::{App, Local};
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Typed, Way, facts, field, frame, icon, notice, primary, row, secondary, small, state};
use crate::texts::Language;
use crate::when;

/// The way in from the card.
pub fn door(app: App) -> El {
    row("sheet", app.t("certificates.title"), Some(app.t("certificates.hint")), move || go(app, shelf))
}

fn said(app: App, words: &Words) -> String {
    app.language.get().pick(&words.ko, &words.en).to_owned()
}

/// What the holder gave, in one line.
fn in_a_line(given: &[Given]) -> String {
    given.iter().map(|one| one.value.as_str()).collect::<Vec<_>>().join(" · ")
}

/// What there is; nothing until it is known.
type Known = Local<Option<Rc<Certificates>>>;

/// What there is, fetched anew.
fn shelf(app: App) -> El {
    let all: Known = RwSignal::new_local(None);
    fetch(app, all);
    list(app, all)
}

fn fetch(app: App, all: Known) {
    app.run(async move {
        let found = app.with(async |wallet| wallet.certificates().await).await??;
        app.reached();
        // The screen may be gone by then, and the signal with it.
        let _ = all.try_set(Some(Rc::new(found)));
        Ok(())
    });
}

fn list(app: App, all: Known) -> El {
    let body = move || {
        let Some(all) = all.get() else { return unknown(app, move || fetch(app, all)) };
        let printed = all.printed.iter().map(|one| line(app, one)).collect::<Vec<_>>();
        let empty = printed
            .is_empty()
            .then(|| nothing("sheet", app.t("certificates.none"), app.t("certificates.none.next")));
        let printed = (!printed.is_empty()).then(|| html::div().class("rows").child(printed));
        let open =
            all.requests.iter().filter(|one| is_open(one)).map(|one| request(app, one)).collect::<Vec<_>>();
        html::div().class("stack").child((empty, printed, open))
    };
    let asks = move || {
        let kinds = all.get().map(|all| all.kinds.clone()).unwrap_or_default();
        let asks = kinds.into_iter().enumerate().map(|(at, kind)| {
            let label = app.tf("certificates.ask", &[("name", &said(app, &kind.name))]);
            let kind = Rc::new(kind);
            let open = move || {
                let kind = Rc::clone(&kind);
                go(app, move |app| ask(app, &kind));
            };
            if at == 0 { primary(app, label, open) } else { secondary(app, label, open) }
        });
        asks.collect::<Vec<_>>()
    };
    let (title, lead) = (app.t("certificates.title"), app.t("certificates.lead"));
    frame(app, Way::Back, title, Some(lead), body, asks)
}

/// Whether a request has something left to say beside what was printed of it.
fn is_open(request: &CertificateRequest) -> bool {
    match request.state {
        CertificateState::Waiting | CertificateState::Rejected => true,
        CertificateState::Approved => !request.printable.is_empty(),
        CertificateState::Withdrawn | CertificateState::Revoked => false,
    }
}

/// How a certificate stands, in a word.
fn standing(app: App, one: &PrintedCertificate) -> (&'static str, String) {
    match one.standing {
        CertificateStanding::Genuine => ("good", app.t("certificates.genuine")),
        CertificateStanding::Revoked => ("bad", app.t("certificates.revoked")),
        CertificateStanding::Over => ("wait", app.t("certificates.over")),
    }
}

fn line(app: App, one: &PrintedCertificate) -> El {
    let (_, word) = standing(app, one);
    let hint = format!("{word} · {} · {}", in_a_line(&one.given), when::full(one.issued_at));
    let shown = Rc::new(one.clone());
    row("sheet", one.title.clone(), Some(hint), move || {
        let shown = Rc::clone(&shown);
        go(app, move |app| certificate(app, &shown));
    })
}

/// A request that waits, was rejected, or may still be printed in a language.
fn request(app: App, one: &CertificateRequest) -> El {
    let (tone, word) = match one.state {
        CertificateState::Waiting => ("wait", app.t("certificates.waiting")),
        CertificateState::Approved => ("good", app.t("certificates.approved")),
        _ => ("bad", app.t("certificates.rejected")),
    };
    let why = one
        .reason
        .clone()
        .map(|reason| html::p().child(app.tf("certificates.reason", &[("reason", &reason)])));
    let prints = one.printable.iter().map(|&language| {
        let id = one.id.clone();
        let label = match language {
            PrintLanguage::Ko => app.t("certificates.print.ko"),
            PrintLanguage::En => app.t("certificates.print.en"),
        };
        secondary(app, label, move || {
            let id = id.clone();
            app.run(async move { printed(app, &id, language).await });
        })
    });
    html::section().class("panel stack").child((
        html::h2().class("panel-title").child(said(app, &one.name)),
        html::p().child((state(tone, word), " ", in_a_line(&one.given))),
        small(app.tf("certificates.asked_at", &[("at", &when::full(one.asked_at))])),
        why,
        prints.collect::<Vec<_>>(),
    ))
}

/// Prints, and shows what there is then.
async fn printed(app: App, request: &str, language: PrintLanguage) -> Result<(), Trouble> {
    let all = app.with(async |wallet| wallet.print_certificate(request, language).await).await??;
    app.reached();
    let all = Rc::new(all);
    app.show(Screen::Home);
    go(app, move |app| list(app, RwSignal::new_local(Some(Rc::clone(&all)))));
    Ok(())
}

/// The kind's own questions, and in which language it is to be.
fn ask(app: App, kind: &Rc<CertificateKind>) -> El {
    let typed: Vec<RwSignal<String>> = kind.fields.iter().map(|_| RwSignal::new(String::new())).collect();
    let english = RwSignal::new(app.language.get_untracked() == Language::En);
    let fields = kind.fields.iter().zip(&typed).map(|(wanted, value)| one_field(app, wanted, *value));
    let fields = fields.collect::<Vec<_>>();
    let language = |label: &'static str, is_english: bool| {
        choice(
            "certificate-language",
            app.t(label),
            move || english.get() == is_english,
            move || english.set(is_english),
        )
    };
    let languages = html::fieldset().class("panel").child((
        html::legend().class("panel-title").child(app.t("certificates.language")),
        html::div()
            .class("choices")
            .child((language("certificates.language.ko", false), language("certificates.language.en", true))),
    ));
    let by_hr = kind.by_hr.then(|| small(app.t("certificates.by_hr")));
    let send = {
        let kind = Rc::clone(kind);
        move || {
            let (kind, typed) = (Rc::clone(&kind), typed.clone());
            let language = if english.get_untracked() { PrintLanguage::En } else { PrintLanguage::Ko };
            app.run(async move {
                let mut values = BTreeMap::new();
                for (field, value) in kind.fields.iter().zip(&typed) {
                    let text = value.get_untracked().trim().to_owned();
                    if text.is_empty() && field.required {
                        return Err(Trouble::Own("certificate_field"));
                    }
                    if !text.is_empty() {
                        values.insert(field.name.clone(), text);
                    }
                }
                let asked = app.with(async |wallet| wallet.ask_certificate(&kind.id, values).await).await??;
                app.reached();
                if asked.state != CertificateState::Approved {
                    app.show(Screen::Home);
                    go(app, shelf);
                    return Ok(());
                }
                let outcome = printed(app, &asked.request, language).await;
                if outcome.is_err() {
                    // It was asked for: what went wrong is told at the list, so that it is not asked for twice.
                    app.show(Screen::Home);
                    go(app, |app| list(app, RwSignal::new_local(None)));
                }
                outcome
            });
        }
    };
    frame(
        app,
        Way::Back,
        app.tf("certificates.ask", &[("name", &said(app, &kind.name))]),
        Some(said(app, &kind.description)),
        html::div().class("stack").child((fields, languages, by_hr)),
        primary(app, app.t("certificates.send"), send),
    )
}

fn one_field(app: App, wanted: &CertificateField, value: RwSignal<String>) -> El {
    let label = said(app, &wanted.label);
    let hint = wanted.hint.as_ref().map(|hint| said(app, hint));
    if wanted.choices.is_empty() {
        let most = wanted.longest.to_string();
        let kind = if wanted.date { "date" } else { "text" };
        let typed = Typed { kind, mode: "text", autocomplete: "off", most: &most };
        return field(&format!("certificate-{}", wanted.name), label, hint, typed, value);
    }
    let choices = wanted.choices.iter().map(|text| {
        let (here, given) = (text.clone(), text.clone());
        let is = move || value.with(|value| *value == here);
        choice(&wanted.name, text.clone(), is, move || value.set(given.clone()))
    });
    html::fieldset().class("panel").child((
        html::legend().class("panel-title").child(label),
        hint.map(small),
        html::div().class("choices").child(choices.collect::<Vec<_>>()),
    ))
}

/// One of several, of which one holds.
fn choice(name: &str, label: String, is: impl Fn() -> bool + 'static, choose: impl Fn() + 'static) -> El {
    html::label().class("choice").child((
        html::input()
            .kind("radio")
            .name(name)
            .prop("checked", move || is().into())
            .on("change", move |_| choose()),
        html::span().child(html::strong().child(label)),
    ))
}

/// One certificate: how it stands, its file, its link.
fn certificate(app: App, one: &Rc<PrintedCertificate>) -> El {
    let (tone, word) = standing(app, one);
    let next = match (one.standing, one.since) {
        (CertificateStanding::Genuine, _) => {
            app.tf("certificates.genuine.next", &[("until", &when::full(one.online_until))])
        }
        (CertificateStanding::Revoked, since) => {
            let at = since.map(when::full).unwrap_or_default();
            let reason = one.reason.clone().unwrap_or_else(|| app.t("certificates.no_reason"));
            app.tf("certificates.revoked.next", &[("at", &at), ("reason", &reason)])
        }
        (CertificateStanding::Over, _) => app.t("certificates.over.next"),
    };
    let sign = match tone {
        "good" => "done",
        "bad" => "stop",
        _ => "clock",
    };
    let mut lines = vec![(app.t("certificates.number"), one.number.clone())];
    lines.extend(one.given.iter().map(|given| (said(app, &given.label), given.value.clone())));
    lines.push((app.t("certificates.issued"), when::full(one.issued_at)));
    let check = format!("{}/verify", app.origin());
    let (file, link) = (Rc::clone(one), Rc::clone(one));
    let save = move || {
        let one = Rc::clone(&file);
        app.run(async move {
            let pdf = app.with(async |wallet| wallet.certificate_file(&one.id).await).await??;
            app.reached();
            browser::save_bytes(&format!("{}-{}.pdf", one.title, one.number), "application/pdf", &pdf);
            Ok(())
        });
    };
    let share = move || {
        let id = link.id.clone();
        app.run(async move {
            let link = app.with(async |wallet| wallet.share_certificate(&id).await).await??;
            app.reached();
            let link = Rc::new(link);
            go(app, move |app| shared(app, &link));
            Ok(())
        });
    };
    let may_share = one.standing != CertificateStanding::Revoked;
    frame(
        app,
        Way::Back,
        one.title.clone(),
        None,
        html::div().class("stack").child((
            notice(tone, sign, word, next),
            html::div().class("panel").child(facts(lines)),
            small(app.tf("certificates.check", &[("address", &check)])),
        )),
        (
            primary(app, app.t("certificates.save"), save),
            may_share.then(|| secondary(app, app.t("certificates.share"), share)),
        ),
    )
}

/// A link, told once.
fn shared(app: App, link: &Rc<CertificateLink>) -> El {
    let copied = RwSignal::new(false);
    let address = link.address.clone();
    let copy = move || {
        let address = address.clone();
        app.run(async move {
            browser::to_clipboard(&address).await?;
            copied.set(true);
            Ok(())
        });
    };
    let told = move || {
        copied.get().then(|| {
            html::p()
                .class("state good")
                .role("status")
                .child((icon("done"), app.t("certificates.link.copied")))
        })
    };
    frame(
        app,
        Way::Back,
        app.t("certificates.link"),
        Some(app.t("certificates.link.lead")),
        html::div().class("stack").child((
            html::section().class("panel stack").child((
                html::h2().class("panel-title").child(app.t("certificates.link.address")),
                html::p().class("address").id("link-address").child(link.address.clone()),
                told,
            )),
            html::section().class("panel stack").child((
                html::h2().class("panel-title").child(app.t("certificates.link.number")),
                html::p().class("code").id("link-number").child(link.number.clone()),
            )),
            small(app.tf("certificates.link.once", &[("until", &when::full(link.ends_at))])),
        )),
        primary(app, app.t("certificates.link.copy"), copy),
    )
}
