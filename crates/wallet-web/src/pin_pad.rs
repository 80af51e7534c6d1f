//! The PIN pad: ten digits on the screen, usable by finger, keyboard and screen reader; what was typed is never shown.

use wasm_bindgen::JsCast as _;

use crate::app::App;
use crate::dom::prelude::*;
use crate::parts::icon;

/// How many digits have been typed is all that is shown.
pub fn pad(
    app: App,
    digits: usize,
    visible: bool,
    typed: RwSignal<String>,
    done: impl Fn(String) + Copy + 'static,
) -> El {
    let push = move |digit: char| {
        if app.busy.get_untracked() || typed.with_untracked(String::len) >= digits {
            return;
        }
        app.fault.set(None);
        typed.update(|text| text.push(digit));
        if typed.with_untracked(String::len) == digits {
            let text = typed.get_untracked();
            done(text);
        }
    };
    let erase = move || {
        if !app.busy.get_untracked() {
            typed.update(|text| {
                text.pop();
            });
        }
    };
    let dots = move || {
        let text = typed.get();
        (0..digits)
            .map(|at| match text.chars().nth(at) {
                Some(digit) if visible => html::span().class("dot full").child(digit.to_string()),
                Some(_) => html::span().class("dot full").child(String::new()),
                None => html::span().class("dot").child(String::new()),
            })
            .collect::<Vec<_>>()
    };
    let said = move || {
        let count = typed.with(String::len);
        app.tf("pin.typed", &[("count", &count.to_string()), ("all", &digits.to_string())])
    };
    let key = move |digit: char| {
        html::button()
            .kind("button")
            .class("pad-key")
            .disabled(move || app.busy.get())
            .on("click", move |_| push(digit))
            .child(digit.to_string())
    };
    let keys = ('1'..='9').map(key).collect::<Vec<_>>();
    let pressed = move |event: web_sys::Event| {
        let Ok(event) = event.dyn_into::<web_sys::KeyboardEvent>() else { return };
        let name = event.key();
        let mut letters = name.chars();
        match (letters.next(), letters.next()) {
            (Some(digit), None) if digit.is_ascii_digit() => {
                event.prevent_default();
                push(digit);
            }
            _ if name == "Backspace" => {
                event.prevent_default();
                erase();
            }
            _ => {}
        }
    };
    html::div()
        .class("pin")
        .tabindex("0")
        .role("group")
        .label(app.t("pin.pad"))
        .on("keydown", pressed)
        .child((
            html::div().class("pin-dots").attr("aria-hidden", "true").child(dots),
            html::p().class("sr-only").role("status").child(said),
            html::div().class("pad").child((
                keys,
                html::span().class("pad-gap"),
                key('0'),
                html::button()
                    .kind("button")
                    .class("pad-key pad-erase")
                    .label(app.t("pin.erase"))
                    .disabled(move || app.busy.get())
                    .on("click", move |_| erase())
                    .child(icon("erase")),
            )),
        ))
        .focused()
}
