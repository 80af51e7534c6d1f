//! The screens, and which one comes next.

mod activation;
mod card;
mod certificates;
mod closed;
mod consent;
mod documents;
mod enrol;
mod entry;
mod history;
mod home;
mod install;
mod made;
mod meeting;
mod notices;
mod pin_change;
mod recover;
mod rest;
mod scan;
mod settings;
mod showing;

use wallet::state::State;

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::place::System;
use crate::vault_key::Kind;

pub use enrol::{PinPurpose, Proof};
pub use notices::heard;
pub use rest::{Rest, load};

/// What is on show.
#[derive(Clone)]
pub enum Screen {
    /// Nothing is known yet.
    Opening,
    /// How to install the app.
    Install,
    /// Another tab holds the wallet.
    OtherTab,
    /// The vault is closed.
    Unlock,
    /// Where set-up begins: the activation code.
    Activation,
    /// 본인확인: name and number.
    Identity(Proof),
    /// 본인확인: the code sent to the phone, with the number it went to.
    Otp(Proof, String),
    /// The app was deleted: begin with the passkey.
    Recover,
    /// The app was deleted: the PIN in force.
    RecoverPin,
    /// The passkey.
    Passkey,
    /// The passkey is there, the vault not yet under it.
    Protect,
    /// A new PIN.
    NewPin(PinPurpose),
    /// The badge is on its way.
    Issuing,
    /// The card.
    Home,
    /// Everything the badge says.
    Details,
    /// The badge before a person whose phone asks for it.
    Meeting,
    /// The badge as a loop of QR codes.
    Showing,
    /// The code for a gate's reader of codes.
    Entry,
    /// A page that the second part made: certificates, documents to sign.
    Made(made::Page),
    /// What was done with the badge.
    History,
    /// Reading a QR code.
    Scan,
    /// A pasted link.
    Paste,
    /// Who asks, why, what.
    Consent(consent::Request),
    /// The number that the browser shows.
    Number(consent::Request),
    /// The PIN, for a login.
    ConsentPin(consent::Request),
    /// What came of it.
    Result(consent::Told),
    /// The number was another one.
    NumberWrong,
    /// What can be chosen.
    Settings,
    /// Minutes until the wallet closes.
    AutoLock,
    /// Notices on the lock screen.
    Notices,
    /// The PIN once more, to renew copies.
    CheckPin,
    /// A forgotten PIN was replaced; it rests for a day.
    PinRests,
    /// What protects this app, truly.
    Security,
    /// What to do when the phone is lost.
    Loss,
    /// How to move to another phone.
    DeviceChange,
    /// The PIN in force, before another is chosen.
    OldPin,
    /// A change of PIN was begun and not finished.
    PinChangePending,
    /// Five wrong PINs.
    Locked,
    /// Unlocked by two operators: their code first, then a new PIN.
    NewPinCode,
    /// Suspended: locked and kept.
    Suspended,
    /// Ended: wiped.
    Wiped,
}

/// The whole app.
pub fn view(app: App) -> El {
    let ribbon = move || {
        app.demo.get().then(|| {
            html::p()
                .class("ribbon")
                .child((html::strong().child(app.t("app.demo.word")), app.t("app.demo.text")))
        })
    };
    let newer = move || {
        app.newer.get().then(|| {
            html::div().class("newer").role("status").child((
                html::span().child(app.t("app.newer")),
                html::button()
                    .kind("button")
                    .class("button small")
                    .on("click", |_| browser::update())
                    .child(app.t("app.newer.take")),
            ))
        })
    };
    html::div().class("frame").child((
        ribbon,
        newer,
        move || notices::band(app),
        move || one(app, app.screen.get()),
    ))
}

/// The screens of the first part; the rest stands behind [`Rest`].
fn one(app: App, screen: Screen) -> El {
    match screen {
        Screen::Opening => closed::opening(app),
        Screen::Install => install::view(app),
        Screen::OtherTab => closed::other_tab(app),
        Screen::Unlock => closed::unlock(app),
        Screen::Activation => activation::view(app),
        Screen::Home => home::view(app),
        Screen::Wiped => closed::wiped(app),
        other => match app.rest.get() {
            Some(rest) => (rest.screen)(app, other),
            None => closed::on_its_way(app),
        },
    }
}

/// Takes the wallet for this tab; whether it was to be had.
pub async fn hold(app: App, steal: bool) -> bool {
    browser::hold_alone(steal, move || app.show(Screen::OtherTab)).await
}

/// From a cold start to the screen that fits, once it is known whether this tab holds the wallet.
pub async fn start(app: App, held: bool) -> Result<(), Trouble> {
    if !held {
        app.show(Screen::OtherTab);
        return Ok(());
    }
    enter(app).await
}

/// The same for a tab that holds the wallet already.
pub async fn enter(app: App) -> Result<(), Trouble> {
    let invited = window().location().hash().unwrap_or_default();
    let invited = invited.trim_start_matches('#');
    let at_install = window().location().pathname().is_ok_and(|path| path == "/wallet/install");
    if at_install && crate::scanned::is_handle(invited) {
        // Not a key: without the activation code and the holder's own data it opens nothing.
        let handle = invited.to_owned();
        app.set(|settings| settings.invitation = Some(handle));
    }
    if window().location().pathname().is_ok_and(|path| path == "/wallet/open") {
        app.waiting_request.set(window().location().href().ok());
        // The request is used up by being read: a reload must not ask again.
        browser::forget_address();
    }
    match app.vault_lock().await? {
        Some(lock) if lock.kind == Kind::Local => {
            app.unlock(&lock).await?;
            arrive(app).await
        }
        Some(_) => {
            app.show(Screen::Unlock);
            // The passkey is asked for at once: from the tap on the icon to the card there is one touch. Whoever looks
            // away finds the button.
            match closed::open(app).await {
                Err(trouble) if trouble.code() == "browser_declined" => Ok(()),
                other => other,
            }
        }
        None => {
            let place = app.place();
            let first = place.installed || (place.system == System::Desktop && !at_install);
            app.show(if first { Screen::Activation } else { Screen::Install });
            Ok(())
        }
    }
}

/// With the wallet open: where it stands by what it remembers, then what the server says of it.
pub async fn arrive(app: App) -> Result<(), Trouble> {
    let Some(state) = app.state.get_untracked() else {
        app.show(Screen::Activation);
        return Ok(());
    };
    if state.account.is_none() {
        return (app.rest().await?.resume)(app, state).await;
    }
    if has_passkey(&state) && app.lock.get_untracked() == Some(Kind::Local) {
        app.show(Screen::Protect);
        return Ok(());
    }
    if state.holdings.is_empty() {
        app.show(Screen::Issuing);
        return Ok(());
    }
    app.show(Screen::Home);
    if let Some(link) = app.waiting_request.get_untracked() {
        app.waiting_request.set(None);
        app.run(async move { (app.rest().await?.follow)(app, link).await });
    }
    app.spawn(async move {
        let _ = synchronize(app).await;
        Ok(())
    });
    Ok(())
}

fn has_passkey(state: &State) -> bool {
    let account = state.account.as_ref().map(|account| account.passkey.is_some());
    account
        .or_else(|| state.onboarding.as_ref().map(|onboarding| onboarding.passkey.is_some()))
        .unwrap_or(false)
}

/// Asks the server how the account stands and goes where that leads.
pub async fn synchronize(app: App) -> Result<(), Trouble> {
    match app.rest().await {
        Ok(rest) => (rest.synchronize)(app).await,
        Err(trouble) => {
            app.offline.set(true);
            Err(trouble)
        }
    }
}
