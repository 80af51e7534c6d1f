//! One-time codes by time (RFC 6238) beside the password.
//!
//! ```text
//! set up    the QR holds a fresh secret, which until its first right code lies nowhere but in a sealed token
//! sign in   password ─▶ sealed ticket ─▶ code: taken within a step of thirty seconds on either side, each step once
//! lost      another HR manager of the agency takes the codes away, with a reason; nobody does so for themselves
//! ```
//!
//! A wrong code is charged like a wrong password, to the same id and the same source.

use std::net::IpAddr;

use keys::Zeroizing;
use keys::totp::{self, Secret};
use serde::{Deserialize, Serialize};

use super::account::CONSOLE_OPERATOR;
use super::duty::Duty;
use super::session::{self, Began, Door, Known, Session, SignInError, SignedIn, begin, charge};
use super::throttle::Subjects;
use crate::audit;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, limits};

/// Who has to show a one-time code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nobody: the password is enough.
    Off,
    /// Whoever set codes up.
    #[default]
    Offered,
    /// Everybody at the console who does not come with a badge.
    Required,
}

/// What is shown beside the password.
pub(super) enum Factor {
    None,
    /// The step whose code was right.
    Code(i64),
    /// The sealed secret, and the step of its first code.
    SetUp(Vec<u8>, i64),
    /// No password at all: the badge.
    Badge,
}

impl Factor {
    pub(super) fn began(&self) -> Began {
        match self {
            Self::None => Began::Password,
            Self::Code(_) | Self::SetUp(..) => Began::Totp,
            Self::Badge => Began::Badge,
        }
    }

    /// Uses it up; `false` if another sign-in did so first.
    pub(super) async fn consume(self, tx: &mut Tx, known: &Known, now_ms: i64) -> Result<bool, StoreError> {
        match self {
            Self::None | Self::Badge => Ok(true),
            Self::Code(step) => {
                let rows = tx
                    .execute(
                        "UPDATE staff_account SET totp_step = $2 \
                         WHERE id = $1 AND totp_secret IS NOT NULL AND totp_step < $2",
                        params![known.account_id.as_str(), step],
                    )
                    .await?;
                Ok(rows == 1)
            }
            Self::SetUp(sealed, step) => {
                keep(tx, &known.account_id, &known.employee_id, sealed, step, now_ms).await
            }
        }
    }
}

/// Keeps a secret whose first code was right; `false` if there is one already.
async fn keep(
    tx: &mut Tx,
    account_id: &str,
    employee_id: &str,
    sealed: Vec<u8>,
    step: i64,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE staff_account SET totp_secret = $2, totp_step = $3, totp_since = $4 \
             WHERE id = $1 AND state = 'open' AND totp_secret IS NULL",
            params![account_id, sealed, step, now_ms],
        )
        .await?;
    if rows == 1 {
        let (act, detail) = ("staff.codes_set_up", serde_json::json!({}));
        let record = audit::Record { actor: employee_id, duty: "staff", act, subject: account_id, detail };
        audit::record(tx, record).await?;
    }
    Ok(rows == 1)
}

/// The first step, proven: which account, at which door, and which password it was.
#[derive(Serialize, Deserialize)]
struct Ticket {
    account_id: String,
    login: String,
    door: String,
    password: String,
}

const TICKET: &str = "staff-second-step";
const SET_UP: &str = "staff-codes-set-up";

fn password_tag(hash: &str) -> String {
    keys::encoding::b64url_encode(&keys::sha256(hash.as_bytes()))
}

/// The ticket for the second step.
pub(super) fn ticket(platform: &Platform, door: Door, known: &Known) -> Result<String, SignInError> {
    let ticket = Ticket {
        account_id: known.account_id.clone(),
        login: known.login.clone(),
        door: door.as_str().to_owned(),
        password: password_tag(&known.password_hash),
    };
    let until = platform.now_ms() + limits::STAFF_SECOND_STEP.get();
    platform.tokens.seal(TICKET, &ticket, until).map_err(|_| SignInError::Sealing)
}

