//! What the wallet tells: values without behaviour, their times in the unit that the name says.

use wallet::account::Resumed;
use wallet::account::messages as account;
use wallet::check;
use wallet::issue;
use wallet::show;
use wallet::state;
use wallet::usage;

use crate::ports::SecurityLevel;

/// Text in a language.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct LanguageText {
    /// Language tag (BCP 47), perhaps empty.
    pub language: String,
    /// The text.
    pub text: String,
}

/// A one-time password is on its way.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OtpSent {
    /// The phone number with its middle hidden.
    pub phone: String,
    /// Milliseconds since 1970.
    pub expires_at_ms: i64,
}

impl From<account::OtpSent> for OtpSent {
    fn from(sent: account::OtpSent) -> OtpSent {
        OtpSent { phone: sent.phone, expires_at_ms: sent.expires_at }
    }
}

/// How far an enrolment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum OnboardingStep {
    /// Name and resident registration number come next.
    Activated,
    /// The one-time password comes next.
    OtpSent,
    /// The first PIN comes next.
    Proofed,
    /// Done.
    Registered,
}

impl From<account::OnboardingStep> for OnboardingStep {
    fn from(step: account::OnboardingStep) -> OnboardingStep {
        match step {
            account::OnboardingStep::Activated => OnboardingStep::Activated,
            account::OnboardingStep::OtpSent => OnboardingStep::OtpSent,
            account::OnboardingStep::Proofed => OnboardingStep::Proofed,
            account::OnboardingStep::Registered => OnboardingStep::Registered,
        }
    }
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AccountState {
    /// Enrolled; no badge has been issued to it yet.
    Pending,
    /// In use.
    Active,
    /// Suspended: everything refuses until resumed; the vault is kept.
    Suspended,
    /// Five wrong PINs: two operators unlock.
    Locked,
    /// Unlocked: a new PIN has to be set before anything else.
    NewPinNeeded,
    /// Ended for good: the shell wipes the wallet.
    Closed,
}

impl From<account::AccountState> for AccountState {
    fn from(state: account::AccountState) -> AccountState {
        match state {
            account::AccountState::Pending => AccountState::Pending,
            account::AccountState::Active => AccountState::Active,
            account::AccountState::Suspended => AccountState::Suspended,
            account::AccountState::Locked => AccountState::Locked,
            account::AccountState::NewPinNeeded => AccountState::NewPinNeeded,
            account::AccountState::Closed => AccountState::Closed,
        }
    }
}

/// How far a PIN change got that was neither finished nor dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PinChangeStage {
    /// The server may or may not know of it.
    Announced,
    /// The server keeps the new PIN beside the old one: commit it (new PIN) or roll it back (old PIN).
    Begun,
}

impl From<state::PinChangeStage> for PinChangeStage {
    fn from(stage: state::PinChangeStage) -> PinChangeStage {
        match stage {
            state::PinChangeStage::Announced => PinChangeStage::Announced,
            state::PinChangeStage::Begun => PinChangeStage::Begun,
        }
    }
}

/// How the wallet stands, as far as this phone knows.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Status {
    /// Account id, once enrolled.
    pub account: Option<String>,
    /// How the account stood when the server last said.
    pub account_state: Option<AccountState>,
    /// PIN tries left when the server last said.
    pub tries_left: Option<u32>,
    /// An enrolment was begun and not finished.
    pub onboarding: bool,
    /// An instruction was sent whose result is not known: `resume` asks for it.
    pub unanswered: bool,
    /// A PIN change that is not finished.
    pub pin_change: Option<PinChangeStage>,
    /// An issuance that is not finished: `resume_issuing` goes on with it.
    pub issuing: bool,
    /// Credentials held.
    pub credentials: u32,
    /// Copies of them that are neither shown nor expired.
    pub unused_copies: u32,
}

impl Status {
    pub(crate) fn of(state: &state::State, now_s: i64) -> Status {
        let account = state.account.as_ref();
        let change = account.and_then(|account| account.pin_change.as_ref());
        Status {
            account: account.map(|account| account.id.clone()),
            account_state: account.map(|account| account.state.into()),
            tries_left: account.map(|account| account.tries_left),
            onboarding: state.onboarding.is_some(),
            unanswered: state.pending.is_some(),
            pin_change: change.map(|change| change.stage.into()),
            issuing: state.issuing.is_some(),
            credentials: count(state.holdings.len()),
            unused_copies: count(state.holdings.iter().map(|holding| holding.unused(now_s)).sum()),
        }
    }
}

