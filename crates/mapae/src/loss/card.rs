//! The plastic card beside the badge: its number is linked by the HR desk, and it is reported lost by itself. A lost card stops
//! no badge, and a lost phone no card.

use http::StatusCode;

use crate::audit;
use crate::lifecycle::By;
use crate::operations::problem::Problem;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};

const TABLE: &str = "loss_card";

/// A linked card.
#[derive(Clone, Debug)]
pub struct Card {
    pub number: String,
    pub linked_at: i64,
    /// When it was reported lost.
    pub lost_at: Option<i64>,
}

impl Card {
    /// All but the last four letters hidden: enough to know which card it is.
    pub fn masked(&self) -> String {
        let count = self.number.chars().count();
        self.number
            .chars()
            .enumerate()
            .map(|(at, letter)| if at + 4 >= count || letter == '-' { letter } else { '•' })
            .collect()
    }
}

/// Why a card was not linked or reported.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    #[error("a card number has 6 to 32 letters, digits or dashes")]
    Number,
    #[error("no card is linked, or it is reported lost already")]
    Nothing,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CardError> for Problem {
    fn from(error: CardError) -> Self {
        match error {
            CardError::Number => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "loss_card_number"),
            CardError::Nothing => Self::new(StatusCode::CONFLICT, "loss_card_nothing"),
            CardError::Store(error) => error.into(),
        }
    }
}

/// A number as it stands on a card.
fn number(typed: &str) -> Result<String, CardError> {
    let number = typed.trim().to_ascii_uppercase();
    let letters = number.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let fits = (6..=limits::CARD_NUMBER.size()).contains(&number.len());
    if letters && fits { Ok(number) } else { Err(CardError::Number) }
}

/// The card of an employee, if one is linked.
pub async fn of_employee(platform: &Platform, employee_id: &str) -> Result<Option<Card>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT number, linked_at, lost_at FROM loss_card WHERE employee_id = $1",
            params![employee_id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let number = platform
        .sealer
        .open_text(TABLE, "number", employee_id, &row.bytes("number")?)
        .map_err(|_| StoreError::Column("number".to_owned(), "does not open".to_owned()))?;
    Ok(Some(Card { number, linked_at: row.int("linked_at")?, lost_at: row.opt_int("lost_at")? }))
}

/// Links a card, or another one in place of it: the new one is not lost.
pub async fn link(platform: &Platform, employee_id: &str, typed: &str, by: By) -> Result<(), CardError> {
    let number = number(typed)?;
    let sealed = platform.sealer.seal(TABLE, "number", employee_id, number.as_bytes());
    let employee_id = employee_id.to_owned();
    platform
        .store
        .write::<_, CardError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                tx.execute(
                    "INSERT INTO loss_card (employee_id, number, state, linked_by, linked_at) \
                     VALUES ($1, $2, 'linked', $3, $4) ON CONFLICT (employee_id) DO UPDATE SET number = excluded.number, \
                     state = 'linked', linked_by = excluded.linked_by, linked_at = excluded.linked_at, \
                     lost_by = NULL, lost_at = NULL",
                    params![employee_id.as_str(), sealed, by.actor.as_str(), now],
                )
                .await?;
                let (act, detail) = ("loss.card_linked", serde_json::json!({}));
                let record =
                    audit::Record { actor: &by.actor, duty: &by.duty, act, subject: &employee_id, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}

/// The card is lost; the badge goes on.
pub async fn report(platform: &Platform, employee_id: &str, by: By) -> Result<(), CardError> {
    let employee_id = employee_id.to_owned();
    platform
        .store
        .write::<_, CardError, _>(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "UPDATE loss_card SET state = 'lost', lost_by = $2, lost_at = $3 \
                         WHERE employee_id = $1 AND state = 'linked'",
                        params![employee_id.as_str(), by.actor.as_str(), now],
                    )
                    .await?;
                if rows != 1 {
                    return Err(CardError::Nothing);
                }
                let (act, detail) = ("loss.card_reported", serde_json::json!({}));
                let record =
                    audit::Record { actor: &by.actor, duty: &by.duty, act, subject: &employee_id, detail };
                Ok(audit::record(tx, record).await?)
            })
        })
        .await
}
