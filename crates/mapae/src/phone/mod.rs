//! A phone in the terminal: `mapae wallet` on the holder crate. (Shell, driver and commands are on their way from the
//! branch `account`, 23:35; `issue` and `present` of the holder crate from the branch `holder`.)

pub mod cli;
