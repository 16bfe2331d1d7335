//! `quorate replay`: steps a recorded run again, and compares.

use std::{fs::File, path::PathBuf, process::ExitCode};

use clap::Args;
use quorate_driver::{Divergence, Replayed, replay};
use serde_json::json;

/// Exit codes, as in the help text.
const DIVERGED: u8 = 1;
const CANNOT_RUN: u8 = 3;

/// Steps a recorded run again, with a fresh core, and compares what it answers byte for byte.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  quorate replay incident.trace
  quorate replay --json incident.trace

Exit codes:
  0  every event is answered as it was recorded
  1  an event is answered otherwise; the first such one is shown
  2  a flag is wrong
  3  there is nothing to compare: no such file, no trace, damaged, another format")]
pub(crate) struct ReplayArguments {
    /// The trace.
    file: PathBuf,
    /// Print one JSON object on one line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &ReplayArguments) -> ExitCode {
    let shown = arguments.file.display();
    let file = match File::open(&arguments.file) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("error: cannot read {shown}: {error}; name a file that a node recorded");
            return ExitCode::from(CANNOT_RUN);
        }
    };
    match replay(file) {
        Ok(replayed) => {
            if arguments.json {
                println!("{}", in_json(&replayed));
            } else {
                print(&replayed);
            }
            if replayed.divergence.is_some() { ExitCode::from(DIVERGED) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {shown}: {error}");
            ExitCode::from(CANNOT_RUN)
        }
    }
}

fn in_json(replayed: &Replayed) -> serde_json::Value {
    let Replayed { events, actions, hash, divergence, cut_bytes } = replayed;
    let divergence = divergence.as_deref().map(|divergence| {
        let Divergence { event_number, event, recorded, found } = divergence;
        json!({
            "event_number": event_number,
            "event": format!("{event:?}"),
            "recorded": recorded.as_ref().map(|actions| texts(actions)),
            "found": texts(found),
        })
    });
    json!({
        "same": divergence.is_none(),
        "events": events,
        "actions": actions,
        "hash": format!("{hash:016x}"),
        "cut_bytes": cut_bytes,
        "divergence": divergence,
    })
}

fn texts<T: std::fmt::Debug>(list: &[T]) -> Vec<String> {
    list.iter().map(|item| format!("{item:?}")).collect()
}

fn print(replayed: &Replayed) {
    let Replayed { events, actions, hash, divergence, cut_bytes } = replayed;
    if *cut_bytes > 0 {
        println!("cut off      the last {cut_bytes} bytes are no whole record");
    }
    let Some(divergence) = divergence else {
        println!("same         {events} events, {actions} actions, hash {hash:016x}");
        return;
    };
    let Divergence { event_number, event, recorded, found } = &**divergence;
    println!("other        event {event_number} is answered otherwise than it was recorded");
    println!("event        {event:?}");
    match recorded {
        Some(recorded) => recorded.iter().for_each(|action| println!("recorded     {action:?}")),
        None => println!("recorded     actions that make no sense to this version"),
    }
    found.iter().for_each(|action| println!("found        {action:?}"));
}