/// What became of the instruction whose answer was lost.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ResumeOutcome {
    /// There was none.
    Nothing,
    /// It was done, and its effect is applied.
    Done,
    /// The PIN was wrong.
    WrongPin {
        /// Tries left; 0 means locked.
        tries_left: u32,
    },
    /// The PIN was right, but what was asked can't be done.
    Refused {
        /// Stable code.
        code: String,
    },
    /// It never arrived; nothing was counted.
    NeverArrived,
    /// A try was charged, but the server stopped before it judged.
    NotJudged,
}

impl From<Resumed> for ResumeOutcome {
    fn from(resumed: Resumed) -> ResumeOutcome {
        match resumed {
            Resumed::Nothing => ResumeOutcome::Nothing,
            Resumed::Judged(_, account::Verdict::Done { .. }) => ResumeOutcome::Done,
            Resumed::Judged(_, account::Verdict::WrongPin { tries_left }) => {
                ResumeOutcome::WrongPin { tries_left }
            }
            Resumed::Judged(_, account::Verdict::Refused { code }) => ResumeOutcome::Refused { code },
            Resumed::NeverArrived(_) => ResumeOutcome::NeverArrived,
            Resumed::NotJudged(_) => ResumeOutcome::NotJudged,
        }
    }
}

/// Where this wallet's keys live, by the platform's word; to be shown as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Security {
    /// The key that is this phone.
    pub device_key: SecurityLevel,
    /// The holder keys made from now on; `Software` means in the vault, which is encrypted.
    pub credential_keys: SecurityLevel,
}

/// What an offer holds, to be shown before it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct OfferSummary {
    /// Credential issuer identifier.
    pub issuer: String,
    /// The issuer's own name for itself (unverified).
    pub issuer_names: Vec<LanguageText>,
    /// Names of the credentials offered, in the language asked for.
    pub credentials: Vec<String>,
    /// Whether the person has to type a code.
    pub tx_code_needed: bool,
    /// How many characters that code has, if announced.
    pub tx_code_length: Option<u32>,
    /// The issuer's words for where to find it (unverified).
    pub tx_code_description: Option<String>,
    /// How many copies will come.
    pub copies: u32,
}

impl From<issue::OfferSummary> for OfferSummary {
    fn from(offer: issue::OfferSummary) -> OfferSummary {
        let code = offer.tx_code.as_ref();
        OfferSummary {
            issuer: offer.issuer,
            issuer_names: offer
                .issuer_names
                .into_iter()
                .map(|(language, text)| LanguageText { language, text })
                .collect(),
            credentials: offer.credentials,
            tx_code_needed: code.is_some(),
            tx_code_length: code.and_then(|code| code.length),
            tx_code_description: code.and_then(|code| code.description.clone()),
            copies: count(offer.copies),
        }
    }
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Received {
    /// Ids of the holdings that came or were topped up.
    pub holdings: Vec<String>,
    /// Copies that came.
    pub copies: u32,
}

impl From<issue::Received> for Received {
    fn from(received: issue::Received) -> Received {
        Received { holdings: received.holdings, copies: count(received.copies) }
    }
}

/// A claim on a card.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct CardClaim {
    /// Its name.
    pub claim: String,
    /// Its label in Korean.
    pub label_ko: String,
    /// Its label in English.
    pub label_en: String,
    /// Its value as JSON.
    pub value_json: String,
}

/// A credential held, as it is shown; unverified.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Card {
    /// The wallet's id for it.
    pub id: String,
    /// Its name in Korean.
    pub name_ko: String,
    /// Its name in English.
    pub name_en: String,
    /// Credential type: the `vct`, or the document type of an mdoc.
    pub vct: String,
    /// `dc+sd-jwt` or `mso_mdoc`: a badge that is held in both is two cards here.
    pub format: String,
    /// Credential issuer identifier.
    pub issuer: String,
    /// All copies.
    pub copies: u32,
    /// Copies that are neither shown nor expired.
    pub unused_copies: u32,
    /// When the last copy expires, seconds since 1970.
    pub expires_at_s: Option<i64>,
    /// What it says about the holder.
    pub claims: Vec<CardClaim>,
}

