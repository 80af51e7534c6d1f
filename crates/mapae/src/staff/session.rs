//! Signing in and staying signed in.
//!
//! The session token is 256 random bits that live in the browser only; the database has its SHA-256. A new token is made
//! at every sign-in and the one the browser came with is ended, so a planted cookie is worth nothing. The CSRF token is
//! HMAC(session token), so it needs no store and dies with the session.

use std::net::IpAddr;

use zeroize::Zeroizing;

use super::Policy;
use super::password::{self, Attempt, HashingFailed};
use super::second_factor::{self, Factor};
use super::throttle::{Charge, Subjects};
use crate::audit;
use crate::operations::Platform;
use crate::operations::limits;
use crate::operations::store::{StoreError, Tx, params};

/// Which listener a session is for; a session of one door does not open the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Portal,
    Console,
}

impl Door {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Console => "console",
        }
    }

    /// The cookie's name. Cookies know no ports, so each door has its own; `__Host-` keeps it to this host, TLS (or
    /// loopback, which browsers trust alike) and every path.
    pub const fn cookie(self) -> &'static str {
        match self {
            Self::Portal => "__Host-mapae-portal",
            Self::Console => "__Host-mapae-console",
        }
    }

    /// Where somebody signs in.
    pub const fn sign_in(self) -> &'static str {
        match self {
            Self::Portal => "/portal/sign-in",
            Self::Console => "/sign-in",
        }
    }

    /// Where somebody goes then.
    pub const fn home(self) -> &'static str {
        match self {
            Self::Portal => "/portal",
            Self::Console => "/",
        }
    }
}

/// A new session, to be given to the browser once.
#[derive(Debug)]
pub struct SignedIn {
    pub token: Zeroizing<String>,
    pub csrf: String,
    pub ends_at: i64,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// By the password alone.
    Password,
    /// By the password and a one-time code.
    Totp,
    /// By the person's own badge.
    Badge,
}

impl Began {
    /// The word in the database and in the audit record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::Badge => "badge",
        }
    }

    fn parse(word: &str) -> Self {
        [Self::Totp, Self::Badge].into_iter().find(|began| began.as_str() == word).unwrap_or(Self::Password)
    }

    /// The key of its name in the catalogue.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Password => "staff.began.password",
            Self::Totp => "staff.began.totp",
            Self::Badge => "staff.began.badge",
        }
    }
}

