//! The first call.

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
    root.set_text_content(None);
    // The root of every signal; it lives as long as the page.
    let owner = Owner::new();
    owner.with(|| {
        let app = App::new();
        screens::view(app).put(&root, None);
        wasm_bindgen_futures::spawn_local(begin(app));
    });
    core::mem::forget(owner);
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
    let settings = Settings::load().await;
    if let Some(language) = settings.language {
        app.speak(language);
    } else {
        app.speak(app.language.get_untracked());
    }
    app.reached_at.set(settings.reached_at);
    app.settings.set(settings);
    app.spawn(async move {
        browser::serve_offline(move || app.newer.set(true)).await?;
        Ok(())
    });
    app.spawn(learn(app));
    app.spawn(async move {
        // Before anybody asks for it, and not before there is time.
        browser::until_idle().await;
        app.rest().await?;
        Ok(())
    });
    crate::idle::watch(app);
    browser::on_notice(move |kind| screens::heard(app, kind));
    if let Err(trouble) = screens::start(app, false).await {
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
