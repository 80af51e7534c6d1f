//! The first call.

use reactive_graph::effect::RenderEffect;
use reactive_graph::graph::untrack;
use reactive_graph::owner::Owner;
use serde::Deserialize;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::app::App;
use crate::browser;
use crate::dom::View as _;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::screens::{self, Screen};
use crate::settings::Settings;

/// Puts the app on the page.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(stopped));
    let Some(root) = document().get_element_by_id("app") else { return };
    // Only a second start of the same page could find one that was set before.
    let _ = any_spawner::Executor::init_wasm_bindgen();
    // The root of every signal; it lives as long as the page.
    let owner = Owner::new();
    owner.with(|| {
        let app = App::new();
        mount(app, root);
        wasm_bindgen_futures::spawn_local(begin(app));
    });
    core::mem::forget(owner);
}

/// Puts the app in place of the page's own picture as soon as there is something to show; a slow phone draws a screen
/// less.
fn mount(app: App, root: web_sys::Element) {
    let Some(owner) = Owner::current() else { return };
    let mounted = StoredValue::new(false);
    let effect = RenderEffect::new(move |_: Option<()>| {
        if app.screen.with(|screen| matches!(screen, Screen::Opening)) || mounted.get_value() {
            return;
        }
        mounted.set_value(true);
        root.set_text_content(None);
        // The screens belong to the page and not to this effect, which ends with them standing.
        owner.with(|| untrack(|| screens::view(app).put(&root, None)));
    });
    StoredValue::new_local(effect);
}

/// A fault of ours: the vault is written whole at each step, so starting again loses nothing.
fn stopped(_: &std::panic::PanicHookInfo<'_>) {
    if let Some(root) = document().get_element_by_id("app") {
        root.set_text_content(Some(
            "앱이 멈췄습니다. 저장된 것은 그대로입니다. 앱을 닫고 다시 열어 주세요. · The app stopped. What was stored is safe. Close the app and open it again.",
        ));
        let _ = root.set_attribute("role", "alert");
        let _ = root.set_attribute("class", "stopped");
    }
}

async fn begin(app: App) {
    // Both are asked of another process: one way there is enough.
    let (settings, held) = futures::join!(Settings::load(), screens::hold(app, false));
    if let Some(language) = settings.language {
        app.speak(language);
    } else {
        app.speak(app.language.get_untracked());
    }
    app.reached_at.set(settings.reached_at);
    app.settings.set(settings);
    app.spawn(async move {
        // Before anybody asks for it, and not before there is time.
        browser::until_idle().await;
        app.spawn(learn(app));
        app.spawn(async move {
            browser::serve_offline(move || app.newer.set(true)).await?;
            Ok(())
        });
        app.rest().await?;
        Ok(())
    });
    crate::idle::watch(app);
    browser::on_notice(move |kind| screens::heard(app, kind));
    if let Err(trouble) = screens::start(app, held).await {
        app.show(Screen::Unlock);
        app.tell(&trouble);
    }
}

/// What the server says about itself.
#[derive(Deserialize)]
struct About {
    #[serde(default)]
    demo: bool,
}

async fn learn(app: App) -> Result<(), Trouble> {
    let address = format!("{}/wallet/about.json", app.origin());
    let answer = browser::request("GET", &address, &[], None, 4096, "ko", 5_000).await?;
    if let Ok(about) = serde_json::from_slice::<About>(&answer.body) {
        app.demo.set(about.demo);
    }
    Ok(())
}
