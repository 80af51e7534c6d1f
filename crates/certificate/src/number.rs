//! The number of a document (문서확인번호): 80 random bits in Crockford's base 32 and his check character.
//!
//! Nobody guesses one, and a wrong letter or two swapped neighbours are found before anybody is asked. Upper and lower case
//! are the same, `O` is read as `0`, `I` and `L` as `1`; hyphens and spaces are for the eye.

use std::fmt;

const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
/// Letters that carry the 80 bits; one more checks them.
const LETTERS: usize = 16;

/// A document's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number([u8; 10]);

/// The text is no document number: a letter is wrong, or the check character does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no document number: a letter is wrong or missing")]
pub struct NotANumber;

impl Number {
    /// A new one.
    pub fn random() -> Self {
        Self(keys::random::bytes())
    }

    /// The number of these bits.
    pub const fn from_bytes(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// Its bits.
    pub const fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    /// Reads what somebody typed.
    ///
    /// # Errors
    /// A letter is wrong or missing.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        let mut digits = [0_u8; LETTERS + 1];
        let mut count = 0;
        for letter in text.bytes().filter(|letter| !matches!(letter, b'-' | b' ')) {
            let place = digits.get_mut(count).ok_or(NotANumber)?;
            *place = value(letter).ok_or(NotANumber)?;
            count += 1;
        }
        let (letters, check) = digits.split_at(LETTERS);
        if count != LETTERS + 1 || letters.iter().any(|digit| *digit >= 32) {
            return Err(NotANumber);
        }
        let bits = letters.iter().fold(0_u128, |bits, digit| (bits << 5) | u128::from(*digit));
        if check.first().copied().map(u128::from) != Some(bits % 37) {
            return Err(NotANumber);
        }
        let mut bytes = [0; 10];
        for (byte, from) in bytes.iter_mut().zip(bits.to_be_bytes().iter().skip(6)) {
            *byte = *from;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let letter = |digit: u128| ALPHABET.get(digit as usize).copied().unwrap_or(b'?') as char;
        for place in 0..LETTERS {
            if place > 0 && place % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter((bits >> (5 * (LETTERS - 1 - place))) & 31))?;
        }
        write!(f, "-{}", letter(bits % 37))
    }
}

/// Not told: who has the number may look at the document.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(…)")
    }
}

fn value(letter: u8) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let place = ALPHABET.iter().position(|known| *known == letter)?;
    u8::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_back_however_it_is_typed() {
        for _ in 0..200 {
            let number = Number::random();
            let text = number.to_string();
            assert_eq!(text.len(), 21, "{text}");
            assert_eq!(Number::parse(&text), Ok(number));
            assert_eq!(Number::parse(&text.to_lowercase().replace('-', " ")), Ok(number));
            assert_eq!(Number::parse(&text.replace('0', "o").replace('1', "l")), Ok(number));
        }
        assert_eq!(Number([0; 10]).to_string(), "0000-0000-0000-0000-0");
        assert_eq!(Number([255; 10]).to_string(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-~");
    }

    #[test]
    fn one_wrong_letter_and_two_swapped_neighbours_are_found() {
        let text = Number::random().to_string().replace('-', "");
        for place in 0..text.len() {
            for letter in ALPHABET {
                let mut wrong = text.clone().into_bytes();
                if wrong[place] == *letter {
                    continue;
                }
                wrong[place] = *letter;
                assert_eq!(Number::parse(std::str::from_utf8(&wrong).unwrap()), Err(NotANumber));
            }
        }
        for place in 1..text.len() {
            let mut swapped = text.clone().into_bytes();
            swapped.swap(place - 1, place);
            if swapped != text.as_bytes() {
                assert_eq!(Number::parse(std::str::from_utf8(&swapped).unwrap()), Err(NotANumber));
            }
        }
        for wrong in ["", "-", "0", "0000-0000-0000-0000", "0000-0000-0000-0000-00", "가000-0000-0000-0000-0"]
        {
            assert_eq!(Number::parse(wrong), Err(NotANumber), "{wrong}");
        }
    }
}