/// Whose session it is.
#[derive(Clone, Debug)]
pub struct Session {
    pub account_id: String,
    pub employee_id: String,
    pub csrf: String,
    pub began: Began,
    pub created_at: i64,
    token_hash: String,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown id, wrong password or closed account: one answer for all.
    #[error("id or password is not right")]
    Refused,
    /// Too many attempts for this id or from this source, whether the id exists or not.
    #[error("too many attempts")]
    Throttled { retry_after_ms: i64 },
    /// The password was right; a one-time code has to follow within some minutes, with this ticket.
    #[error("a one-time code is needed")]
    CodeNeeded { ticket: String },
    /// The password was right, and one-time codes have to be set up before anything else.
    #[error("one-time codes have to be set up first")]
    SetUpNeeded { ticket: String },
    /// A wrong code, or one that was used before.
    #[error("the code is not right or was used before")]
    CodeRefused,
    /// The ticket of the first step has expired or is none of ours.
    #[error("the first step of this sign-in is too old")]
    TicketRefused,
    #[error("a token could not be sealed")]
    Sealing,
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What may be typed as an id: lower case, as stored. Anything else is an unknown id.
pub(super) fn normal_login(typed: &str) -> String {
    typed.trim().chars().take(limits::STAFF_LOGIN.size()).collect::<String>().to_lowercase()
}

fn token_hash(token: &str) -> String {
    keys::encoding::hex_encode(&keys::sha256(token.as_bytes()))
}

/// The CSRF token that belongs to a session token.
fn csrf_of(token: &str) -> String {
    keys::encoding::b64url_encode(&keys::mac::hmac_sha256(token.as_bytes(), &[b"mapae csrf"]))
}

/// Whoever showed the first factor.
pub(super) struct Known {
    pub(super) account_id: String,
    pub(super) employee_id: String,
    pub(super) login: String,
    /// As stored: whoever changes the password meanwhile ends this attempt.
    pub(super) password_hash: String,
    pub(super) has_codes: bool,
}

/// Charges an attempt; with too many before it, nothing is judged.
pub(super) async fn charge(platform: &Platform, subjects: &Subjects) -> Result<(), SignInError> {
    let (subjects, now) = (subjects.clone(), platform.clock.now_ms());
    let charge =
        platform.store.write(move |tx| Box::pin(async move { subjects.charge(tx, now).await })).await?;
    match charge {
        Charge::Wait(retry_after_ms) => Err(SignInError::Throttled { retry_after_ms }),
        Charge::Judge => Ok(()),
    }
}

/// Signs in by id and password, ending the session the browser came with. Where one-time codes are asked for, the
/// answer is a ticket for the second step, and what the attempt was charged stays charged until that succeeds.
pub async fn sign_in(
    platform: &Platform,
    door: Door,
    typed_login: &str,
    attempt: Attempt,
    source: IpAddr,
    earlier: Option<&str>,
) -> Result<SignedIn, SignInError> {
    let login = normal_login(typed_login);
    let subjects = Subjects::of(platform, &login, source);
    charge(platform, &subjects).await?;
    let account = platform
        .store
        .fetch_optional(
            "SELECT id, employee_id, password_hash, totp_since FROM staff_account WHERE login = $1 AND state = 'open'",
            params![login.as_str()],
        )
        .await?;
    let stored = account.as_ref().map(|row| row.text("password_hash")).transpose()?;
    let opens = password::verify(&platform.local.staff.hashing, attempt, stored).await?;
    let Some(account) = account.filter(|_| opens) else {
        return Err(SignInError::Refused);
    };
    let known = Known {
        account_id: account.text("id")?,
        employee_id: account.text("employee_id")?,
        password_hash: account.text("password_hash")?,
        has_codes: account.opt_int("totp_since")?.is_some(),
        login,
    };
    let policy = platform.config.staff.second_factor;
    if policy != Policy::Off && known.has_codes {
        return Err(SignInError::CodeNeeded { ticket: second_factor::ticket(platform, door, &known)? });
    }
    if policy == Policy::Required && door == Door::Console {
        return Err(SignInError::SetUpNeeded { ticket: second_factor::ticket(platform, door, &known)? });
    }
    begin(platform, door, known, Factor::None, Some(subjects), earlier).await
}

/// Begins a session for somebody who has shown everything that is asked for.
pub(super) async fn begin(
    platform: &Platform,
    door: Door,
    known: Known,
    factor: Factor,
    subjects: Option<Subjects>,
    earlier: Option<&str>,
) -> Result<SignedIn, SignInError> {
    let now = platform.clock.now_ms();
    let token = Zeroizing::new(keys::random::token());
    let signed_in = SignedIn { csrf: csrf_of(&token), ends_at: now + limits::STAFF_SESSION.get(), token };
    let (hash, earlier, ends_at) = (token_hash(&signed_in.token), earlier.map(token_hash), signed_in.ends_at);
    platform
        .store
        .write::<_, SignInError, _>(move |tx| {
            Box::pin(async move {
                if let Some(earlier) = earlier {
                    tx.execute("DELETE FROM staff_session WHERE token_hash = $1", params![earlier]).await?;
                }
                let began = factor.began();
                if !factor.consume(tx, &known, now).await? {
                    return Err(SignInError::CodeRefused);
                }
                // The account may have been closed, or its password changed, while the first factor was judged.
                let made = tx
                    .execute(
                        "INSERT INTO staff_session \
                         (token_hash, account_id, employee_id, door, created_at, seen_at, ends_at, began_by) \
                         SELECT $1, id, employee_id, $2, $3, $3, $4, $7 FROM staff_account \
                         WHERE id = $5 AND state = 'open' AND password_hash = $6",
                        params![
                            hash,
                            door.as_str(),
                            now,
                            ends_at,
                            known.account_id.as_str(),
                            known.password_hash.as_str(),
                            began.as_str()
                        ],
                    )
                    .await?;
                if made != 1 {
                    return Err(SignInError::Refused);
                }
                if let Some(subjects) = subjects {
                    subjects.forgive(tx).await?;
                }
                audit::record(
                    tx,
                    audit::Record {
                        actor: &known.employee_id,
                        duty: "staff",
                        act: "staff.sign_in",
                        subject: &known.account_id,
                        detail: serde_json::json!({ "door": door.as_str(), "by": began.as_str() }),
                    },
                )
                .await?;
                Ok(())
            })
        })
        .await?;
    Ok(signed_in)
}

/// Begins a session at the console for the person whose badge has just been shown. `None`: they have no open account.
pub async fn sign_in_by_badge(
    platform: &Platform,
    employee_id: &str,
    earlier: Option<&str>,
) -> Result<Option<SignedIn>, SignInError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT id, login, password_hash FROM staff_account WHERE employee_id = $1 AND state = 'open'",
            params![employee_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let known = Known {
        account_id: row.text("id")?,
        employee_id: employee_id.to_owned(),
        login: row.text("login")?,
        password_hash: row.text("password_hash")?,
        has_codes: false,
    };
    begin(platform, Door::Console, known, Factor::Badge, None, earlier).await.map(Some)
}

/// The live session of `token` at `door`; tells the store that it was seen, at most once a minute.
pub(super) async fn of_token(
    platform: &Platform,
    door: Door,
    token: &str,
) -> Result<Option<Session>, StoreError> {
    if token.len() > limits::STAFF_TOKEN.size() {
        return Ok(None);
    }
    let now = platform.clock.now_ms();
    let hash = token_hash(token);
    let idle_since = now - limits::STAFF_IDLE.get();
    let Some(row) = platform
        .store
        .fetch_optional(
            "SELECT s.account_id, s.employee_id, s.seen_at, s.created_at, s.began_by FROM staff_session s JOIN staff_account a ON a.id = s.account_id \
             WHERE s.token_hash = $1 AND s.door = $2 AND s.ends_at > $3 AND s.seen_at > $4 AND a.state = 'open'",
            params![hash.as_str(), door.as_str(), now, idle_since],
        )
        .await?
    else {
        return Ok(None);
    };
    let began = Began::parse(&row.text("began_by")?);
    // A session from before the policy became stricter opens nothing.
    let policy = platform.config.staff.second_factor;
    if door == Door::Console && policy == Policy::Required && began == Began::Password {
        return Ok(None);
    }
    if row.int("seen_at")? < now - limits::STAFF_SEEN.get() {
        let seen = hash.clone();
        platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE staff_session SET seen_at = $1 WHERE token_hash = $2 AND seen_at < $1",
                        params![now, seen],
                    )
                    .await
                })
            })
            .await?;
    }
    Ok(Some(Session {
        account_id: row.text("account_id")?,
        employee_id: row.text("employee_id")?,
        csrf: csrf_of(token),
        began,
        created_at: row.int("created_at")?,
        token_hash: hash,
    }))
}

