//! What a scenario can expect: facts about nodes, reads and the wire, as text.

use std::fmt;

use quorate_core::{
    Action, Body, Configuration, Drops, Entries, Flow, Halt, Message, NodeId, Refusal, RoleKind,
};

use super::Scenario;
use crate::group::{MS, Member};

/// That a fact of some subjects has a value.
#[derive(Clone)]
pub(crate) struct Claim {
    fact: String,
    subject: String,
    value: String,
}

impl fmt::Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {} {}", self.fact, self.subject, self.value)
    }
}

impl Claim {
    /// From `FACT SUBJECT VALUE…`.
    pub(crate) fn parse(words: &[&str]) -> Result<Claim, String> {
        let [fact, subject, value @ ..] = words else {
            return Err("expect what of whom? `expect FACT SUBJECT VALUE`".to_owned());
        };
        let (fact, subject) = ((*fact).to_owned(), (*subject).to_owned());
        Ok(Claim { fact, subject, value: value.join(" ") })
    }

    /// Whether it is so for every subject.
    pub(crate) fn holds(&self, scenario: &Scenario) -> Result<bool, String> {
        Ok(self.found(scenario)?.iter().all(|found| *found == self.value))
    }

    /// What is so, for each subject.
    pub(crate) fn found(&self, scenario: &Scenario) -> Result<Vec<String>, String> {
        match self.fact.as_str() {
            "read" => Ok(vec![read(scenario, &self.subject)?]),
            "wire" => Ok(vec![wire(scenario, &self.subject)?]),
            "entries" => Ok(vec![entries(scenario, &self.subject)?]),
            "flow" => Ok(vec![flow(scenario, &self.subject)?]),
            fact => {
                let nodes = scenario.nodes(&self.subject)?;
                nodes.into_iter().map(|node| of_node(scenario, fact, node)).collect()
            }
        }
    }
}

/// The value of a node's fact.
pub(crate) fn of_node(scenario: &Scenario, fact: &str, node: u64) -> Result<String, String> {
    let member = &scenario.group.members[&node];
    let status = member.raft.status();
    let or_none = |id: Option<quorate_core::NodeId>| {
        id.map_or_else(|| "none".to_owned(), |id| id.to_string())
    };
    Ok(match fact {
        "role" if !member.up => "down".to_owned(),
        "role" => match status.role {
            RoleKind::Follower => "follower",
            RoleKind::PreCandidate => "pre-candidate",
            RoleKind::Candidate => "candidate",
            RoleKind::Leader => "leader",
        }
        .to_owned(),
        "leader" => or_none(status.leader),
        "term" => status.term.to_string(),
        "vote" => or_none(status.voted_for),
        "last" => format!("{:?}", status.log.last()),
        "durable" => status.durable.to_string(),
        "commit" => status.commit.to_string(),
        "applied" => status.applied.to_string(),
        "config" => config(status.configuration),
        "snapshot" => status.snapshot.map_or("none".to_owned(), |meta| format!("{:?}", meta.last)),
        "base" => format!("{:?}", status.log.base()),
        "cached" => status.log.first_cached().to_string(),
        "lease" => yes(status.lease_until.is_some()),
        "published" => published(&member.notices).to_owned(),
        "work" => work(member),
        "drops" => drops(&status.drops),
        "transfer" => or_none(status.transfer),
        "stalled" => yes(status.stalled),
        "quiesced" => yes(status.quiesced),
        "deadline" => yes(member.raft.deadline().is_some()),
        "promise" => format!("{} ms", status.promise / MS),
        "refused-by" => {
            let names: Vec<_> = status.refused_by.iter().map(ToString::to_string).collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(",") }
        }
        "log" => {
            let log = status.log;
            let terms = (log.base().index + 1..=log.last().index).filter_map(|at| log.term_at(at));
            terms.map(|term| term.to_string()).collect::<Vec<_>>().join(" ")
        }
        "state" => member.machine.commands.join(" "),
        "answer" => answer(&member.notices),
        "halted" => halted(&member.notices).to_owned(),
        "misuse" => misuse(&member.notices),
        _ => {
            return Err(format!(
                "there is no fact {fact}; there are role, leader, term, vote, last, durable, \
                 commit, applied, config, log, base, cached, snapshot, state, work, answer, lease, \
                 published, transfer, stalled, quiesced, deadline, promise, refused-by, drops, \
                 halted, misuse, read, wire, entries and flow"
            ));
        }
    })
}

/// What became of the last proposal that the node was given.
fn answer(notices: &[Action]) -> String {
    let mut answers = notices.iter().filter_map(|notice| match notice {
        Action::Accepted { log_id, .. } => Some(format!("accepted {log_id:?}")),
        Action::Refused { request, reason } if *request < FIRST_READ => Some(refused(*reason)),
        Action::Transferred { .. } => Some("transferred".to_owned()),
        _ => None,
    });
    answers.next_back().unwrap_or_else(|| "none".to_owned())
}

fn yes(so: bool) -> String {
    (if so { "yes" } else { "no" }).to_owned()
}

