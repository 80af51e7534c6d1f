//! The way from an approved application to the phone: an invitation of 72 hours whose address goes by text message, and
//! the activation code that only the portal shows.
//!
//! Neither opens anything alone. The message carries the address (a 128-bit handle, stored as SHA-256); the code (8 digits,
//! 15 minutes) is made anew on demand for the signed-in applicant and stored as a keyed hash. Wrong codes and wrong proofs
//! are charged before they are judged; after five the invitation is void and the HR desk sees it.

use http::StatusCode;

use super::people;
use super::record::{self, Application, By, Entry, advance};
use super::state::{Act, State};
use crate::notification::{self, Message, Topic};
use crate::operations::problem::Problem;
use crate::operations::store::{Row, Store, StoreError, Tx, params};
use crate::operations::{Platform, id, limits};
use crate::personnel::PersonnelError;

/// An invitation that may still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: String,
    pub application_id: String,
    pub employee_id: String,
    /// Epoch milliseconds.
    pub ends_at: i64,
    /// Whether the right activation code was given.
    pub activated: bool,
    /// Wrong activation codes left.
    pub code_tries_left: i64,
    /// Wrong names or registration numbers left.
    pub proof_tries_left: i64,
}

/// What became of an activation code that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Right, and used up now.
    Accepted(Invitation),
    /// Wrong; so many tries are left. At 0 the invitation is void.
    Wrong { tries_left: i64 },
    /// No code is alive: it has to be made in the portal.
    NoCode,
    /// Unknown, ended, void or used: one answer for all.
    Gone,
}

fn handle_hash(handle: &str) -> String {
    keys::encoding::hex_encode(&keys::sha256(handle.as_bytes()))
}

fn code_hash(platform: &Platform, invitation_id: &str, code: &str) -> String {
    keys::encoding::hex_encode(
        &platform.sealer.blind_index("activation-code", &format!("{invitation_id}:{code}")),
    )
}

/// The address in the message. The handle stands in the fragment, which browsers do not send to servers or proxies.
pub fn install_address(origin: &str, handle: &str) -> String {
    format!("{origin}/install#{handle}")
}

/// An invitation and its message, made ready outside of the transaction.
#[derive(Debug)]
pub(super) struct Prepared {
    id: String,
    application_id: String,
    employee_id: String,
    handle_hash: String,
    message: Message,
    now: i64,
}

impl Prepared {
    pub(super) async fn new(
        platform: &Platform,
        application: &Application,
        phone: &str,
    ) -> Result<Self, StoreError> {
        let now = platform.clock.now_ms();
        let handle = keys::encoding::b64url_encode(&keys::random::bytes::<16>());
        let address = install_address(platform.config.public.origin(), &handle);
        let told_in = notification::language_of(platform, &application.employee_id).await?;
        let text = crate::operations::language::format(
            told_in,
            "application.sms.invitation",
            &[("address", address)],
        );
        let message =
            Message::sms(platform, Topic::Invitation, phone, &text).until(now + limits::INVITATION.get());
        Ok(Self {
            id: id::new(),
            application_id: application.id.clone(),
            employee_id: application.employee_id.clone(),
            handle_hash: handle_hash(&handle),
            message,
            now,
        })
    }

    /// Writes invitation and message; an earlier invitation of the application is void from here on.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        void_of(tx, &self.application_id, "replaced").await?;
        tx.execute(
            "INSERT INTO application_invitation (id, application_id, employee_id, handle_hash, state, message_id, \
             code_tries, proof_tries, created_at, ends_at) VALUES ($1, $2, $3, $4, 'open', $5, 0, 0, $6, $7)",
            params![
                self.id,
                self.application_id,
                self.employee_id,
                self.handle_hash,
                self.message.id(),
                self.now,
                self.now + limits::INVITATION.get()
            ],
        )
        .await?;
        notification::enqueue(tx, self.message).await
    }
}

/// Voids what invitation an application has.
pub(super) async fn void_of(tx: &mut Tx, application_id: &str, why: &str) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE application_invitation SET state = 'void', void_reason = $1, code_hash = NULL \
         WHERE application_id = $2 AND state IN ('open', 'activated')",
        params![why, application_id],
    )
    .await
}

/// After a restore: no invitation and no activation code from before is good. The applications stand, and the desk that
/// lists what came to no badge leads to new ones.
pub async fn after_restore(tx: &mut Tx) -> Result<u64, StoreError> {
    tx.execute(
        "UPDATE application_invitation SET state = 'void', void_reason = 'restored', code_hash = NULL \
         WHERE state IN ('open', 'activated')",
        params![],
    )
    .await
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.application_id, i.employee_id, i.state, i.ends_at, i.code_tries, i.proof_tries \
             FROM application_invitation i JOIN application a ON a.id = i.application_id \
             WHERE i.state IN ('open', 'activated') AND a.state IN ('issue_approved', 'invited') AND ",
            $rest
        )
    };
}

