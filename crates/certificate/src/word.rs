//! The signed word in the QR code of a certificate: what it certifies, so that paper can be checked without a network.
//!
//! ```text
//! https://id.example/verify#BASE64URL(COSE_Sign1(ES256, kid, CBOR array))      at most 512 letters in all
//! ```
//!
//! It stands in the fragment of the address, which no browser sends to a server. The array is
//! `[1, kind, number, day of issue, day of birth, name, agency, department, rank, purpose, recipient, rows, digest]`: days
//! are counted from 1970-01-01; `rows` and `digest` are those of the table that a 경력증명서 has, whose rows themselves need
//! the PDF. A copied code still holds for the certificate it was made for: compare name, birth date and purpose.

use ciborium::Value;
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use keys::encoding::{b64url_decode, b64url_encode};
use keys::{PublicKey, Signature, Signer};

use crate::number::Number;

/// The most letters of the whole text in a QR code.
pub const MAX_TEXT: usize = 512;
/// What is signed beside the payload, so that no other signature of the key passes for one of these.
const CONTEXT: &[u8] = b"mapae certificate 1";
const FORMAT: u64 = 1;
/// Bytes of the key's name in the header: enough to tell the keys of one issuer apart.
const KEY_NAME: usize = 6;
/// Most letters of one text.
const MAX_LETTERS: usize = 120;

/// What a certificate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 재직증명서
    Employment,
    /// 경력증명서
    Career,
}

/// The rows of a table that does not fit into the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    pub count: u16,
    /// SHA-256 of the rows: cells ended by U+001F, rows by U+001E.
    pub digest: [u8; 32],
}

impl Rows {
    /// Of these rows.
    pub fn of(rows: &[Vec<String>]) -> Self {
        let mut text = String::new();
        for row in rows {
            for cell in row {
                text.push_str(cell);
                text.push('\u{1f}');
            }
            text.push('\u{1e}');
        }
        Self { count: u16::try_from(rows.len()).unwrap_or(u16::MAX), digest: keys::sha256(text.as_bytes()) }
    }
}

/// What the code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub kind: Kind,
    pub number: Number,
    /// Day of issue, in days from 1970-01-01.
    pub issued: i32,
    /// Day of birth, likewise.
    pub born: i32,
    pub name: String,
    pub agency: String,
    pub department: String,
    pub rank: String,
    pub purpose: String,
    pub recipient: String,
    pub rows: Option<Rows>,
}

/// Why a word was not made or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// It would not fit into a code that paper carries.
    #[error("the text is longer than {MAX_TEXT} letters")]
    Long,
    #[error("the key does not sign")]
    Sign,
    /// It is no word of a certificate, or a damaged one.
    #[error("this is no certificate's code")]
    Malformed,
    /// It was signed by none of the keys: a forgery, or an issuer that is not known here.
    #[error("signed by none of the known issuers")]
    Unknown,
    /// A known issuer's name stands on it, and the signature is not that issuer's: something was changed.
    #[error("the signature does not fit what it says")]
    Changed,
}

impl Word {
    /// The whole text of the QR code; `page` is the address of the page that checks.
    ///
    /// # Errors
    /// It is too long, or the key does not sign.
    pub fn text(&self, page: &str, signer: &dyn Signer) -> Result<String, WordError> {
        let mut payload = Vec::new();
        ciborium::into_writer(&self.value(), &mut payload).map_err(|_| WordError::Malformed)?;
        let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES256).key_id(name(signer.public_key()));
        let signed = CoseSign1Builder::new()
            .protected(header.build())
            .payload(payload)
            .try_create_signature(CONTEXT, |input| signer.sign(input).map(|made| made.to_bytes().to_vec()))
            .map_err(|_| WordError::Sign)?
            .build()
            .to_tagged_vec()
            .map_err(|_| WordError::Malformed)?;
        let text = format!("{page}#{}", b64url_encode(&signed));
        if text.len() > MAX_TEXT { Err(WordError::Long) } else { Ok(text) }
    }

    fn value(&self) -> Value {
        let texts = [&self.name, &self.agency, &self.department, &self.rank, &self.purpose, &self.recipient];
        let mut items = vec![
            Value::from(FORMAT),
            Value::from(match self.kind {
                Kind::Employment => 0_u64,
                Kind::Career => 1,
            }),
            Value::Bytes(self.number.as_bytes().to_vec()),
            Value::from(self.issued),
            Value::from(self.born),
        ];
        items.extend(texts.into_iter().map(|text| Value::from(text.as_str())));
        if let Some(rows) = &self.rows {
            items.extend([Value::from(rows.count), Value::Bytes(rows.digest.to_vec())]);
        }
        Value::Array(items)
    }

    /// What a scanned text says, if one of these keys signed it; with the place of the key.
    ///
    /// # Errors
    /// See [`WordError`].
    pub fn read(text: &str, known: &[PublicKey]) -> Result<(Self, usize), WordError> {
        if text.len() > MAX_TEXT {
            return Err(WordError::Malformed);
        }
        let fragment = text.split_once('#').map_or(text, |(_, fragment)| fragment);
        let bytes = b64url_decode(fragment).map_err(|_| WordError::Malformed)?;
        let signed = CoseSign1::from_tagged_slice(&bytes).map_err(|_| WordError::Malformed)?;
        let header = &signed.protected.header;
        let algorithm = coset::RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256);
        if header.alg != Some(algorithm) || !header.crit.is_empty() || !signed.unprotected.is_empty() {
            return Err(WordError::Malformed);
        }
        let word = signed.payload.as_deref().and_then(parse).ok_or(WordError::Malformed)?;
        let signature = Signature::from_bytes(&signed.signature).map_err(|_| WordError::Malformed)?;
        let input = signed.tbs_data(CONTEXT);
        let mut named = false;
        for (place, key) in known.iter().enumerate().filter(|(_, key)| name(key) == header.key_id) {
            named = true;
            if key.verify(&input, &signature).is_ok() {
                return Ok((word, place));
            }
        }
        Err(if named { WordError::Changed } else { WordError::Unknown })
    }
}

