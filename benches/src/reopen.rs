//! `reopen`: how long an engine takes to come back with much data. Filling and opening are processes
//! of their own, so that what one held in memory is not counted for the other.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use quorate::{Coordination, Durability, EmbeddedEngine, EngineConfig};
use tokio::task::JoinSet;

use crate::system;

/// Clients that fill.
const FILLERS: u64 = 256;
/// How long anything may take.
const TIMEOUT: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    Fill,
    Open,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Keys and values together; a number with KiB, MiB or GiB
    #[arg(long, default_value = "1GiB", value_name = "SIZE", value_parser = size)]
    bytes: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=512 * 1024))]
    value: u64,
    /// Where the log lies [default: a temporary folder in the target directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only this, as a process of its own
    #[arg(long, hide = true)]
    step: Option<Step>,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p quorate-bench -- reopen --bytes 1GiB
  Only to see that it runs:
    cargo run --release -p quorate-bench -- reopen --bytes 1MiB
";

fn size(text: &str) -> Result<u64, String> {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];
    let (number, unit) = units
        .into_iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, unit)))
        .unwrap_or((text, 1));
    let number: u64 = number.trim().parse().map_err(|_| "such as 64MiB or 1GiB".to_owned())?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0).ok_or_else(|| "out of range".to_owned())
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    if let (Some(step), Some(dir)) = (options.step, &options.dir) {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        return match step {
            Step::Fill => runtime.block_on(fill(options, dir)),
            Step::Open => runtime.block_on(open(dir)),
        };
    }
    let place = options.dir.clone().map_or_else(system::target_directory, Ok)?;
    let dir = tempfile::Builder::new().prefix("quorate-bench-").tempdir_in(&place);
    let dir = dir.map_err(|error| format!("{}: {error}", place.display()))?;
    step("fill", options, dir.path())?;
    println!("on disk: {} MB", on_disk(dir.path()) / 1_000_000);
    step("open", options, dir.path())
}

/// A process of its own.
fn step(name: &str, options: &Options, dir: &Path) -> Result<(), String> {
    let program =
        env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let mut command = Command::new(program);
    command.args(["reopen", "--step", name, "--bytes", &options.bytes.to_string()]);
    command.args(["--value", &options.value.to_string(), "--dir"]).arg(dir);
    let status = command.status().map_err(|error| format!("it does not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the step {name} failed")) }
}

async fn fill(options: &Options, dir: &Path) -> Result<(), String> {
    // How the data comes in is not what is measured.
    let durability = Durability::Buffered { interval: Duration::from_millis(100) };
    let engine = start(EngineConfig { durability, ..EngineConfig::new(dir) }).await?;
    let client = engine.client().with_timeout(TIMEOUT);
    let keys = options.bytes / (options.value + quorate_bench_load::KEY_BYTES as u64);
    let begun = Instant::now();
    let mut fillers = JoinSet::new();
    for first in 0..FILLERS {
        let (client, value) = (client.clone(), vec![first as u8; options.value as usize]);
        let value = Bytes::from(value);
        fillers.spawn(async move {
            for key in (first..keys).step_by(FILLERS as usize) {
                let name = key.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
                client.put(Bytes::copy_from_slice(&name), value.clone()).await?;
            }
            Ok::<(), quorate::EngineError>(())
        });
    }
    while let Some(ended) = fillers.join_next().await {
        ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    }
    println!("filled: {keys} keys in {:.1} s; {}", begun.elapsed().as_secs_f64(), memory());
    engine.stop().await.map_err(|error| error.to_string())
}

async fn open(dir: &Path) -> Result<(), String> {
    let begun = Instant::now();
    let engine = start(EngineConfig::new(dir)).await?;
    let keys = engine.client().len_stale();
    println!("reopened: {keys} keys in {:.1} s; {}", begun.elapsed().as_secs_f64(), memory());
    engine.stop().await.map_err(|error| error.to_string())
}

/// Starts, and waits until all is back.
async fn start(config: EngineConfig) -> Result<EmbeddedEngine, String> {
    let engine = EmbeddedEngine::start_with(config).await.map_err(|error| error.to_string())?;
    engine.wait_ready(TIMEOUT).await.map_err(|error| error.to_string())?;
    Ok(engine)
}

fn memory() -> String {
    let (now, most) = quorate_bench_load::memory();
    format!("{} MB in memory, {} MB at most", now / 1_000_000, most / 1_000_000)
}

fn on_disk(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_size_is_a_number_and_a_unit() {
        assert_eq!(super::size("1GiB"), Ok(1 << 30));
        assert_eq!(super::size("64 MiB"), Ok(64 << 20));
        assert_eq!(super::size("7"), Ok(7));
        for bad in ["", "0", "GiB", "1 TB", "99999999999GiB"] {
            assert!(super::size(bad).is_err(), "{bad}");
        }
    }
}
