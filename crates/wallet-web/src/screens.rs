//! The screens, and which one comes next.

mod card;
mod closed;
mod consent;
mod enrol;
mod history;
mod home;
mod install;
mod notices;
mod pin_change;
mod recover;
mod scan;
mod settings;
mod showing;

use wallet::account::messages::{AccountState, OnboardingStep};
use wallet::issue::Renewal;
use wallet::state::State;

use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::place::System;
use crate::vault_key::Kind;

pub use enrol::{PinPurpose, Proof};
pub use notices::heard;

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
    /// The badge as a loop of QR codes.
    Showing,
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

fn one(app: App, screen: Screen) -> El {
    match screen {
        Screen::Opening => closed::opening(app),
        Screen::Install => install::view(app),
        Screen::OtherTab => closed::other_tab(app),
        Screen::Unlock => closed::unlock(app),
        Screen::Activation => enrol::activation(app),
        Screen::Identity(proof) => enrol::identity(app, proof),
        Screen::Otp(proof, phone) => enrol::otp(app, proof, phone),
        Screen::Recover => recover::begin(app),
        Screen::RecoverPin => recover::pin(app),
        Screen::Notices => notices::view(app),
        Screen::CheckPin => notices::check_pin(app),
        Screen::PinRests => pin_change::rests(app),
        Screen::NewPin(purpose) => enrol::new_pin(app, purpose),
        Screen::Issuing => enrol::issuing(app),
        Screen::Home => home::view(app),
        Screen::Details => home::details(app),
        Screen::Passkey => enrol::passkey(app),
        Screen::Protect => enrol::protect(app),
        Screen::Showing => showing::view(app),
        Screen::History => history::view(app),
        Screen::Scan => scan::view(app),
        Screen::Paste => scan::paste(app),
        Screen::Consent(request) => consent::view(app, request),
        Screen::Number(request) => consent::number(app, request),
        Screen::ConsentPin(request) => consent::pin(app, request),
        Screen::Result(told) => consent::result(app, told),
        Screen::NumberWrong => consent::number_wrong(app),
        Screen::Settings => settings::view(app),
        Screen::AutoLock => settings::auto_lock(app),
        Screen::Security => settings::security(app),
        Screen::Loss => settings::loss(app),
        Screen::DeviceChange => settings::device_change(app),
        Screen::OldPin => pin_change::old(app),
        Screen::PinChangePending => pin_change::pending(app),
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
        return resume_enrolment(app, &state).await;
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
        app.run(scan::follow(app, link));
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

async fn resume_enrolment(app: App, state: &State) -> Result<(), Trouble> {
    if state.recovery.is_some() {
        // The passkey's secret is not kept: a recovery that was interrupted begins with the passkey again.
        app.with(async |wallet| wallet.drop_recovery().await).await??;
        app.show(Screen::Recover);
        return Ok(());
    }
    if state.onboarding.is_none() {
        app.show(Screen::Activation);
        return Ok(());
    }
    match app.with(async |wallet| wallet.onboarding_status().await).await? {
        Ok(status) => app.show(match status.step {
            OnboardingStep::Activated => Screen::Identity(Proof::Enrolment),
            OnboardingStep::OtpSent => Screen::Otp(Proof::Enrolment, String::new()),
            // Registering again after a lost reply is the same registration.
            OnboardingStep::Proofed | OnboardingStep::Registered => match has_passkey(state) {
                true => Screen::NewPin(PinPurpose::First),
                false => Screen::Passkey,
            },
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
            if status.wipe {
                return app.wipe().await;
            }
            match status.state {
                AccountState::Suspended => app.show(Screen::Suspended),
                AccountState::Locked => app.show(Screen::Locked),
                AccountState::NewPinNeeded => app.show(Screen::NewPinCode),
                AccountState::Closed => app.wipe().await?,
                AccountState::Pending | AccountState::Active => {
                    if status.pin_change {
                        app.show(Screen::PinChangePending);
                    }
                    renew(app);
                }
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

/// The next batch of copies comes silently while the PIN was used lately; else it is asked for.
pub fn renew(app: App) {
    app.spawn(async move {
        match app.with(async |wallet| wallet.needs_renewal()).await? {
            Renewal::NotNeeded => app.pin_wanted.set(false),
            Renewal::PinFirst => app.pin_wanted.set(true),
            Renewal::Silent => {
                app.with(async |wallet| wallet.renew().await).await??;
                app.reached();
            }
        }
        Ok(())
    });
}
