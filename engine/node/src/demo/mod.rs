//! `quorate demo`: a cluster that loses its leader and no write.

mod cluster;
mod directory;
mod input;
mod journal;
mod load;
mod report;
mod verify;
mod voice;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use quorate::{EngineError, StartError};

use cluster::Cluster;
use directory::Directory;
use input::Pairs;
use journal::{Ledger, Run, Stream};
use load::Load;
use report::Report;
use voice::{Voice, grouped, seconds};

/// Exit codes, as in the help text.
const LOST: u8 = 1;
const CANNOT_RUN: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Writes before the kill, between kill and restart, and after it: a quarter of the first stream,
/// within these.
const STEP_MIN: u64 = 100;
const STEP_MAX: u64 = 25_000;

/// Starts three real nodes in one process on loopback TCP, each with its own durable log; writes and
/// reads everything back; writes on, kills the leader in mid-stream, shows the take-over, restarts
/// the killed node from its log; and counts acknowledged writes that are missing on any node.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  quorate demo                              20,000 generated values, in a temporary directory
  quorate demo --ops 100000 --clients 256   more of both
  quorate demo --data-dir ./demo-data       keeps the data; the next run goes on with it
  quorate demo --input pairs.csv            key,value lines instead of generated data
  quorate demo --json 2>/dev/null           one JSON object on one line of stdout

Exit codes:
  0  nothing was lost
  1  an acknowledged write was lost
  2  a flag is wrong
  3  the demo cannot run: a directory, a port, an input file, a disk
  130  interrupted; the data is intact")]
pub(crate) struct DemoArguments {
    /// How many values to write before the kill; about three quarters as many follow around it.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    ops: u64,
    /// How many clients write at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    clients: u32,
    /// The size of a generated value, in bytes.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=524_288))]
    value_bytes: u32,
    /// Keep the data here, and go on with what is here. Default: a temporary directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The first of three ports. Default: free ones, chosen by the system.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=65_533))]
    base_port: Option<u16>,
    /// Write the key-value lines of this file: CSV (key,value) or JSON lines ({"key":…,"value":…}).
    #[arg(long, value_name = "FILE", conflicts_with = "ops")]
    input: Option<PathBuf>,
    /// Print the result as one JSON object on one line.
    #[arg(long)]
    json: bool,
    /// No progress on stderr.
    #[arg(long, short)]
    quiet: bool,
}

