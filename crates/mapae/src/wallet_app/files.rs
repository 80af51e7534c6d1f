//! The files of the app: in a release they are in the binary; while developing they are read from where
//! `cargo xtask wasm` puts them, so that a change of the app does not compile the server again. See `build.rs`.

use std::borrow::Cow;

/// A file of the app.
#[derive(Debug)]
pub(super) struct File {
    /// Its name, without a folder.
    pub(super) name: Cow<'static, str>,
    pub(super) content: Cow<'static, [u8]>,
    /// The same by gzip, where that is shorter.
    pub(super) compressed: Option<Cow<'static, [u8]>>,
}

/// Name, content and compressed content of a file.
type Embedded = (&'static str, &'static [u8], Option<&'static [u8]>);

/// Where the files are.
#[derive(Debug)]
#[allow(dead_code, reason = "a debug build reads a folder, a release has the files in the binary")]
enum Source {
    /// In the binary.
    Embedded(&'static [Embedded]),
    /// In this folder.
    Folder(&'static str),
}

static SOURCE: Source = include!(concat!(env!("OUT_DIR"), "/wallet_app.rs"));

/// The file of that name.
pub(super) fn find(name: &str) -> Option<File> {
    match SOURCE {
        Source::Embedded(files) => {
            let (name, content, compressed) = files.iter().find(|(known, ..)| *known == name)?;
            let compressed = compressed.map(Cow::Borrowed);
            Some(File { name: Cow::Borrowed(name), content: Cow::Borrowed(content), compressed })
        }
        Source::Folder(folder) => {
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
            if !plain || name.starts_with('.') || name.ends_with(".gz") {
                return None;
            }
            let path = std::path::Path::new(folder).join(name);
            let compressed = std::fs::read(path.with_file_name(format!("{name}.gz"))).ok().map(Cow::Owned);
            let content = Cow::Owned(std::fs::read(&path).ok()?);
            Some(File { name: Cow::Owned(name.to_owned()), content, compressed })
        }
    }
}

/// The file of this name before its hash, and this extension.
pub(super) fn hashed(name: &str, extension: &str) -> Option<File> {
    let fits = |found: &str| {
        let rest = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
        rest.and_then(|rest| rest.split_once('.')).is_some_and(|(_, kind)| kind == extension)
    };
    let found = match SOURCE {
        Source::Embedded(files) => {
            files.iter().map(|(name, ..)| (*name).to_owned()).find(|name| fits(name))?
        }
        Source::Folder(folder) => {
            let names = std::fs::read_dir(folder).ok()?.flatten();
            names.filter_map(|entry| entry.file_name().into_string().ok()).find(|name| fits(name))?
        }
    };
    find(&found)
}

impl File {
    /// Its media type, by its extension.
    pub(super) fn kind(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("wasm") => "application/wasm",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("webmanifest") => "application/manifest+json",
            _ => "application/octet-stream",
        }
    }

    /// Whether its name changes with its content: a word, a hyphen, sixteen hexadecimal digits.
    pub(super) fn is_hashed(&self) -> bool {
        let hash =
            self.name.rsplit_once('-').and_then(|(_, rest)| rest.split_once('.')).map(|(hash, _)| hash);
        hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_with_a_hash_is_kept_for_ever() {
        let named = |name| File { name: Cow::Borrowed(name), content: Cow::Borrowed(b""), compressed: None };
        assert!(named("app-0123456789abcdef.wasm").is_hashed());
        for name in
            ["index.html", "sw.js", "icon-192.png", "icon-maskable-512.png", "app-0123456789abcdeg.js"]
        {
            assert!(!named(name).is_hashed(), "{name}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["../Cargo.toml", "..", ".", "a/b", "a\\b", "index.html.gz", "", ".hidden"] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
