//! What the issuer is made of and does not change while the server runs: the credential types and the issuing key's
//! header, read and encoded once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use credential::types::{CredentialType, Format, TypeFileError};
use credential::{mdoc, sd_jwt};

/// The name of the badge's credential type and of its SD-JWT VC configuration.
pub const BADGE: &str = "badge";
/// The configuration of the badge as a mobile document.
pub const BADGE_MDOC: &str = "badge-mdoc";

/// The badge's credential type file, unless the configuration names another.
const BADGE_FILE: &str = include_str!("../../types/badge.toml");

/// Credential types that come with Mapae beside the badge, by the name of their file.
const COME_WITH: [(&str, &str); 2] = [
    ("types/employment-certificate.toml", include_str!("../../types/employment-certificate.toml")),
    ("types/career-certificate.toml", include_str!("../../types/career-certificate.toml")),
];
/// Most types of one issuer.
const MAX_TYPES: usize = 100;
/// The largest type file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;
/// Most changes of the folder of types that a running server takes in; then it has to be started again.
const MAX_GENERATIONS: usize = 200;

/// Why the issuer can't start.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The type file cannot be read.
    #[error("cannot read the credential type file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The type file is broken.
    #[error("{file}, {source}")]
    Type {
        /// The file.
        file: String,
        /// Line and reason.
        source: TypeFileError,
    },
    /// The type file describes another type.
    #[error("{file}: `id` must be \"badge\"")]
    Name {
        /// The file.
        file: String,
    },
    /// The type bears a name that another has.
    #[error("{file}: `{name}` is the name of another type")]
    Taken {
        /// The file.
        file: String,
        /// Its id, `vct` or document type.
        name: String,
    },
    /// Nobody could ask for it.
    #[error("{file}: a type beside the badge needs `[apply]`")]
    Apply {
        /// The file.
        file: String,
    },
    /// There are too many.
    #[error("{0} credential types at most")]
    Many(usize),
}

/// The issuer's desk: types, issuing DID, issuing key.
#[derive(Debug)]
pub struct Desk {
    badge: CredentialType,
    others: Vec<CredentialType>,
    issuer: sd_jwt::Issuer,
    document_issuer: mdoc::Issuer,
    did: String,
    /// What the folder of types held when it was read.
    seen: Seen,
}

/// Name, size and time of each file in the folder of types.
pub(super) type Seen = Vec<(OsString, u64, Option<SystemTime>)>;

impl Desk {
    /// Reads the type files and encodes the issuing key's header.
    ///
    /// `base_url` is the public base URL, which is also `iss` and the credential issuer identifier; `chain` is the
    /// issuing key's certificate chain, leaf first, without the root.
    pub fn new(settings: &super::Settings, base_url: &str, chain: &[Vec<u8>]) -> Result<Self, DeskError> {
        let seen = seen(&settings.types);
        let (badge, others) = types(settings, base_url)?;
        let did =
            if settings.issuing_did.is_empty() { did_web(base_url) } else { settings.issuing_did.clone() };
        let issuer = sd_jwt::Issuer::new(base_url, &format!("{did}#issuer"), chain);
        let document_issuer = mdoc::Issuer::new(chain);
        Ok(Self { badge, others, issuer, document_issuer, did, seen })
    }

    /// The badge's credential type.
    pub fn badge(&self) -> &CredentialType {
        &self.badge
    }

    /// The types that officials ask for beside the badge, in the order of their files.
    pub fn others(&self) -> &[CredentialType] {
        &self.others
    }

    /// Every type, the badge first.
    pub fn types(&self) -> impl Iterator<Item = &CredentialType> {
        std::iter::once(&self.badge).chain(&self.others)
    }

    /// The type of that id.
    pub fn kind(&self, id: &str) -> Option<&CredentialType> {
        self.types().find(|kind| kind.id == id)
    }

