//! A phone in the terminal: `mapae wallet` on the holder crate. (Lands from the branch `holder`.)

pub mod cli;
