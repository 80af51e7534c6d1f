//! `mapae keys ceremony …`: the key-encryption key in n shares, of which m people bring it back.
//!
//! ```text
//! mapae-share-1:<needed>:<number>:<key check, 8 hex digits>:<share, base64url>:<check of this line, 8 hex digits>
//! ```
//!
//! One line a share, to be kept on paper or a stick of its own by one person each. The key check (the first bytes of a hash
//! of the whole key) tells shares of one key from those of another; the line's own check finds a slip of the pen. Neither
//! helps to guess 256 random bits.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use keys::encoding::{b64url_decode, b64url_encode, hex_encode};
use keys::seal::SealKey;
use keys::shamir::{self, Share};
use keys::{Zeroizing, sha256};

use super::hsm::SealKind;
use super::kek::{self, Kek};
use super::{Config, limits};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const PREFIX: &str = "mapae-share-1";

/// The ceremony's steps.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write one file a share: of the key file's key, or (--new) of a key that is made now and kept nowhere else.
    Split {
        /// How many shares.
        #[arg(long)]
        shares: u8,
        /// How many of them give the key back.
        #[arg(long)]
        needed: u8,
        /// Folder for share-1.txt, share-2.txt, …; hand each to one person, then remove it here.
        #[arg(long)]
        to: PathBuf,
        /// A new key, for a token.
        #[arg(long)]
        new: bool,
    },
    /// Join shares into the key file of the configuration, or (--into-token) into the token as its newest key-encryption
    /// key.
    Join {
        /// Files with one share each.
        #[arg(required = true)]
        shares: Vec<PathBuf>,
        /// Into the token; the key is nowhere else afterwards.
        #[arg(long)]
        into_token: bool,
    },
}

/// Why shares give no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    #[error("share {0} is no share, or was copied with a slip: compare it with its original")]
    Line(usize),
    #[error("the shares are of different keys")]
    Mixed,
    #[error("{needed} different shares are needed, {given} were given")]
    TooFew { needed: u8, given: usize },
    #[error("at least 2, at most as many as there are, and no more than {0} shares")]
    Numbers(i64),
}

/// Takes one step.
pub(super) fn run(command: Command, config: &Config) -> Result<(), AnyError> {
    match command {
        Command::Split { shares, needed, to, new } => {
            let key = if new {
                SealKey::generate()
            } else {
                let path = config.keys.file.clone();
                kek::read(&config.keys.file)?.ok_or(kek::KekError::Missing { path })?
            };
            let lines = split(&key, needed, shares)?;
            std::fs::create_dir_all(&to)?;
            for (number, line) in lines.iter().enumerate() {
                private(&to.join(format!("share-{}.txt", number + 1)), line)?;
            }
            println!("{} holds {shares} shares; any {needed} of them give the key back", to.display());
            Ok(())
        }
        Command::Join { shares, into_token } => {
            let mut lines = Vec::new();
            for path in &shares {
                lines.push(Zeroizing::new(std::fs::read_to_string(path)?));
            }
            let key = join(lines.iter().map(|line| line.as_str()))?;
            if into_token {
                let read = Kek::read_any(config)?;
                let hsm =
                    read.as_ref().and_then(Kek::token).ok_or("no token is configured: set hsm.module")?;
                let number = hsm.add_seal_key(SealKind::Kek, Some(&key.to_bytes()))?;
                println!("{} is in the token {}", SealKind::Kek.name(number), hsm.label());
            } else {
                kek::write(&config.keys.file, &key)?;
                println!("{} is made", config.keys.file.display());
            }
            Ok(())
        }
    }
}

/// The lines of the shares of a key.
///
/// # Errors
/// Numbers that can't be.
pub fn split(key: &SealKey, needed: u8, shares: u8) -> Result<Vec<Zeroizing<String>>, CeremonyError> {
    let most = limits::KEY_SHARES.get();
    let bytes = key.to_bytes();
    let split = shamir::split(bytes.as_slice(), needed, shares).ok().filter(|_| i64::from(shares) <= most);
    let check = check(&[b"mapae key\0", bytes.as_slice()].concat());
    let lines = split.ok_or(CeremonyError::Numbers(most))?.into_iter().map(|share| {
        let text = b64url_encode(&share.bytes);
        let line = Zeroizing::new(format!("{PREFIX}:{needed}:{}:{check}:{text}", share.number));
        Zeroizing::new(format!("{}:{}\n", *line, self::check(line.as_bytes())))
    });
    Ok(lines.collect())
}

