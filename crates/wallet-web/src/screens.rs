//! The screens, and which one comes next.

mod card;
mod closed;
mod enrol;
mod home;
mod install;
mod settings;

use leptos::prelude::*;
use wallet::account::messages::{AccountState, OnboardingStep};
use wallet::state::State;

use crate::app::App;
use crate::browser;
use crate::fault::Trouble;
use crate::place::System;
use crate::vault_key::Kind;

pub use enrol::PinPurpose;

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
    Identity,
    /// 본인확인: the code sent to the phone, with the number it went to.
    Otp(String),
    /// A new PIN.
    NewPin(PinPurpose),
    /// The badge is on its way.
    Issuing,
    /// The card.
    Home,
    /// Everything the badge says.
    Details,
    /// What was done with the badge.
    History,
    /// Reading a QR code.
    Scan,
    /// What can be chosen.
    Settings,
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
pub fn view(app: App) -> AnyView {
    use leptos::html;
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
                    .r#type("button")
                    .class("button small")
                    .on(leptos::ev::click, |_| browser::update())
                    .child(app.t("app.newer.take")),
            ))
        })
    };
    html::div().class("frame").child((ribbon, newer, move || one(app, app.screen.get()))).into_any()
}

fn one(app: App, screen: Screen) -> AnyView {
    match screen {
        Screen::Opening => closed::opening(app),
        Screen::Install => install::view(app),
        Screen::OtherTab => closed::other_tab(app),
        Screen::Unlock => closed::unlock(app),
        Screen::Activation => enrol::activation(app),
        Screen::Identity => enrol::identity(app),
        Screen::Otp(phone) => enrol::otp(app, phone),
        Screen::NewPin(purpose) => enrol::new_pin(app, purpose),
        Screen::Issuing => enrol::issuing(app),
        Screen::Home => home::view(app),
        Screen::Details => home::details(app),
        Screen::History | Screen::Scan => home::view(app),
        Screen::Settings => settings::view(app),
        Screen::Locked => closed::locked(app),
        Screen::NewPinCode => closed::new_pin_code(app),
        Screen::Suspended => closed::suspended(app),
        Screen::Wiped => closed::wiped(app),
    }
}

/// From a cold start to the screen that fits.
pub async fn start(app: App, steal: bool) -> Result<(), Trouble> {
    let lost = move || app.show(Screen::OtherTab);
    if !browser::hold_alone(steal, lost).await {
        app.show(Screen::OtherTab);
        return Ok(());
    }
    let invited = window().location().hash().unwrap_or_default();
    let invited = invited.trim_start_matches('#');
    let at_install = window().location().pathname().is_ok_and(|path| path == "/wallet/install");
    if at_install && crate::scanned::is_handle(invited) {
        // Not a key: without the activation code and the holder's own data it opens nothing.
        let handle = invited.to_owned();
        app.set(|settings| settings.invitation = Some(handle));
    }
    match app.vault_lock().await? {
        Some(lock) if lock.kind == Kind::Local => {
            let key = lock.open(&[]).await?;
            app.unlock(&lock, key).await?;
            arrive(app).await
        }
        Some(_) => {
            app.show(Screen::Unlock);
            Ok(())
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
        return resume_enrolment(app, &state).await;
    }
    if state.holdings.is_empty() {
        app.show(Screen::Issuing);
        return Ok(());
    }
    app.show(Screen::Home);
    app.spawn(async move {
        let _ = synchronize(app).await;
        Ok(())
    });
    Ok(())
}

async fn resume_enrolment(app: App, state: &State) -> Result<(), Trouble> {
    if state.onboarding.is_none() {
        app.show(Screen::Activation);
        return Ok(());
    }
    match app.with(async |wallet| wallet.onboarding_status().await).await? {
        Ok(status) => app.show(match status.step {
            OnboardingStep::Activated => Screen::Identity,
            OnboardingStep::OtpSent => Screen::Otp(String::new()),
            // Registering again after a lost reply is the same registration.
            OnboardingStep::Proofed | OnboardingStep::Registered => Screen::NewPin(PinPurpose::First),
        }),
        Err(error) => {
            app.show(Screen::Activation);
            app.tell(&error.into());
        }
    }
    Ok(())
}

/// Asks the server how the account stands and goes where that leads.
pub async fn synchronize(app: App) -> Result<(), Trouble> {
    let asked = app
        .with(async |wallet| {
            wallet.resume().await?;
            wallet.sync().await
        })
        .await?;
    match asked {
        Ok(status) => {
            app.reached();
            match status.state {
                AccountState::Suspended => app.show(Screen::Suspended),
                AccountState::Locked => app.show(Screen::Locked),
                AccountState::NewPinNeeded => app.show(Screen::NewPinCode),
                AccountState::Closed => app.wipe().await?,
                AccountState::Pending | AccountState::Active => {}
            }
            Ok(())
        }
        Err(error) => {
            let trouble = Trouble::from(error);
            if trouble.is_network() {
                app.offline.set(true);
                return Err(trouble);
            }
            app.tell(&trouble);
            Err(trouble)
        }
    }
}
