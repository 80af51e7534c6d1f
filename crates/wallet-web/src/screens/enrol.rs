//! Set-up: activation code → who is it → code sent to the phone → PIN → badge. Interrupted anywhere, it goes on there.

use serde_json::json;
use wallet::account::messages::{PasskeyPurpose, code};
use wallet::issue::Options;
use wallet::pin::{DIGITS, Owner, Pin};
use zeroize::Zeroize as _;

use super::activation::journey;
use super::{Screen, arrive};
use crate::app::App;
use crate::browser;
use crate::dom::prelude::*;
use crate::fault::Trouble;
use crate::parts::{Typed, Way, field, frame, icon, notice, plain, primary, skeleton, small};
use crate::pin_pad::pad;
use crate::vault_key::Lock;

/// What name, number and phone code are proved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The first set-up.
    Enrolment,
    /// A new PIN in place of a forgotten one.
    ForgottenPin,
    /// The account of an app that was deleted; the phone code alone.
    Recovery,
}

/// Name and resident registration number; the number is masked and forgotten once it was sent.
pub fn identity(app: App, proof: Proof) -> El {
    let (name, rrn) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let go = move || {
        app.run(async move {
            let (who, mut number) = (name.get_untracked().trim().to_owned(), rrn.get_untracked());
            let digits = number.chars().filter(char::is_ascii_digit).count();
            if who.is_empty() || digits != 13 {
                number.zeroize();
                return Err(Trouble::Own("identity_form"));
            }
            let sent = app
                .with(async |wallet| match proof {
                    Proof::ForgottenPin => wallet.forgot_pin(&who, &number).await,
                    Proof::Enrolment | Proof::Recovery => wallet.prove_identity(&who, &number).await,
                })
                .await?;
            number.zeroize();
            let sent = sent?;
            rrn.update(|text| text.zeroize());
            app.show(Screen::Otp(proof, sent.phone));
            Ok(())
        });
    };
    frame(
        app,
        if proof == Proof::Enrolment { Way::None } else { Way::Back },
        app.t("identity.title"),
        Some(app.t(if proof == Proof::Enrolment { "identity.lead" } else { "identity.lead.pin" })),
        html::div().class("stack").child((
            (proof == Proof::Enrolment).then(|| journey(app, 1)),
            field(
                "name",
                app.t("identity.name"),
                None,
                Typed { kind: "text", mode: "text", autocomplete: "name", most: "100" },
                name,
            ),
            field(
                "rrn",
                app.t("identity.rrn"),
                Some(app.t("identity.rrn.hint")),
                Typed { kind: "password", mode: "numeric", autocomplete: "off", most: "14" },
                rrn,
            ),
        )),
        primary(app, app.t("identity.send"), go),
    )
}

/// The code that was sent to the phone.
pub fn otp(app: App, proof: Proof, phone: String) -> El {
    let code = RwSignal::new(String::new());
    let go = move || {
        app.run(async move {
            let digits: String = code.get_untracked().chars().filter(char::is_ascii_digit).collect();
            if digits.len() != 6 {
                return Err(Trouble::Own("otp_form"));
            }
            match proof {
                Proof::Enrolment => {
                    app.with(async |wallet| wallet.prove_phone(&digits).await).await??;
                    app.show(Screen::Passkey);
                }
                Proof::ForgottenPin => {
                    app.with(async |wallet| wallet.prove_phone_for_new_pin(&digits).await).await??;
                    app.show(Screen::NewPin(PinPurpose::Forgotten));
                }
                Proof::Recovery => {
                    app.with(async |wallet| wallet.prove_recovery_phone(&digits).await).await??;
                    app.show(Screen::RecoverPin);
                }
            }
            Ok(())
        });
    };
    let lead =
        if phone.is_empty() { app.t("otp.lead.again") } else { app.tf("otp.lead", &[("phone", &phone)]) };
    frame(
        app,
        Way::None,
        app.t("otp.title"),
        Some(lead),
        html::div().class("stack").child((
            (proof == Proof::Enrolment).then(|| journey(app, 1)),
            field(
                "otp",
                app.t("otp.code"),
                Some(app.t("otp.code.hint")),
                Typed { autocomplete: "one-time-code", ..Typed::digits("6") },
                code,
            ),
        )),
        (
            primary(app, app.t("app.next"), go),
            plain(app.t("otp.again"), move || {
                app.show(match proof {
                    Proof::Recovery => Screen::Recover,
                    proof => Screen::Identity(proof),
                });
            }),
        ),
    )
}

