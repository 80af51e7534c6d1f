//! Makes what a browser loads of the wallet app, out of the two WASM files and `web/`.
//!
//! ```text
//! wallet-bundle CRATES APP.wasm SCAN.wasm CHECK.wasm OUT    (CRATES: the folder of the crates, whose styles and scripts go in)
//!
//! OUT/index.html            names the files below with their integrity (SRI)
//! OUT/app-<hash>.js         platform.js ‖ generated bindings ‖ the call that starts
//! OUT/app-<hash>.wasm       the app up to the card
//! OUT/rest-<hash>.wasm      the rest of the app, linked into the memory of the first when it is idle or asked for more
//! OUT/app-<hash>.css        the house's tokens and parts ‖ the app's own
//! OUT/scan-<hash>.{js,wasm} the QR reader, loaded when the camera is opened and the browser has none
//! OUT/check.js              the script of the page that checks a badge; not part of the app
//! OUT/verify.js             the script of the page that checks documents, by the same
//! OUT/check-<hash>.{js,wasm} what both verify with
//! OUT/sw.js                 the service worker with the version and the list of all of it
//! OUT/…                     manifest, icons
//! OUT/*.gz                  each of them compressed once, as well as gzip can
//! ```
//!
//! The same input makes the same bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use wasm_bindgen_cli_support::Bindgen;

type AnyError = Box<dyn std::error::Error>;

/// What the first screen may load at most (wasm, JavaScript), gzip, in bytes: docs/wallet-app.md.
const LIMIT: usize = 250 * 1024;

/// What the app may load at most with all its screens, so that it does not grow unnoticed. 70 KiB more than before documents were
/// signed here: a reader of PDF, its updates and CMS came with that, into the part that is fetched when the browser is idle.
const LIMIT_WHOLE: usize = 920 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wallet-bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), AnyError> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().ok_or("usage: wallet-bundle CRATES APP.wasm SCAN.wasm CHECK.wasm OUT");
    let (crates, app, scan, check, out) = (next()?, next()?, next()?, next()?, next()?);
    let (web, pages) = (crates.join("wallet-web/web"), crates.join("mapae/src/pages"));
    let mut bundle = Bundle::default();

    let (scan_js, scan_wasm) = bindings(&scan, &std::fs::read(&scan)?)?;
    let scan_wasm = bundle.hashed("scan", "wasm", scan_wasm);
    let scan_js = bundle.hashed("scan", "js", scan_js.into_bytes());
    let (first, rest) = split(&app)?;
    let (bound, wasm) = bindings(&app, &first)?;
    let bound = with_loader(&bound)?;
    let wasm = bundle.hashed("app", "wasm", wasm);
    let rest = bundle.hashed("rest", "wasm", rest);
    let script = [
        format!("const SCAN_MODULE = '/wallet/{}';", scan_js.path),
        format!("const SCAN_WASM = '/wallet/{}';", scan_wasm.path),
        format!("const SCAN_INTEGRITY = '{}';", scan_wasm.integrity),
        format!("const REST_WASM = '/wallet/{}';", rest.path),
        format!("const REST_INTEGRITY = '{}';", rest.integrity),
        read(&web.join("platform.js"))?,
        bound,
        format!(
            "await __wbg_init({{ module_or_path: fetch('/wallet/{}', {{ integrity: '{}', credentials: 'same-origin' }}) }});\n",
            wasm.path, wasm.integrity
        ),
    ];
    let script = bundle.hashed("app", "js", without_comments(&script.join("\n")).into_bytes());
    let style = [read(&pages.join("mapae.css"))?, read(&web.join("wallet.css"))?].join("\n");
    let style = bundle.hashed("app", "css", style.into_bytes());
    for name in ["emblem.svg", "mark.svg", "icons.svg"] {
        bundle.plain(name, read(&pages.join(name))?.into_bytes());
    }
    for name in
        ["manifest.webmanifest", "icon-180.png", "icon-192.png", "icon-512.png", "icon-maskable-512.png"]
    {
        bundle.plain(name, std::fs::read(web.join(name)).map_err(|error| format!("{name}: {error}"))?);
    }
    let page = read(&web.join("index.html"))?
        .replace("@CSS@", &style.path)
        .replace("@CSS_INTEGRITY@", &style.integrity)
        .replace("@WASM@", &wasm.path)
        .replace("@WASM_INTEGRITY@", &wasm.integrity)
        .replace("@JS@", &script.path)
        .replace("@JS_INTEGRITY@", &script.integrity);
    bundle.plain("index.html", page.into_bytes());
    bundle.service_worker(&crates.join("wallet-web"))?;
    let checks = check_page(&mut bundle, &crates, &check, [&scan_js, &scan_wasm])?;
    bundle.write(&out)?;

    let first = bundle.compressed(&wasm.path) + bundle.compressed(&script.path);
    let whole = first + bundle.compressed(&rest.path);
    let scan = bundle.compressed(&scan_wasm.path) + bundle.compressed(&scan_js.path);
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    eprintln!(
        "wallet-bundle: first screen {:.1} KiB gzip (wasm and JavaScript; limit {}), whole app {:.1} KiB (limit {}), QR reader {:.1} KiB, check page {:.1} KiB, in {}",
        kib(first),
        LIMIT / 1024,
        kib(whole),
        LIMIT_WHOLE / 1024,
        kib(scan),
        kib(checks),
        out.display()
    );
    for (what, bytes, limit) in [("first screen", first, LIMIT), ("whole app", whole, LIMIT_WHOLE)] {
        if bytes > limit {
            return Err(format!("the {what} loads {bytes} bytes; the limit is {limit}").into());
        }
    }
    Ok(())
}