/// Who showed the password that a ticket speaks of, if it is still theirs.
async fn redeem(platform: &Platform, door: Door, ticket: &str) -> Result<Known, SignInError> {
    let ticket: Ticket =
        platform.tokens.open(TICKET, ticket, platform.now_ms()).map_err(|_| SignInError::TicketRefused)?;
    let row = platform
        .store
        .fetch_optional(
            "SELECT employee_id, password_hash, totp_since FROM staff_account WHERE id = $1 AND state = 'open'",
            params![ticket.account_id.as_str()],
        )
        .await?
        .ok_or(SignInError::TicketRefused)?;
    let password_hash = row.text("password_hash")?;
    let same = keys::mac::eq(password_tag(&password_hash).as_bytes(), ticket.password.as_bytes());
    if !same || ticket.door != door.as_str() {
        return Err(SignInError::TicketRefused);
    }
    Ok(Known {
        account_id: ticket.account_id,
        employee_id: row.text("employee_id")?,
        login: ticket.login,
        password_hash,
        has_codes: row.opt_int("totp_since")?.is_some(),
    })
}

/// Digits as they are typed: apps show `123 456`.
fn typed(code: &str) -> String {
    code.chars().take(limits::STAFF_CODE.size()).filter(|letter| !letter.is_whitespace()).collect()
}

/// The second step: a code for the secret that is kept.
pub(super) async fn finish(
    platform: &Platform,
    door: Door,
    ticket: &str,
    code: &str,
    source: IpAddr,
    earlier: Option<&str>,
) -> Result<SignedIn, SignInError> {
    let known = redeem(platform, door, ticket).await?;
    let subjects = Subjects::of(platform, &known.login, source);
    charge(platform, &subjects).await?;
    let row = platform
        .store
        .fetch_optional(
            "SELECT totp_secret FROM staff_account WHERE id = $1",
            params![known.account_id.as_str()],
        )
        .await?;
    let sealed = row.map(|row| row.opt_bytes("totp_secret")).transpose()?.flatten();
    // Taken away meanwhile: the sign-in begins anew.
    let sealed = sealed.ok_or(SignInError::TicketRefused)?;
    let plain = platform
        .sealer
        .open("staff_account", "totp_secret", &known.account_id, &sealed)
        .map_err(|_| SignInError::Sealing)?;
    let secret = Secret::from_bytes(&plain).ok_or(SignInError::Sealing)?;
    let step = secret.step_of(&typed(code), platform.now_ms() / 1_000).ok_or(SignInError::CodeRefused)?;
    begin(platform, door, known, Factor::Code(step), Some(subjects), earlier).await
}

/// A secret that waits for its first code.
pub(super) struct Begun {
    /// Brings it back with the code.
    pub(super) token: String,
    /// What the QR says (the form that authenticator apps share).
    pub(super) link: Zeroizing<String>,
    /// For typing: groups of four letters.
    pub(super) typed: String,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    account_id: String,
    secret: String,
}

/// Makes a secret for an account; nothing is kept yet.
fn make(platform: &Platform, account_id: &str, login: &str) -> Result<Begun, SignInError> {
    let secret = Secret::generate();
    let text = secret.base32();
    let host = platform.config.console.base_url.host_str().unwrap_or("console");
    let issuer = url::form_urlencoded::byte_serialize(format!("Mapae {host}").as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let link = Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{login}?secret={}&issuer={issuer}&algorithm=SHA1&digits={}&period={}",
        text.as_str(),
        totp::DIGITS,
        totp::STEP_S
    ));
    let waiting = Waiting {
        account_id: account_id.to_owned(),
        secret: keys::encoding::b64url_encode(secret.as_bytes()),
    };
    let until = platform.now_ms() + limits::STAFF_SET_UP.get();
    let token = platform.tokens.seal(SET_UP, &waiting, until).map_err(|_| SignInError::Sealing)?;
    let letters: Vec<char> = text.chars().collect();
    let typed = letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ");
    Ok(Begun { token, link, typed })
}

/// The sealed secret of a token and the step of its first code.
fn first_code(
    platform: &Platform,
    account_id: &str,
    token: &str,
    code: &str,
) -> Result<(Vec<u8>, i64), SignInError> {
    let waiting: Waiting =
        platform.tokens.open(SET_UP, token, platform.now_ms()).map_err(|_| SignInError::TicketRefused)?;
    if waiting.account_id != account_id {
        return Err(SignInError::TicketRefused);
    }
    let bytes = keys::encoding::b64url_decode(&waiting.secret).map_err(|_| SignInError::TicketRefused)?;
    let secret = Secret::from_bytes(&Zeroizing::new(bytes)).ok_or(SignInError::TicketRefused)?;
    let step = secret.step_of(&typed(code), platform.now_ms() / 1_000).ok_or(SignInError::CodeRefused)?;
    Ok((platform.sealer.seal("staff_account", "totp_secret", account_id, secret.as_bytes()), step))
}