    /// Every name that a type of this issuer has: each `vct` and document type.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        self.types().flat_map(CredentialType::type_names)
    }

    /// The DID that badges are issued under.
    pub fn did(&self) -> &str {
        &self.did
    }

    /// The issuing key's encoded header.
    pub(super) fn issuer(&self) -> &sd_jwt::Issuer {
        &self.issuer
    }

    /// The same for mobile documents.
    pub(super) fn document_issuer(&self) -> &mdoc::Issuer {
        &self.document_issuer
    }

    /// What a type is offered in, one configuration for each format of its file.
    pub(super) fn configurations_of(kind: &CredentialType) -> impl Iterator<Item = (String, Format)> {
        kind.formats.iter().map(|format| (configuration(kind, *format), *format))
    }

    /// Every configuration, those of the badge first.
    pub(super) fn configurations(&self) -> impl Iterator<Item = (String, &CredentialType, Format)> {
        self.types()
            .flat_map(|kind| Self::configurations_of(kind).map(move |(id, format)| (id, kind, format)))
    }

    /// Type and format of a configuration, if it is one of ours.
    pub(super) fn configured(&self, configuration: &str) -> Option<(&CredentialType, Format)> {
        self.configurations().find(|(id, ..)| id == configuration).map(|(_, kind, format)| (kind, format))
    }

    /// The most keys of one request: what the metadata publishes as batch size.
    pub(super) fn batch_size(&self) -> u16 {
        self.configurations().map(|(_, kind, format)| kind.batch.copies(format)).max().unwrap_or(1)
    }

    /// Whether the folder of types holds something else by now.
    pub(super) fn is_outdated(&self, settings: &super::Settings) -> bool {
        self.seen != seen(&settings.types)
    }
}

/// The desk as it was read first, and each time that the folder of types changed since. Whoever looked at an earlier one
/// goes on with it: what a request began with holds to its end.
#[derive(Debug)]
pub(super) struct Generation {
    desk: Desk,
    next: OnceLock<Box<Generation>>,
}

impl Generation {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk, next: OnceLock::new() }
    }

    fn last(&self) -> (&Self, usize) {
        let (mut at, mut count) = (self, 1);
        while let Some(next) = at.next.get() {
            (at, count) = (next, count + 1);
        }
        (at, count)
    }

    /// The newest desk.
    pub(super) fn desk(&self) -> &Desk {
        &self.last().0.desk
    }

    /// Puts a newer one in its place; not for ever, since none is given back.
    pub(super) fn follow(&self, desk: Desk) -> Result<(), DeskError> {
        let (last, count) = self.last();
        if count >= MAX_GENERATIONS {
            return Err(DeskError::Many(MAX_GENERATIONS));
        }
        // Only the one worker follows.
        let _ = last.next.set(Box::new(Self::new(desk)));
        Ok(())
    }
}

/// The id of a type's configuration: the type's own for an SD-JWT VC.
fn configuration(kind: &CredentialType, format: Format) -> String {
    match format {
        Format::SdJwtVc => kind.id.clone(),
        Format::Mdoc => format!("{}-mdoc", kind.id),
    }
}

fn seen(folder: &Path) -> Seen {
    let mut seen: Seen = files(folder)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|path| {
            let about = path.metadata().ok()?;
            Some((path.file_name()?.to_owned(), about.len(), about.modified().ok()))
        })
        .collect();
    seen.sort();
    seen
}

/// The type files of a folder, by name; none where no folder is configured.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DeskError> {
    if folder.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| DeskError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            files.push(path);
        }
        if files.len() > MAX_TYPES {
            return Err(DeskError::Many(MAX_TYPES));
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, DeskError> {
    let failed = |source| DeskError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::FileTooLarge)));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(file: &str, text: &str, base_url: &str) -> Result<CredentialType, DeskError> {
    CredentialType::parse(text, base_url).map_err(|source| DeskError::Type { file: file.to_owned(), source })
}

/// Reads and checks every type file: the badge, and those beside it.
///
/// # Errors
/// One is missing or broken; the error names file, line and reason.
pub(super) fn types(
    settings: &super::Settings,
    base_url: &str,
) -> Result<(CredentialType, Vec<CredentialType>), DeskError> {
    let path = &settings.badge_type;
    let (file, text) = if path.as_os_str().is_empty() {
        ("types/badge.toml".to_owned(), BADGE_FILE.to_owned())
    } else {
        (path.display().to_string(), read(path)?)
    };
    let badge = parse(&file, &text, base_url)?;
    if badge.id != BADGE {
        return Err(DeskError::Name { file });
    }
    let mut others: Vec<CredentialType> = Vec::new();
    let come_with = COME_WITH.iter().map(|(file, text)| Ok(((*file).to_owned(), (*text).to_owned())));
    let found = files(&settings.types)?;
    let found = found.iter().map(|path| Ok((path.display().to_string(), read(path)?)));
    for one in come_with.chain(found) {
        let (file, text) = one?;
        let kind = parse(&file, &text, base_url)?;
        if kind.apply.is_none() {
            return Err(DeskError::Apply { file });
        }
        let known = || std::iter::once(&badge).chain(&others);
        let taken = names(&kind).into_iter().find(|name| known().any(|other| names(other).contains(name)));
        if let Some(name) = taken {
            return Err(DeskError::Taken { file, name });
        }
        others.push(kind);
    }
    Ok((badge, others))
}