/// The files of the page that checks a badge; what it loads in bytes of gzip, without the QR reader.
fn check_page(
    bundle: &mut Bundle,
    crates: &Path,
    check: &Path,
    scan: [&Named; 2],
) -> Result<usize, AnyError> {
    let (bound, wasm) =
        bindings(check, &std::fs::read(check).map_err(|error| format!("{}: {error}", check.display()))?)?;
    let wasm = bundle.hashed("check", "wasm", wasm);
    let bound = bundle.hashed("check", "js", bound.into_bytes());
    let [scan_js, scan_wasm] = scan;
    let script = [
        format!("const CHECK_MODULE = '/wallet/{}';", bound.path),
        format!("const CHECK_WASM = '/wallet/{}';", wasm.path),
        format!("const CHECK_INTEGRITY = '{}';", wasm.integrity),
        format!("const SCAN_MODULE = '/wallet/{}';", scan_js.path),
        format!("const SCAN_WASM = '/wallet/{}';", scan_wasm.path),
        format!("const SCAN_INTEGRITY = '{}';", scan_wasm.integrity),
        read(&crates.join("check-web/web/check.js"))?,
    ];
    let script = bundle.plain("check.js", without_comments(&script.join("\n")).into_bytes());
    let documents = [
        format!("const CHECK_MODULE = '/wallet/{}';", bound.path),
        format!("const CHECK_WASM = '/wallet/{}';", wasm.path),
        format!("const CHECK_INTEGRITY = '{}';", wasm.integrity),
        read(&crates.join("check-web/web/verify.js"))?,
    ];
    bundle.plain("verify.js", without_comments(&documents.join("\n")).into_bytes());
    Ok([script, bound, wasm].iter().map(|file| bundle.compressed(&file.path)).sum())
}

