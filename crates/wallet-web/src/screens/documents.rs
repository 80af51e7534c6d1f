//! Documents that wait for the holder's signature: the list, what each is, the PIN, and what came of it.
//!
//! A document is shown only when its bytes are those that the request names; the same bytes are signed. The browser's own
//! viewer draws them, from an address that stands for these bytes in this tab and leads to no server.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use wallet::account::messages::MAX_SIGNED_AT_ONCE;
use wallet::account::{Seen, SignError, Waiting};
use wallet::pin::{DIGITS, Pin};

use super::Screen;
use super::made::{go, nothing, unknown};
use crate::app::{App, Local};
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Typed, Way, facts, field, frame, icon, primary, row, secondary, small};
use crate::pin_pad::pad;
use crate::when;

const PDF: &str = "application/pdf";

/// The way in from the card.
pub fn door(app: App) -> El {
    row("pen", app.t("documents.title"), Some(app.t("documents.hint")), move || go(app, waiting))
}

fn trouble(error: SignError) -> Trouble {
    match error {
        SignError::Account(error) => Trouble::Account(error),
        SignError::Swapped => Trouble::Own("document_swapped"),
        SignError::Certificate(_) => Trouble::Own("signing_certificate"),
        _ => Trouble::Own("document_pdf"),
    }
}

/// What waits; nothing until it is known.
type Known = Local<Option<Rc<Vec<Waiting>>>>;

fn fetch(app: App, found: Known) {
    app.run(async move {
        let documents = app.with(async |wallet| wallet.documents().await).await??;
        app.reached();
        // The screen may be gone by then, and the signal with it.
        let _ = found.try_set(Some(Rc::new(documents)));
        Ok(())
    });
}

fn waiting(app: App) -> El {
    let found: Known = RwSignal::new_local(None);
    fetch(app, found);
    let rows = move || {
        let Some(documents) = found.get() else { return unknown(app, move || fetch(app, found)) };
        if documents.is_empty() {
            return nothing("pen", app.t("documents.none"), app.t("documents.none.next"));
        }
        let rows = documents.iter().map(|one| line(app, one)).collect::<Vec<_>>();
        html::div().class("rows").child(rows)
    };
    let all = move || {
        let documents = found.get().filter(|documents| documents.len() > 1)?;
        let count = documents.len().min(MAX_SIGNED_AT_ONCE);
        let label = app.tf("documents.all", &[("count", &count.to_string())]);
        Some(secondary(app, label, move || see(app, documents.iter().take(count).cloned().collect())))
    };
    frame(app, Way::Back, app.t("documents.title"), Some(app.t("documents.lead")), rows, all)
}

fn line(app: App, one: &Waiting) -> El {
    let asked = one.transaction();
    let party = app.language.get().pick(&asked.party, &asked.party_en);
    let until = app.tf("documents.until", &[("at", &when::full(asked.ends_at))]);
    let hint = format!("{party} · {} · {until}", asked.purpose);
    let one = one.clone();
    row("pen", asked.title.clone(), Some(hint), move || see(app, vec![one.clone()]))
}

/// Documents on the screen, and which of them were opened.
struct Look {
    seen: Vec<Seen>,
    opened: RefCell<BTreeSet<usize>>,
}

/// Fetches the documents, compares each with what its request names, and shows them.
fn see(app: App, documents: Vec<Waiting>) {
    app.run(async move {
        let mut seen = Vec::with_capacity(documents.len());
        for one in documents {
            seen.push(app.with(async move |wallet| wallet.see(one).await).await?.map_err(trouble)?);
        }
        app.reached();
        let look = Rc::new(Look { seen, opened: RefCell::default() });
        go(app, move |app| show(app, &look));
        Ok(())
    });
}

fn show(app: App, look: &Rc<Look>) -> El {
    let panels = (0..look.seen.len()).filter_map(|at| panel(app, at, look)).collect::<Vec<_>>();
    let title = match look.seen.as_slice() {
        [one] => one.transaction().title.clone(),
        more => app.tf("documents.several", &[("count", &more.len().to_string())]),
    };
    let sign = {
        let look = Rc::clone(look);
        move || {
            if look.opened.borrow().len() < look.seen.len() {
                app.tell(&Trouble::Own("document_unseen"));
                return;
            }
            let look = Rc::clone(&look);
            go(app, move |app| pin(app, &look));
        }
    };
    let refuse = {
        let look = Rc::clone(look);
        move || {
            let look = Rc::clone(&look);
            go(app, move |app| reason(app, &look));
        }
    };
    let alone = look.seen.len() == 1;
    frame(
        app,
        Way::Back,
        title,
        Some(app.t("document.lead")),
        html::div().class("stack").child(panels),
        (
            primary(app, app.t("document.sign"), sign),
            alone.then(|| secondary(app, app.t("document.refuse"), refuse)),
        ),
    )
}

