//! `mapae bench`: what the hot paths and the flows cost, each beside the raw operation of the same run.
//!
//! The server is a process of its own on a real disk, driven over HTTP by the wallets, the browser and the relying party
//! that others would use. What is made ready beforehand (officials, approvals, phones) is not measured.
//!
//! * `ground`: a folder, a configuration, officials who are approved and invited.
//! * `process`: the server, its CPU time, memory and commits as the system and its own metrics tell them.
//! * `micro`: issuing and verifying without a network.
//! * `flows`: whole flows, many at once.
//! * `logout`: from a suspension to the relying party.
//! * `import`: an import beside logins.
//! * `kills`: nodes that are killed under load, and what is there afterwards.
//! * `load`: a running server under real wallets, at a rate or flat out.
//! * `scale`: the console, the status lists and issuing with 1.2 million officials.
//! * `drive`, `latency`, `report`: running, counting, telling.

pub mod cli;
mod drive;
mod flows;
mod gate;
mod ground;
mod import;
mod kills;
mod latency;
pub mod load;
mod logout;
mod micro;
mod process;
mod relying_party;
mod report;
mod scale;

/// Whatever ends a measurement early; a run with a failed flow has no figures.
type AnyError = Box<dyn std::error::Error + Send + Sync>;
