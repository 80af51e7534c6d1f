//! A badge as gates know it: its reference, its gate key, its passes, and whether it is stopped.

use gate::feed::Record;
use gate::pass::{GateRef, MAX_LIFE_S, Pass};
use keys::PublicKey;
use keys::encoding::b64url_encode;
use wallet::account::messages::GatePassGiven;

use super::feed::{self, For};
use super::setup;
use crate::lifecycle::{self, Badge, BadgeState};
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{KeyName, Platform, limits};
use crate::personnel;

/// Why no pass was given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassRefusal {
    /// The account has no badge that is good.
    #[error("there is no badge that is good")]
    NoBadge,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something else failed.
    #[error("{0}")]
    Internal(String),
}

fn internal(error: impl std::fmt::Display) -> PassRefusal {
    PassRefusal::Internal(error.to_string())
}

/// Gives the phone of an account a pass for its gate key, if its badge is active. The state is held to the commit: a
/// suspension comes before it, and nothing is given, or after it, and stops the reference that was given.
pub(crate) async fn give_pass(
    platform: &Platform,
    account_id: &str,
    key: PublicKey,
) -> Result<GatePassGiven, PassRefusal> {
    let badge = Badge::live_of_account(&platform.store, account_id).await?.ok_or(PassRefusal::NoBadge)?;
    let agencies = agencies_of(platform, &badge.employee_id).await?;
    let now_s = platform.now_ms().div_euclid(1_000);
    let life = (limits::GATE_PASS_LIFE.get() / 1_000).min(MAX_LIFE_S);
    let expires = now_s.saturating_add(life).min(badge.valid_until.div_euclid(1_000));
    let thumbprint = key.thumbprint();
    let account = account_id.to_owned();
    let gate_ref: Result<GateRef, PassRefusal> = platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                if lifecycle::hold(tx, &badge.id).await? != Some(BadgeState::Active) {
                    return Err(PassRefusal::NoBadge);
                }
                let known = tx
                    .fetch_optional(
                        "UPDATE gate_badge SET key_thumbprint = $2, account_id = $3, pass_until = $4 \
                         WHERE badge_id = $1 AND stopped_at IS NULL RETURNING gate_ref",
                        params![&badge.id, &thumbprint, &account, expires.saturating_mul(1_000)],
                    )
                    .await?;
                if let Some(row) = known {
                    return GateRef::try_from(row.text("gate_ref")?).map_err(internal);
                }
                let gate_ref = GateRef(keys::random::bytes());
                tx.execute(
                    "INSERT INTO gate_badge (badge_id, employee_id, account_id, gate_ref, key_thumbprint, pass_until) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    params![
                        &badge.id,
                        &badge.employee_id,
                        &account,
                        String::from(gate_ref),
                        &thumbprint,
                        expires.saturating_mul(1_000)
                    ],
                )
                .await?;
                setup::name_person(tx, &badge.employee_id, gate_ref).await?;
                Ok(gate_ref)
            })
        })
        .await;
    let pass = Pass { gate_ref: gate_ref?, key, agencies, roles: Vec::new(), not_before: now_s, expires };
    let authority = platform.keys.signer(KeyName::GateAuthority).map_err(internal)?;
    Ok(GatePassGiven {
        pass: b64url_encode(&pass.sign(&*authority).map_err(internal)?),
        expires,
        authorities: vec![authority.public_key().to_jwk()],
    })
}

/// Codes of the official's agencies, the highest first.
pub(super) async fn agencies_of(platform: &Platform, employee_id: &str) -> Result<Vec<String>, PassRefusal> {
    let mut agencies = Vec::new();
    let mut next = personnel::employee_agency(platform, employee_id).await.map_err(internal)?;
    while let Some(agency) = next {
        if agencies.len() >= gate::pass::MAX_AGENCIES || agencies.contains(&agency.code) {
            break;
        }
        agencies.push(agency.code);
        next = match agency.parent_code {
            Some(code) => personnel::agency(platform, &code).await.map_err(internal)?,
            None => None,
        };
    }
    if agencies.is_empty() {
        return Err(PassRefusal::NoBadge);
    }
    agencies.reverse();
    Ok(agencies)
}

/// The badge was suspended: every controller hears of it in this commit's order.
pub async fn suspend(tx: &mut Tx, badge_id: &str) -> Result<(), StoreError> {
    let now_ms = tx.now_ms();
    let stopped = tx
        .fetch_optional(
            "UPDATE gate_badge SET stopped_at = $2 WHERE badge_id = $1 AND stopped_at IS NULL RETURNING gate_ref",
            params![badge_id, now_ms],
        )
        .await?;
    match stopped {
        Some(row) => {
            feed::append(
                tx,
                &Record::Stopped { gate_ref: reference(&row.text("gate_ref")?)?, at: now_ms },
                For::Everyone,
            )
            .await
        }
        // Without a pass it never came to a gate.
        None => Ok(()),
    }
}

/// The badge was resumed.
pub async fn resume(tx: &mut Tx, badge_id: &str) -> Result<(), StoreError> {
    let resumed = tx
        .fetch_optional(
            "UPDATE gate_badge SET stopped_at = NULL WHERE badge_id = $1 AND stopped_at IS NOT NULL RETURNING gate_ref",
            params![badge_id],
        )
        .await?;
    match resumed {
        Some(row) => {
            feed::append(tx, &Record::Resumed { gate_ref: reference(&row.text("gate_ref")?)? }, For::Everyone)
                .await
        }
        None => Ok(()),
    }
}

/// The badge ended: as a suspension, but nothing resumes it.
pub async fn end(tx: &mut Tx, badge_id: &str) -> Result<(), StoreError> {
    suspend(tx, badge_id).await
}

/// A badge that had a pass, for the load tool: nothing but what gates know.
pub async fn load_badge(tx: &mut Tx, badge_id: &str) -> Result<(), StoreError> {
    let until = tx.now_ms().saturating_add(limits::GATE_PASS_LIFE.get());
    tx.execute(
        "INSERT INTO gate_badge (badge_id, employee_id, account_id, gate_ref, key_thumbprint, pass_until) \
         VALUES ($1, $1, $1, $2, $1, $3)",
        params![badge_id, String::from(GateRef(keys::random::bytes())), until],
    )
    .await?;
    Ok(())
}

pub(super) fn reference(text: &str) -> Result<GateRef, StoreError> {
    GateRef::try_from(text.to_owned())
        .map_err(|error| StoreError::Column("gate_ref".into(), error.to_string()))
}
