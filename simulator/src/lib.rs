//! A deterministic simulator of quorate clusters: partitions, crashes, disk faults, clock drift, and oracles.
