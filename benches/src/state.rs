//! `state`: the key-value machine alone, on one thread: what a put costs, and how long applying waits
//! where a large state is set aside for a snapshot.

use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use quorate_bench_harness::allocator;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::StateMachine;
use quorate_kv::{Command, Kv, LeaseId};

/// Snapshots that are set aside.
const SNAPSHOTS: u32 = 5;
/// Revisions that are kept.
const KEPT_REVISIONS: u64 = 10_000;

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Puts that are measured
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    puts: u64,
    /// Different keys
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Leases in the state that is set aside; at most as many as there may be
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    leases: u64,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p quorate-bench -- state
  Instructions for each put, as the difference of two runs:
    valgrind --tool=callgrind target/release/quorate-bench state --puts 100000 --leases 0
    valgrind --tool=callgrind target/release/quorate-bench state --puts 200000 --leases 0
";

/// The machine, and the last entry that it has applied.
struct Host {
    kv: Kv,
    index: u64,
}

impl Host {
    fn apply(&mut self, command: &Payload) {
        self.index += 1;
        let entry = EntryRef { log_id: LogId::new(1, self.index), payload: command };
        std::hint::black_box(self.kv.apply_entry(entry));
    }
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut host = Host { kv: Kv::default(), index: 0 };
    puts(options, &mut host)?;
    if options.leases > 0 {
        set_aside(options, &mut host)?;
    }
    Ok(())
}

fn puts(options: &Options, host: &mut Host) -> Result<(), String> {
    let mut commands = Vec::new();
    for key in 0..options.keys {
        commands.push(put(key)?);
    }
    // Once for all keys, so that what is measured replaces.
    commands.iter().for_each(|command| host.apply(command));
    let before = allocator::allocated();
    let begun = Instant::now();
    for (number, place) in (0..options.puts).zip((0..commands.len()).cycle()) {
        host.apply(&commands[place]);
        if number % KEPT_REVISIONS == 0 {
            let revision = host.kv.revision() - 1;
            host.apply(&encoded(&Command::Compact { revision })?);
        }
    }
    let took = begun.elapsed();
    let allocated = allocator::allocated();
    println!(
        "put: {:.0} ns, {:.2} allocations of {:.0} B together (over {} keys)",
        took.as_nanos() as f64 / options.puts as f64,
        (allocated.count - before.count) as f64 / options.puts as f64,
        (allocated.bytes - before.bytes) as f64 / options.puts as f64,
        options.keys
    );
    Ok(())
}

fn set_aside(options: &Options, host: &mut Host) -> Result<(), String> {
    for lease in 1..=options.leases {
        let lease = LeaseId(lease.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        host.apply(&encoded(&Command::LeaseGrant { lease, ttl_ms: 60_000 })?);
    }
    let granted = host.kv.leases().count();
    let command = put(1)?;
    let (mut slowest, mut after) = (0.0_f64, 0.0_f64);
    for _ in 0..SNAPSHOTS {
        let begun = Instant::now();
        let snapshot = host.kv.snapshot();
        slowest = slowest.max(begun.elapsed().as_secs_f64());
        // The first change of what is shared copies a leaf.
        let begun = Instant::now();
        host.apply(&command);
        after = after.max(begun.elapsed().as_secs_f64());
        drop(snapshot);
    }
    println!(
        "snapshot: applying waits {:.2} ms with {granted} leases; the next put takes {:.1} µs \
         (slowest of {SNAPSHOTS})",
        slowest * 1e3,
        after * 1e6
    );
    Ok(())
}

fn put(key: u64) -> Result<Payload, String> {
    let key = Bytes::copy_from_slice(&key.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    encoded(&Command::put(key, vec![7; quorate_bench_load::VALUE_BYTES]))
}

fn encoded(command: &Command) -> Result<Payload, String> {
    command.encode().map(Payload::Command).map_err(|error| error.to_string())
}
