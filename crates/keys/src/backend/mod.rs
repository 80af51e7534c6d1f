//! The engine below the types: the same functions twice, chosen at compile time.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "aws-lc")]
mod table;
#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc::*;

#[cfg(not(feature = "aws-lc"))]
mod rustcrypto;
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rustcrypto::*;

/// The engine could not do what was asked: a point off the curve, a wrong tag, a broken signature.
#[derive(Debug)]
pub(crate) struct Refused;
