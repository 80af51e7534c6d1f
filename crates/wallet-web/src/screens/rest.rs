//! What a person meets only after the first screen, as one table of functions.
//!
//! The first download holds what leads from the icon to the card: opening the vault, the card, and the screens of a wallet
//! that is closed. Everything else stands behind [`load`]: the bundle cuts the program in two there, at functions, so that
//! the second part runs in the same memory with the same open wallet, and nothing is handed over (docs/adr/0006). Whatever
//! is named in [`REST`] and nowhere else is in the second part, with all that it alone needs.

use core::future::Future;
use core::pin::Pin;
use std::rc::Rc;

use wallet::account::messages::{AccountState, OnboardingStep};
use wallet::issue::Renewal;
use wallet::state::State;

use super::{
    PinPurpose, Proof, Screen, activation, certificates, closed, consent, documents, enrol, entry,
    has_passkey, history, home, meeting, notices, pin_change, recover, scan, settings, showing,
};
use crate::app::App;
use crate::browser::{self, Secret32};
use crate::dom::El;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::texts;
use crate::vault_key::locked_phone;

/// A step whose size the first part does not know.
pub type Step<T = ()> = Pin<Box<dyn Future<Output = Result<T, Trouble>>>>;

/// Where the first part goes on into the second.
pub struct Rest {
    /// A screen of the second part.
    pub screen: fn(App, Screen) -> El,
    /// What the card's screen leads to beside its own rows.
    pub doors: fn(App) -> (El, El),
    /// What only those screens say.
    pub texts: texts::Finder,
    /// Sends the activation code: handle of the invitation, digits.
    pub activate: fn(App, String, String) -> Step,
    /// Goes on with an enrolment that was interrupted.
    pub resume: fn(App, Rc<State>) -> Step,
    /// Asks the server how the account stands.
    pub synchronize: fn(App) -> Step,
    /// Answers the request that a link carries.
    pub follow: fn(App, String) -> Step,
    /// The server's share of the vault's key, for a fresh assertion of the passkey.
    pub share: fn(App) -> Step<Secret32>,
    /// Whether the server ordered to wipe a phone whose vault is shut.
    pub to_be_wiped: fn(App) -> Step<bool>,
}

static REST: Rest = Rest {
    screen,
    doors: |app| (documents::door(app), certificates::door(app)),
    texts: texts::in_rest,
    activate: |app, handle, digits| Box::pin(activation::activate(app, handle, digits)),
    resume: |app, state| Box::pin(resume(app, state)),
    synchronize: |app| Box::pin(synchronize(app)),
    follow: |app, link| Box::pin(scan::follow(app, link)),
    share: |app| Box::pin(share(app)),
    to_be_wiped: |app| Box::pin(to_be_wiped(app)),
};

/// Loads the second part; a load that failed may be tried again.
pub async fn load() -> Result<&'static Rest, Trouble> {
    let rest = table().await.map_err(|_| Trouble::Own("rest_missing"))?;
    texts::more(rest.texts);
    Ok(rest)
}

/// The cut: on this side the name, on the other all that the table reaches.
#[wasm_split_helpers::wasm_split(rest, fallible)]
fn table() -> Result<&'static Rest, wasm_split_helpers::SplitLoaderError> {
    Ok(&REST)
}

fn screen(app: App, screen: Screen) -> El {
    match screen {
        Screen::Identity(proof) => enrol::identity(app, proof),
        Screen::Otp(proof, phone) => enrol::otp(app, proof, phone),
        Screen::Recover => recover::begin(app),
        Screen::RecoverPin => recover::pin(app),
        Screen::Notices => notices::view(app),
        Screen::CheckPin => notices::check_pin(app),
        Screen::PinRests => pin_change::rests(app),
        Screen::NewPin(purpose) => enrol::new_pin(app, purpose),
        Screen::Issuing => enrol::issuing(app),
        Screen::Details => home::details(app),
        Screen::Passkey => enrol::passkey(app),
        Screen::Protect => enrol::protect(app),
        Screen::Meeting => meeting::view(app),
        Screen::Showing => showing::view(app),
        Screen::Entry => entry::view(app),
        Screen::Made(page) => page(app),
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
        // The first part shows these itself and never asks for them here.
        Screen::Opening
        | Screen::Install
        | Screen::OtherTab
        | Screen::Unlock
        | Screen::Activation
        | Screen::Home
        | Screen::Wiped => closed::opening(app),
    }
}

async fn resume(app: App, state: Rc<State>) -> Result<(), Trouble> {
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
            OnboardingStep::Proofed | OnboardingStep::Registered => match has_passkey(&state) {
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

async fn synchronize(app: App) -> Result<(), Trouble> {
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
                    entry::renew(app);
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
pub(super) fn renew(app: App) {
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

async fn share(app: App) -> Result<Secret32, Trouble> {
    let phone = locked_phone().await?.ok_or(Trouble::Own("vault_key_missing"))?;
    let options = phone.share_options(&app.shell()).await?;
    let used = browser::use_passkey(&options.options).await?;
    Ok(phone.share(&app.shell(), &used.credential).await?)
}

async fn to_be_wiped(app: App) -> Result<bool, Trouble> {
    let Some(phone) = locked_phone().await? else { return Ok(false) };
    Ok(phone.status(&app.shell()).await?.wipe)
}
