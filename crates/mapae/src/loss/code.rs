//! The code that stops a badge without the phone: printed from the portal, kept as a keyed hash, 80 random bits.
//!
//! It names its owner by itself, so the public page asks for nothing else: no name, no number, nothing that could be
//! tried against the directory. It only stops; who finds the paper can annoy the holder and nothing more.

use std::net::IpAddr;

use super::LossError;
use crate::audit;
use crate::operations::store::{StoreError, params};
use crate::operations::{Platform, limits};

/// Crockford's alphabet: no I, L, O or U, so that a code can be read aloud and copied by hand.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code in four groups, as it is printed: `7K2M-…`.
fn draw() -> String {
    let bytes = keys::random::bytes::<16>();
    let mut code = String::with_capacity(19);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        code.extend(ALPHABET.get(usize::from(byte & 31)).map(|letter| char::from(*letter)));
    }
    code
}

/// What was typed, as it was printed: without dashes and spaces, with the letters that are taken for digits put right.
/// `None` if it can be no code.
fn typed(text: &str) -> Option<String> {
    if text.len() > limits::LOSS_CODE.size() {
        return None;
    }
    let mut code = String::with_capacity(16);
    for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        u8::try_from(letter).ok().filter(|byte| ALPHABET.contains(byte))?;
        code.push(letter);
    }
    (code.len() == 16).then_some(code)
}

fn hash(platform: &Platform, code: &str) -> Vec<u8> {
    platform.sealer.blind_index("loss-code", &code.replace('-', ""))
}

/// Makes a new code for a holder; the one before is worth nothing from here on. It is shown once and stored nowhere.
pub(super) async fn make(platform: &Platform, employee_id: &str) -> Result<String, StoreError> {
    let code = draw();
    let (hash, employee_id, now_ms) = (hash(platform, &code), employee_id.to_owned(), platform.now_ms());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO loss_code (employee_id, code_hash, made_at) VALUES ($1, $2, $3) \
                     ON CONFLICT (employee_id) DO UPDATE SET code_hash = $2, made_at = $3",
                    params![employee_id.as_str(), hash, now_ms],
                )
                .await?;
                let detail = serde_json::json!({});
                let act = "loss.code_made";
                let record = audit::Record {
                    actor: &employee_id,
                    duty: "applicant",
                    act,
                    subject: &employee_id,
                    detail,
                };
                audit::record(tx, record).await
            })
        })
        .await?;
    Ok(code)
}

/// When the holder's present code was made (ms).
pub(super) async fn made_at(platform: &Platform, employee_id: &str) -> Result<Option<i64>, StoreError> {
    let row = platform
        .store
        .fetch_optional("SELECT made_at FROM loss_code WHERE employee_id = $1", params![employee_id])
        .await?;
    row.map(|row| row.int("made_at")).transpose()
}

/// Whose code this is. Each try is charged to its source before it is judged; a right one is given back.
pub(super) async fn owner(platform: &Platform, text: &str, source: IpAddr) -> Result<String, LossError> {
    // One household or office behind IPv6 owns a /64.
    let network = match source {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            address.segments().iter().take(4).map(|part| format!("{part:x}:")).collect::<String>()
        }
    };
    let source = keys::encoding::hex_encode(&platform.sealer.blind_index("loss-source", &network));
    let hash = typed(text).map(|code| hash(platform, &code));
    let (now_ms, ends_at) = (platform.now_ms(), platform.now_ms() + limits::LOSS_WINDOW.get());
    platform
        .store
        .write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let row = tx
                    .fetch_one(
                        "INSERT INTO loss_throttle (source, tries, window_ends_at) VALUES ($1, 1, $2) \
                         ON CONFLICT (source) DO UPDATE SET \
                         tries = CASE WHEN loss_throttle.window_ends_at <= $3 THEN 1 ELSE loss_throttle.tries + 1 END, \
                         window_ends_at = CASE WHEN loss_throttle.window_ends_at <= $3 THEN $2 ELSE loss_throttle.window_ends_at END \
                         RETURNING tries, window_ends_at",
                        params![source.as_str(), ends_at, now_ms],
                    )
                    .await?;
                let tries_left = limits::LOSS_TRIES.get() - row.int("tries")?;
                if tries_left < 0 {
                    return Ok(Err(LossError::TooMany { retry_after_ms: row.int("window_ends_at")? - now_ms }));
                }
                let found = match hash {
                    Some(hash) => {
                        tx.fetch_optional("SELECT employee_id FROM loss_code WHERE code_hash = $1", params![hash])
                            .await?
                    }
                    None => None,
                };
                let Some(found) = found else { return Ok(Err(LossError::WrongCode { tries_left })) };
                tx.execute(
                    "UPDATE loss_throttle SET tries = tries - 1 WHERE source = $1 AND tries > 0",
                    params![source],
                )
                .await?;
                Ok(Ok(found.text("employee_id")?))
            })
        })
        .await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_copy_it() {
        let code = draw();
        assert_eq!(code.len(), 19, "{code}");
        let plain = code.replace('-', "");
        assert_eq!(typed(&code).as_deref(), Some(plain.as_str()));
        assert_eq!(
            typed(&format!(" {} ", code.to_lowercase().replace('-', " "))).as_deref(),
            Some(plain.as_str())
        );
        assert_eq!(typed("O0I1-LLLL-0000-1111").as_deref(), Some("0011111100001111"));
        for bad in [
            "",
            "0000-0000-0000-000",
            "0000-0000-0000-00000",
            "UUUU-0000-0000-0000",
            "가나다라-0000-0000-0000",
        ] {
            assert_eq!(typed(bad), None, "{bad}");
        }
        assert_eq!(typed(&"0".repeat(10_000)), None);
    }
}