/// The key of these shares.
///
/// # Errors
/// One that can't be read, those of several keys, too few.
pub fn join<'a>(lines: impl Iterator<Item = &'a str>) -> Result<SealKey, CeremonyError> {
    let mut shares: Vec<Share> = Vec::new();
    let mut head: Option<(u8, String)> = None;
    for (at, line) in lines.enumerate() {
        let (needed, check, share) = parse(line.trim()).ok_or(CeremonyError::Line(at + 1))?;
        match &head {
            Some(head) if *head != (needed, check.clone()) => return Err(CeremonyError::Mixed),
            _ => head = Some((needed, check)),
        }
        if !shares.iter().any(|known| known.number == share.number) {
            shares.push(share);
        }
    }
    let (needed, wanted) = head.ok_or(CeremonyError::TooFew { needed: 2, given: 0 })?;
    if shares.len() < usize::from(needed) {
        return Err(CeremonyError::TooFew { needed, given: shares.len() });
    }
    let joined = shamir::join(&shares).map_err(|_| CeremonyError::Mixed)?;
    let key =
        <[u8; 32]>::try_from(joined.as_slice()).map(Zeroizing::new).map_err(|_| CeremonyError::Mixed)?;
    if check(&[b"mapae key\0", key.as_slice()].concat()) != wanted {
        return Err(CeremonyError::Mixed);
    }
    Ok(SealKey::from_bytes(&key))
}

fn parse(line: &str) -> Option<(u8, String, Share)> {
    let (body, own) = line.rsplit_once(':')?;
    if check(body.as_bytes()) != own {
        return None;
    }
    let mut parts = body.strip_prefix(PREFIX)?.strip_prefix(':')?.split(':');
    let (needed, number) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (check, share) = (parts.next()?.to_owned(), b64url_decode(parts.next()?).ok()?);
    parts.next().is_none().then_some((needed, check, Share { number, bytes: Zeroizing::new(share) }))
}

fn check(bytes: &[u8]) -> String {
    hex_encode(sha256(bytes).get(..4).unwrap_or_default())
}

/// Writes a new file that only its owner reads.
pub(super) fn private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_five_people_bring_the_key_back_and_a_slip_of_the_pen_is_found() {
        let key = SealKey::generate();
        let lines = split(&key, 3, 5).expect("split");
        let line = |at: usize| lines[at].as_str();
        let joined = join([line(4), line(0), line(2)].into_iter()).expect("joined");
        assert_eq!(joined.to_bytes(), key.to_bytes());
        assert_eq!(join(lines.iter().map(|line| line.as_str())).expect("all").to_bytes(), key.to_bytes());

        let few = join([line(1), line(3), line(1)].into_iter()).expect_err("two people");
        assert_eq!(few, CeremonyError::TooFew { needed: 3, given: 2 });
        let slip = line(1).replacen(":2:", ":4:", 1);
        assert_eq!(join([line(0), &slip, line(2)].into_iter()).expect_err("slip"), CeremonyError::Line(2));
        let other = split(&SealKey::generate(), 3, 5).expect("split");
        let mixed = join([line(0), line(1), other[2].as_str()].into_iter()).expect_err("mixed");
        assert_eq!(mixed, CeremonyError::Mixed);
        assert_eq!(split(&key, 1, 5).expect_err("alone"), CeremonyError::Numbers(16));
        assert_eq!(split(&key, 2, 17).expect_err("many"), CeremonyError::Numbers(16));
        assert_eq!(
            join(std::iter::empty()).expect_err("none"),
            CeremonyError::TooFew { needed: 2, given: 0 }
        );
    }
}
