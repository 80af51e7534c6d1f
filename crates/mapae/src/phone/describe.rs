//! What each step says: one JSON object, and sentences for people.

use std::fmt::Write as _;
use std::path::Path;

use credential::types::text_in;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wallet::Wallet;
use wallet::account::messages::{AccountStatus, OnboardingStep, OtpSent};
use wallet::check::OwnStatus;
use wallet::issue::{OfferSummary, Received};
use wallet::present::{Answered, Consent};
use wallet::show::Shown;
use wallet::usage::{Act, UsageRecord};

use super::cli::Said;
use super::shell::PhoneShell;
use crate::operations::Language;
use crate::operations::language;

fn text(language: Language, key: &str) -> &str {
    language::text(language, key)
}

fn format(language: Language, key: &str, values: &[(&str, String)]) -> String {
    language::format(language, key, values)
}

/// A step that says no more than that it is done.
pub(super) fn done(language: Language, step: &str, mut json: Value) -> Said {
    if let Some(members) = json.as_object_mut() {
        members.insert("step".to_owned(), step.into());
    }
    Said { json, text: language::text(language, &format!("phone.done.{step}")).to_owned() }
}

/// A new vault.
pub(super) fn made(language: Language, folder: &Path) -> Said {
    let said = done(language, "init", json!({ "vault": folder }));
    Said { text: format!("{} {}", said.text, folder.display()), ..said }
}

/// Where to sign in, for a browser of one's own.
pub(super) fn sign_in(url: String) -> Said {
    Said { json: json!({ "step": "sign_in", "url": url }), text: url }
}

/// The one-time password is on its way.
pub(super) fn otp_sent(language: Language, sent: &OtpSent) -> Said {
    Said {
        json: json!({ "step": "prove", "phone": sent.phone, "otp_expires_at": sent.expires_at }),
        text: format(language, "phone.done.prove", &[("phone", sent.phone.clone())]),
    }
}

/// What an offer holds.
pub(super) fn offer(language: Language, offer: &OfferSummary) -> Said {
    let wanted = language.tag();
    let name =
        offer.issuer_names.iter().find(|(tag, _)| tag.starts_with(wanted)).or(offer.issuer_names.first());
    let values = [
        ("issuer", offer.issuer.clone()),
        ("name", name.map(|(_, name)| name.clone()).unwrap_or_default()),
        ("credentials", offer.credentials.join(", ")),
    ];
    Said {
        json: json!({
            "step": "look",
            "issuer": offer.issuer,
            "issuer_names": offer.issuer_names,
            "credentials": offer.credentials,
            "copies": offer.copies,
            "tx_code": offer.tx_code,
        }),
        text: format(language, "phone.offer", &values),
    }
}

/// What came.
pub(super) fn received(language: Language, wallet: &Wallet<PhoneShell>, received: &Received) -> Said {
    let mut names: Vec<String> = received
        .holdings
        .iter()
        .filter_map(|id| wallet.holding(id))
        .map(|held| {
            let name = held.type_info.as_ref().and_then(|info| info.name(language.tag()));
            name.unwrap_or(&held.vct).to_owned()
        })
        .collect();
    // A badge in two formats is one badge.
    names.dedup();
    let values = [("name", names.join(", ")), ("copies", received.copies.to_string())];
    Said {
        json: json!({ "step": "receive", "holdings": received.holdings, "copies": received.copies, "names": names }),
        text: format(language, "phone.done.receive", &values),
    }
}

