//! The bytes of a document, sealed in pieces: no statement, no rotation of keys and no backup holds a whole one.

use keys::encoding::b64url_encode;
use keys::sha256;

use super::SigningError;
use crate::operations::store::{StoreError, Tx, params};
use crate::operations::{Platform, id, limits};

const TABLE: &str = "signing_piece";

/// A revision of a document, ready to be written.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) number: i64,
    /// SHA-256, base64url.
    pub(super) hash: String,
    pub(super) bytes: i64,
    pieces: Vec<(String, Vec<u8>)>,
}

impl Revision {
    /// Seals the bytes, before the transaction begins.
    pub(super) fn sealed(platform: &Platform, number: i64, pdf: &[u8]) -> Revision {
        let sealed = |piece: &[u8]| {
            let id = id::new();
            let sealed = platform.sealer.seal(TABLE, "sealed", &id, piece);
            (id, sealed)
        };
        Revision {
            number,
            hash: b64url_encode(&sha256(pdf)),
            bytes: i64::try_from(pdf.len()).unwrap_or(i64::MAX),
            pieces: pdf.chunks(limits::SIGNING_PIECE.size()).map(sealed).collect(),
        }
    }

    /// Writes it, in place of the one before.
    pub(super) async fn write(self, tx: &mut Tx, request: &str) -> Result<(), StoreError> {
        erase(tx, request).await?;
        for (place, (id, sealed)) in (0_i64..).zip(self.pieces) {
            tx.execute(
                "INSERT INTO signing_piece (id, request_id, revision, place, sealed) VALUES ($1, $2, $3, $4, $5)",
                params![id, request, self.number, place, sealed],
            )
            .await?;
        }
        Ok(())
    }
}

/// Forgets the bytes.
pub(super) async fn erase(tx: &mut Tx, request: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM signing_piece WHERE request_id = $1", params![request]).await?;
    Ok(())
}

/// The bytes of this revision, if it is the one that is kept and has this hash.
pub(super) async fn read(
    platform: &Platform,
    request: &str,
    revision: i64,
    hash: &str,
) -> Result<Vec<u8>, SigningError> {
    let rows = platform
        .store
        .fetch_all(
            "SELECT id, sealed FROM signing_piece WHERE request_id = $1 AND revision = $2 ORDER BY place",
            params![request, revision],
        )
        .await?;
    let mut pdf = Vec::new();
    for row in &rows {
        let opened = platform.sealer.open(TABLE, "sealed", &row.text("id")?, &row.bytes("sealed")?);
        pdf.extend_from_slice(
            &opened.map_err(|_| SigningError::Internal("a piece of a document does not open"))?,
        );
    }
    // None: another revision took its place, or the document was erased.
    if rows.is_empty() {
        return Err(SigningError::Changed);
    }
    if b64url_encode(&sha256(&pdf)) != hash {
        return Err(SigningError::Internal("a document's pieces do not make it"));
    }
    Ok(pdf)
}
