//! Checkpoints: the size and root of the tree as a signed note (C2SP tlog-checkpoint, signed-note type 0x01, Ed25519).
//!
//! ```text
//! badge.example/audit                                  origin, which is also the key's name
//! 20852163                                             size of the tree
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=          root, base64
//!
//! — badge.example/audit Az3grlgtzPICa5OS8npVmf1Myq/…    key id and signature, base64
//! ```

use keys::ed25519::{self, Ed25519Key};
use keys::encoding::{b64_decode, b64_encode, hex_decode, hex_encode};

use super::tree::Hash;

/// Signature type of Ed25519 in a signed note.
const ED25519: u8 = 1;
/// A longer note is none of ours.
const MOST_BYTES: usize = 4_096;

/// Size and root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// Why a note is no checkpoint of this log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoteError {
    #[error("it is no checkpoint")]
    Malformed,
    #[error("it is the checkpoint of another log")]
    Origin,
    #[error("it is not signed by the log's key")]
    Signature,
}

/// Name and public key of a log, as its readers write it down: `name+id+key` (C2SP signed-note verifier key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogKey {
    origin: String,
    public_key: [u8; 32],
}

impl LogKey {
    pub(super) fn new(origin: &str, key: &Ed25519Key) -> LogKey {
        LogKey { origin: origin.to_owned(), public_key: key.public_key() }
    }

    /// Reads what [`Self::text`] wrote; nothing if it is none or its id belongs to another key.
    pub(super) fn parse(text: &str) -> Option<LogKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (origin, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = b64_decode(key).ok()?;
        let (kind, public_key) = key.split_first()?;
        let public_key: [u8; 32] = public_key.try_into().ok()?;
        let read = LogKey { origin: origin.to_owned(), public_key };
        let ours = *kind == ED25519 && hex_decode(id).ok()? == read.id() && is_name(origin);
        ours.then_some(read)
    }

    /// The text that a reader keeps.
    pub(super) fn text(&self) -> String {
        let key = [&[ED25519], self.public_key.as_slice()].concat();
        format!("{}+{}+{}", self.origin, hex_encode(&self.id()), b64_encode(&key))
    }

    fn id(&self) -> [u8; 4] {
        let named = [self.origin.as_bytes(), b"\n", &[ED25519], &self.public_key].concat();
        let [a, b, c, d, ..] = keys::sha256(&named);
        [a, b, c, d]
    }

    /// Signs a checkpoint of this log.
    pub(super) fn sign(&self, key: &Ed25519Key, checkpoint: &Checkpoint) -> String {
        let text = self.body(checkpoint);
        let signature = [self.id().as_slice(), &key.sign(text.as_bytes())].concat();
        format!("{text}\n\u{2014} {} {}\n", self.origin, b64_encode(&signature))
    }

    fn body(&self, checkpoint: &Checkpoint) -> String {
        format!("{}\n{}\n{}\n", self.origin, checkpoint.size, b64_encode(&checkpoint.root))
    }

    /// Reads a note and checks that this log signed it. Signatures by keys that are not known are passed over.
    pub(super) fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        if note.len() > MOST_BYTES {
            return Err(NoteError::Malformed);
        }
        // The last empty line parts text and signatures.
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)? + 1;
        let (text, signatures) = note.split_at_checked(split).ok_or(NoteError::Malformed)?;
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err(NoteError::Malformed);
        };
        if origin != self.origin {
            return Err(NoteError::Origin);
        }
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let root = b64_decode(root).ok().and_then(|root| root.try_into().ok());
        let (Some(size), Some(root)) = (number, root) else { return Err(NoteError::Malformed) };
        let ours = signatures.lines().filter_map(|line| {
            let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let bytes = b64_decode(signature).ok()?;
            let (id, signature) = bytes.split_at_checked(4)?;
            (name == self.origin && id == self.id()).then(|| signature.to_vec())
        });
        let mut seen = false;
        for signature in ours {
            ed25519::verify(&self.public_key, text.as_bytes(), &signature)
                .map_err(|_| NoteError::Signature)?;
            seen = true;
        }
        if seen { Ok(Checkpoint { size, root }) } else { Err(NoteError::Signature) }
    }
}

/// A key's name holds no space and no plus.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (Ed25519Key, LogKey, Checkpoint) {
        let key = Ed25519Key::from_seed(&[3; 32]).unwrap();
        let log = LogKey::new("badge.example/audit", &key);
        (key, log, Checkpoint { size: 42, root: [9; 32] })
    }

    #[test]
    fn a_checkpoint_is_read_back_and_its_key_too() {
        let (key, log, checkpoint) = log();
        let note = log.sign(&key, &checkpoint);
        assert!(note.starts_with("badge.example/audit\n42\nCQkJ"), "{note}");
        assert_eq!(LogKey::parse(&log.text()), Some(log.clone()));
        assert_eq!(log.open(&note), Ok(checkpoint));
    }

    #[test]
    fn signatures_of_others_are_passed_over_and_one_of_ours_is_needed() {
        let (key, log, checkpoint) = log();
        let note = log.sign(&key, &checkpoint);
        let (text, signature) = note.split_once("\n\n").unwrap();
        let witness = "\u{2014} witness.example AAAAAAAA\n";
        assert_eq!(log.open(&format!("{text}\n\n{witness}{signature}")), Ok(checkpoint));
        assert_eq!(log.open(&format!("{text}\n\n{witness}")), Err(NoteError::Signature));
    }

    #[test]
    fn what_was_changed_or_belongs_to_another_log_is_refused() {
        let (key, log, checkpoint) = log();
        let note = log.sign(&key, &checkpoint);
        assert_eq!(log.open(&note.replace("\n42\n", "\n43\n")), Err(NoteError::Signature));
        assert_eq!(log.open(&note.replace("\n42\n", "\n042\n")), Err(NoteError::Malformed));
        assert_eq!(log.open(&note.replacen("badge", "other", 1)), Err(NoteError::Origin));
        assert_eq!(log.open(""), Err(NoteError::Malformed));
        assert_eq!(log.open(&"a\n".repeat(5_000)), Err(NoteError::Malformed));
        let other = Ed25519Key::from_seed(&[4; 32]).unwrap();
        let forged = LogKey::new("badge.example/audit", &other).sign(&other, &checkpoint);
        assert_eq!(log.open(&forged), Err(NoteError::Signature), "another key of the same name");
        for bad in ["", "a+b", "badge.example/audit+00000000+AQID", &log.text().replace("audit", "bericht")] {
            assert_eq!(LogKey::parse(bad), None, "{bad}");
        }
    }
}