/// Why the demo ends without a result.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Start(StartError),
    #[error(
        "{} is empty, but node {node} had its log there: put the log back, or name an empty or \
         new --data-dir", dir.display()
    )]
    LostDisk { node: u64, dir: PathBuf },
    #[error(transparent)]
    Final(EngineError),
    #[error("the nodes do not answer: {0}; run it again with QUORATE_LOG=info to see what they do")]
    NoAnswer(EngineError),
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
    #[error(transparent)]
    Input(#[from] input::InputError),
    #[error("cannot start: {0}; free some of this system's resources, then try again")]
    System(#[from] std::io::Error),
}

impl From<EngineError> for DemoError {
    fn from(error: EngineError) -> DemoError {
        match error {
            // The demo has no session and no watch: these say what they say.
            EngineError::Halted { .. }
            | EngineError::CommandTooLong { .. }
            | EngineError::Invalid(_)
            | EngineError::Refused(_)
            | EngineError::Members(_)
            | EngineError::SessionExpired { .. }
            | EngineError::WatchLost { .. }
            | EngineError::WatchEnded { .. } => DemoError::Final(error),
            EngineError::NotDone { .. } | EngineError::Unknown { .. } => DemoError::NoAnswer(error),
        }
    }
}

pub(crate) fn run(arguments: DemoArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&DemoError::System(error)),
    };
    let voice = Voice::new(arguments.quiet);
    let cluster = Cluster::default();
    let result = runtime.block_on(async {
        let result = tokio::select! {
            result = demonstrate(&cluster, &arguments, &voice) => result.map(Some),
            _ = tokio::signal::ctrl_c() => Ok(None),
        };
        voice.end();
        cluster.stop().await;
        result
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(Some(report)) => {
            if arguments.json {
                report.print_json()
            } else {
                report.print_table()
            }
            ExitCode::from(if report.lost == 0 { 0 } else { LOST })
        }
        Ok(None) => {
            let what = match arguments.data_dir {
                Some(dir) => format!(
                    "every acknowledged write is in the nodes' logs in {0}; the next run with \
                     --data-dir {0} looks for them",
                    dir.display()
                ),
                None => "the temporary directory is removed".to_owned(),
            };
            eprintln!("interrupted: {what}");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &DemoError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(CANNOT_RUN)
}

async fn demonstrate(
    cluster: &Cluster,
    arguments: &DemoArguments,
    voice: &Voice,
) -> Result<Report, DemoError> {
    let input = arguments.input.as_deref().map(input::read).transpose()?;
    let directory = Directory::open(arguments.data_dir.as_deref())?;
    let mut ledger = directory.earlier()?;
    let [one, two, three] = cluster.start(&directory, arguments.base_port).await?;
    let place = directory.path().display();
    voice.say(format!("three nodes on 127.0.0.1:{one}, :{two} and :{three}, logs in {place}"));
    let leader = cluster.wait_ready().await?;
    voice.say(format!("node {leader} is elected leader"));
    let found = look_for_earlier(cluster, &directory, &ledger, voice).await?;
    let run = Run { ops: arguments.ops, value_bytes: arguments.value_bytes };
    let journal = directory.begin(run, input.as_deref())?;
    let first = Pairs::first(directory.run(), run, input);
    let second = Pairs::second(directory.run(), run);
    let stage = Stage { cluster, voice, clients: arguments.clients, journal: &journal };
    let report = stage.play(&first, &second, &mut ledger).await?;
    Ok(Report { earlier_found: found, ..report })
}

/// Looks for what earlier runs had acknowledged; says how much of it is there. What is not is counted
/// as lost at the end, when everything is looked for again.
async fn look_for_earlier(
    cluster: &Cluster,
    directory: &Directory,
    ledger: &Ledger,
    voice: &Voice,
) -> Result<u64, DemoError> {
    let runs = directory.earlier_runs();
    if runs == 0 {
        return Ok(0);
    }
    let lost = verify::lost(cluster, ledger).await?;
    let found = ledger.len() - lost;
    voice.say(format!(
        "{} values that {runs} earlier {} had acknowledged are there on every node, {lost} lost",
        grouped(found),
        if runs == 1 { "run" } else { "runs" }
    ));
    Ok(found)
}

/// What the writing and reading is done with.
struct Stage<'a> {
    cluster: &'a Cluster,
    voice: &'a Voice,
    clients: u32,
    journal: &'a journal::Journal,
}

impl Stage<'_> {
    /// Writes, reads back, writes on through the leader's death, and counts what is missing.
    async fn play(
        &self,
        first: &Pairs,
        second: &Pairs,
        ledger: &mut Ledger,
    ) -> Result<Report, DemoError> {
        let Stage { cluster, voice, clients, journal } = *self;
        let load = |pairs, stream| Load::new(cluster, (pairs, stream), clients, voice, journal);
        voice.begin("writing", first.len());
        let steady = load(first, Stream::First).run().await?;
        voice.say(format!(
            "{} values written by {clients} clients in {}",
            grouped(steady.acknowledged),
            seconds(steady.elapsed)
        ));
        voice.begin("reading", first.len());
        let reads = verify::read_back(cluster, first, clients, voice).await?;
        voice.say(format!(
            "{} values read back linearizably in {}, {} missing or wrong",
            grouped(reads.count),
            seconds(reads.elapsed),
            reads.wrong
        ));
        let step = (first.len() / 4).clamp(STEP_MIN, STEP_MAX);
        voice.begin("writing", 3 * step);
        let disturbed = load(second, Stream::Second).run_with_accident(step).await?;
        voice.say(format!(
            "{} more values written around that; now every acknowledged one is read from every node",
            grouped(disturbed.acknowledged)
        ));
        ledger.add(first, steady.acknowledged, |_| true);
        ledger.add(second, disturbed.acknowledged, |_| true);
        let lost = verify::lost(cluster, ledger).await?;
        let report = Report::of(&steady, &disturbed, &reads);
        Ok(Report { lost: lost.max(report.lost), ..report })
    }
}