fn of(row: &Row) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        id: row.text("id")?,
        application_id: row.text("application_id")?,
        employee_id: row.text("employee_id")?,
        ends_at: row.int("ends_at")?,
        activated: row.text("state")? == "activated",
        code_tries_left: (limits::ACTIVATION_TRIES.get() - row.int("code_tries")?).max(0),
        proof_tries_left: (limits::PROOF_TRIES.get() - row.int("proof_tries")?).max(0),
    })
}

/// The live invitation behind a handle.
pub async fn invitation_by_handle(
    store: &Store,
    handle: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StoreError> {
    let row = store
        .fetch_optional(
            select!("i.handle_hash = $1 AND i.ends_at > $2"),
            params![handle_hash(handle), now_ms],
        )
        .await?;
    row.as_ref().map(of).transpose()
}

/// The live invitation of an id, inside a transaction: what an onboarding step may still rely on.
pub async fn invitation_in(
    tx: &mut Tx,
    invitation_id: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StoreError> {
    let row =
        tx.fetch_optional(select!("i.id = $1 AND i.ends_at > $2"), params![invitation_id, now_ms]).await?;
    row.as_ref().map(of).transpose()
}

/// The live invitation of an employee.
pub(super) async fn of_employee(
    store: &Store,
    employee_id: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StoreError> {
    let row = store
        .fetch_optional(select!("i.employee_id = $1 AND i.ends_at > $2"), params![employee_id, now_ms])
        .await?;
    row.as_ref().map(of).transpose()
}

/// Tries an activation code: charged, then judged, in the caller's transaction, which must commit whatever the answer.
///
/// Of any number of racing callers with the right code exactly one is accepted.
pub async fn activate(
    tx: &mut Tx,
    platform: &Platform,
    handle: &str,
    code: &str,
    now_ms: i64,
) -> Result<Activation, StoreError> {
    let charged = tx
        .fetch_optional(
            "UPDATE application_invitation SET code_tries = code_tries + 1 \
             WHERE handle_hash = $1 AND state IN ('open', 'activated') AND ends_at > $2 AND code_tries < $3 \
             AND code_hash IS NOT NULL AND code_ends_at > $2 \
             RETURNING id, application_id, code_hash, code_tries",
            params![handle_hash(handle), now_ms, limits::ACTIVATION_TRIES.get()],
        )
        .await?;
    let Some(row) = charged else {
        let live = tx
            .fetch_optional(
                select!("i.handle_hash = $1 AND i.ends_at > $2"),
                params![handle_hash(handle), now_ms],
            )
            .await?;
        return Ok(if live.is_some() { Activation::NoCode } else { Activation::Gone });
    };
    let (invitation_id, application_id) = (row.text("id")?, row.text("application_id")?);
    let expected = row.opt_text("code_hash")?.unwrap_or_default();
    if keys::mac::eq(code_hash(platform, &invitation_id, code).as_bytes(), expected.as_bytes()) {
        tx.execute(
            "UPDATE application_invitation SET state = 'activated', code_hash = NULL, code_tries = 0 WHERE id = $1",
            params![invitation_id.as_str()],
        )
        .await?;
        let accepted = invitation_in(tx, &invitation_id, now_ms).await?;
        return Ok(accepted.map_or(Activation::Gone, Activation::Accepted));
    }
    let tries_left = (limits::ACTIVATION_TRIES.get() - row.int("code_tries")?).max(0);
    if tries_left == 0 {
        void(tx, &invitation_id, &application_id, "code_tries", now_ms).await?;
    }
    Ok(Activation::Wrong { tries_left })
}

/// Charges one proof of identity (name and registration number) before it is judged; `None` if none is left.
///
/// Commit this before judging; then call [`proof_passed`] or [`proof_failed`].
pub async fn charge_proof(tx: &mut Tx, invitation_id: &str, now_ms: i64) -> Result<Option<i64>, StoreError> {
    let row = tx
        .fetch_optional(
            "UPDATE application_invitation SET proof_tries = proof_tries + 1 \
             WHERE id = $1 AND state = 'activated' AND ends_at > $2 AND proof_tries < $3 RETURNING proof_tries",
            params![invitation_id, now_ms, limits::PROOF_TRIES.get()],
        )
        .await?;
    row.map(|row| Ok((limits::PROOF_TRIES.get() - row.int("proof_tries")?).max(0))).transpose()
}

/// A charged proof was right: the count begins anew.
pub async fn proof_passed(tx: &mut Tx, invitation_id: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE application_invitation SET proof_tries = 0 WHERE id = $1 AND state = 'activated'",
        params![invitation_id],
    )
    .await?;
    Ok(())
}

/// A charged proof was wrong: tells what is left, and voids the invitation when that is nothing.
pub async fn proof_failed(tx: &mut Tx, invitation_id: &str, now_ms: i64) -> Result<i64, StoreError> {
    let row = tx
        .fetch_optional(
            "SELECT application_id, proof_tries FROM application_invitation WHERE id = $1",
            params![invitation_id],
        )
        .await?;
    let Some(row) = row else { return Ok(0) };
    let left = (limits::PROOF_TRIES.get() - row.int("proof_tries")?).max(0);
    if left == 0 {
        void(tx, invitation_id, &row.text("application_id")?, "proof_tries", now_ms).await?;
    }
    Ok(left)
}

/// Uses the invitation up when the phone is registered; `true` for exactly one caller.
pub async fn consume_invitation(tx: &mut Tx, invitation_id: &str, now_ms: i64) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE application_invitation SET state = 'used' WHERE id = $1 AND state = 'activated' AND ends_at > $2",
            params![invitation_id, now_ms],
        )
        .await?;
    Ok(rows == 1)
}

