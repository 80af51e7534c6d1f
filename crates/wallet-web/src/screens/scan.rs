//! Reading a request: by the camera, from a photo, or from a pasted link.

use wasm_bindgen::JsCast as _;

use super::Screen;
use super::consent::ask;
use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Typed, Way, field, frame, heading, icon, plain, primary, row, tabs, trouble};
use crate::scanned::{self, Scanned};

/// The camera.
pub fn view(app: App) -> El {
    let seen = RwSignal::new(false);
    let video =
        html::video().attr("playsinline", "").prop("muted", || true.into()).label(app.t("scan.picture"));
    let element = video.element();
    let look = move || {
        let element = element.clone();
        app.fault.set(None);
        wasm_bindgen_futures::spawn_local(async move {
            let found = move |text: String| app.run(follow(app, text));
            match browser::camera_start(&element, found).await {
                Ok(()) => seen.set(true),
                Err(failure) => app.tell(&camera_trouble(&failure)),
            }
        });
    };
    look();
    on_cleanup(browser::camera_stop);
    let again = move || app.fault.get().is_some().then(|| plain(app.t("scan.again"), look.clone()));
    // A camera that can't be had leaves its place to what to do instead.
    let dark = move || !seen.get() && app.fault.get().is_some();
    html::div().class("screen").child((
        html::header().class("bar").child(html::span().class("bar-brand").child(app.t("app.brand"))),
        html::main().id("main").class("screen-main").child((
            heading(app.t("scan.title")),
            html::p().class("lead").child(app.t("scan.lead")),
            html::div().class("finder").attr("hidden", dark).child((
                video,
                html::span().class("finder-frame").attr("aria-hidden", "true"),
                move || {
                    (!seen.get()).then(|| html::span().class("finder-wait").child(app.t("scan.starting")))
                },
            )),
            trouble(app),
            again,
            html::div().class("rows").child((
                photo(app),
                row("copy", app.t("scan.paste"), Some(app.t("scan.paste.hint")), move || {
                    app.open(Screen::Paste)
                }),
            )),
        )),
        tabs(app),
    ))
}

fn camera_trouble(failure: &browser::Failure) -> Trouble {
    match failure.name.as_str() {
        "NotAllowedError" => Trouble::Own("camera_denied"),
        "NotFoundError" | "OverconstrainedError" => Trouble::Own("camera_missing"),
        "NotReadableError" => Trouble::Own("camera_busy"),
        _ => Trouble::Own("camera_failed"),
    }
}

/// A photo of the code, where there is no camera to be had.
fn photo(app: App) -> El {
    let chosen = move |event: web_sys::Event| {
        let Some(input) =
            event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok())
        else {
            return;
        };
        let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
        input.set_value("");
        app.run(async move {
            match browser::read_picture(&file).await? {
                Some(text) => follow(app, text).await,
                None => Err(Trouble::Own("no_qr_in_photo")),
            }
        });
    };
    html::label().class("row").child((
        icon("picture"),
        html::span().class("row-text").child((
            html::span().class("row-label").child(app.t("scan.photo")),
            html::span().class("soft small").child(app.t("scan.photo.hint")),
        )),
        html::input().kind("file").attr("accept", "image/*").class("sr-only").on("change", chosen),
        icon("next"),
    ))
}

/// A link or the text of a QR code, pasted.
pub fn paste(app: App) -> El {
    let text = RwSignal::new(String::new());
    let fetch = move || {
        app.run(async move {
            text.set(browser::from_clipboard().await?);
            Ok(())
        });
    };
    frame(
        app,
        Way::Back,
        app.t("paste.title"),
        Some(app.t("paste.lead")),
        field(
            "link",
            app.t("paste.link"),
            None,
            Typed { kind: "text", mode: "url", autocomplete: "off", most: "65536" },
            text,
        ),
        (
            primary(app, app.t("app.next"), move || app.run(follow(app, text.get_untracked()))),
            plain(app.t("activation.paste"), fetch),
        ),
    )
}

/// Goes where a text leads; anything but a request to this wallet is refused with its reason.
pub async fn follow(app: App, text: String) -> Result<(), Trouble> {
    match scanned::read(&text, &app.origin()) {
        Scanned::Request(link) => ask(app, link).await,
        Scanned::Invitation(_) => Err(Trouble::Own("already_enrolled")),
        Scanned::Offer(_) => Err(Trouble::Own("offer_elsewhere")),
        Scanned::OtherSite(_) => Err(Trouble::Own("other_site")),
        Scanned::Unknown => Err(Trouble::Own("not_a_request")),
    }
}
