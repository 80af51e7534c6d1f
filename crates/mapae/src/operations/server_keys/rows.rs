//! The rows of the keys: read, opened, sealed, entered.

use std::sync::Arc;

use keys::x509::Certificate;
use keys::{SecretKey, Signer, Zeroizing};

use super::{KeysError, Secret};
use crate::operations::hsm::{HsmError, TokenKey};
use crate::operations::kek::{Kek, KekError};
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// A key as it may be shown.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ListedKey {
    pub name: String,
    pub key_id: i64,
    pub state: String,
    pub created_at: i64,
}

/// Every key, without itself.
pub async fn list(store: &Store) -> Result<Vec<ListedKey>, StoreError> {
    let sql = "SELECT name, key_id, state, created_at FROM platform_key ORDER BY name, key_id LIMIT 1000";
    let rows = store.fetch_all(sql, params![]).await?;
    let listed = rows.iter().map(|row| {
        Ok(ListedKey {
            name: row.text("name")?,
            key_id: row.int("key_id")?,
            state: row.text("state")?,
            created_at: row.int("created_at")?,
        })
    });
    listed.collect()
}

pub(super) struct KeyRow {
    pub(super) name: String,
    pub(super) key_id: u32,
    pub(super) state: String,
    pub(super) sealed: Vec<u8>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) created_at: i64,
}

impl KeyRow {
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        let id = row.int("key_id")?;
        Ok(Self {
            name: row.text("name")?,
            key_id: u32::try_from(id)
                .map_err(|_| StoreError::Column("key_id".into(), "is no key number".into()))?,
            state: row.text("state")?,
            sealed: row.bytes("sealed")?,
            certificate: row.opt_bytes("certificate")?,
            created_at: row.int("created_at")?,
        })
    }

    pub(super) fn open(&self, kek: &Kek) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        kek.open(&place(&self.name, self.key_id), &self.sealed).map_err(|error| match error {
            KekError::DoesNotOpen | KekError::Token(HsmError::Refused) => {
                KeysError::WrongKek(self.name.clone())
            }
            error => error.into(),
        })
    }

    /// What signs with this P-256 key: itself, or the token that the row names.
    pub(super) fn signer(&self, kek: &Kek) -> Result<Arc<dyn Signer>, KeysError> {
        signer(&self.name, &self.open(kek)?, kek)
    }

    pub(super) fn secret(&self, kek: &Kek) -> Result<Secret, KeysError> {
        let plain = self.open(kek)?;
        let bytes = <[u8; 32]>::try_from(plain.as_slice())
            .map_err(|_| KeysError::Unusable(self.name.clone(), "has the wrong length".into()))?;
        Ok(Secret { id: self.key_id, bytes: Zeroizing::new(bytes) })
    }
}

/// What signs with the P-256 key of an opened row.
pub(super) fn signer(name: &str, plain: &[u8], kek: &Kek) -> Result<Arc<dyn Signer>, KeysError> {
    if !TokenKey::is_reference(plain) {
        return Ok(Arc::new(secret_key(name, plain)?));
    }
    let unusable = |reason: &str| KeysError::Unusable(name.to_owned(), reason.into());
    let hsm = kek.token().ok_or_else(|| unusable("is in a token, and hsm.module is not set"))?;
    match TokenKey::of_reference(hsm, plain) {
        Some(key) => Ok(Arc::new(key)),
        None => Err(unusable("is a damaged reference to a token")),
    }
}

pub(super) fn place(name: &str, id: u32) -> Vec<u8> {
    [b"platform_key\0sealed\0", name.as_bytes(), b"\0", id.to_be_bytes().as_slice()].concat()
}

pub(super) fn active<'a>(rows: &'a [KeyRow], name: &str) -> Result<&'a KeyRow, KeysError> {
    rows.iter()
        .find(|row| row.name == name && row.state == "active")
        .ok_or_else(|| KeysError::Unusable(name.to_owned(), "is missing".into()))
}

fn secret_key(name: &str, plain: &[u8]) -> Result<SecretKey, KeysError> {
    let unusable = |reason: String| KeysError::Unusable(name.to_owned(), reason);
    let bytes = <[u8; 32]>::try_from(plain).map_err(|_| unusable("has the wrong length".into()))?;
    SecretKey::from_bytes(&bytes).map_err(|error| unusable(error.to_string()))
}

pub(super) async fn read(store: &Store) -> Result<Vec<KeyRow>, StoreError> {
    let rows = store
        .fetch_all(
            "SELECT name, key_id, state, sealed, certificate, created_at FROM platform_key \
             WHERE state <> 'revoked' ORDER BY name, key_id LIMIT 1000",
            params![],
        )
        .await?;
    rows.iter().map(KeyRow::of).collect()
}

pub(super) async fn insert(tx: &mut Tx, rows: Vec<KeyRow>) -> Result<(), StoreError> {
    for row in rows {
        tx.execute(
            "INSERT INTO platform_key (name, key_id, state, sealed, certificate, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            params![row.name, row.key_id, row.state, row.sealed, row.certificate, row.created_at],
        )
        .await?;
    }
    Ok(())
}

pub(super) fn sealed_row(
    kek: &Kek,
    name: &str,
    id: u32,
    plain: &[u8],
    certificate: Option<&Certificate>,
    now_ms: i64,
) -> Result<KeyRow, KeysError> {
    Ok(KeyRow {
        name: name.to_owned(),
        key_id: id,
        state: "active".into(),
        sealed: kek.seal(&place(name, id), plain)?,
        certificate: certificate.map(|certificate| certificate.der().to_vec()),
        created_at: now_ms,
    })
}
