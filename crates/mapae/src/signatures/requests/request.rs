//! The rows as code sees them.

use serde::{Deserialize, Serialize};
use wallet::account::messages::{SIGN, Transaction};

use sqlx::AssertSqlSafe;

use super::SigningError;
use crate::operations::store::{Row, STATEMENT_ROWS, StoreError, Value, params, places};
use crate::operations::{Platform, limits};

const TABLE: &str = "signing_request";

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Assembling,
    Signed,
    Refused,
    Expired,
    Withdrawn,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Assembling => "assembling",
            Self::Signed => "signed",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn parse(word: &str) -> Result<Self, StoreError> {
        const ALL: [State; 6] = [
            State::Waiting,
            State::Assembling,
            State::Signed,
            State::Refused,
            State::Expired,
            State::Withdrawn,
        ];
        ALL.into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StoreError::Column("state".to_owned(), format!("unknown word {word}")))
    }
}

/// What lies sealed: what it is about and who asks, as it was when it was asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) purpose: String,
    pub(super) party: String,
    pub(super) party_en: String,
}

impl Facts {
    pub(super) fn sealed(&self, platform: &Platform, request: &str) -> Vec<u8> {
        let plain = keys::Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        platform.sealer.seal(TABLE, "facts", request, &plain)
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) relying_party: Option<String>,
    /// The agency whose desk asks.
    pub(super) agency: Option<String>,
    pub(super) facts: Facts,
    pub(super) document_hash: String,
    pub(super) bytes: i64,
    pub(super) revision: i64,
    pub(super) state: State,
    pub(super) place: i64,
    pub(super) signers: i64,
    pub(super) webhook: bool,
    pub(super) refusal: Option<String>,
    pub(super) created_at: i64,
    pub(super) ends_at: i64,
}

impl Request {
    pub(super) fn read(platform: &Platform, row: &Row) -> Result<Request, SigningError> {
        let id = row.text("id")?;
        let opened = |column: &str, sealed: &[u8]| {
            let plain = platform.sealer.open(TABLE, column, &id, sealed);
            plain.map_err(|_| SigningError::Internal("a signing request does not open"))
        };
        let facts = serde_json::from_slice(&opened("facts", &row.bytes("facts")?)?)
            .map_err(|_| SigningError::Internal("a signing request is damaged"))?;
        let refusal = match row.opt_bytes("refusal")? {
            Some(sealed) => Some(String::from_utf8_lossy(&opened("refusal", &sealed)?).into_owned()),
            None => None,
        };
        Ok(Request {
            facts,
            refusal,
            relying_party: row.opt_text("relying_party")?,
            agency: row.opt_text("agency_code")?,
            document_hash: row.text("document_hash")?,
            bytes: row.int("bytes")?,
            revision: row.int("revision")?,
            state: State::parse(&row.text("state")?)?,
            place: row.int("place")?,
            signers: row.int("signers")?,
            webhook: row.int("webhook")? == 1,
            created_at: row.int("created_at")?,
            ends_at: row.int("ends_at")?,
            id,
        })
    }

    pub(super) async fn find(platform: &Platform, id: &str) -> Result<Option<Request>, SigningError> {
        let sql = "SELECT * FROM signing_request WHERE id = $1";
        let row = platform.store.fetch_optional(sql, params![id]).await?;
        row.map(|row| Request::read(platform, &row)).transpose()
    }

    /// The newest requests of these agencies' desks.
    pub(super) async fn of_agencies(
        platform: &Platform,
        agencies: &[String],
    ) -> Result<Vec<Request>, SigningError> {
        let mut found = Vec::new();
        for some in agencies.chunks(STATEMENT_ROWS) {
            let sql = format!(
                "SELECT * FROM signing_request WHERE agency_code IN {} ORDER BY created_at DESC, id DESC LIMIT {}",
                places(1, some.len()),
                limits::SIGNING_LIST.get()
            );
            // Only placeholders and a number go into the text.
            let values = some.iter().map(Value::from).collect();
            for row in platform.store.fetch_all(AssertSqlSafe(sql), values).await? {
                found.push(Request::read(platform, &row)?);
            }
        }
        found.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        found.truncate(limits::SIGNING_LIST.size());
        Ok(found)
    }

    /// What the signer whose turn it is agrees to.
    pub(super) fn transaction(&self) -> Transaction {
        Transaction {
            kind: SIGN.to_owned(),
            request: self.id.clone(),
            party: self.facts.party.clone(),
            party_en: self.facts.party_en.clone(),
            title: self.facts.title.clone(),
            purpose: self.facts.purpose.clone(),
            place: self.place,
            signers: self.signers,
            document: self.document_hash.clone(),
            bytes: self.bytes,
            ends_at: self.ends_at,
        }
    }
}

/// One of those who sign, as whoever asked may see it.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) place: i64,
    pub(super) employee_id: String,
    pub(super) state: String,
    pub(super) acted_at: Option<i64>,
}

/// Those who sign, in their order.
pub(super) async fn signers(platform: &Platform, request: &str) -> Result<Vec<Signer>, StoreError> {
    let sql =
        "SELECT place, employee_id, state, acted_at FROM signing_signer WHERE request_id = $1 ORDER BY place";
    let rows = platform.store.fetch_all(sql, params![request]).await?;
    let read = |row: &Row| {
        Ok(Signer {
            place: row.int("place")?,
            employee_id: row.text("employee_id")?,
            state: row.text("state")?,
            acted_at: row.opt_int("acted_at")?,
        })
    };
    rows.iter().map(read).collect()
}
