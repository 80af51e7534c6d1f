//! A serial line as a file: raw, and a read that waits a tenth of a second at most. `stty` sets it, so that no line of
//! unsafe code is needed here.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

/// An open line.
#[derive(Debug)]
pub(crate) struct Serial(File);

/// Speeds of OSDP (IEC 60839-11-5, 5.1).
const SPEEDS: &[u32] = &[9_600, 19_200, 38_400, 57_600, 115_200, 230_400];

impl Serial {
    /// Opens a device.
    pub(crate) fn open(device: &Path, speed: u32) -> io::Result<Self> {
        if !SPEEDS.contains(&speed) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no speed of OSDP"));
        }
        let set = Command::new("stty")
            .arg("-F")
            .arg(device)
            .args([&speed.to_string(), "raw", "-echo", "clocal", "-crtscts", "min", "0", "time", "1"])
            .output()?;
        if !set.status.success() {
            let said = String::from_utf8_lossy(&set.stderr).trim().to_owned();
            return Err(io::Error::other(said));
        }
        Ok(Self(File::options().read(true).write(true).open(device)?))
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// What has come, perhaps nothing.
    pub(crate) fn receive(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 256];
        let read = self.0.read(&mut buffer)?;
        into.extend(buffer.iter().take(read));
        Ok(())
    }
}
