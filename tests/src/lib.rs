//! Cross-crate scenarios, recovery, real clusters and planted bugs.

pub mod fuzz_decode;
pub mod planted;
