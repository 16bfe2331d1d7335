//! x
mod quorate;
use std::process::ExitCode;
fn main() -> ExitCode {
    quorate_bench_harness::main::<quorate::Cluster>(std::env::args().skip(2))
}