/// Too many wrong transaction codes were typed for an offer to another wallet: the invitation is void too, and the
/// timeline tells the HR desk, who sends a new one after a look.
pub async fn offer_void(tx: &mut Tx, application_id: &str) -> Result<(), StoreError> {
    void_of(tx, application_id, "tx_code_tries").await?;
    let row =
        tx.fetch_optional("SELECT state FROM application WHERE id = $1", params![application_id]).await?;
    let state = row.map(|row| row.text("state")).transpose()?;
    if let Some(state @ (State::IssueApproved | State::Invited)) = state.as_deref().and_then(State::parse) {
        let now_ms = tx.now_ms();
        Entry::bare(Act::VoidInvitation, By::system()).write(tx, application_id, state, now_ms).await?;
    }
    Ok(())
}

async fn void(
    tx: &mut Tx,
    invitation_id: &str,
    application_id: &str,
    why: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let voided = tx
        .execute(
            "UPDATE application_invitation SET state = 'void', void_reason = $1, code_hash = NULL \
             WHERE id = $2 AND state IN ('open', 'activated')",
            params![why, invitation_id],
        )
        .await?;
    if voided == 0 {
        return Ok(());
    }
    let row = tx.fetch_one("SELECT state FROM application WHERE id = $1", params![application_id]).await?;
    if let Some(state) = State::parse(&row.text("state")?) {
        Entry::bare(Act::VoidInvitation, By::system()).write(tx, application_id, state, now_ms).await?;
    }
    Ok(())
}

/// Why there is no activation code.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// Nothing approved waits for a phone, or its invitation has ended or is void.
    #[error("no invitation waits for a phone")]
    NoInvitation,
    #[error("the phone number changed after the identity check")]
    PhoneChanged,
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CodeError> for Problem {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::NoInvitation => Self::new(StatusCode::CONFLICT, "activation_no_invitation"),
            CodeError::PhoneChanged => Self::new(StatusCode::CONFLICT, "application_phone_changed"),
            CodeError::Personnel(error) => error.into(),
            CodeError::Store(error) => error.into(),
        }
    }
}

/// An activation code, shown once to the signed-in applicant.
#[derive(Clone, Debug)]
pub struct ActivationCode {
    pub code: String,
    pub ends_at: i64,
    pub tries_left: i64,
}

/// Makes an activation code; the one before it is worth nothing from now on. Wrong tries are not forgotten by it.
pub async fn new_code(platform: &Platform, employee_id: &str) -> Result<ActivationCode, CodeError> {
    let now = platform.clock.now_ms();
    let invitation = of_employee(&platform.store, employee_id, now).await?.ok_or(CodeError::NoInvitation)?;
    let application =
        record::find(&platform.store, &invitation.application_id).await?.ok_or(CodeError::NoInvitation)?;
    if reopen_if_phone_changed(platform, &application).await? {
        return Err(CodeError::PhoneChanged);
    }
    let code = keys::random::digits(8);
    let hash = code_hash(platform, &invitation.id, &code);
    let ends_at = now + limits::ACTIVATION_CODE.get();
    let (invitation_id, actor) = (invitation.id.clone(), employee_id.to_owned());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let rows = tx
                    .execute(
                        "UPDATE application_invitation SET code_hash = $1, code_ends_at = $2 \
                         WHERE id = $3 AND state IN ('open', 'activated') AND ends_at > $4 AND code_tries < $5",
                        params![hash, ends_at, invitation_id.as_str(), now, limits::ACTIVATION_TRIES.get()],
                    )
                    .await?;
                if rows != 1 {
                    return Err(CodeError::NoInvitation);
                }
                crate::audit::record(
                    tx,
                    crate::audit::Record {
                        actor: &actor,
                        duty: "applicant",
                        act: "application.activation_code",
                        subject: &invitation_id,
                        detail: serde_json::json!({}),
                    },
                )
                .await?;
                Ok(())
            })
        })
        .await?;
    Ok(ActivationCode { code, ends_at, tries_left: invitation.code_tries_left })
}

