//! A gate before real card software: pcscd with vsmartcard's virtual reader, the terminal phone as the card in one process,
//! the reader in another, the controller in a third. Radio, secure element and motor are not in it.

mod osdp;
pub(super) mod stage;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Demo;
use crate::process::{self, Background, Outcome};
use crate::tools;
use stage::{Stage, status};

pub(super) fn run(mapae: &Path) -> Outcome {
    let pcscd = tools::program(
        &["pcscd", "/usr/sbin/pcscd"],
        "install pcscd and vsmartcard-vpcd (Debian: apt-get install pcscd vsmartcard-vpcd libpcsclite-dev)",
    )?;
    let faketime = tools::program(&["faketime"], "install faketime (Debian: apt-get install faketime)")?;
    process::run(tools::cargo().args(["build", "--locked", "-p", "gate-reader", "--features", "pcsc"]))?;
    let folder = tools::scratch("gate")?;
    let outcome = judge(mapae, &pcscd, &faketime, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn judge(mapae: &Path, pcscd: &Path, faketime: &Path, folder: &Path) -> Outcome {
    let demo = Demo::with_applicants(mapae, "gate-demo", 1)?;
    let (_daemon, _) = Background::with_first_line(
        Command::new("sh").arg("-c").arg("echo started; exec \"$0\" --foreground").arg(pcscd),
    )?;
    let stage = Stage::set_up(mapae, demo.description()?, folder)?;
    stage.let_applicants_in()?;
    let (controller, listen) = stage.controller(Command::new(mapae), false)?;

    let card = stage.card(&["--taps", "2"])?;
    let taps = stage.taps(&listen, 2)?;
    card.wait()?;
    expect("the first tap opens, the standard way", &taps, 0, "granted", Some(false))?;
    expect("the second opens, the fast way", &taps, 1, "granted", Some(true))?;

    let locked = stage.card(&["--locked"])?;
    expect("a locked phone refuses (6985)", &stage.taps(&listen, 1)?, 0, "phone_locked", None)?;
    drop(locked);

    osdp::judge(&stage, &listen, folder)?;
    screens(mapae, &demo, &stage, &listen)?;

    // The phone keeps its pass and does not ask for a new one: it may have lost its network.
    let lost = stage.card(&[])?;
    stage.operator(&["badge", "suspend"], &["--by", "yesi.boan", "--reason", "loss"])?;
    let began = process::instant();
    while status(&listen)?.get("stopped") != Some(&Value::from(1)) {
        if began.elapsed().as_millis() > 1_000 {
            return Err("the controller did not hear of the suspension within a second".into());
        }
        process::pause(5);
    }
    println!("interop gate: the controller knew {} ms after the order was done", began.elapsed().as_millis());
    expect("a reported loss refuses", &stage.taps(&listen, 1)?, 0, "stopped", None)?;
    drop(lost);
    stage.operator(&["badge", "resume"], &["--by", "yesi.boan", "--reason", "found"])?;
    while status(&listen)?.get("stopped") != Some(&Value::from(0)) {
        process::pause(20);
    }
    let card = stage.card(&[])?;
    power_cut(mapae, &stage, controller, &listen)?;
    drop(card);

    // The platform is away for a day. The controller was killed, and goes on from its disk.
    let preloaded = preloaded(faketime)?;
    let later = || {
        let mut command = Command::new(mapae);
        command.env("LD_PRELOAD", &preloaded).env("FAKETIME", "+25h");
        command
    };
    let (offline, listen) = stage.controller(Command::new(mapae), true)?;
    let card = stage.card(&[])?;
    expect("offline it opens", &stage.taps(&listen, 1)?, 0, "granted", None)
        .or_else(|_| expect("offline it opens", &stage.taps(&listen, 1)?, 0, "granted_degraded", None))?;
    drop(offline);
    let (offline, listen) = stage.controller(later(), true)?;
    expect("after a day it refuses", &stage.taps(&listen, 1)?, 0, "stale", None)?;
    stage.grace_order()?;
    while status(&listen)?.get("order").is_none_or(Value::is_null) {
        process::pause(50);
    }
    expect("a grace order opens again", &stage.taps(&listen, 1)?, 0, "granted_grace", None)?;
    drop(offline);

    stage.operator(&["badge", "suspend"], &["--by", "yesi.boan", "--reason", "loss"])?;
    let (online, listen) = stage.controller(Command::new(mapae), false)?;
    while status(&listen)?.get("stopped") != Some(&Value::from(1)) {
        process::pause(20);
    }
    drop(online);
    let (_offline, listen) = stage.controller(later(), true)?;
    expect("but not to the suspended", &stage.taps(&listen, 1)?, 0, "stopped", None)?;
    drop(card);
    Ok(())
}

/// The power goes while people walk in: no passage that was told is lost, and none stands twice. A log that does not follow
/// would stop the controller's start, or the server would not take it.
fn power_cut(mapae: &Path, stage: &Stage<'_>, controller: Background, listen: &str) -> Outcome {
    let lines = |listen: &str| -> Outcome<u64> {
        status(listen)?
            .get("lines")
            .and_then(Value::as_u64)
            .ok_or_else(|| "the controller counts no lines".into())
    };
    let before = lines(listen)?;
    let told = stage.taps_until(listen, 5, || controller.kill())?;
    let (again, listen) = stage.controller(Command::new(mapae), false)?;
    let written = lines(&listen)?.saturating_sub(before);
    if !(told..=told.saturating_add(1)).contains(&written) {
        return Err(format!("{told} passages were told, {written} stand in the log"));
    }
    let began = process::instant();
    while status(&listen)?.get("waiting") != Some(&Value::from(0)) {
        if began.elapsed().as_secs() > 60 {
            return Err("the server does not take the log after the power cut".into());
        }
        process::pause(50);
    }
    println!("interop gate: killed in the middle of a walk: {told} told, {written} in the log, all taken");
    again.kill();
    Ok(())
}

/// The door's display and the console's gates in Chromium. Pictures stay in `<target>/gate-screens`, as output.
fn screens(mapae: &Path, demo: &Demo, stage: &Stage<'_>, listen: &str) -> Outcome {
    let chromium = tools::program(
        &["chromium", "chromium-browser", "google-chrome"],
        "install Chromium (Debian: apt-get install chromium)",
    )?;
    let pictures = tools::target().join("gate-screens");
    let _ = std::fs::remove_dir_all(&pictures);
    std::fs::create_dir_all(&pictures).map_err(|error| format!("{}: {error}", pictures.display()))?;
    process::run(
        Command::new("node")
            .args(["--test", "--test-concurrency=1", "gate.mjs"])
            .current_dir(tools::node_folder()?)
            .env("MAPAE", mapae)
            .env("MAPAE_DEMO", demo.path())
            .env("CHROMIUM", chromium)
            .env("SCREENSHOTS", &pictures)
            .env("WALLET_APP", tools::target().join("wallet-app"))
            .env("GATE_LINE", listen)
            .env("GATE_DISPLAY", stage.display.borrow().as_str())
            .env("GATE_DOOR", &stage.door),
    )?;
    println!("interop gate: pictures are in {}", pictures.display());
    Ok(())
}

/// The library by which faketime changes the time. faketime itself starts a child, which would outlive it.
fn preloaded(faketime: &Path) -> Outcome<String> {
    let printed = process::output(Command::new(faketime).args(["-f", "+25h", "env"]))?;
    let line = printed.lines().find_map(|line| line.strip_prefix("LD_PRELOAD="));
    line.map(str::to_owned).ok_or_else(|| "faketime names no library".to_owned())
}

fn expect(what: &str, taps: &[Value], n: usize, code: &str, fast: Option<bool>) -> Outcome {
    let tap = taps.get(n).and_then(|tap| tap.get("decided")).ok_or("there was no tap")?;
    let right = tap.get("code") == Some(&Value::from(code))
        && fast.is_none_or(|fast| tap.get("fast") == Some(&Value::from(fast)));
    if !right {
        return Err(format!("{what}: {tap}"));
    }
    println!("interop gate: {what}: {code}");
    Ok(())
}