/// `1,2,3`; `1,2,4 from 1,2,3` while joint; then `learners 5`.
fn config(members: &Configuration) -> String {
    let list =
        |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut text = list(members.voters());
    if members.is_joint() {
        text.push_str(&format!(" from {}", list(members.outgoing())));
    }
    let learners: Vec<NodeId> = members.learners().iter().map(|learner| learner.id).collect();
    if !learners.is_empty() {
        text.push_str(&format!(" learners {}", list(&learners)));
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

fn misuse(notices: &[Action]) -> String {
    let mut found = notices.iter().filter_map(|notice| match notice {
        Action::Misuse(misuse) => Some(misuse.to_string()),
        _ => None,
    });
    found.next_back().unwrap_or_else(|| "none".to_owned())
}

/// What the last notice about a published lease said.
fn published(notices: &[Action]) -> &'static str {
    let mut said = notices.iter().filter_map(|notice| match notice {
        Action::Lease { until } => Some(until.is_some()),
        _ => None,
    });
    said.next_back().map_or("never", |open| if open { "open" } else { "taken back" })
}

/// What the state machine was given and has not done: `3-5 6`, a snapshot as `to 9`.
fn work(member: &Member) -> String {
    let pieces = member.work.iter().map(|work| match work {
        Action::Apply { entries } => range(entries),
        Action::Install { meta } => format!("to {}", meta.last.index),
        _ => String::new(),
    });
    or_nothing(pieces.collect())
}

/// `3-5`, `3`, or `-` for none.
fn range(entries: &Entries) -> String {
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if first == last => first.index.to_string(),
        (Some(first), Some(last)) => format!("{}-{}", first.index, last.index),
        _ => "-".to_owned(),
    }
}

fn or_nothing(pieces: Vec<String>) -> String {
    if pieces.is_empty() { "nothing".to_owned() } else { pieces.join(" ") }
}

/// Why messages and reports were dropped.
fn drops(drops: &Drops) -> String {
    let counts = [
        ("from-ourselves", drops.from_ourselves),
        ("malformed", drops.malformed),
        ("term-leap", drops.term_leap),
        ("stale", drops.stale),
        ("unasked", drops.unasked),
        ("contradictory", drops.contradictory),
        ("completions", drops.stale_completions),
        ("log-reads", drops.stale_log_reads),
    ];
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    or_nothing(some.map(|(reason, count)| format!("{reason} {count}")).collect())
}

/// Which entries the appends on a link hold, oldest first.
fn entries(scenario: &Scenario, link: &str) -> Result<String, String> {
    let (from, to) = scenario.link(link)?;
    let messages = scenario.group.on_wire(from, to);
    let appends = messages.iter().filter_map(|message| match &message.body {
        Body::AppendRequest(request) => Some(range(&request.entries)),
        _ => None,
    });
    Ok(or_nothing(appends.collect()))
}

/// How entries go from a leader to a peer.
fn flow(scenario: &Scenario, link: &str) -> Result<String, String> {
    let (from, to) = scenario.link(link)?;
    let status = scenario.group.status(from);
    let peer = status.peers.iter().find(|peer| peer.id.get() == to);
    Ok(match peer.map(|peer| peer.flow) {
        None => "none",
        Some(Flow::Probe { .. }) => "probe",
        Some(Flow::Replicate) => "replicate",
        Some(Flow::Snapshot { .. }) => "snapshot",
    }
    .to_owned())
}

fn refused(reason: Refusal) -> String {
    match reason {
        Refusal::NotLeader { leader: Some(leader) } => format!("refused, ask {leader}"),
        Refusal::NotLeader { leader: None } => "refused, no leader known".to_owned(),
        other => format!("refused: {other}"),
    }
}

fn halted(notices: &[Action]) -> &'static str {
    let mut halts = notices.iter().filter_map(|notice| match notice {
        Action::Halt(halt) => Some(halt),
        _ => None,
    });
    match halts.next_back() {
        None => "no",
        Some(Halt::WriteFailed { .. }) => "write-failed",
        Some(Halt::Diverged { .. }) => "diverged",
        Some(Halt::Exhausted) => "exhausted",
        Some(Halt::LogLost { .. }) => "log-lost",
        Some(Halt::UnknownProtocol { .. }) => "unknown-protocol",
        Some(Halt::Stopped) => "stopped",
    }
}

/// Requests of reads are numbered from here, proposals below.
pub(crate) const FIRST_READ: u64 = 1 << 32;

fn read(scenario: &Scenario, name: &str) -> Result<String, String> {
    let found = scenario.reads.iter().find(|(other, _)| other == name);
    let (_, asked) = found.ok_or_else(|| format!("no read is named {name}"))?;
    let notices = scenario.group.members.values().flat_map(|member| &member.notices);
    let mut answers = notices.filter_map(|notice| match notice {
        Action::ReadReady { request, index } if request == asked => Some(format!("at {index}")),
        Action::Refused { request, reason } if request == asked => Some(refused(*reason)),
        _ => None,
    });
    Ok(answers.next_back().unwrap_or_else(|| "waits".to_owned()))
}

/// The kinds of the messages on a link, oldest first.
fn wire(scenario: &Scenario, link: &str) -> Result<String, String> {
    let (from, to) = scenario.link(link)?;
    let messages = scenario.group.on_wire(from, to);
    let mut kinds: Vec<&str> = messages.iter().map(kind).collect();
    let parcels = scenario.group.parcels.iter().filter(|(a, b, _)| (*a, *b) == (from, to));
    kinds.extend(parcels.map(|_| "snapshot"));
    Ok(if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" ") })
}

/// What a message is called.
pub(crate) fn kind(message: &Message) -> &'static str {
    match &message.body {
        Body::PreVoteRequest(_) => "pre-vote",
        Body::PreVoteAnswer(_) => "pre-vote-answer",
        Body::VoteRequest(_) => "vote",
        Body::VoteAnswer(_) => "vote-answer",
        Body::AppendRequest(_) => "append",
        Body::AppendAnswer(_) => "append-answer",
        Body::TimeoutNow => "timeout-now",
        Body::ReadRequest(_) => "read",
        Body::ReadAnswer(_) => "read-answer",
    }
}
