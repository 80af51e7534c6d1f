//! What the issuer is made of and does not change while the server runs: the credential types and the issuing key's
//! header, read and encoded once.

use credential::types::{CredentialType, Format, TypeFileError};
use credential::{mdoc, sd_jwt};

/// The name of the badge's credential type and of its SD-JWT VC configuration.
pub const BADGE: &str = "badge";
/// The configuration of the badge as a mobile document.
pub const BADGE_MDOC: &str = "badge-mdoc";

/// The badge's credential type file, unless the configuration names another.
const BADGE_FILE: &str = include_str!("../../types/badge.toml");

/// Why the issuer can't start.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The type file cannot be read.
    #[error("cannot read the credential type file {path}: {source}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
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
}

/// The issuer's desk: types, issuing DID, issuing key.
#[derive(Debug)]
pub struct Desk {
    badge: CredentialType,
    issuer: sd_jwt::Issuer,
    document_issuer: mdoc::Issuer,
    did: String,
}

impl Desk {
    /// Reads the type file and encodes the issuing key's header.
    ///
    /// `base_url` is the public base URL, which is also `iss` and the credential issuer identifier; `chain` is the
    /// issuing key's certificate chain, leaf first, without the root.
    pub fn new(settings: &super::Settings, base_url: &str, chain: &[Vec<u8>]) -> Result<Self, DeskError> {
        let badge = badge_type(settings, base_url)?;
        let did =
            if settings.issuing_did.is_empty() { did_web(base_url) } else { settings.issuing_did.clone() };
        let issuer = sd_jwt::Issuer::new(base_url, &format!("{did}#issuer"), chain);
        let document_issuer = mdoc::Issuer::new(chain);
        Ok(Self { badge, issuer, document_issuer, did })
    }

    /// The badge's credential type.
    pub fn badge(&self) -> &CredentialType {
        &self.badge
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

    /// The configurations that a badge is offered in, one for each format of its type file.
    pub(super) fn configurations(&self) -> impl Iterator<Item = (&'static str, Format)> {
        [(BADGE, Format::SdJwtVc), (BADGE_MDOC, Format::Mdoc)]
            .into_iter()
            .filter(|(_, format)| self.badge.is_issued_as(*format))
    }

    /// The format of a configuration, if it is one of ours.
    pub(super) fn format(&self, configuration: &str) -> Option<Format> {
        self.configurations().find(|(id, _)| *id == configuration).map(|(_, format)| format)
    }

    /// The most keys of one request: what the metadata publishes as batch size.
    pub(super) fn batch_size(&self) -> u16 {
        let copies = |(_, format)| self.badge.batch.copies(format);
        self.configurations().map(copies).max().unwrap_or(1)
    }
}

/// Reads and checks the badge's type file.
///
/// # Errors
/// It is missing or broken; the error names file, line and reason.
pub(super) fn badge_type(settings: &super::Settings, base_url: &str) -> Result<CredentialType, DeskError> {
    let path = &settings.badge_type;
    let (file, text) = if path.as_os_str().is_empty() {
        ("types/badge.toml".to_owned(), BADGE_FILE.to_owned())
    } else {
        let text =
            std::fs::read_to_string(path).map_err(|source| DeskError::Read { path: path.clone(), source })?;
        (path.display().to_string(), text)
    };
    let badge = CredentialType::parse(&text, base_url)
        .map_err(|source| DeskError::Type { file: file.clone(), source })?;
    if badge.id == BADGE { Ok(badge) } else { Err(DeskError::Name { file }) }
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
        let told = || badge_type(&settings, "https://id.example").unwrap_err().to_string();
        assert!(told().starts_with("cannot read the credential type file"), "{}", told());
        std::fs::write(&file, BADGE_FILE.replace("sd-jwt-copies = 20", "sd-jwt-copies = 0")).unwrap();
        let line = BADGE_FILE.lines().position(|line| line == "[batch]").unwrap() + 1;
        assert!(told().contains(&format!("badge.toml, line {line}: a batch has")), "{}", told());
        std::fs::write(&file, BADGE_FILE.replace("id = \"badge\"", "id = \"pass\"")).unwrap();
        assert!(told().ends_with("`id` must be \"badge\""), "{}", told());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_did_of_a_base_url_is_its_did_web() {
        assert_eq!(did_web("http://localhost:8600"), "did:web:localhost%3A8600");
        assert_eq!(did_web("https://id.example.kr/"), "did:web:id.example.kr");
        assert_eq!(did_web("https://id.example.kr/a/b"), "did:web:id.example.kr:a:b");
    }
}