/// Whether the phone number is another than the one the checker saw; if so, the identity check is open again and what
/// invitation there was is void.
pub(super) async fn reopen_if_phone_changed(
    platform: &Platform,
    application: &Application,
) -> Result<bool, PersonnelError> {
    let Some(seen) = application.frozen_phone(&platform.sealer) else { return Ok(false) };
    if people::employee(platform, &application.employee_id).await?.phone == seen {
        return Ok(false);
    }
    let (application_id, from, now) = (application.id.clone(), application.state, platform.clock.now_ms());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let entry = Entry::bare(Act::Reopen, By::system());
                let ends_at = now + limits::APPLICATION_WAIT.get();
                if advance(tx, &application_id, from, entry, ends_at, now).await? {
                    void_of(tx, &application_id, "phone_changed").await?;
                    tx.execute(
                        "UPDATE application SET seen_phone = NULL WHERE id = $1",
                        params![application_id],
                    )
                    .await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(true)
}

/// The number one-time codes go to: the one the identity checker saw. `None` if it has changed since, which opens the
/// check again, or if there is none.
pub async fn frozen_phone(
    platform: &Platform,
    application_id: &str,
) -> Result<Option<String>, PersonnelError> {
    let Some(application) = record::find(&platform.store, application_id).await? else { return Ok(None) };
    if reopen_if_phone_changed(platform, &application).await? {
        return Ok(None);
    }
    Ok(application.frozen_phone(&platform.sealer))
}

/// The badge is in the wallet: the application's last step. `false` if the application is not waiting for that.
pub async fn mark_issued(
    tx: &mut Tx,
    application_id: &str,
    badge_id: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    for from in [State::Invited, State::IssueApproved] {
        let entry = Entry::bare(Act::Issue, By::system());
        if advance(tx, application_id, from, entry, now_ms, now_ms).await? {
            tx.execute(
                "UPDATE application SET badge_id = $1 WHERE id = $2",
                params![badge_id, application_id],
            )
            .await?;
            tx.execute(
                "UPDATE application_invitation SET state = 'used', code_hash = NULL \
                 WHERE application_id = $1 AND state IN ('open', 'activated')",
                params![application_id],
            )
            .await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// The outbox says that the gateway took the message of an invitation: the application is with the phone now.
pub(crate) fn message_sent<'t>(
    tx: &'t mut Tx,
    message_id: &'t str,
    now_ms: i64,
) -> futures::future::BoxFuture<'t, Result<(), StoreError>> {
    Box::pin(async move {
        let row = tx
            .fetch_optional(
                "SELECT i.application_id, a.ends_at FROM application_invitation i \
                 JOIN application a ON a.id = i.application_id WHERE i.message_id = $1 AND i.state <> 'void'",
                params![message_id],
            )
            .await?;
        if let Some(row) = row {
            let entry = Entry::bare(Act::Invite, By::system());
            let (application_id, ends_at) = (row.text("application_id")?, row.int("ends_at")?);
            // Not moved: a quick phone was issued before the gateway's answer came back.
            advance(tx, &application_id, State::IssueApproved, entry, ends_at, now_ms).await?;
        }
        Ok(())
    })
}

/// Expires what nobody moved in time; returns how many.
pub(super) async fn expire(platform: &Platform) -> Result<u64, StoreError> {
    let now = platform.clock.now_ms();
    let due = platform
        .store
        .fetch_all(
            "SELECT id, state, ends_at FROM application WHERE ends_at <= $1 AND state IN \
             ('draft', 'submitted', 'head_approved', 'identity_checked', 'issue_approved', 'invited') \
             ORDER BY ends_at LIMIT 100",
            params![now],
        )
        .await?;
    let mut expired = 0;
    for row in due {
        let (application_id, ends_at) = (row.text("id")?, row.int("ends_at")?);
        let Some(from) = State::parse(&row.text("state")?) else { continue };
        let moved = platform
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let entry = Entry::bare(Act::Expire, By::system());
                    let moved = advance(tx, &application_id, from, entry, ends_at, now).await?;
                    if moved {
                        void_of(tx, &application_id, "expired").await?;
                    }
                    Ok(moved)
                })
            })
            .await?;
        expired += u64::from(moved);
    }
    Ok(expired)
}

/// The message of an application's newest invitation.
pub(super) async fn message_of(store: &Store, application_id: &str) -> Result<Option<String>, StoreError> {
    let row = store
        .fetch_optional(
            "SELECT message_id FROM application_invitation WHERE application_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1",
            params![application_id],
        )
        .await?;
    row.map(|row| row.text("message_id")).transpose()
}