/// The passkey: from then on fingerprint or face opens the wallet.
pub fn passkey(app: App) -> El {
    let missing = RwSignal::new(false);
    app.spawn(async move {
        missing.set(!browser::has_passkeys().await);
        Ok(())
    });
    let make = move || {
        app.run(async move {
            let options = app.with(async |wallet| wallet.passkey_creation_options().await).await??;
            let mut made = browser::create_passkey(&options.options).await?;
            if made.prf && made.secrets.is_none() {
                // Some authenticators give the secret only when the passkey is used.
                let again = json!({
                    "challenge": keys::encoding::b64url_encode(&keys::random::bytes::<32>()),
                    "allowCredentials": [{ "type": "public-key", "id": made.credential.get("rawId") }],
                    "userVerification": "required",
                });
                made.secrets = browser::use_passkey(&again).await?.secrets;
            }
            let prf = made.secrets.is_some();
            app.with(async |wallet| wallet.add_passkey(&made.credential, prf).await).await??;
            app.keep_secrets(made.secrets);
            app.show(Screen::NewPin(PinPurpose::First));
            Ok(())
        });
    };
    let without = move || {
        missing
            .get()
            .then(|| plain(app.t("passkey.without"), move || app.show(Screen::NewPin(PinPurpose::First))))
    };
    let told = move || {
        missing
            .get()
            .then(|| notice("wait", "alert", app.t("passkey.missing"), app.t("passkey.missing.next")))
    };
    frame(
        app,
        Way::None,
        app.t("passkey.title"),
        Some(app.t("passkey.lead")),
        html::div().class("stack").child((
            journey(app, 2),
            html::div().class("picture").attr("aria-hidden", "true").child(icon("finger")),
            told,
            small(app.t("passkey.where")),
        )),
        (primary(app, app.t("passkey.make"), make), without),
    )
}

/// The passkey is there, but the vault is not under it yet: the app was closed in between.
pub fn protect(app: App) -> El {
    let go = move || {
        app.run(async move {
            let phone =
                app.with(async |wallet| wallet.locked_phone()).await?.ok_or(Trouble::Own("vault_missing"))?;
            let passkey = phone.passkey.clone().ok_or(Trouble::Own("passkey_missing"))?;
            let options = phone.share_options(&app.shell()).await;
            let mut salt = None;
            let lock = match options {
                Ok(options) if !passkey.prf => {
                    let used = browser::use_passkey(&options.options).await?;
                    let share = phone.share(&app.shell(), &used.credential).await?;
                    Lock::share(&passkey.credential, &share).await?
                }
                _ => {
                    let options = json!({
                        "challenge": keys::encoding::b64url_encode(&keys::random::bytes::<32>()),
                        "allowCredentials": [{ "type": "public-key", "id": passkey.credential }],
                        "userVerification": "required",
                    });
                    let secrets = browser::use_passkey(&options).await?.secrets;
                    let (first, second) = secrets.ok_or(Trouble::Own("passkey_without_prf"))?;
                    salt = second;
                    Lock::prf(&passkey.credential, &first)
                }
            };
            app.relock(lock).await?;
            super::recover::allow(app, salt).await;
            arrive(app).await
        });
    };
    frame(
        app,
        Way::None,
        app.t("protect.title"),
        Some(app.t("protect.lead")),
        html::div().class("picture").attr("aria-hidden", "true").child(icon("finger")),
        primary(app, app.t("protect.go"), go),
    )
}

/// Why a new PIN is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinPurpose {
    /// The first one: it registers this phone.
    First,
    /// Two operators unlocked the account; their code.
    AfterUnlock(String),
    /// The holder wants another; the PIN in force.
    Change(String),
    /// The old one is forgotten; who it is was proved.
    Forgotten,
}

