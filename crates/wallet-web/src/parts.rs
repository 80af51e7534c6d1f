//! The parts that screens are made of. Each builds elements by name and sets text, never markup: nothing that came
//! over the network can become a tag.

use crate::app::App;
use crate::dom::View;
use crate::dom::prelude::*;
use crate::screens::Screen;

/// An icon of the house's set; the word beside it speaks.
pub fn icon(name: &str) -> El {
    svg::icon(&format!("/wallet/icons.svg#{name}"))
}

/// What leads away from a screen at its top.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Back to where the person came from.
    Back,
    /// Nowhere: the only way is on.
    None,
}

/// A screen: bar, heading, content, actions within the thumb's reach.
pub fn frame(
    app: App,
    way: Way,
    title: String,
    lead: Option<String>,
    body: impl View,
    actions: impl View,
) -> El {
    let back = (way == Way::Back).then(|| {
        html::button()
            .kind("button")
            .class("bar-button")
            .label(app.t("app.back"))
            .on("click", move |_| app.back())
            .child(icon("back"))
    });
    html::div().class("screen").child((
        html::header().class("bar").child((back, html::span().class("bar-brand").child(app.t("app.brand")))),
        html::main().id("main").class("screen-main").child((
            heading(title),
            lead.map(|text| html::p().class("lead").child(text)),
            trouble(app),
            body,
        )),
        html::div().class("screen-actions").child(actions),
    ))
}

/// The screen's name; focus goes there, so that a screen reader begins at the new screen's top.
pub fn heading(title: String) -> El {
    html::h1().tabindex("-1").child(title).focused()
}

/// What went wrong with the last step, where it went wrong.
pub fn trouble(app: App) -> El {
    let told = move || app.fault.get().map(|fault| notice("bad", "alert", fault.what, fault.next));
    html::div().class("trouble").attr("role", "alert").child(told)
}

/// A notice: what happened, and what to do next.
pub fn notice(tone: &'static str, icon_name: &str, what: String, next: String) -> El {
    html::div()
        .class(format!("notice {tone}"))
        .child((icon(icon_name), html::div().child((html::strong().child(what), html::p().child(next)))))
}

/// A small print paragraph.
pub fn small(text: String) -> El {
    html::p().class("soft small").child(text)
}

/// The one primary action of a screen; it waits while a step is under way.
pub fn primary(app: App, label: String, act: impl Fn() + 'static) -> El {
    let waiting = app.t("app.wait");
    let shown = move || if app.busy.get() { waiting.clone() } else { label.clone() };
    html::button()
        .kind("button")
        .class("button primary block")
        .disabled(move || app.busy.get())
        .attr("aria-busy", move || app.busy.get().to_string())
        .on("click", move |_| act())
        .child(shown)
}

/// Another action.
pub fn secondary(app: App, label: String, act: impl Fn() + 'static) -> El {
    html::button()
        .kind("button")
        .class("button block")
        .disabled(move || app.busy.get())
        .on("click", move |_| act())
        .child(label)
}

/// An action that reads as a link.
pub fn plain(label: String, act: impl Fn() + 'static) -> El {
    html::button().kind("button").class("button plain block").on("click", move |_| act()).child(label)
}

/// A row that leads on.
pub fn row(icon_name: &'static str, label: String, hint: Option<String>, act: impl Fn() + 'static) -> El {
    html::button().kind("button").class("row").on("click", move |_| act()).child((
        icon(icon_name),
        html::span().class("row-text").child((
            html::span().class("row-label").child(label),
            hint.map(|hint| html::span().class("soft small").child(hint)),
        )),
        icon("next"),
    ))
}

/// How a field is typed into.
#[derive(Clone, Copy)]
pub struct Typed<'a> {
    /// `text`, `password`, `date`, ….
    pub kind: &'a str,
    /// `text` or `numeric`: which keyboard the phone shows.
    pub mode: &'a str,
    /// What the browser may fill in.
    pub autocomplete: &'a str,
    /// Most characters.
    pub most: &'a str,
}

impl<'a> Typed<'a> {
    /// Digits that may be seen.
    pub const fn digits(most: &'a str) -> Typed<'a> {
        Typed { kind: "text", mode: "numeric", autocomplete: "off", most }
    }
}

/// A labelled field with a hint below its label.
pub fn field(id: &str, label: String, hint: Option<String>, typed: Typed<'_>, value: RwSignal<String>) -> El {
    let hint_id = format!("{id}-hint");
    let described = hint.is_some().then(|| hint_id.clone());
    html::div().class("field").child((
        html::label().of(id).child(label),
        hint.map(|hint| html::p().class("hint").id(hint_id).child(hint)),
        html::input()
            .id(id)
            .kind(typed.kind)
            .attr("inputmode", typed.mode)
            .attr("maxlength", typed.most)
            .attr("autocomplete", typed.autocomplete)
            .attr("autocapitalize", "off")
            .attr("spellcheck", "false")
            .attr("aria-describedby", described)
            .prop("value", move || value.get().into())
            .on("input", move |event| value.set(typed_text(&event))),
    ))
}

/// Names and values.
pub fn facts(pairs: Vec<(String, String)>) -> El {
    let rows = pairs
        .into_iter()
        .map(|(name, value)| (html::dt().child(name), html::dd().child(value)))
        .collect::<Vec<_>>();
    html::dl().class("facts").child(rows)
}

/// A state as shape and word; `tone` is `good`, `wait`, `bad` or `done`.
pub fn state(tone: &'static str, word: String) -> El {
    let shape = match tone {
        "good" => "done",
        "wait" => "clock",
        "bad" => "stop",
        _ => "check",
    };
    html::span().class(format!("state {tone}")).child((icon(shape), word))
}

/// A room: its icon, its name, the screen it opens, and whether a screen is that one.
type Room = (&'static str, &'static str, fn() -> Screen, fn(&Screen) -> bool);

/// The four rooms at the bottom of the wallet.
pub fn tabs(app: App) -> El {
    let rooms: [Room; 4] = [
        ("badge", "tab.badge", || Screen::Home, |screen| matches!(screen, Screen::Home)),
        ("scan", "tab.scan", || Screen::Scan, |screen| matches!(screen, Screen::Scan)),
        ("clock", "tab.history", || Screen::History, |screen| matches!(screen, Screen::History)),
        ("gear", "tab.settings", || Screen::Settings, |screen| matches!(screen, Screen::Settings)),
    ];
    let buttons = rooms
        .into_iter()
        .map(|(shape, key, screen, here)| {
            let current = move || app.screen.with(here).then_some("page");
            html::button()
                .kind("button")
                .attr("aria-current", current)
                .on("click", move |_| app.show(screen()))
                .child((icon(shape), html::span().child(app.t(key))))
        })
        .collect::<Vec<_>>();
    html::nav().class("tabs").label(app.t("tab.all")).child(buttons)
}

/// Something is on its way.
pub fn skeleton(lines: usize) -> El {
    let bars = (0..lines).map(|_| html::span().class("skeleton-bar")).collect::<Vec<_>>();
    html::div().class("skeleton").attr("aria-hidden", "true").child(bars)
}

/// A QR code; dark on white in every colour scheme, or cameras fail.
pub fn qr(text: &str, label: String) -> El {
    let Ok(code) = fast_qr::QRBuilder::new(text).ecl(fast_qr::ECL::L).build() else {
        return html::p().class("notice bad").child(label);
    };
    let picture = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    let data = format!("data:image/svg+xml;base64,{}", keys::encoding::b64_encode(picture.as_bytes()));
    html::img().class("qr").src(data).alt(label)
}