/// Setting up before the first session, where the policy asks for it.
pub(super) async fn set_up_at_the_door(
    platform: &Platform,
    door: Door,
    ticket: &str,
) -> Result<Begun, SignInError> {
    let known = redeem(platform, door, ticket).await?;
    make(platform, &known.account_id, &known.login)
}

/// The first code at the door: keeps the secret and begins the session in one transaction.
pub(super) async fn finish_at_the_door(
    platform: &Platform,
    door: Door,
    ticket: &str,
    (token, code): (&str, &str),
    source: IpAddr,
    earlier: Option<&str>,
) -> Result<SignedIn, SignInError> {
    let known = redeem(platform, door, ticket).await?;
    let subjects = Subjects::of(platform, &known.login, source);
    charge(platform, &subjects).await?;
    let (sealed, step) = first_code(platform, &known.account_id, token, code)?;
    begin(platform, door, known, Factor::SetUp(sealed, step), Some(subjects), earlier).await
}

/// Setting up from within: a secret for the account of this session.
pub(super) async fn set_up(platform: &Platform, session: &Session) -> Result<Begun, SignInError> {
    let row = platform
        .store
        .fetch_one("SELECT login FROM staff_account WHERE id = $1", params![session.account_id.as_str()])
        .await?;
    make(platform, &session.account_id, &row.text("login")?)
}

/// The first code from within. `false` if codes are set up already.
pub(super) async fn confirm(
    platform: &Platform,
    session: &Session,
    token: &str,
    code: &str,
) -> Result<bool, SignInError> {
    let (sealed, step) = first_code(platform, &session.account_id, token, code)?;
    let (account, employee) = (session.account_id.clone(), session.employee_id.clone());
    let now = platform.now_ms();
    platform
        .store
        .write::<_, SignInError, _>(move |tx| {
            Box::pin(async move { Ok(keep(tx, &account, &employee, sealed, step, now).await?) })
        })
        .await
}

/// Since when an employee's account asks for codes; `None` if it does not, or if there is no account.
pub async fn has_codes(platform: &Platform, employee_id: &str) -> Result<Option<i64>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT totp_since FROM staff_account WHERE employee_id = $1 AND state = 'open'",
            params![employee_id],
        )
        .await?;
    row.map(|row| row.opt_int("totp_since")).transpose().map(Option::flatten)
}

/// Why codes were not taken away.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    #[error("no codes are set up")]
    NotSetUp,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes the codes of an employee's account away and ends its sessions: the phone with the app is gone. The caller has
/// judged that `by` is another person, in a duty that may.
pub async fn reset(
    platform: &std::sync::Arc<Platform>,
    employee_id: &str,
    by: (&str, Duty),
    reason: &str,
) -> Result<(), ResetError> {
    let inner = std::sync::Arc::clone(platform);
    let (employee_id, actor, duty, reason) =
        (employee_id.to_owned(), by.0.to_owned(), by.1, reason.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_optional(
                        "UPDATE staff_account SET totp_secret = NULL, totp_step = NULL, totp_since = NULL \
                         WHERE employee_id = $1 AND totp_secret IS NOT NULL RETURNING id",
                        params![employee_id],
                    )
                    .await?
                    .ok_or(ResetError::NotSetUp)?;
                let account_id = row.text("id")?;
                session::end_all(tx, &account_id).await?;
                let record = audit::Record {
                    actor: &actor,
                    duty: duty.as_str(),
                    act: "staff.codes_reset",
                    subject: &account_id,
                    detail: serde_json::json!({}),
                };
                let personal = serde_json::json!({ "reason": reason });
                Ok(audit::record_with_personal(tx, &inner.sealer, record, &personal).await?)
            })
        })
        .await
}

/// The same by whoever operates the server: the way back when nobody else is left.
pub(super) async fn reset_by_operator(
    platform: &std::sync::Arc<Platform>,
    employee_id: &str,
) -> Result<(), ResetError> {
    reset(platform, employee_id, (CONSOLE_OPERATOR, Duty::Operator), "operator").await
}
