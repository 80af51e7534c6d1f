//! SHA-256 (FIPS 180-4), whole and in pieces.

use crate::backend;

/// The SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    backend::sha256(data)
}

/// SHA-256 over data that comes in pieces.
#[derive(Clone)]
pub struct Sha256(backend::Sha256State);

impl Sha256 {
    /// An empty state.
    pub fn new() -> Self {
        Self(backend::Sha256State::new())
    }

    /// Adds `data`.
    pub fn update(&mut self, data: &[u8]) -> &mut Self {
        self.0.update(data);
        self
    }

    /// The hash of everything added.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

#[cfg(test)]
mod tests;
