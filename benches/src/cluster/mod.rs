//! `cluster`: whole engines under load, ours and d-engine, in rounds that take turns, so that a slow
//! minute of the machine is a slow minute for all.

mod floor;
mod table;

use std::{fs, path::PathBuf, process::Command};

use clap::Args;
use quorate_bench_load::{Operation, Row};

use self::floor::Floor;
use crate::{
    engine::BUFFERED,
    system::{self, Program},
};

/// A machine whose load is above this share of its cores is not idle.
const IDLE_LOAD: f64 = 0.1;
/// The peer's folder.
const PEER: &str = "d-engine";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Nodes, all in one process, on loopback
    #[arg(long, value_delimiter = ',', default_value = "1,3", value_name = "LIST")]
    nodes: Vec<u64>,
    /// Clients, each with one operation under way
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000", value_name = "LIST")]
    clients: Vec<u64>,
    /// What they do
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "put,linearizable,lease,stale",
        value_name = "LIST"
    )]
    operation: Vec<Operation>,
    /// Seconds that are measured in each round; 60 shows what decays
    #[arg(long, default_value_t = 5, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Rounds, each with nodes of its own
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Also builds d-engine and measures it: it needs a C++ compiler, libclang and protoc, and takes
    /// twenty minutes
    #[arg(long)]
    peers: bool,
    /// Where the nodes keep their logs; that disk is what is measured [default: a temporary folder in
    /// the target directory]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the rows here, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables here, as well as to the output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  All of quorate, a few minutes:
    cargo run --release -p quorate-bench -- cluster
  Beside d-engine, which is built first:
    cargo run --release -p quorate-bench -- cluster --peers --json rows.json --markdown table.md
  Whether it is steady for a minute:
    cargo run --release -p quorate-bench -- cluster --nodes 3 --clients 100 --operation put --seconds 60 --rounds 1
  Only to see that it runs:
    cargo run --release -p quorate-bench -- cluster --clients 1 --seconds 1 --rounds 1
";

/// An engine in one of its settings.
struct Engine {
    name: &'static str,
    settings: Option<&'static str>,
    /// Operations that this setting changes nothing about are left out.
    only: Option<Operation>,
    program: Result<Program, String>,
}

/// One row to be: a case of an engine, and its rounds.
pub(crate) struct Measured {
    pub(crate) system: &'static str,
    pub(crate) nodes: u64,
    pub(crate) operation: Operation,
    pub(crate) clients: u64,
    /// The rounds, or why there are none.
    pub(crate) rows: Result<Vec<Row>, String>,
}

/// Measures, prints and writes.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let place = match &options.dir {
        Some(dir) => dir.clone(),
        None => system::target_directory()?,
    };
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let dir = tempfile::Builder::new().prefix("quorate-bench-").tempdir_in(&place);
    let dir = dir.map_err(|error| format!("{}: {error}", place.display()))?;
    let engines = engines(options.peers)?;
    let load = load();
    let floor = Floor::measure(dir.path())?;
    let mut text = format!("{}\n{floor}\n", load_line(load));
    eprint!("{text}");
    let measured = measure(options, &engines, dir.path());
    text.push_str(&table::markdown(&measured));
    text.push_str(&format!("\nAfterwards: {}\n", load_line(self::load())));
    print!("{text}");
    write(options.json.as_ref(), &table::json(&measured)?)?;
    write(options.markdown.as_ref(), &text)
}

fn engines(peers: bool) -> Result<Vec<Engine>, String> {
    let ours = system::this_program("load")?;
    let peer = if peers {
        system::build(PEER).map(|path| Program { path, words: Vec::new() })
    } else {
        Err("not built: give --peers".to_owned())
    };
    let put = Some(Operation::Put);
    Ok(vec![
        Engine { name: "quorate", settings: None, only: None, program: Ok(ours.clone()) },
        Engine { name: "quorate buffered", settings: Some(BUFFERED), only: put, program: Ok(ours) },
        Engine { name: "d-engine", settings: None, only: None, program: peer },
    ])
}

fn measure(options: &Options, engines: &[Engine], dir: &std::path::Path) -> Vec<Measured> {
    let mut all = Vec::new();
    for &nodes in &options.nodes {
        for &operation in &options.operation {
            for &clients in &options.clients {
                let takes = |engine: &&Engine| engine.only.is_none_or(|only| only == operation);
                let engines: Vec<&Engine> = engines.iter().filter(takes).collect();
                let mut of_case: Vec<Measured> = Vec::new();
                for engine in &engines {
                    let rows = engine.program.clone().map(|_| Vec::new());
                    let system = engine.name;
                    of_case.push(Measured { system, nodes, operation, clients, rows });
                }
                for _ in 0..options.rounds {
                    for (engine, measured) in engines.iter().zip(&mut of_case) {
                        round(engine, measured, options.seconds, dir);
                    }
                }
                all.extend(of_case);
            }
        }
    }
    all
}

/// One round, with nodes of its own. Where one fails, the row says so.
fn round(engine: &Engine, measured: &mut Measured, seconds: u64, dir: &std::path::Path) {
    let (Ok(program), Ok(rows)) = (&engine.program, &mut measured.rows) else { return };
    let Measured { nodes, operation, clients, .. } = *measured;
    eprintln!("{}: {nodes} nodes, {operation}, {clients} clients", engine.name);
    let dir = dir.join("nodes");
    let mut command = Command::new(&program.path);
    command.args(&program.words).args(["--nodes", &nodes.to_string()]);
    command.args(["--operation", &operation.to_string(), "--clients", &clients.to_string()]);
    command.args(["--seconds", &seconds.to_string()]).arg("--dir").arg(&dir);
    command.args(engine.settings.iter().flat_map(|name| ["--settings", name]));
    let done = command.output().map_err(|error| format!("it does not start: {error}"));
    let row = done.and_then(|output| {
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        // An engine may have things to say of its own before.
        let row = said.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        let why = || format!("failed: {}", error.lines().last().unwrap_or("it said nothing"));
        row.ok_or_else(why)
    });
    match row {
        Ok(row) => rows.push(row),
        Err(why) => measured.rows = Err(why),
    }
    // What is left of it is in nobody's way but the disk's.
    let _ = fs::remove_dir_all(&dir);
}

/// How many threads have wanted a core in the last minute; none where the system does not say.
fn load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn load_line(load: Option<f64>) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match load {
        None => format!("{cores} cores; the load is not known."),
        Some(load) if load > IDLE_LOAD * cores as f64 => {
            format!("{cores} cores, load {load:.2}: NOT IDLE, these are not numbers to quote.")
        }
        Some(load) => format!("{cores} cores, load {load:.2}."),
    }
}

fn write(file: Option<&PathBuf>, text: &str) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}
