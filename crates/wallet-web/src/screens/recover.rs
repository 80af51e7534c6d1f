//! The app was deleted: passkey, phone code and PIN bring the account back to this phone.

use wallet::pin::{DIGITS, Pin};

use super::enrol::Proof;
use super::{Screen, arrive};
use crate::app::App;
use crate::browser::{self, Secret32};
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Way, frame, icon, plain, primary, small};
use crate::pin_pad::pad;
use crate::vault_key::Lock;

/// Leaves with the server what a recovery needs, sealed by the passkey; without it a deleted app means a re-issue.
pub async fn allow(app: App, salt: Option<Secret32>) {
    let Some(salt) = salt else { return };
    // A server that can't be reached now is asked again at the next set-up of the passkey; nothing else hangs on it.
    let _ = app.with(async |wallet| wallet.allow_recovery(&salt).await).await;
}

/// The passkey first: it alone names the account.
pub fn begin(app: App) -> El {
    let go = move || {
        app.run(async move {
            if app.state.get_untracked().is_none() {
                app.create().await?;
            }
            let provider = app.origin();
            let options = app.with(async |wallet| wallet.recovery_options(&provider).await).await??;
            let used = browser::use_passkey(&options.options).await?;
            let Some((first, Some(second))) = used.secrets else {
                return Err(Trouble::Own("not_recoverable"));
            };
            let sent = app
                .with(async |wallet| wallet.start_recovery(&provider, &used.credential, &second).await)
                .await??;
            app.keep_secrets(Some((first, Some(second))));
            app.show(Screen::Otp(Proof::Recovery, sent.phone));
            Ok(())
        });
    };
    frame(
        app,
        Way::Back,
        app.t("recover.title"),
        Some(app.t("recover.lead")),
        html::div().class("stack").child((
            html::div().class("picture").attr("aria-hidden", "true").child(icon("finger")),
            html::ol().class("steps stack panel").child((
                html::li().child(app.t("recover.1")),
                html::li().child(app.t("recover.2")),
                html::li().child(app.t("recover.3")),
            )),
            small(app.t("recover.else")),
        )),
        primary(app, app.t("recover.go"), go),
    )
}

/// The PIN that was in force; a wrong one counts.
pub fn pin(app: App) -> El {
    let typed = RwSignal::new(String::new());
    let done = move |text: String| {
        typed.set(String::new());
        app.run(async move {
            let pin = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"))?;
            app.with(async |wallet| wallet.recover(&pin).await).await??;
            let passkey = app.with(async |wallet| wallet.passkey().cloned()).await?;
            if let (Some(passkey), Some((first, second))) = (passkey, app.take_secrets()) {
                app.relock(Lock::prf(&passkey.credential, &first)).await?;
                allow(app, second).await;
            }
            arrive(app).await
        });
    };
    let give_up = move || {
        app.run(async move {
            app.with(async |wallet| wallet.drop_recovery().await).await??;
            app.show(Screen::Activation);
            Ok(())
        });
    };
    frame(
        app,
        Way::None,
        app.t("recover.pin.title"),
        Some(app.t("recover.pin.lead")),
        html::div()
            .class("stack centre")
            .child((pad(app, DIGITS, false, typed, done), small(app.t("pin_change.count")))),
        plain(app.t("recover.drop"), give_up),
    )
}