impl Session {
    #[cfg(test)]
    pub(super) fn for_tests(employee_id: &str) -> Self {
        Self {
            account_id: "test".to_owned(),
            employee_id: employee_id.to_owned(),
            csrf: csrf_of("test"),
            began: Began::Password,
            created_at: 0,
            token_hash: token_hash("test"),
        }
    }

    /// Whether a form or header carries this session's CSRF token.
    pub fn owns(&self, csrf: &str) -> bool {
        keys::mac::eq(self.csrf.as_bytes(), csrf.as_bytes())
    }

    /// Ends it.
    pub async fn end(&self, platform: &Platform) -> Result<(), StoreError> {
        let hash = self.token_hash.clone();
        platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    tx.execute("DELETE FROM staff_session WHERE token_hash = $1", params![hash]).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// Ends every session of an account.
pub(super) async fn end_all(tx: &mut Tx, account_id: &str) -> Result<u64, StoreError> {
    tx.execute("DELETE FROM staff_session WHERE account_id = $1", params![account_id]).await
}

/// The person's badge was stopped, ended or replaced: what it opened at the console closes in the same transaction. What a
/// password opened stays.
pub(crate) async fn badge_stopped(tx: &mut Tx, employee_id: &str) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM staff_session WHERE began_by = 'badge' \
         AND account_id IN (SELECT id FROM staff_account WHERE employee_id = $1)",
        params![employee_id],
    )
    .await
}

/// Removes sessions and counters that have ended.
pub(super) async fn sweep(platform: &Platform) -> Result<u64, StoreError> {
    let now = platform.clock.now_ms();
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let idle = now - limits::STAFF_IDLE.get();
                let sessions = tx
                    .execute(
                        "DELETE FROM staff_session WHERE ends_at <= $1 OR seen_at <= $2",
                        params![now, idle],
                    )
                    .await?;
                let counters =
                    tx.execute("DELETE FROM staff_throttle WHERE window_ends_at <= $1", params![now]).await?;
                Ok(sessions + counters)
            })
        })
        .await
}

/// After a restore: everybody signs in anew, and what waited for a second person is asked for anew.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    let over = "UPDATE staff_duty_request SET state = 'expired' WHERE state = 'waiting'";
    tx.execute(over, params![]).await?;
    tx.execute("DELETE FROM staff_session", params![]).await
}