/// Everything a type is called by.
fn names(kind: &CredentialType) -> Vec<String> {
    let formats = [Format::SdJwtVc, Format::Mdoc].map(|format| configuration(kind, format));
    formats.into_iter().chain([kind.vct.clone()]).chain(kind.doctype.clone()).collect()
}

/// The did:web of a base URL (did:web method §3.2): host, port as `%3A`, path segments after colons.
fn did_web(base_url: &str) -> String {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest).trim_end_matches('/');
    let mut segments = rest.split('/');
    let host = segments.next().unwrap_or_default().replace(':', "%3A");
    segments.fold(format!("did:web:{host}"), |did, segment| format!("{did}:{segment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_type_file_is_told_with_file_line_and_reason() {
        let folder = std::env::temp_dir().join(format!("mapae-type-{}", crate::operations::id::new()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("badge.toml");
        let settings = crate::issuance::Settings { badge_type: file.clone(), ..Default::default() };
        let told = || types(&settings, "https://id.example").unwrap_err().to_string();
        assert!(told().starts_with("cannot read the credential type file"), "{}", told());
        std::fs::write(&file, BADGE_FILE.replace("sd-jwt-copies = 20", "sd-jwt-copies = 0")).unwrap();
        let line = BADGE_FILE.lines().position(|line| line == "[batch]").unwrap() + 1;
        assert!(told().contains(&format!("badge.toml, line {line}: a batch has")), "{}", told());
        std::fs::write(&file, BADGE_FILE.replace("id = \"badge\"", "id = \"pass\"")).unwrap();
        assert!(told().ends_with("`id` must be \"badge\""), "{}", told());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_of_types_is_read_whole_and_a_name_is_given_once() {
        let folder = std::env::temp_dir().join(format!("mapae-types-{}", crate::operations::id::new()));
        std::fs::create_dir_all(&folder).unwrap();
        let settings = crate::issuance::Settings { types: folder.clone(), ..Default::default() };
        let sample = include_str!("../../../../docs/examples/credential-types/example-honorary.toml");
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let told = || types(&settings, "https://id.example").unwrap_err().to_string();
        let before = seen(&folder);
        write("notes.txt", "no type file");
        assert_eq!(types(&settings, "https://id.example").unwrap().1.len(), COME_WITH.len());
        write("honorary.toml", sample);
        let (_, others) = types(&settings, "https://id.example").unwrap();
        assert_eq!(others.last().unwrap().vct, "https://id.example/types/example-honorary");
        assert_ne!(seen(&folder), before);
        write("second.toml", sample);
        assert!(
            told().ends_with("second.toml: `example-honorary` is the name of another type"),
            "{}",
            told()
        );
        write("second.toml", &BADGE_FILE.replace("badge", "pass"));
        assert!(told().ends_with("second.toml: a type beside the badge needs `[apply]`"), "{}", told());
        write("second.toml", &sample.replace("longest = 60", "longest = 6000"));
        let line = sample.lines().position(|line| line.contains("[\"reason\"]")).unwrap() + 1;
        assert!(told().contains(&format!("second.toml, line {line}: `longest` is 1 to 500")), "{}", told());
        write("second.toml", &" ".repeat(70_000));
        assert!(told().starts_with("cannot read the credential type file"), "{}", told());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(told().starts_with("cannot read the credential type file"), "{}", told());
    }

    #[test]
    fn a_newer_desk_takes_the_place_of_the_old_one_which_stays_good() {
        let settings = crate::issuance::Settings::default();
        let desk = || Desk::new(&settings, "https://id.example", &[]).unwrap();
        let first = Generation::new(desk());
        let old = first.desk();
        for _ in 1..MAX_GENERATIONS {
            first.follow(desk()).unwrap();
        }
        assert!(!std::ptr::eq(old, first.desk()));
        assert_eq!(old.badge(), first.desk().badge());
        assert!(matches!(first.follow(desk()), Err(DeskError::Many(MAX_GENERATIONS))));
    }

    #[test]
    fn the_did_of_a_base_url_is_its_did_web() {
        assert_eq!(did_web("http://localhost:8600"), "did:web:localhost%3A8600");
        assert_eq!(did_web("https://id.example.kr/"), "did:web:id.example.kr");
        assert_eq!(did_web("https://id.example.kr/a/b"), "did:web:id.example.kr:a:b");
    }
}
