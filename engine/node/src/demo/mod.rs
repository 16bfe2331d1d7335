//! `quorate demo`: a cluster that loses its leader and no write.

mod cluster;
mod directory;
mod input;
mod load;
mod report;
mod verify;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use cluster::Cluster;
use directory::Directory;
use input::Pairs;
use load::Load;
use report::Report;

/// Exit codes, as in the help text.
const LOST: u8 = 1;
const CANNOT_RUN: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Starts three real nodes in one process on loopback TCP, each with its own durable log; writes,
/// kills the leader in mid-stream, shows the take-over, restarts the killed node from its log, reads
/// everything back, and counts acknowledged writes that are missing on any node.
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
    /// How many values to write.
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
    Start(#[from] quorate::StartError),
    #[error(transparent)]
    Engine(#[from] quorate::EngineError),
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
    #[error(transparent)]
    Input(#[from] input::InputError),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Where the demo says what happens.
#[derive(Clone)]
pub(crate) struct Voice {
    quiet: bool,
    bar: ProgressBar,
}

impl Voice {
    fn new(quiet: bool) -> Voice {
        let bar = ProgressBar::with_draw_target(
            None,
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template(
            "{msg:>9} {bar:40} {human_pos}/{human_len}  {per_sec}  {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Voice { quiet, bar }
    }

    fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("{}", text.as_ref()));
        }
    }

    fn begin(&self, what: &'static str, total: u64) {
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(what);
    }
}

pub(crate) fn run(arguments: DemoArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&DemoError::System(error)),
    };
    let json = arguments.json;
    let voice = Voice::new(arguments.quiet);
    let result = runtime.block_on(async {
        let input = arguments.input.as_deref().map(input::read).transpose()?;
        let directory = Directory::open(&arguments)?;
        let pairs = Arc::new(Pairs::of(input, &arguments, directory.run()));
        let (cluster, ports) = start(&arguments, &directory).await?;
        tokio::select! {
            result = show(&cluster, &pairs, &directory, ports, &arguments, &voice) => result.map(Some),
            _ = tokio::signal::ctrl_c() => {
                voice.bar.finish_and_clear();
                cluster.stop().await;
                Ok(None)
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    voice.bar.finish_and_clear();
    match result {
        Ok(Some(report)) => {
            if json {
                report.print_json()
            } else {
                report.print_table()
            }
            ExitCode::from(if report.lost == 0 { 0 } else { LOST })
        }
        Ok(None) => {
            eprintln!("interrupted: every acknowledged write is in the nodes' logs");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &DemoError) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(CANNOT_RUN)
}

async fn start(
    arguments: &DemoArguments,
    directory: &Directory,
) -> Result<(Cluster, [u16; 3]), DemoError> {
    let cluster = Cluster::start(directory, arguments.base_port).await?;
    let ports = cluster.ports();
    Ok((cluster, ports))
}

async fn show(
    cluster: &Cluster,
    pairs: &Arc<Pairs>,
    directory: &Directory,
    ports: [u16; 3],
    arguments: &DemoArguments,
    voice: &Voice,
) -> Result<Report, DemoError> {
    voice.say(format!(
        "three nodes on 127.0.0.1:{}, :{} and :{}, logs in {}",
        ports[0],
        ports[1],
        ports[2],
        directory.path().display()
    ));
    let leader = cluster.wait_ready().await?;
    voice.say(format!(
        "node {leader} leads; {} writes, {} clients",
        pairs.len(),
        arguments.clients
    ));
    if let Some(earlier) = directory.earlier() {
        let lost = verify::lost(cluster, &Pairs::generated(earlier)).await?;
        voice.say(format!("{} values of run {} found, {lost} lost", earlier.ops, earlier.run));
        if lost > 0 {
            return Ok(Report { lost, ..Report::default() });
        }
    }
    directory.begin()?;
    let written = Load::new(cluster, pairs.clone(), arguments.clients, voice).run().await?;
    voice.begin("reading", pairs.len());
    let reads = verify::read_back(cluster, pairs, arguments.clients, voice).await?;
    voice.say("comparing every acknowledged write on every node");
    let lost = verify::lost(cluster, pairs).await?;
    directory.finish(arguments)?;
    cluster.stop().await;
    Ok(Report::of(&written, &reads, lost))
}
