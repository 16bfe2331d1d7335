//! `quorate wal`: looks at a node's log, and sets a damaged one aside.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use quorate_wal::{DirectoryDisk, Summary, WalError, check};
use serde_json::json;

/// Exit codes, as in the help texts.
const DAMAGED: u8 = 1;
const CANNOT_RUN: u8 = 3;

/// Looks at a node's log, or sets a damaged one aside. The node must not run meanwhile.
#[derive(Args, Clone, Debug)]
pub(crate) struct WalArguments {
    #[command(subcommand)]
    command: WalCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum WalCommand {
    /// Reads a whole log without changing it; says what it holds, or where it is damaged.
    #[command(after_help = "\
Examples:
  quorate wal check ./demo-data/node-1
  quorate wal check --json ./demo-data/node-1

Exit codes:
  0  the log is sound
  1  the log is damaged; segment and offset are named
  2  a flag is wrong
  3  there is no log that can be read: no such directory, in use, another format")]
    Check {
        /// The directory of one node's log.
        dir: PathBuf,
        /// Print one JSON object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Moves a damaged log into a folder beside it. The node's promises are lost with it, so it must
    /// rejoin under a new id; nothing is deleted.
    #[command(after_help = "\
Examples:
  quorate wal repair ./demo-data/node-1         says what would be done
  quorate wal repair --yes ./demo-data/node-1   does it

Exit codes:
  0  the log is sound, or is set aside now
  1  the log is damaged, and --yes was not given
  2  a flag is wrong
  3  there is no log that can be set aside: no such directory, in use, another format")]
    Repair {
        /// The directory of one node's log.
        dir: PathBuf,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(arguments: &WalArguments) -> ExitCode {
    let (result, dir) = match &arguments.command {
        WalCommand::Check { dir, json } => (look(dir, *json), dir),
        WalCommand::Repair { dir, yes } => (repair(dir, *yes), dir),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {}: {error}", dir.display());
        ExitCode::from(CANNOT_RUN)
    })
}

/// A log as it was found.
enum Log {
    Sound(Summary),
    Damaged(Damage),
    /// Not even a segment.
    None,
}

/// What is damaged, and how.
enum Damage {
    Segment { segment: u64, offset: u64, what: String },
    Snapshot { file: String, what: String },
}

impl Damage {
    fn in_json(&self) -> serde_json::Value {
        match self {
            Damage::Segment { segment, offset, what } => {
                json!({"segment": segment, "offset": offset, "what": what})
            }
            Damage::Snapshot { file, what } => json!({"snapshot": file, "what": what}),
        }
    }

    fn print(&self) {
        match self {
            Damage::Segment { segment, offset, what } => {
                println!("damaged: segment {segment}, byte {offset}: {what}");
            }
            Damage::Snapshot { file, what } => println!("damaged: snapshot {file}: {what}"),
        }
    }
}

fn read(disk: &DirectoryDisk) -> Result<Log, WalError> {
    match check(disk) {
        Ok(Some(summary)) => Ok(Log::Sound(summary)),
        Ok(None) => Ok(Log::None),
        Err(WalError::Damaged { segment, offset, what }) => {
            Ok(Log::Damaged(Damage::Segment { segment, offset, what }))
        }
        Err(WalError::Snapshot { file, what }) => Ok(Log::Damaged(Damage::Snapshot { file, what })),
        Err(other) => Err(other),
    }
}

fn no_log(dir: &Path) -> ExitCode {
    eprintln!(
        "error: {0} holds no log: name the directory of one node, such as {0}/node-1",
        dir.display()
    );
    ExitCode::from(CANNOT_RUN)
}

fn look(dir: &Path, as_json: bool) -> Result<ExitCode, WalError> {
    match read(&DirectoryDisk::open_existing(dir)?)? {
        Log::None => Ok(no_log(dir)),
        Log::Sound(summary) => {
            if as_json {
                println!("{}", in_json(&summary));
            } else {
                print(&summary);
            }
            Ok(ExitCode::SUCCESS)
        }
        Log::Damaged(damage) => {
            if as_json {
                println!("{}", json!({"sound": false, "damage": damage.in_json()}));
            } else {
                damage.print();
                println!("next: quorate wal repair {}", dir.display());
            }
            Ok(ExitCode::from(DAMAGED))
        }
    }
}

fn in_json(summary: &Summary) -> serde_json::Value {
    let Summary { format, group, node, incarnation, segments, first_index, last, .. } = summary;
    json!({
        "sound": true,
        "format": format,
        "group": group,
        "node": node.get(),
        "incarnation": incarnation,
        "segments": [segments.0, segments.1],
        "first_index": first_index,
        "last_index": last.index,
        "last_term": last.term,
        "snapshot_index": summary.snapshot.map(|snapshot| snapshot.last.index),
        "snapshot_bytes": summary.snapshot.map(|snapshot| snapshot.len),
        "term": summary.hard_state.term,
        "voted_for": summary.hard_state.voted_for.map(|node| node.get()),
        "torn": summary.is_torn,
    })
}

fn print(summary: &Summary) {
    let Summary { format, group, node, incarnation, segments, first_index, last, .. } = summary;
    println!("sound");
    println!("group        {group}");
    println!("node         {node}");
    println!("format       {format}");
    println!("opened       {incarnation} times");
    println!("segments     {} to {}", segments.0, segments.1);
    println!("entries      {first_index} to {}, the last of term {}", last.index, last.term);
    if let Some(snapshot) = summary.snapshot {
        println!("snapshot     {} bytes, through {}", snapshot.len, snapshot.last.index);
    }
    let vote = summary.hard_state.voted_for;
    let vote = vote.map_or("no vote".to_owned(), |node| format!("vote for node {node}"));
    println!("term         {}, {vote}", summary.hard_state.term);
    if summary.is_torn {
        println!("torn         a last batch that was never acknowledged; opening drops it");
    }
}

fn repair(dir: &Path, yes: bool) -> Result<ExitCode, WalError> {
    let disk = DirectoryDisk::open_existing(dir)?;
    let damage = match read(&disk)? {
        Log::None => return Ok(no_log(dir)),
        Log::Sound(_) => {
            println!("sound: there is nothing to repair in {}", dir.display());
            return Ok(ExitCode::SUCCESS);
        }
        Log::Damaged(damage) => damage,
    };
    damage.print();
    if !yes {
        eprintln!(
            "error: nothing is done without --yes: it moves the log into a folder in {}, and this \
             node, whose promises are lost with it, must rejoin under a new id",
            dir.display()
        );
        return Ok(ExitCode::from(DAMAGED));
    }
    let backup = disk.set_aside()?;
    println!("the log is set aside in {}; nothing is deleted", backup.display());
    println!("next: start this node under a new id, in another directory");
    Ok(ExitCode::SUCCESS)
}