/// Everything held.
pub(super) fn shown(language: Language, shown: &[Shown]) -> Said {
    let mut out = String::new();
    for one in shown {
        let name = language.pick(&one.name_ko, &one.name_en);
        let _ = writeln!(out, "{name}\n  {}", one.issuer);
        for (claim, ko, en) in &one.labels {
            let value = one.claims.get(claim).unwrap_or(&Value::Null);
            let value = text_in(value, language.tag()).map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(out, "  {}: {value}", language.pick(ko, en));
        }
        let copies = [("unused", one.unused_copies.to_string()), ("all", one.copies.to_string())];
        let _ = writeln!(out, "  {}", format(language, "phone.show.copies", &copies));
        if let Some(at) = one.expires_at {
            let _ = writeln!(out, "  {}", format(language, "phone.show.expires", &[("at", moment(at))]));
        }
        let Some(checked) = &one.checked else { continue };
        let mark = |holds: bool| text(language, if holds { "phone.show.holds" } else { "phone.show.fails" });
        let _ =
            writeln!(out, "  {}: {}", text(language, "phone.show.issuer"), mark(checked.issuer_signature));
        let _ = writeln!(out, "  {}: {}", text(language, "phone.show.binding"), mark(checked.key_binding));
        let status = match checked.status {
            OwnStatus::Valid => "phone.show.valid",
            OwnStatus::Suspended => "phone.show.suspended",
            OwnStatus::Revoked => "phone.show.revoked",
            OwnStatus::Unknown => "phone.show.unknown",
            OwnStatus::Absent => "phone.show.absent",
        };
        let _ = writeln!(out, "  {}: {}", text(language, "phone.show.status"), text(language, status));
        if let Some(code) = checked.refusal {
            let _ = writeln!(out, "  {}", text(language, &format!("refusal.{code}")));
        }
    }
    Said { json: json!({ "step": "show", "credentials": shown }), text: out.trim_end().to_owned() }
}

/// What the person decides about.
pub(super) fn consent(language: Language, consent: &Consent, everything: bool, with: &[String]) -> String {
    let mut out = String::new();
    let requester = &consent.requester;
    let known = if requester.verified { "phone.consent.verified" } else { "phone.consent.unverified" };
    let who = [("name", named(language, consent)), ("origin", requester.origin.clone())];
    let _ = writeln!(out, "{}", format(language, known, &who));
    if let Some(login) = &consent.login {
        let values = [
            ("name", language.pick(&login.name_ko, &login.name_en).to_owned()),
            ("origin", login.origin.clone()),
            (
                "place",
                login
                    .place
                    .clone()
                    .unwrap_or_else(|| text(language, "phone.consent.place_unknown").to_owned()),
            ),
        ];
        let _ = writeln!(out, "{}", format(language, "phone.consent.login", &values));
    }
    for credential in &consent.credentials {
        for claim in &credential.claims {
            let on = claim.required || everything || with.contains(&claim.path.to_string());
            let value =
                text_in(&claim.value, language.tag()).map_or_else(|| claim.value.to_string(), str::to_owned);
            let optional = if claim.required { "" } else { text(language, "phone.consent.optional") };
            let mark = if on { "[x]" } else { "[ ]" };
            let label = language.pick(&claim.label_ko, &claim.label_en);
            let _ = writeln!(out, "  {mark} {label}: {value} {optional}");
        }
        if credential.unused_copies == 0 {
            let _ = writeln!(out, "  {}", text(language, "phone.consent.no_fresh_copy"));
        }
    }
    for transaction in &consent.transactions {
        let _ = writeln!(out, "{} {transaction}", text(language, "phone.consent.transaction"));
    }
    out.trim_end().to_owned()
}

/// Who asks: the relying party for which our provider asks, else the requester.
fn named(language: Language, consent: &Consent) -> String {
    match &consent.requester.party {
        Some(party) => language.pick(&party.name_ko, &party.name_en).to_owned(),
        None => consent.requester.name.clone(),
    }
}

