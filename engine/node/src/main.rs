//! The binary `quorate`.

mod demo;
mod replay;
mod settings;
mod wal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Strongly consistent keys and values on Raft.
#[derive(Parser)]
#[command(name = "quorate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A node's configuration: check a file, show what would be in force, print an example.
    Config(settings::ConfigArguments),
    /// Three durable nodes in this process: write, kill the leader, take over, restart, count losses.
    Demo(demo::DemoArguments),
    /// Steps a recorded run again, and compares what the node answers.
    Replay(replay::ReplayArguments),
    /// A node's log: check it, or set a damaged one aside.
    Wal(wal::WalArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("QUORATE_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match arguments.command {
        Command::Config(arguments) => settings::run(&arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Wal(arguments) => wal::run(&arguments),
    }
}