/// A new PIN, twice; weak ones are refused here and never sent.
pub fn new_pin(app: App, purpose: PinPurpose) -> El {
    let (typed, first) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let purpose = StoredValue::new(purpose);
    let done = move |text: String| {
        typed.set(String::new());
        let parsed = Pin::parse(&text).map_err(|_| Trouble::Own("pin_form"));
        let pin = match parsed {
            Ok(pin) => pin,
            Err(trouble) => return app.tell(&trouble),
        };
        let Some(before) = first.get_untracked() else {
            match pin.check_strength(&owner(app)) {
                Ok(()) => first.set(Some(text)),
                Err(weak) => app.tell(&Trouble::Account(weak.into())),
            }
            return;
        };
        first.set(None);
        if before != text {
            return app.tell(&Trouble::Own("pin_differs"));
        }
        app.run(set_pin(app, purpose.get_value(), pin));
    };
    let title = move || app.t(if first.get().is_some() { "pin.again" } else { "pin.new" });
    let is_first = purpose.get_value() == PinPurpose::First;
    let way = if matches!(purpose.get_value(), PinPurpose::Change(_)) { Way::Back } else { Way::None };
    frame(
        app,
        way,
        app.t("pin.title"),
        None,
        html::div().class("stack centre").child((
            is_first.then(|| journey(app, 3)),
            html::p().class("pin-ask").role("status").child(title),
            pad(app, DIGITS, false, typed, done),
            small(app.t("pin.rules")),
        )),
        (),
    )
}

async fn set_pin(app: App, purpose: PinPurpose, pin: Pin) -> Result<(), Trouble> {
    match purpose {
        PinPurpose::First => {
            let enrolled = app.with(async |wallet| wallet.register(&pin).await).await??;
            let passkey = app.with(async |wallet| wallet.passkey().cloned()).await?;
            match (passkey, app.take_secrets(), enrolled.share) {
                (Some(passkey), Some((first, second)), _) => {
                    app.relock(Lock::prf(&passkey.credential, &first)).await?;
                    super::recover::allow(app, second).await;
                }
                (Some(passkey), None, Some(share)) => {
                    app.relock(Lock::share(&passkey.credential, &share.0).await?).await?;
                }
                // Closed in between: the next screen asks for the passkey once more.
                (Some(_), None, None) | (None, ..) => {}
            }
            arrive(app).await?;
        }
        PinPurpose::AfterUnlock(code) => {
            let set = app.with(async |wallet| wallet.set_new_pin(&code, &pin).await).await?;
            if let Err(error) = set {
                let wrong_code = error.is(self::code::UNLOCK_CODE_WRONG);
                if wrong_code {
                    app.show(Screen::NewPinCode);
                }
                return Err(error.into());
            }
            arrive(app).await?;
        }
        PinPurpose::Forgotten => {
            let options =
                app.with(async |wallet| wallet.passkey_options(PasskeyPurpose::ForgottenPin).await).await??;
            let used = browser::use_passkey(&options.options).await?;
            app.with(async |wallet| wallet.reset_pin(&used.credential, &pin).await).await??;
            app.show(Screen::PinRests);
        }
        PinPurpose::Change(old) => super::pin_change::change(app, &old, &pin).await?,
    }
    Ok(())
}

fn owner(app: App) -> Owner {
    let state = app.state.get_untracked();
    let Some(state) = state else { return Owner::default() };
    let account = state.account.as_ref().map(|account| account.owner.clone());
    account
        .or_else(|| state.onboarding.as_ref().map(|onboarding| onboarding.owner.clone()))
        .unwrap_or_default()
}

/// The badge comes by itself; only a failure needs the person.
pub fn issuing(app: App) -> El {
    let receive = move || {
        app.run(async move {
            app.with(async |wallet| wallet.receive_badge(Options::default()).await).await??;
            app.reached();
            arrive(app).await
        });
    };
    receive();
    let again = move || app.fault.get().is_some().then(|| primary(app, app.t("app.again"), receive));
    frame(
        app,
        Way::None,
        app.t("issuing.title"),
        Some(app.t("issuing.lead")),
        html::div().class("stack").child((
            journey(app, 4),
            html::div().class("card waiting").attr("aria-hidden", "true").child(skeleton(3)),
            html::div()
                .class("progress")
                .role("progressbar")
                .label(app.t("issuing.title"))
                .child(html::span()),
        )),
        again,
    )
}