impl From<show::Shown> for Card {
    fn from(shown: show::Shown) -> Card {
        let claim = |(claim, label_ko, label_en): (String, String, String)| CardClaim {
            value_json: shown.claims.get(&claim).map(ToString::to_string).unwrap_or_default(),
            claim,
            label_ko,
            label_en,
        };
        Card {
            claims: shown.labels.into_iter().map(claim).collect(),
            id: shown.id,
            name_ko: shown.name_ko,
            name_en: shown.name_en,
            vct: shown.vct,
            format: shown.format,
            issuer: shown.issuer,
            copies: count(shown.copies),
            unused_copies: count(shown.unused_copies),
            expires_at_s: shown.expires_at,
        }
    }
}

/// What a status list says of one's own credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum OwnStatus {
    /// It holds.
    Valid,
    /// Suspended for now.
    Suspended,
    /// Ended for good.
    Revoked,
    /// The list can't be had.
    Unknown,
    /// The credential names no list.
    Absent,
}

/// A credential looked at as a verifier would.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Checked {
    /// Whether a known issuer signed it and it is good now.
    pub issuer_signature: bool,
    /// Whether this phone proved that it holds the credential's key.
    pub key_binding: bool,
    /// What its status list says.
    pub status: OwnStatus,
    /// Age of the status list in seconds.
    pub status_age_s: Option<i64>,
    /// Why it would be refused, as a stable code.
    pub refusal: Option<String>,
}

impl From<check::Checked> for Checked {
    fn from(checked: check::Checked) -> Checked {
        Checked {
            issuer_signature: checked.issuer_signature,
            key_binding: checked.key_binding,
            status: match checked.status {
                check::OwnStatus::Valid => OwnStatus::Valid,
                check::OwnStatus::Suspended => OwnStatus::Suspended,
                check::OwnStatus::Revoked => OwnStatus::Revoked,
                check::OwnStatus::Unknown => OwnStatus::Unknown,
                check::OwnStatus::Absent => OwnStatus::Absent,
            },
            status_age_s: checked.status_age_s,
            refusal: checked.refusal.map(str::to_owned),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Act {
    /// A credential was received.
    Received {
        /// Credential type.
        vct: String,
        /// How many copies.
        copies: u32,
    },
    /// Claims were shown to a verifier.
    Presented {
        /// Claim paths.
        claims: Vec<String>,
        /// Whether a copy was shown that had been shown before.
        reused_copy: bool,
        /// Whether it was a login with the number matched.
        login: bool,
    },
    /// The person or the phone said no.
    Declined {
        /// Stable code of the reason.
        reason: String,
    },
    /// The badge was held to a gate.
    Gate {
        /// Whether it opened.
        opened: bool,
        /// Code of the reason.
        reason: String,
    },
    /// The PIN was changed.
    PinChanged,
    /// The account was enrolled on this phone.
    Enrolled,
    /// Something that this version has no record for.
    Other,
}

/// One line of the history, which never leaves the phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UsageRecord {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who it was: verified name, else client id or issuer.
    pub party: String,
    /// Whether the party's certificate led to a trusted root.
    pub verified: bool,
    /// What was done.
    pub act: Act,
}

impl From<&usage::UsageRecord> for UsageRecord {
    fn from(record: &usage::UsageRecord) -> UsageRecord {
        let act = match &record.act {
            usage::Act::Received { vct, copies, .. } => {
                Act::Received { vct: vct.clone(), copies: count(*copies) }
            }
            usage::Act::Presented { claims, reused_copy, login, .. } => {
                Act::Presented { claims: claims.clone(), reused_copy: *reused_copy, login: *login }
            }
            usage::Act::Declined { reason } => Act::Declined { reason: reason.clone() },
            usage::Act::Gate { opened, reason } => Act::Gate { opened: *opened, reason: reason.clone() },
            usage::Act::PinChanged => Act::PinChanged,
            usage::Act::Enrolled => Act::Enrolled,
            _ => Act::Other,
        };
        UsageRecord { at_ms: record.at_ms, party: record.party.clone(), verified: record.verified, act }
    }
}

/// What a gate decided, for the holder to see.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct GateDecision {
    /// Whether it opened.
    pub opened: bool,
    /// Stable code of the reason.
    pub reason: String,
    /// What to say, in Korean.
    pub text_ko: String,
    /// What to say, in English.
    pub text_en: String,
    /// Which door.
    pub place: String,
}

/// The card's answer to a reader.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct GateAnswer {
    /// Response APDU, to be sent at once.
    pub response: Vec<u8>,
    /// With the last answer of a tap: show it, and call `remember_tap`.
    pub decision: Option<GateDecision>,
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
