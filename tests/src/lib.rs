//! Cross-crate scenarios, recovery, real clusters and planted bugs.

pub mod fuzz;
pub mod planted;
pub mod trace;
