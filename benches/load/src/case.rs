//! What is measured.

use std::{fmt, path::PathBuf};

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

/// What each client does, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Writes a key.
    Put,
    /// Reads a key, linearizably.
    Linearizable,
    /// Reads a key under the leader's lease.
    Lease,
    /// Reads a key as the node has it.
    Stale,
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Operation::Put => "put",
            Operation::Linearizable => "linearizable",
            Operation::Lease => "lease",
            Operation::Stale => "stale",
        })
    }
}

/// Loads one engine and prints a row. Usually started by `quorate-bench cluster`
#[derive(Clone, Debug, Parser)]
pub struct Case {
    /// Nodes, all in this process, on loopback
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    pub nodes: u64,
    /// What each client does
    #[arg(long, value_enum, default_value_t = Operation::Put)]
    pub operation: Operation,
    /// Clients, each with one operation under way
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub clients: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Seconds of the same load before
    #[arg(long, default_value_t = 1)]
    pub warm_up: u64,
    /// Different keys
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keys: u64,
    /// One of the engine's settings, where it has several
    #[arg(long)]
    pub settings: Option<String>,
    /// A directory that is empty or not there
    #[arg(long)]
    pub dir: PathBuf,
}
