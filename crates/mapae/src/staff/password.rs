//! Passwords: Argon2id (RFC 9106), off the async workers, a few at a time so that a flood of sign-ins cannot take the memory.

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::operations::limits;

/// 19 MiB, two passes, one lane: the OWASP floor for Argon2id.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash that no password opens: an unknown id costs as much as a known one.
pub(super) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWFwYWUtbm9ib2R5LXNhbHQ$C3mYV+1mlZtJz6bZ3ozNfZ0rC0sXkOc0zXw3p5p5T6o";

/// A password that may be set: long enough, not absurdly long.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

/// A password somebody typed, right or wrong; wiped from memory after use and never shown by `Debug`.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String, format = Password)]
pub struct Attempt(Zeroizing<String>);

impl From<String> for Attempt {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attempt")
    }
}

/// Why a password may not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password has {} to {} bytes", limits::STAFF_PASSWORD_MIN.get(), limits::STAFF_PASSWORD.get())]
pub struct BadPassword;

impl Password {
    /// Takes a password to be set.
    pub fn new(text: String) -> Result<Self, BadPassword> {
        let text = Zeroizing::new(text);
        let length = limits::STAFF_PASSWORD_MIN.size()..=limits::STAFF_PASSWORD.size();
        if length.contains(&text.len()) { Ok(Self(text)) } else { Err(BadPassword) }
    }
}

/// The hashing machinery is gone: out of memory or shutting down.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the password could not be hashed now")]
pub struct HashingFailed;

fn argon2() -> Result<Argon2<'static>, HashingFailed> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashingFailed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Takes one of the few turns: each hash needs 19 MiB.
async fn off_the_workers<T: Send + 'static>(
    turns: &Semaphore,
    work: impl FnOnce() -> Result<T, HashingFailed> + Send + 'static,
) -> Result<T, HashingFailed> {
    let _turn = turns.acquire().await.map_err(|_| HashingFailed)?;
    tokio::task::spawn_blocking(work).await.map_err(|_| HashingFailed)?
}

/// The PHC string to store.
pub(super) async fn hash(turns: &Semaphore, password: Password) -> Result<String, HashingFailed> {
    off_the_workers(turns, move || {
        let salt = keys::random::bytes::<16>();
        let hash =
            argon2()?.hash_password_with_salt(password.0.as_bytes(), &salt).map_err(|_| HashingFailed)?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether `attempt` opens `stored`; without a stored hash the same work is done and the answer is no.
pub(super) async fn verify(
    turns: &Semaphore,
    attempt: Attempt,
    stored: Option<String>,
) -> Result<bool, HashingFailed> {
    if attempt.0.len() > limits::STAFF_PASSWORD.size() {
        return Ok(false);
    }
    off_the_workers(turns, move || {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
        let opens = argon2()?.verify_password(attempt.0.as_bytes(), stored.as_str()).is_ok();
        Ok(opens && known)
    })
    .await
}
