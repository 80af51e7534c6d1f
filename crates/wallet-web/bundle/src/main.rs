//! Makes what a browser loads of the wallet app, out of the two WASM files and `web/`.
//!
//! ```text
//! wallet-bundle APP.wasm SCAN.wasm OUT
//!
//! OUT/index.html            names the files below with their integrity (SRI)
//! OUT/app-<hash>.js         platform.js ‖ generated bindings ‖ the call that starts
//! OUT/app-<hash>.wasm       the app
//! OUT/app-<hash>.css        the house's tokens and parts ‖ the app's own
//! OUT/scan-<hash>.{js,wasm} the QR reader, loaded when the camera is opened and the browser has none
//! OUT/sw.js                 the service worker with the version and the list of all of it
//! OUT/…                     manifest, icons
//! OUT/*.gz                  each of them compressed once, as well as gzip can
//! ```
//!
//! The same input makes the same bytes.

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

/// What the first screen should load at most (wasm, JavaScript), gzip, in bytes: docs/wallet-app.md.
const GOAL: usize = 250 * 1024;

/// What it may load at most: the app is above its goal, and must not grow unnoticed.
const LIMIT: usize = 640 * 1024;

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
    let (Some(app), Some(scan), Some(out)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: wallet-bundle APP.wasm SCAN.wasm OUT".into());
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (web, pages) = (here.join("web"), here.join("../mapae/src/pages"));
    let mut bundle = Bundle::default();

    let (scan_js, scan_wasm) = bindings(&scan)?;
    let scan_wasm = bundle.hashed("scan", "wasm", scan_wasm);
    let scan_js = bundle.hashed("scan", "js", scan_js.into_bytes());
    let (bound, wasm) = bindings(&app)?;
    let wasm = bundle.hashed("app", "wasm", wasm);
    let script = [
        format!("const SCAN_MODULE = '/wallet/{}';", scan_js.path),
        format!("const SCAN_WASM = '/wallet/{}';", scan_wasm.path),
        format!("const SCAN_INTEGRITY = '{}';", scan_wasm.integrity),
        read(&web.join("platform.js"))?,
        bound,
        format!(
            "await __wbg_init({{ module_or_path: fetch('/wallet/{}', {{ integrity: '{}', credentials: 'same-origin' }}) }});\n",
            wasm.path, wasm.integrity
        ),
    ];
    let script = bundle.hashed("app", "js", script.join("\n").into_bytes());
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
    bundle.service_worker(&here)?;
    bundle.write(&out)?;

    let first = bundle.compressed(&wasm.path) + bundle.compressed(&script.path);
    println!(
        "wallet-bundle: first screen {:.1} KiB gzip (wasm and JavaScript; goal {} KiB, limit {} KiB), QR reader {:.1} KiB, in {}",
        first as f64 / 1024.0,
        GOAL / 1024,
        LIMIT / 1024,
        bundle.compressed(&scan_wasm.path) as f64 / 1024.0,
        out.display()
    );
    if first > LIMIT {
        return Err(format!("the first screen loads {first} bytes; the limit is {LIMIT}").into());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, AnyError> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// JavaScript and WASM that fit each other.
fn bindings(wasm: &Path) -> Result<(String, Vec<u8>), AnyError> {
    let folder = std::env::temp_dir().join(format!("wallet-bundle-{}", std::process::id()));
    let generated = Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true)
        .out_name("bound")
        .generate(&folder)
        .map_err(|error| format!("{}: {error:#}", wasm.display()));
    let files = generated.and_then(|()| {
        let js = std::fs::read_to_string(folder.join("bound.js")).map_err(|error| error.to_string())?;
        let bound = std::fs::read(folder.join("bound_bg.wasm")).map_err(|error| error.to_string())?;
        Ok((js, bound))
    });
    let _ = std::fs::remove_dir_all(&folder);
    Ok(files?)
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
        let _ = std::fs::remove_dir_all(out);
        std::fs::rename(&fresh, out).map_err(|error| format!("{}: {error}", out.display()).into())
    }
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
