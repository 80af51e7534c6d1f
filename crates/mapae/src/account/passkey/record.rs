//! The passkey row.

use keys::PublicKey;
use wallet::account::messages::PasskeyEvidence;

use crate::operations::limits;
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// A passkey as the server knows it.
#[derive(Debug, Clone)]
pub(in crate::account) struct Passkey {
    pub(super) id: String,
    pub(super) onboarding_id: String,
    pub(in crate::account) account_id: Option<String>,
    pub(in crate::account) credential_id: String,
    pub(super) public_key: PublicKey,
    pub(super) user_handle: String,
    pub(in crate::account) evidence: PasskeyEvidence,
    /// The attestation format that was sent.
    pub(super) attestation: String,
    /// The authenticator's model, as hex; zeros if it does not tell.
    pub(super) aaguid: String,
    /// Whether it gives PRF secrets, by the phone's word.
    pub(in crate::account) prf: bool,
    pub(super) sign_count: i64,
    /// The server's share of the vault's key, sealed.
    pub(super) share: Option<Vec<u8>>,
    /// Whether the phone left the PIN's salt here.
    pub(in crate::account) has_salt: bool,
    pub(super) created_at: i64,
}

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT id, onboarding_id, account_id, credential_id, public_key, user_handle, evidence, attestation, ",
            "aaguid, prf, sign_count, share, CAST(CASE WHEN salt IS NULL THEN 0 ELSE 1 END AS BIGINT) AS has_salt, created_at FROM account_passkey WHERE ",
            $where
        )
    };
}

impl Passkey {
    fn read(row: &Row) -> Result<Passkey, StoreError> {
        let evidence = row.text("evidence")?;
        Ok(Passkey {
            id: row.text("id")?,
            onboarding_id: row.text("onboarding_id")?,
            account_id: row.opt_text("account_id")?,
            credential_id: row.text("credential_id")?,
            public_key: PublicKey::from_sec1(&row.bytes("public_key")?)
                .map_err(|_| StoreError::Column("public_key".to_owned(), "is no P-256 key".to_owned()))?,
            user_handle: row.text("user_handle")?,
            evidence: PasskeyEvidence::parse(&evidence).ok_or_else(|| {
                StoreError::Column("evidence".to_owned(), format!("unknown word {evidence}"))
            })?,
            attestation: row.text("attestation")?,
            aaguid: row.text("aaguid")?,
            prf: row.int("prf")? != 0,
            sign_count: row.int("sign_count")?,
            share: row.opt_bytes("share")?,
            has_salt: row.flag("has_salt")?,
            created_at: row.int("created_at")?,
        })
    }
}

/// The passkey of a credential id.
pub(super) async fn by_credential(store: &Store, credential: &str) -> Result<Option<Passkey>, StoreError> {
    let row = store.fetch_optional(select!("credential_id = $1"), params![credential]).await?;
    row.as_ref().map(Passkey::read).transpose()
}

/// The passkey of an account.
pub(in crate::account) async fn of_account(
    store: &Store,
    account: &str,
) -> Result<Option<Passkey>, StoreError> {
    let row = store.fetch_optional(select!("account_id = $1"), params![account]).await?;
    row.as_ref().map(Passkey::read).transpose()
}

/// The passkey that an enrolment made.
pub(in crate::account) async fn of_onboarding(
    store: &Store,
    onboarding: &str,
) -> Result<Option<Passkey>, StoreError> {
    let row = store.fetch_optional(select!("onboarding_id = $1"), params![onboarding]).await?;
    row.as_ref().map(Passkey::read).transpose()
}

/// Keeps the passkey of an enrolment; one made before by the same enrolment goes, unless it is an account's by now.
pub(super) async fn insert(tx: &mut Tx, new: &Passkey) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM account_passkey WHERE onboarding_id = $1 AND account_id IS NULL",
        params![&new.onboarding_id],
    )
    .await?;
    tx.execute(
        "INSERT INTO account_passkey (id, onboarding_id, credential_id, public_key, user_handle, evidence, \
         attestation, aaguid, prf, sign_count, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            &new.id,
            &new.onboarding_id,
            &new.credential_id,
            new.public_key.to_sec1().to_vec(),
            &new.user_handle,
            new.evidence.as_str(),
            &new.attestation,
            &new.aaguid,
            new.prf,
            new.sign_count,
            new.created_at
        ],
    )
    .await?;
    Ok(())
}

/// Gives the passkey of an enrolment to the account that came of it, with the sealed share if there is one. `false`
/// if it was replaced since it was read.
pub(in crate::account) async fn bind(
    tx: &mut Tx,
    passkey: &Passkey,
    account: &str,
    share: Option<Vec<u8>>,
) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE account_passkey SET account_id = $2, share = $3 \
             WHERE id = $1 AND (account_id IS NULL OR account_id = $2)",
            params![&passkey.id, account, share],
        )
        .await?;
    Ok(rows == 1)
}

/// Keeps what the phone sealed of the PIN's salt. `false` without a passkey that gives PRF secrets, or when the account
/// moved to another device meanwhile.
pub(in crate::account) async fn keep_salt(
    tx: &mut Tx,
    account: &str,
    device: &str,
    salt: Vec<u8>,
) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE account_passkey SET salt = $3 WHERE account_id = $1 AND prf = 1 AND EXISTS \
             (SELECT 1 FROM account WHERE id = $1 AND device_thumbprint = $2 AND state <> 'closed')",
            params![account, device, salt],
        )
        .await?;
    Ok(rows == 1)
}

/// What the phone sealed of the PIN's salt.
pub(in crate::account) async fn salt(store: &Store, account: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let row = store
        .fetch_optional("SELECT salt FROM account_passkey WHERE account_id = $1", params![account])
        .await?;
    Ok(row.map(|row| row.opt_bytes("salt")).transpose()?.flatten())
}

/// Forgets the passkey of an account that ended, and with it the share of its vault's key.
pub(in crate::account) async fn forget(tx: &mut Tx, account: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM account_passkey WHERE account_id = $1", params![account]).await?;
    Ok(())
}

/// Forgets passkeys whose enrolment led to nothing.
pub(in crate::account) async fn sweep(tx: &mut Tx, now_ms: i64) -> Result<u64, StoreError> {
    let before = now_ms.saturating_sub(limits::ONBOARDING_LIFE.get());
    tx.execute("DELETE FROM account_passkey WHERE account_id IS NULL AND created_at < $1", params![before])
        .await
}
