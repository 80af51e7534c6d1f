//! Where and in which language somebody hears from us: the language of text messages, and a second phone that hears notices,
//! too, proofed by a code. Codes and install addresses go to the number that HR has, and nowhere else.

use super::outbox::{Message, Topic, enqueue};
use crate::audit;
use crate::operations::language;
use crate::operations::store::{Row, StoreError, Tx, params};
use crate::operations::{Language, Platform, limits};
use crate::personnel;

const TABLE: &str = "notification_contact";

/// In which language somebody gets text messages.
pub async fn language_of(platform: &Platform, employee_id: &str) -> Result<Language, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT language FROM notification_language WHERE employee_id = $1",
            params![employee_id],
        )
        .await?;
    let tag = row.map(|row| row.text("language")).transpose()?;
    Ok(Language::ALL.into_iter().find(|one| tag.as_deref() == Some(one.tag())).unwrap_or_default())
}

/// Chooses it. `only_first` leaves an earlier choice alone.
pub async fn choose_language(
    platform: &Platform,
    employee_id: &str,
    language: Language,
    only_first: bool,
) -> Result<(), StoreError> {
    let employee_id = employee_id.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let now = tx.now_ms();
                let rows = tx
                    .execute(
                        "INSERT INTO notification_language (employee_id, language, changed_at) VALUES ($1, $2, $3) \
                         ON CONFLICT (employee_id) DO UPDATE SET language = excluded.language, \
                         changed_at = excluded.changed_at \
                         WHERE $4 = 0 AND notification_language.language <> excluded.language",
                        params![employee_id.as_str(), language.tag(), now, i64::from(only_first)],
                    )
                    .await?;
                if rows == 1 {
                    let detail = serde_json::json!({ "language": language.tag() });
                    note(tx, &employee_id, "notification.language", detail).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn note(
    tx: &mut Tx,
    employee_id: &str,
    act: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let record = audit::Record { actor: employee_id, duty: "applicant", act, subject: employee_id, detail };
    audit::record(tx, record).await
}

/// How the second phone stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Contact {
    /// The proven number, its middle hidden.
    pub(super) phone: Option<String>,
    pub(super) proven_at: Option<i64>,
    /// The number that waits for its code, its middle hidden, until when.
    pub(super) pending: Option<(String, i64)>,
}

/// Why a second phone was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContactError {
    #[error("no mobile number")]
    Number,
    #[error("the number that HR has anyway")]
    Same,
    #[error("too many codes in a day")]
    TooMany,
    #[error("no code waits, or its time is over")]
    NoCode,
    #[error("the code is not right")]
    WrongCode { tries_left: i64 },
    #[error(transparent)]
    Personnel(#[from] personnel::PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn open(
    platform: &Platform,
    employee_id: &str,
    row: &Row,
    column: &str,
) -> Result<Option<String>, StoreError> {
    let Some(sealed) = row.opt_bytes(column)? else { return Ok(None) };
    platform
        .sealer
        .open_text(TABLE, column, employee_id, &sealed)
        .map(Some)
        .map_err(|_| StoreError::Column(column.to_owned(), "does not open".to_owned()))
}

/// `010-****-2468`.
fn masked(phone: &str) -> String {
    let tail = phone.len().saturating_sub(4);
    format!("{}-****-{}", phone.get(..3).unwrap_or_default(), phone.get(tail..).unwrap_or_default())
}

/// The second phone as its owner sees it.
pub(super) async fn contact(platform: &Platform, employee_id: &str) -> Result<Contact, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT phone, proven_at, pending, code_ends_at FROM notification_contact WHERE employee_id = $1",
            params![employee_id],
        )
        .await?;
    let Some(row) = row else { return Ok(Contact::default()) };
    let ends_at = row.int("code_ends_at")?;
    Ok(Contact {
        phone: open(platform, employee_id, &row, "phone")?.map(|phone| masked(&phone)),
        proven_at: row.opt_int("proven_at")?,
        pending: open(platform, employee_id, &row, "pending")?
            .filter(|_| ends_at > platform.now_ms())
            .map(|phone| (masked(&phone), ends_at)),
    })
}

/// The proven second phone, whole: for messages.
pub async fn second_phone(platform: &Platform, employee_id: &str) -> Result<Option<String>, StoreError> {
    let row = platform
        .store
        .fetch_optional(
            "SELECT phone FROM notification_contact WHERE employee_id = $1 AND phone IS NOT NULL",
            params![employee_id],
        )
        .await?;
    match row {
        Some(row) => open(platform, employee_id, &row, "phone"),
        None => Ok(None),
    }
}

/// A notice for the second phone, in the person's language, if they have one.
pub async fn second_notice(
    platform: &Platform,
    employee_id: &str,
    key: &str,
    values: &[(&str, String)],
) -> Result<Option<Message>, StoreError> {
    let Some(phone) = second_phone(platform, employee_id).await? else { return Ok(None) };
    let text = language::format(language_of(platform, employee_id).await?, key, values);
    Ok(Some(Message::sms(platform, Topic::Notice, &phone, &text)))
}

fn code_hash(platform: &Platform, employee_id: &str, code: &str) -> Vec<u8> {
    platform.sealer.blind_index("second-contact", &format!("{employee_id}:{code}"))
}

