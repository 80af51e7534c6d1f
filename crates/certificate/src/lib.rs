//! Certificates that anyone can check: 재직증명서 and 경력증명서.
//!
//! | Module | What |
//! |---|---|
//! | [`number`] | the 문서확인번호: 80 bits and a check character |
//! | [`word`] | the signed word in the QR code: the facts, checked without a network |
//! | `print` | the sheet as tagged PDF/A-2a and PDF/UA-1 |

pub mod number;
#[cfg(feature = "print")]
pub mod print;
pub mod word;
