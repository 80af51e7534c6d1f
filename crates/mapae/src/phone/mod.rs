//! A phone in the terminal: `mapae wallet …` on the holder crate.

pub mod cli;