/// Who asks for what, and the document.
fn panel(app: App, at: usize, look: &Rc<Look>) -> Option<El> {
    let one = look.seen.get(at)?;
    let asked = one.transaction();
    let address = browser::address_of(PDF, one.pdf());
    let ended = address.clone();
    on_cleanup(move || browser::end_address(&ended));
    let name = format!("{}.pdf", asked.title);
    let opened = {
        let look = Rc::clone(look);
        move || {
            look.opened.borrow_mut().insert(at);
            app.fault.set(None);
        }
    };
    let open = if browser::shows_pdf() {
        within(app, address, name, opened)
    } else {
        file(app.t("document.open"), address, name).on("click", move |_| opened())
    };
    let size = asked.bytes.saturating_add(1_023) / 1_024;
    Some(html::section().class("panel stack").child((
        html::h2().class("panel-title").child(asked.title.clone()),
        facts(vec![
            (app.t("document.party"), app.language.get().pick(&asked.party, &asked.party_en).to_owned()),
            (app.t("document.purpose"), asked.purpose.clone()),
            (app.t("document.until"), when::full(asked.ends_at)),
            (app.t("document.place"), format!("{}/{}", asked.place, asked.signers)),
            (app.t("document.size"), format!("{size} KiB")),
        ]),
        html::p().class("state good").child((icon("shield"), app.t("document.same"))),
        open,
    )))
}

/// A link that hands the bytes to whatever shows a PDF on this phone.
fn file(label: String, address: String, name: String) -> El {
    html::a().class("button block").href(address).attr("download", name).child((icon("sheet"), label))
}

/// The document within the page, once it is asked for; beside it the same bytes as a file.
fn within(app: App, address: String, name: String, opened: impl Fn() + 'static) -> El {
    let shown = RwSignal::new(false);
    let pages = move || {
        if !shown.get() {
            let button = html::button()
                .kind("button")
                .class("button block")
                .child((icon("sheet"), app.t("document.open")));
            return button.on("click", move |_| shown.set(true));
        }
        opened();
        html::div().class("stack").child((
            html::iframe().class("pages").src(address.clone()).attr("title", name.clone()),
            file(app.t("document.file"), address.clone(), name.clone()),
        ))
    };
    html::div().child(pages)
}

fn pin(app: App, look: &Rc<Look>) -> El {
    let typed = RwSignal::new(String::new());
    let look = StoredValue::new_local(Rc::clone(look));
    let done = move |text: String| {
        typed.set(String::new());
        let look = look.get_value();
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            app.with(async |wallet| wallet.sign(&look.seen, &pin).await).await?.map_err(trouble)?;
            app.reached();
            let count = look.seen.len().to_string();
            app.show(Screen::Home);
            go(app, move |app| over(app, "document.done", "document.done.lead", &count));
            Ok(())
        });
    };
    frame(
        app,
        Way::Back,
        app.t("pin_ask.title"),
        Some(app.t("document.pin")),
        html::div().class("centre").child(pad(app, DIGITS, false, typed, done)),
        (),
    )
}

fn reason(app: App, look: &Rc<Look>) -> El {
    let why = RwSignal::new(String::new());
    let look = Rc::clone(look);
    let refuse = move || {
        let look = Rc::clone(&look);
        app.run(async move {
            let why = why.get_untracked().trim().to_owned();
            let Some(one) = look.seen.first() else { return Ok(()) };
            if why.is_empty() {
                return Err(Trouble::Own("document_reason"));
            }
            app.with(async |wallet| wallet.refuse_document(one.transaction(), &why).await).await??;
            app.reached();
            app.show(Screen::Home);
            go(app, |app| over(app, "document.refused", "document.refused.lead", ""));
            Ok(())
        });
    };
    let typed = Typed { kind: "text", mode: "text", autocomplete: "off", most: "200" };
    frame(
        app,
        Way::Back,
        app.t("document.refuse"),
        Some(app.t("document.refuse.lead")),
        html::div().class("stack").child(field("reason", app.t("document.reason"), None, typed, why)),
        primary(app, app.t("document.refuse.go"), refuse),
    )
}

fn over(app: App, title: &str, lead: &str, count: &str) -> El {
    frame(
        app,
        Way::None,
        app.t(title),
        Some(app.tf(lead, &[("count", count)])),
        html::div().class("stack").child(small(app.t("document.kept"))),
        (
            primary(app, app.t("result.home"), move || app.show(Screen::Home)),
            secondary(app, app.t("documents.more"), move || {
                app.show(Screen::Home);
                go(app, waiting);
            }),
        ),
    )
}