/// Sends a code to a number that is to be the second phone. What is proven stays until the code comes back.
pub(super) async fn begin(platform: &Platform, employee_id: &str, typed: &str) -> Result<(), ContactError> {
    let typed: String = typed.chars().take(limits::CONTACT_NUMBER.size()).collect();
    let phone = personnel::phone(&typed).ok_or(ContactError::Number)?;
    let employee = personnel::employee(platform, employee_id).await?;
    if employee.ok_or(personnel::PersonnelError::NotFound)?.phone == phone {
        return Err(ContactError::Same);
    }
    let code = keys::Zeroizing::new(keys::random::digits(limits::OTP_DIGITS.size()));
    let language = language_of(platform, employee_id).await?;
    let values = [("otp", code.to_string())];
    let text = keys::Zeroizing::new(language::format(language, "notification.sms.contact", &values));
    let now = platform.now_ms();
    let ends_at = now + limits::OTP_LIFE.get();
    let message = Message::sms(platform, Topic::Code, &phone, &text).until(ends_at);
    let sealed = platform.sealer.seal(TABLE, "pending", employee_id, phone.as_bytes());
    let (hash, employee_id) = (code_hash(platform, employee_id, &code), employee_id.to_owned());
    platform
        .store
        .write::<_, ContactError, _>(move |tx| {
            Box::pin(async move {
                let day = now - limits::CONTACT_WINDOW.get();
                let rows = tx
                    .execute(
                        "INSERT INTO notification_contact \
                         (employee_id, pending, code_hash, code_tries, code_ends_at, sends, window_at) \
                         VALUES ($1, $2, $3, 0, $4, 1, $5) ON CONFLICT (employee_id) DO UPDATE SET \
                         pending = excluded.pending, code_hash = excluded.code_hash, code_tries = 0, \
                         code_ends_at = excluded.code_ends_at, \
                         sends = CASE WHEN notification_contact.window_at <= $6 THEN 1 ELSE notification_contact.sends + 1 END, \
                         window_at = CASE WHEN notification_contact.window_at <= $6 THEN $5 ELSE notification_contact.window_at END \
                         WHERE notification_contact.window_at <= $6 OR notification_contact.sends < $7",
                        params![employee_id.as_str(), sealed, hash, ends_at, now, day, limits::CONTACT_SENDS.get()],
                    )
                    .await?;
                if rows != 1 {
                    return Err(ContactError::TooMany);
                }
                enqueue(tx, message).await?;
                Ok(note(tx, &employee_id, "notification.contact_begun", serde_json::json!({})).await?)
            })
        })
        .await
}

/// Takes the code back. A try is charged before it is judged.
pub(super) async fn confirm(platform: &Platform, employee_id: &str, code: &str) -> Result<(), ContactError> {
    let code: String = code.chars().filter(char::is_ascii_digit).take(limits::OTP_DIGITS.size()).collect();
    let (hash, now) = (code_hash(platform, employee_id, &code), platform.now_ms());
    let most = limits::OTP_TRIES.get();
    let employee = employee_id.to_owned();
    let charged = platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.fetch_optional(
                    "UPDATE notification_contact SET code_tries = code_tries + 1 WHERE employee_id = $1 \
                     AND pending IS NOT NULL AND code_hash IS NOT NULL AND code_ends_at > $2 AND code_tries < $3 \
                     RETURNING code_tries, code_hash, pending",
                    params![employee, now, most],
                )
                .await
            })
        })
        .await?;
    let row = charged.ok_or(ContactError::NoCode)?;
    let expected = row.opt_bytes("code_hash")?.unwrap_or_default();
    if !keys::mac::eq(&expected, &hash) {
        return Err(ContactError::WrongCode { tries_left: (most - row.int("code_tries")?).max(0) });
    }
    let phone = open(platform, employee_id, &row, "pending")?.ok_or(ContactError::NoCode)?;
    let sealed = platform.sealer.seal(TABLE, "phone", employee_id, phone.as_bytes());
    let employee = employee_id.to_owned();
    platform
        .store
        .write::<_, ContactError, _>(move |tx| {
            Box::pin(async move {
                // The hash names the very code: another number that was begun meanwhile has another.
                let rows = tx
                    .execute(
                        "UPDATE notification_contact SET phone = $2, proven_at = $3, pending = NULL, code_hash = NULL \
                         WHERE employee_id = $1 AND code_hash = $4",
                        params![employee.as_str(), sealed, now, hash],
                    )
                    .await?;
                if rows != 1 {
                    return Err(ContactError::NoCode);
                }
                Ok(note(tx, &employee, "notification.contact_proven", serde_json::json!({})).await?)
            })
        })
        .await
}

/// Forgets the second phone. How often codes were sent stays counted.
pub(super) async fn remove(platform: &Platform, employee_id: &str) -> Result<(), StoreError> {
    let employee = employee_id.to_owned();
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                let rows = tx
                    .execute(
                        "UPDATE notification_contact SET phone = NULL, proven_at = NULL, pending = NULL, code_hash = NULL \
                         WHERE employee_id = $1 AND (phone IS NOT NULL OR pending IS NOT NULL)",
                        params![employee.as_str()],
                    )
                    .await?;
                if rows == 1 {
                    note(tx, &employee, "notification.contact_removed", serde_json::json!({})).await?;
                }
                Ok(())
            })
        })
        .await
}
