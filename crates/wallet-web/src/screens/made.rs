//! Pages that the second part makes: the first knows that there is one, and not which.

use std::rc::Rc;

use super::Screen;
use crate::app::App;
use crate::dom::prelude::*;
use crate::parts::{icon, plain, skeleton};

/// Makes the page, and makes it again when its language changes.
pub type Page = Rc<dyn Fn(App) -> El>;

/// Shows a page that leads back to the screen before it.
pub fn go(app: App, page: impl Fn(App) -> El + 'static) {
    app.open(Screen::Made(Rc::new(page)));
}

/// In place of what is not known yet: it is on its way, or did not come and may be asked for again.
pub fn unknown(app: App, again: impl Fn() + 'static) -> El {
    if app.busy.get() { skeleton(3) } else { plain(app.t("app.again"), again) }
}

/// An empty list, and what comes next.
pub fn nothing(picture: &str, what: String, next: String) -> El {
    html::div().class("empty").child((icon(picture), html::strong().child(what), next))
}
