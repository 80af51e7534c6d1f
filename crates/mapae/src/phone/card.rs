//! The terminal phone as a card: frames of vsmartcard's virtual reader (vpcd), or the line of a gate controller.
//!
//! vpcd frames: a length (u16, big-endian), then so many bytes. One byte from the reader is power (0 off, 1 on, 2 reset)
//! or asks for the ATR (4); anything longer is a command APDU. vpcd writes length and bytes apart, and waits for each to
//! be acknowledged: without TCP_QUICKACK before every read an APDU takes 50 ms.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use gate::card::Decided;
use gate::decision::Reason;
use gate::wire::Evidence;
use serde_json::json;

use super::cli::Said;
use super::describe;
use super::driver::Phone;
use super::fault::PhoneError;
use crate::operations::Language;

/// How the phone stands before the reader.
#[derive(Debug, clap::Args)]
pub(super) struct CardArguments {
    /// vpcd, where a reader of its kind waits for a card.
    #[arg(long, value_name = "HOST:PORT", required_unless_present = "reader")]
    vpcd: Option<String>,
    /// A gate controller's line for readers, with `--door`.
    #[arg(long, value_name = "HOST:PORT", requires = "door", conflicts_with = "vpcd")]
    reader: Option<String>,
    /// The door's id.
    #[arg(long, allow_hyphen_values = true)]
    door: Option<String>,
    /// The screen is locked: the card refuses. A terminal has no screen lock; this plays one.
    #[arg(long)]
    locked: bool,
    /// For how many seconds the screen has been unlocked.
    #[arg(long, default_value_t = 0)]
    unlocked_for: u32,
    /// Go after so many taps that were decided; without it, when the reader goes.
    #[arg(long)]
    taps: Option<u32>,
}

/// An answer to reset without history: T=1, nothing else (ISO/IEC 7816-3 §8).
const ATR: [u8; 5] = [0x3b, 0x80, 0x80, 0x01, 0x01];
/// Longer than any command of ours.
const MAX_FRAME: usize = 2_048;

/// Answers until the reader goes.
pub(super) async fn serve(
    phone: &mut Phone,
    arguments: &CardArguments,
    language: Language,
) -> Result<Said, PhoneError> {
    // Offline, a pass that is still good does.
    if let Err(error) = phone.wallet_mut().renew_gate_pass().await
        && phone.wallet().gate_pass_until().is_none()
    {
        return Err(error.into());
    }
    let evidence = Evidence { unlocked: !arguments.locked, age_s: arguments.unlocked_for };
    let served = match (&arguments.vpcd, &arguments.reader, &arguments.door) {
        (Some(address), ..) => vpcd(phone, address, evidence, arguments.taps).await,
        (None, Some(address), Some(door)) => line(phone, address, door, evidence).await,
        _ => return Err(PhoneError::Input("--vpcd HOST:PORT")),
    };
    let taps = served.map_err(|error| PhoneError::Reader(error.to_string()))?;
    Ok(describe::done(language, "card", json!({ "taps": taps })))
}

/// The code as text; a shell draws it.
pub(super) async fn entry_code(phone: &mut Phone, language: Language) -> Result<Said, PhoneError> {
    if let Err(error) = phone.wallet_mut().renew_gate_pass().await
        && phone.wallet().gate_pass_until().is_none()
    {
        return Err(error.into());
    }
    let evidence = Evidence { unlocked: true, age_s: 0 };
    let code =
        phone.wallet().entry_code(evidence).await.map_err(|error| PhoneError::Reader(error.to_string()))?;
    let mut said = describe::done(language, "entry_code", json!({ "code": code }));
    said.text = code;
    Ok(said)
}

fn tell(decided: &Decided) {
    let verdict = &decided.verdict;
    let reason = Reason::of_number(verdict.reason);
    let told = json!({
        "opened": verdict.open,
        "code": reason.map_or("unknown", Reason::code),
        "place": verdict.place,
    });
    println!("{told}");
}

/// Blocking on purpose: this process is the card and nothing else, and a reader waits milliseconds.
async fn vpcd(phone: &mut Phone, address: &str, evidence: Evidence, taps: Option<u32>) -> io::Result<u32> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    println!("{}", json!({ "card": "in the field" }));
    let mut done = 0;
    while taps.is_none_or(|taps| done < taps) {
        let Some(frame) = frame(&mut stream)? else { break };
        match frame.as_slice() {
            [0..=2] => phone.wallet_mut().reset_card(),
            [4] => send(&mut stream, &ATR)?,
            command => {
                let answer = phone.wallet_mut().process_apdu(command, evidence);
                send(&mut stream, &answer.bytes)?;
                if let Some(decided) = answer.decided {
                    done += 1;
                    tell(&decided);
                    phone.wallet_mut().remember_tap(&decided).await.map_err(io::Error::other)?;
                }
            }
        }
    }
    Ok(done)
}

fn frame(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    quick(stream)?;
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = usize::from(u16::from_be_bytes(length));
    if length == 0 || length > MAX_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    quick(stream)?;
    stream.read_exact(&mut frame)?;
    Ok(Some(frame))
}

fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat())
}

#[cfg(target_os = "linux")]
fn quick(stream: &TcpStream) -> io::Result<()> {
    std::os::linux::net::TcpStreamExt::set_quickack(stream, true)
}

#[cfg(not(target_os = "linux"))]
fn quick(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// One tap at a controller's line.
async fn line(phone: &mut Phone, address: &str, door: &str, evidence: Evidence) -> io::Result<u32> {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (from, mut to) = stream.into_split();
    let mut lines = BufReader::new(from).lines();
    to.write_all(format!("door {door}\ncard\n").as_bytes()).await?;
    let mut told = None;
    while let Some(line) = lines.next_line().await? {
        if let Some(hex) = line.strip_prefix("apdu ") {
            let command = keys::encoding::hex_decode(hex).map_err(io::Error::other)?;
            let answer = phone.wallet_mut().process_apdu(&command, evidence);
            let hex = keys::encoding::hex_encode(&answer.bytes);
            to.write_all(format!("apdu {hex}\n").as_bytes()).await?;
            told = answer.decided.or(told);
        } else if line == "unknown" {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the controller has no such door"));
        } else if line.starts_with('{') {
            println!("{line}");
            break;
        }
    }
    match told {
        Some(decided) => {
            phone.wallet_mut().remember_tap(&decided).await.map_err(io::Error::other)?;
            Ok(1)
        }
        None => Ok(0),
    }
}
