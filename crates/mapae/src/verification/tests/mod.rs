//! Relying parties and their verification API.

mod pick_up;
mod registry;
