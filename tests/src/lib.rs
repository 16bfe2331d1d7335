//! Cross-crate scenarios, recovery, real clusters and planted bugs.
