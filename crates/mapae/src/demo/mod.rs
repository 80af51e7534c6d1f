//! The demonstration: starts everything on plainly fictional data and plays the walk over the same interfaces that people,
//! phones and relying parties use; nothing is reached behind their back.
//!
//! * `ground`: a folder, a configuration, a server, people.
//! * `people`: officials at their desks, through the REST interface.
//! * `browser`: a browser without a screen, for the login page and the sample relying party.
//! * `walk`: the steps, each with its time.
//! * `story`: how it is told.

pub(crate) mod browser;
pub mod cli;
pub(crate) mod gate;
mod ground;
pub(crate) mod people;
mod story;
mod walk;

#[cfg(test)]
mod tests;

/// Whatever ends a demonstration early, told to the person who started it.
type AnyError = Box<dyn std::error::Error + Send + Sync>;
