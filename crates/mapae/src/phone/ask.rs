//! Asking the person at the terminal. Without a terminal nothing is asked: the option that is missing is named.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use keys::Zeroizing;

use super::fault::PhoneError;
use crate::operations::Language;
use crate::operations::language;

/// Longest line or secret file that is read, in bytes.
const MAX_LINE: u64 = 1024;

/// What the person gave on the command line for a secret.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Given<'a> {
    pub(super) text: Option<&'a str>,
    pub(super) file: Option<&'a Path>,
}

/// A secret: from the option, its file, or a prompt that shows nothing.
pub(super) fn secret(
    language: Language,
    given: Given<'_>,
    prompt: &str,
    option: &'static str,
) -> Result<Zeroizing<String>, PhoneError> {
    if let Some(text) = given.text {
        return Ok(Zeroizing::new(text.to_owned()));
    }
    if let Some(file) = given.file {
        return from_file(file);
    }
    if !std::io::stdin().is_terminal() {
        return Err(PhoneError::Input(option));
    }
    let prompt = format!("{} ", language::text(language, prompt));
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| PhoneError::Input(option))
}

/// The first line of a file, without its end.
pub(super) fn from_file(file: &Path) -> Result<Zeroizing<String>, PhoneError> {
    let opened = std::fs::File::open(file).map_err(PhoneError::Folder)?;
    let mut line = Zeroizing::new(String::new());
    let mut reader = std::io::BufReader::new(std::io::Read::take(opened, MAX_LINE));
    reader.read_line(&mut line).map_err(PhoneError::Folder)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A line that may be seen: from the option or a prompt.
pub(super) fn line(
    language: Language,
    given: Option<&str>,
    prompt: &str,
    option: &'static str,
) -> Result<String, PhoneError> {
    if let Some(text) = given {
        return Ok(text.to_owned());
    }
    if !std::io::stdin().is_terminal() {
        return Err(PhoneError::Input(option));
    }
    eprint!("{} ", language::text(language, prompt));
    let _ = std::io::stderr().flush();
    let mut text = String::new();
    let mut reader = std::io::BufReader::new(std::io::Read::take(std::io::stdin(), MAX_LINE));
    reader.read_line(&mut text).map_err(|_| PhoneError::Input(option))?;
    Ok(text.trim().to_owned())
}

/// Yes or no; only a clear yes is one.
pub(super) fn yes(language: Language, given: bool, prompt: &str) -> Result<bool, PhoneError> {
    if given {
        return Ok(true);
    }
    let answer = line(language, None, prompt, "--yes")?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes" | "예" | "네" | "ㅇ"))
}
