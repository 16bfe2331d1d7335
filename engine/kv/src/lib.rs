//! The deterministic key-value state machine: no I/O, no executor.