/// JavaScript without the lines that are comment and nothing else; what stands within a line stays.
fn without_comments(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    let mut within = false;
    for line in script.lines() {
        let text = line.trim();
        let begins = text.starts_with("/*");
        if within || begins {
            within = !text.ends_with("*/");
        } else if !text.is_empty() && !text.starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn read(path: &Path) -> Result<String, AnyError> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// A folder for what other tools write, gone when the value is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Scratch, AnyError> {
        let folder = std::env::temp_dir().join(format!("wallet-bundle-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The name under which the first part imports what loads the second.
const LOADER: &str = "./rest.js";

/// Cuts the module at `screens::rest::table`: what leads to the card, and what only the rest needs.
fn split(app: &Path) -> Result<(Vec<u8>, Vec<u8>), AnyError> {
    let folder = Scratch::new("split")?;
    let first = folder.0.join("first.wasm");
    let input = std::fs::read(app).map_err(|error| format!("{}: {error}", app.display()))?;
    let mut options = wasm_split_cli_support::Options::new(&input);
    options.output_dir = &folder.0;
    options.main_out_path = &first;
    options.link_name = LOADER;
    let made = wasm_split_cli_support::transform(options)
        .map_err(|error| format!("{}: {error:#}", app.display()))?;
    let [rest] = made.split_modules.as_slice() else {
        return Err(format!("the app falls into {} parts, not into two", made.split_modules.len() + 1).into());
    };
    Ok((std::fs::read(&first)?, without_names(&std::fs::read(rest)?)?))
}

/// The module without its custom sections (WebAssembly Core 2.0 §5.5.3): names and notes of tools, which nothing runs.
fn without_names(module: &[u8]) -> Result<Vec<u8>, AnyError> {
    let broken = || AnyError::from("the second part is no WebAssembly module");
    let (head, mut left) = module.split_at_checked(8).ok_or_else(broken)?;
    let mut kept = head.to_vec();
    while let [id, after @ ..] = left {
        let (length, prefix) = leb128(after).ok_or_else(broken)?;
        let (section, next) = left.split_at_checked(1 + prefix + length).ok_or_else(broken)?;
        if *id != 0 {
            kept.extend_from_slice(section);
        }
        left = next;
    }
    Ok(kept)
}

/// An unsigned LEB128 number of at most 32 bits, and how many bytes it took.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + 1));
        }
    }
    None
}

/// The bindings import what loads the second part from a file; here it stands before them in the same one.
fn with_loader(bound: &str) -> Result<String, AnyError> {
    let mut out = String::with_capacity(bound.len());
    let mut found = 0;
    for line in bound.lines() {
        let name = line
            .strip_prefix("import * as ")
            .and_then(|rest| rest.split_once(" from "))
            .filter(|(_, from)| from.contains(LOADER));
        match name {
            Some((name, _)) => {
                found += 1;
                let _ = writeln!(out, "const {name} = restLoader;");
            }
            None => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    if found == 1 {
        Ok(out)
    } else {
        Err(format!("the bindings import {LOADER} {found} times, not once").into())
    }
}

/// JavaScript and WASM that fit each other; `path` names the module.
fn bindings(path: &Path, wasm: &[u8]) -> Result<(String, Vec<u8>), AnyError> {
    let folder = Scratch::new("bound")?;
    Bindgen::new()
        .input_bytes("bound", wasm.to_vec())
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // The second part finds memory, stack and table among them.
        .keep_lld_exports(true)
        .omit_default_module_path(true)
        .out_name("bound")
        .generate(&folder.0)
        .map_err(|error| format!("{}: {error:#}", path.display()))?;
    let js = std::fs::read_to_string(folder.0.join("bound.js"))?;
    Ok((js, std::fs::read(folder.0.join("bound_bg.wasm"))?))
}

/// A file of the bundle.
struct File {
    path: String,
    content: Vec<u8>,
    gzip: Vec<u8>,
    integrity: String,
}

/// How other files name one.
struct Named {
    path: String,
    integrity: String,
}

#[derive(Default)]
struct Bundle {
    files: Vec<File>,
}

impl Bundle {
    /// A file whose name changes with its content.
    fn hashed(&mut self, name: &str, extension: &str, content: Vec<u8>) -> Named {
        let mut hash = String::new();
        for byte in Sha256::digest(&content).iter().take(8) {
            let _ = write!(hash, "{byte:02x}");
        }
        self.plain(&format!("{name}-{hash}.{extension}"), content)
    }

    fn plain(&mut self, path: &str, content: Vec<u8>) -> Named {
        let integrity = integrity(&content);
        let named = Named { path: path.to_owned(), integrity: integrity.clone() };
        self.files.push(File { path: path.to_owned(), gzip: gzip(&content), content, integrity });
        named
    }

    /// Everything so far is one version: its files, its words for notices, and a number made of both.
    fn service_worker(&mut self, here: &Path) -> Result<(), AnyError> {
        let listed: Vec<Value> = self
            .files
            .iter()
            .map(|file| {
                let path = if file.path == "index.html" { "" } else { &file.path };
                json!({ "path": path, "integrity": file.integrity })
            })
            .collect();
        let listed = Value::Array(listed).to_string();
        let mut words = serde_json::Map::new();
        for language in ["ko", "en"] {
            let texts: Value = serde_json::from_str(&read(&here.join(format!("locales/{language}.json")))?)?;
            let mut kinds = serde_json::Map::new();
            for (key, text) in texts.as_object().into_iter().flatten() {
                let Some(kind) = key.strip_prefix("push.").and_then(|rest| rest.strip_suffix(".title"))
                else {
                    continue;
                };
                let body = texts.get(format!("push.{kind}.text")).cloned().unwrap_or_default();
                kinds.insert(kind.to_owned(), json!({ "title": text, "text": body }));
            }
            words.insert(language.to_owned(), Value::Object(kinds));
        }
        let words = Value::Object(words).to_string();
        let template = read(&here.join("web/sw.js"))?;
        let filled = template.replace("/* @FILES@ */ []", &listed).replace("/* @WORDS@ */ {}", &words);
        let version: String =
            Sha256::digest(filled.as_bytes()).iter().take(9).map(|byte| format!("{byte:02x}")).collect();
        self.plain("sw.js", filled.replace("@VERSION@", &version).into_bytes());
        Ok(())
    }

    fn compressed(&self, path: &str) -> usize {
        self.files.iter().find(|file| file.path == path).map_or(0, |file| file.gzip.len())
    }

    /// Writes beside and renames, so that whoever embeds the folder never sees half of it.
    fn write(&self, out: &Path) -> Result<(), AnyError> {
        let fresh = out.with_extension("new");
        let _ = std::fs::remove_dir_all(&fresh);
        std::fs::create_dir_all(&fresh)?;
        for file in &self.files {
            write_file(&fresh.join(&file.path), &file.content)?;
            if file.gzip.len() < file.content.len() {
                write_file(&fresh.join(format!("{}.gz", file.path)), &file.gzip)?;
            }
        }
        if same(&fresh, out) {
            // What is embedded and did not change is not compiled again.
            return std::fs::remove_dir_all(&fresh)
                .map_err(|error| format!("{}: {error}", fresh.display()).into());
        }
        let _ = std::fs::remove_dir_all(out);
        std::fs::rename(&fresh, out).map_err(|error| format!("{}: {error}", out.display()).into())
    }
}

/// Whether two folders hold the same files.
fn same(one: &Path, other: &Path) -> bool {
    let files = |folder: &Path| -> Option<BTreeMap<OsString, Vec<u8>>> {
        let entries = std::fs::read_dir(folder).ok()?;
        entries
            .map(|entry| {
                entry.ok().and_then(|entry| Some((entry.file_name(), std::fs::read(entry.path()).ok()?)))
            })
            .collect()
    };
    files(one).is_some_and(|one| files(other) == Some(one))
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), AnyError> {
    std::fs::write(path, content).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn integrity(content: &[u8]) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(content)))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let _ = encoder.write_all(content);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_code_stays() {
        let script = "// one\n/** two\n * three\n */\nlet a = 'b // c'; // d\n\n  /* e */\n  f(`/* g */`);\n";
        assert_eq!(without_comments(script), "let a = 'b // c'; // d\n  f(`/* g */`);\n");
    }

    #[test]
    fn names_and_notes_are_dropped_and_nothing_else() {
        let head = b"\0asm\x01\0\0\0";
        let types = [1, 4, 1, 0x60, 0, 0];
        // A length may be written longer than it has to be.
        let note = [0, 0x83, 0x00, 1, b'n', 7];
        let module = [head.as_slice(), &note, &types, &note].concat();
        assert_eq!(without_names(&module).unwrap(), [head.as_slice(), &types].concat());
        for cut in [4, module.len() - 1] {
            assert!(without_names(module.get(..cut).unwrap()).is_err(), "cut at {cut}");
        }
        assert!(without_names(&[head.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 1]].concat()).is_err());
    }

    #[test]
    fn the_bindings_find_the_loader_in_their_own_file() {
        let bound = "import * as import1 from \"./rest.js\"\nlet wasm;\n";
        assert_eq!(with_loader(bound).unwrap(), "const import1 = restLoader;\nlet wasm;\n");
        assert!(with_loader("let wasm;\n").is_err(), "nothing would load the second part");
    }
}