/// A day, counted from 1970-01-01, as `YYYY-MM-DD` (the proleptic Gregorian calendar).
pub fn day(days: i32) -> String {
    // Years begin in March, so that the leap day is the last of its year; 719 468 days lead there from 0000-03-01.
    let days = i64::from(days) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// How a key is named in the header: the beginning of the hash of its point.
fn name(key: &PublicKey) -> Vec<u8> {
    keys::sha256(key.as_sec1()).iter().copied().take(KEY_NAME).collect()
}

fn parse(payload: &[u8]) -> Option<Word> {
    let mut rest = payload;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, 4).ok()?;
    let mut items = value.into_array().ok().filter(|_| rest.is_empty())?.into_iter();
    let integer = |value: Value| value.into_integer().ok().map(i128::from);
    let text = |value: Value| value.into_text().ok().filter(|text| text.chars().count() <= MAX_LETTERS);
    if integer(items.next()?)? != i128::from(FORMAT) {
        return None;
    }
    let kind = match integer(items.next()?)? {
        0 => Kind::Employment,
        1 => Kind::Career,
        _ => return None,
    };
    let number = Number::from_bytes(items.next()?.into_bytes().ok()?.try_into().ok()?);
    let (issued, born) = (integer(items.next()?)?, integer(items.next()?)?);
    let word = Word {
        kind,
        number,
        issued: i32::try_from(issued).ok()?,
        born: i32::try_from(born).ok()?,
        name: text(items.next()?)?,
        agency: text(items.next()?)?,
        department: text(items.next()?)?,
        rank: text(items.next()?)?,
        purpose: text(items.next()?)?,
        recipient: text(items.next()?)?,
        rows: match (items.next(), items.next()) {
            (None, None) => None,
            (Some(count), Some(digest)) => Some(Rows {
                count: u16::try_from(integer(count)?).ok()?,
                digest: digest.into_bytes().ok()?.try_into().ok()?,
            }),
            _ => return None,
        },
    };
    items.next().is_none().then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keys::SecretKey;

    const PAGE: &str = "https://id.example/verify";

    fn word() -> Word {
        Word {
            kind: Kind::Employment,
            number: Number::random(),
            issued: 20_787,
            born: 7_305,
            name: "예시 김공무".to_owned(),
            agency: "예시행정부".to_owned(),
            department: "디지털정책과".to_owned(),
            rank: "행정주사".to_owned(),
            purpose: "금융기관 제출".to_owned(),
            recipient: "예시은행".to_owned(),
            rows: None,
        }
    }

    #[test]
    fn a_word_is_read_with_the_key_that_signed_it() {
        let (other, key) = (SecretKey::generate(), SecretKey::generate());
        let career = Word { kind: Kind::Career, rows: Some(Rows::of(&[vec!["가".to_owned()]])), ..word() };
        for word in [word(), career] {
            let text = word.text(PAGE, &key).unwrap();
            assert!(text.len() <= 420, "{}", text.len());
            let known = [other.public_key().clone(), key.public_key().clone()];
            assert_eq!(Word::read(&text, &known), Ok((word, 1)));
            assert_eq!(Word::read(&text, &known[..1]), Err(WordError::Unknown));
        }
    }

    #[test]
    fn days_are_written_as_the_calendar_has_them() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_787, "2026-11-30"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day(days), text);
        }
    }

    #[test]
    fn no_changed_letter_passes() {
        let key = SecretKey::generate();
        let known = [key.public_key().clone()];
        let text = word().text(PAGE, &key).unwrap();
        let start = text.find('#').unwrap() + 1;
        let bytes = b64url_decode(&text[start..]).unwrap();
        let mut changed = 0;
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let refused = Word::read(&b64url_encode(&wrong), &known);
            changed += usize::from(refused == Err(WordError::Changed));
            assert!(refused.is_err(), "bit {bit}");
        }
        assert!(changed > 500, "a changed fact is told as changed: {changed}");
        for wrong in ["", "#", "https://id.example/verify#AAAA", &"A".repeat(600)] {
            assert_eq!(Word::read(wrong, &known), Err(WordError::Malformed));
        }
    }

    #[test]
    fn a_signature_for_another_purpose_is_none_for_a_certificate() {
        let key = SecretKey::generate();
        let mut payload = Vec::new();
        ciborium::into_writer(&word().value(), &mut payload).unwrap();
        let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES256).key_id(name(key.public_key()));
        let signed = CoseSign1Builder::new()
            .protected(header.build())
            .payload(payload)
            .try_create_signature(b"", |input| key.sign(input).map(|made| made.to_bytes().to_vec()));
        let text = b64url_encode(&signed.unwrap().build().to_tagged_vec().unwrap());
        assert_eq!(Word::read(&text, &[key.public_key().clone()]), Err(WordError::Changed));
    }

    #[test]
    fn what_paper_cannot_carry_is_refused() {
        let key = SecretKey::generate();
        let long = Word { purpose: "가".repeat(100), ..word() };
        assert_eq!(long.text(PAGE, &key), Err(WordError::Long));
    }

    #[test]
    fn rows_that_differ_have_another_digest() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = Rows::of(&[row(&["가", "나"]), row(&["다"])]);
        assert_eq!(rows.count, 2);
        for other in [vec![row(&["가나", ""]), row(&["다"])], vec![row(&["가", "나", "다"])], vec![]] {
            assert_ne!(Rows::of(&other).digest, rows.digest);
        }
    }
}