/// What came of an answer.
pub(super) fn answered(language: Language, consent: &Consent, answered: &Answered) -> Said {
    let login = consent.login.as_ref();
    let name = match login {
        Some(login) => language.pick(&login.name_ko, &login.name_en).to_owned(),
        None => named(language, consent),
    };
    let key = if login.is_some() { "phone.done.login" } else { "phone.done.present" };
    let mut out = format(language, key, &[("name", name.clone())]);
    if answered.reused_copy {
        let _ = write!(out, "\n{}", text(language, "phone.reused_copy"));
    }
    if let Some(uri) = &answered.redirect_uri {
        let _ = write!(out, "\n{}", format(language, "phone.redirect", &[("uri", uri.clone())]));
    }
    if !answered.top_up.is_empty() {
        let _ = write!(out, "\n{}", text(language, "phone.top_up"));
    }
    Said {
        json: json!({
            "step": if login.is_some() { "login" } else { "present" },
            "party": name,
            "requester": consent.requester,
            "claims": answered.claims,
            "reused_copy": answered.reused_copy,
            "redirect_uri": answered.redirect_uri,
            "top_up": answered.top_up,
        }),
        text: out,
    }
}

/// The history, newest first.
pub(super) fn history(language: Language, records: &[UsageRecord]) -> Said {
    let mut out = String::new();
    for record in records.iter().rev() {
        let what = match &record.act {
            Act::Received { vct, copies, .. } => {
                let values = [("vct", vct.clone()), ("copies", copies.to_string())];
                format(language, "phone.history.received", &values)
            }
            Act::Presented { claims, login, .. } => {
                let key = if *login { "phone.history.login" } else { "phone.history.presented" };
                format(language, key, &[("claims", claims.join(", "))])
            }
            Act::Declined { .. } => text(language, "phone.history.declined").to_owned(),
            Act::Gate { opened, reason } => {
                let said = gate::decision::Reason::of_code(reason)
                    .map_or("", |reason| language.pick(reason.ko(), reason.en()));
                let key = if *opened { "phone.history.gate_opened" } else { "phone.history.gate_refused" };
                format!("{}: {said}", text(language, key))
            }
            Act::PinChanged => text(language, "phone.history.pin_changed").to_owned(),
            Act::Enrolled => text(language, "phone.history.enrolled").to_owned(),
            _ => String::new(),
        };
        let _ = writeln!(out, "{}  {}  {what}", moment(record.at_ms.div_euclid(1000)), record.party);
    }
    if records.is_empty() {
        text(language, "phone.history.empty").clone_into(&mut out);
    }
    Said { json: json!({ "step": "history", "records": records }), text: out.trim_end().to_owned() }
}

/// How everything stands.
pub(super) fn status(
    language: Language,
    wallet: &Wallet<PhoneShell>,
    step: Option<OnboardingStep>,
    account: Option<&AccountStatus>,
) -> Said {
    let state = wallet.state();
    let next = match (step, account) {
        (_, Some(_)) if wallet.pin_change().is_some() => "pin_change",
        (_, Some(_)) if state.issuing.is_some() || state.holdings.is_empty() => "receive",
        (_, Some(_)) => "nothing",
        (Some(OnboardingStep::Activated | OnboardingStep::OtpSent), _) => "prove",
        (Some(OnboardingStep::Proofed | OnboardingStep::Registered), _) => "pin_set",
        (None, None) => "activate",
    };
    let mut out = String::new();
    if let Some(account) = account {
        let state = serde_json::to_value(account.state).unwrap_or_default();
        let key = format!("phone.account.{}", state.as_str().unwrap_or_default());
        let values = [("left", account.tries_left.to_string())];
        let _ = writeln!(out, "{}", format(language, &key, &values));
    }
    let copies: usize =
        state.holdings.iter().map(|held| held.copies.iter().filter(|c| c.shown == 0).count()).sum();
    let values = [("credentials", state.holdings.len().to_string()), ("copies", copies.to_string())];
    let _ = writeln!(out, "{}", format(language, "phone.status", &values));
    let _ = write!(out, "→ {}", text(language, &format!("phone.status_next.{next}")));
    Said {
        json: json!({
            "step": "status",
            "onboarding": step,
            "account": account,
            "account_id": state.account.as_ref().map(|account| &account.id),
            "credentials": state.holdings.len(),
            "unused_copies": copies,
            "issuing": state.issuing.is_some(),
            "next": next,
        }),
        text: out,
    }
}

fn moment(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}
