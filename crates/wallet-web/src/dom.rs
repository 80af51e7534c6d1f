//! Elements by name, text as text, and what changes bound to signals.
//!
//! The reactive graph is Leptos'; its renderer is not used. That one makes code for each shape of each screen, which was most
//! of what the app weighed (docs/adr/0005); this one makes nodes at run time, with the same words.

use js_sys::Reflect;
use reactive_graph::effect::RenderEffect;
use reactive_graph::owner::StoredValue;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, Event, Node, Window};

/// What screens and parts need.
pub mod prelude {
    pub use reactive_graph::computed::Memo;
    pub use reactive_graph::owner::{LocalStorage, StoredValue, on_cleanup};
    pub use reactive_graph::prelude::*;
    pub use reactive_graph::signal::RwSignal;

    pub use super::{El, document, html, svg, typed_text, window};
}

/// The window of this tab.
#[expect(clippy::expect_used, reason = "an app without a window does not exist")]
pub fn window() -> Window {
    web_sys::window().expect("a window")
}

/// The document of this tab.
#[expect(clippy::expect_used, reason = "an app without a document does not exist")]
pub fn document() -> Document {
    window().document().expect("a document")
}

/// The text of the input that an event came from.
pub fn typed_text(event: &Event) -> String {
    let input = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok());
    input.map(|input| input.value()).unwrap_or_default()
}

/// Calls back on each event of the window, as long as the app lives.
pub fn on_window(name: &str, heard: impl Fn(Event) + 'static) {
    let heard = Closure::<dyn FnMut(Event)>::new(heard).into_js_value();
    let _ = window().add_event_listener_with_callback(name, heard.unchecked_ref());
}

/// Calls back again and again, as long as the app lives.
pub fn every(milliseconds: i32, work: impl Fn() + 'static) {
    let work = Closure::<dyn FnMut()>::new(work).into_js_value();
    let _ =
        window().set_interval_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds);
}

/// An element on its way into the page.
#[derive(Debug, Clone)]
pub struct El(Element);

/// Something that stands in an element.
pub trait View {
    /// Puts it under `parent`, before `before` or at the end.
    fn put(self, parent: &Node, before: Option<&Node>);
}

/// The value of an attribute; `None` removes it.
pub trait Attribute {
    /// Binds it.
    fn bind(self, set: Box<dyn Fn(Option<String>)>);
}

/// What an attribute can be at one moment.
pub trait Plain {
    /// As text.
    fn plain(self) -> Option<String>;
}

impl Plain for String {
    fn plain(self) -> Option<String> {
        Some(self)
    }
}

impl Plain for &str {
    fn plain(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl Plain for bool {
    fn plain(self) -> Option<String> {
        self.then(String::new)
    }
}

impl<P: Plain> Plain for Option<P> {
    fn plain(self) -> Option<String> {
        self.and_then(Plain::plain)
    }
}

macro_rules! fixed {
    ($($kind:ty),*) => {$(
        impl Attribute for $kind {
            fn bind(self, set: Box<dyn Fn(Option<String>)>) {
                set(self.plain());
            }
        }
    )*};
}
fixed!(String, &str, bool, Option<String>, Option<&str>);

impl<F: Fn() -> P + 'static, P: Plain> Attribute for F {
    fn bind(self, set: Box<dyn Fn(Option<String>)>) {
        follow(Box::new(move || set(self().plain())));
    }
}

/// Runs now, and again whenever a signal it read changes, until the screen around it goes.
fn follow(work: Box<dyn Fn()>) {
    let effect = RenderEffect::new(move |_: Option<()>| work());
    StoredValue::new_local(effect);
}

impl El {
    /// A new HTML element.
    pub fn new(name: &str) -> El {
        El::made(document().create_element(name))
    }

    #[expect(clippy::expect_used, reason = "the names are the app's own")]
    fn made(element: Result<Element, JsValue>) -> El {
        El(element.expect("an element of that name"))
    }

    /// The element itself.
    pub fn element(&self) -> Element {
        self.0.clone()
    }

    /// Sets or binds an attribute.
    pub fn attr(self, name: &'static str, value: impl Attribute) -> El {
        let element = self.0.clone();
        value.bind(Box::new(move |text| {
            let _ = match text {
                Some(text) => element.set_attribute(name, &text),
                None => element.remove_attribute(name),
            };
        }));
        self
    }

    /// Sets or binds a property of the element that has no attribute for it.
    pub fn prop(self, name: &'static str, value: impl Fn() -> JsValue + 'static) -> El {
        let element = self.0.clone();
        follow(Box::new(move || {
            let _ = Reflect::set(&element, &name.into(), &value());
        }));
        self
    }

