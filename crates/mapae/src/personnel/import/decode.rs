//! Bytes of a CSV file as UTF-8, whatever a Korean HR system wrote: UTF-8 with or without BOM, or CP949.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use encoding_rs::{CoderResult, Decoder, EUC_KR};

use crate::operations::limits;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf8WithBom,
    /// What Windows calls 949 and the web calls EUC-KR.
    Cp949,
}

impl Encoding {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8WithBom => "UTF-8 (BOM)",
            Self::Cp949 => "CP949",
        }
    }
}

/// What one pass over a file tells.
#[derive(Clone, Debug)]
pub struct Survey {
    pub bytes: u64,
    pub sha256: [u8; 32],
    pub encoding: Encoding,
}

const BOM: &[u8] = b"\xef\xbb\xbf";
const BLOCK: usize = 64 * 1_024;

/// Reads the file once: its hash (an interrupted import finds its place by it) and its encoding. A file that is valid
/// UTF-8 to its last byte is UTF-8; Korean text in CP949 never is by chance.
pub fn survey(path: &Path) -> io::Result<Survey> {
    let mut file = File::open(path)?;
    let mut hash = keys::Sha256::new();
    let mut block = vec![0_u8; BLOCK];
    let mut carry: Vec<u8> = Vec::new();
    let mut bytes = 0_u64;
    let mut utf8 = true;
    let mut bom = false;
    loop {
        let read = file.read(&mut block)?;
        let Some(new) = block.get(..read).filter(|new| !new.is_empty()) else { break };
        if bytes == 0 {
            bom = new.starts_with(BOM);
        }
        bytes += read as u64;
        if bytes > limits::IMPORT_FILE.get().unsigned_abs() {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the file is larger than an import may be",
            ));
        }
        hash.update(new);
        if utf8 {
            carry.extend_from_slice(new);
            let rest = match std::str::from_utf8(&carry) {
                Ok(_) => Vec::new(),
                Err(error) if error.error_len().is_none() => carry.split_off(error.valid_up_to()),
                Err(_) => {
                    utf8 = false;
                    Vec::new()
                }
            };
            carry = rest;
        }
    }
    let encoding = match (utf8 && carry.is_empty(), bom) {
        (true, true) => Encoding::Utf8WithBom,
        (true, false) => Encoding::Utf8,
        (false, _) => Encoding::Cp949,
    };
    Ok(Survey { bytes, sha256: hash.finish(), encoding })
}

/// A reader of UTF-8 over a file in `encoding`. Fails where a line grows beyond its bound, so that an unclosed quote
/// cannot swallow the file into memory.
pub(super) struct Utf8Reader {
    file: File,
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    /// Decoded bytes that are not handed out yet.
    ready: Vec<u8>,
    handed: usize,
    ended: bool,
    skip_bom: bool,
    since_record: Arc<AtomicUsize>,
}

impl Utf8Reader {
    pub(super) fn open(path: &Path, encoding: Encoding) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            decoder: (encoding == Encoding::Cp949).then(|| EUC_KR.new_decoder_without_bom_handling()),
            raw: vec![0; BLOCK],
            ready: Vec::new(),
            handed: 0,
            ended: false,
            skip_bom: encoding == Encoding::Utf8WithBom,
            since_record: Arc::default(),
        })
    }

    /// Bytes handed out since the parser last finished a record; the parser sets it back to 0.
    pub(super) fn since_record(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.since_record)
    }

    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.handed = 0;
        let read = self.file.read(&mut self.raw)?;
        let mut new = self.raw.get(..read).unwrap_or_default();
        self.ended = read == 0;
        if std::mem::take(&mut self.skip_bom) {
            new = new.strip_prefix(BOM).unwrap_or(new);
        }
        let Some(decoder) = &mut self.decoder else {
            self.ready.extend_from_slice(new);
            return Ok(());
        };
        let needed = decoder.max_utf8_buffer_length(new.len()).unwrap_or(4 * BLOCK);
        self.ready.resize(needed, 0);
        let (result, _, written, _) = decoder.decode_to_utf8(new, &mut self.ready, self.ended);
        debug_assert!(matches!(result, CoderResult::InputEmpty));
        // Bytes that are no CP949 come out as U+FFFD; the line parser refuses the row that holds one.
        self.ready.truncate(written);
        Ok(())
    }
}

impl Read for Utf8Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.handed == self.ready.len() && !self.ended {
            self.fill()?;
        }
        let rest = self.ready.get(self.handed..).unwrap_or_default();
        let count = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.handed += count;
        let since = self.since_record.fetch_add(count, Ordering::Relaxed) + count;
        // The parser reads ahead by its own buffer; the bound is for what one record may be beyond that.
        if since > limits::IMPORT_LINE.size() + 2 * BLOCK {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a line is too long; is a quote left open?",
            ));
        }
        Ok(count)
    }
}
