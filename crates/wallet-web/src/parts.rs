//! The parts that screens are made of. Each builds elements by name and sets text, never markup: nothing that came
//! over the network can become a tag.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::svg;

use crate::app::App;
use crate::screens::Screen;

/// An icon of the house's set; the word beside it speaks.
pub fn icon(name: &str) -> AnyView {
    svg::svg()
        .attr("class", "icon")
        .attr("aria-hidden", "true")
        .attr("focusable", "false")
        .child(svg::r#use().attr("href", format!("/wallet/icons.svg#{name}")))
        .into_any()
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
    body: impl IntoView + 'static,
    actions: impl IntoView + 'static,
) -> AnyView {
    let back = (way == Way::Back).then(|| {
        html::button()
            .r#type("button")
            .class("bar-button")
            .aria_label(app.t("app.back"))
            .on(ev::click, move |_| app.back())
            .child(icon("back"))
    });
    html::div()
        .class("screen")
        .child((
            html::header()
                .class("bar")
                .child((back, html::span().class("bar-brand").child(app.t("app.brand")))),
            html::main().id("main").class("screen-main").child((
                heading(title),
                lead.map(|text| html::p().class("lead").child(text)),
                trouble(app),
                body,
            )),
            html::div().class("screen-actions").child(actions),
        ))
        .into_any()
}

/// The screen's name; focus goes there, so that a screen reader begins at the new screen's top.
pub fn heading(title: String) -> AnyView {
    let node = NodeRef::<html::H1>::new();
    node.on_load(|element| {
        let _ = element.focus();
    });
    html::h1().node_ref(node).tabindex("-1").child(title).into_any()
}

/// What went wrong with the last step, where it went wrong.
pub fn trouble(app: App) -> AnyView {
    let told = move || app.fault.get().map(|fault| notice("bad", "alert", fault.what, fault.next).into_any());
    html::div().class("trouble").attr("role", "alert").child(told).into_any()
}

/// A notice: what happened, and what to do next.
pub fn notice(tone: &'static str, icon_name: &str, what: String, next: String) -> AnyView {
    html::div()
        .class(format!("notice {tone}"))
        .child((icon(icon_name), html::div().child((html::strong().child(what), html::p().child(next)))))
        .into_any()
}

/// A small print paragraph.
pub fn small(text: String) -> AnyView {
    html::p().class("soft small").child(text).into_any()
}

/// The one primary action of a screen; it waits while a step is under way.
pub fn primary(app: App, label: String, act: impl Fn() + 'static) -> AnyView {
    let waiting = app.t("app.wait");
    let shown = move || if app.busy.get() { waiting.clone() } else { label.clone() };
    html::button()
        .r#type("button")
        .class("button primary block")
        .disabled(move || app.busy.get())
        .attr("aria-busy", move || app.busy.get().to_string())
        .on(ev::click, move |_| act())
        .child(shown)
        .into_any()
}

/// Another action.
pub fn secondary(app: App, label: String, act: impl Fn() + 'static) -> AnyView {
    html::button()
        .r#type("button")
        .class("button block")
        .disabled(move || app.busy.get())
        .on(ev::click, move |_| act())
        .child(label)
        .into_any()
}

/// An action that reads as a link.
pub fn plain(label: String, act: impl Fn() + 'static) -> AnyView {
    html::button()
        .r#type("button")
        .class("button plain block")
        .on(ev::click, move |_| act())
        .child(label)
        .into_any()
}

/// A row that leads on.
pub fn row(
    icon_name: &'static str,
    label: String,
    hint: Option<String>,
    act: impl Fn() + 'static,
) -> AnyView {
    html::button()
        .r#type("button")
        .class("row")
        .on(ev::click, move |_| act())
        .child((
            icon(icon_name),
            html::span().class("row-text").child((
                html::span().class("row-label").child(label),
                hint.map(|hint| html::span().class("soft small").child(hint)),
            )),
            icon("next"),
        ))
        .into_any()
}

/// How a field is typed into.
#[derive(Clone, Copy)]
pub struct Typed {
    /// `text` or `password`.
    pub kind: &'static str,
    /// `text` or `numeric`: which keyboard the phone shows.
    pub mode: &'static str,
    /// What the browser may fill in.
    pub autocomplete: &'static str,
    /// Most characters.
    pub most: &'static str,
}

impl Typed {
    /// Digits that may be seen.
    pub const fn digits(most: &'static str) -> Typed {
        Typed { kind: "text", mode: "numeric", autocomplete: "off", most }
    }
}

/// A labelled field with a hint below its label.
pub fn field(
    id: &'static str,
    label: String,
    hint: Option<String>,
    typed: Typed,
    value: RwSignal<String>,
) -> AnyView {
    let hint_id = format!("{id}-hint");
    let described = hint.is_some().then(|| hint_id.clone());
    html::div()
        .class("field")
        .child((
            html::label().r#for(id).child(label),
            hint.map(|hint| html::p().class("hint").id(hint_id).child(hint)),
            html::input()
                .id(id)
                .r#type(typed.kind)
                .attr("inputmode", typed.mode)
                .attr("maxlength", typed.most)
                .autocomplete(typed.autocomplete)
                .attr("autocapitalize", "off")
                .attr("spellcheck", "false")
                .attr("aria-describedby", described)
                .prop("value", move || value.get())
                .on(ev::input, move |event| value.set(event_target_value(&event))),
        ))
        .into_any()
}

/// Names and values.
pub fn facts(pairs: Vec<(String, String)>) -> AnyView {
    let rows = pairs
        .into_iter()
        .map(|(name, value)| (html::dt().child(name), html::dd().child(value)))
        .collect_view();
    html::dl().class("facts").child(rows).into_any()
}

/// A state as shape and word; `tone` is `good`, `wait`, `bad` or `done`.
pub fn state(tone: &'static str, word: String) -> AnyView {
    let shape = match tone {
        "good" => "done",
        "wait" => "clock",
        "bad" => "stop",
        _ => "check",
    };
    html::span().class(format!("state {tone}")).child((icon(shape), word)).into_any()
}

/// The four rooms at the bottom of the wallet.
pub fn tabs(app: App) -> AnyView {
    let rooms: [(&'static str, &'static str, fn() -> Screen, fn(&Screen) -> bool); 4] = [
        ("badge", "tab.badge", || Screen::Home, |screen| matches!(screen, Screen::Home)),
        ("scan", "tab.scan", || Screen::Scan, |screen| matches!(screen, Screen::Scan)),
        ("clock", "tab.history", || Screen::History, |screen| matches!(screen, Screen::History)),
        ("gear", "tab.settings", || Screen::Settings, |screen| matches!(screen, Screen::Settings)),
    ];
    let buttons = rooms
        .into_iter()
        .map(|(shape, key, screen, here)| {
            let current = move || app.screen.with(|now| here(now)).then_some("page");
            html::button()
                .r#type("button")
                .attr("aria-current", current)
                .on(ev::click, move |_| app.show(screen()))
                .child((icon(shape), html::span().child(app.t(key))))
        })
        .collect_view();
    html::nav().class("tabs").aria_label(app.t("tab.all")).child(buttons).into_any()
}

/// Something is on its way.
pub fn skeleton(lines: usize) -> AnyView {
    let bars = (0..lines).map(|_| html::span().class("skeleton-bar")).collect_view();
    html::div().class("skeleton").attr("aria-hidden", "true").child(bars).into_any()
}

/// A QR code; dark on white in every colour scheme, or cameras fail.
pub fn qr(text: &str, label: String) -> AnyView {
    let Ok(code) = fast_qr::QRBuilder::new(text).ecl(fast_qr::ECL::L).build() else {
        return html::p().class("notice bad").child(label).into_any();
    };
    let picture = fast_qr::convert::svg::SvgBuilder::default().to_str(&code);
    let data = format!("data:image/svg+xml;base64,{}", keys::encoding::b64_encode(picture.as_bytes()));
    html::img().class("qr").src(data).alt(label).into_any()
}