    /// Calls back on each event of that name.
    pub fn on(self, name: &str, heard: impl Fn(Event) + 'static) -> El {
        let heard = Closure::<dyn FnMut(Event)>::new(heard).into_js_value();
        let _ = self.0.add_event_listener_with_callback(name, heard.unchecked_ref());
        self
    }

    /// Puts something into it.
    pub fn child(self, view: impl View) -> El {
        view.put(&self.0, None);
        self
    }

    /// Moves the focus here once it stands in the page.
    pub fn focused(self) -> El {
        let element = self.0.clone();
        wasm_bindgen_futures::spawn_local(async move {
            if let Ok(element) = element.dyn_into::<web_sys::HtmlElement>() {
                let _ = element.focus();
            }
        });
        self
    }
}

macro_rules! attributes {
    ($($method:ident = $name:literal),* $(,)?) => {
        impl El {$(
            #[doc = concat!("Sets or binds `", $name, "`.")]
            pub fn $method(self, value: impl Attribute) -> El {
                self.attr($name, value)
            }
        )*}
    };
}
attributes! {
    class = "class", id = "id", role = "role", kind = "type", label = "aria-label", tabindex = "tabindex",
    disabled = "disabled", href = "href", src = "src", alt = "alt", width = "width", height = "height",
    name = "name", of = "for",
}

impl View for El {
    fn put(self, parent: &Node, before: Option<&Node>) {
        let _ = parent.insert_before(&self.0, before);
    }
}

impl View for String {
    fn put(self, parent: &Node, before: Option<&Node>) {
        let _ = parent.insert_before(&document().create_text_node(&self), before);
    }
}

impl View for &str {
    fn put(self, parent: &Node, before: Option<&Node>) {
        self.to_owned().put(parent, before);
    }
}

impl View for () {
    fn put(self, _: &Node, _: Option<&Node>) {}
}

impl<V: View> View for Option<V> {
    fn put(self, parent: &Node, before: Option<&Node>) {
        if let Some(view) = self {
            view.put(parent, before);
        }
    }
}

impl<V: View> View for Vec<V> {
    fn put(self, parent: &Node, before: Option<&Node>) {
        for view in self {
            view.put(parent, before);
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident),*)),*) => {$(
        #[expect(non_snake_case, reason = "one name for a place's type and value")]
        impl<$($name: View),*> View for ($($name,)*) {
            fn put(self, parent: &Node, before: Option<&Node>) {
                let ($($name,)*) = self;
                $($name.put(parent, before);)*
            }
        }
    )*};
}
tuples!(
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F),
    (A, B, C, D, E, F, G),
    (A, B, C, D, E, F, G, H)
);

impl<F: Fn() -> V + 'static, V: View> View for F {
    fn put(self, parent: &Node, before: Option<&Node>) {
        changing(parent, before, Box::new(move |parent, before| self().put(parent, Some(before))));
    }
}

/// Makes what stands under a node, before another.
type Make = Box<dyn Fn(&Node, &Node)>;

/// Two marks in the page; what stands between them is made anew whenever a signal it read changes.
fn changing(parent: &Node, before: Option<&Node>, make: Make) {
    let (first, last): (Node, Node) =
        (document().create_comment("").into(), document().create_comment("").into());
    let _ = parent.insert_before(&first, before);
    let _ = parent.insert_before(&last, before);
    follow(Box::new(move || {
        let Some(parent) = last.parent_node() else { return };
        while let Some(old) = first.next_sibling() {
            if old.is_same_node(Some(&last)) {
                break;
            }
            let _ = parent.remove_child(&old);
        }
        make(&parent, &last);
    }));
}

macro_rules! elements {
    ($($name:ident),* $(,)?) => {
        /// HTML elements by name.
        pub mod html {$(
            #[doc = concat!("`<", stringify!($name), ">`")]
            pub fn $name() -> super::El {
                super::El::new(stringify!($name))
            }
        )*}
    };
}
elements! {
    a, article, button, dd, details, div, dl, dt, fieldset, h1, h2, header, iframe, img, input, label, legend, li, main, nav, ol, p,
    section, span, strong, summary, time, ul, video,
}

/// SVG elements.
pub mod svg {
    use super::{El, document};

    /// One of the house's icons.
    pub fn icon(address: &str) -> El {
        let space = Some("http://www.w3.org/2000/svg");
        let part = El::made(document().create_element_ns(space, "use")).attr("href", address.to_owned());
        El::made(document().create_element_ns(space, "svg"))
            .attr("class", "icon")
            .attr("aria-hidden", "true")
            .attr("focusable", "false")
            .child(part)
    }
}
