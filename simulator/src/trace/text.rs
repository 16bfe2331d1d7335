//! A record as a line.

use std::fmt;

use quorate_core::Nanos;

use super::record::{Aspect, Fate, NodeState, Record, What};
use crate::{
    duration,
    plan::seconds,
    profile::{MICROSECOND, MILLISECOND},
    words::counted,
};

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", seconds(self.at), self.what)
    }
}

/// Nanoseconds with a sign, rounded down to what one cares for.
fn signed(nanos: i64) -> String {
    let size: Nanos = nanos.unsigned_abs();
    let size = if size >= MILLISECOND { size - size % MICROSECOND } else { size };
    format!("{}{}", if nanos < 0 { "-" } else { "+" }, duration::write(size))
}

fn change(out: &mut fmt::Formatter<'_>, aspect: Aspect, state: &NodeState) -> fmt::Result {
    match aspect {
        Aspect::Role => {
            write!(out, "is {:?} in term {}, log ends {:?}", state.role, state.term, state.last)
        }
        Aspect::Vote => match state.vote {
            Some(vote) => write!(out, "votes for node {vote} in term {}", state.term),
            None => write!(out, "has no vote in term {}", state.term),
        },
        Aspect::Log => write!(out, "has a log through {:?}", state.last),
        Aspect::Commit => write!(out, "commits through {}", state.commit),
        Aspect::Members => write!(out, "has the members {}", state.members),
        Aspect::Durable => {
            write!(out, "holds term {} and {} durably", state.durable_term, state.durable)
        }
        Aspect::Applied => write!(out, "has applied {}", state.applied),
    }
}

fn unheard(heard: bool) -> &'static str {
    if heard { "" } else { ", but nobody is there" }
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::State { node, new, state } => {
                write!(out, "node {node} ")?;
                for (place, aspect) in new.iter().enumerate() {
                    out.write_str(if place > 0 { ", " } else { "" })?;
                    change(out, *aspect, state)?;
                }
                Ok(())
            }
            What::Send { node, to, message, fate, .. } => {
                let fate = match fate {
                    Fate::Sent => "",
                    Fate::Lost => ", lost",
                    Fate::Blocked => ", blocked by a partition",
                };
                write!(out, "node {node} to node {to}{fate}: {message}")
            }
            What::Deliver { node, from, message, heard } => {
                write!(out, "node {node} hears from node {from}{}: {message}", unheard(*heard))
            }
            What::Fault { planned, text, nodes, links, .. } => {
                let nodes: Vec<String> = nodes.iter().map(u64::to_string).collect();
                let noun = if nodes.len() > 1 { "nodes" } else { "node" };
                write!(out, "fault {planned}: {text} strikes {noun} {}", nodes.join(" "))?;
                several(out, links.len() as u64, "link", format_args!(" blocked"))
            }
            What::FaultEnded { planned, text } => write!(out, "fault {planned} ends: {text}"),
            What::Heal => out.write_str("everything heals"),
            What::Begin { client, number, ask } => {
                write!(out, "client {client} begins its operation {number}: {ask}")
            }
            What::Ask { client, to } => write!(out, "client {client} asks node {to}"),
            What::Request { node, client, heard } => {
                write!(out, "client {client}'s request comes to node {node}{}", unheard(*heard))
            }
            What::Answer { client, from, answer, .. } => {
                write!(out, "client {client} is told by node {from}: {answer}")
            }
            What::GiveUp { client } => write!(out, "client {client} waits no longer"),
            What::Note { text } => out.write_str(text),
            What::Violation { property, text, .. } => write!(out, "VIOLATION {property}: {text}"),
            What::Start { .. }
            | What::StartFailed { .. }
            | What::Crash { .. }
            | What::Timer { .. }
            | What::Write { .. }
            | What::Written { .. }
            | What::LateWritten { .. }
            | What::Stalled { .. }
            | What::Apply { .. }
            | What::ReadBack { .. }
            | What::Clock { .. }
            | What::Propose { .. } => within(self, out),
        }
    }
}

/// So many of something, and what became of them; nothing where there are none.
fn several(
    out: &mut fmt::Formatter<'_>,
    count: u64,
    one: &str,
    fate: fmt::Arguments<'_>,
) -> fmt::Result {
    if count == 0 { Ok(()) } else { write!(out, ", {}{fate}", counted(count, one)) }
}

/// What happens within one node.
fn within(what: &What, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "node {} ", what.node().unwrap_or_default())?;
    match what {
        What::Start { life, kept, lost, state, .. } => {
            let again = if *life > 1 { " again" } else { "" };
            write!(out, "starts{again} with term {}, log through {:?}", state.term, state.last)?;
            if kept + lost > 0 {
                write!(out, "; of what was being written, {kept} kept, {lost} lost")?;
            }
            Ok(())
        }
        What::StartFailed { .. } => out.write_str("stops while it opens its log"),
        What::Crash { how, writing, lost_sectors, .. } => {
            write!(out, "crashes: {how}")?;
            out.write_str(if *writing { ", while it writes" } else { "" })?;
            several(out, *lost_sectors, "sector", format_args!(" lost"))
        }
        What::Timer { .. } => out.write_str("finds that a timer is due"),
        What::Write { term, vote, from, entries, .. } => {
            write!(out, "begins to write term {term}")?;
            if let Some(vote) = vote {
                write!(out, ", vote for node {vote}")?;
            }
            several(out, *entries, "entry", format_args!(" from {from} on"))
        }
        What::Written { error: Some(error), .. } => write!(out, "fails to write: {error}"),
        What::Written { syncs, bytes, .. } => {
            let (bytes, syncs) = (counted(*bytes, "byte"), counted(*syncs, "sync"));
            write!(out, "has written and synced {bytes} ({syncs})")
        }
        What::LateWritten { .. } => out.write_str("is told of a write of an earlier life"),
        What::Stalled { until, .. } => {
            write!(out, "waits for its disk, which stalls until {}", seconds(*until))
        }
        What::Apply { last, install: true, .. } => write!(out, "installs a snapshot of {last}"),
        What::Apply { first, last, .. } if last < first => out.write_str("applies nothing new"),
        What::Apply { first, last, .. } => write!(out, "applies {first} through {last}"),
        What::ReadBack { .. } => out.write_str("has read entries back from its log"),
        What::Clock { offset, drift_ppm, jump, .. } => {
            let shown = signed(*offset);
            write!(out, "has a clock that shows {shown} and drifts by {drift_ppm} ppm")?;
            if *jump != 0 { write!(out, "; it leapt by {}", signed(*jump)) } else { Ok(()) }
        }
        What::Propose { requests, .. } => {
            write!(out, "proposes what {} asked for", counted(*requests, "client"))
        }
        What::State { .. }
        | What::Send { .. }
        | What::Deliver { .. }
        | What::Fault { .. }
        | What::FaultEnded { .. }
        | What::Heal
        | What::Begin { .. }
        | What::Ask { .. }
        | What::Request { .. }
        | What::Answer { .. }
        | What::GiveUp { .. }
        | What::Note { .. }
        | What::Violation { .. } => Ok(()),
    }
}
