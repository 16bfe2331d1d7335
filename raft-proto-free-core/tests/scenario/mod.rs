//! Runs a scenario: a claim, then commands and expectations, a line each.

mod command;
mod fact;
mod host;

use quorate_core::Config;

use crate::group::{Group, MS};
use fact::Claim;

/// A scenario under way.
pub(crate) struct Scenario {
    pub(crate) group: Group,
    /// The names of reads, in order of asking: the request of each.
    pub(crate) reads: Vec<(String, u64)>,
    /// What must never be seen from some line on.
    pub(crate) never: Vec<Claim>,
}

/// Runs `text`; an error names the line and shows every node.
pub(crate) fn run(text: &str, shuffle: Option<u64>) -> Result<(), String> {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    match lines.next() {
        Some((claim, _)) if claim.starts_with("# ") && names_its_source(claim) => {}
        _ => {
            return Err(
                "1: the first line must say the claim, after `# `, and its source".to_owned()
            );
        }
    }
    let mut scenario: Option<Scenario> = None;
    let mut expectations = 0;
    for (line, number) in lines {
        let command = line.split('#').next().unwrap_or_default().trim();
        if command.is_empty() {
            continue;
        }
        let at_line = |error: String| format!("{number}: `{command}`: {error}");
        expectations += u32::from(command.starts_with("expect"));
        match &mut scenario {
            None => scenario = Some(start(command, shuffle).map_err(at_line)?),
            Some(scenario) => {
                let done = scenario.run(command).and_then(|()| scenario.look());
                done.map_err(|error| at_line(format!("{error}\n{}", scenario.show())))?;
            }
        }
    }
    if expectations == 0 {
        return Err("1: a scenario without an expectation cannot fail".to_owned());
    }
    Ok(())
}

/// `… (raft 5.2).`, `… (diss 4.2.2).` or `… (design).`
fn names_its_source(claim: &str) -> bool {
    let source = claim.strip_suffix(").").and_then(|claim| claim.rsplit_once(" ("));
    source.is_some_and(|(_, source)| {
        source == "design" || source.starts_with("raft ") || source.starts_with("diss ")
    })
}

/// `start N [KNOB=VALUE…]`: the nodes 1 to N, a new group.
fn start(command: &str, shuffle: Option<u64>) -> Result<Scenario, String> {
    let mut words = command.split_whitespace();
    let size = words.next().filter(|word| *word == "start").and(words.next());
    let size = size.and_then(|size| size.parse().ok()).filter(|size| (1..=9).contains(size));
    let size = size.ok_or("a scenario begins with `start N`, for 1 to 9 nodes")?;
    let knobs: Result<Vec<_>, String> = words.map(knob).collect();
    let knobs = knobs?;
    let mut group = Group::with_config(size, |config| {
        knobs.iter().for_each(|(set, value)| set(config, *value));
    });
    group.shuffle = shuffle;
    Ok(Scenario { group, reads: Vec::new(), never: Vec::new() })
}

type SetKnob = fn(&mut Config, u64);

pub(crate) fn knob(text: &str) -> Result<(SetKnob, u64), String> {
    let (name, value) = text.split_once('=').ok_or("a knob is written NAME=VALUE")?;
    let value = value.parse().map_err(|_| format!("{value} is no number"))?;
    let set: SetKnob = match name {
        "max_message_bytes" => |config, value| config.max_message_bytes = value,
        "max_uncommitted_bytes" => |config, value| config.max_uncommitted_bytes = value,
        "max_inflight_messages" => |config, value| config.max_inflight_messages = value as u32,
        "max_inflight_bytes" => |config, value| config.max_inflight_bytes = value,
        "max_apply_bytes" => |config, value| config.max_apply_bytes = value,
        "max_unapplied_bytes" => |config, value| config.max_unapplied_bytes = value,
        "max_pending_reads" => |config, value| config.max_pending_reads = value as u32,
        "cache_bytes" => |config, value| config.cache_bytes = value,
        "retain_entries" => |config, value| config.retain_entries = value,
        "priority" => |config, value| config.priority = value as u8,
        "election_timeout" => |config, value| config.election_timeout = value * MS,
        "heartbeat_interval" => |config, value| config.heartbeat_interval = value * MS,
        "commit_notify_delay" => |config, value| config.commit_notify_delay = value * MS,
        "transfer_timeout" => |config, value| config.transfer_timeout = value * MS,
        "write_stall_limit" => |config, value| config.write_stall_limit = value * MS,
        "lease_reads" => |config, value| config.lease_reads = value > 0,
        "publish_lease" => |config, value| config.publish_lease = value > 0,
        "max_clock_drift_ppm" => |config, value| config.max_clock_drift_ppm = value as u32,
        "apply_before_durable" => |config, value| config.apply_before_durable = value > 0,
        _ => return Err(format!("there is no knob {name} here")),
    };
    Ok((set, value))
}

impl Scenario {
    /// What holds at any time, and what was claimed never to be.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        self.group.look()?;
        let seen = self.never.iter().find(|claim| claim.holds(self) == Ok(true));
        seen.map_or(Ok(()), |claim| Err(format!("`{claim}` is seen, but never may be")))
    }

    /// Every node in a line.
    fn show(&self) -> String {
        let mut out = String::new();
        for node in self.group.members.keys() {
            out.push_str(&format!("  node {node}:"));
            for name in ["role", "leader", "term", "vote", "durable", "commit", "log"] {
                let fact = fact::of_node(self, name, *node).unwrap_or_default();
                out.push_str(&format!(" {name} {fact};"));
            }
            out.push('\n');
        }
        for (from, to, message) in &self.group.wire {
            out.push_str(&format!("  {from}>{to}: {message:?}\n"));
        }
        for (from, to, parcel) in &self.group.parcels {
            out.push_str(&format!("  {from}>{to}: snapshot {:?}\n", parcel.meta.last));
        }
        out
    }
}

/// Whoever judges must be seen to condemn.
pub(crate) fn prove_it_can_fail() -> Result<(), String> {
    let bad = [
        "start 3",
        "# No source.\nstart 3\nexpect role 1 follower",
        "# No expectation (design).\nstart 3\ncampaign 1",
        "# A false fact (design).\nstart 3\ncampaign 1\nexpect role 1 follower",
        "# An unknown fact (design).\nstart 3\nexpect mood 1 good",
        "# An unknown command (design).\nstart 3\ndance 1\nexpect role 1 follower",
        "# Seen, but never may be (design).\nstart 3\nexpect never role 1 leader\ncampaign 1",
        "# It does not come (design).\nstart 3\npartition 1 | 2 | 3\nexpect eventually role 1 leader",
        "# Nothing to deliver (design).\nstart 3\ndeliver 1>2\nexpect role 1 follower",
        "# Nothing to drop (design).\nstart 3\ndrop 1>2\nexpect role 1 follower",
        "# Misuse (design).\nstart 1\nwritten 1 1 99\nexpect role 1 follower",
        "# No such node (design).\nstart 3\ntick 4\nexpect role 1 follower",
    ];
    for text in bad {
        if run(text, None).is_ok() {
            return Err(format!("this passes, but must not:\n{text}"));
        }
    }
    Ok(())
}
