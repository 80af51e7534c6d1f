//! When a heavy judge passed last, and on what: it runs again once something that it judges changed, or after a week.

use std::path::PathBuf;
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::process::{self, Outcome};
use crate::tools;

/// After so many seconds a pass counts no more, whatever changed: the products' own packages move, too.
const OLD: u64 = 7 * 24 * 3_600;

fn file(judge: &str) -> PathBuf {
    tools::cache().join("passed").join(judge)
}

fn now() -> u64 {
    process::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The state of what is judged, as git names it; `None` where it can't be named, or the work tree has other files.
fn state(paths: &[&str]) -> Option<String> {
    let git = |arguments: &[&str]| {
        let told = Command::new("git")
            .args(arguments)
            .args(["--"])
            .args(paths)
            .current_dir(tools::root())
            .output()
            .ok()?;
        told.status.success().then(|| String::from_utf8_lossy(&told.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain"])?;
    changed.is_empty().then(|| git(&["ls-tree", "-r", "--format=%(objectname) %(path)", "HEAD"])).flatten()
}

/// Tells when and on which commit the judge passed, if that was lately and nothing it judges changed since.
pub(super) fn still_counts(judge: &str, paths: &[&str]) -> Option<String> {
    let passed = std::fs::read_to_string(file(judge)).ok()?;
    let mut lines = passed.lines();
    let (at, commit) = (lines.next()?.parse::<u64>().ok()?, lines.next()?.to_owned());
    let same = state(paths)? == lines.collect::<Vec<_>>().join("\n");
    let age = now().checked_sub(at)?;
    (same && age < OLD).then(|| format!("on {commit}, {} hours ago", age / 3_600))
}

/// Remembers that the judge passed on what is committed now; on uncommitted files nothing is remembered.
pub(super) fn passed(judge: &str, paths: &[&str]) -> Outcome {
    let file = file(judge);
    let _ = std::fs::remove_file(&file);
    let Some(state) = state(paths) else { return Ok(()) };
    let commit = process::output(
        Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(tools::root()),
    )?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(&file, format!("{}\n{}\n{state}\n", now(), commit.trim()))
        .map_err(|error| format!("{}: {error}", file.display()))
}
