//! A demo of our own on free ports: the walk is played, the server stays, and its one line of JSON names everything.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tls::Tls;
use crate::process::{Background, Outcome};
use crate::tools;

/// One demo, ended and cleared away with this value.
pub(crate) struct Demo {
    _server: Background,
    description: PathBuf,
    folder: PathBuf,
}

impl Demo {
    pub(super) fn start(mapae: &Path, name: &str) -> Outcome<Self> {
        Self::with_applicants(mapae, name, 0)
    }

    /// With applicants brought up to their invitation, for phones and wallets that are not the demo's.
    pub(crate) fn with_applicants(mapae: &Path, name: &str, applicants: u32) -> Outcome<Self> {
        Self::with_settings(mapae, name, applicants, &[])
    }

    /// With settings of its own, as environment variables.
    pub(crate) fn with_settings(
        mapae: &Path,
        name: &str,
        applicants: u32,
        settings: &[(&str, String)],
    ) -> Outcome<Self> {
        Self::start_with(mapae, name, applicants, settings, &[], Tls::of_this_run().as_ref())
    }

    /// On plain HTTP, with arguments of its own.
    pub(crate) fn with_arguments(
        mapae: &Path,
        name: &str,
        applicants: u32,
        settings: &[(&str, String)],
        arguments: &[&str],
    ) -> Outcome<Self> {
        Self::start_with(mapae, name, applicants, settings, arguments, None)
    }

    fn start_with(
        mapae: &Path,
        name: &str,
        applicants: u32,
        settings: &[(&str, String)],
        arguments: &[&str],
        tls: Option<&Tls>,
    ) -> Outcome<Self> {
        let folder = tools::scratch(name)?;
        let base = tools::free_ports(4)?;
        let mut command = Command::new(mapae);
        command.args(["demo", "--json"]);
        if !arguments.contains(&"--data") {
            command.arg("--data").arg(folder.join("data"));
        }
        command
            .args(["--port", &base.to_string()])
            .args(["--standard-wallets", &applicants.to_string()])
            .args(arguments)
            .envs(settings.iter().map(|(name, value)| (name, value)));
        if let Some(tls) = tls {
            command.envs(tls.settings("PUBLIC")).envs(tls.settings("CONSOLE"));
        }
        let (server, line) = Background::with_first_line(&mut command)?;
        let description = folder.join("demo.json");
        std::fs::write(&description, line)
            .map_err(|error| format!("cannot write {}: {error}", description.display()))?;
        Ok(Self { _server: server, description, folder })
    }

    /// The file with that line of JSON.
    pub(crate) fn path(&self) -> &Path {
        &self.description
    }

    /// Where it keeps what it has; gone with it.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What that line says.
    pub(crate) fn description(&self) -> Outcome<serde_json::Value> {
        let text =
            std::fs::read_to_string(&self.description).map_err(|error| format!("demo.json: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("the demo printed no JSON: {error}: {text}"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
