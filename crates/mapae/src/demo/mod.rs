//! The demonstration: starts everything and plays the walk, step by step.

pub mod cli;
